"""Which files are one image: those of one field that differ only in channel, plane or time."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import invalid
from ..images.formats import stem
from ..messages import Setting, counted, say
from .listing import some
from .nnunet import Description
from .pairing import natural_order
from .places import NNUNET, WELL, Place, bare, place_of, places_by

_MOST_CHANNELS = 12
"""Files numbered higher behind a c are cells or cases rather than channels."""
EVERY_FILE = "{name}"
"""The pattern by which every file is an image of its own."""


@dataclass(frozen=True)
class Field:
    """One image and its files.

    Parameters
    ----------
    name : str
        What all of its files are called, but for channel, plane and time.
    files : tuple of Place
        One for each.
    channels : tuple of str, default ()
        Names of its channels, where something else than names of files tells them.
    every : tuple of str, default ()
        Channels of the images that it is with, where its own files are not of all of them.
    """

    name: str
    files: tuple[Place, ...]
    channels: tuple[str, ...] = ()
    every: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name, with its files where these are several."""
        names = [place.name for place in self.files]
        return self.name if names == [self.name] else some(names).partition(" ")[2].strip("()")

    def grid(self, axis: str) -> list[str]:
        """List what the files say of an axis, in order."""
        return sorted({place.value(axis) for place in self.files}, key=natural_order)

    def paths(self, folder: Path) -> tuple[tuple[tuple[Path, ...], ...], ...]:
        """Return the files by time, plane and channel."""
        by = {tuple(map(place.value, "tzc")): folder / place.name for place in self.files}
        t, z, c = map(self.grid, "tzc")
        return tuple(tuple(tuple(by[i, j, k] for k in c) for j in z) for i in t)

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """Names of the channels where each file is one; none where they are bare numbers."""
        names = self.channels or tuple(self.grid("c"))
        return None if any(not name or name.isdecimal() for name in names) else names

    @property
    def among(self) -> tuple[tuple[str, int | None], ...]:
        """Return the places of `every` among its own channels, None of one that is missing."""
        own = self.grid("c")
        return tuple((name, own.index(name) if name in own else None) for name in self.every)

    @property
    def mixed(self) -> bool:
        """Whether some of its files name a channel, plane or time and others do not."""
        return any("" in values and len(values) > 1 for values in map(self.grid, "tzc"))

    @property
    def fault(self) -> str:
        """Say what is missing in it; empty where nothing is."""
        counts = [len(self.grid(axis)) for axis in "tzc"]
        if math.prod(counts) != len(self.files):
            words = ("time points", "planes", "channels")
            got = " of ".join(f"{n} {w}" for n, w in zip(counts, words, strict=True) if n > 1)
            return f"{self.shown}: {len(self.files)} files are not {got}; one is missing"
        for axis, word in (("z", "plane"), ("t", "time point")):
            found = [int(n[0]) for v in self.grid(axis) if (n := re.findall(r"\d+$", v))]
            absent = sorted(set(range(found[0], found[-1] + 1)) - set(found)) if found else []
            if absent:
                return f"{self.shown}: {word} {absent[0]} is missing"
        return ""


