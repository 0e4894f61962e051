"""Everything that can be wrong with annotated images, in one message."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import dataclass, replace

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.components import component
from cytoloom.datasets.checks import check
from cytoloom.datasets.data import Data, as_data
from cytoloom.errors import InvalidError
from cytoloom.tasks import Task

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 255, (16, 20)).astype(np.uint8)
LABELS = np.zeros((16, 20), np.uint8)
LABELS[4:12, 4:12] = 1


@pytest.fixture
def folder(tmp_path):
    """Three images with labels, nothing wrong."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(3):
        put(tmp_path / "images" / f"{i}.png", IMAGE + i)
        put(tmp_path / "labels" / f"{i}.png", LABELS)
    return tmp_path


def put(path, array, **options):
    Pillow.fromarray(array).save(path, **options)


def arrays(*labels, images=None):
    images = images or [IMAGE + i for i in range(len(labels))]
    return as_data((images, list(labels)))


def only(texts):
    assert len(texts) == 1, texts
    return texts[0]


def test_labels_that_look_inverted_are_named_in_a_set(folder):
    """Black objects on white: nearly all is one label, up to the border."""
    for i in range(2):
        put(folder / "labels" / f"{i}.png", 1 - LABELS)
    report = cl.check(folder)
    assert report.ok
    assert "0.png, " in only(report.warnings)
    assert "1.png, up to the border: they look inverted" in report.warnings[0]
    # one alone may be full of one object, and numbered cells may cover everything
    dense = np.arange(320).reshape(16, 20) // 20 + 1
    for labels in (
        [1 - LABELS],
        [1 - LABELS, LABELS, LABELS],
        [dense, dense + 20],
        [LABELS * 0 + 1] * 2,
    ):
        assert not cl.check(arrays(*labels)).warnings


def test_tables_of_colours_are_compared(folder):
    """Where each file has a table of its own, one colour has several numbers."""

    def colour(i, *colours):
        """Store labels with a table of colours, black first."""
        picture = Pillow.fromarray(LABELS).convert("P")
        picture.putpalette([0, 0, 0, *(part for one in colours for part in one)])
        picture.save(folder / "labels" / f"{i}.png")

    red, green = (255, 0, 0), (0, 255, 0)
    for i in range(3):
        colour(i, red, green)
    report = cl.check(folder)
    assert not report.warnings
    assert "numbers of a table of colours (3 of 3 images)" in only(report.notes)
    colour(2, green)
    assert "1 is RGB 255 0 0 in" in only(cl.check(folder).warnings)


def test_labels_of_another_pixel_size_than_their_image_are_named(tmp_path, capsys):
    """The image counts, also in tables; a size that is given says which is right."""
    for name, per_um in (("images", 2), ("labels", 4)):
        (tmp_path / name).mkdir()
        options = {"resolution": (per_um, per_um), "metadata": {"unit": "um"}}
        tifffile.imwrite(tmp_path / name / "a.tif", LABELS, imagej=True, **options)
    words = "a: pixels are 0.25 x 0.25 um by the labels and 0.5 x 0.5 um by the image"
    assert only(cl.check(tmp_path).warnings).startswith(words)
    assert not check(as_data(tmp_path, pixel_size_um=0.25)).warnings
    paths = tmp_path / "labels" / "a.tif", tmp_path / "images" / "a.tif"
    cl.measure(*paths)
    assert words in capsys.readouterr().err
    cl.measure(*paths, pixel_size_um=0.25)
    assert words not in capsys.readouterr().err


def test_groups_in_several_splits_are_named():
    rows = arrays(*[LABELS] * 4).items
    splits = ("train", "validation", "test", None)
    items = [replace(item, group="dish", split=one) for item, one in zip(rows, splits, strict=True)]
    assert only(check(Data(tuple(items))).warnings).startswith(
        "group dish is in several splits (test, train, validation)"
    )
    assert not check(Data(tuple(replace(item, split=None) for item in items))).warnings


def test_nothing_wrong(folder):
    report = cl.check(folder)
    assert report.ok
    assert str(report) == "3 images checked: nothing wrong."
    assert report.table["status"].tolist() == ["ok"] * 3
    assert report.table["foreground"].tolist() == [0.2] * 3


