"""Folders, tables, arrays and dictionaries all become the same items."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom.images
from cytoloom.datasets.data import Data, as_data, manifest
from cytoloom.datasets.files import FileSource
from cytoloom.datasets.items import Item, read_labels
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)
LABELS = np.zeros((6, 8), np.uint8)
LABELS[1:3, 1:4] = 1


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        Pillow.fromarray(array).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Three images with masks beside, ``0001_mask.png`` for ``0001.tif``."""
    for i in range(3):
        put(tmp_path / "images" / f"000{i}.tif", IMAGE + i)
        put(tmp_path / "masks" / f"000{i}_mask.png", LABELS * 255)
    return tmp_path


def facts(data):
    return [(i.id, i.image.shape, [a.shape for a in i.annotations]) for i in data.items]


def refused(x, match, **options):
    with pytest.raises(InvalidError, match=match):
        as_data(x, **options)


# Folders


def test_a_folder_of_images_and_masks(folder):
    data = as_data(str(folder))
    assert facts(data) == [(f"000{i}", (6, 8, 1), [(6, 8)]) for i in range(3)]
    assert (data.problems, data.notes) == (
        (),
        ("images and labels are paired by name: * with *_mask",),
    )
    np.testing.assert_array_equal(data.items[2].image.read()[..., 0], IMAGE + 2)


def test_images_and_masks_in_one_folder(tmp_path):
    for i in range(2):
        put(tmp_path / f"{i}.tif", IMAGE)
        put(tmp_path / f"{i}_mask.tif", LABELS)
    assert [i.id for i in as_data(tmp_path).items] == ["0", "1"]


def test_masks_in_a_folder_inside_that_of_the_images(tmp_path):
    put(tmp_path / "a.tif", IMAGE)
    put(tmp_path / "masks" / "a.png", LABELS)
    assert facts(as_data(tmp_path)) == [("a", (6, 8, 1), [(6, 8)])]


def test_folders_inside_images_are_groups(tmp_path):
    for plate in ("p1", "p2"):
        put(tmp_path / "images" / plate / "a.tif", IMAGE)
        put(tmp_path / "labels" / plate / "a.tif", LABELS)
    assert [(i.id, i.group) for i in as_data(tmp_path).items] == [("p1_a", "p1"), ("p2_a", "p2")]


def test_folders_of_annotators(tmp_path):
    for i in range(2):
        put(tmp_path / "images" / f"{i}.tif", IMAGE)
        put(tmp_path / "masks" / "anna" / f"{i}.png", LABELS)
    put(tmp_path / "masks" / "ben" / "1.png", LABELS)
    data = as_data(tmp_path)
    assert [len(i.annotations) for i in data.items] == [1, 2]
    assert data.problems == ()
    assert "2 annotators: anna, ben" in data.notes
    put(tmp_path / "masks" / "est_GT" / "1.png", LABELS)
    said = "est_GT counts as one who drew; if it was made of the others, move it away"
    assert said in as_data(tmp_path).notes


@pytest.mark.parametrize("image", ["p1_{}.tif", "{}-p1.tif"])
@pytest.mark.parametrize("label", ["{}.png", "{}_mask.png"])
def test_folders_that_names_of_images_hold_are_no_annotators(tmp_path, image, label):
    """Labels of plate p0 are those of other images, not a second drawing of these."""
    for i in "ab":
        put(tmp_path / "images" / image.format(i), IMAGE)
        for plate in ("p0", "p1"):
            put(tmp_path / "masks" / plate / label.format(i), LABELS)
    data = as_data(tmp_path)
    assert [len(item.annotations) for item in data.items] == [1, 1]
    assert all("/p1/" in item.annotations[0].name for item in data.items)
    assert sum("/p0/" in text and "has no image" in text for text in data.problems) == 2


def test_annotators_whose_names_images_have_too(tmp_path):
    """Labels called as the images are tell that the folders are no part of the names."""
    for i in range(2):
        put(tmp_path / "images" / f"anna_{i}.tif", IMAGE)
        for who in ("anna", "ben"):
            put(tmp_path / "masks" / who / f"anna_{i}.png", LABELS)
    assert [len(item.annotations) for item in as_data(tmp_path).items] == [2, 2]


def test_lonely_files_are_problems_not_errors(folder):
    put(folder / "images" / "0009.tif", IMAGE)
    put(folder / "masks" / "0010_mask.png", LABELS)
    problems = as_data(folder).problems
    assert len(problems) == 2
    assert "0010_mask.png has no image" in problems[0]
    assert "0009.tif has no labels" in problems[1]


