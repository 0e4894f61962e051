"""How long and how to train: the settings, and what follows from them alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from ..components import component
from ..errors import invalid
from ..patches.augment import Augment

DEFAULT_MINUTES = 10.0
USUAL_BATCH = 8


@component
@dataclass(frozen=True)
class Trainer:
    """How long and how to train.

    Parameters
    ----------
    minutes, iterations, epochs : number, optional
        How long; give one at most (default: 10 minutes). `minutes` is wall time of the whole
        call, of which starting takes about a quarter of one. An epoch is as many patches as
        there are training images.
    batch_size : int, optional
        Patches in a batch. Default: planned, 8 in 2-D and 2 in 3-D unless patches are large or
        memory is small.
    patch_px : tuple of int, optional
        Patch size in px per axis; one number means every axis. Default: planned, 128 in 2-D
        unless objects are large, about 64 x 64 x 64 px of equal physical size in 3-D; never
        larger than the images need.
    learning_rate : float, default 0.001
        Peak learning rate.
    optimizer : {"adam", "adamw", "sgd"}, default "adam"
        "sgd" has Nesterov momentum 0.9.
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
        "auto": bfloat16 where the hardware has it, else float32.
    threads : int, optional
        Cores to use; default all that the process may.
    cache_gb : float, default 2.0
        Decoded images kept in memory at most, in GB.
    checkpoint_s : float, default 30.0
        Seconds between saved states (only with `out`).
    knots : tuple of tuple of float, optional
        (iteration, progress, slope) of a timed run, to replay it with `iterations`.

    Examples
    --------
    >>> Trainer(minutes=10).minutes
    10.0
    >>> Trainer(iterations=100).length(images=4)
    (100, None)
    """

    minutes: float | None = None
    iterations: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    patch_px: tuple[int, ...] | None = None
    learning_rate: float = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.05
    patience: int | None = None
    augment: Augment | str | None = "default"
    foreground: float = 0.5
    balance: bool = True
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = None
    cache_gb: float = 2.0
    checkpoint_s: float = 30.0
    knots: tuple[tuple[float, float, float], ...] | None = None

    def __post_init__(self) -> None:
        given = [n for n in ("minutes", "iterations", "epochs") if getattr(self, n) is not None]
        if len(given) > 1:
            raise invalid("trainer", expected="one of minutes, iterations, epochs", received=given)
        for name in (*given, "batch_size", "learning_rate", "threads", "patience"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise invalid(name, expected="a number above 0", received=repr(value))
        for name in ("iterations", "epochs", "batch_size", "threads", "patience"):
            value = getattr(self, name)
            if value is not None and value != int(value):
                raise invalid(name, expected="a whole number, 1 or more", received=repr(value))
        for name, known in (
            ("optimizer", ("adam", "adamw", "sgd")),
            ("schedule", ("cosine", "constant")),
            ("precision", ("auto", "float32", "bfloat16")),
        ):
            if getattr(self, name) not in known:
                raise invalid(name, expected=f"one of {known}", received=getattr(self, name))
        for name in ("weight_decay", "cache_gb", "checkpoint_s"):
            if not getattr(self, name) >= 0:
                raise invalid(name, expected="0 or more", received=getattr(self, name))
        for name in ("warmup", "foreground"):
            if not 0 <= getattr(self, name) <= 1:
                raise invalid(name, expected="a share in 0..1", received=getattr(self, name))
        if self.minutes is not None:
            object.__setattr__(self, "minutes", float(self.minutes))
        if isinstance(self.patch_px, int):
            object.__setattr__(self, "patch_px", (self.patch_px,))
        if self.patch_px is not None and not all(edge > 0 for edge in self.patch_px):
            raise invalid("patch_px", expected="numbers above 0", received=self.patch_px)
        if isinstance(self.augment, str):
            Augment.preset(self.augment)

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
            return keras.optimizers.SGD(self.learning_rate, momentum=0.9, nesterov=True)
        if self.optimizer == "adamw":
            return keras.optimizers.AdamW(self.learning_rate, weight_decay=self.weight_decay)
        return keras.optimizers.Adam(self.learning_rate)
