"""How far to trust what is found: fitted to what was not seen, and held against what is so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import cytoloom as cl
import small
from cytoloom.components import from_plain, to_plain
from cytoloom.datasets.sources import ArraySource
from cytoloom.prediction.summary import summary_table, unlike_words
from cytoloom.tasks import Binary, Classes, Instances
from cytoloom.tasks.found import Found
from cytoloom.training.trust import as_kept
from cytoloom.training.trust import trusted as trusted_by
from cytoloom.uncertainty import evidence as evidence_room
from cytoloom.uncertainty.calibration import Calibration
from cytoloom.uncertainty.evidence import Evidence, evidence_of
from cytoloom.uncertainty.judged import Judged, judge
from cytoloom.uncertainty.likeness import likeness
from cytoloom.uncertainty.linear import share
from cytoloom.uncertainty.reliability import calibration_error, reliability
from cytoloom.uncertainty.trust import Trust, counts_words, fit_trust


def world(rng, objects=30):
    """One image of a world in which it is known how likely each object is real."""
    n = int(rng.poisson(objects))
    clear = rng.normal(1.5, 1.0, n)
    real = rng.random(n) < share(2 * clear)
    missed = int(rng.poisson(0.1 * n))
    quality = rng.normal()
    dice = float(share(np.array(1.5 + quality + 0.3 * rng.normal())))
    own = Evidence(
        np.arange(1, n + 1),
        np.column_stack([clear, rng.normal(size=n), np.zeros(n)]),
        np.exp(rng.normal(5, 0.2, n)),
        20.0 * n,
        np.array([quality, rng.normal()]),
        rng.normal(size=3),
    )
    scores = {"dice": dice, "area": float(np.exp(0.05 * rng.normal()))}
    return Judged(own, real, real.astype(float), int(real.sum()) + missed, scores)


def worlds(count, seed, **settings):
    rng = np.random.default_rng(seed)
    return [world(rng, **settings) for _ in range(count)]


def holds(hits, n, promised=0.9):
    """Whether so many hits go with what is promised, but for one chance in a thousand."""
    return binom.ppf(0.0005, n, promised) <= hits <= binom.ppf(0.9995, n, promised)


def test_probabilities_of_objects_are_as_often_right_as_they_say():
    trust, fresh = fit_trust(worlds(30, 1)), worlds(200, 2)
    said = np.concatenate([trust.probabilities(one.evidence) for one in fresh])
    so = np.concatenate([one.real for one in fresh])
    assert len(so) > 5000
    assert calibration_error(reliability(said, so)) < 0.03
    # as far apart as the law has them: the surest tenth and the least sure
    order = np.argsort(said)
    tenth = len(so) // 10
    assert so[order[:tenth]].mean() < 0.6 < 0.99 < so[order[-tenth:]].mean()


@pytest.mark.parametrize("images", [4, 9, 30])
def test_intervals_of_single_images_hold_what_they_promise(images):
    """Over many trainings, since of one all intervals are off together."""
    counts, scores, asked = 0, 0, 0
    for seed in range(15):
        trust = fit_trust(worlds(images, seed))
        for one in worlds(20, 1000 + seed):
            low, high = trust.interval(one.evidence)
            _, least, most = trust.forecasts(one.evidence)["dice"]
            counts += low <= one.count <= high
            scores += least <= one.scores["dice"] <= most
            asked += 1
    # intervals of few images may hold more than promised, never less
    assert min(counts, scores) / asked > 0.85
    assert images < 9 or counts / asked < 0.97


def test_counts_are_surer_than_a_share_of_what_is_found_where_objects_differ():
    train, fresh = worlds(60, 3), worlds(300, 4)
    trust = fit_trust(train)
    ends = [trust.interval(one.evidence) for one in fresh]
    true = np.array([one.count for one in fresh])
    assert holds(sum(a <= t <= b for (a, b), t in zip(ends, true, strict=True)), 300)
    found = np.array([len(one.real) for one in fresh])
    off = np.sort([abs(one.count - len(one.real)) / len(one.real) for one in train])[54]
    assert np.median([b - a for a, b in ends]) < np.median(2 * off * found)


@pytest.mark.parametrize(("off", "kept"), [(1, True), (2, False)])
def test_a_mean_that_finds_other_counts_than_members_has_no_intervals(off, kept):
    told = trusted_by(Calibration(1.0), worlds(30, 1), [])
    by_mean = [replace(one, count=off * one.count) for one in worlds(20, 2)]
    trust = as_kept(told, by_mean).calibration.trust
    own = by_mean[0].evidence
    assert (trust.interval(own) is not None) == kept
    assert trust.probabilities(own).tolist() == told.calibration.trust.probabilities(own).tolist()
    assert counts_words(trust).startswith("with intervals that hold 90%" if kept else "without")


def test_few_images_tell_nothing_and_that_is_said(capsys):
    assert fit_trust(worlds(2, 0)) is None
    assert fit_trust(worlds(5, 0, objects=1)) is None
    small.train(trainer=small.trainer(iterations=2), progress=True)
    told = capsys.readouterr().err
    assert "Held out: 1 image, too few to say how sure objects, counts and scores are" in told


def test_images_without_objects_may_be_held_out_together():
    """Others than these are needed to judge an image by, of which there may be none."""
    full, empty = worlds(6, 9), [world(np.random.default_rng(k), objects=0) for k in range(6)]
    assert all(len(one.real) == 0 for one in empty)
    trust = fit_trust([*full, *empty])
    assert trust.images == 12
    assert trust.interval(empty[0].evidence)[0] == 0
    for alone in ([full[0], *empty[:3]], [*empty[:2], full[0]]):
        few = fit_trust(alone)
        assert few is None or few.interval(full[1].evidence) is not None
    grouped = [replace(one, group="a") for one in full]
    assert fit_trust([*grouped, *empty[:3]]) is not None


def test_a_trust_is_the_same_from_a_file():
    trust, one = fit_trust(worlds(12, 5)), worlds(1, 6)[0].evidence
    again = from_plain(json.loads(json.dumps(to_plain(Calibration(1.5, trust)))), Calibration)
    assert again == Calibration(1.5, trust)
    assert again.trust.interval(one) == trust.interval(one)
    assert again.trust.probabilities(one).tolist() == trust.probabilities(one).tolist()


def test_groups_are_held_out_as_a_whole():
    """Ten near-copies of each of four images: their errors are alike, and count as four."""
    rng = np.random.default_rng(7)
    images, alone = [], []
    for name in "abcd":
        one = world(rng)
        off = int(rng.integers(-9, 10))
        alone.append(replace(one, count=one.count + off, group=name))
        images += [alone[-1]] * 10
    loose = fit_trust([replace(one, group=None) for one in images])
    assert fit_trust(images).reach > 1.2 * loose.reach


class TestEvidence:
    """What maps say of objects, by hand."""

    labels = np.zeros((8, 10), np.int32)
    labels[2:5, 2:5], labels[2:5, 5:8] = 3, 9

    def of(self, foreground, labels=None, task=None, **settings):
        labels = self.labels if labels is None else labels
        maps = {"foreground": np.asarray(foreground, np.float32)[..., None]}
        image = np.arange(labels.size, dtype=np.float32).reshape(*labels.shape, 1)
        normalize = cl.Normalize()
        stats = normalize.fit(image)
        return evidence_of(
            task or Binary(), maps, labels, ArraySource(image), stats, normalize, **settings
        )

    def test_means_overlaps_and_outlines(self):
        foreground = np.where(self.labels == 3, 0.9, np.where(self.labels == 9, 0.6, 0.0))
        foreground[1, 2] = 0.5  # beside the first; within reach of the second, of larger number
        found = self.of(foreground)
        assert found.numbers.tolist() == [3, 9]
        assert share(found.objects[:, 0]) == pytest.approx([0.9, 0.6])
        assert share(found.objects[:, 1]) == pytest.approx([0.9, 5.4 / (9 + 0.5)])
        # 8 of 9 pixels of a square of 3 px lie on its rim
        assert found.objects[:, 2] == pytest.approx([8 / 3, 8 / 3])
        assert found.objects[:, 3].tolist() == [0, 0]
        assert found.area_px.tolist() == [9, 9]
        assert found.left_px == pytest.approx(0.5)
        assert self.of(foreground, scale=2.0).area_px.tolist() == [36, 36]

    def test_objects_at_the_border_are_said_to_be(self):
        cut = self.labels[2:]
        assert self.of(cut > 0, cut).objects[:, 3].tolist() == [1, 1]

    def test_nothing_found_is_evidence_too(self):
        found = self.of(np.zeros((8, 10)), np.zeros((8, 10), int))
        assert len(found.numbers) == 0
        assert found.left_px == 0
        # blocks of 8 x 8 px are not to be compared in 8 rows
        assert np.isfinite(found.look).sum() == len(found.look) - 2

    @pytest.mark.parametrize("shape", [(40, 50), (12, 20, 24)])
    def test_blocks_make_no_difference(self, shape, monkeypatch):
        rng = np.random.default_rng(0)
        labels = np.kron(np.arange(8).reshape(2, *[2] * (len(shape) - 2), -1), np.ones(6, int))
        labels = np.pad(rng.permutation(8)[np.resize(labels, shape)], 2)
        heads = {"foreground": (labels > 0) * 0.7 + 0.2, "distance": rng.random(labels.shape)}
        maps = {head: v[..., None].astype(np.float32) for head, v in heads.items()}
        image = rng.normal(size=(*labels.shape, 1)).astype(np.float32)
        given = (ArraySource(image), cl.Normalize().fit(image), cl.Normalize())
        whole = evidence_of(Instances(), maps, labels, *given)
        monkeypatch.setattr(evidence_room, "BLOCK_PX", labels[0].size * 3)
        parts = evidence_of(Instances(), maps, labels, *given)
        for name in ("objects", "area_px", "image", "look"):
            assert getattr(parts, name) == pytest.approx(getattr(whole, name), nan_ok=True)


class TestJudge:
    """What is real, by hand."""

    def judged(self, task, found, truth, known=None, semantic=False):
        found, truth = np.array([found]), np.array([truth])
        own = Found(found, semantic)
        numbers = np.unique(own.objects_labels)[1:]
        n = len(numbers)
        bare = Evidence(numbers, np.zeros((n, 2)), np.ones(n), 0.0, np.zeros(1), np.zeros(1))
        known = None if known is None else np.array([known])
        return judge(task, bare, own, truth, known, {})

    def test_merged_split_missed_and_unknown(self):
        #        merged of two   split in two    missed  unknown
        truth = [1, 1, 1, 2, 2, 0, 3, 3, 3, 3, 0, 4, 4, 0, 0, 0]
        found = [7, 7, 7, 7, 7, 0, 8, 8, 8, 9, 0, 0, 0, 0, 5, 5]
        known = [True] * 13 + [False] * 3
        own = self.judged(Instances(), found, truth, known)
        assert own.evidence.numbers.tolist() == [7, 8, 9]
        assert own.real.tolist() == [True, True, False]  # 7 overlaps 1 by 3 of 5
        assert own.holds.tolist() == [2, 1, 0]
        assert own.count == 4
        assert own.scores["area"] == pytest.approx((11 / 4) / (9 / 3))

    def test_an_object_of_another_class_is_not_the_same(self):
        task = Classes(("background", "nucleus", "cytoplasm"))
        own = self.judged(task, [1, 1, 0, 2, 2], [1, 1, 0, 1, 1], semantic=True)
        assert own.real.tolist() == [True, False]


@pytest.fixture(scope="module")
def trusted(trained, tmp_path_factory):
    """The model for all tests with a trust, as if it had found almost what is true."""
    images, truths = small.nuclei(6)
    judged = []
    for k, (image, truth) in enumerate(zip(images, truths, strict=True)):
        found = Found(np.where(truth == k + 1, 0, truth))
        source = trained.as_source(image)
        stats = trained.normalize.fit(source)
        maps = trained.source_maps(source, stats)
        own = evidence_of(trained.task, maps, found.labels, source, stats, trained.normalize)
        scores = trained.task.score(truth, found)[0]
        judged.append(judge(trained.task, own, found, truth, None, scores))
    model = cl.load(trained.path)
    part = replace(model.part, calibration=Calibration(1.0, fit_trust(judged)))
    model = replace(model, parts={model.name: part})
    model.save(tmp_path_factory.mktemp("trusted") / "m.cytoloom")
    return model


def test_what_is_found_comes_with_how_far_to_trust_it(trusted, tmp_path):
    images = dict(zip("abc", small.nuclei(3)[0], strict=True))
    out = tmp_path / "out"
    found = cl.predict(cl.load(trusted.path), images, rescale=None, out=out, progress=False)
    assert found.objects["probability"].between(0, 1).all()
    assert found.summary["image"].tolist() == ["a", "b", "c"]
    assert found.summary["count"].tolist() == found.files["objects"].tolist()
    assert (found.summary["count_low"] <= found.summary["count_high"]).all()
    for name in ("predicted_ap50", "predicted_dice", "mean_area_px"):
        one = found.summary[[f"{name}_low", name, f"{name}_high"]].dropna()
        assert (one.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    again = cl.results(out)
    assert again.summary.equals(found.summary)
    assert again.objects["probability"].tolist() == found.objects["probability"].tolist()


def test_an_image_of_another_kind_is_named(trusted, capsys):
    noise = np.random.default_rng(0).integers(0, 2**8, (64, 64)).astype(np.uint16)
    images = {"usual": small.nuclei(1)[0][0], "noise": noise}
    found = cl.predict(trusted, images, rescale=None, progress=False)
    assert "unlike those of the training" in capsys.readouterr().err
    usual, far = found.summary["unlikeness"]
    assert far > max(1.5, 2 * usual)
    assert found.summary["flags"].iloc[1].split() == ["faint", "unlike"]


def test_one_in_twenty_unlike_images_is_chance():
    rows = [{"image": f"i{k}", "count": 1, "unlikeness": 1.1 if k == 7 else 0.5} for k in range(40)]
    assert not list(unlike_words(summary_table(Instances(), rows)))
    assert not list(unlike_words(summary_table(Instances(), rows[7:8])))
    assert list(unlike_words(summary_table(Instances(), rows[7:8] * 3)))
    rows[3]["unlikeness"] = 3.0
    (told,) = unlike_words(summary_table(Instances(), rows))
    assert told.startswith("1 of 40 images looks unlike those of the training (i3)")


def test_models_that_cannot_tell_say_so_by_nothing(trained):
    found = cl.predict(trained, {"a": small.nuclei(1)[0][0]}, rescale=None, progress=False)
    assert found.objects["probability"].isna().all()
    assert found.summary["count"].notna().all()
    assert (
        found.summary[["count_low", "count_high", "unlikeness", "predicted_dice"]]
        .isna()
        .all(axis=None)
    )


def test_a_failed_image_has_a_row_without_numbers(trusted, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    cl.images.write_labels(tmp_path / "good.tif", small.nuclei(1)[0][0].astype(np.uint16))
    found = cl.predict(trusted, tmp_path, rescale=None, progress=False)
    assert found.summary["image"].tolist() == ["bad", "good"]
    assert found.summary["count"].isna().tolist() == [True, False]


def test_trust_is_part_of_a_model(trusted):
    assert isinstance(cl.load(trusted.path).trust, Trust)
    assert cl.load(trusted.path).trust == trusted.trust


def test_what_was_said_is_held_against_what_is_so():
    """Of objects by what others say of each image, before by the mean foreground alone."""
    judged = worlds(30, 8)
    rows = trusted_by(Calibration(1.0), judged, [{"of": "pixels"}]).reliability
    assert rows[0] == {"of": "pixels"}
    table = pd.DataFrame(rows[1:])
    errors = {key: calibration_error(own) for key, own in table.groupby("when")}
    assert set(table["of"]) == {"objects"}
    assert errors["after"] < 0.05 < errors["before"]
    assert table.groupby("when")["n"].sum().tolist() == [sum(len(one.real) for one in judged)] * 2


def test_a_model_tells_and_draws_how_reliable_it_is(trained):
    table = trained.reliability
    assert set(table["of"]) == {"pixels"}  # one image held out: nothing is known of objects
    assert table["when"].tolist() == sorted(table["when"], reverse=True)
    assert "pixels off by 0." in trained.summary()
    figure = cl.plots.reliability(table)
    assert [ax.get_xlabel() for ax in figure.axes] == ["probability said of pixels"]
    with pytest.raises(cl.InvalidError, match=r"rows of model\.reliability"):
        cl.plots.reliability(table[:0])


def test_images_of_another_size_are_not_unlike_for_that():
    normalize = cl.Normalize()

    def look(edge, seed):
        image, labels = cl.simulate.nuclei(
            shape=(edge, edge), count=40 * edge**2 // 256**2, seed=seed
        )
        source = ArraySource(image[..., None])
        maps = {"foreground": (labels > 0)[..., None] * np.float32(0.9)}
        stats = normalize.fit(source)
        return evidence_of(Binary(), maps, labels, source, stats, normalize).look

    usual = likeness(np.stack([look(256, seed) for seed in range(12)]))
    near = [usual.unlikeness(look(edge, 50 + edge)) for edge in (192, 256, 512)]
    assert max(near) < 1.3


def test_a_warning_of_unlike_images_comes_before_results_take_their_place(trusted, tmp_path):
    """A caller may take it for an end, as R does by options(warn = 2): the same call goes on."""
    noise = np.random.default_rng(0).integers(0, 2**8, (64, 64)).astype(np.uint16)
    asked = {"model": trusted, "images": {"noise": noise}, "rescale": None, "out": tmp_path / "o"}
    there = [
        (tmp_path / "o" / "summary.csv").exists()
        for event in cl.predict.events(**asked)
        if "unlike those of the training" in str(event.message)
    ]
    assert there == [False]
    assert (tmp_path / "o" / "summary.csv").exists()
