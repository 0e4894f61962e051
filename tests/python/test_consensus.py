"""What several experts agree on: published figures, those of other programs, and files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

import cytoloom as cl
import small
from cytoloom.cli import main
from cytoloom.datasets.sources import ArraySource
from cytoloom.experts.outstanding import low_ones
from cytoloom.experts.patterns import Patterns, patterns
from cytoloom.experts.staple import staple
from cytoloom.experts.voting import fleiss_kappa
from cytoloom.storage.tables import read_table
from cytoloom.storage.written import RECORD

DISC = np.hypot(*(np.indices((24, 24)) - 12)) < 7


def agree(*args, **settings):
    return cl.consensus(*args, **settings, progress=False)


def of_counts(counts, experts):
    """Masks of one row in which each pattern of answers occurs so often; bit k is expert k's."""
    code = np.repeat(np.arange(len(counts)), counts)[None]
    return [(code >> k) & 1 for k in range(experts)]


def put(folder, **images):
    """Write label images as they are given, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in images.items():
        Pillow.fromarray(np.asarray(pixels, np.uint8)).save(folder / f"{name}.png")
    return folder


def test_staple_is_the_published_estimate_pixel_for_pixel(real_data):
    masks = real_data / "cfos_multiexpert" / "lab-mue" / "masks"
    found = agree([masks / f"expert_{k}" for k in (1, 3, 4, 5)])
    assert found.names == ["1049", "1051", "1052", "1057"]
    for name, labels in found:
        published = cl.images.read_labels(masks / "est_GT" / f"{name}.png")
        assert np.array_equal(labels > 0, published > 0), name


def test_staple_of_counted_answers_is_the_published_estimate():
    """Image 0144 of lab-wue1, doi:10.7554/eLife.59780: how often each of the 32 answers of five
    experts occurs, and which of them are foreground in the published estimate.
    """  # fmt: skip
    counts = [
        1038979, 2, 1973, 0, 356, 9, 445, 10, 1310, 0, 322, 0, 7, 3, 153, 38,
        1812, 24, 249, 3, 227, 16, 349, 75, 445, 0, 394, 6, 10, 0, 1023, 336,
    ]  # fmt: skip
    published = {
        1, 5, 6, 7, 10, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 30, 31,
    }  # fmt: skip
    drawn = of_counts(counts, 5)
    code = sum(one << k for k, one in enumerate(drawn))
    found = agree(drawn)["image"]
    assert set(np.unique(code[found > 0])) == published
    # the first of them is foreground where he alone says so: nobody else counts less
    assert not np.array_equal(agree(drawn, "majority")["image"], found)


def test_rates_of_experts_are_those_of_simpleitk():
    """By its STAPLEImageFilter 2.5.7."""
    table = agree(of_counts([800, 20, 30, 10, 25, 15, 12, 88], 3)).per_expert
    theirs = [[0.8832683, 0.9778790], [0.8548211, 0.9656404], [0.9003141, 0.9723636]]
    np.testing.assert_allclose(table[["sensitivity", "specificity"]], theirs, atol=1e-6)


def test_staple_of_classes_is_that_of_simpleitk():
    """By its MultiLabelSTAPLEImageFilter 2.5.7."""
    answers = {
        (0, 0, 0): 500, (1, 1, 1): 120, (2, 2, 2): 90, (1, 1, 2): 20, (2, 1, 2): 15,
        (0, 1, 1): 10, (0, 0, 2): 12, (1, 0, 0): 8, (2, 2, 0): 9, (0, 1, 2): 6,
    }  # fmt: skip
    votes = np.repeat(np.array(list(answers)), list(answers.values()), axis=0).T
    seen = patterns(list(votes[:, None]), classes=3)
    found = staple(seen)
    labels = found.answer[seen.code][0]
    own = [int(labels[np.flatnonzero((votes.T == one).all(axis=1))[0]]) for one in answers]
    assert own == [0, 1, 2, 1, 2, 1, 0, 0, 2, 1]
    confusion = [
        [[0.984615, 0.015385, 0], [0.102564, 0.897436, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [0, 0.131579, 0.868421]],
        [[0.976923, 0, 0.023077], [0, 0.833333, 0.166667], [0.078947, 0, 0.921053]],
    ]
    np.testing.assert_allclose(found.rates, confusion, atol=1e-6)
    # numbers of classes may be any, and background need not be drawn
    numbers = np.array([3, 7, 200])[votes][:, None]
    assert agree(list(numbers), task="classes")["image"][0].tolist() == [
        (3, 7, 200)[k] for k in labels
    ]


def test_kappa_is_that_of_the_books():
    """Ten subjects, fourteen raters, five categories: 0.210."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    votes = np.array([np.repeat(np.arange(5), row) for row in counts]).T
    seen = Patterns(votes, np.ones(10, int), np.arange(10), 5)
    assert fleiss_kappa(seen) == pytest.approx(0.210, abs=5e-4)
    assert np.isnan(agree([DISC * 0, DISC * 0]).per_image["kappa"][0])


