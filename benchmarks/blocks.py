"""Measure by interleaved blocks, so that a busy machine slows both sides alike.

A ratio is the median over blocks of ours / reference, each block timed one after the other in
the same process, ours first in every second block.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

BLOCKS = 5
SIZES = ("full", "quick", "toy")


@dataclass(frozen=True)
class Row:
    """One line of a table: a median with the smallest and largest of its blocks.

    Parameters
    ----------
    question : str
        What was measured.
    value, low, high : float
        Median, smallest, largest.
    unit : str, default ""
        Empty for ratios.
    aim : float, optional
        What `value` is held against.
    at_least : bool, default True
        Whether more is better.
    note : str, default ""
        What a reader must know.

    Examples
    --------
    >>> Row("speed", 0.97, 0.95, 0.99, aim=0.95).verdict
    'met'
    >>> Row("time", 0.5, 0.4, 0.6, "s", aim=0.3, at_least=False).verdict
    'missed'
    """

    question: str
    value: float
    low: float
    high: float
    unit: str = ""
    aim: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the aim is met; empty without one."""
        if self.aim is None:
            return ""
        better = self.value >= self.aim if self.at_least else self.value <= self.aim
        return "met" if better else "missed"


def summarise(question: str, values: Sequence[float], **rest: object) -> Row:
    """Make the row of the values of several blocks."""
    return Row(question, statistics.median(values), min(values), max(values), **rest)  # type: ignore[arg-type]


def interleaved(
    ours: Callable[[], float], reference: Callable[[], float], blocks: int = BLOCKS
) -> list[tuple[float, float]]:
    """Run both in turn, `blocks` times; return what they measured, (ours, reference)."""
    pairs = []
    for block in range(blocks):
        if block % 2 == 0:
            first = ours()
            pairs.append((first, reference()))
        else:
            second = reference()
            pairs.append((ours(), second))
    return pairs


def ratio(
    question: str,
    ours: Callable[[], float],
    reference: Callable[[], float],
    blocks: int = BLOCKS,
    **rest: object,
) -> Row:
    """Return the ratio of two measured speeds (or costs), ours over the reference."""
    pairs = interleaved(ours, reference, blocks)
    return summarise(question, [a / b for a, b in pairs], **rest)


def per_second(step: Callable[[], object], seconds: float, clock: str = "wall") -> float:
    """Repeat `step` for so long, at least once, and return steps per second.

    Parameters
    ----------
    step : callable
        What to repeat.
    seconds : float
        How long at least, wall time.
    clock : {"wall", "cores"}, default "wall"
        "cores": seconds of all cores that this process used.
    """
    read = time.perf_counter if clock == "wall" else time.process_time
    begun, started, steps = time.perf_counter(), read(), 0
    while steps == 0 or time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return steps / (read() - started)


def once(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def settle(longest_s: float = 5.0) -> None:
    """Wait until no thread of this process works any more."""
    end = time.perf_counter() + longest_s
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(0.05)
        if time.process_time() - before < 0.005:
            return


def table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table.

    Examples
    --------
    >>> print(table([Row("predict against forward", 0.8, 0.7, 0.9, aim=0.7)]))
    | question | median | lowest | highest | unit | aim | | note |
    |---|---|---|---|---|---|---|---|
    | predict against forward | 0.8 | 0.7 | 0.9 | ratio | >= 0.7 | met |  |
    """
    lines = [
        "| question | median | lowest | highest | unit | aim | | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        sign = ">=" if row.at_least else "<="
        aim = "" if row.aim is None else f"{sign} {row.aim:g}"
        numbers = " | ".join(f"{v:.3g}" for v in (row.value, row.low, row.high))
        unit = row.unit or "ratio"
        lines.append(
            f"| {row.question} | {numbers} | {unit} | {aim} | {row.verdict} | {row.note} |"
        )
    return "\n".join(lines)


def main(rows: Callable[[str, Path], list[Row]], description: str | None) -> None:
    """Run one benchmark file from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", choices=SIZES, default="full", help="toy: only that it runs")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--work", type=Path, help="folder for files, kept; default: temporary")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cytoloom-bench-") as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        found = rows(given.size, work)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in found]))
