"""ROI of ImageJ: a file for one, a zip archive of the ROI Manager for several."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..images.vendor import package
from .drawn import Drawn, open_ring, refuse_planes

SUFFIXES = (".zip", ".roi")
LARGEST = 2**28
"""Bytes that an archive may unpack to: a million objects."""
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
"""Steps of a path of several lines."""
_CLASS = "class"
"""The property of an outline (*Properties* in ImageJ) that holds its class."""


def write(path: Path, objects: Sequence[Drawn], shape: tuple[int, ...]) -> None:
    """Write a zip archive that the ROI Manager opens; it has one file at the least."""
    tool = package("roifile", path, "export")
    digits = max([len(one.name) for one in objects], default=1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in objects:
            roi = _roi(one, tool)
            roi.name = one.name
            if one.label:
                roi.properties = {_CLASS: one.label}
            # as they come in the ROI Manager; in the order of their numbers once it sorts them
            archive.writestr(f"{one.name.zfill(digits)}.roi", roi.tobytes())


def _roi(one: Drawn, tool: Any) -> Any:
    """Return a polygon, or of several lines a composite."""
    rings = [np.asarray(ring, np.int32) for ring in one.rings]
    (left, top), (right, bottom) = np.concatenate(rings).min(0), np.concatenate(rings).max(0)
    if len(rings) == 1:
        roi = tool.ImagejRoi.frompoints(rings[0])
        roi.roitype = tool.ROI_TYPE.POLYGON
        roi.right, roi.bottom = int(right), int(bottom)  # as ImageJ has them: no pixel more
        return roi
    steps = []
    for ring in rings:
        for kind, (x, y) in zip([_MOVE, *[_LINE] * (len(ring) - 1)], ring, strict=True):
            steps += [kind, x, y]
        steps.append(_CLOSE)
    path = np.asarray(steps, np.float32)
    return tool.ImagejRoi(
        roitype=tool.ROI_TYPE.RECT, left=int(left), top=int(top), right=int(right),
        bottom=int(bottom), shape_roi_size=len(path), multi_coordinates=path,
    )  # fmt: skip


def read(path: Path) -> tuple[list[Drawn], str]:
    """Read outlines, and say what was left out: lines, angles and points go around nothing."""
    tool = package("roifile", path, "export")
    _refuse_absurd(path)
    try:
        found = tool.roiread(path, maxsize=LARGEST)
        rois = found if isinstance(found, list) else [found]
        classes = [_class(roi) for roi in rois]
        rings = [[open_ring(one) for one in roi.coordinates(multi=True)] for roi in rois]
    except MemoryError:
        raise
    except Exception as error:  # of which there are many for what is damaged
        raise _no_rois(path, f"what cannot be read ({error})") from error
    kinds = tool.ROI_TYPE
    around = {kinds.POLYGON, kinds.RECT, kinds.OVAL, kinds.FREEHAND, kinds.TRACED}
    refuse_planes(path, ((roi.position, roi.z_position, roi.t_position) for roi in rois))
    kept = [
        Drawn(roi.name or str(k), [one], label)
        for k, (roi, one, label) in enumerate(zip(rois, rings, classes, strict=True), 1)
        if roi.roitype in around
    ]
    others = len(rois) - len(kept)
    said = f"{others} of {len(rois)} are lines or points, which go around nothing"
    return kept, said if others else ""


def _class(roi: Any) -> str:
    """Return the class that an outline says it has: by a property, or its group, if it has one."""
    said = str(roi.properties.get(_CLASS, "")).strip()
    return said or (str(roi.group) if roi.group else "")


def _refuse_absurd(path: Path) -> None:
    """Refuse an archive that declares more than outlines need, before it is unpacked."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(one.file_size for one in archive.infolist())
        others = [n for n in archive.namelist() if not n.lower().endswith((".roi", "/"))]
    if size > LARGEST:
        raise _no_rois(path, f"an archive that would unpack to {size} bytes")
    if others:
        raise _no_rois(path, f"an archive with {others[0]!r}")


def _no_rois(path: Path, received: str) -> InvalidError:
    expected = "outlines of ImageJ (.roi, or .zip of the ROI Manager)"
    return invalid(str(path), expected=expected, received=received)
