"""Serve a review until it is ended: what the verb `review` composes."""

from __future__ import annotations

import contextlib
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from ..events import Event, Work, note
from ..messages import Either, counted, say
from ..pages import page
from ..storage.results import claimed
from .corrected import Corrected
from .given import opened
from .serve import serving
from .site import Site

LOOK_S = 0.2


def run(results: Any, images: Any, model: Any, out: Any, port: Any, browser: bool) -> Work[Path]:
    """Review; the parameters are those of the verb."""
    page.need_templates()
    given = yield from opened(results, images, model, out)
    with claimed(given.folder, "review") as (folder, _):
        corrected = Corrected(folder, given.subjects, given.of)
        site = Site(given, corrected)
        with serving(site, port) as address:
            yield note(f"Review at {address}")
            yield note("It ends by Finish on the page, or Ctrl-C; every step is kept.")
            if browser and _has_desktop():
                webbrowser.open(address)
            try:
                yield from _until_ended(site, corrected)
            finally:
                site.close()
        yield note(_outcome(corrected))
        return corrected.table


def _until_ended(site: Site, corrected: Corrected) -> Work[None]:
    """Wait, and say how far it is whenever that has changed."""
    told = None
    with contextlib.suppress(KeyboardInterrupt):
        while not site.ended.wait(LOOK_S):
            now = (corrected.steps, len(corrected.accepted))
            if now != told:
                told, total = now, len(corrected.subjects)
                text = f"{now[1]} of {counted(total, 'image')} accepted, {counted(now[0], 'step')}"
                yield Event("progress", text, now[1], total)
            yield Event("waiting")


def _outcome(corrected: Corrected) -> str:
    accepted, table = len(corrected.accepted), corrected.table
    if not accepted:
        return f"No image is accepted yet. Steps are kept in {corrected.folder}."
    how = Either(
        python=f'cl.train("{table}", start=model)',
        r=f'cl_train("{table}", start = model)',
        options=f"cytoloom train {table} --start MODEL",
    )
    done = counted(accepted, "image")
    return say("{} accepted, listed in {}. To train on them: {}", done, str(table), how)


def _has_desktop() -> bool:
    """Whether a browser would open in a window, and not in the terminal of this program."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(shown)
