"""The label image of a volume, written block by block, and the table of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.stored import as_passed
from ...datasets.stored import scale_of as passed_scale
from ...datasets.views import CropSource
from ...images.blocks import inside
from ...images.ome_zarr_write import ImageWriter, LabelsWriter
from ...models.rescale import scale_of as factor_of
from ...objects.measure import AXES, measure
from ...storage.atomic import told
from ...uncertainty.evidence import Evidence, joined, texture_of
from ...volumes.blocks import Blocks, Box, shared
from ...volumes.kept import file_of, read_block
from ..apply import channel_names, in_words
from ..predicted import Predicted
from ..summary import UNCERTAINTY, trusted
from .block import Job, moved
from .joined import Joined
from .pictures import PICTURE, writers

if TYPE_CHECKING:
    import pandas as pd

    from .place import Place

NUMBERS, STARTS = "numbers.npy", "starts.npy"
FEW = {"area_px", "area_um2", "volume_um3", "perimeter_px", "perimeter_um"}


@dataclass(frozen=True, eq=False)
class Writing:
    """What writing every block has in common; goes to other processes.

    Attributes
    ----------
    job : Job
        By which blocks were worked on.
    writer : LabelsWriter
        Of the label image.
    pictures : dict of str to ImageWriter
        Of what lies beside it, by kind.
    """

    job: Job
    writer: LabelsWriter
    pictures: Mapping[str, ImageWriter]

    @classmethod
    def of(cls, job: Job, found: Joined, place: Place, chunk_px: int) -> Writing:
        """Lay out the label image, and share the numbers of its objects."""
        for name, values in ((NUMBERS, found.numbers), (STARTS, found.starts)):
            np.save(job.folder / name, values)
        largest = len(job.model.task.label_names) - 1 if found.semantic else found.count
        blocks = job.blocks
        chunks = tuple(chunk_px if b % chunk_px == 0 else min(b, chunk_px) for b in blocks.block_px)
        spacing = job.item.spacing_um
        writer = LabelsWriter(
            place.new,
            blocks.shape,
            np.min_scalar_type(max(largest, 1)).name,
            tuple(min(c, n) for c, n in zip(chunks, blocks.shape, strict=True)),
            tuple(spacing) if spacing else None,
            place.origin_um("".join(AXES[len(blocks.shape)])) or _origin_um(job),
            place.version,
            classes=tuple(map(str, job.model.task.label_names[1:])) if found.semantic else (),
        )
        pictures = writers(writer, job.model, job.pictures)
        for one in (writer, *pictures.values()):
            one.begin()
        return cls(job, writer, pictures)

    @property
    def blocks(self) -> Blocks:
        """How the image is cut."""
        return self.job.blocks

    @property
    def side_by_side(self) -> bool:
        """Whether no two blocks write to one file."""
        edges = zip(self.blocks.block_px, self.blocks.shape, self.writer.chunk_px, strict=True)
        return all(b >= n or b % c == 0 for b, n, c in edges)

    def is_done(self, k: int) -> bool:
        """Whether a block is to be left out: none, for writing is quickly done again."""
        return False

    def shrink_all(self) -> Iterator[int]:
        """Make all smaller copies, and yield how many chunks are done."""
        every = (self.writer, *self.pictures.values())
        yield from (done for done, _ in enumerate(chain(*(one.shrink_all() for one in every)), 1))

    def finish(self, name: str, source: str) -> None:
        """Write what describes labels and pictures, so that they are images."""
        for kind, one in self.pictures.items():
            one.finish(f"{name}: {kind}")
        self.writer.finish(name, source)


def write_block(writing: Writing, k: int, workers: int | None = None) -> str:
    """Write the labels of a block, or their classes."""
    box = writing.blocks.core(k)
    kept = read_block(file_of(writing.job.folder, k), "labels", "classes", PICTURE)
    labels = kept["classes"] if "classes" in kept else _numbers_of(writing, k)[kept["labels"]]
    with told(writing.writer.folder):
        writing.writer.write(box, labels)
        for kind, one in writing.pictures.items():
            one.write((slice(None), *box), kept[PICTURE + kind])
    return "done"


def _numbers_of(writing: Writing, k: int) -> np.ndarray:
    """Return the number of each label of a block, that of 0 first."""
    starts = np.load(writing.job.folder / STARTS, mmap_mode="r")
    numbers = np.load(writing.job.folder / NUMBERS, mmap_mode="r")
    return np.append(0, numbers[starts[k] + 1 : starts[k + 1] + 1])


def predicted(writing: Writing, found: Joined) -> Predicted:
    """Put together the row of the image and the table of its objects."""
    job = writing.job
    model, item = job.model, job.item
    table = found.rows
    for number in found.anew:
        _measure_anew(writing, table, int(number))
    evidence = _evidence(job, found)
    judged = model.trust.probabilities(evidence).round(4) if evidence is not None else np.nan
    table.insert(0, "image", item.id)
    table.insert(table.columns.get_loc("touches_border"), "probability", judged)
    said = trusted(model.trust, evidence, table, faint := model.normalize.held_down(job.stats))
    if found.unsure is not None:
        said[UNCERTAINTY] = found.unsure
    passed = passed_scale(item.image)
    row = {
        "image": item.id,
        "status": "ok",
        "objects": len(table),
        "scale": factor_of(job.factors),
        "low": in_words(job.stats.low, passed),
        "high": in_words(job.stats.high, passed),
        "labels": "..",
        "semantic": found.semantic,
        "trusted": said,
    }
    return Predicted(row, table, None, (), "", faint)


def _evidence(job: Job, found: Joined) -> Evidence | None:
    if found.traits is None or found.seen_px is None:
        return None
    source, scale = job.item.image, factor_of(job.factors)
    texture = texture_of(source, job.stats, job.model.normalize, scale)
    # of a part an object touches other sides than of the whole
    traits = found.traits.copy()
    traits[:, -1] = found.rows["touches_border"]
    numbers = found.rows["object"].to_numpy()
    return joined(numbers, traits, found.seen_px, found.sums, texture)


def _measure_anew(writing: Writing, table: pd.DataFrame, number: int) -> None:
    """Measure an object that no block has seen as a whole, in the box around its parts."""
    job, at = writing.job, number - 1
    axes = AXES[job.model.ndim]
    ends = [(table.at[at, f"bbox_{a}_min"], table.at[at, f"bbox_{a}_max"]) for a in axes]
    box = tuple(slice(int(low), int(high)) for low, high in ends)
    labels = (_labels_in(writing, box) == number).astype(np.uint8)
    pixels = CropSource(as_passed(job.item.image), tuple((s.start, s.stop) for s in box))

    def read(rows: slice) -> np.ndarray:
        return np.asarray(pixels.read((rows, *(slice(0, n) for n in labels.shape[1:]))))

    names, spacing = channel_names(job.model), job.item.spacing_um
    one = measure(labels, image=read, channel_names=names, pixel_size_um=spacing)
    one = moved(one, [s.start for s in box], job.blocks.shape)
    for name in one:
        if name not in ("object", "class", "mean_foreground"):
            table[name] = table[name].astype(one[name].dtype)
            table.at[at, name] = one[name].iloc[0]


def _origin_um(job: Job) -> tuple[float, ...] | None:
    """Return where the image lies in a larger one, such as that of which it is a region."""
    info = getattr(job.item.image, "info", None)
    origin: tuple[float, ...] | None = None if info is None else info.origin_um
    return origin if origin is not None and len(origin) == len(job.blocks.shape) else None


def _labels_in(writing: Writing, box: Box) -> np.ndarray:
    """Return the numbers of objects in a box, from the blocks that it meets."""
    found = np.zeros([s.stop - s.start for s in box], np.int64)
    for k in _met(writing.blocks, box):
        core = writing.blocks.core(k)
        common = shared(core, box)
        if common is not None:
            labels = read_block(file_of(writing.job.folder, k), "labels")["labels"]
            part = labels[inside(common, core)]
            found[inside(common, box)] = _numbers_of(writing, k)[part]
    return found


def _met(blocks: Blocks, box: Box) -> Iterator[int]:
    """Yield the blocks that a box meets."""
    axes = zip(box, blocks.block_px, strict=True)
    places = [range(s.start // b, (s.stop - 1) // b + 1) for s, b in axes]
    for place in np.ndindex(*map(len, places)):
        k = blocks.at([axis[i] for axis, i in zip(places, place, strict=True)])
        if k is not None:
            yield k
