"""Where views of BigDataViewer lie: the affine transforms of their `ViewRegistrations`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
_SAME_SCALE = 1.01
"""Sizes in micrometres of one unit of the world: further apart they are not of one world."""
_SAME_PX = 0.5
"""Places of one voxel that are less apart are one place."""


def numbers_in(text: str | None, kind: Any) -> list[Any]:
    """Return the numbers in a text; nothing where it is none.

    Examples
    --------
    >>> numbers_in("512 512 30", int), numbers_in("0.5, nan, x", float), numbers_in(None, int)
    ([512, 512, 30], [], [])
    """
    try:
        found = [kind(one) for one in re.split(r"[\s,]+", (text or "").strip()) if one]
    except ValueError:
        return []
    return found if all(abs(one) < 1e18 for one in found) else []


def registrations(root: ElementTree.Element) -> dict[tuple[int, int], Matrix | None]:
    """Return what takes voxels of each view into the world, by time point and setup.

    Parameters
    ----------
    root : Element
        Of the XML.

    Returns
    -------
    dict
        A matrix (3, 4) along z, y and x: the product of the transforms in the order of the file, of
        which the last is applied first. None where one cannot be read.

    Examples
    --------
    >>> shift, scale = "1 0 0 7  0 1 0 0  0 0 1 0", "2 0 0 0  0 2 0 0  0 0 6 0"
    >>> steps = [f'<ViewTransform type="affine"><affine>{one}</affine></ViewTransform>'
    ...          for one in (shift, scale)]
    >>> view = f'<ViewRegistration timepoint="0" setup="3">{"".join(steps)}</ViewRegistration>'
    >>> whole = f"<SpimData><ViewRegistrations>{view}</ViewRegistrations></SpimData>"
    >>> registrations(ElementTree.fromstring(whole))[0, 3]
    array([[6., 0., 0., 0.],
           [0., 2., 0., 0.],
           [0., 0., 2., 7.]])
    """
    found: dict[tuple[int, int], Matrix | None] = {}
    for view in root.iterfind("ViewRegistrations/ViewRegistration"):
        ids = [view.get(name, "").strip() for name in ("timepoint", "setup")]
        if all(one.isdecimal() for one in ids):
            found[int(ids[0]), int(ids[1])] = _product(view)
    return found


def _product(view: ElementTree.Element) -> Matrix | None:
    whole = np.eye(4)
    for step in view.iterfind("ViewTransform"):
        numbers = numbers_in(step.findtext("affine"), float)
        if step.get("type", "affine") != "affine" or len(numbers) != 12:
            return None
        with np.errstate(all="ignore"):
            whole = whole @ np.array([*numbers, 0, 0, 0, 1]).reshape(4, 4)
    # x comes first in the file
    return whole[[2, 1, 0]][:, [2, 1, 0, 3]] if np.isfinite(whole).all() else None


def scale_of(
    matrices: Iterable[Matrix | None], size: Sequence[int]
) -> tuple[float, float, float] | None:
    """Return the size of voxels in the world; None for what is turned or sheared.

    Parameters
    ----------
    matrices : iterable of ndarray
        Of `registrations`, for each time point.
    size : sequence of int
        Of the view in voxels: to none of them may a shear matter by half a voxel.

    Returns
    -------
    tuple of float, optional
        Along z, y and x, at the first time point.

    Examples
    --------
    >>> straight = np.array([[4.0, 0, 0, 9], [0, 1, 0, 9], [0, 0, 1, 9]])
    >>> turned = np.array([[4.0, 0, 0, 9], [0, 0, 1, 9], [0, 1, 0, 9]])
    >>> scale_of([straight], (5, 20, 30)), scale_of([straight, turned], (5, 20, 30))
    ((4.0, 1.0, 1.0), None)
    """
    first = None
    for matrix in matrices:
        if matrix is None:
            return None
        scale = np.diag(matrix[:, :3])
        aside = np.abs(matrix[:, :3] - np.diag(scale)) @ (np.array(size) - 1)
        if not ((scale > 0).all() and (aside < _SAME_PX * scale).all()):
            return None
        first = first or (float(scale[0]), float(scale[1]), float(scale[2]))
    return first


def world_um(
    scales: Mapping[int, Sequence[float] | None], voxels_um: Mapping[int, Sequence[float] | None]
) -> float | None:
    """Return how many micrometres a unit of the world is; None where voxels disagree on it.

    Parameters
    ----------
    scales : dict
        By setup, the size of voxels in the world, where it is known.
    voxels_um : dict
        By setup, their size in micrometres, along the same axes.

    Examples
    --------
    >>> world_um({0: (4, 1, 1)}, {0: (2.0, 0.5, 0.5)}), world_um({0: (4, 1, 1)}, {0: (2, 0.6, 0.5)})
    (0.5, None)
    """
    pairs = [(voxels_um[number], scale) for number, scale in scales.items()]
    ratios = [
        um / unit
        for voxel, scale in pairs
        for um, unit in zip(voxel or (), scale or (), strict=False)
    ]
    if not ratios or max(ratios) > min(ratios) * _SAME_SCALE:
        return None
    return ratios[0]


def one_place(
    places: Sequence[Sequence[float] | None], voxel: Sequence[float] | None
) -> tuple[float, float, float] | None:
    """Return the place at which all are, by less than half a voxel; None where there is none.

    Examples
    --------
    >>> one_place([(9, 0, 0), (9, 0, 0.2)], (2, 0.5, 0.5)), one_place([(9, 0, 0), None], (1, 1, 1))
    ((9.0, 0.0, 0.0), None)
    """
    known = np.array([one for one in places if one is not None], float).reshape(-1, 3)
    if voxel is None or len(known) < len(places) or not len(known):
        return None
    if (np.abs(known - known[0]) >= _SAME_PX * np.array(voxel)).any():
        return None
    return float(known[0, 0]), float(known[0, 1]), float(known[0, 2])
