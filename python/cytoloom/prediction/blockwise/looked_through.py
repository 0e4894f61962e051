"""What is found in a volume, for those who look through it block by block and keep nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...components import from_plain, to_plain
from ...events import Event, Work, note, warn
from ...images.normalize import Stats
from ...messages import counted, say
from ...models.identity import model_sha256
from ...models.inputs import fitting_source
from ...models.rescale import Factors
from ...version import __version__
from ...volumes.blocks import Box
from ...volumes.kept import file_of, read_block
from ...volumes.work import Hands
from .begun import Begun
from .block import Job, find_in_block
from .cut import blocks_for, plain_edges, words_of
from .joined import Joined, join
from .measured import in_pieces, stats_of
from .volume import all_blocks, cut_as_before, state_of_image

if TYPE_CHECKING:
    from ...models.model import Model


@dataclass(frozen=True, eq=False)
class Block:
    """What was found in a block.

    Parameters
    ----------
    box : tuple of slice
        Where it lies.
    labels : ndarray of int
        Its objects, from 1 on.
    numbers : ndarray of int
        Their numbers in the whole image, that of 0 first; 0 where they are dropped.
    classes : ndarray of int or None
        Classes of its pixels, where these were looked for.
    """

    box: Box
    labels: NDArray[Any]
    numbers: NDArray[np.int64]
    classes: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class FoundInBlocks:
    """What a model found in a volume.

    Parameters
    ----------
    job : Job
        By which its blocks were worked on.
    joined : Joined
        Which of their objects are one.
    """

    job: Job
    joined: Joined

    @property
    def semantic(self) -> bool:
        """Whether labels are classes, and objects connected pieces of them."""
        return self.joined.semantic

    @property
    def class_of(self) -> Mapping[int, int]:
        """Class of each object: its label where labels are classes, else from 1 on; or none."""
        task = self.job.model.task
        rows = self.joined.rows
        if self.semantic:
            names = list(task.label_names)
        elif task.object_classes:
            names = ["", *task.object_classes]
        else:
            return {}
        called = {name: k for k, name in enumerate(names)}
        every = zip(rows["object"].tolist(), rows["class"], strict=True)
        return {number: called[name] for number, name in every if name in called}

    def blocks(self) -> Iterator[Block]:
        """Yield what was found in one block after the other."""
        for k in range(len(self.job.blocks)):
            kept = read_block(file_of(self.job.folder, k), "labels", "classes")
            box, numbers = self.job.blocks.core(k), self.joined.new(k)
            yield Block(box, kept["labels"], numbers, kept.get("classes"))

    def doubts(self) -> Iterator[str]:
        """Say where the whole image may have other objects."""
        if self.joined.differing_px or len(self.joined.cut):
            yield say(
                "{}: {} larger than what is seen around a block, {} at the ends of blocks of which "
                "two said different things: scores may differ a little from those of the whole "
                "image.",
                self.job.item.id,
                counted(len(self.joined.cut), "object"),
                counted(self.joined.differing_px, "pixel"),
            )


@dataclass(frozen=True, eq=False)
class InBlocks:
    """How an image is looked through block by block; see `predict`.

    Attributes
    ----------
    block_px : int or sequence of int, optional
        Edges of blocks; None: as memory allows.
    hands : Hands
        Who works on them.
    views : int
        In how many views the network sees each tile.
    """

    block_px: int | Sequence[int] | None = None
    hands: Hands = field(default_factory=Hands)
    views: int = 1


def look_through(
    model: Model,
    item: Any,
    factors: Factors,
    begun: Begun,
    asked: Mapping[str, Any],
    how: InBlocks,
) -> Work[FoundInBlocks]:
    """Find what is in a volume, block by block; what was found before a kill stays.

    Parameters
    ----------
    model : Model
        What is applied, as it looks at a tile once.
    item : Item
        The image.
    factors : list of float or None
        By how much the network sees it enlarged.
    begun : Begun
        Where blocks are kept; its folder is there.
    asked : dict
        What results depend on beside model, image, factors and blocks; JSON.
    how : InBlocks
        Blocks, who works on them, and views.
    """
    item = in_pieces(item)
    source = fitting_source(model, item)
    # said before the whole image is measured
    blocks_for(model, source, factors, how.block_px, how.hands)
    state = {"model": model_sha256(model), "image": state_of_image(item), "cytoloom": __version__}
    begun.go_on({**state, **asked, "factors": factors, "block_px": plain_edges(how.block_px)})
    if "stats" not in begun.state.decided:
        yield Event("progress", f"{item.id}: the whole image is measured", 0, 0)
        stats = yield from stats_of(model, item, source)
        begun.state.decide("stats", to_plain(stats))
    stats = from_plain(begun.state.decided["stats"], Stats)
    pool = how.hands.pool()
    blocks = cut_as_before(model, source, factors, how.block_px, how.hands, begun)
    yield note(say("{}: {}", item.id, words_of(model, source, blocks, how.hands.count)))
    job = Job(model, item, stats, factors, blocks, begun.blocks, how.views, measured=False)
    every = range(len(blocks))
    yield from all_blocks(find_in_block, job, every, pool, how.hands.threads, "block {}/{}")
    found = FoundInBlocks(job, join(job))
    for text in found.doubts():
        yield warn(text)
    return found
