"""Which recipe gets furthest in so many minutes? Compared on a part of ``train/`` that is held out.

``test/`` is not touched. A fifth of ``train/`` is held out for the comparison, the same for all;
of the rest each training holds out its own validation images, as `train` always does. Each runs in
a process of its own, alone on the machine.

    python -m benchmarks.recipe_search --minutes 5 default '{"network": {"filters": 24}}'
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

import cytoloom as cl
from cytoloom.components import from_plain
from cytoloom.datasets.splits import split
from cytoloom.tasks import resolve
from cytoloom.tasks.task import Task

from . import machine, records
from .real_data import COLUMNS, SETS, measure

HELD_OUT = 0.2
SPLIT_SEED = 123
PARTS = {"network": cl.UNet, "trainer": cl.Trainer, "normalize": cl.Normalize, "task": Task}


def recipe(text: str) -> dict[str, Any]:
    """Read a recipe: "default", or JSON with fields of network, trainer, normalize and task.

    Examples
    --------
    >>> recipe('{"network": {"filters": 24}}')["network"].filters
    24
    >>> recipe("default")
    {}
    """
    if text == "default":
        return {}
    return {part: from_plain(fields, PARTS[part]) for part, fields in json.loads(text).items()}


def one(name: str, text: str, minutes: float, seed: int) -> dict[str, Any]:
    """Train by one recipe and score it on what is held out."""
    chosen = SETS[name]
    whole = chosen.read(records.data_folder() / name, "train")
    train, held, _ = split(whole, HELD_OUT, SPLIT_SEED)
    settings = {"task": resolve(chosen.task), **recipe(text)}
    row = measure(train, held, minutes=minutes, seed=seed, **settings)
    return {"set": name, "recipe": text, **row}


def _apart(name: str, text: str, minutes: float, seed: int) -> dict[str, Any]:
    given = [text, "--set", name, "--minutes", str(minutes), "--seeds", str(seed), "--one"]
    command = [sys.executable, "-m", "benchmarks.recipe_search", *given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=records.ROOT)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(rows: list[dict[str, Any]]) -> str:
    """Write rows as a Markdown table."""
    titles = {"recipe": "recipe", **COLUMNS}
    shown = [{title: row.get(key) for title, key in titles.items()} for row in rows]
    return records.markdown(shown, list(titles))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipe_search")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recipes", nargs="+", help='"default" or JSON, see above')
    parser.add_argument("--set", choices=list(SETS), default="dsb2018_fluo")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.set, given.recipes[0], given.minutes, given.seeds[0])))
        return
    records.data_folder()
    rows = []
    for text in given.recipes:
        for seed in given.seeds:
            rows.append(_apart(given.set, text, given.minutes, seed))
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(f"{table(rows)}\n\nMachine: {machine.describe()}")


if __name__ == "__main__":
    main()
