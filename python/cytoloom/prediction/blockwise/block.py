"""One block of a large image: what a model finds there, kept until all blocks are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.stored import as_passed
from ...datasets.views import CropSource
from ...images.blocks import grown, inside
from ...inference.memory_map import MemoryMaps
from ...inference.tiled import HALO_LIMIT_PX
from ...models.padding import without_padding
from ...models.rescale import Factors, scaled_maps
from ...models.rescale import scale_of as factor_of
from ...models.turned import in_views
from ...objects.measure import AXES
from ...segmentation.classed import class_sums
from ...uncertainty.evidence import evidence_of, sums_of
from ...volumes.blocks import Blocks, Box
from ...volumes.kept import as_arrays, file_of, is_done, keep_block
from ...volumes.stitch import cut_off, faces_of, first_pixels
from ..apply import measured
from .pictures import UNCERTAINTY, pictures_of

if TYPE_CHECKING:
    import pandas as pd

    from ...models.model import Model
    from ...tasks.task import Task

SUMS = ("total", "left", "undecided", "pixels")


@dataclass(frozen=True, eq=False)
class Job:
    """What every block of a prediction has in common; goes to other processes.

    Attributes
    ----------
    model : Model
        What is applied.
    item : Item
        The image.
    stats : Stats
        What normalisation measured on the whole of it.
    factors : list of float or None
        By how much the network sees it enlarged.
    blocks : Blocks
        How it is cut.
    folder : Path
        Where what is found in each block is kept.
    views : int
        In how many views the network sees each tile.
    pictures : tuple of str
        Which of `KINDS` are wanted beside the labels.
    measured : bool
        Whether objects are measured and judged; scores need neither.
    """

    model: Model
    item: Any
    stats: Any
    factors: Factors
    blocks: Blocks
    folder: Path
    views: int = 1
    pictures: tuple[str, ...] = ()
    measured: bool = True

    def is_done(self, k: int) -> bool:
        """Whether a block has been worked on, by whatever run."""
        return is_done(file_of(self.folder, k))

    def seen(self) -> Model:
        """Return the model as it looks at tiles."""
        if self.views == 1:
            return self.model
        engine = in_views(self.model.engine, self.views, self.model.task.heads)
        return replace(self.model, _engine=engine)


def find_in_block(job: Job, k: int, workers: int | None = None) -> str:
    """Find objects in a block and keep them; "kept" where an earlier run has done so."""
    if job.is_done(k):
        return "kept"
    keep_block(file_of(job.folder, k), _found_in(job, k, workers))
    return "done"


def _found_in(job: Job, k: int, workers: int | None) -> dict[str, np.ndarray]:
    model, blocks = job.seen(), job.blocks
    core, region = blocks.core(k), blocks.region(k)
    task_of_whole, scale = model.task, factor_of(job.factors)
    task = for_parts(task_of_whole)
    source = Window(job.item.image, _seen(job, region))
    here = CropSource(source, tuple((s.start, s.stop) for s in region))
    inner, corner = inside(core, region), [s.start for s in region]
    with MemoryMaps() as store:
        unsure = UNCERTAINTY in job.pictures
        maps = scaled_maps(
            model, source, job.stats, job.factors, store, workers, unsure, part=region
        )
        store.trim()
        found = task.decode(maps, job.item.spacing_um)
        # padding is that of the whole image
        found = without_padding(found, CropSource(job.item.image, here.roi), job.stats)
        labels, old = only_those_in(found.objects_labels, inner)
        faces = faces_of(labels, region, core, blocks.shape)
        named = {new: found.classes[o] for new, o in enumerate(old.tolist()) if o in found.classes}
        if job.measured:
            given = as_passed(job.item.image)
            pixels = here if given is job.item.image else CropSource(given, here.roi)
            table = measured(model, labels, named, pixels, maps, job.item.spacing_um)
            table = moved(table, corner, blocks.shape)
        else:
            table = _unmeasured(model, labels, named, region, blocks.shape)
        own = {head: values[inner] for head, values in maps.items()}
        arrays = pictures_of(model, own, labels[inner], job.pictures)
        if job.measured and model.trust is not None:
            # what is beside an object counts, in the block or not
            every = _without_border(task_of_whole, found.objects_labels, region, blocks.shape)
            evidence = evidence_of(task, maps, every, here, job.stats, model.normalize, scale)
            traits = np.zeros((len(old) - 1, evidence.objects.shape[1]))
            seen = np.zeros(len(old) - 1)
            # objects at the border that are left out have none, and need none
            here_too = np.isin(evidence.numbers, old[1:])
            at = np.searchsorted(old[1:], evidence.numbers[here_too])
            traits[at], seen[at] = evidence.objects[here_too], evidence.area_px[here_too]
            arrays |= {"traits": traits, "seen_px": seen}
            sums = sums_of(task, own, every[inner])
            arrays["sums"] = np.array([sums[name] for name in SUMS]) * scale**model.ndim
    said = task.class_probabilities(maps)
    if said is not None:
        # of the block's own pixels: what blocks have of an object adds up to the whole of it
        arrays["class_sums"] = class_sums(labels[inner], said[inner], len(old) - 1)[1:]
    if found.semantic:
        arrays["classes"] = np.asarray(found.labels[inner])
    count = len(old) - 1
    return {
        **arrays,
        "semantic": np.array(found.semantic),
        "labels": labels[inner],
        **{f"first{axis}": one for axis, one in enumerate(faces.first)},
        **{f"behind{axis}": one for axis, one in enumerate(faces.behind)},
        "begins": first_pixels(labels[inner], count, [s.start for s in core], blocks.shape)[1:],
        "begins_seen": first_pixels(labels, count, corner, blocks.shape)[1:],
        "area": np.bincount(labels[inner].ravel(), minlength=count + 1)[1:],
        "cut": np.isin(np.arange(1, count + 1), cut_off(labels, region, blocks.shape)),
        **as_arrays(table),
    }


def for_parts(task: Task) -> Task:
    """Return a task that drops nothing for touching the border, which may be that of a part."""
    return replace(task, exclude_border=False) if drops_border(task) else task  # type: ignore[type-var]


def drops_border(task: Task) -> bool:
    """Whether a task drops objects that touch the border of an image."""
    return bool(getattr(task, "exclude_border", False))


def _without_border(task: Task, labels: np.ndarray, region: Box, shape: Any) -> np.ndarray:
    """Return labels without the objects that the whole image has not, for touching its border."""
    if not drops_border(task):
        return labels
    return np.where(np.isin(labels, _at_border(labels, region, shape)), 0, labels)


def _at_border(labels: np.ndarray, region: Box, shape: Any) -> np.ndarray:
    """Return the labels of a region that touch the border of the image, and 0."""
    sides = [np.zeros(1, labels.dtype)]
    for axis, (part, n) in enumerate(zip(region, shape, strict=True)):
        sides += [np.unique(np.take(labels, 0, axis))] if part.start == 0 else []
        sides += [np.unique(np.take(labels, -1, axis))] if part.stop == n else []
    return np.concatenate(sides)


def _unmeasured(
    model: Model, labels: np.ndarray, classes: Mapping[int, int], region: Box, shape: Any
) -> pd.DataFrame:
    """Return what must be known of the objects of a region, labelled from 1 on, to join them."""
    import pandas as pd

    names = model.task.label_names
    numbers = np.arange(1, int(labels.max(initial=0)) + 1)
    named = [names[classes[k]] if k in classes else np.nan for k in numbers.tolist()]
    return pd.DataFrame(
        {
            "object": numbers,
            "class": pd.Series(named, dtype=object),
            "area_px": np.bincount(labels.ravel(), minlength=len(numbers) + 1)[1:],
            "touches_border": np.isin(numbers, _at_border(labels, region, shape)),
        }
    )


def only_those_in(labels: np.ndarray, inner: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of objects that have a pixel in a box, from 1 on, and what they were.

    Examples
    --------
    >>> only_those_in(np.array([7, 5, 0, 9]), np.s_[1:4])
    (array([0, 1, 0, 2], dtype=int32), array([0, 5, 9]))
    """
    old = np.unique(labels[inner])
    old = old if old[:1].any() == 0 and len(old) else np.append(0, old)
    new = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    new[old] = np.arange(len(old))
    return new[labels], old


