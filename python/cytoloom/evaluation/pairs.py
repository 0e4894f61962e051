"""Score two models on the same images, by the same truth: what the verb `compare` composes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..datasets.data import Data, given_data
from ..errors import InvalidError, invalid
from ..events import Work, note, said_of
from ..messages import Argument, say
from ..models.identity import model_sha256
from ..models.inputs import image_model
from ..models.rescale import check_rescale
from ..prediction.blockwise.looked_through import InBlocks
from .by_blocks import check_in_blocks, refuse_without_blocks, room_for
from .comparison import Comparison, comparison
from .scores import Scores
from .scoring import by_first, checked, images_seen, scored

if TYPE_CHECKING:
    from ..models.model import Model

SIDES = "a", "b"


def compared(
    model_a: Any, model_b: Any, data: Any, asked: Mapping[str, Any], how: InBlocks
) -> Work[Comparison]:
    """Check the images for both models, score these and take one from the other.

    Parameters
    ----------
    model_a, model_b, data
        As `compare` takes them.
    asked : dict
        ``"rescale"`` and ``"allow_training_images"``.
    how : InBlocks
        How large images are worked on.
    """
    check_rescale(asked["rescale"])
    check_in_blocks(how)
    if data is None:
        raise invalid("data", expected="images with labels", received=None)
    models = image_model(model_a, "model_a"), image_model(model_b, "model_b")
    _refuse_the_same(models)
    known = _with_unknown(given_data(data), models)
    fitting = []
    for side, model in zip(SIDES, models, strict=True):
        fitting.append((yield from said_of(side, _checked(side, model, known))))
        refuse_without_blocks(how, fitting[-1].items, model.ndim)
    first = all(map(by_first, models))
    seen: dict[str, str] = {}
    if not asked["allow_training_images"]:
        for side, model in zip(SIDES, models, strict=True):
            seen |= images_seen(model, f" of model_{side}")
    each: list[Scores] = []
    for k, (side, model) in enumerate(zip(SIDES, models, strict=True)):
        with room_for(None) as room:
            work = scored(model, fitting[k], seen, asked, first, room, how)
            each.append((yield from said_of(side, work, k, len(models))))
    names = tuple("" if model.path is None else model.path.name for model in models)
    groups = [item.group for item in known.items]
    found, without = comparison(each, [m.task for m in models], groups, (names[0], names[1]))
    for text in without:
        yield note(text)
    return replace(found, run=_run(each))


def _refuse_the_same(models: tuple[Model, Model]) -> None:
    """Raise where a model would be compared with itself, or with a copy: nothing would differ."""
    a, b = models
    if a is b or model_sha256(a) == model_sha256(b):
        name = "" if b.path is None else f", {b.path}"
        raise invalid(
            "model_b",
            expected=say("another model than {}", Argument("model_a")),
            received=f"the same{name}",
            remedy="Whatever the images, no score of theirs would differ.",
        )


def _with_unknown(data: Data, models: Sequence[Model]) -> Data:
    """Let the value that counted nowhere in one training count nowhere for both models."""
    values = [model.info["training"].get("unknown") for model in models]
    value = next((one for one in values if one is not None), None)
    return data if value is None or data.unknown is not None else data.with_unknown(value)


def _checked(side: str, model: Model, data: Data) -> Work[Data]:
    """Check the images for one model; what does not fit is said of this one."""
    try:
        return (yield from checked(model, data))
    except InvalidError as error:
        whose = say("That is for {}.", Argument(f"model_{side}"))
        raise error.told(say("{} {}", error.args[0], whose)) from None


def _run(scores: Sequence[Scores]) -> dict[str, Any]:
    """Return what made a comparison, from what made the scores."""
    models = {side: one.run["model"] for side, one in zip(SIDES, scores, strict=True)}
    rest = {name: value for name, value in scores[0].run.items() if name != "model"}
    return {**rest, "verb": "compare", "models": models}
