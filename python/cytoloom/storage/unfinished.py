"""Work on many things that goes on after a kill: what was asked, what was decided, what is done.

A small file says what was asked for and what was decided before the first thing; a second one gets
a line for each thing that is done. What a kill leaves of the last line is passed over, and so is
whatever is not as it was written: all of it has its hash.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import Setting, say
from .atomic import (
    is_other_than_file,
    is_partial,
    is_regular,
    remove_folder,
    sha256_of,
    told,
    write_whole,
)
from .written import MOVE_AWAY

HEAD, LINES, SEAL = "asked.json", "finished.jsonl", "sha256"
ENDED = "ended"
"""Of what was decided: SHA-256 of the last files of the results, before these take their place."""
Plain = dict[str, Any]


class Unfinished:
    r"""The state of unfinished work in a folder of its own; all of it plain JSON.

    Parameters
    ----------
    folder : Path
        Where it is kept; made by `begin`.

    Attributes
    ----------
    asked : dict
        What was asked for: other results come of anything else.
    decided : dict
        What was decided before the first thing was done, by name; see `decide`.
    names : dict of str to str
        Names of files by key.
    done : dict of dict
        What was kept of each thing that earlier runs have done, by its key.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "state"
    >>> work = Unfinished(folder)
    >>> work.begin({"factor": "auto"}, {"a": "a"})
    >>> work.decide("factor", 2.0)
    >>> work.keep("a", {"objects": 3})
    >>> again = Unfinished(folder)
    >>> again.decided, again.done, again.differences({"factor": 1})
    ({'factor': 2.0}, {'a': {'objects': 3}}, ['factor'])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        head = _read_head(folder / HEAD)
        self.asked: Plain = head.get("asked", {})
        self.decided: Plain = head.get("decided", {})
        self.names: dict[str, str] = head.get("names", {})
        self.done: dict[str, Plain] = _read_lines(folder / LINES) if head else {}
        self.begun = bool(head)
        self._written = _sealed(head)[SEAL] if head else ""

    def refuse_other(self) -> None:
        """Raise where the place of the state has something that no run left there."""
        inside = () if self.begun or not self.folder.is_dir() else sorted(self.folder.iterdir())
        odd = [path for path in inside if not is_partial(path.name)]
        if odd:
            raise invalid(
                "out",
                expected=f"a folder in which {self.folder.name} holds the state of a run",
                received=f"{odd[0]}, which no run wrote, or which was damaged",
                remedy=MOVE_AWAY,
            )

    def differences(self, asked: Mapping[str, Any]) -> list[str]:
        """Name what is asked for now and was not then."""
        now = _plain(asked)
        return sorted(n for n in {*now, *self.asked} if now.get(n) != self.asked.get(n))

    def begin(self, asked: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """Begin, or go on with what is asked for and more names."""
        if not self.begun:
            self.forget()
        with told(self.folder):
            self.folder.mkdir(exist_ok=True)
        _refuse_other(self.folder / LINES)
        self.asked, self.names, self.begun = _plain(asked), {**self.names, **names}, True
        self._write_head()
        _cut_off(self.folder / LINES)

    def decide(self, name: str, value: Any) -> None:
        """Keep what was decided before it is acted on."""
        self.decided[name] = _plain(value)
        self._write_head()

    def keep(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep that a thing is done: one line, which is there for good."""
        line = json.dumps(_sealed({"key": key, "value": _plain(value)}))
        # the folder is never made here: one that has disappeared is an error
        with told(self.folder / LINES), open(self.folder / LINES, "a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    def end(self, hashes: Mapping[str, str]) -> None:
        """Keep by what it will be known that all results are in their place; see `has_ended`.

        Parameters
        ----------
        hashes : dict of str to str
            SHA-256 by name of files that are ready, of which some take their place last.
        """
        self.decide(ENDED, hashes)

    def has_ended(self, staged: Path, there: Path) -> bool:
        """Whether all is in its place, and the run was killed before it forgot its state.

        Parameters
        ----------
        staged, there : Path
            The file that takes its place last, or its folder, where it is made, and where it ends.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> made, there = folder / "made.csv", folder / "table.csv"
        >>> _ = made.write_text("object")
        >>> work = Unfinished(folder / "state")
        >>> work.begin({}, {})
        >>> work.end({"table.csv": sha256_of(made)})
        >>> work.has_ended(made, there)
        False
        >>> _ = made.rename(there)
        >>> work.has_ended(made, there)
        True
        """
        known = self.decided.get(ENDED, {}).get(there.name)
        # what is staged may be the same as what an earlier run left there
        if not known or os.path.lexists(staged) or not is_regular(there):
            return False
        return sha256_of(there) == known

    def forget(self) -> None:
        """Remove the state."""
        remove_folder(self.folder)
        self.asked, self.decided, self.names, self.done = {}, {}, {}, {}
        self.begun, self._written = False, ""

    def _write_head(self) -> None:
        plain = _sealed({"asked": self.asked, "decided": self.decided, "names": self.names})
        # of a million images it is large, and each part of the work begins with the same
        if plain[SEAL] == self._written and is_regular(self.folder / HEAD):
            return
        text = json.dumps(plain, indent=1)
        write_whole(self.folder / HEAD, lambda p: Path(p).write_text(text, "utf-8"), lasting=True)
        self._written = plain[SEAL]


def _plain(value: Any) -> Any:
    """Return a value as JSON brings it back: tuples are lists."""
    return json.loads(json.dumps(value, default=_number))


def _number(value: Any) -> Any:
    """Return a number of NumPy, a path or anything else as JSON takes it."""
    return value.item() if hasattr(value, "item") else str(value)


def _sealed(plain: Plain) -> Plain:
    """Add the hash of what is kept."""
    return {**plain, SEAL: hashlib.sha256(json.dumps(plain).encode()).hexdigest()}


def _unsealed(text: bytes) -> Plain:
    """Return what was kept; nothing where it is not as it was written."""
    try:
        read = json.loads(text)
        plain = {key: value for key, value in read.items() if key != SEAL}
        return plain if read == _sealed(plain) else {}
    except (ValueError, AttributeError, RecursionError):  # cut off by a kill or a full disk
        return {}


def _read_head(path: Path) -> Plain:
    return _unsealed(path.read_bytes()) if is_regular(path) else {}


def _read_lines(path: Path) -> dict[str, Plain]:
    """Read the lines that are whole."""
    if not is_regular(path):
        return {}
    with open(path, "rb") as stream:
        kept = (plain for line in stream if (plain := _unsealed(line)))
        return {plain["key"]: _lean(plain["value"]) for plain in kept}


def _lean(value: Any) -> Any:
    """Let what lines have in common be there once: of a million images each has the same columns.

    Examples
    --------
    >>> one, other = (_lean(json.loads('{"types": {"object": "int64"}}')) for _ in range(2))
    >>> one["types"] is other["types"]
    True
    """
    if not isinstance(value, dict):
        return sys.intern(value) if isinstance(value, str) else value
    pairs = tuple((sys.intern(name), _lean(one)) for name, one in value.items())
    texts = bool(pairs) and all(isinstance(one, str) for _, one in pairs)
    return _of_texts(pairs) if texts else dict(pairs)


@functools.lru_cache(maxsize=256)
def _of_texts(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(pairs)


def begun_otherwise(folder: Path, differing: Sequence[str]) -> InvalidError:
    """Return the error where something else is asked for than was begun in a folder."""
    remedy = "Use these again to go on, {} to start anew, or another name."
    return invalid(
        "out",
        expected=f"the same prediction as was begun in {folder}",
        received=f"other {', '.join(differing)}",
        remedy=say(remedy, Setting("overwrite", True)),
    )


def lines_of(folder: Path) -> int:
    """Count what is kept in a state, without reading what of it."""
    path = folder / LINES
    if not is_regular(path):
        return 0
    with open(path, "rb") as stream:
        return sum(line.endswith(b"}\n") for line in stream)  # the others a kill has cut off


def _refuse_other(path: Path) -> None:
    """Raise where something else stands in the place of a file that is written on."""
    if is_other_than_file(path):
        received = f"{path}, which is no file"
        remedy = MOVE_AWAY
        raise invalid("out", expected="a folder of results", received=received, remedy=remedy)


def _cut_off(path: Path) -> None:
    """End a line that a kill has cut off, so that the next one is a line of its own."""
    if path.is_file() and path.stat().st_size:
        with open(path, "rb+") as stream:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
