"""By what factor to enlarge images before a network sees them, decided for a folder at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..components.arguments import refused
from ..datasets.sources import ArraySource
from ..errors import InvalidError, invalid
from ..events import Event, Work, warn
from ..images.inside import divided
from ..images.padding import filled
from ..images.resize import Resized, enlarged, resize_into
from ..inference.tiled import Store, in_memory
from ..messages import Argument, Setting, counted, say
from ..objects.size import FEW_OBJECTS
from .looks import Look, Looks
from .search import GAIN, Search, inside, rounded

if TYPE_CHECKING:
    import numpy as np

    from .model import Model


SIZE_TOLERANCE = 1.2
"""Objects this much larger or smaller look as in training: augmentation scales by up to 1.25."""
LARGEST_FACTOR = 16.0
"""Largest factor that may be asked for."""
BELIEVED = 4.0
"""Beyond this factor, pixel sizes are believed only if objects then look as in training: in a file
that gives the dots per inch of a screen they are a thousandfold off."""
USUAL_SPREAD = 0.15
"""How far below the usual coherence that of an image like those in training may lie."""
USEFUL = 0.4
"""Of a model whose objects do not even fit their maps so well in training, fits say nothing."""
STRONG, STRONG_OBJECTS, STRONG_POWER = 2.0, 10, 1
"""An image leaves the factor of its folder if so many objects fit so many times as well at a size
at least so many octaves away, and as in training."""
CHECK = "Check that these images fit the model."
Factors = list[float] | None
Box = tuple[slice, ...]


def is_factor(value: Any) -> bool:
    """Whether a value is a factor by which images may be enlarged."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 1 / LARGEST_FACTOR <= value <= LARGEST_FACTOR


def check_rescale(rescale: Any) -> None:
    """Refuse what is no factor, nor "auto" or None."""
    if not (rescale is None or rescale == "auto" or is_factor(rescale)):
        raise refused("rescale", rescale)


