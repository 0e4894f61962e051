"""Members that predict together, folds, and the scores of images that a member has not seen."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.folds import folds
from cytoloom.inference.tiled import activate
from cytoloom.models.engine import logits_of_mean
from cytoloom.runs import repeated
from cytoloom.training.members import _replayed
from cytoloom.training.out_of_fold import judged_by_all
from cytoloom.training.recipe import DatasetFingerprint, choose
from cytoloom.uncertainty.calibration import fit_temperature, tempered_share
from cytoloom.uncertainty.reliability import calibration_error, reliability

NETWORK = cl.UNet(filters=4, depth=1)
SETTINGS = {"members": 2, "network": NETWORK, "trainer": small.trainer(iterations=4)}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of an ensemble of two, on four images."""
    folder = tmp_path_factory.mktemp("ensemble") / "e.cytoloom"
    small.train(out=folder, **SETTINGS)
    return folder


@pytest.fixture(scope="module")
def ensemble(out):
    return cl.load(out)


def table(groups, shows):
    """Images of which some show nothing, by group."""
    full, empty = np.eye(8, dtype=int), np.zeros((8, 8), int)
    labels = [full * kind if kind else empty for kind in shows]
    names = [f"i{k}" for k in range(len(labels))]
    rows = {"image": labels, "label": labels, "name": names}
    return cl.datasets.data.as_data({"table": {**rows, **({"group": groups} if groups else {})}})


def test_each_image_is_scored_once_by_a_member_that_has_not_seen_it(ensemble):
    training = ensemble.info["training"]
    rows = training["out_of_fold"]
    assert sorted(row["image"] for row in rows) == [
        "image_000",
        "image_001",
        "image_002",
        "image_003",
    ]
    for row in rows:
        assert row["image"] in training["members"][row["member"] - 1]["held_out"]
    assert ensemble.members == len(training["members"]) == 2
    assert len({one["seed"] for one in training["members"]}) == 2
    assert set(ensemble.history["member"]) == {1, 2}


def test_each_member_has_a_colour_of_its_own(ensemble):
    lines = cl.plots.history(ensemble.history, metric="loss").axes[0].get_lines()
    assert [line.get_linestyle() for line in lines] == [":", ":", "-", "-"]
    colours = [line.get_color() for line in lines]
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]
    assert [line.get_label() for line in lines[2:]] == ["member 1", "member 2"]


def test_members_predict_by_the_mean_of_their_maps(out):
    image = small.nuclei(1)[0][0]
    model = cl.load(out)
    model.parts["network"] = dataclasses.replace(model.part, calibration=None)
    maps = model.predict_maps(image)
    batch = {"image": normalized(model, image)[np.newaxis]}
    each = [model.outputs(batch, member=k) for k in (1, 2)]
    for head, found in maps.items():
        mean = np.mean([one[head][0] for one in each], axis=0)
        # a batch of one, unfolded, in whatever precision this machine has
        assert np.abs(found - mean).max() < 0.01
        assert all(np.abs(found - one[head][0]).max() > 0.02 for one in each)
    assert not np.array_equal(each[0]["foreground"], each[1]["foreground"])


def test_how_unsure_pixels_are_is_written_on_a_scale_of_its_own(out, tmp_path):
    image, model = small.nuclei(1)[0][0], cl.load(out)
    batch = {"image": normalized(model, image)[np.newaxis]}
    cl.predict(
        model, {"a": image}, rescale=None, out=tmp_path, uncertainty=True, maps=True, progress=False
    )
    wholly = cl.images.read(tmp_path / "uncertainty" / "a.tif").array.astype(float)
    p = cl.images.read(tmp_path / "maps" / "a.tif").array[..., 1].astype(float)
    assert np.abs(wholly[..., 0] - bits(p)).max() < 0.01
    assert np.abs(wholly[..., 2] - p * (1 - p) / 0.25).max() < 0.01
    # of what members say before the mean of them is calibrated
    model.parts["network"] = dataclasses.replace(model.part, calibration=None)
    each = [model.outputs(batch, member=k)["foreground"][0, ..., 0].astype(float) for k in (1, 2)]
    disagreement = bits(np.mean(each, axis=0)) - np.mean([bits(one) for one in each], axis=0)
    assert np.abs(wholly[..., 1] - disagreement).max() < 0.02
    assert wholly[..., 1].max() > 0.02