def test_a_tie_is_the_lowest_label_and_shares_are_counted():
    """Of four votes 1 1 0 0 are background, and 2 2 1 1 are class 1."""
    drawn = [np.array([[1, 2, 1, 0]]), np.array([[1, 2, 0, 1]]), np.array([[0, 1, 0, 2]])]
    drawn.append(np.array([[0, 1, 2, 2]]))
    found = agree(drawn, "soft", task="classes")
    assert found["image"].tolist() == [[0, 1, 0, 2]]
    assert found.soft("image")[0].tolist() == [
        [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5],
    ]  # fmt: skip
    assert found.classes == (0, 1, 2)


@pytest.mark.parametrize("method", ["staple", "majority", "soft"])
@pytest.mark.parametrize("everywhere", [False, True])
def test_all_empty_and_all_full_are_what_they_are(method, everywhere):
    found = agree([np.full((4, 5), everywhere)] * 3, method)
    assert (found["image"] == everywhere).all()
    row = found.per_expert.iloc[0]
    known = {"sensitivity": 1.0, "dice": 1.0} if everywhere else {"specificity": 1.0}
    assert row[list(known)].tolist() == list(known.values())
    absent = ["specificity"] if everywhere else ["sensitivity", "dice", "ap50"]
    assert row[absent].isna().all()


def test_objects_are_matched_and_voted():
    """Of three experts one joins the first two objects, one has the third alone, one a speck.

    A 1 1 1 1 2 2 2 . 5 5 .    B 7 7 7 7 8 8 8 . . . .    C 3 3 3 3 3 3 3 . . . 9
    """
    a = [1, 1, 1, 1, 2, 2, 2, 0, 5, 5, 0]
    b = [7, 7, 7, 7, 8, 8, 8, 0, 0, 0, 0]
    c = [3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 2**31 - 1]
    drawn = {name: np.array([row] * 2) for name, row in zip("ABC", (a, b, c), strict=True)}
    parted = [1, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0]
    found = agree(drawn, "majority", task="instances")
    assert found["image"][0].tolist() == parted
    table = found.objects
    assert table["drawn_by"].tolist() == [3, 2], "of seven pixels four are more than half"
    assert table["merged_by"].tolist() == ["C", "C"]
    assert table["area_px"].tolist() == [8, 6]
    assert found.per_image[["objects", "disputed"]].to_numpy().tolist() == [[2, 2]]
    assert found.per_label["objects"].tolist() == [3, 2, 2]
    # A has both and one too many, C what it joined as the larger of them (IoU 4/7) and the speck
    assert found.per_expert["ap50"].tolist() == [2 / 3, 1, 1 / 3]
    # at two of the ten IoU from 0.5 to 0.95 what C has joined is as much as is asked for
    assert found.per_expert["ap"].tolist() == pytest.approx([2 / 3, 1, 1 / 15])
    assert found.pairs["ap50"].tolist() == [2 / 3, 1 / 4, 1 / 3], "A and B, A and C, B and C"
    expected = [11 / 24, 1 / 2, 7 / 24]
    assert found.per_expert["agreement_ap50"].tolist() == pytest.approx(expected)
    assert found.per_image["pair_ap50"].tolist() == pytest.approx([5 / 12])
    assert found.per_image["ap50"].tolist() == pytest.approx([2 / 3])
    assert "of 3 experts on 1 image, of objects\n" in str(found)
    assert str(found).endswith("the others of the foreground")
    assert "pair_ap50" not in agree([DISC, DISC]).per_image
    # two of four have joined them, and then two of three; these have the speck, too
    half = agree({**drawn, "D": drawn["C"]}, "majority", task="instances")
    assert half["image"][0].tolist() == parted
    del drawn["A"]
    joined = agree({**drawn, "D": drawn["C"]}, "majority", task="instances")
    assert joined["image"][0].tolist() == [1] * 7 + [0, 0, 0, 2]
    assert joined.objects["split_by"].tolist() == ["B", ""]
    assert joined.objects["missed_by"].tolist() == ["", "B"]


