"""GeoJSON as QuPath has it: a collection of features, each a polygon with its class."""

from __future__ import annotations

import colorsys
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import no_json
from .drawn import Drawn, Ring

SUFFIXES = (".geojson",)
_OURS = uuid.UUID("2b0f7a3c-6d0e-5f6e-9a55-0b8f6f2f6b0e")
"""Ids of objects are made of it and their numbers, so that the same labels give the same file."""


def write(path: Path, objects: Sequence[Drawn], shape: tuple[int, ...]) -> None:
    """Write a collection of features, an object each."""
    features = [_feature(one, path.stem) for one in objects]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    path.write_text(text, encoding="utf-8")


def _feature(one: Drawn, image: str) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in part] for part in one.parts]
    single = len(polygons) == 1
    said: dict[str, Any] = {"objectType": "annotation", "name": one.name}
    if one.label:
        said["classification"] = {"name": one.label, "color": _colour(one.label)}
    if one.probability is not None:
        said["measurements"] = {"probability": one.probability}
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_OURS, f"{image}/{one.name}")),
        "geometry": {
            "type": "Polygon" if single else "MultiPolygon",
            "coordinates": polygons[0] if single else polygons,
        },
        "properties": said,
    }


def _closed(ring: Ring) -> list[list[float]]:
    corners = [[float(x), float(y)] for x, y in ring.tolist()]
    return [*corners, corners[0]]


def _colour(name: str) -> list[int]:
    """Return a colour that a name always has: red, green and blue to 255."""
    hue = zlib.crc32(name.encode()) / 2**32
    return [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.8, 0.9)]


def read(path: Path) -> tuple[list[Drawn], str]:
    """Read polygons, and say what was left out: lines and points go around nothing."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
        features = plain["features"] if isinstance(plain, Mapping) else plain
        shapes = [(one.get("properties") or {}, one["geometry"]) for one in features]
        found = [
            Drawn(str(said.get("name") or k), _parts(shape), _class(said))
            for k, (said, shape) in enumerate(shapes, 1)
            if shape["type"] in ("Polygon", "MultiPolygon")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise _no_polygons(path, no_json(error)) from None
    others = len(shapes) - len(found)
    said = f"{others} of {len(shapes)} are lines or points, which go around nothing"
    return found, said if others else ""


def _parts(shape: Mapping[str, Any]) -> list[list[Ring]]:
    polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
    return [[_ring(ring) for ring in part] for part in polygons]


def _ring(corners: Any) -> Ring:
    ring = np.asarray(corners, np.float64)
    if ring.ndim != 2 or ring.shape[1] < 2 or not np.isfinite(ring).all():
        raise ValueError("corners that are no pairs of numbers")
    return ring[:-1, :2]


def _class(said: Mapping[str, Any]) -> str:
    kind = said.get("classification")
    return str(kind.get("name", "")) if isinstance(kind, Mapping) else ""


def _no_polygons(path: Path, received: str) -> InvalidError:
    return invalid(str(path), expected="polygons in GeoJSON, as QuPath saves", received=received)
