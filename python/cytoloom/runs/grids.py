"""All combinations of parts: the runs of a grid, from Python or from a file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..components.arguments import check_members, checked, checked_seed
from ..errors import InvalidError, invalid
from ..messages import one_of
from ..storage.names import told_apart
from ..tasks import resolve
from ..training.trainer import Trainer
from .parts import KINDS, DataSplit, Run, checked_name, checked_part, part_name, part_of
from .yaml_text import read_file

FIELDS = (*KINDS, "start", "repetitions", "seed", "members", "folds")
"""What a file of runs may hold."""
Named = dict[str, Any]


@checked
def grid(
    data: Any,
    network: Any = None,
    task: Any = "instances",
    trainer: Any = None,
    *,
    start: str | None = None,
    repetitions: int = 1,
    seed: int = 0,
    members: int = 1,
    folds: int | None = None,
) -> list[Run]:
    """Combine parts to runs: each data with each network, each task and each trainer.

    Parameters
    ----------
    data : DataSplit or path, list of them, or dict by name
        Which images. A path is that of the training images, of which a fifth is held out.
    network : Network or None, list of them, or dict by name, optional
        None: planned from the images.
    task : Task or str, list of them, or dict by name, default "instances"
        What is learned.
    trainer : Trainer or None, list of them, or dict by name, optional
        None: ten minutes.
    start : str, optional
        Name of a run in the same store, or folder of a model, that all go on from.
    repetitions : int, default 1
        How often each, with seeds `seed`, `seed` + 1, ...: other images held out, other weights.
    seed : int, default 0
        Of the first repetition.
    members, folds : int, optional
        Of each run an ensemble, as for `train`.

    Returns
    -------
    list of Run
        Named by their parts and their seed. Parts without a name are named by what they are.

    Raises
    ------
    InvalidError
        Something that is no part, or the same name twice.

    Examples
    --------
    >>> from cytoloom.networks.unet import UNet
    >>> runs = grid(
    ...     "data/nuclei",
    ...     network={"small": UNet(filters=8), "large": UNet(filters=32)},
    ...     trainer=Trainer(minutes=1),
    ...     repetitions=2,
    ... )
    >>> len(runs), runs[0].name
    (4, 'nuclei.small.instances.trainer-minutes1.seed0')
    """
    if repetitions < 1:
        raise invalid("repetitions", expected="1 or more", received=repetitions)
    check_members(members, folds)
    given = {"data": data, "network": network, "task": task, "trainer": trainer}
    parts = {kind: _named(kind, value) for kind, value in given.items()}
    seeds = [checked_seed(seed + k) for k in range(repetitions)]
    more = {"start": start, "members": members, "folds": folds}
    return [
        _run(dict(zip(KINDS, combined, strict=True)), one, more)
        for combined in itertools.product(*(parts[kind].items() for kind in KINDS))
        for one in seeds
    ]


def _run(parts: Mapping[str, tuple[str, Any]], seed: int, more: Mapping[str, Any]) -> Run:
    names = {kind: name for kind, (name, _) in parts.items()}
    values = {kind: value for kind, (_, value) in parts.items()}
    name = ".".join([*names.values(), f"seed{seed}"])
    return Run(name, **values, **more, seed=seed, parts=names)


def _named(kind: str, given: Any) -> Named:
    """Return parts by name: of a dictionary its own, else by what they are."""
    if isinstance(given, Mapping):
        if not given:
            raise invalid(kind, expected="one or more", received="none")
        return {checked_name(name, kind): _part(kind, value) for name, value in given.items()}
    values = [_part(kind, one) for one in (given if isinstance(given, list) else [given])]
    if not values:
        raise invalid(kind, expected="one or more", received="none")
    distinct = [v for k, v in enumerate(values) if v not in values[:k]]
    names = told_apart([part_name(kind, value) for value in distinct])
    return dict(zip(names, distinct, strict=True))


def _part(kind: str, value: Any) -> Any:
    """Return one part as the component that it means."""
    if kind == "data" and isinstance(value, (str, os.PathLike)):
        return DataSplit(value)
    if kind == "task" and isinstance(value, str):
        return resolve(value)
    if kind == "trainer" and value is None:
        return Trainer()
    return checked_part(kind, value)


def read_grid(path: str | os.PathLike[str], known: Callable[[str, str], Any]) -> list[Run]:
    """Read a file of runs.

    Parameters
    ----------
    path : path
        YAML with the names of `grid`'s arguments. Each part is settings by name, or a name, or a
        list of names: of a part in the store, else of a task, or the path of data.
    known : callable
        From a kind and a name to that part of the store, or None.

    Returns
    -------
    list of Run
        See `grid`.

    Raises
    ------
    InvalidError
        No such file, or something in it that is no part.
    """
    file = Path(path).expanduser()
    plain = read_file(file)
    odd = sorted(set(plain) - set(FIELDS))
    if odd or "data" not in plain:
        received = ", ".join(odd) or "no data"
        raise invalid(str(file), expected=one_of(FIELDS), received=received)
    parts = {
        kind: _written(kind, plain[kind], known, file)
        for kind in KINDS
        if plain.get(kind) is not None
    }
    more = {name: plain[name] for name in FIELDS if name not in KINDS and name in plain}
    with _named_as(file):
        return grid(**{**more, **parts})


@contextmanager
def _named_as(file: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in which something is that cannot be used."""
    try:
        yield
    except InvalidError as error:
        raise error.renamed(f"{file}, {error.name}") from None


