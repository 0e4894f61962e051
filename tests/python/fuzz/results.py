"""Folders of results, whole or of a prediction that was broken off, damaged and gone on with."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import model_folders
from .damage import damaged, misplaced, one_file, somewhere
from .pool import Silent
from .values import PLAIN, named

_READY: dict[str, Any] = {}
STATE, LOCK = ".predicting", ".in-use"


def prepare(root: Path) -> None:
    """Predict to the end, half-way, and half-way over earlier results."""
    import cytoloom as cl

    _READY["model"] = cl.load(model_folders.ready())
    images = {f"w{k}": cl.simulate.nuclei(shape=(24, 24), count=2, seed=k)[0] for k in range(4)}
    _READY["images"] = images
    _READY["found"] = _predict(root / "finished")
    _broken_off(root / "begun")
    shutil.copytree(root / "finished", root / "replaced")
    _broken_off(root / "replaced", overwrite=True)
    _READY["folders"] = [root / name for name in ("finished", "begun", "replaced")]
    _READY["contents"] = _contents(root / "finished")


def _predict(out: Path, **options: Any) -> Any:
    import cytoloom as cl

    images = _READY["images"]
    return cl.predict(_READY["model"], images, out=out, rescale=None, progress=False, **options)


def _broken_off(out: Path, **options: Any) -> None:
    import cytoloom as cl

    images = _READY["images"]
    events = cl.predict.events(_READY["model"], images, out=out, rescale=None, **options)
    for event in events:
        if event.message.startswith("image 4/"):
            break
    events.close()


def _contents(out: Path) -> dict[str, bytes]:
    files = (p for p in out.rglob("*") if p.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Change a file of results, or the lock; then predict the same images there."""
    source = _READY["folders"][int(rng.integers(len(_READY["folders"])))]
    out = folder / "out"
    shutil.copytree(source, out)
    what = _CHANGES[int(rng.integers(len(_CHANGES)))](rng, out)
    options = {"overwrite": True} if rng.random() < 0.5 else {}
    aside = folder / "elsewhere"
    before = aside.read_bytes() if aside.is_file() else None

    def go_on() -> None:
        try:
            found = _predict(out, **options)
        finally:
            if before is not None and (not aside.is_file() or aside.read_bytes() != before):
                raise Silent("a file that a link leads to was changed")
        _compare(found, out)

    return f"{source.name}, {what}{', overwrite' if options else ''}", go_on


def _compare(found: Any, out: Path) -> None:
    """Raise where results are not those of a prediction that nothing happened to."""
    whole, files = _READY["found"], _contents(out)
    if set(found.files["status"]) != {"ok"}:  # said in its row
        return
    if not found.objects.equals(whole.objects):
        raise Silent("other objects")
    if not all(np.array_equal(found[name], whole[name]) for name in whole.names):
        raise Silent("other labels")
    other = [name for name, data in _READY["contents"].items() if files.get(name) != data]
    if other:
        raise Silent(f"other files: {other}")
    if (out / STATE).exists():
        raise Silent("the state of a prediction that has ended")


def _bytes(rng: np.random.Generator, out: Path) -> str:
    file = _of_state(rng, out)
    data, how = damaged(rng, file.read_bytes())
    file.write_bytes(data)
    return f"{file.relative_to(out)} {how}"


def _places(rng: np.random.Generator, out: Path) -> str:
    file = _of_state(rng, out)
    return f"{file.relative_to(out)}: {misplaced(rng, file, out.parent)}"


def _of_state(rng: np.random.Generator, out: Path) -> Path:
    """Choose a file, of the state oftener than others."""
    state = (out / STATE).is_dir() and rng.random() < 0.4
    return one_file(rng, out / STATE if state else out)


def _values(rng: np.random.Generator, out: Path) -> str:
    """Change values in one of the lines of JSON that say what is done."""
    files = sorted((out / STATE).glob("*.json*"))
    if not files:
        return _bytes(rng, out)
    file = files[int(rng.integers(len(files)))]
    text = file.read_text()
    lines = text.splitlines() if file.suffix == ".jsonl" else [text]
    at = int(rng.integers(len(lines)))
    plain = json.loads(lines[at])
    holder, key = somewhere(rng, plain)
    value = PLAIN[int(rng.integers(len(PLAIN)))]
    holder[key] = value
    lines[at] = json.dumps(plain)
    file.write_text("\n".join(lines) + "\n")
    return f"{file.name} {key} = {named(value)}"


def _lock(rng: np.random.Generator, out: Path) -> str:
    """Leave the lock of a process that is dead, or lives, or of something that is none."""
    plain: dict[str, Any] = {
        "token": "a", "verb": "predict", "since": 1e9, "host": socket.gethostname(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "processes": os.readlink("/proc/self/ns/pid"), "pid": 2**22 + 1, "started": "",
    }  # fmt: skip
    for _ in range(int(rng.choice([0, 1, 2]))):
        key = str(rng.choice(list(plain)))
        plain[key] = os.getpid() if rng.random() < 0.2 else PLAIN[int(rng.integers(len(PLAIN)))]
    (out / LOCK).write_text(json.dumps(plain))
    kind = rng.random()
    if kind < 0.3:
        return f"lock: {misplaced(rng, out / LOCK, out.parent)}"
    if kind < 0.5:
        data, how = damaged(rng, (out / LOCK).read_bytes())
        (out / LOCK).write_bytes(data)
        return f"lock {how}"
    return f"lock {named(plain)}"


_CHANGES = [_bytes, _bytes, _places, _values, _lock]
