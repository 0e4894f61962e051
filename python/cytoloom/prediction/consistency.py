"""How far a model finds the same in images that were gently changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.padding import shown
from ..datasets.sources import ArraySource
from ..errors import InvalidError
from ..events import Event, Work, warn
from ..messages import say
from ..models.each_image import each_image
from ..models.inputs import fitting_source
from ..models.padding import without_padding
from ..models.rescale import Factors, factors_for, scaled_maps
from ..tasks.found import Found
from .perturb import changes

if TYPE_CHECKING:
    from ..models.model import Model

LONGEST_PX = 2048
"""Of larger images the middle is looked at."""
SQUARE = 1.01


@dataclass(frozen=True)
class Looked:
    """What a model finds in one image, and in changed versions of it.

    Parameters
    ----------
    consistency : float
        Mean agreement; NaN where nothing is found in any of them.
    objects : int
        Found in the image.
    share : float
        Of its pixels, objects together; of classes the one that is most of it.
    masks : bool, default False
        Whether objects are connected pieces of masks or classes.
    """

    consistency: float
    objects: int
    share: float
    masks: bool = False


def looked_at(
    model: Model, items: Sequence[Any], metric: str, rescale: Any, seed: int
) -> Work[dict[str, Looked]]:
    """Look at images by one model; of those that cannot be read it is warned.

    Parameters
    ----------
    model : Model
        Finds something.
    items : sequence of Item
        Images as it takes them.
    metric : str
        Score of its task by which labels are compared.
    rescale : float, "auto" or None
        See `predict`.
    seed : int
        Decides the changes, alike for all models.

    Raises
    ------
    InvalidError
        Where no image can be used.
    """
    factors = yield from factors_for(model, items, rescale)
    places = {item.id: k for k, item in enumerate(items)}

    def work(item: Any, workers: int) -> Looked:
        return _look(model, item, factors[item.id], metric, (seed, places[item.id]))

    found: dict[str, Looked] = {}
    failed: InvalidError | OSError | None = None
    with each_image(model, items, work) as results:
        for k, (item, finish) in enumerate(results):
            yield Event("progress", f"looking at {item.id}", k, len(items))
            try:
                found[item.id] = finish()
            except (InvalidError, OSError) as error:
                failed = error
                yield warn(say("{}: {}", item.id, error.args[0] if error.args else str(error)))
    if failed is not None and not found:
        raise failed
    return found


def _look(model: Model, item: Any, factors: Factors, metric: str, seed: Any) -> Looked:
    """Find objects in an image and in changed versions, and compare."""
    image = _middle(fitting_source(model, item).read())
    source = ArraySource(image, axes=item.image.axes, name=item.image.name)
    stats = model.normalize.fit(source)
    seen = shown(source) if stats.padding else None
    first = _found(model, source, item, factors)
    low, high = np.array(stats.low), np.array(stats.high)
    agreed = []
    for change in changes(image, low, high, seen, _is_square(item, factors), seed):
        zoomed = [f * change.zoom for f in factors or [1.0] * model.ndim]
        other = ArraySource(change.image, axes=item.image.axes, name=item.image.name)
        again = _found(model, other, item, factors if change.zoom == 1 else zoomed)
        truth = model.task.prepare(change.turned(first.labels))
        agreed.append(model.task.score(truth, again, None, item.spacing_um)[0].get(metric, np.nan))
    some = [value for value in agreed if not np.isnan(value)]
    mean = float(np.mean(some)) if some else np.nan
    return Looked(mean, _count(first), _share(first), first.semantic)


def _middle(image: np.ndarray) -> np.ndarray:
    ends = [max((n - LONGEST_PX) // 2, 0) for n in image.shape[:-1]]
    return image[tuple(slice(start, start + LONGEST_PX) for start in ends)]


def _is_square(item: Any, factors: Factors) -> bool:
    """Whether an image may lie on its side."""
    sizes = [item.spacing_um or (1, 1), factors or (1, 1)]
    return all(1 / SQUARE < one[-2] / one[-1] < SQUARE for one in sizes)


def _found(model: Model, source: Any, item: Any, factors: Factors) -> Found:
    """Return what `predict` finds."""
    stats = model.normalize.fit(source)
    maps = scaled_maps(model, source, stats, factors, workers=1)
    return without_padding(model.task.decode(maps, item.spacing_um), source, stats)


def _count(found: Found) -> int:
    numbers = np.unique(found.objects_labels)
    return int((numbers > 0).sum())


def _share(found: Found) -> float:
    if not found.semantic:
        return float((found.labels > 0).mean())
    return float(np.bincount(found.labels.ravel(), minlength=2)[1:].max() / found.labels.size)


def odd_findings(looked: Sequence[Mapping[str, Looked]]) -> list[str]:
    """Say of each model whether what it finds is of no use: nothing, everything, one blob.

    Such are the same in every image, so no change alters them.

    Parameters
    ----------
    looked : sequence of dict
        Of each model, by image.

    Returns
    -------
    list of str
        Empty for those that find something.

    Examples
    --------
    >>> some, none = {"a": Looked(0.9, 20, 0.2)}, {"a": Looked(np.nan, 0, 0.0)}
    >>> full, blob = {"a": Looked(1.0, 1, 0.99)}, {"a": Looked(1.0, 1, 0.5)}
    >>> odd_findings([some, none, full, blob])
    ['', 'finds nothing', 'finds nearly everything', 'finds one blob']
    """
    said = [_alone(of) for of in looked]
    usable = [k for k, words in enumerate(said) if not words]
    for k in usable:
        others = [looked[j] for j in usable if j != k]
        if any(_is_blob(looked[k], other) for other in others):
            said[k] = "finds one blob"
    return said


FULL, BLOB = 0.95, 0.1
SEVERAL = 3
"""From so many objects on, what another model finds is not one."""


def _middle_of(looked: Mapping[str, Looked], name: str) -> float:
    return float(np.median([getattr(one, name) for one in looked.values()]))


def _alone(looked: Mapping[str, Looked]) -> str:
    """Judge a model by itself; many objects side by side may well fill an image."""
    if not looked or _middle_of(looked, "objects") == 0:
        return "finds nothing"
    few = _are_masks(looked) or _middle_of(looked, "objects") < SEVERAL
    return "finds nearly everything" if few and _middle_of(looked, "share") >= FULL else ""


def _are_masks(looked: Mapping[str, Looked]) -> bool:
    return any(one.masks for one in looked.values())


def _is_blob(looked: Mapping[str, Looked], other: Mapping[str, Looked]) -> bool:
    """Whether a model sees as one piece what is several to another one.

    A mask that touches everywhere is one piece, too: it is a blob where it is twice as large.
    """
    one = _middle_of(looked, "objects") == 1 and _middle_of(looked, "share") >= BLOB
    several = _middle_of(other, "objects") >= SEVERAL
    larger = _middle_of(looked, "share") > 2 * _middle_of(other, "share")
    return one and several and (larger or not _are_masks(looked))
