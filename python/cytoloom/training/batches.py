"""From images to batches: labels as the task understands them, samples, targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..datasets.items import read_labels
from ..datasets.looked_at import parts_looked_at
from ..images.cache import Cache
from ..patches.sample import ROLES, Sample, Sampler
from ..tasks.task import Target, Task
from .lesson import Batch

UNKNOWN = -1
"""Label of pixels that count nowhere, among those that the task has prepared."""


class TaskLabels:
    """The labels of one item as the task understands them, unknown pixels -1; a source.

    Those of too many pixels are read region by region, and have parts that are ``looked_at``.
    """

    def __init__(self, item: Any, unknown: int | None, task: Task, cache: Cache) -> None:
        self._item, self._unknown, self._task, self._cache = item, unknown, task, cache
        self.shape = tuple(item.image.shape[:-1])
        self.looked_at = parts_looked_at(item)
        # numbers of objects stay as they are: of a part it is not known what is in the others
        one = np.zeros((1,) * len(self.shape), np.int32)
        self._numbered = self.looked_at is not None and task.objects(one) is not None

    def read(self, slices: tuple[slice, ...] | None = None) -> np.ndarray:
        """Return a region, int32."""
        if self.looked_at is not None:
            return self._prepared(slices)
        # not by name: parts of one image, and files of two folders, share theirs
        whole = self._cache.get(id(self._item), self._whole)
        return whole if slices is None else whole[slices]

    def _whole(self) -> np.ndarray:
        return self._prepared(None)

    def _prepared(self, slices: tuple[slice, ...] | None) -> np.ndarray:
        labels, known = read_labels(self._item, self._unknown, slices)
        ready = labels if self._numbered else np.asarray(self._task.prepare(labels))
        ready = ready.astype(np.int32)
        if known is not None:
            ready[~known] = UNKNOWN
        return ready


def batch_maker(task: Task, sampler: Sampler, seed: int, size: int) -> Callable[[int], Batch]:
    """Return the function from i to batch i: images and targets with weights as last channel.

    Parameters
    ----------
    task : Task
        Makes the targets.
    sampler : Sampler
        Draws patches.
    seed : int
        Of the batches.
    size : int
        Patches in a batch.
    """
    context = task.context_px
    middle = tuple(slice(context, context + n) for n in sampler.patch_px)

    def make(i: int) -> Batch:
        """Make batch i, a pure function of seed and i."""
        samples = sampler.batch(seed, i, size)
        # where pixels are equally large, one target for all patches: 3.6 instead of 7.0 ms a batch
        alike = len({(sample.spacing_um, len(sample.arrays)) for sample in samples}) == 1
        groups = [samples] if alike else [[sample] for sample in samples]
        parts = [_targets(task, group, middle) for group in groups]
        images = np.stack([sample["image"] for sample in samples])
        inputs = {"image": images}
        return inputs, {head: np.concatenate([p[head] for p in parts]) for head in parts[0]}

    return make


def _targets(
    task: Task, samples: Sequence[Sample], middle: tuple[slice, ...]
) -> dict[str, np.ndarray]:
    """Make the targets of patches at once: one tall sample costs less than many small ones.

    That their windows meet does not matter: targets are exact `context_px` away from it.
    """
    names = ("labels", "known")
    # of several annotators: what each of them asks for
    ends = [str(k) for k in range(len(samples[0].arrays)) if f"labels{k}" in samples[0].arrays]
    asked = [
        Sample(
            {name: np.concatenate([sample[name + end] for sample in samples]) for name in names},
            {name: ROLES[name] for name in names},
            samples[0].spacing_um,
        )
        for end in ends or [""]
    ]
    windows = len(samples), *samples[0]["labels"].shape
    return {
        head: np.concatenate(
            [part.reshape(*windows, -1)[(slice(None), *middle)] for part in pair], axis=-1
        )
        for head, pair in mean_targets([task.target(tall) for tall in asked]).items()
    }


def mean_targets(targets: Sequence[Target]) -> Target:
    """Return the mean of what several annotators ask for; each counts where it is known to them.

    Examples
    --------
    >>> one, other = (np.float32([[v]]) for v in (0, 1))
    >>> value, weight = mean_targets([{"a": (one, other)}, {"a": (other, other)}])["a"]
    >>> value, weight
    (array([[0.5]], dtype=float32), array([[1.]], dtype=float32))
    """
    first, *others = targets
    if not others:
        return first
    found = {}
    for head in first:
        values, weights = zip(*(target[head] for target in targets), strict=True)
        total = np.sum(weights, axis=0, dtype=np.float32)
        each = [value * weight for value, weight in zip(values, weights, strict=True)]
        mean = np.sum(each, axis=0, dtype=np.float32) / np.maximum(total, np.float32(1e-6))
        found[head] = mean, total / np.float32(len(targets))
    return found
