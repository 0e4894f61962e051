"""What plain arrays say of themselves: axes and sizes, by the attributes that programs write."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..messages import Argument, Message, say
from .image import check_axes, guess_axes, guessed
from .units import is_unknown, um_per

_AXES = ("DIMENSION_LABELS", "_ARRAY_DIMENSIONS", "axis_names", "axes")
"""Where programs write the names of axes: HDF5's own, xarray, funlib, N5."""
_SIZES = ("voxel_size", "resolution", "pixelResolution")
_SIZES_UM = "element_size_um"
"""How plant-seg and the HDF5 plugin of Fiji write the size of a voxel."""
_WORDS = {"time": "t", "t^": "t", "channel": "c", "channels": "c", "c^": "c"}


@dataclass(frozen=True)
class Described:
    """What is said of an array.

    Parameters
    ----------
    letters : str
        One of t z y x c for each of its axes.
    sizes_um : dict
        Micrometres of a pixel along ``z``, ``y`` and ``x``; those that are known.
    notes : tuple of Message
        What had to be guessed.
    origin_um, origin_px : dict, default {}
        Where the first pixel is, as funlib writes it, along these axes; in pixels, if its units
        are not known either.
    """

    letters: str
    sizes_um: Mapping[str, float | None]
    notes: tuple[Message, ...] = ()
    origin_um: Mapping[str, float] = field(default_factory=dict)
    origin_px: Mapping[str, float] = field(default_factory=dict)


def described(
    shape: tuple[int, ...], said: Mapping[str, Any], axes: str | None, where: str
) -> Described:
    """Find axes and sizes of an array by its attributes; axes that none names are guessed.

    Parameters
    ----------
    shape
        Of the array.
    said : mapping
        Its attributes: texts, numbers and lists of them.
    axes : str, optional
        What its axes are, overriding them.
    where : str
        The array, for messages.

    Examples
    --------
    >>> found = described((9, 64, 64), {"element_size_um": [2, 0.5, 0.5]}, None, "a.h5")
    >>> found.letters, found.sizes_um["z"], len(found.notes)
    ('zyx', 2.0, 0)
    """
    named = _by_axistags(said.get("axistags"), len(shape))
    for key in _AXES:
        named = named or names_of_axes(said.get(key), len(shape))
    notes: list[Message] = []
    if axes is not None:
        letters = check_axes(axes, len(shape), where)
    elif named is not None:
        letters = named
    else:
        letters = guess_axes(shape, where)
        # of three axes, these sizes are along z, y and x
        sized = len(shape) == 3 and is_numbers(said.get(_SIZES_UM), 3)
        notes = [] if sized else guessed(shape, letters)
    sizes, more = _sizes(letters, said)
    places = _origin(letters, said), _origin_px(letters, said)
    return Described(letters, sizes, (*notes, *more), *places)


def _sizes(
    letters: str, said: Mapping[str, Any]
) -> tuple[Mapping[str, float | None], tuple[Message, ...]]:
    """Return the sizes of pixels: of all axes, of those in space, or of a stack of one plane."""
    if is_numbers(said.get(_SIZES_UM), 3):
        return in_um("zyx", said[_SIZES_UM], ["um"] * 3)
    sizes: Any = next((said[key] for key in _SIZES if key in said), None)
    units = said.get("units") or said.get("unit")
    if isinstance(sizes, Mapping):
        # of N5's viewer: one unit, and a number along each axis
        sizes, units = sizes.get("dimensions"), sizes.get("unit")
    for along, own in _along(letters, sizes, units):
        return in_um(along, sizes, own)
    return {}, ()


def _origin(letters: str, said: Mapping[str, Any]) -> dict[str, float]:
    """Return where the first pixel is, in the units of its size.

    Examples
    --------
    >>> _origin("zyx", {"offset": [80, 8, 0], "units": ["nm"] * 3})
    {'z': 0.08, 'y': 0.008, 'x': 0.0}
    """
    offset = said.get("offset")
    for along, own in _along(letters, offset, said.get("units") or said.get("unit")):
        axes = zip(along, offset or (), own, strict=True)
        return {a: o * (um_per(u) or 0.0) for a, o, u in axes if a in "zyx"}
    return {}


