"""Rules of components: declared beside the fields, checked where a component is made."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.components import component
from cytoloom.components.rules import Between, Rule, at_least, count, rising, ruled, rules_of, share
from cytoloom.messages import LOSSES, R, spelled


@component
@dataclass(frozen=True)
class Tinted:
    """A component without anything else to do when it is made."""

    strength: float = share(0.5)
    times: int | None = count(None)
    least: float = at_least(1, 2.0)
    ends: tuple[float, float] = rising((1.0, 2.0), "two numbers in order")
    kind: Literal["warm", "cold"] = "warm"
    where: Literal["all"] | None = None
    table: tuple[tuple[float, float], ...] | None = ruled(None, Rule("rows of two", columns=2))

    between: ClassVar = (Between(("times", "table"), "one_of", "one of times, table"),)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("strength", 1.5, "a share from 0 to 1. Received: 1.5."),
        ("strength", "0.5", "a share from 0 to 1. Received: '0.5'."),
        ("strength", True, "a share from 0 to 1. Received: True."),
        ("times", 0, "a whole number, 1 or more. Received: 0."),
        ("times", 2.5, "a whole number, 1 or more. Received: 2.5."),
        ("least", None, "a finite number, 1 or more. Received: None."),
        ("least", float("nan"), "a finite number, 1 or more. Received: nan."),
        ("ends", (2, 1), "two numbers in order. Received: (2, 1)."),
        ("ends", 1.0, "two numbers in order. Received: 1.0."),
        ("kind", "hot", 'one of "warm", "cold". Received: \'hot\'.'),
        ("where", "two", "\"all\". Received: 'two'."),
        ("table", ((1, 2), (3,)), "rows of two. Received: ((1, 2), (3,))."),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(field: str, value: Any, words: str) -> None:
    """By the name of the field, with the words of the rule and what came, `replace` included."""
    for make in (Tinted, lambda **given: replace(Tinted(), **given)):
        with pytest.raises(cl.InvalidError) as refused:
            make(**{field: value})
        assert str(refused.value) == f"Invalid `{field}`. Expected {words}"


def test_a_rule_between_fields_is_checked_too() -> None:
    """One of the two at most."""
    with pytest.raises(cl.InvalidError, match=r"`tinted`. Expected one of times, table"):
        Tinted(times=1, table=((1.0, 2.0),))
    assert Tinted(times=1).times == 1


def test_whole_floats_become_ints() -> None:
    """As R sends them."""
    made = cl.UNet(filters=8.0)  # type: ignore[arg-type]
    assert isinstance(made.filters, int)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cl.Trainer(augment="foo"), '`augment`. Expected an Augment, None, "none"'),
        (lambda: cl.Trainer(augment=3), "`augment`"),  # type: ignore[arg-type]
        (lambda: cl.Trainer(knots=3), "rows of three numbers"),  # type: ignore[arg-type]
        (lambda: cl.Trainer(minutes=1, epochs=2), "one of minutes, iterations, epochs"),
        (lambda: cl.Normalize(low=99, high=1), "low < high <= 100. Received: low=99, high=1."),
        (lambda: cl.Normalize(high=101), "low < high <= 100"),
        (lambda: cl.Normalize(range=(5, 5)), '"dtype". Received: (5, 5).'),
        (lambda: cl.Normalize(range=(0, 1, 2)), '"dtype". Received: (0, 1, 2).'),  # type: ignore[arg-type]
        (lambda: cl.Normalize(range="type"), "\"dtype\". Received: 'type'."),  # type: ignore[arg-type]
        (lambda: cl.Normalize(range=(0, 1), floor=(3.0,)), "one of floor, range"),
        (lambda: cl.UNet(filters=np.timedelta64(3, "s")), "`filters`"),  # type: ignore[arg-type]
        (lambda: cl.Normalize(floor=-1), "`floor`. Expected a finite number, 0 or more"),  # type: ignore[arg-type]
        (lambda: cl.UNet(stem_stride=(2, 2, 2)), "`stem_stride`. Expected a whole number, 1 or"),
        (lambda: cl.UNet(stem_stride=0), "`stem_stride`"),
        (lambda: cl.UNet(pooling=((2, 2),)), "`pooling`. Expected whole numbers, 1 or more: for"),
        (lambda: cl.UNet(depth=1, pooling=((0, 2),)), "`pooling`"),
        (lambda: cl.tasks.Classes(("a",)), "`names`. Expected 2 to 255 different names. Received"),
        (lambda: cl.tasks.Classes(("a", "a")), "`names`"),
        (lambda: cl.tasks.Classes(class_weights=(1, 2, 3)), "as many weights as there are names"),
        (
            lambda: cl.tasks.Classes(class_weights=(1, -1)),
            "numbers of 0 or more. Received: (1, -1)",
        ),
        (lambda: cl.tasks.Binary(loss=None), "`loss`. Expected a Loss, or one of"),  # type: ignore[arg-type]
        (lambda: cl.tasks.Instances(distance_loss="x"), "`distance_loss`. Expected a Loss, or one"),
        (lambda: cl.losses.Dice(class_weights=(0, 0)), "one of them positive. Received: (0, 0)."),
        (lambda: cl.UNet(depth=9), "`depth`. Expected a whole number, 1 to 8. Received: 9."),
    ],
)
def test_rules_of_the_components(make: Any, words: str) -> None:
    """Also those between fields."""
    with pytest.raises(cl.InvalidError) as refused:
        make()
    assert words in str(refused.value)


def test_what_holds_is_accepted() -> None:
    """Presets, components, None and tables of the right shape."""
    assert cl.Trainer(augment=cl.Augment(), knots=((1, 0.0, 2),)).augment == cl.Augment()
    assert cl.Normalize(floor=[3, 4]).floor == (3, 4)  # type: ignore[arg-type]
    assert cl.UNet(depth=1, stem_stride=[1, 2], pooling=[[2, 2]]).pooling == ((2, 2),)  # type: ignore[arg-type]
    assert cl.tasks.Binary(loss=cl.losses.Dice()).loss == cl.losses.Dice()
    assert cl.Trainer(augment=None, patch_px=64).patch_px == (64,)  # type: ignore[arg-type]


def test_numbers_have_rules() -> None:
    """Of all number fields of the usual components."""
    without = {
        f"{cls.__name__}.{field.name}"
        for cls in (cl.Trainer, cl.UNet, cl.Augment, *cl.tasks.NAMES.values())
        for field in fields(cls)
        if {"int", "float"} & set(str(field.type).replace("|", " ").split())
        and field.name not in {one.name for one, _ in rules_of(cls)}
    }
    assert not without


def test_components_are_called_in_R_as_they_are_made_there() -> None:
    """Losses by one function, which is told their names."""
    assert {cls.__name__: name for name, cls in cl.losses.NAMES.items()} == LOSSES
    with pytest.raises(cl.InvalidError) as refused:
        cl.plan("nowhere", network=cl.losses.Tversky(alpha=0.2), progress=False)  # type: ignore[arg-type]
    assert spelled(str(refused.value), R).endswith(
        'Expected a cl_unet() or NULL. Received: cl_loss("tversky", alpha = 0.2).'
    )
