"""Get a training ready: what to learn from which images, by which network, in which patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import backend
from .errors import invalid
from .fitting import Batch
from .images.normalize import Normalize
from .networks.unet import UNet
from .objects import FEW_OBJECTS, diameters, typical_diameter
from .patches.augment import Augment
from .patches.sample import ROLES, Reader, Sample, Sampler
from .planning import Facts, Plan, choose
from .progress import Event, note, warn
from .sources import SHARED, Cache
from .tasks.instances import Instances
from .tasks.task import Task
from .trainer import Trainer

if TYPE_CHECKING:
    from .data import Data
    from .model import Model

UNKNOWN = -1


@dataclass
class Run:
    """What one training works with; filled in step by step."""

    task: Task
    network: UNet
    trainer: Trainer
    normalize: Normalize
    seed: int
    start: Model | None = None
    given: frozenset[str] = frozenset()
    plan: Plan | None = None
    precision: str = "float32"
    train: Data | None = None
    validation: Data | None = None
    split_note: str = ""
    readers: tuple[Reader, ...] = ()
    validation_readers: tuple[Reader, ...] = ()
    manifest: dict[str, list[dict[str, Any]]] | None = None
    diameter_px: dict[str, float] | None = None
    keras: Any = None
    fitted: Any = None
    model: Model | None = None
    scores: dict[str, float] | None = None
    tile_difference: float | None = None
    fast: dict[str, Any] | None = None
    coherence: float | None = None
    forward_s_per_px: float = 1e-6
    interrupted: bool = False
    labels: Cache = field(default_factory=lambda: Cache(2**30))

    @property
    def seed_words(self) -> str:
        """For the note at the start."""
        same = "" if backend.repeatable() else ", not repeatable: TensorFlow was already running"
        return f"seed {self.seed}{same}"

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Median pixel size of the training images, where all have one."""
        assert self.train is not None
        known = [item.spacing_um for item in self.train.items]
        if not known or any(s is None for s in known):
            return None
        return tuple(float(v) for v in np.median(np.array(known, float), axis=0))


def given(**components: Any) -> frozenset[str]:
    """Names of the components that are not None."""
    return frozenset(name for name, value in components.items() if value is not None)


def read_data(run: Run, data: Any, validation: Any) -> Iterator[Event]:
    """Check everything, then split."""
    from .data import as_data, check, split

    SHARED.resize(int(run.trainer.cache_gb * 0.7e9))
    run.labels.resize(int(run.trainer.cache_gb * 0.3e9))
    whole = as_data(data)
    report = check(whole, run.task)
    if not report.ok:
        raise invalid("data", expected="usable images and labels", received=str(report))
    for text in report.notes:
        yield note(text)
    for text in report.warnings:
        yield warn(text)
    run.train, run.validation, run.split_note = split(whole, validation, run.seed)
    if not isinstance(validation, (int, float, type(None))):
        report = check(run.validation, run.task, training=False)
        if not report.ok:
            raise invalid("validation", expected="usable images", received=str(report))
    if not run.validation.items:
        raise invalid(
            "validation",
            expected="images held out, by which the best weights and the thresholds are chosen",
            received=run.split_note,
            remedy='Pass a share such as 0.2, images of their own, or mark rows "validation".',
        )
    yield note(run.split_note)
    _match_dimensions(run)


def _match_dimensions(run: Run) -> None:
    """Make a default network fit 2-D or 3-D images; refuse a given one that does not."""
    assert run.train is not None
    assert run.validation is not None
    items = (*run.train.items, *run.validation.items)
    shapes = {(len(i.image.shape) - 1, i.image.shape[-1]) for i in items}
    if len(shapes) > 1:
        received = ", ".join(f"{n}-D with {c} channels" for n, c in sorted(shapes))
        raise invalid("data", expected="images of one kind", received=received)
    ndim, channels = shapes.pop()
    if run.network.ndim != ndim:
        if "network" in run.given:
            raise invalid("network", expected=f"ndim={ndim}", received=run.network.ndim)
        run.network = UNet(ndim=ndim)
    if run.start and run.start.channels != channels:
        received = f"images of {channels} channels"
        raise invalid("start", expected=f"{run.start.channels} channels", received=received)
    run.network = run.network.for_spacing(run.spacing_um) if ndim == 3 else run.network


