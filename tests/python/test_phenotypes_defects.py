"""What CellCognition Explorer's deep learning got wrong: twelve defects, each with its test.

 1. Training saw transposed crops, encoding did not: `test_1_...` here, and
    test_phenotypes_cellh5.py: crops_of_training_and_of_encoding_are_the_same.
 2. Crops at left and bottom borders were misplaced: test_phenotypes_cells.py:
    a_cell_lies_in_the_middle_of_its_crop_at_every_border, and test_phenotypes_cellh5.py:
    objects_at_borders_lie_in_the_middle_of_their_crops.
 3. Odd crops were short by a row and a column: the same two, for 20 and 21 px.
 4. 8 bits, one channel, the first plane and `primary__primary` alone: `test_4_...` here, and
    test_phenotypes_cellh5.py: deep_values_stacks_and_no_regions, which_objects_is_said_or_asked.
 5. Architectures were not checked: `test_5_...` here, and test_phenotypes_features.py:
    architectures_that_cannot_be_are_refused_before_training.
 6. A well of one cell stopped it, empty controls never ended, the last cell was never drawn:
    `test_6_...` here, and test_phenotypes_cellh5.py: wells_with_one_cell_or_none.
 7. All cells of a position were encoded at once: `test_7_...` here.
 8. Group, well and plate were not in what came out: `test_8_...` here.
 9. Models were pickles: `test_9_...` here.
10. No going on, no best model, no seed, no scores, no novelty: `test_10_...` here; novelty on the
    command line is in test_phenotypes_looks.py.
11. Written for versions of Python, h5py and pandas that are gone: all of
    test_phenotypes_cellh5.py reads CellH5 with those of today.
12. CellH5 alone, which few programs write any more: test_phenotypes_cells.py:
    positions_of_cellprofiler_are_recognised, the_real_plate; test_phenotypes_plates.py.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.events import result_of
from cytoloom.networks.autoencoder import ORIGINAL, encoder_of, layers_of
from cytoloom.phenotypes import encoded, train

QUIET: dict[str, Any] = {"progress": False}
SMALL = cl.Autoencoder("c2.3r_p2_d4.0l")


def test_every_defect_has_the_tests_that_are_named_above() -> None:
    text = Path(__file__).read_text("utf-8")
    words = str(__doc__).replace("\n", " ")
    defects = [int(n) for n in re.findall(r"(?<=[ .`])(\d+)\. [A-Z0-9]", words)]
    assert defects == list(range(1, 13))
    for number in re.findall(r"`test_(\d+)_\.\.\.`", words):
        assert f"def test_{number}_" in text
    tests = Path(__file__).parent
    named = re.findall(r"(test_phenotypes_\w+\.py):((?: +[a-z0-9]+(?:_[a-z0-9]+){2,},?)*)", words)
    assert sum(len(functions.split()) for _, functions in named) == 9
    for file, functions in named:
        there = (tests / file).read_text("utf-8")
        assert all(f"def test_{one.strip(' ,')}(" in there for one in functions.split())


def cells_in(counts: dict[str, int], **how: Any) -> cl.Cells:
    """Gather squares of uneven brightness: so many in each well."""
    rng = np.random.default_rng(0)
    images, labels = {}, {}
    for well, count in counts.items():
        image, own = rng.integers(100, 200, (64, 64)).astype(np.uint16), np.zeros((64, 64), int)
        for k in range(count):
            y, x = 4 + 12 * (k // 5), 4 + 12 * (k % 5)
            own[y : y + 8, x : x + 8] = k + 1
            image[y : y + 8, x : x + 4] += 2000 + 100 * k  # its left half alone
        images[well], labels[well] = image, own
    return cl.cells(images, labels=labels, size_px=12, **how, **QUIET)


class _Seen(train.Crops):
    """Keeps the crops that training is given."""

    given: np.ndarray

    def __init__(self, part: Any, crops: Any, held_out: Any, *rest: Any) -> None:
        type(self).given = np.array(crops, np.float32)
        super().__init__(part, crops, held_out, *rest)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> type[_Seen]:
    monkeypatch.setattr(train, "Crops", _Seen)
    return _Seen


def trained(cells: cl.Cells, iterations: int = 2, **how: Any) -> cl.Model:
    trainer = cl.Trainer(iterations=iterations, batch_size=8, checkpoint_s=0.0)
    given = {"network": SMALL, "trainer": trainer, **how}
    return cl.train(cells, task="autoencoder", **given, **QUIET)


def test_1_training_sees_the_crops_that_are_encoded_not_turned(seen: type[_Seen]) -> None:
    """The code of a cell is that of the crop which training was given, left half bright."""
    cells = cells_in({"A01": 20, "A02": 20})
    model = trained(cells)
    every = {int(r): c for own, crops in cells.crops() for r, c in zip(own, crops, strict=True)}
    as_cut = np.stack([every[k] for k in range(40)]).astype(np.float16).astype(np.float32)
    learned = [int(np.abs(as_cut - one).max(axis=(1, 2, 3)).argmin()) for one in seen.given]
    assert np.array_equal(as_cut[learned], seen.given)
    middle = seen.given[:, 2:10, 2:10, 0]
    assert (middle[:, :, :4].mean(axis=(1, 2)) > middle[:, :, 4:].mean(axis=(1, 2)) + 0.2).all()
    codes = cl.encode(model, cells, views=1, **QUIET)[[f"learned_{k}" for k in range(4)]]
    expected = encoder_of(model.keras).predict(seen.given, verbose=0)["code"]
    assert np.allclose(codes.to_numpy()[learned], expected, atol=0.02)  # of 16 bits
    other = encoder_of(model.keras).predict(seen.given.swapaxes(1, 2), verbose=0)["code"]
    assert np.abs(other - expected).max() > 0.1


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_4_eight_and_sixteen_bits_are_scaled_alike_in_all_channels(
    tmp_path: Path, dtype: str
) -> None:
    """The same image in other numbers has the same crops, between 0 and 1, and the same picture."""
    import h5py

    image, labels = cl.simulate.nuclei((96, 96), 6, seed=3)
    grey = (255 * (image / image.max())).astype(np.uint8)
    both = np.stack([grey, grey.T], axis=-1)
    factor = {"u1": 1, "u2": 257, "f4": 1 / 255}[dtype]
    other = (both * np.asarray(factor, "u2" if dtype == "u2" else "f8")).astype(dtype)
    first, second = (
        cl.cells({"A01": one}, labels={"A01": labels}, size_px=24, **QUIET) for one in (both, other)
    )
    ((_, expected),), ((_, found),) = first.crops(), second.crops()
    assert found.shape[-1] == 2
    assert np.allclose(found, expected, atol=1e-3)
    assert -0.5 < found.min() < 0.1
    assert 0.9 < found.max() < 1.5
    cl.features(second, kinds="shape", out=tmp_path / "f.hdf", **QUIET)
    with h5py.File(tmp_path / "f.hdf") as file:
        gallery = file["data/gallery"][:, :, 0].transpose(2, 1, 0)
    assert np.abs(gallery - 255 * expected[..., 0].clip(0, 1)).max() < 1


def test_5_the_original_architecture_has_its_shapes_and_weights() -> None:
    """Its layers at 60 px are those of the original, 1,864,960 weights on the way in."""
    network = cl.Autoencoder(ORIGINAL, size_px=(60, 60)).build({"image": 1}, {"image": 1})
    encoder = encoder_of(network)
    shapes = [one.output.shape[1:] for one in encoder.layers if one.name.startswith(("in", "flat"))]
    assert shapes == [
        (60, 60, 16), (30, 30, 16), (30, 30, 32), (15, 15, 32), (7200,), (256,), (64,),
    ]  # fmt: skip
    # the way out of tied dense layers adds a bias each, but no weights of its own
    inwards = 5 * 5 * 16 + 16 + 3 * 3 * 16 * 32 + 32 + 7200 * 256 + 256 + 256 * 64 + 64
    assert inwards == 1_864_960
    kernels = [w for one in encoder.layers for w in one.weights if w.shape[0] in (7200, 256)]
    dense = [w for w in kernels if len(w.shape) == 2]
    assert [tuple(w.shape) for w in dense] == [(7200, 256), (256, 64)]
    assert not [w for w in network.weights if tuple(w.shape) in ((256, 7200), (64, 256))]
    assert network.output["image"].shape[1:] == (60, 60, 1)


@pytest.mark.parametrize(
    ("words", "code", "grid"),
    [
        ("c16.5r_p2_c16.3r_p2_d256.0r_d64.0s", 64, 4),
        ("c16.3r_c32.3r_p2_d144.1r", 144, 2),
        ("c16.3r_p2_d144.1r", 144, 2),
        ("c4.3r_p3_d8.0s", 8, 3),
    ],
)
def test_5_architectures_of_its_models_and_other_poolings_are_built(
    words: str, code: int, grid: int
) -> None:
    network = cl.Autoencoder(words, size_px=(12, 12))
    assert (network.features, network.grid_px) == (code, (grid, grid))
    assert [one.dropout for one in layers_of(words)][-1] == (0.1 if ".1r" in words else 0.0)
    built = network.build({"image": 2}, {"image": 2})
    assert built.output["image"].shape[1:] == (12, 12, 2)
    assert encoder_of(built).output["code"].shape[1:] == (code,)


def test_6_wells_of_one_cell_or_none_are_learned_from_to_the_last_cell(seen: type[_Seen]) -> None:
    """Of the wells that are not held out every cell is drawn, once, the last of each too."""
    cells = cells_in({"A01": 1, "A02": 0, "A03": 9, "A04": 12})
    trained(cells)
    every = np.concatenate([crops for _, crops in cells.crops()]).astype(np.float16)
    places = [np.flatnonzero((every == one).all(axis=(1, 2, 3))) for one in seen.given]
    assert all(len(one) == 1 for one in places)
    drawn = sorted(int(one[0]) for one in places)
    wells = cells.table["well"].to_numpy()
    learned = set(wells[drawn])
    assert len(learned) == 2  # of three with cells one is held out
    assert drawn == np.flatnonzero(np.isin(wells, list(learned))).tolist()
    alone = cells_in({"A01": 1, "A02": 0})
    with pytest.raises(cl.InvalidError, match=r"2 or more wells.*1 cell of 1 well"):
        trained(alone)


def test_7_the_network_never_sees_more_cells_at_once_than_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoded, "AT_ONCE", 7)
    cells = cells_in({"A01": 20, "A02": 5})
    sizes: list[int] = []

    def run(crops: np.ndarray) -> np.ndarray:
        sizes.append(len(crops))
        return crops.mean(axis=(1, 2))

    found = result_of(encoded.codes_of(cells, run, 1, "learned"))
    assert sizes == [7, 7, 6, 5]
    means = np.concatenate([crops.mean(axis=(1, 2))[:, 0] for _, crops in cells.crops()])
    assert np.allclose(found["learned_0"], means)


def test_8_plate_well_group_and_the_rest_come_along(tmp_path: Path) -> None:
    known = {
        "well": ["A01", "A02"], "plate": ["0038", "0038"], "site": [1, 1],
        "group": ["neg", "target"], "Gene Symbol": ["none", "INCENP"],
        "siRNA ID": ["XWNeg9", "s7424"],
    }  # fmt: skip
    images = cells_in({"P_A01": 8, "P_A02": 8}, plate=known, controls="neg", out=tmp_path / "cells")
    table = cl.encode("random", tmp_path / "cells", out=tmp_path / "codes.csv", **QUIET)
    kept = pd.read_csv(tmp_path / "codes.csv", dtype={"plate": str})
    names = ["plate", "well", "site", "group", "treatment", "gene", "sirna", "image", "object"]
    for one in (table, kept):
        assert one[names].iloc[[0, 15]].values.tolist() == [
            ["0038", "A01", 1, "neg", "none", "none", "XWNeg9", "P_A01", 1],
            ["0038", "A02", 1, "target", "INCENP", "INCENP", "s7424", "P_A02", 8],
        ]
        assert {"centroid_y", "centroid_x"} <= set(one)
    assert len(table) == len(images)


def test_9_a_model_is_kerass_file_and_json_and_comes_back_the_same(tmp_path: Path) -> None:
    cells = cells_in({"A01": 12, "A02": 12})
    out = tmp_path / "m.cytoloom"
    model = trained(cells, out=out)
    (file,) = out.rglob("*.keras")
    inside = zipfile.ZipFile(file)
    assert not [name for name in inside.namelist() if name.endswith((".pkl", ".pickle"))]
    assert "Lambda" not in inside.read("config.json").decode()
    assert not [p for p in out.rglob("*") if p.suffix in (".pkl", ".pickle", ".npy")]
    codes = cl.encode(model, cells, **QUIET)
    pd.testing.assert_frame_equal(cl.encode(out, cells, **QUIET), codes)


def test_10_one_seed_one_model_with_its_history_and_it_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_in({"A01": 12, "A02": 12})
    whole = trained(cells, 30, seed=4)
    other = trained(cells, 30, seed=5)
    out = tmp_path / "m.cytoloom"
    batch, drawn = train.Crops.batch, []

    def stops(self: Any, i: int) -> Any:
        if i == 25:
            raise MemoryError("stopped here")
        return batch(self, i)

    def counted(self: Any, i: int) -> Any:
        drawn.append(i)
        return batch(self, i)

    monkeypatch.setattr(train.Crops, "batch", stops)
    with pytest.raises(MemoryError, match="stopped here"):
        trained(cells, 30, seed=4, out=out)
    monkeypatch.setattr(train.Crops, "batch", counted)
    again = trained(cells, 30, seed=4, out=out)
    assert 0 < min(drawn) <= 25
    weights = [one.keras.get_weights() for one in (whole, again, other)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights[:2], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))
    history = pd.read_csv(out / "history.csv")
    assert {"train", "validation"} <= set(history["set"])
    assert "loss" in set(history["metric"])
