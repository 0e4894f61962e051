"""Run the benchmarks, each in a process of its own, and print one table.

Real data (`python -m benchmarks.real_data`), sizes (`python -m benchmarks.rescaling`) and the race
against StarDist (`python -m benchmarks.time_to_quality`) take long and are run on their own;
OpenVINO, which needs not be installed, is measured by
`python -m benchmarks --only fast_prediction`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .blocks import SIZES, Row, table

ALL = ("import_time", "training_speed", "recipe_speed", "prediction_speed", "memory")
QUICK = ("training_speed", "recipe_speed", "prediction_speed")
ROOT = Path(__file__).resolve().parents[1]


def run(name: str, size: str, work: Path) -> list[Row]:
    """Run one benchmark in a fresh process."""
    file = work / f"{name}.json"
    given = ["--size", size, "--json", str(file), "--work", str(work)]
    command = [sys.executable, "-m", f"benchmarks.{name}", *given]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return [Row(**row) for row in json.loads(file.read_text())]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the ratios that must not fall")
    parser.add_argument("--size", choices=SIZES, default="full", help="toy: only that it runs")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="files of this folder to run")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    size = "quick" if given.quick else given.size
    rows = []
    with tempfile.TemporaryDirectory(prefix="cytoloom-bench-") as work:
        for name in given.only or (QUICK if given.quick else ALL):
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += run(name, size, Path(work))
    # starts the backend, which must not take memory or cores beside what is measured
    from . import machine, records

    print(f"{table(rows)}\n\nMachine: {machine.describe()}")
    if given.record:
        records.append("Ratios", table(rows))


if __name__ == "__main__":
    main()
