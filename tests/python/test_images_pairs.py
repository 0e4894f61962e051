"""Which labels belong to which image, told from names alone."""

from __future__ import annotations

import pytest

from cytoloom.datasets.layouts import find_folders
from cytoloom.datasets.listing import walk
from cytoloom.datasets.pairing import (
    infer_affixes,
    natural_order,
    pair_names,
    split_mixed,
)
from cytoloom.errors import InvalidError


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (["a.tif", "b.tif"], ["a.tif", "b.tif"]),
        (["a.tif", "b.tif"], ["a.png", "b.png"]),
        (["0001.tif", "0002.tif"], ["0001_mask.png", "0002_mask.png"]),
        (["a.ome.tif", "b.ome.tif"], ["a_cp_masks.png", "b_cp_masks.png"]),
        (["img_1.tif", "img_10.tif"], ["mask_1.tif", "mask_10.tif"]),
        (["t001.tif", "t002.tif"], ["man_seg001.tif", "man_seg002.tif"]),
        (["a_img.png", "b_img.png"], ["a_label.png", "b_label.png"]),
        (["A01_s1_w1.tif", "A01_s2_w1.tif"], ["A01_s1_mask.tif", "A01_s2_mask.tif"]),
        (["p1/a.tif", "p2/a.tif"], ["p1/a_mask.tif", "p2/a_mask.tif"]),
        (["1.tif", "2.tif", "10.tif"], ["1.tif", "2.tif", "10.tif"]),
        (["img_1.tif", "img_11.tif"], ["img_1_seg.tif", "img_11_seg.tif"]),
    ],
)
def test_names_that_belong_together(images, labels):
    found = pair_names(images, labels[::-1])
    assert found.pairs == tuple(zip(images, labels, strict=True))
    assert (found.lonely_images, found.lonely_labels, found.duplicates) == ((), (), ())


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("img_1.tif", "img_10.tif"),
        ("img_10.tif", "img_1.tif"),
        ("img_1.tif", "img_1_2.tif"),
        ("a_ch00.tif", "a_ch01.tif"),
        ("1.tif", "2_mask.tif"),
        ("cells.tif", "nuclei.tif"),
        ("p1/a.tif", "p2/a.tif"),
    ],
)
def test_names_that_only_look_alike_are_not_paired(image, label):
    found = pair_names([image], [label])
    assert (found.pairs, found.lonely_images, found.lonely_labels) == ((), (image,), (label,))


def test_the_suffix_is_that_of_most_files_and_the_rest_is_left_over():
    found = pair_names(["1.tif", "2.tif", "3.tif"], ["1_mask.png", "2_mask.png", "3_masks.png"])
    assert found.pairs == (("1.tif", "1_mask.png"), ("2.tif", "2_mask.png"))
    assert found.lonely_images == ("3.tif",)
    assert found.lonely_labels == ("3_masks.png",)


def test_two_files_for_one_name_are_duplicates_and_not_paired():
    found = pair_names(["a.tif", "b.tif", "b.png"], ["a.tif", "a.png", "b.tif"])
    assert found.pairs == ()
    assert len(found.duplicates) == 2
    assert "a.tif, a.png" in found.duplicates[0]
    assert "b.tif, b.png" in found.duplicates[1]


def test_equal_names_win_over_a_suffix():
    assert str(infer_affixes(["1", "2"], ["1", "2", "1_mask"])) == "* with *"


def test_many_names_are_paired_in_reasonable_work():
    images = [f"plate_{i:04d}.tif" for i in range(2000)]
    labels = [f"plate_{i:04d}_mask.png" for i in range(2000)]
    assert len(pair_names(images, labels).pairs) == 2000


def test_images_and_masks_in_one_folder_are_told_apart():
    names = ["a.tif", "a_mask.png", "b.tif", "b_mask.png", "unmasked.tif"]
    assert split_mixed(names) == (["a.tif", "b.tif", "unmasked.tif"], ["a_mask.png", "b_mask.png"])


def test_listing_takes_images_only_and_reports_foreign_formats(tmp_path):
    for name in ("b10.tif", "b2.PNG", "c.czi", "notes.txt", ".hidden.png", "t.csv", "x.csv.gz"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.jpg").touch()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.png").touch()
    assert walk(tmp_path).images == ["b2.PNG", "b10.tif", "c.czi", "deep/a.jpg"]


def test_folders_of_labels_must_be_one(tmp_path):
    for name in ("Images", "masks"):
        (tmp_path / name).mkdir()
    assert find_folders(tmp_path) == (tmp_path / "Images", tmp_path / "masks")
    (tmp_path / "labels").mkdir()
    with pytest.raises(InvalidError, match="labels and masks"):
        find_folders(tmp_path)


def test_natural_order_counts():
    assert sorted(["a10b", "a2b", "A1"], key=natural_order) == ["A1", "a2b", "a10b"]
