"""What the prediction of a volume will take, from a few blocks of it."""

from __future__ import annotations

import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.sources import ArraySource
from ...datasets.unlabelled import gather_images
from ...errors import InvalidError, invalid
from ...events import Event, Work
from ...images.ome_zarr_write import LabelsWriter, need_zarr
from ...messages import counted
from ...models.inputs import fitting_source, image_model
from ...models.rescale import factors_for
from ...training.recipe import Reason, as_table, as_text
from ...volumes.blocks import Blocks, Box
from ...volumes.kept import file_of, read_block
from ...volumes.work import Hands
from ..collect import items_for
from .block import Job, find_in_block
from .cut import CHUNK_PX, PROCESS_GB, blocks_for, bytes_of
from .pictures import MAPS, PICTURE, writers
from .volume import time_words

if TYPE_CHECKING:
    import pandas as pd

    from ...models.model import Model

TRIED = (0.25, 0.5, 0.75)
"""Where blocks are tried, as parts of each axis: corners are often empty."""
MOST_LEVELS = 32
"""Copies that are looked for in a file; none has more."""
clock = time.perf_counter


@dataclass(frozen=True, eq=False)
class VolumePlan:
    """What a prediction block by block will take; printed, a table with reasons.

    Attributes
    ----------
    hours : float
        Of one process on this machine.
    labels_gb, pyramid_gb, maps_gb, working_gb : float
        Disk for labels, their smaller copies, maps with theirs, and until all is whole.
    memory_gb : float
        Of each worker, with the process itself.
    level : int
        Which copy of the image has the pixels that are next to the model's; 0: the one given.
    reasons : tuple of Reason
        One per number.
    """

    hours: float
    labels_gb: float
    pyramid_gb: float
    maps_gb: float
    working_gb: float
    memory_gb: float
    level: int
    reasons: tuple[Reason, ...]

    @property
    def table(self) -> pd.DataFrame:
        """Columns setting, value, why."""
        return as_table(self.reasons)

    def __str__(self) -> str:
        return as_text(self.reasons)


@dataclass(frozen=True)
class _Tried:
    """What some blocks took, per pixel: seconds to find and to write, bytes of each kind."""

    find_s: float
    write_s: float
    labels: float
    maps: float
    kept: float
    blocks: int


def planned_volume(model: Any, data: Any) -> Work[VolumePlan]:
    """Find objects in three blocks of an image, and say what all of it will take."""
    need_zarr()
    model = image_model(model)
    try:
        items = yield from items_for(model, data)
    except InvalidError as error:
        raise (error.renamed("data") if error.name == "images" else error) from None
    if len(items) != 1:
        got = counted(len(items), "image")
        raise invalid("data", expected="one image, where there is a model", received=got)
    (item,) = items
    source = fitting_source(model, item)
    factors = (yield from factors_for(model, items, "auto"))[item.id]
    blocks = blocks_for(model, source, factors, None, Hands())
    with tempfile.TemporaryDirectory() as folder:
        edges = tuple(min(CHUNK_PX[model.ndim], b) for b in blocks.block_px)
        small = Blocks(blocks.shape, edges, blocks.margin_px)
        middle = small.core(_places(small)[-1])
        pixels = ArraySource(np.asarray(source.read(middle)), axes=source.axes)
        stats = model.normalize.fit(pixels)
        job = Job(model, item, stats, factors, small, Path(folder), pictures=(MAPS,))
        tried = yield from _try(job)
    need = bytes_of(model, source, blocks.block_px, blocks.margin_px)
    return _plan(tried, blocks, need, *_level_for(model, item, data))


def _places(blocks: Blocks) -> list[int]:
    """Return the numbers of the blocks to try.

    Examples
    --------
    >>> _places(Blocks((80, 80), (10, 10), (1, 1))), _places(Blocks((9, 9), (9, 9), (1, 1)))
    ([18, 36, 54], [0])
    """
    found = (blocks.at([int(n * part) for n in blocks.counts]) for part in TRIED)
    return list(dict.fromkeys(k for k in found if k is not None))


