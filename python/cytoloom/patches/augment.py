"""Augmentation: random geometry and intensities, each with its own probability and range."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..components import component
from .warp import Warp

Array = npt.NDArray[Any]


@component
@dataclass(frozen=True)
class Augment:
    """Random changes of a patch.

    Attributes
    ----------
    flip_p : float, default 0.5
        Probability that an axis is flipped, each on its own.
    right_angle_p : float, default 1.0
        Probability of a turn by right angles, drawn from all of them (none included).
    """

    flip_p: float = 0.5
    right_angle_p: float = 1.0

    def draw(
        self,
        rng: np.random.Generator,
        shape: Sequence[int],
        spacing_um: Sequence[float] | None = None,
    ) -> Warp:
        """Draw the geometry of one patch."""
        axes, flips = _draw_turn(rng, alike(len(shape), spacing_um), self.right_angle_p)
        flips = tuple(bool(f ^ (rng.random() < self.flip_p)) for f in flips)
        return Warp(tuple(shape), axes, flips)

    def intensities(
        self, image: Array, rng: np.random.Generator, spacing_um: Sequence[float] | None = None
    ) -> Array:
        """Change the intensities of one normalised patch ``(spatial..., c)``."""
        return image


def alike(n: int, spacing_um: Sequence[float] | None) -> list[list[int]]:
    """Group the axes that may be swapped: those of equal spacing, to 1 %.

    Examples
    --------
    >>> alike(3, (2.0, 0.5, 0.5)), alike(3, None)
    ([[0], [1, 2]], [[0, 1, 2]])
    """
    spacing = [1.0] * n if spacing_um is None else list(spacing_um)
    groups: list[list[int]] = []
    for axis in range(n):
        for group in groups:
            if abs(spacing[axis] / spacing[group[0]] - 1) < 0.01:
                group.append(axis)
                break
        else:
            groups.append([axis])
    return groups


def _draw_turn(
    rng: np.random.Generator, groups: list[list[int]], p: float
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    n = sum(map(len, groups))
    axes, flips = list(range(n)), [False] * n
    for group in groups:
        if len(group) == 1 or rng.random() >= p:
            continue
        order = rng.permutation(len(group))
        signs = rng.random(len(group)) < 0.5
        # an odd number of swaps and flips mirrors: one more flip makes it a rotation again
        signs[-1] ^= (_swaps(order) + int(signs.sum())) % 2 == 1
        for axis, source, sign in zip(group, order, signs, strict=True):
            axes[axis], flips[axis] = group[source], bool(sign)
    return tuple(axes), tuple(flips)


def _swaps(order: npt.NDArray[np.int64]) -> int:
    return sum(int(a > b) for a, b in itertools.combinations(order, 2))
