"""The functions and streams that R may run by name, composed of the public verbs.

Arguments arrive unpacked (see `r_values`): numbers are floats, a vector of one element is a
scalar, arrays are NumPy's, tables pandas', components built. Results are packed by `r_bridge`.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..events import Event
from ..messages import in_r

if TYPE_CHECKING:
    from ..datasets.data import Data
    from ..datasets.items import Item
    from ..models.model import Model
    from ..prediction.predictions import Predictions
    from ..training.recipe import Plan


Plain = dict[str, Any]
# Events, and what to tell R of their result
Work = tuple[Iterator[Event], Callable[[Any], Any]]
MODELS_KEPT = 3
_models: OrderedDict[tuple[str, str], Model] = OrderedDict()


def _listed(value: Any) -> list[Any]:
    """List a vector: one element arrives from R as a scalar, NULL as None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _whole(value: Any, name: str) -> Any:
    from ..components import coerce

    return None if value is None else coerce(value, int, name)


def _channels(value: Any) -> Any:
    """Return channels by index, which R sends as whole floats, or by name."""
    if value is None:
        return None
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in _listed(value)]


def _model(path: str) -> Model:
    """Load a model, or take it from the few kept in memory while its files are the same."""
    from ..models.model import NETWORK_FILE, load

    folder = Path(path)
    files = [folder / "model.json", folder / NETWORK_FILE]
    state = repr([(s.st_mtime_ns, s.st_size) for s in (f.stat() for f in files if f.exists())])
    key = (os.path.abspath(path), state)
    if key not in _models:
        _models[key] = load(folder)
        while len(_models) > MODELS_KEPT:
            _models.popitem(last=False)
    _models.move_to_end(key)
    return _models[key]


def _told(model: Model) -> Plain:
    """All that R keeps of a model: where it is and what it says of itself."""
    from ..models.card import facts

    path = "" if model.path is None else os.path.abspath(model.path)
    told = {name: in_r(words) for name, words in facts(model).items()}
    return {"path": path, "facts": told, "info": model.to_json()}


def _source(value: Any) -> Any:
    """Return what `as_data` and `as_images` take: paths, a table, or arrays by name."""
    if not isinstance(value, dict) or "images" not in value:
        return value
    from ..datasets.ids import make_ids

    names = _listed(value.get("names"))
    if "labels" in value:
        return value if names else {k: value[k] for k in ("images", "labels")}
    images = value["images"]
    return dict(zip(make_ids(images, names), images, strict=True)) if names else images


def _options(value: Any) -> Plain:
    """Return R's packed `cl_data` with its source as Python takes it."""
    given = value if isinstance(value, dict) and "source" in value else {"source": value}
    size = _listed(given.get("pixel_size_um"))
    if not all(isinstance(s, (int, float)) and s > 0 for s in size):
        raise invalid("pixel_size_um", expected="sizes above 0", received=size)
    return {
        "source": _source(given["source"]),
        "channels": _channels(given.get("channels")),
        "unknown": _whole(given.get("unknown"), "unknown"),
        "axes": given.get("axes"),
        "pixel_size_um": (tuple(size) if len(size) > 1 else float(size[0])) if size else None,
        "group": [str(g) for g in _listed(given.get("group"))],
    }


def _data(value: Any) -> Data:
    """Build Data from R's packed `cl_data`, or from what it wraps."""
    from ..datasets.data import as_data

    options = _options(value)
    groups, source = options.pop("group"), options.pop("source")
    data = as_data(source, **options)
    if not groups:
        return data
    if len(groups) != len(data.items):
        expected = f"one per image, {len(data.items)}"
        raise invalid("group", expected=expected, received=f"{len(groups)}")
    pairs = zip(data.items, groups, strict=True)
    return dataclasses.replace(
        data, items=tuple(dataclasses.replace(item, group=group) for item, group in pairs)
    )


