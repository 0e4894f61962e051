"""By what factor to enlarge an image before a network sees it, so that objects look as trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.padding import filled
from ..images.resize import Resized
from ..messages import Setting, say
from ..objects.size import FEW_OBJECTS, diameters, typical_diameter
from ..tasks.coherence import WINDOW_PX, densest_centre, fit_as_is, window_around

if TYPE_CHECKING:
    from ..models.model import Model
    from ..tasks.task import Maps


SIZE_TOLERANCE = 1.2
"""Objects this much larger or smaller look as in training: augmentation scales by up to 1.25."""
LARGEST_FACTOR = 16.0
"""Largest factor that may be asked for."""
STEP = 1.5
"""Factor between two sizes that are tried: no size is farther than 1.23 from one of them, about
`SIZE_TOLERANCE`; half steps follow."""
LEAST_PX = 32
"""Images that would be smaller are not tried: little more than the border of the network's view."""
USUAL_SPREAD = 0.15
"""How far below the usual fit that of an image like those in training may lie. On held-out images
of a training's own set it was .72 to .92, on nuclei four times as large .46 to .56."""
GAIN = 0.1
"""How much better objects must fit at another size: more than the fit varies with the part of an
image that is looked at. None of 55 images of known kinds was touched."""
SAME_FIT = 0.02
"""Fits this close are the same; of the sizes that have them the middle one is taken."""
CHECK = "Check that these images fit the model."
SWITCH = say("Pass {} to switch this off.", Setting("rescale", None))


def factors_known(
    model: Model, source: Any, spacing: Any, rescale: Any
) -> tuple[tuple[float, ...] | None, list[str]]:
    """Enlargement known before looking: given, or the ratio of pixel sizes."""
    if rescale is None:
        return None, []
    if rescale != "auto":
        return (float(rescale),) * model.ndim, []
    trained = model.info["pixel_size_um"]
    if not trained or not spacing:
        return None, []
    factors = tuple(s / t for s, t in zip(spacing, trained, strict=True))
    if all(1 / SIZE_TOLERANCE <= f <= SIZE_TOLERANCE for f in factors):
        return None, []
    sizes = " x ".join(f"{s:g}" for s in spacing), " x ".join(f"{t:g}" for t in trained)
    text = f"pixels are {sizes[0]} um, in training they were {sizes[1]} um: rescaled."
    return factors, [text]


def by_size(
    model: Model, source: Any, stats: Any, maps: Maps, labels: np.ndarray
) -> tuple[tuple[float, ...] | None, str]:
    """Enlargement at which the objects of an image look as those in training did.

    How well objects fit the maps that they were made of (`Task.coherence`) falls when the network
    sees them at a size that it does not know, whatever it then takes for objects. Where that fit
    is clearly worse than on validation images, the part of the image with most objects is looked
    at in other sizes, and the best is taken, if it is clearly better and its objects are as large
    as in training.

    Parameters
    ----------
    model : Model
        Knows sizes and fit in training; a model without either is not asked.
    source, stats : Source, Stats
        The image and its normalisation.
    maps, labels : dict of ndarray, ndarray of int
        What was found in it as it is.

    Returns
    -------
    (tuple of float or None, str)
        Factors per axis, None where the image stays as it is; and a warning, or "".
    """
    sizes, usual = model.info["diameter_px"], model.info["training"].get("coherence")
    if not sizes or usual is None:
        return None, ""
    fit = fit_as_is(model.task, maps, labels)
    if fit >= usual - USUAL_SPREAD:
        return None, ""
    look = _Look(model, filled(source, stats), stats, densest_centre(labels))
    size, base = look.at(1.0)
    if size is None:
        return None, ""
    low, high = sizes["least_typical"] / SIZE_TOLERANCE, sizes["most_typical"] * SIZE_TOLERANCE
    factor, best = look.search(low, high)
    unlike = f"objects look unlike those in training (fit {fit:.2f}, there {usual:.2f})"
    # twice the same question: better than as it is, and as good as in training
    if factor is None or best < max(base + GAIN, usual - USUAL_SPREAD):
        many = labels.max(initial=0) >= FEW_OBJECTS
        return None, f"{unlike}, and no other size was found to fit. {CHECK}" if many else ""
    found = f"{unlike}: rescaled by {factor:.2f} (fit {best:.2f})."
    return (factor,) * model.ndim, say("{} {}", found, SWITCH)


class _Look:
    """A part of an image as the network sees it at one size or another."""

    def __init__(self, model: Model, source: Any, stats: Any, centre: Sequence[int]) -> None:
        self._model, self._source, self._stats, self._centre = model, source, stats, centre
        # small objects may be those searched for
        self._task = model.task.keeping_all()

    def search(self, low: float, high: float) -> tuple[float | None, float]:
        """Find the factor at which objects of `low` to `high` px fit their maps best.

        Every second step is looked at first, then what lies beside the best.

        Returns
        -------
        (float or None, float)
            Of factors that fit alike the middle one, None if there are no such objects at any;
            and the best fit.
        """
        fits: dict[float, float] = {}
        # six sizes over a factor of 11 either way, then four beside the best: ten runs in all
        for power in (-6, -4, -2, 2, 4, 6):
            self._try(fits, power, low, high)
        for step in (1, 0.5):
            if fits:
                best = max(fits, key=lambda power: fits[power])
                for power in (best - step, best + step):
                    self._try(fits, power, low, high)
        if not fits:
            return None, 0.0
        top = max(fits.values())
        alike = sorted(power for power, fit in fits.items() if fit >= top - SAME_FIT)
        return float(STEP ** alike[(len(alike) - 1) // 2]), top

    def _try(self, fits: dict[float, float], power: float, low: float, high: float) -> None:
        if min(self._source.shape[-3:-1]) * STEP**power >= LEAST_PX:
            size, fit = self.at(STEP**power)
            if size is not None and low <= size <= high:
                fits[power] = fit

    def at(self, factor: float) -> tuple[float | None, float]:
        """Typical diameter of the objects, None if they are few, and their fit at one size."""
        edge = max(1, round(WINDOW_PX[self._model.ndim] / factor))
        window = window_around(self._source.shape[:-1], self._centre, edge)
        maps = self._model.source_maps(self._part(window, factor), self._stats)
        found = self._task.decode(maps)
        sizes = diameters(found.labels)
        size = typical_diameter(sizes, self._model.ndim) if sizes.size >= FEW_OBJECTS else None
        return size, self._task.coherence(maps, found)

    def _part(self, window: tuple[slice, ...], factor: float) -> Resized:
        """Cut the window out of the image, enlarged."""

        def read(at: tuple[slice, ...]) -> np.ndarray:
            moved = zip(at, window, strict=True)
            region = tuple(slice(a.start + w.start, a.stop + w.start) for a, w in moved)
            return np.asarray(self._source.read(region))

        size = [w.stop - w.start for w in window]
        shape = [max(1, round(n * factor)) for n in size]
        return Resized(read, size, shape, self._source.shape[-1])