def test_objects_of_one_expert_stay_apart_whatever_matches_both():
    """B's object has an IoU of a half with both of A's; it can be the same as one of them only."""
    a, b = np.array([[1, 1, 2, 2]]), np.array([[4, 4, 4, 4]])
    assert agree([a, b], task="instances")["image"].tolist() == [[1, 1, 2, 2]]
    assert agree([b, a], task="instances")["image"].tolist() == [[1, 1, 2, 2]]


def test_the_consensus_is_nearer_to_the_truth_than_any_expert(capsys):
    truth = cl.simulate.nuclei((256, 256), 40, seed=2, touching=0.5)[1]
    drawn = cl.simulate.annotators(truth, 5, seed=2, disagreement=2)
    found = cl.consensus(drawn, "majority")
    assert "Each number is taken for an object; pass task='classes'" in capsys.readouterr().err
    own = cl.metrics.average_precision(truth, found["image"])
    assert own > 0.03 + max(cl.metrics.average_precision(truth, one) for one in drawn)
    masks = [labels > 0 for labels in drawn]
    assert agree(masks, "majority", task="instances").per_image["objects"][0] < len(found.objects)


def test_masks_are_read_as_what_they_are_and_experts_may_lack_images(tmp_path, capsys):
    """0/1, 0/255 and coloured masks of one disc; the second image only two have drawn."""
    red = np.zeros((*DISC.shape, 3), np.uint8)
    red[DISC] = (200, 0, 0)
    put(tmp_path / "anna", one=DISC, two=DISC)
    put(tmp_path / "ben", one=DISC * 255)
    put(tmp_path / "eva", one=red, two=DISC * 255)
    found = cl.consensus(tmp_path)
    assert "3 experts, 2 images; 1 image not drawn by all" in capsys.readouterr().err
    assert found.per_image["experts"].tolist() == [3, 2]
    assert found.per_expert["images"].tolist() == [2, 1, 2]
    for _, labels in found:
        assert np.array_equal(labels, DISC)
    assert len(found.pairs) == 4
    assert (found.pairs["dice"] == 1).all()


def test_what_cannot_be_used_is_a_row_and_the_others_are_done(tmp_path, capsys):
    small, alone = DISC[:20], DISC
    put(tmp_path / "anna", a=DISC, b=DISC, c=DISC, d=alone)
    put(tmp_path / "ben", a=DISC, b=small, c=DISC)
    put(tmp_path / "eva", a=DISC, b=DISC, c=DISC)
    (tmp_path / "eva" / "c.png").write_bytes(b"no picture")
    (tmp_path / "mia").mkdir()
    found = cl.consensus(tmp_path, out=tmp_path / "out")
    status = dict(zip(found.per_image["image"], found.per_image["status"], strict=True))
    assert found.names == ["a", "c"]
    assert "label images of one size. Received: 24 x 24 of anna, eva; 20 x 24 of ben" in status["b"]
    assert ". Save them again at the size of the image" in status["b"]
    assert "labels of two experts or more. Received: anna" in status["d"]
    told = capsys.readouterr().err
    assert "eva is left out of c" in told
    assert f"there is no image in {tmp_path / 'mia'}" in told
    assert "b has no consensus" in told
    assert "2 images without (see consensus.csv)" in str(found)
    table = read_table(tmp_path / "out" / "consensus.csv")
    assert table["status"].tolist() == list(status.values())
    assert found.per_image["objects"].tolist() == [1, pd.NA, 1, pd.NA]
    assert table["objects"].isna().tolist() == [False, True, False, True]