def _try(job: Job) -> Work[_Tried]:
    """Work on some blocks, the first once more: what a network needs once is not counted."""
    places = _places(job.blocks)
    find, write, sizes, seen, own = 0.0, 0.0, np.zeros(3), 0, 0
    for n, k in enumerate([places[0], *places]):
        yield Event("progress", f"a block to be timed, {n}/{len(places)}", n, len(places))
        file = file_of(job.folder, k)
        file.unlink(missing_ok=True)
        began = clock()
        find_in_block(job, k)
        ended = clock()
        if n == 0:
            continue
        sizes += [*_written(job, k), file.stat().st_size]
        find, write = find + ended - began, write + clock() - ended
        seen += _size(job.blocks.region(k))
        own += _size(job.blocks.core(k))
    labels, maps, kept = (float(size) / own for size in sizes)
    return _Tried(find / seen, write / own, labels, maps, kept, len(places))


def _written(job: Job, k: int) -> tuple[int, int]:
    """Write labels and maps of a block, and return how many bytes they take."""
    kept = read_block(file_of(job.folder, k), "labels", PICTURE)
    labels = kept["labels"].astype(np.uint32)
    box = tuple(slice(0, n) for n in labels.shape)
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        chunks = tuple(min(CHUNK_PX[labels.ndim], n) for n in labels.shape)
        writer = LabelsWriter(Path(folder) / "labels", labels.shape, "uint32", chunks)
        pictures = writers(writer, job.model, (MAPS,))
        for one in (writer, *pictures.values()):
            one.begin()
        writer.write(box, labels)
        own = _bytes_in(writer.folder)
        pictures[MAPS].write((slice(None), *box), kept[PICTURE + MAPS])
        return own, _bytes_in(pictures[MAPS].folder)


def _bytes_in(folder: Path) -> int:
    files = (Path(base) / name for base, _, names in os.walk(folder) for name in names)
    return sum(file.stat().st_size for file in files)


def _plan(
    tried: _Tried, blocks: Blocks, need: float, level: int, where: str, why: str
) -> VolumePlan:
    """Scale what was tried to the whole image."""
    own = math.prod(blocks.shape)
    hours = own * (tried.find_s * blocks.seen_more + tried.write_s) / 3600
    share = 1 / (2 ** len(blocks.shape) - 1)
    labels, maps, kept = (own * one / 1e9 for one in (tried.labels, tried.maps, tried.kept))
    by = f"as in {counted(tried.blocks, 'block')} tried"
    edges = " x ".join(map(str, blocks.block_px))
    memory = PROCESS_GB + need / 1e9
    process = f"{PROCESS_GB:g} GB are of the process itself"
    numbers = (
        ("time", time_words(hours * 3600), f"of one process here, {by}; more workers divide it"),
        ("labels", _disk(labels), f"on disk, {by}"),
        ("pyramid", _disk(labels * share), "smaller copies of the labels"),
        ("maps", _disk(maps * (1 + share)), f"if asked for, with smaller copies, {by}"),
        ("working", _disk(kept), f"on disk until all is whole, with maps, {by}"),
        ("memory", _disk(memory), f"of each worker, for blocks of {edges} px; {process}"),
        ("level", where, why),
    )
    return VolumePlan(
        hours, labels, labels * share, maps * (1 + share), kept, memory, level,
        tuple(Reason(*one) for one in numbers),
    )  # fmt: skip


def _disk(gb: float) -> str:
    """Say how many bytes, in words.

    Examples
    --------
    >>> _disk(1234.5), _disk(0.0021)
    ('1.23e+03 GB', '2.1 MB')
    """
    return f"{gb:.3g} GB" if gb >= 1 else f"{gb * 1000:.3g} MB"


def _level_for(model: Model, item: Any, data: Any) -> tuple[int, str, str]:
    """Return which copy of an image to name, how, and why."""
    trained, own = model.info["pixel_size_um"], item.spacing_um
    if not trained or not own:
        return 0, "as given", "pixel sizes of the image or the training are not known"
    size = f"pixels of {own[-1]:.3g} um, in training {trained[-1]:.3g}"
    best, named = 0, "as given"
    path = os.fspath(data) if isinstance(data, (str, os.PathLike)) else ""
    for k in range(1, MOST_LEVELS if path and ":/" not in path else 0):
        try:
            copy = gather_images(f"{path}:/{k}").items[0].spacing_um
        except (InvalidError, OSError):
            break
        if copy is None or max(copy[-2:]) > 1.05 * max(trained[-2:]):
            break
        best, named = k, f"{path}:/{k}"
        size = f"pixels of {copy[-1]:.3g} um, in training {trained[-1]:.3g}"
    return best, named, size + ("; the numbers above are of the full resolution" if best else "")


def _size(box: Box) -> int:
    return math.prod(s.stop - s.start for s in box)
