"""Which channels of an image are used: by index, by name, or as sums of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import invalid
from ..messages import Value, counted, one_of, say
from .image import AnyArray

Channel = int | str
Channels = (
    Channel
    | list[Channel | list[Channel] | tuple[Channel, ...]]
    | tuple[Channel | list[Channel] | tuple[Channel, ...], ...]
    | None
)


@dataclass(frozen=True)
class Picked:
    """Channels that were chosen, each the sum of one or several of an image's.

    Parameters
    ----------
    parts : tuple of tuple of int
        Indices from 0.

    Examples
    --------
    >>> picked = Picked(((0,), (1, 2)))
    >>> picked.take(np.array([[[1, 200, 100]]], np.uint8)), picked.names(("DAPI", "a", "b"))
    (array([[[  1, 300]]], dtype=uint16), ('DAPI', 'a+b'))
    """

    parts: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def _sums(self) -> bool:
        return any(len(part) > 1 for part in self.parts)

    def dtype(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of what `take` returns: sums of integers need a wider one."""
        if not self._sums or stored.kind not in "bui":
            return stored
        return np.dtype(f"{stored.kind.replace('b', 'u')}{min(8, 2 * stored.itemsize)}")

    def take(self, array: AnyArray) -> AnyArray:
        """Return a copy of the channels ``(..., c)``."""
        if not self._sums:
            return array[..., [part[0] for part in self.parts]]
        dtype = self.dtype(array.dtype)
        each = [array[..., list(part)].sum(axis=-1, dtype=dtype) for part in self.parts]
        return np.stack(each, axis=-1)

    def names(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return their names, where the image's are known."""
        return names and tuple("+".join(names[k] for k in part) for part in self.parts)


def by_number(channels: Channels) -> bool:
    """Whether channels were chosen by their numbers, or some of them: in this order and no other.

    Examples
    --------
    >>> by_number([1, 0]), by_number(["GFP", "DAPI"]), by_number(None)
    (True, False, False)
    """
    if channels is None or isinstance(channels, str):
        return False
    several = channels if isinstance(channels, (list, tuple)) else [channels]
    return any(not isinstance(one, str) for one in several)


def is_grey(pixels: AnyArray) -> bool:
    """Whether colours (..., 3), also with an alpha that is the same everywhere, are all grey.

    Examples
    --------
    >>> is_grey(np.full((4, 5, 3), 7)), is_grey(np.zeros((4, 5, 1))), is_grey(np.eye(3)[None])
    (True, False, False)
    """
    count = pixels.shape[-1]
    if count not in (3, 4) or not pixels.size:
        return False
    # one after the other: most colours show in the first two
    rest = (pixels[..., k] == pixels[..., 0] for k in (1, 2))
    return all(map(np.all, rest)) and (count == 3 or bool(np.ptp(pixels[..., 3]) == 0))


def pick_channels(
    channels: Channels, count: int, names: tuple[str, ...] | None, where: str
) -> Picked | None:
    """Turn channels given by index or name into indices.

    Parameters
    ----------
    channels : int, str, or sequence of them, optional
        Indices from 0, or names (upper and lower case are the same). A sequence in the sequence,
        or ``"2+3"``, is the sum of several. None: all channels.
    count : int
        Number of channels there are.
    names : tuple of str, optional
        Their names, where known.
    where : str
        File or image, for the message.

    Returns
    -------
    Picked or None
        None where all channels are meant.

    Raises
    ------
    InvalidError
        An index or a name that the image does not have.

    Examples
    --------
    >>> pick_channels(["gfp", 0], 2, ("DAPI", "GFP"), "a.tif")
    Picked(parts=((1,), (0,)))
    >>> pick_channels([0, [1, 2]], 3, None, "a.tif"), pick_channels("1+2", 3, None, "a.tif")
    (Picked(parts=((0,), (1, 2))), Picked(parts=((1, 2),)))
    """
    if channels is None:
        return None
    asked = channels.tolist() if isinstance(channels, np.ndarray) else channels
    asked = asked if isinstance(asked, (list, tuple)) else [asked]
    return Picked(tuple(tuple(_indices(one, count, names, where)) for one in asked))


def _indices(one: Any, count: int, names: tuple[str, ...] | None, where: str) -> list[int]:
    """Return the indices of one channel, or of those that are summed to one."""
    if isinstance(one, str) and "+" in one and one.casefold() not in _folded(names):
        parts = [part.strip() for part in one.split("+")]
        # words of the command line: numbers among them are indices
        one = [int(p) if p.isdecimal() and p not in (names or ()) else p for p in parts]
    several = one if isinstance(one, (list, tuple)) else [one]
    if not several:
        raise invalid("channels", expected="an index or a name", received=say("{}", Value(one)))
    return [_index(part, count, names, where) for part in several]


def _folded(names: Sequence[str] | None) -> list[str]:
    return [name.casefold() for name in names or ()]


def _index(one: Any, count: int, names: tuple[str, ...] | None, where: str) -> int:
    """Return the index of a channel by index or name."""
    folded = _folded(names)
    if isinstance(one, str) and folded.count(one.casefold()) == 1:
        return folded.index(one.casefold())
    number = isinstance(one, (int, float, np.integer)) and not isinstance(one, bool)
    if not number and not (isinstance(one, str) and one.isdecimal() and not names):
        none = "a number, because the file names no channels"
        known = one_of(names) if names else none
        raise invalid("channels", expected=known, received=say("{} for {}", Value(one), where))
    if float(one) not in range(count):
        known = f"0 to {count - 1}" if count > 1 else "0"
        expected = f"{known}, because {where} has {counted(count, 'channel')}"
        raise invalid("channels", expected=expected, received=say("{}", one))
    return int(one)
