"""Models ranked without truth: who finds the same again, and what is found that says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
import kills
from cytoloom.models.engine import Engine
from cytoloom.prediction.perturb import changes, noise_of

IMAGES = {f"w{k}": cl.simulate.nuclei(shape=(64, 64), count=4, seed=k)[0] for k in range(30, 34)}


def ruled(path: Path, kind: str) -> cl.Model:
    """A model whose objects are bright, by chance, nothing, everything, or the middle."""
    model = kills.ruled(path)
    bright = model.engine.forward
    rng = np.random.default_rng(0)

    def forward(images: np.ndarray) -> dict[str, np.ndarray]:
        found = bright(images)
        if kind == "bright":
            return found
        shape = images.shape[:-1]
        middle = np.full(shape, -9.0)
        middle[:, shape[1] // 4 : -shape[1] // 4, shape[2] // 4 : -shape[2] // 4] = 9.0
        logits = {
            "chance": rng.normal(0, 9, (shape[0], shape[1] // 8, shape[2] // 8)),
            "nothing": np.full(shape, -9.0),
            "everything": np.full(shape, 9.0),
            "blob": middle,
        }[kind].astype(np.float32)
        if kind == "chance":
            logits = np.kron(logits, np.ones((1, 8, 8), np.float32))
        return {head: np.repeat(logits[..., None], a.shape[-1], -1) for head, a in found.items()}

    model.engine = Engine("a rule", forward, 1, 1)
    return model


@pytest.fixture(scope="module")
def models(trained: cl.Model) -> dict[str, cl.Model]:
    """Of every kind, the useless first."""
    kinds = ("blob", "everything", "nothing", "chance", "bright")
    return {kind: ruled(trained.path, kind) for kind in kinds}


def rank(models, images=IMAGES, **rest) -> cl.Ranking:
    return cl.rank(models, images, rescale=None, progress=False, **rest)


def test_who_finds_the_same_again_is_first_and_the_useless_are_last(models):
    found = rank(models)
    table = found.ranking
    assert list(table.columns) == [
        "rank", "model", "consistency", "low", "high", "objects", "words",
    ]  # fmt: skip
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["model"].tolist()[:2] == ["bright", "chance"]
    assert table["words"].tolist() == [
        "most consistent",
        "less consistent than the first",
        "finds one blob",
        "finds nearly everything",
        "finds nothing",
    ]
    assert table["consistency"].isna().tolist() == [False, False, True, True, True]
    first = table.iloc[0]
    assert 0 < first["low"] < first["consistency"] < first["high"] <= 1
    assert str(found).startswith("bright is most consistent: ap50 ")
    mine = found.per_image[found.per_image["model"] == "bright"]
    assert mine["consistency"].mean() == pytest.approx(first["consistency"])
    assert mine["objects"].sum() == first["objects"]


def test_the_same_seed_gives_the_same_ranking_and_models_of_one_name_are_told_apart(models):
    twice = [rank([models["bright"]] * 2, seed=1) for _ in range(2)]
    assert str(twice[0]) == str(twice[1])
    table = twice[0].ranking
    assert table["model"].tolist() == ["m.cytoloom (1)", "m.cytoloom (2)"]
    assert table["words"].tolist() == ["most consistent", "no difference shown from the first"]
    assert table["consistency"].nunique() == 1


def test_where_nobody_finds_anything_nobody_is_first(models):
    found = rank({name: models[name] for name in ("nothing", "everything")})
    assert found.words.startswith("None of the models finds objects that could be compared")


def test_one_bad_image_stops_nothing_and_what_is_missing_is_said(models, tmp_path):
    for name, image in IMAGES.items():
        cl.images.write_labels(tmp_path / f"{name}.tif", image)
    (tmp_path / "w30.tif").write_bytes(b"no image")
    two = {name: models[name] for name in ("nothing", "bright")}
    found = rank(two, tmp_path)
    assert found.per_image["image"].nunique() == 3
    with pytest.raises(cl.InvalidError, match=r"`models`.*two models or more"):
        rank([models["bright"]])
    with pytest.raises(cl.InvalidError, match=r"`models`.*two models or more"):
        rank(models["bright"])
    with pytest.raises(cl.InvalidError, match=r"1 channel.*That is for nothing"):
        rank(two, np.zeros((64, 64, 2), np.uint8))


def test_images_are_read_as_is_said_and_tables_are_written_with_what_made_them(models, tmp_path):
    """A plain stack is time points only if its axes say so."""
    movie = np.stack(list(IMAGES.values())[:2])
    cl.images.write_labels(tmp_path / "movie.tif", movie)
    two = {name: models[name] for name in ("nothing", "bright")}
    found = rank(two, tmp_path / "movie.tif", axes="tyx", out=tmp_path / "out")
    assert set(found.per_image["image"]) == {"movie_t000", "movie_t001"}
    written = [pd.read_csv(tmp_path / f"out/ranking{end}.csv") for end in ("", "_per_image")]
    pd.testing.assert_frame_equal(written[0], found.ranking, check_dtype=False)
    pd.testing.assert_frame_equal(written[1], found.per_image, check_dtype=False)
    run = json.loads((tmp_path / "out/ranking_run.json").read_text())
    assert run == found.run
    assert list(run["models"]) == ["nothing", "bright"]
    assert (run["verb"], run["images"]["axes"], run["settings"]["seed"]) == ("rank", "tyx", 0)
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        rank(two, IMAGES, out=tmp_path / "out")


def test_changes_are_gentle_and_keep_the_type():
    """Turned by a right angle; noise of the image's own level; gamma keeps the ends."""
    image = np.random.default_rng(0).normal(1000, 30, (40, 60, 1)).astype(np.uint16)
    low, high = np.array([900.0]), np.array([2000.0])
    found = {one.name: one for one in changes(image, low, high, None, True, 3)}
    assert found["turned"].image.shape == (60, 40, 1)
    np.testing.assert_array_equal(
        found["turned"].turned(image[..., 0]), found["turned"].image[..., 0]
    )
    assert {one.image.dtype for one in found.values()} == {image.dtype}
    added = found["noise"].image.astype(float) - image
    assert added.std() == pytest.approx(noise_of(image)[0], rel=0.1)
    assert found["zoom"].zoom in (1.1, 1 / 1.1)
    assert 0 < abs(found["gamma"].image.astype(float) - image).max() < 0.1 * (2000 - 900)
    flat = next(changes(image, low, high, None, False, 3))
    assert flat.image.shape == image.shape