def _origin_px(letters: str, said: Mapping[str, Any]) -> dict[str, float]:
    """Return where the first pixel is, counted in pixels: of sizes and places in the same units.

    Examples
    --------
    >>> _origin_px("yx", {"offset": [80, 8], "resolution": [8, 8]})
    {'y': 10.0, 'x': 1.0}
    """
    sizes: Any = next((said[key] for key in _SIZES if key in said), None)
    offset = said.get("offset")
    for along in (letters, "".join(a for a in letters if a in "zyx")):
        if is_numbers(offset, len(along)) and is_numbers(sizes, len(along)) and all(sizes):
            axes = zip(along, offset or (), sizes, strict=True)
            return {a: o / s for a, o, s in axes if a in "zyx"}
    return {}


def _along(letters: str, values: Any, units: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the axes that values are of, all or those in space, with their units."""
    spatial = "".join(a for a in letters if a in "zyx")
    units = units if isinstance(units, list) else [units] * len(spatial)
    for along in (letters, spatial):
        if is_numbers(values, len(along)) and len(units) in (len(along), len(spatial)):
            yield along, units if len(units) == len(along) else [None] * len(along)


def names_of_axes(names: Any, ndim: int) -> str | None:
    """Return the letters of axes by their names, if all are known.

    Examples
    --------
    >>> names_of_axes(["time", "Y", "X"], 3), names_of_axes(["angle", "y", "x"], 3)
    ('tyx', None)
    """
    several = list(names) if isinstance(names, (str, list)) else []
    known = _WORDS | {a: a for a in "tczyx"}
    letters = "".join(known.get(str(name).lower(), "?") for name in several)
    fits = len(letters) == ndim == len(set(letters)) and "?" not in letters
    return letters if fits and set("yx") <= set(letters) else None


def _by_axistags(text: Any, ndim: int) -> str | None:
    """Return the letters of axes as vigra and ilastik write them.

    Examples
    --------
    >>> _by_axistags('{"axes": [{"key": "y"}, {"key": "x"}, {"key": "c"}]}', 3)
    'yxc'
    """
    try:
        axes = json.loads(text)["axes"] if isinstance(text, str) else []
        return names_of_axes([one["key"] for one in axes], ndim)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def is_numbers(values: Any, count: int) -> bool:
    """Whether something is a list of so many finite numbers.

    Examples
    --------
    >>> is_numbers([1, 0.5], 2), is_numbers([1, "2"], 2), is_numbers(None, 2)
    (True, False, False)
    """
    several = isinstance(values, list) and len(values) == count
    return several and all(type(v) in (int, float) and math.isfinite(v) for v in values)


def in_um(
    letters: str, scales: Sequence[float], units: Sequence[Any]
) -> tuple[dict[str, float | None], tuple[Message, ...]]:
    """Return the size of a pixel along axes in space, and what of it was not understood.

    Examples
    --------
    >>> in_um("zyx", [2, 500, 500], ["micrometer", "nanometer", "nanometer"])[0]
    {'z': 2.0, 'y': 0.5, 'x': 0.5}
    """
    units = [*units, *[None] * len(letters)]
    along = [(a, s, u) for a, s, u in zip(letters, scales, units, strict=False) if a in "zyx"]
    odd = next((u for _, s, u in along if is_unknown(u)), None)
    # scales without a unit, all 1: of pixels, of which nothing is known
    bare = any(um_per(u) is None and s != 1 for _, s, u in along)
    notes = []
    if odd is not None or bare:
        text = "its pixel size is in {}, which is not understood; give it in micrometres with {}"
        notes = [say(text, odd if odd is not None else "no unit", Argument("pixel_size_um"))]
    sizes = {a: s * (um_per(u) or 0.0) for a, s, u in along}
    return {a: size if size > 0 else None for a, size in sizes.items()}, tuple(notes)
