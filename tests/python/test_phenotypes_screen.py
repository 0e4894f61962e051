"""Simulated screens: what is said to be done is done, to so many cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cytoloom as cl

SMALL: dict[str, Any] = {"controls": 4, "count": 12, "shape": (160, 160)}


def light(made: cl.simulate.Screen, name: str, channel: int) -> dict[int, float]:
    """Return the mean light of each nucleus."""
    labels, image = made.labels[name], made.images[name][..., channel].astype(float)
    return {int(k): float(image[labels == k].mean()) for k in np.unique(labels[labels > 0])}


def names_of(made: cl.simulate.Screen, treatment: str) -> list[str]:
    own = made.plate[made.plate["treatment"] == treatment]
    return [f"{plate}_{well}" for plate, well in zip(own["plate"], own["well"], strict=True)]


def test_a_condensed_nucleus_is_small_and_bright() -> None:
    made = cl.simulate.screen({"drug": ("condensed", 1.0, 0.5, 4)}, **SMALL)
    areas: dict[bool, list[int]] = {True: [], False: []}
    dna: dict[bool, list[float]] = {True: [], False: []}
    for name in names_of(made, "drug"):
        for number, value in light(made, name, 0).items():
            shown = number in made.affected[name]
            areas[shown].append(int((made.labels[name] == number).sum()))
            dna[shown].append(value)
    assert len(areas[True]) > 5 < len(areas[False])
    assert np.mean(areas[True]) < 0.6 * np.mean(areas[False])
    assert np.mean(dna[True]) > 1.2 * np.mean(dna[False])


def test_the_reporter_goes_into_the_nucleus_by_its_strength() -> None:
    effects = {"weak": ("translocated", 0.3, 1.0, 2), "strong": ("translocated", 1.0, 1.0, 2)}
    made = cl.simulate.screen(effects, **SMALL)
    mean = {
        treatment: np.mean(
            [v for n in names_of(made, treatment) for v in light(made, n, 1).values()]
        )
        for treatment in ("DMSO", "weak", "strong")
    }
    assert mean["DMSO"] < mean["weak"] < mean["strong"]


def test_so_many_cells_are_affected_and_none_of_controls() -> None:
    made = cl.simulate.screen({"drug": ("granular", 1.0, 0.2, 8)}, controls=8, count=20, seed=3)
    cells = sum(len(np.unique(made.labels[n])) - 1 for n in names_of(made, "drug"))
    shown = sum(len(made.affected[n]) for n in names_of(made, "drug"))
    assert 0.1 < shown / cells < 0.3
    assert not any(made.affected[name] for name in names_of(made, "DMSO"))


def test_the_same_seed_gives_the_same_screen_and_plates_differ() -> None:
    one, same, other = (cl.simulate.screen(plates=2, seed=s, **SMALL) for s in (1, 1, 2))
    assert one.plate.equals(same.plate)
    assert all((one.images[n] == same.images[n]).all() for n in one.images)
    assert not one.plate["treatment"].equals(other.plate["treatment"])
    first, second = (one.plate[one.plate["plate"] == p]["treatment"].tolist() for p in ("p1", "p2"))
    assert sorted(first) == sorted(second)
    assert first != second


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (("gone",), "phenotype .*none.*condensed"),
        (("none", 2.0), "0 to 1"),
        (("none", 1.0, 1.0, 200), "at most 96 wells"),
        (3, "phenotype"),
    ],
)
def test_what_cannot_be_meant_is_refused(effect: Any, words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.simulate.screen({"drug": effect})