def factors_for(model: Model, items: Sequence[Any], rescale: Any) -> Work[dict[str, Factors]]:
    """Decide by what factor each image is enlarged, before the first is predicted.

    With "auto" by pixel sizes where they are known, else for the images of a folder, or of a
    group of a table, together by how objects look in some of them.

    Parameters
    ----------
    model : Model
        Knows pixel and object sizes of its training.
    items : sequence of Item
        The images.
    rescale : float, "auto" or None
        See `predict`.

    Returns
    -------
    dict of str to (list of float or None)
        Factor per axis by image; None where it stays as it is.
    """
    if model.task.directional:
        if rescale not in ("auto", None):
            expected = say("{} for a task whose maps speak of steps in pixels", None)
            raise invalid("rescale", expected=expected, received=rescale)
        rescale = None
    if rescale != "auto":
        given = None if rescale is None else [float(rescale)] * model.ndim
        return {item.id: given for item in items}
    factors: dict[str, Factors] = {}
    groups: dict[tuple[str, str], list[Any]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    for k, (name, members) in enumerate(groups.items()):
        if len(groups) > 1:
            yield Event("progress", f"at which size objects look as in training: {k + 1}/"
                        f"{len(groups)}", k, len(groups))  # fmt: skip
        where = f"{' '.join(filter(None, name))}: " if len(groups) > 1 else ""
        found, said = _decided(model, members)
        factors |= found
        for text in said:
            yield warn(say("{}{}", where, text))
    return factors


def scaled_maps(
    model: Model,
    source: Any,
    stats: Any,
    factors: Factors,
    store: Store = in_memory,
    workers: int | None = None,
    disagreement: bool = False,
    part: Box | None = None,
) -> dict[str, np.ndarray]:
    """Make the maps of an image, or of a part, at its own size, the network seeing it enlarged.

    Parameters
    ----------
    model, source, stats, store, workers, disagreement
        As for `Model.source_maps`.
    factors : list of float, optional
        Per axis; None: as it is.
    part : tuple of slice, optional
        Of which part maps are wanted, any; default: of all of it.
    """
    how: dict[str, Any] = {"store": store, "workers": workers, "disagreement": disagreement}
    if factors is None:
        return _part_of(model, source, stats, part, how)
    large = enlarged(filled(source, stats), factors)
    size = source.shape[:-1]
    if part is None:
        scaled = model.source_maps(large, stats, **how)
        return {
            head: resize_into(store(head, (*size, values.shape[-1])), values)
            for head, values in scaled.items()
        }
    # only places are asked for: nothing is read
    back = Resized(large.read, large.shape[:-1], size, large.shape[-1])
    seen = back.needed(part)
    scaled = _part_of(model, large, stats, seen, how)
    return {head: _resized_part(values, seen, large, size, part) for head, values in scaled.items()}


def _part_of(
    model: Model, source: Any, stats: Any, part: Box | None, how: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Make maps of any part, by those of the smallest around it that the network can see."""
    if part is None:
        return model.source_maps(source, stats, **how)
    steps = [2 * g for g in model.network.grid_px]
    axes = list(zip(part, steps, source.shape[:-1], strict=True))
    wide = tuple(slice(p.start // s * s, min(-(-p.stop // s) * s, n)) for p, s, n in axes)
    crop = tuple(
        slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, wide, strict=True)
    )
    maps = model.source_maps(source, stats, part=wide, **how)
    return {head: values[crop] for head, values in maps.items()}


def _resized_part(
    values: np.ndarray, seen: Box, large: Any, size: Sequence[int], part: Box
) -> np.ndarray:
    """Return a part of maps at the image's size, of the part `seen` of the enlarged ones."""

    def read(box: Box) -> np.ndarray:
        """Return a box of the enlarged maps."""
        here = zip(box, seen, strict=True)
        return values[tuple(slice(b.start - s.start, b.stop - s.start) for b, s in here)]

    return Resized(read, large.shape[:-1], size, values.shape[-1]).read(part)


def group_of(item: Any) -> tuple[str, str]:
    """Return folder and group of an image: such images are decided for together."""
    if isinstance(item.image, ArraySource):
        return "", item.group or ""
    try:
        return str(divided(item.image.name)[0].parent), item.group or ""
    except (InvalidError, OSError):
        return "", item.group or ""


def _decided(model: Model, items: Sequence[Any]) -> tuple[dict[str, Factors], list[Any]]:
    """Decide for one group: by pixel sizes, by looks where these are unknown or not believed."""
    sizes = _Sizes(model, items)
    found: dict[str, Factors] = {}
    said, unknown = [], []
    by_spacing: dict[tuple[float, ...] | None, list[Any]] = {}
    for item in items:
        by_spacing.setdefault(item.spacing_um, []).append(item)
    for spacing, members in by_spacing.items():
        factors, text = sizes.by_pixels(spacing, members)
        said += [text] if text else []
        if factors is None:
            unknown += members
        else:
            found |= {item.id: factors for item in members}
    if unknown:
        factors, others, texts = sizes.by_looks(unknown)
        said += texts
        found |= {item.id: others.get(item.id, factors) for item in unknown}
    return found, said


class _Sizes:
    """What a model knows of sizes, applied to one group of images."""

    def __init__(self, model: Model, items: Sequence[Any]) -> None:
        self._model, self._items = model, items
        self._sizes = model.info["diameter_px"]
        self._usual = model.info["training"].get("coherence") or 0.0
        self._told = bool(self._sizes) and self._usual >= USEFUL

    def by_pixels(self, spacing: Any, members: Sequence[Any]) -> tuple[Factors, Any]:
        """Return the ratio of pixel sizes where both are known and it is to be believed."""
        trained = self._model.info["pixel_size_um"]
        if not trained or not spacing or len(trained) != len(spacing):
            return None, ""
        ratio = [rounded(s / t) for s, t in zip(spacing, trained, strict=True)]
        if all(1 / SIZE_TOLERANCE <= f <= SIZE_TOLERANCE for f in ratio):
            return None, ""
        known = " x ".join(f"{s:g}" for s in spacing), " x ".join(f"{t:g}" for t in trained)
        text = f"pixels of {counted(len(members), 'image')} are {known[0]} um, in training they "
        text += f"were {known[1]} um: "
        factor = " x ".join(f"{f:g}" for f in dict.fromkeys(ratio))
        if self._believed(ratio, members):
            return ratio, say("{}rescaled by {}. {}", text, factor, _way_out(ratio[-1]))
        remedy = say("Pass {} if that is wrong, or {}.", Argument("pixel_size_um"),
                     Setting("rescale", None))  # fmt: skip
        return None, say("{}a factor of {} is not believed. {}", text, factor, remedy)

    def _believed(self, ratio: Sequence[float], members: Sequence[Any]) -> bool:
        if all(1 / BELIEVED <= f <= BELIEVED for f in ratio):
            return True
        if not all(is_factor(f) for f in ratio) or not self._told:
            return False
        looks = Looks(self._model, members)
        # so large a factor is looked at only where it makes images neither huge nor tiny
        return looks.names != [] and looks.fits_in(min(ratio)) and self._as_trained(looks.at(ratio))

    def by_looks(self, members: Sequence[Any]) -> tuple[Factors, dict[str, Factors], list[Any]]:
        """Return the factor at which objects fit best, if that is clearly better than as they are.

        How well objects fit the maps that they were made of (`Look.fit`) falls when the network
        sees them at a size that it does not know, whatever it then takes for objects.

        Returns
        -------
        factor : list of float or None
            Of the images together.
        others : dict of str to (list of float or None)
            Of the images whose own looks say otherwise beyond doubt.
        said : list of str
            What is to be said of it.
        """
        looks = Looks(self._model, members) if self._told else None
        if looks is None or not looks.names:
            return None, {}, []
        search = Search(looks, self._model.ndim, self._plausible)
        power, text = self._together(search, looks)
        own = {looks.names[k]: self._own(search, k, power) for k in search.seen(power).images}
        others = {name: p for name, p in own.items() if p is not None}
        said = [_told_of(name, p) for name, p in others.items()]
        factors = {name: self._factors(p) for name, p in others.items()}
        return self._factors(power), factors, [text, *said] if text else said

    def _factors(self, power: float) -> Factors:
        return [rounded(2.0**power)] * self._model.ndim if power else None

    def _together(self, search: Search, looks: Looks) -> tuple[float, Any]:
        """Return the power of 2 that all images share, 0 where they stay, and what to say."""
        if search.stays(self._usual):
            return 0, ""
        asis, images, power = search.look(0), len(looks.names), search.best()
        found = f"objects look unlike those in training (fit {asis.fit:.2f}, there about "
        found += f"{self._usual:.2f})"
        if power is None or not self._better(search.look(power), asis, images, power):
            good = self._as_trained(asis) or asis.objects < FEW_OBJECTS
            return 0, "" if good else f"{found}, and no other size was found to fit. {CHECK}"
        factor, look = rounded(2.0**power), search.look(power)
        agreeing = _agreeing(look, asis, images)[0]
        text = f"{found}: rescaled by {factor:g} (fit {look.fit:.2f}, better in {agreeing} of "
        text += f"{counted(images, 'image')} looked at)."
        return power, say("{} {}", text, _way_out(factor))

    def _own(self, search: Search, image: int, power: float) -> float | None:
        """Return the power of 2 of one image that is not that of the others, beyond doubt."""
        shared = search.seen(power).of(image)
        if shared.found < STRONG_OBJECTS or STRONG * shared.fit > self._usual:
            return None
        fits = search.own(image)
        best = max(fits, key=lambda p: fits[p].fit)
        look, far = fits[best], abs(best - power) >= STRONG_POWER
        sure = look.objects >= STRONG_OBJECTS and self._as_trained(look)
        return best if far and sure and inside(best) and look.fit >= STRONG * shared.fit else None

    def _better(self, look: Look, asis: Look, images: int, power: float) -> bool:
        """Whether a factor is believed: clearly better, in most images, and as good as trained.

        In stacks by so much for each octave: noise of plantseg_ovule_3d, enlarged 5.66 times, came
        to 1316 nuclei of the usual size that fitted 1.4 times as well as the 27 that it has.
        """
        yes, no = _agreeing(look, asis, images)
        gain = GAIN ** max(1.0, abs(power)) if self._model.ndim == 3 else GAIN
        return look.fit >= gain * asis.fit and yes > no and self._as_trained(look)

    def _plausible(self, look: Look) -> bool:
        """Whether objects are as large as some were in training."""
        low, high = self._sizes["low"], self._sizes["most_typical"]
        size = look.size_px
        return size is not None and low / SIZE_TOLERANCE <= size <= high * SIZE_TOLERANCE

    def _as_trained(self, look: Look) -> bool:
        return self._plausible(look) and look.coherence >= self._usual - USUAL_SPREAD


def _agreeing(look: Look, asis: Look, images: int) -> tuple[int, int]:
    """Count the images that fit better at a factor than as they are, and those that fit worse."""
    pairs = [(look.of(k).fit, asis.of(k).fit) for k in range(images)]
    return sum(new > old for new, old in pairs), sum(new < old for new, old in pairs)


def scale_of(factors: Factors) -> float:
    """Return the factor as tables have it: that of x, 1 where an image stays as it is."""
    return factors[-1] if factors else 1.0


def _told_of(name: str, power: float) -> Any:
    text = f"{name} fits at another size than the other images: "
    text += f"rescaled by {rounded(2.0**power):g}." if power else "left as it is."
    return say("{} {}", text, _way_out(rounded(2.0**power)))


def _way_out(factor: float) -> Any:
    off, same = Setting("rescale", None), Setting("rescale", factor)
    return say("Pass {} to switch this off, {} to have it always.", off, same)
