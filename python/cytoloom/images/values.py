"""Tell whether two images are the same, whichever type of pixels holds their values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .blocks import at_hand, blocks
from .channels import is_grey
from .image import AnyArray
from .pixel_type import SHARES, Values

_MOST = "uint16"
"""The type whose largest value fractions of 1 are taken for shares of: 255 goes into it."""
_EXACT = 2.0**53
"""Beyond this floating point does not hold each whole number, and what it holds is none."""


@dataclass(frozen=True)
class _Form:
    """How the values of an image become those of any image that is the same.

    Parameters
    ----------
    whole : bool
        Whether they are whole numbers, once multiplied.
    times, divisor : int
        What they are multiplied by, and then divided by.
    grey : bool
        Whether one channel says all.
    """

    whole: bool
    times: int = 1
    divisor: int = 1
    grey: bool = False

    def of(self, pixels: AnyArray) -> AnyArray:
        """Return the values of some pixels, in a type that only they decide."""
        kept = pixels[..., :1] if self.grey else pixels
        if not self.whole:
            with np.errstate(over="ignore"):
                return kept.astype(np.float32)
        numbers = _whole(kept, self.times)
        numbers = numbers // self.divisor if self.divisor > 1 else numbers
        narrow = numbers.dtype.itemsize < 4 or int(abs(numbers).max(initial=0)) < 2**31
        return numbers.astype(np.int32 if narrow else np.int64)


def digest_of_values(source: Any) -> str:
    """Return the SHA-256 of an image's values, whichever type holds them.

    Parameters
    ----------
    source : ndarray or Source
        An image (spatial..., c).

    Examples
    --------
    >>> image = np.array([[[0], [3]]], np.uint8)
    >>> digest_of_values(image) == digest_of_values(image * np.uint16(257))
    True
    >>> digest_of_values(image) == digest_of_values(image + 1)
    False
    """
    pixels = at_hand(source)
    form = _form(pixels)
    shape = (*pixels.shape[:-1], 1 if form.grey else pixels.shape[-1])
    digest = hashlib.sha256(f"{tuple(map(int, shape))} {form.whole}".encode())
    for row in _rows(pixels):
        digest.update(np.ascontiguousarray(form.of(row)).tobytes())
    return digest.hexdigest()


def _rows(pixels: Any) -> Iterator[AnyArray]:
    for block in blocks(pixels):
        yield from block


def _form(pixels: Any) -> _Form:
    whole, times = True, 1
    if pixels.dtype.kind == "f":
        found = [Values.of(block) for block in blocks(pixels)]
        shares = all(v.finite and (_MOST in v.shares or v.ends) for v in found)
        exact = all(v.finite and v.whole and max(-v.low, v.high) < _EXACT for v in found)
        whole = exact or shares
        times = SHARES[_MOST] if shares else 1
    grey = pixels.shape[-1] in (3, 4) and all(is_grey(block) for block in blocks(pixels))
    return _Form(whole, times, _divisor(pixels, times) if whole else 1, grey)


def _divisor(pixels: Any, times: int) -> int:
    """Return the largest number that divides all values; 1 where all are the same."""
    found = 0
    for row in _rows(pixels):
        found = int(np.gcd.reduce(_whole(row, times), axis=None, initial=found))
        if found == 1:
            return 1
    same = all((_whole(row, times) == found).all() for row in _rows(pixels))
    return 1 if same else found


def _whole(pixels: AnyArray, times: int) -> AnyArray:
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8)
    if pixels.dtype.kind != "f":
        return pixels
    numbers: AnyArray = np.rint(pixels.astype(np.float64) * times).astype(np.int64)
    return numbers
