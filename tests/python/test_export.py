"""Objects as other programs hold them, written and read again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile

import cytoloom as cl
from cytoloom.datasets.drawn import DrawnSource
from cytoloom.measurement.exported import EACH


def odd_labels() -> np.ndarray:
    """A hole, a pixel in it, pieces that touch by a corner, touching objects, the corners."""
    labels = np.zeros((40, 30), np.uint16)
    labels[5:20, 5:20] = 7
    labels[10:15, 10:15] = 0
    labels[12, 12] = 300
    labels[0, 0] = labels[1, 1] = 4
    labels[20:30, 5:12] = 8
    labels[39, 29] = 2
    return labels


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of two images and their labels."""
    folder = tmp_path_factory.mktemp("drawn")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for k in range(2):
        labels = odd_labels()[:: 1 - 2 * k]
        tifffile.imwrite(folder / f"images/f_{k}.tif", labels * 9 + 5, photometric="minisblack")
        tifffile.imwrite(folder / f"labels/f_{k}.tif", labels, photometric="minisblack")
    return folder


def export(*args, **settings):
    return cl.export(*args, **settings, progress=False)


@pytest.mark.parametrize("format", ["roi", "geojson", "coco"])
def test_an_image_without_objects_stays_one(tmp_path, format):
    image = tmp_path / "images/a.tif"
    image.parent.mkdir()
    tifffile.imwrite(image, odd_labels(), photometric="minisblack")
    files = export({"a": odd_labels() * 0}, tmp_path / "out", format)
    assert files["objects"].tolist() == [0]
    data = cl.Data.from_pairs([image], [files["file"][0]])
    assert not data.items[0].annotations[0].read().any()


@pytest.mark.parametrize("format", ["roi", "geojson", "coco"])
def test_what_is_exported_is_read_again_to_the_pixel(drawn, tmp_path, format):
    files = export(drawn / "labels", tmp_path, format)
    assert files["objects"].tolist() == [5, 5]
    written = tmp_path / "annotations.json" if format == "coco" else tmp_path
    data = cl.Data.from_pairs(drawn / "images", written)
    for k, item in enumerate(data.items):
        assert np.array_equal(item.annotations[0].read(), odd_labels()[:: 1 - 2 * k])
    tables = [
        cl.measure(labels, drawn / "images", progress=False)
        for labels in (written, drawn / "labels")
    ]
    assert tables[0].equals(tables[1])
    found = cl.check((drawn / "images", written), progress=False)
    assert found.ok
    what = {"roi": "ImageJ", "geojson": "GeoJSON", "coco": "COCO"}[format]
    assert f"{what} (2 of 2 images)" in str(found)


def test_outlines_beside_label_images_are_passed_over_and_named(drawn, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for path in (drawn / "labels").iterdir():
        (labels / path.name).write_bytes(path.read_bytes())
    export(drawn / "labels", labels, "geojson")
    found = cl.check((drawn / "images", labels), progress=False)
    assert found.ok
    assert "f_0.geojson" in str(found)


def test_large_numbers_are_kept(tmp_path):
    labels = np.zeros((6, 6), np.int32)
    labels[:2], labels[4:] = 2_000_000_000, 7
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint8), photometric="minisblack")
    path = export({"a": labels}, tmp_path / "out", "geojson")["file"][0]
    data = cl.Data.from_pairs([tmp_path / "a.tif"], [path])
    assert np.array_equal(data.items[0].annotations[0].read(), labels)


def test_coco_holds_each_object_as_its_runs(drawn, tmp_path):
    files = export(drawn / "labels", tmp_path, "coco")
    plain = json.loads((tmp_path / "annotations.json").read_text())
    assert [one["file_name"] for one in plain["images"]] == ["f_0.tif", "f_1.tif"]
    assert files["file"].nunique() == 1
    for k, image in enumerate(plain["images"]):
        labels = np.zeros(image["height"] * image["width"], np.uint16)
        for one in plain["annotations"]:
            if one["image_id"] != image["id"]:
                continue
            counts = one["segmentation"]["counts"]
            inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
            labels[: len(inside)][inside] = one["label"]
            assert one["area"] == inside.sum()
        assert np.array_equal(labels.reshape(30, 40).T, odd_labels()[:: 1 - 2 * k])
    box = next(one["bbox"] for one in plain["annotations"] if one["label"] == 8)
    assert box == [5, 20, 7, 10]