def test_what_nobody_can_use_is_one_sentence(tmp_path):
    put(tmp_path / "experts" / "anna", a=DISC, b=DISC)
    with pytest.raises(
        cl.InvalidError, match=r"labels of two .*: one, anna\. With one there is nothing"
    ):
        agree(tmp_path / "experts")
    with pytest.raises(cl.InvalidError, match="which is no folder"):
        agree(tmp_path / "nowhere")
    with pytest.raises(cl.InvalidError, match="in which there is no folder"):
        agree(tmp_path / "experts" / "anna")
    put(tmp_path / "experts" / "ben", c=DISC)
    with pytest.raises(cl.InvalidError, match=r"anna drew 2 \(a, b\), ben drew 1 \(c\)\. Call"):
        agree(tmp_path / "experts")
    with pytest.raises(cl.InvalidError, match="as many images of each expert"):
        agree([[DISC, DISC], [DISC]])
    with pytest.raises(
        cl.InvalidError, match="task='classes' where a number is a class, task='instances'"
    ):
        agree([DISC * 2, DISC * 3])
    with pytest.raises(cl.InvalidError, match="at most 256 classes"):
        agree([np.kron(np.arange(400).reshape(20, 20), np.ones((2, 2), int))] * 2, task="classes")
    with pytest.raises(cl.InvalidError, match=r"`method`. Expected one of"):
        agree([DISC, DISC], "vote")
    with pytest.raises(cl.InvalidError, match=r"`experts`.*lists of arrays, or Data"):
        agree(7)
    with pytest.raises(cl.InvalidError, match=r"expert_1 drew nothing.*fractions between 0 and 1"):
        agree([DISC / 2, DISC])
    with pytest.raises(cl.InvalidError, match=r"^Invalid `image`. Expected label images of one"):
        agree([DISC, DISC[:9]])
    with pytest.raises(cl.InvalidError, match="which is no folder"):
        agree("x" * 5000)


def test_lists_and_dicts_are_matched_by_order_and_by_name():
    by_order = agree([[DISC, None, DISC], [DISC, DISC, DISC], [DISC, DISC, ~DISC]])
    assert by_order.per_image["experts"].tolist() == [3, 2, 3]
    by_name = agree({"anna": {"b": DISC, "a": ~DISC}, "ben": {"a": ~DISC, "b": DISC}})
    assert np.array_equal(by_name["a"], ~DISC)
    assert by_name.per_expert["expert"].tolist() == ["anna", "ben"]


def test_annotations_of_data_are_taken(tmp_path):
    """Of a folder with images, and a folder of labels for each annotator."""
    folder = cl.simulate.write(tmp_path / "s", "annotators", images=2, people=3, progress=False)
    for given in (cl.Data.from_folder(folder), folder, folder / "labels"):
        found = agree(given, task="binary")
        assert found.per_expert["expert"].tolist() == ["annotator_1", "annotator_2", "annotator_3"]
        assert found.per_expert["images"].tolist() == [2, 2, 2]
    (folder / "labels" / "annotator_2" / "annotators_001.tif").unlink()
    fewer = agree(cl.Data.from_folder(folder), task="binary")
    assert fewer.per_expert["images"].tolist() == [2, 1, 2]


