"""What users give for images, and how they say that these are to be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..components.arguments import checked
from ..errors import InvalidError
from ..images.channels import Channels
from ..images.image import Image
from ..messages import Either, Message, arguments_of, in_words, joined, say

SETTINGS = (
    "channels", "unknown", "axes", "pattern", "pixel_size_um", "class_ids", "object_classes",
)  # fmt: skip
"""How data are read; a message about data may tell to give one of these."""
_WITH_THE_DATA = Either(
    python="Such settings go with the data, as in cl.Data.from_folder(folder, {}=...).",
    r="Such settings go with the data, as in cl_data(folder, {} = ).",
    options="Such settings are options of this command, as --{}.",
)


@checked
@dataclass(frozen=True)
class ReadOptions:
    """How all images of a `Data` are read.

    Parameters
    ----------
    channels : int, str or sequence of them, optional
        Channels to use.
    unknown : int, optional
        The label value that counts nowhere.
    axes : str, optional
        What the stored axes of images are, overriding files.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding files.
    cached : bool, default True
        Whether decoded files are kept in the shared cache.
    taken : (int, int), optional
        Spatial axes and channels of the arrays that are expected, if known.
    pattern : str, optional
        How names of files tell channel, plane and time.
    class_ids : dict of str to list of int, optional
        Which ids of the labels are which class.
    object_classes : path, DataFrame or sequence, optional
        Which class each object has.
    """

    channels: Channels = None
    unknown: int | None = None
    axes: str | None = None
    pixel_size_um: float | tuple[float, ...] | None = None
    cached: bool = True
    taken: tuple[int, int] | None = None
    pattern: str | None = None
    class_ids: Mapping[str, Any] | None = None
    object_classes: Any = None


def is_file(x: Any) -> bool:
    """Whether something is a path rather than pixels."""
    return isinstance(x, (str, os.PathLike))


def is_pixels(x: Any) -> bool:
    """Whether something is pixels in memory: an array, an `Image` or a source."""
    return isinstance(x, (np.ndarray, Image)) or (hasattr(x, "read") and hasattr(x, "axes"))


def listed(x: Any) -> list[Any]:
    """Return a list of images: a single array, file or name is a list of one."""
    if isinstance(x, (str, os.PathLike, np.ndarray, Image)) or not isinstance(x, (list, tuple)):
        return [x]
    return list(x)


def listed_at(x: Mapping[str, Any], key: str) -> list[Any]:
    """Return what a dictionary lists under a key: nothing, one text or several, or a column."""
    value = x.get(key)
    if getattr(value, "ndim", 0) == 1:
        return list(value)
    return [] if value is None or _is_empty_text(value) else listed(value)


def shortened(x: Any) -> str:
    """Show what was given in a few words, lists by their type."""
    if not isinstance(x, (list, tuple)):
        return in_words(x)
    return type(x).__name__ if len(x) else f"an empty {type(x).__name__}"


def with_settings(x: Mapping[str, Any], options: ReadOptions) -> ReadOptions:
    """Take what a dictionary says of channels, unknown labels, axes, names and pixel size."""
    # R sends no text where nothing is said
    said = {k: x[k] for k in SETTINGS if x.get(k) is not None and not _is_empty_text(x[k])}
    return replace(options, **{k: tuple(v) if isinstance(v, list) else v for k, v in said.items()})


def _is_empty_text(value: Any) -> bool:
    return isinstance(value, str) and not value


def where_to_give(texts: Iterable[str]) -> list[Message]:
    """Say where the settings are given that messages about data tell to give; once.

    Examples
    --------
    >>> from cytoloom.messages import Argument
    >>> where_to_give([say("choose some with {}", Argument("channels")), "odd"])
    ['Such settings go with the data, as in cl.Data.from_folder(folder, channels=...).']
    """
    names = sorted(set(SETTINGS).intersection(*[set().union(*map(arguments_of, texts))]))
    words = _WITH_THE_DATA
    if not names:
        return []
    option = names[0].replace("_", "-")
    spelt = Either(
        words.python.format(names[0]), words.r.format(names[0]), words.options.format(option)
    )
    return [say("{}", spelt)]


def told_where(error: InvalidError) -> InvalidError:
    """Return an error that says where the setting is given that mends it."""
    text = str(error)
    more = where_to_give([text])
    return error.told(joined(" ", [text, *more])) if more else error