def test_one_problem_of_many_images_is_one_line():
    report = check(arrays(*[LABELS.astype(int) - 1] * 7))
    text = only(report.problems)
    assert text.startswith("labels of image_000, labels of image_001")
    assert "and 2 more: labels must be 0 or more, found -1" in text
    assert all("found -1" in status for status in report.table["status"])


def test_everything_wrong_is_in_one_message(folder):
    put(folder / "images" / "lonely.png", IMAGE)
    put(folder / "labels" / "widow.png", LABELS)
    put(folder / "labels" / "1.png", LABELS[:-1])
    (folder / "images" / "2.png").write_bytes((folder / "images" / "2.png").read_bytes()[:60])
    (folder / "images" / "stack.oib").write_bytes(b"something")
    put(folder / "labels" / "stack.png", LABELS)
    text = str(check(folder))
    assert "4 images checked: 5 problems." in text
    assert "lonely.png has no labels" in text
    assert "widow.png has no image" in text
    assert "1.png is 15 x 20, but its image" in text
    assert "2.png" in text
    assert "decoded" in text
    assert "bfconvert" in text


def test_duplicates(folder):
    put(folder / "labels" / "1.tif", LABELS)
    assert "2 label images of one name: 1.png, 1.tif" in only(check(folder).problems)


def test_one_label_file_for_two_images(folder):
    images = [folder / "images" / f"{i}.png" for i in (0, 1)]
    label = folder / "labels" / "0.png"
    assert "one label file is given for 0, 1" in only(check((images, [label, label])).problems)


def test_equal_pixels_are_warned_of():
    report = check(arrays(LABELS, LABELS, images=[IMAGE, IMAGE.copy()]))
    assert report.ok
    assert "image_000, image_001 have the same pixels" in only(report.warnings)


def test_0_255_and_rgb_masks_are_understood_and_said_so(folder):
    for i in range(3):
        put(folder / "labels" / f"{i}.png", LABELS * 255)
    report = check(folder)
    assert report.ok
    assert only(report.notes) == "labels understood as 0/255 mask (3 of 3 images)"
    assert check(folder).notes == report.notes  # though these are kept in memory by now
    for i in range(3):
        put(folder / "labels" / f"{i}.png", np.stack([LABELS * 255, 0 * LABELS, 0 * LABELS], -1))
    assert "RGB mask of two colours (3 of 3 images)" in only(check(folder).notes)


def test_masks_among_other_labels_are_warned_of():
    report = check(arrays(LABELS * np.uint8(255), LABELS))
    assert "image_000 are masks, image_001 are not" in only(report.warnings)


def test_interpolated_masks_are_refused(folder):
    (folder / "labels" / "1.png").unlink()
    put(folder / "labels" / "1.jpg", LABELS * 255, quality=50)
    assert "grey levels in a JPEG" in only(check(folder).problems)


def test_an_all_background_set_is_refused_and_single_empty_images_are_noted():
    empty = np.zeros_like(LABELS)
    assert "nothing to learn" in only(check(arrays(empty, empty)).problems)
    report = check(arrays(LABELS, empty))
    assert report.ok
    assert only(report.notes) == "no object in image_001 (1 of 2 images)"


def test_background_alone_can_be_scored():
    report = check(arrays(np.zeros_like(LABELS)), training=False)
    assert report.ok
    assert "background" in only(report.warnings)


def test_classes_drawn_in_grey_are_warned_of():
    labels = LABELS * np.uint8(128)
    labels[5:8, 5:8] = 255
    assert "0, 1 and 2" in only(check(arrays(labels)).warnings)


def test_images_of_one_value_are_warned_of():
    report = check(arrays(LABELS, LABELS, images=[IMAGE, np.full_like(IMAGE, 7)]))
    assert report.ok
    assert "one value everywhere (7)" in only(report.warnings)


def test_nan_in_images_is_warned_of():
    image = IMAGE.astype(np.float32)
    image[0, :2] = np.nan
    assert "in 0.62% of its pixels" in only(check(arrays(LABELS, images=[image])).warnings)


