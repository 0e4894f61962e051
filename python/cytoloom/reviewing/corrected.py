"""The folder of what was corrected: label images, a table for training, and every step."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.files import FileSource
from ..datasets.items import Item
from ..errors import InvalidError, invalid
from ..images.files import read_labels, write_labels
from ..storage.names import file_names
from ..storage.results import ACCEPTED, STEPS, put_in_place, refuse_odd_folders, staged
from ..storage.written import Written
from .journal import BEGIN, Journal, Progress
from .steps import KINDS, Labels, applied, refuse_impossible, step_of
from .subjects import Subject

FOLDER = "corrected"
LABELS, IMAGES, BEGUN = "labels", "images", "begun"
"""Folders of what is corrected, of images that are no files of their own, and of the labels that
steps began with, from which they are done again whatever becomes of the results."""


class Corrected:
    """Labels that people correct; each step is on the disk before its method returns.

    Parameters
    ----------
    folder : Path
        Of this run alone.
    subjects : dict of str to Subject
        The images.
    of : str, default ""
        What is reviewed, where the folder is not within it.

    Raises
    ------
    InvalidError
        A folder with something else in it, or with corrections of other images.
    """

    def __init__(self, folder: Path, subjects: Mapping[str, Subject], of: str = "") -> None:
        refuse_odd_folders(folder, (LABELS, IMAGES, BEGUN))
        self.folder, self.subjects, self._of = folder, subjects, of
        self.journal = Journal(folder / STEPS)
        self._files = file_names(subjects)
        self._open: tuple[str, Labels, Labels] | None = None
        self._lock = threading.RLock()
        was = str(self.journal.header.get("of", of))
        if was != of:
            raise invalid(
                "out",
                expected=f"a folder without corrections, or with those of {of}",
                received=f"{folder}, with corrections of {was}",
                remedy="Pass another folder.",
            )
        self._end_last()

    @property
    def table(self) -> Path:
        """Where the table of accepted images is."""
        return self.folder / ACCEPTED

    @property
    def accepted(self) -> list[str]:
        """Names of the images that are accepted, in their order."""
        return [name for name in self.subjects if self.journal.of(name).accepted]

    @property
    def steps(self) -> int:
        """How many steps hold, of all images."""
        return sum(len(self.journal.of(name).done) for name in self.subjects)

    def new_model(self) -> Path:
        """Return a name for a model that is trained on what is accepted."""
        names = (self.folder / f"model_{k}.cytoloom" for k in itertools.count(1))
        return next(path for path in names if not os.path.lexists(path))

    def progress(self, name: str) -> Progress:
        """Return how far an image is."""
        return self.journal.of(name)

    def glance(self, name: str) -> Labels:
        """Return the labels of an image as they are now; of many, one after the other."""
        held = self._open
        if held is not None and held[0] == name:
            return held[2]
        return applied(self._begun_with(name), self.journal.of(name).done)

    def labels(self, name: str) -> Labels:
        """Return the labels of an image as they are now, and keep them for its steps.

        Raises
        ------
        InvalidError
            It has none, or those that its steps began with are not there as they were written.
        """
        with self._lock:
            return self._opened(name)[1]

    def _opened(self, name: str) -> tuple[Labels, Labels]:
        """Return the labels that an image began with, and as they are now."""
        if self._open is None or self._open[0] != name:
            begun = self._begun_with(name)
            self._open = (name, begun, applied(begun, self.journal.of(name).done))
        return self._open[1:]

    def _begun_with(self, name: str) -> Labels:
        """Return the labels that the steps of an image begin with."""
        subject, known = self.subjects[name], self.journal.of(name).sha256
        if not known:
            return subject.labels()
        path = self.folder / self._file(name, BEGUN)
        with contextlib.suppress(InvalidError, OSError):
            begun = read_labels(path).astype(np.int32)
            if begun.shape == subject.size and sha256_of_labels(begun) == known:
                return begun
        raise invalid(
            name,
            expected=f"labels of {subject.size[0]} x {subject.size[1]} pixels in {path}, with "
            "which its steps began",
            received="none, or others",
            remedy="Pass another folder for what is corrected, or bring that file back.",
        )

    def take(self, name: str, plain: Mapping[str, Any]) -> Labels:
        """Do one step, write it, and return the labels as they are then.

        Parameters
        ----------
        name : str
            The image.
        plain : dict
            ``kind`` (add, redraw, delete, undo, redo, accept or reopen), ``object`` and
            ``rings`` (lists of x and y from the corner of the image).

        Raises
        ------
        InvalidError
            A step that cannot be done, or a disk that takes no more: nothing has changed.
        """
        with self._lock:
            begun, now = self._opened(name)
            line = self._line(name, plain, now)
            before = self.journal.of(name)
            before.after(line)
            # what somebody has made of these files since is not written over
            Written(self.folder).refuse_others([self._file(name), ACCEPTED], "out")
            self._begin(name, begun)
            after = self.journal.add(name, line)
            if len(after.done) > len(before.done):
                self._open = (name, begun, applied(now, after.done[-1:]))
            elif len(after.done) < len(before.done):
                self._open = (name, begun, applied(begun, after.done))
            self._write(name, after, before)
            return self._open[2] if self._open else now

    def _line(self, name: str, plain: Mapping[str, Any], now: Labels) -> dict[str, Any]:
        """Return a step as it is written, the number of a new object chosen here."""
        if plain.get("kind") not in KINDS:
            return {"kind": plain.get("kind")}
        given = {**plain, "object": self._new(name)} if plain["kind"] == "add" else plain
        step = step_of(given)
        refuse_impossible(now, step)
        return step.plain()

    def _new(self, name: str) -> int:
        """Return a number that no object of an image has or had."""
        begun, _ = self._opened(name)
        return max(int(begun.max(initial=0)), self.journal.of(name).highest) + 1

    def _begin(self, name: str, begun: Labels) -> None:
        self.journal.begin({"of": self._of})
        if not self.journal.of(name).sha256:
            self._write_image(self._file(name, BEGUN), begun, self.subjects[name].item.spacing_um)
            self.journal.add(name, {"kind": BEGIN, "sha256": sha256_of_labels(begun)})

    def _write(self, name: str, now: Progress, before: Progress | None = None) -> None:
        """Write the label image, and the table where an image comes or goes."""
        was = before is not None and before.accepted
        if before is None or len(now.done) != len(before.done) or (now.accepted and not was):
            self._write_labels(name)
        if now.accepted != was or (before is None and self.table.is_file()):
            self._write_table()

    def _write_labels(self, name: str) -> None:
        spacing = self.subjects[name].item.spacing_um
        self._write_image(self._file(name), self._opened(name)[1], spacing)

    def _write_image(self, file: str, labels: Labels, spacing_um: Any) -> None:
        with staged(self.folder) as stage:
            (stage / file).parent.mkdir()
            write_labels(stage / file, labels, spacing_um)
            put_in_place(stage, self.folder, {}, [file])

    def _file(self, name: str, folder: str = LABELS) -> str:
        return f"{folder}/{self._files[name]}.tif"

    def _write_table(self) -> None:
        import pandas as pd

        rows = [
            {"image": self._image_of(n), "label": self._file(n), "name": n} for n in self.accepted
        ]
        table = pd.DataFrame(rows, columns=["image", "label", "name"])
        groups = [self.subjects[n].item.group for n in self.accepted]
        if any(groups):
            table["group"] = groups
        with staged(self.folder) as stage:
            put_in_place(stage, self.folder, {ACCEPTED: table})

    def _image_of(self, name: str) -> str:
        """Return the file of an image; of one that is no file of its own, one that is made here."""
        item = self.subjects[name].item
        if path := own_file(item):
            return str(path)
        file = f"{IMAGES}/{self._files[name]}.tif"
        if not (self.folder / file).is_file():
            with staged(self.folder) as stage:
                (stage / IMAGES).mkdir()
                _write_pixels(stage / file, item)
                put_in_place(stage, self.folder, {}, [file])
        return file

    def _end_last(self) -> None:
        """Write what a kill may have stopped, which is no more than the last step."""
        name = self.journal.last
        if name not in self.subjects:
            return
        # what is wrong with it is told when somebody opens it
        with contextlib.suppress(InvalidError):
            self._write(name, self.journal.of(name))


def own_file(item: Item) -> Path | None:
    """Return the file that is all of an image, and from which it is read without settings."""
    source = item.image
    if type(source) is not FileSource or item.roi is not None:
        return None
    settings = (source.frame, source.scene, source.channels, source.file_axes)
    return None if any(one is not None for one in settings) else source.path.absolute()


def _write_pixels(path: Path, item: Item) -> None:
    import tifffile

    pixels = np.moveaxis(item.image.read(), -1, 0)
    more: dict[str, Any] = {}
    if item.spacing_um:
        y, x = item.spacing_um[-2:]
        more = {"PhysicalSizeX": x, "PhysicalSizeY": y}
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels),
        ome=True,
        photometric="minisblack",
        metadata={"axes": "CYX", **more},
    )


def sha256_of_labels(labels: NDArray[Any]) -> str:
    """Return the SHA-256 of labels and their shape."""
    plain = np.ascontiguousarray(labels, "<i4")
    return hashlib.sha256(str(plain.shape).encode() + plain.tobytes()).hexdigest()
