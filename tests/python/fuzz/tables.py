"""Tables of other spreadsheets and names of every kind; files beside the results stay alone."""
# ruff: noqa: E501

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import model_folders
from .damage import damaged, misplaced
from .pool import Silent
from .values import odd

_READY: dict[str, Any] = {}
NAMES = (
    "a", "A", "a ", " a", "a.", ".a", "..", ".", "", " ", "../a", "../../keep/a", "/tmp/fuzz-name",
    "a/b", "a\\b", "C:\\a", "C:a", "con", "CON", "nul.tif", "com1", "a:b", "a*b", "a?b", 'a"b', "a<b",
    "a|b", "a\nb", "a\rb", "a\tb", "a\0b", "\x7f", "é", "e\u0301", "ß", "日本語", "\u202ea", "\udcff", "a" * 300,
    "é" * 200, "NA", "null", "None", "nan", "TRUE", "007", "1e5", "-1", "=1+1", "+a", "-a", "@a", "#a",
    "a,b", "a;b", "a'b", "`a`", "$(a)", "%d", "{}", "~", "~nobody", "a_t000", "labels", "objects.csv",
)  # fmt: skip

KEYS = ("images", "labels", "names", "groups", "splits", "unknown", "axes", "channels", "pattern",
        "pixel_size_um", "class_ids", "folder", "table", "base")  # fmt: skip
"""What a dictionary may say of data."""


