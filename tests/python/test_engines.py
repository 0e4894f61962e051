"""OpenVINO predicts what Keras predicts, or does not predict at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.views import part_of
from cytoloom.models import engines, openvino
from cytoloom.runtime import backend, machine
from cytoloom.training import compare as training_compare
from cytoloom.training.compare import compare
from extras import need

need("openvino", "fast")

TINY = {"network": cl.UNet(filters=4, depth=2), "progress": False}


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OpenVINO may be chosen; what it caches goes nowhere else."""
    monkeypatch.delenv("CYTOLOOM_ENGINE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "cpu_features", lambda: ["avx2"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has seen nuclei, compared with OpenVINO at the end of its training."""
    folder = tmp_path_factory.mktemp("fast")
    cl.simulate.write(folder / "data", "nuclei", images=4, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CYTOLOOM_ENGINE")
        patch.setattr(machine, "cpu_features", lambda: ["avx2"])
        trainer = cl.Trainer(iterations=80, patch_px=64, batch_size=4, precision="float32")
        cl.train(folder / "data", trainer=trainer, out=folder / "n.cytoloom", **TINY)
    return folder / "n.cytoloom"


def record(path: Path) -> dict:
    return json.loads((path / "model.json").read_text())["training"]["fast"]


def with_record(trained: Path, folder: Path, **changes: object) -> cl.Model:
    """A copy of the model of which something else is remembered; None: nothing."""
    shutil.copytree(trained, folder)
    plain = json.loads((folder / "model.json").read_text())
    plain["training"]["fast"] = plain["training"]["fast"] | changes if changes else None
    (folder / "model.json").write_text(json.dumps(plain))
    return cl.load(folder)


def test_training_compares_and_the_card_says_so(trained: Path) -> None:
    found = record(trained)
    assert found["f1"] >= engines.SAME_F1
    assert found["images"] >= 1
    assert "OpenVINO where it is installed" in (trained / "README.md").read_text()


def test_maps_are_those_of_keras_to_1e_5_whatever_the_tile(trained: Path) -> None:
    image = cl.simulate.nuclei((150, 201), 12, seed=5)[0]
    fast = cl.load(trained)
    slow = cl.load(trained)
    slow.engine = engines.keras_engine(slow)
    assert fast.engine.name.startswith("OpenVINO")
    expected = slow.predict_maps(image)
    for tile_px in (None, 64):
        maps = fast.predict_maps(image, tile_px=tile_px)
        for head, values in expected.items():
            assert np.abs(maps[head] - values).max() < 1e-5


def test_conversion_reports_to_nobody(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO's own converter tells its makers of each use; the network goes another way."""

    def reported(*_: object, **__: object) -> None:
        raise AssertionError("telemetry was started")

    monkeypatch.setattr("openvino.tools.ovc.convert_impl.init_ovc_telemetry", reported)
    assert cl.load(trained).engine.name.startswith("OpenVINO")


def test_a_second_process_predicts_without_starting_keras(trained: Path, tmp_path: Path) -> None:
    image = cl.simulate.nuclei((96, 96), 8, seed=6)[0]
    labels = cl.load(trained).predict(image)
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, numpy as np, cytoloom as cl\n"
        "from cytoloom.runtime import machine\n"
        "machine.cpu_features = lambda: ['avx2']\n"
        f"found = cl.load({str(trained)!r}).predict(np.load({str(tmp_path / 'image.npy')!r}))\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
        f"np.save({str(tmp_path / 'labels.npy')!r}, found)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), labels)


def test_a_changed_network_is_converted_anew(trained: Path, tmp_path: Path) -> None:
    image = cl.simulate.nuclei((64, 64), 4, seed=7)[0]
    before = cl.load(trained)
    old = before.predict_maps(image)["foreground"]
    folder = tmp_path / "changed"
    shutil.copytree(trained, folder)
    changed = cl.load(folder)
    changed.keras.set_weights([w * 0.5 for w in changed.keras.get_weights()])
    changed.save(folder, overwrite=True)
    new = cl.load(folder)
    assert new.engine.name.startswith("OpenVINO")
    assert np.abs(new.predict_maps(image)["foreground"] - old).max() > 0.01
    assert len(list((openvino.cache_folder() / "openvino").iterdir())) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "not compared with Keras"),
        ({"f1": 0.5}, "found other objects"),
        ({"f1": float("nan")}, "not compared with Keras"),
        ({"f1": "1.0"}, "not compared with Keras"),
        ({"engine": None}, "not compared with Keras"),
    ],
)
def test_what_was_not_compared_or_differs_stays_with_keras_and_says_so(
    trained: Path, tmp_path: Path, changes: dict, words: str, capfd: pytest.CaptureFixture
) -> None:
    model = with_record(trained, tmp_path / "m", **changes)
    cl.predict(model, [cl.simulate.nuclei((64, 64), 4, seed=7)[0]])
    assert model.engine.name.startswith("Keras")
    assert words in capfd.readouterr().err
    assert "predicts by" in model.summary()


