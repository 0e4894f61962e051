"""A batch cut into parts that go through one network side by side, each on a core of its own."""

from __future__ import annotations

import contextlib
import math
from typing import Any

from ..runtime import backend
from ..runtime.devices import Scope

PARTS = 4
"""A step of the default network took 0.276 s undivided, 0.184 s in two parts, 0.144 s in four and
0.145 s in eight, on two cores; more parts leave fewer patches for batch normalisation in each."""
MOMENTUM = 0.9
"""Of a step, for the moving averages of batch normalisation; 0.99, Keras' default, remembers the
random start for longer than a short training lasts."""


def parts_of(batch: int, devices: int = 1) -> int:
    """Return into how many equal parts each device cuts its share of a batch.

    As many as one device would on all devices together, where that many can be shared out: batch
    normalisation then takes the same statistics.

    Examples
    --------
    >>> [parts_of(batch) for batch in (8, 6, 5, 2, 1)]
    [4, 2, 1, 2, 1]
    >>> parts_of(8, devices=2), parts_of(6, devices=2), parts_of(12, devices=3)
    (2, 1, 1)
    """
    return max(1, math.gcd(batch, PARTS) // devices)


def ghost_batches(network: Any, parts: int, scope: Scope = contextlib.nullcontext) -> Any:
    """Return a model that trains this network, on `parts` parts of each batch side by side.

    Splitting one operation among cores wastes more than half of a second core on patches; whole
    parts of a batch do not wait for each other. Each operation runs on one core, so weights do
    not depend on the number of cores. Batch normalisation takes the statistics of a part
    ("ghost batches", doi:10.48550/arXiv.1705.08741).

    Parameters
    ----------
    network : keras.Model
        One input (batch, ...) or several by name, output a dict by head. Its variables are shared.
    parts : int
        Must divide the batch, or each device's share of it.
    scope : callable, default ``contextlib.nullcontext``
        What `devices.scope` returned, where several devices train; this is called within it.

    Returns
    -------
    keras.Model
        From a batch to a list with the outputs of each part; its loss is the mean over parts.
    """
    keras = backend.require()
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # the moving averages are updated once for each part, and shall forget as fast a step
            layer.momentum = MOMENTUM ** (1 / parts)

    class GhostBatches(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.parts = parts
            self.built = True

        def call(self, images: Any, training: bool | None = None) -> list[dict[str, Any]]:
            """Run each part of the batch as a batch of its own."""
            if isinstance(images, dict):
                cut = {name: keras.ops.split(values, parts) for name, values in images.items()}
                each = [{name: part[k] for name, part in cut.items()} for k in range(parts)]
            else:
                each = keras.ops.split(images, parts)
            return [
                self.network(backend.as_taken(network, part), training=training) for part in each
            ]

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, *_: Any, **options: Any
        ) -> Any:
            # the mean over parts, not over patches: parts are equally large
            return sum(self.losses_of_parts(y, y_pred, **options)) / parts

        def losses_of_parts(self, y: Any, y_pred: Any, **options: Any) -> list[Any]:
            """Compute the loss of each part of the batch."""
            cut = {head: keras.ops.split(targets, parts) for head, targets in y.items()}
            return [
                super(GhostBatches, self).compute_loss(
                    y={head: targets[k] for head, targets in cut.items()}, y_pred=part, **options
                )
                for k, part in enumerate(y_pred)
            ]

        def step(self, images: Any, targets: dict[str, Any], rate: float) -> float:
            """Train on a batch at this learning rate; return the loss before it."""
            with scope():
                self.optimizer.learning_rate = rate
                return float(self.train_on_batch(images, targets, return_dict=True)["loss"])

        if backend.name() == "tensorflow":
            train_step = _step_in_order
            step = _step_in_one_call

    return GhostBatches()


def _step_in_one_call(model: Any, images: Any, targets: dict[str, Any], rate: float) -> float:
    """Do what `step` does in one call of TensorFlow: between several, the cores would idle."""
    import tensorflow as tf

    # 4 ms of 227 ms a step were spent between the calls of `train_on_batch`
    if not hasattr(model, "whole_step"):
        several = model.distribute_strategy.num_replicas_in_sync > 1
        if not several:
            # There are no others whose gradients are to be added. Asked for their sum, TensorFlow
            # would register a function for good, and with it keep this graph: 10 MB each.
            model.optimizer._all_reduce_sum_gradients = list
        train_step = _step_on_all if several else _step_on_one

        def whole_step(images: Any, targets: Any, rate: Any) -> Any:
            model.optimizer.learning_rate = rate
            return train_step(model, images, targets)

        model.whole_step = tf.function(whole_step)
    return float(model.whole_step(images, targets, tf.constant(rate, tf.float32)))


def _step_on_one(model: Any, images: Any, targets: Any) -> Any:
    return model.train_step((images, targets))["loss"]


def _step_on_all(model: Any, images: Any, targets: Any) -> Any:
    """Step on every device of the model's strategy, each with its share of the batch."""
    import tensorflow as tf

    strategy = model.distribute_strategy
    averages = [v.value for v in model.non_trainable_variables if "float" in str(v.dtype)]

    def step_of_one() -> Any:
        context = tf.distribute.get_replica_context()
        share = context.replica_id_in_sync_group, context.num_replicas_in_sync
        batch = tf.nest.map_structure(lambda one: _share(one, *share), (images, targets))
        loss = model.train_step(batch)["loss"]
        # each device has moved the averages of batch normalisation by its own statistics
        mine = [tf.identity(average) for average in averages]
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, mine) if mine else []
        for average, mean in zip(averages, means, strict=True):
            average.assign(mean)
        return loss

    # Keras divides the loss of each device by their number
    return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(step_of_one), axis=None)


def _share(values: Any, k: Any, count: int) -> Any:
    """Return the k-th of `count` equal parts of a batch."""
    size = values.shape[0] // count
    return values[k * size : (k + 1) * size]


def _step_in_order(model: Any, data: Any) -> dict[str, Any]:
    """Step by gradients that do not depend on which part was done first.

    Left to itself, TensorFlow adds up all that reaches a variable in the memory of whichever
    addend nothing else still reads, that one first: with three or more, the last bit would
    depend on the timing of threads. Stacked, their order is fixed.
    """
    import tensorflow as tf

    images, targets, *_ = data
    # persistent, since a gradient is taken for each part
    with tf.GradientTape(persistent=True) as tape:
        losses = model.losses_of_parts(targets, model(images, training=True))
    weights = model.trainable_weights
    by_part = zip(*(tape.gradient(loss, weights) for loss in losses), strict=True)
    gradients = [tf.reduce_mean(tf.stack(parts), axis=0) for parts in by_part]
    model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return {"loss": tf.reduce_mean(tf.stack(losses))}
