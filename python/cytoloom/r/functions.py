"""What R may run by name: the verbs, and small functions that R's methods are made of.

Arguments arrive unpacked (see `values`): numbers are floats, a vector of one element is a
scalar, arrays are NumPy's, tables pandas', components built. Results are packed by `bridge`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import VERBS
from ..components import coerce, is_component, to_plain
from ..errors import GuessWarning, InvalidError, invalid
from ..events import Event, Parameter, find_verb
from ..messages import one_of, say
from . import tracked

if TYPE_CHECKING:
    from ..datasets.data import Data
    from ..models.model import Model


Plain = dict[str, Any]
MODELS_KEPT = 3
_models: OrderedDict[tuple[str, str], Model] = OrderedDict()


def begin(name: str, arguments: Plain) -> Generator[Event, Any, None]:
    """Begin the work of a verb, with R's arguments fitted to the types that it declares."""
    if name not in VERBS:
        raise invalid("name", expected=one_of(VERBS), received=name)
    verb = find_verb(VERBS[name])
    declared = {parameter.name: parameter for parameter in verb.parameters()}
    given = {k: _fitted(v, declared[k]) if k in declared else v for k, v in arguments.items()}
    return verb.events(**given)


def _fitted(value: Any, parameter: Parameter) -> Any:
    """Return what R sent for a parameter as Python takes it."""
    name, types = parameter.name, set(re.findall(r"\w+", parameter.annotation))
    if value is None:
        return None
    if name in ("model", "model_a", "model_b"):
        from ..phenotypes.frozen import is_word

        return value if is_word(value) else _model(value)
    if name == "models":
        return _models_of(value)
    if isinstance(value, dict) and "source" in value:
        return _given(value, name)
    if "Channels" in types:
        return _channels(value)
    if name == "region":
        return value
    if "int" in types and "float" not in types:
        value = _whole(value, name)
    if "Sequence" in types:
        return _listed(value)
    return tuple(value) if "tuple" in types and isinstance(value, list) else value


def told(result: Any) -> Any:
    """Tell R of a result: of a data class its tables, plain fields, components and its text."""
    if type(result).__name__ == "Model":
        return _told(result)
    if isinstance(result, Path):
        return os.path.abspath(result)
    if not dataclasses.is_dataclass(result):
        return result
    properties = [name for name, one in vars(type(result)).items() if isinstance(one, property)]
    names = [field.name for field in dataclasses.fields(result)] + properties
    values = {name: getattr(result, name) for name in names if not name.startswith("_")}
    if isinstance(values.get("run"), Mapping):
        values["run"] = json.dumps(values["run"])  # of which R keeps the text
    crossing = {n: to_plain(v) if is_component(v) else v for n, v in values.items() if _plain(v)}
    written = isinstance(getattr(result, "out", None), Path)
    if written and type(result).__name__ not in ("Novelty", "Tracks"):
        crossing["origin"] = _origin(result)
    return {**crossing, "text": str(result)}


def _origin(result: Any) -> Any:
    """Return a row for each label image of a result: its SHA-256, and how large its pixels are."""
    import pandas as pd

    table = result.files if hasattr(result, "files") else result.per_image
    done = table[table["status"] == "ok"]
    below = [Path(os.path.relpath(path, result.out)).as_posix() for path in done["labels"]]
    sizes = getattr(result, "spacing_um", {})
    return pd.DataFrame(
        {
            "image": done["image"].astype(str),
            "sha256": [result._written.get(name, "") for name in below],
            "pixel_size_um": [_spaced(sizes.get(str(name), ())) for name in done["image"]],
        }
    )


def _spaced(numbers: Iterable[float]) -> str:
    return " ".join(map(repr, numbers))


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, (tuple, list)):
        return all(isinstance(one, (str, int, float)) for one in value)
    plain = value is None or isinstance(value, (str, int, float, Path))
    return plain or is_component(value) or type(value).__name__ == "DataFrame"


