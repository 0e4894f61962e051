"""Images looked at in several views, flipped and turned, whose mean is what is found.

A network that has learned from flipped and turned patches says nearly the same of each view; what
differs is chance, and less of it is left in the mean. It takes as many times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import invalid
from ..events import Work, note
from ..inference.tiled import activate
from ..messages import Argument, say
from ..tasks.head import Head
from .engine import Engine, Forward, as_logits

if TYPE_CHECKING:
    from .model import Model

VIEWS = (1, 4, 8)
"""As it is; with its mirror images along y, x and both; and all of these turned by a right angle.
Planes of a stack stay where they are: along z microscopes blur otherwise."""


def check_views(views: int) -> None:
    """Refuse numbers of views other than `VIEWS`, before anything is read."""
    if views not in VIEWS:
        raise invalid("views", expected="1, 4 or 8", received=views)


def seen_in(model: Model, views: int) -> Work[Model]:
    """Return a model that looks at each tile in several views, and say what that costs.

    Parameters
    ----------
    model : Model
        To be applied.
    views : {1, 4, 8}
        How many; 1: `model` itself.

    Raises
    ------
    InvalidError
        Turned by right angles, where the network treats y and x in different ways; any but one,
        where maps speak of directions.
    """
    check_views(views)
    if views == 1:
        return model
    if model.task.directional:
        expected = "1 for a task whose maps speak of directions"
        raise invalid("views", expected=expected, received=views)
    network = model.network
    reach = [own[-2:] for own in (network.grid_px, network.halo_px) if own is not None]
    if views == 8 and any(y != x for y, x in reach):
        expected = "1 or 4 for a network that treats y and x in different ways"
        raise invalid("views", expected=expected, received=views)
    engine = in_views(model.engine, views, model.task.heads)
    text = say("{}: each tile passes through the network {} times.", Argument("views"), views)
    yield note(text)
    return replace(model, _engine=engine)


def in_views(engine: Engine, views: int, heads: Mapping[str, Head]) -> Engine:
    """Make an engine whose logits are those of the mean maps of several views of a tile.

    Parameters
    ----------
    engine : Engine
        Of one network or of members.
    views : {1, 4, 8}
        How many; 1: `engine` itself.
    heads : dict of str to Head
        Whose activation makes maps of logits. They say something of each pixel that does not
        depend on directions.
    """
    if views == 1:
        return engine
    how = {name: head.activation for name, head in heads.items()}

    def mean_of(forward: Forward) -> Forward:
        """Return `forward` in all views."""

        def run(images: np.ndarray) -> dict[str, np.ndarray]:
            """Add up the maps of each view, turned back."""
            total: dict[str, np.ndarray] = {}
            for k in range(views):
                for name, logits in forward(turned(images, k)).items():
                    # a map beside those of heads, as of disagreement, has no activation
                    seen = turned_back(activate(logits.copy(), how.get(name, "linear")), k)
                    total[name] = total[name] + seen if k else seen
            return {
                name: as_logits(maps / np.float32(views), how.get(name, "linear"))
                for name, maps in total.items()
            }

        return run

    return replace(
        engine,
        name=f"{engine.name}, {views} views",
        forward=mean_of(engine.forward),
        disagreeing=engine.disagreeing and mean_of(engine.disagreeing),
    )


def turned(images: np.ndarray, k: int) -> np.ndarray:
    """Return view `k`, 0 to 7, of images (batch, [z,] y, x, channels).

    Examples
    --------
    >>> image = np.array([[1, 2], [3, 4]])[np.newaxis, ..., np.newaxis]
    >>> [turned(image, k).ravel().tolist() for k in (0, 1, 2, 4)]
    [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [1, 3, 2, 4]]
    """
    seen = np.flip(images, _flipped(k))
    return np.ascontiguousarray(seen.swapaxes(-3, -2) if k & 4 else seen)


def turned_back(maps: np.ndarray, k: int) -> np.ndarray:
    """Undo `turned`.

    Examples
    --------
    >>> image = np.arange(6).reshape(1, 2, 3, 1)
    >>> all((turned_back(turned(image, k), k) == image).all() for k in range(8))
    True
    """
    return np.flip(maps.swapaxes(-3, -2) if k & 4 else maps, _flipped(k))


def _flipped(k: int) -> Sequence[int]:
    return [axis for bit, axis in ((1, -3), (2, -2)) if k & bit]
