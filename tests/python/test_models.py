"""Model folders: written whole, never a mixture, readable for ever."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.errors import GuessWarning
from cytoloom.models.saving import sha256_of
from cytoloom.models.untrained import untrained

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def folder(trained: cl.Model, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return shutil.copytree(trained.path, tmp_path / "copy.cytoloom")


def test_a_folder_of_format_1_predicts_what_it_did():
    """It was written before networks had members; its task has a field that is gone."""
    loaded = cl.load(MODELS / "format_1.cytoloom")
    image, _ = cl.simulate.nuclei(shape=(64, 64), count=6, seed=9)
    expected = np.load(MODELS / "format_1_maps.npy")
    # other CPUs round otherwise, some compute in bfloat16
    assert np.abs(loaded.predict_maps(image)["classes"] - expected).max() < 0.02
    assert loaded.task.label_names == ("background", "cell")
    assert "4 iterations of 2 patches" in loaded.summary()


def test_a_folder_of_format_1_is_saved_in_format_2(tmp_path):
    loaded = cl.load(MODELS / "format_1.cytoloom")
    again = cl.load(loaded.save(tmp_path / "m.cytoloom"))
    assert json.loads((again.path / "model.json").read_text())["format"] == 2
    pairs = zip(loaded.keras.get_weights(), again.keras.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_over_a_folder_of_format_1_no_old_network_is_left(trained, tmp_path):
    old = shutil.copytree(MODELS / "format_1.cytoloom", tmp_path / "m.cytoloom")
    with pytest.warns(GuessWarning, match="format 1 is replaced. Its files have no hashes"):
        cl.load(trained.path).save(old, overwrite=True)
    assert not (old / "network.keras").exists()
    assert cl.load(old).task == trained.task


def test_the_manifest_carries_the_hash_of_every_file(trained):
    plain = json.loads((trained.path / "model.json").read_text())
    assert plain["files"] == {name: sha256_of(trained.path / name) for name in plain["files"]}


@pytest.mark.parametrize("name", ["members/1/network.keras", "history.csv"])
def test_files_of_two_saves_are_refused(folder, name):
    """As left by a copy that was broken off: one file is of another save."""
    (folder / name).write_bytes(b"of another save")
    with pytest.raises(cl.InvalidError, match=f"{name}.*another save.*Copy the model folder"):
        cl.load(folder)


@pytest.mark.parametrize("members", [2, 0, "1"])
def test_a_manifest_names_a_network_for_each_member(folder, members):
    plain = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**plain, "members": members}))
    with pytest.raises(cl.InvalidError, match=r"model\.json.*networks.*members"):
        cl.load(folder)


def test_a_missing_file_is_named(folder):
    (folder / "members/1/network.keras").unlink()
    with pytest.raises(cl.InvalidError, match=r"network\.keras.*not there"):
        cl.load(folder)


def test_the_card_may_be_edited_by_hand(folder):
    (folder / "README.md").write_text("used for figure 3")
    assert cl.load(folder).channels == 1


def test_a_save_that_fails_leaves_the_model_that_was_there(folder, monkeypatch):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    loaded = cl.load(folder)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(loaded.history), "to_csv", full)
    with pytest.raises(OSError, match="No space"):
        loaded.save(folder, overwrite=True)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_manifest_reaches_no_file_outside_its_folder(folder):
    plain = json.loads((folder / "model.json").read_text())
    plain["files"]["../outside.keras"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(plain))
    with pytest.raises(cl.InvalidError, match="files in its own folder"):
        cl.load(folder)


@pytest.mark.parametrize("given", ["nowhere", 3, None])
def test_what_is_no_model_is_refused_by_the_name_of_the_argument(given):
    calls = {
        "model": [lambda: cl.info(given), lambda: cl.predict(given, small.nuclei(1)[0])],
        "path": [lambda: cl.load(given)],
    }
    for name, each in calls.items():
        for call in each:
            with pytest.raises(cl.InvalidError, match=f"Invalid `{name}`.*model"):
                call()


def test_what_is_no_model_is_refused_with_the_folder_to_pass(tmp_path):
    with pytest.raises(
        cl.InvalidError, match=r"with model\.json.*Pass the folder that `train` wrote"
    ):
        cl.load(tmp_path)


def test_a_network_replaced_since_is_not_used(folder):
    """Another training has written to the folder in between: two networks are not one model."""
    loaded = cl.load(folder)
    other = untrained()
    other.keras.save(folder / "members/1/network.keras")
    with pytest.raises(cl.InvalidError, match=r"network\.keras as it was when.*Load the model"):
        loaded.predict(small.nuclei(1)[0][0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_of_no_numbers_is_refused(folder, tmp_path, value):
    broken = cl.load(folder)
    weights = broken.keras.get_weights()
    weights[0][...] = value
    broken.keras.set_weights(weights)
    image = small.nuclei(1)[0][0]
    for model in (broken, cl.load(broken.save(tmp_path / "broken.cytoloom"))):
        with pytest.raises(cl.InvalidError, match="weights that are finite numbers"):
            cl.predict(model, image, progress=False)


def list_files(folder):
    return [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]


def steps_of(action, at, number):
    """Do something, and break it off at the call of a function of so many."""
    calls = []
    plain = getattr(os, at)

    def counted(*args, **kwargs):
        calls.append(at)
        if len(calls) == number:
            raise SystemExit
        return plain(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, at, counted)
        with pytest.raises(SystemExit):
            action()


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6])
def test_a_save_broken_off_anywhere_leaves_one_whole_model(folder, step):
    """The earlier one before all files are there, from then on the new one; never a mixture.

    Renames: the table of the history in its place among the new files, then these as a whole;
    network, history and card take their places, and the manifest last.
    """
    loaded, earlier = cl.load(folder), cl.load(folder).keras.get_weights()
    loaded.keras.set_weights([w + 1 for w in earlier])
    steps_of(lambda: loaded.save(folder, overwrite=True), "replace", step)
    found = cl.load(folder).keras.get_weights()
    new = step > 3
    assert all(np.array_equal(f, e + new) for f, e in zip(found, earlier, strict=True))
    assert not (folder / ".saved").exists()
    assert cl.info(folder)


SAVE = """
import functools, json, shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import kills
from cytoloom.models.saving import write_files
folder = Path(sys.argv[2])
plain = json.loads((folder / "model.json").read_text())
files = {name: functools.partial(shutil.copyfile, folder / name) for name in plain.pop("files")}
network = (folder / "members/1/network.keras").read_bytes() + b"of the new model"
if "other" in sys.argv:
    files["members/1/network.keras"] = lambda path: path.write_bytes(network)
