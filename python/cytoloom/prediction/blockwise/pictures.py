"""What lies beside the labels of a volume: probabilities, and how unsure each pixel is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...images.ome_zarr_write import ImageWriter
from ..apply import UNCERTAINTIES, unsure_of

if TYPE_CHECKING:
    from ...models.model import Model

MAPS, UNCERTAINTY = "maps", "uncertainty"
KINDS = (MAPS, UNCERTAINTY)
PICTURE, UNSURE = "picture.", "unsure"


def pictures_of(
    model: Model, maps: dict[str, np.ndarray], labels: np.ndarray, kinds: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return what is kept of a block for pictures, channels first.

    Parameters
    ----------
    model : Model
        Says what maps mean.
    maps : dict of str to ndarray (..., c)
        Of the pixels that the block decides.
    labels : ndarray of int
        Of the same pixels.
    kinds : sequence of str
        Some of `KINDS`.

    Returns
    -------
    dict of str to ndarray
        A picture of each kind, float16, and the sum over each label of how unsure its pixels are.
    """
    made: dict[str, np.ndarray] = {}
    if MAPS in kinds:
        made[PICTURE + MAPS] = _stored(model.task.probabilities(maps))
    if UNCERTAINTY in kinds:
        planes = unsure_of(model, maps)
        count = int(labels.max(initial=0)) + 1
        made[UNSURE] = np.bincount(labels.ravel(), planes[..., -1].ravel(), count)[1:]
        made[PICTURE + UNCERTAINTY] = _stored(planes)
    return made


def _stored(values: np.ndarray) -> np.ndarray:
    return np.moveaxis(values, -1, 0).astype(np.float16)


def writers(labels: ImageWriter, model: Model, kinds: Sequence[str]) -> dict[str, ImageWriter]:
    """Lay out the pictures beside a label image, each a group within it with a channel per plane.

    Their pixels are float32, which every program reads, and as exact as float16 is.
    """
    names = {MAPS: tuple(map(str, model.task.label_names)), UNCERTAINTY: UNCERTAINTIES}
    return {
        kind: ImageWriter(
            labels.folder / kind,
            (len(names[kind]), *labels.shape),
            "float32",
            (1, *labels.chunk_px),
            labels.spacing_um,
            labels.origin_um,
            labels.version,
            "c" + "".join(labels.axes),
            names[kind],
        )
        for kind in kinds
    }
