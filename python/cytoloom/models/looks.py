"""How objects look to a network at one size or another: parts of some images, seen at a factor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.views import CachedSource
from ..errors import InvalidError
from ..images.padding import filled
from ..images.resize import Resized
from ..objects.size import FEW_OBJECTS, diameters, typical_diameter
from ..runtime.parallel import side_by_side
from ..tasks.coherence import window_around
from .inputs import fitting_source

if TYPE_CHECKING:
    from .model import Model


LEAST_PARTS, MOST_PARTS = 4, 8
PART_EVERY_PX = 2**17
"""There is one part for so many pixels of all images, at least 4 and at most 8: with 4 instead of 8
two of ten folders got a worse factor."""
KEPT_PX = 2**25
"""Images that are looked at are kept decoded meanwhile, no more pixels than this."""
PLACES = 5
"""Along each axis so many places are considered, and those where most is to be seen are taken."""
LEAST_PX = 32
"""Images that would be smaller are not looked at: little more than the border of what a network
sees."""
WEIGHT = 10
"""A part with more objects weighs no more: images of small objects do not outvote the others."""


@dataclass(frozen=True)
class Seen:
    """What is found in one part of an image at one factor.

    Parameters
    ----------
    image : int
        Which image, of those that are looked at.
    coherence : float
        `Task.coherence` of the objects that are kept.
    sizes_px : ndarray
        Diameters of the objects that are kept, as the network sees them.
    found : int
        Objects before the task drops those that are too small or flat.
    """

    image: int
    coherence: float
    sizes_px: np.ndarray
    found: int


@dataclass(frozen=True)
class Look:
    """What is found in several parts at one factor.

    Parameters
    ----------
    parts : tuple of Seen
        Of each part.
    ndim : int
        Spatial axes.
    """

    parts: tuple[Seen, ...]
    ndim: int

    @property
    def images(self) -> list[int]:
        """Of which images the parts are."""
        return sorted({one.image for one in self.parts})

    def of(self, image: int) -> Look:
        """Return what is found in the parts of one image."""
        return Look(tuple(one for one in self.parts if one.image == image), self.ndim)

    @property
    def objects(self) -> int:
        """How many objects are kept."""
        return sum(one.sizes_px.size for one in self.parts)

    @property
    def found(self) -> int:
        """How many there are before the task drops some."""
        return sum(one.found for one in self.parts)

    @property
    def coherence(self) -> float:
        """Mean over the parts, weighed by their objects."""
        weights = np.array([min(one.sizes_px.size, WEIGHT) for one in self.parts], float)
        values = np.array([one.coherence for one in self.parts])
        return float((weights * values).sum() / weights.sum()) if weights.any() else 0.0

    @property
    def fit(self) -> float:
        """Coherence times the share of objects that are kept.

        A network that sees objects at a size that it has not learned finds much that it then
        drops. On five collections the factor of the best fit came within .03 of the best average
        precision, where coherence alone preferred sizes that are too small.
        """
        kept = self.objects / self.found if self.objects >= FEW_OBJECTS else 0.0
        return self.coherence * kept

    @property
    def size_px(self) -> float | None:
        """Typical diameter as the network sees it; None of few objects."""
        sizes = np.concatenate([np.empty(0), *(one.sizes_px for one in self.parts)])
        return typical_diameter(sizes, self.ndim) if sizes.size >= FEW_OBJECTS else None


class Looks:
    """Parts of some images, as large to the network as its patches, looked at in any size.

    Parameters
    ----------
    model : Model
        Knows how large its patches were.
    items : sequence of Item
        Of them some are looked at, evenly taken; those that cannot be read are left out.

    Attributes
    ----------
    names : list of str
        Images that are looked at.
    pixels : int
        How many the network was shown so far.
    """

    def __init__(self, model: Model, items: Sequence[Any]) -> None:
        self._model = model
        # what the task drops says how unsure it is
        self._all = model.task.keeping_all()
        self._edge = _patch(model)
        self._known: dict[Any, Seen] = {}
        self.pixels = 0
        chosen, pixels = _spread(model, items)
        self.names = list(chosen)
        self._parts = self._places(list(chosen.values()), pixels)

    def _places(self, chosen: Sequence[Any], pixels: int) -> list[tuple[int, Any, Any, Any]]:
        """Find in each image the places where most is to be seen; images take turns."""
        wanted = min(MOST_PARTS, max(LEAST_PARTS, pixels // PART_EVERY_PX))
        found = []
        for k, source in enumerate(chosen):
            stats = self._model.normalize.fit(source)
            count = wanted // len(chosen) + (k < wanted % len(chosen))
            places = busiest(self._model, source, stats, self._edge, count)
            found += [(turn, (k, source, stats, place)) for turn, place in enumerate(places)]
        return [part for _, part in sorted(found, key=lambda one: (one[0], one[1][0]))]

    def fits_in(self, factor: float, image: int | None = None) -> bool:
        """Whether images, or one of them, are large enough to be looked at so small."""
        sources = [source for k, source, *_ in self._parts if image in (None, k)]
        return any(min(s.shape[-3:-1]) * factor >= LEAST_PX for s in sources)

    def at(
        self, factors: Sequence[float], most: int | None = None, image: int | None = None
    ) -> Look:
        """Look at parts enlarged by a factor per axis; what was looked at before is known.

        Parameters
        ----------
        factors : sequence of float
            Per axis.
        most : int, optional
            Only at so many parts, of as many images as that can be.
        image : int, optional
            Only at the parts of this image.
        """
        key = tuple(factors)
        parts = [part for part in self._parts[:most] if image in (None, part[0])]
        windows = {self._window(part, key): part for part in parts}
        missing = [window for window in windows if (key, window) not in self._known]

        def work(window: Any) -> tuple[Seen, int]:
            """Look at one part; return also how many pixels the network saw."""
            return self._seen(windows[window], window[1], key)

        with side_by_side(missing, work, self._model.engine.image_workers) as begun:
            for window, finish in begun:
                self._known[key, window], pixels = finish()
                self.pixels += pixels
        return Look(tuple(self._known[key, window] for window in windows), self._model.ndim)

    def seen(self, factors: Sequence[float]) -> Look:
        """Return what was found in all parts that were looked at with these factors."""
        known = [seen for (key, _), seen in self._known.items() if key == tuple(factors)]
        return Look(tuple(known), self._model.ndim)

    def _window(self, part: tuple[int, Any, Any, Any], factors: Sequence[float]) -> Any:
        """Where a part lies; small images have one window for all of their parts."""
        image, source, _, place = part
        edges = [max(1, round(e / f)) for e, f in zip(self._edge, factors, strict=True)]
        pairs = zip(source.shape[:-1], place, edges, strict=True)
        box = [window_around((n,), (at,), edge)[0] for n, at, edge in pairs]
        return image, tuple((one.start, one.stop) for one in box)

    def _seen(
        self, place: Any, box: Sequence[tuple[int, int]], factors: Sequence[float]
    ) -> tuple[Seen, int]:
        image, source, stats, _ = place
        part = _enlarged_part(filled(source, stats), box, factors)
        maps = self._model.source_maps(part, stats, workers=1)
        every = self._all.decode(maps)
        kept = self._model.task.kept(maps, every)
        seen = Seen(
            image,
            self._model.task.coherence(maps, kept),
            diameters(kept.labels),
            diameters(every.labels).size,
        )
        return seen, math.prod(part.shape[:-1])


def _patch(model: Model) -> tuple[int, ...]:
    """Edges of the patches that the network was trained on."""
    edges = tuple(model.info["training"]["patch_px"])
    return edges * model.ndim if len(edges) == 1 else edges


def _spread(model: Model, items: Sequence[Any]) -> tuple[dict[str, Any], int]:
    """Take some of the images, evenly; return them by name, and how many pixels all have.

    An image that cannot be read is passed over here and said where it is predicted.
    """
    usable = []
    for item in items:
        try:
            source = fitting_source(model, item)
            usable.append((item.id, source, math.prod(source.shape[:-1])))
        except (InvalidError, OSError):
            continue
    count = min(len(usable), MOST_PARTS)
    chosen: dict[str, Any] = {}
    left = KEPT_PX
    for k in dict.fromkeys(round(k * (len(usable) - 1) / max(1, count - 1)) for k in range(count)):
        name, source, pixels = usable[k]
        if chosen and pixels > left:
            break
        try:
            chosen[name] = _decoded(source)
        except (InvalidError, OSError):
            continue
        left -= pixels
    return chosen, sum(pixels for *_, pixels in usable)


def _decoded(source: Any) -> CachedSource:
    """Return a source whose pixels can be read, as reading one of them shows."""
    cached = CachedSource(source)
    cached.read(tuple(slice(0, 1) for _ in source.shape[:-1]))
    return cached


def busiest(
    model: Model, source: Any, stats: Any, edge: Sequence[int], count: int
) -> list[tuple[int, ...]]:
    """Return the centres of so many parts that vary most, and that hardly overlap.

    Parameters
    ----------
    model : Model
        Normalises.
    source, stats : Source, Stats
        The image (spatial..., c).
    edge : sequence of int
        Edge of a part per axis, px.
    count : int
        How many at most; there is at least one.
    """
    size = source.shape[:-1]
    axes = [_centres(n, e) for n, e in zip(size, edge, strict=True)]
    ranked = []
    for centre in itertools.product(*axes):
        pairs = zip(size, centre, edge, strict=True)
        box = tuple(window_around((n,), (c,), e)[0] for n, c, e in pairs)
        # within the range of most pixels: one bright speck is not much to be seen
        values = np.clip(model.normalize.apply(source.read(box), stats), 0, 1)
        ranked.append((-float(values.std()), centre))
    chosen: list[tuple[int, ...]] = []
    apart = [min(e, n / PLACES) * 0.75 for n, e in zip(size, edge, strict=True)]
    for _, centre in sorted(ranked):
        if len(chosen) < count and all(_apart(centre, other, apart) for other in chosen):
            chosen.append(centre)
    return chosen


def _centres(size: int, edge: int) -> list[int]:
    half = min(edge, size) / 2
    return sorted({round(at) for at in np.linspace(half, size - half, PLACES)})


def _apart(one: Sequence[int], other: Sequence[int], least: Sequence[float]) -> bool:
    return any(abs(a - b) >= far for a, b, far in zip(one, other, least, strict=True))


def _enlarged_part(
    source: Any, box: Sequence[tuple[int, int]], factors: Sequence[float]
) -> Resized:
    """Cut a part out of an image, enlarged."""

    def read(at: tuple[slice, ...]) -> np.ndarray:
        """Read a region of the part."""
        moved = zip(at, box, strict=True)
        return np.asarray(source.read(tuple(slice(a.start + b, a.stop + b) for a, (b, _) in moved)))

    size = [stop - start for start, stop in box]
    shape = [max(1, round(n * f)) for n, f in zip(size, factors, strict=True)]
    return Resized(read, size, shape, source.shape[-1])