def moved(table: Any, corner: Any, shape: Any) -> Any:
    """Return a table of objects of a part as one of the whole: where they are, at what border."""
    table = table.copy()
    touches = np.zeros(len(table), bool)
    for name, start, n in zip(AXES[len(shape)], corner, shape, strict=True):
        for column in (f"centroid_{name}", f"bbox_{name}_min", f"bbox_{name}_max"):
            table[column] += start
        touches |= (table[f"bbox_{name}_min"] == 0) | (table[f"bbox_{name}_max"] == n)
    return table.assign(touches_border=touches)


class Window:
    """An image of which a box is kept in memory once it has been read; the rest is read anew.

    Parameters
    ----------
    whole : Source
        The image.
    box : tuple of slice
        What of it will be asked for, again and again.
    """

    regions = True

    def __init__(self, whole: Any, box: Box) -> None:
        self._whole, self._box = whole, box
        self.shape, self.dtype = whole.shape, whole.dtype
        self.axes, self.name, self.spacing_um = whole.axes, whole.name, whole.spacing_um
        self.channel_names = getattr(whole, "channel_names", None)
        self.bare = getattr(whole, "bare", False)
        self._pixels = np.asarray(whole.read(box))

    def read(self, slices: Box | None = None) -> np.ndarray:
        """Return pixels, from memory where they lie in the box."""
        slices = slices or tuple(slice(0, n) for n in self.shape[:-1])
        axes = list(zip(slices, self._box, strict=True))
        if all(b.start <= s.start and s.stop <= b.stop for s, b in axes):
            return np.asarray(self._pixels[inside(slices, self._box)])
        return np.asarray(self._whole.read(slices))


def _seen(job: Job, region: Box) -> Box:
    """Return what the network sees of a region, in pixels of the image."""
    network = job.model.network
    halo = network.halo_px or (0,) * job.model.ndim
    factors = job.factors or [1.0] * job.model.ndim
    axes = zip(halo, network.grid_px, factors, strict=True)
    reach = [int((min(h, HALO_LIMIT_PX) + 4 * g) / f + 4 / f) + 2 for h, g, f in axes]
    return grown(region, reach, job.blocks.shape)
