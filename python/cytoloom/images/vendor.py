"""What readers of vendors' formats share: their packages, scenes, axes and refusals."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from .remote import shown


def package(name: str, path: Path, extra: str = "vendor") -> Any:
    """Import the package that knows a format, or say which extra of ours installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise invalid(
            shown(path),
            expected=f"the package {name} for this format",
            received="no such package",
            remedy=f'Run pip install "cytoloom[{extra}]", in R cl_install(extras = "{extra}").',
        ) from None


def refused(path: Path, expected: str, received: str) -> InvalidError:
    """Build the error for a file that is not read here, with a way out."""
    convert = f"run `bfconvert {path.name} {path.stem}.ome.tif`"
    remedy = f"Open it in Fiji (Bio-Formats) and save it as TIFF, or {convert}."
    return invalid(str(path), expected=expected, received=received, remedy=remedy)


def chosen_scene(path: Path, scenes: tuple[str, ...], wanted: str | None) -> int:
    """Return the position of the scene wanted, which has to be said where there are several.

    Examples
    --------
    >>> chosen_scene(Path("a.czi"), ("A1", "A2"), "A2"), chosen_scene(Path("a.czi"), (), None)
    (1, 0)
    """
    if wanted in scenes:
        return scenes.index(wanted)
    if len(scenes) <= 1:
        return 0
    shown = ", ".join(scenes[:5]) + (", ..." if len(scenes) > 5 else "")
    remedy = "Choose one by name with `scene`, or save each as a file of its own."
    got = f"{len(scenes)} images: {shown}"
    raise invalid(str(path), expected="one image", received=got, remedy=remedy)


def axes_meant(path: Path, sizes: Mapping[str, int], samples: str) -> str:
    """Return one of t z y x c for each axis that has a meaning here; refuse others.

    Axes of size 1 without a meaning are passed over; `samples` is what colours are called.

    Examples
    --------
    >>> axes_meant(Path("a.czi"), {"T": 3, "H": 1, "Y": 8, "X": 9, "0": 3}, "0")
    'tyxc'
    """
    meaning = {**{axis: axis.lower() for axis in "TZCYX"}, samples: "c"}
    odd = [f"axis {axis} of size {n}" for axis, n in sizes.items() if axis not in meaning and n > 1]
    if odd:
        raise refused(path, "axes among T, Z, C, Y, X", ", ".join(odd))
    return "".join(meaning[axis] for axis in sizes if axis in meaning)
