"""What computes a model's forward pass: Keras, or OpenVINO where that finds the same objects.

On a CPU without bfloat16 OpenVINO takes half the time or less, and starting it a tenth. It is
used for a model only if, at the end of the training, it found on the validation images what
Keras found there; a model that was trained where it is not installed stays with Keras.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import backend
from .networks.folding import fold

if TYPE_CHECKING:
    from .model import Model

SAME_F1 = 0.99
SAME_IOU = 0.9
CHECKED_PX = 1_000_000
KEPT = 20
FILE = "network.xml"
OUTPUT = "logits_"


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes
    ----------
    name : str
        With its version.
    forward : callable
        From normalised float32 (batch, spatial..., c) to logits by head; threads may share it.
    tiles_at_once, images_at_once : int
        How many it is best given side by side.
    note : str
        Why it is not the faster one, where that is installed; else empty.
    """

    name: str
    forward: Callable[[np.ndarray], dict[str, np.ndarray]]
    tiles_at_once: int
    images_at_once: int
    note: str = ""


def installed() -> str | None:
    """Version of OpenVINO, unless ``CYTOLOOM_ENGINE=keras`` keeps it out; None without it."""
    if os.environ.get("CYTOLOOM_ENGINE") == "keras" or not importlib.util.find_spec("openvino"):
        return None
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None


def choose(model: Model) -> Engine:
    """Start the fastest engine that is known to find what Keras finds."""
    version = installed()
    if version is None or model.path is None or not _suits():
        return keras_engine(model)
    checked = model.info["training"].get("fast")
    if checked is None:
        why = "it was not installed where this model was trained, so that nothing was compared"
    elif checked["f1"] < SAME_F1:
        why = f"on validation images it found other objects (F1 {checked['f1']:.3f})"
    else:
        try:
            return _openvino(_converted(model, version), version)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
    return keras_engine(model, f"OpenVINO {version} is not used: {why}.")


def _suits() -> bool:
    """Whether this machine computes in float32 on its CPU; asked without starting a backend."""
    if {"avx512_bf16", "amx_bf16"} & set(backend.cpu_features()):
        return False
    devices = ("/dev/nvidiactl", "/dev/kfd")
    return not any(Path(device).exists() for device in devices) or not backend.gpu()


def keras_engine(model: Model, note: str = "") -> Engine:
    """Compile the network on the backend that Keras runs on."""
    forward = backend.forward(_folded(model))
    at_once = backend.at_once()
    return Engine(f"Keras on {backend.name()}", forward, at_once, at_once, note)


def _folded(model: Model) -> Any:
    with backend.policy(backend.precision_of(model.keras)):
        heads = {name: head.channels for name, head in model.task.heads.items()}
        return fold(model.keras, model.network, model.channels, heads)


def compare(model: Model, images: Iterable[tuple[Any, Any, Any]]) -> dict[str, Any] | None:
    """Count how many objects OpenVINO finds as Keras does.

    Parameters
    ----------
    model : Model
        With its network in memory.
    images : iterable of (source, stats, labels)
        Images with what Keras found there; the first million pixels are compared.

    Returns
    -------
    dict or None
        "engine", "images" and "f1": pairs of objects with IoU of at least 0.9, as F1; 0 where
        it cannot run the network. None where there is nothing to choose.
    """
    from .metrics.matching import match

    version = installed()
    if version is None or not _suits() or backend.name() != "tensorflow":
        return None
    found = {"engine": f"OpenVINO {version}", "images": 0, "f1": 0.0}
    try:
        engine = _openvino(_convert(model), version)
        pairs = objects = pixels = 0
        for source, stats, labels in images:
            if pixels >= CHECKED_PX:
                break
            other = model.task.decode(model.source_maps(source, stats, engine=engine)).labels
            matches = match(labels, other, SAME_IOU)
            pairs += 2 * matches.tp
            objects += 2 * matches.tp + matches.fp + matches.fn
            pixels += labels.size
            found["images"] += 1
    except Exception as error:
        return {**found, "problem": f"{type(error).__name__}: {error}"}
    return {**found, "f1": pairs / objects if objects else 1.0}


def _convert(model: Model) -> Any:
    """Make OpenVINO's form of the folded network.

    By way of a file of TensorFlow's graph, weights and all: OpenVINO's own converter reports
    each use to its makers.
    """
    import openvino
    import tensorflow as tf

    network = _folded(model)
    weights = [
        [np.asarray(variable) for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]

    def logits(image: Any) -> dict[str, Any]:
        constants = [[tf.constant(values) for values in part] for part in weights]
        found = network.stateless_call(*constants, image, training=False)[0]
        return {head: tf.identity(values, OUTPUT + head) for head, values in found.items()}

    shape = (None, *network.input_shape[1:])
    traced = tf.function(logits, input_signature=[tf.TensorSpec(shape, tf.float32)])
    graph = traced.get_concrete_function().graph.as_graph_def()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.pb"
        file.write_bytes(graph.SerializeToString())
        return openvino.Core().read_model(file)


def _converted(model: Model, version: str) -> Any:
    """Return the file of the converted network, made where it is not there yet."""
    from . import __version__

    assert model.path is not None
    key = hashlib.sha256(f"{__version__} {version}".encode())
    key.update(model.network_file.read_bytes())
    folder = cache_folder() / "openvino" / key.hexdigest()[:32]
    if (folder / FILE).is_file():
        with contextlib.suppress(OSError):
            os.utime(folder)
        return str(folder / FILE)
    network = _convert(model)
    with contextlib.suppress(OSError):
        _keep(network, folder)
    return network


def _keep(network: Any, folder: Path) -> None:
    """Write into a folder of another name, then rename; forget those longest not used."""
    import openvino

    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
    try:
        openvino.save_model(network, str(partial / FILE), compress_to_fp16=False)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    newest_first = sorted(folder.parent.iterdir(), key=lambda p: -p.stat().st_mtime)
    for old in newest_first[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def cache_folder() -> Path:
    """Return where files go that can be made again: the user's cache folder of this system."""
    home = Path.home()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "cytoloom"


def _openvino(network: Any, version: str) -> Engine:
    """Compile a converted network, or the file of one: one image at a time, on all cores."""
    import openvino

    threads = backend.planned_threads()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(network, "CPU", settings)
    request = compiled.create_infer_request()
    heads = [_head(output) for output in compiled.outputs]
    turn = threading.Lock()

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        with turn:
            found = request.infer({0: images})
            return {head: found[k].copy() for k, head in enumerate(heads)}

    return Engine(f"OpenVINO {version}", forward, 1, threads)


def _head(output: Any) -> str:
    (name,) = (n for n in output.get_names() if n.startswith(OUTPUT))
    return str(name).removeprefix(OUTPUT).split(":")[0]
