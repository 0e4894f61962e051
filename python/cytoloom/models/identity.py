"""Which model it is: the same settings and weights, wherever it lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..version import __version__
from .card import summary_of
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


def run_of(
    verb: str,
    model: Record,
    images: Mapping[str, Any],
    settings: Mapping[str, Any],
    hashed: bool = True,
) -> dict[str, Any]:
    """Return what results are made by, as plain values.

    Parameters
    ----------
    verb : str
        Which makes them.
    model : Record
        By what.
    images : dict
        Where they are, see `datasets.origin`; empty where nobody knows.
    settings : dict
        Other arguments.
    hashed : bool, default True
        With the SHA-256 of the model, which takes reading it.
    """
    name = "" if model.path is None else model.path.name
    sha = model_sha256(model) if hashed else ""
    scaled = {"low": model.normalize.low, "high": model.normalize.high}
    if model.normalize.range is not None:
        scaled = {"range": model.normalize.words}
    told = {"name": name, "sha256": sha, "facts": summary_of(model), "normalize": scaled}
    run = {"verb": verb, "version": __version__, "model": told}
    whole = {**run, "images": dict(images), "settings": dict(settings)}
    plain: dict[str, Any] = json.loads(json.dumps(whole, default=str))
    return plain


def _as_stored(model: Record, key: tuple[int, str]) -> bool:
    """Whether a network is what its file holds; one that was never asked for is."""
    if key not in model.networks:
        return True
    if model.path is None or key not in model.files:
        return False
    stored = network_in(model.path / model.files[key])
    pairs = zip(model.networks[key].get_weights(), stored.get_weights(), strict=True)
    return all(np.array_equal(mine, its) for mine, its in pairs)