kills.kill_at("os:replace", int(sys.argv[3]))
write_files(folder, files, {**plain, "seed": 77})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
@pytest.mark.parametrize(("step", "seed"), [(1, 0), (2, 0), (3, 77)])
def test_a_save_that_is_killed_leaves_one_whole_model(folder, step, seed):
    """Before all files of the save are there, and while they take their place."""
    words = [
        sys.executable,
        "-c",
        SAVE,
        str(Path(__file__).parent),
        str(folder),
        str(step),
        "other",
    ]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr
    left = pytest.warns(GuessWarning, match="load it and save it here")
    with left if step == 2 else contextlib.nullcontext():
        assert cl.load(folder).info["seed"] == seed
    # whole, it would replace a model that is whole: that is for a person to say
    assert (folder / ".saved").exists() == (step == 2)
    assert step != 2 or cl.load(folder / ".saved").info["seed"] == 77


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
@pytest.mark.parametrize("step", [2, 3, 4, 5])
def test_a_model_put_back_after_a_save_was_killed_stays(folder, trained, step):
    """As from a backup: reading it ends no save, and the next save begins anew."""
    words = [
        sys.executable,
        "-c",
        SAVE,
        str(Path(__file__).parent),
        str(folder),
        str(step),
        "other",
    ]
    assert subprocess.run(words).returncode == -9
    shutil.copytree(trained.path, folder, dirs_exist_ok=True)
    before = {name: (folder / name).read_bytes() for name in list_files(trained.path)}
    for _ in range(2):
        with pytest.warns(GuessWarning, match="broken off and has not replaced this model"):
            loaded = cl.load(folder)
    assert {name: (folder / name).read_bytes() for name in before} == before
    loaded.save(folder, overwrite=True)
    assert not (folder / ".saved").exists()
    assert small.same_weights(cl.load(folder), trained)


@pytest.mark.parametrize("left", [".saved/mine.txt", ".saved/model.json", ".saved"])
def test_a_folder_of_ones_own_in_the_place_of_a_save_stays(folder, left):
    (folder / left).parent.mkdir(exist_ok=True)
    (folder / left).write_text("{}")
    cl.load(folder)
    with pytest.raises(cl.InvalidError, match=r"\.saved.*which no save wrote.*Move it away"):
        cl.load(folder).save(folder, overwrite=True)
    assert (folder / left).read_text() == "{}"


