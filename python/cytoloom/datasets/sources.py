"""Where pixels come from: arrays, files and parts of them, all read in the same way."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from ..errors import InvalidError, invalid
from ..images.image import (
    AnyArray,
    arrange,
    check_axes,
    guess_axes,
    guessed,
    per_axis,
)
from ..images.labels import understand
from ..messages import say, shortened

Slices = tuple[slice, ...]
Role = Literal["image", "labels"]


@runtime_checkable
class Source(Protocol):
    """What samplers read: an image ``(spatial..., c)`` or labels ``(spatial...)``.

    Anything with these members is a source; nothing needs to inherit from this class. One that
    decodes all of an image for any part of it says so by an attribute ``regions`` that is False.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns: spatial axes, and channels for images."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    @property
    def axes(self) -> str:
        """One letter per axis of `shape`: ``"yxc"``, ``"zyxc"``, ``"yx"`` or ``"zyx"``."""
        ...

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Micrometres per pixel of each spatial axis, where known."""
        ...

    @property
    def name(self) -> str:
        """A path or a name for messages."""
        ...

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, or those within one slice per spatial axis."""
        ...


class ArraySource:
    """Pixels already in memory.

    Parameters
    ----------
    array : ndarray
        An image ``(y, x)``, ``(y, x, c)``, ``(z, y, x, c)``, ... or labels.
    axes : str, optional
        One letter of ``z y x c`` per axis. Default for images: ``yx``, ``yxc`` where the last
        of three axes is at most 4, else ``zyx``; ``zyxc``. For labels ``yx`` or ``zyx``.
    spacing_um : tuple of float, optional
        Micrometres per pixel of each spatial axis.
    name : str, default "array"
        For messages and tables.
    channel_names : tuple of str, optional
        One name per channel.
    role : {"image", "labels"}, default "image"
        Images have a channel axis last, labels have none.
    unknown : int, optional
        The label value that counts nowhere.
    bare : bool, default False
        Whether the type of an image says nothing of that of its file, see `pixel_type`.

    Examples
    --------
    >>> ArraySource(np.zeros((4, 5), np.uint8)).shape
    (4, 5, 1)
    >>> ArraySource(np.zeros((4, 5), bool), role="labels").dtype
    dtype('uint8')
    """

    def __init__(
        self,
        array: AnyArray,
        axes: str | None = None,
        *,
        spacing_um: tuple[float, ...] | None = None,
        name: str = "array",
        channel_names: tuple[str, ...] | None = None,
        role: Role = "image",
        unknown: int | None = None,
        bare: bool = False,
    ) -> None:
        array = np.asarray(array)
        self.bare = bare
        self.notes: tuple[str, ...] = ()
        if role == "labels":
            self._array, self.axes, self.understood = _label_array(array, axes, name, unknown)
        else:
            letters = check_axes(axes, array.ndim, name) if axes else guess_axes(array.shape, name)
            if "t" in letters:
                remedy = "Give one array per time point, or a TIFF file with a time axis."
                raise invalid(name, expected="no time axis", received=letters, remedy=remedy)
            self._array, self.axes = arrange(array, letters)
            self.notes = () if axes else tuple(guessed(array.shape, letters))
        self.spacing_um = per_axis(spacing_um, self.axes)
        self.name = shortened(str(name))
        self.channel_names = channel_names

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, with channels last for an image."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._array.dtype

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return a view."""
        return self._array if slices is None else self._array[slices]


class RefusedSource:
    """Pixels that cannot be used: whoever asks for them is told why, and others go on.

    Parameters
    ----------
    error : InvalidError
        What is wrong with them.
    role : {"image", "labels"}, default "image"
        What they were given as.

    Examples
    --------
    >>> RefusedSource(invalid("a", expected="numbers", received="texts")).shape
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `a`. Expected numbers. Received: texts.
    """

    spacing_um: tuple[float, ...] | None = None

    def __init__(self, error: InvalidError, role: Role = "image") -> None:
        self.error = error
        self.axes = "yx" if role == "labels" else "yxc"

    def called(self, name: str) -> RefusedSource:
        """Return the same of another name."""
        return RefusedSource(self.error.renamed(name), "labels" if self.axes == "yx" else "image")

    @property
    def name(self) -> str:
        """What is at fault."""
        return self.error.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Raise the error."""
        raise self.error

    @property
    def dtype(self) -> np.dtype[Any]:
        """Raise the error."""
        raise self.error

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Raise the error."""
        raise self.error


def _label_array(
    array: AnyArray, axes: str | None, name: str, unknown: int | None
) -> tuple[AnyArray, str, str]:
    letters = check_axes(axes, array.ndim, name) if axes else {2: "yx", 3: "zyx"}.get(array.ndim)
    if letters not in ("yx", "zyx"):
        got = say("an array of shape {}", array.shape)
        raise invalid(name, expected="labels (y, x) or (z, y, x)", received=got)
    try:
        labels, said = understand(array[..., None], unknown=unknown)
    except InvalidError as error:
        raise error.renamed(name) from None
    return labels, letters, said
