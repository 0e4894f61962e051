"""How a whole frame has moved: drift of the stage and jumps, from the detections alone."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .graph import Floats
from .points import Points

FEW = 5
"""With fewer detections in a frame, their own motion cannot be told from a drift."""


def drift(points: Points) -> Floats:
    """Return by how much each frame has moved since the first, (frames, axes).

    The shift by which most detections have another one at their place in the frame before; no jump
    where it brings fewer than a quarter of the detections more together than no shift does.

    Examples
    --------
    >>> at = np.random.default_rng(0).uniform(0, 100, (40, 2))
    >>> both = np.concatenate([at, at + [3, -20]])
    >>> points = Points(np.repeat([0, 1], 40), both, np.full(80, np.nan), np.full(80, np.nan),
    ...                 both.min(0), both.max(0), np.zeros(80, bool))
    >>> drift(points).round(1).tolist()
    [[0.0, 0.0], [3.0, -20.0]]
    """
    frames = int(points.frame.max()) + 1
    steps = np.zeros((frames, points.axes))
    near = points.spacing()
    for frame in range(1, frames):
        before, after = points.at[points.rows(frame - 1)], points.at[points.rows(frame)]
        if min(len(before), len(after)) >= FEW and np.isfinite(near):
            steps[frame] = shift(before, after, near / 3)
    return np.cumsum(steps, axis=0)


def shift(before: Floats, after: Floats, within: float) -> Floats:
    """Return the shift that brings most of `after` to within a distance of some of `before`."""
    tree = cKDTree(before)
    none = np.zeros(before.shape[1])

    def together(by: Floats) -> int:
        return int(np.isfinite(tree.query(after - by, distance_upper_bound=within)[0]).sum())

    def polished(by: Floats) -> Floats:
        for _ in range(5):
            away, which = tree.query(after - by, distance_upper_bound=2 * within)
            pair = np.isfinite(away)
            if pair.sum() < FEW:
                break
            by = np.median(after[pair] - before[which[pair]], axis=0)
        return by

    best = polished(none)
    apart = (after[:, None] - before[None]).reshape(-1, before.shape[1])
    if len(apart) > 20_000:
        # those of a part of the cells suffice to see where differences gather
        apart = (after[:: len(apart) // 20_000 + 1, None] - before[None]).reshape(-1, len(none))
    crowd = cKDTree(apart)
    votes = crowd.query_ball_point(apart, within / 2, return_length=True)
    top = apart[np.argsort(-votes, kind="stable")[:3]]
    for candidate in top:
        by = polished(candidate)
        if together(by) >= max(together(best) + 1, together(none) + max(3, len(after) / 4)):
            best = by
    # so small a gain is the cells' own motion
    return best if together(best) >= together(none) else none
