"""Tables of features in files: CSV, Parquet, AnnData's .h5ad and the Explorer's .hdf."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import invalid
from ..events import Event, Work
from ..images.vendor import package
from ..messages import Setting, say
from ..storage.atomic import meant, told, write_whole
from ..storage.tables import write_parquet, write_table
from ..version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from .gathered import Cells

SUFFIXES = (".csv", ".parquet", ".h5ad", ".hdf")
Features = list[str]


def free_file(out: str | os.PathLike[str], overwrite: bool, cells: Cells | None = None) -> Path:
    """Return where a table of features may be written, or say why not, before any is measured."""
    path = meant(out)
    if path.suffix not in SUFFIXES:
        expected = f"a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise invalid("out", expected=expected, received=str(path))
    if not path.absolute().parent.is_dir():
        raise invalid("out", expected="a file in a folder that exists", received=str(path))
    if path.exists() and not overwrite:
        remedy = say("Pass {} to replace it, or another name.", Setting("overwrite", True))
        raise invalid("out", expected="a new file", received=str(path), remedy=remedy)
    if path.suffix in (".h5ad", ".hdf"):
        package("h5py", path, "cells")
    if path.suffix == ".hdf" and cells is not None:
        size = cells.cut.size_px
        if len(size) != 2 or len(set(size)) > 1:
            expected = "square crops of flat images, for the Explorer's file"
            raise invalid("out", expected=expected, received=say("{} px", size))
    return path


def write_features(table: pd.DataFrame, path: Path, names: Features, cells: Cells) -> Work[None]:
    """Write a table of features, whole.

    Parameters
    ----------
    table : DataFrame
        A row per cell.
    path : Path
        As `free_file` returned it; its ending says which kind of file.
    names : list of str
        Columns that are features.
    cells : Cells
        The cells, of which the Explorer's file has the pixels.
    """
    with told(path):
        if path.suffix == ".hdf":
            yield from _write_explorer(table, path, names, cells)
        elif path.suffix == ".h5ad":
            write_h5ad(table, path, names)
        else:
            (write_parquet if path.suffix == ".parquet" else write_table)(table, path)


def write_h5ad(table: pd.DataFrame, path: Path, names: Features) -> None:
    """Write AnnData as its specification of files has it: X, obs, var and positions in obsm.

    The package anndata is not needed. ``X`` (cells, features) is float32; ``obs`` has everything
    else that is known of a cell, its index made of image and object; ``var`` the kind of each
    feature; ``obsm["spatial"]`` where cells are, (x, y) or (x, y, z) in px, as squidpy takes it.
    """
    h5py = package("h5py", path, "cells")
    about = table.drop(columns=names)

    def write(temporary: str) -> None:
        with h5py.File(temporary, "w") as file:
            _encoded(file, "anndata", "0.1.0")
            _array(file, "X", table[names].to_numpy(np.float32))
            _frame(file, "obs", about, _cell_names(table))
            kinds = [name.partition("_")[0] for name in names]
            _frame(file, "var", {"kind": np.array(kinds, object)}, names)
            for name in ("layers", "obsp", "varm", "varp"):
                _encoded(file.create_group(name), "dict", "0.1.0")
            places = _encoded(file.create_group("obsm"), "dict", "0.1.0")
            at = [name for name in ("centroid_x", "centroid_y", "centroid_z") if name in table]
            _array(places, "spatial", table[at].to_numpy(np.float64))
            uns = _encoded(file.create_group("uns"), "dict", "0.1.0")
            _encoded(uns.create_dataset("cytoloom", data=__version__), "string", "0.2.0")

    write_whole(path, write, lasting=True)


def _encoded(node: Any, kind: str, version: str) -> Any:
    node.attrs["encoding-type"], node.attrs["encoding-version"] = kind, version
    return node


def _array(group: Any, name: str, values: Any) -> None:
    if values.dtype.kind == "O":
        import h5py

        texts = group.create_dataset(name, data=list(values), dtype=h5py.string_dtype())
        _encoded(texts, "string-array", "0.2.0")
    else:
        more = {"compression": "gzip"} if values.size > 10_000 else {}
        _encoded(group.create_dataset(name, data=values, **more), "array", "0.2.0")


def _frame(group: Any, name: str, columns: Any, index: list[str]) -> None:
    """Write a data frame; texts as categories, which may be missing."""
    frame = _encoded(group.create_group(name), "dataframe", "0.2.0")
    names = list(map(str, columns))
    # a name of HDF5 has no slash
    keys = [key.replace("/", "_") for key in names]
    keys = [f"{key}_{k}" if keys.index(key) < k else key for k, key in enumerate(keys)]
    frame.attrs["_index"] = "_index"
    frame.attrs.create("column-order", keys, dtype=_text_type(), shape=(len(keys),))
    _array(frame, "_index", np.array(index, object))
    for key, own in zip(keys, names, strict=True):
        _column(frame, key, columns[own])


def _text_type() -> Any:
    import h5py

    return h5py.string_dtype()


def _column(frame: Any, key: str, values: Any) -> None:
    import pandas as pd

    column = pd.Series(values).reset_index(drop=True)
    missing = column.isna().to_numpy()
    plain = pd.api.types
    if plain.is_bool_dtype(column) and not missing.any():
        _array(frame, key, column.to_numpy(bool))
    elif plain.is_integer_dtype(column) and missing.any():
        group = _encoded(frame.create_group(key), "nullable-integer", "0.1.0")
        _array(group, "values", column.fillna(0).to_numpy(np.int64))
        _array(group, "mask", missing)
    elif plain.is_numeric_dtype(column):
        whole = plain.is_integer_dtype(column)
        _array(frame, key, column.to_numpy(np.int64 if whole else np.float64))
    else:
        texts = np.array(
            ["" if gone else str(one) for one, gone in zip(column, missing, strict=True)], object
        )
        known = sorted(set(texts[~missing]))
        codes = np.searchsorted(np.array(known, object), texts) if known else np.zeros(len(texts))
        group = _encoded(frame.create_group(key), "categorical", "0.2.0")
        group.attrs["ordered"] = False
        _array(group, "codes", np.where(missing, -1, codes).astype(np.int32))
        _array(group, "categories", np.array(known, object))


def _cell_names(table: pd.DataFrame) -> list[str]:
    """Name each cell by its image and number, no two alike."""
    names = [f"{image}:{number}" for image, number in zip(table["image"], table["object"],
                                                          strict=True)]  # fmt: skip
    return names if len(set(names)) == len(names) else [f"{n}:{k}" for k, n in enumerate(names)]


BBOX = [
    ("file", "S128"), ("treatment", "S128"), ("label", "<i4"), ("x", "<i4"), ("y", "<i4"),
    ("angle", "<f8"), ("eccentricity", "<f8"), ("left", "<i4"), ("right", "<i4"), ("top", "<i4"),
    ("bottom", "<i4"),
]  # fmt: skip
GROUPS = [("feature", "S64"), ("Simple1", "S64")]
APPLICATION = "CellExplorer_deep_learning_cmd-line-tool-1.0.1"
"""Whose layout it is: what is written goes on with who wrote it."""
AT_ONCE = 256


def _write_explorer(table: pd.DataFrame, path: Path, names: Features, cells: Cells) -> Work[None]:
    """Write the file that the CellCognition Explorer opens: names, types and attributes are its."""
    h5py = package("h5py", path, "cells")
    edge = cells.cut.size_px[0]
    yield Event("progress", f"pixels of {len(table)} cells for {path.name}", 0, len(table))

    def write(place: str) -> None:
        with h5py.File(place, "w") as file:
            file.attrs["application"] = f"{APPLICATION} (cytoloom {__version__})"
            file.attrs["training_data"] = np.array([b"data"])
            data = file.create_group("data")
            box = _boxes(table, cells)
            data.create_dataset("bbox", data=box, maxshape=(None,), chunks=True)
            contours = data.create_group("contours")
            contours.attrs["channels"] = np.array([b"Channel_1"])
            _write_contours(contours, box, edge)
            _write_gallery(data, cells, len(table), edge)
            called = [explorer_name(name) for name in names]
            rows = np.empty(len(table), [(name, "<f4") for name in called])
            for name, own in zip(called, names, strict=True):
                rows[name] = table[own].to_numpy(np.float32)
            data.create_dataset("features", data=rows, maxshape=(None,), chunks=True)
            groups = np.array([(name.encode()[:64], b"Simple1") for name in called], GROUPS)
            data.create_dataset("feature_groups", data=groups)

    write_whole(path, write, lasting=True)


def explorer_name(name: str) -> str:
    """Return what a feature is called there.

    Examples
    --------
    >>> explorer_name("learned_3"), explorer_name("shape_area_px")
    ('ch1-deep_learning_feature_3', 'ch1-shape_area_px')
    """
    return f"ch1-{name.replace('learned_', 'deep_learning_feature_', 1)}"


def _boxes(table: pd.DataFrame, cells: Cells) -> Any:
    """Return a row for each cell: file, treatment, centre, main axis and box."""
    box = np.zeros(len(table), BBOX)
    files = {item.id: str(getattr(item.image, "path", item.id)) for item in cells.items}
    box["file"] = [files[name].encode()[:128] for name in table["image"]]
    if "treatment" in table:
        texts = table["treatment"].astype(object).where(table["treatment"].notna(), "")
        box["treatment"] = [str(one).encode()[:128] for one in texts]
    whole = cells.table
    for axis in "xy":
        box[axis] = np.round(table[f"centroid_{axis}"].to_numpy(float))
    for name, own in (("angle", "orientation"), ("eccentricity", "eccentricity")):
        if own in whole:
            box[name] = whole[own].fillna(0).to_numpy(float)
    half = cells.cut.size_px[0] // 2
    ends = (("left", "bbox_x_min", "x", -half), ("right", "bbox_x_max", "x", half),
            ("top", "bbox_y_min", "y", -half), ("bottom", "bbox_y_max", "y", half))  # fmt: skip
    for name, own, axis, reach in ends:
        # the last pixel of an object is in its box there
        last = own.endswith("max")
        known = whole[own].to_numpy(float) - last if own in whole else np.full(len(box), np.nan)
        box[name] = np.where(np.isnan(known), box[axis] + reach, known)
    return box


def _write_contours(group: Any, box: Any, edge: int) -> None:
    """Write the corners of each crop: x and y, clockwise from the upper left."""
    import h5py

    half = edge // 2
    kind = h5py.special_dtype(vlen=np.uint16)
    kept = group.create_dataset("Channel_1", (len(box), 2), kind, maxshape=(None, 2))
    sides = (("x", (-1, 1, 1, -1)), ("y", (-1, -1, 1, 1)))
    at = [[box[axis] + half * sign for sign in signs] for axis, signs in sides]
    kept[...] = np.array(at).clip(0, 65535).astype(np.uint16).transpose(2, 0, 1)


def _write_gallery(group: Any, cells: Cells, count: int, edge: int) -> None:
    """Write the first channel of each crop, (x, y, 1, cell) in 0 to 255, image by image."""
    kept = group.create_dataset("gallery", (edge, edge, 1, count), np.uint8,
                                maxshape=(edge, edge, 1, None),
                                chunks=(edge, edge, 1, min(AT_ONCE, count)))  # fmt: skip
    for rows, crops in cells.crops():
        pixels = np.round(255 * crops[..., 0].clip(0, 1)).astype(np.uint8)
        kept[:, :, 0, rows] = pixels.transpose(2, 1, 0)
    kept.attrs["colors"] = np.array([b"#FFFFFF"])
    # rows first, as the original has it
    kept.attrs["image_size"] = np.array(cells.items[-1].image.shape[:2], np.int64)
