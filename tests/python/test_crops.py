"""Crops with labels for a part of their image: places, masks, splits, and what is refused."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.splits import split
from cytoloom.patches.sample import Reader, Sampler
from cytoloom.tasks import Classes, Instances
from volume_files import write_n5, write_n5_said


def ome(group: Any, name: str, array: np.ndarray, size: Any, at: Any = None) -> None:
    """Write an image of OME-Zarr 0.4 into a group of Zarr."""
    inside = group.create_group(name)
    inside.create_array("s0", data=array, chunks=tuple(min(n, 64) for n in array.shape))
    moves = [{"type": "scale", "scale": list(size)}]
    moves += [{"type": "translation", "translation": list(at)}] if at is not None else []
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"[-array.ndim :]]
    level = {"path": "s0", "coordinateTransformations": moves}
    inside.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]


RAW = np.arange(12 * 16 * 20, dtype=np.uint16).reshape(12, 16, 20)
LABELS = np.zeros((4, 6, 8), np.uint32)
LABELS[1:3, 1:5, 1:7] = 7
UM = (2.0, 1.0, 1.0)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return zarr.open_group(tmp_path / "data.zarr", mode="w", zarr_format=2)


def crop(store: Any, name: str = "train/a", *, at: Any = (4.0, 3.0, 5.0), **parts: Any) -> Any:
    """Write a crop whose labels begin at voxel (2, 3, 5); voxels are 2 x 1 x 1 um."""
    group = store.require_group(name)
    ome(group, "raw", parts.get("raw", RAW), (2, 1, 1))
    ome(group, "labels", parts.get("labels", LABELS), parts.get("size", (2, 1, 1)), at)
    if "mask" in parts:
        ome(group, "mask", parts["mask"], (2, 1, 1), parts.get("mask_at", at))
    return group


def data_of(store: Any) -> cl.Data:
    return as_data(store.store.root)


def test_labels_lie_at_their_place_and_nothing_is_known_around_them(store):
    mask = np.ones(LABELS.shape, np.uint8)
    mask[:, 0] = 0
    crop(store, mask=mask)
    crop(store, "test/b")
    data = data_of(store)
    assert [(i.id, i.split) for i in data.items] == [("test_b", "test"), ("train_a", "train")]
    item = data.items[1]
    assert item.image.shape == (*RAW.shape, 1)
    assert item.spacing_um == (2, 1, 1)
    labels, known = read_labels(item, data.unknown)
    box = np.s_[2:6, 3:9, 5:13]
    expected = np.zeros(RAW.shape, bool)
    expected[box] = mask > 0
    np.testing.assert_array_equal(known, expected)
    np.testing.assert_array_equal(labels[box], LABELS * mask)
    # a region is that part of the whole, whatever the step
    source = item.annotations[0]
    for part in (np.s_[0:3, 2:9, 4:20], np.s_[5:7, 0:16:3, 0:20:2], np.s_[0:1, 0:2, 0:2]):
        np.testing.assert_array_equal(source.read(part), source.read()[part])
    assert "2 crops (raw, labels, mask): 1 of train, 1 of test" in data.notes


def test_a_large_image_is_cut_to_what_is_seen_around_labels(store):
    raw = np.random.default_rng(0).integers(0, 999, (100, 200, 90), np.uint16)
    crop(store, raw=raw, at=(80.0, 100.0, 5.0))
    (item,) = data_of(store).items
    # 64 voxels of 1 um on each side along y and x, 32 of 2 um along z
    assert item.roi == ((8, 76), (36, 170), (0, 77))
    np.testing.assert_array_equal(item.image.read()[..., 0], raw[8:76, 36:170, :77])
    assert item.annotations[0].inside == np.s_[32:36, 64:70, 5:13]
    assert cl.Normalize(0, 100).fit(item.image).high == (float(raw.max()),)
    # a region that is held out is one of the labels, with its own surroundings
    train, held, _ = split(replace_split(data_of(store)), 0.25, seed=3)
    cuts = [one.items[0].annotations[0].inside for one in (train, held)]
    sizes = [np.prod([s.stop - s.start for s in cut]) for cut in cuts]
    assert sum(sizes) == LABELS.size
    assert 0.7 < sizes[0] / LABELS.size < 0.8
    assert train.items[0].image.whole is held.items[0].image.whole


def replace_split(data: cl.Data) -> cl.Data:
    return replace(data, items=tuple(replace(item, split=None) for item in data.items))


def test_patches_are_drawn_where_there_are_labels_and_see_what_lies_around(store):
    raw = np.random.default_rng(0).integers(0, 999, (100, 200, 90), np.uint16)
    crop(store, raw=raw, at=(80.0, 100.0, 40.0))
    data = data_of(store)
    (item,) = data.items
    scaling, labels = cl.Normalize(range=(0, 1)), item.annotations[0]
    stats = scaling.fit(item.image)
    reader = Reader("a", item.image, stats, scaling, labels, data.unknown, roi=labels.inside)
    sampler = Sampler([reader], (8, 16, 16), foreground=0.5, balance=False)
    for sample in sampler.batch(0, 0, 8):
        # the patch covers all labels: 4 x 6 x 8 voxels known of it, and real pixels around
        assert sample["known"].sum() == LABELS.size
        corner = int(sample["image"][0, 0, 0, 0])
        assert corner in raw
        at = np.argwhere(raw == corner)
        assert any(
            np.array_equal(raw[z : z + 8, y : y + 16, x : x + 16], sample["image"][..., 0])
            for z, y, x in at
        )


@pytest.mark.parametrize("at", [(80.0, 8.0, 0.0), None])
def test_arrays_with_offsets_as_funlib_writes_them(store, at):
    group = store.require_group("train/a")
    said = {"voxel_size": [40, 8, 8], "units": ["nm"] * 3, "axis_names": ["z", "y", "x"]}
    group.create_array("raw", data=RAW).attrs.update({**said, "offset": [40, 8, 0]})
    labels = group.create_array("labels", data=LABELS)
    labels.attrs.update(said if at is None else {**said, "offset": list(at)})
    data = data_of(store)
    if at is None:
        (problem,) = data.problems
        assert "Expected labels within" in problem
        assert "from voxel -1, -1, 0 on" in problem
        return
    (item,) = data.items
    assert item.annotations[0].inside == np.s_[1:5, 0:6, 0:8]
    assert item.spacing_um == pytest.approx((0.04, 0.008, 0.008))


def test_of_a_pyramid_the_level_of_the_labels_is_read(store):
    crop(store, size=(2, 2, 2), at=(4.0, 4.5, 6.5))
    raw = store["train/a/raw"]
    raw.create_array("s1", data=RAW[:, ::2, ::2])
    said = raw.attrs.asdict()["multiscales"]
    moves = [
        {"type": "scale", "scale": [2, 2, 2]},
        {"type": "translation", "translation": [0, 0.5, 0.5]},
    ]
    said[0]["datasets"].append({"path": "s1", "coordinateTransformations": moves})
    raw.attrs["multiscales"] = said
    data = data_of(store)
    (problem,) = data.problems
    # 2 + 8 voxels of 10 along y and x
    assert "labels within" in problem
    assert "12 x 8 x 10 voxels" in problem
    ome(store["train/a"].create_group("x"), "small", LABELS[:, :4, :6], (2, 2, 2), (4.0, 4.5, 6.5))
    folder = Path(store.store.root) / "train" / "a"
    shutil.rmtree(folder / "labels")
    shutil.move(folder / "x" / "small", folder / "labels")
    (item,) = data_of(store).items
    np.testing.assert_array_equal(item.image.read()[..., 0], RAW[:, ::2, ::2])
    assert item.annotations[0].inside == np.s_[2:6, 2:6, 3:9]
    assert item.spacing_um == (2, 2, 2)


def test_files_of_any_format_in_folders_are_crops_too(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("train/a", "validate/b", "test/c"):
        (tmp_path / name).mkdir(parents=True)
        np.save(tmp_path / name / "raw.npy", rng.integers(0, 99, (16, 20), np.uint8))
        cl.images.write_labels(tmp_path / name / "labels.tif", np.eye(16, 20, dtype=np.uint8))
    mask = np.ones((16, 20), np.uint8)
    mask[8:] = 0
    cl.images.write_labels(tmp_path / "train" / "a" / "mask.tif", mask)
    data = as_data(tmp_path)
    splits = [(item.id, item.split) for item in data.items]
    assert splits == [("test_c", "test"), ("train_a", "train"), ("validate_b", "validation")]
    assert [int(read_labels(i, data.unknown)[0].sum()) for i in data.items] == [16, 8, 16]
    train, held, _ = split(data)
    assert [[i.id for i in part.items] for part in (train, held)] == [["train_a"], ["validate_b"]]
    # the crops of one split, and one crop alone
    assert [i.id for i in as_data(tmp_path / "train").items] == ["a"]
    assert [i.id for i in as_data(tmp_path / "train" / "a").items] == ["a"]
    # a mask that hides nothing is no value that was named
    cl.images.write_labels(
        tmp_path / "train" / "a" / "mask.tif", np.ones_like(mask), overwrite=True
    )
    assert not [text for text in cl.check(tmp_path / "train").warnings if "unknown" in str(text)]
    # a folder of images is none, whatever it is called
    (tmp_path / "other" / "raw").mkdir(parents=True)
    np.save(tmp_path / "other" / "raw" / "x.npy", mask)
    (tmp_path / "other" / "labels").mkdir()
    np.save(tmp_path / "other" / "labels" / "x.npy", mask)
    assert [i.id for i in as_data(tmp_path / "other").items] == ["x"]


def test_of_crops_to_train_and_to_test_a_share_of_the_first_is_held_out(store):
    for name in ("train/a", "train/b", "train/c", "train/d", "test/e"):
        crop(store, name)
    train, held, words = split(data_of(store), 0.25)
    assert (len(train), len(held)) == (3, 1)
    assert {item.id[:5] for item in (*train.items, *held.items)} == {"train"}
    assert words == "1 of 4 images held out for validation; 1 for test left out"


def test_label_images_of_several_classes_never_share_a_number(store):
    group = store.require_group("train/a")
    ome(group, "raw", RAW[0], (1, 1))
    inside = group.create_group("labels")
    one, other = np.zeros((2, 16, 20), np.uint8)
    one[2:5, 2:5], one[8:12, 2:5], other[2:5, 10:14] = 1, 2, 1
    ome(inside, "er", other, (1, 1))
    ome(inside, "mito", one, (1, 1))
    data = data_of(store)
    objects = read_labels(data.of_task(Instances()).items[0], data.unknown)[0]
    assert [objects[3, 3], objects[9, 3], objects[3, 12]] == [2, 4, 1]
    assert len(np.unique(objects)) == 4
    task = Classes(("background", "mito", "er"))
    classes = read_labels(data.of_task(task).items[0], data.unknown)[0]
    np.testing.assert_array_equal(classes, np.where(one > 0, 1, np.where(other > 0, 2, 0)))
    (problem,) = as_data(store.store.root, class_ids={"er": 1}).problems
    assert "Expected one label image. Received: 2, one for each class" in problem


HALF, MASK = (4.0, 3.5, 5.0), np.ones((4, 6, 8), np.uint8)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"at": HALF}, r"whole voxels of .*raw, 2 x 1 x 1 um. Received: 2, 3.5, 5 voxels"),
        (
            {"at": (22.0, 3.0, 5.0)},
            r"labels within .*raw, 12 x 16 x 20 voxels. Received: 4 x 6 x 8",
        ),
        ({"at": (-2.0, 3.0, 5.0)}, r"from voxel -1, 3, 5 on"),
        ({"size": (2, 2, 2)}, r"voxels of 2 x 1 x 1 um.*smaller copy.* Received: 2 x 2 x 2 um"),
        ({"labels": LABELS[0], "size": (1, 1), "at": (3.0, 5.0)}, r"labels of 3 axes"),
        ({"mask": MASK[:2]}, r"4 x 6 x 8 at \(2, 3, 5\), the size and place of its labels"),
        ({"mask": MASK, "mask_at": (0.0, 3.0, 5.0)}, r"Received: 4 x 6 x 8 at \(0, 3, 5\)"),
        ({"mask": 0 * MASK}, r"mask is 0 wherever there are labels: nothing of train_a is known"),
    ],
)
def test_what_cannot_be_placed_is_one_sentence_before_training(store, parts, words):
    crop(store, **parts)
    report = cl.check(data_of(store), Instances(), progress=False)
    assert not report.ok
    assert re.search(words, report.problems[0]), report.problems


def test_a_voxel_size_is_asked_for_where_it_is_needed(store):
    group = store.require_group("a")
    group.create_array("raw", data=RAW)
    group.create_array("labels", data=LABELS)
    (problem,) = data_of(store).problems
    assert "Expected a voxel size, by which" in problem
    assert "pixel_size_um" in problem
    # given, labels without an offset begin where the image does
    (item,) = as_data(store.store.root, pixel_size_um=(2, 1, 1)).items
    assert item.annotations[0].inside == np.s_[0:4, 0:6, 0:8]


@pytest.mark.parametrize("how", [{}, {"spacing_um": UM}, {"origin_um": (0, 1, 0)}])
def test_labels_without_size_and_place_are_named_once(tmp_path, how):
    """Two crops; the warning is in `check` and in `train`, which says what `check` does."""
    for name in "ab":
        place = tmp_path / f"data.zarr/train/{name}"
        cl.volumes.write(place / "raw", RAW, axes="zyx", spacing_um=UM)
        cl.volumes.write(place / "labels", LABELS, axes="zyx", labels=True, **how)
    report = cl.check(tmp_path / "data.zarr", progress=False)
    said = [text for text in report.warnings if "neither pixel size nor place" in str(text)]
    assert len(said) == (not how)
    assert all(str(text).startswith("train_a, train_b: its labels") for text in said)


def test_offsets_count_where_no_unit_says_how_large_voxels_are(store):
    """As DaCapo wrote them: a pixel size without a unit is not believed, places in it are."""
    group = store.require_group("a")
    for name, array, at in (("raw", RAW, [40, 0, 0]), ("labels", LABELS, [120, 24, 40])):
        said = {"resolution": [40, 8, 8], "offset": at}
        group.create_array(name, data=array).attrs.update(said)
    for given in (None, (0.04, 0.008, 0.008)):
        (item,) = as_data(store.store.root, pixel_size_um=given).items
        assert item.annotations[0].inside == np.s_[2:6, 3:9, 5:13]
        assert item.spacing_um == given


def test_crops_of_n5_have_offsets_x_first(tmp_path):
    folder = tmp_path / "data.n5" / "train" / "a"
    write_n5_said(tmp_path / "data.n5", {"n5": "4.0.0"})
    said = {"resolution": [8, 8, 40], "units": ["nm"] * 3, "axes": ["x", "y", "z"]}
    write_n5(folder / "raw", RAW, **said, offset=[0, 0, 40])
    write_n5(folder / "labels", LABELS, **said, offset=[40, 24, 120])
    (item,) = as_data(tmp_path / "data.n5").items
    assert item.annotations[0].inside == np.s_[2:6, 3:9, 5:13]
    assert (item.id, item.split) == ("train_a", "train")


def test_labels_smaller_than_their_image_need_a_format_that_says_where(tmp_path):
    np.save(tmp_path / "raw.npy", RAW[0])
    np.save(tmp_path / "labels.npy", LABELS[0])
    (problem,) = as_data(tmp_path, pixel_size_um=1.0).problems
    assert "or a translation to their place. Received: 6 x 8 and none" in problem


def test_what_lies_under_a_mask_changes_nothing(tmp_path):
    """No loss, no gradient: with other labels there the weights and scores are the same."""
    image, labels = cl.simulate.nuclei((64, 64), 8, seed=1)
    mask = np.ones(labels.shape, np.uint8)
    mask[:, 32:] = 0
    curves = []
    for name, hidden in (("a", 0), ("b", 5)):
        folder = tmp_path / name / "train" / "x"
        folder.mkdir(parents=True)
        np.save(folder / "raw.npy", image)
        np.save(folder / "labels.npy", np.where(mask, labels, hidden))
        np.save(folder / "mask.npy", mask)
        model = cl.train(
            tmp_path / name,
            task="binary",
            network=cl.UNet(filters=2, depth=1),
            trainer=cl.Trainer(iterations=3, batch_size=2, patch_px=32),
            progress=False,
        )
        curves.append(model.history.drop(columns="seconds"))
    assert curves[0].equals(curves[1])
