"""Which of two models is better: paired, by the same truth, in words."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
import kills
import small
from cytoloom.models.engine import Engine

PAIRS = [cl.simulate.nuclei(shape=(96, 96), count=4, seed=k) for k in range(20, 26)]
DATA = {"images": [image for image, _ in PAIRS], "labels": [labels for _, labels in PAIRS]}
EMPTY = {"images": DATA["images"], "labels": [np.zeros((96, 96), np.uint8)] * 6}


def shifted(path: Path, logit: float) -> cl.Model:
    """A model that sees bright objects, larger or smaller by as much; far below 0 none."""
    model = kills.ruled(path)
    model.info["seed"] = logit  # by which it is another one
    plain = model.engine.forward

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        return {head: logits + np.float32(logit) for head, logits in plain(images).items()}

    model.engine = Engine("a rule", forward, 1, 2)
    return model


def compare(model_a: cl.Model, model_b: cl.Model, data=DATA, **rest) -> cl.Comparison:
    return cl.compare(model_a, model_b, data, rescale=None, progress=False, **rest)


@pytest.fixture(scope="module")
def good(trained: cl.Model) -> cl.Model:
    """A model that finds most objects."""
    return shifted(trained.path, 0)


@pytest.fixture(scope="module")
def blind(trained: cl.Model) -> cl.Model:
    """A model that finds nothing."""
    return shifted(trained.path, -99)


def test_who_finds_objects_is_better_than_who_finds_none(good, blind):
    """Of one who finds nothing every score is 0: the difference is the mean of the other one."""
    found = compare(good, blind)
    scores = cl.evaluate(good, DATA, rescale=None, progress=False).summary.set_index("metric")
    assert list(found.summary.columns) == [
        "metric", "a", "b", "difference", "low", "high", "n", "better",
    ]  # fmt: skip
    row = found.summary.set_index("metric").loc["dice"]
    assert row["a"] == row["difference"] == pytest.approx(scores.loc["dice", "value"])
    assert (row["b"], row["n"], row["better"]) == (0, 6, "a is better")
    assert 0 < row["low"] < row["difference"] < row["high"] <= 1
    assert str(found).startswith("a (m.cytoloom) is better than b (m.cytoloom): mean ap50 ")
    other = compare(blind, good)
    assert (other.summary["better"] == "b is better").all()
    assert other.words.startswith("b (m.cytoloom) is better than a")
    np.testing.assert_array_equal(other.summary["low"], -found.summary["high"])


def test_each_image_has_a_difference_of_its_own(good, blind):
    found = compare(good, blind)
    assert list(found.per_image.columns) == ["image", "metric", "a", "b", "difference"]
    scores = cl.evaluate(good, DATA, rescale=None, progress=False).per_image
    mine = found.per_image[found.per_image["metric"] == "ap50"]
    assert mine["image"].tolist() == scores["image"].tolist()
    assert mine["difference"].tolist() == mine["a"].tolist() == scores["ap50"].tolist()
    assert {"n_found", "n_truth"} <= set(found.per_image["metric"])
    assert not {"n_found", "n_truth"} & set(found.summary["metric"])


def test_models_that_find_the_same_are_not_shown_to_differ(good, trained):
    """And never said to be equal: of six images that are alike others could be otherwise."""
    found = compare(good, shifted(trained.path, 1e-9))
    assert (found.summary["difference"] == 0).all()
    assert (found.summary["low"] < -0.1).all()
    assert (found.summary["better"] == "no difference shown").all()
    assert str(found).startswith("No difference shown between a (m.cytoloom) and b")
    assert "equal" not in str(found)


def test_a_model_is_not_compared_with_itself_wherever_it_lies(trained, tmp_path):
    copy = shutil.copytree(trained.path, tmp_path / "copy.cytoloom")
    for one, other in ((trained, trained), (trained.path, trained.path), (trained, copy)):
        with pytest.raises(cl.InvalidError, match=r"`model_b`.*another model than `model_a`.*same"):
            compare(one, other)


def test_pairs_show_what_means_hide(trained):
    """Images differ more than the models: the means' intervals overlap, that of pairs is narrow."""
    models = [shifted(trained.path, logit) for logit in (-0.3, -1.2)]
    row = compare(*models).summary.set_index("metric").loc["dice"]
    a, b = (cl.evaluate(m, DATA, rescale=None, progress=False).summary for m in models)
    (low,), (high,) = a.loc[a["metric"] == "dice", "low"], b.loc[b["metric"] == "dice", "high"]
    assert low < high
    assert row["better"] == "a is better"


