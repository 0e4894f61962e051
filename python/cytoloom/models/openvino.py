"""OpenVINO as an engine: a network converted, kept and compiled."""

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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import to_plain
from ..runtime import backend
from .engine import Engine

if TYPE_CHECKING:
    from .record import Record


KEPT = 50
"""Converted networks that are kept; one of the default network takes some MB."""
FILE = "network.xml"
OUTPUT = "logits_"


def installed() -> str | None:
    """Version of OpenVINO, unless ``CYTOLOOM_ENGINE=keras`` keeps it out; None without it."""
    if os.environ.get("CYTOLOOM_ENGINE") == "keras" or not importlib.util.find_spec("openvino"):
        return None
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None


def convert(plain: Any) -> Any:
    """Make OpenVINO's form of a float32 network that gives a dict of outputs.

    By way of a file of TensorFlow's graph, weights and all: OpenVINO's own converter reports
    each use to its makers.
    """
    import openvino
    import tensorflow as tf

    weights = [
        [np.asarray(variable) for variable in variables]
        for variables in (plain.trainable_variables, plain.non_trainable_variables)
    ]

    def logits(image: Any) -> dict[str, Any]:
        constants = [[tf.constant(values) for values in part] for part in weights]
        found = plain.stateless_call(*constants, image, training=False)[0]
        return {head: tf.identity(values, OUTPUT + head) for head, values in found.items()}

    # weights as constants: the file then holds all, and OpenVINO can fold and reorder them
    shape = (None, *plain.input_shape[1:])
    traced = tf.function(logits, input_signature=[tf.TensorSpec(shape, tf.float32)])
    graph = traced.get_concrete_function().graph.as_graph_def()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.pb"
        file.write_bytes(graph.SerializeToString())
        return openvino.Core().read_model(file)


def converted(model: Record, version: str, member: int = 1) -> Any:
    """Return the converted network: as kept, or made anew from the file of the model."""
    import openvino

    base = cache_folder()
    folder = None if base is None else base / "openvino" / _key(model, version, member)
    if folder is not None and folder.exists():
        try:
            kept = openvino.Core().read_model(folder / FILE)
            # the date says which were used last, for `_keep`
            os.utime(folder)
            return kept
        except Exception:  # damaged, or not ours to touch
            shutil.rmtree(folder, ignore_errors=True)
    network = convert(model.part.for_prediction(model.read_network(member)))
    if folder is not None:
        with contextlib.suppress(Exception):  # a full disk, a folder that cannot be written to
            _keep(network, folder)
    return network


def _key(model: Record, version: str, member: int) -> str:
    """Name of what is converted: all that the result depends on."""
    from .. import __version__

    parts = [__version__, version, to_plain(model.network), model.channels, model.part.heads]
    key = hashlib.sha256(json.dumps(parts).encode())
    key.update(model.network_bytes(member))
    return key.hexdigest()[:32]


def _keep(network: Any, folder: Path) -> None:
    """Write into a folder of another name, then rename; forget those longest not used."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
    try:
        write_network(network, partial / FILE)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    newest_first = sorted(folder.parent.iterdir(), key=lambda p: -p.stat().st_mtime)
    for old in newest_first[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def write_network(network: Any, file: Path) -> None:
    """Write a converted network, its weights beside it in a file that ends in ``.bin``."""
    import openvino

    # by default weights would be rounded to 16 bits
    openvino.save_model(network, str(file), compress_to_fp16=False)


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


def one_line(error: Exception) -> str:
    """Say what went wrong, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(".")


def started(network: Any, version: str) -> Engine:
    """Compile a converted network, or the file of one: one image at a time, on all cores."""
    import openvino

    threads = backend.planned_threads()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # its default may be bfloat16, which finds other objects
        "INFERENCE_NUM_THREADS": threads,
        # two streams of a core each took 0.162 instead of 0.135 s for 1024 x 1024 px
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(network, "CPU", settings)
    request = compiled.create_infer_request()
    heads = [head_of(output) for output in compiled.outputs]
    turn = threading.Lock()

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        # one request, whose outputs the next call overwrites
        with turn:
            found = request.infer({0: images})
            return {head: found[k].copy() for k, head in enumerate(heads)}

    return Engine(f"OpenVINO {version}", forward, 1, threads)


def head_of(output: Any) -> str:
    """Return the head that an output of a converted network is."""
    (name,) = (n for n in output.get_names() if n.startswith(OUTPUT))
    return str(name).removeprefix(OUTPUT).split(":")[0]
