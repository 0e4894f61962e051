"""A package of the BioImage Model Zoo: the network as ONNX, with scaling and halo in its words.

The description is written here, field by field, and not by the zoo's own packages: these are many,
pin each other, and are of use only to test it. Fields: bioimage.io, model description 0.5.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import invalid
from ...messages import said_by, shortened
from ...storage.atomic import sha256_of
from .facts import FACTS, WORDS, axes_of
from .graph import INPUT
from .trial import OTHER_FORMAT

NETWORK, RDF, ZIP = "model.onnx", "rdf.yaml", "model.zip"
VERSION = "0.5.3"
"""Of the format: what is said here has been in it since then."""
EPS = 1e-9
"""Added to the range of an image before it is divided by that; the format asks for one above 0."""


def pack(
    stage: Path,
    name: str,
    facts: Mapping[str, Any],
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
) -> None:
    """Write ``rdf.yaml`` beside the network, and all that it names as ``model.zip``.

    Parameters
    ----------
    stage : Path
        Has ``model.onnx``, ``README.md`` and ``cytoloom.json``.
    name : str
        What the model is called.
    facts : mapping
        As in ``cytoloom.json``.
    image : ndarray, shape (spatial..., channels)
        Stored with it, as it is before scaling.
    maps : mapping of ndarray, shape (spatial..., channels)
        What the model makes of it, by head.
    """
    np.save(stage / "test_input.npy", image[np.newaxis].astype(np.float32))
    for head, values in maps.items():
        np.save(stage / _tensor_file(head), values[np.newaxis])
    described = description(stage, name, facts)
    # JSON is YAML
    (stage / RDF).write_text(json.dumps(described, indent=1), encoding="utf-8")
    with zipfile.ZipFile(stage / ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (RDF, *sorted(_sources(described))):
            archive.write(stage / file, file)


def _sources(described: Any) -> set[str]:
    """Return the files that a description names."""
    if isinstance(described, list):
        return set().union(*map(_sources, described))
    if not isinstance(described, dict):
        return set()
    own = {str(described["source"])} if "source" in described else set()
    return own.union(*map(_sources, described.values()))


def description(stage: Path, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a model whose files are in a folder: plain fields of ``rdf.yaml``."""
    opset, heads = _outputs_of(stage / NETWORK)
    title = re.sub(r"[^A-Za-z0-9_+\- ()]", "-", name)[:48]
    return {
        "format_version": VERSION,
        "type": "model",
        "name": f"cytoloom {title}",
        "description": f"Trained by cytoloom for the task {facts['task']['name']}.",
        "documentation": _file(stage / WORDS),
        "attachments": [_file(stage / FACTS)],
        "tags": ["cytoloom", "unet", "segmentation", f"{len(axes_of(facts))}d"],
        "inputs": [_input(stage, facts)],
        "outputs": [_output(stage, facts, head) for head in heads],
        "weights": {"onnx": {**_file(stage / NETWORK), "opset_version": opset}},
    }


