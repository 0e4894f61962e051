"""Novelty and hits: statistics by hand, by SciPy, and on simulated wells."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.detectors import METHODS, Scaler, fit, held_out_scores, threshold
from cytoloom.phenotypes.hits import (
    benjamini_hochberg,
    effect,
    permutation_p,
    smallest_p,
    ssmd,
    z_prime,
)
from cytoloom.phenotypes.reopened import novelty_in

stats = pytest.importorskip("scipy.stats")
pytest.importorskip("sklearn")
QUIET: dict[str, Any] = {"progress": False}


def test_effects_have_the_interval_of_welch() -> None:
    rng = np.random.default_rng(0)
    for a, b in ((4, 8), (2, 3), (6, 6)):
        one, other = rng.normal(1, 2, a), rng.normal(0, 1, b)
        found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
        assert effect(one, other) == pytest.approx(
            (one.mean() - other.mean(), found.low, found.high)
        )
    assert math.isnan(effect(np.array([1.0]), np.array([0.0]))[1])


def test_chances_are_exact_where_all_ways_are_tried() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(1, 1, 3), rng.normal(0, 1, 5)
    every = np.concatenate([one, other])
    seen = abs(one.mean() - other.mean())
    ways = [
        abs(every[list(w)].mean() - np.delete(every, list(w)).mean())
        for w in itertools.combinations(range(8), 3)
    ]
    assert permutation_p(one, other) == pytest.approx(np.mean(np.array(ways) >= seen - 1e-12))
    assert permutation_p(np.array([5.0]), np.zeros(7)) == smallest_p(1, 7) == 1 / 8
    assert (
        permutation_p(np.array([5.0, 5]), np.zeros(2)) == smallest_p(2, 2) == pytest.approx(1 / 3)
    )


def test_chances_that_are_drawn_are_near_the_exact_ones() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.6, 1, 10), rng.normal(0, 1, 12)  # 646 646 ways
    drawn = permutation_p(one, other, seed=3)
    found = stats.permutation_test(
        (one, other), lambda x, y: abs(x.mean() - y.mean()), n_resamples=20_000,
        alternative="greater", rng=np.random.default_rng(4),
    )  # fmt: skip
    assert drawn == pytest.approx(found.pvalue, abs=0.01)
    assert drawn == permutation_p(one, other, seed=3)


def test_q_is_as_scipy_has_it() -> None:
    p = np.random.default_rng(5).uniform(size=30) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert np.isnan(benjamini_hochberg([0.1, math.nan])).tolist() == [False, True]


def test_plates_are_scored_by_hand() -> None:
    high, low = np.array([10.0, 12, 14]), np.array([0.0, 1, 2])
    assert z_prime(high, low) == pytest.approx(1 - 3 * (2 + 1) / 11)
    assert ssmd(high, low) == pytest.approx(11 / math.sqrt(5))


def test_the_threshold_lets_every_well_count_the_same() -> None:
    scores = np.concatenate([np.zeros(90), np.arange(1.0, 11)])
    wells = ["large"] * 90 + ["small"] * 10
    limit = threshold(scores, wells, 0.2)
    share = [np.mean(scores[np.array(wells) == w] > limit) for w in ("large", "small")]
    assert np.mean(share) == pytest.approx(0.2)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "reconstruction"])
def test_each_detector_keeps_its_rate_and_finds_what_is_other(method: str) -> None:
    """On wells that it has not seen, drawn as the controls are."""
    rng = np.random.default_rng(6)
    mixing = rng.normal(size=(6, 6))
    wells = np.repeat([f"w{k}" for k in range(12)], 100)
    controls, others = (rng.normal(size=(1200, 6)) @ mixing for _ in range(2))
    scaler = Scaler.of(controls)
    limit = threshold(held_out_scores(method, scaler(controls), wells), wells, 0.05)
    score = fit(method, scaler(controls))
    assert np.mean(score(scaler(others)) > limit) == pytest.approx(0.05, abs=0.03)
    far = others + 6 * np.sign(others) * np.abs(mixing).max()
    assert np.mean(score(scaler(far)) > limit) > 0.9


def screen(
    treatments: int = 6, wells: int = 4, cells: int = 40, hit: float = 3.0, seed: int = 0
) -> pd.DataFrame:
    """Wells of a plate: the first two treatments shift half of their cells by `hit`."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(treatments + 3):
        control = k >= treatments
        for n in range(wells):
            values = rng.normal(size=(cells, 4)) + rng.normal(0, 0.15, 4)
            if k < 2:
                values[: cells // 2] += hit
            frame = pd.DataFrame(values, columns=[f"shape_{i}" for i in range(4)])
            name = "DMSO" if control else f"drug{k}"
            rows.append(
                frame.assign(well=f"{'ABCDEFGHI'[k]}{n + 1:02d}", treatment=name, image="x")
            )
    return pd.concat(rows, ignore_index=True)


def test_treatments_that_differ_are_found_and_no_others() -> None:
    found = cl.novelty(screen(), controls="DMSO", **QUIET)
    assert set(found.hits["treatment"][:2]) == {"drug0", "drug1"}
    assert (found.hits["q"][:2] < 0.05).all()
    assert (found.hits["q"][2:] > 0.05).all()
    assert (found.hits["low"][:2] > 0).all()
    control = found.cells[found.cells["treatment"] == "DMSO"]
    assert control["outlier"].mean() == pytest.approx(0.05, abs=0.01)
    assert found.wells["cells"].sum() == len(found.cells)
    assert found.note == ""


def test_the_same_seed_gives_the_same_list() -> None:
    how = {"controls": "DMSO", "method": "isolation-forest", "seed": 4, **QUIET}
    one, other = (cl.novelty(screen(), **how) for _ in range(2))
    pd.testing.assert_frame_equal(one.hits, other.hits)
    pd.testing.assert_frame_equal(one.cells, other.cells)


def test_too_few_wells_are_said_and_ranked_by_effect(capsys: pytest.CaptureFixture[str]) -> None:
    found = cl.novelty(screen(treatments=5, wells=1), controls=["F1", "G1", "H1"], by="treatment")
    assert "no q below" in capsys.readouterr().err
    assert found.hits["effect"].is_monotonic_decreasing
    assert found.hits["p"].min() == 0.25
    assert set(found.hits["treatment"][:2]) == {"drug0", "drug1"}


def test_each_plate_is_held_against_its_own_controls() -> None:
    first, second = screen(seed=1), screen(seed=2)
    second[[f"shape_{i}" for i in range(4)]] += 40
    both = pd.concat([first.assign(plate="p1"), second.assign(plate="p2")], ignore_index=True)
    found = cl.novelty(both, controls="DMSO", **QUIET)
    top = found.hits[:4]
    assert set(zip(top["plate"], top["treatment"], strict=True)) == {
        (p, d) for p in ("p1", "p2") for d in ("drug0", "drug1")
    }
    assert (found.hits["wells"] == 4).all()
    with pytest.raises(cl.InvalidError, match=r"control wells on every plate.*none on p2"):
        cl.novelty(both, controls={"treatment": "DMSO", "plate": "p1"}, **QUIET)


@pytest.mark.parametrize(
    ("change", "how", "words"),
    [
        (lambda t: t, {"controls": None}, "which cells are negative controls"),
        (lambda t: t, {"controls": "water"}, r"water; there is treatment"),
        (lambda t: t, {"controls": ["G01"]}, "2 or more control wells.*40 cells of G01"),
        (lambda t: t[["well", "treatment"]], {}, "a table of features"),
        (lambda t: t, {"method": "pca"}, "one of mahalanobis"),
        (lambda t: t, {"rate": 0.7}, "below 0.5"),
        (lambda t: t, {"by": "gene"}, "`by`.*one of the columns"),
        (
            lambda t: t.assign(**{c: 1.0 for c in t if c.startswith("shape")}),
            {},
            "features that vary",
        ),
        (lambda t: 3, {}, "a table of features, or its file"),
        (lambda t: "nowhere.csv", {}, "a file that is there"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(change: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.novelty(change(screen(cells=40)), **{"controls": "DMSO", **how}, **QUIET)


def test_features_that_are_missing_or_say_nothing_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = screen().assign(shape_flat=2.0)
    table.loc[[3, 5], "shape_0"] = np.nan
    found = cl.novelty(table, controls="DMSO")
    said = capsys.readouterr().err
    assert "2 cells without 1 (shape_0)" in said
    assert "alike in all controls: 1 (shape_flat)" in said
    assert found.features == tuple(f"shape_{i}" for i in range(4))


def test_tables_are_written_and_not_over_others(tmp_path: Path) -> None:
    table = screen()
    table.to_csv(tmp_path / "features.csv", index=False)
    found = cl.novelty(tmp_path / "features.csv", controls="DMSO", out=tmp_path / "found", **QUIET)
    again = pd.read_csv(tmp_path / "found" / "hits.csv")
    assert again["treatment"].tolist() == found.hits["treatment"].tolist()
    assert found.out == tmp_path / "found"
    with pytest.raises(cl.InvalidError, match="overwrite"):
        cl.novelty(table, controls="DMSO", out=tmp_path / "found", **QUIET)
    cl.novelty(table, controls="DMSO", out=tmp_path / "found", overwrite=True, **QUIET)


def test_few_control_cells_and_single_wells_promise_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(0)
    wells = [f"A{k:02d}" for k in range(1, 9)]
    names = [f"shape_{k}" for k in range(12)]
    table = pd.DataFrame(rng.normal(size=(8, 12)), columns=names)
    table = table.assign(well=wells, treatment=["DMSO"] * 5 + ["one", "two", "two"])
    found = cl.novelty(table, controls="DMSO", progress=False)
    assert "5 control cells for 12 features" in capsys.readouterr().err
    hits = found.hits.set_index("treatment")
    assert np.isnan(hits.loc["one", ["low", "high"]].astype(float)).all()
    known = hits["low"].notna()
    assert (hits.loc[known, "low"] >= -1).all()
    assert (hits.loc[known, "high"] <= 1).all()


def test_tables_that_cannot_be_read_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "junk.parquet").write_bytes(b"no parquet" * 20)
    for name in ("empty.csv", "junk.parquet"):
        for verb in (
            lambda file: cl.novelty(file, controls="x", progress=False),
            lambda file: cl.similar(file, [0], progress=False),
            lambda file: cl.wells(file, controls="x", progress=False),
        ):
            with pytest.raises(cl.InvalidError, match=name):
                verb(tmp_path / name)


def test_codes_of_two_models_are_no_neighbours() -> None:
    table = pd.DataFrame({"image": "a", "object": [1, 2, 3], "encoder": ["x", "x", "y"],
                          "learned_0": [0.1, 0.2, 0.3]})  # fmt: skip
    with pytest.raises(cl.InvalidError, match=r"features of one model.*2: x, y|2 \(x, y\)"):
        cl.similar(table, [0], progress=False)


def test_tables_of_wells_and_hits_join_whatever_told_the_treatment(tmp_path: Path) -> None:
    doses = screen().rename(columns={"treatment": "concentration"})
    for by in (None, "concentration", "dose", "Conc"):  # by what it was called in its table, too
        out = tmp_path / str(by)
        found = cl.novelty(doses, controls={"concentration": "DMSO"}, by=by, out=out, **QUIET)
        wells, hits = (pd.read_csv(out / name) for name in ("novelty_wells.csv", "hits.csv"))
        shares = wells[~wells["is_control"]].groupby("treatment")["outliers"].mean()
        joined = hits.merge(shares.rename("share"), on="treatment")
        assert len(joined) == len(hits) == 6
        assert joined["share"].tolist() == pytest.approx(joined["outliers"].tolist())
        assert (novelty_in(out).by, found.by) == ("concentration", "concentration")
    both = screen().assign(concentration=1.0)
    assert "treatment" in cl.novelty(both, controls="DMSO", by="well", **QUIET).wells
    with pytest.raises(cl.InvalidError, match=r"`by`.*one of the columns.*Received: nothing"):
        cl.novelty(both, controls="DMSO", by="nothing", **QUIET)


def test_treatments_in_a_column_that_is_renamed_are_those_of_that_column() -> None:
    rng = np.random.default_rng(0)
    wells = np.repeat([f"A{k:02d}" for k in range(1, 13)], 30)
    table = pd.DataFrame({"well": wells, "shape_area_px": rng.normal(size=360)})
    table["control"] = np.where(wells < "A07", "neg", "")
    table["score"] = np.where(wells < "A07", "neg", "drug")
    table["score_given"] = "other"
    found = cl.novelty(table, controls="neg", by="score", progress=False)
    assert found.hits["treatment"].tolist() == ["drug"]
