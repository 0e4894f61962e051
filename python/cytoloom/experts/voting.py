"""Votes: the majority, and the share of each class."""

from __future__ import annotations

from .patterns import Array, Floats, Patterns


def majority(found: Patterns) -> Array:
    """Return the class that most experts said of each pattern; of equals the lowest.

    So background wins where as many say background as any one class.

    Examples
    --------
    >>> import numpy as np
    >>> from .patterns import patterns
    >>> drawn = [np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])]
    >>> seen = patterns(drawn, classes=3)
    >>> majority(seen)[seen.code].tolist()
    [0, 0, 1, 1]
    """
    return found.counts().argmax(axis=0)


def shares(found: Patterns) -> Floats:
    """Return the share of experts that said each class: float64 array (classes, n)."""
    part: Floats = found.counts() / len(found.votes)
    return part


def fleiss_kappa(found: Patterns) -> float:
    """Return how far experts agree beyond chance, over all pixels of an image.

    Parameters
    ----------
    found : Patterns
        Of two experts or more.

    Returns
    -------
    float
        1: all agree everywhere; 0: as often as by chance; NaN where all say the same of all
        pixels, of which chance would do as well.

    Notes
    -----
    Fleiss' kappa [1]_: a pixel is a subject, an expert a rater.

    References
    ----------
    .. [1] J. L. Fleiss, Psychological Bulletin 76, 378 (1971), :doi:`10.1037/h0031619`

    Examples
    --------
    >>> import numpy as np
    >>> from .patterns import patterns
    >>> fleiss_kappa(patterns([np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])], classes=2))
    0.4667
    """
    counts, experts = found.counts(), len(found.votes)
    total = found.pixels.sum()
    same = (counts * (counts - 1)).sum(axis=0) / (experts * (experts - 1))
    observed = same @ found.pixels / total
    chance = float(((counts @ found.pixels / (experts * total)) ** 2).sum())
    return float((observed - chance) / (1 - chance)) if chance < 1 else float("nan")