def test_two_folders_given_apart(folder):
    assert len(as_data((folder / "images", folder / "masks"))) == 3
    assert len(Data.from_pairs(folder / "images", folder / "masks")) == 3


def test_folders_that_cannot_be(tmp_path, folder):
    refused(tmp_path / "none", "none")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no image in")


def test_a_time_series_is_one_item_per_frame_in_one_group(tmp_path):
    series = np.stack([IMAGE, IMAGE + 1, IMAGE + 2])
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", series, imagej=True, metadata={"axes": "TYX"})
    labels = np.stack([LABELS * k for k in (1, 2, 3)])
    tifffile.imwrite(tmp_path / "labels" / "a.tif", labels, photometric="minisblack")
    data = as_data(tmp_path)
    assert [(i.id, i.group) for i in data.items] == [(f"a_t00{k}", "a") for k in range(3)]
    np.testing.assert_array_equal(data.items[1].image.read()[..., 0], IMAGE + 1)
    np.testing.assert_array_equal(data.items[1].annotations[0].read(), LABELS * 2)


# Tables


def test_a_csv_file_with_groups_and_splits(folder):
    table = pd.DataFrame(
        {
            "image": [f"images/000{i}.tif" for i in range(3)],
            "label": [f"masks/000{i}_mask.png" for i in range(3)],
            "group": ["a", "a", None],
            "split": ["train", "Validation", None],
            "stain": ["x", "y", "z"],
        }
    )
    table.to_csv(folder / "data.csv", index=False)
    data = as_data(folder / "data.csv")
    assert [(i.group, i.split) for i in data.items] == [
        ("a", "train"),
        ("a", "validation"),
        (None, None),
    ]
    assert data.notes == (
        "columns of the table: image (the image), label (its labels), group (what it belongs to), "
        "split (for training, validation or test); not used, but come along into tables of "
        "results: stain",
    )
    assert facts(data)[0] == ("0000", (6, 8, 1), [(6, 8)])
    assert facts(Data.from_table(table, folder)) == facts(data)


def test_a_csv_file_of_a_german_spreadsheet(folder):
    rows = [f"images/000{i}.tif;masks/000{i}_mask.png" for i in range(2)]
    text = "\n".join(["\ufeffImage;Label", *rows])
    (folder / "data.csv").write_text(text, encoding="utf-8")
    assert len(as_data(folder / "data.csv")) == 2


def test_weights_are_numbers(folder):
    columns = {"image": ["images/0000.tif"], "label": ["masks/0000_mask.png"]}
    assert Data.from_table({**columns, "weight": ["2.5"]}, folder).items[0].weight == 2.5
    for wrong in ("much", "-1", "nan"):
        with pytest.raises(InvalidError, match="weight"):
            Data.from_table({**columns, "weight": [wrong]}, folder)


def test_tables_that_are_incomplete(folder):
    refused(pd.DataFrame({"picture": ["a.tif"]}), "columns")
    refused(pd.DataFrame({"image": [], "label": []}), "0 rows")
    table = pd.DataFrame({"image": ["a.tif", "b.tif", "b.tif"], "label": [None, "c.tif", "d.tif"]})
    problems = as_data(table).problems
    assert problems == ("b.tif is listed 2 times", "row 1 of the table has no label")


# Arrays


def test_a_pair_of_arrays():
    assert facts(as_data((IMAGE, LABELS))) == [("image", (6, 8, 1), [(6, 8)])]


def test_an_array_takes_its_axes_from_its_labels():
    colour = np.zeros((6, 8, 3))
    stack, stack_labels = np.zeros((4, 6, 8)), np.zeros((4, 6, 8), int)
    assert as_data((colour, LABELS)).items[0].image.shape == (6, 8, 3)
    assert as_data((stack, stack_labels)).items[0].image.shape == (4, 6, 8, 1)
    assert as_data((np.zeros((6, 8, 9)), LABELS)).items[0].image.shape == (6, 8, 9)
    channels_first = np.zeros((3, 6, 8))
    assert as_data((channels_first, LABELS)).items[0].image.shape == (6, 8, 3)


