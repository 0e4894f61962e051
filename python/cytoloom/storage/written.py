"""What runs wrote into a folder, by SHA-256: nothing else in it is replaced or removed."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import invalid
from ..messages import Either, say
from .atomic import is_regular, sha256_of, told, write_whole

RECORD = ".written.sha256"
"""A list as ``sha256sum`` writes it: ``sha256sum -c .written.sha256`` tells what was changed."""
_LINE = re.compile(r"([0-9a-f]{64})  ((?:\w+/)?[^/\\\n]+)")
OPENED = Either(python="cytoloom.results", r="cl_results()", options="its folder")
MOVE_AWAY = "Move it away, or pass another name."


class Written:
    r"""What runs wrote into a folder; a file that was changed since is not it any more.

    Parameters
    ----------
    folder : Path
        Its record is read where it has one.
    also : dict of str to str, optional
        What an unfinished run wrote besides: SHA-256 by name below the folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("object\n1\n")
    >>> Written(folder).holds("a.csv")
    False
    >>> Written(folder).add({"a.csv": sha256_of(folder / "a.csv")})
    >>> Written(folder).holds("a.csv")
    True
    >>> _ = (folder / "a.csv").write_text("object\n1\n2\n")
    >>> Written(folder).holds("a.csv")
    False
    """

    def __init__(self, folder: Path, also: Mapping[str, str] | None = None) -> None:
        self.folder, self._begun = folder, False
        # several of one name while new files take the place of old ones
        self._known: dict[str, set[str]] = defaultdict(set)
        lines, self._whole = _read(folder / RECORD)
        for name, known in (*lines, *(also or {}).items()):
            self._known[name].add(known)

    def holds(self, name: str) -> bool:
        """Whether a file is there as a run wrote it."""
        path, hashes = self.folder / name, self._known.get(name)
        try:
            if not hashes or not is_regular(path):
                return False
            return sha256_of(path) in hashes
        except OSError:
            return False

    def digests(self, name: str) -> set[str]:
        """Return the SHA-256 of a file as runs wrote it; of several while one takes its place."""
        return set(self._known.get(name, ()))

    def names(self) -> list[str]:
        """List the files that runs wrote, whatever became of them."""
        return sorted(self._known)

    def changed(self, names: Iterable[str]) -> list[str]:
        """List those of some files that are there, and not as a run wrote them."""
        there = [n for n in names if self._known.get(n) and os.path.lexists(self.folder / n)]
        return [name for name in there if not self.holds(name)]

    def gone(self, names: Iterable[str] = (), below: Iterable[str] = ()) -> list[str]:
        """List files that runs wrote and that are gone, of these names or in these folders."""
        told = [n for n in self.names() if n in set(names) or n.startswith(tuple(below))]
        return [name for name in told if not os.path.lexists(self.folder / name)]

    def refuse_others(self, names: Iterable[str], argument: str = "out") -> None:
        """Raise where a file that would be replaced is not as a run wrote it."""
        if not self._whole:
            raise invalid(
                argument,
                expected=f"a list of what runs wrote in {RECORD}",
                received=f"{self.folder / RECORD}, which is another file or was damaged",
                remedy=MOVE_AWAY,
            )
        for name in names:
            if os.path.lexists(self.folder / name) and not self.holds(name):
                raise invalid(
                    argument,
                    expected="files of an earlier run, as it wrote them",
                    received=f"{self.folder / name}, which is another file or was changed since",
                    remedy=MOVE_AWAY,
                )

    def add(self, hashes: Mapping[str, str]) -> None:
        """Record files before they take their place; what was there is still known."""
        for name, known in hashes.items():
            self._known[name].add(known)
        self._write()

    def append(self, hashes: Mapping[str, str]) -> None:
        """Record more files before they take their place, one line each: there may be many."""
        if not self._begun:  # and leave out what a kill has left of a line
            self._begun = True
            self.add(hashes)
            return
        for name, known in hashes.items():
            self._known[name].add(known)
        with (
            told(self.folder / RECORD),
            open(self.folder / RECORD, "ab") as stream,
        ):
            stream.write(_bytes(hashes.items()))

    def settle(self, hashes: Mapping[str, str], gone: Iterable[str] = ()) -> None:
        """Record files that are in their place alone, without those that were there before."""
        self._known.update({name: {known} for name, known in hashes.items()})
        # some were removed here, some by somebody else
        for name in {*gone, *self._known}:
            if name not in hashes and not os.path.lexists(self.folder / name):
                self._known.pop(name, None)
        self._write()

    def _write(self) -> None:
        lines = _bytes((name, known) for name in sorted(self._known) for known in self._known[name])
        write_whole(self.folder / RECORD, lambda path: Path(path).write_bytes(lines), lasting=True)


def is_written_name(name: object) -> bool:
    """Whether a run would write a file of this name below a folder.

    Examples
    --------
    >>> is_written_name("labels/a.tif"), is_written_name("../a.tif"), is_written_name("/a.tif")
    (True, False, False)
    """
    if not isinstance(name, str) or name.rpartition("/")[2] in (".", ".."):
        return False
    return _LINE.fullmatch(f"{'0' * 64}  {name}") is not None


def refuse_another_run(folder: Path, digests: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise where files are not those of the run whose results are held in memory.

    What somebody has corrected since is no other run's: the record still has what was written.

    Parameters
    ----------
    folder : Path
        Of the results.
    digests : dict of str to str
        SHA-256 of its files, by name below it, as that run wrote them.
    names : iterable of str
        Those that are wanted.
    """
    for name in names:
        path, known = folder / name, digests.get(name, "")
        if is_regular(path) and sha256_of(path) == known:
            continue
        if known not in Written(folder).digests(name):
            gone = "which is gone" if not os.path.lexists(path) else "which another run wrote since"
            raise invalid(
                "labels",
                expected="label images as they were written with these tables",
                received=f"{path}, {gone}",
                remedy=say("What is there now is opened by {}.", OPENED),
            )


def _bytes(hashes: Iterable[tuple[str, str]]) -> bytes:
    """Return a line for each; a name with a line feed has none, its file is somebody's own.

    In bytes: a name may be of some that are no UTF-8, and have a carriage return.
    """
    lines = (f"{known}  {name}" for name, known in hashes)
    text = "".join(f"{line}\n" for line in lines if _LINE.fullmatch(line))
    return text.encode("utf-8", "surrogateescape")


def _read(record: Path) -> tuple[list[tuple[str, str]], bool]:
    """Read name and SHA-256 of each file below the folder, and whether that is all there is."""
    if not is_regular(record):
        return [], not os.path.lexists(record)
    try:
        # as bytes: names may have a carriage return, which is the end of no line here
        *lines, last = record.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return [], False
    found = [_LINE.fullmatch(line) for line in lines]
    pairs = [(match[2], match[1]) for match in found if match and match[2] != ".."]
    # what is behind the last line feed a kill has left of a line, if it is behind lines
    return pairs, len(pairs) == sum(map(bool, lines)) and (not last or bool(pairs))
