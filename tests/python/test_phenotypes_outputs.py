"""Tables of features in files that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.outputs import write_h5ad

QUIET: dict[str, Any] = {"progress": False}


@pytest.fixture
def cells(real_data: Path) -> cl.Cells:
    folder = real_data / "cellh5_fixture"
    return cl.cells(folder / "plate.ch5", plate=folder / "mapping.txt", size_px=40, **QUIET)


def test_the_explorers_file_has_its_names_types_and_attributes(
    cells: cl.Cells, tmp_path: Path
) -> None:
    table = cl.features(cells, kinds="shape", out=tmp_path / "f.hdf", **QUIET)
    n = len(table)
    with h5py.File(tmp_path / "f.hdf") as file:
        assert set(file) == {"data"}
        assert set(file["data"]) == {"bbox", "contours", "feature_groups", "features", "gallery"}
        assert file.attrs["application"].startswith("CellExplorer_deep_learning_cmd-line-tool-")
        assert file.attrs["training_data"].tolist() == [b"data"]
        data = file["data"]
        assert data["bbox"].dtype == np.dtype(
            [("file", "S128"), ("treatment", "S128"), ("label", "<i4"), ("x", "<i4"), ("y", "<i4"),
             ("angle", "<f8"), ("eccentricity", "<f8"), ("left", "<i4"), ("right", "<i4"),
             ("top", "<i4"), ("bottom", "<i4")]
        )  # fmt: skip
        box = data["bbox"][:]
        assert data["bbox"].maxshape == (None,)
        with h5py.File(cells.items[0].image.path) as source:  # type: ignore[attr-defined]
            own = source["sample/0/plate/P1/experiment/A01/position/1/feature/primary__primary"]
            same = own["bounding_box"][:], own["center"][:]
        for name in ("left", "right", "top", "bottom"):
            assert box[name][:69].tolist() == same[0][name].tolist()
        assert box["x"][:69].tolist() == same[1]["x"].tolist()
        assert set(box["treatment"]) == {b"vehicle", b"dose5", b"dose10"}
        assert set(box["label"]) == {0}
        assert all(one.endswith(b"plate.ch5") for one in box["file"])
        assert data["contours"].attrs["channels"].tolist() == [b"Channel_1"]
        contours = data["contours/Channel_1"]
        assert contours.shape == (n, 2)
        assert h5py.check_vlen_dtype(contours.dtype) == np.uint16
        inside = int(np.flatnonzero(~cells.table["padded"])[0])
        x, y = int(box["x"][inside]), int(box["y"][inside])
        assert contours[inside, 0].tolist() == [x - 20, x + 20, x + 20, x - 20]
        assert contours[inside, 1].tolist() == [y - 20, y - 20, y + 20, y + 20]
        gallery = data["gallery"]
        assert (gallery.shape, gallery.dtype) == ((40, 40, 1, n), np.uint8)
        assert gallery.maxshape == (40, 40, 1, None)
        assert gallery.attrs["colors"].tolist() == [b"#FFFFFF"]
        assert gallery.attrs["image_size"].tolist() == [320, 320]
        for rows, crops in cells.crops():
            wanted = np.round(255 * crops[..., 0].clip(0, 1))
            assert (gallery[:, :, 0, rows].transpose(2, 1, 0) == wanted).all()
        assert data["features"].dtype[0] == np.float32
        assert data["features"]["ch1-shape_area_px"].tolist() == table["shape_area_px"].tolist()
        groups = data["feature_groups"]
        assert groups.dtype == np.dtype([("feature", "S64"), ("Simple1", "S64")])
        assert [one.decode() for one in groups["feature"]] == list(data["features"].dtype.names)
        assert set(groups["Simple1"]) == {b"Simple1"}


def test_codes_are_called_as_the_explorer_calls_them(cells: cl.Cells, tmp_path: Path) -> None:
    from cytoloom.events import result_of
    from cytoloom.phenotypes.outputs import free_file, write_features

    table = cells.table.assign(learned_0=1.5, learned_1=np.arange(len(cells)))
    path = free_file(tmp_path / "f.hdf", False, cells)
    result_of(write_features(table, path, ["learned_0", "learned_1"], cells))
    with h5py.File(path) as file:
        features = file["data/features"]
        assert features.dtype.names == (
            "ch1-deep_learning_feature_0", "ch1-deep_learning_feature_1",
        )  # fmt: skip
        assert features["ch1-deep_learning_feature_1"].tolist() == list(range(len(cells)))


def test_anndata_by_its_specification(tmp_path: Path) -> None:
    table = pd.DataFrame({
        "image": ["a", "a", "b"], "object": [1, 2, 1], "centroid_y": [3.0, 4, 5],
        "centroid_x": [6.0, 7, 8], "treatment": ["x", None, "w"], "padded": [True, False, True],
        "dose": pd.array([1, None, 3], "Int64"), "a/b": [0.5, np.nan, 1],
        "shape_area_px": [9.0, 8, np.nan],
    })  # fmt: skip
    write_h5ad(table, tmp_path / "f.h5ad", ["shape_area_px"])
    with h5py.File(tmp_path / "f.h5ad") as file:
        kinds = {n: (o.attrs["encoding-type"], o.attrs["encoding-version"])
                 for n, o in [("", file), *file.items()]}  # fmt: skip
        assert kinds[""] == ("anndata", "0.1.0")
        assert kinds["X"] == ("array", "0.2.0")
        assert kinds["obs"] == kinds["var"] == ("dataframe", "0.2.0")
        assert {kinds[n] for n in ("layers", "obsm", "obsp", "uns", "varm", "varp")} == {
            ("dict", "0.1.0")
        }
        assert file["X"].dtype == np.float32
        assert file["X"][:2].tolist() == [[9], [8]]
        obs = file["obs"]
        assert obs.attrs["_index"] == "_index"
        assert obs["_index"].asstr()[:].tolist() == ["a:1", "a:2", "b:1"]
        assert obs.attrs["column-order"].tolist() == [
            "image", "object", "centroid_y", "centroid_x", "treatment", "padded", "dose", "a_b",
        ]  # fmt: skip
        assert obs["treatment"].attrs["encoding-type"] == "categorical"
        assert obs["treatment/codes"][:].tolist() == [1, -1, 0]
        assert obs["treatment/categories"].asstr()[:].tolist() == ["w", "x"]
        assert obs["padded"].dtype == bool
        assert obs["dose"].attrs["encoding-type"] == "nullable-integer"
        assert obs["dose/values"][:].tolist() == [1, 0, 3]
        assert obs["dose/mask"][:].tolist() == [False, True, False]
        assert file["var/kind/categories"].asstr()[:].tolist() == ["shape"]
        assert file["obsm/spatial"][:].tolist() == [[6, 3], [7, 4], [8, 5]]


def test_where_no_table_can_be_is_said_before_anything_is_measured(
    cells: cl.Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(cl.InvalidError, match=r"\.csv, \.parquet, \.h5ad or \.hdf"):
        cl.features(cells, out=tmp_path / "f.xlsx", **QUIET)
    (tmp_path / "f.hdf").write_text("mine")
    with pytest.raises(cl.InvalidError, match="overwrite"):
        cl.features(cells, out=tmp_path / "f.hdf", **QUIET)
    stack = np.zeros((4, 20, 20), np.uint8)
    stack[1:3, 5:9, 5:9] = 1
    deep = cl.cells({"a": stack}, labels={"a": stack}, axes="zyx", size_px=4, **QUIET)
    with pytest.raises(cl.InvalidError, match="square crops of flat images"):
        cl.features(deep, kinds="shape", out=tmp_path / "g.hdf", **QUIET)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(cl.InvalidError, match=r"cytoloom\[cells\]"):
        cl.features(deep, out=tmp_path / "g.h5ad", **QUIET)
    assert [p.name for p in tmp_path.iterdir()] == ["f.hdf"]
