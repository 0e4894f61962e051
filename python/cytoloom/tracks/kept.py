"""What was computed of each frame, kept so that a run that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.sources import ArraySource
from ..models.identity import model_sha256
from ..models.model import Model
from ..storage.atomic import write_whole
from ..volumes.work import Hands, each_block
from .frames import Frames

FOLDER = ".tracking"
"""Within the folder of results, until these are written."""
OF = "of.json"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Kept:
    """Arrays of frames in files of a folder.

    Parameters
    ----------
    folder : Path
        Where; each recording has its own. It is made when something is kept.
    what : str
        Of which model and movie.
    """

    folder: Path
    what: str

    @classmethod
    def of(cls, out: Path | None, model: Model, frames: Frames, number: int) -> Kept | None:
        """Have the folder of a recording; what is there of another model or movie is removed."""
        if out is None:
            return None
        folder = out / FOLDER / f"{number:03d}"
        what = hashlib.sha256(
            json.dumps([model_sha256(model), _identity(frames)], default=str).encode()
        ).hexdigest()
        known = folder / OF
        if folder.is_dir() and (not known.is_file() or known.read_text("utf-8").strip() != what):
            shutil.rmtree(folder)
        return cls(folder, what)

    def read(self, name: str) -> Arrays | None:
        """Return what is kept of a name; None where there is nothing, or nothing whole."""
        file = self.folder / f"{name}.npz"
        try:
            with np.load(file, allow_pickle=False) as held:
                return {key: held[key] for key in held.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, name: str, arrays: Arrays) -> None:
        """Keep arrays, whole or not at all."""
        if not (self.folder / OF).is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / OF, lambda path: Path(path).write_text(self.what, "utf-8"))

        def to(path: str) -> None:
            """Write them."""
            with open(path, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]

        write_whole(self.folder / f"{name}.npz", to, overwrite=True)


def forget(out: Path | None) -> None:
    """Remove what was kept, once results are written."""
    if out is not None:
        shutil.rmtree(out / FOLDER, ignore_errors=True)


def each_frame(
    work: Callable[[Any, int, int | None], Arrays],
    job: Any,
    wanted: Iterable[int],
    name: str,
    kept: Kept | None,
    hands: Hands | None,
) -> Iterator[tuple[int, Arrays]]:
    """Do something with frames, those that are kept aside.

    Parameters
    ----------
    work, job
        As for `volumes.work.each_block`.
    wanted : iterable of int
        Frames.
    name : str
        Of what is done.
    kept : Kept, optional
        Where it is kept.
    hands : Hands, optional
        Who does it; default this process.
    """
    left = []
    for k in wanted:
        held = None if kept is None else kept.read(f"{name}_{k:06d}")
        if held is None:
            left.append(k)
        else:
            yield k, held
    pool, threads = (None, None) if hands is None else (hands.pool(), hands.threads)
    for k, finish in each_block(work, job, left, pool, threads, "frame"):
        arrays = finish()
        if kept is not None:
            kept.write(f"{name}_{k:06d}", arrays)
        yield k, arrays


def _identity(frames: Frames) -> list[Any]:
    """Say which movie it is: its files and when they were written, or some of its pixels."""
    told: list[Any] = [list(frames.shape), frames.channels, frames.count, frames.spacing_um]
    for source in frames.sources:
        own = getattr(source, "identity", None)
        if own is None or isinstance(source, ArraySource):
            pixels = np.ascontiguousarray(np.asarray(source.read()).ravel()[::97])
            own = hashlib.sha256(pixels.tobytes()).hexdigest()
        told.append(re.sub(r"0x[0-9a-f]+", "", str(own)))
    return told


def place(out: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of results as a path."""
    return None if out is None else Path(out).expanduser()
