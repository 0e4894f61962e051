"""Look at images by several models: what the verb `rank` composes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..components.fits import is_path
from ..errors import InvalidError, invalid
from ..events import Work, note, said_of
from ..messages import counted, say
from ..models.identity import run_of
from ..models.inputs import image_model
from ..models.rescale import check_rescale
from .collect import images_of, items_for
from .consistency import Looked, looked_at
from .ranking import Ranking, ranked

if TYPE_CHECKING:
    from ..models.model import Model

MOST_IMAGES = 50


def rank_models(
    models: Any, images: Any, how: Mapping[str, Any], rescale: Any, seed: int
) -> Work[Ranking]:
    """Look at the same images by each model, and rank these; the parameters are those of `rank`.

    `how` images are read: its channels, slices, axes, pixel_size_um and pattern.
    """
    check_rescale(rescale)
    given = named_models(models)
    metric = _shared_metric(given)
    looked: dict[str, dict[str, Looked]] = {}
    groups: dict[str, str | None] = {}
    for k, (name, model) in enumerate(given.items()):
        items = yield from _of(name, items_for(model, images, **how))
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
    found = ranked(same, {image: groups[image] for image in usable}, metric)
    asked = {**how, "rescale": rescale, "seed": seed}
    return replace(found, run=_run(given, images, asked))


def _run(models: Mapping[str, Model], images: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what made a ranking, as that of a comparison."""
    each = {
        name: run_of("rank", model, images_of(model, images, asked), asked)
        for name, model in models.items()
    }
    run = next(iter(each.values()))
    rest = {name: value for name, value in run.items() if name != "model"}
    return {**rest, "models": {name: one["model"] for name, one in each.items()}}


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
    given = [image_model(one, "models") for one in _listed(models)]
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


def _of(name: str, work: Work[Any], k: int | None = None, models: int = 1) -> Work[Any]:
    """Do the work for a model; what happens, and what is wrong, is said of this one."""
    try:
        return (yield from said_of(name, work, k, models))
    except InvalidError as error:
        raise error.told(say("{} That is for {}.", error.args[0], name)) from None
