"""Every benchmark runs, in a toy size; what it would measure here means nothing."""

from __future__ import annotations

import doctest
import importlib
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cytoloom as cl
import small
from cytoloom.datasets.data import as_data

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _importable():
    """Benchmarks are run from the repository's root and are no part of the package."""
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that the toy model is trained once."""
    return tmp_path_factory.mktemp("benchmarks")


def bench(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("import_time", 2),
        ("training_speed", 2),
        ("recipe_speed", 1),
        ("prediction_speed", 4),
        ("memory", 2),
        ("fast_prediction", 3),
    ],
)
def test_each_benchmark_gives_its_rows(
    name: str, count: int, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as it has questions, each with a number above 0 between its extremes."""
    monkeypatch.delenv("CYTOLOOM_ENGINE")
    rows = bench(name).rows("toy", work)
    assert len(rows) == count
    for row in rows:
        assert math.isfinite(row.value)
        assert row.low <= row.value <= row.high


@pytest.mark.parametrize(
    "name", ["blocks", "records", "memory", "recipe_search", "volumes_em", "cell_types"]
)
def test_examples_in_docstrings(name: str) -> None:
    """The examples say what comes out."""
    options = doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(bench(name), optionflags=options).failed == 0


def test_the_consensus_is_held_against_a_published_one(tmp_path: Path) -> None:
    """Of two experts who differ in one pixel of two the published mask is the second's."""
    masks = tmp_path / "lab-a" / "masks"
    for name, drawn in {"expert_1": [[1, 0]], "expert_2": [[1, 1]], "est_GT": [[1, 1]]}.items():
        (masks / name).mkdir(parents=True)
        Image.fromarray(np.array(drawn, np.uint8)).save(masks / name / "one.png")
    row = bench("consensus").measured(masks)
    assert (row["lab"], row["experts"], row["images"]) == ("lab-a", 2, 1)
    assert row["majority differs px"] == 1


def test_blocks_take_turns() -> None:
    """The reference goes first in every second block; 2 over 4 is a half."""
    order: list[str] = []

    def measured(name: str, value: float) -> float:
        order.append(name)
        return value

    row = bench("blocks").ratio(
        "half", lambda: measured("ours", 2.0), lambda: measured("reference", 4.0), 3
    )
    assert (row.value, row.low, row.high) == (0.5, 0.5, 0.5)
    assert order == ["ours", "reference", "reference", "ours", "ours", "reference"]


def test_the_median_block_counts() -> None:
    """Of 1, 2 and 9 the median is 2, whatever the slowest block did."""
    row = bench("blocks").summarise("three", [9.0, 1.0, 2.0], unit="s", aim=1.5, at_least=False)
    assert (row.value, row.low, row.high, row.verdict) == (2.0, 1.0, 9.0, "missed")


def test_importing_loads_nothing_heavy(work: Path) -> None:
    """No NumPy, SciPy or backend comes with `import cytoloom`."""
    assert bench("import_time").heavy(work) == []


def test_noisy_maps_still_hold_the_nuclei() -> None:
    """Decoding is timed on maps in which all but a few nuclei can be told apart."""
    import cytoloom as cl

    truth = cl.simulate.nuclei((128, 128), 15, seed=3)[1]
    maps = bench("prediction_speed").noisy_maps(truth)
    found = cl.tasks.Instances().decode(maps).labels
    assert cl.metrics.match(truth, found).f1 > 0.8