@component
@dataclass(frozen=True)
class UpTo(Task):
    """A task that knows the values 0 to `top`."""

    top: int = 1

    def check_labels(self, labels, known):
        """Say which value is too large."""
        high = labels.max() if known is None else labels[known].max()
        return [f"class {high} is not one of 0 to {self.top}"] if high > self.top else []


def test_the_task_says_which_values_labels_may_have(folder):
    put(folder / "labels" / "1.png", LABELS * 9)
    assert check(folder, UpTo(9)).ok
    problem = only(check(folder, UpTo(1)).problems)
    assert problem.endswith("1.png: class 9 is not one of 0 to 1")
    known = as_data(folder, unknown=9)
    assert check(known, UpTo(1)).ok


def test_tasks_by_name(folder):
    put(folder / "labels" / "1.png", LABELS * 9)
    assert check(folder, "instances").ok
    assert "9" in only(check(folder, "classes:background,cell").problems)


def test_negative_labels_are_refused_unless_unknown():
    labels = LABELS.astype(int)
    labels[0, 0] = -1
    assert "found -1" in only(check(arrays(labels)).problems)
    assert check(as_data((IMAGE, labels), unknown=-1)).ok


def test_images_of_different_kinds():
    colour, deep = np.stack([IMAGE] * 3, -1), IMAGE.astype(np.uint16)
    problem = only(
        check(arrays(LABELS, LABELS, LABELS, images=[IMAGE, colour, IMAGE + 1])).problems
    )
    assert "image_001: 3 channels; image_000, image_002: 1 channel" in problem
    report = check(arrays(LABELS, LABELS, images=[IMAGE, deep + 1]))
    assert report.ok
    assert "uint16" in only(report.warnings)
    # a copy is one in any type
    report = check(arrays(LABELS, LABELS, images=[IMAGE, deep * 257]))
    assert report.warnings[1].startswith("image_000, image_001 have the same pixels")
    stack, stack_labels = np.stack([IMAGE] * 2), np.stack([LABELS] * 2)
    report = check(arrays(LABELS, stack_labels, images=[IMAGE, stack]))
    assert "2-D" in only(report.problems)


def test_pixel_sizes_that_differ_are_warned_of(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i, size in enumerate((2.0, 4.0)):
        options = {"resolution": (size, size), "metadata": {"unit": "um"}}
        tifffile.imwrite(tmp_path / "images" / f"{i}.tif", IMAGE + i, imagej=True, **options)
        tifffile.imwrite(tmp_path / "labels" / f"{i}.tif", LABELS)
    assert "from (0.25, 0.25) to (0.5, 0.5) um" in only(check(tmp_path).warnings)


def test_channels_that_are_not_there_are_named(folder):
    assert "red" in check(as_data(folder, channels="red")).problems[0]


def test_long_lists_are_cut_short_and_counted():
    report = check(arrays(*[LABELS[: 2 + k] for k in range(14)] * 2 + [LABELS[:1]] * 2))
    assert len(report.problems) >= 30
    lines = str(report).splitlines()
    assert len(lines) <= 13
    assert "more problems" in lines[11]


def test_data_without_images_or_labels():
    assert "no images" in only(check(Data(())).problems)
    with pytest.raises(InvalidError):
        check("no/such/folder")
    unlabelled = Data(tuple(cl.Data.from_pairs([IMAGE], [LABELS]).items))
    assert check(unlabelled).ok


def test_progress_is_told_image_by_image_where_it_takes_long(monkeypatch):
    assert [event.kind for event in cl.check.events(arrays(LABELS, LABELS))] == ["result"]
    monkeypatch.setattr("cytoloom.datasets.checks.QUICK_S", 0)
    events = cl.check.events(arrays(LABELS, LABELS))
    seen = [(event.done, event.total) for event in events if event.kind == "progress"]
    assert seen == [(0, 2), (1, 2)]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("dsb2018_fluo/test", ""),
        ("bbbc030_cho/validation", "0/255 mask"),
        ("isbi2012_em/test", "0/255 mask"),
        ("stardist_examples/2d", ""),
        ("qcanet_mouse_embryo_3d", ""),
        ("cfos_multiexpert/lab-mue", "annotators"),
    ],
)
def test_real_sets_have_no_problems(real_data, name, note):
    report = check(real_data / name)
    assert report.ok, str(report)
    assert note in " ".join(report.notes)


