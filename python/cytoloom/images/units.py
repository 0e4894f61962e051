"""Units of length as files write them, and which sizes of pixels can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..messages import Argument, Message, say

_NAMES = {
    1e-6: "pm picometer picometre",
    1e-4: "å angstrom ångström ångstrom a",
    1e-3: "nm nanometer nanometre",
    1.0: "um µm micron micrometer micrometre",
    1e3: "mm millimeter millimetre",
    1e4: "cm centimeter centimetre",
    1e6: "m meter metre",
    25.4: "thou mil",
    25400.0: 'in inch inches "',
    304800.0: "ft foot feet",
}
_UM = {name: size for size, names in _NAMES.items() for name in names.split()}
_NO_LENGTH = ("", "pixel", "pixels", "px", "reference frame", "none", "null")

SMALLEST_UM, LARGEST_UM = 1e-5, 50.0
"""An electron microscope resolves 0.05 nm, and objectives of a macroscope leave 30 um a pixel;
beyond lie units mistaken for others, and resolutions of printers (72 a inch are 353 um)."""

PRINT_UM = 20.0
"""What resolution tags say without a program's own word is believed below this: 1200 dots per inch
are 21 um, which is how pictures are printed."""


def um_per(unit: Any) -> float | None:
    r"""Return how many micrometres a unit is; None where it is none of length.

    Examples
    --------
    >>> um_per("micrometers"), um_per("\\u00B5m"), um_per("inch"), um_per("pixel")
    (1.0, 1.0, 25400.0, None)
    """
    name = _plain(unit)
    return _UM.get(name, _UM.get(name.removesuffix("s")))


def is_unknown(unit: Any) -> bool:
    """Whether something is said as a unit that means nothing here.

    Examples
    --------
    >>> is_unknown("furlong"), is_unknown("um"), is_unknown("pixel"), is_unknown(None)
    (True, False, False, False)
    """
    return um_per(unit) is None and _plain(unit) not in _NO_LENGTH


def _plain(unit: Any) -> str:
    """Return a unit in small letters with one way to write the Greek letter."""
    text = "" if unit is None else str(unit).strip().lower()
    # ImageJ writes the code of the letter; UTF-8 read as Latin-1 has one letter too many
    for written in ("\\u00b5", "μ", "âµ", "&#181;", "&micro;"):
        text = text.replace(written, "µ")
    return text.replace("\\u00c5".lower(), "å").removesuffix(".")


def unknown_unit(unit: Any) -> tuple[Message, ...]:
    """Say that a unit of length means nothing here, where one is given.

    Examples
    --------
    >>> len(unknown_unit("furlong")), unknown_unit("um"), unknown_unit(None)
    (1, (), ())
    """
    text = "its pixel size is in {}, which is not understood; give it in micrometres with {}"
    return (say(text, str(unit), Argument("pixel_size_um")),) if is_unknown(unit) else ()


def positive(number: Any) -> float | None:
    """Return a number above 0, of which files write some with a comma; None for anything else.

    Examples
    --------
    >>> positive("0,25"), positive(0), positive("nan"), positive("-")
    (0.25, None, None, None)
    """
    try:
        value = float(str(number).replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def along_axes(
    found: Mapping[str, float | None], stack: bool
) -> tuple[tuple[float, ...] | None, tuple[Message, ...]]:
    """Return the size of pixels, and what of it had to be guessed.

    Parameters
    ----------
    found : dict
        Micrometres along ``y``, ``x`` and ``z``, those that are known.
    stack : bool
        Whether the image has planes; how far they are apart is taken for `y` where unknown.

    Examples
    --------
    >>> along_axes({"y": 0.5, "x": 0.25}, False)
    ((0.5, 0.25), ())
    >>> along_axes({"y": 0.5, "x": 0.25}, True)[0], along_axes({"x": 0.25}, False)[0]
    ((0.5, 0.5, 0.25), None)
    """
    y, x, z = (found.get(axis) or None for axis in "yxz")
    if y is None or x is None:
        return None, ()
    if not stack:
        return (y, x), ()
    if z is not None:
        return (z, y, x), ()
    text = "how far its planes are apart is not known: taken for the size of a pixel; give {}"
    return (y, y, x), (say(text, Argument("pixel_size_um")),)


def odd_size(pixel_size_um: Sequence[float] | None) -> list[Message]:
    """Say of sizes of pixels that no microscope has them.

    Examples
    --------
    >>> odd_size((0.2, 0.1, 0.1)), len(odd_size((352.8, 352.8)))
    ([], 1)
    """
    if pixel_size_um is None or all(SMALLEST_UM <= s <= LARGEST_UM for s in pixel_size_um):
        return []
    sizes = " x ".join(f"{s:g}" for s in pixel_size_um)
    text = "pixels of {} um are of no microscope; say how large they are with {}"
    return [say(text, sizes, Argument("pixel_size_um"))]


def storable(sizes_um: Iterable[float]) -> bool:
    """Whether TIFF holds sizes: as fractions of 32 bits, of pixels per micrometre or centimetre.

    Examples
    --------
    >>> storable([0.5, 0.5]), storable([5e-324])
    (True, False)
    """
    return all(1e-5 <= size <= 1e9 for size in sizes_um)
