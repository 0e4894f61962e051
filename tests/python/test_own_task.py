"""A task of somebody else's, in a file outside the package, does all that ours do."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
import small

TASK = textwrap.dedent(
    """
    from dataclasses import dataclass

    import numpy as np
    from cytoloom.components import component
    from cytoloom.losses import Tversky
    from cytoloom.tasks import Found, Head, Task


    @component
    @dataclass(frozen=True)
    class Ridges(Task):
        threshold: float = 0.4

        @property
        def heads(self):
            return {"ridge": Head(1, "sigmoid", Tversky(alpha=0.3))}

        def target(self, sample):
            known = sample["known"][..., None].astype(np.float32)
            return {"ridge": ((sample["labels"] > 0)[..., None] * known, known)}

        def decode(self, maps, spacing_um=None):
            found = maps["ridge"][..., 0] > self.threshold
            return Found(found.astype(np.uint8), semantic=True)
    """
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the file of the task, and the model that it was trained into."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_task.py").write_text(TASK)
    return folder


@pytest.fixture(scope="module")
def model(module: Path) -> cl.Model:
    """Trained by naming module and class."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(module)
        patch.syspath_prepend(module)
        return small.train(task="my_task:Ridges", out=module / "ridges.cytoloom")


def test_it_trains_scores_and_finds(model):
    images, labels = small.nuclei(2)
    scores = cl.evaluate(model, (images, labels), allow_training_images=True, progress=False)
    assert scores.summary["metric"].tolist() == ["dice", "iou", "precision", "recall"]
    found = cl.predict(model, images, progress=False)
    assert set(np.unique(found["image_000"])) <= {0, 1}
    assert {"class", "mean_foreground"} <= set(found.objects.columns)


def test_its_card_says_what_it_is(model):
    assert "Ridges(" in model.summary()
    assert "| dice |" in (model.path / "README.md").read_text()


def test_it_is_loaded_with_its_settings(model):
    assert cl.load(model.path).task == model.task


def run(code: str, folder: Path) -> str:
    """What a fresh process says on standard error."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_where_its_module_is_unknown_a_sentence_says_how_to_name_it(model, tmp_path):
    said = run(f"import cytoloom as cl; cl.load({str(model.path)!r})", tmp_path)
    assert "Ridges of the module my_task" in said
    assert "my_task:Ridges" in said


def test_a_module_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(cl.InvalidError, match=r"no module no_such_task.*PYTHONPATH"):
        cl.tasks.resolve("no_such_task:Ridges")
    with pytest.raises(cl.InvalidError, match="the name of a task in json"):
        cl.tasks.resolve("json:JSONDecoder")


@pytest.mark.parametrize("words", ["isinstance(", "Instances", "min_area_px", "peak_threshold"])
def test_no_task_is_known_by_name_outside_its_room(words):
    """What depends on what is learned is asked of the task."""
    package = Path(cl.__file__).parent
    rooms = ("datasets", "inference", "training", "evaluation", "prediction", "models")
    for room in rooms:
        for file in (package / room).rglob("*.py"):
            code = file.read_text()
            tasks = ("Instances", "Binary", "Classes")
            if words == "isinstance(":
                assert not [t for t in tasks if f", {t})" in code], file
            else:
                code = re.sub(r'"""(.|\n)*?"""', "", code)
                assert words not in code, file


def test_the_command_line_knows_it_by_its_module(model, tmp_path):
    """Of evaluate, predict and info; without the module a sentence says how to name it."""
    command = [sys.executable, "-m", "cytoloom"]
    settings = {"cwd": model.path.parent, "capture_output": True, "text": True, "check": False}
    unknown = subprocess.run([*command, "info", model.path], **settings)
    assert "my_task:Ridges" in unknown.stderr
    named = [*command, "info", model.path, "--task", "my_task:Ridges"]
    assert "Ridges(" in subprocess.run(named, **settings).stdout


def written(folder: Path, name: str, code: str) -> str:
    """Write a module with the task above, changed; its name and class."""
    (folder / f"{name}.py").write_text(code.replace("class Ridges", f"class {name.title()}"))
    return f"{name}:{name.title()}"


@pytest.mark.parametrize(
    ("name", "right", "wrong", "said"),
    [
        (
            "nolabels",
            "Found(found.astype(np.uint8), semantic=True)",
            "found",
            r"decode.*a Found.*ndarray",
        ),
        ("tooflat", "astype(np.uint8)", "astype(np.uint8)[0]", r"Tooflat\.decode.*shape"),
        ("raises", "self.threshold", "self.treshold", r"Raises\.decode.*AttributeError.*treshold"),
        ("misnamed", '{"ridge": ((', '{"rigde": ((', r"Misnamed\.target.*'ridge'.*'rigde'"),
        ("twofold", "Head(1,", "Head(2,", r"Twofold\.target.*2 channels.*ridge"),
    ],
)
def test_a_mistake_in_a_task_shows_before_training(name, right, wrong, said, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    task = written(tmp_path, name, TASK.replace(right, wrong))
    with pytest.raises(cl.InvalidError, match=said):
        small.train(task=task, out=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_task_that_no_file_could_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    task = written(tmp_path, "bare", TASK.replace("@component\n", ""))
    for verb in (cl.train, cl.plan, cl.check):
        with pytest.raises(cl.InvalidError, match="Write @component"):
            verb(small.nuclei(2), task=task, progress=False)


def test_a_class_of_a_name_that_is_taken_is_refused(tmp_path, monkeypatch):
    """A model's file names its task: two of one name would be taken for each other."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "theirs.py").write_text(TASK.replace("class Ridges", "class Binary"))
    with pytest.raises(
        cl.InvalidError, match=r"Binary of theirs, which cytoloom\.tasks\.binary has"
    ):
        cl.tasks.resolve("theirs:Binary")
    assert cl.tasks.resolve("binary") == cl.tasks.Binary()


def test_a_model_is_loaded_as_the_task_that_is_asked_for(model, monkeypatch):
    monkeypatch.syspath_prepend(model.path.parent)
    assert cl.load(model.path, task="my_task:Ridges").task == model.task
    with pytest.raises(cl.InvalidError, match=r"a model of Binary.*Ridges"):
        cl.load(model.path, task="binary")


def test_a_training_does_not_go_on_with_another_code_of_the_task(tmp_path, monkeypatch):
    file = tmp_path / "edited_task.py"
    file.write_text(TASK)
    monkeypatch.syspath_prepend(tmp_path)
    asked = {"task": "edited_task:Ridges", "out": tmp_path / "m.cytoloom"}
    how = {"network": small.NETWORK, "trainer": small.trainer()}
    events = cl.train.events(small.nuclei(), **how, **asked)
    next(event for event in events if event.message.startswith("iteration 1"))
    events.close()
    file.write_text(TASK.replace('"labels"] > 0', '"labels"] == 0'))
    with pytest.raises(cl.InvalidError, match=r"other code\."):
        small.train(**asked)
