"""Recordings whose time points and channels are arrays each, as Imaris and BDV keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..messages import Message
from .image import AnyArray, ImageInfo, arrangement
from .reader import Part, Region, arranged_box, stored_box
from .units import along_axes

LETTERS = "tczyx"


@dataclass(frozen=True)
class Recording:
    """One image, as its file lays it out.

    Parameters
    ----------
    shape : tuple of int
        Time points, channels, z, y, x.
    dtype : numpy.dtype
        Of its pixels.
    sizes_um : dict
        Micrometres along ``z``, ``y`` and ``x``, those that are known.
    read : callable
        Returns a box of the volume of a time point and a channel.
    channel_names : tuple of str, optional
        Where each has its own.
    origin_um : tuple of float, optional
        Where the centre of the first voxel is, along z, y and x.
    notes : tuple of Message, default ()
        What is odd about it.
    """

    shape: tuple[int, int, int, int, int]
    dtype: np.dtype[np.generic]
    sizes_um: Mapping[str, float | None]
    read: Callable[[int, int, Region], AnyArray]
    channel_names: tuple[str, ...] | None = None
    origin_um: tuple[float, float, float] | None = None
    notes: tuple[Message, ...] = ()

    def info(self) -> ImageInfo:
        """Say what is known of it."""
        shape, _, axes = arrangement(self.shape, LETTERS)
        size, notes = along_axes(self.sizes_um, "z" in axes)
        names = self.channel_names
        named = names is not None and len(names) == shape[-1]
        origin = self.origin_um and self.origin_um[0 if "z" in axes else 1 :]
        return ImageInfo(
            shape, self.dtype, axes, size, names if named else None, regions=True,
            notes=(*self.notes, *notes), origin_um=origin,
        )  # fmt: skip

    def pixels(self, part: Part, where: str) -> AnyArray:
        """Read what a part meets of each time point and channel."""
        box = stored_box(self.shape, LETTERS, part, where, self.dtype)
        out = np.zeros([b.stop - b.start for b in box], self.dtype)
        for i, frame in enumerate(range(box[0].start, box[0].stop)):
            for k, channel in enumerate(range(box[1].start, box[1].stop)):
                out[i, k] = self.read(frame, channel, box[2:])
        return arranged_box(out, self.shape, LETTERS)
