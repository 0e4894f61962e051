"""Every step that was taken, a line of JSON each: what is written is kept, and can be undone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..storage.atomic import told
from .steps import KINDS, Step, step_of

BEGIN = "begin"


@dataclass(frozen=True)
class Progress:
    """How far one image is.

    Attributes
    ----------
    sha256 : str
        Of the labels that it began with.
    done, undone : tuple of Step
        Steps that hold, in their order; those that were undone, the last first to be done again.
    accepted : bool
        Whether somebody said that the image is right.
    highest : int
        The highest number that an object was given.
    lines : int
        How many lines there are of it.
    """

    sha256: str = ""
    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()
    accepted: bool = False
    highest: int = 0
    lines: int = 0

    def after(self, line: Mapping[str, Any]) -> Progress:
        """Return how far it is after one more line.

        Raises
        ------
        InvalidError
            A line that cannot follow.

        Examples
        --------
        >>> one = Progress().after({"kind": "delete", "object": 3})
        >>> back = one.after({"kind": "undo"})
        >>> [len(p.done) for p in (one, back, back.after({"kind": "redo"}))]
        [1, 0, 1]
        """
        return replace(self._after(line), lines=self.lines + 1)

    def _after(self, line: Mapping[str, Any]) -> Progress:
        kind = line.get("kind")
        if kind == BEGIN:
            return replace(self, sha256=str(line.get("sha256", "")))
        if kind in KINDS:
            step = step_of(line)
            return replace(
                self,
                done=(*self.done, step),
                undone=(),
                accepted=False,
                highest=max(self.highest, step.number),
            )
        if kind == "undo" and self.done:
            return replace(
                self,
                done=self.done[:-1],
                undone=(*self.undone, self.done[-1]),
                accepted=False,
            )
        if kind == "redo" and self.undone:
            return replace(
                self,
                done=(*self.done, self.undone[-1]),
                undone=self.undone[:-1],
                accepted=False,
            )
        if kind in ("accept", "reopen"):
            return replace(self, accepted=kind == "accept")
        left = {"undo": "done", "redo": "undone"}.get(str(kind), "known")
        raise invalid("kind", expected=f"a step that was {left}", received=kind)


class Journal:
    """The lines of a file, and how far each image is by them.

    Parameters
    ----------
    path : Path
        The file; what a kill has left of a last line is dropped.

    Raises
    ------
    InvalidError
        A file that is no journal, or was damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.images = path, dict[str, Progress]()
        self.header: dict[str, Any] = {}
        self.last = ""
        self._whole = 0
        for number, line in enumerate(self._lines(), start=1):
            self._take(line, number)

    def _lines(self) -> list[bytes]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        *lines, rest = content.split(b"\n")
        self._whole = len(content) - len(rest)
        return lines

    def _take(self, line: bytes, number: int) -> None:
        try:
            plain = json.loads(line)
            if number == 1:
                self.header = dict(plain["review"])
            else:
                self._follow(plain)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = f" ({error})" if isinstance(error, InvalidError) else ""
            raise invalid(
                str(self.path),
                expected="the steps of a review, as they were written",
                received=f"line {number}, which is none{why}",
                remedy="Move the folder away, or pass another one.",
            ) from None

    def _follow(self, plain: Mapping[str, Any]) -> None:
        name = str(plain["image"])
        self.images[name] = self.images.get(name, Progress()).after(plain)
        self.last = name

    def of(self, image: str) -> Progress:
        """Return how far an image is."""
        return self.images.get(image, Progress())

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write what is reviewed, as the first line of a new file."""
        if not self.header:
            self._append({"review": dict(header)})
            self.header = dict(header)

    def add(self, image: str, line: Mapping[str, Any]) -> Progress:
        """Write a line, on the disk when this returns; a line that cannot follow is none."""
        found = self.of(image).after(line)
        self._append({"image": image, **line, "time": round(time.time(), 3)})
        self.images[image], self.last = found, image
        return found

    def _append(self, plain: Mapping[str, Any]) -> None:
        content = json.dumps(plain, ensure_ascii=True).encode() + b"\n"
        there = "r+b" if self.path.exists() else "wb"
        with told(self.path), open(self.path, there) as stream:
            # over what a kill or a full disk has left of a line
            stream.truncate(self._whole)
            stream.seek(self._whole)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        self._whole += len(content)
