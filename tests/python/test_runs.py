"""Runs: trained by their names, each once, and what is told of them."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cytoloom as cl
import small
from cytoloom import cli
from cytoloom.cli import commands
from cytoloom.runs import repeated
from cytoloom.runs.outcomes import RunComparison, best_points, compared
from cytoloom.storage.lock import locked

ONE = "nuclei.tiny.instances.quick.seed0"
GONE = "gone.tiny.instances.quick.seed0"


def written(folder: Path) -> Path:
    """Write images to train on and images to test on below a folder."""
    cl.simulate.write(folder / "train", images=3, progress=False)
    cl.simulate.write(folder / "test", images=2, seed=9, progress=False)
    shutil.copytree(folder / "train", folder / "classes")
    for file in (folder / "classes" / "labels").iterdir():
        labels = cl.images.read_labels(file)
        file.unlink()
        cl.images.write_labels(file, (labels > 0).astype("uint8"))
    return folder


def told(runs: Any, store: Any) -> tuple[pd.DataFrame, list[str]]:
    """Start runs; return their table and what was said."""
    events = list(cl.runs.start.events(runs, store=store))
    return events[-1].value, [event.message for event in events if event.kind != "progress"]


def runs_of(folder: Path, **changes: Any) -> list[cl.Run]:
    """A grid of small runs, whose data are in a folder."""
    data = cl.DataSplit(folder / "train", test=folder / "test")
    trainer = {"quick": small.trainer(iterations=4)}
    given = {"data": {"nuclei": data}, "network": {"tiny": small.NETWORK}, "trainer": trainer}
    return cl.grid(**(given | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def first(folder: Path) -> tuple[cl.Store, pd.DataFrame, list[str]]:
    """A store in which one run has failed and the next is done; to be looked at only."""
    store = cl.Store(folder / "store")
    gone = runs_of(folder, data={"gone": cl.DataSplit(folder / "gone")})
    table, said = told([*gone, *runs_of(folder)], store)
    return store, table, said


@pytest.fixture
def copied(first: tuple[cl.Store, Any, Any], tmp_path: Path) -> cl.Store:
    """A copy of that store, to be changed."""
    shutil.copytree(first[0].place, tmp_path / "store")
    return cl.Store(tmp_path / "store")


def test_one_that_fails_says_why_and_the_others_are_trained(first: Any) -> None:
    store, table, said = first
    assert table["run"].tolist() == [GONE, ONE]
    assert table["status"].tolist() == ["failed", "done"]
    assert "Invalid `data`. Expected a folder or file that is there." in table["why"][0]
    assert table["why"][1] == ""
    assert any(text.startswith(f"{GONE}: It failed: Invalid `data`") for text in said)
    assert said[-2] == f"2 runs: 1 failed, 1 done, in {store.place}."


def test_scores_are_those_of_training_and_of_evaluate(first: Any, folder: Path) -> None:
    store, table, _ = first
    model, rows = store.model(ONE), store.scores(ONE)
    of_training = rows[rows["set"] == "validation"].set_index("metric")["value"].to_dict()
    assert of_training == pytest.approx(model.info["training"]["scores"])
    means = rows[rows["set"] == "test"].groupby("metric")["value"].mean()
    summary = cl.evaluate(model, folder / "test", progress=False).summary.set_index("metric")
    assert means["dice"] == pytest.approx(summary["value"]["dice"])
    assert (table["set"][1], table["metric"][1]) == ("test", "ap50")
    assert table["score"][1] == pytest.approx(summary["value"]["ap50"])


def test_what_is_done_is_not_trained_again(first: Any, folder: Path) -> None:
    store = first[0]
    before = (store.model_folder(ONE) / "model.json").stat().st_mtime_ns
    table, said = told(runs_of(folder), store)
    assert (store.model_folder(ONE) / "model.json").stat().st_mtime_ns == before
    assert said[0] == f"{ONE}: It is done."
    assert table["status"].tolist() == ["done"]


def test_the_same_under_another_name_is_not_trained(copied: cl.Store, folder: Path) -> None:
    again = dataclasses.replace(runs_of(folder)[0], name="again")
    table, _ = told(again, copied)
    assert table["status"].tolist() == ["failed"]
    assert f"Received: the same as {ONE}, which is done" in table["why"][0]
    assert not copied.model_folder("again").exists()


def test_a_part_that_was_changed_by_hand_is_noticed(copied: cl.Store, folder: Path) -> None:
    """A model that was learned with 4 iterations is not said to be one of 5."""
    file = Path(copied.place) / "trainer" / "quick.yaml"
    file.write_text(file.read_text().replace("iterations: 4", "iterations: 5"))
    _, said = told([], copied)
    found = list(cl.runs.resume.events(ONE, store=copied))
    assert said == ["0 runs, in " + copied.place + ".", ""]
    assert found[-1].value["status"].tolist() == ["done"]
    changed = copied.run(ONE)
    assert changed.trainer.iterations == 5
    _, said = told(changed, copied)
    assert (
        "It was not trained: Invalid `run`. Expected the parts with which it was begun" in said[0]
    )


def test_one_that_is_trained_elsewhere_is_left_to_it(copied: cl.Store, folder: Path) -> None:
    run = runs_of(folder, seed=5)[0]
    copied.add(run)
    (copied.models / run.name).mkdir(exist_ok=True)
    with locked(copied.models / run.name, "run_start"):
        table, said = told(run, copied)
        assert said[0] == f"{run.name}: Another process trains it."
        assert table["status"].tolist() == ["running"]
        with pytest.raises(cl.InvalidError, match="one that no process trains"):
            copied.remove(run.name)
    assert copied.status(run.name) == "waiting"


def test_what_was_cut_off_goes_on(first: Any, folder: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle; resumed, the weights are those of the run that was not stopped."""
    store = cl.Store(f"sqlite:///{tmp_path}/runs.db")
    events = cl.runs.start.events(runs_of(folder), store=store)
    for event in events:
        if "iteration 2" in event.message:
            break
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt())
    assert store.status(ONE) == "cut off"
    assert not (store.model_folder(ONE) / "model.json").exists()
    table = cl.runs.resume(store=store, progress=False)
    assert table["status"].tolist() == ["done"]
    assert small.same_weights(store.model(ONE), first[0].model(ONE))
    pd.testing.assert_frame_equal(store.scores(ONE), first[0].scores(ONE))
    curves = [one.history(ONE).drop(columns="seconds") for one in (store, first[0])]
    pd.testing.assert_frame_equal(*curves, check_dtype=False)
    cl.runs.remove(ONE, store=store, progress=False)
    assert not store.model_folder(ONE).parent.exists()


