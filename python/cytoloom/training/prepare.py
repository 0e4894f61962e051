"""Get a training ready: read, survey, plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..datasets.across import Facts, aligned, differing
from ..datasets.cache import SHARED
from ..datasets.checks import check
from ..datasets.data import Data, given_data, manifest
from ..datasets.folds import Fold, folds
from ..datasets.items import Item, read_labels
from ..datasets.report import Report
from ..datasets.splits import Kinds, held_out_of, shown_by, split
from ..datasets.stored import of_one_type
from ..errors import invalid
from ..events import Event, Work, note, warn
from ..experts.agreed import each_drawn, with_consensus
from ..images.cache import Cache
from ..images.labels import border_labels
from ..images.normalize import Normalize
from ..images.parts import parts_of
from ..messages import Argument, Setting, counted, say
from ..models.contrast import held_down_words
from ..networks.network import Network
from ..objects.size import diameters, size_range
from ..patches.sample import Reader
from ..runtime import backend, devices
from ..tasks.task import Task
from .batches import UNKNOWN, TaskLabels
from .recipe import DatasetFingerprint, Plan, choose
from .stages import Given, Planned, Split, Surveyed

FITTED_TO = 24
"""Images by whose labels a task is fitted to what is to be learned, at most."""
ANNOTATORS = {
    "consensus": "Of several annotators it is learned what they agree on.",
    "soft": "Of several annotators the mean of what they drew is learned; consensus validates.",
    "draw": "Of several annotators one is drawn for each patch; their consensus validates.",
    "first": "Of several annotators the first is learned.",
}


def read(given: Given, data: Any, validation: Any) -> Work[Split]:
    """Check everything, then split."""
    whole, others, report = yield from _checked(given, data, validation)
    shows = shown_by(whole.unknown, given.task.balances_classes, report.shown)
    train, held_out, words = split(whole, *(others or [validation]), given.seed, shows)
    given = replace(given, task=given.task.fitted_to(_some_labels(train)))
    own, checked = bool(others), report
    if own:
        held_out = _as_in_training(train, held_out)
        checked = yield from _checked_own(given, train, held_out)
    _refuse_none(held_out, words)
    yield note(words)
    sides = _shown_on(train, given.task, report), _shown_on(held_out, given.task, checked)
    yield from _one_sided(given.task, *sides)
    return _as_split(given, train, held_out, words)


def read_folds(
    given: Given, data: Any, validation: Any, count: int
) -> Work[tuple[Split, list[Fold]]]:
    """Check everything, then part the training images into folds; see `folds`.

    An ensemble that is trained again holds out what it did.
    Images of their own for validation stay whole, beside those that are trained on.
    """
    whole, others, report = yield from _checked(given, data, validation)
    shows = shown_by(whole.unknown, given.task.balances_classes, report.shown)
    # 0: what a table says of its images holds all the same
    train, held_out, words = split(whole, *(others or [0.0]), given.seed, shows)
    given = replace(given, task=given.task.fitted_to(_some_labels(train)))
    if held_out.items:
        yield note(words)
    if others:
        held_out = _as_in_training(train, held_out)
        yield from _checked_own(given, train, held_out)
    parts = [one.held_out for one in given.replays] or folds(train, count, given.seed, shows)
    return _as_split(given, train, held_out, words), parts


def _checked(given: Given, data: Any, validation: Any) -> Work[tuple[Data, list[Data], Report]]:
    """Check the images, and say what is wrong with them; beside them those for validation."""
    gigabytes = given.trainer.cache_gb
    # images take 70 % of the cache; the rest is for labels, decoded and prepared
    SHARED.resize(int(gigabytes * 0.7e9))
    whole = given_data(data)
    own = not isinstance(validation, (int, float, type(None)))
    parts = [whole, held_out_of(whole, validation)] if own else [whole]
    parts = [part.of_task(given.task) for part in parts]
    prefer = given.normalize.floor_dtype if given.normalize is not None else None
    whole, *others = of_one_type(parts, prefer)
    report = check(whole, given.task)
    if not report.ok:
        raise invalid("data", expected="usable images and labels", received=str(report))
    for text in report.notes:
        yield note(text)
    for text in report.warnings:
        yield warn(text)
    annotators = given.trainer.annotators
    whole, *others = [_agreed(part, given.task, annotators) for part in (whole, *others)]
    if any(len(item.annotations) > 1 or len(each_drawn(item)) > 1 for item in whole.items):
        yield note(ANNOTATORS[annotators])
    return whole, others, report


def _agreed(data: Data, task: Task, annotators: str) -> Data:
    """Take the consensus of several annotators, by which training is validated in any case."""
    if annotators == "first":
        return data
    return replace(data, items=with_consensus(data.items, task, data.unknown))


def _some_labels(data: Data) -> Iterable[tuple[np.ndarray, Any]]:
    """Read the labels of some images, evenly among all."""
    step = -(-len(data.items) // FITTED_TO)
    for item in data.items[::step]:
        yield read_labels(item, data.unknown)[0], item.spacing_um


def _as_split(given: Given, train: Data, held_out: Data, words: str) -> Split:
    """Put together what was parted, with a network that goes with it."""
    network = _matching(given, (*train.items, *held_out.items))
    gigabytes = given.trainer.cache_gb
    found = Split(given, train, held_out, words, network, Cache(int(gigabytes * 0.3e9)))
    # only 3-D networks depend on the pixel size
    if network is None or network.ndim == 2:
        return found
    return replace(found, network=network.for_spacing(found.spacing_um))


def _shown_on(part: Data, task: Task, report: Report) -> Kinds:
    """Say what the labels of one side of a split show."""
    return Kinds().union(
        *map(shown_by(part.unknown, task.balances_classes, report.shown), part.items)
    )


def _as_in_training(train: Data, held_out: Data) -> Data:
    """Take channels of the same names in the order of the training images."""
    items, _ = aligned((*train.items, *held_out.items))
    return replace(held_out, items=items[len(train.items) :])


def _checked_own(given: Given, train: Data, held_out: Data) -> Work[Report]:
    """Check validation images of their own, alone and beside those of training."""
    report = check(held_out, given.task, training=False)
    if held_out.items and not report.ok:
        raise invalid("validation", expected="usable images", received=str(report))
    for text in report.notes:
        yield note(say("validation: {}", text))
    for text in report.warnings:
        yield warn(say("validation: {}", text))
    sides = [[Facts.of(item) for item in part.items] for part in (train, held_out)]
    # what differs within one of them was said
    if not any(text for side in sides for text in differing(side)):
        for text in differing([*sides[0], *sides[1]]):
            yield warn(say("training and validation: {}", text))
    return report


def _refuse_none(held_out: Data, words: str) -> None:
    """Refuse to train without validation images."""
    if not held_out.items:
        raise invalid(
            "validation",
            expected="images held out, by which the best weights and the thresholds are chosen",
            received=words,
            remedy='Pass a share such as 0.2, images of their own, or mark rows "validation".',
        )


def _one_sided(task: Task, train: Kinds, held_out: Kinds) -> Iterable[Event]:
    """Say before training what cannot be learned, and what cannot be scored."""
    if not train:
        raise invalid(
            "data",
            expected="training images of which one shows something to be learned",
            received="labels that are all 0, background",
            remedy="Put other images to the training, or let a share be held out.",
        )
    if not held_out:
        yield warn(
            say(
                "The validation images show nothing that is to be found: weights and thresholds "
                "are chosen by them, and cannot be, and there will be no scores. Give others as "
                "{}.",
                Argument("validation"),
            )
        )
    elif task.balances_classes:
        names = dict(enumerate(task.label_names))
        for kinds, lacking in ((train - held_out, "validation"), (held_out - train, "training")):
            listed = ", ".join(str(names.get(k, k)) for k in sorted(kinds))
            then = "cannot be scored" if lacking == "validation" else "cannot be learned"
            if kinds:
                yield warn(f"No {lacking} image has class {listed}: it {then}.")


def _matching(given: Given, items: Sequence[Item]) -> Network | None:
    """Return the network given, if any, refusing images of several kinds or not of its kind."""
    shapes = {(len(i.image.shape) - 1, i.image.shape[-1]) for i in items}
    if len(shapes) > 1:
        received = ", ".join(f"{n}-D with {c} channels" for n, c in sorted(shapes))
        raise invalid("data", expected="images of one kind", received=received)
    ndim, channels = shapes.pop()
    if given.network is not None and given.network.ndim != ndim:
        expected = say("{}", Setting("ndim", ndim))
        raise invalid("network", expected=expected, received=given.network.ndim)
    if given.start is not None and given.start.channels != channels:
        received = f"images of {channels} channels"
        raise invalid("start", expected=f"{given.start.channels} channels", received=received)
    return given.network


def survey(found: Split) -> Work[Surveyed]:
    """Read every image once: normalisation, hashes, object sizes."""
    given = found.given
    scaling = given.normalize or Normalize()
    parts = {"train": found.train, "validation": found.validation}
    total = sum(len(part.items) for part in parts.values())
    stats: dict[str, list[Any]] = {name: [] for name in parts}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    sizes: list[np.ndarray] = []
    found_px: list[int] = []
    pixels = 0
    for name, part in parts.items():
        for k, item in enumerate(part.items):
            yield Event("progress", f"reading {item.id}", k, total)
            stats[name].append(scaling.fit(item.image))
            rows[name] += manifest(replace(part, items=(item,)))
            if name == "train":
                labels = _labels(found, part, item)
                shown = [labels.read(box) for box in labels.looked_at or [None]]
                found_px.append(sum(int((one > 0).sum()) for one in shown))
                pixels += sum(one.size for one in shown)
                sizes += _diameters(given.task, item, labels, shown)
    yield from _seen_twice(found.validation, rows)
    ndim = len(found.train.items[0].image.shape) - 1
    measured = size_range(sizes, ndim) if any(size.size for size in sizes) else None
    as_measured = {name: tuple(values) for name, values in stats.items()}
    share, filled = sum(found_px) / max(1, pixels), tuple(n > 0 for n in found_px)
    return Surveyed(found, as_measured, rows, measured, share, filled)


SIZED, SIZED_PX = 16, 2**21
"""Parts of labels that are not read as a whole in which sizes of objects are measured."""


def _diameters(
    task: Task, item: Item, labels: TaskLabels, shown: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the diameters of objects, of large labels of those that lie whole in some parts."""
    if labels.looked_at is None:
        # pieces of a mask are no objects: a membrane is hundreds of px long, and thin
        objects = task.objects(np.maximum(shown[0], 0))
        return [] if objects is None else [diameters(objects)]
    found = []
    for box in parts_of(item.annotations[0], SIZED, SIZED_PX):
        objects = task.objects(np.maximum(labels.read(box), 0))
        if objects is not None:
            cut = np.isin(objects, border_labels(objects))
            found.append(diameters(np.where(cut, 0, objects)))
    return [np.concatenate(found)] if found else []


