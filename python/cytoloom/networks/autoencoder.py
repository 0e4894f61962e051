"""Autoencoders: a crop in, a few numbers between, the same crop out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..components import component
from ..components.rules import Rule, below_one, ruled
from ..errors import invalid
from ..messages import Setting, say
from ..runtime.backend import require
from .layers import seed_of
from .network import Network
from .tied import tied_dense

ORIGINAL = "c16.5r_p2_c32.3r_p2_d256.1r_d64.0s"
CODE = "code"
"""The layer whose outputs are the features."""
_LAYER = re.compile(r"c(?P<filters>\d+)\.(?P<width>\d+)(?P<conv>[rs])|p(?P<pool>\d+)"
                    r"|d(?P<units>\d+)\.(?P<drop>\d)(?P<dense>[rsl])")  # fmt: skip
_ACTIVATIONS = {"r": "relu", "s": "sigmoid", "l": "linear"}
_LARGEST = 100_000


@dataclass(frozen=True)
class Layer:
    """One layer of the way in.

    Attributes
    ----------
    kind : {"conv", "pool", "dense"}
        What it is.
    size : int
        Filters, the factor of a pooling, or units.
    width : int
        Of a convolution, px.
    dropout : float
        Share of the inputs of a dense layer that training drops.
    activation : str
        Of Keras.
    """

    kind: str
    size: int
    width: int = 0
    dropout: float = 0.0
    activation: str = "linear"


def layers_of(words: str) -> tuple[Layer, ...]:
    """Read an architecture as CellCognition Explorer writes it.

    Parameters
    ----------
    words : str
        Layers joined by ``_``: ``c16.5r`` is a convolution of 16 filters of 5 x 5 px, ``p2`` a
        max-pooling by 2, ``d256.1r`` a dense layer of 256 units before which a tenth is dropped;
        ``r`` is ReLU, ``s`` sigmoid, and of dense layers ``l`` linear.

    Raises
    ------
    InvalidError
        A part that is none of these, no dense layer, or one before a convolution.

    Examples
    --------
    >>> [layer.kind for layer in layers_of("c16.5r_p2_d64.0s")]
    ['conv', 'pool', 'dense']
    """
    found = []
    for k, part in enumerate(str(words).split("_"), start=1):
        match = _LAYER.fullmatch(part)
        layer = None if match is None else _layer(match)
        if (
            layer is None
            or not 0 < layer.size <= _LARGEST
            or (layer.kind == "conv" and not layer.width % 2)
        ):
            raise invalid(
                "layers",
                expected="parts such as c16.5r (an odd width), p2 and d64.0s, joined by _",
                received=f"{part or 'nothing'} as part {k} of {words}",
            )
        if layer.kind != "dense" and any(one.kind == "dense" for one in found):
            raise invalid("layers", expected="dense layers behind all others",
                          received=f"{part} behind one in {words}")  # fmt: skip
        found.append(layer)
    if found[-1].kind != "dense":
        raise invalid("layers", expected="a dense layer at the end, whose units are the features",
                      received=words, remedy=f"Such as {words}_d64.0s.")  # fmt: skip
    return tuple(found)


def _layer(match: re.Match[str]) -> Layer:
    if match["pool"]:
        return Layer("pool", int(match["pool"]))
    if match["units"]:
        return Layer(
            "dense", int(match["units"]), 0, int(match["drop"]) / 10, _ACTIVATIONS[match["dense"]]
        )
    return Layer(
        "conv", int(match["filters"]), int(match["width"]), 0.0, _ACTIVATIONS[match["conv"]]
    )


@component
@dataclass(frozen=True)
class Autoencoder(Network):
    """A convolutional autoencoder for crops of cells, with a mirrored way out.

    The way out has the way in in reverse: dense layers with the same weights, transposed; repeated
    pixels for poolings; convolutions of their own. The code of a cell is what the last dense layer
    gives. As in CellCognition Explorer (Sommer et al. 2017, doi:10.1091/mbc.E17-05-0333), but that
    the last convolution is linear, so that no pixel is lost to a ReLU that never answers.

    Parameters
    ----------
    layers : str, default "c16.5r_p2_c32.3r_p2_d256.1r_d64.0s"
        The way in: c convolution (filters.width), p max-pooling, d dense (units.tenths dropped);
        r ReLU, s sigmoid, l linear.
    size_px : tuple of int, optional
        Of the crops, (y, x); what poolings multiply to must divide it. Default: that of the cells.
    corruption : float, default 0.0
        Share of the pixels of a crop that training sets to 0 before the way in, which is to find
        them again.

    Examples
    --------
    >>> Autoencoder().features, Autoencoder().grid_px
    (64, (4, 4))
    """

    layers: str = ORIGINAL
    size_px: tuple[int, ...] | None = ruled(
        None, Rule("whole numbers above 0", 1, whole=True, length=0)
    )
    corruption: float = below_one(0.0)

    def __post_init__(self) -> None:
        if self.size_px is None:
            return
        given = self.size_px if isinstance(self.size_px, (list, tuple)) else (self.size_px,)
        size = tuple(map(int, given if len(given) > 1 else (*given, *given)))
        object.__setattr__(self, "size_px", size)

    def refuse_size(self) -> None:
        """Refuse crops that this network cannot see.

        Examples
        --------
        >>> Autoencoder("c8.3r_p2_d16.0s", size_px=(25, 25)).refuse_size()
        Traceback (most recent call last):
        cytoloom.errors.InvalidError: Invalid `size_px`. Expected multiples of 2 px, by which ...
        """
        factor, size = self.grid_px[0], self.size_px
        if size is None or len(size) != 2:
            expected = "two whole numbers above 0, the edges of crops"
            raise invalid("size_px", expected=expected, received=size)
        if any(n % factor for n in size):
            pools = " and ".join(one for one in self.layers.split("_") if one[0] == "p")
            near = [tuple((n // factor + k) * factor for n in size) for k in (0, 1)]
            fits = [Setting("size_px", one[0] if len(set(one)) == 1 else one)
                    for one in near if min(one) > 0]  # fmt: skip
            raise invalid(
                "size_px",
                expected=f"multiples of {factor} px, by which {pools} of {self.layers} pool",
                received=say("{}", size),
                remedy=say("Pass {} or {}." if len(fits) > 1 else "Pass {}.", *fits),
            )

    @classmethod
    def for_size(cls, size_px: Sequence[int]) -> Autoencoder:
        """Return the usual one for crops of a size; of odd sizes one that does not pool.

        Examples
        --------
        >>> Autoencoder.for_size((48, 48)).layers == ORIGINAL
        True
        >>> Autoencoder.for_size((25, 25)).layers
        'c16.5r_c32.3r_d256.1r_d64.0s'
        """
        factors = [4, 2, 1]
        factor = next(f for f in factors if not any(n % f for n in size_px))
        layers = ORIGINAL if factor == 4 else ORIGINAL.replace("_p2", "", 3 - factor)
        return cls(layers, tuple(size_px))

    @property
    def words(self) -> str:
        """What a plan says of it."""
        size = "" if self.size_px is None else f", {self.size_px[0]} x {self.size_px[1]} px"
        return f"{self.layers}{size}"

    @property
    def features(self) -> int:
        """How many numbers a code has."""
        return layers_of(self.layers)[-1].size

    @property
    def grid_px(self) -> tuple[int, ...]:
        """By what the size of crops must be divisible."""
        factor = 1
        for layer in layers_of(self.layers):
            factor *= layer.size if layer.kind == "pool" else 1
        return (factor, factor)

    def build(
        self,
        inputs: Mapping[str, int],
        heads: Mapping[str, int],
        seed: int = 0,
        spacing_um: Sequence[float] | None = None,
    ) -> Any:
        """Make the Keras model, its layer ``"code"`` among the others.

        Parameters
        ----------
        inputs : dict of str to int
            ``{"image": channels}``.
        heads : dict of str to int
            ``{"image": channels}``, the crop that comes out.
        seed : int, default 0
            The same seed gives the same weights in any process.
        spacing_um : sequence of float, optional
            Nothing here depends on it.
        """
        keras = require(ndim=2)
        self.refuse_size()
        assert self.size_px is not None
        made = layers_of(self.layers)
        ((name, channels),) = heads.items()
        image = keras.Input((*self.size_px, inputs["image"]), dtype="float32", name="image")
        x = image
        if self.corruption:
            x = keras.layers.Dropout(self.corruption, seed=seed_of(seed, "corruption"))(x)
        x, dense, shape = self._inwards(keras, x, made, seed)
        x = self._outwards(keras, x, made, dense, shape, channels, seed)
        x = keras.layers.Activation("linear", dtype="float32", name="crop")(x)
        return keras.Model(image, {name: x}, name="autoencoder")

    def _inwards(
        self, keras: Any, x: Any, made: Sequence[Layer], seed: int
    ) -> tuple[Any, list[Any], Any]:
        """Add the way in; return its end, its dense layers and the shape before them."""
        dense: list[Any] = []
        shape = None
        for k, layer in enumerate(made):
            if layer.kind == "conv":
                x = self._convolve(
                    keras, x, f"in{k}", layer.size, layer.width, layer.activation, seed
                )
            elif layer.kind == "pool":
                x = keras.layers.MaxPooling2D(layer.size, name=f"in{k}_pool")(x)
            else:
                if shape is None:
                    shape = x.shape[1:]
                    x = keras.layers.Flatten(name="flat")(x)
                if layer.dropout:
                    drop = keras.layers.Dropout(layer.dropout, seed=seed_of(seed, f"in{k}_drop"))
                    x = drop(x)
                dense.append(tied_dense(
                    layer.size, layer.activation, seed=seed_of(seed, f"in{k}"), name=f"in{k}_dense"
                ))  # fmt: skip
                x = dense[-1](x)
        return keras.layers.Activation("linear", dtype="float32", name=CODE)(x), dense, shape

    def _outwards(
        self, keras: Any, x: Any, made: Sequence[Layer], dense: Sequence[Any], shape: Any,
        channels: int, seed: int,
    ) -> Any:  # fmt: skip
        """Add the way out, which mirrors the way in."""
        for layer in reversed(dense):
            x = layer(x, backwards=True)
        x = keras.layers.Reshape(shape, name="square")(x)
        rest = [(k, layer) for k, layer in enumerate(made) if layer.kind != "dense"]
        for k, layer in reversed(rest):
            if layer.kind == "pool":
                x = keras.layers.UpSampling2D(layer.size, name=f"out{k}_up")(x)
                continue
            last = k == next(i for i, one in rest if one.kind == "conv")
            filters, how = (channels, "linear") if last else (layer.size, layer.activation)
            x = self._convolve(keras, x, f"out{k}", filters, layer.width, how, seed)
        if not any(layer.kind == "conv" for _, layer in rest):
            x = self._convolve(keras, x, "out", channels, 1, "linear", seed)
        return x

    def _convolve(
        self, keras: Any, x: Any, name: str, filters: int, width: int, activation: str, seed: int
    ) -> Any:
        return keras.layers.Conv2D(
            filters,
            width,
            padding="same",
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed_of(seed, name)),
            data_format="channels_last",
            name=f"{name}_conv",
        )(x)


def encoder_of(network: Any) -> Any:
    """Return the way in of an autoencoder as a model of its own: from crops to codes.

    Parameters
    ----------
    network : keras.Model
        Made by `Autoencoder`.

    Returns
    -------
    keras.Model
        From (batch, y, x, channels) to ``{"code": (batch, features)}``, its weights shared.
    """
    keras = require(ndim=2)
    try:
        code = network.get_layer(CODE).output
    except ValueError:
        raise invalid("model", expected="an autoencoder", received=network.name) from None
    return keras.Model(network.input, {CODE: code}, name="encoder")