def _listed(value: Any) -> list[Any]:
    """List a vector: one element arrives from R as a scalar, NULL as None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _whole(value: Any, name: str) -> Any:
    """Return whole numbers, which R sends as floats, as such; words as they are."""
    if isinstance(value, list):
        return [_whole(one, name) for one in value]
    return coerce(value, int, name) if isinstance(value, float) else value


def _channels(value: Any) -> Any:
    return None if value is None else _whole(_listed(value), "channels")


def _model(path: str) -> Model:
    """Load a model, or take it from the few kept in memory while its files are the same."""
    from ..models.load import load

    folder = Path(path)
    # not all that is below: it may be any folder yet
    networks = (*sorted(folder.glob("*.keras")), *sorted(folder.glob("members/*/*.keras")))
    files = [f for f in (folder / "model.json", *networks) if f.exists()]
    state = repr([(s.st_mtime_ns, s.st_size) for s in map(Path.stat, files)])
    key = (os.path.abspath(path), state)
    if key not in _models:
        _models[key] = load(folder)
        while len(_models) > MODELS_KEPT:
            _models.popitem(last=False)
    _models.move_to_end(key)
    return _models[key]


def _models_of(value: Plain) -> Any:
    """Load several models, by their names where they have some."""
    models, names = [_model(path) for path in _listed(value["paths"])], _listed(value["names"])
    return dict(zip(names, models, strict=True)) if names else models


def _told(model: Model) -> Plain:
    """All that R keeps of a model: where it is and what it says of itself."""
    from ..models.card import summary_of

    path = "" if model.path is None else os.path.abspath(model.path)
    return {"path": path, "facts": summary_of(model), "info": model.to_json()}


def _source(value: Any) -> Any:
    """Return what `as_data` and `as_images` take: paths, a table, arrays by name, or items."""
    if isinstance(value, dict) and "parts" in value:
        items = [item for part in _listed(value["parts"]) for item in _part(part)]
        if "labels" not in value:
            return items
        images, names = [item.image for item in items], [item.id for item in items]
        return {"images": images, "labels": value["labels"], "names": names}
    if not isinstance(value, dict) or "images" not in value:
        return value
    from ..datasets.ids import make_ids

    names = _listed(value.get("names"))
    if "labels" in value:
        # a list of one folder is a folder
        pairs = {k: _alone(value[k]) for k in ("images", "labels")}
        return {**value, **pairs} if names else pairs
    images = value["images"]
    return dict(zip(make_ids(images, names), images, strict=True)) if names else images


def _part(part: Plain) -> list[Any]:
    """Return the images of a prediction by the names that they have there."""
    from ..datasets.ids import named
    from ..datasets.unlabelled import as_images

    items = as_images(_source(part["source"]), axes=part.get("axes"), pattern=part.get("pattern"))
    called = dict(zip(_listed(part["names"]), _listed(part["called"]), strict=True))
    held = [item for item in named(items)[0] if item.id in called]
    # planes and the like are named later, and are all taken
    return [dataclasses.replace(item, id=called[item.id]) for item in held] or list(items)


def _images(given: Plain) -> Any:
    """Return images as `as_images` takes them; read as is said, or with labels, where that is.

    Those of a movie are as `track` takes them.
    """
    if given.get("movie"):
        return tracked.movie_of(given)
    if given.get("data"):
        return _data({name: value for name, value in given.items() if name != "data"})
    if given.get("read"):
        from ..datasets.unlabelled import as_images

        return as_images(
            _source(given["source"]), axes=given.get("axes"), pattern=given.get("pattern")
        )
    return _source(given["source"])


def _label_images(value: Plain) -> Any:
    """Return label images as `measure` takes them; those of a prediction with its tables."""
    from ..measurement.given import predicted, with_classes_of

    found, files = _source(value["source"]), value.get("files")
    if files is None:
        return found
    for path, sha256 in zip(files["labels"], files["sha256"], strict=True):
        _refuse_another_run(path, sha256)
    sizes = zip(files["image"], files["pixel_size_um"], strict=True)
    spacing_um = {str(name): tuple(map(float, size.split())) for name, size in sizes if size}
    known = predicted(files, value["objects"], found, spacing_um)
    # of objects that were written as Parquet the folder knows the classes
    folder = value.get("folder")
    return with_classes_of(known, Path(folder), files["labels"]) if folder else known


def _refuse_another_run(path: str, sha256: str | None) -> None:
    """Raise where a label image was replaced since by another run; nothing is known without."""
    from ..storage.written import refuse_another_run

    if sha256:
        folder = Path(path).parents[1]
        name = Path(path).relative_to(folder).as_posix()
        refuse_another_run(folder, {name: sha256}, [name])


def _experts(value: Plain) -> Any:
    """Return what experts drew as `consensus` takes it: paths, arrays by expert, or data."""
    from ..experts.given import named_experts, named_images

    source = value["source"]
    if value.get("data"):
        return _data(source)
    if not isinstance(source, dict):
        return source
    names = _listed(source.get("names"))
    if "folders" in source:
        return named_experts(names, _listed(source["folders"]))
    drawn = []
    for k, one in enumerate(source["drawn"]):
        images, given = list(one["images"]), _listed(one.get("names"))
        expert = names[k] if names else f"expert {k + 1}"
        drawn.append(named_images(expert, given, images) if given else images)
    return named_experts(names, drawn) if names else drawn


def _results_shown(value: Plain) -> Any:
    """Return results as `report` takes them: tables, and labels where there are any.

    Of `review` these may be images, too.
    """
    if not (isinstance(value["source"], dict) and "kind" in value["source"]):
        return _images(value)
    if value["source"]["kind"] == "cl_novelty":
        return _novelty_found(value["source"])
    if value["source"]["kind"] == "cl_tracks":
        return tracked.tracks_of(value["source"])
    from ..pages.given import of_tables, run_beside

    source, given = value["source"], value["source"].get("labels")
    labels = None if given is None else _label_images(given)
    run = json.loads(source["run"]) if source.get("run") else {}
    if not run and given is not None and given.get("files") is not None:
        run = run_beside(given["files"]["labels"])
    return of_tables(source["kind"].removeprefix("cl_"), source["tables"], labels, run)


def _novelty_found(source: Plain) -> Any:
    """Return what `novelty` found, of the tables that R holds."""
    from ..phenotypes.found import Novelty

    told = {**source["told"], "features": tuple(_listed(source["told"]["features"]))}
    run = json.loads(source["run"]) if source.get("run") else {}
    return Novelty(**source["tables"], **told, run=run)


def _sheet_of(figure: Any) -> Plain:
    """Return a contact sheet as R draws it: its picture, and the names of its rows."""
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    return {
        "picture": ax.images[0].get_array(),
        "names": names,
        "middles": [float(y) for y in ax.get_yticks()],
    }


def _cells_sheet(cells: str, by: Any, n: Any, seed: Any, rows: Any) -> Plain:
    """Draw a contact sheet of cells."""
    from ..phenotypes.kept import as_cells

    return _sheet_of(as_cells(cells).plot(by, n=n, seed=_whole(seed, "seed"), rows=rows))


def _novelty_sheet(found: Plain, kind: str, n: Any, rows: Any, cells: Any = None) -> Plain:
    """Draw cells of what was found."""
    how = {"n": n} if kind == "clusters" else {"n": n, "rows": _whole(rows, "rows")}
    return _sheet_of(_novelty_found(found).plot(kind, cells=cells, **how))


def _umap(places: Any, seed: Any) -> Any:
    """Return a map of cells by UMAP."""
    from ..phenotypes.placed import umap_of

    return umap_of(places, _whole(seed, "seed"))


def _outlines(labels: Plain) -> Any:
    from ..measurement.outlines import outlines

    return outlines(_label_images(labels))


def _relate(nuclei: Plain, cells: Plain, per: str) -> Any:
    from ..measurement.relate import relate

    return relate(_label_images(nuclei), _label_images(cells), per)


def _training(value: Any) -> Any:
    """Return what is trained on: movies with tracks, or data."""
    source = value.get("source")
    movies = isinstance(source, dict) and "movies" in source
    return tracked.training_of(source["movies"]) if movies else _data(value)


_GIVEN: dict[str, Callable[[Plain], Any]] = {
    "data": _training,
    "images": _images,
    "image": _images,
    "labels": _label_images,
    "experts": _experts,
    "results": _results_shown,
    "movie": tracked.movie_of,
    "tracks": tracked.movie_of,
    "positions": tracked.movie_of,
}
"""What is made of a source by the name of the parameter; of all others data."""


def _given(value: Plain, name: str) -> Any:
    """Return images or data as Python takes them; a fault is one of this argument."""
    try:
        return _GIVEN.get(name, _data)(value)
    except InvalidError as error:
        raise error.renamed(name, of="data") from None


def _alone(value: Any) -> Any:
    one = isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
    return value[0] if one and os.path.isdir(value[0]) else value


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
        "pattern": given.get("pattern"),
        "class_ids": _class_ids(given.get("class_ids")),
        "also": [_data(one) for one in _listed(given.get("also"))] or None,
        "weights": tuple(_listed(given.get("weights"))) or None,
        "object_classes": given.get("object_classes"),
        "pixel_size_um": (tuple(size) if len(size) > 1 else float(size[0])) if size else None,
        "group": [str(g) for g in _listed(given.get("group"))],
    }


def _class_ids(given: Any) -> Any:
    """Return ids by class; R sends a vector as a list, and one number alone."""
    if not isinstance(given, dict):
        return given or None
    return {str(name): _listed(ids) for name, ids in given.items()}


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


def _load(path: str, task: str | None = None) -> Plain:
    if task is not None:
        from ..models.load import load

        load(path, task)  # a class of somebody else's is known by its name from now on
    return _told(_model(path))


def _save(path: str, to: str, overwrite: bool = False) -> str:
    from ..models.load import load

    # A fresh model: saving moves its path, which must not happen to the one kept in memory
    model = load(path)
    return os.path.abspath(model.save(to, overwrite=overwrite))


def _history(path: str) -> Any:
    return _model(path).history


def _probabilities(
    model: str,
    images: Any,
    channels: Any = None,
    slices: bool = False,
    rescale: float | str | None = None,
    views: int = 1,
) -> Plain:
    from ..models.rescale import check_rescale, factors_for
    from ..models.turned import check_views, seen_in
    from ..prediction.collect import items_for

    check_rescale(rescale)
    check_views(views)
    used, options = _model(model), _options(images)
    chosen = _channels(channels) or options["channels"]
    how = {name: options[name] for name in ("axes", "pattern", "pixel_size_um")}
    items = _warned(items_for(used, options["source"], chosen, slices, **how))
    used = _warned(seen_in(used, int(views)))
    factors = _warned(factors_for(used, items, rescale))
    maps = {item.id: _shares(used, item, factors[item.id]) for item in items}
    return {"maps": maps, "classes": list(used.task.label_names)}


def _shares(model: Model, item: Any, factors: Any) -> Any:
    """Return the probability of each class in each pixel, of which `predict` makes labels."""
    from ..datasets.checks import odd_pixels
    from ..models.contrast import held_down_words
    from ..models.inputs import fitting_source
    from ..models.rescale import scaled_maps

    source = fitting_source(model, item)
    odd = [say("{}: {}", item.id, text) for text in odd_pixels(source)]
    stats = model.normalize.fit(source)
    faint = [item.id] if model.normalize.held_down(stats) else []
    for text in (*odd, *held_down_words(faint)):
        warnings.warn(GuessWarning(text), stacklevel=2)
    return model.task.probabilities(scaled_maps(model, source, stats, factors))


def _warned(work: Any) -> Any:
    """Run work to its result, of whose events warnings alone are told."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value
        if event.kind == "warning":
            warnings.warn(GuessWarning(event.message), stacklevel=2)