@pytest.mark.parametrize(
    "x",
    [
        ([IMAGE, IMAGE], [LABELS, LABELS]),
        [[IMAGE, IMAGE], [LABELS, LABELS]],
        [(IMAGE, LABELS), (IMAGE, LABELS)],
        {"images": [IMAGE, IMAGE], "labels": [LABELS, LABELS]},
    ],
)
def test_lists_of_arrays(x):
    assert facts(as_data(x)) == [(f"image_00{i}", (6, 8, 1), [(6, 8)]) for i in range(2)]


def test_a_dictionary_as_r_sends_it():
    data = as_data(
        {
            "images": [IMAGE, IMAGE],
            "labels": [LABELS, LABELS],
            "names": ["a", "b"],
            "groups": ["x", None],
            "splits": ["train", "validation"],
            "pixel_size_um": [0.5, 0.25],
            "unknown": 9.0,
        }
    )
    assert [(i.id, i.group, i.split) for i in data.items] == [
        ("a", "x", "train"),
        ("b", None, "validation"),
    ]
    assert data.items[0].spacing_um == (0.5, 0.25)
    assert data.unknown == 9


def test_a_dictionary_of_one_image_names_or_a_folder(folder):
    one = {"images": IMAGE, "labels": LABELS, "names": "a"}
    assert [i.id for i in as_data(one).items] == ["a"]
    assert len(as_data({"folder": str(folder)})) == 3
    columns = {"image": ["images/0000.tif"], "label": ["masks/0000_mask.png"]}
    assert len(as_data({"table": columns, "base": str(folder)})) == 1
    columns = {"images": [IMAGE], "labels": [LABELS], "names": np.array(["n"])}
    data = as_data({**columns, "groups": pd.Series(["g"])})
    assert [(i.id, i.group) for i in data.items] == [("n", "g")]


def test_images_read_before_keep_their_names_and_pixel_size():
    image = cytoloom.images.Image(IMAGE[..., None], "yxc", (0.5, 0.5), None, "cells")
    item = as_data(([image], [LABELS])).items[0]
    assert (item.id, item.spacing_um) == ("cells", (0.5, 0.5))


def test_lists_of_files(folder):
    images = sorted((folder / "images").iterdir())
    labels = sorted((folder / "masks").iterdir())
    assert facts(as_data((images, labels))) == facts(as_data(folder))


def test_items_and_data_pass_through():
    item = Item("a", ArraySource(IMAGE), (ArraySource(LABELS, role="labels"),))
    data = as_data([item])
    assert data.items == (item,)
    assert as_data(data).items == (item,)
    assert as_data(data, unknown=7).unknown == 7


@pytest.mark.parametrize(
    "x", [None, 3, [], "", (1, 2, 3), {"images": [IMAGE]}, {1: IMAGE, "a": IMAGE}]
)
def test_what_names_no_data_is_refused(x):
    refused(x, "data|labels|numbers")


@pytest.mark.parametrize(
    ("key", "value"),
    [("folder", 3), ("base", None), ("names", [[1], [2]]), ("names", [iter("b")])],
)
def test_a_dictionary_of_other_types_is_refused_by_its_key(key, value):
    x = {"base": {"table": {}}, "folder": {}}.get(key, {"images": [IMAGE], "labels": [LABELS]})
    refused({**x, key: value}, f"`{key}`")


def test_numbers_of_images_and_labels_must_agree():
    refused(([IMAGE, IMAGE], [LABELS]), "2 images and 1 label")
    refused(([IMAGE], [np.array([[0.5, 1]])]), "rescaled")


# Channels, pixel size, unknown labels


def test_channels_are_chosen_for_files_arrays_and_data(tmp_path):
    colour = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    put(tmp_path / "images" / "a.png", colour)
    put(tmp_path / "masks" / "a.png", LABELS)
    for data in (
        as_data(tmp_path, channels="green"),
        as_data(tmp_path, channels=[1]),
        as_data((colour, LABELS), channels=(1,)),
        as_data(as_data(tmp_path), channels=["green"]),
        as_data(tmp_path).with_channels("green"),
    ):
        assert data.items[0].image.shape == (6, 8, 1)
        np.testing.assert_array_equal(data.items[0].image.read()[..., 0], colour[..., 1])
        part = data.items[0].image.read((slice(1, 3), slice(2, 4)))
        np.testing.assert_array_equal(part[..., 0], colour[1:3, 2:4, 1])


def test_the_pixel_size_of_the_file_or_as_told(folder):
    assert as_data(folder).items[0].spacing_um is None
    assert as_data(folder, pixel_size_um=0.5).items[0].spacing_um == (0.5, 0.5)
    refused(folder, "one for each of y, x", pixel_size_um=(1, 2, 3))