def test_one_command_runs_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m benchmarks` runs each in a process of its own and prints one table."""
    main = bench("__main__")
    monkeypatch.setattr(main, "ALL", ("import_time",))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--size", "toy"])
    main.main()
    printed = capsys.readouterr().out
    assert "| cytoloom --help |" in printed
    assert "Machine: " in printed


def test_recording_leaves_the_other_sections_alone(tmp_path: Path) -> None:
    """A new block stands at the end of its own section."""
    records = bench("records")
    results = tmp_path / "RESULTS.md"
    results.write_text(records.RESULTS.read_text())
    before = results.read_text()
    records.append("Real data", "| new |", results)
    after = results.read_text()
    assert before.partition("## Race")[2] == after.partition("## Race")[2]
    assert after.index("## Real data") < after.index("| new |") < after.index("## Race")


def test_real_data_row() -> None:
    """A toy training gives the numbers of its row, and none that the task does not have."""
    real = bench("real_data")
    images, labels = small.nuclei(6)
    train, test = as_data((images[:4], labels[:4])), as_data((images[4:], labels[4:]))
    row = real.measure(train, test, task="binary", minutes=0.05, seed=0, network=small.NETWORK)
    assert row["n"] == 2
    assert 0 <= row["dice"] <= 1
    assert "ap50" not in row
    assert "| - |" in real.table([{"set": "toy", **row}])


def test_extremes_are_what_they_say() -> None:
    """Twelve channels stay channels; a large image is one; the row of a toy training."""
    extremes = bench("extremes")
    assert extremes.data(extremes.channels(0.25)).items[0].image.shape == (64, 64, 12)
    whole = extremes.large(0.1)[0][1]
    assert whole.shape == (800, 800)
    assert whole.max() == np.unique(whole).size - 1
    row = extremes.one("3 images", cl.Trainer(iterations=2), share=0.25)
    assert 0 <= row["AP@0.5"] <= 1
    assert row["iterations"] == 2


def test_types_of_cells_are_counted() -> None:
    """Of four cells one is missed, and of the three found one is called wrongly."""
    kinds = bench("cell_types")
    said = {"type": [1, 1, 2, 1], "nearest": [1, 2, 2, 1], "part": "test", "fold": 0, "steps": 9}
    shares = np.array([[0.5, 0.5, 0, 0], [0.4, 0.6, 0, 0], [0, 1, 0, 0], [np.nan] * 4])
    table = pd.DataFrame({**said, **dict(zip(kinds.TYPES, shares.T, strict=True))})
    row = kinds.row(table)
    assert (row["cells"], row["found"], row["right"]) == (4, 0.75, pytest.approx(2 / 3))
    assert (row["commonest"], row["by colour and size"]) == (0.75, 0.75)
    # each alone in its bin, and nothing to fit a temperature to
    assert row["ECE"] == pytest.approx((0.5 + 0.6 + 0) / 3)
    assert row["temperature"] == "1.00"
    assert row["ECE after"] == pytest.approx(row["ECE"], abs=1e-5)


def test_real_sets_are_there(real_data: Path) -> None:
    """Every set has as many images as its README says."""
    counts = {
        name: tuple(len(chosen.read(real_data / name, part)) for part in ("train", "test"))
        for name, chosen in bench("real_data").SETS.items()
    }
    assert counts == {
        "dsb2018_fluo": (250, 50),
        "bbbc030_cho": (12, 8),
        "isbi2012_em": (20, 10),
        "wbc_nucleus_cytoplasm": (220, 79),
        "cpm15_he": (7, 3),
        "coelho2009_u2os": (8, 4),
        "dsb2018_color": (15, 5),
        "stardist_examples": (1, 1),
        "plantseg_ovule_3d": (1, 1),
        "qcanet_mouse_embryo_3d": (1, 1),
    }


def test_a_stack_is_divided_where_its_objects_are(tmp_path: Path) -> None:
    """Both parts have some, though all lie at one end of x."""
    labels = np.zeros((4, 10, 60), np.uint8)
    for k in range(6):
        labels[1:3, 3:7, 3 * k : 3 * k + 2] = k + 1
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        cl.images.write_labels(tmp_path / name / "a.tif", labels)
    parts = bench("real_data").Set("instances", divided="stack")
    found = [
        parts.read(tmp_path, part).items[0].annotations[0].read() for part in ("train", "test")
    ]
    assert [len(np.unique(part)) - 1 for part in found] == [4, 2]
    assert sum(part.shape[-1] for part in found) == 60


class TestRace:
    """The race but for StarDist itself, which has an environment of its own."""

    @pytest.fixture
    def plan(self, tmp_path: Path) -> Path:
        race = bench("time_to_quality")
        return race.write_plan(*race.images("toy"), 0, tmp_path / "plan")

    def test_plan_parts(self, plan: Path) -> None:
        """Of 6 training images one is held out for both methods; the 2 others are for scoring."""
        parts = json.loads(plan.read_text())
        assert {k: len(v) for k, v in parts.items()} == {"train": 5, "validation": 1, "test": 2}
        shapes = [np.load(path).shape for path in parts["test"][0]]
        assert shapes == [(96, 96), (96, 96)]

    def test_truth_scores_one(self, plan: Path, tmp_path: Path) -> None:
        """Who finds the truth has 1 at every IoU; who finds nothing has 0."""
        import tifffile

        race = bench("time_to_quality")
        for share in (1, 0):
            for image, label in json.loads(plan.read_text())["test"]:
                found = np.load(label).astype(np.uint16) * share
                tifffile.imwrite(tmp_path / f"{Path(image).stem}.tif", found)
            score = race.score(plan, tmp_path)
            assert score == {"ap50": share, "ap70": share, "ap": share, "n": 2}

    def test_our_lane(self, plan: Path, tmp_path: Path) -> None:
        """The worker leaves labels of every test image and its times."""
        row = bench("time_to_quality").run("cytoloom", plan, tmp_path / "out", 0.1, 0, grid=2)
        assert {"train_s", "tune_s", "predict_s", "iterations", "ap50", "n"} <= set(row)

    def test_finished_runs_are_not_repeated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two seeds of two methods are four runs; asking again for one seed more adds two."""
        race = bench("time_to_quality")
        runs: list[tuple[str, int]] = []

        def run(method: str, plan: Path, out: Path, minutes: float, seed: int, *how: Any) -> Any:
            runs.append((method, seed))
            return {"ap50": 0.5, "ap70": 0.4, "ap": 0.3, "n": 2, "predict_s": 1.0}

        monkeypatch.setattr(race, "run", run)
        race.race("toy", [1.0], [0, 1], tmp_path, 2)
        race.race("toy", [1.0], [0, 1, 2], tmp_path, 2)
        turns = [("cytoloom", 0), ("stardist", 0), ("stardist", 1), ("cytoloom", 1)]
        assert runs == [*turns, ("cytoloom", 2), ("stardist", 2)]
        rows = race.read_rows(tmp_path / "runs.jsonl")
        race.plot(rows, tmp_path / "race.png")
        assert (tmp_path / "race.png").stat().st_size > 1000
        assert race.table(rows).count("\n") == 7

    def test_one_image_beside_stardist(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who finds the truth of an image put together has AP 1; both predict in turn."""
        import tifffile

        one = bench("beside_stardist")
        monkeypatch.setattr(one, "PIECE_PX", 48)
        image, truth = one.mosaic(one.images("toy")[1])
        assert image.shape == truth.shape == (192, 192)
        assert truth.max() == np.unique(truth).size - 1 > 30
        turns: list[str] = []

        def predict(method: str, run: Path, image: Path, labels: Path) -> Any:
            turns.append(method)
            assert run.name == f"{method}-20-seed0"
            tifffile.imwrite(labels, (truth * (method == "cytoloom")).astype(np.uint16))
            return {"seconds": [2.0, 1.0, 3.0], "process": 9.0, "engine": ""}

        monkeypatch.setattr(one, "predict_apart", predict)
        rows = one.compare(tmp_path, "toy", 20.0, 0)
        assert turns[:4] == ["cytoloom", "stardist", "stardist", "cytoloom"]
        assert [row["s"] for row in rows] == [2.0, 2.0]
        assert [row["AP@0.5"] for row in rows] == [1.0, 0.0]

    def test_one_image_by_our_own_lane(self, tmp_path: Path) -> None:
        """Predicting in a process of its own leaves labels, and says how long and by what."""
        one = bench("beside_stardist")
        images, labels = small.nuclei(3)
        trainer = cl.Trainer(iterations=2, patch_px=32)
        given = {"network": small.NETWORK, "trainer": trainer, "progress": False}
        cl.train((images[:2], labels[:2]), out=tmp_path / "run" / "model", **given)
        np.save(tmp_path / "image.npy", images[2])
        told = one.predict_apart(
            "cytoloom", tmp_path / "run", tmp_path / "image.npy", tmp_path / "found.tif"
        )
        assert len(told["seconds"]) == one.TIMES
        assert told["engine"].startswith("Keras")
        assert (tmp_path / "found.tif").exists()

    def test_stardist_sees_images_and_labels_moved_together(self) -> None:
        """Labels used as their own image keep their order through augmentation."""
        labels = np.arange(64).reshape(8, 8)
        image, moved = bench("stardist_worker").augment(labels * 10.0, labels)
        assert sorted(moved.ravel()) == list(range(64))
        assert (image.ravel()[np.argsort(moved.ravel())][1:] > image.min()).all()
        assert np.array_equal(np.argsort(image, axis=None), np.argsort(moved, axis=None))


def test_a_culture_knows_who_is_whose_mother() -> None:
    module = bench("linking_scale")
    movie = module.culture(cells=60, frames=20, axes=2, step=0.05)
    known = np.flatnonzero(movie.mother >= 0)
    over = np.flatnonzero(movie.before >= 0)
    for own, mother, frames in ((known, movie.mother[known], 1), (over, movie.before[over], 2)):
        assert len(own) > 0
        assert (movie.frame[own] - movie.frame[mother] == frames).all()
        # nobody jumps: a daughter is half the way between daughters from her mother
        assert np.linalg.norm(movie.at[own] - movie.at[mother], axis=1).max() < 2
    # the truth itself has no errors, and all divisions
    linking = bench("linking")
    true = linking._plain(np.stack([movie.mother[known], known], axis=1))
    row = module.judged(movie, true)
    assert row["wrong per 1000"] == row["missed per 1000"] == 0
    assert row["exact"] == row["divisions"] > 0
    # every second link alone misses half
    half = linking._plain(np.stack([movie.mother[known], known], axis=1)[::2])
    assert module.judged(movie, half)["missed per 1000"] == pytest.approx(500, abs=2)


def test_laptrack_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "laptrack", None)
    with pytest.raises(SystemExit, match="pip install laptrack"):
        bench("laptracked").laptracked(np.array([0, 1]), np.zeros((2, 2)), 1.0)
