"""What the name of a file, with its folders, says of channel, plane and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import invalid
from ..images.formats import stem
from ..messages import say

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
# C1/a.tif may be the first control: folders tell only by words that mean nothing else
_FOLDER = re.compile(
    rf"(?:^|(?<=/))(?:(?P<c>(?:ch|chan|channel|w|wave|wavelength)[_-]?\d+|{_STAINS})"
    r"|(?P<z>(?:zplane|plane)[_-]?\d+)|(?P<t>(?:timepoint|frame)[_-]?\d+))/",
    re.I,
)
NNUNET = re.compile(r"_(?P<c>\d{4})$")
WELL = re.compile(r"(?:(?<=[_\-. /])|^)[A-P]\d{1,2}(?=[_\-. /]|$)")


@dataclass(frozen=True)
class Token:
    """What a name says of channel, plane or time: the words, and where in it they stand."""

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
        """Return the name without ending and without what tells these axes.

        Examples
        --------
        >>> place_of("A01/w2.tif").rest("c"), place_of("DAPI/A01.tif").rest("c")
        ('A01', 'A01')
        """
        text = bare(self.name)
        spans = [span for axis in axes if axis in self.tokens for span in self.tokens[axis].spans]
        for start, stop in sorted(spans, reverse=True):
            before, after = text[:start].rstrip("_-. "), text[stop:]
            text = before + (after.lstrip("_-. ") if before[-1:] in ("", "/") else after)
        # a folder or a file of whose name all is told leaves no part
        root = "/" if self.name.startswith("/") else ""
        return root + "/".join(filter(None, text.split("/")))

    def without(self, axes: Iterable[str]) -> str:
        """Return the name without what tells these axes: that of the field."""
        return self.rest(axes) + self.name[len(bare(self.name)) :]

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
    path = bare(name)
    text = path.rpartition("/")[2]
    shift = len(path) - len(text)
    if nnunet and (match := NNUNET.search(text)):
        return Place(name, {"c": Token(match["c"], (_moved(match.span(), shift),))})
    whole = next((m for pattern in _MICROSCOPES if (m := pattern.search(text))), None)
    if whole:
        spans = {axis: [_moved(whole.span(axis), shift)] for axis in "tzc"}
        action = "action" in whole.groupdict()
        spans["c"] += [_moved(whole.span("action"), shift)] if action else []
        return Place(name, {axis: Token(whole[axis], tuple(spans[axis])) for axis in "tzc"})
    found: dict[str, Token] = {}
    for match in _FOLDER.finditer(path):
        axis = str(match.lastgroup)
        found[axis] = Token(match[axis], (match.span(axis),))
    of_file: dict[str, Token] = {}
    for pattern in (*_TOKENS, _STAIN):
        for match in pattern.finditer(text):
            axis, before = str(match.lastgroup), of_file.get(str(match.lastgroup))
            if _is_well(match[axis], path, wells):
                continue
            # c1_DAPI: number and stain tell the channel together
            both = before is not None and pattern is _STAIN
            value = f"{before.value}_{match[axis]}" if before and both else match[axis]
            span = _moved(match.span(), shift)
            of_file[axis] = Token(value, (*(before.spans if before and both else ()), span))
    return Place(name, {**found, **of_file})


def bare(name: str) -> str:
    """Return a name with its folders and without its ending.

    Examples
    --------
    >>> bare("plate/A01.ome.tif")
    'plate/A01'
    """
    folder, slash, last = name.rpartition("/")
    return folder + slash + stem(last)


def _moved(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by


def _is_well(token: str, text: str, wells: bool) -> bool:
    """Whether C01 or C1 is a well: a capital, and no other well in the name."""
    if not re.fullmatch(r"C\d\d?", token) or len(WELL.findall(text)) > 1:
        return False
    return wells or len(token) == 3


def places_by(pattern: str, names: Sequence[str]) -> tuple[dict[str, Place], list[str]]:
    """Read names by a pattern such as ``"{well}_s{site}_w{channel}"`` or ``"{well}/w{channel}"``.

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
    parts = [re.escape(p) if k % 2 == 0 else f"(?P<{p}>[^/]+?)" for k, p in enumerate(pieces)]
    read = re.compile("".join(parts))
    places = {}
    for name in names:
        # of as many folders as the pattern has, from the last one on
        text = "/".join(bare(name).split("/")[-1 - pattern.count("/") :])
        match = read.fullmatch(text)
        if match:
            places[name] = Place(name, _told(match, fields, axes, len(bare(name)) - len(text)))
    return places, [name for name in names if name not in places]


def _told(
    match: re.Match[str], fields: Sequence[str], axes: Sequence[str], shift: int
) -> dict[str, Token]:
    """Return channel, plane and time of a name, with the text between them and what is before."""
    tokens = {}
    end = 0
    for name, axis in zip(fields, axes, strict=True):
        if axis in _NAMES:
            lead = re.findall(r"[^\W\d_]*\Z", match.string[end : match.start(name)])[0]
            tokens[axis] = Token(lead + match[name], (_moved((end, match.end(name)), shift),))
        end = match.end(name)
    return tokens
