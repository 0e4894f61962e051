"""Find everything wrong with annotated images: what the verb `check` composes."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidError
from ..events import Event, Work, result_of
from ..images.blocks import at_hand, blocks
from ..images.image import AnyArray, no_numbers
from ..images.labels import is_grey_coded, values_of
from ..images.padding import Padding, fill, padding_of
from ..images.parts import LABELS_PX, is_huge, is_read_in_parts, sample_of
from ..messages import Argument, joined, say, unsettled
from ..segmentation.classed import classes_of
from .across import Facts, differing, other_sizes, unusable
from .across_labels import LabelFacts, odd_labels, pictures
from .data import Data, given_data
from .drawn import is_together
from .files import values_sha256
from .given import where_to_give
from .items import Item, notes_of, said_once, shown_names
from .looked_at import stacked_labels
from .mapped import MARK
from .padding import described, padding_around
from .report import Report
from .sources import Source
from .splits import divided_groups, kinds_in, odd_splits

QUICK_S = 2.0
"""A check of so many seconds says nothing but its report."""


def check(data: Any, task: Any = None, training: bool = True) -> Report:
    """Find everything wrong with annotated images, and say nothing meanwhile."""
    return result_of(examine(data, task, training))


def examine(data: Any, task: Any = None, training: bool = True) -> Work[Report]:
    """Find everything wrong with annotated images; the parameters are those of the verb."""
    from ..tasks import resolve

    learned = None if task is None else resolve(task)
    found = given_data(data).of_task(learned)
    findings = _Findings(learned, found, training)
    began = time.monotonic()
    for done, item in enumerate(found.items):
        if time.monotonic() - began >= QUICK_S:
            yield Event("progress", f"checking {item.id}", done, len(found.items))
        findings.add(item)
    return findings.report()


class _Findings:
    """Collects what is seen image by image, then compares the images with each other."""

    def __init__(self, task: Any, data: Data, training: bool) -> None:
        self._training = training
        self._task = task
        self._data = data
        self._problems = list(data.problems)
        self._warnings: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._same: dict[str, list[str]] = defaultdict(list)
        self._kinds: dict[str, dict[Any, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._wrong: dict[str, list[str]] = defaultdict(list)
        self._facts: list[Facts] = []
        self._label_facts: list[LabelFacts] = []
        self._said: Counter[str] = Counter()
        self._empty: list[str] = []
        self._shown: dict[str, frozenset[int]] = {}
        self._labelled = 0
        self._of_objects: Counter[int] = Counter()
        self._unknown_seen = False

    def add(self, item: Item) -> None:
        """Look at one image and its labels."""
        before = len(self._problems)
        row: dict[str, Any] = {"image": item.id, "file": item.image.name}
        self._rows.append(row)
        try:
            self._add_image(item, row)
        except InvalidError as error:
            self._problems.append(str(error))
        for number, source in enumerate(item.annotations):
            try:
                self._add_labels(item, source, number == 0, row)
            except InvalidError as error:
                self._problems.append(str(error))
        if not item.annotations:
            self._problems.append(f"{item.id} has no labels; give them, or leave the image out")
        found = [*self._problems[before:], *row.pop("wrong", ())]
        row["status"] = joined(" ", dict.fromkeys(found) or ["ok"])

    def report(self) -> Report:
        """Compare the images with each other and put everything together."""
        if not self._data.items and not self._problems:
            self._problems.append("there are no images")
        self._problems += [
            say("{}: {}", shown_names(names), text) for text, names in self._wrong.items()
        ]
        self._problems += _duplicates(self._data.items)
        self._problems += [
            f"{text}: `split` is train, validation or test" for text in odd_splits(self._data.items)
        ]
        self._problems += unusable(self._facts)
        self._compare_labels()
        self._warnings += [
            *differing(self._facts),
            *other_sizes(self._data.items),
            *divided_groups(self._data.items),
            *said_once(self._data.items),
            *self._odd_label_files(),
        ]
        for names in self._same.values():
            if len(names) > 1:
                self._warnings.append(
                    f"{shown_names(names)} have the same pixels; give them one group, or keep one"
                )
        count = len(self._data.items)
        notes = [f"{text} ({n} of {count} images)" for text, n in self._said.items()]
        notes = [*self._data.notes, *notes]
        notes += where_to_give([*self._problems, *self._warnings, *notes])
        texts = (self._problems, self._warnings, notes)
        problems, warnings, notes = (list(dict.fromkeys(t)) for t in texts)
        return Report(
            tuple(problems), tuple(warnings), tuple(notes), tuple(self._rows), self._shown
        )

    def _add_image(self, item: Item, row: dict[str, Any]) -> None:
        source = item.image
        row |= {"shape": " x ".join(map(str, source.shape)), "dtype": str(source.dtype)}
        self._facts.append(Facts.of(item))
        huge = is_huge(source)
        looked_at = sample_of(source) if huge else source
        ends = pixel_ends(looked_at)
        self._facts[-1] = Facts.of(item, ends)
        for text in odd_pixels(looked_at, ends, padded=not huge):
            self._warnings.append(say("{} {}", source.name, text))
        if math.prod(source.shape) and item.roi is None:
            self._same[values_sha256(source)].append(item.id)

    def _add_labels(self, item: Item, source: Source, first: bool, row: dict[str, Any]) -> None:
        if source.shape != _shape_or(item.image, source.shape):
            self._problems.append(
                f"{source.name} is {_sizes(source.shape)}, but its image {item.image.name} is "
                f"{_sizes(item.image.shape[:-1])}; labels need the size of their image"
            )
        in_parts = is_read_in_parts(source)
        if not first:
            source.read(tuple(slice(0, 1) for _ in source.shape) if in_parts else None)
            return
        labels, known = stacked_labels(item, self._data.unknown)
        if known is not None and not known.any() and getattr(source, "mask", None) is not None:
            self._problems.append(
                f"{source.mask.name} is 0 wherever there are labels: nothing of {item.id} is known"
            )
        self._unknown_seen |= known is not None and not known.all()
        understood = getattr(source, "understood", "")
        values = values_of(labels if known is None else labels[known])
        understood_as = labels if in_parts else _prepared(self._task, labels)
        if in_parts:
            self._said[f"labels of more than {LABELS_PX:,} pixels are looked at in some parts"] += 1
            self._problems += _too_large(source, values, self._task)
        counted = labels.size if known is None else int(np.count_nonzero(known))
        foreground = int(np.count_nonzero(labels))
        row |= {
            "labels": source.name,
            "values": int(np.count_nonzero(values_of(understood_as))),
            "foreground": round(foreground / counted, 4) if counted else 0.0,
        }
        counting = understood_as if known is None else understood_as[known]
        self._shown[item.id] = kinds_in(counting, bool(self._classes))
        self._labelled += 1
        if self._object_classes:
            self._of_objects.update(classes_of(labels).values())
        self._label_facts.append(LabelFacts.of(source, labels))
        if not foreground:
            self._empty.append(item.id)
        self._kinds["masks"][bool(values.size and values[-1] == 255 and len(values) <= 2)].append(
            item.id
        )
        self._kinds["grey"][is_grey_coded(values)].append(item.id)
        for text in self._wrong_values(labels, known):
            self._wrong[text].append(source.name)
            row.setdefault("wrong", []).append(text)
        said = list(_described(self._task, labels))
        if understood and not (said and understood == "0/255 mask"):
            said.append(f"labels understood as {understood}")
        if self._label_facts[-1].colours is not None:
            said.append("labels understood as the numbers of a table of colours")
        self._said.update(said)

    def _odd_label_files(self) -> Iterator[str]:
        """Say what had to be guessed of label files, unless it was guessed of their images too."""
        sources = [(s, item) for item in self._data.items for s in item.annotations]
        about: dict[str, list[str]] = defaultdict(list)
        for source, item in sources:
            # sizes are those of the image
            for text in unsettled(notes_of(source), {"pixel_size_um"}):
                if text not in item.notes:
                    about[text].append(source.name)
        for text, names in about.items():
            yield say("{}: {}", shown_names(names), text)

    def _wrong_values(self, labels: AnyArray, known: AnyArray | None) -> Iterable[str]:
        if self._task is not None:
            return list(self._task.check_labels(labels, known))
        low = int(labels.min()) if labels.size else 0
        return (
            [say("labels must be 0 or more, found {}; name it as {}", low, Argument("unknown"))]
            if low < 0
            else []
        )

    @property
    def _classes(self) -> tuple[str, ...]:
        """Names of the classes that labels are ids of, background first; else none."""
        is_known = self._task is not None and self._task.balances_classes
        return tuple(self._task.label_names) if is_known else ()

    @property
    def _object_classes(self) -> tuple[str, ...]:
        """Names of the classes that objects may have."""
        return () if self._task is None else tuple(getattr(self._task, "object_classes", ()))

    def _compare_object_classes(self) -> None:
        """Count the objects of each class; without any there is nothing to learn of classes."""
        names = self._object_classes
        if not names or len(self._empty) == self._labelled:
            return
        if not self._of_objects:
            then = "learned" if self._training else "scored"
            text = f"no object has a class, and classes ({', '.join(names)}) are to be {then}"
            remedy = say("lay classes/ or classes.csv beside labels/, or give {}",
                         Argument("object_classes"))  # fmt: skip
            (self._problems if self._training else self._warnings).append(
                say("{}: {}", text, remedy)
            )
            return
        counts = [(name, self._of_objects[k]) for k, name in enumerate(names, start=1)]
        listed = ", ".join(f"{n} {name}" for name, n in counts)
        self._said[f"objects by class: {listed}"] += self._labelled
        then = "cannot be learned" if self._training else "has no score"
        self._warnings += [
            f"no object is of class {name}: it {then}; look whether it is called so"
            for name, n in counts
            if not n
        ]

    def _absent_classes(self) -> Iterator[str]:
        """Name the classes that are in no image, unless nothing is."""
        seen = frozenset[int]().union(*self._shown.values())
        then = "cannot be learned" if self._training else "has no score"
        for number, name in enumerate(self._classes):
            if seen and number and number not in seen:
                yield (
                    f"no image has class {name} (label value {number}): it {then}; look whether "
                    "its labels have another value"
                )

    def _compare_labels(self) -> None:
        masks = self._kinds["masks"]
        self._problems += pictures(self._label_facts)
        if self._labelled and len(self._empty) == self._labelled:
            then = "learn" if self._training else "score but what is found though it is not there"
            (self._problems if self._training else self._warnings).append(
                f"all labels are 0, background: there is nothing to {then}; were they saved as "
                "they look, or is the wrong folder given?"
            )
        elif self._empty:
            self._said[f"no object in {shown_names(self._empty)}"] += len(self._empty)
        self._warnings += odd_labels(self._label_facts, self._labelled - len(self._empty))
        self._warnings += self._absent_classes()
        self._compare_object_classes()
        own, theirs = getattr(self._task, "names", ()), self._data.classes
        if own and theirs and own != theirs:
            self._warnings.append(
                f"label values from 0 on are {', '.join(theirs)} by what lies beside the images, "
                f"and {', '.join(own)} by the task: values count, not names"
            )
        unknown = self._data.unknown
        # the mark is none that anybody has named: a mask or ids say what is unknown
        named = unknown not in (None, MARK) and self._training and self._labelled
        if named and not self._unknown_seen:
            self._warnings.append(f"no label has the value {unknown}, which was named as `unknown`")
        if unknown == 0:
            self._warnings.append("0 was named as `unknown`: no pixel is background")
        if self._kinds["grey"][True]:
            self._warnings.append(
                f"values 0, 128 and 255 in {shown_names(self._kinds['grey'][True])} look like "
                "classes drawn in grey; save them as 0, 1 and 2"
            )
        filled = [name for name in masks[False] if name not in self._empty]
        if masks[True] and filled:
            self._warnings.append(
                f"0/255 masks and other labels are mixed: {shown_names(masks[True])} are masks, "
                f"{shown_names(filled)} are not"
            )


def pixel_ends(source: Source | AnyArray) -> tuple[float, float] | None:
    """Return the least and the largest value of an image; None where it has no pixels."""
    pixels = at_hand(source)
    if not math.prod(pixels.shape):
        return None
    ends = [(block.min(), block.max()) for block in blocks(pixels)]
    return np.min([low for low, _ in ends]), np.max([high for _, high in ends])


def odd_pixels(
    source: Source | AnyArray, ends: tuple[float, float] | None = None, padded: bool = True
) -> Iterator[str]:
    """Say what is odd about an image's pixels: none, all the same, padding, or not finite.

    Padding is looked for where it may be: not in parts of an image.

    Raises
    ------
    InvalidError
        Not one of them is a finite number: nothing is known of what it shows.
    """
    pixels = at_hand(source)
    found = ends or pixel_ends(pixels)
    if found is None:
        yield "has no pixels"
        return
    low, high = found
    size = math.prod(pixels.shape)
    finite = pixels.dtype.kind != "f" or bool(np.isfinite(low) and np.isfinite(high))
    if not finite and not any(np.isfinite(block).any() for block in blocks(pixels)):
        raise no_numbers(getattr(source, "name", "image"))
    if low == high:
        yield say("has one value everywhere ({}); is it the right file?", low.item())
    if pixels.dtype.kind in "ui" and high > 2**53:
        yield f"has values above {2**53}, of which neighbours become one as floating point"
    whole = isinstance(source, np.ndarray)
    around = (padding_of(pixels) if whole else padding_around(source)) if padded else None
    if around is not None:
        yield described(around)
    if not finite:
        bad = sum(np.count_nonzero(_not_finite(block, around)) for block in blocks(pixels))
        if bad:
            yield f"has NaN or infinite values in {bad / size:.2%} of its pixels"


def _not_finite(pixels: AnyArray, around: Padding | None) -> AnyArray:
    """Find values that are no numbers, other than padding."""
    bad = ~np.isfinite(pixels)
    if around is not None:
        fill(bad, pixels, around.values, (False,) * len(around.values))
    return bad


def _too_large(source: Source, values: AnyArray, task: Any) -> Iterator[str]:
    """Say so where a mask is too large to be parted into objects, which a task learns."""
    objects = task is not None and task.objects(np.zeros((1, 1), int)) is not None
    if objects and values.size and set(values.tolist()) in ({0, 1}, {0, 255}, {1}, {255}):
        yield (
            f"{source.name} is a mask without object ids, too large to be parted into objects: "
            "number these from 1 on"
        )


def _prepared(task: Any, labels: AnyArray) -> AnyArray:
    """Return labels as a task understands them, such as the pieces of a mask."""
    prepare = getattr(task, "prepare", None)
    return labels if prepare is None else np.asarray(prepare(labels))


def _described(task: Any, labels: AnyArray) -> Iterator[str]:
    describe = getattr(task, "describe_labels", None)
    if describe is not None:
        yield from describe(labels)


def _duplicates(items: Sequence[Item]) -> Iterator[str]:
    for name, count in Counter(item.id for item in items).items():
        if count > 1:
            yield f"{count} images are named {name}; names have to differ"
    used: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for source in item.annotations:
            if hasattr(source, "path") and not is_together(source.path):
                used[f"{source.name} {getattr(source, 'frame', None)}"].append(item.id)
    for names in used.values():
        if len(set(names)) > 1:
            yield f"one label file is given for {shown_names(names)}"


def _shape_or(image: Source, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    """Return an image's spatial shape; where it cannot be read that was said already."""
    try:
        return image.shape[:-1]
    except InvalidError:
        return otherwise


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
