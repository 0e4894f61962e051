"""Which files are one image: those of one field that differ only in channel, plane or time."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import invalid
from ..images.formats import stem
from ..messages import Setting, counted, say
from .listing import some
from .pairing import natural_order

_NAMES = {
    "c": ("c", "ch", "chan", "channel", "w", "wave", "wavelength"),
    "z": ("z", "zplane", "plane"),
    "t": ("t", "tp", "time", "timepoint", "frame"),
}
_OF_PATTERN = {name: axis for axis, names in _NAMES.items() for name in names} | {"slice": "z"}
_STAINS = (
    "dapi|hoechst|e?gfp|yfp|cfp|rfp|m?cherry|tdtomato|fitc|tritc|cy[357]|alexa ?[0-9]{3}|"
    "brightfield|bf|dic|phase"
)
_START, _END = r"(?:(?<=[_\-. ])|^)", r"(?=[_\-. ]|$)"
# ImageXpress puts an id of the file right behind the wavelength
_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TOKENS = tuple(
    re.compile(rf"{_START}(?P<{axis}>(?:{'|'.join(names)})[_-]?\d+?)(?:{_GUID})?{_END}", re.I)
    for axis, names in _NAMES.items()
)
_STAIN = re.compile(rf"{_START}(?P<c>{_STAINS}){_END}", re.I)
_MICROSCOPES = (
    # Opera Phenix and Operetta: r01c02f03p04-ch1sk1fk1fl1
    re.compile(r"^r\d+c\d+f\d+(?P<z>p\d+)-(?P<c>ch\d+)(?P<t>sk\d+)(?:fk\d+fl\d+)?$"),
    # CellVoyager: plate_B02_T0001F001L01A01Z01C01, where each channel may have its own action
    re.compile(r"(?P<t>T\d{4})F\d{3}L\d{2}(?P<action>A\d{2})(?P<z>Z\d{2,3})(?P<c>C\d{2})$"),
)
_NNUNET = re.compile(r"_(?P<c>\d{4})$")
_WELL = re.compile(rf"{_START}[A-P]\d{{1,2}}{_END}")
_MOST_CHANNELS = 12
"""Files numbered higher behind a c are cells or cases rather than channels."""
EVERY_FILE = "{name}"
"""The pattern by which every file is an image of its own."""


@dataclass(frozen=True)
class Token:
    """What a name says of channel, plane or time: the words, and where they stand in the stem."""

    value: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Place:
    """Where a file belongs, as its name says.

    Parameters
    ----------
    name : str
        The file's name, with folders.
    tokens : dict of Token, default {}
        For channel ``c``, plane ``z`` and time ``t``.
    """

    name: str
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def value(self, axis: str) -> str:
        """Return what the name says of an axis; empty where it says nothing."""
        return self.tokens[axis].value if axis in self.tokens else ""

    def rest(self, axes: Iterable[str]) -> str:
        """Return the stem without what tells these axes."""
        text = stem(self.name.rpartition("/")[2])
        spans = [span for axis in axes if axis in self.tokens for span in self.tokens[axis].spans]
        for start, stop in sorted(spans, reverse=True):
            before, after = text[:start].rstrip("_-. "), text[stop:]
            text = before + after if before else after.lstrip("_-. ")
        return text

    def without(self, axes: Iterable[str]) -> str:
        """Return the name without what tells these axes: that of the field."""
        folder, slash, last = self.name.rpartition("/")
        return folder + slash + self.rest(axes) + last[len(stem(last)) :]

    def only(self, axes: str) -> Place:
        """Return the same file, of which only these axes are told."""
        return Place(self.name, {a: token for a, token in self.tokens.items() if a in axes})


def place_of(name: str, nnunet: bool = False, wells: bool = False) -> Place:
    """Read channel, plane and time from a file's name.

    Parameters
    ----------
    name : str
        With folders.
    nnunet : bool, default False
        Whether four digits at the end are a channel.
    wells : bool, default False
        Whether C1 may be a well.

    Examples
    --------
    >>> place = place_of("A01_s1_w2_z03.tif")
    >>> place.value("c"), place.value("z"), place.without("cz")
    ('w2', 'z03', 'A01_s1.tif')
    """
    text = stem(name.rpartition("/")[2])
    if nnunet and (match := _NNUNET.search(text)):
        return Place(name, {"c": Token(match["c"], (match.span(),))})
    whole = next((m for pattern in _MICROSCOPES if (m := pattern.search(text))), None)
    if whole:
        spans = {axis: [whole.span(axis)] for axis in "tzc"}
        spans["c"] += [whole.span("action")] if "action" in whole.groupdict() else []
        return Place(name, {axis: Token(whole[axis], tuple(spans[axis])) for axis in "tzc"})
    found: dict[str, Token] = {}
    for pattern in (*_TOKENS, _STAIN):
        for match in pattern.finditer(text):
            axis, before = str(match.lastgroup), found.get(str(match.lastgroup))
            if _is_well(match[axis], text, wells):
                continue
            # c1_DAPI: number and stain tell the channel together
            both = before is not None and pattern is _STAIN
            value = f"{before.value}_{match[axis]}" if before and both else match[axis]
            found[axis] = Token(value, (*(before.spans if before and both else ()), match.span()))
    return Place(name, found)


def _is_well(token: str, text: str, wells: bool) -> bool:
    """Whether C01 or C1 is a well: a capital, and no other well in the name."""
    if not re.fullmatch(r"C\d\d?", token) or len(_WELL.findall(text)) > 1:
        return False
    return wells or len(token) == 3


def places_by(pattern: str, names: Sequence[str]) -> tuple[dict[str, Place], list[str]]:
    """Read names by a pattern such as ``"{well}_s{site}_w{channel}"``.

    Returns
    -------
    places : dict of Place
        Of the names that fit.
    others : list of str
        Those that do not.

    Raises
    ------
    InvalidError
        A pattern without fields, or with one twice.

    Examples
    --------
    >>> places, others = places_by("{well}_w{channel}", ["A1_w2.tif", "overview.tif"])
    >>> places["A1_w2.tif"].value("c"), places["A1_w2.tif"].without("c"), others
    ('w2', 'A1.tif', ['overview.tif'])
    """
    expected = "names of fields in braces, once each, such as {well}_s{site}_w{channel}"
    pieces = re.split(r"\{(\w+)\}", pattern) if isinstance(pattern, str) else []
    fields = pieces[1::2]
    axes = [_OF_PATTERN.get(f, f) for f in fields]
    if not fields or len(set(axes)) < len(axes) or not all(f.isidentifier() for f in fields):
        raise invalid("pattern", expected=expected, received=say("{}", pattern))
    parts = [re.escape(p) if k % 2 == 0 else f"(?P<{p}>.+?)" for k, p in enumerate(pieces)]
    read = re.compile("".join(parts))
    places = {}
    for name in names:
        match = read.fullmatch(stem(name.rpartition("/")[2]))
        if match:
            places[name] = Place(name, _told(match, fields, axes))
    return places, [name for name in names if name not in places]


def _told(match: re.Match[str], fields: Sequence[str], axes: Sequence[str]) -> dict[str, Token]:
    """Return channel, plane and time of a name, with the text between them and what is before."""
    tokens = {}
    end = 0
    for name, axis in zip(fields, axes, strict=True):
        if axis in _NAMES:
            lead = re.findall(r"[^\W\d_]*$", match.string[end : match.start(name)])[0]
            tokens[axis] = Token(lead + match[name], ((end, match.end(name)),))
        end = match.end(name)
    return tokens


@dataclass(frozen=True)
class Field:
    """One image and its files.

    Parameters
    ----------
    name : str
        What all of its files are called, but for channel, plane and time.
    files : tuple of Place
        One for each.
    """

    name: str
    files: tuple[Place, ...]

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
        names = tuple(self.grid("c"))
        return None if any(not name or name.isdecimal() for name in names) else names

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
        wells = any(re.search(r"[ABD-P]", w) for n in images for w in _WELL.findall(stem(n)))
        of_images = {name: place_of(name, nnunet, wells) for name in images}
        # labels of nnU-Net have no number
        of_labels = {n: Place(n) if nnunet else place_of(n, wells=wells) for n in labels}
    else:
        of_images, others = places_by(pattern, images)
        if others:
            problems.append(f"{some(others)} do not fit the pattern {pattern}")
        if not of_images:
            expected = f"a pattern that fits the names of files, such as {images[0]}"
            raise invalid("pattern", expected=expected, received=pattern)
        of_labels, others = places_by(pattern, labels)
        of_labels |= {name: Place(name) for name in others}
    axes = _axes(of_images, of_labels, given=pattern is not None or nnunet)
    found = _grouped(of_images.values(), axes)
    problems += [text for one in found.values() if (text := one.fault)]
    whole = {name: one for name, one in found.items() if not one.fault}
    groups, recordings = _recordings(whole, of_images)
    notes = (*_said(whole, axes), *recordings)
    return Fields(whole, _grouped(of_labels.values(), axes), groups, tuple(problems), notes)


def _is_nnunet(images: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are called as images are, but for four digits."""
    stems = {stem(name) for name in labels}
    bare = [_NNUNET.sub("", stem(name)) for name in images]
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


def _recordings(
    fields: Mapping[str, Field], places: Mapping[str, Place]
) -> tuple[dict[str, str], list[str]]:
    """Return the recording of each image that is a time point of one, and what to say."""
    series: dict[str, list[str]] = defaultdict(list)
    for name, one in fields.items():
        place = places[one.files[0].name]
        if place.value("t") and not one.files[0].value("t") and place.rest("tzc"):
            folder, slash, _ = name.rpartition("/")
            series[folder + slash + place.rest("tzc")].append(name)
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
