"""Fine-tuning: weights of another model taken over by name, where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import invalid
from ..messages import counted
from ..models.record import Part


def transfer(start: Any, network: Any, old: Part, new: Part) -> list[str]:
    """Give a network the weights of one of the same kind that was trained before.

    All before the heads is taken over as it is; heads by their name, and of a head whose
    channels have names each channel by its own.

    Parameters
    ----------
    start, network : keras.Model
        The trained one and a new one, built by one and the same component.
    old, new : Part
        What they learned and what is to be learned.

    Returns
    -------
    list of str
        What starts fresh, and what is matched otherwise than by its place; empty where the
        network is now the old one.

    Raises
    ------
    InvalidError
        Before the heads they are not alike.
    """
    theirs, ours = _heads(start), _heads(network)
    body = [
        [layer for layer in model.layers if layer.weights and layer not in heads.values()]
        for model, heads in ((start, theirs), (network, ours))
    ]
    shapes = [[[w.shape for w in layer.weights] for layer in layers] for layers in body]
    if shapes[0] != shapes[1]:
        expected = "a network that is the same before its heads"
        received = " and ".join(counted(len(layers), "layer") for layers in body)
        raise invalid("start", expected=expected, received=received)
    for known, layer in zip(*body, strict=True):
        layer.set_weights(known.get_weights())
    said = []
    for name, layer in ours.items():
        alike = name in theirs and _alike(name, old, new)
        said += _head(name, theirs[name], layer, old, new) if alike else [f"head {name}: fresh"]
    return said


def _alike(name: str, old: Part, new: Part) -> bool:
    """Whether a head of this name says the same kind of thing in both."""
    one, other = old.task.heads[name], new.task.heads[name]
    named = all(name in part.task.channel_names for part in (old, new))
    return one.activation == other.activation and (named or one.channels == other.channels)


def _head(name: str, known: Any, layer: Any, old: Part, new: Part) -> list[str]:
    """Take over a head's channels, by their names where they have any; say what was no copy."""
    here = [part.task.channel_names.get(name, ()) for part in (old, new)]
    theirs, ours = ([str(n) for n in names] for names in here)
    if theirs == ours:
        layer.set_weights(known.get_weights())
        return []
    pairs = zip(known.get_weights(), layer.get_weights(), strict=True)
    layer.set_weights([_by_name(theirs, ours, a, b) for a, b in pairs])
    fresh = [n for n in ours if n not in theirs]
    left = [n for n in theirs if n not in ours]
    moved = [n for n in ours if n in theirs and theirs.index(n) != ours.index(n)]
    words = ((fresh, "fresh"), (left, "not taken over"), (moved, "moved to their new place"))
    return [f"{_classes(names)}: {what}" for names, what in words if names]


def _classes(names: Sequence[str]) -> str:
    return f"class{'es' * (len(names) > 1)} {', '.join(names)}"


def _by_name(
    theirs: Sequence[str], ours: Sequence[str], known: np.ndarray, fresh: np.ndarray
) -> np.ndarray:
    """Put channels, the last axis, where their names are; those without any stay fresh."""
    values = fresh.copy()
    for k, name in enumerate(ours):
        if name in theirs:
            values[..., k] = known[..., theirs.index(name)]
    return values


def _heads(network: Any) -> dict[str, Any]:
    """Return the layer that makes the channels of each head."""
    found = {}
    for name, output in network.output.items():
        layer = output._keras_history.operation
        # behind the one with weights there may be some that only give their shape
        while not layer.weights and len(layer._inbound_nodes[0].input_tensors) == 1:
            layer = layer._inbound_nodes[0].input_tensors[0]._keras_history.operation
        found[name] = layer
    return found
