"""Read OME-Zarr and plain Zarr with the package zarr, chunk by chunk."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import said_by, say
from . import levels
from .image import AnyArray, ImageInfo, arrangement
from .inside import divided
from .ome_zarr import Stored, image_of, is_label_image, labels_of, scenes_of, stored_at
from .reader import (
    Part,
    Reader,
    Region,
    arranged_box,
    refuse_too_large,
    spatial_axes,
    stored_box,
)
from .remote import address
from .tensor_store import box_of
from .units import along_axes
from .vendor import chosen_scene
from .zarr_store import (
    METADATA,
    chunk_keys,
    has_chunks,
    metadata_file,
    node_at,
    opened,
    refuse_odd_files,
    watched,
)


class Zarr(Reader):
    """Zarr, versions 2 and 3: OME-Zarr at full resolution with plates and series, or an array."""

    name = "Zarr"
    suffixes = (".zarr",)
    folders = True

    def can_open(self, path: Path, start: bytes) -> bool:
        """Whether a folder is a store, or one of the groups and arrays in it."""
        if address(path) is not None:
            return node_at(located(path)[0]) is not None
        folder = located(path)[0]
        return folder.is_dir() and is_store(folder)

    def scenes(self, path: Path) -> tuple[str, ...]:
        """Return the images of a series, or the fields of a plate by row, column and field."""
        names = tuple(scenes_of(located(path)[0]))
        return names if names != ("",) else ()

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape, type, axes, pixel size and channel names."""
        stored = _stored(path, part)
        _ = opened(stored.array)
        shape, _, axes = arrangement(stored.array.shape, stored.letters)
        size, notes = along_axes(stored.sizes_um, "z" in axes)
        names = stored.channel_names
        names = names if names is not None and len(names) == shape[-1] else None
        notes = (*stored.notes, *notes)
        # of labels there may be none
        if not has_chunks(stored.array) and not is_label_image(located(path)[0]):
            notes += (say("no pixel of it is stored, so that all are the same: is it whole?"),)
        found = ImageInfo(shape, stored.array.dtype, axes, size, names, regions=True, notes=notes)
        origin = tuple(stored.origin_um.get(axis, 0.0) for axis in axes if axis in "zyx")
        spatial = [axis for axis in axes if axis in "zyx"]
        px = tuple(stored.origin_px.get(axis, 0.0) for axis in spatial)
        return replace(
            found, origin_um=origin if any(origin) else None, origin_px=px if any(px) else None
        )

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the chunks that a part meets."""
        stored = _stored(path, part)
        shape, dtype = stored.array.shape, stored.array.dtype
        array = opened(stored.array)
        box = stored_box(shape, stored.letters, part, str(path), dtype)
        refuse_too_large(stored.array.chunk_shape, dtype, str(path))
        refuse_odd_files(stored.array, array, box)
        try:
            remote = address(stored.array.path) is not None
            pixels = box_of(array, box, stored.array.path) if remote else np.asarray(array[box])
        except InvalidError:
            raise
        except Exception as error:
            at = ", ".join(f"{b.start}:{b.stop}" for b in box)
            chunk = None if remote else _damaged(array, box)
            which = f"one or more in [{at}]" if chunk is None else f"{chunk}, in [{at}]"
            raise invalid(
                str(path),
                expected="chunks that can be decoded",
                received=f"{which} of {stored.array.path} that cannot be ({said_by(error)})",
                remedy="It may be cut off or damaged: copy or export it again.",
            ) from error
        return arranged_box(pixels, shape, stored.letters)

    def labels(self, path: Path) -> tuple[Path, ...]:
        """Return the label images in an image, as its group of labels lists them."""
        folder, level = located(path)
        return () if level else labels_of(folder)

    def image(self, path: Path) -> Path | None:
        """Return the image whose folder ``labels`` a label image lies in."""
        folder, level = located(path)
        return None if level else image_of(folder)

    def written(self, path: Path, part: Part) -> list[Region] | None:
        """Return the boxes of chunks that are there, or of shards; see `Reader`."""
        stored = _stored(path, part)
        array = opened(stored.array)
        if address(path) is not None or (array.fill_value or 0) != 0:
            return None
        spatial = spatial_axes(stored.array.shape, stored.letters)
        places = [stored.letters.index(axis) for axis in spatial]
        edges, shape = array.shards or array.chunks, stored.array.shape
        found = {tuple(key[k] for k in places) for key in chunk_keys(stored.array)}
        return [
            tuple(
                slice(at * edges[k], min((at + 1) * edges[k], shape[k]))
                for at, k in zip(key, places, strict=True)
            )
            for key in sorted(found)
        ]

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return metadata, folders and the first chunks of an image."""
        if address(path) is not None:
            return (path,)
        array = _stored(path, Part(scene=scene)).array
        return (located(path)[0], metadata_file(array), *watched(array.path))


def _damaged(array: Any, box: Region) -> str | None:
    """Return the name of the first file of a box that cannot be decoded."""
    edges = array.shards or array.chunks
    spans = [range(b.start // e, -(-b.stop // e)) for b, e in zip(box, edges, strict=True)]
    for key in itertools.product(*spans):
        axes = zip(key, edges, array.shape, strict=True)
        try:
            _ = array[tuple(slice(k * e, min((k + 1) * e, n)) for k, e, n in axes)]
        except Exception:
            return str(array.metadata.encode_chunk_key(key))
    return None


def is_store(path: Path) -> bool:
    """Whether a folder is called as stores of Zarr are, or has the files that they have.

    Examples
    --------
    >>> import tempfile
    >>> is_store(Path(tempfile.mkdtemp(suffix=".zarr"))), is_store(Path(tempfile.mkdtemp()))
    (True, False)
    """
    named = path.suffix.lower() == ".zarr"
    return named or any((path / name).is_file() for name in METADATA)


def _stored(path: Path, part: Part) -> Stored:
    place, level = located(path)
    scenes = scenes_of(place)
    chosen = chosen_scene(place, tuple(scenes), part.scene)
    folder = list(scenes.values())[chosen]
    return stored_at(folder, part.axes, level)


def located(path: Path) -> tuple[Path, str]:
    """Return the folder that is meant, and the level of its pyramid; nothing for the full one.

    What follows a colon and is neither a number nor a size is in the folder, as behind a slash.
    """
    folder, name = divided(path)
    if not name or levels.wanted(name) is not None:
        return folder, name
    return folder / name, ""


ZARR = Zarr()