@dataclass(frozen=True)
class Fields:
    """The images and labels that files come to.

    Parameters
    ----------
    images, labels : dict of Field
        By name.
    groups : dict of str
        For names of images that are time points: their recording.
    problems, notes : tuple of str
        What is missing, and what was joined.
    """

    images: dict[str, Field]
    labels: dict[str, Field]
    groups: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def join(
    images: Sequence[str],
    labels: Sequence[str] = (),
    pattern: str | None = None,
    nnunet: bool = False,
) -> Fields:
    """Put files of one field that differ only in channel, plane or time together.

    Where every channel has labels of its own, each is an image; so are time points, which share a
    group. Planes are images where only some of them have labels. Otherwise they are joined, and
    so are labels of planes.

    Parameters
    ----------
    images, labels : sequence of str
        Names, with folders.
    pattern : str, optional
        How names are to be read. Default: ``_w1``, ``_ch1``, ``_c1``, names of stains, ``_z01``,
        ``_t001`` and the like.
    nnunet : bool, default False
        Whether four digits at the end are a channel.

    Examples
    --------
    >>> found = join(["A1_w1.tif", "A1_w2.tif", "B1_w1.tif", "B1_w2.tif"])
    >>> list(found.images), found.images["A1.tif"].channel_names
    (['A1.tif', 'B1.tif'], ('w1', 'w2'))
    """
    problems: list[str] = []
    if pattern is None:
        nnunet = nnunet or _is_nnunet(images, labels)
        wells = any(re.search(r"[ABD-P]", w) for n in images for w in WELL.findall(bare(n)))
        of_images = {name: place_of(name, nnunet, wells) for name in images}
        # labels of nnU-Net have no number
        of_labels = {n: Place(n) if nnunet else place_of(n, wells=wells) for n in labels}
    else:
        of_images, others = places_by(pattern, images)
        if others:
            problems.append(f"{some(others)} do not fit the pattern {pattern}")
        if images and not of_images:
            expected = f"a pattern that fits the names of files, such as {images[0]}"
            raise invalid("pattern", expected=expected, received=pattern)
        of_labels, others = places_by(pattern, labels)
        of_labels |= {name: Place(name) for name in others}
    axes = _axes(of_images, of_labels, given=pattern is not None or nnunet)
    found = _grouped(of_images.values(), axes)
    problems += [text for one in found.values() if (text := one.fault)]
    whole = _among({name: one for name, one in found.items() if not one.fault})
    groups, recordings = _recordings(whole, of_images)
    notes = (*_said(whole, axes), *recordings)
    labelled = _by_folder(_grouped(of_labels.values(), axes), whole)
    return Fields(whole, labelled, groups, tuple(problems), notes)


def with_channels(found: Fields, by: Description, whole: bool) -> Fields:
    """Name the channels of images as nnU-Net's description does, and say where it does not fit.

    Parameters
    ----------
    found : Fields
        Of its folder.
    by : Description
        What it says.
    whole : bool
        Whether these are all of its cases for training.
    """
    images, problems, notes = {}, list(found.problems), list(found.notes)
    for name, one in found.images.items():
        told = bool(one.grid("c")[0])
        odd = by.odd_channels(len(one.grid("c"))) if told else ""
        problems += [f"{one.shown}: {odd}"] if odd else []
        images |= {} if odd else {name: replace(one, channels=by.channels if told else ())}
    if whole and by.cases not in (None, len(found.images)):
        notes.append(f"{by.path} counts {by.cases} cases; {len(found.images)} are there")
    return replace(found, images=images, problems=tuple(problems), notes=tuple(notes))


