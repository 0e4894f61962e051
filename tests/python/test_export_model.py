"""A model as other programs hold it: what is written, that it gives the same maps, refusals."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
from cytoloom import cli
from cytoloom.inference.tiled import activate
from cytoloom.models.portable import bioimageio, runtimes
from cytoloom.models.portable import export as exporting
from cytoloom.models.portable.facts import facts_of
from cytoloom.runtime import backend
from cytoloom.storage import results
from cytoloom.storage.atomic import sha256_of
from cytoloom.storage.written import Written

FILES = {"README.md", "cytoloom.json", "example.py", "test_image.npy", "test_maps.npz"}


def facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "cytoloom.json").read_text(encoding="utf-8"))


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.startswith(".")}


@pytest.fixture(scope="module")
def floored(trained: cl.Model) -> cl.Model:
    """The model with a noise floor that is known, in float32, as what is exported."""
    model = cl.load(trained.path)
    model.networks[1, model.name] = model.in_precision(model.read_network(), "float32")
    part = replace(model.part, normalize=cl.Normalize(floor=(500.0,), floor_dtype="uint16"))
    model.parts = {model.name: part}
    return model


@pytest.fixture(scope="module")
def saved(floored: cl.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written as what TensorFlow reads, which takes no package besides."""
    return floored.export(tmp_path_factory.mktemp("m") / "saved", "saved_model", progress=False)


