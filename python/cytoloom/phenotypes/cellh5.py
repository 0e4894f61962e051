"""CellH5, which CellCognition writes: images, regions and objects of plates in files of HDF5."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.given import is_file
from ..datasets.items import Item
from ..datasets.listing import some
from ..datasets.pairing import natural_order
from ..datasets.sources import Role, Slices
from ..datasets.views import ChannelSource
from ..errors import InvalidError, invalid
from ..images.channels import Channels
from ..images.hdf5_file import START, box_of, dataset_in, node_in, opened
from ..images.image import AnyArray
from ..messages import Argument, counted, said_by, say
from .wells import well_of

SUFFIXES = (".ch5", ".cellh5")
PLATES = "sample/0/plate"
REGION = "region___"
"""What regions are called, before the objects that they show."""
PRIMARY = "primary"
_LARGEST = 2**31
"""Bytes of a table of objects in one position: 10^5 cells have 2 MB."""
Array = NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """One kind of objects, as files define it.

    Parameters
    ----------
    name : str
        Such as "primary__primary".
    region : int or None
        Which of the regions in ``image/region`` has their labels.
    """

    name: str
    region: int | None


@dataclass(frozen=True, eq=False)
class Plates:
    """What is in files of CellH5.

    Parameters
    ----------
    items : tuple of Item
        An image for each position and time point; plate, well, site and frame are its columns.
    tables : dict of str to DataFrame
        Of each image the objects: object and, where the file says so, centroid_y, centroid_x.
    kind : str
        Which objects they are.
    labelled : bool
        Whether all positions have label images of these.
    notes, problems : tuple of str
        What was chosen, and what cannot be used.
    """

    items: tuple[Item, ...]
    tables: Mapping[str, pd.DataFrame]
    kind: str
    labelled: bool
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Ch5Source:
    """One position at one time: its image, or the labels of one region.

    Parameters
    ----------
    path : Path
        The file.
    place : str
        The data set in it, (c, t, z, y, x).
    shape : tuple of int
        Of the data set.
    dtype : dtype
        Of the pixels.
    frame : int
        The time point.
    channel_names : tuple of str, default ()
        Of an image.
    region : int, optional
        Of labels, which region they are.
    """

    spacing_um: tuple[float, ...] | None = None
    regions = True

    def __init__(
        self,
        path: Path,
        place: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        frame: int,
        channel_names: tuple[str, ...] = (),
        region: int | None = None,
    ) -> None:
        self.path, self.place, self.frame, self.region = path, place, frame, region
        self.dtype, self._stored = dtype, shape
        self.role: Role = "image" if region is None else "labels"
        plane = shape[2:] if shape[2] > 1 else shape[3:]
        self.shape = (*plane, shape[0]) if region is None else plane
        self.axes = "zyx"[-len(plane) :] + ("c" if region is None else "")
        self.channel_names = channel_names or None
        self.name = f"{path}:/{place}"

    def read(self, slices: Slices | None = None) -> AnyArray:
        """Return the pixels, or those within one slice per spatial axis."""
        spatial = self._stored[2:]
        asked = slices or (slice(None),) * (len(self.axes) - (self.region is None))
        asked = (slice(None),) * (3 - len(asked)) + tuple(asked)
        ends = [s.indices(n) for s, n in zip(asked, spatial, strict=True)]
        channel = slice(0, self._stored[0])
        if self.region is not None:
            channel = slice(self.region, self.region + 1)
        box = (channel, slice(self.frame, self.frame + 1), *(slice(*e) for e in ends))
        with opened(self.path) as file:
            pixels = box_of(dataset_in(file, self.path, self.place), box, self.path)[:, 0]
        pixels = pixels if spatial[0] > 1 else pixels[:, 0]
        return pixels[0] if self.region is not None else np.moveaxis(pixels, 0, -1)


def is_cellh5(images: Any) -> bool:
    """Whether images are files of CellH5: such files, a folder or a pattern of some, several."""
    several = images if isinstance(images, (list, tuple)) else [images]
    return bool(several) and all(is_file(one) and _is_one(Path(one)) for one in several)


def _is_one(path: Path) -> bool:
    path = path.expanduser()
    if path.suffix.lower() in SUFFIXES:
        return True
    return path.is_dir() and any(p.suffix.lower() in SUFFIXES for p in path.iterdir())


def files_of(images: Any) -> list[Path]:
    """List the files, those of single positions before what only leads to them."""
    several = images if isinstance(images, (list, tuple)) else [images]
    found: list[Path] = []
    for one in several:
        path = Path(one).expanduser()
        if path.is_dir():
            found += [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES]
        elif not path.exists() and glob.has_magic(str(path)):
            found += map(Path, glob.glob(str(path)))
        else:
            found.append(path)
    names = sorted({str(path) for path in found}, key=natural_order)
    paths = sorted(map(Path, names), key=lambda p: p.name.startswith("_all_positions"))
    if not paths:
        raise invalid("images", expected="files of CellH5", received=f"none in {some(several)}")
    for path in paths:
        _refuse_other(path)
    return paths


def _refuse_other(path: Path) -> None:
    if not path.is_file():
        raise invalid("images", expected="a file that is there", received=str(path))
    with path.open("rb") as file:
        start = file.read(len(START))
    if start != START:
        raise invalid("images", expected="CellH5, which is HDF5", received=f"other bytes in {path}")


def read_plates(images: Any, objects: str | None = None, channels: Channels = None) -> Plates:
    """Find positions and objects in files of CellH5; pixels are read when they are asked for.

    Parameters
    ----------
    images : path or list of paths
        Files, a folder of some, a pattern.
    objects : str, optional
        Which kind of objects, as ``/definition/object`` calls it; default the only one, else the
        primary one.
    channels : int, str or list of them, optional
        Which channels, by index from 0 or by the names in ``/definition/image/channel``.

    Raises
    ------
    InvalidError
        No CellH5, kinds of objects that are not there, or several of which none is meant.
    """
    positions: dict[tuple[str, str, str], list[_Position]] = {}
    twice: list[str] = []
    kinds: dict[str, None] = {}
    without: list[str] = []
    notes: list[str] = []
    chosen = objects
    for path in files_of(images):
        with _told(path), opened(path) as file:
            defined = kinds_of(file, path)
            kinds |= dict.fromkeys(defined)
            if chosen is None and defined:
                chosen, said = _meant(defined, path)
                notes += said
            kind = defined.get(chosen or "")
            without += [] if kind is not None else [path.name]
            for key, group in _positions(file, path):
                if key in positions:
                    twice.append("/".join(key))
                elif kind is not None:
                    positions[key] = _frames_of(file, path, group, kind)
    if chosen is None or chosen not in kinds:
        raise invalid("objects", expected=f"one of {some(list(kinds))}" if kinds else
                      "objects, which /definition/object names",
                      received=objects or f"none in {some([str(p) for p in files_of(images)])}",
                      )  # fmt: skip
    notes += [f"positions that are in several files, taken once: {some(twice)}"] if twice else []
    found = _together(positions, chosen, channels, notes)
    problems = [f"files without objects {chosen}: {some(without)}"] if without else []
    return replace(found, problems=(*problems, *found.problems))


def _meant(kinds: Mapping[str, Kind], path: Path) -> tuple[str, list[str]]:
    """Choose the kind of objects where none was asked for."""
    names = list(kinds)
    if len(names) == 1:
        return names[0], []
    primary = [name for name in names if name.startswith(PRIMARY)]
    if len(primary) != 1:
        raise invalid(
            "objects",
            expected="one kind of objects",
            received=f"{', '.join(names)} in {path}",
            remedy=say("Choose one with {}.", Argument("objects")),
        )
    others = ", ".join(name for name in names if name != primary[0])
    return primary[0], [
        say("Cells are the objects {}; {} has the others: {}.", primary[0], Argument("objects"),
            others)
    ]  # fmt: skip


def kinds_of(file: Any, path: Path) -> dict[str, Kind]:
    """Return the kinds of objects that a file defines, by name.

    Regions belong to the objects whose name they have; what a file calls an object but is a link
    between objects, such as a track or an event, is none.
    """
    regions = _names_in(file, path, "definition/image/region", "region_name")
    group = node_in(file, path, "definition/object")
    defined = []
    for name in [] if group is None else list(group):
        row = _rows(file, path, f"definition/object/{name}")
        kind = _text(row["type"][0]) if "type" in (row.dtype.names or ()) and len(row) else "region"
        if kind == "region":
            defined.append(name)
    bare = [name.removeprefix(REGION) for name in regions]
    defined = defined or bare
    return {n: Kind(n, bare.index(n) if n in bare else None) for n in defined}


def _names_in(file: Any, path: Path, place: str, field: str) -> list[str]:
    if node_in(file, path, place) is None:
        return []
    rows = _rows(file, path, place)
    if field not in (rows.dtype.names or ()):
        raise invalid(str(path), expected=f"{field} in /{place}", received=str(rows.dtype))
    return [_text(one) for one in rows[field]]


def _rows(file: Any, path: Path, place: str) -> Array:
    """Read a table of numbers and texts of fixed length."""
    node = node_in(file, path, place)
    dtype = getattr(node, "dtype", None)
    if dtype is None or dtype.hasobject or len(node.shape or ()) != 1:
        what = "nothing" if node is None else "another kind of data"
        raise invalid(str(path), expected=f"a table at /{place}", received=what)
    if node.external or node.is_virtual or node.nbytes > _LARGEST:
        received = f"{counted(node.shape[0], 'row')}, elsewhere or too many"
        expected = f"a table in this file at /{place}"
        raise invalid(str(path), expected=expected, received=received)
    return np.asarray(node[()])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _positions(file: Any, path: Path) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield plate, well and site of each position, and its group."""
    found = False
    for plate in _groups(file, path, PLATES):
        wells = f"{PLATES}/{plate}/experiment"
        for well in _groups(file, path, wells):
            sites = f"{wells}/{well}/position"
            for site in _groups(file, path, sites):
                found = True
                yield (plate, well, site), f"{sites}/{site}"
    if not found:
        expected = f"positions of CellH5 below /{PLATES}"
        raise invalid(str(path), expected=expected, received="none")


