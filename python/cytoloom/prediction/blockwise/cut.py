"""How a large image is cut into blocks: by memory, and by what is to be seen around each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import invalid
from ...messages import counted
from ...models.rescale import Factors
from ...volumes.blocks import Blocks
from ...volumes.work import Hands

if TYPE_CHECKING:
    from ...models.model import Model

CHUNK_PX = {2: 1024, 3: 128}
"""Edge of what is written at once, by dimensions; blocks are multiples of it where they can."""
BLOCK_PX = {2: 4096, 3: 512}
"""Largest edge of a block, by dimensions: of a larger one the margin would hardly weigh less."""
MARGIN_PX = {2: (32, 256), 3: (16, 64)}
"""Least and most that is seen around a block for the sake of objects that reach beyond it."""
BYTES_PER_PX = 24
"""Memory that decoding and measuring take for each pixel, beside pixels and maps."""
PROCESS_GB = 0.8
"""Memory of a process that has TensorFlow and a model and predicts 64 x 64 px; measured .76."""
SHARE = 0.5
"""Of the free memory, for all workers together: what else runs needs some, too."""


def blocks_for(model: Model, source: Any, factors: Factors, block_px: Any, hands: Hands) -> Blocks:
    """Choose how the image is cut: blocks as large as the memory of each worker allows.

    Raises
    ------
    InvalidError
        Blocks of other axes, or smaller than what is seen around each.
    """
    shape = tuple(source.shape[:-1])
    margin = tuple(min(m, n) for m, n in zip(_margin(model, factors), shape, strict=True))
    if block_px is not None:
        return Blocks(shape, _within(edges_of(block_px, len(shape)), shape), margin)
    chunk, most = CHUNK_PX[model.ndim], BLOCK_PX[model.ndim]
    budget = SHARE * hands.block_gb() * 1e9
    edge = most
    while edge > chunk:
        if bytes_of(model, source, _within([edge] * len(shape), shape), margin) <= budget:
            break
        edge -= chunk
    return Blocks(shape, _within([edge] * len(shape), shape), margin)


def check_edges(block_px: Any) -> None:
    """Refuse edges of blocks that are none, whatever the image."""
    several = block_px if isinstance(block_px, (tuple, list)) else [block_px]
    whole = [isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in several]
    if block_px is not None and not all(whole):
        raise invalid("block_px", expected="whole numbers above 0", received=block_px)


def edges_of(block_px: Any, ndim: int) -> tuple[int, ...]:
    """Return an edge for each axis; none where none was asked for."""
    if block_px is None:
        return ()
    edges = tuple(block_px) if isinstance(block_px, Sequence) else (block_px,) * ndim
    if len(edges) != ndim:
        expected = f"one number, or {ndim} for this image"
        raise invalid("block_px", expected=expected, received=block_px)
    return edges


def _within(edges: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return edges that are no longer than the image."""
    return tuple(min(e, n) for e, n in zip(edges, shape, strict=True))


def _margin(model: Model, factors: Factors) -> tuple[int, ...]:
    """Return how much is seen around a block: twice the larger objects, or what a task asks for."""
    least, most = MARGIN_PX[model.ndim]
    sizes = model.info["diameter_px"]
    wanted = 2 * sizes["high"] if sizes else least
    if not isinstance(model.task.locality, str):
        wanted = max(wanted, model.task.locality)
    scale = factors or [1.0] * model.ndim
    return tuple(math.ceil(min(max(wanted, least), most) / f) for f in scale)


def bytes_of(model: Model, source: Any, edges: Sequence[int], margin: Sequence[int]) -> float:
    """Estimate the memory that a worker needs for a block."""
    maps = 4 * sum(head.channels for head in model.task.heads.values())
    pixels = source.dtype.itemsize * source.shape[-1]
    axes = zip(edges, margin, source.shape, strict=False)
    seen = math.prod(min(e + 2 * m, n) for e, m, n in axes)
    return float(seen) * (BYTES_PER_PX + maps + pixels)


def plain_edges(block_px: int | Sequence[int] | None) -> Any:
    """Return what was asked for as JSON takes it."""
    return list(block_px) if isinstance(block_px, Sequence) else block_px


def words_of(model: Model, source: Any, blocks: Blocks, workers: int) -> str:
    """Say into what the image is cut, how much more is seen, and what memory that takes."""
    edges = " x ".join(str(min(b, n)) for b, n in zip(blocks.block_px, blocks.shape, strict=True))
    margin = " x ".join(map(str, blocks.margin_px))
    need = bytes_of(model, source, blocks.block_px, blocks.margin_px) / 1e9
    text = f"{counted(len(blocks), 'block')} of {edges} px, each seen with {margin} px around it "
    text += f"({blocks.seen_more - 1:.0%} more pixels); about {need:.2g} GB of memory"
    text += f" for each of {workers} at a time" if workers > 1 else ""
    return text + f", beside the {PROCESS_GB:g} GB of a process"