def _read(
    path: str,
    channels: Any = None,
    labels: bool = False,
    scene: str | None = None,
    axes: str | None = None,
    unknown: int | None = None,
    sha256: str | None = None,
) -> Plain:
    from ..images import files

    if labels:
        _refuse_another_run(path, sha256)
        return {"array": files.read_labels(path, axes=axes, unknown=unknown), "facts": {}}
    image = files.read(path, channels=_channels(channels), scene=scene, axes=axes)
    facts = {
        "axes": image.axes,
        "pixel_size_um": image.pixel_size_um,
        "channel_names": image.channel_names,
        "dtype": image.array.dtype.name,
    }
    return {"array": image.array, "facts": facts}


def _write_labels(
    path: str,
    labels: Any,
    pixel_size_um: float | tuple[float, ...] | None = None,
    overwrite: bool = False,
) -> str:
    from ..images.files import write_labels

    if labels.dtype.kind == "f" and abs(labels).max() < 2**53:
        labels = labels.astype("int64")  # which R has no other numbers for
    return str(write_labels(path, labels, pixel_size_um, overwrite=overwrite))


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


def _partition_scores(
    truth: Any,
    found: Any,
    unknown: int | None = None,
    background: bool = False,
    tolerance_px: float = 2,
) -> Any:
    """Return a row of how two divisions of an image into objects differ."""
    import pandas as pd

    from .. import metrics

    pair = (truth, found)
    split, merge = metrics.variation_of_information(*pair, unknown=unknown, background=background)
    row = {
        "voi_split": split,
        "voi_merge": merge,
        "adapted_rand_error": metrics.adapted_rand_error(*pair, unknown=unknown),
        "seg": metrics.seg(*pair, unknown=unknown),
        "aggregated_jaccard": metrics.aggregated_jaccard(*pair, unknown=unknown),
        "boundary_f": metrics.boundary_f(*pair, tolerance_px, unknown=unknown),
    }
    return pd.DataFrame([row])


