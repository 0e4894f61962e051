"""Separate objects by which pixels, some steps apart, are of one object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..components import component
from ..components.rules import Rule, count, fraction, positive, ruled
from ..errors import invalid
from ..losses import LOSS, Loss
from ..segmentation.affinities import (
    affinities,
    is_short,
    mutex_watershed,
    need_library,
    touching,
)
from ..segmentation.descriptors import TRUNCATE, channels, descriptors
from ..segmentation.objects import keep_objects
from ..segmentation.watershed import watershed
from .found import Found
from .head import Head
from .labels import Array, Spacing, foreground_of, labels_and_known, ratio, weight_of
from .objects import Partitions
from .task import Maps, Target, Truth
from .tuning import Steps, best_for_objects

if TYPE_CHECKING:
    from ..patches.sample import Sample

Offset = tuple[int, int, int]
PLANE: tuple[Offset, ...] = ((0, -1, 0), (0, 0, -1), (0, -3, 0), (0, 0, -3), (0, -9, 0), (0, 0, -9))
STACK: tuple[Offset, ...] = (
    (-1, 0, 0), (0, -1, 0), (0, 0, -1), (-3, 0, 0), (0, -9, 0), (0, 0, -9)
)  # fmt: skip
"""Neighbours over a face, and some steps apart: (z, y, x)."""
DOWNSAMPLE = 2
LEAST_SHARE = 0.05
"""No weight makes up for less than this share of pairs."""
STEPS: Steps = (
    ("bias", (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9)),
    ("foreground_threshold", (0.3, 0.5, 0.7)),
    ("min_piece_px", (1, 4, 10, 30)),
)
"""Which settings `Affinities.tune` tries, in which order."""


@component
@dataclass(frozen=True)
class Affinities(Partitions):
    """Separate objects by which pixels, some steps apart, are of one object.

    For objects of any shape that lie side by side, such as neurites. A head says of each pixel
    and each offset whether the pixel there is of the same object; another is the foreground.
    The mutex watershed makes objects of them: the surest pairs first, neighbours join, all
    others part. Needs the extra ``affinities`` (bioimage-cpp).

    Parameters
    ----------
    ndim : int, default 2
        2 for images, 3 for stacks.
    neighbourhood : tuple of (z, y, x), optional
        Offsets in pixels, of either sign; z is 0 for images. Those to neighbours over a face
        join, and there must be one along each axis; all others only part. Default: neighbours,
        and along each axis 3 and 9 px, in stacks 3 planes and 9 px.
    lsds : bool, default False
        Whether a third head learns local shape descriptors, which nothing is made of: what it
        learns for them helps the affinities.
    balance : bool, default True
        Whether, for each offset, pairs of one object and all others weigh the same in the loss,
        as long as each are at least a twentieth.
    loss : str or Loss, default "ce"
        Of the affinities: a name or a component of `losses`.
    lsd_sigma_px : float, default 4.0
        Of the window of the descriptors, in units of the smallest pixel spacing.
    min_area_px : int, default 0
        Smaller objects are dropped from the result (pixels, in 3-D voxels).
    bias : float, default 0.5
        Affinity at which joining and parting weigh the same. Fitted by `tune`.
    foreground_threshold : float, default 0.5
        Foreground is where the probability is larger. Fitted by `tune`.
    min_piece_px : int, default 4
        Smaller pieces go to what is beside them. Fitted by `tune`.

    Notes
    -----
    Mutex watershed: :doi:`10.1007/978-3-030-01225-0_34`; local shape descriptors:
    :doi:`10.1038/s41592-022-01711-z`. Pairs of which a pixel is not known, or outside of the
    image, have no weight, nor have those of background alone. As maps speak of directions,
    images are neither looked at in several views nor enlarged.

    Examples
    --------
    >>> Affinities().heads["affinities"].channels
    6
    >>> Affinities(ndim=3, lsds=True).heads["lsds"].channels
    10
    """

    ndim: int = count(2, 2, 3)
    neighbourhood: tuple[Offset, ...] | None = ruled(
        None, Rule("rows of three whole numbers: z, y, x", whole=True, columns=3)
    )
    lsds: bool = False
    balance: bool = True
    loss: str | Loss = ruled("ce", LOSS)
    lsd_sigma_px: float = positive(4.0)
    min_area_px: int = count(0, 0)
    bias: float = fraction(0.5)
    foreground_threshold: float = fraction(0.5)
    min_piece_px: int = count(4, 1)

    def __post_init__(self) -> None:
        _ = self.heads  # a loss that does not go with its head is refused now
        joined = {int(np.argmax(np.abs(o))) for o in self.offsets if is_short(o)}
        given = self.neighbourhood or ()
        if len(joined) < self.ndim or (self.ndim == 2 and any(row[0] for row in given)):
            axes = "y and x, and z 0" if self.ndim == 2 else "z, y and x"
            expected = f"offsets with a neighbour over a face along each of {axes}"
            raise invalid("neighbourhood", expected=expected, received=given)

    @property
    def offsets(self) -> tuple[tuple[int, ...], ...]:
        """Offsets along the axes that images have."""
        own = self.neighbourhood or (PLANE if self.ndim == 2 else STACK)
        return tuple(tuple(int(k) for k in row[-self.ndim :]) for row in own)

    @property
    def heads(self) -> dict[str, Head]:
        """Sigmoid heads: ``"foreground"``, ``"affinities"`` and, where wanted, ``"lsds"``."""
        heads = {
            "foreground": Head(1, "sigmoid", "ce_dice"),
            "affinities": Head(len(self.offsets), "sigmoid", self.loss),
        }
        return heads | ({"lsds": Head(channels(self.ndim), "sigmoid", "mse")} if self.lsds else {})

    @property
    def context_px(self) -> int:
        """The longest step, or the window of the descriptors."""
        longest = max(abs(k) for offset in self.offsets for k in offset)
        window = math.ceil(TRUNCATE * self.lsd_sigma_px) + DOWNSAMPLE
        return max(longest, window) if self.lsds else longest

    @property
    def directional(self) -> bool:
        """Yes: a map is of one direction."""
        return True

    def check_ready(self) -> None:
        """Refuse to start without the library that makes objects."""
        need_library()

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse what is no labels, and labels of other axes than the offsets."""
        if labels.ndim == self.ndim:
            return super().check_labels(labels, known)
        other = "affinities:3d" if labels.ndim == 3 else "affinities"
        return [f'labels have {labels.ndim} axes, the task is of {self.ndim}; take "{other}"']

    def keeping_all(self) -> Affinities:
        """Return this task without minimal area."""
        return replace(self, min_area_px=0)

    def kept(self, maps: Maps, found: Found) -> Found:
        """Drop small objects from a copy of what was found."""
        return Found(keep_objects(found.labels.copy(), min_area_px=self.min_area_px))

    def target(self, sample: Sample) -> Target:
        """Foreground, affinities with a weight for each offset, descriptors; see `Task.target`."""
        labels, known = labels_and_known(sample)
        value, sure = affinities(labels, self.offsets, known)
        # nothing is made of pairs without foreground, which would outnumber those at boundaries
        sure &= touching(labels > 0, self.offsets)
        weight = sure.astype(np.float32)
        if self.balance:
            weight *= balanced(value, sure)
        target = {"foreground": foreground_of(labels, known), "affinities": (value, weight)}
        if self.lsds:
            spacing = ratio(sample.spacing_um, labels.ndim)
            shape = descriptors(np.where(known, labels, 0), self.lsd_sigma_px, spacing, DOWNSAMPLE)
            target["lsds"] = shape, weight_of(known)
        return target

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Mutex watershed on the foreground, small pieces, sizes; int32 labels, from 1 on."""
        foreground = np.asarray(maps["foreground"][..., 0]) > self.foreground_threshold
        affinity = np.asarray(maps["affinities"])
        labels = mutex_watershed(affinity, self.offsets, foreground, self.bias)
        if self.min_piece_px > 1:
            keep_objects(labels, min_area_px=self.min_piece_px)
            short = [k for k, offset in enumerate(self.offsets) if is_short(offset)]
            labels = watershed(affinity[..., short].mean(axis=-1), labels, foreground)
        if self.min_area_px > 1:
            keep_objects(labels, min_area_px=self.min_area_px)
        return Found(labels)

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Affinities:
        """Choose bias and thresholds with the best mean average precision; see `Task.tune`."""
        return replace(self, **best_for_objects(self, maps, truths, spacing_um, STEPS))

    def evidence(self, maps: Maps, labels: Array) -> dict[str, Array]:
        """How well the affinities of each pixel agree with the objects found."""
        value, sure = affinities(labels, self.offsets)
        wrong = np.abs(np.asarray(maps["affinities"]) - value) * sure
        return {"agreement": 1 - wrong.sum(axis=-1) / np.maximum(sure.sum(axis=-1), 1)}


def balanced(value: NDArray[np.float32], sure: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights by which, in each channel, ones and zeros count alike.

    Examples
    --------
    Three of four pairs are of one object: they weigh 2/3, the other one 2.

    >>> value = np.float32([1, 1, 1, 0])[:, None]
    >>> balanced(value, value >= 0)[:, 0]
    array([0.6667, 0.6667, 0.6667, 2.    ], dtype=float32)
    """
    axes = tuple(range(value.ndim - 1))
    ones = (value * sure).sum(axes) / np.maximum(sure.sum(axes), 1)
    share = np.clip(ones, LEAST_SHARE, 1 - LEAST_SHARE)
    return np.asarray(np.where(value > 0, 0.5 / share, 0.5 / (1 - share)), np.float32)
