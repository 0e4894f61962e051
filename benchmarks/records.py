"""Keep figures: sections of RESULTS.md, and where the real images are."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("RESULTS.md")


def data_folder() -> Path:
    """Return the folder of real images: `CYTOLOOM_DATA`, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("CYTOLOOM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(f"Real images not found at {folder}. Set CYTOLOOM_DATA to their folder.")
    return folder


def markdown(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Write a Markdown table; shares with three digits, missing values as a dash.

    Examples
    --------
    >>> print(markdown([{"set": "a", "dice": 0.51234}], ["set", "dice", "ap50"]))
    | set | dice | ap50 |
    |---|---|---|
    | a | 0.512 | - |
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [_cell(row.get(column)) for column in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:g}"
    return str(value)


def append(section: str, text: str, results: Path = RESULTS) -> None:
    """Add a dated block with a machine line at the end of a section of RESULTS.md."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    block = f"{today}, {machine.describe()}\n\n{text}\n"
    results.write_text(inserted(results.read_text(), section, block))


def inserted(document: str, section: str, block: str) -> str:
    r"""Put a block at the end of a ``## section``.

    Examples
    --------
    >>> print(inserted("# T\n\n## A\n\nold\n\n## B\n", "A", "new\n"))
    # T
    <BLANKLINE>
    ## A
    <BLANKLINE>
    old
    <BLANKLINE>
    new
    <BLANKLINE>
    ## B
    <BLANKLINE>
    """
    before, found, rest = document.partition(f"## {section}\n")
    if not found:
        raise ValueError(f"no section {section!r}")
    own, following, after = rest.partition("\n## ")
    return f"{before}{found}{own.rstrip()}\n\n{block}{following}{after}"
