"""The page that lies beside an exported network, for people who do not have cytoloom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPENED = {
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
names = [output.name for output in session.get_outputs()]
maps = dict(zip(names, session.run(names, {"image": batch})))""",
    "saved_model": """import tensorflow as tf

loaded = tf.saved_model.load(".")
maps = loaded.signatures["serving_default"](image=tf.constant(batch))""",
    "openvino": """import openvino

# in float32: some processors would round to 16 bits
hint = {"INFERENCE_PRECISION_HINT": "f32"}
network = openvino.compile_model("model.xml", "CPU", hint)
maps = {output.any_name: found for output, found in network(batch).items()}""",
    "bioimageio": """from bioimageio.core import Tensor, predict

image = Tensor.from_numpy(batch, dims=["batch", AXES, "channel"])
found = predict(model="rdf.yaml", inputs={"image": image})
maps = {str(name): one.data.to_numpy() for name, one in found.members.items()}""",
}
OF_NETWORK = """Scaling is per image and channel, of the whole image before it is cut:
`(image - low) / (high - low)` of the two percentiles or fixed values, as float32. Sizes are
multiples of the number above: mirror the image at its far ends and cut the maps. Tiles start on
multiples of it and are read with the halo around them, within the image; the network itself pads
its border.
"""
OF_ZOO = """The package scales the image itself. Sizes start at two halos and one multiple, and grow
by multiples: mirror the image at its far ends and cut the maps.

Before you publish it, add authors, a licence and what to cite to `rdf.yaml` (in `model.zip`, too).
"""


def readme(name: str, facts: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    name : str
        What the folder is called.
    facts : mapping
        As in ``cytoloom.json``.

    Returns
    -------
    str
        Markdown.
    """
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(facts))
    limits = "\n".join(f"- {one}" for one in facts["limits"])
    axes = ", ".join(f'"{axis}"' for axis in facts["input"]["axes"].removesuffix("c"))
    opened = OPENED[facts["format"]].replace("AXES", axes)
    return f"""# {name}

A network for microscopy images, trained and exported ({facts["format"]}) by cytoloom
{facts["cytoloom"]}. It runs without cytoloom:

```
python example.py IMAGE.tif MAPS.npz
```

`example.py` is short: scaling, tiles, halo, thresholds, to copy from. Without arguments it takes
`test_image.npy` and compares with `test_maps.npz`, which cytoloom made of it. The network alone, of
a `batch` as in the first row of the table:

```python
{opened}
```

| | |
|---|---|
{rows}

{OF_ZOO if _is_zoo(facts) else OF_NETWORK}
`cytoloom.json` has all of this for programs.

## Limits

{limits}

## Validation

{_validation(facts)}
"""


def _is_zoo(facts: Mapping[str, Any]) -> bool:
    return bool(facts["format"] == "bioimageio")


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a user has to know, by subject."""
    image, tiles, scaling = facts["input"], facts["tiles"], facts["normalize"]
    names, size = image["channel_names"], image["pixel_size_um"]
    axes = ", ".join(image["axes"].removesuffix("c"))
    scaled = "as it was taken" if _is_zoo(facts) else "scaled as below"
    decoding = {k: v for k, v in facts["task"].items() if isinstance(v, (int, float))}
    outputs = [
        f"`{head}`: {one['channels']}"
        + (f" ({', '.join(one['channel_names'])})" if one["channel_names"] else "")
        + f", after {one['activation']}"
        for head, one in facts["outputs"].items()
    ]
    mean = f"; the mean of {facts['members']} networks" if facts["members"] > 1 else ""
    return [
        ("input", f"`image`, float32 (batch, {axes}, channels), {scaled}"),
        ("channels", f"{image['channels']}" + (f" ({', '.join(names)})" if names else "")),
        ("pixel size", " x ".join(f"{s:g}" for s in size) + " um" if size else "unknown"),
        ("outputs", "; ".join(outputs) + mean),
        ("scaling", f"{_ends(scaling)} become 0 and 1"),
        ("sizes", "multiples of " + " x ".join(map(str, tiles["multiple_px"])) + " px"),
        ("halo", _halo(tiles)),
        ("task", ", ".join([facts["task"]["name"], *(f"{k} {v}" for k, v in decoding.items())])),
    ]


def _ends(scaling: Mapping[str, Any]) -> str:
    """Name the values that become 0 and 1."""
    if scaling["range"] is not None:
        return " and ".join(f"{end:.10g}" for end in scaling["range"])
    return f"percentiles {scaling['low']:g} and {scaling['high']:g}"


def _halo(tiles: Mapping[str, Any]) -> str:
    """Say what tiles are read with."""
    if tiles["halo_px"] is None:
        return "the network sees all of an image, which is never cut"
    exact = "" if tiles["exact"] else " (it sees farther: tiles differ a little from the whole)"
    return " x ".join(map(str, tiles["halo_px"])) + f" px{exact}"


def _validation(facts: Mapping[str, Any]) -> str:
    """Say what the export was tried with, and how to try it again."""
    tried = facts["tried"]
    again = "To measure how good the network is, compare its labels with your own on new images."
    if tried is None:
        return f"Not tried when it was written: run `python example.py`. {again}"
    runtime, most = tried["runtime"], tried["largest_difference"]
    return f"By {runtime} on the stored image: maps within {most:.1g} of cytoloom's. {again}"