@pytest.mark.parametrize(
    "other",
    [
        b'\xef\xbb\xbf{"mine": 1}', '{"mine": 1}'.encode("utf-16"), b'// mine\n{"mine": 1,}',
        b"", b'{"format": 3, "cytoloom": "9.0"}', b'{"format": 99, "cytoloom": "1"}',
    ],
)  # fmt: skip
def test_a_manifest_of_another_kind_is_not_replaced(trained, tmp_path, other):
    """What cannot be read for certain as one of ours is none, and nothing beside it is removed."""
    out = tmp_path / "out"
    out.mkdir()
    mine = {"model.json": other, "network.keras": b"mine", "README.md": b"mine"}
    for name, content in mine.items():
        (out / name).write_bytes(content)
    with pytest.raises(cl.InvalidError, match="Invalid `path`"):
        cl.load(trained.path).save(out, overwrite=True)
    with pytest.raises(cl.InvalidError, match="Invalid `out`"):
        small.train(out=out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == mine


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is used is not removed there")
def test_a_working_folder_that_is_gone_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(cl.InvalidError, match=r"Invalid `.*Received: "):
        untrained().save(".")


def test_a_model_is_that_of_where_it_was_loaded(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    model = cl.load(folder.name)
    monkeypatch.chdir(tmp_path)
    assert model.path == folder
    assert model.predict(small.nuclei(1)[0][0]).shape == (64, 64)


def test_a_manifest_of_which_no_record_tells_is_not_replaced(folder):
    """As in a copy without hidden files: it may have been edited, and its hash is nowhere else."""
    (folder / ".written.sha256").unlink()
    before = (folder / "model.json").read_bytes()
    model = cl.load(folder)
    with pytest.raises(cl.InvalidError, match=r"without .*sha256.*Move the whole folder away"):
        model.save(folder, overwrite=True)
    assert (folder / "model.json").read_bytes() == before
    folder.rename(folder.with_name("away.cytoloom"))
    assert cl.load(cl.load(folder.with_name("away.cytoloom")).save(folder)).task == model.task


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
@pytest.mark.parametrize("name", ["README.md", "history.csv", "model.json"])
def test_what_is_changed_after_a_save_was_killed_is_not_replaced(folder, name):
    words = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(folder), "3"]
    assert subprocess.run(words).returncode == -9
    text = (folder / name).read_text()
    # as somebody writes a note, or copies another model's file there
    mine = text.replace('"seed": 0', '"seed": 5') if name == "model.json" else f"{text}# mine\n"
    (folder / name).write_text(mine)
    if name == "history.csv":
        with pytest.raises(cl.InvalidError, match=r"history\.csv is not what it would have"):
            cl.load(folder)
    else:
        assert cl.load(folder).info["seed"] == (5 if name == "model.json" else 0)
    with pytest.raises(cl.InvalidError, match=r"Invalid `out`"):
        small.train(out=folder, overwrite=True)
    assert (folder / name).read_text() == mine
    (folder / name).rename(folder.parent / "mine")
    assert cl.load(folder).info["seed"] == 77


@pytest.mark.parametrize("step", [1, 3, 4])
def test_what_is_changed_while_a_save_takes_its_place_stays(folder, step, monkeypatch):
    """As an editor saves a card: while files are written, and while earlier ones take theirs."""
    calls, plain = [], os.replace

    def edited(*args):
        calls.append(args)
        if len(calls) == step:
            with open(folder / "README.md", "a") as stream:
                stream.write("mine")
        return plain(*args)

    model = cl.load(folder)
    monkeypatch.setattr(os, "replace", edited)
    with pytest.raises(cl.InvalidError, match=r"README\.md"):
        model.save(folder, overwrite=True)
    monkeypatch.setattr(os, "replace", plain)
    assert (folder / "README.md").read_text().endswith("mine")
    (folder / "README.md").rename(folder.parent / "mine.md")
    assert cl.load(folder).info


def test_a_manifest_edited_by_hand_is_not_replaced(folder):
    cl.load(folder).save(folder, overwrite=True)
    text = (folder / "model.json").read_text().replace('"seed": 0', '"seed": 5')
    (folder / "model.json").write_text(text)
    with pytest.raises(cl.InvalidError, match=r"model\.json, which was changed since.*whole"):
        cl.load(folder).save(folder, overwrite=True)
    assert (folder / "model.json").read_text() == text


def test_a_model_that_nobody_could_load_replaces_none(folder):
    model = cl.load(folder)
    model.info["start"] = ["no", "path"]
    with pytest.raises(cl.InvalidError, match="as start"):
        model.save(folder, overwrite=True)
    assert cl.load(folder).info["start"] is None
    assert not (folder / ".saved").exists()


@pytest.mark.parametrize("plain", [[], "a", 3, None, [{"format": 2}]])
def test_a_manifest_without_fields_is_one_sentence(folder, plain):
    (folder / "model.json").write_text(json.dumps(plain))
    with pytest.raises(cl.InvalidError, match=r"Expected the fields of a model.*in .*model\.json"):
        cl.load(folder)


def test_files_of_others_in_a_model_folder_stay(folder):
    (folder / "members/2").mkdir()
    for name in ("members/2/mine.keras", "snapshots/mine.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"mine")
    small.train(out=folder, overwrite=True, trainer=small.trainer(iterations=1))
    for name in ("members/2/mine.keras", "snapshots/mine.png"):
        assert (folder / name).read_bytes() == b"mine"


def test_a_manifest_that_was_edited_is_taken_and_named(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cl.load(folder)
    text = (folder / "model.json").read_text()
    edited = re.sub(r'"seed_threshold": [0-9.]+', '"seed_threshold": 0.95', text)
    (folder / "model.json").write_text(edited)
    with pytest.warns(GuessWarning, match=r"model\.json was changed since it was written"):
        assert cl.load(folder).task.seed_threshold == 0.95
    # without the record, as copying may leave it, nothing is known
    (folder / ".written.sha256").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cl.load(folder)
