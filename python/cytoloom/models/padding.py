"""What a model finds where an image is padding: nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..datasets.padding import shown
from ..segmentation.objects import keep_objects
from ..tasks.found import Found


def without_padding(found: Found, source: Any, stats: Any) -> Found:
    """Leave out what was found where an image is padding; objects at its edge end there.

    Parameters
    ----------
    found : Found
        What a task decoded.
    source : Source
        The image (spatial..., c).
    stats : Stats
        Of its normalisation.

    Returns
    -------
    Found
        The same where the image has no padding; else objects are numbered anew.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> from cytoloom.images import Normalize
    >>> noise = np.random.default_rng(0).integers(90, 120, (64, 64, 1))
    >>> source = ArraySource(np.pad(noise, ((0, 0), (0, 64), (0, 0))))
    >>> found = Found(np.ones((64, 128), np.int32))
    >>> int(without_padding(found, source, Normalize().fit(source)).labels.sum()) == 64 * 64
    True
    """
    seen = shown(source) if stats.padding else None
    if seen is None:
        return found
    labels = np.where(seen, found.labels, 0).astype(found.labels.dtype, copy=False)
    return replace(found, labels=labels if found.semantic else keep_objects(labels))
