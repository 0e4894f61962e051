"""Which task the settings of deepflash2 ask for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from ..messages import Call, Either, Message, R, Setting, say

LOSSES = {
    "CrossEntropyDiceLoss": "ce_dice", "CrossEntropyLoss": "ce", "SoftCrossEntropyLoss": "ce",
    "Poly1CrossEntropyLoss": "ce", "DiceLoss": "dice", "JaccardLoss": "dice",
    "LovaszLoss": "dice", "FocalLoss": "focal", "TverskyLoss": "tversky",
}  # fmt: skip
EXACT = {"CrossEntropyDiceLoss", "CrossEntropyLoss", "DiceLoss", "FocalLoss", "TverskyLoss"}


class Settings(Protocol):
    """What a file of settings says; see `training.deepflash2.Settings`."""

    def flag(self, name: str, default: bool) -> bool:
        """Return whether something is so."""

    def text(self, name: str, default: str) -> str:
        """Return a word."""

    def number(self, name: str, default: float) -> float:
        """Return a number."""

    def whole(self, name: str, default: int, least: int = 0) -> int:
        """Return a whole number."""


def task_asked(given: Settings) -> tuple[Message, list[Message]]:
    """Spell the task as an argument of `train`, and what else is to be said of it.

    Parameters
    ----------
    given : Settings
        As deepflash2 wrote them.
    """
    loss = given.text("loss", "CrossEntropyDiceLoss")
    objects = given.flag("instance_labels", False)
    said: list[Message] = []
    if loss not in EXACT and not objects:
        said.append(say("{}", f"its loss is the nearest to {loss}"))
    if given.whole("min_pixel_export", 0) and not objects:
        least = Call("Instances", {"min_area_px": given.whole("min_pixel_export", 0)})
        said.append(say("small objects are dropped by {}", least))
    return _task(given), said


def _task(given: Settings) -> Message:
    """Name the task of these classes, with its loss where it is not the usual one."""
    if given.flag("instance_labels", False):
        least = given.whole("min_pixel_export", 0)
        return _component("Instances", "instances", {"min_area_px": least} if least else {})
    classes = given.whole("num_classes", 2, least=2)
    loss = _loss(given)
    chosen: dict[str, Any] = {} if loss == "ce_dice" else {"loss": loss}
    if classes == 2:
        return _component("Binary", "binary", chosen)
    names = ["background", *(f"class {k}" for k in range(1, classes))]
    word = f"classes:{','.join(names)}"
    return _component("Classes", word, {"names": names, **chosen} if chosen else {})


def _component(name: str, word: str, fields: Mapping[str, Any]) -> Message:
    """Spell a task by its word, or with its settings, which the command line has not."""
    plain = say("{}", Setting("task", word))
    if not fields:
        return plain
    call = say("{}", Setting("task", Call(name, fields)))
    option = f"--task {shlex.quote(word)} (settings of tasks are for Python and R)"
    return say("{}", Either(str(call), call.spelled(R), option))


def _loss(given: Settings) -> Any:
    """Return the name of a loss, or the loss with settings that are not its defaults."""
    name = LOSSES.get(given.text("loss", "CrossEntropyDiceLoss"), "ce_dice")
    if name == "tversky":
        pair = {n: given.number(f"loss_{n}", 0.5) for n in ("alpha", "beta")}
        return Call("Tversky", pair)
    gamma = given.number("loss_gamma", 2.0)
    return Call("Focal", {"gamma": gamma}) if name == "focal" and gamma != 2 else name
