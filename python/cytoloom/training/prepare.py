"""Get a training ready: what to learn from which images, by which network, in which patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.cache import SHARED
from ..errors import invalid
from ..events import Event, note, warn
from ..messages import Setting, say
from ..networks.unet import UNet
from ..objects.size import diameters, size_range
from ..patches.sample import Reader
from ..tasks.instances import Instances
from .batches import UNKNOWN, TaskLabels
from .recipe import Facts, choose
from .run import Run

if TYPE_CHECKING:
    from ..datasets.data import Data


def read_data(run: Run, data: Any, validation: Any) -> Iterator[Event]:
    """Check everything, then split."""
    from ..datasets.checks import check
    from ..datasets.data import as_data
    from ..datasets.splits import split

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
            raise invalid(
                "network", expected=say("{}", Setting("ndim", ndim)), received=run.network.ndim
            )
        run.network = UNet(ndim=ndim)
    if run.start and run.start.channels != channels:
        received = f"images of {channels} channels"
        raise invalid("start", expected=f"{run.start.channels} channels", received=received)
    run.network = run.network.for_spacing(run.spacing_um) if ndim == 3 else run.network


def survey(run: Run, memory_gb: float | None = None) -> Iterator[Event]:
    """Read every image once: normalisation, hashes, object sizes; then plan what is not given."""
    from ..datasets.data import manifest

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
