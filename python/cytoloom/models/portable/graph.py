"""The network as one graph from a scaled image to maps after activation."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...errors import invalid
from ...messages import counted
from ...runtime import backend
from ...uncertainty.calibration import LEAST
from ..record import refuse_broken

if TYPE_CHECKING:
    from ..record import Record

INPUT = "image"


def refuse_others(model: Record) -> None:
    """Refuse models that are more than networks from an image to maps."""
    expected = "a model of one network, from an image to maps"
    if len(model.parts) > 1:
        received = f"one of {counted(len(model.parts), 'network')}: {', '.join(model.parts)}"
        raise invalid("model", expected=expected, received=received)
    if list(model.part.inputs) != [INPUT]:
        raise invalid("model", expected=expected, received=f"inputs {', '.join(model.part.inputs)}")


def in_float32(model: Any) -> Any:
    """Return the same model with all its networks in memory, in float32 whatever the precision was.

    What other programs compute in, and what they are held against.
    """
    networks = {}
    for key in model.keys():
        network = model.networks[key] if key in model.networks else model.read_network(*key)
        refuse_broken(network)
        if backend.precision_of(network) != "float32":
            network = model.in_precision(network, "float32", key[1])
        networks[key] = network
    return dataclasses.replace(model, networks=networks, held={}, _engine=None)


def maps_graph(model: Record) -> Any:
    """Make the `keras.Model` from a scaled image to maps by head; of members their mean.

    Batch normalisation is folded into the convolutions, where the network can.

    Parameters
    ----------
    model : Model
        Of `in_float32`.

    Examples
    --------
    >>> from cytoloom.models.untrained import untrained
    >>> graph = maps_graph(untrained())
    >>> graph.output["foreground"].shape
    (None, None, None, 1)
    """
    keras = backend.require()
    image = keras.Input((*(None,) * model.ndim, model.channels), name=INPUT)
    logits = []
    for member in range(1, model.members + 1):
        plain = model.part.for_prediction(model.network_of(member))
        # members are built alike, and a graph has each name once
        logits.append(keras.Model(plain.inputs, plain.output, name=f"member_{member}")(image))
    maps = {}
    for head, of in model.task.heads.items():
        found = [keras.layers.Activation(of.activation)(one[head]) for one in logits]
        mean = keras.layers.Average()(found) if len(found) > 1 else found[0]
        calibrated = head in model.task.class_heads and model.part.calibration is not None
        temperature = model.part.calibration.temperature if calibrated else 1.0
        maps[head] = mean if temperature == 1 else _tempered(mean, temperature, of.activation)
    return keras.Model(image, maps)


def _tempered(mean: Any, temperature: float, activation: str) -> Any:
    """Return a map of probabilities as a temperature makes it; see `uncertainty.calibration`."""
    ops = backend.require().ops

    def power(share: Any) -> Any:
        return ops.power(ops.clip(share, LEAST, 1 - LEAST), 1 / temperature)

    own = power(mean)
    total = own + power(1 - mean) if activation == "sigmoid" else ops.sum(own, -1, keepdims=True)
    return own / total
