"""How long and how to train: the settings, and what follows from them alone."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from ..components import component
from ..components.arguments import checked
from ..components.rules import Between, Rule, at_least, below_one, count, positive, ruled, share
from ..errors import GuessWarning
from ..messages import Either, say
from ..patches.augment import PRESETS, Augment
from . import deepflash2

DEFAULT_MINUTES = 10.0
USUAL_BATCH = 8
Knots = tuple[tuple[float, float, float], ...]
"""(iteration, progress, slope) where the pace of a timed run changed."""
LENGTHS = ("minutes", "iterations", "epochs")
NAMES = '"none", "light", "default" or "strong"'
AUGMENT = Rule(
    say("{}", Either(f"an Augment, None, {NAMES}", f"a cl_augment(), NULL, {NAMES}", NAMES)),
    words=tuple(PRESETS),
    component="Augment",
)


@component
@dataclass(frozen=True)
class Trainer:
    """How long and how to train.

    Parameters
    ----------
    minutes : float, optional
        How long the whole call may take, of which starting takes about a quarter of a minute.
        Give one of `minutes`, `iterations` and `epochs` at most; default 10 minutes.
    iterations : int, optional
        How many batches to learn from.
    epochs : int, optional
        How often to see each image: an epoch is as many patches as there are training images.
    batch_size : int, optional
        Patches in a batch. Default: planned, 8 in 2-D and 2 in 3-D unless patches are large or
        memory is small.
    patch_px : tuple of int, optional
        Patch size in px per axis; one number means every axis. Default: planned, 128 in 2-D
        unless objects are large, about 64 x 64 x 64 px of equal physical size in 3-D; never
        larger than the images need.
    learning_rate : float, default 0.001
        Peak learning rate.
    optimizer : {"adam", "adamw", "sgd", "adagrad"}, default "adam"
        How weights follow gradients; "sgd" has Nesterov's momentum.
    momentum : float, default 0.9
        For "sgd".
    weight_decay : float, default 0.0
        Decoupled weight decay, for "adamw".
    schedule : {"cosine", "constant"}, default "cosine"
        Shape of the learning rate after the warm-up.
    warmup : float, default 0.05
        Share of the run in which the learning rate rises from a tenth to its peak.
    patience : int, optional
        Stop after so many validations (20 in a whole run) without improvement. Default: never,
        since stopping early cuts the cosine's tail.
    augment : Augment, str or None, default "default"
        Augmentation, or the name of a preset.
    foreground : float, default 0.5
        Share of patches centred on a foreground pixel.
    balance : bool, default True
        Draw the class of such a pixel first, so that rare classes are seen as often.
    precision : {"auto", "float32", "bfloat16"}, default "auto"
        Number type of the computation; "auto" is bfloat16 where the hardware has it, else float32.
    threads : int, optional
        Cores to use; default all that the process may.
    devices : "all", optional
        Train on all GPUs (without one, on all that the backend takes for a processor), each on its
        part of every batch, whose size they must divide; not with PyTorch. Default: one device.
    cache_gb : float, default 2.0
        Decoded images kept in memory at most, in GB.
    checkpoint_s : float, default 30.0
        Seconds between saved states (only with `out`).
    annotators : {"consensus", "soft", "draw", "first"}, default "consensus"
        Whose labels are learned where an image has several: what they agree on (masks and classes
        by STAPLE, objects by majority); the mean of what each of them asks for; those of one that
        is drawn anew for each patch; or those of the first. Validation and `evaluate` go by the
        consensus unless it is "first".
    knots : tuple of tuple of float, optional
        (iteration, progress, slope) of a timed run, to replay it with `iterations`.

    Examples
    --------
    >>> Trainer(minutes=10).minutes
    10.0
    >>> Trainer(iterations=100).length(images=4)
    (100, None)
    """

    minutes: float | None = positive(None)
    iterations: int | None = count(None)
    epochs: int | None = count(None)
    batch_size: int | None = count(None)
    patch_px: tuple[int, ...] | None = ruled(
        None, Rule("whole numbers above 0", 1, whole=True, length=0)
    )
    learning_rate: float = positive(1e-3)
    optimizer: Literal["adam", "adamw", "sgd", "adagrad"] = "adam"
    momentum: float = below_one(0.9)
    weight_decay: float = at_least(0, 0.0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = share(0.05)
    patience: int | None = count(None)
    augment: Augment | str | None = ruled("default", AUGMENT)
    foreground: float = share(0.5)
    balance: bool = True
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = count(None)
    devices: Literal["all"] | None = None
    cache_gb: float = at_least(0, 2.0)
    checkpoint_s: float = at_least(0, 30.0)
    annotators: Literal["consensus", "soft", "draw", "first"] = "consensus"
    knots: Knots | None = ruled(
        None, Rule("rows of three numbers: iteration, progress, slope", columns=3)
    )

    between: ClassVar = (Between(LENGTHS, "one_of", "one of minutes, iterations, epochs"),)

    def __post_init__(self) -> None:
        if self.minutes is not None:
            object.__setattr__(self, "minutes", float(self.minutes))
        if isinstance(self.patch_px, int):
            object.__setattr__(self, "patch_px", (self.patch_px,))

    @classmethod
    @checked
    def from_deepflash2(cls, path: str | os.PathLike[str]) -> Self:
        """Read the settings that deepflash2 trained with.

        What they say of length, batch, tiles, learning rate, optimizer, augmentation and precision
        is taken over. Its default of 25 epochs of 400 tiles or more becomes 2500 iterations of 4
        patches.

        Parameters
        ----------
        path : path
            A file of its ``Config.save``, such as ``config.json``, of any version.

        Returns
        -------
        Trainer
            A warning says what is to be given elsewhere (members, folds, seed, task), and what has
            no counterpart.

        Raises
        ------
        InvalidError
            No such file, one of something else, or values that cannot be used.

        Notes
        -----
        An epoch has ``images / batch_size`` iterations in both, so that n iterations are
        ``ceil(n / (images / batch_size))`` epochs. See :doc:`/howto/deepflash2`.

        Examples
        --------
        >>> import pathlib, tempfile, warnings
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "config.json"
        >>> _ = path.write_text('{"n_iter": 1000, "batch_size": 4, "base_lr": 0.002}')
        >>> with warnings.catch_warnings(record=True, action="always") as said:
        ...     trainer = Trainer.from_deepflash2(path)
        >>> trainer.iterations, trainer.batch_size, trainer.learning_rate, len(said)
        (1000, 4, 0.002, 1)
        """
        fields, notice = deepflash2.read(Path(path).expanduser())
        warnings.warn(GuessWarning(notice), stacklevel=3)
        return cls(**fields)

    def length(self, images: int) -> tuple[int | None, float | None]:
        """Return (iterations, None), or (None, minutes) for a time budget.

        Parameters
        ----------
        images : int
            Training images; an epoch has ``images / batch_size`` iterations.

        Returns
        -------
        (int or None, float or None)
            One of them is None.

        Examples
        --------
        >>> Trainer(epochs=2, batch_size=4).length(images=10), Trainer(minutes=5).length(10)
        ((5, None), (None, 5.0))
        """
        if self.iterations is not None:
            return self.iterations, None
        if self.epochs is not None:
            return math.ceil(self.epochs * images / (self.batch_size or USUAL_BATCH)), None
        return None, self.minutes or DEFAULT_MINUTES

    def rate(self, progress: float) -> float:
        """Learning rate at a progress of 0..1.

        Parameters
        ----------
        progress : float
            Share of the training that is done.

        Returns
        -------
        float
            Rising linearly over `warmup`, then as `schedule` says (cosine:
            doi:10.48550/arXiv.1608.03983).

        Examples
        --------
        >>> Trainer(learning_rate=0.1, warmup=0.5).rate(0.5)
        0.1
        >>> round(Trainer(learning_rate=0.1).rate(1.0), 6)
        0.0
        """
        if progress < self.warmup:
            return self.learning_rate * (0.1 + 0.9 * progress / self.warmup)
        if self.schedule == "constant":
            return self.learning_rate
        rest = (progress - self.warmup) / max(1 - self.warmup, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, rest)))

    def make_optimizer(self, keras: Any) -> Any:
        """Build the Keras optimizer.

        Parameters
        ----------
        keras : module
            As `backend.require` returns it.

        Returns
        -------
        keras.optimizers.Optimizer
            Nesterov's momentum for "sgd"; Adam (doi:10.48550/arXiv.1412.6980) or AdamW
            (doi:10.48550/arXiv.1711.05101).
        """
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(self.learning_rate, self.momentum, nesterov=True)
        if self.optimizer == "adagrad":
            return keras.optimizers.Adagrad(self.learning_rate)
        if self.optimizer == "adamw":
            return keras.optimizers.AdamW(self.learning_rate, weight_decay=self.weight_decay)
        return keras.optimizers.Adam(self.learning_rate)


def replayed(trainer: Trainer, iterations: int, knots: Knots) -> Trainer:
    """Return a trainer that goes step by step as a training went; not by time, it does so anyway.

    Parameters
    ----------
    trainer : Trainer
        Of the training.
    iterations : int
        What it came to.
    knots : tuple of tuple of float
        Where its pace changed.

    Examples
    --------
    >>> replayed(Trainer(minutes=10), 37, ((0, 0.0, 0.1),)).length(images=4)
    (37, None)
    >>> replayed(Trainer(iterations=5), 5, ()) == Trainer(iterations=5)
    True
    """
    if trainer.length(1)[1] is None:
        return trainer
    return replace(trainer, minutes=None, iterations=iterations, knots=knots)
