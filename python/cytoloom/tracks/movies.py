"""Movies: label images of each frame, or tables of positions, as recordings of detections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.given import is_file
from ..datasets.listing import walk
from ..datasets.pairing import natural_order
from ..errors import invalid
from ..events import Event, Work
from ..images.files import probe, read, read_labels
from ..images.image import per_axis
from ..messages import Argument, counted, say
from ..objects.measure import measure
from ..storage.spreadsheets import read_spreadsheet
from .found import Tracks

TABLES = (".csv", ".tsv", ".txt")
COLUMNS = {
    "recording": ("recording", "movie", "series"),
    "frame": ("frame", "t", "time_point", "timepoint", "time", "position_t", "imagenumber",
              "image_number", "metadata_t"),
    "object": ("object", "objectnumber", "object_number", "id", "label", "spot_id"),
    "z": ("z_px", "z", "centroid_z", "position_z", "location_center_z"),
    "y": ("y_px", "y", "centroid_y", "position_y", "location_center_y"),
    "x": ("x_px", "x", "centroid_x", "position_x", "location_center_x"),
    "probability": ("probability", "score", "p"),
}  # fmt: skip
"""What columns of positions are called, the first the surest; with ``_um`` behind an axis, too."""
_MOVIE = "label images (t, y, x) or (t, z, y, x), their folder or file, or a table of positions"


@dataclass(frozen=True, eq=False)
class Recording:
    """The detections of one movie.

    Parameters
    ----------
    name : str
        What it is called.
    table : DataFrame
        frame, object, [z_px,] y_px, x_px and what else is known, sorted by frame.
    spacing_um : tuple of float or None
        Micrometres per pixel.
    shape : tuple of int or None
        Of a frame, where that is known.
    """

    name: str
    table: pd.DataFrame
    spacing_um: tuple[float, ...] | None
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Pixels:
    """How pixels of frames become labels: as they are, or by a model that outlines cells.

    Parameters
    ----------
    outline : callable, optional
        From an image (y, x, c) or (z, y, x, c) to labels; None where frames are labels.
    """

    outline: Callable[[np.ndarray], np.ndarray] | None = None

    def of_file(self, path: Path, frame: int | None = None) -> np.ndarray:
        """Return the labels of a file, or of one frame of it."""
        if self.outline is None:
            return read_labels(path, frame=frame)
        return self.outline(read(path, frame=frame).array)

    def of_array(self, array: Any) -> np.ndarray:
        """Return the labels of an array of one frame."""
        array = np.asarray(array)
        return array if self.outline is None else self.outline(array)


def recordings_of(
    movie: Any,
    spacing_um: float | Sequence[float] | None = None,
    pixels: Pixels = Pixels(),
) -> Work[list[Recording]]:
    """Read where the cells of each frame are.

    Parameters
    ----------
    movie : array, list of arrays, path, DataFrame, Tracks, or dict of these
        Label images, or positions; a dict of several recordings by name.
    spacing_um : float or sequence of float, optional
        Micrometres per pixel, overriding files.
    pixels : Pixels, optional
        How frames become labels; default they are.

    Raises
    ------
    InvalidError
        Nothing of these, one frame only, frames of different sizes, no cells.
    """
    given = dict(movie) if isinstance(movie, Mapping) else {}
    if given and all(isinstance(one, (list, tuple)) or np.ndim(one) == 1 for one in given.values()):
        given = {}  # columns of a table
    if not given and is_file(movie):
        given = folders_in(Path(movie).expanduser())
    found: list[Recording] = []
    for name, one in (given or {"": movie}).items():
        found += yield from _one(str(name), one, spacing_um, pixels)
    ndims = {len(_axes(one.table)) for one in found}
    if len(ndims) > 1:
        raise invalid("movie", expected="recordings of 2-D or of 3-D images",
                      received="both")  # fmt: skip
    return found


def _one(name: str, movie: Any, spacing_um: Any, pixels: Pixels) -> Work[list[Recording]]:
    if isinstance(movie, Tracks):
        spacing = movie.spacing_um if spacing_um is None else spacing_um
        return _of_table(movie.positions.drop(columns="track"), name, spacing)
    if is_file(movie):
        path = Path(movie).expanduser()
        if not path.exists():
            raise invalid("movie", expected="a folder or file that is there", received=str(path))
        if path.is_file() and path.suffix.lower() in TABLES:
            return _of_table(read_spreadsheet(path), name or path.stem, spacing_um, path)
        found = yield from _of_labels(*_of_path(path, pixels), name or path.stem, spacing_um)
        return [found]
    if hasattr(movie, "columns") or isinstance(movie, Mapping):
        return _of_table(pd.DataFrame(movie), name, spacing_um)
    if isinstance(movie, (np.ndarray, list, tuple)) and len(movie):
        if all(is_file(one) for one in movie):
            paths = [Path(one).expanduser() for one in movie]
            frames, spacing = _of_files(paths, pixels)
            found = yield from _of_labels(frames, len(paths), spacing, name or "movie", spacing_um)
            return [found]
        images = (pixels.of_array(one) for one in movie)
        found = yield from _of_labels(images, len(movie), None, name or "movie", spacing_um)
        return [found]
    raise invalid("movie", expected=_MOVIE, received=movie)


def folders_in(path: Path) -> dict[str, Path]:
    """Return the recordings of a folder that has no images itself, but folders of images."""
    if not path.is_dir() or walk_here(path):
        return {}
    inside = sorted((p for p in path.iterdir() if p.is_dir()), key=lambda p: natural_order(p.name))
    return {p.name: p for p in inside if walk_here(p)}


def walk_here(folder: Path) -> list[Path]:
    """Return the images that lie in a folder itself, in natural order."""
    if not folder.is_dir():
        return []
    listing = walk(folder, labels=True)
    return [folder / name for name in listing.images if "/" not in name]


def labels_in(movie: Any) -> Iterator[np.ndarray]:
    """Return the label images of each frame of an array, a list of arrays or files, or a path."""
    if is_file(movie):
        return _of_path(Path(movie).expanduser(), Pixels())[0]
    if isinstance(movie, (list, tuple)) and movie and all(is_file(one) for one in movie):
        return _named_frames([Path(one).expanduser() for one in movie], Pixels())
    if not isinstance(movie, (np.ndarray, list, tuple)):
        raise invalid("labels", expected=_MOVIE, received=movie)
    return (np.asarray(one) for one in movie)


def _of_path(
    path: Path, pixels: Pixels
) -> tuple[Iterator[np.ndarray], int, tuple[float, ...] | None]:
    """Return the frames of a folder of label images, or of a file with all of them."""
    if path.is_dir() and (files := walk_here(path)):
        frames, spacing = _of_files(files, pixels)
        return frames, len(files), spacing
    info = probe(path)
    if info.axes.startswith("t"):
        frames = (pixels.of_file(path, k) for k in range(info.frames))
        return frames, info.frames, info.pixel_size_um
    stack = read_labels(path) if pixels.outline is None else read(path).array[..., 0]
    if stack.ndim < 3:
        raise invalid(path.name, expected="a movie of 2 frames or more", received="one image")
    spacing = info.pixel_size_um
    # a stack whose planes are said to be frames of another size along z than along y and x
    spacing = None if spacing is None else spacing[-(stack.ndim - 1) :]
    return (pixels.of_array(one) for one in stack), len(stack), spacing


def _of_files(
    files: Sequence[Path], pixels: Pixels
) -> tuple[Iterator[np.ndarray], tuple[float, ...] | None]:
    return _named_frames(files, pixels), probe(files[0]).pixel_size_um


def _named_frames(files: Sequence[Path], pixels: Pixels) -> Iterator[np.ndarray]:
    first: tuple[int, ...] | None = None
    for path in files:
        image = pixels.of_file(path)
        if first is not None and image.shape != first:
            raise invalid(path.name, expected=f"a frame of {_size(first)}, as {files[0].name}",
                          received=_size(image.shape))  # fmt: skip
        first = image.shape
        yield image


def _of_labels(
    frames: Iterator[np.ndarray],
    count: int,
    spacing: tuple[float, ...] | None,
    name: str,
    given: Any,
) -> Work[Recording]:
    """Measure the objects of each frame."""
    if count < 2:
        raise invalid("movie", expected="2 frames or more", received=counted(count, "frame"))
    tables, shape = [], None
    for k, labels in enumerate(frames):
        labels = np.asarray(labels)
        if labels.ndim not in (2, 3) or labels.dtype.kind not in "bui":
            raise invalid("movie", expected=_MOVIE,
                          received=f"frame {k}: {labels.dtype} {labels.shape}")  # fmt: skip
        if shape is not None and labels.shape != shape:
            raise invalid("movie", expected=f"frames of one size, {_size(shape)} as the first",
                          received=f"frame {k}: {_size(labels.shape)}")  # fmt: skip
        if shape is None and given is not None:
            spacing = per_axis(given, "zyx"[-labels.ndim :] + "c")
        shape = labels.shape
        table = measure(labels, pixel_size_um=spacing)
        tables.append(table.assign(frame=k))
        yield Event("progress", f"{name}: frame {k + 1}/{count}", k, count)
    assert shape is not None
    whole = pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)
    if not len(whole):
        raise invalid("movie", expected="cells in some frame", received=f"{name}: none")
    axes = "zyx"[-len(shape) :]
    whole = whole.rename(columns={f"centroid_{axis}": f"{axis}_px" for axis in axes})
    kept = ["frame", "object", *(f"{axis}_px" for axis in axes)]
    size = "volume_um3" if len(shape) == 3 else "area_um2"
    more = [c for c in ("area_px", size, "eccentricity", "solidity", "major_axis_px",
                        "touches_border") if c in whole]  # fmt: skip
    return Recording(name, whole[kept + more], spacing, shape)


def _of_table(
    table: pd.DataFrame, name: str, spacing_um: Any, path: Path | None = None
) -> list[Recording]:
    """Return the recordings of a table of positions."""
    where = "movie" if path is None else path.name
    plain = {re.sub(r"\W+", "_", str(own).strip().lower()): own for own in reversed(table.columns)}
    names: dict[str, Any] = {}
    scaled: list[str] = []
    for key, known in COLUMNS.items():
        for one in known:
            if one in plain and plain[one] not in names.values():
                names[key] = plain[one]
                break
        else:
            if key in "zyx" and f"{key}_um" in plain:
                names[key] = plain[f"{key}_um"]
                scaled.append(key)
    missing = [key for key in ("frame", "y", "x") if key not in names]
    if missing:
        raise invalid(where, expected=f"columns of positions: {', '.join(missing)}",
                      received=say("columns {}", [str(c) for c in table.columns]))  # fmt: skip
    axes = [axis for axis in "zyx" if axis in names]
    numbers = {key: pd.to_numeric(table[own], errors="coerce").to_numpy(float)
               for key, own in names.items() if key != "recording"}  # fmt: skip
    if "z" in axes and np.isnan(numbers["z"]).all():
        axes, scaled = axes[1:], [one for one in scaled if one != "z"]
    spacing = None if spacing_um is None else per_axis(spacing_um, "".join(axes) + "c")
    if scaled and spacing is None:
        raise invalid(where, expected="the size of pixels, for positions in micrometres",
                      received="none",
                      remedy=say("Give {}.", Argument("pixel_size_um")))  # fmt: skip
    at = {axis: numbers[axis] / (spacing[k] if axis in scaled and spacing else 1.0)
          for k, axis in enumerate(axes)}  # fmt: skip
    bad = ~np.isfinite(np.stack([numbers["frame"], *at.values()])).all(axis=0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        received = f"none in row {row + 1}, and in {int(bad.sum())} in all"
        raise invalid(where, expected="a frame and a position in each row", received=received)
    frame = numbers["frame"]
    if (frame % 1 != 0).any() or (frame < 0).any():
        odd = frame[(frame % 1 != 0) | (frame < 0)][0]
        raise invalid(where, expected="whole numbers from 0 as frames", received=float(odd))
    made = pd.DataFrame({"frame": frame.astype(int), **{f"{a}_px": at[a] for a in axes}})
    made["recording"] = table[names["recording"]].astype(str) if "recording" in names else (
        name or "movie")  # fmt: skip
    if "probability" in numbers:
        p = numbers["probability"]
        if (np.isfinite(p) & ((p < 0) | (p > 1))).any():
            raise invalid(where, expected="probabilities from 0 to 1",
                          received=float(p[(p < 0) | (p > 1)][0]))  # fmt: skip
        made["probability"] = p
    taken = set(names.values())
    rest = [c for c in table.columns if c not in taken and str(c) not in made
            and str(c) not in ("track", "z_um", "y_um", "x_um")]  # fmt: skip
    made = pd.concat([made, table[rest].reset_index(drop=True)], axis=1)
    number = numbers.get("object")
    whole = number is not None and np.isfinite(number).all() and (number % 1 == 0).all()
    if whole:
        made["object"] = number.astype(int)
        whole = not made.duplicated(["recording", "frame", "object"]).any()
    if not whole:
        made["object"] = made.groupby(["recording", "frame"]).cumcount() + 1
    found = []
    for one, own in made.groupby("recording", sort=False):
        own = own.drop(columns="recording").sort_values(["frame", "object"], kind="stable")
        if own["frame"].nunique() < 2:
            received = f"{one}: {counted(own['frame'].nunique(), 'frame')}"
            raise invalid(where, expected="positions in 2 frames or more", received=received)
        found.append(Recording(str(one), own.reset_index(drop=True), spacing, None))
    if not found:
        raise invalid(where, expected="positions", received="an empty table")
    return found


def _axes(table: pd.DataFrame) -> list[str]:
    return [axis for axis in "zyx" if f"{axis}_px" in table]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
