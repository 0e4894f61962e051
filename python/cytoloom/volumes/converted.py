"""The work of `convert`: box by box, in a hidden folder from which the same call goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.folders import is_folder
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..images import files
from ..images.cache import state_of
from ..images.formats import watched
from ..images.image import AnyArray, ImageInfo, per_axis
from ..images.ome_zarr_write import (
    Box,
    ImageWriter,
    LabelsWriter,
    chunks_for,
    list_label,
    need_zarr,
)
from ..images.reader import Part
from ..images.units import odd_size
from ..messages import say, unsettled
from ..storage.atomic import meant, told
from ..storage.lock import locked
from .stores import (
    ORDER,
    as_image,
    place,
    put_in_place,
    refuse_taken,
    store_around,
    version_to_write,
)

PLAN, DONE, NEW = "plan.json", "done", "new"
BOX_PX = 2**24
"""So many pixels are read at once, or a row of chunks."""


@dataclass(frozen=True)
class Settings:
    """How an image is converted, as `convert` has it."""

    axes: str | None = None
    pixel_size_um: float | tuple[float, ...] | None = None
    scene: str | None = None
    labels: bool = False
    version: str | None = None


@dataclass(frozen=True)
class Piece:
    """One image of what is converted.

    Parameters
    ----------
    path : Path
        The file.
    scene : str or None
        Which of its images.
    axes : str or None
        What its axes are, overriding it.
    info : ImageInfo
        What is known of it.
    writer : ImageWriter
        Where it goes.
    """

    path: Path
    scene: str | None
    axes: str | None
    info: ImageInfo
    writer: ImageWriter

    def steps(self) -> Iterator[tuple[int, int | None, Box]]:
        """Yield level, time point and box, in the order in which they are made."""
        for frame in range(self.info.frames):
            at = frame if self.info.frames > 1 else None
            yield from ((0, at, box) for box in self._read_boxes())
        for level in range(1, len(self.writer.factors)):
            yield from ((level, None, box) for box in self.writer.boxes(level))

    def _read_boxes(self) -> Iterator[Box]:
        """Yield boxes of whole chunks in space, as long as they may be along the last axes."""
        shape = self.info.frame_shape[:-1]
        if not self.info.regions:
            yield tuple(slice(0, n) for n in shape)
            return
        edges = list(self.writer.chunk_px[-len(shape) :])
        for axis in reversed(range(len(shape))):
            others = self.info.channels * int(np.prod(edges)) // edges[axis]
            several = max(1, BOX_PX // (others * edges[axis]))
            edges[axis] = min(shape[axis], edges[axis] * several)
        for corner in np.ndindex(*(-(-n // e) for n, e in zip(shape, edges, strict=True))):
            starts = [k * e for k, e in zip(corner, edges, strict=True)]
            axes = zip(starts, edges, shape, strict=True)
            yield tuple(slice(s, min(s + e, n)) for s, e, n in axes)

    def make(self, level: int, frame: int | None, box: Box) -> None:
        """Make a box: read it, or make it smaller."""
        if level:
            self.writer.shrink(level, box)
            return
        part = Part(self.axes, frame, self.scene, box if self.info.regions else None)
        pixels = files.read_part(self.path, part)
        self.writer.write(*self._placed(pixels, frame, box))

    def _placed(self, pixels: AnyArray, frame: int | None, box: Box) -> tuple[Box, AnyArray]:
        """Return pixels (spatial..., c) with the axes of the writer, and where they belong."""
        letters = self.writer.axes
        pixels = np.moveaxis(pixels, -1, 0)
        pixels = pixels if "c" in letters else pixels[0]
        if "t" in letters:
            pixels = pixels[None]
            box = (slice(frame, (frame or 0) + 1), *self._all_channels(), *box)
        else:
            box = (*self._all_channels(), *box)
        return box, pixels

    def _all_channels(self) -> tuple[slice, ...]:
        return (slice(None),) if "c" in self.writer.axes else ()


def converted(
    image: Path, out: str | os.PathLike[str], settings: Settings, overwrite: bool
) -> Work[Path]:
    """Do the work of `convert`."""
    need_zarr()
    path = meant(out)
    store, name = place(path, "out")
    if is_folder(image):
        remedy = "Give one of the files in it, and convert them one by one."
        raise invalid("image", expected="one image", received=f"a folder, {image}", remedy=remedy)
    refuse_taken(path, overwrite, "out")
    if os.path.realpath(image) == os.path.realpath(path):
        raise invalid("out", expected="another place than the image", received=str(path))
    folder = (store if name else path.parent) / f".{path.name}.converting"
    pieces = _pieces(meant(image), folder / NEW, store, name, settings)
    for text in _odd(pieces, settings):
        yield warn(say("{}: {}", str(image), text))
    with told(path, "out"):
        folder.mkdir(parents=store_around(path) is not None, exist_ok=True)
    ours = False
    try:
        with told(path, "out"), locked(folder, "convert", "out"):
            ours = True
            called, source = (name, "../../") if name else (path.name.removesuffix(".zarr"), "")
            yield from _made(pieces, folder, called, source, settings)
            _publish(folder, path)
            if name:
                list_label(store, name)
    except KeyboardInterrupt:
        kept = "The same call goes on from there."
        raise KeyboardInterrupt(f"Stopped before {path} was complete. {kept}") from None
    finally:
        # nothing to go on from, or all is done
        if ours and (not _size(folder / DONE) or not (folder / NEW).exists()):
            shutil.rmtree(folder, ignore_errors=True)
    yield note(f"{image} is in {path}")
    return path


def _pieces(image: Path, new: Path, store: Path, name: str, settings: Settings) -> list[Piece]:
    """Look at every image of a file, and lay out where it goes."""
    known = files.scenes(image)
    chosen: Sequence[str | None] = known or (None,)
    chosen = chosen if settings.scene is None else (settings.scene,)
    if name and len(chosen) > 1:
        expected = "one label image; choose it with `scene`"
        raise invalid("image", expected=expected, received=f"{len(chosen)} images in {image}")
    version = version_to_write(settings.version, store, name)
    found = []
    for k, scene in enumerate(chosen):
        info = files.probe(image, axes=settings.axes, scene=scene)
        inside = new if len(chosen) == 1 else new / str(k)
        writer = _writer(info, inside, store, name, settings, version)
        found.append(Piece(image, scene, settings.axes, info, writer))
    return found


def _writer(
    info: ImageInfo, folder: Path, store: Path, name: str, settings: Settings, version: str
) -> ImageWriter:
    as_labels = bool(name) or settings.labels
    spatial = "".join(a for a in info.axes if a in "zyx")
    dims = {"t": info.frames, "c": info.channels} | dict(
        zip(spatial, info.frame_shape[:-1], strict=True)
    )
    letters = "".join(a for a in ORDER if a in spatial or dims.get(a, 1) > 1)
    if as_labels and ("c" in letters or info.dtype.kind not in "biu"):
        got = f"{info.channels} channels of {info.dtype.name}"
        raise invalid("image", expected="labels: one channel of whole numbers", received=got)
    shape = tuple(dims[a] for a in letters)
    given = per_axis(settings.pixel_size_um, spatial)
    spacing, origin = given or info.pixel_size_um, info.origin_um
    if name:
        spacing, origin = as_image(store, shape, spatial, given, None)
    names = info.channel_names if not as_labels else None
    kind = LabelsWriter if as_labels else ImageWriter
    return kind(
        folder, shape, info.dtype.name, chunks_for(shape, letters), spacing, origin, version,
        letters, names or (),
    )  # fmt: skip


def _odd(pieces: Sequence[Piece], settings: Settings) -> tuple[str, ...]:
    """Say what had to be guessed, each thing once."""
    given = {n for n in ("axes", "pixel_size_um") if getattr(settings, n) is not None}
    notes = [text for one in pieces for text in one.info.notes_of_image]
    sizes = [text for one in pieces for text in odd_size(one.writer.spacing_um)]
    return tuple(dict.fromkeys((*unsettled(notes, given), *sizes)))


def _made(
    pieces: Sequence[Piece], folder: Path, name: str, source: str, settings: Settings
) -> Work[None]:
    """Make what is not made yet, and write what describes it: its name, and of what it is."""
    done = _begun(pieces, folder, settings)
    total = sum(1 for piece in pieces for _ in piece.steps())
    if done:
        yield note(f"going on after {done} of {total} boxes")
    if len(pieces) > 1:
        _group(pieces, folder / NEW)
    count = 0
    with (folder / DONE).open("a", encoding="ascii") as finished:
        for piece in pieces:
            piece.writer.begin()
            for step in piece.steps():
                count += 1
                if count <= done:
                    continue
                piece.make(*step)
                finished.write(".")
                finished.flush()
                yield Event("progress", f"box {count} of {total}", count, total)
            piece.writer.finish(piece.scene or name, source)
    if len(pieces) > 1:
        _describe_group(pieces, folder / NEW)


def _begun(pieces: Sequence[Piece], folder: Path, settings: Settings) -> int:
    """Return how many boxes a call that was stopped has made; another one's are removed."""
    plan = json.loads(json.dumps(_plan(pieces, settings)))
    try:
        before: Any = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if before == plan:
        return _size(folder / DONE)
    shutil.rmtree(folder / NEW, ignore_errors=True)
    (folder / DONE).unlink(missing_ok=True)
    (folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    return 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _plan(pieces: Sequence[Piece], settings: Settings) -> dict[str, Any]:
    """Say what is made of what, so that a call that differs in it begins anew."""
    states = [state_of(one) for piece in pieces for one in watched(piece.path, piece.scene)]
    writers = [{**asdict(piece.writer), "folder": str(piece.writer.folder)} for piece in pieces]
    return {"settings": asdict(settings), "states": states, "writers": writers, "box_px": BOX_PX}


def _publish(folder: Path, path: Path) -> None:
    with told(path, "out"):
        put_in_place(folder / NEW, path)


def _group(pieces: Sequence[Piece], folder: Path) -> None:
    """Make the group of several images."""
    kind = 2 if pieces[0].writer.version == "0.4" else 3
    root = need_zarr().open_group(folder, mode="a", zarr_format=kind)
    root.require_group("OME")


def _describe_group(pieces: Sequence[Piece], folder: Path) -> None:
    """Say which images are in a group, as Bio-Formats does."""
    root = need_zarr().open_group(folder, mode="r+")
    layout, series = {"bioformats2raw.layout": 3}, [str(k) for k in range(len(pieces))]
    if pieces[0].writer.version == "0.4":
        root["OME"].attrs["series"] = series
        root.attrs.update(layout)
    else:
        root["OME"].attrs["ome"] = {"version": "0.5", "series": series}
        root.attrs["ome"] = {"version": "0.5", **layout}
