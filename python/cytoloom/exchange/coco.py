"""COCO: one JSON for all images; written with run lengths, which are exact."""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError, invalid
from ..images.formats import stem
from ..messages import counted, no_json, say
from .drawn import filled
from .fit import Fit
from .named import by_classes, class_values, numbers_with_classes
from .run_lengths import Places, counts_of, places_of

SUFFIX = ".json"
ALONE = "object"
"""The category of objects without a class."""
LARGEST = 2**31 - 1
_WHAT = "annotations of COCO: images and annotations, each with their ids"
Entry = Mapping[str, Any]


@dataclass
class Coco:
    """What a file says, image by image.

    Examples
    --------
    >>> made = Coco()
    >>> made.add("a.tif", np.array([[0, 7], [7, 7]]))
    >>> made.annotations[0]["segmentation"], made.annotations[0]["bbox"]
    ({'counts': [1, 3], 'size': [2, 2]}, [0, 0, 2, 2])
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        labels: NDArray[Any],
        classes: Mapping[int, str] | None = None,
        probabilities: Mapping[int, float] | None = None,
    ) -> None:
        """Add the objects (y, x) of an image."""
        number = len(self.images) + 1
        height, width = labels.shape
        sure = probabilities or {}
        self.images.append({"id": number, "file_name": name, "height": height, "width": width})
        for value, place in _places(labels):
            label = (classes or {}).get(value) or ALONE
            category = self.categories.setdefault(label, len(self.categories) + 1)
            x, y = place // height, place % height
            left, top = int(x.min()), int(y.min())
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "label": value,
                    "segmentation": {
                        "counts": counts_of(place, labels.size),
                        "size": [height, width],
                    },
                    "area": len(place),
                    "bbox": [left, top, int(x.max()) - left + 1, int(y.max()) - top + 1],
                    "iscrowd": 0,
                    **({"score": sure[value]} if value in sure else {}),
                }
            )

    def write(self, path: Path) -> None:
        """Write all of it."""
        plain = {
            "images": self.images,
            "annotations": self.annotations,
            "categories": [{"id": k, "name": name} for name, k in self.categories.items()],
        }
        path.write_text(json.dumps(plain), encoding="utf-8")


def _places(labels: NDArray[Any]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the pixels of each object, counted down the columns, as COCO does."""
    flat = labels.ravel(order="F")
    place = np.flatnonzero(flat)
    order = np.argsort(flat[place], kind="stable")
    place, values = place[order], flat[place][order]
    first = np.flatnonzero(np.diff(values, prepend=0))
    parts: Sequence[NDArray[np.int64]] = np.split(place, first[1:])
    return [(int(values[k]), part) for k, part in zip(first, parts, strict=False)]


