"""Centres of objects, near as these may lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from ..components import component
from ..components.rules import Rule, positive, ruled, share
from ..metrics.points import matched
from ..segmentation.balls import balls
from ..segmentation.objects import components
from ..segmentation.peaks import peaks
from .found import Found
from .head import Head
from .labels import EMPTY, Array, Spacing, check_known_values, labels_and_known, ratio
from .objects import is_mask
from .platt import fitted, log_odds
from .task import LOOK, Maps, Target, Task, Truth

if TYPE_CHECKING:
    from ..patches.sample import Sample

USUAL_PX = 10.0
"""Distance of neighbours where nothing is known of it."""
WIDTH = 0.2
"""Standard deviation of a peak, of the distance to the nearest neighbour: halfway to it the two of
them have fallen to 0.04."""
NARROWEST_PX = 0.8
SEEN = 4.0
"""Peaks are drawn up to so many standard deviations."""
APART = 0.35
"""No two peaks are nearer than this part of the usual distance of neighbours."""
WITHIN = 0.5
"""A peak is that of a centre up to this part of that distance."""
MOST_WEIGHT = 50.0
"""Of a pixel at a centre, relative to one of the background."""
LOWEST = 0.05
"""Height from which on a peak may be one."""
LEAST = 1e-6
FREE = Rule("a number")


@component
@dataclass(frozen=True)
class Centres(Task):
    """Find the centres of objects, such as nuclei that are too crowded to be outlined.

    One head learns a map that is 1 at each centre and falls off like a Gaussian, narrower where
    the nearest neighbour is near, so that between two centres there is always a valley. Labels are
    objects, of which the middle counts, or small marks. All lengths are in micrometres where
    images have a pixel size, so that z and y, x are the same.

    Parameters
    ----------
    threshold : float, default 0.3
        Peaks lower than this are none. Training replaces it by the one with the best F1.
    distance_px : float, optional
        The usual distance of a centre to the nearest other one, in units of the smallest pixel
        spacing. Default: the median of the training labels.
    distance_um : float, optional
        The same in micrometres, where images have a pixel size.
    slope, offset : float, default 1.0 and 0.0
        The probability of being an object is the logistic function of ``slope * logit(height) +
        offset``; training fits both to the validation images, see `platt.fitted`.

    Notes
    -----
    The loss is cross-entropy. Pixels weigh the more the nearer they are to a centre, at it as many
    times as there is more background than map, up to 50: few centres are not lost among it. A peak
    is that of a centre within half the usual distance.

    Examples
    --------
    >>> from cytoloom.patches.sample import Sample
    >>> sample = Sample({"labels": np.array([[0, 0, 0, 7, 0, 0, 0]])}, {"labels": "labels"})
    >>> value, _ = Centres(distance_px=5).target(sample)["centre"]
    >>> value[..., 0].round(2)
    array([[0.01, 0.14, 0.61, 1.  , 0.61, 0.14, 0.01]], dtype=float32)
    """

    threshold: float = share(0.3)
    distance_px: float | None = positive(None)
    distance_um: float | None = positive(None)
    slope: float = positive(1.0)
    offset: float = ruled(0.0, FREE)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Background and object."""
        return ("background", "object")

    @property
    def heads(self) -> dict[str, Head]:
        """One head, ``"centre"``."""
        return {"centre": Head(1, "sigmoid", "ce")}

    @property
    def main_scores(self) -> tuple[str, ...]:
        """F1 of the centres, and how far off they are."""
        return ("f1", "precision", "recall")

    @property
    def context_px(self) -> int:
        """How far a neighbour may be that makes a peak narrower."""
        return math.ceil(1.2 * self._distance(None)) if self.distance_um is None else 24

    @property
    def locality(self) -> int:
        """How far off a higher peak may be that is the one."""
        return math.ceil(APART * self._distance(None)) + 1 if self.distance_um is None else 24

    def fitted_to(self, labels: Iterable[tuple[Array, Spacing]]) -> Task:
        """Measure how far objects are from each other, where that is not given."""
        if self.distance_px is not None or self.distance_um is not None:
            return self
        away, um = [], []
        for image, spacing in labels:
            scale = np.asarray(ratio(spacing, image.ndim))
            places = middles(self.prepare(image)) * scale
            if len(places) > 1:
                away.append(cKDTree(places).query(places, k=2)[0][:, 1])
                um.append(away[-1] * (min(spacing) if spacing is not None else np.nan))
        if not away:
            return self
        px, in_um = float(np.median(np.concatenate(away))), float(np.median(np.concatenate(um)))
        if np.isfinite(in_um):
            return replace(self, distance_um=round(in_um, 4))
        return replace(self, distance_px=round(px, 4))

    def check_labels(self, labels: Array, known: Array | None = None) -> list[str]:
        """Refuse what is not whole numbers from 0 on."""
        return check_known_values(labels, known)

    def prepare(self, labels: Array) -> Array:
        """Return a small mark in the middle of each object, with its number."""
        objects = components(labels > 0) if is_mask(labels) else labels
        numbers, places = numbered_middles(objects)
        marks = np.zeros(labels.shape, np.int32)
        for number, place in zip(numbers, np.rint(places).astype(int), strict=True):
            marks[tuple(slice(max(p - 1, 0), p + 2) for p in place)] = number
        return marks

    def objects(self, labels: Array) -> Array:
        """Return balls that nearly touch: as large as objects may be."""
        numbers, places = numbered_middles(labels)
        if len(places) < 2:
            return labels
        away = cKDTree(places).query(places, k=2)[0][:, 1]
        return balls(labels.shape, places, numbers, float(np.median(away)) / 2, (1,) * labels.ndim)

    def target(self, sample: Sample) -> Target:
        """1 at centres, falling off as the nearest neighbour allows; see `Task.target`."""
        labels, known = labels_and_known(sample)
        scale = np.asarray(ratio(sample.spacing_um, labels.ndim))
        value = self._map(middles(labels), labels.shape, scale, self._distance(sample.spacing_um))
        here = value[known].sum(dtype=float)
        more = min(MOST_WEIGHT, max(1.0, (known.sum() - here) / max(here, LEAST)))
        weight = np.where(known, 1 + np.float32(more - 1) * value, np.float32(0))
        return {"centre": (value[..., None], weight[..., None].astype(np.float32))}

    def _map(
        self, places: Array, shape: Sequence[int], scale: Array, usual: float
    ) -> NDArray[np.float32]:
        value = np.zeros(tuple(shape), np.float32)
        if not len(places):
            return value
        away = np.full(len(places), usual)
        if len(places) > 1:
            away = np.minimum(usual, cKDTree(places * scale).query(places * scale, k=2)[0][:, 1])
        for place, width in zip(places, np.maximum(WIDTH * away, NARROWEST_PX), strict=True):
            reach = SEEN * width / scale
            low = np.maximum(np.ceil(place - reach), 0).astype(int)
            high = np.minimum(np.floor(place + reach) + 1, shape).astype(int)
            peak = np.ones((1,) * len(scale), np.float32)
            for axis, (a, b) in enumerate(zip(low, high, strict=True)):
                along = np.exp(-(((np.arange(a, b) - place[axis]) * scale[axis] / width) ** 2) / 2)
                peak = peak * along.astype(np.float32).reshape(
                    [-1 if k == axis else 1 for k in range(len(scale))]
                )
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            np.maximum(value[box], peak, out=value[box])
        return value

    def _distance(self, spacing_um: Spacing) -> float:
        """Return the usual distance in units of the smallest pixel spacing."""
        if self.distance_um is not None and spacing_um is not None:
            return float(self.distance_um / min(spacing_um))
        return self.distance_px or USUAL_PX

    def points(
        self, maps: Maps, spacing_um: Spacing = None, above: float | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Find the centres that maps show.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.
        spacing_um : sequence of float, optional
            Micrometres per pixel.
        above : float, optional
            Height of a peak; default `threshold`.

        Returns
        -------
        (ndarray of float (n, axes), ndarray of float (n,))
            In px, with fractions, and how high each is; the highest first.
        """
        values = maps["centre"][..., 0]
        radius = APART * self._distance(spacing_um)
        level = self.threshold if above is None else above
        return peaks(values, radius, ratio(spacing_um, values.ndim), level)

    def probability(self, heights: Array) -> NDArray[np.float64]:
        """Return how likely peaks of these heights are objects."""
        return np.asarray(expit(self.slope * log_odds(heights) + self.offset))

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Draw a ball at each centre, as large as half the usual distance allows."""
        places, heights = self.points(maps, spacing_um)
        shape = maps["centre"].shape[:-1]
        scale = ratio(spacing_um, len(shape))
        radius = max(1.0, APART * self._distance(spacing_um))
        numbers = np.arange(1, len(places) + 1)
        labels = balls(shape, np.clip(places, 0, np.asarray(shape) - 1), numbers, radius, scale)
        points = np.column_stack([places, self.probability(heights)])
        return Found(labels.astype(np.int32), points=points)

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Task:
        """Fit the threshold by F1 over all images, and what makes heights probabilities."""
        heights, right, true = [np.zeros(0)], [np.zeros(0, bool)], 0
        within = WITHIN * self._distance(spacing_um)
        for own, (labels, known) in zip(maps, truths, strict=True):
            scale = np.asarray(ratio(spacing_um, labels.ndim))
            places, height = self.points(own, spacing_um, LOWEST)
            centres = middles(self.prepare(labels))
            true += len(centres)
            hit = np.zeros(len(places), bool)
            hit[_hits(centres * scale, places * scale, within)] = True
            counts = hit | _known_at(places, known)
            heights.append(height[counts])
            right.append(hit[counts])
        height, hit = np.concatenate(heights), np.concatenate(right)
        if not true or not hit.any():
            return self
        order = np.argsort(-height, kind="stable")
        good = np.cumsum(hit[order])
        f1 = 2 * good / (np.arange(1, len(height) + 1) + true)
        best = int(np.argmax(f1))
        # between the last that is taken and the first that is not
        low = height[order[best + 1]] if best + 1 < len(height) else LOWEST
        threshold = float(np.clip((height[order[best]] + low) / 2, LOWEST, 0.95))
        (slope,), offset = fitted(log_odds(height), hit)
        return replace(self, threshold=round(threshold, 4), slope=max(slope, LEAST), offset=offset)

    def score(
        self, truth: Array, found: Found, known: Array | None = None, spacing_um: Spacing = None
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """F1, precision and recall of centres within half the usual distance, and how far off.

        ``distance_um`` (where no pixel size is known ``distance_px``) is the mean over pairs.
        """
        scale = np.asarray(ratio(spacing_um, truth.ndim))
        centres = middles(self.prepare(truth))
        ids, places = numbered_middles(found.labels)
        if found.points is not None:
            ids, places = np.arange(1, len(found.points) + 1), found.points[:, : truth.ndim]
        within = WITHIN * self._distance(spacing_um)
        i, j = matched(centres * scale, places * scale, within)
        hit = np.zeros(len(places), bool)
        hit[j] = True
        counts = hit | _known_at(places, known)
        n_truth, n_found, n = len(centres), int(counts.sum()), len(i)
        unit = "px" if spacing_um is None else "um"
        off = np.linalg.norm((centres[i] - places[j]) * scale, axis=1)
        nan = float("nan")
        scores = {
            "f1": 2 * n / (n_truth + n_found) if n_truth + n_found else nan,
            "precision": n / n_found if n_found else (0.0 if n_truth else nan),
            "recall": n / n_truth if n_truth else nan,
            f"distance_{unit}": float(off.mean()) * (min(spacing_um) if spacing_um else 1)
            if n else nan,
            "n_truth": float(n_truth),
            "n_found": float(n_found),
        }  # fmt: skip
        if not n_truth:
            scores[EMPTY] = float(n_found)
        truths = numbered_middles(self.prepare(truth))[0]
        rows = [{"truth": int(truths[a]), "found": int(ids[b]), "iou": nan, "matched": True}
                for a, b in zip(i, j, strict=True)]  # fmt: skip
        missed = np.setdiff1d(np.arange(n_truth), i)
        rows += [{"truth": int(truths[a]), "found": 0, "iou": nan, "matched": False}
                 for a in missed]  # fmt: skip
        false = np.flatnonzero(counts & ~hit)
        rows += [{"truth": 0, "found": int(ids[b]), "iou": nan, "matched": False} for b in false]
        return scores, rows

    def score_range(self, metric: str) -> tuple[float, float]:
        """Say that distances have no end."""
        low, high = super().score_range(metric)
        return (low, math.inf if metric.startswith("distance") else high)

    def less_is_better(self, metric: str) -> bool:
        """Say so of distances."""
        return metric.startswith("distance") or super().less_is_better(metric)

    def doubts(self, scores: Mapping[str, float]) -> list[str]:
        """Say so where few of the centres were found."""
        if scores.get("f1", 1.0) >= 0.3:
            return []
        return [f"F1 of the centres on the validation images is only {scores['f1']:.2f}. {LOOK}"]


def middles(labels: Array) -> NDArray[np.float64]:
    """Return the middle of each connected piece of one label, in px (n, axes).

    Examples
    --------
    >>> middles(np.array([[1, 1, 1, 2, 0, 2]])).tolist()
    [[0.0, 1.0], [0.0, 3.0], [0.0, 5.0]]
    """
    return numbered_middles(labels, pieces=True)[1]


def numbered_middles(labels: Array, pieces: bool = False) -> tuple[Array, NDArray[np.float64]]:
    """Return the numbers of labels and their middles; of pieces, one for each of these.

    Examples
    --------
    >>> numbered_middles(np.array([[0, 4, 4, 9]]))
    (array([4, 9]), array([[0. , 1.5],
           [0. , 3. ]]))
    """
    at = np.nonzero(labels)
    own = np.asarray(labels[at])
    if pieces and len(own):
        from skimage.measure import label

        own = np.asarray(label(labels, background=0)[at])
    numbers, rows, counts = np.unique(own, return_inverse=True, return_counts=True)
    places = [np.bincount(rows, weights=axis) / counts for axis in at]
    shape = (len(numbers), labels.ndim)
    return numbers, np.stack(places, axis=-1).reshape(shape) if len(numbers) else np.zeros(shape)


def _hits(truth: Array, found: Array, within: float) -> NDArray[np.int64]:
    return matched(truth, found, within)[1]


def _known_at(places: Array, known: Array | None) -> NDArray[np.bool_]:
    """Say which places are of pixels that count."""
    if known is None or not len(places):
        return np.ones(len(places), bool)
    at = np.clip(np.rint(places).astype(int), 0, np.asarray(known.shape) - 1)
    return np.asarray(known[tuple(at.T)], bool)
