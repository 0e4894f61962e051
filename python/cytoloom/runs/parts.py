"""What a run is put together of, and the run itself."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..components import component, from_plain, to_plain
from ..components.arguments import check_members, checked, checked_seed
from ..datasets.mapped import checked_class_ids
from ..errors import InvalidError, invalid
from ..images.normalize import Normalize
from ..messages import one_of, shortened
from ..networks.network import Network
from ..networks.unet import UNet
from ..storage.names import file_name
from ..tasks import Instances
from ..tasks.task import Task
from ..training.trainer import Trainer

PLANNED = "planned"
"""Name of the network that is planned from the images."""
LONGEST_NAME = 120


@component
@dataclass(frozen=True)
class DataSplit:
    """Which images a run learns from, which it holds out, and which it is scored on.

    Parameters
    ----------
    train : path
        Folder or CSV file, as `train` takes it. Relative paths are so to the working directory.
    validation : float or path, default 0.2
        Share that is held out, or images for that.
    test : path, optional
        Images that the trained model is scored on.
    channels : int, str or sequence of them, optional
        Channels to use, as for `as_data`; so are the next five.
    unknown : int, optional
        The label value that counts nowhere.
    axes : str, optional
        What the stored axes of the images are.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding the files.
    pattern : str, optional
        How names of files tell which are one image.
    class_ids : dict of str to list of int, optional
        Which ids of the labels are which class, as for `as_data`.
    normalize : Normalize, optional
        Scaling of each image; default as `train` has it.
    object_classes : path, optional
        Table of the classes of objects of `train`, as for `as_data`; others have it beside them.
    also : path or sequence of paths, optional
        More data to learn from, as different as they are; see `as_data`.
    weights : tuple of float, optional
        How often patches of each are seen, `train` first and then `also`.

    Raises
    ------
    InvalidError
        A value that cannot be used.

    Examples
    --------
    >>> DataSplit("data/train", test="data/test").validation
    0.2
    """

    train: str | Path
    validation: float | str | Path = 0.2
    test: str | Path | None = None
    channels: Any = None
    unknown: int | None = None
    axes: str | None = None
    pixel_size_um: float | tuple[float, ...] | None = None
    pattern: str | None = None
    class_ids: Any = None
    normalize: Normalize | None = None
    object_classes: str | Path | None = None
    also: Any = None
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test", "object_classes"):
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                object.__setattr__(self, name, os.fspath(value))
        object.__setattr__(self, "also", _paths(self.also))
        object.__setattr__(self, "channels", _channels(self.channels))
        object.__setattr__(self, "class_ids", checked_class_ids(self.class_ids))

    @property
    def reading(self) -> dict[str, Any]:
        """How images are read, by the names that `as_data` has."""
        names = ("channels", "unknown", "axes", "pixel_size_um", "pattern", "class_ids")
        return {name: getattr(self, name) for name in names}

    @property
    def learning(self) -> dict[str, Any]:
        """How those to learn from are read, likewise."""
        names = ("object_classes", "also", "weights")
        return self.reading | {name: getattr(self, name) for name in names}


def _paths(value: Any) -> tuple[str, ...] | None:
    """Return one path or several as a tuple of texts."""
    if value is None:
        return None
    several = (value,) if isinstance(value, (str, os.PathLike)) else value
    listed = isinstance(several, (list, tuple)) and len(several) > 0
    if not listed or not all(isinstance(one, (str, os.PathLike)) for one in several):
        raise invalid("also", expected="a path or several", received=value)
    return tuple(map(os.fspath, several))


def _channels(value: Any) -> Any:
    """Return channels with tuples for lists, as they come back from no file."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_channels, value))
    if isinstance(value, float) and value.is_integer():  # as R sends them
        return int(value)
    if value is None or (isinstance(value, (int, str)) and not isinstance(value, bool)):
        return value
    raise invalid("channels", expected="indexes from 0, or names", received=value)


KINDS: dict[str, tuple[type, type]] = {
    "data": (DataSplit, DataSplit),
    "network": (Network, UNet),
    "task": (Task, Instances),
    "trainer": (Trainer, Trainer),
}
"""Of each part what it must be, and what it is where its settings name no class."""