def test_unknown_labels_are_0_and_not_known():
    data = as_data((IMAGE[:1], np.array([[0, 1, 255, 1, 0, 0, 0, 255]])), unknown=255)
    labels, known = read_labels(data.items[0], data.unknown)
    assert labels.dtype == np.int32
    assert labels.tolist() == [[0, 1, 0, 1, 0, 0, 0, 0]]
    assert known.tolist() == [[True, True, False, True, True, True, True, False]]
    part, _ = read_labels(data.items[0], None, (slice(0, 1), slice(1, 3)))
    assert part.tolist() == [[1, 255]]


def test_labels_beyond_32_bits_are_refused_not_wrapped():
    data = as_data((IMAGE[:1, :2], np.array([[0, 2**31]])))
    with pytest.raises(InvalidError, match="Renumber"):
        read_labels(data.items[0])


# Images to predict


def ids(*args, **options):
    return [i.id for i in as_images(*args, **options)]


def test_images_of_a_folder_a_file_a_pattern_a_list(folder):
    assert ids(folder) == ["0000", "0001", "0002"]
    assert ids(folder / "images") == ["0000", "0001", "0002"]
    assert ids(folder / "images" / "0001.tif") == ["0001"]
    assert ids(f"{folder}/images/*[12].tif") == ["0001", "0002"]
    assert ids([folder / "images" / "0001.tif", folder / "images" / "0000.tif"]) == ["0001", "0000"]
    assert all(not i.annotations for i in as_images(as_data(folder)))


def test_images_of_a_csv_file(folder):
    (folder / "some.csv").write_text("image\nimages/0001.tif\n")
    assert ids(folder / "some.csv") == ["0001"]


def test_arrays_to_predict():
    assert ids(IMAGE) == ["image"]
    assert ids([IMAGE, IMAGE]) == ["image_000", "image_001"]
    assert ids({"a": IMAGE, "b": IMAGE}) == ["a", "b"]
    assert ids({"images": [IMAGE, IMAGE], "names": ["x", "y"]}) == ["x", "y"]
    assert ids({"images": [IMAGE, IMAGE], "names": np.array(["x", "y"])}) == ["x", "y"]
    assert as_images(np.zeros((3, 20, 30)))[0].image.axes == "zyxc"
    assert as_images(np.zeros((3, 20, 30)), axes="cyx")[0].image.shape == (20, 30, 3)


def test_equal_names_in_different_folders_stay_apart(tmp_path):
    for name in ("p1/a.tif", "p2/a.tif", "p2/b.tif"):
        put(tmp_path / name, IMAGE)
    assert ids(tmp_path) == ["p1_a", "p2_a", "p2_b"]
    put(tmp_path / "p1" / "a.png", IMAGE)
    assert len(set(ids(tmp_path))) == 4


def test_a_bad_file_among_good_ones_is_an_item_that_raises_when_read(folder):
    (folder / "images" / "0001.tif").write_bytes(b"II*\x00")
    items = as_images(folder)
    assert [i.id for i in items] == ["0000", "0001", "0002"]
    with pytest.raises(InvalidError, match=r"0001\.tif"):
        items[1].image.read()
    assert items[2].image.read().shape == (6, 8, 1)


def test_folders_and_patterns_may_stand_among_files(folder, tmp_path):
    put(tmp_path / "more" / "b.tif", IMAGE)
    put(tmp_path / "c.tif", IMAGE)
    given = [f"{folder}/images/*1.tif", tmp_path / "more", tmp_path / "c.tif"]
    paths = [i.image.path.name for i in as_images(given)]
    assert paths == ["0001.tif", "b.tif", "c.tif"]


def test_a_folder_of_sets_is_not_a_set(tmp_path):
    for name in ("test", "train"):
        put(tmp_path / name / "images" / "1.tif", IMAGE)
        put(tmp_path / name / "labels" / "1.tif", LABELS)
    for read in (Data.from_folder, as_images):
        with pytest.raises(InvalidError, match=r"labels: test, train\. Give one of them: .*test"):
            read(tmp_path)