def test_results_are_files_that_no_other_files_are_lost_to(tmp_path, capsys):
    put(tmp_path / "masks" / "anna", a=DISC, b=~DISC)
    put(tmp_path / "masks" / "ben", a=DISC, b=DISC)
    put(tmp_path / "images", a=DISC * 100, b=DISC * 50)
    out = tmp_path / "masks" / "out"
    found = agree(tmp_path / "masks", "soft", out=out)
    tables = ["consensus.csv", "consensus_pairs.csv", "consensus_per_expert.csv"]
    tables += ["consensus_per_label.csv", "consensus_run.json"]
    made = sorted(p.relative_to(out).as_posix() for p in out.rglob("*"))
    kinds = ["labels", "labels/a.tif", "labels/b.tif", "maps", "maps/a.tif", "maps/b.tif"]
    assert made == [".written.sha256", *tables, *kinds]
    pd.testing.assert_frame_equal(read_table(out / tables[2]), found.per_expert)
    assert np.array_equal(found["a"], DISC)
    assert found.soft("b")[0, 0].tolist() == [0.5, 0.5]
    # the next call takes none of it for what an expert drew
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        agree(tmp_path / "masks", out=out)
    agree(tmp_path / "masks", out=out, overwrite=True)
    assert not (out / "maps").exists()
    # it is truth, not what a model found
    data = cl.Data.from_pairs(tmp_path / "images", out / "labels")
    assert [item.id for item in data.items] == ["a", "b"]
    assert not [text for text in data.notes if "found by a model" in text]
    again = agree(tmp_path / "masks", task="instances", out=out, overwrite=True)
    table = read_table(out / "consensus_objects.csv")
    pd.testing.assert_frame_equal(table, again.objects)
    agree(tmp_path / "masks", out=out, overwrite=True)
    assert not (out / "consensus_objects.csv").exists()
    whole = (tmp_path / "masks/ben/b.png").read_bytes()
    (tmp_path / "masks/ben/b.png").write_bytes(whole[:40])
    with pytest.raises(cl.InvalidError, match="Received: b, which could not be used this time"):
        agree(tmp_path / "masks", out=out, overwrite=True)
    assert (out / "labels" / "b.tif").is_file()
    (tmp_path / "masks/ben/b.png").write_bytes(whole)
    (out / "labels" / "a.tif").write_bytes(b"mine")
    with pytest.raises(cl.InvalidError, match=r"a\.tif, which is another file or was changed"):
        agree(tmp_path / "masks", out=out, overwrite=True)
    put(tmp_path / "odd" / "labels", other=DISC)
    with pytest.raises(cl.InvalidError, match="files in labels/ that are no results"):
        agree(tmp_path / "masks", out=tmp_path / "odd", overwrite=True)
    (tmp_path / "odd" / "files.csv").write_text("image,status\n")
    with pytest.raises(cl.InvalidError, match="odd, with results of `predict`"):
        agree(tmp_path / "masks", out=tmp_path / "odd", overwrite=True)
    for place in ("masks", "masks/anna"):
        for given in (tmp_path / "masks", cl.Data.from_folder(tmp_path)):
            with pytest.raises(cl.InvalidError, match="other than those of the experts"):
                agree(given, out=tmp_path / place)
    with pytest.raises(cl.InvalidError, match="task"):
        agree([DISC, DISC * 7], out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def two_consensuses(tmp_path):
    """The masks of two pairs of experts, and what came of the first of them."""
    for name, disc in (("first", DISC), ("second", ~DISC)):
        put(tmp_path / name / "anna", a=disc, b=~disc)
        put(tmp_path / name / "ben", a=disc, b=disc)
    put(tmp_path / "images", a=DISC * 100, b=DISC * 50)
    agree(tmp_path / "second", out=tmp_path / "whole")
    return agree(tmp_path / "first", out=tmp_path / "out").out


class Blocked:
    """What moves files, but not over one: as a program that has it open keeps it."""

    def __init__(self, file, error):
        self.file, self.error, self.move = file, error, os.replace

    def __call__(self, source, target):
        if Path(target) == self.file:
            raise self.error
        self.move(source, target)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "it is open")])
