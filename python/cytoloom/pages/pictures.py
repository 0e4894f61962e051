"""Pictures of one image: what was measured, and what was found in it, in layers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.files import FileSource
from ..datasets.items import Item, read_labels
from ..errors import InvalidError
from ..messages import TABLES, say, spelled
from ..metrics.matching import match
from ..plots.overlays import TRUTH, channels_last, grey_limits, stretched
from ..segmentation.objects import components
from ..tasks.objects import is_mask
from . import layers, stacks
from .given import Shown

GAP = 96
EXPERT = "expert "
"""What the names of layers of experts begin with."""
MOST_EXPERTS = 8


@dataclass(frozen=True, eq=False)
class Picture:
    """Layers of one image, all of one size.

    Attributes
    ----------
    width, height : int
        Of the image in its pixels; of a stack of its planes side by side.
    layers : dict of str to bytes
        JPEG or PNG, the lowest first.
    problem : str
        What is not shown, and why.
    planes : str
        Of a stack, what is shown.
    """

    width: int = 0
    height: int = 0
    layers: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""
    planes: str = ""


@dataclass(frozen=True, eq=False)
class Parts:
    """What a picture is made of; arrays of one spatial shape, or None.

    `mistakes` are 1 where something was missed, and 2 where something false was found; `inside` is
    False between planes that are laid out flat; `drawn` is what each expert drew.
    """

    pixels: NDArray[Any] | None
    labels: NDArray[Any] | None
    truth: NDArray[Any] | None
    shares: NDArray[Any] | None
    problems: tuple[str, ...] = ()
    spacing: tuple[float, ...] | None = None
    mistakes: NDArray[np.uint8] | None = None
    inside: NDArray[np.bool_] | None = None
    drawn: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def picture_of(
    shown: Shown, name: str, item: Item | None, most_px: int, drawn: Item | None = None
) -> Picture:
    """Make the picture of an image, as far as it can be made.

    Parameters
    ----------
    shown : Shown
        The results.
    name : str
        Of the image.
    item : Item or None
        The image, where somebody knows where it is.
    most_px : int
        Longest side of the picture.
    drawn : Item, optional
        What experts drew in it, as annotations.
    """
    parts = _compared(shown, name, _parts(shown, name, item))
    if drawn is not None and parts.labels is not None:
        parts = replace(parts, drawn=_by_expert(drawn, parts.labels.shape))
    known = [one for one in (parts.pixels, parts.labels, parts.truth) if one is not None]
    problem = "; ".join(parts.problems)
    if not known:
        return Picture(problem=problem)
    ndim = 3 if any(one is not None and one.ndim == 3 for one in (parts.labels, parts.truth)) else 2
    if parts.labels is None and parts.truth is None and parts.pixels is not None:
        ndim = parts.pixels.ndim - 1
    planes = ""
    drawn = _drawn(parts, ndim)
    if ndim == 3:
        parts, drawn, planes = _laid_out(parts, drawn)
    return replace(_encoded(parts, drawn, most_px), problem=problem, planes=planes)


def _parts(shown: Shown, name: str, item: Item | None) -> Parts:
    """Read what can be read; what cannot is said."""
    problems: list[str] = []

    def tried(read: Any, what: str) -> Any:
        """Return what is read; None where it cannot be, which is noted."""
        try:
            return read()
        except (InvalidError, OSError, KeyError) as error:
            problems.append(f"no {what}: {spelled(_why(error), TABLES)}")
            return None

    labels = truth = pixels = shares = None
    if shown.labels is not None:
        found = shown.labels
        labels = tried(lambda: np.asarray(found(name)), "labels")
    if item is not None:
        pixels = tried(item.image.read, "image")
        if item.annotations and shown.kind == "scores":
            truth = tried(lambda: _truth(item), "truth")
    if name in shown.maps:
        shares = tried(FileSource(shown.maps[name], cache=None).read, "probabilities")
    size = next((x.shape for x in (labels, truth) if x is not None), None)
    if pixels is not None and size is not None and pixels.shape[:-1] != size:
        problems.append(f"no image: it has {pixels.shape[:-1]} pixels now, its labels {size}")
        pixels = None
    if labels is not None and truth is not None and labels.shape != truth.shape:
        problems.append(f"no labels found: they are of {labels.shape} pixels, the truth {size}")
        labels = None
    if shares is not None and (labels is None or shares.shape[:-1] != labels.shape):
        shares = None
    spacing = None if item is None else item.spacing_um
    return Parts(pixels, labels, truth, shares, tuple(problems), spacing)


def _by_expert(item: Item, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Read what experts drew, as far as it can be read and is of this size."""
    found = {}
    for k, source in enumerate(item.annotations[:MOST_EXPERTS]):
        with contextlib.suppress(InvalidError, OSError):
            labels = source.read()
            if labels.shape == shape:
                found[item.annotators[k] if item.annotators else f"{k + 1}"] = labels
    return found


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return str(error.args[0]) if error.args else "none"
    return str(error)


