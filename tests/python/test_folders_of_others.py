"""Files that a verb did not write survive it, whatever they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tifffile

import cytoloom as cl
import small

MINE = "mine\n"
COUNT = 2


@pytest.fixture
def pairs(tmp_path):
    """Images and labels in files, and the table that names them."""
    images, labels = small.nuclei(COUNT)
    for k, (image, own) in enumerate(zip(images, labels, strict=True)):
        tifffile.imwrite(tmp_path / f"{k}.tif", image)
        tifffile.imwrite(tmp_path / f"{k}_l.tif", own)
    rows = [f"{k}.tif,{k}_l.tif" for k in range(COUNT)]
    return "\n".join(["image,label", *rows, ""])


@pytest.mark.parametrize("name", ["scores.csv", "scores_per_image.csv"])
@pytest.mark.parametrize("given", [str, cl.Data.from_table])
def test_the_table_that_is_scored_is_not_replaced_by_scores(trained, tmp_path, pairs, name, given):
    (tmp_path / "scores.csv").write_text("metric,value,low,high,n\n")
    (tmp_path / name).write_text(pairs)
    with pytest.raises(cl.InvalidError, match=name):
        cl.evaluate(trained, given(tmp_path / name), out=tmp_path, overwrite=True, progress=False)
    assert (tmp_path / name).read_text() == pairs


def test_scores_that_were_changed_by_hand_are_not_replaced(trained, tmp_path):
    """By `evaluate`, or by saving the scores that it returned, which asks for leave, too."""
    settings = {"allow_training_images": True, "progress": False}
    scores = cl.evaluate(trained, small.nuclei(1), out=tmp_path, **settings)
    with pytest.raises(cl.InvalidError, match=r"Invalid `path`.*overwrite=True to replace"):
        scores.save(tmp_path)
    scores.save(tmp_path, overwrite=True)
    with open(tmp_path / "scores_per_image.csv", "a", encoding="utf-8") as table:
        table.write("mine,1\n")
    with pytest.raises(cl.InvalidError, match=r"scores_per_image\.csv, which is another file or"):
        scores.save(tmp_path, overwrite=True)
    with pytest.raises(cl.InvalidError, match=r"`out`.*scores_per_image\.csv, which is another"):
        cl.evaluate(trained, small.nuclei(1), out=tmp_path, overwrite=True, **settings)


def test_scores_of_a_run_that_fails_are_not_mixed_with_earlier_ones(trained, tmp_path, monkeypatch):
    data = small.nuclei(COUNT)
    out = tmp_path / "scores"
    settings = {"overwrite": True, "allow_training_images": True, "progress": False}
    cl.evaluate(trained, data, out=out, **settings)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(before) == 5
    written = []

    def full(table, path):
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_text("half")

    monkeypatch.setattr("cytoloom.storage.results.write_table", full)
    with pytest.raises(OSError, match="No space"):
        cl.evaluate(trained, data, out=out, **settings)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    written.clear()
    with pytest.raises(OSError, match="No space"):
        cl.evaluate(trained, data, out=tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["files.csv", "objects.csv"])
def test_a_table_of_another_kind_is_not_replaced_by_that_of_a_prediction(trained, tmp_path, name):
    out = tmp_path / "out"
    images = {"a": small.nuclei(1)[0][0]}
    cl.predict(trained, images, out=out, progress=False)
    (out / name).write_text("image,labels,note\na,labels/a.tif,mine\n")
    with pytest.raises(cl.InvalidError, match=f"{name}.*Move it away"):
        cl.predict(trained, images, out=out, overwrite=True, progress=False)
    assert "mine" in (out / name).read_text()


def begun(folder: Path) -> Path:
    (folder / ".training").mkdir(parents=True)
    (folder / ".training" / "started.json").write_text("{}")
    return folder


def of_another_tool(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"modelTopology": 1, "format": "layers-model"}))
    return folder


@pytest.mark.parametrize("made", [begun, of_another_tool])
@pytest.mark.parametrize("name", ["README.md", "history.csv", "snapshots/iteration_x.png"])
def test_files_beside_a_begun_training_or_another_tools_model_stay(tmp_path, made, name):
    out = made(tmp_path / "out")
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text(MINE)
    with pytest.raises(cl.InvalidError, match="with other files in it"):
        small.train(out=out, overwrite=True)
    assert (out / name).read_text() == MINE


def test_an_empty_path_is_not_the_working_folder(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = {"a": small.nuclei(1)[0][0]}
    with pytest.raises(cl.InvalidError, match="`out`"):
        cl.predict(trained, images, out="", progress=False)
    assert not list(tmp_path.iterdir())


def test_labels_that_a_model_found_are_told_from_truth(trained, tmp_path):
    (tmp_path / "images").mkdir()
    for k, image in enumerate(small.nuclei(COUNT)[0]):
        tifffile.imwrite(tmp_path / "images" / f"{k}.tif", image)
    cl.predict(trained, tmp_path / "images", out=tmp_path, progress=False)
    assert any("2 of 2 label images" in text for text in cl.check(tmp_path, progress=False).notes)
    corrected = cl.images.read_labels(tmp_path / "labels" / "0.tif")
    corrected[0, 0] = 99
    cl.images.write_labels(tmp_path / "labels" / "0.tif", corrected, overwrite=True)
    assert any("1 of 2 label images" in text for text in cl.check(tmp_path, progress=False).notes)
