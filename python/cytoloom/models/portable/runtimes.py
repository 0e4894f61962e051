"""The formats: what writes each, and the runtime that is tried with it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import invalid
from ...messages import one_of
from ...storage.atomic import leave_empty
from ..openvino import convert, head_of, write_network
from . import bioimageio
from .graph import INPUT

Maps = dict[str, np.ndarray]


@dataclass(frozen=True)
class Format:
    """A format that a network is written in.

    Attributes
    ----------
    write : callable
        Writes the graph into a folder.
    run : callable
        From the folder and a batch to maps by head, by the format's own runtime.
    runtime : str
        The package that runs it.
    needs : tuple of str
        Packages that write it.
    extra : str
        Of ours, which installs them.
    pack : callable, optional
        Makes a package of what was written; see `bioimageio.pack`.
    tested : callable, optional
        Has the package in a folder tested, and says what came of it.
    """

    write: Callable[[Any, Path], None]
    run: Callable[[Path, np.ndarray], Maps]
    runtime: str
    needs: tuple[str, ...] = ()
    extra: str = "cpu"
    pack: Callable[..., None] | None = None
    tested: Callable[[Path], str] | None = None


def _signature(graph: Any) -> list[Any]:
    from keras import InputSpec

    return [InputSpec(shape=graph.input_shape, dtype="float32", name=INPUT)]


def _export(graph: Any, path: Path, format: str) -> None:
    """Let Keras write a graph, without what it and its converters say on the way."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            # Keras looks for np.object, which it then mends for tf2onnx
            warnings.simplefilter("ignore")
            graph.export(str(path), format=format, verbose=False, input_signature=_signature(graph))
    finally:
        logger.setLevel(level)


def write_onnx(graph: Any, folder: Path) -> None:
    """Write ``model.onnx``."""
    _export(graph, folder / "model.onnx", "onnx")


def run_onnx(folder: Path, batch: np.ndarray) -> Maps:
    """Run ``model.onnx`` by onnxruntime on the CPU."""
    import onnxruntime

    file = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: batch}), strict=True))


def write_saved_model(graph: Any, folder: Path) -> None:
    """Write the files of a SavedModel into the folder."""
    _export(graph, folder, "tf_saved_model")
    leave_empty(folder / "assets")


def run_saved_model(folder: Path, batch: np.ndarray) -> Maps:
    """Run a SavedModel by its serving signature."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return {head: found.numpy() for head, found in serve(image=tf.constant(batch)).items()}


def write_openvino(graph: Any, folder: Path) -> None:
    """Write ``model.xml`` and ``model.bin``, in float32, outputs called as their heads."""
    network = convert(graph)
    network.inputs[0].get_tensor().set_names({INPUT})
    for output in network.outputs:
        output.get_tensor().set_names({head_of(output)})
    write_network(network, folder / "model.xml")


def run_openvino(folder: Path, batch: np.ndarray) -> Maps:
    """Run ``model.xml`` on the CPU in float32."""
    import openvino

    core = openvino.Core()
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", hint)
    found = compiled({INPUT: batch})
    return {output.any_name: found[output] for output in compiled.outputs}


ONNX = ("onnx", "tf2onnx")
FORMATS: Mapping[str, Format] = {
    "onnx": Format(write_onnx, run_onnx, "onnxruntime", ONNX, "onnx"),
    "saved_model": Format(write_saved_model, run_saved_model, "tensorflow"),
    "openvino": Format(write_openvino, run_openvino, "openvino", ("openvino",), "fast"),
    "bioimageio": Format(
        write_onnx,
        run_onnx,
        "onnxruntime",
        ONNX,
        "bioimageio",
        pack=bioimageio.pack,
        tested=lambda folder: bioimageio.tested(folder / bioimageio.ZIP),
    ),
}


def known(format: str) -> Format:
    """Return a format by its name, or say which there are and what it lacks."""
    if format not in FORMATS:
        raise invalid("format", expected=one_of(FORMATS), received=format)
    found = FORMATS[format]
    for package in found.needs:
        if not _installed(package):
            raise invalid(
                "format",
                expected=f'the package {package} for "{format}"',
                received="no such package",
                remedy=f'Run pip install "cytoloom[{found.extra}]", in R '
                f'cl_install(extras = "{found.extra}").',
            )
    return found


def _installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(package) is not None


def runtime_of(format: Format) -> str | None:
    """Name and version of the runtime; None where it is not installed."""
    if not _installed(format.runtime):
        return None
    for name in (format.runtime, f"{format.runtime}-cpu", f"{format.runtime}-gpu"):
        try:
            return f"{format.runtime} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return format.runtime
