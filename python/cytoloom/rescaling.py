"""By what factor to enlarge an image before a network sees it, so that objects look as trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .objects import FEW_OBJECTS, diameters, typical_diameter
from .resizing import Resized

if TYPE_CHECKING:
    from .model import Model
    from .tasks.task import Maps

SIZE_TOLERANCE = 1.2
ALIKE = 1.1
"""What is found at the wrong size is nearer to the right one: touching objects are one."""
LARGEST_FACTOR = 16.0
TRIALS = 4
LEAST_COHERENCE = 0.5
WINDOW_PX = {2: 512, 3: 80}
CHECK = "Check that these images fit the model."
SWITCH = "Pass rescale=None to switch this off."


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
    """Enlargement that brings the objects of an image to the size of those in training.

    Where the typical object found is not of a size that was typical of a training image, the
    part of the image with most objects is looked at again: enlarged by the ratio of sizes, and
    by the ratio that is seen then, until sizes agree; and on from there in steps of 20 % for as
    long as maps and objects fit together better (`Task.coherence`).

    Parameters
    ----------
    model : Model
        Knows the sizes in training; without objects of their own nothing is done.
    source, stats : Source, Stats
        The image and its normalisation.
    maps, labels : dict of ndarray, ndarray of int
        What was found in it as it is.

    Returns
    -------
    (tuple of float or None, str)
        Factors per axis, None where that is less than 20 % or nothing fits better than the image
        as it is; and what to tell, if anything.
    """
    usual = model.info["diameter_px"]
    if not usual:
        return None, ""
    low, high = usual["least_typical"], usual["most_typical"]
    look = _Look(model, source, stats, maps, _fullest(labels))
    sizes = diameters(labels)
    many = sizes.size >= FEW_OBJECTS
    size = typical_diameter(sizes, model.ndim) if many else look.at(1.0)[0]
    if size is None or low / ALIKE <= size <= high * ALIKE:
        return None, ""
    # one clump, or haze taken for an object, has most of the area but is not most objects
    if many and (np.median(sizes) > usual["median"]) != (size > high):
        return None, ""
    trained = f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"
    text = f"objects are {size:.0f} px across, in training images {trained} px:"
    best = look.search(usual["typical"], low / SIZE_TOLERANCE, high * SIZE_TOLERANCE)
    if best is None:
        return None, f"{text} not rescaled, since nothing fits better. {CHECK}"
    if 1 / SIZE_TOLERANCE <= best <= SIZE_TOLERANCE:
        return None, ""
    return (best,) * model.ndim, f"{text} rescaled by {best:.2f}. {SWITCH}"


class _Look:
    """A part of an image as the network sees it at one size or another."""

    def __init__(
        self, model: Model, source: Any, stats: Any, maps: Maps, centre: Sequence[int]
    ) -> None:
        self._model, self._source, self._stats = model, source, stats
        self._maps, self._centre = maps, centre
        # small objects may be those searched for
        self._task = replace(model.task, min_area_px=0, peak_threshold=0.0, exclude_border=False)

    def search(self, wanted: float, low: float, high: float) -> float | None:
        """Find the factor at which objects of `low` to `high` px fit their maps best.

        The search starts from objects `wanted` px across. None: as it is the image fits better,
        or objects fit their maps nowhere, as those of a model that is hardly trained.
        """
        factor, seen = 1.0, {1.0: self.at(1.0)}
        for _ in range(TRIALS):
            factor *= wanted / (seen[factor][0] or wanted)
            if factor in seen or not 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:
                break
            seen[factor] = self.at(factor)
            if low <= (seen[factor][0] or 0.0) <= high:
                break
        best = max(seen, key=lambda f: (low <= (seen[f][0] or 0.0) <= high, seen[f][1]))
        for step in (SIZE_TOLERANCE, 1 / SIZE_TOLERANCE):
            while 1 / LARGEST_FACTOR <= best * step <= LARGEST_FACTOR:
                size, fit = self.at(best * step)
                if fit <= seen[best][1] or not low <= (size or 0.0) <= high:
                    break
                best *= step
                seen[best] = size, fit
        return best if seen[best][1] >= max(seen[1.0][1], LEAST_COHERENCE) else None

    def at(self, factor: float) -> tuple[float | None, float]:
        """Typical diameter of the objects, None if they are few, and coherence at one size."""
        window = self._window(factor)
        if factor == 1:
            maps = {head: values[window] for head, values in self._maps.items()}
        else:
            maps = self._model.source_maps(self._part(window, factor), self._stats)
        found = self._task.decode(maps)
        sizes = diameters(found.labels)
        size = typical_diameter(sizes, self._model.ndim) if sizes.size >= FEW_OBJECTS else None
        return size, self._task.coherence(maps, found)

    def _window(self, factor: float) -> tuple[slice, ...]:
        """Choose a window that is at most `WINDOW_PX` long when enlarged."""
        edge = max(1, round(WINDOW_PX[self._model.ndim] / factor))
        window = []
        for n, centre in zip(self._source.shape[:-1], self._centre, strict=True):
            start = max(0, min(centre - edge // 2, n - edge))
            window.append(slice(start, min(n, start + edge)))
        return tuple(window)

    def _part(self, window: tuple[slice, ...], factor: float) -> Resized:
        """Cut the window out of the image, enlarged."""

        def read(at: tuple[slice, ...]) -> np.ndarray:
            moved = zip(at, window, strict=True)
            region = tuple(slice(a.start + w.start, a.stop + w.start) for a, w in moved)
            return np.asarray(self._source.read(region))

        size = [w.stop - w.start for w in window]
        shape = [max(1, round(n * factor)) for n in size]
        return Resized(read, size, shape, self._source.shape[-1])


def _fullest(labels: np.ndarray) -> list[int]:
    """Return the pixel around which most object pixels lie."""
    from scipy import ndimage

    every = [max(1, n // 64) for n in labels.shape]
    coarse = (labels[tuple(slice(e // 2, None, e) for e in every)] > 0).astype(np.float32)
    width = [max(1, WINDOW_PX[labels.ndim] // e) for e in every]
    crowd = ndimage.uniform_filter(coarse, width, mode="constant")
    at = np.unravel_index(int(np.argmax(crowd)), crowd.shape)
    return [int(a) * e + e // 2 for a, e in zip(at, every, strict=True)]