def _surface_scores(
    truth: Any,
    found: Any,
    pixel_size_um: float | tuple[float, ...] | None = None,
    tolerance: float = 0,
    unknown: int | None = None,
) -> Any:
    """Return a row of how far two masks are from each other, in um where the pixels have a size."""
    import pandas as pd

    from .. import metrics
    from ..images.image import per_axis
    from ..tasks.distance import DISTANCES

    if not tolerance >= 0:
        raise invalid("tolerance", expected="0 or more", received=tolerance)
    spacing = per_axis(pixel_size_um, "zyx"[-truth.ndim :])
    pair, unit = (truth, found, spacing), "px" if spacing is None else "um"
    away = [metrics.hausdorff(*pair, percentile=p, unknown=unknown) for p in (100, 95)]
    away += metrics.mean_false_distances(*pair, unknown=unknown)
    overlap = metrics.overlap_within(truth, found, tolerance, spacing, unknown=unknown)
    row = dict(zip([f"{name}_{unit}" for name in DISTANCES], away, strict=True))
    shares = {"precision": overlap.precision, "recall": overlap.recall, "f1": overlap.dice}
    return pd.DataFrame([row | {name: float(share[0]) for name, share in shares.items()}])


def _simulate(kind: str, arguments: Any = None) -> Plain:
    from .. import simulate

    whole = ("screen", "culture", "embryo")
    if kind not in ("nuclei", "cells", "nuclei_3d", *whole):
        remedy = "What several people drew is written to files: pass `folder`."
        raise invalid(
            "kind",
            expected="nuclei, cells, nuclei_3d, screen, culture or embryo",
            received=kind,
            remedy=remedy if kind == "annotators" else "",
        )
    given = {k: _sizes(v) for k, v in (arguments or {}).items()}
    make = getattr(simulate, kind)
    known = list(inspect.signature(make).parameters)
    for name in given:
        if name not in known:
            settings = f"a setting of {kind}: {', '.join(known)}"
            raise invalid(name, expected=settings, received="an argument of this name")
    if given.get("optics") is not None:
        given["optics"] = _optics(given["optics"])
    made = make(**given)
    if kind in ("culture", "embryo"):
        return {**vars(made), "tracks": made.tracks}
    return vars(made) if kind in whole else dict(zip(("image", "labels"), made, strict=True))


