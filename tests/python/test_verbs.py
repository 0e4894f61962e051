"""Verbs: declared once, called from Python, read by the command line and R."""

from __future__ import annotations

import importlib
import inspect
import math
import pickle
import pkgutil
import pydoc
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.errors import InvalidError
from cytoloom.events import Event, Verb, Work, drain, find_verb, note, verb

if TYPE_CHECKING:
    from cytoloom.models.model import Model

VERBS = {name: find_verb(address) for name, address in cl.VERBS.items()}


@verb
def count(upto: int, step: int = 1, *, progress: bool | str = "auto", hidden: int = 0) -> Work[int]:
    """Count.

    Parameters
    ----------
    upto, step : int
        Where to
        end.
    progress : bool or "auto", default "auto"
        Show it.

    Returns
    -------
    int
        The sum.
    """
    for k in range(0, upto, step):
        yield Event("progress", f"at {k}", k, upto)
    yield note(f"hidden {hidden}")
    return sum(range(0, upto, step))


def test_a_call_gives_the_result_and_shows_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    """0 + 1 + 2 are 3; without progress nothing but warnings is shown."""
    assert count(3) == 3
    assert capsys.readouterr().err == "at 0\nhidden 0\n"
    assert count(4, 2, progress=False) == 2
    assert capsys.readouterr().err == ""
    with pytest.raises(cl.InvalidError, match="progress"):
        count(3, progress="loud")


def test_events_end_with_the_result() -> None:
    """Faces drive the same work by its events, and may tell it more than a call may."""
    events = list(count.events(2, hidden=7))
    assert [event.kind for event in events] == ["progress", "progress", "note", "result"]
    assert (events[-2].message, events[-1].value) == ("hidden 7", 1)
    assert drain(count.events(2), False) == 1


def test_what_is_not_a_parameter_is_refused_before_work_begins() -> None:
    """As by a function, by name."""
    with pytest.raises(TypeError, match=r"count\(\) got an unexpected keyword argument 'step_'"):
        count.events(1, step_=2)  # type: ignore[call-arg]


def test_the_declaration_is_read_from_signature_and_docstring() -> None:
    """`hidden` follows `progress` and is therefore not public."""
    assert str(inspect.signature(count)) == (
        "(upto: 'int', step: 'int' = 1, *, progress: 'bool | str' = 'auto') -> 'int'"
    )
    assert count.summary == "Count."
    first = count.parameters()[0]
    assert (first.name, first.required, first.annotation) == ("upto", True, "int")
    assert [p.description for p in count.parameters()] == [
        "Where to end.",
        "Where to end.",
        "Show it.",
    ]


@pytest.mark.parametrize("name", VERBS)
def test_verbs_are_functions_to_whoever_looks(name: str) -> None:
    """`help`, `inspect` and pickle see a function of that name, module and signature."""
    found = VERBS[name]
    text = pydoc.plain(pydoc.render_doc(found))
    assert f"\n{found.__name__}(" in text
    assert found.summary in text
    assert inspect.isroutine(found)
    assert pickle.loads(pickle.dumps(found)) is found


@pytest.mark.parametrize("name", VERBS)
def test_every_parameter_of_a_verb_is_documented(name: str) -> None:
    """The faces take their help from there; the last one is `progress`."""
    parameters = VERBS[name].parameters()
    assert [p.name for p in parameters if not p.description] == []
    assert (parameters[-1].name, parameters[-1].default) == ("progress", "auto")


def test_every_verb_is_registered() -> None:
    """The table names each verb of the package, and nothing else."""
    names = (
        m.name for m in pkgutil.walk_packages(cl.__path__, "cytoloom.") if "__main__" not in m.name
    )
    declared = {
        f"{module}:{value.__name__}"
        for module in names
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, Verb) and value.__module__ == module
    }
    assert declared == {f"cytoloom.{address}" for address in cl.VERBS.values()}
    assert all(isinstance(found, Verb) for found in VERBS.values())


def test_declarations_are_light() -> None:
    """The command line lists its commands from them, so they load no NumPy and no backend."""
    code = (
        "import sys, cytoloom\n"
        "from cytoloom.events import find_verb\n"
        "for address in cytoloom.VERBS.values(): find_verb(address).parameters()\n"
        "print(sorted({'numpy', 'pandas', 'scipy', 'keras'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_info_is_what_a_model_says_of_itself(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The same lines as its summary, from a model or its folder."""
    import small

    model = small.train(trainer=small.trainer(iterations=1), out=tmp_path / "m")
    found = cl.info(model)
    assert str(found) == model.summary() == str(cl.info(tmp_path / "m"))
    assert found.summary["dimensions"] == "2-D"


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_flag_is_true_or_false(value, tmp_path) -> None:
    """Before any work: "False" in quotes would count as true."""
    with pytest.raises(cl.InvalidError, match=r"overwrite.*True or False"):
        cl.train("nowhere", out=tmp_path / "m", overwrite=value)


SPAN = np.timedelta64(3, "s")  # to NumPy an integer


def test_arguments_are_of_the_types_that_are_declared() -> None:
    """Checked before work begins, told by name and in words; as good as the type is the type."""

    @verb
    def take(
        path: str | Path,
        *,
        times: int = 1,
        share: float | None = None,
        channels: Sequence[int | str] | None = None,
        size: tuple[int, int] = (1, 1),
        kind: Literal["a", "b"] = "a",
        model: Model | None = None,
        progress: bool | str = "auto",
    ) -> Work[Any]:
        """Take anything."""
        yield note("taking")
        return path, times, share, channels, size

    taken = take("a", times=3.0, channels="gfp", size=[2, 3], progress=False)
    assert taken == ("a", 3, None, ("gfp",), (2, 3))
    assert type(taken[1]) is int
    refused = {
        "Invalid `path`. Expected a path. Received: 'a\\x00'.": {"path": "a\0"},
        "Invalid `path`. Expected a path. Received: 7.": {"path": 7},
        "Invalid `times`. Expected a whole number. Received: 1.5.": {"times": 1.5},
        "Invalid `times`. Expected a whole number. Received: True.": {"times": True},
        "Invalid `times`. Expected a whole number. Received: an int.": {"times": 10**5000},
        "Invalid `times`. Expected a whole number. Received: np.timedelta64(3,'s').": {
            "times": SPAN
        },
        "Invalid `share`. Expected a finite number or None. Received: nan.": {"share": math.nan},
        "Invalid `share`. Expected a finite number or None. Received: 'a'.": {"share": "a"},
        "Invalid `size`. Expected 2 whole numbers. Received: (1, 2, 3).": {"size": (1, 2, 3)},
        "Invalid `model`. Expected a model or None. Received: {}.": {"model": {}},
        'Invalid `kind`. Expected "a", "b". Received: \'c\'.': {"kind": "c"},
    }
    for words, arguments in refused.items():
        with pytest.raises(InvalidError) as told:
            take.events(**({"path": "a"} | arguments))
        assert str(told.value) == words
