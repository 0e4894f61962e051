"""Predict a large image block by block, into a label image in OME-Zarr."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...components import from_plain, to_plain
from ...datasets.items import Item, said_once
from ...errors import DiskError, InvalidError, invalid
from ...events import Event, Work, note, warn
from ...images.cache import state_of as state_of_file
from ...images.normalize import Stats
from ...images.ome_zarr_write import ENDING, need_zarr, place_of
from ...images.zarr_store import METADATA
from ...messages import Argument, Setting, counted, say
from ...models.contrast import held_down_words
from ...models.identity import model_sha256
from ...models.inputs import fitting_source
from ...models.rescale import Factors, factors_for
from ...objects.measure import AXES
from ...storage.atomic import meant, told
from ...version import __version__
from ...volumes.blocks import Blocks
from ...volumes.work import Gone, Hands, check_workers, each_block, need_dask
from ...volumes.work import Work as OfBlock
from ..collect import together
from ..decided import state_of
from ..parts import begun, check_parts, entered, part_of, part_words
from ..reopened import ended_before
from ..summary import uncounted
from .begun import Begun
from .block import Job, find_in_block
from .cut import CHUNK_PX, blocks_for, check_edges, edges_of, plain_edges, words_of
from .joined import Joined, join
from .measured import factors_of, in_pieces, stats_of, words_of_box
from .pictures import KINDS
from .place import Place, open_place, working_at
from .written import Writing, predicted, write_block

if TYPE_CHECKING:
    from ...models.model import Model
    from ..predictions import Predictions

LABELS = "labels"
MOST_NAMED = 10_000
"""Objects that are named of those larger than what blocks see, and of those that two saw."""


def is_volume(out: Any) -> bool:
    """Whether results are to be a label image in a Zarr store.

    Examples
    --------
    >>> is_volume("big.zarr/labels/cells"), is_volume("results"), is_volume(None)
    (True, False, False)
    """
    named = out is not None and isinstance(out, (str, os.PathLike))
    parts = Path(os.fspath(out)).parts if named else ()
    return any(part.lower().endswith(ENDING) for part in parts)


def check_blocks(
    out: Any, block_px: Any, workers: Any, client: Any, overlay: bool, part: Any = None
) -> None:
    """Refuse what cannot be meant of blocks before anything is read."""
    part_of(part)
    check_workers(workers, client)
    if not is_volume(out):
        if block_px is not None:
            expected = say("{} in a Zarr store with it, such as cells.zarr", Argument("out"))
            received = say("{}", Setting("out", out if out is None else str(out)))
            raise invalid("block_px", expected=expected, received=received)
        check_parts(out, part, workers, client)
        need_dask(workers, client)
        return
    if overlay:
        got = f"a label image in Zarr, {out}"
        raise invalid("overlay", expected="a folder of results for it", received=got)
    check_edges(block_px)
    place_of(meant(out))
    need_zarr()
    need_dask(workers, client)


def collect_volume(
    model: Model,
    items: Sequence[Any],
    out: Any,
    overwrite: bool,
    asked: Mapping[str, Any],
    run: dict[str, Any],
    block_px: int | Sequence[int] | None,
    workers: int,
    client: Any,
    part: tuple[int, int] | None = None,
) -> Work[Predictions]:
    """Predict one image in blocks; the arguments are those of `predict`.

    Parameters
    ----------
    model : Model
        What is applied.
    items : sequence of Item
        The image; one alone.
    out, overwrite, block_px, workers, client
        See `predict`.
    asked : dict
        What results depend on beside model and image; JSON.
    run : dict
        What makes these results.
    part : (int, int), optional
        Which part, of how many, to work on; see `part_of`.
    """
    item = in_pieces(_only(items))
    if model.engine.warning is not None:
        yield warn(model.engine.warning)
    for text in said_once(items):
        yield warn(text)
    hands = Hands(workers, client)
    how, threads = _How(model, item, overwrite, asked, block_px, hands), hands.threads
    if part is not None:
        return (yield from _part(how, out, part, hands))
    # the place first: a cluster is not waited for where nothing can be written
    with open_place(out, overwrite) as place, hands:
        if place.has_ended and place.end(how.begun_as()):
            return (yield from ended_before(place.path))
        pool = hands.pool()
        job = yield from _laid_out(how, place)
        every = range(len(job.blocks))
        yield from all_blocks(find_in_block, job, every, pool, threads, "block {}/{}")
        made = yield from _put_together(how, job, place, run, pool, threads)
    yield from uncounted(model.trust)
    yield note(f"{made}.")
    return made


@dataclass(frozen=True)
class _How:
    """What was asked for; see `collect_volume`."""

    model: Model
    item: Any
    overwrite: bool
    asked: Mapping[str, Any]
    block_px: int | Sequence[int] | None
    hands: Hands

    def begun_as(self) -> dict[str, Any]:
        """Return by what an unfinished prediction is known to be this one; JSON."""
        state = {"model": model_sha256(self.model), "image": state_of_image(self.item)}
        edges = plain_edges(self.block_px)
        return {**state, "cytoloom": __version__, **self.asked, "block_px": edges}


def _laid_out(how: _How, place: Place) -> Work[Job]:
    """Measure the image and cut it, once; what was decided before a kill stays."""
    model, item, block_px = how.model, how.item, how.block_px
    source = fitting_source(model, item)
    place.refuse_other_size(tuple(source.shape[:-1]), "".join(AXES[model.ndim]))
    # said before the whole image is measured; "auto" may come to blocks that see less
    edges_of(block_px, model.ndim)
    rescale = how.asked["rescale"]
    if rescale != "auto":
        factors = (yield from factors_for(model, [item], rescale))[item.id]
        blocks_for(model, source, factors, block_px, how.hands)
    place.go_on(how.begun_as())
    stats, factors = yield from _decided(model, item, source, rescale, place)
    blocks = cut_as_before(model, source, factors, block_px, how.hands, place)
    yield note(words_of(model, source, blocks, how.hands.count))
    kinds = tuple(kind for kind in KINDS if how.asked[kind])
    return Job(model, item, stats, factors, blocks, place.blocks, how.asked["views"], kinds)


def _put_together(
    how: _How, job: Job, place: Place, run: dict[str, Any], pool: Any, threads: int | None
) -> Work[Predictions]:
    """Write labels, pictures and tables of blocks that are all done."""
    found = join(job)
    with told(place.new):
        writing = Writing.of(job, found, place, CHUNK_PX[how.model.ndim])
        alone = None if not writing.side_by_side else pool
        every = range(len(job.blocks))
        yield from all_blocks(write_block, writing, every, alone, threads, "labels of block {}/{}")
        one = predicted(writing, found)
        for done in writing.shrink_all():
            yield Event("progress", "smaller copies", done, 0)
        writing.finish(place.target.name, place.source)
    place.run = {**run, "blocks": {**told_of(found, job.blocks), "pictures": job.pictures}}
    for text in (*_differing(found), *held_down_words([how.item.id] if one.held_down else [])):
        yield warn(text)
    parquet = how.asked["objects"] == "parquet"
    if parquet:
        place.write_objects(one.objects, how.item.id)
        one = replace(one, objects=one.objects[:0])
    return (yield from together([how.item], [one], place, how.model.task, parquet))


def _part(how: _How, out: Any, part: tuple[int, int], hands: Hands) -> Work[Predictions]:
    """Work on every n-th block, and leave it to a call without a part to put all together."""
    with contextlib.ExitStack() as stack:
        opened = partial(open_place, out, how.overwrite)
        at, first = working_at(out), "measures the image"
        place = yield from entered(stack, opened, at, part, first)
        if place.has_ended and place.end(how.begun_as()):
            return (yield from ended_before(place.path))
        job = yield from _laid_out(how, place)
        place.goes_on = True
    own = range(part[0] - 1, len(job.blocks), part[1])
    words = "block {}/{} of this part"
    with hands:
        yield from all_blocks(find_in_block, job, own, hands.pool(), hands.threads, words)
    blocks = len(job.blocks)
    missing = sum(not job.is_done(k) for k in range(blocks))
    yield note(part_words(part, missing, blocks))
    return begun({how.item.id: part_words(part, missing, blocks)}, how.model.task)


def state_of_image(item: Item) -> Any:
    """Return what is another for another image.

    Of a store what describes it counts: a chunk of it may be mended while blocks are worked on.
    """
    try:
        store = Path(item.image.name)
    except InvalidError:  # told when it is read
        return ""
    if not store.is_dir():
        return state_of(item)
    inside = (path for name in METADATA for path in (*store.glob(name), *store.glob(f"*/{name}")))
    kept = sorted(path for path in inside if path.parent.name != LABELS)
    return [str(item.spacing_um), *(state_of_file(path) for path in kept)]


def cut_as_before(
    model: Model, source: Any, factors: Factors, block_px: Any, hands: Hands, place: Begun
) -> Blocks:
    """Cut the image, or as it was before a kill: memory may be another now."""
    if "blocks" not in place.state.decided:
        made = blocks_for(model, source, factors, block_px, hands)
        kept = {"block_px": list(made.block_px), "margin_px": list(made.margin_px)}
        place.state.decide("blocks", kept)
    kept = place.state.decided["blocks"]
    return Blocks(tuple(source.shape[:-1]), tuple(kept["block_px"]), tuple(kept["margin_px"]))


def told_of(found: Joined, blocks: Blocks) -> dict[str, Any]:
    """Return what is to be known later of how blocks were put together; JSON."""
    return {
        "block_px": blocks.block_px,
        "margin_px": blocks.margin_px,
        "blocks": len(blocks),
        "differing_px": found.differing_px,
        "larger_than_seen": found.cut[:MOST_NAMED].tolist(),
        "seen_differently": found.differing[:MOST_NAMED].tolist(),
    }


def _differing(found: Joined) -> Iterator[Any]:
    """Say where the result may be another than that of the whole image."""
    if not found.differing_px and not len(found.cut):
        return
    larger = f"{_named(found.cut)} reach farther than what is seen around a block"
    larger = larger if len(found.cut) else ""
    text = f"{counted(found.differing_px, 'pixel')} at the ends of blocks of which two said "
    text += "different things"
    text += f", of {_named(found.differing)}" if len(found.differing) else ""
    text = text if found.differing_px else ""
    both = "; ".join(filter(None, (larger, text)))
    yield say("{}: there labels may differ from those of the whole image. Larger blocks ({}) help.",
              both, Argument("block_px"))  # fmt: skip


def _named(numbers: Any) -> str:
    """Count objects, and name the first of them.

    Examples
    --------
    >>> _named([3, 5, 7, 9]), _named([3])
    ('4 objects (3, 5, 7, ...)', '1 object (3)')
    """
    which = ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
    return f"{counted(len(numbers), 'object')} ({which})"


def _only(items: Sequence[Any]) -> Any:
    if len(items) != 1:
        raise invalid(
            "images",
            expected="one image, for a label image in Zarr",
            received=counted(len(items), "image"),
            remedy=say(
                "Give one plane or time point as an array, or a folder of results as {}.",
                Argument("out"),
            ),
        )
    return items[0]


def _decided(
    model: Model, item: Any, source: Any, rescale: Any, place: Place
) -> Work[tuple[Stats, Factors]]:
    """Measure the whole image and decide its size once; kept, as both take reading much of it."""
    decided = place.state.decided
    if "stats" not in decided:
        yield Event("progress", "the whole image is measured", 0, 0)
        stats = yield from stats_of(model, item, source)
        place.state.decide("stats", to_plain(stats))
    if "factors" not in decided:
        factors = yield from factors_of(model, item, rescale)
        place.state.decide("factors", factors)
    return from_plain(decided["stats"], Stats), decided["factors"]


def all_blocks(
    work: OfBlock, job: Any, numbers: Sequence[int], pool: Any, threads: int | None, words: str
) -> Work[None]:
    """Do something with those blocks that are not done, and tell how long it will take."""
    count = len(numbers)
    left = [k for k in numbers if not job.is_done(k)]
    began, done = time.monotonic(), count - len(left)
    failed: dict[int, Exception] = {}
    if done and left:
        yield note(f"Going on: {done} of {counted(count, 'block')} are finished.")
    for n, (k, finish) in enumerate(each_block(work, job, left, pool, threads), start=1):
        try:
            finish()
        except (DiskError, Gone):  # no other can be written or worked on, either
            raise
        except (InvalidError, OSError) as error:
            failed[k] = error
            yield warn(say("{}: {}", words_of_box(job.blocks.core(k)), str(error)))
        rest = (time.monotonic() - began) / n * (len(left) - n)
        text = words.format(done + n, count) + (f", about {time_words(rest)} left" if n > 1 else "")
        yield Event("progress", text, done + n, count)

    if failed:
        k, error = next(iter(failed.items()))
        raise invalid(
            "images",
            expected="pixels that can be read",
            received=f"{counted(len(failed), 'block')} of {count} that cannot be worked on, the "
            f"first at {words_of_box(job.blocks.core(k))}: {error}",
            remedy="The others are kept. Mend what is damaged, or remove the damaged chunk, "
            "which is then empty, and the same call goes on.",
        )


def time_words(seconds: float) -> str:
    """Say a time in words.

    Examples
    --------
    >>> time_words(12), time_words(200), time_words(9000)
    ('12 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
