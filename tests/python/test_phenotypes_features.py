"""Features: kinds of them, corrections by controls, selection, encoders of other images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.messages import R, spelled
from cytoloom.phenotypes.corrected import corrected, selected, sphered
from cytoloom.phenotypes.named import feature_names

QUIET: dict[str, Any] = {"progress": False}


@pytest.fixture(scope="module")
def cells() -> cl.Cells:
    made = cl.simulate.screen(
        {"drug": ("translocated", 1.0, 1.0, 2)}, controls=4, count=8, shape=(128, 128)
    )
    how: dict[str, Any] = {"plate": made.plate, "controls": "negative", "size_px": 32}
    return cl.cells(made.images, labels=made.labels, **how, **QUIET)


def test_a_robust_z_score_is_beside_the_controls_of_its_plate() -> None:
    table = pd.DataFrame({
        "plate": ["p"] * 4 + ["q"] * 4, "well": ["A01"] * 8,
        "control": (["neg"] * 3 + [None]) * 2,
        "shape_a": [1.0, 2, 3, 9, 101, 104, 107, 125],
        "shape_flat": [5.0] * 8,
    })  # fmt: skip
    found, names = corrected(table, ["shape_a", "shape_flat"], "neg", "robust-z")
    assert names == ["shape_a"]
    # medians 2 and 104, median distances 1 and 3
    expected = np.array([-1, 0, 1, 7, -1, 0, 1, 7]) / 1.4826
    assert np.allclose(found["shape_a"], expected)
    assert "shape_flat" not in found


def test_sphered_controls_are_uncorrelated_and_equally_wide() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5000, 4)) @ rng.normal(size=(4, 4))
    own = np.arange(5000) < 4000
    found = sphered(values, own)
    assert np.allclose(np.cov(found[own].T), np.eye(4), atol=0.02)
    # ZCA turns as little as possible: each feature stays the one that it was
    alike = np.corrcoef(found.T, values.T)[:4, 4:]
    assert (np.abs(alike).argmax(axis=1) == np.arange(4)).all()


def test_of_features_that_say_the_same_one_is_kept() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=200)
    values = np.stack([one, one * 3 + 1, rng.normal(size=200), np.ones(200)], axis=1)
    kept = selected(values, ["a", "b", "c", "d"])
    assert "c" in kept
    assert "d" not in kept
    assert len({"a", "b"} & set(kept)) == 1


def test_kinds_stand_in_one_table_and_are_corrected_and_selected(cells: cl.Cells) -> None:
    how: dict[str, Any] = {"kinds": ["shape", "intensity", "random"], **QUIET}
    plain = cl.features(cells, **how)
    found = cl.features(cells, corrected="robust-z", selected=True, **how)
    assert {n.partition("_")[0] for n in feature_names(plain)} == {"shape", "intensity", "random"}
    assert 0 < len(feature_names(found)) < len(feature_names(plain))
    own = cells.are_controls
    assert np.allclose(found.loc[own, feature_names(found)].median(), 0, atol=1e-6)
    # the encoder with random weights is the same each time
    assert plain["random_0"].equals(cl.encode("random", cells, **QUIET)["random_0"])


def test_networks_for_other_images_take_weights_from_a_file(
    cells: cl.Cells, tmp_path: Path
) -> None:
    import keras

    file = tmp_path / "small.weights.h5"
    network = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
    )
    network.save_weights(file)
    found = cl.encode(f"MobileNetV3Small:{file}", cells, views=1, **QUIET)
    channels, features = 2, network.output_shape[-1]
    assert len(feature_names(found)) == channels * features
    # what Keras says of the first cell, its first channel as grey
    rows, crops = next(iter(cells.crops()))
    grey = np.clip(crops[:1, ..., :1], 0, 1).repeat(3, axis=-1) * 255
    expected = network.predict(grey, verbose=0)[0]
    names = [f"frozen_{k}" for k in range(features)]
    assert np.allclose(found.loc[rows[0], names].to_numpy(float), expected, atol=1e-4)
    with pytest.raises(cl.InvalidError, match="weights of MobileNetV3Large without its top"):
        cl.encode(f"MobileNetV3Large:{file}", cells, **QUIET)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"kinds": "colour"}, "`kinds`"),
        ({"kinds": ["learned"]}, "a model for learned features"),
        ({"kinds": ["shape"], "model": "random"}, "learned ones with a model"),
        ({"corrected": "whitened"}, "`corrected`"),
    ],
)
def test_what_cannot_be_meant_is_refused(cells: cl.Cells, how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.features(cells, **how, **QUIET)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("MobileNet9:w.h5", "an architecture of keras.applications"),
        ("MobileNetV3Small:gone.h5", "a file of weights of MobileNetV3Small"),
    ],
)
def test_encoders_that_are_not_there_are_told(cells: cl.Cells, model: str, words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.encode(model, cells, **QUIET)


def test_corrections_need_controls(cells: cl.Cells) -> None:
    made = cl.simulate.nuclei((96, 96), 6)
    alone = cl.cells({"A01": made[0]}, labels={"A01": made[1]}, size_px=24, **QUIET)
    with pytest.raises(cl.InvalidError, match="cells that were gathered with `controls`"):
        cl.features(alone, corrected="sphered", **QUIET)


def test_the_command_line_goes_from_cells_to_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of cells is opened as such by train and check, and images are none."""
    from cytoloom.cli import main

    made = cl.simulate.screen({"drug": ("condensed", 1.0, 1.0, 2)}, controls=4, count=8)
    folder, model, codes = tmp_path / "cells", tmp_path / "m.cytoloom", tmp_path / "codes.csv"
    how: dict[str, Any] = {"plate": made.plate, "controls": "negative", "size_px": 32}
    cl.cells(made.images, labels=made.labels, out=folder, **how, **QUIET)
    small = ["--layers", "c2.3r_p2_d4.0l", "--iterations", "2", "--batch-size", "8", "--quiet"]
    assert main(["train", str(folder), "--task", "autoencoder", *small, "--out", str(model)]) == 0
    said = capsys.readouterr().out
    assert f"Next: cytoloom cells encode {model} CELLS" in said
    assert "calibration" not in said
    for verb in (["predict", str(model), str(folder), "--out", str(tmp_path / "found")],
                 ["evaluate", str(model), str(folder)],
                 ["compare", str(model), str(model), str(folder)],
                 ["export-model", str(model), str(tmp_path / "exported"), "--format", "onnx"],
                 ["rank", str(folder), "--models", str(model), str(model)]):  # fmt: skip
        assert main([*verb, "--quiet"]) == 1, verb
        assert "one that describes cells. cytoloom cells encode gives" in capsys.readouterr().err
    assert not (tmp_path / "found").exists()
    assert not (tmp_path / "exported").exists()
    encode = ["cells", "encode", str(model), str(folder), "--out", str(codes), "--quiet"]
    assert main(encode) == 0
    assert feature_names(pd.read_csv(codes)) == [f"learned_{k}" for k in range(4)]
    assert main(["check", str(folder), "--quiet"]) == 0
    assert cl.check(folder, **QUIET).ok
    with pytest.raises(cl.InvalidError, match=r"cells, as .*Received: images with labels"):
        cl.train((np.zeros((32, 32)), np.eye(32, dtype=int)), task="autoencoder", **QUIET)