def test_qupath_and_imagej_find_what_they_expect(tmp_path):
    labels = odd_labels()
    export({"a": labels}, tmp_path, "geojson")
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    by_name = {one["properties"]["name"]: one for one in features}
    assert by_name["7"]["geometry"]["type"] == "Polygon"
    assert len(by_name["7"]["geometry"]["coordinates"]) == 2
    assert by_name["4"]["geometry"]["type"] == "MultiPolygon"
    assert by_name["300"]["geometry"]["coordinates"] == [
        [[12, 12], [13, 12], [13, 13], [12, 13], [12, 12]]
    ]
    assert len({one["id"] for one in features}) == 5
    export({"a": labels}, tmp_path, "roi")
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [roi.name for roi in rois] == ["2", "4", "7", "8", "300"]
    assert rois[3].roitype == roifile.ROI_TYPE.POLYGON
    assert (rois[3].left, rois[3].top, rois[3].right, rois[3].bottom) == (5, 20, 12, 30)


@pytest.mark.parametrize("written", [True, False], ids=["folder", "memory"])
def test_what_is_least_sure_comes_first(tmp_path, capsys, written):
    """Whoever looks through objects begins with those that need it; names stay numbers."""
    import pandas as pd

    from cytoloom.measurement.given import predicted

    numbers = [2, 4, 7, 8, 300]
    sure = [0.9, None, 0.2, 0.9, 0.05]
    columns = {"image": "a", "object": numbers, "class": "", "probability": sure}
    objects, folder = pd.DataFrame(columns), tmp_path / "results"
    files = {"image": "a", "status": "ok", "objects": 5, "labels": "labels/a.tif"}
    files = pd.DataFrame([files])
    given = predicted(files, objects, {"a": odd_labels()})
    if written:
        (folder / "labels").mkdir(parents=True)
        tifffile.imwrite(folder / "labels/a.tif", odd_labels(), photometric="minisblack")
        files.to_csv(folder / "files.csv", index=False)
        objects.to_csv(folder / "objects.csv", index=False)
        given = folder
    cl.export(given, tmp_path / "roi", "roi")
    assert "5 objects written to" in (said := capsys.readouterr().err)
    assert "least sure first" in said
    names = [roi.name for roi in roifile.roiread(tmp_path / "roi/a.zip")]
    assert names == ["300", "7", "2", "8", "4"]
    export(given, tmp_path / "geojson", "geojson")
    features = json.loads((tmp_path / "geojson/a.geojson").read_text())["features"]
    assert [one["properties"]["name"] for one in features] == names
    measured = [one["properties"].get("measurements") for one in features]
    assert measured == [{"probability": p} for p in (0.05, 0.2, 0.9, 0.9)] + [None]
    export(given, tmp_path / "coco", "coco")
    plain = json.loads((tmp_path / "coco/annotations.json").read_text())
    assert {one["label"]: one.get("score") for one in plain["annotations"]} == dict(
        zip(numbers, sure, strict=True)
    )
    tifffile.imwrite(tmp_path / "a.tif", odd_labels(), photometric="minisblack")
    for path in ("roi/a.zip", "geojson/a.geojson", "coco/annotations.json"):
        data = cl.Data.from_pairs([tmp_path / "a.tif"], [tmp_path / path])
        assert np.array_equal(data.items[0].annotations[0].read(), odd_labels())


def test_classes_are_those_of_the_prediction(tmp_path):
    import pandas as pd

    from cytoloom.measurement.given import predicted

    files = pd.DataFrame({"image": ["a"], "status": ["ok"]})
    objects = pd.DataFrame({"image": ["a"] * 2, "object": [1, 2], "class": ["red", "blue"]})
    labels = np.zeros((6, 6), int)
    labels[:2], labels[4:] = 1, 2
    given = predicted(files, objects, {"a": labels})
    export(given, tmp_path, "geojson")
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    kinds = [one["properties"]["classification"]["name"] for one in features]
    assert kinds == ["red", "blue"]
    export(given, tmp_path, "coco")
    plain = json.loads((tmp_path / "annotations.json").read_text())
    assert [one["name"] for one in plain["categories"]] == ["red", "blue"]
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint8), photometric="minisblack")
    for name in ("a.geojson", "annotations.json"):
        table = {"image": [tmp_path / "a.tif"], "label": [tmp_path / name]}
        source = cl.Data.from_table(table).items[0].annotations[0]
        assert np.array_equal(source.read(), labels)
        assert "numbered whatever their class (1 blue, 1 red)" in source.understood


