"""Find the consensus of images one after another: what the verb `consensus` composes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.data import Data
from ..datasets.drawn import lost_of
from ..datasets.items import Item, shown_names
from ..datasets.origin import origin
from ..errors import InvalidError, invalid
from ..events import Event, Work, note, warn
from ..messages import TABLES, Setting, counted, one_of, say, spelled
from ..runtime.machine import cores
from ..runtime.parallel import side_by_side
from ..storage.tables import with_counts
from ..version import __version__
from .compare import METHODS, Agreed, agree, mean
from .folder import InMemory, open_folder
from .given import Given, gather, said
from .numbers import (
    MOST_CLASSES,
    TASKS,
    look,
    read,
    refuse_outlines,
    settled,
    understood,
)
from .outstanding import of_experts, of_images
from .result import Consensus

SCORES = ("dice", "iou", "ap50", "ap", "sensitivity", "specificity")
IMAGE = (
    "image", "status", "experts", "objects", "disputed", "foreground", "kappa", "pair_dice", "dice",
    "pair_ap50", "ap50",
)  # fmt: skip
OF_OBJECTS = ("disputed", "pair_ap50", "ap50")
AGREEMENT = {"dice": "agreement", "ap50": "agreement_ap50"}
"""Scores of pairs, and what the mean of an expert's is called."""
OBJECT = ("image", "object", "area_px", "drawn_by", "split_by", "merged_by", "missed_by")


@dataclass(frozen=True, eq=False)
class Judged:
    """One image: what came of it, or why nothing did."""

    item: Item
    agreed: Agreed | None = None
    failed: InvalidError | OSError | None = None
    notes: Sequence[str] = ()
    path: str = ""


