"""Which expert, and which image, stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.contingency import Floats

if TYPE_CHECKING:
    import pandas as pd

SPREADS = 3.0
LEAST = 0.1
RULE = (
    f"lower than the median by more than {SPREADS:g} times the spread (1.4826 times the median of "
    f"the distances from it) and by more than {LEAST:g}"
)


def low_ones(values: Sequence[float]) -> list[bool]:
    """Say which values are far below the others; of fewer than three that are known none is.

    Lower than the median by more than three times 1.4826 times the median distance from the
    median, which of a normal distribution is three standard deviations, and by more than 0.1.

    Examples
    --------
    >>> low_ones([0.8, 0.5, 0.78, 0.82])
    [False, True, False, False]
    >>> low_ones([0.9, 0.1])
    [False, False]
    """
    numbers: Floats = np.asarray(values, float)
    known = numbers[~np.isnan(numbers)]
    if len(known) < 3:
        return [False] * len(numbers)
    middle = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - middle))
    below = middle - numbers
    found: list[bool] = ((below > SPREADS * spread) & (below > LEAST)).tolist()
    return found


def of_images(table: pd.DataFrame) -> list[str]:
    """Return what stands out of each image."""
    odd = _low_in_any(table, "kappa", "pair_ap50")
    return ["experts agree less than on other images" if one else "" for one in odd]


def of_experts(per_expert: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Return what stands out of each expert, as `consensus` says."""
    odd = _low_in_any(per_expert, "agreement", "agreement_ap50")
    twins = _twins(pairs)
    alone = per_expert["dice"].eq(1).sum() == 1 and len(per_expert) > 2
    flags: list[list[str]] = [[] for _ in odd]
    for row, low, flag in zip(per_expert.itertuples(), odd, flags, strict=True):
        if low:
            flag.append("agrees less with the others than these do")
        if row.expert in twins:
            flag.append(f"marked exactly the pixels that {', '.join(twins[row.expert])} marked")
        if alone and row.dice == 1 and row.images > 1:
            flag.append("is the consensus itself in all images, as an earlier consensus would be")
    return ["; ".join(flag) for flag in flags]


def _low_in_any(table: pd.DataFrame, *columns: str) -> list[bool]:
    """Say which rows are low in one of the columns that there are: in foreground, or in objects."""
    found = [low_ones(table[name].tolist()) for name in columns if name in table]
    return [any(row) for row in zip(*found, strict=True)]


def _twins(pairs: pd.DataFrame) -> Mapping[str, list[str]]:
    """Find experts whose masks are the same in all images that have some: a copy, most likely."""
    found: dict[str, list[str]] = {}
    for (one, other), rows in pairs.groupby(["expert", "other"], sort=False):
        known = rows["dice"].dropna()
        if len(known) and (known == 1).all():
            found.setdefault(one, []).append(other)
            found.setdefault(other, []).append(one)
    return found
