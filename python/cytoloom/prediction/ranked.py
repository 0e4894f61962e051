"""Look at images by several models: what the verb `rank` composes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..components.fits import is_path
from ..errors import InvalidError, invalid
from ..events import Event, Work, note
from ..messages import counted, say
from ..models.inputs import as_model
from ..models.rescale import check_rescale
from .collect import items_for
from .consistency import Looked, looked_at
from .ranking import Ranking, ranked

if TYPE_CHECKING:
    from ..images.channels import Channels
    from ..models.model import Model

MOST_IMAGES = 50


def rank_models(
    models: Any, images: Any, channels: Channels, slices: bool, rescale: Any, seed: int
) -> Work[Ranking]:
    """Look at the same images by each model, and rank these; the parameters are those of `rank`."""
    check_rescale(rescale)
    given = named_models(models)
    metric = _shared_metric(given)
    looked: dict[str, dict[str, Looked]] = {}
    groups: dict[str, str | None] = {}
    for k, (name, model) in enumerate(given.items()):
        items = yield from _of(name, items_for(model, images, channels, slices))
        chosen = _some(items)
        if k == 0 and len(chosen) < len(items):
            yield note(f"Of {counted(len(items), 'image')} {len(chosen)} are looked at.")
        groups = groups or {item.id: item.group for item in chosen}
        work = looked_at(model, chosen, metric, rescale, seed)
        looked[name] = yield from _of(name, work, k, len(given))
    usable = [image for image in groups if all(image in of for of in looked.values())]
    if not usable:
        expected, received = "images that all models can use", f"none of {len(groups)}"
        raise invalid("images", expected=expected, received=received)
    same = {name: {image: of[image] for image in usable} for name, of in looked.items()}
    return ranked(same, {image: groups[image] for image in usable}, metric)


def named_models(models: Any) -> dict[str, Model]:
    """Return models by names, of which no two are alike.

    Raises
    ------
    InvalidError
        None, one alone, or something else.
    """
    several = isinstance(models, (list, tuple, Mapping)) and len(models) > 1
    if not several:
        received = "one" if is_path(models) or hasattr(models, "task") else models
        raise invalid("models", expected="a list of two models or more", received=received)
    given = [as_model(one, "models") for one in _listed(models)]
    names = [str(name) for name in models] if isinstance(models, Mapping) else _names(given)
    return dict(zip(names, given, strict=True))


def _listed(models: Any) -> list[Any]:
    return list(models.values() if isinstance(models, Mapping) else models)


def _names(models: Sequence[Model]) -> list[str]:
    """Call models as their folders, numbered where two are called alike."""
    plain = [model.path.name if model.path is not None else "model" for model in models]
    return [f"{name} ({k + 1})" if plain.count(name) > 1 else name for k, name in enumerate(plain)]


def _shared_metric(models: Mapping[str, Model]) -> str:
    """Return the first of the main scores that all models have."""
    scores = [model.task.main_scores for model in models.values()]
    for metric in scores[0]:
        if all(metric in of for of in scores):
            return str(metric)
    said = "; ".join(f"{name}: {', '.join(of)}" for name, of in zip(models, scores, strict=True))
    raise invalid("models", expected="models with a main score that all have", received=said)


def _some(items: Sequence[Any]) -> list[Any]:
    """Return images spread over all, at most `MOST_IMAGES`."""
    count = min(len(items), MOST_IMAGES)
    return [items[k * len(items) // count] for k in range(count)]


def _of(name: str, work: Work[Any], k: int = 0, models: int = 0) -> Work[Any]:
    """Pass on what happens, said of a model; progress is that of all together."""
    with contextlib.closing(work):
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                return end.value
            except InvalidError as error:
                raise error.told(say("{} That is for {}.", error.args[0], name)) from None
            message = say("{}: {}", name, event.message) if event.message else ""
            done, total = event.done, event.total
            if models and total:
                done, total = k * total + done, models * total
            yield Event(event.kind, message, done, total, event.value)