def collect(
    experts: Any,
    method: str,
    task: str,
    out: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Work[Consensus]:
    """Do all images; the parameters are those of the verb."""
    if method not in METHODS:
        raise invalid("method", expected=one_of(METHODS), received=method)
    if task not in ("auto", *TASKS):
        raise invalid("task", expected=one_of(("auto", *TASKS)), received=task)
    given = gather(experts)
    for text in given.warnings:
        yield warn(text)
    for text in (*given.notes, said(given)):
        yield note(text)
    with open_folder(out, overwrite, given) as folder:
        kind, values = yield from _survey(given, task)
        if kind == "classes":
            refuse_outlines(given.items)
        if kind == "instances" and task == "auto":
            words = "Each number is taken for an object; pass {} where it is a class."
            yield note(say(words, Setting("task", "classes")))
        folder.run = _run(experts, method, kind)
        judged = yield from _judge(given, method, kind, values, folder)
        found = _together(judged, given, method, kind, folder)
    found = replace(found, classes=tuple(values.tolist()))
    for text in _flagged(found):
        yield note(text)
    return found


def _survey(given: Given, task: str) -> Work[tuple[str, np.ndarray]]:
    """Find out what labels are and which there are, in all images before the first is done."""
    if task in ("binary", "instances"):
        return task, np.arange(2)
    seen = {}
    with side_by_side(given.items, look, cores()) as begun:
        for k, (item, finish) in enumerate(begun):
            yield from _progress("reading", item, k, len(given.items))
            with contextlib.suppress(InvalidError, OSError):  # told when its turn comes
                seen[item.id] = finish()
    kind = settled(task, seen)
    if kind != "classes":
        return kind, np.arange(2)
    values = np.unique(np.concatenate([[0], *(one.values for one in seen.values())]))
    if len(values) > MOST_CLASSES:
        expected = f"at most {MOST_CLASSES} classes"
        raise invalid("experts", expected=expected, received=f"{len(values)} different numbers")
    return kind, values


def _progress(what: str, item: Item, k: int, total: int) -> Iterator[Event]:
    """Say how far it is, where that takes more than one image."""
    if total > 1:
        yield Event("progress", f"{what} {k + 1}/{total}: {item.id}", k, total)


def _judge(
    given: Given, method: str, kind: str, values: np.ndarray, folder: InMemory
) -> Work[list[Judged]]:
    """Do all images, and tell what goes wrong with some."""

    def work(item: Item) -> Judged:
        return _judged(item, method, kind, values, folder)

    done = []
    with side_by_side(given.items, work, cores()) as begun:
        for k, (item, finish) in enumerate(begun):
            yield from _progress("image", item, k, len(given.items))
            one = finish()
            for text in one.notes:
                yield warn(text)
            if one.failed is not None:
                if len(given.items) == 1:
                    raise one.failed
                yield warn(say("{} has no consensus: {}", item.id, str(one.failed)))
            done.append(one)
    return done


def _judged(item: Item, method: str, kind: str, every: np.ndarray, folder: InMemory) -> Judged:
    """Do one image, and write it; what cannot be read is its row."""
    try:
        drawn, failed = read(item)
        lost = [text for source in item.annotations for text in lost_of(source)]
        agreed = agree(understood(drawn, kind), method, every)
    except (InvalidError, OSError) as error:
        return Judged(item, failed=error)
    notes = [say("{} is left out of {}: {}", who, item.id, why) for who, why in failed.items()]
    notes += lost
    path = folder.write(item, agreed)
    return Judged(item, folder.kept(agreed), notes=notes, path=path)


def _together(
    judged: Sequence[Judged], given: Given, method: str, kind: str, folder: InMemory
) -> Consensus:
    """Put the tables together, and write them."""
    done = [one for one in judged if one.agreed is not None]
    if not done:
        raise invalid(
            "experts",
            expected="at least one image that can be used",
            received=str(judged[0].failed),
        )
    of_objects = kind == "instances"
    columns = [name for name in IMAGE if name not in OF_OBJECTS or of_objects]
    per_image = pd.DataFrame([_row(one) for one in judged], columns=columns)
    per_image = with_counts(per_image, *{"objects", "disputed"}.intersection(columns))
    per_image["flags"] = of_images(per_image)
    per_image["labels"] = [one.path for one in judged]
    labelled = _table(done, "labelled", ("image", "expert", "objects", *SCORES))
    scores = ("dice", "iou", "ap50") if of_objects else ("dice", "iou")
    pairs = _table(done, "pairs", ("image", "expert", "other", *scores))
    per_expert = _per_expert(given.experts, labelled, pairs)
    per_expert["flags"] = of_experts(per_expert, pairs)
    objects = _table(done, "objects", OBJECT)
    written = folder.finish(per_image, per_expert, labelled, pairs, *[objects] * of_objects)
    if folder.path is not None:
        below = [str(folder.path / path) if path else "" for path in per_image["labels"]]
        per_image = per_image.assign(labels=below)
    found = {one.item.id: one.agreed for one in done}
    labels = {name: one.labels for name, one in found.items() if one.labels.size}
    soft = {name: one.shares for name, one in found.items() if one.shares is not None}
    return Consensus(
        per_image, per_expert, labelled, pairs, objects, method, kind, folder.path, (), labels,
        soft, written, folder.run,
    )  # fmt: skip


def _run(experts: Any, method: str, kind: str) -> dict[str, Any]:
    """Return what a consensus is made by, as plain values."""
    known = isinstance(experts, Data)
    drawn, images = ({}, experts.origin) if known else (origin(experts), {})
    asked = {"method": method, "task": kind}
    return {
        "verb": "consensus", "version": __version__, "experts": drawn, "images": dict(images),
        "settings": asked,
    }  # fmt: skip


def _row(one: Judged) -> dict[str, Any]:
    name = {"image": one.item.id}
    if one.agreed is None:
        counts = {"experts": len(one.item.annotations), "objects": pd.NA}
        return {**name, "status": spelled(str(one.failed), TABLES), **counts}
    return {**name, "status": "ok", **one.agreed.row}


def _table(done: Sequence[Judged], part: str, columns: Sequence[str]) -> pd.DataFrame:
    rows = [{"image": one.item.id, **row} for one in done for row in getattr(one.agreed, part)]
    return pd.DataFrame(rows, columns=list(columns))


def _per_expert(
    experts: Sequence[str], labelled: pd.DataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    rows = []
    for name in experts:
        own = labelled[labelled["expert"] == name]
        with_others = pairs[(pairs["expert"] == name) | (pairs["other"] == name)]
        scores = {score: mean(own[score].tolist()) for score in SCORES}
        agreement = {
            name: mean(with_others[score].tolist())
            for score, name in AGREEMENT.items()
            if score in pairs
        }
        rows.append({"expert": name, "images": len(own), **scores, **agreement})
    kinds = [name for score, name in AGREEMENT.items() if score in pairs]
    return pd.DataFrame(rows, columns=["expert", "images", *SCORES, *kinds])


def _flagged(found: Consensus) -> Iterator[str]:
    """Say who and what stands out."""
    for row in found.per_expert.itertuples():
        if row.flags:
            yield f"{row.expert} {row.flags}."
    odd = found.per_image[found.per_image["flags"] != ""]
    for text, rows in odd.groupby("flags"):
        yield f"{shown_names(rows['image'].tolist())}: {text}."
    disputed = found.objects[(found.objects[["split_by", "merged_by"]] != "").any(axis=1)]
    if len(disputed):
        where = counted(disputed["image"].nunique(), "image")
        yield f"{counted(len(disputed), 'object')} in {where} were split or merged by some."