def _seen_twice(validation: Data, rows: dict[str, list[dict[str, Any]]]) -> Iterable[Event]:
    known = {row["values_sha256"] for row in rows["train"]}
    items = zip(validation.items, rows["validation"], strict=True)
    both = [row["id"] for item, row in items if row["values_sha256"] in known and item.roi is None]
    if both:
        yield warn(
            f"Validation images that are training images too: {', '.join(both[:5])}. Scores on "
            "them say nothing of other images, and thresholds fit these. Give others."
        )


def plan(seen: Surveyed, memory_gb: float | None = None) -> Planned:
    """Choose what is not given, and make the images ready to be read in patches."""
    given, found = seen.split.given, seen.split
    chosen = choose(
        fingerprint(seen),
        network=found.network,
        trainer=given.trainer,
        normalize=given.normalize,
        memory_gb=memory_gb,
    )
    scaling, stats = chosen.normalize, seen.stats
    usual = given.normalize or Normalize()
    if (scaling.low, scaling.high) != (usual.low, usual.high):
        parts = {"train": found.train, "validation": found.validation}
        # the plan chose other percentiles than the survey measured with
        stats = {n: tuple(scaling.fit(i.image) for i in part.items) for n, part in parts.items()}
    # noise must not set the floor that is to keep it dark
    scaling = scaling.with_floor(
        [s for s, show in zip(stats["train"], seen.filled, strict=True) if show]
    )
    readers = _readers(seen, found.train, scaling, stats["train"])
    held_out = _readers(seen, found.validation, scaling, stats["validation"])
    return Planned(seen, chosen, scaling, readers, held_out)


