"""Names of images as names of files and in tables, on every system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..messages import shortened

LONGEST_BYTES = 240
"""A name of a file takes at most 255 bytes, its ending and that of a name in use among them."""
LONGEST_IN_TABLES = 1000
"""Bytes of a name in tables and in messages, which people have to read."""
FORMULA = "=+@"
"""What starts a formula in a spreadsheet. A minus does, too, but starts too many names, and what
follows it is hardly ever a formula."""
_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.I
)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"/\\|?*]')
SHOWN = 5
"""Changed names that are told; more would hide what else is said."""


def table_name(name: object) -> str:
    r"""Return the name of an image as tables hold it: what a table cannot bring back is changed.

    Bytes that are not UTF-8 are written in hexadecimal; carriage returns, which R reads as line
    feeds, and NUL become ``_``; what a spreadsheet would take for a formula gets ``_`` in front;
    and what is longer than 1000 bytes is cut.

    Examples
    --------
    >>> table_name("007"), table_name("=1+1"), table_name("-dash"), table_name("a\rb")
    ('007', '_=1+1', '-dash', 'a_b')
    >>> table_name(b"caf\xe9".decode("utf-8", "surrogateescape"))
    'caf%E9'
    """
    text = re.sub(r"[\ud800-\udfff]", _hexadecimal, str(name))
    text = re.sub(r"[\x00\r]", "_", text) or "_"
    return _shortened(f"_{text}" if text[0] in FORMULA else text, most=LONGEST_IN_TABLES)


def file_name(name: object) -> str:
    r"""Return the name of an image as the name of a file, without its ending.

    Works on Linux, Windows and macOS: no separators, no signs that one of them refuses, no dot in
    front, no dot or blank at the end, no name of a device, at most 240 bytes.

    Examples
    --------
    >>> file_name("w [1] ch"), file_name("../../images/a"), file_name("C:\\a"), file_name("con.1")
    ('w [1] ch', '_._.._images_a', 'C__a', '_con.1')
    >>> len(file_name("x" * 300))
    240
    """
    text = _UNSAFE.sub("_", table_name(name))
    text = re.sub(r"[. ]+$", lambda end: "_" * len(end[0]), text)
    text = re.sub(r"^\.", "_", text)
    return _shortened(f"_{text}" if _DEVICES.fullmatch(text) else text)


def file_names(names: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a name of a file for each name; no two are alike to any system.

    Parameters
    ----------
    names : iterable of str
        Of images.
    given : dict of str to str, optional
        Names of files that some have already, and keep; no other gets one of them.

    Examples
    --------
    >>> file_names(["a", "A", "b/c"])
    {'a': 'a', 'A': 'A_2', 'b/c': 'b_c'}
    >>> file_names(["b/c", "b_c"], {"b_c": "b_c"})
    {'b/c': 'b_c_2', 'b_c': 'b_c'}
    """
    names, given = list(names), given or {}
    new = [name for name in names if name not in given]
    files = told_apart([*given.values(), *map(file_name, new)], folded)
    found = dict(zip([*given, *new], files, strict=True))
    return {name: found[name] for name in names}


def told_apart(names: Iterable[str], alike: Callable[[str], str] = str) -> Iterator[str]:
    """Yield the names, numbered where one is like an earlier one.

    Parameters
    ----------
    names : iterable of str
        Those that differ stay as they are.
    alike : callable, default str
        From a name to what it must differ in.

    Examples
    --------
    >>> list(told_apart(["a", "a", "a_2", "A"])), list(told_apart(["a", "A"], str.lower))
    (['a', 'a_3', 'a_2', 'A'], ['a', 'A_2'])
    """
    names = list(names)
    # how far each name was counted, so that a thousand of a kind take no million of steps
    taken, whole, counts = set(), {alike(name) for name in names}, Counter[str]()
    for name in names:
        found, key = name, alike(name)
        while alike(found) in taken or (found != name and alike(found) in whole):
            counts[key] += 1
            found = f"{_shortened(name, 8)}_{counts[key] + 1}"
        taken.add(alike(found))
        yield found


def changes(names: Iterable[tuple[str, str]]) -> str:
    """Say which names became which, the first few of them; empty where none did.

    Examples
    --------
    >>> changes([("a", "a"), ("b/c", "b_c")])
    "'b/c' is written as 'b_c'"
    """
    changed = [f"{_shown(old)} is written as {_shown(new)}" for old, new in names if old != new]
    more = f", and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return ", ".join(changed[:SHOWN]) + more


def _shown(name: str) -> str:
    return shortened(repr(name))


def _hexadecimal(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"%{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"%{code:04X}"


def folded(name: str) -> str:
    """Return what macOS and Windows tell names of files by: not by capitals."""
    # macOS takes letters that are composed of several signs for the single sign
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _shortened(name: str, reserve: int = 0, most: int = LONGEST_BYTES) -> str:
    """Cut a name that is too long, with a part of its hash to tell it from others."""
    encoded, most = name.encode(), most - reserve
    if len(encoded) <= most:
        return name
    tail = f"_{hashlib.sha256(encoded).hexdigest()[:8]}"
    return encoded[: most - len(tail)].decode(errors="ignore") + tail
