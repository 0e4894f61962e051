"""What links cost where nothing but position and size is known: how cells of this movie move."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ..errors import invalid
from .graph import Floats, Graph, Ints, Solution
from .points import Points

MOST = 5
"""Candidates of each detection in each direction."""
FURTHER = 3.0
"""So many times as far as the nearest a candidate may be."""
LIMIT = 30_000_000
"""Candidate links of one recording."""
NEAR = 3.0
"""Steps from the border within which cells come in and go out."""
LEAST = 0.003
"""Share of cells that divide at least: what is never expected is never found."""
WIDE, TAIL, FAR = 3.0, 0.05, 0.01
"""One step in twenty is from a distribution three times as wide, one in a hundred from anywhere
within reach."""
ODD = 0.1
"""One cell in ten is as large as any: what outlined it did so otherwise."""
MOST_FALSE = 0.02
"""Share of detections that are taken for no cells at most, where nothing else says so."""


@dataclass(frozen=True)
class Motion:
    """How cells of a recording move, divide, come and go; lengths in its unit.

    Parameters
    ----------
    step : float
        Standard deviation of a step from frame to frame, along each axis.
    half : float
        The same of half the distance between two daughters.
    middle : float
        The same of the point between two daughters around their mother.
    grown : float
        Of the logarithm of size from frame to frame.
    spread : float
        Of the logarithm of size among all cells.
    share, share_spread : float
        Mean and standard deviation of the logarithm of a daughter's size over her mother's.
    follows : float
        How much of a cell's last step it is expected to make again, 0 to 1.
    enters, leaves, divides, misses, false : float
        Shares of cells, in each frame: that begin and end within the image, that divide, that are
        not found; and of detections that are no cells.
    at_border : float
        Share of cells at the border that come, and go, in each frame; less the further they lie
        from it, the inner share from three steps away on.
    reach : float
        The longest step.
    """

    step: float
    half: float
    middle: float
    reach: float
    grown: float = 0.15
    spread: float = 0.5
    share: float = math.log(0.5)
    share_spread: float = 0.3
    follows: float = 0.0
    enters: float = 0.002
    leaves: float = 0.005
    divides: float = 0.01
    misses: float = 0.01
    false: float = 0.005
    at_border: float = 0.1


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of detections that may be the same cell, and triples that may be a division."""

    source: Ints
    target: Ints
    mother: Ints
    first: Ints
    second: Ints


def first_guess(points: Points, reach: float | None) -> Motion:
    """Guess how cells move from those that are each other's nearest in the next frame."""
    steps = []
    for frame in np.unique(points.frame)[:-1]:
        a, b = points.rows(int(frame)), points.rows(int(frame) + 1)
        if len(a) and len(b):
            there, to = cKDTree(points.at[b]).query(points.at[a])
            _, back = cKDTree(points.at[a]).query(points.at[b])
            mutual = back[to] == np.arange(len(a))
            steps.append(there[mutual])
    away = np.concatenate(steps) if steps else np.zeros(0)
    near = points.spacing()
    if not len(away):
        typical = near / 4 if np.isfinite(near) else 1.0
    else:
        # the median length of a step of spread s along each of d axes is about s times this
        typical = float(np.median(away)) / (0.67, 1.18, 1.54)[points.axes - 1]
    floor = 1e-3 * (near if np.isfinite(near) else 1.0)
    step = max(typical, floor, 1e-9)
    far = max(8 * step, 0.75 * near if np.isfinite(near) else 8 * step)
    reach = far if reach is None else reach
    half = min(reach, near if np.isfinite(near) else reach) / 2
    sizes = points.size[np.isfinite(points.size)]
    spread = max(0.1, float(np.std(sizes))) if len(sizes) else 0.5
    return Motion(min(step, reach / 2), max(half, step), 1.5 * min(step, reach / 2), reach,
                  spread=spread)  # fmt: skip


def candidates(
    points: Points, motion: Motion, expected: Floats, gaps: bool, divisions: bool
) -> Candidates:
    """Return which pairs may be linked: up to five each way, up to three times the nearest."""
    source, target, mother, first, second = [], [], [], [], []
    frames = np.unique(points.frame)
    trees = {int(f): cKDTree(points.at[points.rows(int(f))]) for f in frames}
    total = 0
    for frame in frames.tolist():
        a = points.rows(frame)
        for step in (1, 2) if gaps else (1,):
            if frame + step not in trees:
                continue
            b = points.rows(frame + step)
            far = motion.reach * math.sqrt(step)
            there = points.at[a] + expected[a] * step
            here = cKDTree(there)
            pairs = _pairs(trees[frame + step], there, points.at[b], here, far)
            source.append(a[pairs[:, 0]])
            target.append(b[pairs[:, 1]])
            total += len(pairs)
            if total > LIMIT:
                raise invalid("max_step_um", expected=f"a step that leaves {LIMIT:,} candidate "
                              "links at most", received=f"{motion.reach:g}, which gives more",
                              remedy="Choose a shorter one.")  # fmt: skip
            if divisions and step == 1:
                # a daughter lies further from her mother than a cell moves
                pairs = _pairs(trees[frame + 1], points.at[a], points.at[b], trees[frame], far)
                triples = _triples(pairs)
                mother.append(a[triples[:, 0]])
                first.append(b[triples[:, 1]])
                second.append(b[triples[:, 2]])
    return Candidates(*(_joined(one) for one in (source, target, mother, first, second)))