def _groups(file: Any, path: Path, place: str) -> list[str]:
    node = node_in(file, path, place)
    return sorted(node, key=natural_order) if hasattr(node, "keys") else []


@dataclass(frozen=True, eq=False)
class _Position:
    """One position at one time."""

    image: Ch5Source
    labels: Ch5Source | None
    table: pd.DataFrame


def _frames_of(file: Any, path: Path, group: str, kind: Kind) -> list[_Position]:
    """Read the objects of a position at each of its times."""
    names = tuple(_names_in(file, path, "definition/image/channel", "channel_name"))
    place = f"{group}/image/channel"
    image = dataset_in(file, path, place)
    _refuse_axes(image, f"{path}:/{place}")
    names = names if len(names) == image.shape[0] else ()
    labels = _labels_of(file, path, group, kind, image.shape)
    table = _objects(file, path, group, kind.name)
    found = []
    for frame in range(image.shape[1]):
        own = table[table["frame"] == frame].drop(columns="frame").reset_index(drop=True)
        source = Ch5Source(path, place, image.shape, image.dtype, frame, names)
        region = None
        if labels is not None:
            region = Ch5Source(path, f"{group}/image/region", labels.shape, labels.dtype, frame,
                               region=kind.region)  # fmt: skip
        found.append(_Position(source, region, own))
    return found


