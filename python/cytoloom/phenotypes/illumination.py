"""Uneven illumination: a smooth field for each plate and channel, divided out of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.items import Item, shown_names
from ..datasets.sources import Slices, Source
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..images.image import AnyArray
from ..messages import counted

GRID = 64
"""Blocks along each axis in which a field is kept: illumination has nothing finer."""
SMOOTH = 4.0
"""Blocks over which it is smoothed (standard deviation of a Gaussian)."""
LOWEST = 0.05
MOST = 400
"""Images of a plate that are looked at, spread over it."""
FEW = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """How bright a plate is lit, by place in the image.

    Parameters
    ----------
    plate : str
        Which one; empty where there is none but one.
    grid : ndarray (rows, columns, channels)
        In blocks, with mean 1.
    images : int
        From how many it was taken.
    uneven : tuple of float
        Of each channel the standard deviation over the image, as a share of the mean.
    left : tuple of float
        The same of what one half of the images leaves uneven in the other half; NaN of one image.
    """

    plate: str
    grid: Floats
    images: int
    uneven: tuple[float, ...]
    left: tuple[float, ...]

    def __str__(self) -> str:
        lead = f"Plate {self.plate}: illumination" if self.plate else "Illumination"
        parts = [
            f"{before:.1%}" + (f", of which {after:.1%} are left" if np.isfinite(after) else "")
            for before, after in zip(self.uneven, self.left, strict=True)
        ]
        return f"{lead} differs over the image by {'; '.join(parts)}"


class EvenSource:
    """An image with the illumination of its plate divided out.

    Parameters
    ----------
    raw : Source
        As it is.
    field : Field
        Of its plate.
    """

    def __init__(self, raw: Source, field: Field) -> None:
        self.raw, self.field = raw, field
        self.axes, self.spacing_um, self.name = raw.axes, raw.spacing_um, raw.name
        self.dtype = np.dtype(np.float32)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "raw":
            raise AttributeError(name)
        return getattr(self.raw, name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self.raw.shape

    @cached_property
    def _whole(self) -> NDArray[np.float32]:
        y, x = self.shape[-3:-1]
        return expanded(self.field.grid, (y, x)).astype(np.float32)

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, or those within one slice per spatial axis, as float32."""
        pixels = np.asarray(self.raw.read(slices), np.float32)
        field = self._whole if slices is None else self._whole[slices[-2:]]
        return pixels / field


def evened(
    items: Sequence[Item], rows: Mapping[str, Mapping[str, Any]]
) -> Work[tuple[list[Item], list[Field]]]:
    """Divide the illumination of each plate out of its images.

    Parameters
    ----------
    items : sequence of Item
        The images.
    rows : dict of dict
        What is known of each; ``plate`` is looked at.

    Raises
    ------
    InvalidError
        Images of one plate that differ in size.
    """
    plates: dict[str, list[Item]] = {}
    for item in items:
        plate = rows[item.id].get("plate")
        plates.setdefault("" if plate is None else str(plate), []).append(item)
    found: dict[str, Item] = {}
    fields = []
    for plate, own in plates.items():
        field = yield from _field_of(plate, own)
        fields.append(field)
        yield note(f"{field}.")
        if field.images < FEW:
            yield warn(
                f"the illumination{f' of plate {plate}' if plate else ''} is taken from "
                f"{counted(field.images, 'image')}: the cells in them may be taken for light"
            )
        found |= {item.id: replace(item, image=EvenSource(item.image, field)) for item in own}
    return [found[item.id] for item in items], fields


