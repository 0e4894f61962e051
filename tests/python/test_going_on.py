"""A training that is broken off, in any way, goes on to the very same end."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
import small
from cytoloom.training import checkpoints
from cytoloom.training.loop import Loop


def history_without_seconds(model: cl.Model) -> pd.DataFrame:
    return model.history.drop(columns="seconds")


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_an_interrupted_training_goes_on_to_the_same_end(trained, tmp_path, stop):
    # the generator is closed after some events, as Ctrl-C between two steps would
    out = tmp_path / "m.cytoloom"
    settings = {
        "data": small.nuclei(),
        "network": small.NETWORK,
        "trainer": small.trainer(),
        "out": out,
    }
    events = cl.train.events(**settings)
    steps = 0
    for event in events:
        steps += event.kind == "progress" and event.message.startswith("iteration")
        if steps > stop:
            break
    events.close()
    assert not (out / "model.json").exists()
    resumed = cl.train(**settings, progress=False)
    assert small.same_weights(trained, resumed)
    assert history_without_seconds(resumed).equals(history_without_seconds(trained))
    assert resumed.task == trained.task
    assert not (out / ".training").exists()


CTRL_C = """
    import os, signal, sys
    sys.path.insert(0, {tests!r})
    import small
    from cytoloom.training.loop import Loop

    # what is started in the background by a shell script has no handler of its own
    signal.signal(signal.SIGINT, signal.default_int_handler)
    real, steps = Loop.step, []

    def pressed_in_the_fifth(self, *given, **named):
        steps.append(1)
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, *given, **named)

    Loop.step = pressed_in_the_fifth
    try:
        small.train(out={out!r}, trainer=small.trainer(checkpoint_s=1e9))
    except KeyboardInterrupt as stop:
        print(stop)
"""


def test_ctrl_c_within_a_step_waits_for_its_end_and_loses_nothing(trained, tmp_path):
    """In a process of its own: the signal is for all of it, and so for what runs the tests."""
    out = tmp_path / "m.cytoloom"
    script = CTRL_C.format(tests=str(Path(__file__).parent), out=str(out))
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert re.search(r"iteration 5 is kept in .*m\.cytoloom", run.stdout)
    _, facts = checkpoints.read(out / ".training")
    assert facts["iteration"] == 5
    assert small.same_weights(trained, small.train(out=out))


def test_what_is_said_to_be_kept_is_what_is_on_disk(tmp_path, monkeypatch):
    real, steps = Loop.step, []

    def pressed_in_the_third(self, *given, **named):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return real(self, *given, **named)

    settings = {"out": tmp_path / "m.cytoloom", "trainer": small.trainer(checkpoint_s=1e9)}
    monkeypatch.setattr(Loop, "settled", lambda self, state: False)
    monkeypatch.setattr(Loop, "step", pressed_in_the_third)
    with pytest.raises(KeyboardInterrupt, match="nothing was kept yet"):
        small.train(**settings)


def stopped(**settings):
    """The events of a training that was stopped by hand after five steps, and is kept."""
    data, rest = small.nuclei(), {"network": small.NETWORK, "keep_interrupted": True, **settings}
    events = cl.train.events(data, **rest)
    for event in events:
        if event.message.startswith("iteration 5"):
            break
    yield events.throw(KeyboardInterrupt())
    yield from events


def test_a_training_stopped_by_hand_is_a_model_and_goes_on(trained, tmp_path):
    settings = {"out": tmp_path / "m.cytoloom", "trainer": small.trainer(checkpoint_s=1e9)}
    said = list(stopped(**settings))
    assert said[0].message.endswith("this is the model so far. The same call goes on from there.")
    assert said[-1].value.info["interrupted"]
    assert cl.load(settings["out"]).info["interrupted"]
    whole = small.train(**settings)
    assert not whole.info["interrupted"]
    assert small.same_weights(trained, whole)
    with pytest.raises(cl.InvalidError, match="without a finished model"):
        small.train(**settings)


def test_a_second_ctrl_c_leaves_what_the_first_saved(trained, tmp_path, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    settings = {"out": tmp_path / "m.cytoloom", "trainer": small.trainer(checkpoint_s=1e9)}
    with monkeypatch.context() as patch:
        patch.setattr("cytoloom.training.session.tune", pressed)
        with pytest.raises(KeyboardInterrupt, match="iteration 5 is kept in"):
            list(stopped(**settings))
    assert small.same_weights(trained, small.train(**settings))


def test_a_model_that_was_never_validated_says_no_false_score(tmp_path):
    events = stopped(trainer=small.trainer(iterations=1000), out=tmp_path / "m.cytoloom")
    model = list(events)[-1].value
    assert model.info["training"]["score"] is None
    assert "maps" not in model.summary()
    assert f"dice {model.info['training']['scores']['dice']:.3f}" in model.summary()


KILLED = """
    import os, signal, sys
    sys.path.insert(0, {tests!r})
    import numpy as np
    import small
    from cytoloom.training import checkpoints, lesson
    import cytoloom as cl

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    def half_a_state(stream, **arrays):
        stream.write(b"PK half of a state")
        stream.flush()
        die()

    trainer = small.trainer(iterations={iterations}, checkpoint_s=0.1)
    events = cl.train.events(small.nuclei(), network=small.NETWORK, trainer=trainer, out={out!r})
    steps = 0
    for event in events:
        steps += event.message.startswith("iteration")
        if steps == 1:
            print("steps", flush=True)
        if steps == 15 and {moment!r} == "writing a state":
            np.savez = half_a_state
        if steps == 15 and {moment!r} == "replacing a state":
            checkpoints.os.replace = die
        if steps == 15 and {moment!r} == "validation":
            lesson.agreement = die
