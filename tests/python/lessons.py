"""A lesson that is no segmentation: crops in, the crops and their brightness out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import cytoloom as cl
from cytoloom.components import component
from cytoloom.models.record import Part
from cytoloom.networks import Network
from cytoloom.runtime import backend
from cytoloom.tasks import Head, Task
from cytoloom.training.lesson import Batch, Lesson


@component
@dataclass(frozen=True)
class Rebuild(Task):
    """Give the crop back, and one number for it: a head without spatial axes."""

    heads = {"crop": Head(1, "sigmoid", "mse"), "bright": Head(1, "linear", "l1")}  # noqa: RUF012


@component
@dataclass(frozen=True)
class Encoder(Network):
    """A few numbers between a crop with its exposure (two inputs) and what comes out."""

    features: int = 4

    def build(self, inputs: Any, heads: Any, seed: int = 0, spacing_um: Any = None) -> Any:
        keras, layers = backend.require(), backend.require().layers
        crop = keras.Input((16, 16, inputs["crop"]), name="crop")
        exposure = keras.Input((inputs["exposure"],), name="exposure")
        keras.utils.set_random_seed(seed)
        code = layers.Dense(self.features)(layers.Concatenate()([layers.Flatten()(crop), exposure]))
        rebuilt = layers.Reshape((16, 16, 1))(layers.Dense(256)(code))
        bright = layers.Dense(heads["bright"])(code)
        inputs = {"crop": crop, "exposure": exposure}
        return keras.Model(inputs, {"crop": rebuilt, "bright": bright})


class Crops(Lesson):
    """Batches of crops; what should come out is what goes in."""

    images, batch_size = 40, 4

    part = Part(Rebuild(), Encoder(), cl.Normalize(), {"crop": 1, "exposure": 1})

    def batch(self, i: int) -> Batch:
        rng = np.random.default_rng([self.seed, i])
        exposure = rng.random((4, 1), np.float32)
        ramp = np.linspace(0, 1, 16, dtype=np.float32)[:, None]
        crop = np.broadcast_to(ramp * exposure[:, None, None], (4, 16, 16, 1))
        both = {"crop": crop, "bright": crop.mean((1, 2))}
        targets = {n: np.concatenate([v, np.ones_like(v)], -1) for n, v in both.items()}
        return {"crop": crop, "exposure": exposure}, targets

    def validation(self) -> list[Batch]:
        return [self.batch(10**6 + k) for k in range(3)]