def _field_of(plate: str, items: Sequence[Item]) -> Work[Field]:
    """Take the median over images of a plate, each by its own mean, and smooth it."""
    sizes: dict[tuple[int, ...], str] = {}
    small = []
    chosen = [items[k] for k in np.unique(np.linspace(0, len(items) - 1, MOST).astype(int))]
    for k, item in enumerate(chosen):
        yield Event("progress", f"illumination: {item.id}", k, len(chosen))
        try:
            pixels = item.image.read()
        except InvalidError:
            continue  # said when its cells are measured
        sizes.setdefault(pixels.shape[-3:], item.id)
        if len(sizes) > 1:
            (first, a), (other, b) = sizes.items()
            received = f"{shown_names([a])} of {first}, {shown_names([b])} of {other}"
            raise invalid("illumination", expected="images of one size on a plate",
                          received=received)  # fmt: skip
        flat = pixels if pixels.ndim == 3 else pixels.mean(axis=0)
        blocks = in_blocks(np.asarray(flat, np.float64))
        level = blocks.mean(axis=(0, 1))
        if np.isfinite(blocks).all() and (level > 0).all():
            small.append(blocks / level)
    if not small:
        of = f" of plate {plate}" if plate else ""
        raise invalid("illumination", expected=f"images with light{of}", received="none")
    grid = _smooth(small)
    left: tuple[float, ...] = (float("nan"),) * grid.shape[-1]
    if len(small) > 1:
        ratio = _smooth(small[::2]) / _smooth(small[1::2])
        left = _spread(ratio)
    return Field(plate, grid, len(small), _spread(grid), left)


def _smooth(small: Sequence[Floats]) -> Floats:
    from scipy import ndimage

    middle = np.median(small, axis=0)
    field = ndimage.gaussian_filter(middle, (SMOOTH, SMOOTH, 0), mode="nearest")
    return np.asarray((field / field.mean(axis=(0, 1))).clip(LOWEST))


def _spread(field: Floats) -> tuple[float, ...]:
    return tuple(float(one) for one in field.std(axis=(0, 1)) / field.mean(axis=(0, 1)))


def in_blocks(image: Floats) -> Floats:
    """Return the means of blocks, at most `GRID` along each axis.

    Examples
    --------
    >>> in_blocks(np.arange(256.0)[:, None, None]).shape
    (64, 1, 1)
    """
    for axis in (0, 1):
        n = image.shape[axis]
        starts = np.arange(min(n, GRID)) * n // min(n, GRID)
        counts = np.diff([*starts, n])
        shape = [1, 1, 1]
        shape[axis] = len(counts)
        image = np.add.reduceat(image, starts, axis=axis) / counts.reshape(shape)
    return image


def expanded(grid: Floats, shape: tuple[int, int]) -> Floats:
    """Return a field as large as an image, linear between the middles of blocks.

    Examples
    --------
    >>> expanded(np.array([[[1.0], [3.0]]]), (1, 4))[0, :, 0].tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    weights = []
    for n, blocks in zip(shape, grid.shape[:2], strict=True):
        ends = np.append(np.arange(blocks) * n // blocks, n)
        middles = (ends[1:] + ends[:-1] - 1) / 2
        weights.append(np.stack([np.interp(np.arange(n), middles, one) for one in np.eye(blocks)]))
    return np.einsum("iy,jx,ijc->yxc", *weights, grid, optimize=True)


def write_fields(path: Path, fields: Sequence[Field]) -> None:
    """Write the grids of fields as NumPy arrays, which hold numbers only."""
    np.savez_compressed(path, **{str(k): one.grid for k, one in enumerate(fields)})  # type: ignore[arg-type]


def read_fields(path: Path, about: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Read fields, of which a record says the rest."""
    with np.load(path, allow_pickle=False) as stored:
        grids = [np.asarray(stored[str(k)], np.float64) for k in range(len(about))]
    return [
        Field(str(one["plate"]), grid, int(one["images"]), tuple(map(float, one["uneven"])),
              tuple(float("nan") if v is None else float(v) for v in one["left"]))
        for grid, one in zip(grids, about, strict=True)
    ]  # fmt: skip


def facts_of(field: Field) -> dict[str, Any]:
    """Return what is known of a field beside its grid, for a record."""
    left = [one if np.isfinite(one) else None for one in field.left]
    return {"plate": field.plate, "images": field.images, "uneven": list(field.uneven),
            "left": left}  # fmt: skip