def _images(value: Any, channels: Any = None, taken: tuple[int, int] | None = None) -> list[Item]:
    """Build what `predict` takes from R's packed images."""
    options = _options(value)
    if channels is not None:
        options["channels"] = _channels(channels)
    return _items(options, None if options["channels"] else taken)


def _items(options: Plain, taken: tuple[int, int] | None = None) -> list[Item]:
    from ..datasets.unlabelled import as_images

    given = {name: options[name] for name in ("channels", "axes")}
    items = as_images(options["source"], **given, taken=taken)
    size = options["pixel_size_um"]
    if size is None:
        return items
    sizes = [size if isinstance(size, tuple) else (size,) * (len(i.image.shape) - 1) for i in items]
    return [dataclasses.replace(i, spacing_um=s) for i, s in zip(items, sizes, strict=True)]


def _train(
    data: Any, validation: Any = 0.2, seed: float = 0, start: str | None = None, **rest: Any
) -> Work:
    from ..training.train import train_events

    whole = _whole(seed, "seed")
    held_out = validation if isinstance(validation, (int, float)) else _data(validation)
    return train_events(_data(data), validation=held_out, seed=whole, start=start, **rest), _told


def _plan(data: Any, validation: Any = 0.2, seed: float = 0, **rest: Any) -> Work:
    from ..training.plan import plan_events

    whole = _whole(seed, "seed")
    held_out = validation if isinstance(validation, (int, float)) else _data(validation)
    return plan_events(_data(data), validation=held_out, seed=whole, **rest), _planned


def _planned(plan: Plan) -> Plain:
    from ..components import to_plain

    chosen = {name: to_plain(getattr(plan, name)) for name in ("network", "trainer", "normalize")}
    return {**chosen, "table": plan.table, "text": in_r(str(plan))}


def _evaluate(model: str, data: Any, **rest: Any) -> Work:
    from ..evaluation.evaluate import evaluate_events

    return evaluate_events(_model(model), _data(data), **rest), lambda scores: {
        name: getattr(scores, name) for name in ("summary", "per_image", "per_object")
    }


def _predict(model: str, images: Any, channels: Any = None, **rest: Any) -> Work:
    from ..prediction.predict import predict_events

    used = _model(model)
    taken = None if rest.get("slices") else (used.ndim, used.channels)
    events = predict_events(used, _images(images, channels, taken), **rest)
    return events, _found


def _found(found: Predictions) -> Plain:
    files = found.files.assign(status=found.files["status"].map(in_r))
    return {"files": files, "objects": found.objects}


def _check(data: Any, task: Any = None) -> Plain:
    from ..datasets.checks import check

    found = check(_data(data), task)
    return {"ok": bool(found.ok), "text": in_r(str(found)), "table": found.table}


def _load(path: str) -> Plain:
    return _told(_model(path))


def _save(path: str, to: str, overwrite: bool = False) -> str:
    from ..models.model import load

    # A fresh model: saving moves its path, which must not happen to the one kept in memory
    model = load(path)
    return os.path.abspath(model.save(to, overwrite=overwrite))


def _history(path: str) -> Any:
    return _model(path).history


def _probabilities(model: str, images: Any, channels: Any = None) -> Plain:
    from ..models.inputs import fitting_source

    used = _model(model)
    items = _images(images, channels, (used.ndim, used.channels))
    maps = {i.id: used.predict_proba(fitting_source(used, i).read()) for i in items}
    return {"maps": maps, "classes": list(used.task.label_names)}


def _read(path: str, channels: Any = None, labels: bool = False, scene: str | None = None) -> Plain:
    from ..images import files

    if labels:
        return {"array": files.read_labels(path), "facts": {}}
    image = files.read(path, channels=_channels(channels), scene=scene)
    facts = {
        "axes": image.axes,
        "pixel_size_um": image.pixel_size_um,
        "channel_names": image.channel_names,
    }
    return {"array": image.array, "facts": facts}