def test_what_people_draw_in_imagej_is_filled_as_there(drawn, tmp_path):
    """A rectangle, an ellipse, a polygon by hand with fractions; a line goes around nothing."""
    rectangle = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, left=2, top=3, right=6, bottom=5, name="r"
    )
    ellipse = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.OVAL, left=10, top=20, right=20, bottom=30, name="e"
    )
    by_hand = roifile.ImagejRoi.frompoints(np.array([[20.2, 5.2], [28.9, 5.2], [20.2, 12.9]]))
    line = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, x1=1, y1=1, x2=9, y2=9, name="l")
    roifile.roiwrite(tmp_path / "f_0.zip", [rectangle, ellipse, by_hand, line])
    image = cl.Data.from_pairs([drawn / "images/f_0.tif"], [drawn / "labels/f_0.tif"]).items[0]
    source = DrawnSource(tmp_path / "f_0.zip", image.image, cache=None)
    labels = source.read()
    assert source.understood == (
        "outlines of ImageJ; 1 of 4 are lines or points, which go around nothing"
    )
    expected = np.zeros(labels.shape, bool)
    expected[3:5, 2:6] = True
    assert np.array_equal(labels == 1, expected)
    assert abs((labels == 2).sum() - np.pi * 25) < 4
    y, x = np.mgrid[:40, :30] + 0.5
    inside = (x > 20.2) & (y > 5.2) & ((x - 20.2) / 8.7 + (y - 5.2) / 7.7 < 1)
    assert np.array_equal(labels == 3, inside)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f_0.zip", b"no archive", "outlines of ImageJ"),
        ("f_0.zip", "picture", r"an archive with 'a\.png'"),
        ("f_0.geojson", b"{", "polygons in GeoJSON"),
        ("f_0.geojson", b'{"features": 3}', "cannot be read"),
        (
            "f_0.geojson",
            b'[{"geometry": {"type": "Polygon", "coordinates": [["a"]]}}]',
            "cannot be read",
        ),
    ],
)
def test_a_file_that_holds_no_outlines_is_named(drawn, tmp_path, name, content, said):
    if content == "picture":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.png", b"")
    else:
        (tmp_path / name).write_bytes(content)
    found = cl.check(([drawn / "images/f_0.tif"], [tmp_path / name]), progress=False)
    assert not found.ok
    with pytest.raises(AssertionError, match=rf"(?s){name}.*{said}"):
        raise AssertionError(str(found))


def test_no_file_is_lost_and_one_bad_image_does_not_stop_the_others(drawn, tmp_path, capsys):
    out = tmp_path / "out"
    stack = np.zeros((3, 9, 9), int)
    files = export({"a": odd_labels(), "b": stack, "../c": odd_labels()}, out, "geojson")
    assert files["status"].str.contains("a stack of shape").tolist() == [False, True, False]
    assert files["objects"].isna().tolist() == [False, True, False]
    assert "b is left out" in capsys.readouterr().err
    made = {str(path) for path in out.glob("*.geojson")}
    assert made == set(files["file"]) - {""}
    assert len(made) == 2
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        export({"a": odd_labels()}, out, "geojson")
    for name in ("a", "other"):  # one folder has the objects of one set of images
        with pytest.raises(cl.InvalidError, match=r"without an earlier export.*overwrite=True"):
            export({name: odd_labels()}, out, "geojson")
    assert len(export({"other": odd_labels()}, out, "coco")) == 1
    export({"a": odd_labels()}, out, "geojson", overwrite=True)
    (out / "a.geojson").write_text("mine")
    with pytest.raises(cl.InvalidError, match="changed since"):
        export({"a": odd_labels()}, out, "geojson", overwrite=True)
    assert (out / "a.geojson").read_text() == "mine"
    for given, match in (({"b": stack}, "a stack"), ({}, "label images")):
        with pytest.raises(cl.InvalidError, match=match):
            export(given, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("format", ["geojson", "roi", "coco"])
def test_a_full_disk_ends_an_export_with_one_sentence(tmp_path, capsys, monkeypatch, format):
    def full(path, *args):
        raise OSError(28, "No space left on device")

    name = "annotations.json" if format == "coco" else f"a.{'zip' if format == 'roi' else format}"
    if format == "coco":
        monkeypatch.setattr("cytoloom.exchange.coco.Coco.write", lambda self, path: full(path))
    else:
        monkeypatch.setitem(EACH, format, (full, Path(name).suffix))
    said = rf"^Invalid `{tmp_path}/out/{name}`\..*: No space left on device\. Make room"
    with pytest.raises(cl.InvalidError, match=said):
        export({"a": odd_labels(), "b": odd_labels()}, tmp_path / "out", format)
    assert "left out" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_export_that_is_replaced_leaves_no_files_of_other_images(tmp_path, capsys):
    """What somebody has changed stays, and is named; so does all where one cannot be read now."""
    image = np.eye(8, dtype=np.uint8)
    out = tmp_path / "out"
    cl.export(dict.fromkeys("abcd", image), out, "geojson", progress=False)
    (out / "d.geojson").write_text("{}")
    (out / "mine.geojson").write_text("mine")
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(cl.InvalidError, match="b, which could not be used this time; the earlier"):
        cl.export({"a": image * 2, "b": image / 2}, out, "geojson", overwrite=True)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    cl.export({"a": image, "e": image / 2}, out, "geojson", overwrite=True)
    assert sorted(p.name for p in out.glob("*.geojson")) == [
        "a.geojson", "d.geojson", "mine.geojson",
    ]  # fmt: skip
    assert "d.geojson in" in capsys.readouterr().err
