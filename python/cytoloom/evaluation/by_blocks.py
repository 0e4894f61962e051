"""Score images whose labels are larger than memory: block by block, from tables that add up."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.items import Item, read_labels
from ..errors import InvalidError, invalid
from ..events import Event, Work
from ..images.parts import is_read_in_parts
from ..messages import Argument, say
from ..metrics.contingency import UNKNOWN, Contingency, Total, contingency
from ..models.rescale import Factors
from ..objects.part import boxes_of
from ..prediction.blockwise.begun import Begun
from ..prediction.blockwise.cut import check_edges, edges_of
from ..prediction.blockwise.looked_through import Block, FoundInBlocks, InBlocks, look_through
from ..storage.atomic import leave_empty, make_folder, meant, remove_folder, sha256_of
from ..storage.names import file_names
from ..storage.results import REPLACING, SCORED, SCORING
from ..storage.tables import write_table
from ..tasks.found import Found
from ..tasks.pairs import Pairs
from ..volumes.work import check_workers, need_dask

if TYPE_CHECKING:
    import pandas as pd

    from ..models.model import Model
    from ..tasks.task import Task

EDGE_PX = {2: 2048, 3: 128}
"""Edge of the boxes in which labels are read, by dimensions: 100 MB with what is made of them."""
Scored = tuple[dict[str, float], list[dict[str, Any]], bool]


def is_large(item: Item) -> bool:
    """Whether labels of an image are too many to be read at once, and can be read by region.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> labels = ArraySource(np.zeros((8, 8), int), role="labels")
    >>> is_large(Item("a", ArraySource(np.zeros((8, 8))), (labels,)))
    False
    """
    return len(item.annotations) == 1 and is_read_in_parts(item.annotations[0])


def check_in_blocks(how: InBlocks) -> None:
    """Refuse what cannot be meant of blocks before anything is read."""
    check_edges(how.block_px)
    check_workers(how.hands.workers, how.hands.client)


def refuse_without_blocks(how: InBlocks, items: Sequence[Item], ndim: int) -> None:
    """Refuse settings of blocks where no image is scored by them: nothing would follow them."""
    hands = how.hands
    asked = {
        "block_px": how.block_px,
        "client": hands.client,
        "workers": hands.workers if hands.workers != 1 else None,
    }
    name = next((name for name, value in asked.items() if value is not None), None)
    if name is not None and not any(map(is_large, items)):
        raise invalid(
            name,
            expected="an image that is scored block by block, of more than 134 million pixels of "
            "labels",
            received="none that is so large",
            remedy=say("Leave {} out: one process scores them on all cores.", Argument(name)),
        )
    edges_of(how.block_px, ndim)
    need_dask(hands.workers, hands.client)


class Room:
    """Where blocks are kept until scores are written: beside these, or in a temporary folder.

    Parameters
    ----------
    folder : Path or None
        Of the scores.
    overwrite : bool, default False
        Whether blocks of another prediction may be given up.
    """

    def __init__(self, folder: Path | None, overwrite: bool = False) -> None:
        self._folder, self._overwrite = folder, overwrite
        self._made: list[Begun] = []

    def begun(self, name: str) -> Begun:
        """Return where the blocks of an image are kept."""
        if self._folder is None:
            self._made.append(Begun(Path(tempfile.mkdtemp(prefix="cytoloom-")), True))
            return self._made[-1]
        (file,) = file_names([name]).values()
        place = self._folder / SCORING / file
        make_folder(place, place)
        self._made.append(Begun(place, self._overwrite))
        return self._made[-1]

    def end(self, summary: pd.DataFrame) -> None:
        """Keep by what it will be known that the scores are written, before they are."""
        if self._folder is None:
            return
        for begun in self._made:
            write_table(summary, begun.folder / SCORED)
            begun.state.end({SCORED: sha256_of(begun.folder / SCORED)})

    def clear(self, all_done: bool) -> None:
        """Remove blocks; of scores with a folder only when they are written, if there are some."""
        for begun in self._made:
            if all_done or self._folder is None or not any(begun.blocks.glob("*")):
                _remove(begun)
            if self._folder is not None:
                leave_empty(begun.folder.parent)


def _remove(begun: Begun) -> None:
    """Remove blocks, and only then by what they are known."""
    begun.clear()
    remove_folder(begun.folder)


def clear_scored(folder: Path) -> None:
    """Remove the blocks of scores that are written, which a kill at the very end has left."""
    for place in sorted(path for path in (folder / SCORING).glob("*") if path.is_dir()):
        begun = Begun(place, False)
        cleared = not begun.state.begun and not os.path.lexists(begun.blocks)
        if cleared or begun.state.has_ended(folder / REPLACING / SCORED, folder / SCORED):
            _remove(begun)
    leave_empty(folder / SCORING)


@contextlib.contextmanager
def room_for(out: str | os.PathLike[str] | None, overwrite: bool = False) -> Iterator[Room]:
    """Have room for the blocks of large images while these are scored."""
    room = Room(None if out is None else meant(out), overwrite)
    done = False
    try:
        yield room
        done = True
    finally:
        room.clear(done)


def score_in_blocks(
    model: Model,
    item: Item,
    unknown: int | None,
    factors: Factors,
    begun: Begun,
    asked: Mapping[str, Any],
    how: InBlocks,
) -> Work[Scored]:
    """Predict an image block by block, and score it by which labels meet.

    Parameters
    ----------
    model : Model
        What to score, as it looks at a tile once.
    item : Item
        With labels that are read by region.
    unknown : int, optional
        The label value that counts nowhere.
    factors : list of float or None
        By how much the network sees it enlarged.
    begun : Begun
        Where blocks are kept.
    asked : dict
        What the prediction depends on besides; JSON.
    how : InBlocks
        Blocks, who works on them, and views.

    Returns
    -------
    (dict, list of dict, bool)
        As `Task.score_pairs`, and whether contrast was held down.
    """
    try:
        found = yield from look_through(model, item, factors, begun, asked, how)
    except InvalidError as error:
        raise (error.renamed("data") if error.name == "images" else error) from None
    pairs = yield from pairs_in_blocks(model.task, item, unknown, found)
    scores, rows = model.task.score_pairs(pairs)
    return scores, rows, model.normalize.held_down(found.job.stats)


def pairs_in_blocks(
    task: Task, item: Item, unknown: int | None, found: FoundInBlocks
) -> Work[Pairs]:
    """Count which labels of the truth and of what was found meet, box by box."""
    labels, objects = Total(), Total()
    count = len(found.job.blocks)
    for k, block in enumerate(found.blocks()):
        yield Event("progress", f"{item.id}: labels of block {k + 1}/{count}", k, count)
        for truth, inner in _truth_of(task, item, unknown, block):
            seen = block.numbers[block.labels[inner]]
            objects.add(contingency(truth, seen, unknown=UNKNOWN))
            if block.classes is not None:
                labels.add(contingency(truth, block.classes[inner], unknown=UNKNOWN))
    numbered = objects.table()
    met = labels.table() if found.semantic else numbered
    classes = found.class_of
    named = {} if found.semantic else classes
    return Pairs(met, lambda: (numbered, classes if found.semantic else {}), named)


def _truth_of(
    task: Task, item: Item, unknown: int | None, block: Block
) -> Iterator[tuple[np.ndarray, tuple[slice, ...]]]:
    """Yield the labels of a block in boxes, -1 where unknown, and where in the block each is."""
    # numbers of objects stay as they are: of a part it is not known what is in the others
    numbered = task.objects(np.zeros((1,) * len(block.box), np.int32)) is not None
    start = [side.start for side in block.box]
    for inner in boxes_of(block.labels.shape, EDGE_PX[len(start)]):
        box = tuple(slice(s + a.start, s + a.stop) for s, a in zip(start, inner, strict=True))
        labels, known = read_labels(item, unknown, box)
        problems = task.check_labels(labels, known)
        if problems:
            raise invalid("data", expected="labels that can be used",
                          received=f"{item.annotations[0].name}: {problems[0]}")  # fmt: skip
        truth = labels if numbered else np.asarray(task.prepare(labels))
        truth = truth.astype(np.int32)
        if known is not None:
            truth[~known] = UNKNOWN
        yield truth, inner


def left_out(task: Task, ndim: int) -> str:
    """Say which scores of a task are not known from which labels meet; "" where all are.

    Examples
    --------
    >>> from cytoloom.tasks import Binary, Distance
    >>> left_out(Binary(), 2), left_out(Distance(), 2)[:26]
    ('', 'hausdorff_px, hausdorff95_')
    """
    nothing = np.zeros((1,) * ndim, np.uint8)
    every = task.score(nothing, Found(nothing, semantic=task.objects(nothing) is None))[0]
    empty = np.zeros(0, np.int64)
    table = Contingency(empty, empty, empty)
    own = task.score_pairs(Pairs(table, lambda: (table, {})))[0]
    return ", ".join(name for name in every if name not in own)


def without_words(name: str, names: str) -> str:
    """Say which scores an image does not have, being too large to be seen as a whole."""
    return say("{} is scored block by block, without {}: these need the whole image.", name, names)