"""


ITERATIONS = 200


MOMENTS = ("writing a state", "validation", "replacing a state", "any", "any")


def test_a_training_killed_wherever_it_is_goes_on_to_the_same_end(tmp_path):
    out = tmp_path / "m.cytoloom"
    rng = np.random.default_rng(0)

    def start(moment: str) -> subprocess.Popen:
        tests = str(Path(__file__).parent)
        script = KILLED.format(tests=tests, out=str(out), moment=moment, iterations=ITERATIONS)
        command = [sys.executable, "-c", textwrap.dedent(script)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    for moment in MOMENTS:
        with start(moment) as process:
            assert process.stdout.readline() == "steps\n"
            if moment == "any":
                time.sleep(rng.uniform(0.0, 0.5))
                process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (out / "model.json").exists()
    with start("never") as process:
        process.communicate()
    assert process.returncode == 0
    whole = small.train(trainer=small.trainer(iterations=ITERATIONS))
    resumed = cl.load(out)
    assert small.same_weights(whole, resumed)
    assert resumed.task == whole.task
    read = pd.read_csv(out / "history.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(read, history_without_seconds(whole), check_exact=True)
    assert not (out / ".training").exists()


def test_going_on_with_other_data_or_settings_is_refused(tmp_path):
    out = tmp_path / "m.cytoloom"
    events = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(), out=out
    )
    for event in events:
        if event.message.startswith("iteration 4"):
            break
    events.close()
    with pytest.raises(cl.InvalidError, match=r"other trainer\.iterations\."):
        small.train(out=out, trainer=small.trainer(iterations=9))
    with pytest.raises(cl.InvalidError, match="other data"):
        small.train(out=out, data=small.nuclei(5))
    images, labels = small.nuclei()
    scaled = cl.Data.from_pairs(images, labels, pixel_size_um=0.5)
    with pytest.raises(cl.InvalidError, match=r"other pixel_size_um\."):
        small.train(out=out, data=scaled)
    with pytest.raises(cl.InvalidError, match=r"other seed\."):
        small.train(out=out, seed=1)
    with pytest.raises(cl.InvalidError, match=r"other seed, trainer\.iterations\."):
        small.train(out=out, seed=1, trainer=small.trainer(iterations=9))
    anew = small.train(out=out, trainer=small.trainer(iterations=9), overwrite=True)
    assert anew.info["training"]["iterations"] == 9


def test_what_fails_before_a_state_leaves_the_model_that_was_there(tmp_path):
    """And its pictures; without `overwrite` it is refused as before."""
    out = tmp_path / "m.cytoloom"
    small.train(out=out)
    before = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert any(p.parts[0] == "snapshots" for p in before)
    events = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(), out=out, overwrite=True
    )
    for event in events:
        if event.message.startswith("Training on"):
            break
    events.close()
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    with pytest.raises(cl.InvalidError, match="a folder without a finished model"):
        small.train(out=out)


def test_a_new_training_replaces_the_pictures_of_the_model(tmp_path):
    """And nobody else's, of whatever name."""
    out = tmp_path / "m.cytoloom"
    earlier = small.train(out=out, trainer=small.trainer(iterations=9))
    (out / "snapshots/iteration_9999999.png").write_bytes(b"mine")
    assert (out / "snapshots/iteration_0000009.png").exists()
    small.train(out=out, overwrite=True)
    names = {p.name for p in (out / "snapshots").iterdir()}
    assert len(names) > 1
    assert "iteration_0000009.png" not in names
    assert (out / "snapshots/iteration_9999999.png").read_bytes() == b"mine"
    (out / "README.md").write_text("used for figure 3")
    for replace in (
        lambda: small.train(out=out, overwrite=True),
        lambda: earlier.save(out, overwrite=True),
    ):
        with pytest.raises(cl.InvalidError, match=r"README\.md, which is another file or was"):
            replace()


