"""Probability maps in files: float16 TIFF, a plane for each class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..storage.atomic import write_whole
from .image import AnyArray
from .units import storable

STRIP_PX = 2**22
"""Pixels that are asked for at a time."""


def write_maps(
    path: Path,
    part: Callable[[slice], AnyArray],
    shape: Sequence[int],
    pixel_size_um: Sequence[float] | None = None,
) -> Path:
    """Write probabilities as float16 TIFF, compressed; (c, y, x) or (z, c, y, x) in the file.

    Parameters
    ----------
    path : Path
        Ends in ``.tif``; its folder exists.
    part : callable
        From a slice of the first axis to its probabilities (rows, ..., c).
    shape : sequence of int
        Shape (y, x, c) or (z, y, x, c) of the whole.
    pixel_size_um : sequence of float, optional
        Micrometres per pixel of each spatial axis; kept in the file.

    Examples
    --------
    >>> import tempfile
    >>> from cytoloom.images import read
    >>> maps = np.linspace(0, 1, 24, dtype=np.float32).reshape(3, 4, 2)
    >>> path = write_maps(Path(tempfile.mkdtemp()) / "a.tif", maps.__getitem__, maps.shape)
    >>> found = read(path)
    >>> found, bool(abs(found.array - maps).max() < 0.001)
    (Image('a', 3 x 4 x 2 (yxc), float16), True)
    """
    import tifffile

    *spatial, count = shape
    stack = len(spatial) == 3
    settings: dict[str, Any] = {
        "shape": (spatial[0], count, *spatial[1:]) if stack else (count, *spatial),
        "dtype": np.float16,
        "photometric": "minisblack",
        "compression": "zlib",
        "software": "cytoloom",
        "metadata": {"axes": "ZCYX" if stack else "CYX", **_sizes(pixel_size_um)},
    }
    if pixel_size_um is not None and storable(pixel_size_um):
        settings |= {"resolution": (1e4 / pixel_size_um[-1], 1e4 / pixel_size_um[-2])}
        settings |= {"resolutionunit": "CENTIMETER"}
    pages = _planes(part, spatial[0], count) if stack else _channels(part, spatial, count)
    return write_whole(path, lambda name: tifffile.imwrite(name, pages, **settings))


def _planes(part: Callable[[slice], AnyArray], depth: int, count: int) -> Iterator[AnyArray]:
    for z in range(depth):
        plane = part(slice(z, z + 1))[0]
        yield from (plane[..., k].astype(np.float16) for k in range(count))


def _channels(
    part: Callable[[slice], AnyArray], spatial: Sequence[int], count: int
) -> Iterator[AnyArray]:
    """Give one page for each class, put together of strips: maps may be larger than memory."""
    rows = max(1, STRIP_PX // max(1, spatial[1]))
    for k in range(count):
        page = np.empty(tuple(spatial), np.float16)
        for start in range(0, spatial[0], rows):
            strip = slice(start, min(start + rows, spatial[0]))
            page[strip] = part(strip)[..., k]
        yield page


def _sizes(pixel_size_um: Sequence[float] | None) -> dict[str, Any]:
    """Name the spacing of planes, for which TIFF has no tag."""
    return {} if pixel_size_um is None or len(pixel_size_um) < 3 else {"spacing": pixel_size_um[0]}
