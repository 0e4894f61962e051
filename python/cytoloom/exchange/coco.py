"""COCO: one JSON for all images, objects as run lengths, which are exact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALONE = "object"
"""The category of objects without a class."""


@dataclass
class Coco:
    """What a file says, image by image.

    Examples
    --------
    >>> made = Coco()
    >>> made.add("a.tif", np.array([[0, 7], [7, 7]]))
    >>> made.annotations[0]["segmentation"], made.annotations[0]["bbox"]
    ({'counts': [1, 3], 'size': [2, 2]}, [0, 0, 2, 2])
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add(
        self, name: str, labels: NDArray[Any], classes: Mapping[int, str] | None = None
    ) -> None:
        """Add the objects (y, x) of an image."""
        number = len(self.images) + 1
        height, width = labels.shape
        self.images.append({"id": number, "file_name": name, "height": height, "width": width})
        for value, place in _places(labels):
            label = (classes or {}).get(value) or ALONE
            category = self.categories.setdefault(label, len(self.categories) + 1)
            x, y = place // height, place % height
            left, top = int(x.min()), int(y.min())
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "label": value,
                    "segmentation": {
                        "counts": _counts(place, labels.size),
                        "size": [height, width],
                    },
                    "area": len(place),
                    "bbox": [left, top, int(x.max()) - left + 1, int(y.max()) - top + 1],
                    "iscrowd": 0,
                }
            )

    def write(self, path: Path) -> None:
        """Write all of it."""
        plain = {
            "images": self.images,
            "annotations": self.annotations,
            "categories": [{"id": k, "name": name} for name, k in self.categories.items()],
        }
        path.write_text(json.dumps(plain), encoding="utf-8")


def _places(labels: NDArray[Any]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the pixels of each object, counted down the columns, as COCO does."""
    flat = labels.ravel(order="F")
    place = np.flatnonzero(flat)
    order = np.argsort(flat[place], kind="stable")
    place, values = place[order], flat[place][order]
    first = np.flatnonzero(np.diff(values, prepend=0))
    parts: Sequence[NDArray[np.int64]] = np.split(place, first[1:])
    return [(int(values[k]), part) for k, part in zip(first, parts, strict=False)]


def _counts(place: NDArray[np.int64], total: int) -> list[int]:
    """Return lengths of runs, of background first."""
    gaps = np.flatnonzero(np.diff(place) != 1)
    starts, stops = place[np.r_[0, gaps + 1]], place[np.r_[gaps, len(place) - 1]] + 1
    edges = np.stack([starts, stops], axis=1).ravel()
    counts = np.diff(np.r_[0, edges, total]).tolist()
    return counts if counts[-1] else counts[:-1]