ODD_ARCHITECTURES = [
    # crops of these cells are 24 px wide; 50 px and two poolings are those of the original's trap
    ("c2.3r_p5_d4.0l", "size_px", r"multiples of 5 px, by which p5 of .*size_px=20.*size_px=25"),
    ("c2.3r_p2_c2.3r_p8_d4.0l", "size_px", r"multiples of 16 px, by which p2 and p8 of .*"
     r"Received: \(24, 24\)\. Pass size_px=16 or size_px=32"),
    ("c2.3r_p32_d4.0l", "size_px", r"multiples of 32 px.*Pass size_px=32\."),
    ("c2.3r_p2", "layers", r"a dense layer at the end.*c2\.3r_p2\. Such as c2\.3r_p2_d64\.0s"),
    ("c2.3r_d4.0l_p2", "layers", r"dense layers behind all others.*p2 behind one"),
    ("c2.3r_p_d4.0l", "layers", r"Received: p as part 2 of c2\.3r_p_d4\.0l"),
    ("c2.4r_d4.0l", "layers", r"an odd width.*c2\.4r as part 1"),
    ("c2.3x_d4.0l", "layers", r"c2\.3x as part 1"),
    ("c2.3r__d4.0l", "layers", r"nothing as part 2"),
    ("c0.3r_d4.0l", "layers", r"c0\.3r as part 1"),
    ("", "layers", r"nothing as part 1"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "name", "words"), ODD_ARCHITECTURES)
def test_architectures_that_cannot_be_are_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: str, name: str, words: str
) -> None:
    """The part is named, and a size that works; no pixel is read for it, and nothing is left."""
    image, labels = cl.simulate.nuclei((96, 96), 12, seed=1)
    images = {"A01": image, "A02": image[::-1]}
    drawn = {"A01": labels, "A02": labels[::-1]}
    cells = cl.cells(images, labels=drawn, size_px=24, **QUIET)

    def never(*given: Any, **how: Any) -> None:
        pytest.fail("cells were cut out")

    monkeypatch.setattr(type(cells), "crops", never)
    monkeypatch.setattr(type(cells), "stats", never)
    out = tmp_path / "m.cytoloom"
    with pytest.raises(cl.InvalidError, match=words) as caught:
        cl.train(
            cells, task="autoencoder", network=cl.Autoencoder(layers), trainer=cl.Trainer(epochs=1),
            out=out, **QUIET,
        )  # fmt: skip
    assert caught.value.name == name
    assert not out.exists()


def test_architectures_on_the_command_line_are_refused_in_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cytoloom.cli import main

    image, labels = cl.simulate.nuclei((96, 96), 12, seed=1)
    images = {"A01": image, "A02": image[::-1]}
    folder = tmp_path / "cells"
    drawn = {"A01": labels, "A02": labels[::-1]}
    cl.cells(images, labels=drawn, size_px=50, out=folder, **QUIET)
    words = ["train", str(folder), "--task", "autoencoder", "--iterations", "1", "--quiet"]
    words += ["--out", str(tmp_path / "m.cytoloom"), "--layers"]
    assert main([*words, "c2.3r_p2_c2.3r_p2_d4.0l"]) == 1
    said = capsys.readouterr().err
    assert "multiples of 4 px, by which p2 and p2 of c2.3r_p2_c2.3r_p2_d4.0l pool" in said
    assert "Pass --size-px 48 or --size-px 52." in said
    assert main([*words, "c2.3r_p2"]) == 1
    assert "a dense layer at the end" in capsys.readouterr().err
    assert not (tmp_path / "m.cytoloom").exists()


def test_sizes_of_others_are_told_in_the_words_of_r() -> None:
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=3)
    cells = cl.cells({"A01": image}, labels={"A01": labels}, size_px=24, progress=False)
    with pytest.raises(cl.InvalidError, match=r"that of the cells, \(24, 24\) px") as caught:
        cl.train(cells, task="autoencoder", progress=False,
                 network=cl.Autoencoder("c8.3r_p2_d16.0s", size_px=20))  # fmt: skip
    said = spelled(str(caught.value), R)
    assert "that of the cells, c(24, 24) px. Received: c(20, 20)" in said
