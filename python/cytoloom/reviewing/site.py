"""What the browser is answered: the page, pictures and labels of images, and its steps done."""

from __future__ import annotations

import base64
import functools
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.files import FileSource
from ..errors import invalid
from ..pages import layers, page
from ..pages.collect import parts_of
from ..pages.pictures import Picture, heats
from ..pages.rows import table_of
from ..plots.overlays import channels_last, grey_limits, stretched
from .corrected import Corrected
from .given import Reviewed
from .jobs import Job
from .journal import Progress
from .serve import BYTES, HTML, Answer, said
from .steps import changed_box

THUMB_PX = 160
PICTURES_KEPT = 24
LONGEST_MIN = 600.0
MAPS = ("probability", "uncertainty")
_LAYER = re.compile(r"layers/(\d{1,9})/(image|probability|uncertainty|thumb|outlines)(?:\?v=\d+)?")
_LABELS = re.compile(r"labels/(\d{1,9})")


class Site:
    """The page of a review, and what it asks for.

    Parameters
    ----------
    given : Reviewed
        What is reviewed.
    corrected : Corrected
        Where steps go.
    """

    def __init__(self, given: Reviewed, corrected: Corrected) -> None:
        self._given, self._corrected = given, corrected
        self._shown = given.shown
        problems = {n: one.problem for n, one in given.subjects.items() if one.problem and one.told}
        self._table = table_of(self._shown, problems)
        order = sorted(self._table.rows, key=lambda row: row.review)
        self.names = [row.image for row in order]
        self.ended = threading.Event()
        self._job: Job | None = None
        self._turn = threading.Lock()
        self._picture = functools.lru_cache(PICTURES_KEPT)(self._made)

    def __call__(self, method: str, path: str, body: Any) -> Answer | None:
        """Answer a request; None to what there is not."""
        if method == "POST":
            does: dict[str, Callable[[Any], Answer]] = {
                "step": self._step, "job": self._begin_job, "end": self._end,
            }  # fmt: skip
            return does[path](body) if path in does else None
        if path == "":
            return Answer(self._page(), HTML)
        if path == "state":
            return said(self._state())
        if path == "job":
            return said(self._job.state() if self._job else {})
        if found := _LABELS.fullmatch(path):
            return self._labels(self._name(found[1]))
        if found := _LAYER.fullmatch(path):
            content = self._layer(self._name(found[1]), found[2])
            kind = "image/png" if page.suffix_of(content) == ".png" else "image/jpeg"
            return Answer(content, kind)
        return None

    def _name(self, number: Any) -> str:
        """Return the image of a number, which is its place on the page."""
        place = int(number) if isinstance(number, (int, str)) else -1
        if not 0 <= place < len(self.names):
            raise invalid("image", expected=f"0 to {len(self.names) - 1}", received=number)
        return self.names[place]

    def _page(self) -> bytes:
        pictures = {name: self._layers_of(name) for name in self.names}
        notes = [*self._given.notes]
        parts = parts_of(self._shown, self._table, pictures, self._given.title, notes)
        plain = [self._addresses(k, pictures[name]) for k, name in enumerate(self.names)]
        more = {"pictures": plain, "state": self._state(), "folder": str(self._corrected.folder)}
        more["model"] = self._given.model or ""
        text = page.filled(Path(__file__).parent, **{**parts, **more})
        return text.encode("utf-8", "replace")

    def _layers_of(self, name: str) -> Picture:
        """Return how large the picture of an image is and which layers it has, none made yet."""
        subject = self._given.subjects[name]
        if subject.problem:
            return Picture()
        names = ["image", *(MAPS if name in self._shown.maps else ())]
        return Picture(subject.size[1], subject.size[0], dict.fromkeys(names, b""))

    def _addresses(self, place: int, one: Picture) -> dict[str, Any]:
        known = {layer: f"layers/{place}/{layer}" for layer in one.layers}
        small = {"image": f"layers/{place}/thumb", "outlines": f"layers/{place}/outlines"}
        size = {"width": one.width, "height": one.height, "planes": ""}
        return {**size, "layers": known, "thumbs": small if known else {}}

    def _layer(self, name: str, layer: str) -> bytes:
        subject = self._given.subjects[name]
        if subject.problem:
            raise invalid(name, expected="an image to edit", received=subject.problem)
        small = layers.smaller(subject.size, THUMB_PX)
        if layer == "outlines":
            return layers.lines(layers.nearest(self._corrected.glance(name), small))
        return self._picture(name, layer)

    def _made(self, name: str, layer: str) -> bytes:
        """Make a layer of an image."""
        subject = self._given.subjects[name]
        if layer in MAPS:
            shares = FileSource(self._shown.maps[name], cache=None).read()
            return heats(shares, subject.size)[layer]
        pixels = channels_last(np.asarray(subject.item.image.read()), 2)
        size = layers.smaller(subject.size, THUMB_PX) if layer == "thumb" else subject.size
        return layers.photo(stretched(pixels, grey_limits(pixels)), size)

    def _labels(self, name: str) -> Answer:
        """Answer with all labels of an image, 4 bytes each, and how far it is."""
        labels = self._corrected.labels(name)
        told = {"X-Progress": json.dumps(_told(self._corrected.progress(name)))}
        return Answer(np.ascontiguousarray(labels, "<i4").tobytes(), BYTES, more=told)

    def _state(self) -> dict[str, Any]:
        """Return how far all is."""
        of = self._corrected.progress
        images = [{**_told(of(name)), "problem": self._given.subjects[name].problem}
                  for name in self.names]  # fmt: skip
        return {"images": images, "accepted": len(self._corrected.accepted)}

    def _step(self, body: Any) -> Answer:
        """Do a step, one at a time, and answer with the pixels that it changed."""
        with self._turn:
            return self._done(body)

    def _done(self, body: Any) -> Answer:
        if not isinstance(body, Mapping):
            raise invalid("step", expected="kind, image, object and rings", received=body)
        name = self._name(body.get("image"))
        seen = body.get("lines")
        if seen is not None and seen != self._corrected.progress(name).lines:
            text = f"{name} was changed in another window; it is shown as it is now."
            return said({"error": text, "changed": True}, 409)
        before = self._corrected.labels(name)
        plain = {key: body[key] for key in ("kind", "object", "rings") if key in body}
        after = self._corrected.take(name, plain)
        top, left, bottom, right = changed_box(before, after)
        part = np.ascontiguousarray(after[top:bottom, left:right], "<i4")
        told = _told(self._corrected.progress(name))
        pixels = base64.b64encode(part.tobytes()).decode("ascii")
        accepted = len(self._corrected.accepted)
        changed = {"box": [top, left, bottom, right], "labels": pixels}
        return said({**told, **changed, "all_accepted": accepted})

    def _begin_job(self, body: Any) -> Answer:
        """Begin to check or to train on what is accepted, or stop that."""
        kind = body.get("kind") if isinstance(body, Mapping) else None
        with self._turn:
            if kind == "stop":
                if self._job:
                    self._job.stop()
            else:
                self._job = self._begun(kind, body)
        return said(self._job.state() if self._job else {})

    def _begun(self, kind: Any, body: Any) -> Job:
        """Begin a job; one at a time, and on images that are accepted."""
        if kind not in ("check", "train"):
            raise invalid("kind", expected="check, train or stop", received=kind)
        if self._job and self._job.running:
            raise invalid("kind", expected="one thing at a time", received="another beside it")
        if not self._corrected.accepted:
            raise invalid("images", expected="at least one that is accepted", received="none")
        data = str(self._corrected.table)
        if kind == "check":
            return Job("check", {"data": data})
        minutes = body.get("minutes")
        if not isinstance(minutes, (int, float)) or not 0 < minutes <= LONGEST_MIN:
            expected = f"above 0, up to {LONGEST_MIN:g}"
            raise invalid("minutes", expected=expected, received=minutes)
        out = self._corrected.new_model()
        return Job("train", {"data": data, "start": self._given.model, "out": str(out),
                             "minutes": float(minutes)})  # fmt: skip

    def close(self) -> None:
        """End what runs beside."""
        if self._job:
            self._job.end()

    def _end(self, body: Any) -> Answer:
        self.ended.set()
        return said({"ended": True})


def _told(progress: Progress) -> dict[str, Any]:
    """Return how far an image is, as the page takes it."""
    return {
        "done": len(progress.done),
        "undone": len(progress.undone),
        "accepted": progress.accepted,
        "lines": progress.lines,
        "last": progress.done[-1].number if progress.done else 0,
    }
