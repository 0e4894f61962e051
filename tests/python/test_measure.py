"""Tables of objects: shapes that can be worked out on paper, and those of regionprops."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skimage.measure import regionprops_table

import cytoloom as cl
import kills
import small
from cytoloom.errors import GuessWarning
from cytoloom.objects import measure as measuring
from cytoloom.objects.measure import measure
from cytoloom.storage.atomic import partial_name

RNG = np.random.default_rng(0)
SHAPES = {
    "perimeter_px": "perimeter",
    "major_axis_px": "axis_major_length",
    "minor_axis_px": "axis_minor_length",
    "solidity": "solidity",
}
TURNED = {
    "eccentricity": "eccentricity",
    "orientation": "orientation",
    "major_axis_um": "axis_major_length",
    "minor_axis_um": "axis_minor_length",
}


def scraps():
    """Objects of several pieces with holes, lines, single pixels, at the border."""
    labels = np.kron(RNG.integers(0, 9, (9, 7)), np.ones((7, 5), int))
    labels[RNG.random(labels.shape) < 0.3] = 0
    labels[3:40, 2] = 11
    labels[60, 20:30] = 12
    labels[0, 0] = 13
    labels[np.arange(40, 55), np.arange(10, 25)] = 14
    return labels


def ellipse(radii, turned=0.0, side=64):
    """Labels with one ellipse in the middle, its first radius along y before it is turned."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    along = y * np.cos(turned) + x * np.sin(turned)
    across = x * np.cos(turned) - y * np.sin(turned)
    return ((along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1).astype(np.int32)


@pytest.mark.parametrize("labels", [cl.simulate.nuclei((90, 80), 9, seed=1)[1], scraps()])
def test_shapes_are_those_of_regionprops(labels):
    found = measure(labels, pixel_size_um=(0.5, 2.0)).set_index("object")
    for names, spacing in ((SHAPES, (1, 1)), (TURNED, (0.5, 2.0))):
        # of regionprops, perimeter and solidity take no pixels that are not square
        expected = regionprops_table(labels, properties=["label", *names.values()], spacing=spacing)
        for own, theirs in names.items():
            known = found.loc[expected["label"], own].notna().to_numpy()
            assert known.mean() > 0.8
            np.testing.assert_allclose(
                found.loc[expected["label"], own][known], expected[theirs][known], atol=1e-9
            )


def ball(radius_um: float, spacing_um: tuple[float, float, float]) -> np.ndarray:
    """A ball in a stack that is just large enough."""
    sides = [np.arange(-int(radius_um / s) - 1, int(radius_um / s) + 2) * s for s in spacing_um]
    return (sum(one**2 for one in np.meshgrid(*sides, indexing="ij")) <= radius_um**2).astype(int)


@pytest.mark.parametrize(
    ("radius", "spacing"),
    [(5, (1, 1, 1)), (20, (1, 1, 1)), (10, (2, 1, 1)), (10, (2, 0.5, 0.5)), (3, (0.5, 0.15, 0.15))],
)
def test_the_surface_of_a_ball_is_4_pi_r_squared(radius, spacing):
    labels, sphere = ball(radius, spacing), 4 * np.pi * radius**2
    found = measure(labels, pixel_size_um=spacing)
    assert found["surface_um2"].tolist() == [pytest.approx(sphere, rel=0.02)]
    assert measure(labels)["surface_um2"].isna().all()


def test_surfaces_of_objects_that_touch_are_those_of_each_alone():
    """Boxes: along the axes they come out a tenth too small, as is said."""
    labels = np.zeros((12, 30, 20), int)
    labels[2:12, :10, 5:15], labels[2:12, 10:30, 5:15] = 3, 8
    both = measure(labels, pixel_size_um=(1, 1, 1))["surface_um2"]
    alone = [measure(labels == k, pixel_size_um=(1, 1, 1))["surface_um2"][0] for k in (3, 8)]
    assert both.tolist() == alone
    np.testing.assert_allclose(both, [600, 1000], rtol=0.13)
    # where the image ends an object has a surface: half a ball, and a disc
    half = measure(ball(20, (1, 1, 1))[:21], pixel_size_um=(1, 1, 1))["surface_um2"][0]
    assert half == pytest.approx(3 * np.pi * 20**2, rel=0.06)


def test_stacks_are_measured_as_regionprops_does():
    labels = cl.simulate.nuclei_3d((12, 40, 40), 4, seed=1)[1]
    labels[0, :3, :3] = labels.max() + 1
    names = {name: SHAPES[name] for name in ("major_axis_px", "minor_axis_px", "solidity")}
    found = measure(labels, pixel_size_um=(2.0, 0.5, 0.5))
    assert not {"perimeter_px", "eccentricity", "orientation"} & set(found.columns)
    round_ones = labels.copy()
    round_ones[0, :3, :3] = 0  # what is flat has no hull in scikit-image
    expected = regionprops_table(round_ones, properties=["label", *names.values()])
    for own, theirs in names.items():
        np.testing.assert_allclose(found[own][:-1], expected[theirs], atol=1e-9)
    assert found["solidity"].iloc[-1] == 1
    scaled = regionprops_table(
        round_ones, properties=["axis_major_length"], spacing=(2.0, 0.5, 0.5)
    )
    np.testing.assert_allclose(found["major_axis_um"][:-1], scaled["axis_major_length"])
    assert (found["major_axis_px"] >= found["middle_axis_px"]).all()
    assert (found["middle_axis_px"] >= found["minor_axis_px"]).all()


def test_a_disc_has_its_diameter_and_circumference():
    row = measure(ellipse((20, 20)), pixel_size_um=(0.5, 0.5)).iloc[0]
    assert row["major_axis_px"] == pytest.approx(40, rel=0.005)
    assert row["major_axis_um"] == row["major_axis_px"] / 2
    assert row["perimeter_px"] == pytest.approx(2 * np.pi * 20, rel=0.06)
    assert row["perimeter_um"] == row["perimeter_px"] / 2
    assert row["eccentricity"] == pytest.approx(0, abs=1e-7)
    assert np.isnan(row["orientation"]), "no axis is longer"
    assert row["solidity"] > 0.97, "pixels on the edge of the hull count"


@pytest.mark.parametrize("turned", [-1.2, -0.5, 0.0, 0.7, 1.5])
def test_an_ellipse_has_its_axes_and_its_angle(turned):
    row = measure(ellipse((24, 12), turned)).iloc[0]
    assert row["major_axis_px"] == pytest.approx(48, rel=0.01)
    assert row["minor_axis_px"] == pytest.approx(24, rel=0.01)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - 0.25), abs=0.01)
    assert row["orientation"] == pytest.approx(turned, abs=0.01)