def test_a_run_goes_on_from_another_run(copied: cl.Store, folder: Path) -> None:
    """Heads of the same name are taken over, that of classes is fresh, and this is said."""
    later = runs_of(
        folder,
        data=cl.DataSplit(folder / "classes"),
        task="classes:background,cell",
        start=ONE,
        trainer=small.trainer(iterations=1),
    )[0]
    table, said = told(later, copied)
    assert table["status"].tolist() == ["done"], table["why"][0]
    assert any("All but this is taken over from `start`" in text for text in said)
    assert copied.model(later.name).info["start"] == str(copied.model_folder(ONE))
    waiting = runs_of(folder, start=GONE, seed=3)[0]
    table, _ = told(waiting, copied)
    assert (
        f"Invalid `start`. Expected a run that is done. Received: {GONE}, failed"
        in (table["why"][0])
    )


def test_one_run_is_shown(first: Any) -> None:
    store = first[0]
    found = cl.runs.show(ONE, store=store, progress=False)
    losses = found.history[(found.history["set"] == "validation")]
    losses = losses[losses["metric"] == "loss"]["value"]
    best = found.best.set_index(["set", "metric"])["value"]
    assert best["validation", "loss"] == losses.min()
    assert found.parts["name"].tolist() == ["nuclei", "tiny", "instances", "quick"]
    assert "network tiny\n  name: UNet\n  filters: 8" in str(found)
    with pytest.raises(cl.InvalidError, match=r"Invalid `run`. Expected one of"):
        cl.runs.show("other", store=store, progress=False)


def test_scores_are_at_their_best_where_they_are_largest() -> None:
    rows = [(1, "loss", 3.0), (2, "loss", 1.0), (3, "loss", 2.0), (1, "score", 0.5)]
    rows += [(2, "score", float("nan")), (3, "score", 0.75)]
    table = pd.DataFrame(rows, columns=["iteration", "metric", "value"]).assign(set="validation")
    assert best_points(table)[["iteration", "value"]].to_numpy().tolist() == [[2, 1.0], [3, 0.75]]


