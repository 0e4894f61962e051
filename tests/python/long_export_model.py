"""All formats of a model, each by its own runtime, for 2-D, channels, classes and 3-D.

Not part of `make test`: the runtimes are large. `make test-long` has an environment for them.
"""

from __future__ import annotations

import functools
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.models.portable.export import in_float32
from cytoloom.models.untrained import untrained
from extras import need

need("onnxruntime", "onnx")
need("openvino", "fast")
need("bioimageio.core", "bioimageio")

FORMATS = ("onnx", "saved_model", "openvino", "bioimageio")
SMALL = cl.UNet(filters=4, depth=2)
MODELS = {
    "one channel": {"task": cl.tasks.Instances(), "network": SMALL},
    "default network": {"task": cl.tasks.Binary(), "network": cl.UNet()},
    "three channels": {"task": cl.tasks.Binary(), "network": SMALL, "channels": 3},
    "classes": {
        "task": cl.tasks.Classes(("background", "cytoplasm", "nucleus")),
        "network": SMALL,
        "channels": 2,
    },
    "stacks": {"task": cl.tasks.Instances(), "network": cl.UNet(filters=4, depth=2, ndim=3)},
    "classes of stacks": {
        "task": cl.tasks.Classes(("background", "a", "b")),
        "network": cl.UNet(filters=2, depth=3, ndim=3),
        "channels": 2,
    },
}
FLOOR = 100.0


def made(name: str) -> cl.Model:
    """A model whose weights and statistics are not those of a fresh network."""
    model = untrained(**MODELS[name], seed=3)
    scaling = cl.Normalize(floor=(FLOOR,) * model.channels, floor_dtype="uint16")
    model.parts = {model.name: replace(model.part, normalize=scaling)}
    rng = np.random.default_rng(1)
    network = model.keras
    # kernels stay near what they were, else logits have no end
    network.set_weights(
        [
            w * rng.uniform(0.8, 1.2, w.shape) + rng.uniform(0, 0.1, w.shape) * (w.ndim == 1)
            for w in network.get_weights()
        ]
    )
    model.info["pixel_size_um"] = [0.7, 0.65, 0.65][-model.ndim :]
    return model


def some_image(model: cl.Model, dimmer: int = 1) -> np.ndarray:
    """An image of no multiple of anything, whose channels differ."""
    make, shape = (cl.simulate.nuclei, (150, 201)), (50, 70, 81)
    if model.ndim == 3:
        make = (cl.simulate.nuclei_3d, shape)
    seen = [make[0](make[1], seed=k)[0] // dimmer for k in range(model.channels)]
    return np.stack(seen, -1)


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> cl.Model:
    return made(request.param)


@pytest.fixture(scope="module")
def export(model: cl.Model, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of the model in a format, written when first asked for."""
    folder = tmp_path_factory.mktemp("exports")
    return functools.cache(lambda format: model.export(folder / format, format, progress=False))


def facts(package: Path) -> dict[str, Any]:
    return json.loads((package / "cytoloom.json").read_text(encoding="utf-8"))


OUTSIDE = """
import json, runpy, sys
sys.modules["cytoloom"] = None
import numpy as np
own = runpy.run_path("example.py")
own["main"](out="{out}/main.npz")
facts = json.loads(open("cytoloom.json", encoding="utf-8").read())
more = {{}} if facts["format"] == "bioimageio" else {{"tile_px": 32}}
np.savez("{out}/maps.npz", **own["maps_of"](np.load("{out}/image.npy"), facts, **more))
batch = np.load("test_image.npy")[np.newaxis].astype("float32")
batch /= batch.max()
{readme}
np.savez("{out}/readme.npz", **{{name: np.asarray(found) for name, found in maps.items()}})
"""


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_gives_the_maps_of_the_model(model, export, tmp_path, format):
    """By its runtime, in a process that has no cytoloom.

    The stored image, another one of no multiple (above the noise floor; in tiles, where the example
    cuts tiles), and as the README has it.
    """
    package, image, plain = export(format), some_image(model), in_float32(model)
    assert facts(package)["tried"]["largest_difference"] < 1e-4
    np.save(tmp_path / "image.npy", image)
    text = (package / "README.md").read_text(encoding="utf-8")
    readme = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    bare = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", OUTSIDE.format(out=tmp_path, readme=readme)]
    done = subprocess.run(command, cwd=package, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    stored = np.load(package / "test_image.npy")
    for name, seen in (("main", stored), ("maps", image)):
        with np.load(tmp_path / f"{name}.npz") as found:
            for head, values in plain.predict_maps(seen).items():
                assert np.abs(found[head] - values).max() < 1e-4
    with np.load(tmp_path / "readme.npz") as found:
        for head, of in model.task.heads.items():
            assert found[head].shape == (1, *stored.shape[:-1], of.channels)


@pytest.fixture
def zoo(export: Callable[[str], Path]) -> SimpleNamespace:
    """The package of the Model Zoo, and what its example can do."""
    folder = export("bioimageio")
    own = runpy.run_path(str(folder / "example.py"))
    return SimpleNamespace(folder=folder, facts=facts(folder), maps_of=own["zoo_maps_of"])


def test_the_zoo_passes_its_package(zoo):
    from bioimageio.core import test_model

    for file in ("model.zip", "rdf.yaml"):
        assert test_model(zoo.folder / file).status == "passed"


def test_the_zoo_knows_channels_sizes_and_halo(model, zoo):
    from bioimageio.spec import load_model_description

    described = load_model_description(zoo.folder / "rdf.yaml")
    axes = {axis.id: axis for axis in described.inputs[0].axes}
    assert len(axes["channel"].channel_names) == model.channels
    assert axes["y"].scale == pytest.approx(0.65)
    assert axes["y"].unit == "micrometer"
    assert axes["y"].size.step == 2 * model.network.grid_px[-1]
    names = [name for one in described.outputs for name in one.axes[-1].channel_names]
    assert names == [
        name
        for head in sorted(model.task.heads)
        for name in model.task.channel_names.get(head, (f"{head}0",))
    ]
    if model.ndim == 2:  # of stacks the halo may be cut, for a test that memory can hold
        assert described.outputs[0].axes[1].halo == model.network.halo_px[0]


def test_blocks_of_the_zoo_differ_at_the_border_alone(model, zoo):
    """As the README says; of stacks the halo may be less than what a pixel sees, as it says too."""
    halo = zoo.facts["tiles"]["least_halo_px"]
    named = " x ".join(map(str, halo))
    assert f"as far as the halo ({named} px)" in (zoo.folder / "README.md").read_text()
    if halo == zoo.facts["tiles"]["halo_px"]:
        image = np.resize(some_image(model), (256, 288, model.channels))
        found = zoo.maps_of(image, zoo.facts, blocks=1)
        inside = tuple(slice(h, -h) for h in halo)
        for head, values in in_float32(model).predict_maps(image).items():
            assert np.abs(found[head] - values)[inside].max() < 1e-4
            assert np.abs(found[head] - values).max() > 1e-3


def test_the_noise_floor_that_the_zoo_cannot_say_is_named(model, zoo):
    """Below it maps are others; above it they are those of cytoloom, see above."""
    image = some_image(model, dimmer=400)
    stats = model.normalize.fit(image)
    assert model.normalize.held_down(stats)
    plain = in_float32(model)
    expected = plain.source_maps(plain.as_source(image), stats)
    found = zoo.maps_of(image, zoo.facts)
    assert max(np.abs(found[h] - v).max() for h, v in expected.items()) > 1e-3
    assert f"less than {FLOOR:g}" in (zoo.folder / "README.md").read_text()
