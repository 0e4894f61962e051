"""Networks for crops: one encoder for each of them, and what their codes say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..components import component
from ..components.rules import Rule, below_one, count, ruled
from ..runtime.backend import require
from .layers import Layers, seed_of
from .network import Network

STEP = "step"
"""The input that is no crop, but a few numbers about them."""
ENCODER, DECIDER, CODE = "encoder", "decider", "code"
WHOLE = Rule("whole numbers above 0", 1, whole=True, length=0)


@component
@dataclass(frozen=True)
class Siamese(Network):
    """One encoder for all crops that it is given, and dense layers on their codes.

    Parameters
    ----------
    size_px : tuple of int, default (24, 24)
        Of crops, (y, x) or (z, y, x).
    filters : tuple of int, default (16, 32, 48)
        Of the convolutions of each level; after each the axes that have 4 pixels or more are
        halved.
    code : int, default 32
        Numbers that a crop comes to.
    hidden : int, default 64
        Units of the dense layers on the codes.
    dropout : float, default 0.1
        Share of them that training drops.

    Notes
    -----
    Of two crops a and b the dense layers are given both codes, their difference's size and their
    product, and the input ``"step"`` where there is one. An encoder that all crops share has to see
    each of them only once, however many pairs it is in (`encoder_of`, `decider_of`).

    Examples
    --------
    >>> Siamese((16, 24, 24)).ndim, Siamese().words
    (3, '16 32 48 filters, a code of 32')
    """

    size_px: tuple[int, ...] = ruled((24, 24), WHOLE)
    filters: tuple[int, ...] = ruled((16, 32, 48), WHOLE)
    code: int = count(32)
    hidden: int = count(64)
    dropout: float = below_one(0.1)

    @property
    def ndim(self) -> int:
        """Spatial dimensions of the crops."""
        return len(self.size_px)

    @property
    def words(self) -> str:
        """What a plan says of it."""
        return f"{' '.join(map(str, self.filters))} filters, a code of {self.code}"

    def build(
        self,
        inputs: Mapping[str, int],
        heads: Mapping[str, int],
        seed: int = 0,
        spacing_um: Sequence[float] | None = None,
    ) -> Any:
        """Make the Keras model.

        Parameters
        ----------
        inputs : dict of str to int
            Channels of each crop; of ``"step"`` how many numbers it is.
        heads : dict of str to int
            Numbers that come out, by head.
        seed : int, default 0
            The same seed gives the same weights in any process.
        spacing_um : sequence of float, optional
            Nothing here depends on it.
        """
        keras = require(ndim=self.ndim)
        crops = {n: c for n, c in inputs.items() if n != STEP}
        given = {n: keras.Input((*self.size_px, c), dtype="float32", name=n)
                 for n, c in crops.items()}  # fmt: skip
        encoder = self._encoder(next(iter(crops.values())), seed)
        codes = {f"{CODE}{k}": encoder(one) for k, one in enumerate(given.values())}
        if STEP in inputs:
            given[STEP] = keras.Input((inputs[STEP],), dtype="float32", name=STEP)
            codes[STEP] = given[STEP]
        decider = self._decider(len(crops), inputs.get(STEP, 0), heads, seed)
        # a dict of one is not what Keras expects of a network with one input
        return keras.Model(_one(given), decider(_one(codes)), name="siamese")

    def _encoder(self, channels: int, seed: int) -> Any:
        keras, layers = require(), Layers(self.ndim, seed)
        x = crop = keras.Input((*self.size_px, channels), dtype="float32")
        for k, filters in enumerate(self.filters):
            # at full resolution a second convolution would cost more than all the rest
            for j in range(1 if k == 0 else 2):
                name = f"level{k}_{j}"
                x = layers.convolve(x, name, filters, (3,) * self.ndim, (1,) * self.ndim, True,
                                    "HeNormal")  # fmt: skip
                x = layers.relu(x, f"{name}_relu")
            pool = tuple(2 if n >= 4 else 1 for n in x.shape[1:-1])
            x = layers.pool(x, f"level{k}_pool", pool)
        x = keras.layers.Flatten(name="flat")(x)
        x = keras.layers.Dropout(self.dropout, seed=seed_of(seed, "flat"))(x)
        x = _dense(keras, x, "code", self.code, seed, "linear")
        x = keras.layers.LayerNormalization(name="code_norm", dtype="float32")(x)
        return keras.Model(crop, x, name=ENCODER)

    def _decider(self, crops: int, step: int, heads: Mapping[str, int], seed: int) -> Any:
        keras = require()
        names = [f"{CODE}{k}" for k in range(crops)]
        given = {name: keras.Input((self.code,), dtype="float32", name=name) for name in names}
        codes = list(given.values())
        x = list(codes)
        if crops == 2:
            away = keras.layers.Subtract(name="away")(codes)
            x.append(keras.layers.Multiply(name="square")([away, away]))
            x.append(keras.layers.Multiply(name="both")(codes))
        if step:
            given[STEP] = keras.Input((step,), dtype="float32", name=STEP)
            x.append(given[STEP])
        y = x[0] if len(x) == 1 else keras.layers.Concatenate(name="all")(x)
        for k in range(2):
            y = _dense(keras, y, f"dense{k}", self.hidden, seed, "relu")
            y = keras.layers.Dropout(self.dropout, seed=seed_of(seed, f"dense{k}_drop"))(y)
        found = {h: _dense(keras, y, h, n, seed, "linear", "float32") for h, n in heads.items()}
        return keras.Model(_one(given), found, name=DECIDER)

    def parameters(self, channels: int = 1, heads: Mapping[str, int] | int = 1) -> int:
        """Count the parameters of the encoder."""
        total, before, size = 0, channels, list(self.size_px)
        for k, filters in enumerate(self.filters):
            for _ in range(1 if k == 0 else 2):
                total += (before * 3**self.ndim + 1) * filters
                before = filters
            size = [n // 2 if n >= 4 else n for n in size]
        return total + (math.prod(size) * before + 1) * self.code + 2 * self.code


def encoder_of(network: Any) -> Any:
    """Return the part that makes codes of crops: a `keras.Model` to ``{"code": (n, code)}``.

    Parameters
    ----------
    network : keras.Model
        Made by `Siamese`.
    """
    encoder = network.get_layer(ENCODER)
    return require().Model(encoder.input, {CODE: encoder.output}, name=ENCODER)


def decider_of(network: Any) -> Any:
    """Return the part that says of codes what they mean together: a `keras.Model`.

    Its inputs are ``"code0"``, of pairs ``"code1"``, and ``"step"`` where there is one.

    Parameters
    ----------
    network : keras.Model
        Made by `Siamese`.
    """
    return network.get_layer(DECIDER)


def _one(given: dict[str, Any]) -> Any:
    return given if len(given) > 1 else next(iter(given.values()))


def _dense(
    keras: Any, x: Any, name: str, units: int, seed: int, how: str, dtype: str | None = None
) -> Any:
    initial = keras.initializers.HeNormal(seed=seed_of(seed, name))
    dense = keras.layers.Dense(
        units, activation=how, kernel_initializer=initial, name=name, dtype=dtype
    )
    return dense(x)
