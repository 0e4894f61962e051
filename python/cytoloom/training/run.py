"""What one training works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.cache import Cache
from ..images.normalize import Normalize
from ..networks.unet import UNet
from ..patches.sample import Reader
from ..runtime import backend
from ..tasks.task import Task
from .recipe import Plan
from .trainer import Trainer

if TYPE_CHECKING:
    from ..datasets.data import Data
    from ..models.model import Model


@dataclass
class Run:
    """What one training works with; filled in step by step."""

    task: Task
    network: UNet
    trainer: Trainer
    normalize: Normalize
    seed: int
    start: Model | None = None
    given: frozenset[str] = frozenset()
    plan: Plan | None = None
    precision: str = "float32"
    train: Data | None = None
    validation: Data | None = None
    split_note: str = ""
    readers: tuple[Reader, ...] = ()
    validation_readers: tuple[Reader, ...] = ()
    manifest: dict[str, list[dict[str, Any]]] | None = None
    diameter_px: dict[str, float] | None = None
    keras: Any = None
    fitted: Any = None
    model: Model | None = None
    scores: dict[str, float] | None = None
    tile_difference: float | None = None
    fast: dict[str, Any] | None = None
    coherence: float | None = None
    forward_s_per_px: float = 1e-6
    interrupted: bool = False
    labels: Cache = field(default_factory=lambda: Cache(2**30))

    @property
    def seed_words(self) -> str:
        """For the note at the start."""
        same = "" if backend.repeatable() else ", not repeatable: TensorFlow was already running"
        return f"seed {self.seed}{same}"

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Median pixel size of the training images, where all have one."""
        assert self.train is not None
        known = [item.spacing_um for item in self.train.items]
        if not known or any(s is None for s in known):
            return None
        return tuple(float(v) for v in np.median(np.array(known, float), axis=0))


def given(**components: Any) -> frozenset[str]:
    """Names of the components that are not None."""
    return frozenset(name for name, value in components.items() if value is not None)
