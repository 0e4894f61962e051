"""What travels through sampling and augmentation, and the sampler that draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import invalid
from ..messages import say
from .positions import Foreground, find_foreground, gather, limit_per_image
from .tiles import Slices
from .warp import Placed, Warp

if TYPE_CHECKING:
    from .augment import Augment

TRIES = 8
"""Pixels drawn anew at most where one counts nowhere: where nine tenths of an image are padding,
six patches of ten are centred on the rest, instead of one."""
Role = Literal["intensity", "labels", "soft", "known", "points", "vectors"]
ROLES: dict[str, Role] = {"image": "intensity", "labels": "labels", "known": "known"}


class Readable(Protocol):
    """What a sampler needs of a source: its shape, and regions of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(spatial..., c)`` of images, ``(spatial...)`` of labels."""

    def read(self, slices: Slices | None = None) -> npt.NDArray[Any]:
        """Read the region given by one slice per spatial axis."""


class Normalizes(Protocol):
    """What a sampler needs of a normalisation."""

    def apply(self, array: npt.NDArray[Any], stats: Any) -> npt.NDArray[np.float32]:
        """Normalise ``(spatial..., c)`` by the statistics of the whole image."""


@dataclass(frozen=True)
class Sample:
    """Named arrays of one patch, each with the role that decides how it is transformed.

    Attributes
    ----------
    arrays : mapping of str to ndarray
        By convention ``"image"`` float32 ``(spatial..., c)``, ``"labels"`` int32 ``(spatial...)``
        with 0 where unknown, and ``"known"`` bool ``(spatial...)``.
    roles : mapping of str to str
        "intensity", "labels", "soft", "known", "points" or "vectors" for each array.
    spacing_um : tuple of float or None
        Pixel size per spatial axis.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    roles: Mapping[str, Role]
    spacing_um: tuple[float, ...] | None = None

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]


