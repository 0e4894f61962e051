"""Labels as a task understands them, on their way to training."""

from __future__ import annotations

import numpy as np

from cytoloom.datasets.data import as_data
from cytoloom.images.cache import Cache
from cytoloom.tasks import Binary
from cytoloom.training.batches import TaskLabels


def test_images_of_one_name_keep_their_own_labels() -> None:
    """A validation folder often repeats the names of the training folder: 1 and 2 pixels here."""
    cache = Cache(2**20)
    parts = []
    for size in (1, 2):
        labels = np.ones((1, size), np.int32)
        (item,) = as_data({"images": [labels], "labels": [labels], "names": ["well"]}).items
        parts.append(TaskLabels(item, None, Binary(), cache))
    assert [part.read().shape for part in parts] == [(1, 1), (1, 2)]