def test_a_square_and_a_corner_are_as_on_paper():
    """A square of 5 px has 16 pixels of outline, each 1 from the next; of a corner of 5 pixels
    the hull holds one more, the middle pixel of the diagonal.
    """  # fmt: skip
    labels = np.zeros((9, 14), int)
    labels[2:7, 1:6] = 1
    labels[2:5, 9] = labels[4, 9:12] = 2
    table = measure(labels)
    assert table["perimeter_px"][0] == 16
    # of points 0 to 4 the variance is 2
    assert table["major_axis_px"][0] == table["minor_axis_px"][0] == 4 * np.sqrt(2)
    assert table["solidity"].tolist() == [1, 5 / 6]


def test_pixels_that_are_not_square_have_no_perimeter_in_micrometres():
    labels = ellipse((9, 9), side=24)
    assert measure(labels, pixel_size_um=(0.5, 0.501))["perimeter_um"].notna().all()
    assert measure(labels, pixel_size_um=(0.5, 0.6))["perimeter_um"].isna().all()
    stretched = measure(labels, pixel_size_um=(0.5, 1.0)).iloc[0]
    assert stretched["major_axis_um"] == pytest.approx(18, rel=0.02)
    assert stretched["orientation"] == pytest.approx(np.pi / 2), "along x it is longer"


def test_intensities_are_those_of_numpy_whatever_the_blocks(monkeypatch):
    """On a background of 1e9 a spread of 1 is lost by squares of the values, in 64 bits too."""
    labels = scraps()
    image = 1e9 + RNG.normal(size=(*labels.shape, 2))
    whole = measure(labels, image=lambda rows: image[rows], channel_names=["a", "b"])
    monkeypatch.setattr(measuring, "BLOCK_PX", 100)
    table = measure(labels, image=lambda rows: image[rows], channel_names=["a", "b"])
    for row in table.itertuples():
        for channel, name in enumerate("ab"):
            pixels = image[labels == row.object, channel]
            for statistic in ("mean", "min", "max"):
                expected = getattr(np, statistic)(pixels)
                assert getattr(row, f"{statistic}_intensity_{name}") == pytest.approx(expected)
            sd = getattr(row, f"sd_intensity_{name}")
            assert sd == pytest.approx(np.std(pixels), abs=1e-6)
    forms = [c for c in table.columns if "intensity" not in c]
    assert table[forms].equals(whole[forms]), "shapes do not depend on blocks at all"