def _truth(item: Item) -> NDArray[Any]:
    labels, known = read_labels(item)
    if known is not None:
        labels = np.where(known, labels, 0)
    return components(labels > 0) if is_mask(labels) else labels


def _drawn(parts: Parts, ndim: int) -> NDArray[np.uint8] | None:
    """Return pixels as colours (spatial..., 3)."""
    if parts.pixels is None:
        return None
    pixels = channels_last(np.asarray(parts.pixels), ndim)
    limits = grey_limits(pixels)
    if ndim == 2:
        return stretched(pixels, limits)
    return np.stack([stretched(plane, limits) for plane in pixels])


def _laid_out(
    parts: Parts, drawn: NDArray[np.uint8] | None
) -> tuple[Parts, NDArray[np.uint8] | None, str]:
    """Lay stacks out flat."""
    size = next(x.shape for x in (parts.labels, parts.truth, drawn) if x is not None)[:3]
    at = stacks.middle(parts.labels if parts.labels is not None else parts.truth, size)

    def flat(stack: NDArray[Any] | None, gap: float = 0) -> NDArray[Any] | None:
        """Lay out one of them."""
        return None if stack is None else stacks.flat(stack, at, parts.spacing, gap)

    planes = say("plane z = {} of {}; y and z at x = {}; brightest along z; below x and z at "
                 "y = {}", at[0], size[0], at[2], at[1])  # fmt: skip
    names = ("labels", "truth", "shares", "mistakes")
    flatter = replace(
        parts,
        pixels=None,
        inside=flat(np.broadcast_to(np.True_, size)),
        drawn={who: stacks.flat(one, at, parts.spacing) for who, one in parts.drawn.items()},
        **{name: flat(getattr(parts, name)) for name in names},
    )
    return flatter, flat(drawn, GAP), str(planes)


def _encoded(parts: Parts, drawn: NDArray[np.uint8] | None, most_px: int) -> Picture:
    """Encode the layers of a flat picture."""
    whole = next(x for x in (drawn, parts.labels, parts.truth) if x is not None).shape[:2]
    size = layers.smaller(whole, most_px)
    inside = None if parts.inside is None else layers.nearest(parts.inside, size)
    made: dict[str, bytes] = {}
    if drawn is not None:
        made["image"] = layers.photo(drawn, size)
    if parts.shares is not None:
        made |= heats(parts.shares, size)
    if parts.labels is not None:
        small = layers.nearest(parts.labels, size)
        made |= {"labels": layers.fills(small), "outlines": layers.lines(small, inside)}
    if parts.truth is not None:
        made["truth"] = layers.lines(layers.nearest(parts.truth, size), inside, TRUTH)
    if parts.mistakes is not None:
        made["mistakes"] = layers.mistakes(layers.nearest(parts.mistakes, size))
    for k, (who, one) in enumerate(parts.drawn.items()):
        colour = layers.EXPERTS[k % len(layers.EXPERTS)]
        made[EXPERT + who] = layers.lines(layers.nearest(one, size), inside, colour)
    return Picture(whole[1], whole[0], made)


def heats(shares: NDArray[Any], size: tuple[int, int]) -> dict[str, bytes]:
    """Encode how probable the foreground is, and how undecided that: entropy, 1 at the most."""
    half = layers.smaller(size, max(1, max(size) // 2))
    shares = np.asarray(shares, np.float32)
    entropy = -(shares * np.log(np.maximum(shares, 1e-6))).sum(-1) / np.log(shares.shape[-1])
    probable = layers.heat(1 - shares[..., 0], half, "viridis")
    return {"probability": probable, "uncertainty": layers.heat(entropy, half, "magma")}


def _compared(shown: Shown, name: str, parts: Parts) -> Parts:
    """Add what was missed, 1, and what is false, 2, where objects were matched."""
    truth, objects = parts.truth, shown.objects
    matched = {"truth", "found", "matched"} <= set(objects.columns) and len(objects) > 0
    if truth is None or not matched:
        return parts
    if parts.labels is not None:
        matches = match(truth, parts.labels)
        mistakes = np.isin(truth, matches.missed).astype(np.uint8)
        mistakes[np.isin(parts.labels, matches.extra)] = 2
        return replace(parts, mistakes=mistakes)
    rows = objects[(objects["image"].astype(str) == name) & (objects["truth"] > 0)]
    if set(rows["truth"]) != set(np.unique(truth[truth > 0]).tolist()):
        return parts
    missed = rows["truth"][~rows["matched"].astype(bool)]
    return replace(parts, mistakes=np.isin(truth, missed).astype(np.uint8))
