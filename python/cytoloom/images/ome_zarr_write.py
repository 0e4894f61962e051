"""Write images and label images in OME-Zarr, a box at a time, from as many processes as there are.

What describes the image is written last: until then nothing there looks whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from .image import AnyArray
from .remote import address

Box = tuple[slice, ...]
ENDING = ".zarr"
VERSIONS = ("0.4", "0.5")
OVERVIEW_PX = 512
"""Smaller copies are made until no axis is longer than this."""
COARSE = 1.5
"""An axis whose pixels are this much longer than the shortest is not made smaller."""
_COLOURS = ("0000FF", "00FF00", "FF0000", "FF00FF", "00FFFF", "FFFF00")
_BLOSC = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
"""How pieces of 0.4 are packed: QuPath's and Bio-Formats' reader knows Blosc and zlib alone."""
_ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": True}}
"""How pieces of 0.5 are packed: with a checksum: damage is told of, not taken for pixels."""
_SHOWN_PX = 2**20
"""So many pixels of the smallest copy are looked at for the range in which it is shown."""


def place_of(path: Path) -> tuple[Path, str]:
    """Return the store that a label image is to be in, and its name; "" for the store itself.

    Raises
    ------
    InvalidError
        No place for one.

    Examples
    --------
    >>> place_of(Path("big.zarr/labels/cells")) == (Path("big.zarr"), "cells")
    True
    >>> place_of(Path("cells.zarr")) == (Path("cells.zarr"), "")
    True
    """
    url = address(path)
    if url is not None:
        remedy = "Write it to a disk, and copy it there."
        raise invalid("path", expected="a place on disk", received=url, remedy=remedy)
    for store in (path, *path.parents):
        if store.name.lower().endswith(ENDING):
            rest = path.relative_to(store).parts
            if not rest:
                return store, ""
            if len(rest) == 2 and rest[0] == "labels":
                if rest[1].startswith("."):
                    raise _hidden(path)
                return store, rest[1]
            break
    expected = "a place for a label image in Zarr, such as cells.zarr or big.zarr/labels/cells"
    raise invalid("out", expected=expected, received=str(path))


def _hidden(path: Path) -> InvalidError:
    return invalid(
        "out",
        expected="a name of labels that does not begin with a dot",
        received=str(path),
        remedy=f"Pass {path.with_name(path.name.lstrip('.') or 'cells')}.",
    )


def need_zarr(argument: str = "out") -> Any:
    """Return the package zarr, or say how to get it."""
    try:
        import zarr
    except ImportError:
        raise invalid(
            argument,
            expected="the package zarr, to write Zarr",
            received="it is not installed",
            remedy='Run pip install "cytoloom[volumes]", in R cl_install(extras = "volumes").',
        ) from None
    return zarr


def chunks_for(shape: Sequence[int], letters: str) -> tuple[int, ...]:
    """Return edges of chunks: of about a million pixels, of one channel and time point.

    Examples
    --------
    >>> chunks_for((3, 2, 100, 4000, 4000), "tczyx"), chunks_for((600, 4000), "yx")
    ((1, 1, 16, 256, 256), (600, 1024))
    """
    edges = {"z": 16, "y": 256, "x": 256} if "z" in letters else {"y": 1024, "x": 1024}
    return tuple(min(n, edges.get(a, 1)) for n, a in zip(shape, letters, strict=True))


@dataclass(frozen=True)
class ImageWriter:
    """An image in OME-Zarr that is being written.

    Parameters
    ----------
    folder : Path
        Of its group.
    shape : tuple of int
        In px, an edge for each axis.
    dtype : str
        Of the pixels.
    chunk_px : tuple of int
        Edges of what is stored as one file. Boxes of whole chunks may be written at once.
    spacing_um : tuple of float, optional
        Micrometres per pixel of each spatial axis.
    origin_um : tuple of float, optional
        Where the centre of the first pixel lies, along the same axes.
    version : {"0.4", "0.5"}
        Of the format.
    letters : str, default ""
        Axes as OME-Zarr orders them, of ``t c z y x``; "" is (z, y, x) or (y, x).
    channel_names, colours : tuple of str, default ()
        One each for every channel: its name, and ``"RRGGBB"``.
    """

    folder: Path
    shape: tuple[int, ...]
    dtype: str
    chunk_px: tuple[int, ...]
    spacing_um: tuple[float, ...] | None = None
    origin_um: tuple[float, ...] | None = None
    version: str = "0.5"
    letters: str = ""
    channel_names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()

    @property
    def axes(self) -> list[str]:
        """Names of the axes."""
        return list(self.letters or "zyx"[-len(self.shape) :])

    def _along(self, values: Sequence[float] | None, other: float) -> list[float]:
        """Return a value of each spatial axis for every axis; others have their own."""
        spatial = [a for a in self.axes if a in "zyx"]
        known = dict(zip(spatial, values or (other,) * len(spatial), strict=True))
        return [known.get(a, other) for a in self.axes]

    @cached_property
    def factors(self) -> list[tuple[int, ...]]:
        """By how much each level is smaller, per axis.

        Examples
        --------
        >>> LabelsWriter(Path("a"), (40, 2000, 1000), "uint8", (64,) * 3, (4.0, 1.0, 1.0)).factors
        [(1, 1, 1), (1, 2, 2), (1, 4, 4)]
        """
        spatial = [a in "zyx" for a in self.axes]
        spacing = self._along(self.spacing_um, 1.0)
        found = [(1,) * len(self.shape)]
        while self._longest(found[-1]) > OVERVIEW_PX:
            sizes = [s * f for s, f in zip(spacing, found[-1], strict=True)]
            axes = list(zip(sizes, self.shape, found[-1], spatial, strict=True))
            # of axes that are still long: one of few planes would stop the others
            least = min(size for size, n, f, inside in axes if inside and n > f)
            halved = [
                2 if inside and size < COARSE * least and n > f else 1
                for size, n, f, inside in axes
            ]
            found.append(tuple(f * h for f, h in zip(found[-1], halved, strict=True)))
        return found

    def _longest(self, factors: Sequence[int]) -> int:
        sizes = zip(self.axes, self.shape_of(factors), strict=True)
        return max(n for axis, n in sizes if axis in "zyx")

    def begin(self) -> None:
        """Make the group and its arrays, empty; those that are there stay."""
        zarr = need_zarr()
        kind = 2 if self.version == "0.4" else 3
        group = zarr.open_group(self.folder, mode="a", zarr_format=kind)
        keys = {"chunk_key_encoding": {"name": "v2" if kind == 2 else "default", "separator": "/"}}
        more: dict[str, Any] = {"compressors": _BLOSC}
        if kind == 3:
            more = {"compressors": _ZSTD, "dimension_names": self.axes}
        for level, factors in enumerate(self.factors):
            if str(level) not in group:
                shape = self.shape_of(factors)
                group.create_array(
                    str(level),
                    shape=shape,
                    chunks=tuple(min(c, n) for c, n in zip(self.chunk_px, shape, strict=True)),
                    dtype=self.dtype,
                    fill_value=0,
                    **keys,
                    **more,
                )

    def shape_of(self, factors: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a level."""
        return tuple(-(-n // f) for n, f in zip(self.shape, factors, strict=True))

    def array(self, level: int) -> Any:
        """Open a level."""
        return need_zarr().open_array(self.folder / str(level), mode="r+")

    def write(self, box: Box, pixels: AnyArray) -> None:
        """Write a box of the image at full size."""
        self.array(0)[box] = pixels.astype(self.dtype, copy=False)

    def boxes(self, level: int) -> Iterator[Box]:
        """Yield the chunks of a level."""
        shape = self.shape_of(self.factors[level])
        starts = [range(0, n, c) for n, c in zip(shape, self.chunk_px, strict=True)]
        for corner in itertools.product(*starts):
            axes = zip(corner, self.chunk_px, shape, strict=True)
            yield tuple(slice(a, min(a + c, n)) for a, c, n in axes)

    def shrink(self, level: int, box: Box) -> None:
        """Make a box of a level from the one before it."""
        pairs = zip(self.factors[level], self.factors[level - 1], strict=True)
        steps = [new // old for new, old in pairs]
        larger = self.array(level - 1)
        axes = zip(box, steps, larger.shape, strict=True)
        source = tuple(slice(b.start * s, min(b.stop * s, n)) for b, s, n in axes)
        self.array(level)[box] = self.smaller(np.asarray(larger[source]), steps)

    def smaller(self, pixels: AnyArray, steps: Sequence[int]) -> AnyArray:
        """Make pixels of neighbours: their mean, which lies in the middle of them.

        Examples
        --------
        >>> ImageWriter(Path("a"), (1, 3), "uint8", (1, 3)).smaller(np.array([[2, 4, 7]]), (1, 2))
        array([[3, 7]])
        """
        means = pixels.astype(np.float64)
        for axis, step in enumerate(steps):
            if step > 1:
                # the last one may be alone
                rest = [(0, -n % step if k == axis else 0) for k, n in enumerate(means.shape)]
                means = np.pad(means, rest, mode="edge")
                cut = (*means.shape[:axis], -1, step, *means.shape[axis + 1 :])
                means = means.reshape(cut).mean(axis=axis + 1)
        return (means if pixels.dtype.kind == "f" else np.rint(means)).astype(pixels.dtype)

    def shift(self, factor: int) -> float:
        """Return how far the first pixel of a level lies from that of the full size, in px."""
        return (factor - 1) / 2

    def shrink_all(self) -> Iterator[int]:
        """Make all smaller levels, and yield how many chunks are done."""
        boxes = ((k, box) for k in range(1, len(self.factors)) for box in self.boxes(k))
        for done, (level, box) in enumerate(boxes, start=1):
            self.shrink(level, box)
            yield done

    def finish(self, name: str, source: str = "") -> None:
        """Write what describes the image, so that it is one.

        Parameters
        ----------
        name : str
            What it is called.
        source : str, default ""
            Where the image is that these are labels of, seen from the group; "" of none.
        """
        scales: dict[str, Any] = {
            "axes": self._described_axes(),
            "datasets": [self._described_level(k) for k in range(len(self.factors))],
            "name": name,
        }
        said: dict[str, Any] = {"multiscales": [scales], **self.described(source)}
        group = need_zarr().open_group(self.folder, mode="r+")
        if self.version == "0.4":
            scales["version"] = self.version
            group.attrs.update(said)
        else:
            group.attrs["ome"] = {"version": self.version, **said}

    def _described_axes(self) -> list[dict[str, str]]:
        unit = {"unit": "micrometer"} if self.spacing_um else {}
        kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
        return [{"name": a, **kinds.get(a, {"type": "space", **unit})} for a in self.axes]

    def _described_level(self, level: int) -> dict[str, Any]:
        """Say how large the pixels of a level are, and where the first one lies."""
        factors, spacing = self.factors[level], self._along(self.spacing_um, 1.0)
        origin = self._along(self.origin_um, 0.0)
        scale = [s * f for s, f in zip(spacing, factors, strict=True)]
        places = zip(origin, spacing, factors, strict=True)
        moved = [o + s * self.shift(f) for o, s, f in places]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if any(moved):
            steps.append({"type": "translation", "translation": moved})
        return {"path": str(level), "coordinateTransformations": steps}

    def described(self, source: str) -> dict[str, Any]:
        """Say what channels are called, and how they are shown."""
        count = self.shape[self.axes.index("c")] if "c" in self.axes else 1
        channels: list[dict[str, Any]] = [
            {"color": colour, "active": True, "window": self._window(k)}
            for k, colour in enumerate(self.colours or _default_colours(count))
        ]
        for channel, name in zip(channels, self.channel_names, strict=False):
            channel["label"] = name
        return {"omero": {"channels": channels}}

    def _window(self, channel: int) -> dict[str, float]:
        """Return the range in which a channel is shown: that of its smallest copy."""
        array = self.array(len(self.factors) - 1)
        at = [slice(None)] * array.ndim
        for axis, name in enumerate(self.axes):
            if name in "tz":  # the middle one
                at[axis] = slice(array.shape[axis] // 2, array.shape[axis] // 2 + 1)
            if name == "c":
                at[axis] = slice(channel, channel + 1)
        pixels = np.asarray(array[tuple(at)]).ravel()
        pixels = pixels[:: max(1, pixels.size // _SHOWN_PX)]
        pixels = pixels[np.isfinite(pixels)]
        low, high = (float(v) for v in (pixels.min(), pixels.max())) if pixels.size else (0.0, 1.0)
        dtype = np.dtype(self.dtype)
        ends = np.iinfo(dtype) if dtype.kind in "iu" else None
        least, most = (int(ends.min), int(ends.max)) if ends else (low, high)
        return {"min": least, "max": most, "start": low, "end": high if high > low else low + 1}


@dataclass(frozen=True)
class LabelsWriter(ImageWriter):
    """A label image in OME-Zarr that is being written.

    Labels are never averaged: of neighbours the first stays, and pixels of a smaller level lie
    where those that stay do.

    Parameters
    ----------
    classes : tuple of str, default ()
        What labels from 1 on stand for, where they are classes: each gets a colour and its name.
        Objects have none: programs give each a colour of its own.
    """

    classes: tuple[str, ...] = ()

    def smaller(self, pixels: AnyArray, steps: Sequence[int]) -> AnyArray:
        """Leave the first of neighbours.

        Examples
        --------
        >>> LabelsWriter(Path("a"), (1, 3), "uint8", (1, 3)).smaller(np.array([[2, 4, 7]]), (1, 2))
        array([[2, 7]])
        """
        return pixels[tuple(slice(None, None, step) for step in steps)]

    def shift(self, factor: int) -> float:
        """Return 0: the first pixel stays."""
        return 0.0

    def described(self, source: str) -> dict[str, Any]:
        """Say which image these are labels of, and what is a class."""
        label: dict[str, Any] = {"source": {"image": source}} if source else {}
        if self.classes:
            named = list(enumerate(self.classes, start=1))
            label["colors"] = [{"label-value": k, "rgba": _rgba(k)} for k, _ in named]
            label["properties"] = [{"label-value": k, "class": name} for k, name in named]
        if self.version == "0.4":
            label["version"] = self.version
        return {"image-label": label}


def _default_colours(count: int) -> tuple[str, ...]:
    """Return colours of channels: white where there is one.

    Examples
    --------
    >>> _default_colours(1), _default_colours(3)
    (('FFFFFF',), ('0000FF', '00FF00', 'FF0000'))
    """
    return ("FFFFFF",) if count == 1 else tuple(_COLOURS[k % len(_COLOURS)] for k in range(count))


def _rgba(number: int) -> list[int]:
    """Return the colour of a class, from 1 on.

    Examples
    --------
    >>> _rgba(1), _rgba(2)
    ([0, 0, 255, 255], [0, 255, 0, 255])
    """
    return [*bytes.fromhex(_COLOURS[(number - 1) % len(_COLOURS)]), 255]


def version_of(store: Path) -> str:
    """Return the version of the format that a store has, or a new one gets.

    Examples
    --------
    >>> version_of(Path("missing.zarr"))
    '0.5'
    """
    return "0.4" if (store / ".zgroup").exists() or (store / ".zarray").exists() else "0.5"


def is_multiscale(store: Path) -> bool:
    """Whether a store is an image, of which labels can be.

    Examples
    --------
    >>> is_multiscale(Path("missing.zarr"))
    False
    """
    if not store.is_dir():
        return False
    try:
        attributes = dict(need_zarr().open_group(store, mode="r").attrs)
    except (OSError, ValueError, KeyError):  # no group, or one that cannot be read
        return False
    return "multiscales" in attributes or "multiscales" in dict(attributes.get("ome") or {})


def list_label(store: Path, name: str) -> None:
    """Add a label image to those that a store says it has; the group is made where it lacks."""
    zarr = need_zarr()
    kind = 2 if version_of(store) == "0.4" else 3
    root = zarr.open_group(store, mode="a", zarr_format=kind)
    labels = root.require_group("labels")
    ome = labels.attrs if kind == 2 else dict(labels.attrs.get("ome", {}))
    names = [*ome.get("labels", [])]
    if name in names:
        return
    names.append(name)
    if kind == 2:
        labels.attrs["labels"] = names
    else:
        labels.attrs["ome"] = {**ome, "version": ome.get("version", "0.5"), "labels": names}


def make_group(folder: Path, name: str, version: str) -> Path:
    """Make a group within one, for files of other kinds: programs then do not take them for it."""
    group = need_zarr().open_group(folder, mode="a", zarr_format=2 if version == "0.4" else 3)
    group.require_group(name)
    return folder / name
