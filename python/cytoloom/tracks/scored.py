"""A graph of scores: how likely each detection, link and division is by itself."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from .graph import Floats, Graph, Ints

RARE = 0.01
"""Probability of a track to begin or end within the movie."""
NEVER = 1e-3
"""Of dividing; a cell less likely to is not considered as a mother."""


def scored(
    frame: Ints,
    source: Ints,
    target: Ints,
    link: Floats,
    *,
    division: Floats | None = None,
    detection: Floats | None = None,
    appears: Floats | float = RARE,
    ends: Floats | float = RARE,
    skips: float = 1.0,
) -> Graph:
    """Make a graph of probabilities; costs are minus their log odds.

    Parameters
    ----------
    frame : ndarray (n,) of int
        Of each detection.
    source, target : ndarray (links,) of int
        Detections of each candidate link.
    link : ndarray (links,) of float
        Probability of each.
    division : ndarray (n,) of float, optional
        Probability that each detection divides before the next frame; default that none does.
    detection : ndarray (n,) of float, optional
        Probability of being a cell; default that all are.
    appears, ends : float or ndarray (n,), default 0.01
        Probability of a track to begin, and to end, at each detection. In the first frame all
        begin, in the last all end, at no cost.
    skips : float, default 1.0
        Probability of a cell to be missed in the frame between, of links over two frames.

    Returns
    -------
    Graph
        Divisions between each mother and two of her candidates in the next frame.

    Examples
    --------
    >>> graph = scored(np.array([0, 1, 1]), np.array([0, 0]), np.array([1, 2]),
    ...                np.array([0.9, 0.5]), division=np.array([0.5, 0, 0]))
    >>> graph.cost.round(2).tolist(), graph.split.round(2).tolist()
    ([-2.2, 0.0], [-2.2])
    """
    cost = -_odds(link) - np.where(frame[target] - frame[source] > 1, np.log(skips), 0.0)
    enter = np.where(frame == frame.min(), 0.0, -_odds(appears))
    leave = np.where(frame == frame.max(), 0.0, -_odds(ends))
    absent = np.full(len(frame), np.inf) if detection is None else _odds(detection)
    mother, first, second = (np.zeros(0, np.int64) for _ in range(3))
    split = np.zeros(0)
    if division is not None:
        near = np.flatnonzero((frame[target] - frame[source] == 1) & (division[source] > NEVER))
        order = near[np.argsort(source[near], kind="stable")]
        pairs = _pairs(source[order])
        one, other = order[pairs[:, 0]], order[pairs[:, 1]]
        mother, first, second = source[one], target[one], target[other]
        split = cost[one] + cost[other] - _odds(division[mother])
    return Graph(frame, enter, leave, absent, source, target, cost, mother, first, second, split)


def _odds(p: Floats | float) -> Floats:
    return np.asarray(logit(np.clip(p, 1e-9, 1 - 1e-9)))


def _pairs(keys: Ints) -> Ints:
    """Return each pair of rows that have the same key; equal keys lie together."""
    begins = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else keys
    sizes = np.diff(np.r_[begins, len(keys)])
    found = [np.zeros((0, 2), np.int64)]
    for size in np.unique(sizes[sizes > 1]).tolist():
        i, j = np.triu_indices(size, 1)
        own = begins[sizes == size][:, None]
        found.append(np.stack([own + i, own + j], axis=-1).reshape(-1, 2))
    return np.concatenate(found)