@dataclass(frozen=True, eq=False)
class Told:
    """What a file of somebody says.

    Parameters
    ----------
    path : Path
        The file.
    images : tuple of mapping
        Its images.
    of : dict
        The annotations of each image, by its id.
    names : dict
        What categories are called, by their ids.
    """

    path: Path
    images: tuple[Entry, ...]
    of: Mapping[Hashable, Sequence[Entry]]
    names: Mapping[Hashable, str]

    @functools.cached_property
    def _by_name(self) -> Mapping[str, Sequence[Entry]]:
        """The images by the last part of their names, and by that without its ending."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.images:
            name = _parts(entry["file_name"])[-1]
            for key in {name, stem(name)}:
                found[key].append(entry)
        return found

    @functools.cached_property
    def _all_crowds(self) -> bool:
        return all(_is_crowd(one) for many in self.of.values() for one in many)

    def entry(self, image: str) -> Entry | None:
        """Return what the file says of an image, by as much of its path as both tell.

        Parameters
        ----------
        image : str
            Its path. Endings may differ, where the names are of one image each.

        Raises
        ------
        InvalidError
            Several images could be meant.
        """
        parts = _parts(image)
        name = parts[-1]
        near = self._by_name.get(name) or self._by_name.get(stem(name), ())
        within = [_shared(parts, _parts(one["file_name"])) for one in near]
        alike = [one for one, n in zip(near, within, strict=True) if n == max(within)]
        if len(alike) > 1:
            names = ", ".join(str(one["file_name"]) for one in alike[:3])
            raise invalid(
                str(self.path),
                expected=f"one image {name}",
                received=f"{len(alike)} that it could be: {names}",
                remedy="Give images of one name other names, or a file of annotations each.",
            )
        return alike[0] if alike else None

    def labels(
        self,
        entry: Entry,
        shape: tuple[int, ...],
        unknown: int | None = None,
        classes: Sequence[str] = (),
        fit: Fit | None = None,
        *,
        of_objects: bool = False,
    ) -> tuple[NDArray[np.int32], str]:
        """Fill the objects of an image: where some lie over others, of the later.

        Parameters
        ----------
        entry : mapping
            The image.
        shape : (int, int)
            Of the image itself.
        unknown : int, optional
            The label of what counts nowhere: crowds.
        classes : sequence of str, default ()
            Names of label values from 0 on, where labels are numbers of classes.
        fit : Fit, optional
            Counts how outlines lie in the image.
        of_objects : bool, default False
            Whether labels are numbers of objects that hold their classes, too.

        Returns
        -------
        labels : int32 ndarray
            Objects have the numbers that `export` gave them, else those of their order.
        said : str
            What could not be used, or had to be guessed.

        Raises
        ------
        InvalidError
            An image of another size, boxes alone, or outlines that are none.
        """
        self._refuse_other_size(entry, shape)
        given = self.of.get(entry["id"], ())
        drawn = [one for one in given if one.get("segmentation")]
        crowds = [one for one in drawn if _is_crowd(one) and not self._all_crowds]
        objects = [one for one in drawn if not crowds or not _is_crowd(one)]
        if given and not drawn:
            received = f"boxes alone for {entry['file_name']}"
            remedy = "Draw outlines, or take the boxes away where nothing is to be found."
            raise invalid(str(self.path), expected="outlines", received=received, remedy=remedy)
        called = [self.names.get(one.get("category_id"), "") for one in objects]
        if of_objects:
            called = ["" if name == ALONE else name for name in called]
        values = class_values(self.path, called, classes) if classes else None
        numbers = _numbers(objects, unknown) if values is None or of_objects else values
        if of_objects and values is not None:
            numbers = numbers_with_classes(self.path, numbers, values)
        flat, covered, empty = self._painted(objects, numbers, shape, fit)
        for one in crowds if unknown is not None else ():
            place = self._places(one, shape)
            flat[place[flat[place] == 0]] = unknown
        said = {
            classes_said(called) if values is None else by_classes(values, classes): len(objects),
            _crowds_said(len(crowds), unknown): len(crowds),
            f"{len(given) - len(drawn)} with a box alone are left out": len(given) - len(drawn),
            f"{empty} cover no pixel": empty,
            f"{covered} px are in several, and taken for the later": covered,
        }
        words = [text for text, count in said.items() if text and count]
        return flat.reshape(shape, order="F"), "; ".join(words)

    def _painted(
        self,
        objects: Sequence[Entry],
        numbers: Sequence[int],
        shape: tuple[int, ...],
        fit: Fit | None,
    ) -> tuple[NDArray[np.int32], int, int]:
        """Fill objects with their numbers; count pixels that are in several, and empty objects."""
        flat = np.zeros(shape[0] * shape[1], np.int32)
        covered = empty = 0
        for number, one in zip(numbers, objects, strict=True):
            place = self._places(one, shape)
            if fit is not None:
                fit.add(_outlines_of(one), len(place))
            covered += int(np.count_nonzero(flat[place]))
            empty += not len(place)
            flat[place] = number
        return flat, covered, empty

    def _refuse_other_size(self, entry: Entry, shape: tuple[int, ...]) -> None:
        size = (entry.get("height"), entry.get("width"))
        if all(size) and size != tuple(shape):
            raise invalid(
                str(self.path),
                expected=say("outlines of an image of {} x {} px", *shape),
                received=say("{} x {} px (height x width) for {}", *size, entry["file_name"]),
                remedy="Draw on the images themselves, or give those that were drawn on.",
            )

    def _places(self, one: Entry, shape: tuple[int, ...]) -> Places:
        try:
            return _places_of(one["segmentation"], shape)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise invalid(
                str(self.path),
                expected="outlines or run lengths",
                received=f"annotation {one.get('id')} that has none ({error})",
            ) from None


def classes_said(classes: Iterable[str]) -> str:
    """Say that objects of several classes are numbered together; nothing of a single class."""
    count = Counter(classes)
    names = ", ".join(f"{n} {name or 'of none'}" for name, n in sorted(count.items()))
    return f"numbered whatever their class ({names})" if len(count) > 1 else ""


@functools.lru_cache(maxsize=4)
def read(path: Path, state: Hashable = None) -> Told:
    """Read what a file says; `state` tells whether it is still the one that was read.

    Raises
    ------
    InvalidError
        It is no COCO, or its ids are not its own.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
        if not _tells(plain):
            raise _other(path, "other JSON")
        images, given = tuple(plain["images"]), list(plain["annotations"])
        names = {one["id"]: str(one["name"]) for one in plain.get("categories") or ()}
        known = Counter(one["id"] for one in images if str(one["file_name"]))
        of: dict[Hashable, list[Entry]] = defaultdict(list)
        for one in given:
            of[one["image_id"]].append(one)
    except InvalidError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _other(path, no_json(error)) from None
    twice = [k for k, count in known.items() if count > 1]
    if twice:
        raise _other(path, f"{known[twice[0]]} images of id {twice[0]}")
    lost = sum(len(many) for k, many in of.items() if k not in known)
    if lost:
        raise _other(path, f"{counted(lost, 'annotation')} of images that it does not name")
    return Told(path, images, dict(of), names)


