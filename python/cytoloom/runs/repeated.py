"""Train once more from what a model remembers, and compare what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import from_plain
from ..datasets.data import Data, as_data, given_data, manifest
from ..errors import invalid
from ..events import Work, note
from ..messages import Argument, say, shortened
from ..models.inputs import as_model
from ..training.session import asked, training
from ..training.stages import Given, Replay
from ..training.trainer import Knots, Trainer, replayed
from .documents import RUN
from .folder import STORE
from .store import Store
from .whereabouts import absent, located

if TYPE_CHECKING:
    import pandas as pd

    from ..models.model import Model

SHARE = 0.2
"""Held out where sides are drawn anew: the default of `train`."""
SURROUNDINGS = ("cytoloom", "backend", "device", "precision", "threads", "reproducible")
"""What may be other than it was, beside versions of libraries, and so may change weights."""


@dataclass(frozen=True, eq=False)
class Rerun:
    """What came of the same training once more.

    Attributes
    ----------
    model : Model
        The new one.
    equal : bool
        Whether all weights, of all members, are equal to the last bit.
    difference : float
        The largest difference between two weights.
    changed : DataFrame
        what, then, now: versions, device and so on that are not as they were.
    """

    model: Model
    equal: bool
    difference: float
    changed: pd.DataFrame

    def __str__(self) -> str:
        if self.equal:
            return "The weights are equal to the last bit."
        words = f"The weights differ, by up to {self.difference:.2g}."
        if not len(self.changed):
            return f"{words} Nothing that is known of the machine and its software has changed."
        return f"{words} Not as they were:\n{self.changed.to_string(index=False)}"


def repeated(
    model: Model | str | os.PathLike[str],
    data: Any,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Work[Rerun]:
    """Train again with the settings of a model, on the same images; see `rerun`."""
    old = as_model(model)
    _refuse_unknown(old)
    given = _given(old)
    found = _as_they_were(old, _found(old, data))
    new: Model = yield from training(
        given, found, SHARE, out=out, overwrite=overwrite, members=old.members
    )
    if _rows(new) != _rows(old):
        yield note("Labels or parts of images are not those of then.")
    apart = _difference(old, new)
    return Rerun(new, apart == 0, apart, _changed(old.info, new.info))


def _refuse_unknown(model: Model) -> None:
    """Refuse a model of which it is not known how it was trained, before any image is read."""
    info = model.info
    whole = info["trainer"] and info["data"] and _knows_folds(model)
    if info["interrupted"] or not whole:
        why = "one that was interrupted" if info["interrupted"] else "one made otherwise"
        raise invalid("model", expected="a model whose training came to its end", received=why)
    start = info["start"]
    if start is not None and not Path(start).is_dir():
        expected = f"the model from which it was fine-tuned in {start}"
        raise invalid("model", expected=expected, received="no such folder")


def _knows_folds(model: Model) -> bool:
    """Whether of each member of an ensemble it is known which images it held out."""
    names = {row["id"] for row in model.info["data"]["train"]}
    each = [set(one["held_out"]) for one in model.info["training"].get("members") or ()]
    count = model.members if model.members > 1 else 0
    return len(each) == count and all(held and held < names for held in each)


def _given(model: Model) -> Given:
    """Return what was asked for; of a training by time, the steps that it came to."""
    info, part = model.info, model.part
    trainer: Trainer = from_plain(info["trainer"], Trainer)
    precise = replace(trainer, precision=info["precision"])
    steps, replays = info["training"], _replays(model)
    if not replays:
        precise = replayed(precise, steps["iterations"], _knots(steps))
    start = info["start"]
    given = asked(part.task, part.network, precise, part.normalize, start, int(info["seed"]))
    return replace(given, replays=replays)


def _replays(model: Model) -> tuple[Replay, ...]:
    """Return what each member of an ensemble held out, and the steps that it came to."""
    return tuple(
        Replay(frozenset(one["held_out"]), one["iterations"], _knots(one))
        for one in model.info["training"].get("members") or ()
    )


def _knots(steps: Mapping[str, Any]) -> Knots:
    return tuple(tuple(one) for one in steps.get("knots") or ())


def _found(model: Model, data: Any) -> Data:
    """Return the images that were given, or those of the run whose model this is."""
    if data is not None:
        found = given_data(data)
    else:
        found = _of_run(model)
    unknown = model.info["training"]["unknown"]
    # what the training understood of each of several values is in no data of one
    one = unknown if isinstance(unknown, int) else None
    return found.with_unknown(one) if one is not None and found.unknown is None else found


def _of_run(model: Model) -> Data:
    folder = None if model.path is None else model.path.parent
    if folder is None or not (folder.parent.parent / STORE).is_file() or folder.parent.name != RUN:
        raise invalid(
            "data",
            expected="the images that the model was trained on",
            received="none",
            remedy=say("Give them as {}: a model knows them by name and pixels.", Argument("data")),
        )
    store = Store(folder.parent.parent)
    begun = store.outcome(folder.name).get("folder")
    split = located(store.run(folder.name).data, begun)
    why = absent(replace(split, test=None), begun)
    if why is not None:
        words = say("Where they are now may be given as {}.", Argument("data"))
        remedy = say("{} {}", why.remedy, words) if why.remedy else words
        raise invalid(why.name, expected=why.expected, received=why.received, remedy=remedy)
    data = as_data(split.train, **split.learning)
    if isinstance(split.validation, (int, float)):
        return data
    held_out = as_data(split.validation, **split.reading)
    return replace(data, items=(*data.items, *held_out.items))


def _as_they_were(model: Model, data: Data) -> Data:
    """Return the images in the order of then, each with its side of the split.

    Where a region of an image was held out, sides are drawn anew, as they were by default.
    """
    rows = {part: model.info["data"][part] for part in ("train", "validation")}
    there = {item.id: item for item in data.items}
    wanted = [row["id"] for part in rows.values() for row in part]
    _refuse(
        [name for name in wanted if name not in there],
        "images by the names that they had in training",
        "no image",
    )
    both = len(set(wanted)) < len(wanted)
    items = tuple(
        replace(there[row["id"]], split=None if both else part)
        for part, each in rows.items()
        for row in each
    )
    if both:
        items = tuple({item.id: item for item in data.items if item.id in wanted}.values())
    found = replace(data, items=items)
    known = {row["id"]: row["values_sha256"] for part in rows.values() for row in part}
    now = {row["id"]: row["values_sha256"] for row in manifest(found)}
    _refuse(
        [name for name in now if now[name] != known[name]],
        "images with the pixels and channels that they had in training",
        "another image",
    )
    return found


def _refuse(names: Sequence[str], expected: str, received: str) -> None:
    if names:
        words = shortened(", ".join(names))
        raise invalid("data", expected=expected, received=f"{received} as {words}")


def _rows(model: Model) -> list[tuple[str, Any, Any]]:
    """List what identifies images and labels of a training, by its sides."""
    data = model.info["data"]
    sides = ("train", "validation")
    return [(side, row["id"], row["label_sha256"]) for side in sides for row in data[side]]


def _difference(old: Model, new: Model) -> float:
    """Return the largest difference between two weights of any member."""
    if old.members != new.members:
        return float("inf")
    return max(_member_difference(old, new, k) for k in range(1, old.members + 1))


def _member_difference(old: Model, new: Model, member: int) -> float:
    """Return the largest difference between two weights; infinite of other shapes."""
    pairs = [one.network_of(member).get_weights() for one in (old, new)]
    if [w.shape for w in pairs[0]] != [w.shape for w in pairs[1]]:
        return float("inf")
    each = zip(*pairs, strict=True)
    return max((float(np.abs(a - b).max()) for a, b in each if a.size), default=0.0)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> pd.DataFrame:
    """Return what surrounded the trainings and is not the same, a row each."""
    import pandas as pd

    sides = [{**{n: one.get(n) for n in SURROUNDINGS}, **one["libraries"]} for one in (old, new)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    each = [(name, sides[0].get(name), sides[1].get(name)) for name in names]
    rows = [(name, str(a), str(b)) for name, a, b in each if a != b]
    return pd.DataFrame(rows, columns=["what", "then", "now"])
