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


def test_rows_of_one_file_each_give_a_result_and_are_told_apart(
    trained: cl.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two rows of a.tif, treated otherwise: two images, of which each has what its row says."""
    for name, image in zip("ab", images(), strict=True):
        cl.images.write_labels(tmp_path / f"{name}.tif", image)
    rows = pd.DataFrame({"path": ["a.tif", "b.tif", "a.tif"], "dose": ["none", "low", "high"]})
    rows["path"] = [str(tmp_path / name) for name in rows["path"]]
    found = cl.predict(trained, rows, rescale=None, progress=False)
    assert dict(zip(found.names, found.files["dose"], strict=True)) == {
        "a": "none", "b": "low", "a_2": "high",
    }  # fmt: skip
    assert np.array_equal(found["a"], found["a_2"])
    per_dose = found.objects.groupby("dose").size().to_dict()
    assert per_dose["none"] == per_dose["high"] == found["a"].max()
    said = f"rows 1, 3 of the table are of one file, {tmp_path / 'a.tif'}: called a, a_2"
    assert said in capsys.readouterr().err
    # of a list nothing is lost: it is taken once, and said
    twice = [tmp_path / "a.tif", tmp_path / "a.tif"]
    assert cl.predict(trained, twice, rescale=None, progress=False).names == ["a"]
    said = f"given more than once, and taken once: 1 ({twice[0]})"
    assert said in capsys.readouterr().err


def test_names_and_columns_that_are_there_twice_are_refused() -> None:
    two = {"image": images()}
    with pytest.raises(cl.InvalidError, match=r"`name`.* Received: x in rows 1, 2\. Call the col"):
        as_images(pd.DataFrame({**two, "name": ["x", "x"]}))
    with pytest.raises(cl.InvalidError, match=r"Received: none in row 2"):
        as_images(pd.DataFrame({**two, "name": ["x", None]}))
    table = pd.DataFrame([[one, 1, 2] for one in two["image"]], columns=["image", "dose", "dose"])
    with pytest.raises(cl.InvalidError, match=r"each column once\. Received: dose is listed 2"):
        as_images(table)


def test_columns_that_mean_something_in_training_come_along_of_images(trained: cl.Model) -> None:
    """A mouse weighs nothing, and its label is a word: neither says how images are drawn."""
    own = {"label": ["wt", "ko"], "split": ["left", "right"], "weight": [0, None]}
    table = pd.DataFrame({"image": images(), "name": [1.0, 2.0], "class": ["x", "y"], **own})
    found = cl.predict(trained, table, rescale=None, progress=False)
    assert found.names == ["1", "2"]
    assert list(found.files)[-4:] == ["class", "label", "split", "weight"]
    assert list(found.objects)[-4:] == ["class_given", "label", "split", "weight"]
    assert found.files["weight"].fillna(-1).tolist() == [0, -1]


def test_columns_come_back_as_they_were(trained: cl.Model, tmp_path: Path) -> None:
    """A number is one only where writing it gives the same text: 001 and 1e3 are words."""
    own = {
        "well": ["001", "002"], "lot": ["1e3", "5"], "dose": pd.array([1, None], "Int64"),
        "um": [0.5, 2.0], "ok": [True, None], "code": ["7", "10"],
    }  # fmt: skip
    table = pd.DataFrame({"image": images(), **own})
    cl.predict(trained, table, rescale=None, progress=False, out=tmp_path / "out")
    again = cl.results(tmp_path / "out")
    for name, values in own.items():
        expected = [7, 10] if name == "code" else [-1 if pd.isna(v) else v for v in values]
        for back in (again.files[name], again.objects[name].drop_duplicates()):
            assert list(map(str, back.astype(object).fillna(-1))) == list(map(str, expected)), name