class TaskLabels:
    """The labels of one item as the task understands them, unknown pixels -1; a source."""

    def __init__(self, item: Any, unknown: int | None, task: Task, cache: Cache) -> None:
        self._item, self._unknown, self._task, self._cache = item, unknown, task, cache
        self.shape = tuple(item.image.shape[:-1])

    def read(self, slices: tuple[slice, ...] | None = None) -> np.ndarray:
        """Return a region, int32."""
        # not by name: parts of one image, and files of two folders, share theirs
        whole = self._cache.get(id(self._item), self._whole)
        return whole if slices is None else whole[slices]

    def _whole(self) -> np.ndarray:
        from .data import read_labels

        labels, known = read_labels(self._item, self._unknown)
        ready = np.asarray(self._task.prepare(labels)).astype(np.int32)
        if known is not None:
            ready[~known] = UNKNOWN
        return ready


def survey(run: Run, memory_gb: float | None = None) -> Iterator[Event]:
    """Read every image once: normalisation, hashes, object sizes; then plan what is not given."""
    from .data import manifest

    assert run.train is not None
    assert run.validation is not None
    parts = {"train": run.train, "validation": run.validation}
    levels = run.normalize.low, run.normalize.high
    total = sum(len(part.items) for part in parts.values())
    stats: dict[str, list[Any]] = {}
    sizes: list[np.ndarray] = []
    found_px = pixels = 0
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, part in parts.items():
        stats[name], rows[name] = [], []
        for k, item in enumerate(part.items):
            yield Event("progress", f"reading {item.id}", k, total)
            stats[name].append(run.normalize.fit(item.image))
            rows[name] += manifest(replace(part, items=(item,)))
            if name == "train":
                labels = _labels(run, part, item).read()
                found_px, pixels = found_px + int((labels > 0).sum()), pixels + labels.size
                # pieces of a mask are no objects: a membrane is hundreds of px long, and thin
                if isinstance(run.task, Instances):
                    sizes.append(diameters(np.maximum(labels, 0)))
    run.manifest = rows
    known = {row["image_sha256"] for row in rows["train"]}
    items = zip(run.validation.items, rows["validation"], strict=True)
    both = [row["id"] for item, row in items if row["image_sha256"] in known and item.roi is None]
    if both:
        yield warn(
            f"Validation images that are training images too: {', '.join(both[:5])}. Scores on "
            "them say nothing of other images, and thresholds fit these. Give others."
        )
    if any(found.size for found in sizes):
        run.diameter_px = size_range(sizes, run.network.ndim)
    _decide(run, found_px / max(1, pixels), memory_gb)
    if (run.normalize.low, run.normalize.high) != levels:
        stats = {
            name: [run.normalize.fit(item.image) for item in part.items]
            for name, part in parts.items()
        }
    run.normalize = run.normalize.with_floor(stats["train"])
    run.readers = tuple(_reader(run, run.train, i, s) for i, s in _pairs(run.train, stats["train"]))
    run.validation_readers = tuple(
        _reader(run, run.validation, i, s) for i, s in _pairs(run.validation, stats["validation"])
    )


def _decide(run: Run, share: float, memory_gb: float | None) -> None:
    """Plan what is not given, from what was seen of the training images."""
    assert run.train is not None
    shapes = [item.image.shape for item in run.train.items]
    facts = Facts(
        images=len(shapes),
        size_px=tuple(max(axis) for axis in zip(*(s[:-1] for s in shapes), strict=True)),
        channels=int(shapes[0][-1]),
        diameter_px=run.diameter_px["typical"] if run.diameter_px else None,
        share=share,
        spacing_um=run.spacing_um,
    )
    run.plan = choose(
        facts,
        network=run.network if "network" in run.given else None,
        trainer=run.trainer,
        normalize=run.normalize if "normalize" in run.given else None,
        memory_gb=memory_gb,
    )
    run.network, run.trainer = run.plan.network, run.plan.trainer
    run.normalize = run.plan.normalize


