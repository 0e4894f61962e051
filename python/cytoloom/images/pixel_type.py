"""Pixels in the type that files have them in, where an array says nothing of that.

Whole numbers of 32 or 64 bits and fractions of 1 in 64 bits are what NumPy, R and readers of files
make of pixels; they are no type that a camera writes. Noise and signal are told apart in the units
of files, so that such arrays are taken for what a file would hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import Either, Message, say
from .image import AnyArray

BARE = ("int32", "int64", "uint32", "uint64", "float64")
"""Types that say nothing of the file that the values came from."""
SHARES = {"uint8": 255, "uint16": 65535}
_NEAR = 1e-6
"""How far values that were divided and multiplied again may be from whole ones."""
_PART = 1 << 22
"""Values looked at in one go: 32 MB of doubles."""


def how_to_say(dtype: str) -> Message:
    """Say how an array is given that is of this type."""
    return say(
        "{}",
        Either(
            python=f'To say its type: image.astype("{dtype}").',
            r=f'To say its type, as cl_read() does: attr(image, "dtype") <- "{dtype}".',
            options=f"Give files of {dtype}.",
        ),
    )


@dataclass(frozen=True)
class Values:
    """What the values of an array are.

    Parameters
    ----------
    low, high : float
        The least and the largest that are finite; NaN where none is.
    whole : bool
        Whether all these are whole numbers.
    shares : tuple of str
        Of fractions from 0 to 1: the types of whose largest value all are shares.
    finite : bool, default True
        Whether all are; NaN and infinite values say nothing of the others.

    Examples
    --------
    >>> Values.of(np.array([0, 300]))
    Values(low=0.0, high=300.0, whole=True, shares=(), finite=True)
    >>> Values.of(np.array([0, 51, 255]) / 255).shares
    ('uint8', 'uint16')
    """

    low: float
    high: float
    whole: bool
    shares: tuple[str, ...] = ()
    finite: bool = True

    @classmethod
    def of(cls, array: AnyArray) -> Values:
        """Look at all values."""
        if not array.size:
            return cls(np.nan, np.nan, False)
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            with np.errstate(over="ignore"):  # what no usual number can say is infinite
                array = array.astype(np.float64)
        low, high = float(array.min()), float(array.max())
        if array.dtype.kind in "bui":
            return cls(low, high, True)
        if not np.isfinite([low, high]).all():
            return replace(cls.of(array[np.isfinite(array)]), finite=False)
        if all((part == np.floor(part)).all() for part in _parts(array)):
            return cls(low, high, True)
        inside = 0 <= low and high <= 1
        return cls(low, high, False, tuple(t for t in SHARES if inside and _are_shares(array, t)))

    @property
    def fractions(self) -> bool:
        """Whether they are from 0 to 1, and not only these two."""
        return not self.whole and 0 <= self.low and self.high <= 1

    @property
    def ends(self) -> bool:
        """Whether there is nothing but 0 and 1, which fractions may be as well."""
        return self.whole and 0 <= self.low and self.high <= 1

    @property
    def beyond(self) -> float | None:
        """A value that no fraction of 1 has, of numbers that are not all whole."""
        if self.whole or self.fractions or np.isnan(self.low):
            return None
        return self.high if self.high > 1 else self.low

    def fit(self, dtype: str) -> bool:
        """Whether a type of whole numbers holds all of them."""
        info = np.iinfo(dtype)
        return self.whole and info.min <= self.low and self.high <= info.max


def _parts(array: AnyArray) -> Iterator[AnyArray]:
    """Go through an array in pieces that need little memory; one in R's order as it lies."""
    flat = array.ravel(order="K")
    for start in range(0, flat.size, _PART):
        yield flat[start : start + _PART]