def test_groups_widen_the_interval_and_one_image_has_none(good, blind):
    groups = ["p1", "p1", "p1", "p2", "p2", "p2"]
    table = pd.DataFrame({"image": DATA["images"], "label": DATA["labels"], "group": groups})
    alone, grouped = (compare(good, blind, data).summary.iloc[0] for data in (DATA, table))
    assert grouped["high"] - grouped["low"] > alone["high"] - alone["low"]
    one = compare(good, blind, {name: many[:1] for name, many in DATA.items()})
    assert one.summary[["low", "high"]].isna().all(axis=None)
    assert "a - b 0" in one.words
    assert "(no interval, 1 image)" in one.words
    assert (one.summary["better"] == "no difference shown").all()


def test_where_there_is_nothing_who_finds_less_is_better(good, blind):
    """Of no other metric there is a mean then: the words are about this one."""
    found = compare(good, blind, EMPTY)
    rows = found.summary.set_index("metric")
    assert rows.loc["n_found_on_empty", "difference"] > 0
    assert rows.loc["n_found_on_empty", "better"] == "b is better"
    assert rows.loc["ap50", "n"] == 0
    assert found.words.startswith("b (m.cytoloom) is better than a (m.cytoloom): mean n_found_on_")


def test_of_other_tasks_what_both_have_is_compared(trained, good):
    """Objects and a mask share Dice of the foreground."""
    mask = shifted(trained.path, 0)
    part = dataclasses.replace(mask.part, task=cl.tasks.Binary())
    mask.parts[mask.name] = part
    forward = good.engine.forward
    mask.engine = Engine(
        "a rule", lambda images: {"foreground": next(iter(forward(images).values()))[..., :1]}, 1, 2
    )
    found = compare(good, mask)
    assert found.summary["metric"].tolist() == ["dice"]
    assert found.metric == "dice"


def test_images_that_one_of_them_has_seen_are_refused(good, blind):
    with pytest.raises(cl.InvalidError, match=r"of model_[ab]\).*allow_training_images=True"):
        compare(good, blind, small.nuclei())
    images, labels = small.nuclei()
    for kind in (np.float32, np.int64):
        with pytest.raises(cl.InvalidError, match="same pixels as image_000"):
            cl.evaluate(good, ([one.astype(kind) for one in images], labels), progress=False)
    assert compare(good, blind, small.nuclei(), allow_training_images=True).summary["n"].max() == 4


def test_models_of_before_know_the_images_in_their_type_alone(trained):
    model = cl.load(trained.path)
    for row in (row for part in model.info["data"].values() for row in part):
        del row["values_sha256"]
    with pytest.raises(cl.InvalidError, match="same pixels as image_000"):
        cl.evaluate(model, small.nuclei(), progress=False)


def test_what_is_missing_is_said_of_its_argument(good, blind, tmp_path):
    with pytest.raises(cl.InvalidError, match="`model_b`"):
        cl.compare(good, tmp_path, DATA)
    with pytest.raises(cl.InvalidError, match=r"`data`.*images with labels"):
        cl.compare(good, blind, None)
    two = {"images": [np.zeros((64, 64, 2), np.uint8)], "labels": [np.eye(64, dtype=int)]}
    with pytest.raises(cl.InvalidError, match=r"1 channel.*That is for `model_a`"):
        compare(good, blind, two)


def test_tables_are_those_on_disk_with_what_made_them(good, blind, tmp_path):
    found = compare(good, blind, out=tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out/comparison.csv"), found.summary)
    per_image = pd.read_csv(tmp_path / "out/comparison_per_image.csv")
    pd.testing.assert_frame_equal(per_image, found.per_image)
    assert (tmp_path / "out/comparison_run.json").exists()
    assert list(found.run["models"]) == ["a", "b"]
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        compare(good, blind, out=tmp_path / "out")


def test_what_happens_is_told_of_one_model_or_the_other(good, blind):
    events = list(cl.compare.events(good, blind, DATA, rescale=None))
    told = [event for event in events if event.kind == "progress"]
    assert {event.message[:3] for event in told} == {"a: ", "b: "}
    shares = [event.done / event.total for event in told]
    assert shares == sorted(shares)
    assert shares[-1] < 1