def size_range(images: Sequence[np.ndarray], ndim: int) -> dict[str, float]:
    """Summarise the diameters of objects, one array per image.

    Returns
    -------
    dict
        5th percentile, median and 95th of all objects as "low", "median" and "high"; the
        typical one; and the smallest and largest that is typical of an image (of those with
        `FEW_OBJECTS`, if any) as "least_typical" and "most_typical".
    """
    every = np.concatenate(images)
    low, median, high = np.percentile(every, [5, 50, 95])
    many = [typical_diameter(one, ndim) for one in images if one.size >= FEW_OBJECTS]
    typical = typical_diameter(every, ndim)
    named = {"low": low, "median": median, "high": high, "typical": typical}
    named |= {
        "least_typical": min(many, default=typical),
        "most_typical": max(many, default=typical),
    }
    return {name: float(value) for name, value in named.items()}


def _pairs(part: Data, stats: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(part.items, stats, strict=True))


def _labels(run: Run, part: Data, item: Any) -> TaskLabels:
    return TaskLabels(item, part.unknown, run.task, run.labels)


def _reader(run: Run, part: Data, item: Any, stats: Any) -> Reader:
    return Reader(
        id=item.id,
        image=item.image,
        stats=stats,
        normalize=run.normalize,
        labels=_labels(run, part, item),
        unknown=UNKNOWN,
        spacing_um=item.spacing_um,
        weight=item.weight,
    )


def patch_of(run: Run) -> tuple[int, ...]:
    """Patch size as planned."""
    assert run.trainer.patch_px is not None
    return run.trainer.patch_px


def batch_of(run: Run) -> int:
    """Patches in a batch, as planned."""
    assert run.trainer.batch_size is not None
    return run.trainer.batch_size


def make_sampler(run: Run, readers: tuple[Reader, ...], augment: Augment | None) -> Sampler:
    """Build the sampler that draws patches of these images."""
    return Sampler(
        readers,
        patch_of(run),
        run.task.context_px,
        augment,
        foreground=run.trainer.foreground,
        balance=run.trainer.balance and len(run.task.label_names) > 2,
        seed=run.seed,
    )


def batch_maker(run: Run, sampler: Sampler, seed: int, size: int) -> Callable[[int], Batch]:
    """Return the function from i to batch i: images and targets with weights as last channel."""
    context, task = run.task.context_px, run.task
    middle = tuple(slice(context, context + n) for n in sampler.patch_px)

    def make(i: int) -> Batch:
        samples = sampler.batch(seed, i, size)
        alike = len({sample.spacing_um for sample in samples}) == 1
        groups = [samples] if alike else [[sample] for sample in samples]
        parts = [_targets(task, group, middle) for group in groups]
        images = np.stack([sample["image"] for sample in samples])
        return images, {head: np.concatenate([p[head] for p in parts]) for head in task.heads}

    return make


def _targets(
    task: Task, samples: Sequence[Sample], middle: tuple[slice, ...]
) -> dict[str, np.ndarray]:
    """Make the targets of patches at once: one tall sample costs less than many small ones.

    That their windows meet does not matter: targets are exact `context_px` away from it.
    """
    names = ("labels", "known")
    stacked = {name: np.concatenate([sample[name] for sample in samples]) for name in names}
    tall = Sample(stacked, {name: ROLES[name] for name in names}, samples[0].spacing_um)
    windows = len(samples), *samples[0]["labels"].shape
    return {
        head: np.concatenate(
            [part.reshape(*windows, -1)[(slice(None), *middle)] for part in pair], axis=-1
        )
        for head, pair in task.target(tall).items()
    }
