"""Outlines: anybody's labels in; the corners of their outlines out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..components.arguments import checked
from ..errors import invalid
from ..messages import say
from .given import label_images, read_object_labels

if TYPE_CHECKING:
    import pandas as pd


@checked
def outlines(labels: Any) -> pd.DataFrame:
    """Trace the outlines of the objects of label images, along the edges of their pixels.

    Parameters
    ----------
    labels : path, list of paths, array, list or dict of arrays, or Predictions
        Label images (y, x), as for `measure`.

    Returns
    -------
    DataFrame
        image, object, part, ring, x, y: a row per corner, in the order in which a line connects
        them, the first of each ring again as its last. A part is a piece of the object whose
        pixels touch by their edges; its ring 1 is its outside, further rings are its holes.
        Coordinates are in px, x to the right and y downwards, and the middle of the first pixel
        is 0, as in the centroids of `measure`: the corner of the image is -0.5. What the rings of
        an object enclose, less the holes, is exactly its ``area_px``.

    Raises
    ------
    InvalidError
        No labels, or stacks.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(64, 64), count=3, seed=1)
    >>> lines = cl.outlines(labels)
    >>> lines.columns.tolist(), lines["object"].nunique()
    (['image', 'object', 'part', 'ring', 'x', 'y'], 3)
    """
    import pandas as pd

    from ..objects.outlines import outlines as traced

    tables = []
    items, known = label_images(labels)
    for item in items:
        numbers, _, _ = read_object_labels(item, known)
        if numbers.ndim != 2:
            remedy = "Give a plane of it."
            got = say("a stack of shape {}", numbers.shape)
            raise invalid(
                item.annotations[0].name, expected="labels (y, x)", received=got, remedy=remedy
            )
        table = traced(numbers)
        table.insert(0, "image", item.id)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