def scored(tmp_path: Path, values: Iterable[tuple[str, int, float]]) -> cl.Store:
    """A store of runs that are said to be done, each with a Dice on two test images."""
    store = cl.Store(tmp_path / "scored")
    networks = {"a": cl.UNet(filters=4), "b": cl.UNet(filters=8)}
    runs = {run.name: run for run in cl.grid("d", networks, "binary", repetitions=4)}
    store.add(list(runs.values()))
    for network, seed, dice in values:
        name = f"d.{network}.binary.trainer.seed{seed}"
        rows = [("validation", "", "dice", 0.0)]
        rows += [("test", "1", "dice", dice - 0.125), ("test", "2", "dice", dice + 0.125)]
        columns = ["set", "image", "metric", "value"]
        store.write_tables(name, scores=pd.DataFrame(rows, columns=columns))
        store.record(name, {"status": "done", "metric": "dice", "bounds": {"dice": [0.0, 1.0]}})
    return store


def test_means_are_over_repetitions(tmp_path: Path) -> None:
    """Of a three runs of mean .5, .625 and .75; of b a single one, which has no interval."""
    values = [("a", 0, 0.5), ("a", 1, 0.625), ("a", 2, 0.75), ("b", 0, 0.25)]
    found: RunComparison = compared(scored(tmp_path, values), ())
    rows = found.summary.set_index("network")
    assert list(rows.index) == ["a", "b"]
    assert rows["value"].tolist() == [0.625, 0.25]
    assert rows["n"].tolist() == [3, 1]
    assert (rows["set"] == "test").all()
    assert 0.25 < rows["low"]["a"] < 0.5
    assert 0.75 < rows["high"]["a"] < 0.9
    assert rows[["low", "high"]].loc["b"].isna().all()
    assert "network" in str(found)
    with pytest.raises(cl.InvalidError, match=r'Invalid `metric`. Expected "dice"'):
        compared(scored(tmp_path / "again", values), (), "ap50")


def test_the_page_of_a_comparison_says_what_is_best_and_how_it_was_set(tmp_path: Path) -> None:
    """Runs of .5 and .75 differ from their mean, .625, by less than all runs may: 0 to 1."""
    store = scored(tmp_path, [("a", 0, 0.5), ("a", 1, 0.75), ("b", 0, 0.25)])
    rows = [(5, "validation", "loss", 0.5), (10, "validation", "loss", 0.25)]
    history = pd.DataFrame(rows, columns=["iteration", "set", "metric", "value"])
    store.write_tables("d.a.binary.trainer.seed0", history=history)
    cl.runs.compare(store=store, out=tmp_path / "out", progress=False)
    page = (tmp_path / "out" / "comparison.html").read_text("utf-8")
    low, high = cl.runs.compare(store=store).summary.loc[0, ["low", "high"]]
    assert "3 runs of 2 combinations." in page
    assert f"Best by dice: a, 0.625 ({low:.3f} to {high:.3f}), 2 runs." in page
    assert "Next by dice: b, 0.250, 1 run." in page
    assert "loss 0.250 at 10" in page
    assert "filters: 8" in page
    assert page.count('<img src="data:image/png;base64,') == 2
    assert "<script" not in page


