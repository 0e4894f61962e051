"""Grids: all combinations of parts, with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cytoloom as cl
import stores
from cytoloom.runs.grids import given_runs, read_grid


def test_a_grid_has_every_combination() -> None:
    """2 data x 2 networks x 2 tasks x 1 trainer x 3 seeds are 24 runs of 24 names."""
    runs = cl.grid(
        ["data/a", "data/b"],
        {"small": stores.SMALL, "large": stores.LARGE},
        ["instances", "binary"],
        repetitions=3,
        seed=5,
    )
    assert len({run.name for run in runs}) == len(runs) == 24
    assert runs[0].name == "a.small.instances.trainer.seed5"
    assert {run.seed for run in runs} == {5, 6, 7}
    pairs = {(run.parts["network"], run.network) for run in runs}
    assert pairs == {("small", stores.SMALL), ("large", stores.LARGE)}


def test_parts_without_names_are_named_by_what_they_are() -> None:
    runs = cl.grid("d", trainer=[cl.Trainer(minutes=2), cl.Trainer(iterations=9, optimizer="sgd")])
    assert [run.parts["trainer"] for run in runs] == [
        "trainer-minutes2", "trainer-iterations9-optimizersgd",
    ]  # fmt: skip
    same = cl.grid("d", [stores.SMALL, stores.SMALL])
    assert len(same) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": []}, "Invalid `data`. Expected one or more"),
        ({"data": {}}, "Invalid `data`. Expected one or more"),
        ({"data": 3}, "Invalid `data`. Expected a DataSplit. Received: 3"),
        ({"data": "d", "network": cl.Trainer()}, "Invalid `network`. Expected a Network"),
        ({"data": "d", "trainer": "quick"}, "Invalid `trainer`. Expected a Trainer"),
        ({"data": "d", "task": "nuclei"}, "Invalid `task`"),
        ({"data": {"a/b": "d"}}, "Invalid `data`. Expected a name of letters"),
        ({"data": "d", "repetitions": 0}, "Invalid `repetitions`. Expected 1 or more"),
        ({"data": "d", "seed": -1}, "Invalid `seed`"),
        ({"data": "d", "members": 0}, "Invalid `members`. Expected 1 or more. Received: 0."),
        ({"data": "d", "members": -1}, "Invalid `members`"),
        ({"data": "d", "folds": 3}, "Invalid `folds`"),
    ],
)
def test_what_is_no_part_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(cl.InvalidError, match=said):
        cl.grid(**given)


GRID = """
data:
  nuclei: {train: data/train, test: data/test}
network:
  small: {filters: 8, depth: 2}
  large: {filters: 16}
task: binary
trainer: [quick]
repetitions: 2
"""


def test_a_file_says_the_same_as_a_call(tmp_path: Path) -> None:
    """Settings by name, a task by its word, a trainer by its name in the store."""
    quick = cl.Trainer(minutes=1)
    (tmp_path / "grid.yaml").write_text(GRID)
    found = read_grid(tmp_path / "grid.yaml", lambda kind, name: {"quick": quick}.get(name))
    assert found == cl.grid(
        {"nuclei": cl.DataSplit("data/train", test="data/test")},
        {"small": stores.SMALL, "large": stores.LARGE},
        "binary",
        {"quick": quick},
        repetitions=2,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network: {}", "Received: no data"),
        ("data: d\nnetworks: {}", "Received: networks"),
        (
            "data: d\nnetwork: {small: 3}",
            "grid.yaml, network small`. Expected settings of a network. Received: 3.",
        ),
        ("data: d\nnetwork: small", "the name of a network in the store. Received: small"),
        ("data: d\ntrainer: {quick: {minute: 1}}", "Received: .*minute"),
        ("data: {d: {validation: 0.2}}", "yaml, data d, DataSplit`. Expected a value of `train`"),
        ("data: d\nrepetitions: many", "grid.yaml, repetitions`. Expected a whole number"),
        ("data: d\nseed: x", "grid.yaml, seed`. Expected a whole number"),
        ("data: d\nmembers: 0", "grid.yaml, members`. Expected 1 or more. Received: 0"),
        ("data: d\nmembers: 3\nfolds: 2", "grid.yaml, folds`. Expected no fewer than members"),
        ("data: d\ntask: instance", "grid.yaml, task`. Expected a task"),
        ("data: d\nnetwork: {../evil: {}}", "grid.yaml, network`. Expected a name of letters"),
        ("data: d\nnetwork: {null: {}}", "network`. Expected a name that is text. Received: None"),
        (
            "data: d\nnetwork: {small: {filtres: 4}}",
            'Invalid `[^`]*grid.yaml, network small, UNet`. Expected one of "convs", .*: filtres.',
        ),
        (
            "data: d\nnetwork: {small: {filters: -4}}",
            "grid.yaml, network small, filters`. Expected a whole number, 1 or more. Received: -4.",
        ),
        ("", "grid.yaml`. Expected settings as YAML. Received: nothing."),
    ],
)
def test_a_file_with_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(cl.InvalidError, match=said):
        read_grid(tmp_path / "grid.yaml", lambda kind, name: None)


def test_arguments_by_name_are_a_grid() -> None:
    """As R sends them, whose numbers are floats."""
    found = given_runs({"data": "d", "network": None, "repetitions": 2.0, "seed": 1.0}, dict)
    assert [run.seed for run in found] == [1, 2]
    with pytest.raises(cl.InvalidError, match="Received: no data"):
        given_runs({"network": None}, dict)
