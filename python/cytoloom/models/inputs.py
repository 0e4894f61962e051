"""Images as a model takes them: its channels, its dimensions."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.items import shown_names
from ..datasets.joined import JoinedSource
from ..datasets.sources import Source
from ..datasets.views import ChannelSource, GreySource
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..images.channels import pick_channels
from ..messages import Argument, Either, Setting, counted, say

if TYPE_CHECKING:
    from .model import Model


ENCODES = Either("`encode`", "cl_encode()", "cytoloom cells encode")
"""The verb for models that describe cells."""
TAKE_SLICES = say("Pass {} to take each z slice as an image.", Setting("slices", True))


def as_model(model: Model | str | os.PathLike[str], argument: str = "model") -> Model:
    """Return the model itself, or load it from its folder; `argument` is what a fault is of."""
    from .load import load
    from .model import Model

    try:
        return model if isinstance(model, Model) else load(model)
    except InvalidError as error:
        raise error.renamed(argument, of="path") from None


def image_model(model: Model | str | os.PathLike[str], argument: str = "model") -> Model:
    """Return a model as `as_model` does, and refuse one that knows nothing of whole images.

    Raises
    ------
    InvalidError
        A model that describes cells.
    """
    found = as_model(model, argument)
    if found.task.learned_of:
        raise invalid(
            argument,
            expected="a model that finds something in images",
            received="one that describes cells",
            remedy=say("{} gives the codes of cells.", ENCODES),
        )
    return found


def as_stacks(items: Sequence[Any], model: Model) -> Work[list[Any]]:
    """Take planes, with their labels, for stacks of one where the model is for stacks, and say so.

    Files often do not tell one from the other. Where pixel sizes are known, the distance of their
    planes is that of the model.
    """
    stacks = [_as_stack(item, model) for item in items]
    planes = [new.id for old, new in zip(items, stacks, strict=True) if old is not new]
    if planes:
        yield note(f"Taken for a stack of one plane: {shown_names(planes)}.")
    return stacks


def _as_stack(item: Any, model: Model) -> Any:
    try:
        plane = model.ndim == 3 and len(item.image.shape) == 3
    except (InvalidError, OSError):
        return item
    if not plane:
        return item
    known = model.info["pixel_size_um"]
    spacing = (known[0], *item.spacing_um) if known and item.spacing_um else None
    labels = tuple(JoinedSource([a], "z") if _is_plane(a) else a for a in item.annotations)
    image = JoinedSource([item.image], "z")
    return replace(item, image=image, annotations=labels, spacing_um=spacing)


def _is_plane(labels: Source) -> bool:
    try:
        return len(labels.shape) == 2
    except (InvalidError, OSError):  # said when they are read
        return False


def trained_channels(item: Any, model: Model) -> Any:
    """Take the channels of the model's names where an image has these, in another order or more."""
    names = model.info["channels"]["names"]
    try:
        have = getattr(item.image, "channel_names", None)
        if not names or not have or list(have) == list(names):
            return item
        # of an image without a file of one of them it is said when it is read
        have = [name for name, _ in getattr(item.image, "among", ())] or have
        pick_channels(tuple(names), len(have), tuple(have), item.id)
    except (InvalidError, OSError):
        return item
    return replace(item, image=ChannelSource(item.image, tuple(names)))


def same_channels(data: Any, model: Model) -> Any:
    """Choose the model's channels by name, of each image, where the data do not say which."""
    if data.channels is not None:
        return data
    return replace(data, items=tuple(trained_channels(item, model) for item in data.items))


def as_grey(items: Sequence[Any], model: Model) -> Work[list[Any]]:
    """Take colour images for grey ones where the model is for one channel, and say so.

    Programs write grey images as colours; one that shows some is refused where it is read.
    """
    fitting = [grey_item(item, model) for item in items]
    grey = [new.id for old, new in zip(items, fitting, strict=True) if old is not new]
    if grey:
        yield note(
            f"{shown_names(grey)}: the model is for one channel; of colours that are all equal one "
            "is taken as grey."
        )
    return fitting


def grey_item(item: Any, model: Model) -> Any:
    """Return an item whose colours, if they are all equal, are one channel, as a model's images."""
    try:
        colours = model.channels == 1 and item.image.shape[-1] in (3, 4)
    except (InvalidError, OSError):  # said when it is read
        return item
    if not colours:
        return item
    return replace(item, image=GreySource(item.image, _other_channels(model, item)))


def unlike(items: Iterable[Any], model: Model) -> Iterator[Event]:
    """Say in what images differ from those of training, as their headers tell it."""
    names, depth = model.info["channels"]["names"], model.normalize.floor_dtype
    channels: dict[str, list[str]] = defaultdict(list)
    types: dict[str, list[str]] = defaultdict(list)
    for item in items:
        try:
            have, dtype = getattr(item.image, "channel_names", None), np.dtype(item.image.dtype)
        except (InvalidError, OSError):  # said when it is read
            continue
        if names and have and [n.casefold() for n in have] != [n.casefold() for n in names]:
            channels[", ".join(have)].append(item.id)
        # whole numbers in a wider type are in the units of 16 bits
        if depth and depth != str(dtype) and (depth != "uint16" or dtype.itemsize < 4):
            types[str(dtype)].append(item.id)
    for kind, ids in channels.items():
        yield warn(
            f"{shown_names(ids)}: channels {kind}, where the model was trained on "
            f"{', '.join(names)}; they are taken in this order"
        )
    for kind, ids in types.items() if model.normalize.range != "dtype" else ():
        text = f"{shown_names(ids)}: pixels of {kind}, where the model was trained on {depth}; "
        if model.normalize.range is not None:
            yield warn(f"{text}they are scaled as such: {model.normalize.words} become 0 and 1")
            continue
        yield note(
            f"{text}the least contrast that counts as signal, learned in training, holds for such "
            "alone"
        )


def fitting_source(model: Model, item: Any, for_stacks: str = TAKE_SLICES) -> Any:
    """Return the item's image source, refusing what the network cannot take.

    `for_stacks` is what to do with a stack that a 2-D model is given.
    """
    source = item.image
    spatial, count = len(source.shape) - 1, source.shape[-1]
    if spatial != model.ndim:
        remedy = for_stacks if spatial == 3 else "Give z stacks."
        raise invalid(
            item.id,
            expected=f"a {model.ndim}-D image",
            received=say("a {}-D one, shape {}: {}", spatial, tuple(source.shape), source.name),
            remedy=remedy,
        )
    if count != model.channels:
        raise _other_channels(model, item)
    return source


def _other_channels(model: Model, item: Any) -> InvalidError:
    names = model.info["channels"]["names"]
    trained = counted(model.channels, "channel") + (f" ({', '.join(names)})" if names else "")
    return invalid(
        item.id,
        expected=f"{trained}, as the model was trained",
        received=f"{counted(item.image.shape[-1], 'channel')} in {item.image.name}",
        remedy=say(
            "Choose with {}, for instance {}.",
            Argument("channels"),
            ", ".join(names or ["0"]),
        ),
    )