def bits(p):
    """Entropy of two classes."""
    q = np.clip(p, 1e-7, 1 - 1e-7)
    return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))


def test_a_single_network_disagrees_with_nobody(trained, tmp_path):
    """Of an image in which nothing is found there are no pixels to be unsure of."""
    images = {"a": small.nuclei(1)[0][0], "blank": np.zeros((64, 64), np.uint8)}
    kept = cl.predict(trained, images, rescale=None, out=tmp_path, uncertainty=True, progress=False)
    found = cl.images.read(tmp_path / "uncertainty" / "a.tif").array
    assert found.shape == (64, 64, 3)
    assert found[..., 0].max() > 0
    assert not found[..., 1].any()
    assert list(kept.summary)[-3:] == ["uncertainty", "unlikeness", "flags"]
    unsure = found[..., 2][kept["a"] > 0].mean(dtype=float)
    assert kept.summary["uncertainty"][0] == pytest.approx(unsure, abs=1e-3)
    assert kept["blank"].any() or np.isnan(kept.summary["uncertainty"][1])
    assert cl.results(tmp_path).summary.equals(kept.summary)


def normalized(model, image):
    source = model.as_source(image)
    return model.normalize.apply(source.read(), model.normalize.fit(source))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "linear"])
def test_the_mean_of_logits_is_that_of_maps(activation):
    logits = list(np.random.default_rng(0).normal(0, 8, (3, 5, 4, 2)).astype(np.float32))
    before = [one.copy() for one in logits]
    found = activate(logits_of_mean(logits, activation), activation)
    mean = np.mean([activate(one.copy(), activation) for one in logits], axis=0)
    assert np.abs(found - mean).max() < (1e-5 if activation == "linear" else 1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(logits, before, strict=True))


def test_a_killed_ensemble_goes_on_to_the_same_end(ensemble, tmp_path, capfd):
    again = tmp_path / "again.cytoloom"
    settings = {"data": small.nuclei(), **SETTINGS, "out": again}
    events = cl.train.events(**settings)
    for event in events:
        if event.kind == "progress" and event.message.startswith("member 2/2, iteration 3"):
            break
    events.close()
    assert sorted(p.name for p in (again / ".training").iterdir()) == ["member_1", "member_2"]
    with pytest.raises(cl.InvalidError, match="another number of members"):
        cl.train(**{**settings, "members": 1})
    cl.train(**settings)
    said = capfd.readouterr().err
    assert "Going on from iteration 4" in said
    assert "Going on from iteration 3" in said
    resumed = cl.load(again)
    for member in (1, 2):
        pairs = (one.network_of(member).get_weights() for one in (resumed, ensemble))
        assert all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))
    assert resumed.task == ensemble.task
    assert resumed.info["training"]["out_of_fold"] == ensemble.info["training"]["out_of_fold"]
    assert not (again / ".training").exists()


def test_an_ensemble_is_rerun_with_the_folds_that_it_had():
    """Each member held out one of four images, where two folds would be two images each."""
    trainer = small.trainer(iterations=2)
    model = small.train(members=2, folds=4, network=NETWORK, trainer=trainer)
    found = cl.rerun(model, small.nuclei(), progress=False)
    assert (found.equal, found.difference) == (True, 0)
    told, then = (one.info["training"]["members"] for one in (found.model, model))
    assert [one["held_out"] for one in told] == [one["held_out"] for one in then]
    assert [len(one["held_out"]) for one in told] == [1, 1]
    assert found.model.task == model.task


def test_each_member_of_an_ensemble_by_time_is_replayed(ensemble):
    """Each by the steps that it came to, as if time was up one step earlier for the second."""
    training = ensemble.info["training"]
    first, second = training["members"]
    info = {
        **ensemble.info,
        "trainer": {**ensemble.info["trainer"], "iterations": None, "minutes": 10.0},
        "training": {**training, "members": [first, {**second, "iterations": 3}]},
    }
    given = repeated._given(dataclasses.replace(ensemble, info=info))
    assert given.trainer.length(1) == (None, 10)
    seen = DatasetFingerprint(4, (64, 64))
    plan = dataclasses.replace(choose(seen), trainer=given.trainer)
    each = [_replayed(plan, given, member).trainer for member in (1, 2)]
    assert [one.length(1) for one in each] == [(4, None), (3, None)]
    assert [list(map(list, one.knots)) for one in each] == [first["knots"], second["knots"]]
    assert _replayed(plan, dataclasses.replace(given, replays=()), 1) is plan


