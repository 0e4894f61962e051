"""Outlines that other programs wrote, as labels: their classes, their borders, what is lost."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import roifile

import cytoloom as cl
from cytoloom.datasets.data import as_data, manifest
from cytoloom.measurement.given import LabelImages

TASK = "classes:background,cytoplasm,nucleus"


def square(y, x, height=4, width=4, closed=True):
    ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
    return {"type": "Polygon", "coordinates": [ring if closed else ring[:-1]]}


def feature(geometry, kind=None, **said):
    said |= {} if kind is None else {"classification": {"name": kind}}
    return {"type": "Feature", "geometry": geometry, "properties": said}


def read(folder, plain, task=None, shape=(20, 30)):
    """Labels of an image whose outlines are written so, and what `check` says."""
    image = folder / "a.npy"
    np.save(image, np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape))
    if not isinstance(plain, list) or not isinstance(plain[0], roifile.ImagejRoi):
        path = folder / "a.geojson"
        path.write_text(json.dumps(plain))
    else:
        path = folder / "a.zip"
        path.unlink(missing_ok=True)
        roifile.roiwrite(path, plain)
    data = cl.Data.from_pairs([image], [path])
    told = cl.check(data, task, progress=False)
    known = None if task is None else cl.tasks.resolve(task)
    labels = data.of_task(known).items[0].annotations[0].read() if told.ok else None
    return labels, str(told)


def roi(y, x, **said):
    corners = np.array([[x, y], [x + 4, y], [x + 4, y + 4], [x, y + 4]], float)
    one = roifile.ImagejRoi.frompoints(corners)
    for name, value in said.items():
        setattr(one, name, value)
    return one


@pytest.mark.parametrize(
    "plain",
    [
        [feature(square(1, 1), "Nucleus"), feature(square(8, 8), "cytoplasm")],
        [feature(square(8, 8), "cytoplasm"), feature(square(1, 1), "NUCLEUS")],
        [
            feature(square(8, 8), classification="cytoplasm"),
            feature(square(1, 1), classification={"names": ["nucleus"]}),
        ],
        [roi(8, 8, properties={"class": "cytoplasm"}), roi(1, 1, properties={"class": "nucleus"})],
        [roi(8, 8, group=1), roi(1, 1, group=2)],
        [roi(1, 1, name="nucleus-1"), roi(8, 8, name="Cytoplasm")],
    ],
)
def test_an_outline_has_the_class_of_its_name_in_whatever_order(tmp_path, plain):
    labels, said = read(tmp_path, plain, TASK)
    assert labels[2, 2] == 2
    assert labels[9, 9] == 1
    assert np.bincount(labels.ravel()).tolist() == [20 * 30 - 32, 16, 16]
    assert "by their classes (cytoplasm, nucleus)" in said


@pytest.mark.parametrize("name", ["instances", "binary"])
def test_whatever_its_class_an_outline_is_an_object(tmp_path, name):
    plain = [feature(square(1, 1), "stroma"), feature(square(8, 8)), feature(square(1, 20))]
    labels, said = read(tmp_path, plain, name)
    assert labels[2, 2] == 1
    assert np.count_nonzero(labels) == 48
    assert "1 stroma" in said


@pytest.mark.parametrize(
    "plain",
    [
        [feature(square(1, 1), "stroma"), feature(square(8, 8))],
        [roi(1, 1, properties={"class": "stroma"}), roi(8, 8)],
    ],
)
def test_classes_that_the_task_does_not_have_are_named(tmp_path, plain):
    labels, said = read(tmp_path, plain, TASK)
    assert labels is None
    assert (
        "Expected objects of the classes background, cytoplasm, nucleus. Received: objects" in said
    )
    assert "objects of stroma (1) and 1 of 2 objects without a class. Give objects" in said
    # of two names as well: the only object is not class 1 because it comes first
    assert read(tmp_path, plain[1:], "classes:background,nucleus")[0] is None


@pytest.mark.parametrize("format", ["roi", "geojson", "coco"])
def test_exported_classes_come_back_as_classes(tmp_path, format):
    labels = np.zeros((20, 30), np.uint8)
    labels[1:5, 1:5], labels[5:9, 1:5], labels[10:14, 10:20], labels[0, 29] = 2, 1, 2, 1
    known = LabelImages({"a": labels}, names={1: "cytoplasm", 2: "nucleus"})
    written = cl.export(known, tmp_path / "out", format, progress=False)["file"][0]
    np.save(tmp_path / "a.npy", labels * 9)
    data = cl.Data.from_pairs([tmp_path / "a.npy"], [written])
    found = data.of_task(cl.tasks.resolve(TASK)).items[0].annotations[0]
    assert np.array_equal(found.read(), labels)
    assert found.understood.endswith("by their classes (cytoplasm, nucleus)")
    # the same source without a task has the objects
    assert np.unique(data.items[0].annotations[0].read()).tolist() == [0, 1, 2, 3, 4]


def test_training_and_scoring_take_classes_by_their_names(tmp_path):
    """Class 2 is drawn first: its running number would be that of class 1."""
    for k in range(3):
        image = np.full((32, 32), 10, np.uint16)
        image[4:12, 4:12], image[18:28, 18:28] = 200, 100
        np.save(tmp_path / f"{k}.npy", image + k)
        plain = [
            feature(square(4, 4, 8, 8), "nucleus"),
            feature(square(18, 18, 10, 10), "cytoplasm"),
        ]
        (tmp_path / f"{k}.geojson").write_text(json.dumps(plain))
    pairs = [(tmp_path / f"{k}.npy", tmp_path / f"{k}.geojson") for k in range(3)]
    model = cl.train(
        pairs[:2], task=TASK, network=cl.UNet(filters=2, depth=1),
        trainer=cl.Trainer(iterations=1, batch_size=1, patch_px=16), progress=False,
    )  # fmt: skip
    expected = {one["label_sha256"] for one in manifest(as_data(pairs[:2]).of_task(model.task))}
    learned = [one for part in model.info["data"].values() for one in part]
    assert {one["label_sha256"] for one in learned} == expected
    truth = np.zeros((32, 32), int)
    truth[4:12, 4:12], truth[18:28, 18:28] = 2, 1
    arrays = ([np.load(pairs[2][0])], [truth])
    scores = [
        cl.evaluate(model, data, progress=False).per_image.drop(columns=["image"])
        for data in (pairs[2:], arrays)
    ]
    assert scores[0].round(9).equals(scores[1].round(9))


@pytest.mark.parametrize(
    "plain",
    [
        {"type": "FeatureCollection", "features": [feature(square(2, 3, 10, 20, closed=False))]},
        [feature(square(2, 3, 10, 20))],
        feature(square(2, 3, 10, 20, closed=False)),
        square(2, 3, 10, 20),
        {"type": "GeometryCollection", "geometries": [square(2, 3, 10, 8), square(2, 11, 10, 12)]},
    ],
)
def test_what_geojson_allows_is_one_rectangle(tmp_path, plain):
    labels, _ = read(tmp_path, plain)
    expected = np.zeros((20, 30), int)
    expected[2:12, 3:23] = 1
    assert np.array_equal(labels, expected)


def test_features_without_outlines_are_counted(tmp_path):
    cell = feature(square(8, 8)) | {"nucleusGeometry": square(9, 9, 1, 1)}
    point = {"type": "Point", "coordinates": [1, 2]}
    labels, said = read(tmp_path, [feature(None), cell, feature(point)])
    assert np.count_nonzero(labels) == 16
    assert "1 of 3 are lines or points, which go around nothing" in said
    assert "of 1 cells the nuclei within are left out; 1 of 3 have no geometry" in said


@pytest.mark.parametrize(
    "plain",
    [
        [feature(square(1, 1) | {"plane": {"c": -1, "z": 0, "t": 1}}), feature(square(8, 8))],
        [roi(1, 1, position=1), roi(8, 8, position=2)],
    ],
)
def test_outlines_of_several_planes_are_refused(tmp_path, plain):
    labels, said = read(tmp_path, plain)
    assert labels is None
    assert "Expected outlines on one plane. Received: outlines on 2 planes of a stack." in said


def in_roi(y, x):
    return roi(y, x)


def in_geojson(y, x):
    return feature(square(y, x))


@pytest.mark.parametrize("make", [in_roi, in_geojson])
def test_what_of_outlines_is_not_in_the_image_is_said(tmp_path, make):
    """One beyond the right border, one across the lower, one at the very corner, one inside."""
    labels, said = read(tmp_path, [make(1, 40), make(18, 1), make(16, 26), make(8, 8)])
    assert np.bincount(labels.ravel())[1:].tolist() == [0, 8, 16, 16]
    assert (
        "a.geojson: 1 of 4 outlines outside the image (20 x 30 px), 1 of 4 outlines cut at the "
        "border of the image (20 x 30 px): are they of another size of the image?"
    ) in said.replace("a.zip", "a.geojson")
    labels, said = read(tmp_path, [make(100, 40), make(180, 1)])
    assert labels is None
    assert "Expected outlines within an image of 20 x 30 px. Received: 2 outlines, all out" in said


def test_an_outline_too_thin_for_a_pixel_is_said(tmp_path):
    labels, said = read(tmp_path, [feature(square(1, 1)), feature(square(8, 8, 9, 0.3))])
    assert np.unique(labels).tolist() == [0, 1]
    assert "1 of 2 outlines too thin to go around the middle of a pixel: they are left out" in said


def test_annotations_of_coco_outside_their_image_are_said_as_well(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((20, 30), np.uint8))
    plain = {
        "images": [{"id": 1, "file_name": "a.npy"}],
        "categories": [{"id": 7, "name": "Nucleus"}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": 7, "segmentation": [[x, 1, x + 4, 1, x + 4, 5]]}
            for k, x in enumerate((2, 200))
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(plain))
    data = as_data(([tmp_path / "a.npy"], [tmp_path / "a.json"]))
    said = str(cl.check(data, TASK, progress=False))
    assert "1 of 2 outlines outside the image" in said
    assert "by their classes (nucleus)" in said
    assert "Expected objects of the classes" in str(
        cl.check(data, "classes:background,rim,cell", progress=False)
    )


def test_experts_may_draw_outlines_and_have_the_size_of_the_others_or_of_the_image(tmp_path):
    labels = np.zeros((20, 30), np.uint8)
    labels[1:5, 1:5], labels[8:12, 8:12] = 1, 2
    for who in ("anna", "eva", "udo"):
        (tmp_path / "labels" / who).mkdir(parents=True)
    cl.images.write_labels(tmp_path / "labels/anna/a.tif", labels)
    plain = [feature(square(1, 1)), feature(square(8, 8)), feature(square(1, 40))]
    (tmp_path / "labels/eva/a.geojson").write_text(json.dumps(plain))
    roifile.roiwrite(tmp_path / "labels/udo/a.zip", [roi(1, 1), roi(8, 8)])
    drawn = [tmp_path / "labels" / who for who in ("udo", "anna")]
    found = cl.consensus(drawn, task="instances", progress=False)
    assert found.per_expert["expert"].tolist() == ["udo", "anna"]
    assert np.array_equal(found["a"], labels)
    # nobody's label image tells the size, an image does
    shutil.rmtree(tmp_path / "labels/anna")
    with pytest.raises(cl.InvalidError, match="outlines of an image whose size is known"):
        cl.consensus([tmp_path / "labels" / who for who in ("udo", "eva")], progress=False)
    (tmp_path / "images").mkdir()
    cl.images.write_labels(tmp_path / "images/a.tif", labels * 9)
    events = list(cl.consensus.events(tmp_path, task="instances"))
    assert np.array_equal(events[-1].value["a"], labels)
    said = [one.message for one in events if one.kind == "warning"]
    assert any("a.geojson: 1 of 3 outlines outside the image (20 x 30 px)" in one for one in said)
    with pytest.raises(cl.InvalidError, match="label images, whose values are numbers of classes"):
        cl.consensus(tmp_path, task="classes", progress=False)


def test_without_their_image_outlines_are_refused_with_what_takes_them(tmp_path):
    for folder in ("images", "drawn"):
        (tmp_path / folder).mkdir()
    np.save(tmp_path / "images/a.npy", np.arange(600, dtype=np.uint16).reshape(20, 30))
    plain = [feature(square(1, 1)), feature(square(1, 40))]
    (tmp_path / "drawn/a.geojson").write_text(json.dumps(plain))
    drawn = tmp_path / "drawn"
    for call in (
        lambda: cl.measure(drawn, progress=False),
        lambda: cl.measure([drawn / "a.geojson"], progress=False),
        lambda: cl.export(drawn, tmp_path / "out", "coco", progress=False),
        lambda: cl.relate(drawn, drawn),
    ):
        with pytest.raises(
            cl.InvalidError, match=r"no size of their own: 1 .*measure.* as `image`"
        ):
            call()
    events = list(cl.measure.events(drawn, tmp_path / "images"))
    assert events[-1].value["area_px"].tolist() == [16]
    assert any("1 of 2 outlines outside the image" in one.message for one in events)
