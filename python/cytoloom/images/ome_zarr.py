"""What metadata of OME-Zarr say: which images are in a store, their axes, sizes and channels."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import invalid
from ..messages import Message
from . import levels
from .cache import state_of
from .described import described, in_um, is_numbers, names_of_axes
from .image import check_axes
from .reader import different
from .remote import address
from .units import um_per
from .zarr_store import Node, listed, metadata_file, node_at

_OLD_AXES = "tczyx"
"""Of versions before 0.3, which do not name them."""
_GROUPS_BESIDE = ("labels", "OME", "tables", "shapes", "points")


@dataclass(frozen=True)
class Stored:
    """One image of a store: the array of its full resolution, and what is said of it.

    Parameters
    ----------
    array : Node
        The array.
    letters : str
        One of t z y x c for each of its axes.
    sizes_um, origin_um : dict
        Micrometres along ``z``, ``y`` and ``x``: of a pixel, and where the centre of the first
        one is; those that are known.
    channel_names : tuple of str, optional
        Where each has its own.
    notes : tuple of Message, default ()
        What had to be guessed.
    origin_px : dict, default {}
        Where the first pixel is in pixels, which is known without units, too.
    """

    array: Node
    letters: str
    sizes_um: Mapping[str, float | None]
    origin_um: Mapping[str, float]
    channel_names: tuple[str, ...] | None = None
    notes: tuple[Message, ...] = ()
    origin_px: Mapping[str, float] = field(default_factory=dict)


def scenes_of(path: Path) -> Mapping[str, Path]:
    """Return the folders of the images in a store by their names; one without a name is all.

    Raises
    ------
    InvalidError
        There is no image, or several arrays of which nothing says which one is meant.
    """
    # what is listed in metadata, or lies in the folder
    return _scenes(path, (state_of(metadata_file(_node(path))), state_of(path)))


@functools.lru_cache(maxsize=32)
def _scenes(path: Path, state: object) -> Mapping[str, Path]:
    node = _node(path)
    said = said_by_ome(node)
    if node.array or listed(said.get("multiscales")):
        return {"": path}
    if isinstance(said.get("plate"), Mapping):
        return _fields_of_plate(node, said["plate"])
    if isinstance(said.get("well"), Mapping):
        return _fields_of_well(node, said["well"])
    if listed(said.get("labels")):
        raise _choose(node, "a group of labels", [str(name) for name in said["labels"]])
    return _images_in_group(node, _series(node))


def _images_in_group(node: Node, series: Sequence[str] | None) -> Mapping[str, Path]:
    """Return the images that lie in a group beside each other."""
    if series is not None:
        return {name: node.within(name) for name in series}
    inside = [one for one in node.children() if one.path.name not in _GROUPS_BESIDE]
    images = [one for one in inside if not one.array and is_multiscale(one)]
    arrays = [one for one in inside if one.array]
    if images:
        return {one.path.name: one.path for one in images}
    if len(arrays) == 1:
        return {"": arrays[0].path}
    names = [one.path.name for one in (arrays or inside)]
    raise _choose(node, f"a group of {len(names)} {'arrays' if arrays else 'groups'}", names)


def _choose(node: Node, what: str, names: Sequence[str]) -> Exception:
    shown = f"{what}: {', '.join(names[:5])}" if names else what
    remedy = f"Give one of them, such as {node.path / names[0]}." if names else ""
    return node.wrong("the image that is meant", shown, remedy)


def _series(node: Node) -> list[str] | None:
    """Return the names of images as Bio-Formats numbers them; None where it did not write them."""
    if said_by_ome(node).get("bioformats2raw.layout") is None:
        return None
    beside = node_at(node.path / "OME")
    named = listed(said_by_ome(beside).get("series")) if beside is not None else ()
    if named:
        return [str(name) for name in named]
    if address(node.path) is not None:
        first = itertools.takewhile(lambda k: node_at(node.path / str(k)), itertools.count())
        return [str(k) for k in first] or None
    numbered = [p.name for p in node.path.iterdir() if p.name.isdecimal() and p.is_dir()]
    return sorted(numbered, key=int) or None


def _fields_of_plate(node: Node, plate: Mapping[str, Any]) -> Mapping[str, Path]:
    """Return the fields of all wells, called by row, column and field."""
    found: dict[str, Path] = {}
    for well in listed(plate.get("wells")):
        name = well.get("path") if isinstance(well, Mapping) else None
        inside = node_at(node.within(name))
        # wells that were never imaged have no folder in some plates
        said = said_by_ome(inside).get("well") if inside is not None else None
        if inside is not None and isinstance(said, Mapping):
            fields = _fields_of_well(inside, said)
            found.update({f"{name}/{field}": path for field, path in fields.items()})
    if not found:
        raise node.wrong("a plate with images", "one whose wells hold none")
    return found


def _fields_of_well(node: Node, well: Mapping[str, Any]) -> Mapping[str, Path]:
    names = [one.get("path") if isinstance(one, Mapping) else None for one in _images(well)]
    return {str(name): node.within(name) for name in names}


def _images(well: Mapping[str, Any]) -> Sequence[Any]:
    return listed(well.get("images"))


def labels_of(path: Path) -> tuple[Path, ...]:
    """Return the folders of the label images that an image of OME-Zarr lists as its own."""
    group = node_at(path / "labels")
    if group is None or group.array or not is_multiscale(_node(path)):
        return ()
    listed_ones = [str(name) for name in listed(said_by_ome(group).get("labels"))]
    # hidden ones are no more meant than hidden files are
    return tuple(group.within(name) for name in listed_ones if not name.startswith("."))


def image_of(path: Path) -> Path | None:
    """Return the image that the label image in a folder lies in; None of anything else."""
    if path.parent.name != "labels":
        return None
    node = node_at(path.parent.parent)
    return node.path if node is not None and is_multiscale(node) else None


def said_by_ome(node: Node) -> Mapping[str, Any]:
    """Return what OME-Zarr says of a group: in ``ome`` from version 0.5 on."""
    ome = node.attributes.get("ome")
    return ome if isinstance(ome, Mapping) else node.attributes


def is_label_image(path: Path) -> bool:
    """Whether a folder says of itself that it is a label image."""
    return "image-label" in said_by_ome(_node(path))


def is_multiscale(node: Node) -> bool:
    """Whether a group is an image in several resolutions, as OME-Zarr has them."""
    return bool(listed(said_by_ome(node).get("multiscales")))


def stored_at(path: Path, axes: str | None, level: str = "") -> Stored:
    """Return what is said of the image in a folder: an array, or a group with resolutions.

    Of a group the full resolution, or the level that is meant: by number or pixel size. An array
    that a group lists as one of its resolutions is described there.

    Raises
    ------
    InvalidError
        A resolution that is missing, or axes that are none of time, space and channel.
    """
    node = _node(path)
    if not node.array:
        return _multiscale(node, axes, level)
    if level:
        raise node.wrong("an image with resolutions", "an array alone", "Give it without a level.")
    around = node_at(path.parent)
    if around is not None and not around.array:
        listed_as = [one.get("path") for one in _levels(around)]
        if path.name in listed_as:
            return _level_at(around, axes, listed_as.index(path.name))
    return _plain(node, axes)


def _node(path: Path) -> Node:
    node = node_at(path)
    if node is None:
        remedy = "It may be cut off: copy or export it again."
        expected = "a Zarr store, with zarr.json, .zgroup or .zarray"
        raise invalid(str(path), expected=expected, received="a folder without", remedy=remedy)
    return node


def _image(node: Node) -> Mapping[str, Any]:
    images = listed(said_by_ome(node).get("multiscales"))
    return images[0] if images and isinstance(images[0], Mapping) else {}


def _levels(node: Node) -> list[Mapping[str, Any]]:
    return [one for one in listed(_image(node).get("datasets")) if isinstance(one, Mapping)]


def _multiscale(node: Node, axes: str | None, level: str) -> Stored:
    """Read an image of OME-Zarr, at full resolution or at a level."""
    if not _levels(node):
        raise node.wrong("an image with resolutions (datasets)", "none")
    meant = levels.wanted(level)
    if meant is None:
        return _level_at(node, axes, 0)
    several = [_level_at(node, axes, k) for k in range(len(_levels(node)))]
    number = levels.chosen(meant, [one.sizes_um for one in several], str(node.path))
    return several[number]


def _level_at(node: Node, axes: str | None, number: int) -> Stored:
    """Read one resolution of an image."""
    image, level = _image(node), _levels(node)[number]
    array = node_at(node.within(level.get("path")))
    if array is None or not array.array:
        raise node.wrong(f"the resolution {level['path']}", "none: its array is missing")
    named = _axes_named(node, image, len(array.shape))
    letters = check_axes(axes, len(array.shape), str(node.path)) if axes else named
    units = [one.get("unit") if isinstance(one, Mapping) else None for one in _axes(image)]
    scales, moved = _transformed(node, (level, image), len(letters))
    # what is said of axes is of those that the file names
    same = letters == named
    sizes, notes = in_um(letters, scales if same else (), units)
    per_unit = {a: um_per(u) or 0.0 for a, u in zip(letters, units, strict=False)}
    origin = {a: m * per_unit.get(a, 0.0) for a, m in zip(letters, moved, strict=True)}
    known = {a: o for a, o in origin.items() if sizes.get(a)} if same else {}
    axes_px = zip(letters, moved, scales, strict=True)
    px = {a: m / s for a, m, s in axes_px if a in "zyx" and s} if same else {}
    return Stored(array, letters, sizes, known, _channels(node), notes, px)


def _plain(node: Node, axes: str | None) -> Stored:
    """Read an array by itself: axes and sizes as xarray, funlib and N5 write them, or guessed."""
    said = dict(node.attributes)
    # Zarr's own names come first
    if names_of_axes(node.metadata.get("dimension_names"), len(node.shape)):
        said["axistags"], said["DIMENSION_LABELS"] = None, node.metadata["dimension_names"]
    found = described(node.shape, said, axes, str(node.path))
    return Stored(
        node, found.letters, found.sizes_um, found.origin_um, None, found.notes, found.origin_px
    )


def _axes(image: Mapping[str, Any]) -> Sequence[Any]:
    return listed(image.get("axes"))


def _axes_named(node: Node, image: Mapping[str, Any], ndim: int) -> str:
    """Return a letter for each axis of an image of OME-Zarr."""
    axes = _axes(image)
    if not axes and ndim == len(_OLD_AXES):
        return _OLD_AXES
    letters = "".join(_letter(one) for one in axes)
    each_once = len(set(letters) - {"?"}) == len(letters)
    if len(letters) != ndim or not each_once or not set("yx") <= set(letters):
        names = ", ".join(str(one.get("name") if isinstance(one, Mapping) else one) for one in axes)
        remedy = "Say what they are with `axes`, or save it with other ones."
        expected = f"axes of its {ndim} dimensions, among time, channel, z, y, x"
        raise node.wrong(expected, f"the axes {names or None}", remedy)
    return letters


def _letter(axis: Any) -> str:
    """Return the letter of an axis; a question mark where it has none here.

    Examples
    --------
    >>> _letter({"name": "channel", "type": "channel"}), _letter("Y"), _letter({"name": "angle"})
    ('c', 'y', '?')
    """
    kind = axis.get("type") if isinstance(axis, Mapping) else None
    name = str(axis.get("name") if isinstance(axis, Mapping) else axis).lower()
    if kind in ("time", "channel"):
        return {"time": "t", "channel": "c"}[kind]
    return name if len(name) == 1 and name in _OLD_AXES else "?"


def _transformed(
    node: Node, places: Sequence[Mapping[str, Any]], ndim: int
) -> tuple[list[float], list[float]]:
    """Return scale and translation of an image: those of the resolution, then those of all."""
    scale, moved = [1.0] * ndim, [0.0] * ndim
    for place in places:
        for one in listed(place.get("coordinateTransformations")):
            kind = one.get("type") if isinstance(one, Mapping) else None
            if kind not in ("scale", "translation"):
                continue
            values = one.get(kind)
            if not is_numbers(values, ndim):
                raise node.wrong(f"{ndim} numbers as its {kind}", f"{values!r}")
            if kind == "scale":
                scale = [a * b for a, b in zip(scale, values, strict=True)]
                moved = [a * b for a, b in zip(moved, values, strict=True)]
            else:
                moved = [a + b for a, b in zip(moved, values, strict=True)]
    return scale, moved


def _channels(node: Node) -> tuple[str, ...] | None:
    """Return the names of channels as ``omero`` has them."""
    omero = said_by_ome(node).get("omero")
    channels = listed(omero.get("channels")) if isinstance(omero, Mapping) else ()
    names = [one.get("label") if isinstance(one, Mapping) else None for one in channels]
    return different([name if isinstance(name, str) else None for name in names])