def test_an_ensemble_of_which_folds_are_not_known_is_not_rerun(ensemble):
    training = ensemble.info["training"]
    members = training["members"]
    for one in ([], members[:1], [{**member, "held_out": ["x"]} for member in members]):
        info = {**ensemble.info, "training": {**training, "members": one}}
        with pytest.raises(cl.InvalidError, match="Received: one made otherwise"):
            cl.rerun(dataclasses.replace(ensemble, info=info), small.nuclei(), progress=False)


def test_every_verb_takes_an_ensemble(ensemble, out, tmp_path):
    images, labels = small.nuclei(2)
    found = cl.predict(ensemble, images, rescale=None, progress=False)
    assert found.names == ["image_000", "image_001"]
    scores = cl.evaluate(ensemble, (images, labels), rescale=None, allow_training_images=True)
    assert len(scores.per_image) == 2
    told = str(cl.info(out, progress=False))
    assert "2 members" in told
    assert "by the member that has not seen it" in told
    card = (out / "README.md").read_text()
    assert "2 members (independent networks, each trained without one fold" in card
    copy = ensemble.save(tmp_path / "copy.cytoloom")
    assert np.array_equal(cl.load(copy).predict(images[0]), ensemble.predict(images[0]))
    tuned = small.train(start=out, network=None, trainer=small.trainer(iterations=1))
    assert tuned.members == 1


def test_a_member_that_is_missing_or_damaged_is_one_sentence(out, tmp_path):
    for k, spoil in enumerate([lambda p: p.unlink(), lambda p: p.write_bytes(b"no")]):
        folder = shutil.copytree(out, tmp_path / str(k))
        spoil(folder / "members/2/network.keras")
        with pytest.raises(cl.InvalidError, match=r"members/2/network\.keras as it was saved"):
            cl.load(folder)
    folder = shutil.copytree(out, tmp_path / "fewer")
    plain = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**plain, "members": 1}))
    with pytest.raises(cl.InvalidError, match=r"Expected networks.*Copy the model folder again"):
        cl.load(folder)


def test_two_images_are_two_members_and_one_is_a_sentence(capfd):
    settings = {**SETTINGS, "members": 5, "progress": True}
    assert small.train(data=small.nuclei(2), **settings).members == 2
    assert "2 members: there are 2 folds" in capfd.readouterr().err
    with pytest.raises(cl.InvalidError, match=r"Expected 2 or more images.*Received: 1 image\."):
        small.train(data=small.nuclei(1), **settings)
    with pytest.raises(cl.InvalidError, match="Invalid `folds`"):
        small.train(members=3, folds=2)
    with pytest.raises(cl.InvalidError, match="Invalid `members`"):
        small.train(members=0)


def test_images_of_their_own_set_the_thresholds_of_all_members():
    images, labels = small.nuclei(5)
    model = small.train(
        data=(images[:4], labels[:4]),
        validation=(images[4:], labels[4:]),
        **SETTINGS,
    )
    assert [row["id"] for row in model.info["data"]["validation"]] == ["image"]
    assert len(model.info["training"]["out_of_fold"]) == 4


def test_groups_stay_together_and_kinds_are_spread():
    groups = [name for name in "abcdef" for _ in range(3)]
    shows = [1, 1, 0] * 3 + [0, 0, 0] * 3
    parts = folds(table(groups, shows), 3, seed=1)
    assert sorted(Counter(name for part in parts for name in part).values()) == [1] * 18
    for part in parts:
        held = {groups[int(name[1:])] for name in part}
        assert all(sum(groups[int(n[1:])] == g for n in part) == 3 for g in held)
        assert len(held & set("abc")) == len(held & set("def")) == 1
    # no more folds than groups that show something: else nothing were held out that can be scored
    assert len(folds(table(groups, shows), 5)) == 3
    with pytest.raises(cl.InvalidError, match=r"or groups of them.*Received: 1 group\."):
        folds(table(["a"] * 4 + ["b"] * 4, [1] * 4 + [0] * 4), 3)
    assert folds(table(groups, shows), 3, seed=1) == parts != folds(table(groups, shows), 3, seed=2)