def _pairs(tree: cKDTree, there: Floats, at: Floats, here: cKDTree, far: float) -> Ints:
    found = []
    for one, places, turned in ((tree, there, False), (here, at, True)):
        many = min(MOST, one.n)
        away, which = one.query(places, k=list(range(1, many + 1)), distance_upper_bound=far)
        near = np.isfinite(away) & (away <= FURTHER * np.maximum(away[:, :1], far / 10))
        rows, columns = np.nonzero(near)
        pair = np.stack([rows, which[rows, columns]], axis=1)
        found.append(pair[:, ::-1] if turned else pair)
    return np.unique(np.concatenate(found), axis=0)


def _triples(pairs: Ints) -> Ints:
    """Return each mother with two of her candidates."""
    found = [np.zeros((0, 3), np.int64)]
    begins = np.searchsorted(pairs[:, 0], np.unique(pairs[:, 0]))
    for own in np.split(pairs, begins[1:]):
        if len(own) > 1:
            i, j = np.triu_indices(len(own), 1)
            found.append(np.stack([own[i, 0], own[i, 1], own[j, 1]], axis=1))
    return np.concatenate(found)


def priced(points: Points, motion: Motion, found: Candidates, expected: Floats) -> Graph:
    """Return what each choice costs: minus the logarithm of how likely it is.

    A cell that goes on makes a step from a normal distribution with wide tails and keeps its size;
    two daughters lie around their mother's place and share her size; what enters does so anywhere
    in the image, with a size as cells have; what is no cell is somewhere, too.
    """
    density = points.density()
    border = at_border(points, motion)
    enters = motion.enters + (motion.at_border - motion.enters) * border
    leaves = motion.leaves + (motion.at_border - motion.leaves) * border
    first, last = points.frame.min(), points.frame.max()
    fresh = _normal(points.size - np.nanmean(points.size) if np.isfinite(points.size).any()
                    else points.size, motion.spread)  # fmt: skip
    enter = -np.log(enters * density) - fresh
    leave = -np.log(leaves)
    absent = -np.log(motion.false * density) - fresh
    known = np.isfinite(points.odds)
    absent = np.where(known, -np.log(density) - fresh + points.odds, absent)
    enter = np.where(points.frame == first, -np.log(density) - fresh, enter)
    leave = np.where(points.frame == last, 0.0, leave)
    step = points.frame[found.target] - points.frame[found.source]
    moved = points.at[found.target] - points.at[found.source]
    moved = moved - expected[found.source] * step[:, None]
    wide = motion.step * np.sqrt(step)
    grew = points.size[found.target] - points.size[found.source]
    cost = -_steps(moved, wide, motion.reach) - _sizes(grew, motion.grown * np.sqrt(step),
                                                       motion.spread)  # fmt: skip
    cost -= np.log1p(-motion.leaves - motion.divides) + (step - 1) * math.log(motion.misses)
    a, b = points.at[found.first], points.at[found.second]
    halves, middle = (a - b) / 2, (a + b) / 2 - points.at[found.mother]
    split = -_steps(middle, np.full(len(a), motion.middle), motion.reach)
    split -= _steps(halves, np.full(len(a), motion.half), motion.reach)
    # two places from one middle and one half: twice in each axis; and either may be the first
    split += points.axes * math.log(2) - math.log(2) - math.log(motion.divides)
    for daughter in (found.first, found.second):
        shared = points.size[daughter] - points.size[found.mother] - motion.share
        split -= _sizes(shared, np.full(len(a), motion.share_spread), motion.spread)
    return Graph(points.frame, enter, leave, absent, found.source, found.target, cost,
                 found.mother, found.first, found.second, split)  # fmt: skip