@dataclass(frozen=True, eq=False)
class Reader:
    """One training image with its labels, read region by region.

    Attributes
    ----------
    id : str
        Name of the image.
    image : Readable
        Pixels ``(spatial..., c)`` as stored.
    stats : object
        What `normalize` fitted to the whole image.
    normalize : Normalizes
        Makes float32 of a region.
    labels : Readable
        Integers ``(spatial...)``; 0 is background.
    unknown : int or None, default None
        Label value that counts nowhere.
    spacing_um : tuple of float or None, default None
        Pixel size per spatial axis; None: equal.
    roi : tuple of slice or None, default None
        The only part of the image whose labels count.
    weight : float, default 1.0
        How often this image is drawn, relative to the others.
    share : (str, float) or None, default None
        Of several data sets, the one that it is of, and how often patches are drawn from this one.
    drawn : tuple of Readable, default ()
        The labels of each of several annotators, read beside `labels`.
    """

    id: str
    image: Readable
    stats: Any
    normalize: Normalizes
    labels: Readable
    unknown: int | None = None
    spacing_um: tuple[float, ...] | None = None
    roi: Slices | None = None
    weight: float = 1.0
    share: tuple[str, float] | None = None
    drawn: tuple[Readable, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial shape of the image in px."""
        return tuple(self.image.shape[:-1])

    @property
    def bounds(self) -> Slices:
        """First and one past the last pixel whose label counts, per axis."""
        roi = self.roi or (slice(None),) * len(self.size)
        ends = [r.indices(n) for r, n in zip(roi, self.size, strict=True)]
        return tuple(slice(start, stop) for start, stop, _ in ends)


@dataclass(frozen=True, eq=False)
class _Set:
    """The images of one data set, how often each is drawn, and where they have foreground."""

    readers: tuple[Reader, ...]
    weights: npt.NDArray[np.float64]
    found: Foreground

    @classmethod
    def of(cls, pairs: Sequence[tuple[Reader, dict[int, npt.NDArray[np.int32]]]]) -> _Set:
        """Put images together with what was found in each."""
        readers = tuple(reader for reader, _ in pairs)
        weights = np.array([reader.weight for reader in readers], np.float64)
        return cls(readers, weights, gather([found for _, found in pairs]))


class Sampler:
    """Draws patches from images, balanced over images, foreground and classes.

    Parameters
    ----------
    readers : sequence of Reader
        The images; each is drawn in proportion to its weight, of several sets first one of these.
    patch_px : tuple of int
        Spatial shape of a patch in px.
    context_px : int, default 0
        Pixels added on every side of labels, for targets that must see further than the patch:
        ``"labels"`` and ``"known"`` have the spatial shape ``patch_px + 2 * context_px``,
        ``"image"`` has ``patch_px``.
    augment : Augment or None, default None
        What is done to each patch.
    foreground : float, default 0.5
        Probability that a patch is placed on a foreground pixel rather than on any pixel.
    balance : bool, default True
        Whether label values are classes, drawn equally often as that foreground pixel; False
        where values number objects: all above 0 are then one foreground.
    seed : int, default 0
        Chooses which foreground pixels are remembered.

    Notes
    -----
    The patch is centred on the drawn pixel, or moved inwards where it would leave the image.
    Outside the image (corners of a turned patch, images smaller than a patch) pixels are
    mirrored and their labels are unknown. Construction reads all labels once, or where these say
    so (``looked_at``) some parts of them, and remembers at most 4096 foreground pixels per image
    and class; images are read by region, patch by patch.
    A sampler holds no state that drawing changes, so any number of threads may draw from it.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        patch_px: Sequence[int],
        context_px: int = 0,
        augment: Augment | None = None,
        *,
        foreground: float = 0.5,
        balance: bool = True,
        seed: int = 0,
    ) -> None:
        self.readers = tuple(r for r in readers if r.weight > 0)
        self.patch_px = tuple(patch_px)
        self.context_px = context_px
        self.augment = augment
        self.foreground = foreground
        _check(self.readers, self.patch_px)
        limit = limit_per_image(len(self.readers))
        found = [
            _remember(r, balance, limit, np.random.default_rng([seed, i])) if foreground > 0 else {}
            for i, r in enumerate(self.readers)
        ]
        sets = dict.fromkeys(r.share for r in self.readers)
        self._sets = [
            _Set.of([(r, f) for r, f in zip(self.readers, found, strict=True) if r.share == share])
            for share in sets
        ]
        self._shares = np.array([share[1] if share else 1.0 for share in sets], np.float64)

    @property
    def window_px(self) -> tuple[int, ...]:
        """Spatial shape of the labels of a sample: the patch with its context."""
        return tuple(n + 2 * self.context_px for n in self.patch_px)

    def batch(self, seed: int, i: int, batch_size: int) -> list[Sample]:
        """Draw batch `i`: a pure function of (seed, i), whoever draws it and in what order."""
        # a generator for each patch, not one for all: a patch does not depend on how many random
        # numbers those before it used up
        rngs = (np.random.default_rng([seed, i, k]) for k in range(batch_size))
        return [self.patch(rng) for rng in rngs]

    def patch(self, rng: np.random.Generator) -> Sample:
        """Draw one patch.

        Parameters
        ----------
        rng : numpy.random.Generator
            Decides everything.

        Returns
        -------
        Sample
            ``image``, ``labels`` and ``known``.
        """
        reader, pixel = self._place(rng)
        warp = self._warp(reader, rng)
        placed = Placed(warp, self._start(reader, pixel, warp), reader.size)
        sample = read_sample(reader, placed, self.context_px)
        if self.augment is None:
            return sample
        image = self.augment.intensities(sample["image"], rng, sample.spacing_um)
        return replace(sample, arrays={**sample.arrays, "image": image})

    def _place(self, rng: np.random.Generator) -> tuple[Reader, npt.NDArray[np.int32]]:
        one = self._sets[0 if len(self._sets) == 1 else _draw(self._shares, rng)]
        found = one.found
        # first a class, then an image that has it: rare classes are seen as often as common ones
        if found.classes and rng.random() < self.foreground:
            label = found.classes[rng.integers(len(found.classes))]
            images = found.images[label]
            index = int(images[_draw(one.weights[images], rng)])
            pixels = found.pixels[label, index]
            return one.readers[index], pixels[rng.integers(len(pixels))]
        reader = one.readers[_draw(one.weights, rng)]
        pixel = _anywhere(reader, rng)
        for _ in range(TRIES):
            if reader.unknown is None or _label_at(reader, pixel) != reader.unknown:
                break
            pixel = _anywhere(reader, rng)
        return reader, pixel

    def _warp(self, reader: Reader, rng: np.random.Generator) -> Warp:
        if self.augment is None:
            return Warp.identity(self.window_px)
        return self.augment.draw(rng, self.window_px, reader.spacing_um)

    def _start(self, reader: Reader, pixel: npt.NDArray[np.int32], warp: Warp) -> tuple[int, ...]:
        starts = []
        # the patch is moved inwards, not its context: labels around it may lie outside
        for p, window, bound in zip(pixel, warp.source_shape, reader.bounds, strict=True):
            patch = window - 2 * self.context_px
            # sorted: an image smaller than the patch may lie anywhere inside it
            first, last = sorted((bound.start, bound.stop - patch))
            starts.append(min(max(int(p) - patch // 2, first), last) - self.context_px)
        return tuple(starts)


def read_sample(reader: Reader, placed: Placed, context_px: int = 0) -> Sample:
    """Read one warped window of an image with its labels, and nothing beyond it.

    Parameters
    ----------
    reader : Reader
        The image.
    placed : Placed
        Which window, and how it is warped.
    context_px : int, default 0
        Pixels on every side of the window of which only the labels are wanted.

    Returns
    -------
    Sample
        Labels are 0 where they are not known. What annotators drew is in ``labels0``, ``known0``,
        ``labels1``, ...
    """

    def prepare(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        return reader.normalize.apply(pixels, reader.stats)

    image = placed.linear(reader.image.read, prepare, context_px)
    inside = placed.inside(reader.bounds)
    arrays: dict[str, npt.NDArray[Any]] = {"image": image}
    roles: dict[str, Role] = {"image": ROLES["image"]}
    for end, source in (("", reader.labels), *enumerate(reader.drawn)):
        labels, known = placed.nearest(source.read), inside
        if reader.unknown is not None:
            known = known & (labels != reader.unknown)
        labels = np.where(known, labels, 0).astype(np.int32, copy=False)
        arrays |= {f"labels{end}": labels, f"known{end}": known}
        roles |= {f"labels{end}": ROLES["labels"], f"known{end}": ROLES["known"]}
    return Sample(arrays, roles, reader.spacing_um)


def _check(readers: Sequence[Reader], patch_px: tuple[int, ...]) -> None:
    if not readers:
        raise invalid("readers", expected="an image with a weight above 0", received="none")
    for r in readers:
        if len(r.size) != len(patch_px):
            expected = f"one value per spatial axis of {r.id} {r.size}"
            raise invalid("patch_px", expected=expected, received=patch_px)
        if tuple(r.labels.shape) != r.size:
            received = say("image {}, labels {}", r.size, tuple(r.labels.shape))
            raise invalid(r.id, expected="image and labels of one size", received=received)


def _remember(
    reader: Reader, by_class: bool, limit: int, rng: np.random.Generator
) -> dict[int, npt.NDArray[np.int32]]:
    bounds = reader.bounds
    parts = getattr(reader.labels, "looked_at", None)
    if parts is not None:
        return _remember_parts(reader, parts, by_class, limit, rng)
    labels = reader.labels.read(bounds)
    known = None if reader.unknown is None else labels != reader.unknown
    found = find_foreground(labels, known, by_class=by_class, limit=limit, rng=rng)
    first = np.array([b.start for b in bounds], np.int32)
    return {label: pixels + first for label, pixels in found.items()}


def _remember_parts(
    reader: Reader, parts: Sequence[Slices], by_class: bool, limit: int, rng: np.random.Generator
) -> dict[int, npt.NDArray[np.int32]]:
    """Find foreground in some parts of labels that are too large to be read as a whole."""
    found: dict[int, list[npt.NDArray[np.int32]]] = {}
    for box in parts:
        ends = [
            (max(one.start, b.start), min(one.stop, b.stop))
            for one, b in zip(box, reader.bounds, strict=True)
        ]
        if any(start >= stop for start, stop in ends):
            continue
        labels = reader.labels.read(tuple(slice(*pair) for pair in ends))
        known = None if reader.unknown is None else labels != reader.unknown
        here = find_foreground(labels, known, by_class=by_class, limit=limit, rng=rng)
        first = np.array([start for start, _ in ends], np.int32)
        for label, pixels in here.items():
            found.setdefault(label, []).append(pixels + first)
    every = {label: np.unique(np.concatenate(found[label]), axis=0) for label in sorted(found)}
    return {
        label: pixels
        if len(pixels) <= limit
        else pixels[np.sort(rng.choice(len(pixels), limit, replace=False))]
        for label, pixels in every.items()
    }


def _anywhere(reader: Reader, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    return np.array([rng.integers(b.start, b.stop) for b in reader.bounds], np.int32)


def _label_at(reader: Reader, pixel: npt.NDArray[np.int32]) -> int:
    return int(reader.labels.read(tuple(slice(int(p), int(p) + 1) for p in pixel)).item())


def _draw(weights: npt.NDArray[np.float64], rng: np.random.Generator) -> int:
    cumulative = np.cumsum(weights)
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