def _written(kind: str, plain: Any, known: Callable[[str, str], Any], file: Path) -> Named:
    """Return the parts that a file has written down, or names."""
    if isinstance(plain, Mapping):
        return {
            _name(kind, name, file): _one_written(kind, f"{kind} {name}", one, known, file)
            for name, one in plain.items()
        }
    with _named_as(file):
        each = plain if isinstance(plain, list) else [plain]
        return dict(_called(kind, str(one), known) for one in each)


def _name(kind: str, name: Any, file: Path) -> str:
    """Refuse a name that YAML takes for something else than text."""
    with _named_as(file):
        if isinstance(name, str):
            return checked_name(name, kind)
        remedy = "Put it in quotes, if it is the name."
        raise invalid(kind, expected="a name that is text", received=name, remedy=remedy)


def _one_written(
    kind: str, called: str, plain: Any, known: Callable[[str, str], Any], file: Path
) -> Any:
    """Return one part of a file, by its settings or by its name in the store."""
    if isinstance(plain, Mapping):
        return part_of(kind, plain, f"{file}, {called}")
    if isinstance(plain, str):
        with _named_as(file):
            return _called(kind, plain, known)[1]
    raise invalid(f"{file}, {called}", expected=f"settings of a {kind}", received=plain)


def _called(kind: str, name: str, known: Callable[[str, str], Any]) -> tuple[str, Any]:
    """Return a part by its name, or by what it is, with its name."""
    part = known(kind, name)
    if part is not None:
        return name, part
    if kind in ("data", "task"):
        value = _part(kind, name)
        return part_name(kind, value), value
    raise invalid(kind, expected=f"settings, or the name of a {kind} in the store", received=name)


def given_runs(given: Any, known: Callable[[str, str], Any]) -> list[Run]:
    """Return the runs that were given, or that files or the arguments of `grid` say."""
    if isinstance(given, Mapping):
        odd = sorted(set(given) - set(FIELDS))
        if odd or "data" not in given:
            expected, received = one_of(FIELDS), ", ".join(odd) or "no data"
            raise invalid("runs", expected=expected, received=received)
        return grid(**{name: one for name, one in given.items() if one is not None})
    each = given if isinstance(given, (list, tuple)) else [given]
    found = []
    for one in each:
        found += read_grid(one, known) if isinstance(one, (str, os.PathLike)) else [one]
    return found
