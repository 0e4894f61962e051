"""A dense layer that goes both ways, with one matrix of weights."""

from __future__ import annotations

import functools
from typing import Any

from ..runtime.backend import require


def tied_dense(units: int, activation: str, *, seed: int, name: str) -> Any:
    """Make a dense layer that can be called backwards, too.

    Parameters
    ----------
    units : int
        Outputs.
    activation : str
        Of Keras; the same both ways.
    seed : int
        Of its weights.
    name : str
        Of the layer.

    Returns
    -------
    keras.layers.Layer
        ``layer(x)`` gives ``f(x W + b)``, ``layer(y, backwards=True)`` gives ``f(y W' + c)``.
    """
    keras = require()
    initial = keras.initializers.GlorotUniform(seed=seed)
    return registered()(units, activation, kernel_initializer=initial, name=name)


@functools.cache
def registered() -> Any:
    """Return the class of the layer, known to Keras by its name so that networks load.

    It is made when Keras is there: importing this module does not start it.
    """
    keras = require()

    @keras.saving.register_keras_serializable(package="cytoloom")
    class TiedDense(keras.layers.Layer):  # type: ignore[misc]
        """See `tied_dense`."""

        def __init__(
            self,
            units: int,
            activation: str = "linear",
            kernel_initializer: Any = "glorot_uniform",
            **options: Any,
        ) -> None:
            super().__init__(**options)
            self.units = int(units)
            self.activation = keras.activations.get(activation)
            self.kernel_initializer = keras.initializers.get(kernel_initializer)

        def build(self, shape: Any) -> None:
            inputs = int(shape[-1])
            kernel = self.kernel_initializer
            self.kernel = self.add_weight(
                shape=(inputs, self.units), initializer=kernel, name="kernel"
            )
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
            self.back = self.add_weight(shape=(inputs,), initializer="zeros", name="back")

        def call(self, x: Any, backwards: bool = False) -> Any:
            if backwards:
                y = keras.ops.matmul(x, keras.ops.transpose(self.kernel)) + self.back
            else:
                y = keras.ops.matmul(x, self.kernel) + self.bias
            return self.activation(y)

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "units": self.units,
                "activation": keras.activations.serialize(self.activation),
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            }

    return TiedDense
