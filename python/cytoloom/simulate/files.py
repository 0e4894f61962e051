"""Simulated images as TIFF files: what the verb `write` composes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components.arguments import checked_seed
from ..errors import invalid
from ..images.files import write_labels
from ..messages import one_of
from ..storage.atomic import leave_empty, remove_folder, told, write_whole
from ..storage.results import refuse_odd_folders, staged
from .movies import MOVIES, usual
from .people import annotators
from .scenes import cells, nuclei, nuclei_3d

_MAKERS: dict[str, Callable[..., Any]] = {
    "nuclei": nuclei,
    "cells": cells,
    "nuclei_3d": nuclei_3d,
    "annotators": nuclei,
}
PARTS = ("images", "labels", "truth")
PLACING, _ASKED = ".simulated", "asked.json"
"""Where all are that are ready, until they have taken their place."""
_SPACING_UM = {"nuclei_3d": (1.0, 0.5, 0.5)}


def check_request(kind: str, kinds: Sequence[str], images: int, seed: int) -> None:
    """Refuse what cannot be made."""
    if kind not in kinds:
        raise invalid("kind", expected=one_of(kinds), received=kind)
    if images < 1:
        raise invalid("images", expected="1 or more", received=images)
    checked_seed(seed)


def frames_written(folder: Path, kind: str, images: int, seed: int, people: int) -> Iterator[None]:
    """Write images and labels one by one; of a movie also which cell is whose mother."""
    if kind not in MOVIES:
        for number in range(images):
            write_one(folder, kind, number, seed, people)
            yield
        return
    lines: dict[int, list[int]] = {}
    for part in PARTS[:2]:
        with told(folder / part):
            (folder / part).mkdir(exist_ok=True)
    for t, frame in zip(range(images), usual(kind, seed), strict=False):
        for part, made in zip(PARTS[:2], (frame.image, frame.labels), strict=True):
            write_labels(folder / part / f"t{t:03d}.tif", made, MOVIES[kind])
        for number in np.unique(frame.labels[frame.labels > 0]).tolist():
            lines.setdefault(number, [t, t, frame.mothers.get(number, 0)])[1] = t
        yield
    text = "".join(f"{number} {a} {b} {mother}\n" for number, (a, b, mother) in lines.items())
    write_whole(folder / PARTS[1] / "man_track.txt", lambda name: Path(name).write_text(text))


def write_one(folder: Path, kind: str, number: int, seed: int, people: int) -> None:
    """Write one image and its labels, which depend on its number and the seed alone."""
    spacing = _SPACING_UM.get(kind)
    name = f"{kind}_{number:03d}.tif"
    image, labels = _MAKERS[kind](seed=(seed, number))
    with told(folder / "images"):
        (folder / "images").mkdir(exist_ok=True)
    _write_image(folder / "images" / name, image, spacing)
    for part, drawn in _label_images(kind, labels, people, (seed, number)).items():
        with told(folder / part):
            (folder / part).mkdir(parents=True, exist_ok=True)
        write_labels(folder / part / name, drawn, spacing)


def _label_images(
    kind: str, labels: NDArray[np.int32], people: int, seed: tuple[int, int]
) -> dict[str, NDArray[np.int32]]:
    if kind != "annotators":
        return {"labels": labels}
    drawings = annotators(labels, people, seed)
    folders = {f"labels/annotator_{k}": drawn for k, drawn in enumerate(drawings, start=1)}
    return {"truth": labels, **folders}


@contextlib.contextmanager
def all_at_once(folder: Path, asked: Mapping[str, Any]) -> Iterator[Path]:
    """Have a folder in which images and labels are made; they appear when all are there.

    What is broken off or killed leaves none, and the same call makes them anew; killed while they
    appear, it leaves the others in `PLACING`, see `end_placing`.
    """
    _refuse_taken(folder)
    with staged(folder) as stage:
        yield stage
        _refuse_taken(folder)
        with told(folder / PLACING, "folder"):
            (stage / _ASKED).write_text(json.dumps(asked), encoding="utf-8")
            os.replace(stage, folder / PLACING)
        _place(folder)


def end_placing(folder: Path, asked: Mapping[str, Any]) -> bool:
    """Let what a kill has left take its place; return whether it is what is asked for now."""
    if not (folder / PLACING / _ASKED).is_file():
        return False
    with told(folder / PLACING, "folder"):
        then = (folder / PLACING / _ASKED).read_text(encoding="utf-8")
    _place(folder)
    return then == json.dumps(asked)


def _place(folder: Path) -> None:
    for part in (folder / PLACING / name for name in PARTS):
        with told(folder / part.name, "folder"):
            if part.is_dir():
                leave_empty(folder / part.name)
                os.replace(part, folder / part.name)
    remove_folder(folder / PLACING)


def _refuse_taken(folder: Path) -> None:
    """Refuse folders that hold images or labels, and what would stand in their way."""
    refuse_odd_folders(folder, PARTS, "folder")
    for part in PARTS:
        with told(folder / part, "folder"):
            taken = os.path.lexists(folder / part) and any((folder / part).iterdir())
        if taken:
            raise invalid(
                "folder",
                expected="one without images and labels",
                received=f"{folder}, with files in {part}/",
                remedy="Name another folder, or remove what is in it.",
            )


def _write_image(
    path: Path, image: NDArray[np.uint16], spacing_um: tuple[float, ...] | None
) -> None:
    import tifffile

    if image.ndim == 3 and spacing_um is None:
        channels = {"axes": "CYX", "Channel": {"Name": ["cytoplasm", "nucleus"]}}
        planes = np.ascontiguousarray(np.moveaxis(image, -1, 0))
        how = {"ome": True, "photometric": "minisblack", "metadata": channels}
        write_whole(path, lambda name: tifffile.imwrite(name, planes, **how))
    else:
        write_labels(path, image, spacing_um)