def _with_precision(planned: Planned) -> Planned:
    """Choose the precision, for which the sizes of patches must be known."""
    asked_for = planned.trainer.precision
    precision, network = backend.resolve_precision(asked_for), planned.plan.network
    on_cpu = backend.name() == "tensorflow" and not backend.gpu()
    if precision == "bfloat16" and on_cpu and not network.sound_in_bfloat16(planned.patch_px):
        if asked_for == "bfloat16":
            raise invalid(
                "precision",
                expected="float32 for patches whose feature maps have fewer planes than a kernel",
                received="bfloat16",
                remedy="Take patches of more planes, or another precision.",
            )
        precision = "float32"
    return replace(planned, precision=precision)


def _planned_words(planned: Planned) -> str:
    sides = " x ".join(map(str, planned.patch_px))
    kind = f"{type(planned.plan.network).__name__} of {planned.plan.network.words}"
    return f"{kind}; {counted(planned.batch_size, 'patch')} of {sides} px a step."


def faint_images(planned: Planned) -> Iterable[Event]:
    """Name training images whose objects look fainter than they could."""
    pairs = zip(planned.readers, planned.surveyed.filled, strict=True)
    names = [r.id for r, filled in pairs if filled and planned.normalize.held_down(r.stats)]
    for text in held_down_words(names):
        yield warn(text)


