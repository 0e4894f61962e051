"""A folder of simulated images and labels, as `train` reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid
from ..images.files import write_labels
from .annotators import annotators
from .scenes import cells, nuclei, nuclei_3d

_MAKERS: dict[str, Callable[..., Any]] = {
    "nuclei": nuclei,
    "cells": cells,
    "nuclei_3d": nuclei_3d,
    "annotators": nuclei,
}
kinds = tuple(_MAKERS)
"""What `write` can make."""

_SPACING_UM = {"nuclei_3d": (1.0, 0.5, 0.5)}


def write(
    folder: str | Path, kind: str = "nuclei", images: int = 8, seed: int = 0, *, people: int = 5
) -> Path:
    """Write simulated images and their exact truth as TIFF files.

    Parameters
    ----------
    folder : str or Path
        Made if missing. Gets ``images/`` and ``labels/`` with files of the same names; with
        ``kind="annotators"`` the exact truth is in ``truth/``, and ``labels/`` has a folder for
        each person, ``annotator_1/``, ``annotator_2/``, ...
    kind : str, default "nuclei"
        One of `kinds`: what `nuclei`, `cells`, `nuclei_3d` make with their defaults, or images
        of nuclei drawn by several people.
    images : int, default 8
        How many.
    seed : int, default 0
        The same seed gives the same pixels; another seed gives none of the same images.
    people : int, default 5
        How many annotators, for ``kind="annotators"``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InvalidError
        Unknown kind, negative seed, or a folder that already holds images or labels.

    Examples
    --------
    >>> import tempfile
    >>> folder = write(tempfile.mkdtemp(), images=2)
    >>> sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.tif"))
    ['images/nuclei_000.tif', 'images/nuclei_001.tif',
     'labels/nuclei_000.tif', 'labels/nuclei_001.tif']
    """
    folder = Path(folder)
    if kind not in kinds:
        raise invalid("kind", expected=f"one of {list(kinds)}", received=kind)
    if images < 1:
        raise invalid("images", expected="1 or more", received=images)
    if seed < 0:
        raise invalid("seed", expected="a whole number, 0 or more", received=seed)
    _make_empty(folder)
    spacing = _SPACING_UM.get(kind)
    for i in range(images):
        name = f"{kind}_{i:03d}.tif"
        image, labels = _MAKERS[kind](seed=(seed, i))
        _write_image(folder / "images" / name, image, spacing)
        for part, drawn in _label_images(kind, labels, people, (seed, i)).items():
            (folder / part).mkdir(exist_ok=True)
            write_labels(folder / part / name, drawn, spacing)
    return folder


def _label_images(
    kind: str, labels: NDArray[np.int32], people: int, seed: tuple[int, int]
) -> dict[str, NDArray[np.int32]]:
    if kind != "annotators":
        return {"labels": labels}
    drawings = annotators(labels, people, seed)
    folders = {f"labels/annotator_{k}": drawn for k, drawn in enumerate(drawings, start=1)}
    return {"truth": labels, **folders}


def _make_empty(folder: Path) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if any((folder / part).iterdir()):
            raise invalid(
                "folder",
                expected="one without images and labels",
                received=str(folder),
                remedy="Name another folder, or remove what is in it.",
            )


def _write_image(
    path: Path, image: NDArray[np.uint16], spacing_um: tuple[float, ...] | None
) -> None:
    import tifffile

    if image.ndim == 3 and spacing_um is None:
        channels = {"axes": "CYX", "Channel": {"Name": ["cytoplasm", "nucleus"]}}
        planes = np.ascontiguousarray(np.moveaxis(image, -1, 0))
        tifffile.imwrite(path, planes, ome=True, photometric="minisblack", metadata=channels)
    else:
        write_labels(path, image, spacing_um)
