"""Pixels of a TIFF series: mapped, or strip by strip and tile by tile."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .cache import CHUNKS, state_of
from .image import AnyArray
from .reader import Region

if TYPE_CHECKING:
    import tifffile

CHUNK_PX = 2**22
"""Images with larger strips or tiles are read whole: each region would decode most of them."""


def stored(series: tifffile.TiffPageSeries, box: Region) -> AnyArray:
    """Read a box of a series: by memory map, or decoding only the chunks that it meets.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Of an open file.
    box : tuple of slice
        Start and stop of each axis of the series.

    Returns
    -------
    ndarray, as stored
    """
    lead = _paged_axes(series)
    if all(b == slice(0, n) for b, n in zip(box, series.shape, strict=True)):
        whole: AnyArray = series.asarray()
        return whole
    if _is_contiguous(series):
        return np.array(_mapped(series)[box])
    if lead is None:
        part: AnyArray = series.asarray()[box]
        return part
    return _of_pages(series, box, lead)


def _of_pages(series: tifffile.TiffPageSeries, box: Region, lead: int) -> AnyArray:
    """Decode a box of a series whose first `lead` axes run over pages."""
    # pages and chunks that were never written hold this value
    out = np.full([b.stop - b.start for b in box], series.keyframe.nodata, series.dtype)
    longer = [b for b, n in zip(box[lead:], series.shape[lead:], strict=True) if n != 1]
    for at in itertools.product(*(range(b.start, b.stop) for b in box[:lead])):
        page = series[_ravel(at, series.shape)]
        if page is not None:
            _fill(out[tuple(i - b.start for i, b in zip(at, box, strict=False))], page, longer)
    return out


def _is_contiguous(series: tifffile.TiffPageSeries) -> bool:
    return series.dataoffset is not None and not series.is_multifile and _is_plain(series)


def _is_plain(series: tifffile.TiffPageSeries) -> bool:
    """Whether pixels are what is stored; some microscopes' files are computed on when read."""
    return getattr(series, "transform", None) is None


def _mapped(series: tifffile.TiffPageSeries) -> AnyArray:
    pages = series.keyframe.parent
    dtype = np.dtype(pages.byteorder + series.dtype.char)
    return np.memmap(pages.filehandle.path, dtype, "r", series.dataoffset, tuple(series.shape))


def _paged_axes(series: tifffile.TiffPageSeries) -> int | None:
    """Count the leading axes that run over pages; None where pages do not fit the axes."""
    if not _is_plain(series):
        return None
    page = [n for n in series.keyframe.shaped if n != 1]
    for lead in range(len(series.shape) + 1):
        rest = [n for n in series.shape[lead:] if n != 1]
        if rest == page and math.prod(series.shape[:lead]) == len(series):
            return lead
    return None


def has_regions(series: tifffile.TiffPageSeries) -> bool:
    """Whether a box can be read without decoding most of the rest."""
    small = math.prod(_chunk(series.keyframe)) <= CHUNK_PX
    return _is_contiguous(series) or (small and _paged_axes(series) is not None)


def _fill(out: AnyArray, page: Any, longer: Sequence[slice]) -> None:
    """Fill `out` with the box of a page, of which `longer` are the axes not of size 1."""
    shaped, steps = page.keyframe.shaped, _chunk(page.keyframe)
    given = iter(longer)
    box = [next(given) if n != 1 else slice(0, 1) for n in shaped]
    target = out.reshape([b.stop - b.start for b in box])
    spans = [range(b.start // n, -(-b.stop // n)) for b, n in zip(box, steps, strict=False)]
    counts = [-(-size // n) for size, n in zip(shaped, steps, strict=False)]
    wanted = [_ravel(at, counts) for at in itertools.product(*spans)]
    for found, corner in _chunks(page, wanted):
        into, of = [], []
        for b, start, size in zip(box, corner, (1, *found.shape), strict=True):
            low, high = max(b.start, start), min(b.stop, start + size)
            into.append(slice(low - b.start, high - b.start))
            of.append(slice(low - start, high - start))
        target[tuple(into)] = found[np.newaxis][tuple(of)]


def _chunk(page: Any) -> tuple[int, int, int, int]:
    """Return the size of a strip or tile: planes of samples, depth, length, width."""
    if page.is_tiled:
        return 1, page.tiledepth, page.tilelength, page.tilewidth
    return 1, 1, min(page.rowsperstrip, page.imagelength), page.imagewidth


def _chunks(page: Any, wanted: Sequence[int]) -> Iterator[tuple[AnyArray, tuple[int, ...]]]:
    """Decode strips or tiles ``(depth, length, width, samples)``; yield each with its corner."""
    file, key = page.parent.filehandle, page.keyframe
    tables = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
    state = state_of(Path(file.path))
    closed = file.closed  # other files of a series that spans several
    if closed:
        file.open()

    def decoded(index: int, offset: int) -> AnyArray:
        """Read and decode one strip or tile."""
        file.seek(offset)
        data = file.read(page.databytecounts[index])
        if len(data) < page.databytecounts[index]:
            raise ValueError(f"strip or tile {index} is cut off")
        found: AnyArray = key.decode(data, index, **tables)[0]
        return found

    try:
        for index in wanted:
            offset = page.dataoffsets[index]
            if offset and page.databytecounts[index]:  # else never written
                found = CHUNKS.get((state, offset), partial(decoded, index, offset))
                yield found, key.decode(None, index)[1]
    finally:
        if closed:
            file.close()


def _ravel(at: Sequence[int], sizes: Sequence[int]) -> int:
    """Return the position of an index in an array of such sizes, counted in C order."""
    found = 0
    for i, n in zip(at, sizes, strict=False):
        found = found * n + i
    return found