def _optics(settings: Any) -> Any:
    """Return a microscope by its settings."""
    from ..simulate import Optics

    known = list(inspect.signature(Optics).parameters)
    odd = [settings] if not isinstance(settings, dict) else [n for n in settings if n not in known]
    if odd:
        expected = f"a list of settings: {', '.join(known)}"
        raise invalid("optics", expected=expected, received=odd[0])
    return Optics(**settings)


def _sizes(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_sizes(v) for v in value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _image(images: Any, name: str) -> Any:
    """Pixels of one of the images that were given to `predict` or `evaluate`, for a picture."""
    from ..datasets.unlabelled import as_images

    options = _options(images)
    how = {name: options[name] for name in ("axes", "pattern")}
    items = as_images(options["source"], **how)
    # slices that were images of their own have names of their own
    for item in [*items, *as_images(options["source"], **how, slices=True)]:
        if item.id == name:
            return item.image.read()
    raise invalid("name", expected=one_of([i.id for i in items]), received=name)


def _scored(model: str, data: Any, names: Any, scales: Any) -> list[Plain]:
    """Image, truth and labels found of some scored images, for a picture."""
    from ..datasets.items import read_labels
    from ..models.inputs import grey_item
    from ..models.rescale import scaled_maps

    used, given = _model(model), _data(data)
    wanted = {item.id: item for item in given.items if item.id in _listed(names)}
    found = []
    for name, scale in zip(_listed(names), _listed(scales), strict=True):
        item = wanted[name]
        labels, _ = read_labels(item, given.unknown)
        source = used.as_source(grey_item(item, used).image.read())
        factors = None if scale == 1 else [scale] * used.ndim
        maps = scaled_maps(used, source, used.normalize.fit(source), factors)
        seen = used.task.decode(maps).labels
        found.append({"image": source.read(), "truth": labels, "found": seen})
    return found


def _echo(value: Any) -> Any:
    """Return what came, so that R can test the whole way there and back."""
    return value


def _component_fields(name: str) -> Plain:
    """List the fields of a component with their defaults, to compare with R's formals."""
    from .values import TAG, unpack

    fields: Plain = to_plain(unpack({TAG: "component", "name": name}))
    return {field: value for field, value in fields.items() if field != "name"}


def _verb_parameters(name: str) -> Plain:
    """List the parameters of a verb and their defaults, to compare with R's formals."""
    parameters = find_verb(VERBS[name]).parameters()
    return {
        "names": [parameter.name for parameter in parameters],
        "defaults": {p.name: p.default for p in parameters if not p.required},
    }


def _trainer_from_deepflash2(path: str) -> Plain:
    from ..training.trainer import Trainer

    return to_plain(Trainer.from_deepflash2(path))  # type: ignore[no-any-return]


def _results(folder: str) -> Plain:
    from ..images.files import probe
    from ..prediction.reopened import results

    found = results(folder)
    # R keeps the labels, and what their files say, whatever becomes of these
    paths = dict(zip(found.files["image"].astype(str), found.files["labels"], strict=True))
    there = {name: paths[name] for name in found.names if os.path.isfile(paths[name])}
    sizes = {name: probe(path).pixel_size_um for name, path in there.items()}
    known = {name: size for name, size in sizes.items() if size}
    return told(dataclasses.replace(found, spacing_um=known))  # type: ignore[no-any-return]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "results": _results,
    "trainer_from_deepflash2": _trainer_from_deepflash2,
    "load": _load,
    "save": _save,
    "history": _history,
    "probabilities": _probabilities,
    "read": _read,
    "write_labels": _write_labels,
    "metric": _metric,
    "match": _match,
    "partition_scores": _partition_scores,
    "surface_scores": _surface_scores,
    "outlines": _outlines,
    "relate": _relate,
    "simulate": _simulate,
    "image": _image,
    "cells_sheet": _cells_sheet,
    "novelty_sheet": _novelty_sheet,
    "umap": _umap,
    "scored": _scored,
    "tracks_filtered": lambda tracks, max_error: told(tracked.filtered(tracks, max_error)),
    "tracks_warned": lambda tracks, limits=None: told(tracked.warned(tracks, limits)),
    "tracks_to_review": tracked.to_review,
    "read_tracks": lambda **given: told(tracked.read(**given)),
    "tracks_scored": lambda **given: told(tracked.scored(**given)),
    "component_fields": _component_fields,
    "verbs": lambda: list(VERBS),
    "verb_parameters": _verb_parameters,
    "echo": _echo,
    "plain": to_plain,
}
