"""Work on images side by side, as suits a model's engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidError
from ..runtime.parallel import side_by_side

if TYPE_CHECKING:
    from .model import Model


R = TypeVar("R")
TOGETHER_PX = 2**21
"""Images of more pixels, more than one tile, are worked on alone with their tiles side by side:
several at a time would need the memory of several."""


def each_image(
    model: Model, items: Sequence[Any], work: Callable[[Any, int], R]
) -> AbstractContextManager[Iterator[tuple[Any, Callable[[], R]]]]:
    """Work on images side by side, large ones alone with their tiles side by side.

    Parameters
    ----------
    model : Model
        Applied by `work`.
    items : sequence of Item
        What to work on.
    work : callable
        From an item and the number of tiles at once to its result.

    Returns
    -------
    context manager
        As `parallel.side_by_side`, which see.
    """
    engine = model.engine

    def alone(item: Any) -> bool:
        try:
            return len(items) == 1 or math.prod(item.image.shape[:-1]) > TOGETHER_PX
        except (InvalidError, OSError):  # `work` raises it again, where it is reported
            return False

    def run(item: Any) -> R:
        # images side by side already use all cores; tiles of each as well would only cost memory
        return work(item, engine.tile_workers if alone(item) else 1)

    return side_by_side(items, run, engine.image_workers, alone)