def is_coco(path: Path) -> bool:
    """Whether a file is one of COCO, as its ending and content say."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    try:
        return _tells(json.loads(path.read_text(encoding="utf-8-sig")))
    except (ValueError, OSError, RecursionError):
        return False


def _tells(plain: Any) -> bool:
    return isinstance(plain, dict) and {"images", "annotations"} <= set(plain)


def _other(path: Path, received: str) -> InvalidError:
    return invalid(str(path), expected=_WHAT, received=received)


def _parts(name: Any) -> tuple[str, ...]:
    """Return the parts of a path, of Windows too."""
    return PurePosixPath(str(name).replace("\\", "/")).parts or ("",)


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    """Count the parts that two paths end with alike."""
    pairs = enumerate(zip(reversed(left), reversed(right), strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(left), len(right)))


def _is_crowd(one: Entry) -> bool:
    """Whether an annotation is of many objects; what CVAT's brush painted is called so, too."""
    return bool(one.get("iscrowd")) and "attributes" not in one


def _crowds_said(count: int, unknown: int | None) -> str:
    end = "are background unless `unknown` is given" if unknown is None else "count nowhere"
    return f"{counted(count, 'crowd')}, whose objects are not told apart, {end}"


def _numbers(objects: Sequence[Entry], unknown: int | None) -> list[int]:
    """Give objects the numbers that they had when they were written, else those of their order."""
    own = [one.get("label") for one in objects]
    whole = [n for n in own if type(n) is int and 0 < n <= LARGEST and n != unknown]
    if len(set(whole)) == len(own):
        return whole
    return [n for n in range(1, len(objects) + 2) if n != unknown][: len(objects)]


def _places_of(said: Any, shape: tuple[int, ...]) -> Places:
    """Return the pixels of an object, of runs or of what is inside any of its outlines."""
    if isinstance(said, Mapping):
        height, width = said["size"]
        if (height, width) != tuple(shape):
            raise ValueError(f"runs are of an image of {height} x {width} px")
        return places_of(said["counts"], height * width)
    found = [np.zeros(0, np.int64)]
    for ring in _rings(said):
        (rows, columns), inside = filled([ring], shape)
        y, x = np.nonzero(inside)
        found.append((x + columns.start) * shape[0] + y + rows.start)
    return np.unique(np.concatenate(found))


def _outlines_of(one: Entry) -> list[NDArray[np.float64]]:
    """Return the outlines of an annotation; none of runs, which are within their image."""
    said = one["segmentation"]
    return [] if isinstance(said, Mapping) else _rings(said)


def _rings(said: Any) -> list[NDArray[np.float64]]:
    """Return outlines, which programs write as x, y, x, y, as pairs, and one in a list or bare."""
    flat = all(isinstance(n, (int, float)) for n in said)
    pairs = not flat and len(said) > 2 and all(len(one) == 2 for one in said)
    rings = [np.asarray(one, np.float64) for one in ([said] if flat or pairs else said)]
    rings = [ring.reshape(-1, 2) for ring in rings]
    if not all(np.isfinite(ring).all() for ring in rings):
        raise ValueError("corners that are no finite numbers")
    return rings
