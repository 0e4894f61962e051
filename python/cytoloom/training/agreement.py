"""How well a network's maps agree with what they should be: the score that chooses weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def agreement(targets: Sequence[np.ndarray], maps: Sequence[np.ndarray]) -> float:
    """Score maps in 0..1 against targets: squared soft Dice, pooled, averaged over channels.

    ``2 sum(w p t) / sum(w (p^2 + t^2))``, which is 1 just where p equals t, also for targets
    between 0 and 1 (V-Net's form, doi:10.1109/3DV.2016.79). Channels without any truth are left
    out: there is nothing that weights could be told apart by, but maps that find nothing. 0 if
    none is left.

    Parameters
    ----------
    targets : sequence of ndarray, shape (batch, spatial..., channels + 1 or 2 channels)
        Behind the truth is the weight w, one for all channels or one for each.
    maps : sequence of ndarray, shape (batch, spatial..., channels)
        After activation.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([[[1.0, 1.0], [0.0, 1.0]]])  # truth 1 and 0, both known
    >>> agreement([t], [np.array([[[1.0], [1.0]]])])
    0.6666666666666666
    """
    both, total, there = 0.0, 0.0, 0.0
    for target, found in zip(targets, maps, strict=True):
        axes = tuple(range(found.ndim - 1))
        channels = found.shape[-1]
        weight, truth = target[..., channels:].astype(np.float64), target[..., :channels]
        both = both + 2 * (weight * found * truth).sum(axes)
        total = total + (weight * (found**2 + truth**2)).sum(axes)
        there = there + (weight * truth**2).sum(axes)
    present = np.atleast_1d(there) > 0
    if not present.any():
        return 0.0
    return float(np.mean(np.atleast_1d(both)[present] / np.atleast_1d(total)[present]))
