"""Annotations of COCO, as it and other programs write them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile

import cytoloom as cl

SHAPE = (6, 8)
SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]
"""Rows 1 and 2, columns 1 to 3."""
SQUARE_AS_RUNS = {"counts": [7, 2, 4, 2, 4, 2], "size": [6, 8]}


def square(value=1, rows=slice(1, 3), columns=slice(1, 4)):
    labels = np.zeros(SHAPE, np.int32)
    labels[rows, columns] = value
    return labels


def coco(annotations, images=("a.tif",), categories=("cell",), **more):
    """What a file says: annotations are of the first image, unless they say otherwise."""
    return {
        "images": [
            {"id": k, "file_name": name, "height": SHAPE[0], "width": SHAPE[1]}
            for k, name in enumerate(images)
        ],
        "annotations": [
            {"id": k, "image_id": 0, "category_id": 0, "iscrowd": 0, **one}
            for k, one in enumerate(annotations)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(categories)],
        **more,
    }


@pytest.fixture
def folder(tmp_path):
    """A folder of images, and a function that writes what belongs to them."""
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images/a.tif", square(200).astype(np.uint8))
    return tmp_path


def read(folder, said, **how):
    """Write a file, read the labels of the first image, and what `check` understands."""
    path = folder / "annotations.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    data = cl.Data.from_pairs(folder / "images", path, **how)
    labels = data.items[0].annotations[0].read()
    return labels, data.items[0].annotations[0].understood


@pytest.mark.parametrize(
    "segmentation",
    [
        [SQUARE],
        SQUARE,
        [[[1, 1], [4, 1], [4, 3], [1, 3]]],
        [[1, 1], [4, 1], [4, 3], [1, 3]],
        [[1.4, 0.6, 3.6, 0.6, 3.6, 2.6, 1.4, 2.6]],
        [[*SQUARE, 1, 1]],
        SQUARE_AS_RUNS,
        {"counts": "724000g0", "size": [6, 8]},
    ],
    ids=["list", "flat", "pairs in a list", "pairs", "fractions", "closed", "runs", "compressed"],
)
def test_an_outline_is_read_however_it_is_written(folder, segmentation):
    labels, said = read(folder, coco([{"segmentation": segmentation}]))
    assert np.array_equal(labels, square())
    assert said == "annotations of COCO"


def test_compressed_runs_are_those_of_pycocotools(folder):
    """Of a ring of 40 x 30 px, as its `encode` writes it."""
    ring = np.zeros((40, 30), np.uint8)
    ring[5:20, 5:20] = 1
    ring[10:15, 10:15] = 0
    tifffile.imwrite(folder / "images/a.tif", ring, photometric="minisblack")
    counts = "]6?i000000000F\\O0d00\\O0d00\\O0d00\\O0d00\\O0d0:00000000[<"
    said = coco([{"segmentation": {"counts": counts, "size": [40, 30]}}])
    said["images"][0].update(height=40, width=30)
    assert np.array_equal(read(folder, said)[0], ring)


def test_pieces_are_one_object_and_what_lies_over_another_is_of_the_later(folder):
    inner = [2, 1, 3, 1, 3, 2, 2, 2]
    apart = [6, 4, 8, 4, 8, 6, 6, 6]
    labels, said = read(
        folder, coco([{"segmentation": [SQUARE, inner, apart]}, {"segmentation": [inner]}])
    )
    expected = square() + square(1, slice(4, 6), slice(6, 8))
    expected[1, 2] = 2
    assert np.array_equal(labels, expected), "pieces add up: one in another is no hole"
    assert said.endswith("1 px are in several, and taken for the later")


def test_crowds_count_nowhere_where_a_value_is_given_for_it(folder):
    crowd = {"segmentation": square_runs(), "iscrowd": 1}
    object_ = {"segmentation": [[6, 4, 8, 4, 8, 6, 6, 6]]}
    labels, said = read(folder, coco([crowd, object_]))
    assert np.array_equal(labels, square(1, slice(4, 6), slice(6, 8)))
    assert "1 crowd, whose objects are not told apart, are background unless" in said
    labels, said = read(folder, coco([crowd, object_]), unknown=1)
    assert np.array_equal(labels, square(1) + square(2, slice(4, 6), slice(6, 8)))
    assert said.endswith("count nowhere")
    data = cl.Data.from_pairs(folder / "images", folder / "annotations.json").with_unknown(9)
    assert set(np.unique(data.items[0].annotations[0].read())) == {0, 1, 9}


def square_runs():
    return dict(SQUARE_AS_RUNS)


@pytest.mark.parametrize("more", [{"attributes": {"occluded": False}}, {}])
def test_what_cvat_painted_is_an_object_though_it_says_crowd(folder, more):
    painted = {"segmentation": square_runs(), "iscrowd": 1, **more}
    others = [{"segmentation": [[6, 4, 8, 4, 8, 6, 6, 6]]}] if more else []
    labels, _ = read(folder, coco([painted, *others]))
    assert np.array_equal(labels == 1, square() == 1)


def test_classes_are_named_and_boxes_and_specks_left_out_are_counted(folder):
    labels, said = read(
        folder,
        coco(
            [
                {"segmentation": [SQUARE]},
                {"segmentation": [[6, 4, 8, 4, 8, 6, 6, 6]], "category_id": 1},
                {"segmentation": [], "bbox": [1, 1, 3, 2]},
                {"segmentation": [[1.1, 1.1, 1.2, 1.1, 1.2, 1.2]]},
                {"segmentation": [[20, 20, 30, 20, 30, 30]]},
            ],
            categories=["red", "blue"],
        ),
    )
    assert np.array_equal(labels, square() + square(2, slice(4, 6), slice(6, 8)))
    assert "numbered whatever their class (1 blue, 3 red)" in said
    assert "1 with a box alone are left out; 2 cover no pixel" in said


@pytest.mark.parametrize(
    ("images", "name"),
    [
        (["sub/a.tif", "other/a.tif"], "sub/a.tif"),
        (["a.png", "b.png"], "a.tif"),
        (["C:\\data\\sub\\a.tif", "b.tif"], "sub/a.tif"),
        (["upload/1/a.tif"], "a.tif"),
        (["a.tif", "a.png"], "a.tif"),
    ],
    ids=["folders", "ending", "windows", "elsewhere", "both endings"],
)
def test_an_image_is_found_by_as_much_of_its_path_as_both_tell(folder, images, name):
    path = folder / "images" / name
    path.parent.mkdir(exist_ok=True)
    shutil.move(folder / "images/a.tif", path)
    assert np.array_equal(read(folder, coco([{"segmentation": [SQUARE]}], images))[0], square())


def test_images_that_only_one_of_both_has_are_named(folder):
    said = coco([{"segmentation": [SQUARE]}], ["a.tif", "gone.tif"])
    (folder / "annotations.json").write_text(json.dumps(said))
    shutil.copy(folder / "images/a.tif", folder / "images/new.tif")
    found = cl.check(folder, progress=False)
    problems = "\n".join(map(str, found.problems))
    assert "also of images that are not in" in problems
    assert "gone.tif" in problems
    assert "new.tif has no labels in" in problems


@pytest.mark.parametrize("place", ["images", "annotations", "labels", "."])
def test_the_file_is_found_where_programs_put_it(folder, place):
    (folder / place).mkdir(exist_ok=True)
    path = folder / place / "_annotations.coco.json"
    path.write_text(json.dumps(coco([{"segmentation": [SQUARE]}])))
    data = cl.Data.from_folder(folder / "images" if place == "images" else folder)
    assert np.array_equal(data.items[0].annotations[0].read(), square())
    assert not any("passed over" in text for text in data.notes)
    shutil.copy(path, folder / place / "second.json")
    with pytest.raises(cl.InvalidError, match=r"one file of annotations. Received: 2 of COCO"):
        cl.Data.from_folder(folder / "images" if place == "images" else folder)


def test_of_a_folder_of_sets_one_is_to_be_given(folder):
    """As Roboflow writes train/, valid/ and test/, each with its images and its file."""
    for part in ("train", "valid"):
        shutil.copytree(folder / "images", folder / "root" / part)
        path = folder / "root" / part / "_annotations.coco.json"
        path.write_text(json.dumps(coco([{"segmentation": [SQUARE]}])))
    with pytest.raises(cl.InvalidError, match=r"train, valid. Give one of them: .*train"):
        cl.Data.from_folder(folder / "root")
    assert len(cl.Data.from_folder(folder / "root" / "train")) == 1


def test_two_images_of_one_name_are_refused(folder):
    found = coco([{"segmentation": [SQUARE]}], ["x/a.tif", "y/a.tif"])
    (folder / "annotations.json").write_text(json.dumps(found))
    problems = cl.check(folder, progress=False).problems
    assert "one image a.tif. Received: 2 that it could be: x/a.tif, y/a.tif" in str(problems)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{", "text that is no JSON"),
        ({"images": []}, "other JSON"),
        ({"images": 3, "annotations": []}, "what cannot be read"),
        ({"images": [{"id": 1}], "annotations": []}, "what cannot be read"),
        (coco([{"image_id": 7}]), "1 annotation of images that it does not name"),
        (
            coco([], images=["a.tif"] * 2) | {"images": [{"id": 1, "file_name": "a.tif"}] * 2},
            "2 im",
        ),
        (coco([{"segmentation": []}]), "outlines. Received: boxes alone for a.tif"),
        (coco([{"segmentation": [[1, 2, 3]]}]), "annotation 0 that has none"),
        (coco([{"segmentation": [["x"] * 6]}]), "annotation 0 that has none"),
        (coco([{"segmentation": [[float("nan")] * 6]}]), "no finite numbers"),
        (coco([{"segmentation": {"counts": [1, 99], "size": [6, 8]}}]), "not within 48 pixels"),
        (coco([{"segmentation": {"counts": [1, -1], "size": [6, 8]}}]), "not within 48 pixels"),
        (coco([{"segmentation": {"counts": "7~", "size": [6, 8]}}]), "character '~'"),
        (coco([{"segmentation": {"counts": "72P", "size": [6, 8]}}]), "cut off"),
        (coco([{"segmentation": {"counts": [1], "size": [8, 6]}}]), "image of 8 x 6 px"),
        (
            coco([]) | {"images": [{"id": 0, "file_name": "a.tif", "height": 8, "width": 6}]},
            r"an image of 6 x 8 px. Received: 8 x 6 px \(height x width\) for a.tif",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(folder, said, words):
    with pytest.raises(cl.InvalidError, match=words) as refused:
        read(folder, said)
    assert "annotations.json" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_of_one_name_in_folders_are_exported_apart(tmp_path):
    for part in ("one", "two"):
        (tmp_path / "labels" / part).mkdir(parents=True)
        labels = square(3 if part == "one" else 5)
        tifffile.imwrite(tmp_path / f"labels/{part}/a.tif", labels.astype(np.uint8))
    path = cl.export(tmp_path / "labels", tmp_path / "out", "coco", progress=False)["file"][0]
    data = cl.Data.from_pairs(tmp_path / "labels", path)
    assert [int(item.annotations[0].read().max()) for item in data.items] == [3, 5]