@checked
@dataclass(frozen=True)
class Run:
    """One training by its parts, each with a name.

    Parameters
    ----------
    name : str
        Its own; also the name of a folder.
    data : DataSplit
        Which images.
    network : Network or None, default None
        None: planned from the images.
    task : Task, default Instances()
        What is learned.
    trainer : Trainer, default Trainer()
        How long and how.
    start : str, optional
        Name of a run in the same store, or folder of a model, to go on from: heads and classes of
        the same names are taken over and the others start fresh, which is said.
    seed : int, default 0
        Decides what is held out, the weights and every batch.
    members : int, default 1
        Networks of an ensemble.
    folds : int, optional
        Parts of the images, for `members`.
    parts : dict of str to str, default {}
        Name of each part by "data", "network", "task" and "trainer"; default those of `part_name`.

    Examples
    --------
    >>> run = Run("first", DataSplit("data/nuclei"), network=UNet(filters=8), seed=1)
    >>> run.parts["data"], run.parts["network"]
    ('nuclei', 'unet-filters8')
    """

    name: str
    data: DataSplit
    network: Network | None = None
    task: Task = field(default_factory=Instances)
    trainer: Trainer = field(default_factory=Trainer)
    start: str | None = None
    seed: int = 0
    members: int = 1
    folds: int | None = None
    parts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.name, "name")
        checked_seed(self.seed)
        check_members(self.members, self.folds)
        names = {kind: part_name(kind, checked_part(kind, getattr(self, kind))) for kind in KINDS}
        # of a network that is planned, a store keeps no part
        given = {**self.parts, "network": PLANNED} if self.network is None else self.parts
        object.__setattr__(self, "parts", {**names, **given})
        for kind, name in self.parts.items():
            checked_name(name, kind)

    def to_plain(self) -> dict[str, Any]:
        """Return what is written of the run itself, with its parts by their names."""
        names = {kind: self.parts[kind] for kind in KINDS}
        names["network"] = None if self.network is None else names["network"]  # type: ignore[assignment]
        more = {name: getattr(self, name) for name in MORE}
        return {**names, **more}

    @property
    def contents(self) -> dict[str, Any]:
        """What it is but for names, by which the same run is known under another one."""
        return to_plain({name: getattr(self, name) for name in (*KINDS, *MORE)})  # type: ignore[no-any-return]


MORE = ("start", "seed", "members", "folds")
"""Fields of a run beside its parts."""


def digest(plain: Any) -> str:
    """Return a hash of plain values, whatever their order.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def part_of(kind: str, plain: Any, where: str = "") -> Any:
    """Build a part of its settings; one that names no class is the usual one of its kind.

    Parameters
    ----------
    kind : {"data", "network", "task", "trainer"}
        Which part.
    plain : dict
        Its settings.
    where : str, default ""
        What they are called in errors: by custom their file, kind and name.

    Examples
    --------
    >>> part_of("network", {"filters": 8}).filters
    8
    """
    expected, usual = KINDS[kind]
    try:
        return from_plain({"name": usual.__name__, **plain}, expected)
    except InvalidError as error:
        raise error.renamed(f"{where or kind}, {error.name}") from None
    except (ValueError, TypeError) as error:  # whatever a class of others has against it
        expected = f"settings of a {kind}"
        raise invalid(where or kind, expected=expected, received=str(error)) from None


def checked_part(kind: str, value: Any) -> Any:
    """Refuse what is no part of its kind; a network may be planned later."""
    wanted = KINDS[kind][0]
    if not isinstance(value, wanted) and not (kind == "network" and value is None):
        raise invalid(kind, expected=f"a {wanted.__name__}", received=value)
    return value


def checked_kind(kind: str) -> str:
    """Refuse what is no kind of part."""
    if kind not in KINDS:
        raise invalid("kind", expected=one_of(KINDS), received=kind)
    return kind


def checked_name(name: Any, argument: str) -> str:
    """Refuse a name that not every system takes as the name of a file, or that reads like a path.

    Examples
    --------
    >>> checked_name("nuclei-2", "name")
    'nuclei-2'
    >>> checked_name("../nuclei", "name")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `name`. Expected a name of letters, ...
    """
    text = name if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or file_name(text) != text or text[:1] in "-. ":
        raise invalid(
            argument,
            expected="a name of letters, digits and - _ . + = that could be that of a file",
            received=shortened(str(name)) or "an empty one",
        )
    return text


def part_name(kind: str, value: Any) -> str:
    """Return the name of a part that was given without one: what differs from the usual.

    Examples
    --------
    >>> part_name("network", UNet(filters=8)), part_name("network", None)
    ('unet-filters8', 'planned')
    >>> part_name("data", DataSplit("data/nuclei")), part_name("trainer", Trainer(minutes=2))
    ('nuclei', 'trainer-minutes2')
    """
    if value is None:
        return PLANNED
    if kind == "data":
        plain = to_plain(value)
        usual = plain == to_plain(DataSplit(value.train))
        base = file_name(Path(value.train).stem or "data").lstrip("-._ ") or "data"
        return base[:80] if usual else f"{base[:80]}-{digest({**plain, 'train': None})[:6]}"
    words = [type(value).__name__.lower()]
    usual_values = _defaults(value)
    for name, own in to_plain(value).items():
        if name not in ("name", "module") and own != usual_values.get(name):
            plain = isinstance(own, (int, float, str, bool)) and file_name(str(own)) == str(own)
            words.append(
                f"{name}{own:g}"
                if _is_number(own)
                else f"{name}{own}"
                if plain
                else f"{name}{digest(own)[:6]}"
            )
    text = "-".join(words)
    return text if len(text) <= 80 else f"{words[0]}-{digest(to_plain(value))[:8]}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _defaults(value: Any) -> dict[str, Any]:
    """Return the plain fields of a component as they are where nothing is said."""
    known = {}
    for one in dataclasses.fields(value):
        if one.default is not dataclasses.MISSING:
            known[one.name] = to_plain(one.default)
        elif one.default_factory is not dataclasses.MISSING:
            known[one.name] = to_plain(one.default_factory())
    return known
