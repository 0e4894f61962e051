"""Write a model for other programs: what the verb `export_model` and `Model.export` compose."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InvalidError, invalid
from ...events import Work, note
from ...messages import said_by
from ...runtime import backend
from ...storage.atomic import leave_empty, sha256_of
from ...storage.results import (
    ANOTHER_NAME,
    claimed,
    is_of_runs,
    put_in_place,
    refuse_results,
    staged,
    take_place,
)
from ...storage.written import Written
from .facts import FACTS, WORDS, facts_of
from .graph import in_float32, maps_graph, refuse_others
from .readme import readme
from .runtimes import Format, known, runtime_of
from .trial import OTHER_FORMAT, SAME, largest_difference, trial_image

IMAGE, MAPS, EXAMPLE = "test_image.npy", "test_maps.npz", "example.py"


def exported(
    model: Any, path: str | os.PathLike[str], format: str, overwrite: bool = False
) -> Work[Path]:
    """Write the network, what belongs to it, and try it; parameters are those of the verb.

    All is whole in a folder of its own before the first file takes its place, the facts last.
    """
    chosen = known(format)
    refuse_others(model)
    refuse_backend()
    with claimed(path, "export_model", "path") as (folder, lock), staged(folder) as stage:
        _refuse_losses(folder, overwrite)
        yield note(f"Writing {format}.")
        model = in_float32(model)
        facts, image = facts_of(model, format), trial_image(model)
        # one tile: what the runtime is given is one, too
        maps = model.predict_maps(image, tile_px=max(image.shape))
        batch = model.normalize(image)[np.newaxis]
        with _told(f"a network that can be written as {format}"):
            chosen.write(maps_graph(model), stage)
        _write_beside(stage, image, maps)
        facts["tried"] = yield from _tried(chosen, stage, batch, maps)
        name = folder.absolute().name
        (stage / WORDS).write_text(readme(name, facts), encoding="utf-8")
        (stage / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        if chosen.pack is not None and chosen.tested is not None:
            chosen.pack(stage, name, facts, image, maps)
            yield note(chosen.tested(stage))
        lock.check()
        _refuse_losses(folder, overwrite)
        _take_place(stage, folder)
        yield note(f"The model is in {folder}.")
    return folder


def refuse_backend() -> None:
    """Refuse backends whose graphs have fixed sizes, or none that the formats can hold."""
    running = backend.name()
    if running != "tensorflow":
        raise invalid(
            "format",
            expected="Keras on TensorFlow, which makes graphs for images of any size",
            received=f"Keras on {running}",
            remedy="Export in a process of KERAS_BACKEND=tensorflow: model folders are the same.",
        )


def _refuse_losses(folder: Path, overwrite: bool) -> None:
    """Raise where files would be mixed with others, or an earlier export replaced unasked."""
    refuse_results(folder, [FACTS], overwrite, "path")
    written = set(Written(folder).names())
    below = {Path(name).parts[0] for name in written}
    odd = sorted(p.name for p in folder.iterdir() if not is_of_runs(p.name))
    others = [name for name in odd if name not in below]
    if others:
        raise invalid(
            "path",
            expected="a new folder, an empty one, or that of an earlier export",
            received=f"{folder}, with {others[0]} in it",
            remedy=ANOTHER_NAME,
        )
    Written(folder).refuse_others(written, "path")


def _write_beside(stage: Path, image: np.ndarray, maps: dict[str, np.ndarray]) -> None:
    """Write the image, its maps and the program that applies the network."""
    np.save(stage / IMAGE, image)
    np.savez_compressed(stage / MAPS, allow_pickle=False, **maps)
    shutil.copyfile(Path(__file__).with_name(EXAMPLE), stage / EXAMPLE)


def _tried(
    to: Format, stage: Path, batch: np.ndarray, maps: dict[str, np.ndarray]
) -> Work[dict[str, Any] | None]:
    """Run what was written by its runtime; say how well it agrees, or that it was not tried."""
    runtime = runtime_of(to)
    if runtime is None:
        yield note(f"Not tried: {to.runtime}, which runs it, is not installed.")
        return None
    with _told(f"a network that {runtime} runs"):
        found = {head: values[0] for head, values in to.run(stage, batch).items()}
    most = largest_difference(maps, found, runtime)
    yield note(f"Tried by {runtime}: maps differ by {most:.1g} at most ({SAME:g} allowed).")
    return {"runtime": runtime, "largest_difference": most}


@contextlib.contextmanager
def _told(expected: str) -> Iterator[None]:
    """Say in one sentence what a converter or a runtime has against a network."""
    try:
        yield
    except (InvalidError, OSError, MemoryError):
        raise
    except Exception as error:  # of which each has its own
        raise invalid(
            "format", expected=expected, received=said_by(error), remedy=OTHER_FORMAT
        ) from error


def _take_place(stage: Path, folder: Path) -> None:
    """Let all files take their place, the facts last, those of an earlier export give way."""
    names = [*(name for name in _files(stage) if name != FACTS), FACTS]
    record = Written(folder)
    if not record.names():  # without the facts it is no export, and the same call makes it again
        take_place(stage, record, {name: sha256_of(stage / name) for name in names})
        return
    gone = [name for name in record.names() if name not in names]
    put_in_place(stage, folder, {}, names, gone)
    leave_empty(*{(folder / name).parent for name in gone} - {folder})


def _files(folder: Path) -> Iterable[str]:
    """List the files below a folder by their paths in it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
