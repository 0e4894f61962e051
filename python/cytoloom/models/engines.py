"""What computes a model's forward pass: Keras, or OpenVINO where that finds the same objects.

On a CPU without bfloat16 OpenVINO takes half the time or less, and needs no TensorFlow in memory.
It is used for a model only if, at the end of the training, it found on the validation images what
Keras found there; a model for which nothing was compared stays with Keras.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..components import to_plain
from ..runtime import backend
from ..runtime.machine import has_bfloat16
from .engine import Engine, together
from .openvino import converted, installed, one_line, started
from .record import refuse_broken

if TYPE_CHECKING:
    from .record import Record


SAME_F1 = 0.99
"""Share of objects (as F1) that both engines must find for the faster one to be used. In float32
they found the same 2367 objects of 50 images; INT8, which was not kept, came to .948."""
SAME_IOU = 0.9
"""Two objects of the two engines are the same from this overlap on."""
_SHARED: dict[str, Engine] = {}
"""By `_content`; one at a time, since more would keep the memory of more networks."""


def suits() -> bool:
    """Whether this machine computes in float32 on its CPU; if it can, without asking a backend."""
    if has_bfloat16():
        return False
    # OpenVINO's form is made of TensorFlow's graph
    if backend.planned() != "tensorflow":
        return False
    # asking TensorFlow for a GPU loads it, which OpenVINO is there to avoid: look for drivers first
    devices = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    ask = sys.platform == "darwin" or any(Path(device).exists() for device in devices)
    return not ((ask or backend.running()) and backend.gpu())


def choose(model: Record) -> Engine:
    """Start the fastest engine that is known to find what Keras finds.

    Copies of a model that are sent to a process one after the other, as with the tasks of a pool,
    share one: building and compiling a network takes longer than most images.
    """
    if not model.held or model.changeable:
        return _chosen(model)
    key = _content(model)
    if key not in _SHARED or _SHARED[key].pid != os.getpid():
        engine = _chosen(model)
        _SHARED.clear()
        _SHARED[key] = engine
    return _SHARED[key]


def _content(model: Record) -> str:
    """Name of what an engine is made of."""
    parts = {name: [part.heads, to_plain(part.network)] for name, part in model.parts.items()}
    key = hashlib.sha256(json.dumps([parts, model.info["training"].get("fast")]).encode())
    for file in model.held.values():
        key.update(file)
    return key.hexdigest()


def _chosen(model: Record) -> Engine:
    version = installed()
    # weights changed in memory are not those of the file that OpenVINO was made from
    if version is None or model.changeable or not suits():
        return keras_engine(model)
    checked = comparison(model)
    if checked is None:
        why = "it was not compared with Keras when this model was trained"
    elif checked["f1"] < SAME_F1:
        why = f"on validation images it found other objects (F1 {checked['f1']:.3f})"
    else:
        try:
            return _of_all(model, lambda k: started(converted(model, version, k), version))
        except Exception as error:
            why = one_line(error)
    return keras_engine(model, f"OpenVINO {version} is not used: {why}.")


def keras_engine(model: Record, note: str = "") -> Engine:
    """Compile the networks of all members on the backend that Keras runs on."""
    return _of_all(model, lambda member: _keras_engine(model, member, note))


def _keras_engine(model: Record, member: int, note: str) -> Engine:
    # one that nobody has asked for is the engine's own: it cannot be changed, and may be shared
    network = model.network_of(member) if model.changeable else model.read_network(member)
    refuse_broken(network)
    forward = backend.forward(model.part.for_prediction(network))
    workers = backend.workers()
    warning = backend.other_kernels(model.part.network.ndim)
    name = f"Keras on {backend.name()}"
    return Engine(name, forward, workers, workers, note, warning=warning)


def _of_all(model: Record, start: Callable[[int], Engine]) -> Engine:
    """Start the engine of every member, as one."""
    each = [start(k) for k in range(1, model.members + 1)]
    return together(each, model.task.heads, model.task.class_heads)


def comparison(model: Record) -> dict[str, Any] | None:
    """Return what `compare` found when the model was trained; None where that is not known."""
    found = model.info["training"].get("fast")
    kinds = {"engine": str, "images": int, "f1": (int, float)}
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), kind) for name, kind in kinds.items()
    ):
        return None
    return found if 0 <= found["f1"] <= 1 else None
