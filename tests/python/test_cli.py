"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
from cytoloom import cli, doctor
from cytoloom.cli import commands
from cytoloom.datasets import data
from cytoloom.events import Verb, Work, note, verb, warn
from cytoloom.messages import Setting, command_of, say
from cytoloom.tasks import NAMES, STACKS

COMMANDS = (
    "train",
    "evaluate",
    "compare",
    "predict",
    "rank",
    "check",
    "plan",
    "measure",
    "consensus",
    "export",
    "export-model",
    "convert",
    "report",
    "review",
    "simulate",
    "info",
    "run start",
    "run list",
    "run show",
    "run compare",
    "run resume",
    "run remove",
    "cells gather",
    "cells check",
    "cells features",
    "cells encode",
    "cells novelty",
    "cells wells",
    "cells compare",
    "cells similar",
    "cells demo",
    "check-tracks",
    "train-tracker",
    "track",
    "detect",
    "score-links",
    "solve",
    "export-tracks",
    "rerun",
    "doctor",
)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user does."""
    command = [sys.executable, "-m", "cytoloom", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def raising(error: BaseException) -> Verb[..., None]:
    """Return a verb that fails."""

    @verb
    def info(model: str, *, progress: bool | str = "auto") -> Work[None]:
        """Fail."""
        yield from ()
        raise error

    return info


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated images with truth, written by the command line itself."""
    path = tmp_path_factory.mktemp("cli") / "nuclei"
    assert cli.main(["simulate", str(path), "--images", "6", "--seed", "3"]) == commands.OK
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """Return a model of two iterations, trained by the command line in a process of its own."""
    out = folder.parent / "tiny.cytoloom"
    done = run(
        "train", folder, "--iterations", 2, "--out", out, "--filters", 4, "--depth", 2,
        "--batch-size", 1, "--patch-px", 32, "--augment", "none",
    )  # fmt: skip
    assert done.returncode == commands.OK, done.stderr
    assert str(out) in done.stdout
    return out


