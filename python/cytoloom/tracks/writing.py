"""Write tracks in one of the formats, whole or not at all: what the verb `export_tracks` does."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.given import is_file
from ..errors import invalid
from ..events import Event, Work, note
from ..messages import Setting, counted, one_of, say
from ..storage.atomic import meant, new_file, partial_name, told, write_whole
from ..storage.names import file_name
from . import aut, ctc, geff, table, trackmate
from .found import Tracks
from .held import refuse_places
from .pieces import chosen_of, each_recording
from .reading import tracks_of
from .tracklets import rows_at


@dataclass(frozen=True)
class Format:
    """A format that is written.

    Parameters
    ----------
    ending : str
        Of its files or folders.
    write : callable
        From tracks and a path; returns sentences on what it cannot hold.
    folder : bool, default False
        Whether it is a folder.
    several : bool, default False
        Whether it holds several recordings.
    is_one : callable, optional
        Whether a folder is such a one, and may be replaced.
    """

    ending: str
    write: Callable[..., list[str]]
    folder: bool = False
    several: bool = False
    is_one: Callable[[Path], bool] = lambda path: False


FORMATS: Mapping[str, Format] = {
    "geff": Format(geff.ENDING, geff.write, True, True, geff.is_geff),
    "ctc": Format("_RES", ctc.write, True, False, lambda path: ctc.lines_in(path) is not None),
    "trackmate": Format(trackmate.ENDING, trackmate.write),
    "aut": Format(aut.ENDING, aut.write),
    "csv": Format(table.ENDING, table.write, False, True),
}


def exported(
    given: Any, out: str | os.PathLike[str], format: str | None, labels: Any, overwrite: bool
) -> Work[Path]:
    """Write tracks; the parameters are those of the verb."""
    path = meant(out)
    kind = _format(path, format)
    own = FORMATS[kind]
    if labels is not None and kind != "ctc":
        raise invalid("labels", expected=say("none for {}", Setting("format", kind)),
                      received="some", remedy="Masks are written for CTC alone.")  # fmt: skip
    if kind == "geff":
        geff.need_geff("format")
    tracks, notes = tracks_of(given, argument="tracks")
    for text in notes:
        yield Event("warning", text)
    _refuse_broken(tracks)
    left = len(tracks.links) - len(chosen_of(tracks))
    if left:
        yield note(f"{counted(left, 'link')} that {'was' if left == 1 else 'were'} not chosen left "
                   "out.")  # fmt: skip
    recordings = dict(each_recording(tracks))
    apart = len(recordings) > 1 and not own.several
    if apart and path.suffix == own.ending:
        received = f"{len(recordings)} of them: {', '.join(list(recordings)[:5])}"
        remedy = say("Name a folder, with {}: each gets a file in it.", Setting("format", kind))
        raise invalid("tracks", expected=f"one recording in a file of {kind}", received=received,
                      remedy=remedy)  # fmt: skip
    _refuse_own(path, given, labels)
    said: list[str] = []
    if apart:
        with _folder(path, overwrite, lambda old: _is_of(old, own)) as stage:
            yield from _each(recordings, own, labels, stage, said)
    elif own.folder:
        more = (_labels_of(labels, *recordings),) if kind == "ctc" else ()
        with _folder(path, overwrite, own.is_one) as stage:
            said += own.write(tracks, stage, *more)
    else:
        with told(path, "out"):
            path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) and (not overwrite or path.is_dir()):
            raise new_file(path).renamed("out")
        write_whole(path, lambda name: said.extend(own.write(tracks, Path(name))), overwrite)
    for text in dict.fromkeys(said):
        yield Event("warning" if "left out" in text else "note", f"{path.name}: {text}.")
    yield note(f"Tracks written to {path}.")
    return path


def _format(path: Path, format: str | None) -> str:
    if format is not None and format not in FORMATS:
        raise invalid("format", expected=say("{}", one_of(FORMATS)), received=format)
    if format is not None:
        return format
    name = path.name.lower()
    for kind, own in FORMATS.items():
        if name.endswith(own.ending.lower()):
            return kind
    endings = ", ".join(own.ending for own in FORMATS.values())
    remedy = say("Pass {}, or another of its formats.", Setting("format", "geff"))
    raise invalid("out", expected=f"a name that ends in {endings}", received=path.name,
                  remedy=remedy)  # fmt: skip


def _refuse_broken(tracks: Tracks) -> None:
    """Raise where tracks cannot be: other programs take what is broken without a word."""
    if not len(tracks.positions):
        raise invalid("tracks", expected="positions", received="none")
    refuse_places("tracks", tracks.positions)
    chosen = chosen_of(tracks)
    back = (chosen["frame_from"] >= chosen["frame_to"]).to_numpy()
    if back.any():
        row = chosen[back].iloc[0]
        raise invalid(
            "tracks",
            expected="links forward in time",
            received=f"one from frame {row['frame_from']} to {row['frame_to']}",
        )
    if any((rows < 0).any() for rows in rows_at(tracks.positions, chosen)):
        raise invalid("tracks", expected="links between positions", received="one of others")
    if (tracks.positions["object"].to_numpy() < 0).any():
        lowest = int(tracks.positions["object"].min())
        raise invalid("tracks", expected="objects that are numbered from 0", received=lowest)


def _refuse_own(path: Path, *given: Any) -> None:
    """Raise where what is read lies in what would be replaced."""
    for one in given:
        if is_file(one):
            read = meant(one).resolve()
            if path.is_dir() and (read == path.resolve() or path.resolve() in read.parents):
                raise invalid("out", expected="another folder than what is read",
                              received=str(path))  # fmt: skip


def _labels_of(labels: Any, name: str) -> Any:
    if not isinstance(labels, Mapping):
        return labels
    if name not in labels:
        raise invalid("labels", expected=f"label images of {name}", received=list(labels))
    return labels[name]


def _each(
    recordings: Mapping[str, Tracks], own: Format, labels: Any, stage: Path, said: list[str]
) -> Iterator[Event]:
    if labels is not None and not isinstance(labels, Mapping):
        raise invalid("labels", expected="a dict of label images by recording", received=labels)
    files = {name: file_name(name) + own.ending for name in recordings}
    for k, (name, tracks) in enumerate(recordings.items()):
        yield Event("progress", f"{name}: {k + 1}/{len(recordings)}", k, len(recordings))
        inside = stage / files[name]
        if own.folder:
            inside.mkdir()
        more = (_labels_of(labels, name),) if own.folder else ()
        said += own.write(tracks, inside, *more)
    if own.ending == aut.ENDING:
        several = [{"experiment_file": one} for one in files.values()]
        (stage / f"recordings{aut.LIST}").write_text(json.dumps(several, indent=1), "utf-8")


def _is_of(folder: Path, own: Format) -> bool:
    """Whether a folder holds exports of several recordings and nothing else."""
    names = [one.name for one in folder.iterdir()]
    return all(name.endswith((own.ending, aut.LIST)) for name in names)


@contextlib.contextmanager
def _folder(path: Path, overwrite: bool, is_one: Callable[[Path], bool]) -> Iterator[Path]:
    """Have a folder that takes the place of one of its kind, or of none, when it is whole."""
    old = os.path.lexists(path)
    empty = path.is_dir() and not any(path.iterdir())
    if old and not empty:
        if not overwrite:
            remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
            raise invalid("out", expected="a new folder", received=str(path), remedy=remedy)
        if path.is_symlink() or not path.is_dir() or not is_one(path):
            raise invalid("out", expected="an earlier export, to replace it",
                          received=f"{path}, which is something else",
                          remedy="Pass another name.")  # fmt: skip
    stage, aside = path.with_name(partial_name()), path.with_name(partial_name())
    try:
        with told(path, "out"):
            stage.mkdir(parents=True)
        yield stage
        with told(path, "out"):
            if old:
                os.replace(path, aside)
            os.replace(stage, path)
    finally:
        if old and not os.path.lexists(path) and aside.is_dir():
            os.replace(aside, path)
        for left in (stage, aside):
            shutil.rmtree(left, ignore_errors=True)
