"""Which model it is: the same settings and weights, wherever it lies."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from .record import network_in

if TYPE_CHECKING:
    from .record import Record


def model_sha256(model: Record) -> str:
    """Return the SHA-256 of what a model predicts by: its settings, and its networks.

    Networks as their files, where they are what these hold; else as their weights. So a model that
    was just trained and the same one loaded from its folder are one.

    Examples
    --------
    >>> from cytoloom.models.untrained import untrained
    >>> model_sha256(untrained()) == model_sha256(untrained())
    True
    """
    digest = hashlib.sha256(json.dumps(model.to_json(), sort_keys=True, default=str).encode())
    for key in model.keys():
        if _as_stored(model, key):
            digest.update(hashlib.sha256(model.stored_bytes(*key)).digest())
        else:
            for weights in model.network_of(*key).get_weights():
                digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def _as_stored(model: Record, key: tuple[int, str]) -> bool:
    """Whether a network is what its file holds; one that was never asked for is."""
    if key not in model.networks:
        return True
    if model.path is None or key not in model.files:
        return False
    stored = network_in(model.path / model.files[key])
    pairs = zip(model.networks[key].get_weights(), stored.get_weights(), strict=True)
    return all(np.array_equal(mine, its) for mine, its in pairs)