def _are_shares(array: AnyArray, dtype: str) -> bool:
    most = SHARES[dtype]
    return all((abs(part * most - np.rint(part * most)) < _NEAR * most).all()
               for part in _parts(array))  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What an array is taken for.

    Parameters
    ----------
    dtype : str, optional
        The type; None: the array stays as it is.
    scale : int, default 1
        What its values are multiplied by.
    """

    dtype: str | None = None
    scale: int = 1


def are_shares(found: Sequence[Values]) -> bool:
    """Whether fractions among arrays that belong together are shares of a largest value.

    They are where there are some, and no number beside them that is neither such a fraction nor
    whole: one value above 1 would else change what one image is, and none of the others.

    Examples
    --------
    >>> half, more = Values(0, 0.5, False), Values(0, 1.5, False)
    >>> are_shares([half, Values(0, 300, True)]), are_shares([half, more])
    (True, False)
    """
    return any(v.fractions for v in found) and not any(v.beyond is not None for v in found)


def common_type(found: Sequence[Values], typed: Sequence[str] = ()) -> str | None:
    """Return the one type that all arrays of a training set are taken for.

    Parameters
    ----------
    found : sequence of Values
        Of the arrays that say nothing.
    typed : sequence of str
        Types of the others, and the one that is preferred.

    Returns
    -------
    str or None
        The smallest of those of the others, uint8 and uint16 that holds all; of fractions the one
        of which all are shares. None: the arrays stay as they are.

    Examples
    --------
    >>> common_type([Values(0, 90, True), Values(0, 300, True)])
    'uint16'
    >>> common_type([Values(0, 90, True)], ["uint16"])
    'uint16'
    """
    own = sorted({name for name in typed if name in SHARES}, reverse=True)
    candidates = (*own, *SHARES)
    if any(one.fractions for one in found):
        usable = (t for t in SHARES if all(t in v.shares or v.ends for v in found))
        return next(usable, None)
    return next((t for t in candidates if all(one.fit(t) for one in found)), None)


def of_set(values: Values, dtype: str, shares: bool) -> Taken:
    """Return what an array of a training set is taken for, whose type is known.

    Examples
    --------
    >>> of_set(Values(0, 1, True), "uint8", True), of_set(Values(0, 9, True), "uint8", False)
    (Taken(dtype='uint8', scale=255), Taken(dtype='uint8', scale=1))
    """
    return _held(values, dtype, SHARES[dtype] if shares else 1)


def _held(values: Values, dtype: str, scale: int = 1) -> Taken:
    """Keep what is not finite, which whole numbers cannot be, in the same units."""
    if values.finite or np.dtype(dtype).kind == "f":
        return Taken(dtype, scale)
    return Taken() if scale == 1 else Taken("float32", scale)


def type_of(values: Values, trained: str | None, shares: bool | None = None) -> Taken:
    """Return what an array is taken for.

    Whole numbers are of the type of the files of training, fractions shares of the largest value of
    8 bits where they can be, else of 16.

    Parameters
    ----------
    values : Values
        What the array holds.
    trained : str or None
        Type of the pixels of training, where known.
    shares : bool, optional
        Whether fractions are shares, see `are_shares`. Default: those of this array alone are.

    Raises
    ------
    InvalidError
        Whole numbers that files of this type cannot hold.

    Examples
    --------
    >>> type_of(Values(0, 200, True), "uint16"), type_of(Values(0, 0.5, False), "uint16")
    (Taken(dtype='uint16', scale=1), Taken(dtype='uint16', scale=65535))
    """
    if trained is None or np.isnan(values.low):
        return Taken()
    if np.dtype(trained).kind == "f":
        return Taken(trained)
    if shares is not False and (values.fractions or (shares and values.ends)):
        dtype = _shares_of(values, trained)
        return _held(values, dtype, SHARES[dtype])
    if values.whole and not values.fit(trained):
        info = np.iinfo(trained)
        odd = values.low if values.low < info.min else values.high
        raise invalid(
            "image",
            expected=f"whole numbers from {info.min} to {info.max}, pixels of {trained} as in the "
            "files of training",
            received=f"{odd:.15g}",
            remedy=how_to_say(_holding(values)),
        )
    return _held(values, trained) if values.whole else Taken()


def _shares_of(values: Values, trained: str) -> str:
    if values.ends and trained in SHARES:
        return trained
    # whole numbers beside NaN, in a wider type, are in the units of 16 bits
    return (*(values.shares if values.finite else ()), "uint16")[0]


def _holding(values: Values) -> str:
    """Name a type of files that holds whole numbers from least to largest."""
    return next((t for t in ("uint8", "uint16", "int8", "int16") if values.fit(t)), "float32")


def as_type(array: AnyArray, taken: Taken) -> AnyArray:
    """Return an array in the type of files that it is taken for.

    Examples
    --------
    >>> as_type(np.array([0.0, 0.5, 1.0]), Taken("uint16", 65535))
    array([    0, 32768, 65535], dtype=uint16)
    """
    if taken.dtype is None:
        return array
    if taken.scale == 1:
        typed: AnyArray = array.astype(taken.dtype)
        return typed
    out: AnyArray = np.empty_like(array, taken.dtype)
    # row by row: no second array of doubles is made of a large image
    for k, row in enumerate(array):
        out[k] = np.rint(row * taken.scale)
    return out


def as_in_training(array: AnyArray, trained: str | None, name: str = "image") -> AnyArray:
    """Return an array as files of the training have it, where it says nothing of its own type.

    Parameters
    ----------
    array : ndarray
        Of any type; one that files have stays as it is.
    trained : str or None
        Type of the pixels of training, where known.
    name : str, default "image"
        Of what a fault is.

    Examples
    --------
    >>> as_in_training(np.array([[0, 300]]), "uint16").dtype, as_in_training(np.eye(2), None).dtype
    (dtype('uint16'), dtype('float64'))
    """
    if trained is None or array.dtype.name not in BARE:
        return array
    try:
        return as_type(array, type_of(Values.of(array), trained))
    except InvalidError as error:
        raise error.renamed(name) from None
