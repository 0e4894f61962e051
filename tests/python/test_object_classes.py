"""A class for every object: truth in three forms, what is learned, found and scored."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom.components import from_plain, to_plain
from cytoloom.datasets.data import Data, as_data
from cytoloom.datasets.items import Item, read_labels
from cytoloom.datasets.placed import MergedSource, PlacedSource
from cytoloom.datasets.sources import ArraySource
from cytoloom.errors import InvalidError
from cytoloom.evaluation.scores import confusion_of
from cytoloom.exchange import coco, geojson, rois
from cytoloom.exchange.drawn import drawn
from cytoloom.experts.agreed import agreed
from cytoloom.losses import get as loss_named
from cytoloom.patches.sample import Sample
from cytoloom.segmentation.classed import OBJECTS, classes_of, parted, with_classes
from cytoloom.tasks import Found, Instances, resolve
from gradients import gradient

TASK = Instances(classes=("live", "dead"))
# 1 is live, 2 dead, of 3 nothing is known
LABELS = np.array(
    [
        [1, 1, 0, 2, 2, 0, 3, 3],
        [1, 1, 0, 2, 2, 0, 3, 3],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    np.int32,
)
CLASSES = {1: 1, 2: 2}
ROWS = pd.DataFrame(
    {"image": ["a", "a", "a"], "object": [1, 2, 3], "class": ["live", "Dead", None]}
)


def sample(labels: np.ndarray) -> Sample:
    return Sample({"labels": labels}, {"labels": "labels"})


def said(labels: np.ndarray, classes: dict[int, int]) -> np.ndarray:
    """A map that is sure of the class of each object."""
    return np.eye(3, dtype=np.float32)[np.vectorize(lambda k: classes.get(k, 0))(labels)][..., 1:]


def seen(data: Any, task: Any = TASK) -> np.ndarray:
    """The labels of the first image as a task reads them."""
    return read_labels(data.of_task(task).items[0])[0]


def folder(path: Path, **beside: np.ndarray) -> Path:
    """A set of one image with labels, and what else lies there."""
    for name, pixels in {"images": np.ones((3, 8), np.uint8), "labels": LABELS, **beside}.items():
        (path / name).mkdir(parents=True)
        tifffile.imwrite(path / name / "a.tif", pixels)
    return path


# the task


def test_class_is_learned_within_objects_that_have_one():
    target = TASK.target(sample(with_classes(LABELS, CLASSES)))
    value, weight = target["class"]
    assert np.array_equal(weight[..., 0], np.isin(LABELS, (1, 2)))
    assert np.array_equal(value[..., 0], LABELS == 1)
    assert np.array_equal(value[..., 1], LABELS == 2)


def test_other_heads_learn_the_same_as_without_classes():
    plain = Instances().target(sample(LABELS))
    classed = TASK.target(sample(with_classes(LABELS, CLASSES)))
    assert list(Instances().heads) == ["foreground", "distance"]
    for head in plain:
        for one, other in zip(plain[head], classed[head], strict=True):
            assert np.array_equal(one, other)


def test_the_gradient_of_objects_without_a_class_is_exactly_0():
    value, weight = TASK.target(sample(with_classes(LABELS, CLASSES)))["class"]
    target = np.concatenate([value, weight], -1)[None]
    logits = np.random.default_rng(0).normal(size=(1, *LABELS.shape, 2))
    slopes = gradient(loss_named("ce", "softmax"), target, logits)[1]
    steep = np.abs(slopes[0]).sum(-1)
    assert (steep[np.isin(LABELS, (0, 3))] == 0).all()
    assert (steep[np.isin(LABELS, (1, 2))] > 0).all()


def test_an_object_has_the_class_of_the_largest_sum_not_of_most_pixels():
    # two of three pixels are for dead, .6 each; together .9 + .4 + .4 = 1.7 to 1.3 for live
    map_ = np.array([[[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]])
    assert Found(np.array([[1, 1, 1]]), class_map=map_).object_classes == {1: 1}


def test_decoding_finds_objects_and_classes():
    labels = np.zeros((24, 40), np.int32)
    labels[4:20, 4:20], labels[4:20, 20:36] = 1, 2
    target = TASK.target(sample(with_classes(labels, {1: 2, 2: 1})))
    found = TASK.decode({head: value for head, (value, _) in target.items()})
    assert np.array_equal(found.labels, labels)
    assert found.object_classes == {1: 2, 2: 1}
    # what is dropped later does not move classes to other objects
    fewer = dataclasses.replace(TASK, exclude_border=True).kept(
        {head: value for head, (value, _) in target.items()}, found
    )
    assert fewer.object_classes == {1: 2, 2: 1}


def test_a_task_with_classes_is_its_own_configuration():
    assert from_plain(json.loads(json.dumps(to_plain(TASK)))) == TASK
    assert resolve("instances:live, dead") == TASK
    old = {k: v for k, v in to_plain(Instances()).items() if not k.startswith("class")}
    assert from_plain(old) == Instances()
    for wrong in (("live",), ("live", "live"), ("live", "LIVE"), ("live", " ")):
        with pytest.raises(InvalidError, match="classes"):
            Instances(classes=wrong)


# scores, by hand

TRUTH = np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 4, 4, 0, 0, 0]])
GOT = np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 0, 0, 0, 5, 5]])


def test_scores_of_each_class_and_their_mean():
    """1 and 2 live, 3 and 4 dead; 2 is found as dead, 4 is missed, 5 is nothing, found as live."""
    found = Found(GOT, class_map=said(GOT, {1: 1, 2: 2, 3: 2, 5: 1}))
    scores, rows = TASK.score(with_classes(TRUTH, {1: 1, 2: 1, 3: 2, 4: 2}), found)
    assert scores["ap50"] == 3 / 5
    assert scores["ap50_live"] == 1 / 3  # 1 right, 2 missed, 5 too many
    assert scores["ap50_dead"] == 1 / 3  # 3 right, 4 missed, 2 too many
    assert scores["ap50_by_class"] == 1 / 3
    assert scores["class_accuracy"] == 2 / 3
    assert not any(name.startswith("n_found_on_empty") for name in scores)
    table = confusion_of(pd.DataFrame(rows))
    assert table is not None
    cells = {tuple(row) for row in table.fillna("").itertuples(index=False)}
    assert cells == {
        ("live", "live", 1), ("live", "dead", 1), ("dead", "dead", 1), ("dead", "", 1),
        ("", "live", 1),
    }  # fmt: skip


def test_objects_whose_class_is_not_known_count_as_objects_alone():
    found = Found(GOT, class_map=said(GOT, {1: 1, 2: 2, 3: 2, 5: 1}))
    scores, rows = TASK.score(with_classes(TRUTH, {1: 1}), found)
    assert scores["ap50"] == 3 / 5
    assert scores["ap50_live"] == 1 / 2  # 5 is nothing
    # 2 and 3 lie on objects of which nobody knows the class: neither right nor wrong
    assert np.isnan(scores["ap50_dead"])
    assert scores["n_found_on_empty_dead"] == 0
    assert scores["ap50_by_class"] == 1 / 2
    assert scores["class_accuracy"] == 1.0
    assert [row["class_truth"] for row in rows if row["truth"] == 2] == [None]


def test_a_class_in_neither_has_no_score_and_one_without_truth_scores_0():
    found = Found(GOT[:, :2], class_map=said(GOT[:, :2], {1: 1}))
    only = TASK.score(with_classes(TRUTH[:, :2], {1: 1}), found)[0]
    assert np.isnan(only["ap50_dead"])
    assert only["ap50_by_class"] == 1
    wrong = TASK.score(with_classes(TRUTH[:, :2], {1: 2}), found)[0]
    assert wrong["ap50_live"] == 0
    assert wrong["n_found_on_empty_live"] == 1
    none = TASK.score(TRUTH[:, :2], found)[0]
    assert np.isnan([none[name] for name in ("ap50_live", "ap50_by_class", "class_accuracy")]).all()
    assert none["ap50"] == 1


# truth


def test_map_table_and_outlines_say_the_same(tmp_path):
    expected = with_classes(LABELS, CLASSES)
    maps = folder(tmp_path / "maps", classes=np.where(LABELS == 3, 0, LABELS).astype(np.uint8))
    assert np.array_equal(seen(as_data(maps)), expected)
    beside = folder(tmp_path / "table")
    ROWS.to_csv(beside / "classes.csv", index=False)
    assert np.array_equal(seen(as_data(beside)), expected)
    bare = folder(tmp_path / "bare")
    for given in (ROWS, ROWS.to_dict("list"), beside / "classes.csv", maps / "classes"):
        assert np.array_equal(seen(as_data(bare, object_classes=given)), expected)
    numbered = ROWS.assign(**{"class": [1.0, 2.0, None]})
    assert np.array_equal(seen(as_data(bare, object_classes=numbered)), expected)
    arrays = as_data((np.ones((3, 8)), LABELS), object_classes=[np.where(LABELS == 3, 0, LABELS)])
    assert np.array_equal(seen(arrays), expected)
    # other tasks see the labels alone, and so does this one where no classes are given
    assert np.array_equal(seen(as_data(maps), Instances()), LABELS)
    assert np.array_equal(seen(as_data(bare)), LABELS)


def test_a_table_in_parquet_is_one(tmp_path):
    pytest.importorskip("pyarrow")
    beside = folder(tmp_path / "table")
    ROWS.to_parquet(beside / "classes.parquet")
    assert np.array_equal(seen(as_data(beside)), with_classes(LABELS, CLASSES))


@pytest.mark.parametrize("format", ["geojson", "coco", "roi"])
def test_classes_of_outlines_that_were_exported_come_back(tmp_path, format):
    if format == "roi":
        pytest.importorskip("roifile")
    found, names = folder(tmp_path / "found"), {1: "live", 2: "dead"}
    (found / "labels" / "a.tif").unlink()
    if format == "coco":
        (found / "labels").rmdir()
        made = coco.Coco()
        made.add("a.tif", LABELS, names)
        made.write(found / "annotations.json")
    else:
        write, ending = (geojson.write, "geojson") if format == "geojson" else (rois.write, "zip")
        write(found / "labels" / f"a.{ending}", drawn(LABELS, names), LABELS.shape)
    assert np.array_equal(seen(as_data(found)), with_classes(LABELS, CLASSES))
    assert np.array_equal(seen(as_data(found), Instances()), LABELS)
    report = cl.check(found, Instances(classes=("cell", "debris")))
    assert "objects of the classes cell, debris. Received: objects of dead (1), live (1)" in str(
        report
    )


def refused(given: Any, task: Any = TASK) -> str:
    data = as_data((np.ones((3, 8)), LABELS), object_classes=given)
    report = cl.check(data, task)
    assert not report.ok
    return str(report)


def rows(**classes: str) -> pd.DataFrame:
    """A table of the only image: o1="live" is object 1."""
    numbers = [int(name[1:]) for name in classes]
    return pd.DataFrame({"image": "image", "object": numbers, "class": list(classes.values())})


def test_what_is_wrong_with_classes_is_one_sentence():
    unknown = refused(rows(o1="live", o2="daed"))
    assert "image image`. Expected objects of the classes live, dead. Received: objects" in unknown
    assert "of daed (1)" in unknown
    absent = refused(rows(o1="live", o9="dead"))
    assert "Expected objects that are in the labels of the image. Received: object 9." in absent
    stray = refused([np.where(LABELS == 2, 7, LABELS)])
    assert "numbers of classes on objects: 0 none, 1 live, 2 dead. Received: 3, 7." in stray
    assert "3 x 8. Received: 3 x 7" in refused([LABELS[:, :-1]])
    nothing = refused(rows(o1=""))
    assert "no object has a class, and classes (live, dead) are to be learned" in nothing
    pair = np.ones((3, 8)), LABELS
    twice = pd.concat([rows(o1="live"), rows(o1="dead")])
    with pytest.raises(InvalidError, match="object 1 of image image as live and as dead"):
        as_data(pair, object_classes=twice)
    with pytest.raises(InvalidError, match="which has none of them"):
        as_data(pair, object_classes=ROWS)
    with pytest.raises(InvalidError, match=r"with columns \['image', 'object'\]"):
        as_data(pair, object_classes=ROWS.drop(columns="class"))


def test_a_map_that_disagrees_within_an_object_is_counted_and_the_majority_taken():
    map_ = np.where(LABELS == 3, 2, LABELS)
    map_[0, 0] = 2
    data = as_data((np.ones((3, 8)), LABELS), object_classes=[map_])
    assert classes_of(seen(data)) == {1: 1, 2: 2, 3: 2}
    report = str(cl.check(data, TASK))
    assert "1 object of several classes in classes of image, taken for the one of most" in report
    assert "objects by class: 1 live, 2 dead" in report


def test_what_lies_there_and_is_something_else_stops_no_other_task(tmp_path):
    other = folder(tmp_path / "set")
    (other / "classes").mkdir()
    tifffile.imwrite(other / "classes" / "else.tif", LABELS.astype(np.uint8))
    report = cl.check(other, Instances())
    assert report.ok
    assert "is not used for classes of objects" in str(report)
    assert "no object has a class" in str(cl.check(other, TASK))
    # a table of other columns is somebody else's
    theirs = folder(tmp_path / "theirs")
    (theirs / "classes.csv").write_text("label,class\n1,nucleus\n")
    assert "classes of objects" not in str(cl.check(theirs, Instances()))


def test_objects_without_a_class_are_said():
    data = as_data(
        (np.ones((3, 8)), LABELS),
        object_classes=rows(o1="live", o2="dead"),
    )
    assert "objects without a class" in str(cl.check(data, TASK))
    one = as_data((np.ones((3, 8)), LABELS), object_classes=rows(o1="live"))
    assert "no object is of class dead: it cannot be learned" in str(cl.check(one, TASK))


def test_pieces_of_a_mask_and_unknown_pixels_go_with_classes():
    mask = (LABELS > 0).astype(np.uint8)
    mask[2] = 9
    data = as_data((np.ones((3, 8)), mask), unknown=9, object_classes=[np.maximum(LABELS % 3, 0)])
    labels, known = read_labels(data.of_task(TASK).items[0], 9)
    assert known is not None
    assert not known[2].any()
    assert known[:2].all()
    objects, classes = parted(labels)
    assert np.array_equal(objects, LABELS)
    assert classes_of(labels) == {1: 1, 2: 2}
    assert (classes[2] == 0).all()


def test_numbers_that_leave_no_room_are_refused():
    labels = np.where(LABELS == 1, OBJECTS, LABELS)
    data = as_data((np.ones((3, 8)), labels), object_classes=rows(o2="dead"))
    assert "numbered below 1048576" in str(cl.check(data, TASK))
    # of labels without classes numbers may be larger, and stay
    assert np.array_equal(seen(data, Instances()), labels)


def test_ids_that_are_named_by_class_give_objects_their_classes():
    """Of an annotation in which 1 and 3 are mitochondria; 2, which is not named, is background."""
    task = Instances(classes=("er", "mito"))
    data = as_data((np.ones((3, 8)), LABELS), class_ids={"mito": [1, 3], "er": [7]})
    assert classes_of(seen(data, task)) == {1: 2, 3: 2}
    assert np.array_equal(parted(seen(data, task))[0], np.where(LABELS == 2, 0, LABELS))
    assert "objects of the classes live, dead. Received: objects of er (1), mito (2)" in str(
        cl.check(data, TASK)
    )


def test_sets_of_objects_of_one_class_each_give_objects_their_classes():
    """As crops of volumes have them: a label image for each class."""
    dead, other, live = (ArraySource(np.where(LABELS == k, 1, 0), role="labels") for k in (2, 3, 1))
    merged = MergedSource([dead, other, live], ["dead", "other", "Live"])
    placed = PlacedSource(merged, (5, 8), (0, 0))
    item = Item("a", ArraySource(np.ones((5, 8))), (placed,))
    labels, known = read_labels(Data((item,), unknown=-1).of_task(TASK).items[0], -1)
    assert known is not None
    assert known.sum() == LABELS.size
    # of each set one object: numbers 1, 2 and 3
    assert classes_of(labels) == {1: 2, 3: 1}
    assert np.array_equal(parted(labels)[0][:3], np.array([0, 3, 1, 2])[LABELS])


def test_experts_agree_on_classes_by_most_of_their_pixels():
    drawn = [with_classes(LABELS, one) for one in ({1: 1, 2: 2}, {1: 1, 2: 1}, {1: 2, 2: 2, 3: 1})]
    labels = agreed([ArraySource(one, role="labels") for one in drawn], TASK).read()
    assert classes_of(labels) == {1: 1, 2: 2, 3: 1}


# a network


def two_kinds(count: int, seed: int, shape: tuple[int, int] = (96, 96)) -> dict[str, list[Any]]:
    """Nuclei of which every other one is dim."""
    found: dict[str, list[Any]] = {"images": [], "labels": [], "classes": []}
    for k in range(seed, seed + count):
        image, labels = cl.simulate.nuclei(shape, count=shape[0] * shape[1] // 700, seed=k)
        kinds = np.where(labels > 0, 1 + labels % 2, 0)
        ground = np.median(image[labels == 0])
        dimmed = np.where(kinds == 2, ground + (image - ground) * 0.25, image)
        found["images"].append(dimmed.astype(np.uint16))
        found["labels"].append(labels)
        found["classes"].append(kinds)
    return found


def as_set(kinds: dict[str, list[Any]]) -> cl.Data:
    return as_data((kinds["images"], kinds["labels"]), object_classes=kinds["classes"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> cl.Model:
    """Forty iterations, saved and loaded again."""
    out = tmp_path_factory.mktemp("classed") / "kinds.cytoloom"
    kinds = as_set(two_kinds(4, seed=0))
    trainer = cl.Trainer(
        iterations=40, batch_size=4, patch_px=(64,), augment=None, learning_rate=0.01
    )
    cl.train(
        kinds, task=TASK, network=cl.UNet(filters=16, depth=2, stem_stride=1), trainer=trainer,
        validation=as_set(two_kinds(1, seed=50)), out=out, progress=False,
    )  # fmt: skip
    return cl.load(out)


def test_a_network_learns_two_kinds(model):
    assert model.task.classes == ("live", "dead")
    test = two_kinds(2, seed=90)
    scores = cl.evaluate(model, as_set(test), progress=False)
    means = scores.summary.set_index("metric")["value"]
    assert means["class_accuracy"] > 0.9
    assert {"ap50_live", "ap50_dead", "ap50_by_class"} <= set(means.index)
    matched = scores.per_object.query("matched")
    right = (matched["class_truth"] == matched["class_found"]).mean()
    assert right > 0.9
    assert scores.confusion is not None
    assert scores.confusion["objects"].sum() == len(scores.per_object)


def test_tables_of_objects_have_class_and_its_share(model):
    kinds = two_kinds(1, seed=91)
    found = cl.predict(model, {"a": kinds["images"][0]}, progress=False)
    names = list(found.objects)
    assert names[:4] == ["image", "object", "class", "class_probability"]
    assert set(found.objects["class"]) == {"live", "dead"}
    assert found.objects["class_probability"].between(0.5, 1).all()
    # the mean brightness is what tells them apart
    by = found.objects.groupby("class")["mean_intensity_0"].mean()
    assert by["live"] > 1.3 * by["dead"]
    views = cl.predict(model, {"a": kinds["images"][0]}, views=4, progress=False)
    assert set(views.objects["class"]) <= {"live", "dead"}


def test_the_page_counts_objects_of_each_class(model, tmp_path):
    kinds = two_kinds(1, seed=91)
    found = cl.predict(model, {"a": kinds["images"][0]}, progress=False)
    page = cl.report(found, tmp_path / "page.html", images=kinds["images"], progress=False)
    text = Path(page).read_text()
    assert "Objects, live" in text
    assert "Objects, dead" in text


@pytest.mark.parametrize("block_px", [64, (112, 64)])
def test_blocks_give_the_classes_of_the_whole(model, tmp_path, block_px):
    """Also of objects larger than what a block sees, from the sums of its parts."""
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("yaozarrs")
    image = two_kinds(1, seed=7, shape=(160, 224))["images"][0]
    whole = cl.predict(model, {"a": image}, rescale=None, progress=False)
    out = tmp_path / "cells.zarr"
    found = cl.predict(
        model, {"a": image}, rescale=None, out=out, block_px=block_px, progress=False
    )
    labels = np.asarray(zarr.open_array(out / "0", mode="r")[...])
    number = {int(labels[whole["a"] == k][0]): k for k in whole.objects["object"]}
    assert len(number) == len(found.objects)
    both = found.objects.assign(object=found.objects["object"].map(number)).merge(
        whole.objects, on="object"
    )
    assert (both["class_x"] == both["class_y"]).all()
    assert np.allclose(both["class_probability_x"], both["class_probability_y"], atol=2e-4)
