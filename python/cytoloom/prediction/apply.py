"""Apply a model to one image: labels, a row and a table of objects out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.checks import odd_pixels
from ..datasets.files import pixels_seen
from ..datasets.items import beside
from ..datasets.stored import as_passed, scale_of
from ..datasets.views import CachedSource
from ..images.units import storable
from ..inference.memory_map import MemoryMaps
from ..models.engine import DISAGREEMENT, entropy
from ..models.inputs import fitting_source
from ..models.padding import without_padding
from ..models.rescale import Factors, scaled_maps
from ..models.rescale import scale_of as factor_of
from ..segmentation.classed import class_sums
from ..storage.tables import write_parquet
from ..tasks.found import Found
from ..uncertainty.evidence import Evidence, evidence_of
from .predicted import Predicted
from .summary import UNCERTAINTY, trusted

UNCERTAINTIES = ("entropy", "mutual_information", "variance")
"""Planes of the files in ``uncertainty/``."""
if TYPE_CHECKING:
    import pandas as pd

    from ..models.model import Model
    from .folder import InMemory


def predict_one(
    model: Model,
    item: Any,
    factors: Factors,
    folder: InMemory,
    workers: int,
    overlay: bool = False,
    maps: bool = False,
    uncertainty: bool = False,
    parquet: bool = False,
) -> Predicted:
    """Predict one image, enlarged by `factors`, and write what is found where there is a folder."""
    source = CachedSource(fitting_source(model, item))
    odd = list(odd_pixels(source))
    stats = model.normalize.fit(source)
    with MemoryMaps() as store:
        made = scaled_maps(model, source, stats, factors, store, workers, uncertainty)
        # decoding needs memory of its own: pixels and the network's are given back before
        source.release()
        store.trim()
        decoded = model.task.decode(made, item.spacing_um)
        found = without_padding(decoded, source, stats)
        faint = model.normalize.held_down(stats)
        evidence = _evidence(model, made, found, source, stats, factor_of(factors))
        table = _objects(model, item, source, found, made, evidence)
        if maps and folder.path is not None:
            _write_probabilities(folder, model, item, made)
        said = trusted(model.trust, evidence, table, faint)
        if uncertainty and folder.path is not None:
            said[UNCERTAINTY] = _write_uncertainty(folder, model, item, made, found.labels)
    passed = scale_of(item.image)
    row = {
        "image": item.id,
        "status": "ok",
        "objects": len(table),
        "scale": factor_of(factors),
        "low": in_words(stats.low, passed),
        "high": in_words(stats.high, passed),
        "labels": "",
        # kept with the row of an image, but no columns of its table
        "semantic": found.semantic,
        "trusted": said,
    }
    if folder.path is None:
        return Predicted(row, table, found.labels, odd, held_down=faint)
    row["labels"] = _write(folder, item, source, found.labels, overlay)
    if parquet:
        whole = table.assign(**beside(table.columns, item.columns))
        write_parquet(whole, folder.place("objects", item.id))
        table = table[:0]  # as large as memory, of all images together
    return Predicted(row, table, None, odd, pixels_seen(source, item.spacing_um), faint)


def _evidence(
    model: Model, maps: dict[str, np.ndarray], found: Found, source: Any, stats: Any, scale: float
) -> Evidence | None:
    """Gather by what objects are judged, where a model can judge them."""
    if model.trust is None:
        return None
    labels = found.objects_labels
    return evidence_of(model.task, maps, labels, source, stats, model.normalize, scale)


def _objects(
    model: Model,
    item: Any,
    source: Any,
    found: Found,
    maps: dict[str, np.ndarray],
    evidence: Evidence | None,
) -> pd.DataFrame:
    given = as_passed(item.image)
    pixels = source if given is item.image else given
    table = measured(model, found.objects_labels, found.classes, pixels, maps, item.spacing_um)
    table.insert(0, "image", item.id)
    # both in the order of their numbers
    judged = evidence is not None and model.trust is not None
    real = model.trust.probabilities(evidence).round(4) if judged else np.nan
    table.insert(table.columns.get_loc("touches_border"), "probability", real)
    return table


def measured(
    model: Model,
    labels: np.ndarray,
    classes: Mapping[int, int],
    pixels: Any,
    maps: Mapping[str, np.ndarray],
    spacing_um: Sequence[float] | None,
) -> pd.DataFrame:
    """Measure the objects of an image, or of a part of one.

    Parameters
    ----------
    model : Model
        That found them.
    labels : ndarray of int (spatial...)
        Objects.
    classes : dict of int to int
        The class of each, where they have some.
    pixels : Source
        The image (spatial..., c), in the units in which it was given.
    maps : dict of ndarray, float32 (spatial..., channels)
        What they were found in.
    spacing_um : sequence of float, optional
        Micrometres per pixel of each axis.
    """
    from ..objects.measure import measure

    names = model.task.label_names

    def foreground(rows: slice) -> np.ndarray:
        return model.task.foreground({head: m[rows] for head, m in maps.items()})

    def read(rows: slice) -> np.ndarray:
        return np.asarray(pixels.read((rows, *(slice(0, n) for n in labels.shape[1:]))))

    table = measure(
        labels,
        image=read,
        foreground=foreground,
        channel_names=channel_names(model),
        classes={i: names[c] for i, c in classes.items()} or None,
        pixel_size_um=spacing_um,
    )
    said = model.task.class_probabilities(maps)
    if said is None:
        return table
    sums = class_sums(labels, said, int(labels.max(initial=0)))[table["object"].to_numpy()]
    return with_object_classes(table, sums, model.task.object_classes)


def with_object_classes(
    table: pd.DataFrame, sums: np.ndarray, names: Sequence[str]
) -> pd.DataFrame:
    """Say of which class each object is, and how large the share of that class is.

    Parameters
    ----------
    table : DataFrame
        Objects, with a column class.
    sums : ndarray of float (objects, classes)
        Of what is said of classes, over the pixels of each.
    names : sequence of str
        Of the classes.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"object": [1], "class": [None], "area_px": [4]})
    >>> with_object_classes(table, np.array([[1.0, 3.0]]), ["live", "dead"])
       object class  class_probability  area_px
    0       1  dead               0.75        4
    """
    best = sums.argmax(axis=1)
    share = sums.max(axis=1, initial=0) / np.maximum(sums.sum(axis=1), 1e-12)
    called = np.array(names, object)[best]
    found = table.drop(columns="class_probability", errors="ignore").assign(**{"class": called})
    found.insert(found.columns.get_loc("class") + 1, "class_probability", share.round(4))
    return found


def in_words(values: Sequence[float], scale: int) -> str:
    """Return limits of normalisation as tables have them, in the units that were passed.

    Examples
    --------
    >>> in_words((0.5, 32768.0), 2)
    '0.25 16384'
    """
    return " ".join(f"{v / scale:g}" for v in values)


def channel_names(model: Model) -> list[str]:
    """Return what columns of a channel are called by: its name, or its number from 0."""
    return list(model.info["channels"]["names"] or map(str, range(model.channels)))


def _write(folder: InMemory, item: Any, source: Any, labels: np.ndarray, overlay: bool) -> str:
    """Write the files of one image; the label image's place below the folder."""
    from ..images.files import write_labels

    known = item.spacing_um is not None and storable(item.spacing_um)
    spacing = item.spacing_um if known else None
    path = write_labels(folder.place("labels", item.id), labels, spacing, overwrite=True)
    if overlay:
        from ..plots.overlays import write_overlay

        shown = shown_plane(source, labels)
        write_overlay(folder.place("overlays", item.id), *shown, overwrite=True)
    return f"labels/{path.name}"


