"""STAPLE: the most likely truth, and how well each expert does, by expectation maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .patterns import Array, Floats, Patterns

START = 0.99999
"""How often experts are taken to be right at the start, as in the paper."""
MOVED = 1e-7
"""No rate changes by more: the end."""
MOST_STEPS = 10_000


@dataclass(frozen=True, eq=False)
class Staple:
    """What the estimation comes to.

    Attributes
    ----------
    probability : float64 array (classes, n)
        Of each class, for each pattern of answers.
    rates : float64 array (experts, classes, classes)
        How often an expert says j where i is true, at [expert, i, j]; NaN where i is (as good
        as) nowhere.
    steps : int
        How many were taken.
    """

    probability: Floats
    rates: Floats
    steps: int

    @property
    def answer(self) -> Array:
        """The most probable class of each pattern; of equals the lowest, background first."""
        return self.probability.argmax(axis=0)


def staple(found: Patterns) -> Staple:
    """Estimate truth and experts together.

    Parameters
    ----------
    found : Patterns
        What the experts said.

    Returns
    -------
    Staple

    Notes
    -----
    Expectation maximisation for confusion matrices [1]_, which for two classes is the paper's
    sensitivity and specificity. It starts from experts that are right in 99.999 % of cases; a
    class is as frequent as it is among all answers; it ends where no rate changes by more than
    1e-7. Where all say the same of all pixels, that is the answer.

    References
    ----------
    .. [1] S. K. Warfield, K. H. Zou, W. M. Wells, IEEE Transactions on Medical Imaging 23, 903
       (2004), :doi:`10.1109/TMI.2004.828354`

    Examples
    --------
    >>> from .patterns import patterns
    >>> drawn = [np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])]
    >>> seen = patterns(drawn, classes=2)
    >>> found = staple(seen)
    >>> found.answer[seen.code].tolist(), found.rates[:, 1, 1].round(2).tolist()
    ([0, 0, 1, 1], [1.0, 1.0, 0.5])
    """
    classes, experts = found.classes, len(found.votes)
    said = np.stack([found.votes == k for k in range(classes)], axis=2)  # (experts, n, classes)
    prior = found.counts() @ found.pixels / (experts * found.pixels.sum())
    rates = np.full((experts, classes, classes), (1 - START) / max(classes - 1, 1))
    rates[:, np.arange(classes), np.arange(classes)] = START
    steps, moved = 0, np.inf
    while moved >= MOVED and steps < MOST_STEPS:
        probability = _expected(found.votes, prior, rates)
        weight = probability * found.pixels
        total = weight.sum(axis=1)
        made = weight @ said / np.where(total > 0, total, 1)[:, None]
        made = np.where(total[:, None] > 0, made, rates)
        moved, rates, steps = np.abs(made - rates).max(), made, steps + 1
    # half a pixel of a class is none
    return Staple(probability, np.where(total[:, None] < 0.5, np.nan, rates), steps)


def _expected(votes: Array, prior: Floats, rates: Floats) -> Floats:
    """Return the probability of each class for each pattern, given how often experts are right."""
    likely = np.repeat(prior[:, None], votes.shape[1], axis=1)
    for said, own in zip(votes, rates, strict=True):
        # scaled, as a product of many small numbers would be none
        made = likely * own[:, said]
        top = made.max(axis=0)
        # what no class allows tells nothing
        likely = np.where(top > 0, made / np.where(top > 0, top, 1), likely)
    share: Floats = likely / likely.sum(axis=0)
    return share
