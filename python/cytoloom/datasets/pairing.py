"""Find which label image belongs to which image, from names alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..images.formats import stem

_LABEL_WORDS = (
    "mask", "masks", "label", "labels", "seg", "segmentation", "gt", "truth", "annotation",
    "annotations", "annot", "manual", "groundtruth",
)  # fmt: skip
_MAX_NAMES_TRIED = 12
"""Images whose names are held against those of all labels: what is common shows in a dozen, and the
work grows with the square."""


@dataclass(frozen=True)
class Affixes:
    """What stands before and after the common key in names of images and of labels.

    Examples
    --------
    >>> print(Affixes("", "", "", "_mask"))
    * with *_mask
    """

    image_before: str = ""
    image_after: str = ""
    label_before: str = ""
    label_after: str = ""

    def __str__(self) -> str:
        image = f"{self.image_before}*{self.image_after}"
        return f"{image} with {self.label_before}*{self.label_after}"

    @property
    def length(self) -> int:
        """Number of letters that are not key."""
        return sum(map(len, self._parts))

    @property
    def _parts(self) -> tuple[str, str, str, str]:
        return (self.image_before, self.image_after, self.label_before, self.label_after)

    def image_key(self, name: str) -> str | None:
        """Return the key of an image's name; None where the affixes do not fit."""
        return _strip(name, self.image_before, self.image_after)

    def label_key(self, name: str) -> str | None:
        """Return the key of a label image's name; None where the affixes do not fit."""
        return _strip(name, self.label_before, self.label_after)


@dataclass(frozen=True)
class Pairs:
    """Which names belong together, and which are left over.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Name of image, name of labels, in the order of the images.
    lonely_images, lonely_labels : tuple of str
        Names without a partner.
    duplicates : tuple of str
        A sentence for each key that several files claim; none of them is paired.
    affixes : Affixes
        What was inferred.
    """

    pairs: tuple[tuple[str, str], ...]
    lonely_images: tuple[str, ...]
    lonely_labels: tuple[str, ...]
    duplicates: tuple[str, ...]
    affixes: Affixes


def pair_names(images: Sequence[str], labels: Sequence[str]) -> Pairs:
    """Pair names of images with names of label images.

    Names are compared without ending. Where they are not the same, one text before or after
    the names, the same for all files, is inferred, for example ``_mask``. It never cuts a
    number in two and always holds a letter, so ``img_1`` is never paired with ``img_10``.

    Parameters
    ----------
    images, labels : sequence of str
        File names; folders in them, separated by ``/``, have to be the same in both.

    Examples
    --------
    >>> pair_names(["1.tif", "10.tif"], ["10_mask.png", "1_mask.png"]).pairs
    (('1.tif', '1_mask.png'), ('10.tif', '10_mask.png'))
    >>> pair_names(["img_1.tif"], ["img_10.tif"]).lonely_images
    ('img_1.tif',)
    """
    affixes = infer_affixes([_key(n) for n in images], [_key(n) for n in labels])
    by_image = _grouped(images, affixes.image_key)
    by_label = _grouped(labels, affixes.label_key)
    pairs, duplicates = [], []
    used: set[str] = set()
    for key, names in by_image.items():
        partners = by_label.get(key, [])
        if key is None:
            continue  # without what stands around the others' keys: left over, and said so
        # two files of one key: neither is paired, since a guess could train on a wrong mask
        if len(names) > 1:
            duplicates.append(_claim("images", names))
        if len(partners) > 1:
            duplicates.append(_claim("label images", partners) + f" for {names[0]}")
        if len(names) == len(partners) == 1:
            pairs.append((names[0], partners[0]))
        used.update(names if len(names) > 1 or partners else (), partners)
    lonely_images = tuple(n for n in images if n not in used)
    lonely_labels = tuple(n for n in labels if n not in used)
    return Pairs(tuple(pairs), lonely_images, lonely_labels, tuple(duplicates), affixes)