def killed_in_training(out: Path, **settings) -> None:
    """Train, and end after the first picture, as a kill does: what is there is left."""
    events = cl.train.events(
        small.nuclei(),
        network=small.NETWORK,
        trainer=small.trainer(**settings.pop("trainer", {})),
        out=out,
        **settings,
    )
    next(event for event in events if event.message.startswith("iteration 6"))
    kept = shutil.copytree(out, out.with_name("killed"))
    (kept / ".in-use").unlink()
    events.close()
    shutil.rmtree(out)
    kept.rename(out)


def bytes_of(model: Path) -> dict[str, bytes]:
    found = {p: p for p in model.rglob("*") if p.is_file() and ".training" not in p.parts}
    return {path.relative_to(model).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("stated", [False, True])
def test_what_a_training_with_overwrite_left_gives_others_no_right(trained, tmp_path, stated):
    """The same training goes on, with it or without; another one must say so for itself."""
    out = shutil.copytree(trained.path, tmp_path / "m.cytoloom")
    before = bytes_of(out)
    # the trained model has these settings: the others are those of another one
    settings = {"trainer": {"iterations": 9, "checkpoint_s": 0.0}}
    killed_in_training(out, overwrite=True, **settings)
    if not stated:
        for state in (out / ".training").glob("state-*"):
            state.unlink()
        (out / ".training/snapshots").mkdir(exist_ok=True)
        (out / ".training/snapshots/iteration_0000001.png").write_bytes(b"picture")
    words = "settings and data with which" if stated else "without a finished model"
    with pytest.raises(cl.InvalidError, match=words):
        small.train(data=small.nuclei(3), out=out)
    assert bytes_of(out) == before
    if stated:
        small.train(trainer=small.trainer(**settings["trainer"]), out=out)
        assert cl.load(out).info["training"]["iterations"] == 9
        assert not (out / ".training").exists()


def test_a_model_saved_where_a_training_was_killed_is_not_replaced(trained, tmp_path):
    out = tmp_path / "m.cytoloom"
    settings = {"trainer": {"iterations": 9, "checkpoint_s": 0.0}}
    killed_in_training(out, **settings)
    cl.load(trained.path).save(out)
    before = bytes_of(out)
    with pytest.raises(cl.InvalidError, match="without a finished model"):
        small.train(trainer=small.trainer(**settings["trainer"]), out=out)
    assert bytes_of(out) == before


def test_a_model_that_comes_while_one_trains_is_not_replaced(trained, tmp_path):
    out = tmp_path / "m.cytoloom"
    events = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(iterations=2), out=out
    )
    next(event for event in events if event.message.startswith("iteration 1"))
    shutil.copytree(trained.path, out, dirs_exist_ok=True)
    before = bytes_of(trained.path)
    with pytest.raises(cl.InvalidError, match=r"model\.json, which came since"):
        list(events)
    assert before.items() <= bytes_of(out).items()
    assert checkpoints.newest(out / ".training") == 2  # the same call goes on from there


@pytest.mark.parametrize(
    "name",
    ["mine.txt", "sub/a.tif", "data.npz", "state-a.npz", "snapshots/notes.png", "member_x/a.png"],
)
def test_what_no_training_wrote_among_its_states_stays(tmp_path, name):
    file = tmp_path / "m.cytoloom/.training" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(cl.InvalidError, match=r"which no training wrote.*Move it away"):
        small.train(out=tmp_path / "m.cytoloom", overwrite=True)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", [".training", ".training/snapshots", ".training/member_1"])
def test_states_are_not_written_or_removed_through_a_link(tmp_path, name):
    place, own = tmp_path / "m.cytoloom" / name, tmp_path / "own"
    place.parent.mkdir(parents=True)
    own.mkdir()
    (own / "iteration_0000001.png").write_text("mine")
    place.symlink_to(own)
    with pytest.raises(cl.InvalidError, match=r"which no training wrote.*Move it away"):
        small.train(out=tmp_path / "m.cytoloom", overwrite=True)
    assert [path.name for path in own.iterdir()] == ["iteration_0000001.png"]