def test_folders_that_are_no_sets_are_passed_over(tmp_path):
    put(tmp_path / "1.tif", IMAGE)
    put(tmp_path / "2.tif", IMAGE)
    (tmp_path / "empty" / "images").mkdir(parents=True)
    (tmp_path / "empty" / "labels").mkdir()
    for name in ("labels", "masks"):
        (tmp_path / "both" / name).mkdir(parents=True)
    for name in ("images", "labels"):
        put(tmp_path / ".old" / name / "1.tif", LABELS)
    assert len(as_images(tmp_path)) == 2
    put(tmp_path / "annotated" / "images" / "1.tif", IMAGE)
    put(tmp_path / "annotated" / "labels" / "1.tif", LABELS)
    with pytest.raises(InvalidError, match=r"Give one of them: .*annotated, or .*\*\.tif for the"):
        as_images(tmp_path)


def test_the_folder_of_images_alone_is_not_the_data(folder):
    with pytest.raises(InvalidError, match=r"the images alone\. Give "):
        as_data(folder / "images")


def test_no_image_at_all(tmp_path):
    for nothing in (tmp_path, [], "", tmp_path / "none.tif", f"{tmp_path}/*.tif"):
        with pytest.raises(InvalidError):
            as_images(nothing)


def test_time_points_and_planes_are_images_of_their_own(tmp_path):
    array = np.arange(2 * 3 * 6 * 8, dtype=np.uint8).reshape(2, 3, 6, 8)
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZYX"})
    items = as_images(tmp_path)
    assert [(i.id, i.image.shape) for i in items] == [
        ("a_t000", (3, 6, 8, 1)),
        ("a_t001", (3, 6, 8, 1)),
    ]
    np.testing.assert_array_equal(items[1].image.read()[..., 0], array[1])
    flat = as_images(tmp_path, slices=True)
    assert [i.id for i in flat] == [f"a_t00{t}_z00{z}" for t in range(2) for z in range(3)]
    np.testing.assert_array_equal(flat[4].image.read()[..., 0], array[1, 1])


def test_all_of_the_fixtures_folder_is_read(real_data):
    """Of plant-seg's file the image; the labels beside it are none."""
    items = as_images(real_data / "io_fixtures")
    assert not [i.id for i in items if unreadable(i)]
    assert [i.id for i in items if "ovule" in i.id] == ["hdf5_ovule_nuclei_1135_mini"]
    assert len(items) > 20


def unreadable(item):
    try:
        return not item.image.shape
    except InvalidError:
        return True


# Manifest


def test_the_manifest_depends_on_pixels_alone(folder):
    from_files = manifest(as_data(folder))
    arrays = [IMAGE + i for i in range(3)]
    from_arrays = manifest(as_data((arrays, [LABELS * np.uint8(255)] * 3)))
    for a, b in zip(from_files, from_arrays, strict=True):
        assert {**a, "id": ""} == {**b, "id": ""}
    assert len({row["image_sha256"] for row in from_files}) == 3
    assert from_files[0]["shape"] == [6, 8, 1]
    assert manifest(Data(tuple(as_images(IMAGE))))[0]["label_sha256"] is None


def test_a_changed_file_changes_its_hash(folder):
    """Also to one of the same size and date, as archives and copies make them."""
    import os

    data, file = as_data(folder), folder / "images" / "0000.tif"
    os.utime(file, ns=(1, 1))
    before, status = manifest(data)[0]["image_sha256"], file.stat()
    put(file, IMAGE + 100)
    while file.stat().st_ctime_ns == status.st_ctime_ns:  # clocks of disks tick slowly
        os.utime(file, ns=(1, 1))
    os.utime(file, ns=(1, 1))
    assert file.stat().st_size == status.st_size
    assert manifest(data)[0]["image_sha256"] != before


def test_file_sources_share_what_is_decoded_and_hand_out_read_only_pixels(folder):
    first, second = (FileSource(folder / "images" / "0000.tif") for _ in range(2))
    assert first.read() is second.read()
    with pytest.raises(ValueError, match="read-only"):
        first.read()[0] = 1


def test_two_tuples_of_two_are_not_guessed():
    """What zip() leaves of two images and their labels, or two pairs: either would be possible."""
    with pytest.raises(InvalidError, match=r"may be either\. Give a list of pairs"):
        as_data(((IMAGE, IMAGE), (LABELS, LABELS)))
    for given in (
        [(IMAGE, LABELS)] * 2,
        ([IMAGE] * 2, [LABELS] * 2),
        ((IMAGE,) * 3, (LABELS,) * 3),
    ):
        assert all((item.annotations[0].read() == LABELS).all() for item in as_data(given).items)
