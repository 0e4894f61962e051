"""What a training knows, stage by stage: each is made of the one before, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.data import Data
from ..datasets.folds import Fold
from ..images.cache import Cache
from ..images.normalize import Normalize
from ..networks.network import Network
from ..patches.sample import Reader
from ..tasks.task import Task
from ..uncertainty.calibration import Calibration
from .recipe import Plan
from .trainer import Knots, Trainer

if TYPE_CHECKING:
    from ..models.model import Model


@dataclass(frozen=True)
class Replay:
    """How a member of an ensemble was trained, for the same once more.

    Attributes
    ----------
    held_out : frozenset of str
        Names of the images that it did not learn from.
    iterations : int
        What its training came to.
    knots : tuple of tuple of float
        Of a training by time, see `Trainer`.
    """

    held_out: Fold
    iterations: int
    knots: Knots


@dataclass(frozen=True, eq=False)
class Given:
    """What the caller asked for.

    Attributes
    ----------
    task, trainer : component
        As given, or the defaults.
    network, normalize : component or None
        None: to be planned.
    seed : int
        Decides everything that is drawn.
    start : Model or None
        What to start from.
    turn : (int, int)
        Which member of an ensemble of how many this is for, from 1.
    replays : tuple of Replay
        How each member of an ensemble was trained, to be trained so again; empty: which images
        each holds out is drawn.
    """

    task: Task
    trainer: Trainer
    network: Network | None = None
    normalize: Normalize | None = None
    seed: int = 0
    start: Model | None = None
    turn: tuple[int, int] = (1, 1)
    replays: tuple[Replay, ...] = ()


@dataclass(frozen=True, eq=False)
class Split:
    """Checked data, parted into what is learned from and what is held out.

    Attributes
    ----------
    given : Given
        The stage before.
    train, validation : Data
        Images of one kind.
    note : str
        How they were parted.
    network : Network or None
        As given, fitted to the pixel size.
    labels : Cache
        Labels as the task understands them.
    """

    given: Given
    train: Data
    validation: Data
    note: str
    network: Network | None
    labels: Cache

    @property
    def spacing_um(self) -> tuple[float, ...] | None:
        """Median pixel size of the training images, where all have one."""
        known = [item.spacing_um for item in self.train.items]
        if not known or any(s is None for s in known):
            return None
        return tuple(float(v) for v in np.median(np.array(known, float), axis=0))


@dataclass(frozen=True, eq=False)
class Surveyed:
    """What was seen when every image was read once.

    Attributes
    ----------
    split : Split
        The stage before.
    stats : dict of tuple
        What the usual normalisation measured, per image of "train" and "validation".
    manifest : dict of list
        What the images are, by their pixels.
    diameter_px : dict or None
        How large objects are, see `size_range`; None where labels are no objects.
    foreground : float
        Its share of all pixels of the training images.
    filled : tuple of bool
        Which of these show something.
    """

    split: Split
    stats: Mapping[str, tuple[Any, ...]]
    manifest: Mapping[str, list[dict[str, Any]]]
    diameter_px: dict[str, float] | None
    foreground: float
    filled: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Planned:
    """Everything decided: network, patches, scaling; and images ready to be read in patches.

    Attributes
    ----------
    surveyed : Surveyed
        The stage before.
    plan : Plan
        Network and trainer, and why.
    normalize : Normalize
        With its floor.
    readers, validation_readers : tuple of Reader
        The images.
    precision : str
        In which the network computes.
    """

    surveyed: Surveyed
    plan: Plan
    normalize: Normalize
    readers: tuple[Reader, ...]
    validation_readers: tuple[Reader, ...]
    precision: str = "float32"

    @property
    def split(self) -> Split:
        """Images of training and validation."""
        return self.surveyed.split

    @property
    def task(self) -> Task:
        """What is learned."""
        return self.split.given.task

    @property
    def trainer(self) -> Trainer:
        """How long and how, patches and batches included."""
        return self.plan.trainer

    @property
    def patch_px(self) -> tuple[int, ...]:
        """Patch size per axis."""
        return self.trainer.patch_px or ()

    @property
    def batch_size(self) -> int:
        """Patches in a batch."""
        return self.trainer.batch_size or 1


@dataclass(frozen=True, eq=False)
class Tuned:
    """What was fitted and measured on the validation images after learning.

    Attributes
    ----------
    task : Task
        With its thresholds.
    calibration : Calibration
        What makes its probabilities honest.
    scores : dict of str to float
        Mean over the images that have something to measure.
    reliability : list of dict
        How often what is said is so; rows of `Record.reliability`.
    fast : dict or None
        What `compare` found of a faster engine.
    coherence : float or None
        How well objects usually fit their maps.
    tile_difference : float or None
        The largest difference that tiles make.
    """

    task: Task
    calibration: Calibration
    scores: dict[str, float]
    reliability: list[dict[str, Any]]
    fast: dict[str, Any] | None
    coherence: float | None
    tile_difference: float | None