def test_hulls_of_objects_all_over_an_image_are_counted_in_parts(monkeypatch):
    labels = RNG.integers(0, 30, (60, 50))
    whole = measure(labels)
    monkeypatch.setattr("cytoloom.objects.hulls.LINES", 100)
    assert measure(labels).equals(whole)


def test_no_object_makes_a_table_without_rows():
    full, empty = measure(scraps()), measure(np.zeros((5, 6), np.uint16))
    assert len(empty) == 0
    assert empty.columns.tolist() == full.columns.tolist()
    assert empty["solidity"].dtype == float


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of two simulated images and their labels."""
    return cl.simulate.write(tmp_path_factory.mktemp("two"), images=2, seed=3, progress=False)


def table_of(*args, **settings):
    return cl.measure(*args, **settings, progress=False)


def test_labels_are_measured_wherever_they_are(written):
    paths = {part: sorted((written / part).iterdir()) for part in ("images", "labels")}
    pairs = [
        (cl.images.read(i).array, cl.images.read_labels(k))
        for i, k in zip(*paths.values(), strict=True)
    ]
    expected = table_of(written / "labels", written / "images")
    assert expected["image"].unique().tolist() == ["nuclei_000", "nuclei_001"]
    arrays = {f"nuclei_{k:03d}": pair for k, pair in enumerate(pairs)}
    for given in (
        (paths["labels"], paths["images"]),
        (str(written / "labels" / "*.tif"), str(written / "images" / "*.tif")),
        ({n: p[1] for n, p in arrays.items()}, {n: arrays[n][0] for n in reversed(arrays)}),
        ({n: p[1] for n, p in arrays.items()}, written / "images"),
        ({n: p[1] for n, p in arrays.items()}, [p[0] for p in pairs]),
        (written, written / "images"),
    ):
        assert table_of(*given).equals(expected)
    shapes = [c for c in expected.columns if "intensity" not in c]
    assert table_of(written).equals(expected[shapes])
    assert table_of(paths["labels"][0], pairs[0][0]).equals(
        expected[expected["image"] == "nuclei_000"]
    )


def test_what_predict_found_is_measured_as_predict_did(trained, tmp_path, written):
    for out in (None, tmp_path / "out"):
        found = cl.predict(trained, written / "images", rescale=None, out=out, progress=False)
        given = [found] if out is None else [found, out]
        for labels in given:
            table = table_of(labels, written / "images")
            assert len(table) > 0
            assert table.equals(found.objects[table.columns])


def test_objects_of_classes_are_their_pieces_with_their_class():
    """Two pieces of class 1 and one of class 2 that touches the second: objects 1, 2 and 3."""
    from cytoloom.measurement.given import predicted
    from cytoloom.tasks.labels import components_of_classes

    labels = np.array([[1, 0, 1, 2, 2]])
    objects, classes = components_of_classes(labels)
    names = {1: "nucleus", 2: "cytoplasm"}
    given = predicted(
        pd.DataFrame({"image": ["a"], "status": ["ok"]}),
        pd.DataFrame(
            {"image": "a", "object": list(classes), "class": [names[c] for c in classes.values()]}
        ),
        {"a": labels},
    )
    found = table_of(given)
    assert objects.tolist() == [[1, 0, 2, 3, 3]]
    assert found["class"].tolist() == ["nucleus", "nucleus", "cytoplasm"]
    assert found["area_px"].tolist() == [1, 1, 2]
    assert "class" not in table_of(labels)


@pytest.mark.parametrize("value", [1, 255, True])
def test_pieces_of_a_mask_are_objects_and_it_is_said(value, capsys):
    mask = np.array([[1, 0, 1, 1]]) * np.asarray(value)
    assert cl.measure(mask)["area_px"].tolist() == [1, 2]
    assert "each of its pieces" in capsys.readouterr().err
    assert table_of(np.array([[7, 0, 7, 7]]))["area_px"].tolist() == [3]


def test_the_ring_goes_to_the_nearest_object_up_to_its_width():
    """Between objects 3 px apart each has the pixel beside it, and the middle one has one owner;
    at 2 px a row of 0.5 um is 1 um away.
    """  # fmt: skip
    labels = np.zeros((1, 12), int)
    labels[0, 2:4], labels[0, 7] = 1, 2
    image = np.arange(12.0)[None]
    table = table_of(labels, image, pixel_size_um=0.5, around_um=1.0)
    # 0 1 | 4 5 and 5 6 | 8 9, of which 5 is 2 px from both
    assert table["area_px_around"].sum() == 7
    assert (table["area_um2_around"] == table["area_px_around"] * 0.25).all()
    ends = table[["min_intensity_0_around", "max_intensity_0_around"]]
    assert ends.iloc[0].tolist() in ([0, 5], [0, 4])
    assert ends.iloc[1].tolist() in ([6, 9], [5, 9])
    enclosed = np.array([[1, 1, 1], [1, 2, 1], [1, 1, 1]])
    ring = table_of(enclosed, enclosed, pixel_size_um=1, around_um=1)
    assert ring["area_px_around"].tolist() == [0, 0]
    assert ring["mean_intensity_0_around"].isna().all()


def test_rings_are_as_wide_in_micrometres_on_every_axis_whatever_the_blocks():
    from cytoloom.objects.rings import measure_around

    labels = np.zeros((40, 40), int)
    labels[20, 20] = 4
    whole = measure_around(labels, 5, (1.0, 0.5))
    y, x = np.indices(labels.shape) - 20
    assert whole["area_px_around"].tolist() == [(y**2 + (x / 2) ** 2 <= 25).sum() - 1]
    assert measure_around(labels, 5, (1.0, 0.5), block_px=40).equals(whole)
    stack = np.zeros((9, 9, 9), int)
    stack[4, 4, 4] = 1
    assert table_of(stack, pixel_size_um=(2, 1, 1), around_um=2)["area_px_around"].tolist() == [14]


def test_sizes_of_pixels_come_from_the_image_the_labels_or_the_caller(tmp_path):
    labels = np.array([[0, 3], [3, 3]])
    path = cl.images.write_labels(tmp_path / "a.tif", labels, pixel_size_um=0.5)
    assert table_of(path)["area_um2"].tolist() == [0.75]
    assert table_of(path, labels)["area_um2"].tolist() == [0.75]
    image = cl.images.Image(labels[..., None], "yxc", (2.0, 2.0), ("dna",))
    table = table_of(path, image)
    assert table["area_um2"].tolist() == [12]
    assert table["sd_intensity_dna"].tolist() == [0]
    assert table_of(path, image, pixel_size_um=1)["area_um2"].tolist() == [3]
    with pytest.raises(cl.InvalidError, match="pixel_size_um"):
        table_of(labels, around_um=1)


def test_a_label_image_that_cannot_be_measured_does_not_stop_the_others(tmp_path, capsys):
    good, bad = np.array([[0, 3], [3, 3]]), np.array([[0, 3, 3]])
    table = cl.measure({"a": good, "b": bad}, {"a": good, "b": good})
    assert table["image"].tolist() == ["a"]
    assert "b is left out: Invalid `b`. Expected an image of the shape" in capsys.readouterr().err
    with pytest.raises(cl.InvalidError, match=r"`image`.*none for 1 \(b\), but 1 \(a\)"):
        table_of({"b": good, "a": good}, {"a": good})
    with pytest.raises(cl.InvalidError, match=r"labels from 0 to 2147483647\..*: label -3"):
        table_of(-good)
    with pytest.raises(cl.InvalidError, match="at least one pixel"):
        table_of(good[:0])
    with pytest.raises(cl.InvalidError, match="around_um"):
        table_of(good, around_um=0)


def test_labels_that_are_none_are_left_out_among_others(capsys):
    labels = {name: np.eye(3) for name in "abc"}
    labels["b"][0, 0] = np.nan
    assert list(cl.measure(labels, progress=False)["image"]) == ["a", "c"]
    assert "b is left out: Invalid `labels of b`. Expected whole numbers" in capsys.readouterr().err


def test_the_table_is_written_and_never_over_something_else(tmp_path):
    from cytoloom.storage.tables import read_table

    labels, out = np.array([[0, 3], [3, 3]]), tmp_path / "objects.csv"
    table = table_of(labels, out=out)
    assert read_table(out).equals(table)
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        table_of(labels, out=out)
    table_of(labels, out=out, overwrite=True)
    (tmp_path / "files.csv").touch()  # as predict leaves beside its table
    with pytest.raises(cl.InvalidError, match="of the results of `predict`"):
        table_of(labels, out=out, overwrite=True)
    (tmp_path / "files.csv").unlink()
    out.write_text("well,dose\n")
    with pytest.raises(cl.InvalidError, match="Move it away"):
        table_of(labels, out=out, overwrite=True)


def test_the_command_line_measures_folders(written, tmp_path, capsys):
    from cytoloom.cli import main

    out = tmp_path / "objects.csv"
    given = [str(written / "labels"), "--image", str(written / "images"), "--out", str(out)]
    assert main(["measure", *given, "--quiet"]) == 0
    rows = len(out.read_text().splitlines()) - 1
    assert capsys.readouterr().out == f"2 images, {rows} objects. Table in {out}\n"


def test_what_was_given_is_told_by_the_argument_that_it_was_given_for(tmp_path):
    labels = np.array([[0, 3], [3, 3]])
    for name, given in {
        "labels": ("nowhere",),
        "image": (labels, "nowhere"),
    }.items():
        with pytest.raises(cl.InvalidError, match=rf"Invalid `{name}`.*that is there"):
            table_of(*given)
    for nothing in ([], {}):
        with pytest.raises(cl.InvalidError, match=r"Invalid `labels`. Expected label images"):
            table_of(nothing)
    with pytest.raises(cl.InvalidError, match=r"Invalid `image`.*2 images and 1 label"):
        table_of([labels], [labels, labels])


def test_the_first_annotator_is_measured_and_it_is_said(tmp_path, capsys):
    folder = cl.simulate.write(tmp_path / "drawn", "annotators", 1, people=2, progress=False)
    table = cl.measure(folder / "labels", folder / "images")
    assert "Of several annotators the first" in capsys.readouterr().err
    first = next((folder / "labels" / "annotator_1").iterdir())
    assert len(table) == len(np.unique(cl.images.read_labels(first))) - 1


def test_classes_are_known_of_predictions_in_files(tmp_path):
    """As CSV or Parquet, without which pieces of a class would be one object."""
    from cytoloom.storage.tables import write_parquet, write_table

    labels = np.array([[1, 0, 1, 2]])
    classes = pd.DataFrame({"image": "a", "object": [1, 2, 3], "class": ["x", "x", "y"]})
    (tmp_path / "labels").mkdir()
    (tmp_path / "objects").mkdir()
    cl.images.write_labels(tmp_path / "labels" / "a.tif", labels)
    files = {"image": ["a"], "status": ["ok"], "objects": [3], "labels": ["labels/a.tif"]}
    write_table(pd.DataFrame(files), tmp_path / "files.csv")
    write_table(classes, tmp_path / "objects.csv")
    expected = table_of(tmp_path)
    assert expected["object"].tolist() == [1, 2, 3]
    assert expected["class"].tolist() == ["x", "x", "y"]
    (tmp_path / "objects.csv").unlink()
    write_parquet(classes, tmp_path / "objects" / "a.parquet")
    assert table_of(tmp_path).equals(expected)


@pytest.mark.parametrize("name", ["model.json", "README.md", ".written.sha256", ".in-use"])
def test_a_table_has_no_name_by_which_models_and_runs_are_known(tmp_path, name):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(cl.InvalidError, match="a table of its own name"):
        cl.measure({"a": np.eye(4, dtype=int)}, out=tmp_path / name, overwrite=True, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
def test_a_table_of_any_name_can_be_replaced(tmp_path):
    latin = os.fsdecode(b"caf\xe9.csv")  # no UTF-8
    for name in ("a\rb.csv", "c.csv", latin, "a\rb.csv", "c.csv", latin):
        out = tmp_path / name
        found = cl.measure({"a": np.eye(4, dtype=int)}, out=out, overwrite=True, progress=False)
        assert len(found) == 1


def test_what_is_called_like_a_file_that_is_being_written_stays(tmp_path):
    """Only what has a name that we made up is taken for what a kill has left."""
    mine, ours = tmp_path / f".cytoloom-{'0af1' * 8}", tmp_path / partial_name(".csv")
    for path in (mine, ours):
        path.write_text("a")
    cl.measure({"a": np.eye(4, dtype=int)}, out=tmp_path / "t.csv", progress=False)
    assert mine.read_text() == "a"
    assert not ours.exists()


@pytest.mark.parametrize("text", ["mine", "mine\n", "\n\nmine"])
def test_a_record_that_is_another_file_stays(tmp_path, text):
    (tmp_path / ".written.sha256").write_text(text)
    with pytest.raises(cl.InvalidError, match=r"\.written\.sha256, which is another file"):
        cl.measure({"a": np.eye(4, dtype=int)}, out=tmp_path / "t.csv", progress=False)
    assert (tmp_path / ".written.sha256").read_text() == text


def classes_of(labels: Any) -> list[str]:
    return table_of(labels)["class"].tolist()


def test_a_corrected_object_is_of_the_class_that_was_drawn(tmp_path):
    """Whichever numbers objects had before: labels of classes are their classes."""
    from cytoloom.models.untrained import untrained
    from cytoloom.tasks import Classes

    model = untrained(Classes(["background", "cell", "nucleus"]))
    image = np.random.default_rng(0).random((48, 48))
    found = cl.predict(model, {"a": image}, out=tmp_path, rescale=None, progress=False)
    assert (tmp_path / "classes.csv").read_text() == "label,class\n1,cell\n2,nucleus\n"
    assert classes_of(found) == found.objects["class"].tolist()
    drawn = np.zeros((48, 48), np.uint8)
    drawn[2:6, 2:6], drawn[2:6, 9:12], drawn[20:30, 5:9] = 1, 1, 2
    file = tmp_path / "labels" / "a.tif"
    cl.images.write_labels(file, drawn, overwrite=True)
    for given in (tmp_path, found):
        assert classes_of(given) == ["cell", "cell", "nucleus"]
    cl.export(found, tmp_path / "drawn", "geojson", progress=False)
    told = json.loads((tmp_path / "drawn" / "a.geojson").read_text())["features"]
    names = [one["properties"]["classification"]["name"] for one in told]
    assert names == ["cell", "cell", "nucleus"]
    # as of an earlier version, in which nothing says how classes are called
    (tmp_path / "classes.csv").unlink()
    with pytest.warns(GuessWarning, match="a were changed since the prediction"):
        assert classes_of(tmp_path) == ["1", "1", "2"]
    cl.images.write_labels(file, drawn * (drawn == 2), overwrite=True)
    with pytest.warns(GuessWarning):
        assert classes_of(tmp_path) == ["2"]


def test_a_table_called_files_may_be_anybodys(tmp_path, written):
    """Of another program, beside label images that were drawn."""
    own = shutil.copytree(written / "labels", tmp_path / "labels")
    expected = table_of(own)
    for text in ("name,size\na,3\n", "image;status\n", "\xff\n", ""):
        (own / "files.csv").write_text(text, encoding="latin-1")
        assert table_of(own).equals(expected)


def test_one_image_of_another_name_is_not_taken_for_that_of_the_labels():
    labels, image = np.eye(4, dtype=int), np.ones((4, 4))
    with pytest.raises(cl.InvalidError, match=r"`image`.*none for 1 \(n1\), but 1 \(n2\)"):
        cl.measure({"n1": labels}, {"n2": image}, progress=False)
    assert len(cl.measure({"n1": labels}, {"n1": image}, progress=False)) == 1
    assert len(cl.measure({"n1": labels}, image, progress=False)) == 1


@pytest.mark.parametrize("table", ["label,class\n1,tumour\n2,stroma\n", "image,class\na,x\n"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_table_of_classes_of_ones_own_is_not_that_of_the_prediction(
    trained, tmp_path, table, recorded
):
    model, image = kills.ruled(trained.path), small.nuclei(1)[0][0]
    cl.predict(model, {"a": image}, out=tmp_path, rescale=None, progress=False)
    before = table_of(tmp_path)
    assert len(before) > 0
    (tmp_path / "classes.csv").write_text(table)
    if not recorded:
        (tmp_path / ".written.sha256").unlink()
    assert table_of(tmp_path).equals(before)


def test_names_beside_files_pair_them_whatever_their_order(tmp_path):
    """A dictionary on either side, and files that are called as its entries."""
    labels = {f"a.{k}": np.pad(np.full((k, k), 1), (0, 8 - k)) for k in (1, 2, 3)}
    images = {name: one * 10 * (k + 1) for k, (name, one) in enumerate(labels.items())}
    paths: dict[str, list] = {"labels": [], "images": []}
    for name, one in labels.items():
        for what, array in (("labels", one), ("images", images[name])):
            (tmp_path / what).mkdir(exist_ok=True)
            path = tmp_path / what / f"{name}.tif"
            paths[what].append(cl.images.write_labels(path, array))
    right = [10, 20, 30]
    ways = (
        (labels, paths["images"][::-1]),
        (paths["labels"][::-1], images),
        (labels, [cl.images.read(path) for path in paths["images"][::-1]]),
        (paths["labels"], images),
    )
    for one, image in ways:
        table = cl.measure(one, image, progress=False).sort_values("image")
        assert table["mean_intensity_0"].tolist() == right
    # a name that is on both sides, but not in the same place, and lists in orders that differ
    others = {"b": labels["a.1"], "a.1": labels["a.1"], "a.2": labels["a.1"]}
    read = [cl.images.read(path) for path in paths["images"][::-1]]
    for one, image in ((others, paths["images"]), (paths["labels"], read)):
        with pytest.raises(cl.InvalidError, match="in the order of the"):
            cl.measure(one, image, progress=False)
    with pytest.raises(cl.InvalidError, match="in the order of the others"):
        cl.check((read, paths["labels"]))
    # names that have nothing to do with each other say nothing
    table = cl.measure({"x": labels["a.1"], "y": labels["a.2"], "z": labels["a.3"]},
                       paths["images"], progress=False)  # fmt: skip
    assert table["mean_intensity_0"].tolist() == right


def test_lists_of_files_in_orders_that_differ_by_their_names_are_refused(tmp_path):
    """As sorting makes them: img_10 comes behind img_1, but img_10_mask before img_1_mask."""
    labels = np.zeros((8, 8), np.uint8)
    labels[2:5, 2:5] = 1
    for name in ("img_1", "img_2", "img_10"):
        for kind, end in (("images", ""), ("masks", "_mask"), ("others", "")):
            (tmp_path / kind).mkdir(exist_ok=True)
            cl.images.write_labels(tmp_path / kind / f"{name}{end}.tif", labels)
    images, masks, others = (sorted(map(str, (tmp_path / k).iterdir())) for k in
                             ("images", "masks", "others"))  # fmt: skip
    words = r"in the order of the others.*img_10_mask\.tif for img_1\.tif"
    calls = (
        lambda: cl.check((images, masks)),
        lambda: cl.measure(masks, images, progress=False),
        lambda: cl.relate(images, masks),
        lambda: cl.consensus([images, masks], progress=False),
    )
    for call in calls:
        with pytest.raises(cl.InvalidError, match=words):
            call()
    with pytest.raises(cl.InvalidError, match=r"img_2\.tif for img_1\.tif"):
        cl.Data.from_pairs(images, others[::-1])
    right = [masks[1], masks[0], masks[2]]
    assert cl.check((images, right)).ok
    assert len(cl.Data.from_pairs(images, masks, names=list("abc"))) == 3
    # names that pair only some of the files tell nothing
    assert len(cl.Data.from_pairs(images, [masks[0], masks[1], others[0]])) == 3


def test_one_file_of_a_folder_is_not_measured_by_labels_of_another_name(trained, tmp_path):
    one, other = small.nuclei(2)[0]
    for name, image in (("a", one), ("b", other)):
        (tmp_path / name).mkdir()
        cl.images.write_labels(tmp_path / name / f"{name}.tif", image.astype(int))
    model = kills.ruled(trained.path)
    found = cl.predict(model, tmp_path / "a", out=tmp_path / "r", rescale=None, progress=False)
    for given in (tmp_path / "r", tmp_path / "r/labels", found):
        with pytest.raises(cl.InvalidError, match="Invalid `image`"):
            table_of(given, tmp_path / "b")
        assert set(table_of(given, tmp_path / "a")["image"]) == {"a"}
    assert set(table_of(tmp_path / "r", tmp_path / "b/b.tif")["image"]) == {"a"}
