"""The command line with odd words."""
# ruff: noqa: E501

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import model_folders
from .pool import Silent

WORDS = (
    "", " ", "0", "1", "-1", "2", "1.5", "-0.5", "nan", "inf", "-inf", "1e400", "1e308", "9" * 400,
    "0x10", "1_0", "٣", "½", "²", "none", "None", "auto", "true", "a", "a" * 5000, "é", "\udcff", "..",
    "../a", "/nowhere/a", "~nobody/a", "*", "[", "--", "-", "-a", "--a", "a=b", "data", "data/images",
    "data/images/0.npy", "m.cytoloom", "m.cytoloom/model.json", "/dev/null", "yx", "zyx", "%s", "{}",
    "a,b", "binary", "classes:a,b", "classes:", "classes:a", ":", "a:b", "os:system", "json:loads", "\n",
)  # fmt: skip
BASES = {
    "train": ["data", "--task=binary", "--iterations=1", "--filters=2", "--depth=1"],
    "evaluate": ["m.cytoloom", "data"],
    "compare": ["m.cytoloom", "m.cytoloom", "data"],
    "predict": ["m.cytoloom", "data/images"],
    "rank": ["data/images", "--models", "m.cytoloom", "m.cytoloom"],
    "check": ["data"],
    "plan": ["data"],
    "simulate": ["new", "--images=1"],
    "measure": ["data/labels", "--out=objects.csv"],
    "consensus": ["data/labels", "data/labels"],
    "export": ["data/labels", "new"],
    "report": ["data/results", "new.html"],
    "convert": ["data/images/0.npy", "new.zarr"],
    "info": ["m.cytoloom"],
    "doctor": [],
}
WEIGHTS = (1, 2, 1, 5, 1, 3, 2, 2, 2, 2, 2, 2, 2, 2, 1)


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Run a command with one to three words that cannot be meant."""
    command = str(rng.choice(list(BASES), p=np.array(WEIGHTS) / sum(WEIGHTS)))
    argv = [command, *BASES[command]]
    options = _options(command)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        word = WORDS[int(rng.integers(len(WORDS)))]
        kind = rng.random()
        if kind < 0.65 and options:
            argv.append(f"{options[int(rng.integers(len(options)))]}={word}")
        elif kind < 0.8:
            argv.append(word)
        else:
            argv[int(rng.integers(1, len(argv)) if len(argv) > 1 else 0)] = word
    if command == "train" and not any("iterations" in one for one in argv):
        argv.append("--iterations=1")
    return "cytoloom " + " ".join(map(_short, argv)), lambda: _run(argv, folder)


def _short(word: str) -> str:
    return repr(word if len(word) < 40 else word[:40])


def _options(command: str) -> list[str]:
    from cytoloom.cli.parser import parser

    group: Any = parser([command])._subparsers
    chosen = group._group_actions[0].choices[command]
    every = [o for a in chosen._actions for o in a.option_strings if o.startswith("--")]
    return [o for o in every if o not in ("--help", "--debug")]


def _run(argv: list[str], folder: Path) -> None:
    from cytoloom.cli import main

    from .arguments import _files

    _files(folder)
    (folder / "m.cytoloom").symlink_to(model_folders.ready())
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(out):
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    words = told.getvalue()
    if code not in (0, 1, 2, 3) or "add --debug" in words or "Traceback" in words:
        raise RuntimeError(f"exit code {code}: {words[-600:]}")
    # the report of a check is its result, and goes to standard output
    words = words or out.getvalue()
    if code and not any(line.startswith("cytoloom") for line in words.splitlines()):
        if argv[0] not in ("check", "doctor"):
            raise Silent(f"exit code {code}, but it only says: {words[-600:]!r}")
    if code:
        raise _Told(1, words[-600:])


class _Told(OSError):
    """A command that said in a sentence why it failed."""
