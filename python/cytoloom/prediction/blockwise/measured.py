"""What is measured of a whole image before its blocks, also where not all of it can be read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.checks import odd_pixels
from ...datasets.files import FileSource
from ...datasets.items import Item
from ...errors import InvalidError
from ...events import Work, warn
from ...images.blocks import LARGE_PX, by_regions
from ...images.normalize import Stats
from ...images.parts import is_huge, parts_of
from ...messages import Setting, counted, say
from ...models.rescale import Factors, factors_for
from ...objects.measure import AXES
from ...volumes.blocks import Blocks, Box
from .cut import CHUNK_PX

if TYPE_CHECKING:
    from ...models.model import Model


def in_pieces(item: Item) -> Item:
    """Return an image of which no block needs what lies elsewhere in its file."""
    source = item.image
    return replace(item, image=source.in_pieces()) if isinstance(source, FileSource) else item


def stats_of(model: Model, item: Item, source: Any) -> Work[Stats]:
    """Measure an image for its normalisation, without what of it cannot be read, which is said.

    Raises
    ------
    InvalidError, OSError
        Nothing of it can be read.
    """
    ranged = model.normalize.range is not None
    fixed = model.normalize.fit(source) if ranged else None  # of which nothing is read
    try:
        stats = fixed or model.normalize.fit(source)
        # a large one is read once more only where something is odd
        flat = all(low == high for low, high in zip(stats.low, stats.high, strict=True))
        for text in odd_pixels(source) if flat or not by_regions(source) else ():
            yield warn(say("{}: {}", item.id, text))
        return stats
    except (InvalidError, OSError):
        pixels, failed = _readable(source)
        if not pixels or not failed:
            raise
    box, why = failed[0]
    text = f"{counted(len(failed), 'part')} of it cannot be read, the first at "
    text += f"{words_of_box(box)}: {why} The blocks that see it are left out"
    yield warn(
        say("{}: {}{}.", item.id, text, "" if fixed else ", and contrast is measured without")
    )
    return fixed or model.normalize.fit_part(np.concatenate(pixels))


def factors_of(model: Model, item: Item, rescale: Any) -> Work[Factors]:
    """Decide by how much an image is enlarged: not at all where it cannot be looked at."""
    try:
        return (yield from factors_for(model, [item], rescale))[item.id]
    except (InvalidError, OSError) as error:
        if rescale != "auto" or model.task.directional:
            raise
        words = (
            "{}: not rescaled, as it cannot be looked at whole ({}). Pass {} to say another size."
        )
        yield warn(say(words, item.id, str(error), Setting("rescale", 2.0)))
        return None


def _readable(source: Any) -> tuple[list[np.ndarray], list[tuple[Box, Exception]]]:
    """Return pixels (n, c) of the parts of an image that can be read, and why others cannot."""
    pixels: list[np.ndarray] = []
    failed: list[tuple[Box, Exception]] = []
    step = math.ceil(math.prod(source.shape[:-1]) / LARGE_PX)
    for box in _boxes(source):
        try:
            part = np.asarray(source.read(box))
        except (InvalidError, OSError) as error:
            failed.append((box, error))
            continue
        own = part.reshape(-1, part.shape[-1])
        pixels.append(own if is_huge(source) else own[::step].copy())
    return pixels, failed


def _boxes(source: Any) -> Iterator[Box]:
    """Yield parts as large as what is written at once; of a huge image those that are measured."""
    shape = tuple(source.shape[:-1])
    if is_huge(source):
        yield from parts_of(source)
        return
    edges = tuple(min(CHUNK_PX[len(shape)], n) for n in shape)
    grid = Blocks(shape, edges, (0,) * len(shape))
    yield from (grid.core(k) for k in range(len(grid)))


def words_of_box(box: Box) -> str:
    """Say where a block is.

    Examples
    --------
    >>> words_of_box((slice(0, 64), slice(64, 128)))
    'y 0:64, x 64:128'
    """
    axes = zip(AXES[len(box)], box, strict=True)
    return ", ".join(f"{name} {part.start}:{part.stop}" for name, part in axes)
