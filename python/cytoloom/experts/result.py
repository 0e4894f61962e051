"""What several experts agree on: labels and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..messages import counted
from ..storage.results import AGREED
from ..storage.written import refuse_another_run

if TYPE_CHECKING:
    import pandas as pd


WHAT = {"binary": "foreground", "classes": "classes", "instances": "objects"}
OF_OBJECTS = "ap50, ap and agreement_ap50 are of objects; the others of the foreground"


@dataclass(frozen=True, eq=False)
class Consensus:
    """Labels that several experts agree on, and how far they do; iterating gives (name, labels).

    Attributes
    ----------
    per_image : DataFrame
        image, status ("ok" or what went wrong), experts (how many drew it), objects, disputed (of
        instances: how many somebody split or merged), foreground (share of the pixels), kappa
        (Fleiss'), pair_dice (mean over pairs of experts), dice (mean over experts against the
        consensus), of instances also pair_ap50 and ap50, flags, labels (path or ""). One row per
        image; of one without consensus objects and disputed are missing.
    per_expert : DataFrame
        expert, images, then means over images: dice, iou, ap50, ap (the mean over IoU 0.5 to
        0.95), sensitivity and specificity against the consensus, agreement (Dice with the
        others), of instances agreement_ap50; flags. Of instances ap50, matched at an IoU of 0.5,
        ap and agreement_ap50 are of objects, the others of the foreground.
    per_label : DataFrame
        image, expert, objects, and the same scores of each label image.
    pairs : DataFrame
        image, expert, other, dice, iou, of instances ap50: each two experts on each image that
        both drew.
    objects : DataFrame
        Of instances: image, object, area_px, drawn_by (how many have it, too, at an IoU of 0.5),
        split_by, merged_by, missed_by (names).
    method, task : str
        How, and of what.
    out : Path or None
        Folder that was written.
    classes : tuple of int
        The labels that there are: of each `soft` has a channel.
    run : dict
        What made this, as plain values: verb, version, settings, and where the label images are if
        they are files; in consensus_run.json.

    Examples
    --------
    >>> from cytoloom import consensus
    >>> drawn = {"anna": [[0, 1, 1]], "ben": [[0, 1, 0]], "eva": [[0, 1, 1]]}
    >>> found = consensus(drawn, "majority", progress=False)
    >>> found["image"].tolist(), found.per_expert["dice"].round(2).tolist()
    ([[0, 1, 1]], [1.0, 0.67, 1.0])
    """

    per_image: pd.DataFrame
    per_expert: pd.DataFrame
    per_label: pd.DataFrame
    pairs: pd.DataFrame
    objects: pd.DataFrame
    method: str
    task: str
    out: Path | None
    classes: tuple[int, ...]
    _labels: Mapping[str, np.ndarray]
    _soft: Mapping[str, np.ndarray]
    _written: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for name in self.names:
            yield name, self[name]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """Images that have a consensus, in order."""
        return [str(n) for n in self.per_image["image"][self.per_image["status"] == "ok"]]

    def __getitem__(self, name: str) -> np.ndarray:
        """Labels of one image by name; `KeyError` where it has none."""
        from ..images.files import read_labels

        found = self._labels.get(str(name))
        return np.asarray(read_labels(self._path(name, "labels"))) if found is None else found

    def soft(self, name: str) -> np.ndarray:
        """Shares of experts that said each of `classes`, float32 (y, x, c) or (z, y, x, c).

        Of ``method="soft"``; in files of half precision.
        """
        from ..images.files import read

        found = self._soft.get(str(name))
        if found is not None:
            return found
        return np.asarray(read(self._path(name, "maps")).array, np.float32)

    def _path(self, name: str, kind: str) -> Path:
        rows = self.per_image[self.per_image["image"] == str(name)]
        label = rows["labels"].iloc[0] if len(rows) else ""
        path = Path(label).parent.parent / kind / Path(label).name
        if not label or not path.exists():
            raise KeyError(f"no {kind} of {name!r}; images are {', '.join(self.names)}")
        if self.out is not None:
            below = path.relative_to(self.out).as_posix()
            refuse_another_run(self.out, self._written, [below])
        return path

    def plot(self, **settings: Any) -> Any:
        """Draw how far experts agree, see `plots.agreement`."""
        from ..plots import agreement

        return agreement(self, **settings)

    def __str__(self) -> str:
        failed = int((self.per_image["status"] != "ok").sum())
        text = f"consensus ({self.method}) of {counted(len(self.per_expert), 'expert')}"
        text += f" on {counted(len(self), 'image')}, of {WHAT[self.task]}"
        table = AGREED if self.out else ".per_image"
        text += f", {counted(failed, 'image')} without (see {table})" if failed else ""
        text += f", written to {self.out}" if self.out else ""
        rows = self.per_expert.to_string(index=False, float_format="%.3f")
        return f"{text}\n{rows}" + (f"\n{OF_OBJECTS}" if self.task == "instances" else "")
