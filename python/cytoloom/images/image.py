"""What is known about an image: its pixels in one layout, its axes, its scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidError, invalid
from ..messages import Message, Setting, Value, joined, say

AnyArray = npt.NDArray[Any]
ORDER = "tzyxc"


@dataclass(frozen=True)
class ImageInfo:
    """An image without its pixels, as its header describes it.

    Parameters
    ----------
    shape : tuple of int
        Sizes in the order of `axes`, channels last (1 for a grey image).
    dtype : numpy.dtype
        Type of the pixels.
    axes : str
        ``"yxc"``, ``"zyxc"``, ``"tyxc"`` or ``"tzyxc"``.
    pixel_size_um : tuple of float, optional
        Micrometres per pixel along each spatial axis, ``(y, x)`` or ``(z, y, x)``.
    channel_names : tuple of str, optional
        One name per channel, where the file names them.
    name : str, default ""
        The file's name without folder and ending.
    lossy : bool, default False
        Whether compression may have changed pixel values (JPEG).
    regions : bool, default False
        Whether a region can be read without decoding all of the image.
    notes : tuple of str, default ()
        What had to be guessed, and what is odd about the file.
    alpha : str, default ""
        The axes with which an alpha channel is kept that is left out.
    origin_um : tuple of float, optional
        Where the centre of the first pixel is, in micrometres along each spatial axis, where the
        file places the image in a larger one.
    origin_px : tuple of float, optional
        The same in pixels, which is known also where their size is not.

    Examples
    --------
    >>> info = ImageInfo((9, 64, 48, 2), np.dtype(np.uint8), "tyxc")
    >>> info.frames, info.channels, info.frame_shape
    (9, 2, (64, 48, 2))
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    pixel_size_um: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] | None = None
    name: str = ""
    lossy: bool = False
    regions: bool = False
    notes: tuple[str, ...] = ()
    alpha: str = ""
    origin_um: tuple[float, ...] | None = None
    origin_px: tuple[float, ...] | None = None

    @property
    def notes_of_image(self) -> tuple[str, ...]:
        """The notes, with what is left out of an image; labels may be drawn in it."""
        text = "its last channel is marked as alpha and left out; keep it with {}"
        return (*self.notes, *([say(text, Setting("axes", self.alpha))] if self.alpha else ()))

    @property
    def frames(self) -> int:
        """Number of time points; 1 for an image that is no time series."""
        return self.shape[0] if self.axes.startswith("t") else 1

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one time point, ``(y, x, c)`` or ``(z, y, x, c)``."""
        return self.shape[1:] if self.axes.startswith("t") else self.shape


@dataclass(frozen=True, eq=False)
class Image:
    """An image in memory, channels last.

    Parameters
    ----------
    array : ndarray, any dtype
        Pixels ``(y, x, c)``, ``(z, y, x, c)``, or the same with time first.
    axes : str
        One letter per axis of `array`, of ``t z y x c``.
    pixel_size_um : tuple of float, optional
        Micrometres per pixel along each spatial axis, ``(y, x)`` or ``(z, y, x)``.
    channel_names : tuple of str, optional
        One name per channel, where the file names them.
    name : str, default ""
        The file's name without folder and ending.

    Examples
    --------
    >>> image = Image(np.zeros((4, 5, 1), np.uint8), "yxc", name="cells")
    >>> image
    Image('cells', 4 x 5 x 1 (yxc), uint8)
    """

    array: AnyArray
    axes: str
    pixel_size_um: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] | None = None
    name: str = ""

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.array.shape))
        scale = "" if self.pixel_size_um is None else f", {self.pixel_size_um} um"
        return f"Image({self.name!r}, {size} ({self.axes}), {self.array.dtype}{scale})"


def above(values: AnyArray, low: int) -> AnyArray:
    """Return how far whole numbers are above the lowest, as indices of an array.

    Examples
    --------
    >>> above(np.array([2**64 - 1], np.uint64), 2**64 - 3), above(np.array([127], np.int8), -128)
    (array([2]), array([255]))
    """
    # unsigned ones beyond 2**63 have no int64
    unsigned = values.dtype.kind == "u"
    found: AnyArray = (values - values.dtype.type(low)) if unsigned else values
    return found.astype(np.int64) - (0 if unsigned else low)


def arrange(array: AnyArray, axes: str, keep: str = "") -> tuple[AnyArray, str]:
    """Put axes into the order ``t z y x c``, add a missing channel axis, drop t and z of size 1.

    Nothing is copied. Two channel axes (``"c"`` twice: colour samples of several channels)
    become one. Axes in `keep` stay though they are of size 1.

    Examples
    --------
    >>> array, axes = arrange(np.zeros((3, 1, 4, 5)), "czyx")
    >>> array.shape, axes
    ((4, 5, 3), 'yxc')
    """
    shape, order, axes = arrangement(array.shape, axes, keep)
    return array.transpose(order).reshape(shape), axes


def arrangement(
    shape: tuple[int, ...], axes: str, keep: str = ""
) -> tuple[tuple[int, ...], list[int], str]:
    """Return shape, order of axes and axes that `arrange` makes (for headers without pixels)."""
    order = [i for letter in ORDER for i, a in enumerate(axes) if a == letter]
    kept = [a for a in "tz" if a in axes and (shape[axes.index(a)] > 1 or a in keep)]
    channels = int(np.prod([s for s, a in zip(shape, axes, strict=True) if a == "c"], dtype=int))
    sizes = [shape[axes.index(a)] for a in (*kept, "y", "x")]
    return (*sizes, channels), order, "".join(kept) + "yxc"


def guess_axes(shape: tuple[int, ...], where: str) -> str:
    """Guess the axes of a bare array: a last axis of at most 4 is channels, a first one is z.

    Examples
    --------
    >>> guess_axes((256, 256), "a"), guess_axes((256, 256, 3), "a"), guess_axes((9, 64, 64), "a")
    ('yx', 'yxc', 'zyx')
    """
    last = len(shape) > 2 and shape[-1] <= 4 and shape[-1] < min(shape[-3:-1])
    guesses = {2: "yx", 3: "yxc" if last else "zyx", 4: "zyxc"}
    if len(shape) not in guesses or (len(shape) == 4 and not last):
        expected = "2 to 4 axes, channels (at most 4) last"
        remedy = say("Say what the axes are, for example {}.", Setting("axes", "czyx"))
        got = say("an array of shape {}", shape)
        raise invalid(where, expected=expected, received=got, remedy=remedy)
    return guesses[len(shape)]


def guessed(shape: tuple[int, ...], axes: str) -> list[Message]:
    """Say that unnamed axes were taken for z, and how to say what they are.

    Examples
    --------
    >>> print(*guessed((4, 64, 64), "zyx"))
    its axes (4 x 64 x 64) are not named, and taken for z, y, x; if they are not: axes='cyx' or
    axes='tyx'
    >>> print(*guessed((64, 64, 5), "zyx"))
    its axes (64 x 64 x 5) are not named, and taken for z, y, x; if they are not: axes='yxc'
    >>> guessed((64, 64, 3), "yxc")
    []
    """
    if "z" not in axes:
        return []
    if len(shape) == 3 and 4 * shape[-1] < min(shape[:-1]):
        others = ["yxc"]
    else:
        others = [axes.replace("z", letter) for letter in "ct" if letter not in axes]
    ways = joined(" or ", [say("{}", Setting("axes", other)) for other in others])
    text = "its axes ({}) are not named, and taken for {}; if they are not: {}"
    return [say(text, " x ".join(map(str, shape)), ", ".join(axes), ways)]


def upright(array: AnyArray, orientation: int) -> AnyArray:
    """Turn pixels as cameras and scanners say by the numbers 1 to 8 of TIFF and EXIF.

    Parameters
    ----------
    array : ndarray (..., y, x, c)
        As stored.
    orientation : int
        Where the first row and the first column are to be shown; 1 is upright.

    Returns
    -------
    ndarray (..., y, x, c)
        A view; y and x change places from 5 on.

    Examples
    --------
    >>> upright(np.array([[[1], [2]]]), 3)[..., 0], upright(np.array([[[1], [2]]]), 6)[..., 0]
    (array([[2, 1]]), array([[1],
           [2]]))
    """
    if orientation >= 5:
        array = array.swapaxes(-3, -2)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    across = -1 if orientation in (2, 3, 6, 7) else 1
    return array[..., ::down, ::across, :]


def turned(orientation: int) -> tuple[Message, ...]:
    """Say that a picture was turned, where it was, since some programs show it as it is stored.

    Examples
    --------
    >>> print(*turned(6), *turned(1))
    turned upright, as its tag says (Orientation 6), which some programs ignore
    """
    text = "turned upright, as its tag says (Orientation {}), which some programs ignore"
    return () if orientation == 1 else (say(text, orientation),)


def check_axes(axes: str, ndim: int, where: str) -> str:
    """Return `axes` in small letters, or say what is wrong with them.

    Examples
    --------
    >>> check_axes("TYX", 3, "a.tif")
    'tyx'
    """
    if not isinstance(axes, str):
        raise invalid("axes", expected='letters such as "zyx"', received=say("{}", Value(axes)))
    lower = axes.lower()
    repeated = any(lower.count(a) > 1 for a in "tzyx")
    if len(lower) != ndim or set(lower) - set(ORDER) or not set("yx") <= set(lower) or repeated:
        expected = f"{ndim} letters of t, z, y, x, c with y and x, as {where} has {ndim} axes"
        raise invalid("axes", expected=expected, received=say("{}", Value(axes)))
    return lower


def per_axis(pixel_size_um: float | Sequence[float] | None, axes: str) -> tuple[float, ...] | None:
    """Return a pixel size for each spatial axis of `axes`, of one for all or one for each.

    Examples
    --------
    >>> per_axis(0.5, "yxc"), per_axis((2, 0.5, 0.5), "zyx"), per_axis(None, "yx")
    ((0.5, 0.5), (2.0, 0.5, 0.5), None)
    """
    if pixel_size_um is None:
        return None
    letters = axes.removesuffix("c")
    sizes = np.atleast_1d(np.asarray(pixel_size_um, float))
    if sizes.size not in (1, len(letters)) or not (sizes > 0).all():
        expected = f"one size above 0, or one for each of {', '.join(letters)}"
        raise invalid("pixel_size_um", expected=expected, received=pixel_size_um)
    return tuple(float(s) for s in np.broadcast_to(sizes, len(letters)))


def no_numbers(name: str) -> InvalidError:
    """Return the error where no pixel of an image is a finite number, so that it shows nothing."""
    expected = "pixels that are numbers"
    return invalid(name, expected=expected, received="NaN or infinite values alone")
