"""States of a running training on disk: two alternating files, so that one is always whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..storage.atomic import is_regular, told

FILES = ("state-a.npz", "state-b.npz")


def write(folder: Path, arrays: dict[str, list[np.ndarray]], kept: dict[str, Any]) -> None:
    """Write a state over the older of the two files.

    Parameters
    ----------
    folder : Path
        Where; made if missing.
    arrays : dict of list of ndarray
        Named groups of arrays.
    kept : dict
        What JSON can hold; must have an ``"iteration"``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The newer file is never touched, so that a whole state is there whatever happens to this one.
    ages = {name: age_of(folder / name) for name in FILES}
    target = folder / min(FILES, key=lambda name: ages[name])
    flat = {f"{key}.{k}": array for key, group in arrays.items() for k, array in enumerate(group)}
    partial = target.with_suffix(".partial")
    with told(folder):
        with open(partial, "wb") as stream:
            np.savez(stream, kept=_text(kept), names=_text(list(flat)), **flat)
            stream.flush()
            # else the new name may reach the disk before the bytes do
            os.fsync(stream.fileno())
        os.replace(partial, target)


def newest(folder: Path) -> int:
    """Return the iteration of the newest whole state, -1 without any."""
    return max(age_of(folder / name)[0] for name in FILES)


def read(folder: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, Any]] | None:
    """Return the newest whole state, or None.

    A file cut off by a full disk or a power failure is passed over for the older one.
    """
    # its iteration may be read from a file whose arrays are cut off: then the older one is tried
    for name in sorted(FILES, key=lambda name: age_of(folder / name), reverse=True):
        flat = _loaded(folder / name)
        # an archive whose directory is damaged may be read with fewer arrays than it has
        if not {"kept", "names"} <= set(flat):
            continue
        kept, names = (json.loads(str(flat.pop(key))) for key in ("kept", "names"))
        if set(names) != set(flat):
            continue
        # by number, since names sort 10 before 2
        groups: dict[str, dict[int, np.ndarray]] = {}
        for key, array in flat.items():
            group, _, index = key.rpartition(".")
            groups.setdefault(group, {})[int(index)] = array
        return {g: [parts[k] for k in sorted(parts)] for g, parts in groups.items()}, kept
    return None


def age_of(path: Path) -> tuple[int, bool]:
    """Return the iteration of the state in a file, and whether it is the last one; else -1."""
    try:
        kept = json.loads(str(_loaded(path, "kept")["kept"]))
        return int(kept["iteration"]), bool(kept.get("finished"))
    except (KeyError, ValueError):
        return -1, False


def _text(plain: Any) -> np.ndarray:
    return np.array(json.dumps(plain))


def _loaded(path: Path, *keys: str) -> dict[str, np.ndarray]:
    """Return the arrays of a file, all or some; none where it is not whole, or no file."""
    if not is_regular(path):
        return {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in keys or archive.files}
    except Exception:  # of which zipfile and NumPy have many for what is damaged
        return {}
