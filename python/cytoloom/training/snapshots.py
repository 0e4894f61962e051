"""Pictures of one validation patch as training goes on: input, what should come out, what does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..plots.overlays import write_png
from ..plots.panels import panels

KEPT = 5
"""The last few show whether it still gets better; the first ones are noise."""


class Snapshots:
    """Keeps the last few pictures of a training.

    Parameters
    ----------
    folder : Path or None
        Made if missing; without one nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(
        self,
        iteration: int,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        maps: Mapping[str, np.ndarray],
    ) -> None:
        """Write the first patch of a batch: its inputs, then for each head target and map.

        What has no spatial axes is left out; of stacks the middle plane is shown.
        """
        shown = [values[0] for values in inputs.values()]
        for head, found in maps.items():
            shown += [targets[head][0][..., : found.shape[-1]], found[0]]
        planes = [_plane(values) for values in shown if values.ndim > 2]
        if self._folder is None or not planes:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        write_png(self._folder / f"iteration_{iteration:07d}.png", panels(planes))
        for old in sorted(self._folder.glob("iteration_*.png"))[:-KEPT]:
            old.unlink(missing_ok=True)


def _plane(values: np.ndarray) -> np.ndarray:
    return values[values.shape[0] // 2] if values.ndim == 4 else values