def _refuse_axes(data: Any, where: str) -> None:
    if len(data.shape) != 5:
        raise invalid(where, expected="axes c, t, z, y and x", received=say("{}", data.shape))


def _labels_of(file: Any, path: Path, group: str, kind: Kind, shape: tuple[int, ...]) -> Any:
    """Return the label images of a kind of objects; None where the file has none that fit."""
    place = f"{group}/image/region"
    if kind.region is None or node_in(file, path, place) is None:
        return None
    labels = dataset_in(file, path, place)
    _refuse_axes(labels, f"{path}:/{place}")
    if labels.shape[1:] != shape[1:] or kind.region >= labels.shape[0]:
        expected = say("regions of the size of their image, {}", shape)
        raise invalid(f"{path}:/{place}", expected=expected, received=say("{}", labels.shape))
    return labels


def _objects(file: Any, path: Path, group: str, kind: str) -> pd.DataFrame:
    """Read the objects of a position: frame, object and, where there are, their centres."""
    place = f"{group}/object/{kind}"
    if node_in(file, path, place) is None:
        return pd.DataFrame({"frame": np.zeros(0, int), "object": np.zeros(0, int)})
    rows = _rows(file, path, place)
    if not {"time_idx", "obj_label_id"} <= set(rows.dtype.names or ()):
        expected = f"time_idx and obj_label_id in /{place}"
        raise invalid(str(path), expected=expected, received=str(rows.dtype))
    found = {"frame": rows["time_idx"].astype(int), "object": rows["obj_label_id"].astype(int)}
    centre = f"{group}/feature/{kind}/center"
    if node_in(file, path, centre) is not None:
        at = _rows(file, path, centre)
        if len(at) != len(rows) or not {"x", "y"} <= set(at.dtype.names or ()):
            expected = f"x and y of {counted(len(rows), 'object')} in /{centre}"
            raise invalid(str(path), expected=expected, received=f"{len(at)} of {at.dtype}")
        found |= {f"centroid_{axis}": at[axis].astype(float) for axis in "yx"}
    return pd.DataFrame(found)