def infer_affixes(images: Sequence[str], labels: Sequence[str]) -> Affixes:
    """Find the texts around the keys that pair the most names; of equals the shortest.

    Parameters
    ----------
    images, labels : sequence of str
        Names without endings.

    Examples
    --------
    >>> print(infer_affixes(["t001", "t002"], ["man_seg001", "man_seg002"]))
    t* with man_seg*
    """
    proposals = Counter([Affixes()])
    step = max(1, len(images) // _MAX_NAMES_TRIED)
    for image in images[::step]:
        proposals.update(found for label in labels for found in _proposals(image, label))
    tried = [affixes for affixes, _ in proposals.most_common(200)]
    # repr last: of texts that do equally well the same is taken on any machine
    return max(tried, key=lambda a: (_count_pairs(a, images, labels), -a.length, repr(a)))


def split_mixed(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part one folder's names into images and label images by what labels are called.

    Examples
    --------
    >>> split_mixed(["1.tif", "1_mask.png", "2.tif", "2_mask.png"])
    (['1.tif', '2.tif'], ['1_mask.png', '2_mask.png'])
    """
    images: list[str] = []
    labels: list[str] = []
    for name in names:
        words = re.split(r"[^a-z]+", Path(_key(name)).name.lower())
        (labels if set(words) & set(_LABEL_WORDS) else images).append(name)
    return images, labels


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Key to sort names so that 2 comes before 10.

    Examples
    --------
    >>> sorted(["a10", "a2"], key=natural_order)
    ['a2', 'a10']
    """
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]


def _key(name: str) -> str:
    folder = Path(name).parent.as_posix()
    return stem(name) if folder == "." else f"{folder}/{stem(name)}"


def _strip(name: str, before: str, after: str) -> str | None:
    folder, slash, last = name.rpartition("/")
    if not (last.startswith(before) and last.endswith(after)):
        return None
    key = last[len(before) : len(last) - len(after)]
    cuts_number = _cut(before, key) or _cut(key, after)
    return None if not key or cuts_number else folder + slash + key


def _cut(left: str, right: str) -> bool:
    return left[-1:].isdigit() and right[:1].isdigit()


def _grouped(names: Sequence[str], key: Callable[[str], str | None]) -> dict[str | None, list[str]]:
    groups: dict[str | None, list[str]] = defaultdict(list)
    for name in names:
        groups[key(_key(name))].append(name)
    return groups


def _claim(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what} of one name: {', '.join(names)}"


def _proposals(image: str, label: str) -> list[Affixes]:
    """Return the ways in which two names may share a key: what they begin or end with."""
    image_folder, _, image = image.rpartition("/")
    label_folder, _, label = label.rpartition("/")
    if image_folder != label_folder or image == label:
        return []
    start = _shared(image, label)
    end = _shared(image[::-1], label[::-1])
    found = []
    # img_1 and img_10 begin alike with img_1, which would cut the 10 in two
    while start and (_cut(image[:start], image[start:]) or _cut(label[:start], label[start:])):
        start -= 1
    if start:
        found.append(Affixes("", image[start:], "", label[start:]))
    while end and (_cut(image[:-end], image[-end:]) or _cut(label[:-end], label[-end:])):
        end -= 1
    if end:
        found.append(Affixes(image[: len(image) - end], "", label[: len(label) - end], ""))
    return [a for a in found if _has_letters(a)]


def _shared(left: str, right: str) -> int:
    """Count the letters that two names begin with alike."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


def _has_letters(affixes: Affixes) -> bool:
    parts = (affixes.image_before, affixes.image_after, affixes.label_before, affixes.label_after)
    return all(not part or any(ch.isalpha() for ch in part) for part in parts)


def _count_pairs(affixes: Affixes, images: Sequence[str], labels: Sequence[str]) -> int:
    keys = Counter(affixes.image_key(n) for n in images)
    partners = Counter(affixes.label_key(n) for n in labels)
    return sum(count == 1 == partners[key] for key, count in keys.items() if key is not None)