def _is_nnunet(images: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are called as images are, but for four digits."""
    stems = {stem(name) for name in labels}
    bare = [NNUNET.sub("", stem(name)) for name in images]
    return (
        bool(stems)
        and bool(bare)
        and all(b in stems for b in bare)
        and stems <= set(bare)
        and (not stems & {stem(name) for name in images})
    )


def _axes(images: Mapping[str, Place], labels: Mapping[str, Place], given: bool) -> str:
    """Return the axes along which files are joined."""
    axes = [axis for axis in "tzc" if _varies(images.values(), axis, given)]
    labelled = list(labels.values())
    if "t" in axes and (not labelled or any(place.value("t") for place in labelled)):
        axes.remove("t")
    if "c" in axes and not given and _most(labelled, "c") > 1:
        axes.remove("c")
    planes = _most(labelled, "z") if any(place.value("z") for place in labelled) else 0
    if "z" in axes and not given and 0 < planes < _most(images.values(), "z"):
        axes.remove("z")
    return "".join(axes)


def _most(places: Iterable[Place], axis: str) -> int:
    """Return the largest number of files of one field that differ in one axis only."""
    fields: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for place in places:
        rest = tuple(place.value(other) for other in "tzc" if other != axis)
        fields[place.without("tzc"), *rest].add(place.value(axis))
    return max((len(values) for values in fields.values()), default=0)


def _varies(places: Iterable[Place], axis: str, given: bool) -> bool:
    """Whether there is a field with several files along an axis."""
    told = [p for p in places if p.value(axis) and p.rest("tzc")]
    most = _most(told, axis)
    if axis == "c" and not given and most > _MOST_CHANNELS:
        return False
    return most > 1 or (given and bool(told))


def _grouped(places: Iterable[Place], axes: str) -> dict[str, Field]:
    """Put together what is called the same without these axes."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        groups[place.without(axes) if place.rest("tzc") else place.name].append(place.only(axes))
    found: dict[str, Field] = {}
    for name, files in groups.items():
        one = Field(name, tuple(files))
        # A.tif beside A_c1.tif is no channel of it: each as it is called
        parts = [Field(p.name, (Place(p.name),)) for p in files] if one.mixed else [one]
        found |= {part.name: part for part in parts}
    return found


def _among(fields: dict[str, Field]) -> dict[str, Field]:
    """Tell images that lack a channel of the others which there are: by these they are counted.

    Images that have no channel in common, directly or by others, are not called alike.
    """
    own = {name: frozenset(one.grid("c")) for name, one in fields.items()}
    every = {
        of: tuple(sorted(_with(of, {*own.values()}), key=natural_order)) for of in {*own.values()}
    }
    return {
        name: replace(one, every=every[own[name]]) if own[name] < {*every[own[name]]} else one
        for name, one in fields.items()
    }


def _with(own: frozenset[str], sets: set[frozenset[str]]) -> frozenset[str]:
    """Return a set of channels with all others that share one with it."""
    more = own.union(*(other for other in sets if other & own))
    return own if more == own else _with(more, sets)


def _by_folder(labels: dict[str, Field], images: Mapping[str, Field]) -> dict[str, Field]:
    """Call labels alone in the folder of a field, whose files only tell channels, as the field."""
    folders = {bare(n) for n, one in images.items() if _folders(one) == {bare(n)}}
    alone = Counter(folder for one in labels.values() for folder in _folders(one))
    found: dict[str, Field] = {}
    for name, one in labels.items():
        folder = name.rpartition("/")[0]
        called = folder + name[len(bare(name)) :]
        lone = folder in folders and alone[folder] == 1 and called not in labels
        found[called if lone else name] = replace(one, name=called) if lone else one
    return found


def _folders(one: Field) -> set[str]:
    return {place.name.rpartition("/")[0] for place in one.files}


def _recordings(
    fields: Mapping[str, Field], places: Mapping[str, Place]
) -> tuple[dict[str, str], list[str]]:
    """Return the recording of each image that is a time point of one, and what to say."""
    series: dict[str, list[str]] = defaultdict(list)
    for name, one in fields.items():
        place = places[one.files[0].name]
        if place.value("t") and not one.files[0].value("t") and place.rest("tzc"):
            series[place.rest("tzc")].append(name)
    groups = {name: of for of, names in series.items() if len(names) > 1 for name in names}
    if not groups:
        return {}, []
    first = next(iter(groups))
    count = counted(len(set(groups.values())), "recording")
    return groups, [
        say(
            "images that differ only in time, such as {}, are time points of {}, which are not "
            "divided between training and validation; if they are none, pass {}",
            first,
            count,
            Setting("pattern", EVERY_FILE),
        )
    ]


def _said(fields: Mapping[str, Field], axes: str) -> list[str]:
    """Say once what was joined."""
    several = [one for one in fields.values() if len(one.files) > 1]
    if not several:
        return []
    words = {"c": "channel", "z": "plane", "t": "time point"}
    along = " and ".join(words[a] for a in "czt" if a in axes)
    files = sum(len(one.files) for one in several)
    return [
        say(
            "{} are {}: those that differ only in {} are joined, such as {}; if they are not "
            "one image, pass {}",
            counted(files, "file"),
            counted(len(several), "image"),
            along,
            several[0].shown,
            Setting("pattern", EVERY_FILE),
        )
    ]