def test_help_loads_nothing_heavy() -> None:
    """`cytoloom --help` must answer at once, so it imports no NumPy and no backend."""
    code = (
        "import sys\n"
        "from cytoloom import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'keras', 'tensorflow', 'matplotlib'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    assert all(f"\n    {name.split()[0]}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's help ends with an example of that command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command.split(), "--help"])
    assert stopped.value.code == commands.OK
    assert f"example:\n  cytoloom {command}" in capsys.readouterr().out


def test_help_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """A default is in the help where there is one."""
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    text = capsys.readouterr().out
    assert "(default: model.cytoloom)" in text
    assert "(default: on)" in text


@pytest.mark.parametrize("command", cl.VERBS)
def test_no_help_speaks_python(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([*command_of(command).split(), "--help"])
    text = capsys.readouterr().out
    assert ", 3]" not in " ".join(text.split())
    assert not set(re.findall(r"\w+", text)) & {
        "None",
        "True",
        "False",
        "tuple",
        "dict",
        "str",
        "int",
        "float",
        "ndarray",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["predict", "m", "x", "--rescale", "99"],
            'Invalid --rescale. Expected a factor from 1/16 to 16, "auto" or none. Received: 99.0. '
            "Pass --rescale auto to have it found, or --rescale none for images as they are.",
        ),
        (
            ["predict", "m", "x", "--out", ""],
            "Invalid --out. Expected a path or none. Received: ''. Name a file or a folder; "
            "a variable of the shell that is empty gives nothing.",
        ),
        (
            ["train", "x", "--stem-stride", "1", "2", "3"],
            "Invalid --stem-stride. Expected a whole number, 1 or more, or one for each axis. "
            "Received: 1, 2, 3.",
        ),
    ],
)
def test_refusals_say_values_as_they_are_typed_and_what_to_do(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == commands.FAILED
    assert capsys.readouterr().err == f"cytoloom: {sentence}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["train"], ["train", "x", "--minutes", "1", "--epochs", "1"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command line that cannot be understood is not an error of the data."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == commands.USAGE
    assert "usage: cytoloom" in capsys.readouterr().err


def test_wrong_options_show_the_usage_of_their_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The options of `train` are what helps, not the list of commands."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "x", "--minuts", "3"])
    assert stopped.value.code == commands.USAGE
    said = capsys.readouterr().err
    assert said.startswith("usage: cytoloom train")
    assert "unrecognized arguments: --minuts 3" in said


def test_warnings_are_spelled_in_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's `rescale=None` is `--rescale none` here; what is no option stays as it is."""

    @verb
    def predict(model: str, *, rescale: str | None = "auto", slices: bool = False,
                progress: bool | str = "auto") -> Work[None]:  # fmt: skip
        """Predict."""
        yield warn(say("Pass {}, or {}.", Setting("rescale", None), Setting("tile_px", 8)))
        raise cl.InvalidError(say("slices=True.tif: pass {}.", Setting("slices", True)))

    monkeypatch.setattr("cytoloom.prediction.predict.predict", predict)
    assert cli.main(["predict", "m"]) == commands.FAILED
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Warning: Pass --rescale none, or tile_px=8."
    assert said[1] == "cytoloom: slices=True.tif: pass --slices."


def test_error_is_one_sentence_on_stderr(tmp_path: Path) -> None:
    """A folder that is not there gives one line that names it, no traceback, exit code 1."""
    done = run("check", tmp_path / "nowhere")
    assert done.returncode == commands.FAILED
    assert done.stdout == ""
    assert done.stderr.startswith("cytoloom: ")
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_is_named_as_its_option(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (("--patch-px", "3"), ("--validation", "3.5"), ("--task", "foo")):
        arguments = ["train", str(folder), "--out", str(tmp_path / "m"), option, value]
        assert cli.main(arguments) == commands.FAILED
        assert f"Invalid {option}." in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """`--debug` works before and after the command."""
    nowhere = tmp_path / "nowhere"
    for arguments in (("--debug", "check", nowhere), ("check", nowhere, "--debug")):
        done = run(*arguments)
        assert done.returncode == commands.FAILED
        assert "Traceback" in done.stderr


def test_an_unforeseen_error_names_its_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`KeyError: 'x'` alone would be `'x'`: the type is part of the sentence."""

    monkeypatch.setattr("cytoloom.models.info.info", raising(KeyError("x")))
    assert cli.main(["info", "m"]) == commands.FAILED
    assert capsys.readouterr().err == "cytoloom: KeyError: 'x' (add --debug to see where)\n"


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with 130, the shell's convention, and no traceback."""

    monkeypatch.setattr("cytoloom.models.info.info", raising(KeyboardInterrupt()))
    assert cli.main(["info", "m"]) == commands.INTERRUPTED
    assert capsys.readouterr().err == "cytoloom: interrupted\n"


@pytest.mark.parametrize(("closed", "failed"), [("stdout", False), ("stderr", True)])
def test_work_has_failed_where_nobody_reads_its_progress(closed: str, failed: bool) -> None:
    """As in `cytoloom train ... 2>&1 | head`, which must not look like a model."""
    what = "pass" if closed == "stdout" else "yield events.note('half')"
    script = (
        "import sys\n"
        "from cytoloom import cli, events\n"
        "from cytoloom.models import info\n"
        "@events.verb\n"
        "def work(model: str, progress='auto') -> 'Work[str]':\n"
        "    yield from ()\n"
        f"    {what}\n"
        "    return 'described'\n"
        "info.info = work\n"
        "sys.exit(cli.main(['info', 'm']))"
    )
    read, write = os.pipe()
    os.close(read)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, closed: write}
    done = subprocess.run([sys.executable, "-c", script], check=False, **streams)  # type: ignore[call-overload]
    os.close(write)
    assert (done.returncode != commands.OK, done.stderr or b"") == (failed, b"")


def test_options_become_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was given is passed on; the rest stays the component's own default."""
    options = "--iterations 5 --patch-px 64 32 --augment none --no-balance --stem-stride 1"
    passed = passed_to(monkeypatch, "train", "d", *options.split())
    trainer = cl.Trainer(iterations=5, patch_px=(64, 32), augment=None, balance=False)
    assert (passed["trainer"], passed["network"]) == (trainer, cl.UNet(stem_stride=1))
    assert passed["normalize"] is None
    passed = passed_to(monkeypatch, "train", "d", "--low", "0.1")
    assert (passed["trainer"], passed["normalize"]) == (None, cl.Normalize(low=0.1))
    for words, given in (("0 4095", (0.0, 4095.0)), ("dtype", "dtype")):
        passed = passed_to(monkeypatch, "train", "d", "--range", *words.split())
        assert passed["normalize"] == cl.Normalize(range=given)  # type: ignore[arg-type]


def test_options_become_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, "none", names of channels and sizes arrive as Python would give them."""
    words = "predict m a.tif b.tif --rescale none --channels 0 DAPI --axes yxc --pixel-size-um 0.5"
    passed = passed_to(monkeypatch, *words.split())
    assert passed["images"] == ["a.tif", "b.tif"]
    assert (passed["rescale"], passed["channels"]) == (None, [0, "DAPI"])
    assert (passed["axes"], passed["pixel_size_um"]) == ("yxc", 0.5)
    words = "predict m 7 --rescale 2 --pixel-size-um 1 0.5 0.5 --quiet"
    passed = passed_to(monkeypatch, *words.split())
    assert (passed["images"], passed["rescale"]) == ("7", 2.0)
    assert (passed["pixel_size_um"], passed["out"]) == ((1.0, 0.5, 0.5), "results")
    words = "plan d --validation held/ --seed 3 --minutes 5 --memory-gb 8 --filters 8"
    passed = passed_to(monkeypatch, *words.split())
    assert (passed["validation"], passed["seed"], passed["minutes"]) == ("held/", 3, 5.0)
    assert (passed["network"], passed["trainer"]) == (cl.UNet(filters=8), None)


def passed_to(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """Return what a command passes to its verb, which is not run."""
    passed: dict[str, Any] = {}

    def events(self: object, **given: Any) -> Any:
        passed.update(given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        as_it_is = functools.wraps(data.as_data)(lambda x, **_: x)
        patch.setattr(data, "as_data", as_it_is)
        patch.setattr(Verb, "events", events)
        assert cli.main(list(words)) == commands.INTERRUPTED
    return passed


def test_a_new_verb_is_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of registration: it has help, options and an example, and prints its result."""

    @verb
    def greet(name: str, *, times: int = 2, progress: bool | str = "auto") -> Work[str]:
        """Greet somebody.

        Parameters
        ----------
        name : str
            Whom.
        times : int, default 2
            How often. At least once.
        progress : bool or "auto", default "auto"
            Show progress on standard error.
        """
        yield note("greeting")
        return " ".join([f"hello {name}"] * times)

    module = ModuleType("cytoloom.greeting")
    module.greet = greet  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cytoloom.greeting", module)
    monkeypatch.setitem(cl.VERBS, "greet", "greeting:greet")
    assert cli.main(["greet", "you", "--times", "1"]) == commands.OK
    assert capsys.readouterr() == ("hello you\n", "greeting\n")
    with pytest.raises(SystemExit):
        cli.main(["greet", "--help"])
    said = capsys.readouterr().out
    assert "--times TIMES  how often (default: 2)" in said
    assert "example:\n  cytoloom greet NAME" in said


def test_every_simple_field_of_a_component_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """All but the tables `knots` and `pooling`, with the words of their rules."""
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    fields = [f.name for c in (cl.Trainer, cl.UNet, cl.Normalize) for f in dataclasses.fields(c)]
    lacking = [name for name in fields if f" --{name.replace('_', '-')}" not in said]
    assert lacking == ["knots", "pooling"]
    assert "(a share from 0 to 1; default: 0.05)" in said


def test_the_help_of_training_names_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    """That of planning refers to it: the list is there once."""
    for command in ("train", "plan"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        words = said.rpartition("--task TASK")[2].partition(" --")[0]
        assert all(f'"{name}"' in words for name in (*NAMES, STACKS)) == (command == "train")
        assert "as for train" in words or command == "train"


def test_simulate_writes_pairs_and_repeats(folder: Path, tmp_path: Path) -> None:
    """The same seed writes the same pixels, under the same names in images/ and labels/."""
    names = sorted(p.name for p in (folder / "images").iterdir())
    assert len(names) == 6
    assert names == sorted(p.name for p in (folder / "labels").iterdir())
    cli.main(["simulate", str(tmp_path / "again"), "--images", "6", "--seed", "3"])
    for name in names:
        first = cl.images.read(folder / "images" / name).array
        np.testing.assert_array_equal(first, cl.images.read(tmp_path / "again/images" / name).array)


def test_check_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    """A good folder passes; one without a partner for its image fails and names the image."""
    assert run("check", folder).returncode == commands.OK
    bad = tmp_path / "bad"
    cli.main(["simulate", str(bad), "--images", "3"])
    lost = sorted((bad / "labels").iterdir())[0]
    lost.unlink()
    done = run("check", bad)
    assert done.returncode == commands.FAILED
    assert lost.stem in done.stdout + done.stderr


def test_reports_are_spelled_in_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack among images: what may be meant is an option of the command itself."""
    both = tmp_path / "axes='yx'"
    for name, kind in (("a", "nuclei"), ("b", "nuclei_3d")):
        cl.simulate.write(tmp_path / name, kind=kind, images=1)
        for part in ("images", "labels"):
            (both / part).mkdir(parents=True, exist_ok=True)
            for path in (tmp_path / name / part).iterdir():
                path.rename(both / part / path.name)
    assert cli.main(["check", str(both)]) == commands.FAILED
    assert "is read as such with --axes tyx" in capsys.readouterr().out


def test_train_is_silent_about_the_backend(model: Path) -> None:
    """`info` loads the network: standard error stays empty, the summary names the task."""
    done = run("info", model)
    assert done.returncode == commands.OK
    assert done.stderr == ""
    assert "nstances" in done.stdout
    assert "2 iterations of 1 patch," in done.stdout
    assert (model / "README.md").read_text().startswith(f"# {model.name}\n")


def test_train_refuses_to_overwrite(folder: Path, model: Path) -> None:
    """A finished model is not replaced by other settings unless asked for."""
    done = run("train", folder, "--iterations", 3, "--out", model, "--filters", 4, "--depth", 2)
    assert done.returncode == commands.FAILED
    assert "overwrite" in done.stderr


def test_evaluate_prints_scores_and_writes_tables(folder: Path, model: Path) -> None:
    """Training images are refused by default; allowed, there is one row per image."""
    refused = run("evaluate", model, folder)
    assert refused.returncode == commands.FAILED
    assert "allow" in refused.stderr
    out = folder.parent / "scores"
    done = run("evaluate", model, folder, "--allow-training-images", "--out", out, "--quiet")
    assert done.returncode == commands.OK, done.stderr
    assert "metric" in done.stdout
    assert list(out.glob("*.csv"))
    again = ("evaluate", model, folder, "--allow-training-images", "--out", out, "--quiet")
    assert "Pass --overwrite" in run(*again).stderr
    assert run(*again, "--overwrite").returncode == commands.OK


def test_predict_goes_on_past_a_broken_file(folder: Path, model: Path, tmp_path: Path) -> None:
    """One truncated file among good ones: the others are done, exit code 3 says so."""
    images = tmp_path / "images"
    images.mkdir()
    good = sorted((folder / "images").iterdir())[:2]
    for path in good:
        (images / path.name).write_bytes(path.read_bytes())
    (images / "broken.tif").write_bytes(good[0].read_bytes()[:100])
    out = tmp_path / "out"
    done = run("predict", model, images, "--out", out, "--overlay", "--quiet")
    assert done.returncode == commands.PARTIAL, done.stderr
    assert "broken" in done.stderr
    assert "1 of 3 images failed" in done.stderr
    assert done.stdout.startswith("2 images")
    whole = run("predict", model, *good, "--out", tmp_path / "whole")
    assert whole.returncode == commands.OK, whole.stderr


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor names the backend that runs, in both forms."""
    assert cli.main(["doctor"]) == commands.OK
    assert "backend" in capsys.readouterr().out
    assert cli.main(["doctor", "--json"]) == commands.OK
    found = json.loads(capsys.readouterr().out)
    assert found == {key: str(value) for key, value in found.items()}
    assert doctor.ready(found)


def test_doctor_without_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any backend the doctor says what to install, and is not ready."""

    def none() -> str:
        raise doctor.BackendError('Run: pip install "cytoloom[cpu]"')

    monkeypatch.delenv("CYTOLOOM_ENGINE")
    monkeypatch.setattr(doctor.backend, "running", lambda: True)
    monkeypatch.setattr(doctor.backend, "name", none)
    found = doctor.report()
    assert "pip install" in found["backend"]
    assert not doctor.ready(found)
