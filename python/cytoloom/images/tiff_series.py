"""Which of the images of a TIFF file is meant, and whether all of it is there.

tifffile reads what it can and only logs what it cannot: the first plane of a stack that is cut off,
zeros for a file of a set that is missing. Here this is an error, or a note where nothing is lost.
"""

from __future__ import annotations

import html
import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..messages import counted, say

if TYPE_CHECKING:
    import tifffile

_APART = "Save each of them as its own file (Fiji: Bio-Formats, then Save As > Tiff)."
_ANEW = "Open it in Fiji (Bio-Formats), see what is there, and save it as TIFF."
_AGAIN = "It is cut off or damaged: copy or export it again."
_TOGETHER = (
    "Put all files of the set into one folder, under the names that they were saved with, or "
    "export it as one file."
)
# of slides and vendors' stacks tifffile knows which series is the image
_KNOWN_KINDS = ("svs", "qpi", "ndpi", "bif", "avs", "eer", "philips", "lsm", "sis")
# how Bio-Formats calls what a slide scanner takes beside the image
_ASIDE = re.compile(r"(label|macro|overview|thumbnail) image|macro|overview|thumbnail", re.I)
_OME_START = re.compile(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(\w+:)?OME\b", re.S)
# private tags and tags of a text may be wrong as they like; those that say what pixels are may not
_OF_PIXELS = re.compile(r"TiffTag [23]\d\d @.*(offset|not read all)")
_HARMLESS = re.compile(
    r"TiffTag|_metadata|_tags|GeoKey|GDAL|read_(?!segments)|uic|thumbnail|Datetime"
    r"|invalid shaped series metadata|subfiletype|ByteCounts for CCITT"
)
_BROKEN = re.compile(r"offset|corrupted tag list|not read all|incompletely|segments|circular")


@dataclass
class Opened:
    """An open TIFF file, the series that is its image, and what had to be guessed."""

    tiff: tifffile.TiffFile
    series: tifffile.TiffPageSeries
    notes: list[str] = field(default_factory=list)
    full: tifffile.TiffPageSeries | None = None
    """The image itself, where `series` is a smaller copy of it."""

    @property
    def page(self) -> Any:
        """The page whose tags hold for all of the image."""
        return self.series.keyframe


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file, choose its image, and refuse what is incomplete or ambiguous."""
    with _listening() as said:
        tiff, notes = _open(path)
        with tiff:
            series, more = _chosen(_all_series(tiff, path), path)
            _refuse_incomplete(tiff, series, path)
            _refuse_said(said, path)
            yield Opened(tiff, series, notes + more)
            # pixels are decoded by now
            _refuse_said(said, path)


def members(path: Path) -> tuple[str, ...]:
    """Return the names of the files of the set that one OME-TIFF is of; only itself if of none.

    Parameters
    ----------
    path : Path
        A TIFF file.

    Returns
    -------
    tuple of str
        Names of files in its folder that are there, each once, in the order of their planes, and
        of the one that describes them.
    """
    with _listening():
        tiff, _ = _open(path)
        with tiff:
            names = _files_named(tiff.ome_metadata) if tiff.is_ome else ()
            # of the description that a companion replaced, the file itself still has its own
            names += _describing(tiff.pages.first.description if tiff.pages else None)
    there = tuple(name for name in dict.fromkeys(names) if (path.parent / name).is_file())
    return there if path.name in there else (path.name,)


# What tifffile logs


_SAID: ContextVar[list[str] | None] = ContextVar("_SAID", default=None)


class _Listener(logging.Handler):
    """Keeps what tifffile warns of, for the thread that reads the file."""

    def emit(self, record: logging.LogRecord) -> None:
        said = _SAID.get()
        if said is not None:
            said.append(record.getMessage())


logging.getLogger("tifffile").addHandler(_Listener(logging.WARNING))


@contextmanager
def _listening() -> Iterator[list[str]]:
    said: list[str] = []
    token = _SAID.set(said)
    try:
        yield said
    finally:
        _SAID.reset(token)


def _refuse_said(said: Sequence[str], path: Path) -> None:
    bad = [t for t in said if _OF_PIXELS.search(t) or not _HARMLESS.search(t)]
    if not bad:
        return
    text = re.sub(r"^<.*?'> |^<[^>]*> ", "", bad[0])
    if text.startswith("ImageJ series metadata"):
        expected, got = "as many planes as its ImageJ description says", "fewer"
        raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN)
    expected = "a file whose parts fit together"
    remedy = _AGAIN if _BROKEN.search(text) else _ANEW
    raise invalid(str(path), expected=expected, received=text, remedy=remedy)


# Files of a set


def _open(path: Path) -> tuple[tifffile.TiffFile, list[str]]:
    """Open a file by the description that it has, or that another file of its set has."""
    import tifffile

    tiff = tifffile.TiffFile(path)
    xml = tiff.ome_metadata if tiff.is_ome else None
    for file in (path.parent / name for name in _files_named(xml)):
        if file.exists() and not file.is_file():
            # tifffile would open a pipe, and wait
            tiff.close()
            expected, got = "files of a set", f"{file.name}, which is none"
            raise invalid(str(path), expected=expected, received=got)
    for name in _describing(xml):
        other = path.parent / name
        if not other.is_file():
            text = "it is one of a set that {} describes, which is not beside it: it is read alone"
            return tiff, [say(text, other.name)]
        tiff.close()
        if other.suffix.lower() in (".ome", ".xml"):
            text = other.read_text(encoding="utf-8", errors="replace")
            return tifffile.TiffFile(path, omexml=text), []
        return tifffile.TiffFile(other), []
    if xml and "TiffData" not in xml:
        # where no plane is placed, they follow each other in the order of the dimensions
        placed = re.sub(r"</(\w+:)?Pixels>", r"<\1TiffData/></\1Pixels>", xml)
        tiff.close()
        return tifffile.TiffFile(path, omexml=placed), []
    if xml and _was_renamed(xml, path):
        tiff.close()
        bare = re.sub(r"<(\w+:)?UUID\b.*?</(\w+:)?UUID>|<(\w+:)?UUID\b[^>]*/>", "", xml, flags=re.S)
        return tifffile.TiffFile(path, omexml=bare), []
    return tiff, []


def _was_renamed(xml: str, path: Path) -> bool:
    """Whether all planes are said to be in one file, which is this one under an earlier name."""
    names = _files_named(xml)
    return len(names) == 1 and not (path.parent / names[0]).exists() and "UUID=" not in xml


def _describing(xml: str | None) -> tuple[str, ...]:
    """Return the name of the file that describes a set in place of this one, if another does."""
    found = re.search(r"<(?:\w+:)?BinaryOnly\b[^>]*?MetadataFile=[\"']([^\"']+)", xml or "")
    return (html.unescape(found[1]),) if found else ()


def _files_named(xml: str | None) -> tuple[str, ...]:
    found = re.findall(r"FileName=[\"']([^\"']+)", xml or "")
    return tuple(dict.fromkeys(html.unescape(name) for name in found))


# Which series


def _chosen(
    found: Sequence[tifffile.TiffPageSeries], path: Path
) -> tuple[tifffile.TiffPageSeries, list[str]]:
    """Return the image among the series: not an overview, a mask or a smaller copy of it."""
    alike = [s for s in found if (s.shape, s.axes, s.dtype) == _kind(found[0])]
    if found[0].kind in _KNOWN_KINDS and len(alike) == 1:
        return found[0], []
    named = [s for s in found if not _ASIDE.fullmatch(s.name or "")] or found
    images = [s for s in named if not _is_marked(s.keyframe)] or list(named)
    largest = max(images, key=lambda s: math.prod(_plane(s)))
    smaller = [s for s in images if s is not largest]
    if not all(_is_copy(s, largest) for s in smaller):
        sizes = ", ".join(f"{_size(s)} {s.dtype}" for s in images[:5])
        got = f"{counted(len(images), 'image')}: {sizes}{', ...' if len(images) > 5 else ''}"
        raise invalid(str(path), expected="one image", received=got, remedy=_APART)
    smaller += [s for s in largest.levels[1:] if not _is_marked(s.keyframe)]
    if not smaller:
        return largest, []
    text = "its file holds smaller images too ({}), which are taken for overviews of the largest"
    return largest, [say(text, ", ".join(map(_size, smaller)))]


def _all_series(tiff: tifffile.TiffFile, path: Path) -> Sequence[tifffile.TiffPageSeries]:
    start = tiff.pages.first.description.lstrip()[:1000] if tiff.pages else ""
    if _OME_START.match(start) and not tiff.is_ome:
        expected, got = "a whole OME description", "one that breaks off"
        raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN)
    try:
        found: Sequence[tifffile.TiffPageSeries] = tiff.series
    except RuntimeError as error:
        # how tifffile says that a page is of another size or type than the first
        if "keyframe" not in str(error):
            raise
        got = "pages of several sizes or types"
        raise invalid(str(path), expected="one image", received=got, remedy=_APART) from None
    if not found:
        raise invalid(str(path), expected="an image", received="no page", remedy=_AGAIN)
    return found


def _kind(series: tifffile.TiffPageSeries) -> tuple[Any, ...]:
    return series.shape, series.axes, series.dtype


def _is_marked(page: Any) -> bool:
    """Whether a page says that it is an overview, a level of a pyramid, or a mask of another."""
    return bool(page.is_reduced or page.is_mask or page.is_subifd)


def _plane(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return sizes.get("Y", 1), sizes.get("X", 1)


def _size(series: tifffile.TiffPageSeries) -> str:
    return " x ".join(map(str, series.shape))


def _is_copy(small: tifffile.TiffPageSeries, large: tifffile.TiffPageSeries) -> bool:
    """Whether an image is a smaller one of the same proportions, but for rounding."""
    (y, x), (height, width) = _plane(small), _plane(large)
    same = abs(y * width - x * height) <= max(height, width)
    return same and 3 * y <= 2 * height and 3 * x <= 2 * width


# Whether all is there


def _refuse_incomplete(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path
) -> None:
    if series.dataoffset is not None and not series.is_multifile:
        planes, here = math.prod(series.shape), tiff.filehandle.size - series.dataoffset
        if planes * series.dtype.itemsize > here:
            raise _cut_off(path)
        _refuse_more_pages(tiff, series, path)
        return
    parts, known = math.prod(series.keyframe.chunked), len(series.keyframe.dataoffsets)
    if known < parts:
        got = f"{known} of the {parts} strips or tiles that its size makes"
        raise invalid(str(path), expected="a whole image", received=got, remedy=_AGAIN)
    first = getattr(series.keyframe, "index", 0)
    lone = len(series._pages) == 1 < len(series)
    # of a stack of which only the first page is known, the others follow it
    pages = [] if lone else list(series)
    there = len(tiff.pages) - first if lone else len(pages) - pages.count(None)
    wanted = math.prod(series.shape) // max(1, math.prod(series.keyframe.shape))
    if there < wanted:
        raise _missing(tiff, path, wanted, there)
    if not any(any(page.databytecounts) for page in pages or [series.keyframe] if page is not None):
        expected, got = "an image with pixels", "one of which no pixel was ever written"
        raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN)
    _refuse_more_pages(tiff, series, path)
    for page in {id(p): p for p in (series.keyframe, pages[-1] if pages else None)}.values():
        if page is not None and page.parent is tiff and _end(page) > tiff.filehandle.size:
            raise _cut_off(path)


def _missing(tiff: tifffile.TiffFile, path: Path, wanted: int, there: int) -> InvalidError:
    names = _files_named(tiff.ome_metadata) if tiff.is_ome else ()
    gone = [name for name in names if not (path.parent / name).is_file()]
    got = f"{there} of {counted(wanted, 'plane')}"
    if not gone:
        expected = "as many planes as its description says"
        return invalid(str(path), expected=expected, received=got, remedy=_ANEW)
    which = ", ".join(gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
    got = f"{got}: {which} {'is' if len(gone) == 1 else 'are'} not beside it"
    expected = "all files of the set that it is of"
    return invalid(str(path), expected=expected, received=got, remedy=_TOGETHER)


def _refuse_more_pages(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path
) -> None:
    """Refuse pages like those of the image of which an OME description says nothing."""
    if series.kind != "ome" or series.is_multifile:
        return
    total, known = len(tiff.pages), sum(len(s) for s in tiff.series)
    if total <= known:
        return
    import tifffile

    used = {page.index for s in tiff.series for page in s if page is not None}
    with tifffile.TiffFile(path) as plain:
        rest = [plain.pages[i] for i in range(total) if i not in used]
    if any(p.shape == series.keyframe.shape and not _is_marked(p) for p in rest):
        got = f"{counted(total, 'page')}, of which its OME description knows {known}"
        expected = "as many planes as its description says"
        raise invalid(str(path), expected=expected, received=got, remedy=_ANEW)


def _end(page: Any) -> int:
    """Return where in the file the data of a page end."""
    pairs = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((start + length for start, length in pairs), default=0)


def _cut_off(path: Path) -> InvalidError:
    got = "a file that ends before its pixels do"
    return invalid(str(path), expected="a whole image", received=got, remedy=_AGAIN)
