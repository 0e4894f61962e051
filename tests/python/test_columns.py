"""What a table says of images besides comes along into tables of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.datasets.unlabelled import as_images

WELLS = {"Well": ["A1", None], "object": [7, 8], "group": ["p", "q"]}


def images() -> list[np.ndarray]:
    return [cl.simulate.nuclei((64, 64), 4, seed=k)[0] for k in (20, 21)]


def test_columns_come_along_into_objects_and_files(trained: cl.Model, tmp_path: Path) -> None:
    table = pd.DataFrame({"image": images(), **WELLS})
    found = cl.predict(trained, table, rescale=None, progress=False, out=tmp_path / "out")
    assert found.files["Well"].fillna("").tolist() == ["A1", ""]
    assert found.files["object"].tolist() == [7, 8]
    first = found.objects[found.objects["image"] == "image_000"]
    # a name that the table has itself is not lost
    assert set(zip(first["Well"], first["object_given"], first["group"], strict=True)) == {
        ("A1", 7, "p")
    }
    written = pd.read_csv(tmp_path / "out" / "objects.csv")
    assert written["object_given"].tolist() == found.objects["object_given"].tolist()
    assert list(pd.read_csv(tmp_path / "out" / "files.csv"))[-3:] == ["Well", "object", "group"]


def test_a_column_of_paths_need_not_be_called_image(tmp_path: Path) -> None:
    for name in "ab":
        cl.images.write_labels(tmp_path / f"{name}.tif", np.eye(8, dtype=int))
    paths = [str(tmp_path / f"{name}.tif") for name in "ab"]
    items = as_images(pd.DataFrame({"File": paths, "well": [1, 2]}))
    assert [(i.id, dict(i.columns)) for i in items] == [("a", {"well": 1}), ("b", {"well": 2})]
    # an image column is the one, and a path beside it a column like others
    items = as_images(pd.DataFrame({"path": [1, 2], "image": paths}))
    assert [dict(i.columns) for i in items] == [{"path": 1}, {"path": 2}]
    pd.DataFrame({"path": ["a.tif"], "well": ["C3"]}).to_csv(tmp_path / "t.csv", index=False)
    assert dict(as_images(tmp_path / "t.csv")[0].columns) == {"well": "C3"}
    with pytest.raises(cl.InvalidError, match=r"`images`\. Expected rows with a column image"):
        as_images(pd.DataFrame({"picture": paths}))


def test_columns_come_along_into_scores_and_are_no_metrics(trained: cl.Model) -> None:
    table = pd.DataFrame({"image": images(), "label": [np.eye(64, dtype=int)] * 2, **WELLS})
    scores = cl.evaluate(trained, table, progress=False)
    assert scores.per_image["Well"].fillna("").tolist() == ["A1", ""]
    assert not {"Well", "object", "group"} & set(scores.summary["metric"])
    plain = cl.evaluate(trained, table[["image", "label", "group"]], progress=False)
    assert plain.summary.equals(scores.summary)