def fingerprint(seen: Surveyed) -> DatasetFingerprint:
    """Say what a plan depends on."""
    shapes = [item.image.shape for item in seen.split.train.items]
    return DatasetFingerprint(
        images=len(shapes),
        size_px=tuple(max(axis) for axis in zip(*(s[:-1] for s in shapes), strict=True)),
        channels=int(shapes[0][-1]),
        diameter_px=seen.diameter_px["typical"] if seen.diameter_px else None,
        share=seen.foreground,
        spacing_um=seen.split.spacing_um,
    )


def ready(found: Split) -> Work[Planned]:
    """Start the backend; survey, plan and choose the precision, and say what came of it."""
    ndim = len(found.train.items[0].image.shape) - 1
    backend.require(found.given.trainer.threads, ndim)
    other = backend.other_kernels(ndim)
    if other is not None:
        yield warn(other)
    trainer = found.given.trainer
    devices.check(trainer.devices, trainer.batch_size)
    seen = yield from survey(found)
    decided = _with_precision(plan(seen))
    devices.check(trainer.devices, decided.batch_size)
    yield note(_planned_words(decided))
    yield from faint_images(decided)
    return decided


def planned(given: Given, data: Any, validation: Any, memory_gb: float | None = None) -> Work[Plan]:
    """Do all of this, for a plan alone."""
    found = yield from read(given, data, validation)
    seen = yield from survey(found)
    return plan(seen, memory_gb).plan


def _labels(found: Split, part: Data, item: Item) -> TaskLabels:
    return TaskLabels(item, part.unknown, found.given.task, found.labels)


def learned_readers(planned: Planned) -> tuple[Reader, ...]:
    """Return what patches are drawn from: with what each of several annotators drew, if wanted."""
    how, found = planned.trainer.annotators, planned.split
    if how not in ("soft", "draw"):
        return planned.readers
    learned: list[Reader] = []
    for reader, item in zip(planned.readers, found.train.items, strict=True):
        drawn = tuple(_labels(found, found.train, one) for one in each_drawn(item))
        if how == "soft":
            learned.append(replace(reader, drawn=drawn))
        else:
            share = reader.weight / len(drawn)
            learned += [replace(reader, labels=labels, weight=share) for labels in drawn]
    return tuple(learned)


def _readers(
    seen: Surveyed, part: Data, scaling: Normalize, stats: Sequence[Any]
) -> tuple[Reader, ...]:
    return tuple(
        Reader(
            id=item.id,
            image=item.image,
            stats=own,
            normalize=scaling,
            labels=_labels(seen.split, part, item),
            unknown=UNKNOWN,
            spacing_um=item.spacing_um,
            roi=getattr(item.annotations[0], "inside", None),
            weight=item.weight,
            share=item.share,
        )
        for item, own in zip(part.items, stats, strict=True)
    )
