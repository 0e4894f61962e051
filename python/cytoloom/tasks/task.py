"""The task protocol: what is learned, how maps become labels, and how these are scored.

A task is the only place that knows what the network's heads mean. It turns the labels of a
patch into what each head should say (`Task.target`), turns the maps of a whole image back
into labels (`Task.decode`), fits the few numbers of that decoding to validation images
(`Task.tune`), and scores the outcome (`Task.score`). A new task is one new file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .found import Found
from .head import Head
from .labelled import Labelled
from .labels import (
    EMPTY,
    Array,
    Spacing,
    two_classes,
)
from .pairs import Pairs, overlap_scores, pairs_of

if TYPE_CHECKING:
    from ..patches.sample import Sample


Target = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
Maps = Mapping[str, Array]
Truth = tuple[Array, Array | None]

LOW_DICE = 0.3
"""Below this a model is hardly of use."""
LOOK = "Train longer, or look whether the labels fit the images."
"""What to do where a model is of no use."""


class Task(Labelled):
    """Base of all tasks; a task is a component (frozen dataclass) that fills these in.

    `heads`, `target` and `decode` are needed; all else has a default that suits masks. Every
    method is a pure function of the task's fields and its arguments and needs NumPy, SciPy or
    scikit-image only. A task outside this package is as good: the how-to "A task of your own"
    builds one.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from cytoloom.components import component
    >>> @component
    ... @dataclass(frozen=True)
    ... class Bright(Task):
    ...     heads = {"bright": Head(1, "sigmoid")}
    ...
    ...     def target(self, sample):
    ...         known = sample["known"][..., None].astype(np.float32)
    ...         return {"bright": ((sample["labels"] > 0)[..., None] * known, known)}
    ...
    ...     def decode(self, maps, spacing_um=None):
    ...         return Found((maps["bright"][..., 0] > 0.5).astype(np.uint8), semantic=True)
    >>> Bright().label_names
    ('background', 'foreground')
    """

    learned_of: ClassVar[str] = ""
    """Of what else than images with labels it is learned, in words."""

    @property
    def inputs(self) -> dict[str, int | None]:
        """Network inputs and their channels; None means as many as the images have."""
        return {"image": None}

    @property
    def heads(self) -> dict[str, Head]:
        """Network outputs by name."""
        raise NotImplementedError

    @property
    def context_px(self) -> int:
        """Pixels that `target` must see around a patch to be exact inside it."""
        return 0

    @property
    def locality(self) -> int | str:
        """How far a map's pixel reaches in `decode`: a radius in px, or ``"component"``."""
        return "component"

    @property
    def directional(self) -> bool:
        """Whether maps speak of directions or steps in pixels.

        Then images are neither looked at flipped and turned, nor enlarged: the mean of such maps
        would say nothing.
        """
        return False

    def check_ready(self) -> None:
        """Refuse to start where something is missing that decoding needs, such as a package.

        Called before a training starts.

        Raises
        ------
        InvalidError
            With what to install.
        """

    def fitted_to(self, labels: Iterable[tuple[Array, Spacing]]) -> Task:
        """Return this task with what it has to know of the training labels before it can learn.

        Called once, before anything is planned.

        Parameters
        ----------
        labels : iterable of (ndarray of int, sequence of float or None)
            Some of the training labels as stored, unknown pixels 0, each with the size of its
            pixels; read as they are asked for.

        Returns
        -------
        Task
            Unless a task says otherwise, this one.
        """
        return self

    @property
    def channel_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the channels of heads, where these stand for something that has one.

        Fine-tuning takes such channels over by their names: classes may come, go and move.
        """
        return {}

    @property
    def class_heads(self) -> tuple[str, ...]:
        """Heads whose maps are probabilities of classes, which can be made honest."""
        return ()

    @property
    def main_scores(self) -> tuple[str, ...]:
        """Names of the scores by which people know a model, the first the most telling."""
        return ("dice",)

    def target(self, sample: Sample) -> Target:
        """Make what the network learns from a sample's labels.

        Parameters
        ----------
        sample : Sample
            With arrays ``"labels"`` and, where some pixels are unknown, ``"known"``; larger
            than the patch by `context_px` on each side.

        Returns
        -------
        dict of (value, weight)
            Per head float32 arrays (spatial..., channels) and (spatial..., 1 or channels) of the
            sample's spatial shape; the caller crops the context away. Weight 0 means unknown.

        Examples
        --------
        >>> from cytoloom.patches.sample import Sample
        >>> from cytoloom.tasks import Binary
        >>> sample = Sample({"labels": np.array([[0, 7]])}, {"labels": "labels"})
        >>> Binary().target(sample)["foreground"][0][..., 0]
        array([[0., 1.]], dtype=float32)
        """
        raise NotImplementedError

    def decode(self, maps: Maps, spacing_um: Spacing = None) -> Found:
        """Turn one image's maps into labels.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            One map per head, after its activation; may be memory-mapped.
        spacing_um : sequence of float, optional
            Micrometres per pixel along each spatial axis.

        Returns
        -------
        Found
            Labels, and whether they are classes.

        Examples
        --------
        >>> from cytoloom.tasks import Binary
        >>> Binary().decode({"foreground": np.array([[[0.2], [0.9]]])}).labels
        array([[0, 1]], dtype=uint8)
        """
        raise NotImplementedError

    def tune(
        self, maps: Sequence[Maps], truths: Sequence[Truth], spacing_um: Spacing = None
    ) -> Task:
        """Fit the fields that `decode` uses to validation images.

        Parameters
        ----------
        maps : sequence of dict
            As for `decode`, one per image.
        truths : sequence of (labels, known or None)
            Labels and the boolean array of pixels that count, for the same images.
        spacing_um : sequence of float, optional
            Micrometres per pixel.

        Returns
        -------
        Task
            A new task of the same kind.

        Examples
        --------
        >>> from cytoloom.tasks import Binary
        >>> maps = {"foreground": np.array([[[0.1], [0.3]]])}
        >>> 0.1 <= Binary().tune([maps], [(np.array([[0, 1]]), None)]).threshold < 0.3
        True
        """
        return self

    def score(
        self, truth: Array, found: Found, known: Array | None = None, spacing_um: Spacing = None
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Score one image.

        Parameters
        ----------
        truth : ndarray of int, shape (y, x) or (z, y, x)
            Labels, as `prepare` returned them.
        found : Found
            What `decode` made of the image.
        known : ndarray of bool, optional
            Pixels that count; all by default.
        spacing_um : sequence of float, optional
            Micrometres per pixel.

        Returns
        -------
        (dict, list of dict)
            Metric names and values, and one row per object with ``truth``, ``found``, ``iou``
            and ``matched``. A missing partner's id is 0. Unless a task says otherwise: Dice,
            IoU, precision and recall of all that is not background, and no rows. A metric that
            has nothing to measure is NaN, and means leave it out: where there is nothing to
            find and nothing found, finding nothing must not win. What is found on an image that
            has nothing scores 0, and ``n_found_on_empty``, which only such images have, counts
            its objects.

        Examples
        --------
        >>> from cytoloom.tasks import Binary
        >>> Binary().score(np.array([[0, 1, 1]]), Found(np.array([[0, 1, 0]])))[0]["iou"]
        0.5
        """
        return self.score_pairs(pairs_of(truth, found, known))

    def score_pairs(self, pairs: Pairs) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Score an image by which labels of truth and result meet.

        All that is known of an image too large to be scored as a whole. Scores that need more
        belong into `score`, which adds them to these.

        Parameters
        ----------
        pairs : Pairs
            The table of labels that meet, and what is found where there is nothing.

        Returns
        -------
        (dict, list of dict)
            As `score`.

        Examples
        --------
        >>> from cytoloom.tasks import Binary
        >>> pairs = pairs_of(np.array([[0, 1, 1]]), Found(np.array([[0, 1, 0]])))
        >>> Binary().score_pairs(pairs)[0]["iou"]
        0.5
        """
        return overlap_scores(pairs.overlap()) | pairs.found_on_empty(), []

    def score_range(self, metric: str) -> tuple[float, float]:
        """Return the least and the largest value that a metric may have.

        The interval of its mean stays within. Unless a task says otherwise, metrics whose
        names begin with ``n_`` are counts, and all others go from 0 to 1.

        Parameters
        ----------
        metric : str
            A name that `score` gives.

        Returns
        -------
        (float, float)
            Infinite where there is no end.

        Examples
        --------
        >>> Task().score_range("dice"), Task().score_range("n_found")
        ((0.0, 1.0), (0.0, inf))
        """
        return (0.0, float("inf")) if metric.startswith("n_") else (0.0, 1.0)

    def never_below(self, metric: str) -> tuple[str, ...]:
        """Return the metrics that this one is never below in any image, by definition.

        Intervals of their means agree with that. Unless a task says otherwise, IoU is never
        above Dice.

        Parameters
        ----------
        metric : str
            A name that `score` gives.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> Task().never_below("dice_nucleus"), Task().never_below("iou")
        (('iou_nucleus',), ())
        """
        return (metric.replace("dice", "iou", 1),) if metric.startswith("dice") else ()

    def less_is_better(self, metric: str) -> bool:
        """Whether a smaller value of a metric is the better one.

        By it models are compared. Unless a task says otherwise, that is so of what is found where
        there is nothing.

        Parameters
        ----------
        metric : str
            A name that `score` gives.

        Returns
        -------
        bool

        Examples
        --------
        >>> Task().less_is_better("dice"), Task().less_is_better("n_found_on_empty")
        (False, True)
        """
        return metric.startswith(EMPTY)

    def doubts(self, scores: Mapping[str, float]) -> list[str]:
        """Say why a model with these scores may be of no use.

        Parameters
        ----------
        scores : dict of str to float
            Means over the validation images that have something to measure; a metric is missing
            where none has.

        Returns
        -------
        list of str
            One sentence per reason; none for a model that does something.

        Examples
        --------
        >>> len(Task().doubts({"dice": 0.1})), Task().doubts({"dice": 0.9})
        (1, [])
        >>> Task().doubts({"n_found_on_empty": 7.5})[0]
        'On the validation images there is nothing to find, and 7.5 false objects are found ...'
        """
        extra = scores.get(EMPTY, 0.0)
        if "dice" not in scores and extra:
            none = f"there is nothing to find, and {extra:.1f} false objects are found on each"
            return [f"On the validation images {none}. {LOOK}"]
        if scores.get("dice", 1.0) >= LOW_DICE:
            return []
        empty = f"; those without anything to find have {extra:.1f} false objects each"
        only = f"only {scores['dice']:.2f}{empty if extra else ''}"
        return [f"Dice on the validation images is {only}. {LOOK}"]

    def keeping_all(self) -> Task:
        """Return this task without filters on what it finds, to look at objects of any size.

        Returns
        -------
        Task

        Examples
        --------
        >>> from cytoloom.tasks import Instances
        >>> Instances(min_area_px=30).keeping_all().min_area_px
        0
        """
        return self

    def kept(self, maps: Maps, found: Found) -> Found:
        """Return what this task keeps of all that the one without filters finds.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.
        found : Found
            What `keeping_all` made of them.

        Returns
        -------
        Found
            As `decode` of this task.
        """
        return found

    def evidence(self, maps: Maps, labels: Array) -> dict[str, Array]:
        """Return what maps say of object pixels beside foreground, larger where they are surer.

        By it is judged which objects are real.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`, of a part of an image with `context_px` around it.
        labels : ndarray of int (spatial...)
            Objects found there.

        Returns
        -------
        dict of str to float ndarray (spatial...)
            From 0 to 1; unless a task says otherwise nothing.
        """
        return {}

    def coherence(self, maps: Maps, found: Found) -> float:
        """How well the maps fit the objects made of them, at most 1; larger is better.

        For comparing sizes at which one image is shown to the network.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.
        found : Found
            What `decode` made of them.

        Returns
        -------
        float
            NaN where a task cannot say.
        """
        return float("nan")

    def class_probabilities(self, maps: Maps) -> Array | None:
        """Return what maps say of the class of each pixel's object (spatial..., classes).

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.

        Returns
        -------
        ndarray of float or None
            None, unless a task says otherwise: objects have no classes.
        """
        return None

    def probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Class probabilities (spatial..., classes) that sum to 1, background first.

        Unless a task says otherwise, of background and `foreground`.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.

        Returns
        -------
        ndarray of float32

        Examples
        --------
        >>> from cytoloom.tasks import Binary
        >>> Binary().probabilities({"foreground": np.array([[[0.25]]])})
        array([[[0.75, 0.25]]], dtype=float32)
        """
        return two_classes(self.foreground(maps))

    def foreground(self, maps: Maps) -> NDArray[np.float32]:
        """Foreground probability (spatial...); unless a task says otherwise the first map's.

        Parameters
        ----------
        maps : dict of ndarray, float32 (spatial..., channels)
            As for `decode`.

        Returns
        -------
        ndarray of float32
        """
        return np.asarray(maps[next(iter(self.heads))][..., 0])