@pytest.fixture(scope="module")
def example(saved: Path) -> SimpleNamespace:
    """The program that goes along, in which cytoloom cannot be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cytoloom", None)
        return SimpleNamespace(**runpy.run_path(str(saved / "example.py")))


def test_the_package_holds_the_network_and_all_that_it_must_be_told(saved, floored):
    assert names(saved) == FILES | {"saved_model.pb", "fingerprint.pb", "variables"}
    told = facts(saved)
    assert told["tried"]["runtime"].startswith("tensorflow")
    assert 0 <= told["tried"]["largest_difference"] <= 1e-3
    assert told["normalize"] == {
        "low": 1.0, "high": 99.8, "floor": [500.0], "floor_dtype": "uint16",
        "range": None,
    }  # fmt: skip
    assert told["input"]["axes"] == "yxc"
    assert told["task"]["name"] == "Instances"
    assert told["task"]["seed_threshold"] == floored.task.seed_threshold
    assert told["tiles"]["multiple_px"] == [16, 16]
    assert told["tiles"]["halo_px"] == [48, 48]
    assert "500" in told["limits"][0]
    assert "example.py IMAGE.tif" in (saved / "README.md").read_text()


def test_the_stored_image_is_above_the_noise_floor(saved, floored):
    image = np.load(saved / "test_image.npy")
    assert image.dtype == floored.pixel_type == "uint16"
    assert not floored.normalize.held_down(floored.normalize.fit(image))
    with np.load(saved / "test_maps.npz") as stored:
        for head, values in floored.predict_maps(image).items():
            assert np.abs(stored[head] - values).max() < 1e-5


@pytest.mark.parametrize("dimmer", [1, 8])
@pytest.mark.parametrize("tile_px", [64, 1024])
def test_the_example_gives_the_maps_of_the_model(saved, example, floored, dimmer, tile_px):
    """Whatever the tile, for a size that is no multiple, and below the noise floor, too."""
    image = (cl.simulate.nuclei((150, 201), 12, seed=5)[0] // dimmer)[..., np.newaxis]
    stats = floored.normalize.fit(image)
    assert floored.normalize.held_down(stats) == (dimmer > 1)
    maps = example.maps_of(image, facts(saved), tile_px)
    expected = floored.source_maps(floored.as_source(image), stats)
    for head, values in expected.items():
        assert np.abs(maps[head] - values).max() < 1e-5
    mask = expected["foreground"][..., 0] > floored.task.foreground_threshold
    assert np.mean(example.labels_of(maps, facts(saved)) != mask) < 1e-4


@pytest.mark.parametrize(("given", "ends"), [("dtype", (0, 65535)), ((10, 90), (10, 90))])
def test_a_fixed_range_is_told_and_used(floored, example, monkeypatch, given, ends):
    scaling = cl.Normalize(range=given, floor_dtype="uint16")
    parts = {floored.name: replace(floored.part, normalize=scaling)}
    monkeypatch.setattr(floored, "parts", parts)
    told = facts_of(floored, "bioimageio")
    assert told["normalize"]["range"] == list(ends)
    assert "Pixel type" in "".join(told["limits"]) if given == "dtype" else True
    image = np.arange(60, dtype=np.uint16).reshape(5, 6, 2)
    np.testing.assert_allclose(example.scaled(image, told), scaling(image), rtol=1e-6)
    # the Model Zoo's scale_linear is gain * image + offset
    how = bioimageio._scaled(told)["kwargs"]
    np.testing.assert_allclose(how["gain"] * image + how["offset"], scaling(image), atol=1e-6)


def test_the_example_is_a_program_that_names_no_difference(saved, example, tmp_path, capsys):
    example.main(out=tmp_path / "maps.npz")
    said = capsys.readouterr().out.splitlines()
    assert float(said[-1].rpartition(" ")[2]) < 1e-5
    with np.load(tmp_path / "maps.npz") as written:
        assert set(written) == {"foreground", "distance", "labels"}


@pytest.fixture
def cheap(monkeypatch):
    """Return what puts a format of one small file in the place of "onnx"."""

    def put(run=None, runtime="numpy", fails=None):
        def write(graph, folder):
            if fails:
                raise fails
            (folder / "model.bin").write_bytes(b"1")

        of = runtimes.Format(write, run, runtime)
        monkeypatch.setitem(runtimes.FORMATS, "onnx", of)
        monkeypatch.setattr(exporting, "maps_graph", lambda model: None)

    return put


def test_an_export_is_replaced_when_asked_for_and_whole(floored, tmp_path, cheap):
    cheap(runtime="no-such-runtime")
    out = floored.export(tmp_path / "m", progress=False)
    assert names(out) == FILES | {"model.bin"}
    assert facts(out)["tried"] is None
    assert "Not tried" in (out / "README.md").read_text()
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        floored.export(out, progress=False)
    # another format leaves nothing of the first one behind
    (out / "variables").mkdir()
    for name in ("variables/index", "variables/data"):
        (out / name).write_text("1")
        Written(out).add({name: sha256_of(out / name)})
    floored.export(out, overwrite=True, progress=False)
    assert names(out) == FILES | {"model.bin"}
    (out / "README.md").write_text("mine")
    with pytest.raises(cl.InvalidError, match=r"Invalid `path`.*README.md, which .* changed since"):
        floored.export(out, overwrite=True, progress=False)
    assert (out / "README.md").read_text() == "mine"


def test_an_export_that_was_killed_is_made_again_without_asking(floored, tmp_path, cheap):
    """While files take their place; those that are there are known to be its own."""
    cheap(runtime="no-such-runtime")
    out, move = tmp_path / "m", results.move_there
    with pytest.MonkeyPatch.context() as patch:

        def moved(stage, folder, names):
            if (folder / "example.py").exists():
                raise KeyboardInterrupt
            move(stage, folder, names)

        patch.setattr(results, "move_there", moved)
        with pytest.raises(KeyboardInterrupt):
            floored.export(out, progress=False)
    assert "README.md" in names(out) < FILES
    floored.export(out, progress=False)
    assert names(out) == FILES | {"model.bin"}


def test_what_gives_other_maps_is_not_written(floored, tmp_path, cheap):
    def other(folder, batch):
        maps = floored.predict_maps(np.load(folder / "test_image.npy"))
        return {head: found[np.newaxis] + np.float32(2e-3) for head, found in maps.items()}

    def fewer(folder, batch):
        return {"foreground": batch}

    def failing(folder, batch):
        raise RuntimeError("no such operator")

    for run, words in ((other, "a difference of 0.002"), (fewer, "not"), (failing, "no such op")):
        cheap(run)
        with pytest.raises(cl.InvalidError, match=rf"Invalid `format`.*{words}.*Nothing was writ"):
            floored.export(tmp_path / "m", progress=False)
    cheap(fails=RuntimeError("an operator that ONNX lacks"))
    with pytest.raises(cl.InvalidError, match=r"written as onnx\. .*ONNX lacks.*Nothing"):
        floored.export(tmp_path / "m", progress=False)
    assert not list(tmp_path.iterdir())


def test_the_parts_that_are_missing_are_asked_for_before_any_work(trained, tmp_path, monkeypatch):
    def refused(words, format="saved_model", path=tmp_path / "new"):
        with pytest.raises(cl.InvalidError, match=words):
            trained.export(path, format, progress=False)

    monkeypatch.setattr(exporting, "maps_graph", None)  # all of it comes before
    refused(r"Invalid `format`\. Expected one of .*saved_model.*torch", "torch")
    refused("Invalid `path`. .*, a model", path=trained.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    refused(r"Invalid `path`. .*with notes\.txt in it", path=tmp_path / "other")
    refused("Invalid `path`.*notes.txt is a file", path=tmp_path / "other" / "notes.txt" / "m")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if "onnx" in n else found(n))
    for format in ("onnx", "bioimageio"):
        refused(rf"the package onnx for \"{format}\".*cytoloom\[{format}\]", format)
    monkeypatch.setattr(backend, "name", lambda: "jax")
    refused("Keras on TensorFlow.*Received: Keras on jax.*KERAS_BACKEND=tensorflow")
    several = replace_parts(trained)
    with pytest.raises(cl.InvalidError, match=r"Invalid `model`.*one of 2 networks"):
        several.export(tmp_path / "new", "saved_model", progress=False)
    assert not (tmp_path / "new").exists()


def replace_parts(model: cl.Model) -> cl.Model:
    """The model as one of two networks."""
    other = cl.load(model.path)
    other.parts = {"network": model.part, "links": model.part}
    return other


def test_the_mean_of_members_is_one_graph(trained):
    """Of probabilities, as an ensemble has it; networks in memory keep their names."""
    model = cl.load(trained.path)
    first, second = model.keras, model.read_network()
    second.set_weights([one * 0.9 for one in second.get_weights()])
    model.members, model.networks = 2, {(1, model.name): first, (2, model.name): second}
    image = cl.simulate.nuclei((64, 64), 6, seed=2)[0][..., np.newaxis]
    batch = model.normalize(image)[np.newaxis]
    plain = exporting.in_float32(model)
    maps = np.asarray(exporting.maps_graph(plain)(batch)["distance"])
    each = [activate(np.array(n(batch)["distance"]), "sigmoid") for n in plain.networks.values()]
    assert np.abs(each[0] - each[1]).max() > 0.01
    assert np.abs(maps - np.mean(each, axis=0)).max() < 1e-5
    assert np.abs(maps[0] - plain.predict_maps(image)["distance"]).max() < 1e-5
    assert first.name == second.name == "unet"


def test_the_command_line_exports_and_each_verb_knows_the_other(trained, tmp_path, capsys):
    out, model = str(tmp_path / "m"), str(trained.path)
    assert cli.main(["export-model", model, out, "--format", "saved_model", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith(f"Model as saved_model in {out}.")
    assert cli.main(["export-model", model, out, "--format", "saved_model"]) == 1
    assert "Pass --overwrite to replace" in capsys.readouterr().err
    for more in ([], ["--format", "onnx"]):
        assert cli.main(["export", model, str(tmp_path / "rois"), "--format", "coco", *more]) == 1
        assert "cytoloom export-model" in capsys.readouterr().err
    assert not (tmp_path / "rois").exists()
    with pytest.raises(cl.InvalidError, match="`export_model`"):
        cl.export(trained, tmp_path / "rois", "coco", progress=False)
