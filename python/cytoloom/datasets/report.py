"""What `check` found, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..messages import counted, joined, say
from ..storage.tables import with_counts

if TYPE_CHECKING:
    import pandas as pd


SHOWN = 10
COLUMNS = ("image", "file", "shape", "dtype", "labels", "values", "foreground", "status")


@dataclass(frozen=True, eq=False)
class Report:
    """What `check` found.

    Parameters
    ----------
    problems : tuple of str
        What makes training impossible or wrong; each names file, value and remedy.
    warnings : tuple of str
        What may be meant, but often is not.
    notes : tuple of str
        How files were paired and labels understood.
    rows : tuple of dict
        One per image, for `table`.
    shown : dict of frozenset, default {}
        What the labels of each image show, by its name: class ids, or 1 for anything.
    columns : tuple of str
        Of the table.
    each : str, default "image"
        What a row is about.

    Examples
    --------
    >>> import cytoloom as cl
    >>> import numpy as np
    >>> report = cl.check((np.arange(16).reshape(4, 4), np.eye(4, dtype=int)))
    >>> report.ok
    True
    >>> print(report)
    1 image checked: nothing wrong.
    """

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    shown: Mapping[str, frozenset[int]] = field(default_factory=dict)
    columns: tuple[str, ...] = COLUMNS
    each: str = "image"

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not self.problems

    @property
    def table(self) -> pd.DataFrame:
        """One row per image: image, file, shape, dtype, labels, values, foreground, status.

        `values` counts the different label values but 0 (of instances: objects); that and
        `foreground`, share of the known pixels, are missing where labels could not be read.
        """
        import pandas as pd

        table = pd.DataFrame(list(self.rows), columns=list(self.columns))
        return with_counts(table, *(name for name in ("values",) if name in table))

    def __str__(self) -> str:
        checked = counted(len(self.rows), self.each)
        found = [
            counted(len(texts), what)
            for texts, what in ((self.problems, "problem"), (self.warnings, "warning"))
            if texts
        ]
        lines = [f"{checked} checked: {' and '.join(found) or 'nothing wrong'}."]
        titled = (("Problem", self.problems), ("Warning", self.warnings), ("Note", self.notes))
        for title, texts in titled:
            lines += [say("  {}: {}", title, text) for text in texts[:SHOWN]]
            if len(texts) > SHOWN:
                lines.append(f"  ... and {counted(len(texts) - SHOWN, f'more {title.lower()}')}")
        return joined("\n", lines)
