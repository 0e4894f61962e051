"""Wells and kinds of features: numbers that one can check by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes import compared

QUIET: dict[str, Any] = {"progress": False}
VALUES = {"A01": 0.0, "A02": 1.0, "A03": 2.0, "B01": 9.0, "B02": 11.0}


def cells(values: dict[str, float] = VALUES, **more: Any) -> pd.DataFrame:
    """Three cells a well, about its value: the median is that of the well."""
    rows = [(well, value + d) for well, value in values.items() for d in (-0.1, 0.0, 5.0)]
    table = pd.DataFrame(rows, columns=["well", "shape_area_px"])
    table["control"] = np.where(table["well"] < "B", "neg", "pos")
    return table.assign(**more)


def test_a_well_is_the_median_of_its_cells_and_z_is_beside_controls() -> None:
    found = cl.wells(cells(), controls="neg", positives="pos", **QUIET)
    assert found.wells["shape_area_px"].tolist() == [0.0, 1.0, 2.0, 9.0, 11.0]
    # controls: median 1, median distance 1
    expected = (np.array([0, 1, 2, 9, 11]) - 1) / 1.4826
    assert np.allclose(found.wells["shape_area_px_z"], expected)
    assert found.wells["cells"].tolist() == [3] * 5
    assert found.wells["is_positive"].tolist() == [False] * 3 + [True] * 2


def test_z_prime_and_ssmd_by_hand() -> None:
    (row,) = cl.wells(cells(), controls="neg", positives="pos", **QUIET).quality.to_dict("records")
    # negatives mean 1, sd 1; positives mean 10, sd sqrt 2
    assert row["z_prime"] == pytest.approx(1 - 3 * (1 + 2**0.5) / 9)
    assert row["ssmd"] == pytest.approx(9 / 3**0.5)
    (alone,) = cl.wells(cells(), controls="neg", **QUIET).quality.to_dict("records")
    assert np.isnan(alone["z_prime"])


def test_each_plate_is_beside_its_own_controls() -> None:
    both = pd.concat(
        [cells(), cells({k: v + 100 for k, v in VALUES.items()})],
        keys=["p1", "p2"], names=["plate"],
    ).reset_index("plate")  # fmt: skip
    found = cl.wells(both, controls="neg", positives="pos", **QUIET).wells
    one, other = (found[found["plate"] == p]["shape_area_px_z"].tolist() for p in ("p1", "p2"))
    assert np.allclose(one, other)


def test_doses_have_the_interval_of_t() -> None:
    table = cells(concentration=1.0)
    table.loc[table["well"] >= "B", "concentration"] = 5.0
    found = cl.wells(table, controls="neg", by="control", **QUIET).doses
    row = found[found["dose"] == 5.0].to_dict("records")[0]
    # wells 9 and 11: mean 10, standard error 1, t of one degree 12.706
    assert (row["wells"], row["value"]) == (2, 10.0)
    assert (row["low"], row["high"]) == pytest.approx((10 - 12.7062, 10 + 12.7062), abs=1e-3)


def test_replicates_agree_where_their_profiles_do() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for row, treatment in zip("ABC", ("neg", "a", "b"), strict=True):
        profile = rng.normal(size=8) * (treatment != "neg") * 5
        for k in range(1, 7):
            values = {f"shape_{i}": v for i, v in enumerate(profile + rng.normal(size=8))}
            rows.append({"well": f"{row}{k:02d}", "treatment": treatment, **values})
    found = cl.wells(pd.DataFrame(rows), controls="neg", **QUIET).replicates.set_index("treatment")
    assert found.loc[["a", "b"], "agree"].all()
    assert not found.loc["neg", "agree"]


def test_a_share_above_is_that_of_mann_and_whitney() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 50).astype(float)
    expected = mannwhitneyu(other, one).statistic / (40 * 50)
    assert compared._share_above(other, np.sort(one)) == pytest.approx(expected)


def screen(learned: float, measured: float, seed: int = 0) -> pd.DataFrame:
    """Wells whose positive controls are so far away in either kind of features."""
    rng = np.random.default_rng(seed)
    wells = np.repeat([f"A{k:02d}" for k in range(1, 13)], 30)
    positive = wells > "A06"
    table = pd.DataFrame({"well": wells, "control": np.where(positive, "pos", "neg")})
    for k in range(3):
        table[f"shape_{k}"] = rng.normal(size=360) + measured * positive
        table[f"learned_{k}"] = rng.normal(size=360) + learned * positive
    return table


@pytest.mark.parametrize(
    ("learned", "measured", "words"),
    [(3.0, 0.3, "Learning paid"), (0.0, 2.0, "no difference that shows|Learning lost")],
)
def test_it_is_said_whether_learning_paid(learned: float, measured: float, words: str) -> None:
    found = cl.compare_features(screen(learned, measured), controls="neg", positives="pos", **QUIET)
    assert found.table["features"].tolist() == ["measured", "learned", "measured + learned"]
    assert re.search(words, found.words)
    assert (found.table["low"] <= found.table["auroc"]).all()
    assert (found.table["auroc"] <= found.table["high"]).all()


def test_features_that_say_nothing_are_at_one_half() -> None:
    found = cl.compare_features(screen(0.0, 0.0), controls="neg", positives="pos", **QUIET).table
    assert ((found["low"] < 0.5) & (found["high"] > 0.45)).all()


def test_learning_that_is_alone_and_worse_has_lost() -> None:
    table = screen(0.2, 3.0).drop(columns=["shape_1", "shape_2"])
    found = cl.compare_features(table, controls="neg", positives="pos", **QUIET)
    assert found.table.set_index("features")["better"]["learned"] == "worse"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"controls": None}, "`controls`. Expected which cells"),
        ({"positives": None}, "`positives`. Expected which cells"),
        ({"positives": "gone"}, "`positives`.*gone"),
        ({"positives": ["A01", "A02"]}, "cells that are no negative controls"),
        ({"positives": ["B01"]}, "2 wells or more"),
        ({"method": "magic"}, "`method`"),
    ],
)
def test_what_cannot_be_compared_is_refused(how: dict[str, Any], words: str) -> None:
    given = {"controls": "neg", "positives": "pos", **how}
    with pytest.raises(cl.InvalidError, match=words):
        cl.compare_features(cells(), **given, **QUIET)


@pytest.mark.parametrize(
    ("how", "words"),
    [({"columns": ["control"]}, "columns with numbers"), ({"dose": "x"}, "`dose`"),
     ({"by": "x"}, "`by`"), ({"controls": None}, "`controls`")],
)  # fmt: skip
def test_wells_that_cannot_be_are_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.wells(cells(), **{"controls": "neg", **how}, **QUIET)


def test_tables_are_written_whole(tmp_path: Path) -> None:
    found = cl.wells(cells(), controls="neg", positives="pos", out=tmp_path / "w", **QUIET)
    names = {p.name for p in (tmp_path / "w").iterdir() if not p.name.startswith(".")}
    assert names >= {"by_well.csv", "well_quality.csv", "well_doses.csv", "well_replicates.csv"}
    again = pd.read_csv(tmp_path / "w" / "by_well.csv")
    assert np.allclose(again["shape_area_px_z"], found.wells["shape_area_px_z"])


def test_codes_that_are_copies_of_random_ones_do_not_pay() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for k in range(24):
        shift = 0.6 * (k >= 12)
        for _ in range(30):
            values = rng.normal(size=4)
            rows.append((f"{'AB'[k >= 12]}{k % 12 + 1:02d}", "pos" if k >= 12 else "neg",
                         values[0] + shift, values[1], values[2] + shift, values[3]))  # fmt: skip
    names = ["well", "control", "shape_area_px", "shape_solidity", "random_0", "random_1"]
    table = pd.DataFrame(rows, columns=names)
    same = table.assign(learned_0=table["random_0"], learned_1=table["random_1"])
    found = cl.compare_features(same, controls="neg", positives="pos", progress=False)
    kinds = found.table.set_index("features")["auroc"]
    assert kinds["measured + learned"] == pytest.approx(kinds["measured + random"])
    assert "Learning made no difference that shows" in found.words
    better = same.assign(learned_0=same["learned_0"] + 2 * (same["control"] == "pos"))
    found = cl.compare_features(better, controls="neg", positives="pos", progress=False)
    assert "Learning paid" in found.words


def test_doses_are_found_by_what_they_were_called() -> None:
    table = pd.DataFrame({
        "well": [f"A{k:02d}" for k in range(1, 7) for _ in range(3)],
        "control": (["neg"] * 3 + [None] * 3) * 3, "concentration": [0.0, 1.0, 2.0] * 6,
        "shape_area_px": range(18),
    })  # fmt: skip
    how = {"controls": ["A01", "A02"], "by": "well", "progress": False}
    known = cl.wells(table, dose="concentration", **how).doses
    pd.testing.assert_frame_equal(cl.wells(table, dose="dose", **how).doses, known)
    with pytest.raises(cl.InvalidError, match=r"`dose`.*Received: sirna"):
        cl.wells(table, dose="sirna", **how)
