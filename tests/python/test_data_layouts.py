"""Folders as other tools leave them, and what is passed over in them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
from cytoloom.datasets.data import as_data
from cytoloom.datasets.unlabelled import as_images, gather_images

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)
LABELS = np.zeros((6, 8), np.uint8)
LABELS[1:3, 1:4] = 1


def put(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if array is None:
        path.write_bytes(b"something")
    elif path.suffix == ".png":
        Pillow.fromarray(array).save(path)
    elif path.suffix == ".npy":
        np.save(path, array, allow_pickle=True)
    else:
        tifffile.imwrite(path, array)


def ids(x):
    return [item.id for item in x]


def test_cellpose_leaves_masks_beside_its_pickles(tmp_path):
    for k in range(2):
        put(tmp_path / f"im{k}.tif", IMAGE + k)
        put(tmp_path / f"im{k}_seg.npy", np.array({"masks": LABELS}, object))
        put(tmp_path / f"im{k}_cp_masks.png", LABELS)
        put(tmp_path / f"im{k}_flows.tif", IMAGE)
        put(tmp_path / f"im{k}_cp_output.png", IMAGE)
    data = as_data(tmp_path)
    assert [(i.id, i.annotations[0].read().max()) for i in data.items] == [("im0", 1), ("im1", 1)]
    assert data.problems == ()
    assert "2 of Cellpose's *_seg.npy, pickles, which are never loaded" in data.notes[0]
    assert "4 of Cellpose's flows and outlines (im0_cp_output.png, im0_flows.tif" in data.notes[0]
    assert ids(as_images(tmp_path)) == ["im0", "im1"]


def test_cellpose_without_masks_is_told_to_save_them(tmp_path):
    put(tmp_path / "im.tif", IMAGE)
    put(tmp_path / "im_seg.npy", np.array({"masks": LABELS}, object))
    assert "save the masks as PNG or TIFF" in as_data(tmp_path).problems[0]
    assert ids(as_images(tmp_path)) == ["im"]


@pytest.mark.parametrize(
    ("images", "labels"),
    [("raw", "label"), ("x", "y"), ("images", "masks"), ("imagesTr", "labelsTr")],
)
def test_folders_of_biapy_stardist_and_nnunet(tmp_path, images, labels):
    for k in range(2):
        put(tmp_path / images / f"{k}.tif", IMAGE)
        put(tmp_path / labels / f"{k}.tif", LABELS)
    put(tmp_path / "imagesTs" / "7.tif", IMAGE)
    data = as_data(tmp_path)
    assert (ids(data.items), data.problems) == (["0", "1"], ())
    assert data.notes == (f"passed over in {tmp_path}: 1 folder (imagesTs)",)
    assert ids(as_images(tmp_path)) == ["0", "1"]


NEW = {"channel_names": {"0": "DAPI", "1": "GFP"}, "file_ending": ".tif", "numTraining": 2,
       "labels": {"background": 0, "nucleus": 1, "ignore": 2}}  # fmt: skip
OLD = {"modality": {"0": "DAPI", "1": "GFP"}, "labels": {"0": "background", "1": "nucleus"}}


def nnunet(folder, said, cases=("a", "bb")):
    """Write cases of two channels, and what dataset.json says."""
    for case in cases:
        for channel in range(2):
            put(folder / "imagesTr" / f"{case}_{channel:04d}.tif", IMAGE + channel + len(case))
            put(folder / "imagesTs" / f"x{case}_{channel:04d}.tif", IMAGE + channel)
        put(folder / "labelsTr" / f"{case}.tif", LABELS * 2 if case == "bb" else LABELS)
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    (folder / "dataset.json").write_bytes(text)
    return folder


@pytest.mark.parametrize("said", [NEW, OLD])
def test_what_nnunet_says_of_a_set_is_taken_over_and_said(tmp_path, said):
    data = as_data(nnunet(tmp_path, said))
    test = gather_images(tmp_path / "imagesTs")
    for found in (*data.items, *test.items):
        assert found.image.channel_names == ("DAPI", "GFP")
    assert ids(test.items) == ["xa", "xbb"]
    assert (data.classes, data.problems) == (("background", "nucleus"), ())
    assert data.unknown == (2 if said is NEW else None)
    words = "channels are DAPI, GFP; label values are background, nucleus, for task='classes:back"
    assert sum(words in text for text in data.notes) == 1
    assert sum(words in text for text in test.notes) == 1
    assert not any("dataset.json)" in text for text in data.notes)  # as passed over
    assert as_data(tmp_path, unknown=7).unknown == 7
    if said is NEW:
        assert cl.check(tmp_path, task="classes:background,nucleus").warnings == ()
        turned = cl.check(tmp_path, task="classes:nucleus,background").warnings
        assert "and nucleus, background by the task" in turned[0]


def test_what_does_not_fit_what_nnunet_says_is_named(tmp_path):
    nnunet(tmp_path, NEW | {"numTraining": 3})
    put(tmp_path / "imagesTr" / "c_0000.png", IMAGE)
    (tmp_path / "imagesTr" / "bb_0001.tif").unlink()
    data = as_data(tmp_path)
    assert ids(data.items) == ["a"]
    assert "files of 1 channel, where" in data.problems[0]
    assert "names 2 (DAPI, GFP)" in data.problems[0]
    said = str(data.notes)
    assert "says that files end in .tif: 1 (c_0000.png)" in said
    assert "counts 3 cases; 2 are there" in said


@pytest.mark.parametrize(
    "said",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        [1],
        {"labels": NEW["labels"]},
        NEW | {"channel_names": {"1": "DAPI"}},
        NEW | {"channel_names": {"0": 5}},
        NEW | {"labels": {"a": "b"}},
        NEW | {"labels": {}},
        NEW | {"labels": {"background": 0, "ignore": [1, 2]}},
        NEW | {"file_ending": 3},
    ],
)
def test_a_damaged_description_is_one_sentence_and_the_images_are_read(tmp_path, said):
    data, test = as_data(nnunet(tmp_path, said)), gather_images(tmp_path / "imagesTs")
    for found in (data, test):
        (text,) = found.problems
        assert "dataset.json`. Expected nnU-Net's description" in text
        assert "Mend it, or move it away" in text
        assert [item.image.shape for item in found.items] == [(6, 8, 2)] * 2


@pytest.mark.parametrize("bowl", [True, False])
def test_a_mask_file_per_object(tmp_path, bowl):
    for name, size in (("a", 6), ("b", 5)):
        put(
            tmp_path / (f"{name}/images/{name}.png" if bowl else f"images/{name}.png"), IMAGE[:size]
        )
        for k, column in enumerate((0, 4, 6)):
            mask = np.zeros((size, 8), np.uint8)
            mask[k : k + 2, column : column + 2] = 255
            put(tmp_path / (f"{name}/masks/{k}.png" if bowl else f"masks/{name}/{k}.png"), mask)
    data = as_data(tmp_path)
    assert (ids(data.items), data.problems) == (["a", "b"], ())
    found = data.items[1].annotations[0].read()[:, [0, 4, 6]]
    assert found.tolist() == [[1, 0, 0], [1, 2, 0], [0, 2, 3], [0, 0, 3], [0, 0, 0]]
    assert "a mask file per object" in str(cl.check(tmp_path))
    assert ids(as_images(tmp_path)) == ["a", "b"]


def test_overlapping_masks_are_said(tmp_path):
    put(tmp_path / "images" / "a.png", IMAGE)
    for k in range(2):
        put(tmp_path / "masks" / "a" / f"{k}.png", LABELS * 255)
    assert "of which some overlap" in str(cl.check(tmp_path))


def test_masks_beside_images_are_no_images_to_predict(tmp_path):
    for k in range(3):
        put(tmp_path / f"{k}.tif", IMAGE)
        put(tmp_path / f"{k}_mask.tif", LABELS)
    assert ids(as_images(tmp_path)) == ids(as_data(tmp_path).items) == ["0", "1", "2"]
    # alone they are
    for k in range(3):
        (tmp_path / f"{k}.tif").unlink()
    assert ids(as_images(tmp_path)) == ["0_mask", "1_mask", "2_mask"]


def test_masks_in_a_folder_inside_are_no_images_to_predict(tmp_path):
    put(tmp_path / "a.tif", IMAGE)
    put(tmp_path / "masks" / "a.png", LABELS)
    assert ids(as_images(tmp_path)) == ["a"]


def test_an_image_called_a_mask_is_one_where_it_belongs_to_none(tmp_path):
    put(tmp_path / "manual_b.tif", IMAGE)
    put(tmp_path / "plate_7.tif", IMAGE)
    assert ids(as_images(tmp_path)) == ["manual_b", "plate_7"]


def test_everything_passed_over_is_named_with_its_number(tmp_path):
    put(tmp_path / "images" / "a.tif", IMAGE)
    put(tmp_path / "labels" / "a.tif", LABELS)
    for name in ("._a.tif", "RoiSet.zip", "a.roi", "b.roi", "README", ".cache/x.tif"):
        put(tmp_path / "images" / name, None)
    put(tmp_path / "old" / "b.tif", IMAGE)
    put(tmp_path / "overview.tif", IMAGE)
    (tmp_path / "images" / "link").symlink_to(tmp_path / "old")
    around, inside = as_data(tmp_path).notes
    assert around == f"passed over in {tmp_path}: 1 folder (old), 1 image (overview.tif)"
    for words in (
        "1 hidden file (._a.tif)",
        "1 file ending in .zip (RoiSet.zip)",
        "2 files ending in .roi (a.roi, b.roi)",
        "1 file without an ending (README)",
        "1 hidden folder (.cache)",
        "1 link to a folder (link)",
    ):
        assert words in inside
    assert inside in cl.check(tmp_path).notes


def test_an_image_left_over_beside_a_paired_one_is_named(tmp_path):
    # two of a kind are left over for either way to pair the others
    for name in ("A_raw", "B_raw", "A_overview", "B_overview"):
        put(tmp_path / "images" / f"{name}.tif", IMAGE)
    for name in ("A", "B"):
        put(tmp_path / "labels" / f"{name}.tif", LABELS)
    problems = as_data(tmp_path).problems
    assert [p.split(" has no labels")[0][-8:] for p in problems] == ["view.tif"] * 2
    assert len(problems) == 2


def test_one_image_with_a_mask_file_per_object(tmp_path):
    put(tmp_path / "a" / "images" / "a.png", IMAGE)
    for k in range(2):
        put(tmp_path / "a" / "masks" / f"{k}f.png", np.roll(LABELS, 2 * k, 0) * 255)
    (item,) = as_data(tmp_path).items
    assert item.annotations[0].read().max() == 2


def test_a_folder_called_x_or_y_alone_means_nothing(tmp_path):
    put(tmp_path / "x" / "a.tif", IMAGE)
    put(tmp_path / "z" / "b.tif", IMAGE)
    assert ids(as_images(tmp_path)) == ["a", "b"]


def test_results_and_models_in_a_folder_of_images_are_no_images(tmp_path):
    for name in ("a.tif", "found/labels/a.tif", "begun/labels/a.tif", "m.cytoloom/snapshots/1.png"):
        put(tmp_path / name, IMAGE)
    put(tmp_path / "found" / "files.csv", None)
    put(tmp_path / "begun" / ".predicting" / "asked.json", None)
    put(tmp_path / "m.cytoloom" / "model.json", None)
    found = gather_images(tmp_path)
    assert ids(found.items) == ["a"]
    assert "3 folders of results or of a model (begun, found, m.cytoloom)" in found.notes[0]