def _write_probabilities(
    folder: InMemory, model: Model, item: Any, maps: dict[str, np.ndarray]
) -> None:
    from ..images.probability_maps import write_maps

    path = folder.place("maps", item.id)
    shape = (*next(iter(maps.values())).shape[:-1], len(model.task.label_names))

    def part(rows: slice) -> np.ndarray:
        return model.task.probabilities({head: values[rows] for head, values in maps.items()})

    write_maps(path, part, shape, item.spacing_um)


def _write_uncertainty(
    folder: InMemory, model: Model, item: Any, maps: dict[str, np.ndarray], labels: np.ndarray
) -> float | None:
    """Write how unsure each pixel is: entropy, disagreement of members, variance over its most.

    Returns
    -------
    float or None
        The mean of the last over the pixels found; None where there are none.
    """
    from ..images.probability_maps import write_maps

    shape = (*next(iter(maps.values())).shape[:-1], len(UNCERTAINTIES))
    inside: dict[Any, tuple[float, int]] = {}

    def part(rows: slice) -> np.ndarray:
        planes = unsure_of(model, {head: values[rows] for head, values in maps.items()})
        unsure = planes[..., -1][labels[rows] > 0]
        inside[rows.start, rows.stop] = float(unsure.sum(dtype=np.float64)), unsure.size
        return planes

    write_maps(folder.place("uncertainty", item.id), part, shape, item.spacing_um)
    total, count = map(sum, zip(*inside.values(), strict=True))
    return round(total / count, 4) if count else None


def unsure_of(model: Model, maps: dict[str, np.ndarray]) -> np.ndarray:
    """Return how unsure each pixel is, (..., 3): see `UNCERTAINTIES`."""
    said = model.task.probabilities(maps)
    most = 1 - 1 / said.shape[-1]
    variance = (1 - (said * said).sum(axis=-1)) / most
    members = maps[DISAGREEMENT][..., 0] if DISAGREEMENT in maps else np.zeros_like(variance)
    return np.stack([entropy(said), members, variance], axis=-1)


def shown_plane(source: Any, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and labels that a picture shows, of a stack the plane with most objects.

    An image is read whole here, however large: its picture is as large.

    Parameters
    ----------
    source : Source
        Image (y, x, c) or (z, y, x, c).
    labels : ndarray of int, shape (y, x) or (z, y, x)
        What was found in it.

    Returns
    -------
    (ndarray, ndarray)
        Pixels (y, x, c) and labels (y, x).
    """
    if labels.ndim == 2:
        return source.read(), labels
    z = int(np.argmax([np.unique(plane).size for plane in labels]))
    region = (slice(z, z + 1), *(slice(0, n) for n in labels.shape[1:]))
    return source.read(region)[0], labels[z]
