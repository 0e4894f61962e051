"""What computes a model's forward pass: Keras, or OpenVINO where that finds the same objects.

On a CPU without bfloat16 OpenVINO takes half the time or less, and needs no TensorFlow in memory.
It is used for a model only if, at the end of the training, it found on the validation images what
Keras found there; a model for which nothing was compared stays with Keras.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
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
from .components import to_plain
from .networks.folding import fold

if TYPE_CHECKING:
    from .model import Model

SAME_F1 = 0.99
SAME_IOU = 0.9
CHECKED_PX = 500_000
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


def suits() -> bool:
    """Whether this machine computes in float32 on its CPU; if it can, without asking a backend."""
    if backend.has_bfloat16():
        return False
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return False
    devices = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    ask = sys.platform == "darwin" or any(Path(device).exists() for device in devices)
    return not ((ask or backend.running()) and backend.gpu())


def choose(model: Model) -> Engine:
    """Start the fastest engine that is known to find what Keras finds."""
    version = installed()
    if version is None or model.changeable or not suits():
        return keras_engine(model)
    checked = comparison(model)
    if checked is None:
        why = "it was not compared with Keras when this model was trained"
    elif checked["f1"] < SAME_F1:
        why = f"on validation images it found other objects (F1 {checked['f1']:.3f})"
    else:
        try:
            return _openvino(_converted(model, version), version)
        except Exception as error:
            why = _one_line(error)
    return keras_engine(model, f"OpenVINO {version} is not used: {why}.")


def keras_engine(model: Model, note: str = "") -> Engine:
    """Compile the network on the backend that Keras runs on."""
    forward = backend.forward(_folded(model, model.keras))
    at_once = backend.at_once()
    return Engine(f"Keras on {backend.name()}", forward, at_once, at_once, note)


def _folded(model: Model, network: Any) -> Any:
    with backend.policy(backend.precision_of(network)):
        return fold(network, model.network, model.channels, _heads(model))


def _heads(model: Model) -> dict[str, int]:
    return {name: head.channels for name, head in model.task.heads.items()}


def comparison(model: Model) -> dict[str, Any] | None:
    """Return what `compare` found when the model was trained; None where that is not known."""
    found = model.info["training"].get("fast")
    kinds = {"engine": str, "images": int, "f1": (int, float)}
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), kind) for name, kind in kinds.items()
    ):
        return None
    return found if 0 <= found["f1"] <= 1 else None


def worth_comparing(precision: str) -> str | None:
    """Version of OpenVINO, where it may be faster than Keras in this precision; else None."""
    usable = precision == "float32" and suits() and backend.name() == "tensorflow"
    return installed() if usable else None


def compare(
    model: Model, images: Iterable[tuple[Any, Any]], spacing_um: Any = None
) -> dict[str, Any] | None:
    """Count how many objects OpenVINO finds as Keras does.

    Parameters
    ----------
    model : Model
        With its network in memory and its thresholds fitted.
    images : iterable of (source, stats)
        Images; the middle of large ones, and no more than half a million pixels in all.
    spacing_um : tuple of float, optional
        As for decoding.

    Returns
    -------
    dict or None
        "engine", "images" and "f1": pairs of objects with IoU of at least 0.9, as F1; 0 and a
        "problem" where it cannot run the network. None where there is nothing to choose, or
        nothing was found to compare.
    """
    from .metrics.matching import match
    from .sources import HeldSource, part_of

    version = worth_comparing(backend.precision_of(model.keras))
    if version is None:
        return None
    name, pairs, objects, seen, left = f"OpenVINO {version}", 0, 0, 0, CHECKED_PX
    usual = model.engine
    try:
        fast = _openvino(_convert(model, model.keras), version)
        for source, stats in images:
            if left < CHECKED_PX // 10:
                break
            part = HeldSource(part_of(source, left))
            truth, found = (
                model.task.decode(model.source_maps(part, stats, engine=engine), spacing_um).labels
                for engine in (usual, fast)
            )
            matches = match(truth, found, SAME_IOU)
            pairs += 2 * matches.tp
            objects += 2 * matches.tp + matches.fp + matches.fn
            seen, left = seen + 1, left - truth.size
    except Exception as error:
        return {"engine": name, "images": seen, "f1": 0.0, "problem": _one_line(error)}
    return {"engine": name, "images": seen, "f1": pairs / objects} if objects else None


def _convert(model: Model, network: Any) -> Any:
    """Make OpenVINO's form of a float32 network of the model, folded.

    By way of a file of TensorFlow's graph, weights and all: OpenVINO's own converter reports
    each use to its makers.
    """
    import openvino
    import tensorflow as tf

    folded = _folded(model, network)
    weights = [
        [np.asarray(variable) for variable in variables]
        for variables in (folded.trainable_variables, folded.non_trainable_variables)
    ]

    def logits(image: Any) -> dict[str, Any]:
        constants = [[tf.constant(values) for values in part] for part in weights]
        found = folded.stateless_call(*constants, image, training=False)[0]
        return {head: tf.identity(values, OUTPUT + head) for head, values in found.items()}

    shape = (None, *folded.input_shape[1:])
    traced = tf.function(logits, input_signature=[tf.TensorSpec(shape, tf.float32)])
    graph = traced.get_concrete_function().graph.as_graph_def()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.pb"
        file.write_bytes(graph.SerializeToString())
        return openvino.Core().read_model(file)


def _converted(model: Model, version: str) -> Any:
    """Return the converted network: as kept, or made anew from the file of the model."""
    import openvino

    base = cache_folder()
    folder = None if base is None else base / "openvino" / _key(model, version)
    if folder is not None and folder.exists():
        try:
            kept = openvino.Core().read_model(folder / FILE)
            os.utime(folder)
            return kept
        except Exception:  # damaged, or not ours to touch
            shutil.rmtree(folder, ignore_errors=True)
    network = _convert(model, model.read_network())
    if folder is not None:
        with contextlib.suppress(Exception):  # a full disk, a folder that cannot be written to
            _keep(network, folder)
    return network


def _key(model: Model, version: str) -> str:
    """Name of what is converted: all that the result depends on."""
    from . import __version__

    parts = [__version__, version, to_plain(model.network), model.channels, _heads(model)]
    key = hashlib.sha256(json.dumps(parts).encode())
    key.update(model.network_file.read_bytes())
    return key.hexdigest()[:32]


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


def cache_folder() -> Path | None:
    """Return where files go that can be made again, by the custom of this system, if anywhere."""
    name = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    given = Path(os.environ.get(name, ""))
    if given.is_absolute():
        return given / "cytoloom"
    below = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / below / "cytoloom"
    except RuntimeError:
        return None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(".")


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