def test_without_templates_the_rest_of_a_comparison_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scored(tmp_path, [("a", 0, 0.5)])
    cl.runs.compare(store=store, out=tmp_path / "out", progress=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    cl.runs.compare(store=store, out=tmp_path / "out", overwrite=True, progress=False)
    assert not (tmp_path / "out" / "comparison.html").exists()
    assert (tmp_path / "out" / "comparison.png").exists()


def test_a_comparison_is_written_and_not_over_another(tmp_path: Path) -> None:
    store = scored(tmp_path, [("a", 0, 0.5), ("a", 1, 0.75), ("b", 0, 0.25)])
    out = tmp_path / "comparison"
    cl.runs.compare(store=store, out=out, progress=False)
    written = {"comparison.csv", "comparison.png", "comparison.html", "runs.csv"}
    assert {file.name for file in out.iterdir()} == written
    assert len(pd.read_csv(out / "runs.csv")) == 3
    with pytest.raises(cl.InvalidError, match="Expected a new file"):
        cl.runs.compare(store=store, out=out, progress=False)
    cl.runs.compare(
        "d.a.binary.trainer.seed0", store=store, out=out, overwrite=True, progress=False
    )
    assert len(pd.read_csv(out / "runs.csv")) == 1
    page = (out / "comparison.html").read_text("utf-8")
    assert "d.a.binary.trainer.seed0" in page
    assert "d.b.binary.trainer.seed0" not in page
    figure = cl.plots.repetitions(*dataclasses.astuple(cl.runs.compare(store=store))[:2])
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a", "b"]
    assert sorted(panel.lines[0].get_xdata()) == [0.5, 0.75]


def test_the_command_line_tells_of_runs(
    copied: cl.Store, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with 3 where some have failed."""
    store = copied.place
    assert cli.main(["run", "list", "--store", store]) == commands.OK
    text = capsys.readouterr().out
    assert f"{GONE} failed: Invalid `data`" in text
    assert "test   ap50" in text
    grid = folder / "grid.yaml"
    grid.write_text(
        f"data:\n  nuclei: {{train: {folder}/train, test: {folder}/test}}\n"
        "  gone: nowhere\nnetwork: tiny\ntrainer: quick\n"
    )
    assert cli.main(["run", "start", str(grid), "--store", store]) == commands.FAILED
    assert "no other data in the store has. Received: gone" in capsys.readouterr().err
    grid.write_text(grid.read_text().replace("gone:", "nothing:"))
    assert cli.main(["run", "start", str(grid), "--store", store, "--quiet"]) == commands.PARTIAL
    captured = capsys.readouterr()
    assert f"{ONE} " in captured.out
    assert captured.err.endswith("cytoloom: 1 of 2 runs failed\n")
    assert cli.main(["run", "compare", "--store", store]) == commands.OK
    assert "ap50, means over runs" in capsys.readouterr().out
    assert cli.main(["run", "show", ONE, "--store", store]) == commands.OK
    assert f"{ONE}: done" in capsys.readouterr().out
    assert cli.main(["run", "remove", GONE, "--store", store]) == commands.OK
    assert "1 run removed" in capsys.readouterr().out
    assert GONE not in copied.names()
    assert cli.main(["run", "list", "--store", str(folder / "empty")]) == commands.OK
    assert "No runs in" in capsys.readouterr().out


def test_a_run_is_rerun_from_its_model(first: Any) -> None:
    """The images are those of the run, and the weights are equal."""
    found = cl.rerun(first[0].model_folder(ONE), progress=False)
    assert found.equal
    assert found.difference == 0
    assert found.changed.empty
    assert str(found) == "The weights are equal to the last bit."
    assert small.same_weights(found.model, first[0].model(ONE))


def test_a_run_is_rerun_from_another_folder(
    copied: cl.Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative folders are those of where the run was begun; gone, it is said where it looked."""
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree(folder / "train", tmp_path / "begun" / "tr")
    file = Path(copied.place) / "data" / "nuclei.yaml"
    file.write_text("train: tr\n")
    copied.record(ONE, copied.outcome(ONE) | {"folder": str(tmp_path / "begun")})
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = repeated._of_run(copied.model(ONE))
    assert len(found.items) == 3
    shutil.rmtree(tmp_path / "begun")
    said = "Received: tr. It was looked for in .*begun and in .*elsewhere. .*`data`."
    with pytest.raises(cl.InvalidError, match=said):
        cl.rerun(copied.model_folder(ONE), progress=False)


def test_what_is_known_to_fail_says_so_before_the_others_are_trained(
    copied: cl.Store, folder: Path, tmp_path: Path
) -> None:
    """The second run has no start, and is told of first; of failures alone nothing is kept."""
    good = runs_of(folder)[0]
    bad = runs_of(folder, start="nosuchrun", seed=7)[0]
    _, said = told([good, bad], copied)
    why = "Invalid `start`. Expected a run of the store, or the folder of a model."
    assert said[0].startswith(f"{bad.name}: It failed: {why} Received: nosuchrun. Runs there are: ")
    assert ONE in said[0]
    assert said[1] == f"{ONE}: It is done."
    gone = cl.grid({"n": cl.DataSplit(folder / "train", test=tmp_path / "none")})
    for wrong, word in ((gone, "test"), (cl.grid(folder / "train", start="x"), "start")):
        with pytest.raises(cl.InvalidError, match=f"Invalid `{word}`"):
            cl.runs.start(wrong, store=tmp_path / "new", progress=False)
        assert not (tmp_path / "new").exists()


def test_other_weights_are_said_with_what_has_changed(trained: cl.Model) -> None:
    """One weight is larger by .5, and the version of another library is told."""
    other = cl.load(trained.path)
    values = other.keras.get_weights()
    values[0] = values[0].copy()
    values[0].flat[0] += 0.5
    other.keras.set_weights(values)
    apart = repeated._difference(trained, other)
    assert apart == pytest.approx(0.5)
    then = {**trained.info, "libraries": {**trained.info["libraries"], "keras": "3.0"}}
    changed = repeated._changed(then, trained.info)
    now = trained.info["libraries"]["keras"]
    assert changed.to_numpy().tolist() == [["keras", "3.0", now]]
    told = str(repeated.Rerun(other, False, apart, changed))
    assert told.startswith("The weights differ, by up to 0.5. Not as they were:")


def test_a_training_by_time_is_replayed(trained: cl.Model) -> None:
    """Ten minutes that came to 37 steps are 37 steps with the same knots."""
    trainer = {**trained.info["trainer"], "iterations": None, "minutes": 10.0}
    steps = {**trained.info["training"], "iterations": 37, "knots": [[0, 0.0, 0.1], [9, 0.5, 0.2]]}
    timed = dataclasses.replace(
        trained, info={**trained.info, "trainer": trainer, "training": steps}
    )
    given = repeated._given(timed)
    assert (given.trainer.minutes, given.trainer.iterations) == (None, 37)
    assert given.trainer.knots == ((0, 0.0, 0.1), (9, 0.5, 0.2))
    assert repeated._given(trained).trainer.knots is None


def test_what_cannot_be_rerun_is_refused(trained: cl.Model) -> None:
    images, labels = small.nuclei()
    with pytest.raises(cl.InvalidError, match=r"Invalid `data`. Expected the images that .*none"):
        cl.rerun(trained, progress=False)
    with pytest.raises(
        cl.InvalidError, match=r"by the names that they had .* no image as image_003"
    ):
        cl.rerun(trained, (images[:3], labels[:3]), progress=False)
    changed = [*images[:3], images[3] + 1]
    with pytest.raises(cl.InvalidError, match=r"pixels and channels .* another image as image_003"):
        cl.rerun(trained, (changed, labels), progress=False)
    stopped = dataclasses.replace(trained, info={**trained.info, "interrupted": True})
    with pytest.raises(cl.InvalidError, match=r"Received: one that was interrupted"):
        cl.rerun(stopped, (images, labels), progress=False)
    with pytest.raises(cl.InvalidError, match=r"came to its end. Received: one made otherwise"):
        cl.rerun(dataclasses.replace(trained, members=2), (images, labels), progress=False)
    gone = dataclasses.replace(trained, info={**trained.info, "start": "/nowhere"})
    with pytest.raises(cl.InvalidError, match=r"fine-tuned in /nowhere. Received: no such folder"):
        cl.rerun(gone, (images, labels), progress=False)


def test_a_run_learns_from_several_sets_as_weights_say(folder: Path, tmp_path: Path) -> None:
    data = cl.DataSplit(folder / "train", also=folder / "test", weights=(3, 1))
    runs = runs_of(folder, data={"both": data}, trainer={"one": small.trainer(iterations=1)})
    store = cl.Store(tmp_path / "runs")
    table = cl.runs.start(runs, store=store, progress=False)
    assert table["status"].tolist() == ["done"]
    known = store.model(runs[0].name).info["data"]
    assert len(known["train"]) + len(known["validation"]) == 5
    assert cl.rerun(store.model_folder(runs[0].name), progress=False).equal
    with pytest.raises(cl.InvalidError, match="Expected a path or several"):
        cl.DataSplit("a", also=3)


def test_workers_of_a_cluster_train_runs(
    first: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in this process: one fails and says why, the other comes to the same weights.

    A cluster is known by its address.
    """
    distributed = pytest.importorskip("distributed")
    store = cl.Store(f"sqlite:///{tmp_path / 'runs.db'}")
    gone = runs_of(folder, data={"gone": cl.DataSplit(folder / "gone")})
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    )
    with cluster:
        given, address = [*gone, *runs_of(folder)], cluster.scheduler_address
        table = cl.runs.start(given, store=store, client=address, progress=False)
    columns = ["run", "status", "score", "iterations", "why"]
    pd.testing.assert_frame_equal(table[columns], first[1][columns])
    assert f"{gone[0].name}: It failed: " in capsys.readouterr().err
    assert small.same_weights(store.model(ONE), first[0].model(ONE))
    assert pickle.loads(pickle.dumps(store)).names() == store.names()
