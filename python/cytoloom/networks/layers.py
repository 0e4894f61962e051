"""The operations of a U-Net as Keras layers, seeded by name."""

from __future__ import annotations

import hashlib
from typing import Any

from ..runtime.backend import require

Size = tuple[int, ...]


class Layers:
    """Reads a wiring into Keras layers.

    Parameters
    ----------
    ndim : int
        Spatial dimensions, 2 or 3.
    seed : int
        Seed of all layers; each draws from a stream of its own, given by its name.
    """

    def __init__(self, ndim: int, seed: int) -> None:
        self.ndim, self.seed = ndim, seed
        self.keras = require()
        self.layers = self.keras.layers

    def _make(self, kind: str, name: str, **options: Any) -> Any:
        return getattr(self.layers, f"{kind}{self.ndim}D")(name=name, **options)

    def _initial(self, name: str, kind: str) -> Any:
        return getattr(self.keras.initializers, kind)(seed=seed_of(self.seed, name))

    def convolve(
        self,
        x: Any,
        name: str,
        filters: int,
        kernel: Size,
        strides: Size,
        bias: bool,
        initial: str,
    ) -> Any:
        """Convolve with zeros outside the image; a bias only where no normalisation follows."""
        return self._make(
            "Conv",
            name,
            filters=filters,
            kernel_size=kernel,
            strides=strides,
            padding="same",
            use_bias=bias,
            kernel_initializer=self._initial(name, initial),
            data_format="channels_last",
        )(x)

    def head(self, x: Any, name: str, channels: int) -> Any:
        """Give one head's logits, float32 in any precision policy."""
        return self._make(
            "Conv",
            name,
            filters=channels,
            kernel_size=1,
            kernel_initializer=self._initial(name, "GlorotUniform"),
            data_format="channels_last",
            dtype="float32",
        )(x)

    def transposed(self, x: Any, name: str, filters: int, size: Size) -> Any:
        """Enlarge by a transposed convolution whose kernel is as wide as its stride."""
        kind = getattr(self.layers, f"Conv{self.ndim}DTranspose")
        return kind(
            filters=filters,
            kernel_size=size,
            strides=size,
            kernel_initializer=self._initial(name, "HeNormal"),
            data_format="channels_last",
            name=name,
        )(x)

    def normalise(self, x: Any, name: str) -> Any:
        """Normalise each channel over the batch."""
        return self.layers.BatchNormalization(name=name)(x)

    def relu(self, x: Any, name: str) -> Any:
        """Set negative values to 0."""
        return self.layers.ReLU(name=name)(x)

    def pool(self, x: Any, name: str, size: Size) -> Any:
        """Keep the largest value of each cell of `size`."""
        return self._make("MaxPooling", name, pool_size=size, data_format="channels_last")(x)

    def repeat(self, x: Any, name: str, size: Size) -> Any:
        """Enlarge by repeating pixels."""
        return self._make("UpSampling", name, size=size, data_format="channels_last")(x)

    def dropout(self, x: Any, name: str, rate: float) -> Any:
        """Drop whole feature maps in training."""
        return self._make("SpatialDropout", name, rate=rate, seed=seed_of(self.seed, name))(x)

    def concatenate(self, xs: list[Any], name: str) -> Any:
        """Join channels."""
        return self.layers.Concatenate(name=name)(xs)

    def add(self, xs: list[Any], name: str) -> Any:
        """Add tensors."""
        return self.layers.Add(name=name)(xs)


def seed_of(seed: int, name: str) -> int:
    """Return the seed (31 bits) of one layer, the same in any process and on any machine."""
    # a hash of the name: a layer keeps its weights when others are added, and hash() is salted
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4]) >> 1