@pytest.mark.parametrize(
    ("unknown", "words"),
    [(77, ["no label has the value 77"]), (1, []), (0, ["0 was named as `unknown`"]), (None, [])],
)
def test_an_unknown_value_that_cannot_be_meant_is_told(folder, unknown, words):
    report = check(as_data(folder, unknown=unknown))
    told = [text for text in report.warnings if "unknown" in text]
    assert len(told) == len(words)
    assert all(text.startswith(word) for text, word in zip(told, words, strict=True))


def test_classes_that_no_image_has_are_named():
    images = [np.arange(64).reshape(8, 8) + k for k in range(2)]
    labels = [np.eye(8, dtype=int), 2 * np.eye(8, dtype=int)]
    task = cl.tasks.Classes(("background", "cytoplasm", "nucleus", "dead"))
    assert check((images, labels), task).warnings == (
        "no image has class dead (label value 3): it cannot be learned; look whether its labels "
        "have another value",
    )
    (said,) = check((images, labels), task, training=False).warnings
    assert "class dead (label value 3): it has no score" in said
    assert check((images, [label % 2 for label in labels]), "binary").warnings == ()


def test_the_work_of_a_check_is_linear_in_the_number_of_images(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()

    def work(first, last):
        """Count the calls of a check of so many pairs, each with a name and pixels of its own."""
        for k in range(first, last):
            put(tmp_path / "images" / f"f{k:04d}_raw.png", IMAGE + np.uint8(k % 16))
            put(tmp_path / "labels" / f"f{k:04d}_mask.png", LABELS)
        profile = cProfile.Profile()
        report = profile.runcall(cl.check, tmp_path, progress=False)
        assert len(report.rows) == last
        return pstats.Stats(profile).total_calls

    work(0, 2)  # what is imported once
    few, many = work(2, 40), work(40, 160)
    assert many < 4.4 * few


def test_pixels_that_cannot_be_used_are_rows_among_others_and_errors_alone():
    text, half = np.array([["a"]]), LABELS / 3
    report = check(([IMAGE, text, IMAGE + 1], [LABELS, LABELS, half]))
    assert report.table["status"][0] == "ok"
    assert report.table["status"][1].startswith("Invalid `image_001`. Expected an array of numbers")
    assert report.table["status"][2].startswith("Invalid `labels of image_002`. Expected whole")
    for alone in (([text], [LABELS]), ([IMAGE], [half])):
        with pytest.raises(InvalidError):
            check(alone)


def test_a_folder_of_labels_goes_with_a_folder_of_images(folder):
    for pair, name in (((IMAGE, folder / "labels"), "labels"), ((folder, [LABELS]), "images")):
        with pytest.raises(InvalidError, match=rf"`{name}`. Expected one for each.*, a folder"):
            Data.from_pairs(*pair)


def test_a_remedy_says_where_its_setting_is_given(capsys, tmp_path):
    mixed = ([IMAGE, np.stack([IMAGE] * 3, -1)], [LABELS] * 2)
    note = "Such settings go with the data, as in cl.Data.from_folder(folder, channels=...)."
    assert check(mixed).notes == (note,)
    with pytest.raises(InvalidError, match=r"cl\.Data\.from_folder\(folder, axes=\.\.\.\)"):
        check((np.zeros((5, 5, 9, 9)), np.zeros((9, 9), int)))
    np.save(tmp_path / "image.npy", np.zeros((5, 5, 9, 9)))
    np.save(tmp_path / "label.npy", np.zeros((9, 9), int))
    (tmp_path / "pairs.csv").write_text("image,label\nimage.npy,label.npy\n")
    assert main(["check", str(tmp_path / "pairs.csv")]) == 1
    assert "--axes czyx" in capsys.readouterr().out


def test_a_remedy_for_scoring_says_where_its_setting_is_given(trained):
    pair = ([np.stack([IMAGE, IMAGE, IMAGE[::-1]], -1)], [LABELS])
    with pytest.raises(InvalidError, match=r"cl\.Data\.from_folder\(folder, channels=\.\.\.\)"):
        cl.evaluate(trained, pair, progress=False)