def test_results_of_which_some_were_replaced_are_told_of_and_ended(
    two_consensuses, tmp_path, error
):
    out = two_consensuses
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", Blocked(out / "consensus.csv", error))
        with pytest.raises((KeyboardInterrupt, cl.InvalidError)) as said:
            agree(tmp_path / "second", out=out, overwrite=True)
    told = "only some of the new ones have taken their place"
    assert isinstance(error, KeyboardInterrupt) or told in str(said.value)
    for read in (
        lambda: cl.measure(out, progress=False),
        lambda: cl.measure(out / "labels", progress=False),
        lambda: cl.Data.from_pairs(tmp_path / "images", out / "labels"),
        lambda: cl.export(out / "labels", tmp_path / "shapes", "geojson", progress=False),
    ):
        with pytest.raises(cl.InvalidError, match=rf"{told}.*next run that writes there ends it"):
            read()
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        agree(tmp_path / "second", out=out)
    whole = contents(tmp_path / "whole")
    assert {n: whole[n] for n in whole if n != RECORD} == {
        n: content for n, content in contents(out).items() if n != RECORD
    }
    assert cl.measure(out, progress=False) is not None


def test_results_of_which_none_was_replaced_are_whole(two_consensuses, tmp_path):
    before = contents(two_consensuses)
    with pytest.MonkeyPatch.context() as patch:
        first = two_consensuses / "labels/a.tif"
        patch.setattr(os, "replace", Blocked(first, PermissionError(13, "it is open")))
        with pytest.raises(cl.InvalidError, match="it is open"):
            agree(tmp_path / "second", out=two_consensuses, overwrite=True)
    assert {**contents(two_consensuses), RECORD: b""} == {**before, RECORD: b""}