def _file(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": sha256_of(path)}


def _outputs_of(network: Path) -> tuple[int, list[str]]:
    """Return the version of the operators, and the outputs in the order in which they are bound."""
    import onnx

    model = onnx.load(str(network))
    versions = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    return max(versions), [output.name for output in model.graph.output]


def tensor_id(head: str) -> str:
    """Return a head's name as the format takes it.

    Examples
    --------
    >>> tensor_id("foreground"), tensor_id("Ridge map")
    ('foreground', 'ridge_map')
    """
    return re.sub(r"\W", "_", head.lower())


def _tensor_file(head: str) -> str:
    return f"test_output_{tensor_id(head)}.npy"


def _scales(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return unit and scale of each axis, where the pixel size is known.

    In float32: sizes of the outputs are computed from those of the input as size * scale / scale,
    rounded down, which is exact for numbers of so few digits.
    """
    size = facts["input"]["pixel_size_um"]
    if not size:
        return [{} for _ in axes_of(facts)]
    return [{"unit": "micrometer", "scale": float(np.float32(one))} for one in size]


def _input(stage: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the image: sizes, channels, and its scaling."""
    tiles, image = facts["tiles"], facts["input"]
    names = image["channel_names"] or [f"channel{k}" for k in range(image["channels"])]
    axes = zip(
        axes_of(facts), tiles["least_halo_px"], tiles["multiple_px"], _scales(facts), strict=True
    )
    # room for a halo on both sides of one step
    space = [
        {
            "type": "space",
            "id": axis,
            "size": {"min": 2 * halo + step, "step": step},
            "concatenable": tiles["halo_px"] is not None,
            **scale,
        }
        for axis, halo, step, scale in axes
    ]
    return {
        "id": INPUT,
        "axes": [{"type": "batch"}, *space, _channels(names)],
        "data": {"type": "float32"},
        "test_tensor": _file(stage / "test_input.npy"),
        "preprocessing": [_scaled(facts)],
    }


def _scaled(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say how the image is scaled."""
    scaling = facts["normalize"]
    if scaling["range"] is not None:
        low, high = scaling["range"]
        gain = 1 / (high - low)
        return {"id": "scale_linear", "kwargs": {"gain": gain, "offset": -low * gain}}
    how = {
        "axes": list(axes_of(facts)),
        "min_percentile": scaling["low"],
        "max_percentile": scaling["high"],
        "eps": EPS,
    }
    return {"id": "scale_range", "kwargs": how}


def _output(stage: Path, facts: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Describe the map of a head, from which a halo is cut where tiles meet."""
    of, own = facts["outputs"][head], tensor_id(head)
    names = of["channel_names"] or [f"{own}{k}" for k in range(of["channels"])]
    axes = zip(axes_of(facts), facts["tiles"]["least_halo_px"], _scales(facts), strict=True)
    space = [
        {
            "type": "space",
            "id": axis,
            "size": {"tensor_id": INPUT, "axis_id": axis},
            **({"halo": halo} if halo else {}),
            **scale,
        }
        for axis, halo, scale in axes
    ]
    return {
        "id": own,
        "axes": [{"type": "batch"}, *space, _channels(names)],
        "data": {"type": "float32"},
        "test_tensor": _file(stage / _tensor_file(head)),
    }


def _channels(names: Sequence[str]) -> dict[str, Any]:
    return {"type": "channel", "channel_names": [str(name) for name in names]}


def tested(package: Path) -> str:
    """Let bioimageio.core test a package, and say what came of it.

    Parameters
    ----------
    package : Path
        ``model.zip``.

    Raises
    ------
    InvalidError
        It did not pass.
    """
    try:
        import bioimageio.core
        import onnxruntime  # noqa: F401
        from loguru import logger
    except ImportError as error:
        return f"Not tested by the zoo's own test: {error.name} is not installed."
    why = _broken()
    if why:
        return f"Not tested by the zoo's own test: {why}."
    # they log to the terminal without being asked
    logger.disable("bioimageio")
    try:
        found = bioimageio.core.test_model(package)
    finally:
        logger.enable("bioimageio")
    if found.status == "passed":
        return f"Passed the test of bioimageio.core {bioimageio.core.__version__}."
    errors = [str(error.msg) for detail in found.details for error in detail.errors]
    raise invalid(
        "format",
        expected="a package that passes the test of bioimageio.core",
        received=f"{found.status}: {shortened(' '.join('; '.join(errors).split()))}",
        remedy=OTHER_FORMAT,
    )


def _broken() -> str:
    """Say why the zoo's packages cannot read any description: some go with an older pydantic."""
    from bioimageio.spec.model.v0_5 import OnnxWeightsDescr

    weights = OnnxWeightsDescr.model_construct(source=Path("a.onnx"), opset_version=15)
    try:
        weights.model_dump(mode="json")
    except Exception as error:
        spec, pydantic = map(importlib.metadata.version, ("bioimageio.spec", "pydantic"))
        return (
            f"bioimageio.spec {spec} and pydantic {pydantic} do not go together ({said_by(error)})"
        )
    return ""
