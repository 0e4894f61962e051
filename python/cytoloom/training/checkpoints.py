"""States of a running training on disk: two alternating files, so that one is always whole."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

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
    ages = {name: iteration_of(folder / name) for name in FILES}
    target = folder / min(FILES, key=lambda name: ages[name])
    flat = {f"{key}.{k}": array for key, group in arrays.items() for k, array in enumerate(group)}
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as stream:
        np.savez(stream, kept=np.array(json.dumps(kept)), **flat)
        stream.flush()
        # else the new name may reach the disk before the bytes do
        os.fsync(stream.fileno())
    os.replace(partial, target)


def newest(folder: Path) -> int:
    """Return the iteration of the newest whole state, -1 without any."""
    return max(iteration_of(folder / name) for name in FILES)


def read(folder: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, Any]] | None:
    """Return the newest whole state, or None.

    A file cut off by a full disk or a power failure is passed over for the older one.
    """
    # its iteration may be read from a file whose arrays are cut off: then the older one is tried
    for name in sorted(FILES, key=lambda name: -iteration_of(folder / name)):
        try:
            with open(folder / name, "rb") as file, np.load(file, allow_pickle=False) as archive:
                flat = {key: archive[key] for key in archive.files}
        except (OSError, ValueError, zipfile.BadZipFile, EOFError):
            continue
        kept = json.loads(str(flat.pop("kept")))
        # by number, since names sort 10 before 2
        groups: dict[str, dict[int, np.ndarray]] = {}
        for key, array in flat.items():
            group, _, index = key.rpartition(".")
            groups.setdefault(group, {})[int(index)] = array
        return {g: [parts[k] for k in sorted(parts)] for g, parts in groups.items()}, kept
    return None


def iteration_of(path: Path) -> int:
    """Return the iteration of the state in a file; -1 where there is no whole one."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return int(json.loads(str(archive["kept"]))["iteration"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return -1