def learned(points: Points, motion: Motion, graph: Graph, found: Solution, last: Floats) -> Motion:
    """Return how cells move by what was linked; what few say is left as it was guessed."""
    source, target = graph.source[found.links], graph.target[found.links]
    near = points.frame[target] - points.frame[source] == 1
    gaps = int((~near).sum())
    source, target = source[near], target[near]
    step = points.at[target] - points.at[source]
    new = motion
    if len(source) >= 10:
        again = last[source]
        known = np.isfinite(again).all(axis=1)
        follows = 0.0
        if known.sum() >= 10:
            whole = max(float((again[known] ** 2).sum()), 1e-12)
            follows = float((step[known] * again[known]).sum()) / whole
        follows = min(max(follows, 0.0), 1.0)
        rest = step - follows * np.where(known[:, None], again, 0)
        grew = points.size[target] - points.size[source]
        wide = max(_spread(rest), 0.01 * motion.reach)
        new = replace(new, follows=follows, step=min(wide, motion.reach / 2))
        grew = grew[np.isfinite(grew)]
        if len(grew) >= 10:
            new = replace(new, grown=max(0.02, _spread(grew)))
    mother, a, b = (one[found.divisions] for one in (graph.mother, graph.first, graph.second))
    if len(mother) >= 5:
        halves = (points.at[a] - points.at[b]) / 2
        middle = (points.at[a] + points.at[b]) / 2 - points.at[mother]
        new = replace(new, half=max(float(np.sqrt((halves**2).mean())), motion.reach / 100),
                      middle=max(_spread(middle), motion.reach / 100))  # fmt: skip
        share = np.concatenate([points.size[one] - points.size[mother] for one in (a, b)])
        share = share[np.isfinite(share)]
        if len(share) >= 10:
            middle_share = float(np.median(share))
            new = replace(new, share=middle_share,
                          share_spread=max(0.1, _spread(share - middle_share)))  # fmt: skip
    border = at_border(points, motion)
    inner = border == 0
    came, went = (np.zeros(len(points.frame), bool) for _ in range(2))
    came[target] = came[a] = came[b] = True
    went[source] = went[mother] = True
    came[graph.target[found.links]] = went[graph.source[found.links]] = True
    frames = points.frame.min(), points.frame.max()
    later, earlier = points.frame > frames[0], points.frame < frames[1]
    return replace(
        new,
        enters=_rate((inner & later & found.kept & ~came).sum(), (inner & later).sum(), 0.002),
        leaves=_rate((inner & earlier & found.kept & ~went).sum(), (inner & earlier).sum(), 0.005),
        divides=max(LEAST, _rate(len(mother), earlier.sum())),
        misses=_rate(gaps, earlier.sum()),
        false=min(MOST_FALSE, _rate((~found.kept).sum(), len(points.frame), 0.005)),
        at_border=_rate(border[later & found.kept & ~came].sum(), border[later].sum(), 0.1, 20),
    )  # fmt: skip


def at_border(points: Points, motion: Motion) -> Floats:
    """Return how near each detection is to the border: 1 at it, 0 from three steps away on."""
    zone = min(motion.reach, NEAR * motion.step)
    return np.clip(1 - points.from_border() / zone, 0, 1)


def expectations(points: Points, motion: Motion, last: Floats) -> Floats:
    """Return where each detection is expected to go: part of its last step, again."""
    return np.where(np.isfinite(last), motion.follows * last, 0.0)


def last_steps(points: Points, graph: Graph, found: Solution, of: int = 3) -> Floats:
    """Return the mean of the last few steps of each detection, NaN where it has none."""
    before = np.full(len(points.frame), -1)
    before[graph.target[found.links]] = graph.source[found.links]
    total, many = np.zeros_like(points.at), np.zeros(len(points.frame))
    at = np.arange(len(points.frame))
    for _ in range(of):
        earlier = np.where(at >= 0, before[at], -1)
        known = earlier >= 0
        total[known] += points.at[at[known]] - points.at[earlier[known]]
        many[known] += points.frame[at[known]] - points.frame[earlier[known]]
        at = earlier
    return np.where(many[:, None] > 0, total / np.maximum(many, 1)[:, None], np.nan)


def described(motion: Motion, unit: str) -> str:
    """Return in words how cells move."""
    follows = f", {100 * motion.follows:.0f} % of its last step again" if motion.follows else ""
    return (
        f"a cell moves {motion.step:.3g} {unit} along each axis from frame to frame{follows}; "
        f"{100 * motion.divides:.2g} % divide, {100 * motion.enters:.2g} % appear and "
        f"{100 * motion.leaves:.2g} % are lost within the image"
    )


def _steps(moved: Floats, wide: Floats, reach: float) -> Floats:
    """Return the log density of a step: normal along each axis, with wide tails."""
    axes = moved.shape[1]
    square = (moved**2).sum(axis=1)

    def normal(s: Floats) -> Floats:
        return -square / (2 * s**2) - axes * np.log(s * math.sqrt(2 * math.pi))

    found = np.logaddexp(
        math.log1p(-TAIL - FAR) + normal(wide), math.log(TAIL) + normal(WIDE * wide)
    )
    return np.logaddexp(found, math.log(FAR) + normal(np.full_like(wide, reach / 2)))


def _sizes(grew: Floats, wide: Floats, spread: float) -> Floats:
    """Return the log density of a change of size; what is not known says nothing."""
    anyhow = _normal(grew, spread * math.sqrt(2))
    found = np.logaddexp(math.log1p(-ODD) + _normal(grew, wide), math.log(ODD) + anyhow)
    return np.where(np.isfinite(grew), found, 0.0)


def _normal(values: Floats, spread: Floats | float) -> Floats:
    """Return the log density of a normal distribution; what is not known says nothing."""
    found = -(values**2) / (2 * np.square(spread)) - np.log(spread * math.sqrt(2 * math.pi))
    return np.where(np.isfinite(found), found, 0.0)


def _spread(values: Floats) -> float:
    """Return a standard deviation that a few odd values do not change."""
    return float(1.4826 * np.median(np.abs(values)))


def _rate(count: float, of: float, usual: float = 0.01, weight: float = 100) -> float:
    return float((count + usual * weight) / (of + weight))


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
