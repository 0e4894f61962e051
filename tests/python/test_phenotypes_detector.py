"""Detectors that are kept, and what is said of plates: drift, edges."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.fitted import FILE, Fitted
from cytoloom.phenotypes.position import position_words

QUIET: dict[str, Any] = {"progress": False}
WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]


def plate(seed: int, shift: float = 0.0, wide: float = 1.0, effect: float = 4.0) -> pd.DataFrame:
    """Twelve control wells and twelve of a drug, thirty cells each; of a plate of its own light."""
    rng = np.random.default_rng(seed)
    wells = np.repeat(WELLS, 30)
    drug = np.isin(wells, WELLS[1::2])
    values = rng.normal(size=(len(wells), 3)) * 2 + 10 + shift
    heavy = rng.random(len(wells)) < 0.2  # too few to change the median and the spread
    values[heavy & ~drug] += wide * 6 - 6
    values[drug] += effect
    table = pd.DataFrame(values, columns=["shape_a", "shape_b", "intensity_c"])
    return table.assign(well=wells, treatment=np.where(drug, "drug", "DMSO"))


def test_a_kept_detector_says_the_same_again(tmp_path: Path) -> None:
    table = plate(0)
    first = cl.novelty(table, controls="DMSO", out=tmp_path / "a", **QUIET)
    for detector in (first, tmp_path / "a", str(tmp_path / "a")):
        again = cl.novelty(table, controls="DMSO", detector=detector, **QUIET)
        assert again.threshold == first.threshold
        drug = ~first.cells["is_control"]
        assert np.allclose(again.cells["score"][drug], first.cells["score"][drug], rtol=1e-4)
    # what else was asked for is the detector's own
    other = cl.novelty(table, controls="DMSO", method="lof", rate=0.2, detector=first, **QUIET)
    assert (other.method, other.rate) == ("mahalanobis", 0.05)


def test_plates_of_other_light_are_scaled_by_their_own_controls() -> None:
    first = cl.novelty(plate(0), controls="DMSO", **QUIET)
    later = cl.novelty(plate(1, shift=50.0), controls="DMSO", detector=first, **QUIET)
    assert "drifted" not in later.note
    share = later.cells["outlier"][later.cells["is_control"]].mean()
    assert 0.01 < share < 0.12
    assert later.hits["q"].iloc[0] < 0.01


def test_controls_that_drifted_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    first = cl.novelty(plate(0), controls="DMSO", **QUIET)
    later = cl.novelty(plate(1, wide=3.0), controls="DMSO", detector=first, **QUIET)
    assert "Controls have drifted" in later.note
    assert "Controls have drifted" in capsys.readouterr().err


def test_what_is_no_detector_of_these_features_is_refused(tmp_path: Path) -> None:
    first = cl.novelty(plate(0), controls="DMSO", out=tmp_path / "a", **QUIET)
    with pytest.raises(cl.InvalidError, match=r"features that the detector was fitted to.*shape_b"):
        cl.novelty(plate(1).drop(columns="shape_b"), controls="DMSO", detector=first, **QUIET)
    with pytest.raises(cl.InvalidError, match="results of novelty, or their folder"):
        cl.novelty(plate(1), controls="DMSO", detector=tmp_path, **QUIET)
    with pytest.raises(cl.InvalidError, match=r"`detector`.*Received: 3"):
        cl.novelty(plate(1), controls="DMSO", detector=3, **QUIET)


@pytest.mark.parametrize("damage", ["cut", "other", "pickled"])
def test_a_damaged_detector_is_told_and_nothing_in_it_is_run(tmp_path: Path, damage: str) -> None:
    file = tmp_path / FILE
    Fitted(np.zeros((9, 1), np.float32), ("a",), "mahalanobis", 0, 3.0, 0.05).save(file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "other":
        file.write_text("not an archive")
    else:
        with zipfile.ZipFile(file) as held:
            about = held.read("about.json")
        np.savez(tmp_path / "x.npz", values=np.array([{}], object), allow_pickle=True)
        with zipfile.ZipFile(tmp_path / "x.npz") as held:
            bad = held.read("values.npy")
        with zipfile.ZipFile(file, "w") as out:
            out.writestr("about.json", about)
            out.writestr("values.npy", bad)
    with pytest.raises(cl.InvalidError, match=r"what novelty wrote in .*Fit it again"):
        Fitted.load(tmp_path)


def test_a_fitted_detector_survives_its_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    fitted = Fitted.of(rng.normal(size=(300, 4)), ["a", "b", "c", "d"], "gmm", 3, 2.0, 0.1)
    fitted.save(tmp_path / FILE)
    again, more = Fitted.load(tmp_path), rng.normal(size=(20, 4))
    assert np.array_equal(again.score()(more), fitted.score()(more))


def wells(score: Any) -> pd.DataFrame:
    return pd.DataFrame({"well": WELLS, "is_control": True, "score": score, "outliers": 0.05})


def test_edges_rows_and_plates_that_differ_are_told() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=24)
    inside = np.array([w[0] in "BC" and w[1:] not in ("01", "06") for w in WELLS])
    assert position_words(wells(noise)) == []
    (edge,) = position_words(wells(noise - 6 * inside))
    assert "at the edge of the plate" in edge
    (rows,) = position_words(wells(noise + 3 * np.repeat([0, 1, 2, 3], 6)))
    assert "from row to row" in rows
    two = pd.concat([wells(noise).assign(plate="p", outliers=0.05 + 0.001 * noise),
                     wells(noise).assign(plate="q", outliers=0.3 + 0.001 * noise)])  # fmt: skip
    (plates,) = position_words(two)
    assert "from 5% (p) to 30% (q)" in plates


def test_the_error_of_reconstruction_is_a_score_by_itself() -> None:
    table = plate(0).assign(reconstruction_error=lambda t: t["shape_a"])
    found = cl.novelty(table, controls="DMSO", method="reconstruction", **QUIET)
    assert found.features == ("reconstruction_error",)
    # the order of scores is that of the errors
    assert found.cells["score"].rank().equals(table["shape_a"].rank())
    with pytest.raises(cl.InvalidError, match="a column reconstruction_error"):
        cl.novelty(plate(0), controls="DMSO", method="reconstruction", **QUIET)


def test_features_of_another_model_are_refused() -> None:
    first = cl.novelty(plate(0).assign(encoder="1a2b3c4d"), controls="DMSO", **QUIET)
    cl.novelty(plate(1).assign(encoder="1a2b3c4d"), controls="DMSO", detector=first, **QUIET)
    other = plate(1).assign(encoder="99999999")
    with pytest.raises(cl.InvalidError, match=r"of model 1a2b3c4d.*those of model 99999999"):
        cl.novelty(other, controls="DMSO", detector=first, **QUIET)
    both = pd.concat([plate(0).assign(encoder="1a2b3c4d"), plate(1).assign(encoder="99999999")])
    with pytest.raises(cl.InvalidError, match="features of one model"):
        cl.novelty(both, controls="DMSO", **QUIET)


def test_more_features_than_cells_and_missing_values_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 60))
    values[::5, 3] = np.nan
    table = pd.DataFrame(values, columns=[f"shape_{k}" for k in range(60)])
    table = table.assign(well=WELLS, treatment=["DMSO", "drug"] * 12)
    found = cl.novelty(table, controls="DMSO", **QUIET)
    assert np.isfinite(found.cells["score"]).all()
    assert len(found.hits) == 1


def test_a_plate_that_is_scored_by_its_own_detector_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = cl.novelty(plate(0), controls="DMSO", **QUIET)
    assert "fitted to these control wells" not in capsys.readouterr().err
    cl.novelty(plate(0), controls="DMSO", detector=first, **QUIET)
    assert "The detector was fitted to these control wells" in capsys.readouterr().err
    cl.novelty(plate(1), controls="DMSO", detector=first, **QUIET)
    assert "fitted to these control wells" not in capsys.readouterr().err


def test_chances_that_are_very_small_are_no_zeros() -> None:
    wells = pd.DataFrame({"well": [f"{row}{column:02d}" for row in "ABCDEFGH"
                                   for column in range(1, 13)]})  # fmt: skip
    # to the column the score goes in step: Spearman's chance is 0
    table = wells.assign(is_control=True, outliers=0.05,
                         score=wells["well"].str[1:].astype(float))  # fmt: skip
    (said,) = [one for one in position_words(table) if "column to column" in one]
    assert "(p < 0.001)" in said
