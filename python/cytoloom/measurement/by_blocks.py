"""Measure a label image that is larger than memory, box by box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.items import Item
from ..errors import invalid
from ..events import Event, Work
from ..images.blocks import by_regions, grown
from ..images.labels import refuse_other_ids
from ..images.parts import are_too_many
from ..objects.measure import Objects, around
from ..objects.part import boxes_of, part_of
from ..objects.rings import Rings
from ..runtime.machine import free_memory_gb

if TYPE_CHECKING:
    import pandas as pd

    from ..datasets.sources import Source
    from ..objects.runs import Box

BLOCK_PX = {2: 2048, 3: 128}
"""Edge of a box, by dimensions: with what is made of its labels it takes some 200 MB."""
MASK_BYTES = 16
"""Memory that the pieces of a mask take for each pixel, which are found in the whole of it."""


def is_large(labels: Source) -> bool:
    """Whether labels are too many to be read at once, and can be read by region."""
    return are_too_many(math.prod(labels.shape)) and by_regions(labels)


def measured_in_boxes(
    item: Item, image: Source | None, names: list[str], around_um: float | None
) -> Work[tuple[pd.DataFrame, pd.DataFrame | None] | None]:
    """Measure the objects of labels, read twice, and their pixels, read once.

    Parameters
    ----------
    item : Item
        Its first annotation has the labels.
    image : Source or None
        Whose pixels are measured, of the shape of the labels.
    names : list of str
        Of its channels.
    around_um : float, optional
        Width of the rings around objects; the size of a pixel is known, then.

    Returns
    -------
    (DataFrame, DataFrame or None) or None
        As `objects.measure` and `objects.rings` have it of the whole; None where the labels are a
        mask, whose pieces are to be found first.
    """
    labels = item.annotations[0]
    shape = tuple(labels.shape)
    boxes = boxes_of(shape, BLOCK_PX[len(shape)])
    ids, last = yield from _numbers_in(labels, boxes)
    if ids[1:].tolist() in ([1], [255]):
        _refuse_large_mask(labels)
        return None
    found = Objects(shape, len(ids) - 1, names)
    rings = Rings(len(ids) - 1, around_um, item.spacing_um or (), names) if around_um else None
    seen_px = np.full(len(shape), around(len(shape)))
    seen_px = np.maximum(seen_px, rings.reach_px) if rings else seen_px
    by_last = np.argsort(last, kind="stable")
    ends = np.searchsorted(last[by_last], np.arange(len(boxes) + 1))
    for k, box in enumerate(boxes):
        yield Event("progress", f"{item.id}: block {k + 1}/{len(boxes)}", k, len(boxes))
        region = grown(box, seen_px.tolist(), shape)
        seen = np.asarray(labels.read(region))
        if seen.any():
            part = part_of(seen, ids, box, region)
            there = image is not None and (rings is not None or part.own.any())
            pixels = np.asarray(image.read(box)) if image is not None and there else None
            found.add(part, pixels)
            if rings is not None:
                rings.add(part, pixels)
        found.end(by_last[ends[k] : ends[k + 1]])
    every = np.arange(1, len(ids))
    return found.table(ids, item.spacing_um), None if rings is None else rings.table(every)


def _numbers_in(labels: Source, boxes: list[Box]) -> Work[tuple[NDArray[Any], NDArray[Any]]]:
    """List the values of labels, 0 first, and in which box each is met for the last time."""
    met = [np.zeros(1, np.int64)]
    for k, box in enumerate(boxes):
        yield Event("progress", f"objects of block {k + 1}/{len(boxes)}", k, len(boxes))
        here = np.asarray(labels.read(box))
        refuse_other_ids(here, labels.name)
        met.append(np.unique(here).astype(np.int64))
    every = np.concatenate(met)
    ids, place = np.unique(every, return_inverse=True)
    last = np.zeros(len(ids), np.int64)
    # later boxes come later: of several writes to one place the last stays
    last[place] = np.repeat(np.arange(-1, len(boxes)), [len(one) for one in met])
    return ids, last


def _refuse_large_mask(labels: Source) -> None:
    """Refuse a mask whose pieces do not fit into memory."""
    need = math.prod(labels.shape) * MASK_BYTES / 1e9
    if need > free_memory_gb():
        raise invalid(
            labels.name,
            expected="a number for each object, of labels that are larger than memory",
            received=f"a mask, whose pieces would take {need:.3g} GB",
            remedy="Number its pieces first, with diagonal neighbours connected.",
        )