def test_a_full_disk_is_told_by_the_names_that_files_will_have(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for function, name in (
        ("tifffile.imwrite", "labels/image.tif"),
        ("pandas.DataFrame.to_csv", "consensus"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(function, full)
            with pytest.raises(
                cl.InvalidError, match=rf"^Invalid `{tmp_path}/out/{name}.*: No space"
            ):
                agree([DISC, DISC], out=tmp_path / "out")


@pytest.mark.parametrize("step", [2, 3, 6])
def test_first_results_that_were_killed_while_they_took_their_place_are_ended(tmp_path, step):
    for name in ("anna", "ben"):
        put(tmp_path / "drawn" / name, a=DISC, b=~DISC)
    whole = agree(tmp_path / "drawn", out=tmp_path / "whole").out
    out, moved, move = tmp_path / "out", [], os.replace

    def killed(source, target):
        moved.extend([target] if Path(source).parts[len(out.parts)] == ".replacing" else [])
        if len(moved) == step:
            raise KeyboardInterrupt
        move(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            agree(tmp_path / "drawn", out=out)
    assert not (out / "consensus.csv").exists()
    with pytest.raises(cl.InvalidError, match="only some of the new ones"):
        cl.measure(out, progress=False)
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        agree(tmp_path / "drawn", out=out)
    assert contents(out) == contents(whole)


def test_a_corrected_file_is_not_replaced_by_what_was_broken_off(two_consensuses, tmp_path):
    out = two_consensuses
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", Blocked(out / "consensus.csv", KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            agree(tmp_path / "second", out=out, overwrite=True)
    (out / "consensus.csv").write_text("mine")
    for _ in range(2):
        with pytest.raises(cl.InvalidError, match=r"consensus\.csv, which is another file"):
            agree(tmp_path / "second", out=out, overwrite=True)
    assert (out / "consensus.csv").read_text() == "mine"


@pytest.mark.parametrize("name", [".replacing/mine.txt", ".replacing/.hashes.json", ".replacing"])
def test_what_has_the_place_of_new_results_and_is_none_stays(two_consensuses, tmp_path, name):
    file = two_consensuses / name
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"files": {}, "gone": ["../mine"]}')
    with pytest.raises(cl.InvalidError, match=r"\.replacing, which no run wrote.*Move it away"):
        agree(tmp_path / "second", out=two_consensuses, overwrite=True)
    assert file.is_file()


def test_who_stands_out_is_named():
    """One draws half of it, two draw the very same; of three who agree alike none stands out."""
    discs = [np.hypot(*(np.indices((40, 40)) - 20)) < r for r in (10, 10, 10.6, 11)]
    half = discs[0] & (np.indices((40, 40))[1] > 20)
    found = agree(dict(zip(["a", "b", "c", "d", "e"], [*discs, half], strict=True)))
    flags = dict(zip(found.per_expert["expert"], found.per_expert["flags"], strict=True))
    assert flags["e"] == "agrees less with the others than these do"
    assert "marked exactly the pixels that b marked" in flags["a"]
    assert flags["c"] == flags["d"] == ""
    parted = np.array([[1, 1, 1, 2, 2, 2, 3, 3, 3]])
    joined = agree([parted, parted[:, ::-1], parted, parted // parted], task="instances")
    assert joined.per_expert["agreement"].tolist() == [1] * 4, "the foreground is the same"
    low = [text.startswith("agrees less") for text in joined.per_expert["flags"]]
    assert low == [False, False, False, True], "objects that one has joined"
    assert low_ones([0.9, 0.9, 0.1]) == [False, False, True]
    assert low_ones([0.9, 0.9, 0.85]) == [False] * 3, "not by 0.1"
    earlier = agree([[discs[0]] * 2, [discs[2]] * 2, [discs[3]] * 2], "majority")
    assert earlier.per_expert["flags"].tolist()[1].startswith("is the consensus itself")


def test_the_command_line_says_what_failed(tmp_path, capsys):
    put(tmp_path / "anna", a=DISC, b=DISC)
    put(tmp_path / "ben", a=DISC)
    out = tmp_path / "out"
    folders = [str(tmp_path / name) for name in ("anna", "ben")]
    assert main(["consensus", *folders, "--method", "majority", "--out", str(out), "--quiet"]) == 3
    told = capsys.readouterr()
    assert "of 2 experts on 1 image, of foreground, 1 image without" in told.out
    assert "1 of 2 images have no consensus" in told.err
    assert main(["consensus", str(tmp_path / "*n*"), "--out", str(tmp_path / "again")]) == 3


def test_agreement_is_drawn():
    figure = agree([DISC, DISC, ~DISC]).plot(metric="iou")
    left, right = figure.axes
    assert left.get_ylabel() == "iou against the consensus"
    written = [text.get_text() for text in right.texts]
    assert written == ["1.00", "0.00", "1.00", "0.00", "0.00", "0.00"]
    with pytest.raises(cl.InvalidError, match="metric"):
        cl.plots.agreement(agree([DISC, DISC]), metric="ap50")
    of_objects = agree([DISC, DISC], task="instances").plot().axes
    assert of_objects[0].get_ylabel() == "ap50 against the consensus"


def test_scores_are_held_against_what_experts_score_without_each_other(trained):
    """By hand: each expert's Dice against the other two's majority; the range of the means."""
    image, truth = (part[0] for part in small.nuclei(1))
    experts = [truth, np.roll(truth, 1, axis=1), np.roll(truth, 4, axis=0)]
    sources = [ArraySource(one, "yx", role="labels") for one in experts]
    data = cl.datasets.data.as_data(([image], [truth]))
    item = dataclasses.replace(data.items[0], annotations=tuple(sources))
    data = dataclasses.replace(data, items=(item,))
    scores = cl.evaluate(
        trained, data, rescale=None, allow_training_images=True, progress=False
    ).summary.set_index("metric")
    without = [
        cl.consensus([e for e in experts if e is not own], "majority", task="instances")["image"]
        for own in experts
    ]
    dice = [cl.metrics.dice(w > 0, own > 0) for w, own in zip(without, experts, strict=True)]
    assert scores.loc["dice", "experts_low"] == pytest.approx(min(dice))
    assert scores.loc["dice", "experts_high"] == pytest.approx(max(dice))
    assert scores.loc["ap50", "beside_experts"] == "below"
    assert scores.loc["n_found", "beside_experts"] == ""
