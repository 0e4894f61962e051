"""Cells in: crops, positions, wells, tables of plates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.crops import Cut, cut, start_of
from cytoloom.phenotypes.plate import known_of, read_plate
from cytoloom.phenotypes.table import controls_of
from cytoloom.phenotypes.wells import place_of, plate_of, well_at, well_in, well_of

QUIET: dict[str, Any] = {"progress": False}


@pytest.mark.parametrize("size", [20, 21])
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_cell_lies_in_the_middle_of_its_crop_at_every_border(size: int, ndim: int) -> None:
    shape = (40, 50, 60)[-ndim:]
    middle = tuple(n // 2 for n in shape)
    for axis, n in enumerate(shape):
        for place in (3, n - 4):
            at = tuple(place if k == axis else m for k, m in enumerate(middle))
            image = np.zeros((*shape, 1), np.uint16)
            image[at] = 65535
            crop = Cut((size,) * ndim).crop(image, at)
            assert crop.dtype == np.uint16
            assert np.argwhere(crop[..., 0]).tolist() == [[size // 2] * ndim]


def test_centres_between_pixels_are_as_near_to_the_middle_as_whole_pixels_allow() -> None:
    rng = np.random.default_rng(0)
    for size in (7, 8):
        for centre in rng.uniform(10, 20, 50):
            (start,) = start_of((centre,), (size,))
            assert abs(start + (size - 1) / 2 - centre) <= 0.5


def test_a_piece_outside_of_the_image_is_filled() -> None:
    image = np.ones((4, 4, 2), np.float32)
    assert (cut(image, (9, 9), (2, 2), (5, 7)) == [5, 7]).all()
    piece = cut(image, (-1, 2), (3, 4), 0)
    assert piece[..., 0].tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]


def test_other_cells_are_blanked_where_asked() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:4], labels[2:7, 5:7] = 1, 2
    image = np.full((9, 9, 1), 8)
    kept, blanked, alone = (
        Cut((9, 9), one).crop(image, (4, 4), labels, 1)[..., 0]  # type: ignore[arg-type]
        for one in ("kept", "blanked", "alone")
    )
    assert (kept == 8).all()
    assert (blanked == np.where(labels == 2, 0, 8)).all()
    assert (alone == np.where(labels == 1, 8, 0)).all()


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_turned_cells_lie_along_x(degrees: float) -> None:
    """Orientation as `measure` has it brings the main axis of an ellipse along x."""
    y, x = np.mgrid[:101, :101] - 50.0
    a = np.deg2rad(degrees)
    along, across = y * np.cos(a) + x * np.sin(a), -y * np.sin(a) + x * np.cos(a)
    labels = ((along / 30) ** 2 + (across / 8) ** 2 <= 1).astype(int)
    angle = cl.measure(labels, progress=False)["orientation"][0]
    image = (labels * 100.0)[..., None]
    crop = Cut((41, 81), turned=True).crop(image, (50, 50), labels, 1, angle)[..., 0] > 50
    spread = np.argwhere(crop).std(axis=0)
    assert spread[1] == pytest.approx(15, abs=0.5)
    assert spread[0] == pytest.approx(4, abs=0.3)
    assert np.argwhere(crop).mean(axis=0) == pytest.approx([20, 40], abs=0.3)


def test_wells_are_read_however_they_are_written() -> None:
    assert [well_of(t) for t in ("A1", "a01", "H 12", "p24", "AF48", "A-01")] == [
        "A01", "A01", "H12", "P24", "AF48", "A01",
    ]  # fmt: skip
    assert [well_of(t) for t in ("A0", "A49", "1A", "AG1", "", "B")] == [None] * 6
    for row in range(1, 33):
        for column in (1, 48):
            assert place_of(well_at(row, column)) == (row, column)
    assert plate_of(["P24"]) == (16, 24)
    assert plate_of(["AF48"]) == (32, 48)
    assert [well_in(n) for n in ("x_B03_s1", "B03", "A01_A02", "img_003")] == [
        "B03",
        "B03",
        None,
        None,
    ]


def images(*names: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 200, (40, 40), np.uint8) for name in names}


def one_cell() -> np.ndarray:
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20, 10:20], labels[25:35, 22:30] = 1, 2
    return labels


def gather(names: list[str], **more: Any) -> cl.Cells:
    labels = {name: one_cell() for name in names}
    return cl.cells(images(*names), labels=labels, size_px=16, **QUIET, **more)


def test_what_was_done_in_a_well_comes_to_its_cells() -> None:
    plate = pd.DataFrame(
        {
            "Metadata_Well": ["a1", "A2", "A3"],
            "Compound": ["DMSO", "taxol", "none"],
            "Dose": [0, 0.5, 1],
        }
    )
    cells = gather(["p_A01_s1", "p_A02_s1"], plate=plate, controls={"treatment": "DMSO"})
    assert cells.table["well"].tolist() == ["A01", "A01", "A02", "A02"]
    assert cells.table["treatment"].tolist() == ["DMSO", "DMSO", "taxol", "taxol"]
    assert cells.table["concentration"].tolist() == [0, 0, 0.5, 0.5]
    assert cells.are_controls.tolist() == [True, True, False, False]
    assert cells.units.tolist() == ["A01", "A01", "A02", "A02"]


def test_rows_without_image_and_images_without_row_are_told_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plate = {"well": ["A01", "B05", "B06"], "treatment": ["x", "y", "z"]}
    labels = {name: one_cell() for name in ("A01", "C07")}
    cells = cl.cells(images("A01", "C07"), labels=labels, size_px=16, plate=plate)
    said = capsys.readouterr().err
    assert "rows without image: 2 (B05, B06); images without row: 1 (C07)" in said
    assert cells.table["treatment"].tolist()[:2] == ["x", "x"]
    assert cells.table["treatment"].isna().tolist()[2:] == [True, True]


@pytest.mark.parametrize(
    ("plate", "words"),
    [
        ({"what": ["a"]}, "rows with a column image, or well"),
        ({"well": ["H01"], "treatment": ["x"]}, "rows that belong to the images by well"),
        ({"well": ["A01", "A1"], "treatment": ["x", "y"]}, "one row for each well"),
        ("{plate}_{where}", r"\{well\} among them"),
        ("{plate}-{well}-{site}", "names of images like"),
        ("nowhere.csv", "a file that is there"),
    ],
)
def test_a_table_that_says_nothing_of_the_images_is_refused(plate: Any, words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        gather(["A01", "A02"], plate=plate)


def test_two_plates_with_the_same_wells_are_told_from_each_other_or_refused() -> None:
    """Where names of images do not tell the plate of a table, that is what is said."""
    plate = {"plate": ["p", "q"], "well": ["A01", "A01"], "treatment": ["x", "y"]}
    with pytest.raises(cl.InvalidError, match="has plate, which the images do not tell"):
        gather(["one_A01", "two_A01"], plate=plate)
    known = {("p", "x"), ("q", "y")}
    # names that have the words of the table in them tell it
    table = gather(["p_A01", "q_A01"], plate=plate).table
    assert set(zip(table["plate"], table["treatment"], strict=True)) == known
    plate["image"] = ["one_A01", "two_A01"]
    table = gather(["one_A01", "two_A01"], plate=plate).table
    assert set(zip(table["plate"], table["treatment"], strict=True)) == known


def test_controls_that_are_none_are_told_with_what_there_is() -> None:
    table = pd.DataFrame(
        {"well": ["A01", "A02"], "control": ["neg", None], "treatment": ["w", "x"]}
    )
    assert controls_of(table, "neg").tolist() == [True, False]
    assert controls_of(table, {"treatment": ["x", "w"], "well": "A02"}).tolist() == [False, True]
    with pytest.raises(
        cl.InvalidError, match=r"positive; there is control: 1 \(neg\); treatment: 2 \(w, x\)"
    ):
        controls_of(table, "positive")
    with pytest.raises(cl.InvalidError, match="one of the columns"):
        controls_of(table, {"group": "x"})
    with pytest.raises(cl.InvalidError, match=r"`controls`"):
        controls_of(table, [])


def test_controls_are_several_words_in_one_text_and_unknown_wells_are_named() -> None:
    table = pd.DataFrame({"well": ["A01", "A02", "B01", "B02"],
                          "treatment": ["DMSO", "water", "a,b", "drug"]})  # fmt: skip
    assert controls_of(table, "A01,B2").tolist() == [True, False, False, True]
    assert controls_of(table, "DMSO, water").tolist() == [True, True, False, False]
    assert controls_of(table, "a,b").tolist() == [False, False, True, False]
    assert controls_of(table, "treatment=DMSO,water").tolist() == [True, True, False, False]
    assert controls_of(table, "treatment=a,b").tolist() == [False, False, True, False]
    with pytest.raises(cl.InvalidError, match=r"wells of the table.*H12, of which there is no"):
        controls_of(table, ["A01", "H12"])


def test_positions_of_cellprofiler_are_recognised(tmp_path: Path) -> None:
    file = tmp_path / "Nuclei.csv"
    file.write_text(
        "ImageNumber,ObjectNumber,Location_Center_X,Location_Center_Y,Intensity\n"
        "1,1,5.5,10,0.1\n1,2,30,12.25,0.2\n2,1,7,8,0.3\n2,2,400,8,0.4\n"
    )
    cells = cl.cells(images("a", "b"), positions=file, size_px=8, **QUIET)
    assert cells.table[["image", "object"]].values.tolist() == [["a", 1], ["a", 2], ["b", 1]]
    assert cells.table["centroid_x"].tolist() == [5.5, 30, 7]
    assert cells.table["centroid_y"].tolist() == [10, 12.25, 8]
    assert cells.table["Intensity"].tolist() == ["0.1", "0.2", "0.3"]
    rows, crops = zip(*cells.crops(), strict=True)
    assert [len(one) for one in rows] == [2, 1]
    assert crops[0].shape == (2, 8, 8, 1)


def test_numbers_of_images_are_those_of_the_table_of_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        cl.images.write_labels(tmp_path / f"{name}.tif", images(name)[name])
    where = {"ImageNumber": [1, 2], "Location_Center_X": [9, 20], "Location_Center_Y": [9, 9]}
    table = pd.DataFrame({"ImageNumber": [1, 2], "FileName_DNA": ["b.tif", "a.tif"],
                          "Metadata_Well": ["B01", "A01"]})  # fmt: skip
    cells = cl.cells(tmp_path, positions=where, plate=table, size_px=8, **QUIET)
    assert dict(zip(cells.table["image"], cells.table["centroid_x"], strict=True)) == {
        "b": 9, "a": 20,
    }  # fmt: skip
    table.to_csv(tmp_path / "Image.csv", index=False)
    again = cl.cells(
        [tmp_path / "a.tif", tmp_path / "b.tif"], positions=where,
        plate=tmp_path / "Image.csv", size_px=8, **QUIET,
    )  # fmt: skip
    assert again.table["well"].tolist() == cells.table["well"].tolist()
    # without such a table they are said, and have to be all
    plain = cl.cells([tmp_path / "a.tif", tmp_path / "b.tif"], positions=where, size_px=8)
    assert "in the order of the images: 1 is a, 2 is b" in capsys.readouterr().err
    assert plain.table["image"].tolist() == ["a", "b"]
    for odd in ([0, 1], [2, 3]):
        with pytest.raises(cl.InvalidError, match=r"from 1 to 2.*numbers from"):
            cl.cells(images("a", "b"), positions={**where, "ImageNumber": odd}, size_px=8, **QUIET)


def test_positions_in_micrometres_are_divided_by_the_pixel_size() -> None:
    table = {"x_um": [10.0], "y_um": [5.0]}
    found = cl.cells(images("a"), positions=table, size_um=4, pixel_size_um=0.5, **QUIET)
    assert found.table[["centroid_y", "centroid_x"]].values.tolist() == [[10, 20]]
    assert found.cut.size_px == (8, 8)
    with pytest.raises(cl.InvalidError, match="how large its pixels are"):
        cl.cells(images("a"), positions=table, size_px=8, **QUIET)


def test_columns_of_positions_that_are_not_seen_are_named() -> None:
    table = {"across": [3.0], "down": [4.0]}
    with pytest.raises(cl.InvalidError, match="columns of the position along y, x"):
        cl.cells(images("a"), positions=table, **QUIET)
    found = cl.cells(
        images("a"), positions=table, columns={"x": "across", "y": "down"}, size_px=8, **QUIET
    )
    assert found.table[["centroid_y", "centroid_x"]].values.tolist() == [[4, 3]]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "one of `labels` and `positions`"),
        ({"labels": {"a": one_cell()}, "size_px": 0}, "`size_px`.*an edge above 0"),
        ({"labels": {"a": one_cell()}, "size_px": 8, "size_um": 8}, "one of `size_px`"),
        ({"labels": {"a": one_cell()}, "size_um": 8}, "how large their pixels are"),
        ({"labels": {"a": np.zeros((40, 40), int)}}, "Expected cells"),
        ({"positions": {"x": [1], "y": [2]}, "turned": True}, "`turned`.*`labels` with it"),
        ({"positions": {"x": [99], "y": [2]}}, "inside of them"),
    ],
)
def test_what_cannot_be_meant_is_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.cells(images("a"), **how, **QUIET)


def test_the_level_of_a_plate_shows_what_makes_all_of_an_image_brighter() -> None:
    dark = np.zeros((40, 40), np.uint8)
    dark[10:20, 10:20] = 50
    both = {"p1_A01": dark, "p1_A02": dark * 4}
    labels = {name: one_cell() for name in both}
    plate = "{plate}_{well}"
    by_plate = cl.cells(both, labels=labels, size_px=10, plate=plate, **QUIET)
    by_image = cl.cells(both, labels=labels, size_px=10, plate=plate, scaled="image", **QUIET)
    light = [[crops[0].mean() for _, crops in one.crops()] for one in (by_plate, by_image)]
    assert light[0][1] / light[0][0] == pytest.approx(4, rel=0.01)
    assert light[1][1] == pytest.approx(light[1][0], rel=0.01)


def test_cells_are_found_again_in_their_folder(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("images", "labels")]
    for folder, one in zip(folders, (images("A01")["A01"], one_cell()), strict=True):
        folder.mkdir()
        cl.images.write_labels(folder / "A01.tif", one)
    made = cl.cells(folders[0], labels=folders[1], size_px=16, out=tmp_path / "cells", **QUIET)
    table = cl.features(tmp_path / "cells", **QUIET)
    same = cl.features(made, **QUIET)
    pd.testing.assert_frame_equal(table, same, check_dtype=False, rtol=1e-6)
    with pytest.raises(cl.InvalidError, match="overwrite"):
        cl.cells(folders[0], labels=folders[1], size_px=16, out=tmp_path / "cells", **QUIET)
    held = gather(["A01", "B02"], out=tmp_path / "held")
    pd.testing.assert_frame_equal(
        cl.features(tmp_path / "held", **QUIET), cl.features(held, **QUIET), rtol=1e-6
    )
    (folders[0] / "A01.tif").rename(folders[0] / "B01.tif")
    with pytest.raises(cl.InvalidError):
        cl.features(tmp_path / "cells", **QUIET)
    with pytest.raises(cl.InvalidError, match="cells, or the folder of some"):
        cl.features(tmp_path, **QUIET)


def test_harmony_and_metaxpress_tell_their_wells(tmp_path: Path) -> None:
    index = tmp_path / "Index.idx.xml"
    index.write_text(
        '<E xmlns="http://x"><Plates><Plate><PlateID>P7</PlateID></Plate></Plates><Images>'
        "<Image><URL>r02c03f01p01-ch1.tiff</URL><Row>2</Row><Col>3</Col><FieldID>1</FieldID></Image>"
        "<Image><URL>r02c03f01p01-ch2.tiff</URL><Row>2</Row><Col>3</Col><FieldID>1</FieldID></Image>"
        "</Images></E>"
    )
    assert read_plate(index)[0] == [{"plate": "P7", "well": "B03", "site": "1"}]
    htd = tmp_path / "screen.HTD"
    htd.write_text('"HTSInfoFile", Version 1.0\n"WellsSelection2", FALSE, TRUE, TRUE\n')
    assert [row["well"] for row in read_plate(htd)[0]] == ["B02", "B03"]
    index.write_text('<!DOCTYPE x [<!ENTITY a "b">]><E/>')
    with pytest.raises(cl.InvalidError, match="DOCTYPE"):
        read_plate(index)


def test_the_real_plate(real_data: Path) -> None:
    folder = real_data / "cellprofiler_sbs_plate"
    from cytoloom.datasets.unlabelled import gather_images

    items = gather_images(folder / "images").items
    known = known_of(items, folder / "plate.csv")
    assert not known.problems
    assert known.rows["A01"]["control"] == "negative"
    assert known.rows["G12"]["concentration"] == 0


def test_columns_of_a_plate_are_no_features_and_are_never_overwritten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = cl.simulate.screen({"drug": ("condensed", 1.0, 1.0, 2)}, controls=4, count=8)
    dim = made.plate.assign(
        intensity_lamp=range(len(made.plate)), shape_of_well="round", row="A", score=7, cluster="x"
    )
    cells = cl.cells(made.images, labels=made.labels, plate=dim, controls="negative", size_px=24)
    said = capsys.readouterr().err
    assert "intensity_lamp comes along as intensity_lamp_given" in said
    assert {"intensity_lamp_given", "shape_of_well_given"} <= set(cells.table)
    features = cl.features(cells, kinds=("shape", "intensity"), progress=False)
    found = cl.novelty(features, controls="negative", progress=False)
    assert not [name for name in found.features if name.endswith("_given")]
    assert set(found.cells["score_given"]) == {7}
    assert set(found.cells["cluster_given"]) == {"x"}
    assert found.cells["score"].nunique() > 8
    near = cl.similar(features, [0], n=3, progress=False)
    assert set(near["row_given"]) == {"A"}
    assert near["row"].dtype.kind == "i"
    with pytest.raises(cl.InvalidError, match=r"numbers in columns of features.*shape_of_well"):
        cl.similar(features.assign(shape_of_well="round"), [0], progress=False)