def _together(
    positions: Mapping[tuple[str, str, str], Sequence[_Position]],
    kind: str,
    channels: Channels,
    notes: Sequence[str],
) -> Plates:
    """Make an item of each position and time, with its table of objects."""
    items, tables, empty = [], {}, []
    places = [one for several in positions.values() for one in several]
    labelled = all(one.labels is not None for one in places)
    for (plate, well, site), several in positions.items():
        name = f"{plate}_{well}_{site}"
        for one in several:
            own = name if len(several) == 1 else f"{name}_t{one.image.frame:03d}"
            about: dict[str, Any] = {"plate": plate, "well": well_of(well) or well, "site": site}
            source = one.image if channels is None else ChannelSource(one.image, channels)
            labels = (one.labels,) if labelled and one.labels is not None else ()
            about["frame"] = one.image.frame
            items.append(Item(own, source, labels, group=name, columns=about))
            tables[own] = one.table
        empty += [] if any(len(one.table) for one in several) else [name]
    problems = [f"positions without an object {kind}: {some(empty)}"] if empty else []
    if not any(len(table) for table in tables.values()):
        received = f"none in {counted(len(positions), 'position')}"
        raise invalid("images", expected=f"objects {kind}", received=received)
    return Plates(tuple(items), tables, kind, labelled, tuple(notes), tuple(problems))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the file in what HDF5 itself says of damage."""
    try:
        yield
    except InvalidError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        remedy = "It may be cut off or damaged: copy it again."
        raise invalid(str(path), expected="CellH5 that is whole", received=said_by(error),
                      remedy=remedy) from None  # fmt: skip


def measured_objects(
    item: Item, table: pd.DataFrame, measured: pd.DataFrame | None
) -> pd.DataFrame:
    """Put what a file says of objects and what was measured of their labels side by side.

    Parameters
    ----------
    item : Item
        The image.
    table : DataFrame
        From the file: object, perhaps centroid_y and centroid_x.
    measured : DataFrame, optional
        What `measure` measures, by object.

    Returns
    -------
    DataFrame
        A row for each object of the file; its centre is the file's where it has one. That of an
        object in a stack without labels lies in the middle plane.

    Raises
    ------
    InvalidError
        Neither the file nor labels say where an object is.

    Examples
    --------
    >>> item = Item("a", Ch5Source(Path("a.ch5"), "b", (1, 1, 1, 9, 9), np.dtype("u1"), 0))
    >>> table = pd.DataFrame({"object": [4], "centroid_y": [2.0], "centroid_x": [3.0]})
    >>> found = pd.DataFrame({"object": [4, 5], "centroid_y": [2.2, 9], "area_px": [7, 8]})
    >>> measured_objects(item, table, found).to_dict("list")
    {'object': [4], 'centroid_y': [2.0], 'centroid_x': [3.0], 'area_px': [7]}
    """
    axes = [f"centroid_{axis}" for axis in item.image.axes[:-1]]
    if measured is not None:
        rest = [name for name in measured if name == "object" or name not in table]
        table = table.merge(measured[rest], on="object", how="left")
    if "centroid_y" in table and "centroid_z" in axes:
        middle = (item.image.shape[0] - 1) / 2
        known = table.get("centroid_z", pd.Series(np.nan, table.index))
        table = table.assign(centroid_z=known.fillna(middle))
    lost = len(table) if axes[-1] not in table else int(table[axes].isna().any(axis=1).sum())
    if lost:
        raise invalid(
            item.id,
            expected="objects with a centre, or labels",
            received=f"{counted(lost, 'object')} without",
        )
    lead = ["object", *axes] if len(table) else []
    return table[[*lead, *(name for name in table if name not in lead)]]


def with_size(items: Sequence[Item], size: Any) -> tuple[Item, ...]:
    """Give images the size of their pixels, which such files do not tell."""
    if size is None:
        return tuple(items)
    several = tuple(size) if isinstance(size, (list, tuple)) else None
    return tuple(
        replace(i, spacing_um=several or (float(size),) * (len(i.image.shape) - 1)) for i in items
    )