def test_a_rare_class_is_in_as_many_folds_as_images_have_it():
    shows = [1] * 12 + [2] * 3
    data = table(None, shows)
    kinds = {f"i{k}": frozenset([kind]) for k, kind in enumerate(shows)}
    parts = folds(data, 3, shows=lambda item: kinds[item.id])
    assert [sum(kinds[n] == {2} for n in part) for part in parts] == [1, 1, 1]
    assert [len(part) for part in parts] == [5, 5, 5]


def test_the_time_given_is_that_of_all_members():
    from cytoloom.training.members import _share

    shared = _share(cl.Trainer(minutes=10), 5)
    assert shared.minutes == 2
    assert _share(cl.Trainer(), 5).minutes == 2
    assert dataclasses.replace(shared, minutes=10.0) == cl.Trainer(minutes=10)
    assert _share(cl.Trainer(iterations=7), 5).iterations == 7


def test_without_data_an_ensemble_is_scored_by_what_was_not_seen(ensemble, tmp_path):
    scores = cl.evaluate(ensemble, out=tmp_path / "scores", progress=False)
    assert sorted(scores.per_image["image"]) == [f"image_00{k}" for k in range(4)]
    assert set(scores.summary["n"]) <= {0, 1, 2, 3, 4}
    assert (tmp_path / "scores/scores_per_image.csv").is_file()
    rows = {row["image"]: row["dice"] for row in ensemble.info["training"]["out_of_fold"]}
    dice = scores.summary.set_index("metric").loc["dice"]
    assert dice["value"] == pytest.approx(np.mean(list(rows.values())))


def test_without_data_a_single_model_says_why_not(trained):
    with pytest.raises(cl.InvalidError, match="a model of a single network"):
        cl.evaluate(trained, progress=False)


def test_intervals_that_the_mean_breaks_are_taken_back_and_that_is_said(monkeypatch, capfd):
    seen = []

    def broken(held, images):
        seen.append(images)
        return True

    judged = []

    def by_all(*args):
        judged.extend(judged_by_all(*args))
        return judged

    monkeypatch.setattr("cytoloom.training.trust.is_broken", broken)
    monkeypatch.setattr("cytoloom.training.members.judged_by_all", by_all)
    monkeypatch.setattr("cytoloom.training.out_of_fold.IMAGES_OF_MEAN", 3)
    images, labels = small.nuclei()
    model = small.train(data=(images, labels), **{**SETTINGS, "progress": True})
    said = "without intervals: members alone find other numbers than their mean does"
    assert f"Counts come {said}.\n" in capfd.readouterr().err
    assert said in model.summary()
    found = cl.predict(model, images, rescale=None)
    assert f"Counts come {said}.\n" in capfd.readouterr().err
    assert found.summary["count_low"].isna().all()
    assert found.summary["unlikeness"].notna().all()
    # three images, of both folds, each as all members together find it
    counts = [len(np.unique(one)) - 1 for one in labels]
    assert seen == [3]
    assert {one.count for one in judged} <= set(counts)
    found_by_all = found.summary["count"].tolist()
    assert Counter(len(one.evidence.numbers) for one in judged) <= Counter(found_by_all)


def test_probabilities_are_calibrated_by_what_was_held_out(out, trained):
    """A temperature divides the logits of classes, and of nothing else."""
    image = small.nuclei(1)[0][0]
    for model in (cl.load(out), cl.load(trained.path)):
        part = model.part
        assert 0.1 < part.calibration.temperature < 10
        said = model.predict_maps(image)
        model.parts["network"] = dataclasses.replace(part, calibration=None)
        plain = model.predict_maps(image)
        assert np.array_equal(said["distance"], plain["distance"])
        odds, before = (np.log(p / (1 - p)) for p in (said["foreground"], plain["foreground"]))
        assert odds * part.calibration.temperature == pytest.approx(before, abs=0.02)


def test_temperatures_are_those_that_make_truth_likeliest():
    """Truth drawn with known probabilities; a network twice as sure, and one half as sure."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.02, 0.98, 40_000)
    so = (rng.random(len(share)) < share).astype(int)
    for temperature in (0.5, 1.0, 2.0):
        said = tempered_share(share, 1 / temperature)
        found = fit_temperature([np.stack([1 - said, said], -1)], [so])
        assert found == pytest.approx(temperature, rel=0.03)
        table = reliability(tempered_share(said, found), so)
        assert calibration_error(table) < 0.01
