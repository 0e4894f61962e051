"""CellH5 of CellCognition: what is in files is read as their /definition says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.cellh5 import read_plates

QUIET: dict[str, Any] = {"progress": False}
CHANNEL = [("channel_name", "S50"), ("description", "S100"), ("is_physical", "?"),
           ("voxel_size", "f8", 3), ("color", "S7")]  # fmt: skip
OBJECT = [("name", "S512"), ("type", "S512"), ("source1", "S512"), ("source2", "S512")]


@pytest.fixture
def plate(real_data: Path) -> Path:
    return real_data / "cellh5_fixture" / "plate.ch5"


def write(
    path: Path,
    positions: dict[str, dict[str, list[tuple[int, int, int, int]]]],
    *,
    shape: tuple[int, ...] = (2, 3, 1, 40, 50),
    dtype: str = "u2",
    regions: bool = True,
    channels: tuple[str, ...] = ("dna", "actin"),
) -> Path:
    """Write a file: of each plate/well/site and kind the objects (frame, number, y, x)."""
    kinds = list(dict.fromkeys(kind for one in positions.values() for kind in one))
    with h5py.File(path, "w") as file:
        about = np.zeros(len(channels), CHANNEL)
        about["channel_name"] = channels
        file["definition/image/channel"] = about
        names = np.array([(f"region___{k}", 0) for k in kinds],
                         [("region_name", "S50"), ("channel_idx", "i4")])  # fmt: skip
        if regions:
            file["definition/image/region"] = names
        for kind in kinds:
            file[f"definition/object/{kind}"] = np.array([(kind, "region", "", "")], OBJECT)
        file["definition/object/tracking"] = np.array([("tracking", "relation", "", "")], OBJECT)
        for place, objects in positions.items():
            well = file.create_group("sample/0/plate/{}/experiment/{}/position/{}".format(
                *place.split("/")))  # fmt: skip
            pixels = np.zeros(shape, dtype)
            labels = np.zeros((len(kinds), *shape[1:]), "u2")
            for k, kind in enumerate(kinds):
                rows = objects.get(kind, [])
                for t, number, y, x in rows:
                    pixels[0, t, :, y, x] = 1000 * (t + 1) + number
                    labels[k, t, :, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = number
                well[f"object/{kind}"] = np.array(
                    [row[:2] for row in rows], [("time_idx", "i4"), ("obj_label_id", "i4")]
                )
                well[f"feature/{kind}/center"] = np.array(
                    [(x, y) for *_, y, x in rows], [("x", "i4"), ("y", "i4")]
                )
            well["image/channel"] = pixels
            if regions:
                well["image/region"] = labels
    return path


BOTH = {"P/A01/1": {"primary__primary": [(0, 4, 9, 9), (1, 2, 20, 30), (1, 7, 5, 40)],
                    "secondary__expanded": [(1, 2, 20, 31)]}}  # fmt: skip


def test_the_fixture_and_its_mapping(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = cl.cells(plate, plate=plate.with_name("mapping.txt"), controls={"group": "neg"})
    assert cells.table["well"].value_counts().to_dict() == {
        "A01": 69, "C02": 47, "A07": 50, "A12": 35,
    }  # fmt: skip
    first = cells.table.iloc[0]
    assert first[["plate", "image", "site", "frame", "object"]].tolist() == [
        "P1", "P1_A01_1", 1, 0, 1,
    ]  # fmt: skip
    assert first[["treatment", "gene", "sirna", "group"]].tolist() == [
        "vehicle", "vehicle", "si_vehicle", "neg",
    ]  # fmt: skip
    assert cells.are_controls.sum() == 69 + 47
    assert cells.channel_names == ("dna", "gfp")
    with h5py.File(plate) as file:
        one = file["sample/0/plate/P1/experiment/A07/position/1"]
        centres = one["feature/primary__primary/center"][:]
        labels = one["image/region"][0, 0, 0]
        pixels = one["image/channel"][:, 0, 0]
    own = cells.table[cells.table["well"] == "A07"]
    assert own["centroid_x"].tolist() == centres["x"].tolist()
    assert own["centroid_y"].tolist() == centres["y"].tolist()
    assert own["area_px"].tolist() == np.bincount(labels.ravel())[own["object"]].tolist()
    means = [pixels[1][labels == n].mean() for n in own["object"]]
    assert own["mean_intensity_gfp"].tolist() == pytest.approx(means)


def test_channels_times_wells_and_sites(tmp_path: Path) -> None:
    kind = "primary__primary"
    positions = {
        "P/A01/1": {kind: [(0, 4, 9, 9), (1, 2, 20, 30)]},
        "P/A01/2": {kind: [(2, 1, 8, 8)]},
        "P/B02/1": {kind: [(0, 1, 9, 9), (0, 3, 30, 9)]},
    }
    cells = cl.cells(write(tmp_path / "a.ch5", positions), size_px=6, **QUIET)
    rows = cells.table[["well", "site", "frame", "object", "centroid_y", "centroid_x"]]
    assert rows.values.tolist() == [
        ["A01", "1", 0, 4, 9, 9], ["A01", "1", 1, 2, 20, 30], ["A01", "2", 2, 1, 8, 8],
        ["B02", "1", 0, 1, 9, 9], ["B02", "1", 0, 3, 30, 9],
    ]  # fmt: skip
    assert cells.table["image"].tolist()[:2] == ["P_A01_1_t000", "P_A01_1_t001"]
    image = next(i for i in cells.items if i.id == "P_A01_1_t001").image
    assert (image.shape, image.axes, str(image.dtype)) == ((40, 50, 2), "yxc", "uint16")
    assert image.read()[20, 30].tolist() == [2002, 0]
    assert image.read((slice(19, 22), slice(29, 31)))[..., 0].tolist() == [
        [0, 0],
        [0, 2002],
        [0, 0],
    ]
    one = cl.cells(tmp_path / "a.ch5", size_px=6, channels=["actin"], **QUIET)
    assert one.channel_names == ("actin",)


def test_which_objects_is_said_or_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.ch5", BOTH)
    assert len(cl.cells(file, size_px=6)) == 3
    said = capsys.readouterr().err
    assert (
        "Cells are the objects primary__primary; `objects` has the others: secondary__exp" in said
    )
    other = cl.cells(file, size_px=6, objects="secondary__expanded", **QUIET)
    assert other.table[["object", "centroid_x", "area_px"]].values.tolist() == [[2, 31, 9]]
    with pytest.raises(cl.InvalidError, match="primary__primary, secondary__expanded"):
        cl.cells(file, objects="tertiary", **QUIET)
    two = {"P/A01/1": {"nuclei": [(0, 1, 9, 9)], "lysosomes": [(0, 1, 9, 9)]}}
    with pytest.raises(cl.InvalidError, match=r"one kind of objects.*lysosomes, nuclei"):
        cl.cells(write(tmp_path / "b.ch5", two), **QUIET)


def test_deep_values_stacks_and_no_regions(tmp_path: Path) -> None:
    """16-bit pixels come whole; a stack is one; centres alone are enough."""
    kind = {"nuclei": [(0, 1, 20, 25)]}
    file = write(tmp_path / "a.ch5", {"P/A01/1": kind}, shape=(2, 1, 5, 40, 50))
    stack = cl.cells(file, size_px=(4, 6, 6), **QUIET)
    assert stack.items[0].image.shape == (5, 40, 50, 2)
    assert stack.table[["centroid_z", "centroid_y"]].values.tolist() == [[2, 20]]
    bare = cl.cells(write(tmp_path / "b.ch5", {"P/A01/1": kind}, regions=False), size_px=6, **QUIET)
    assert not bare.labelled
    assert int(bare.items[0].image.read().max()) == 1001
    with pytest.raises(cl.InvalidError, match="cells that have labels"):
        cl.features(bare, kinds="shape", **QUIET)


@pytest.mark.parametrize("size", [20, 21])
def test_objects_at_borders_lie_in_the_middle_of_their_crops(tmp_path: Path, size: int) -> None:
    """The original's crops were misplaced at left and bottom, and odd ones short by one."""
    at = [(0, 1, 3, 25), (0, 2, 36, 25), (0, 3, 20, 3), (0, 4, 20, 46)]
    file = write(tmp_path / "a.ch5", {"P/A01/1": {"nuclei": at}}, shape=(2, 1, 1, 40, 50))
    cells = cl.cells(file, size_px=size, **QUIET)
    ((_, crops),) = cells.crops()
    assert crops.shape == (4, size, size, 2)
    for crop in crops:
        assert np.unravel_index(crop[..., 0].argmax(), crop.shape[:2]) == (size // 2, size // 2)
    assert cells.table["padded"].all()


def test_crops_of_training_and_of_encoding_are_the_same(plate: Path) -> None:
    """The original trained on transposed crops; here there is one way to cut."""
    cells = cl.cells(plate, size_px=40, **QUIET)
    every = np.concatenate([crops for _, crops in cells.crops()])
    some = np.concatenate([crops for _, crops in cells.crops(range(60, 80))])
    np.testing.assert_array_equal(some, every[60:80])
    with h5py.File(plate) as file:
        image = file["sample/0/plate/P1/experiment/A01/position/1/image/channel"][0, 0, 0]
    inside = int(np.flatnonzero(~cells.table["padded"])[0])
    y, x = (int(cells.table[f"centroid_{a}"][inside]) for a in "yx")
    piece = image[y - 20 : y + 20, x - 20 : x + 20].astype(float)
    assert np.corrcoef(every[inside][..., 0].ravel(), piece.ravel())[0, 1] > 0.99


def test_wells_with_one_cell_or_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The original stopped at a well of one cell, and never saw the last cell of any."""
    positions: dict[str, Any] = {
        "P/A01/1": {"nuclei": [(0, 1, 9, 9)]},
        "P/A02/1": {"nuclei": []},
        "P/A03/1": {"nuclei": [(0, 1, 9, 9), (0, 2, 30, 40)]},
    }
    file = write(tmp_path / "a.ch5", positions, shape=(2, 1, 1, 40, 50))
    cells = cl.cells(file, size_px=6, plate={"well": ["A01", "A02", "A03", "A04"],
                                            "treatment": list("abcd")})  # fmt: skip
    said = capsys.readouterr().err
    assert "positions without an object nuclei: 1 (P_A02_1)" in said
    assert "rows without image: 1 (A04)" in said
    assert cells.table["well"].tolist() == ["A01", "A03", "A03"]
    assert sum(len(rows) for rows, _ in cells.crops()) == 3
    with pytest.raises(cl.InvalidError, match="objects nuclei"):
        cl.cells(write(tmp_path / "b.ch5", {"P/A02/1": {"nuclei": []}}), **QUIET)


def test_files_of_single_positions_and_one_that_leads_to_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for well in ("A01", "A02"):
        write(tmp_path / f"{well}_01.ch5", {f"P/{well}/0038": {"nuclei": [(0, 1, 9, 9)]}})
    with h5py.File(tmp_path / "_all_positions.ch5", "w") as file:
        file["definition"] = h5py.ExternalLink("A01_01.ch5", "/definition")
        for well in ("A01", "A02"):
            place = f"/sample/0/plate/P/experiment/{well}/position/0038"
            file[place] = h5py.ExternalLink(f"{well}_01.ch5", place)
    for given in (tmp_path, tmp_path / "_all_positions.ch5", f"{tmp_path}/A0*.ch5"):
        cells = cl.cells(given, size_px=6, **QUIET)
        assert cells.table["well"].tolist() == ["A01", "A02"]
    kept = cl.cells(tmp_path, size_px=6, out=tmp_path / "cells", **QUIET)
    pd.testing.assert_frame_equal(
        cl.features(tmp_path / "cells", **QUIET), cl.features(kept, **QUIET), check_dtype=False
    )
    capsys.readouterr()


def test_what_is_no_cellh5_or_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.ch5"
    file.write_bytes(b"no HDF5")
    with pytest.raises(cl.InvalidError, match="CellH5, which is HDF5"):
        cl.cells(file, **QUIET)
    good = write(tmp_path / "b.ch5", BOTH)
    with pytest.raises(cl.InvalidError, match=r"`labels`.*has its own objects"):
        cl.cells(good, labels={"a": np.ones((4, 4), int)}, **QUIET)
    with pytest.raises(cl.InvalidError, match=r"`objects`.*CellH5"):
        cl.cells({"a": np.ones((9, 9))}, labels={"a": np.eye(9, dtype=int)}, objects="x", **QUIET)
    data = good.read_bytes()
    (tmp_path / "c.ch5").write_bytes(data[: len(data) // 2])
    with pytest.raises(cl.InvalidError, match=r"c\.ch5"):
        cl.cells(tmp_path / "c.ch5", **QUIET)
    with h5py.File(tmp_path / "d.ch5", "w") as new:
        new["definition"] = h5py.ExternalLink(str(good), "/definition")
        new["sample"] = h5py.ExternalLink(str(good), "/sample")
    with pytest.raises(cl.InvalidError, match="link to"):
        cl.cells(tmp_path / "d.ch5", **QUIET)
    with h5py.File(good, "a") as new:
        place = "sample/0/plate/P/experiment/A01/position/1/object/primary__primary"
        del new[place]
        new.create_dataset(place, (10**10,), [("time_idx", "i4"), ("obj_label_id", "i4")],
                           chunks=(10,))  # fmt: skip
    with pytest.raises(cl.InvalidError, match="too many"):
        cl.cells(good, **QUIET)
    with h5py.File(good, "a") as new:
        del new[place]
        new.create_dataset(place, data=["x"], dtype=h5py.string_dtype())
    with pytest.raises(cl.InvalidError, match="a table at"):
        cl.cells(good, **QUIET)


def test_a_hundred_thousand_cells_are_listed_without_their_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    at = rng.integers(5, 35, (100_000, 2))
    with h5py.File(write(tmp_path / "a.ch5", {"P/A01/1": {"nuclei": []}}, regions=False), "a") as f:
        well = f["sample/0/plate/P/experiment/A01/position/1"]
        del well["object/nuclei"], well["feature/nuclei/center"]
        well["object/nuclei"] = np.array(
            [(k % 3, k + 1) for k in range(100_000)], [("time_idx", "i4"), ("obj_label_id", "i4")]
        )
        well["feature/nuclei/center"] = np.array(list(map(tuple, at)), [("x", "i4"), ("y", "i4")])
    found = read_plates(tmp_path / "a.ch5")
    assert sorted(map(len, found.tables.values())) == [33_333, 33_333, 33_334]
    third = found.tables["P_A01_1_t002"]
    assert third["centroid_y"].tolist() == at[2::3, 1].tolist()
