"""Padding around the images of a data set: found once for each, and counted nowhere."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ..images.blocks import placed_blocks
from ..images.padding import Padding, padding_of
from ..images.parts import is_huge
from ..messages import say
from .sources import Slices, Source

_FOUND: WeakKeyDictionary[Source, tuple[object, Padding | None]] = WeakKeyDictionary()
"""Labels are read often: padding is looked for once, as long as a file stays as it was."""


def padding_around(source: Source) -> Padding | None:
    """Return the padding of an image, of a crop that of the whole; see `images.padding_of`.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> padding_around(ArraySource(np.zeros((64, 64)))) is None
    True
    """
    whole = getattr(source, "whole", source)
    if is_huge(whole):
        return None
    if type(whole).__hash__ is None:
        return padding_of(whole)
    state = getattr(whole, "identity", None)
    known = _FOUND.get(whole)
    if known is None or known[0] != state:
        known = (state, padding_of(whole))
        _FOUND[whole] = known
    return known[1]


def shown(source: Source, slices: Slices | None = None) -> npt.NDArray[np.bool_] | None:
    """Say which pixels show something, of all or of a region; None where all do.

    Examples
    --------
    >>> from cytoloom.datasets.sources import ArraySource
    >>> noise = np.random.default_rng(0).integers(90, 120, (64, 64))
    >>> shown(ArraySource(np.pad(noise, ((0, 0), (0, 64)))))[0, [0, 63, 64]]
    array([ True,  True, False])
    """
    padding = padding_around(source)
    if padding is None or not padding.everywhere:
        return None
    if slices is not None:
        return ~padding.covers(source.read(slices))
    found = np.empty(source.shape[:-1], bool)
    # not the whole at once: pixels are larger than what is kept of them
    for box, pixels in placed_blocks(source):
        found[box] = ~padding.covers(pixels)
    return found


def described(padding: Padding) -> str:
    """Say what was taken for padding."""
    values = sorted({v for v in padding.values if v is not None}, key=str)
    names = ", ".join({"nan": "NaN", "inf": "Inf"}.get(f"{v:g}", f"{v:g}") for v in values)
    return str(
        say(
            "is padded with {} at its border ({} of its pixels), as stitched or turned images are: "
            "that is no background, and left out of normalisation, training and scores; if it is "
            "part of the image, change a pixel in each of its corners",
            names,
            f"{padding.share:.1%}",
        )
    )
