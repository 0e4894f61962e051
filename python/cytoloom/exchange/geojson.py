"""GeoJSON as QuPath has it: a collection of features, each a polygon with its class."""

from __future__ import annotations

import colorsys
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import no_json
from .drawn import Drawn, Ring, open_ring, refuse_planes

SUFFIXES = (".geojson",)
_OURS = uuid.UUID("2b0f7a3c-6d0e-5f6e-9a55-0b8f6f2f6b0e")
"""Ids of objects are made of it and their numbers, so that the same labels give the same file."""
_KINDS = (
    "Polygon", "MultiPolygon", "Point", "MultiPoint", "LineString", "MultiLineString",
)  # fmt: skip


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
    """Read polygons, and say what was left out: lines and points go around nothing.

    A collection, a list, a single feature or a bare geometry.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
        given = _features(plain)
        nuclei = sum("nucleusGeometry" in one for one in given)
        features = [(one.get("properties") or {}, one["geometry"]) for one in given]
        shapes = [(said, shape) for said, shape in features if shape is not None]
        parts = [_parts(shape) for _, shape in shapes]
        found = [
            Drawn(str(said.get("name") or k), own, _class(said))
            for k, ((said, _), own) in enumerate(zip(shapes, parts, strict=True), 1)
            if own
        ]
        planes = [_plane(shape) for (_, shape), own in zip(shapes, parts, strict=True) if own]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise _no_polygons(path, no_json(error)) from None
    refuse_planes(path, planes)
    others, bare = len(shapes) - len(found), len(features) - len(shapes)
    words = {
        f"{others} of {len(features)} are lines or points, which go around nothing": others,
        f"of {nuclei} cells the nuclei within are left out": nuclei,
        f"{bare} of {len(features)} have no geometry": bare,
    }
    return found, "; ".join(text for text, count in words.items() if count)


def _features(plain: Any) -> list[Mapping[str, Any]]:
    """Return features, of which a bare geometry is one."""
    if isinstance(plain, list):
        return plain
    if plain["type"] == "FeatureCollection" or "features" in plain:
        return list(plain["features"])
    return [plain] if plain["type"] == "Feature" else [{"geometry": plain}]


def _parts(shape: Mapping[str, Any]) -> list[list[Ring]]:
    """Return the polygons of a geometry, and of those in it; none of lines and points."""
    kind = shape["type"]
    if kind == "GeometryCollection":
        return [part for one in shape["geometries"] for part in _parts(one)]
    if kind not in _KINDS:
        raise ValueError(f"a geometry of type {kind!r}")
    polygons = {"MultiPolygon": shape["coordinates"], "Polygon": [shape["coordinates"]]}
    return [[open_ring(ring) for ring in part] for part in polygons.get(kind, []) if part]


def _plane(shape: Mapping[str, Any]) -> tuple[int, int]:
    """Return plane and time point, which QuPath writes where they are not the first."""
    plane = shape.get("plane") or {}
    return int(plane.get("z", 0)), int(plane.get("t", 0))


def _class(said: Mapping[str, Any]) -> str:
    """Return a class; one within others has the names of all, as QuPath shows it."""
    kind = said.get("classification")
    if isinstance(kind, Mapping):
        kind = kind.get("name") or ": ".join(map(str, kind.get("names") or ()))
    return kind.strip() if isinstance(kind, str) else ""


def _no_polygons(path: Path, received: str) -> InvalidError:
    return invalid(str(path), expected="polygons in GeoJSON, as QuPath saves", received=received)