def _write_labels(path: str, labels: Any, pixel_size_um: Any = None) -> str:
    from ..images.files import write_labels

    size = _listed(pixel_size_um)
    return str(write_labels(path, labels, tuple(float(s) for s in size) or None))


def _metric(name: str, truth: Any, found: Any, unknown: float | None = None, **rest: Any) -> Any:
    from .. import metrics

    return getattr(metrics, name)(truth, found, unknown=_whole(unknown, "unknown"), **rest)


def _match(truth: Any, found: Any, iou: float = 0.5, unknown: float | None = None) -> Plain:
    import pandas as pd

    from ..metrics import match

    found = match(truth, found, iou=iou, unknown=_whole(unknown, "unknown"))
    table = pd.DataFrame(found.objects(), columns=["truth", "found", "iou", "matched"])
    scores = ("tp", "fp", "fn", "precision", "recall", "f1", "average_precision")
    scores = (*scores, "panoptic_quality")
    return {**{name: getattr(found, name) for name in scores}, "objects": table}


def _simulate(kind: str, arguments: Any = None) -> Plain:
    from .. import simulate

    if kind not in ("nuclei", "cells", "nuclei_3d"):
        raise invalid("kind", expected="nuclei, cells or nuclei_3d", received=kind)
    given = {k: _sizes(v) for k, v in (arguments or {}).items()}
    make = getattr(simulate, kind)
    known = list(inspect.signature(make).parameters)
    for name in given:
        if name not in known:
            raise invalid("...", expected=f"settings of {kind}: {', '.join(known)}", received=name)
    image, labels = make(**given)
    return {"image": image, "labels": labels}


def _sizes(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_sizes(v) for v in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _simulate_folder(folder: str, kind: str, images: float, seed: float) -> str:
    from .. import simulate

    n, whole = _whole(images, "images"), _whole(seed, "seed")
    simulate.write(folder, kind=kind, images=n, seed=whole)
    return os.path.abspath(folder)


def _image(images: Any, name: str) -> Any:
    """Pixels of one of the images that were given to `predict` or `evaluate`, for a picture."""
    items = _images(images)
    for item in items:
        if item.id == name:
            return item.image.read()
    raise invalid("name", expected=f"one of {[i.id for i in items]}", received=name)


def _scored(model: str, data: Any, names: Any) -> list[Plain]:
    """Image, truth and labels found of some scored images, for a picture."""
    from ..datasets.items import read_labels

    used, given = _model(model), _data(data)
    wanted = {item.id: item for item in given.items if item.id in _listed(names)}
    found = []
    for name in _listed(names):
        item = wanted[name]
        labels, _ = read_labels(item, given.unknown)
        image = item.image.read()
        found.append({"image": image, "truth": labels, "found": used.predict(image)})
    return found


def _echo(value: Any) -> Any:
    """Return what came, so that R can test the whole way there and back."""
    return value


def _plain(value: Any) -> Any:
    """Tell what a component that R built holds."""
    from ..components import to_plain

    return to_plain(value)


def _component_fields(name: str) -> Plain:
    """List the fields of a component with their defaults, to compare with R's formals."""
    from .values import TAG, unpack

    fields: Plain = _plain(unpack({TAG: "component", "name": name}))
    return {field: value for field, value in fields.items() if field != "name"}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "check": _check,
    "load": _load,
    "save": _save,
    "history": _history,
    "probabilities": _probabilities,
    "read": _read,
    "write_labels": _write_labels,
    "metric": _metric,
    "match": _match,
    "simulate": _simulate,
    "simulate_folder": _simulate_folder,
    "image": _image,
    "scored": _scored,
    "component_fields": _component_fields,
    "echo": _echo,
    "plain": _plain,
}
STREAMS: dict[str, Callable[..., Work]] = {
    "train": _train,
    "plan": _plan,
    "evaluate": _evaluate,
    "predict": _predict,
}
