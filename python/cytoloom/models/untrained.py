"""A model that has learned nothing, to try out what models do."""

from __future__ import annotations

import pandas as pd

from ..images.normalize import Normalize
from ..networks.network import Network
from ..networks.unet import UNet
from ..runtime import backend
from ..tasks.binary import Binary
from ..tasks.task import Task
from ..version import __version__
from .model import Model
from .record import INFO, NETWORK, Part

HISTORY = ("epoch", "iteration", "seconds", "set", "metric", "value")


def untrained(
    task: Task | None = None,
    network: Network | None = None,
    *,
    channels: int = 1,
    seed: int = 0,
) -> Model:
    """Make a model whose network has its initial weights.

    For examples and tests: it predicts, saves and loads as any model does, and finds nothing
    worth finding.

    Parameters
    ----------
    task : Task, optional
        Default `Binary()`.
    network : Network, optional
        Default a U-Net of 2 filters and depth 1.
    channels : int, default 1
        Of its images.
    seed : int, default 0
        Decides the weights.

    Returns
    -------
    Model

    Examples
    --------
    >>> untrained(channels=3).channels
    3
    """
    part = Part(
        task or Binary(), network or UNet(filters=2, depth=1), Normalize(), {"image": channels}
    )
    backend.require(ndim=part.network.ndim)
    info = dict.fromkeys(INFO) | {
        "cytoloom": __version__,
        "channels": {"count": channels, "names": None},
        "ndim": part.network.ndim,
        "seed": seed,
        "precision": "float32",
        "reproducible": True,
        "interrupted": False,
        "backend": backend.name(),
        "device": backend.device(),
        "libraries": {},
        "data": {},
        "training": {
            "images": 0,
            "iterations": 0,
            "seconds": 0.0,
            "batch_size": 0,
            "score": None,
            "scores": None,
            "best_iteration": 0,
            "validation": "none",
        },
    }
    networks = {(1, NETWORK): part.build("float32", seed)}
    return Model({NETWORK: part}, info, pd.DataFrame(columns=HISTORY), networks=networks)