def prepare(root: Path) -> None:
    """Load the model, and make images small enough to be many."""
    import cytoloom as cl

    _READY["model"] = cl.load(model_folders.ready())
    pairs = [cl.simulate.nuclei(shape=(24, 24), count=1, seed=k) for k in range(4)]
    _READY["images"], _READY["labels"] = zip(*pairs, strict=True)


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Use a table or names; then look whether anything else was changed."""
    use = str(rng.choice(list(_USES), p=np.array(_OFTEN) / sum(_OFTEN)))
    keep = folder / "keep"
    keep.mkdir()
    (keep / "a.tif").write_bytes(b"precious")
    (folder / "work").mkdir()
    said, action = _USES[use](rng, folder / "work")

    def guarded() -> None:
        before = _beside(folder)
        try:
            action()
        finally:
            after = _beside(folder)
            changed = sorted(set(after.items()) ^ set(before.items()))
        if changed:
            raise Silent(f"changed beside its results: {changed[:3]}")

    return f"{use}: {said}", guarded


def _beside(folder: Path) -> dict[str, str]:
    """Return the hash of each file that is no result."""
    out = folder / "work" / "out"
    files = [p for p in folder.rglob("*") if p.is_file() and out not in p.parents]
    files += [p for p in folder.parent.glob("*") if p.is_file()]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _some(rng: np.random.Generator, count: int) -> list[str]:
    return [NAMES[int(rng.integers(len(NAMES)))] for _ in range(count)]


def _names_of_arrays(rng: np.random.Generator, work: Path) -> tuple[str, Callable[[], object]]:
    names = _some(rng, int(rng.integers(1, 4)))
    arrays = _READY["images"][: len(names)]
    images: dict[Any, Any] = dict(zip(names, arrays, strict=True))
    if rng.random() < 0.2:
        images |= {1: arrays[0], "1": arrays[0]}
    return f"{list(images)}", lambda: _predict(images, work, len(images))


def _names_of_files(rng: np.random.Generator, work: Path) -> tuple[str, Callable[[], object]]:
    (work / "images").mkdir()
    made = []
    for name, array in zip(_some(rng, 3), _READY["images"], strict=False):
        try:
            path = work / "images" / f"{name}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, array)
            made += [name] if path.parent == work / "images" else []
        except (OSError, ValueError):  # no name of a file
            continue
    # what begins with a dot is hidden, and passed over
    count = len([p for p in (work / "images").glob("**/*.npy") if not p.name.startswith(".")])
    return f"{made}", lambda: _predict(work / "images", work, count)


def _predict(images: Any, work: Path, count: int) -> None:
    """Predict, and read the tables back."""
    import pandas as pd

    import cytoloom as cl

    found = cl.predict(
        _READY["model"], images, out=work / "out", overlay=True, progress=False, overwrite=True
    )
    if len(found.files) != count:
        raise Silent(f"{count} images, {len(found.files)} rows: {list(found.files['image'])}")
    bad = [s for s in found.files["status"] if s != "ok"]
    if not bad:
        written = {p for p in (work / "out" / "labels").rglob("*") if p.is_file()}
        named = {work / "out" / name for name in _read_back(pd, work)["labels"]}
        if len(written) != count or named != written:
            raise Silent(f"{count} images, label images {sorted(written)}, named {sorted(named)}")
    if list(_read_back(pd, work)["image"]) != [str(i) for i in found.files["image"]]:
        raise Silent(f"files.csv gives back {list(_read_back(pd, work)['image'])}")


def _read_back(pd: Any, work: Path) -> Any:
    return pd.read_csv(work / "out" / "files.csv", dtype=str, keep_default_na=False)


def _files(work: Path) -> None:
    for k, (image, labels) in enumerate(zip(_READY["images"], _READY["labels"], strict=True)):
        np.save(work / f"{k}.npy", image)
        np.save(work / f"{k}_labels.npy", labels)


def _text(rng: np.random.Generator) -> tuple[bytes, str]:
    """Write a table as some spreadsheet would, or as nobody would."""
    rows = [["image", "label", "name", "group", "split", "weight"][: int(rng.integers(1, 7))]]
    rows[0] = [str(rng.choice([c, c, c, c, c.upper(), f" {c} ", "", "b"])) for c in rows[0]]
    for k in range(int(rng.choice([0, 1, 3, 3]))):
        cells = [f"{k}.npy", f"{k}_labels.npy", *_some(rng, 4)]
        if rng.random() < 0.2:
            cells[int(rng.integers(2))] = _some(rng, 1)[0]
        if rng.random() < 0.15:
            cells[:2] = ["0.npy", "0_labels.npy"]
        rows.append(cells[: len(rows[0]) + int(rng.choice([0, 0, 0, 0, 1, -1]))])
    separator = str(rng.choice([",", ",", ";", "\t", "|", " "]))
    quote = '"' if rng.random() < 0.4 else ""
    end = str(rng.choice(["\n", "\n", "\r\n", "\r", "\n\n"]))
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    encoding = str(rng.choice(["utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16"]))
    data = (end.join(lines) + end).encode(encoding, "replace")
    if rng.random() < 0.2:
        data = damaged(rng, data, head=30)[0]
    return data, f"{encoding}, {separator!r}, ends {end!r}, {lines[:2]}"[:160]


def _table(rng: np.random.Generator, work: Path) -> tuple[str, Callable[[], object]]:
    _files(work)
    data, said = _text(rng)
    ending = str(rng.choice([".csv", ".csv", ".tsv", ".txt"]))
    path = work / f"table{ending}"
    path.write_bytes(data)
    if rng.random() < 0.1:
        said += f", {misplaced(rng, path, work)}"
    verb = str(rng.choice(["check", "evaluate", "predict"]))
    return f"{verb}, {said}", lambda: _apply(verb, path, work)


def _apply(verb: str, data: Any, work: Path) -> None:
    import cytoloom as cl

    if verb == "check":
        str(cl.check(data, progress=False))
    elif verb == "evaluate":
        cl.evaluate(_READY["model"], data, out=work / "out", progress=False)
    else:
        cl.predict(_READY["model"], data, out=work / "out", progress=False)


def _columns(rng: np.random.Generator, work: Path) -> tuple[str, Callable[[], object]]:
    """Give a table of columns whose cells are of any type."""
    _files(work)
    table: dict[Any, Any] = {
        "image": [str(work / f"{k}.npy") for k in range(3)],
        "label": [str(work / f"{k}_labels.npy") for k in range(3)],
    }
    for column in ("name", "group", "split", "weight"):
        if rng.random() < 0.3:
            table[column] = [odd(rng) for _ in range(3)]
    key = str(rng.choice(list(table)))
    kind = str(rng.choice(["a cell", "a column", "other length", "another name"]))
    if kind == "a cell":
        table[key][int(rng.integers(3))] = odd(rng)
    elif kind == "a column":
        table[key] = odd(rng)
    elif kind == "other length":
        table[key] = table[key][:1]
    else:
        table[odd_key(rng)] = table.pop(key)

    def check() -> None:
        import cytoloom as cl

        str(cl.check(cl.Data.from_table(table), progress=False))

    return f"{kind} of {key}", check


def odd_key(rng: np.random.Generator) -> Any:
    """Return something odd that may name a column."""
    return [None, 1, "", "IMAGE", ("image", 1), 1.5, float("nan"), b"image"][int(rng.integers(8))]


def _pairs(rng: np.random.Generator, work: Path) -> tuple[str, Callable[[], object]]:
    """Give names beside arrays."""
    names = _some(rng, 4)
    data: dict[str, Any] = {
        "images": list(_READY["images"]),
        "labels": list(_READY["labels"]),
        "names": names,
    }
    if rng.random() < 0.3:
        data[str(rng.choice(KEYS))] = odd(rng)
    verb = str(rng.choice(["check", "evaluate", "predict"]))
    if verb == "predict":
        data.pop("labels", None)
        return f"predict {data['names']}", lambda: _predict(data, work, 4)
    return f"{verb} {names}", lambda: _apply(verb, data, work)


_USES = {
    "arrays by name": _names_of_arrays,
    "files of such names": _names_of_files,
    "table": _table,
    "columns": _columns,
    "pairs": _pairs,
}
_OFTEN = (2, 2, 4, 2, 2)