def test_an_engine_that_fails_is_left_alone(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such kernel")

    for module in (engines, training_compare):
        monkeypatch.setattr(module, "started", broken)
    model = cl.load(trained)
    assert model.engine.name.startswith("Keras")
    assert "no such kernel" in model.engine.note
    assert compare(model, [])["f1"] == 0


def test_a_cache_that_cannot_be_written_is_done_without(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cl.load(trained).engine.name.startswith("OpenVINO")


def test_where_bfloat16_is_fast_keras_has_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: ["avx512_bf16"])
    monkeypatch.setattr(backend, "resolve_precision", lambda precision: "float32")
    assert cl.load(trained).engine.name.startswith("Keras")


def test_weights_changed_in_memory_count_and_reach_no_other_model(trained: Path) -> None:
    image = cl.simulate.nuclei((64, 64), 4, seed=7)[0]
    expected = cl.load(trained).predict_maps(image)["foreground"]
    shutil.rmtree(openvino.cache_folder())
    changed = cl.load(trained)
    changed.keras.set_weights([w * 0.5 for w in changed.keras.get_weights()])
    assert np.abs(changed.predict_maps(image)["foreground"] - expected).max() > 0.01
    np.testing.assert_array_equal(cl.load(trained).predict_maps(image)["foreground"], expected)


@pytest.mark.parametrize("file", ["network.bin", "network.xml"])
def test_a_damaged_cache_is_made_anew(trained: Path, file: str) -> None:
    image = cl.simulate.nuclei((64, 64), 4, seed=7)[0]
    expected = cl.load(trained).predict_maps(image)["foreground"]
    (entry,) = (openvino.cache_folder() / "openvino").iterdir()
    whole = (entry / file).read_bytes()
    for damaged in (whole[: len(whole) // 2], None):
        (entry / file).unlink()
        if damaged is not None:
            (entry / file).write_bytes(damaged)
        model = cl.load(trained)
        assert model.engine.name.startswith("OpenVINO")
        np.testing.assert_array_equal(model.predict_maps(image)["foreground"], expected)
        assert (entry / file).stat().st_size > 0.9 * len(whole)


def test_a_full_disk_and_no_home_do_without_a_cache(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr("openvino.save_model", full)
    assert cl.load(trained).engine.name.startswith("OpenVINO")
    assert not list((openvino.cache_folder() / "openvino").iterdir())

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert openvino.cache_folder() is None
    assert cl.load(trained).engine.name.startswith("OpenVINO")


def test_volumes_of_thick_planes_are_compared_as_they_are_decoded(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    cl.simulate.write(folder, "nuclei_3d", images=3, seed=0)
    network = cl.UNet(ndim=3, filters=4, depth=2)
    trainer = cl.Trainer(iterations=40, patch_px=(8, 32, 32), batch_size=1, precision="float32")
    cl.train(folder, network=network, trainer=trainer, out=tmp_path / "m", progress=False)
    assert record(tmp_path / "m")["f1"] >= engines.SAME_F1


def test_where_nothing_is_found_nothing_is_approved(trained: Path) -> None:
    model = cl.load(trained)
    source = model.as_source(np.zeros((64, 64), np.uint8))
    assert model.keras is not None
    assert compare(model, [(source, model.normalize.fit(source))]) is None


def test_large_images_are_compared_in_their_middle() -> None:
    image = np.arange(2000 * 3000, dtype=np.float32).reshape(2000, 3000, 1)
    part = part_of(ArraySource(image), 600_000)
    assert part.shape == (633, 947, 1)
    np.testing.assert_array_equal(part.read(), image[684:1317, 1027:1974])


def test_old_conversions_are_forgotten(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "KEPT", 1)
    folder = openvino.cache_folder() / "openvino"
    (folder / "long-ago").mkdir(parents=True)
    os.utime(folder / "long-ago", (0, 0))
    assert cl.load(trained).engine.name.startswith("OpenVINO")
    assert [p.name for p in folder.iterdir()] != ["long-ago"]
    assert len(list(folder.iterdir())) == 1
