"""Prediction and evaluation: exact tiles, honest tables, one bad file among many."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
import small
from cytoloom.inference import memory_map
from cytoloom.models.untrained import untrained
from cytoloom.objects.measure import measure
from cytoloom.tasks import Classes, Instances


@pytest.fixture(scope="module")
def model() -> cl.Model:
    return small.train(trainer=small.trainer(iterations=60, learning_rate=3e-3))


@pytest.mark.parametrize("tile_px", [16, 40, 64, 100])
def test_tiles_give_the_whole_image_to_the_last_bit(model, tile_px):
    image, _ = cl.simulate.nuclei(shape=(150, 131), count=20, seed=9)
    whole, tiled = model.predict_maps(image), model.predict_maps(image, tile_px=tile_px)
    for head in whole:
        assert np.array_equal(whole[head], tiled[head])


def test_maps_of_large_images_go_to_files_that_are_removed(model, monkeypatch, tmp_path):
    image, _ = cl.simulate.nuclei(shape=(150, 131), count=20, seed=9)
    here = cl.predict(model, image, progress=False)
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(memory_map, "MEMORY_MAP_PX", 0)
    trimmed = []
    monkeypatch.setattr(
        memory_map.MemoryMaps, "trim", lambda self: trimmed.append(list(folder.rglob("*.f32")))
    )
    there = cl.predict(model, image, progress=False)
    assert len(trimmed[0]) == len(model.task.heads)
    assert not list(folder.iterdir())
    for name, labels in here:
        assert np.array_equal(labels, there[name])
    pd.testing.assert_frame_equal(here.objects, there.objects)


def test_an_image_smaller_than_the_pooling_is_no_problem(model):
    assert model.predict(np.zeros((3, 5), np.uint16)).shape == (3, 5)


@pytest.mark.parametrize("image", [np.zeros((0, 5)), np.zeros((8, 8), complex)])
def test_pixels_that_cannot_be_are_refused(model, image):
    with pytest.raises(cl.InvalidError, match="pixels that are real numbers"):
        model.predict(image)


def test_a_blank_image_has_no_objects(model):
    found = cl.predict(model, np.full((64, 64), 500, np.uint16), progress=False)
    assert len(found.objects) == 0
    assert found.files["status"].tolist() == ["ok"]


def test_one_broken_file_does_not_stop_the_others(model, tmp_path):
    import tifffile

    for k, image in enumerate(small.nuclei(3)[0]):
        tifffile.imwrite(tmp_path / f"{k}.tif", image)
    broken = tmp_path / "1.tif"
    broken.write_bytes(broken.read_bytes()[:300])
    found = cl.predict(model, tmp_path, out=tmp_path / "out", progress=False)
    assert (found.files["status"] == "ok").tolist() == [True, False, True]
    assert "1.tif" in found.files["status"][1]
    assert found.names == ["0", "2"]
    assert (tmp_path / "out" / "labels" / "0.tif").exists()
    assert (tmp_path / "out" / "objects.csv").exists()
    written = pd.read_csv(tmp_path / "out" / "files.csv", keep_default_na=False)
    assert written["labels"].tolist() == ["labels/0.tif", "", "labels/2.tif"]
    # nobody knows how many there are: no 0, and whole numbers in the table as in the file
    assert found.files["objects"].isna().tolist() == [False, True, False]
    assert written["objects"].tolist() == [str(found[n].max()) if n else "" for n in ("0", "", "2")]
    before = cl.results(tmp_path / "out").files
    assert before["objects"].equals(found.files["objects"])
    written.loc[1, "objects"] = "0"  # as earlier versions wrote it
    written.to_csv(tmp_path / "out" / "files.csv", index=False)
    assert cl.results(tmp_path / "out").files.equals(before)
    with pytest.raises(KeyError, match="no labels of '1'; there are those of 0, 2"):
        found["1"]
    for name, labels in found:
        ids = found.objects["object"][found.objects["image"] == name]
        assert sorted(ids) == sorted(set(np.unique(labels)) - {0})


COLOURS = np.zeros((32, 32, 3), np.uint8)
COLOURS[5:9, 5:9, 1] = 200


def test_colours_that_are_all_equal_are_grey_and_said_once(model, capsys):
    """Programs write grey images as colours, with an alpha that hides nothing."""
    (grey, *_), (labels, *_) = small.nuclei()
    rgb = np.stack([grey] * 3, -1)
    rgba = np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], -1)
    given = {"grey": grey, "rgb": rgb, "rgba": rgba, "colours": COLOURS}
    found = cl.predict(model, given, rescale=None, progress=True)
    said = capsys.readouterr().err
    assert said.count("is taken as grey") == said.count("rgb, rgba, colours: ") == 1
    assert found.files["status"].str.startswith("Invalid").tolist() == [False] * 3 + [True]
    for name in ("rgb", "rgba"):
        assert np.array_equal(found[name], found["grey"])
    assert np.array_equal(model.predict(rgb), model.predict(grey))
    one, other = (
        cl.evaluate(
            model, ([image], [labels]), rescale=None, allow_training_images=True, progress=False
        )
        for image in (grey, rgb)
    )
    assert one.per_image.equals(other.per_image)


def test_what_the_network_cannot_take_is_refused_in_one_sentence(model):
    with pytest.raises(cl.InvalidError, match="Choose with `channels`, for instance 0"):
        cl.predict(model, COLOURS, progress=False)
    with pytest.raises(cl.InvalidError, match="slices=True"):
        cl.predict(model, np.zeros((5, 32, 32, 1), np.uint8), progress=False)


def test_evaluation_refuses_what_the_network_cannot_take_too(model):
    labels = np.ones((32, 32), np.uint16)
    coloured = [COLOURS], [labels]
    with pytest.raises(cl.InvalidError, match=r"1 channel, as the model was trained.*3 channels"):
        cl.evaluate(model, coloured, progress=False)
    stack = [np.zeros((4, 32, 32), np.uint8)], [np.ones((4, 32, 32), np.uint16)]
    with pytest.raises(cl.InvalidError, match=r"a 2-D image.*a 3-D one.*labels of its own"):
        cl.evaluate(model, stack, progress=False)


def test_an_empty_folder_is_refused(model, tmp_path):
    with pytest.raises(cl.InvalidError, match=tmp_path.name):
        cl.predict(model, tmp_path, progress=False)


def test_evaluation_refuses_images_seen_in_training(model):
    images, labels = small.nuclei()
    with pytest.raises(cl.InvalidError, match="allow_training_images"):
        cl.evaluate(model, (images, labels), progress=False)
    scores = cl.evaluate(model, (images, labels), allow_training_images=True, progress=False)
    assert list(scores.summary.columns) == ["metric", "value", "low", "high", "n"]
    assert list(scores.per_object.columns) == ["image", "truth", "found", "iou", "matched"]
    assert len(scores.per_image) == 4


def test_intervals_do_not_depend_on_the_order_of_images(model):
    pairs = [cl.simulate.nuclei(shape=(64, 64), count=6, seed=k) for k in range(20, 25)]
    names = [f"image {k}" for k in range(5)]
    found = [
        cl.evaluate(
            model,
            {
                "images": [pairs[k][0] for k in order],
                "labels": [pairs[k][1] for k in order],
                "names": [names[k] for k in order],
            },
            progress=False,
        ).summary
        for order in ([0, 1, 2, 3, 4], [3, 1, 4, 0, 2])
    ]
    assert found[0].equals(found[1])
    assert (found[0]["high"] > found[0]["low"]).any()


def test_images_without_objects_are_no_part_of_means(model):
    """Two of nuclei, and two of one value, on which nothing can be found."""
    images, labels = zip(*(cl.simulate.nuclei((64, 64), 6, seed=k) for k in (30, 31)), strict=True)
    blank, nothing = np.full((64, 64), 400, np.uint16), np.zeros((64, 64), np.int32)
    mixed = [blank, *images, blank + 1], [nothing, *labels, nothing]
    scores = cl.evaluate(model, mixed, progress=False)
    rows = scores.summary.set_index("metric")
    assert rows.loc[["ap50", "dice"], "n"].tolist() == [2, 2]
    assert rows.loc["ap50", "value"] == scores.per_image["ap50"][1:3].mean()
    assert rows.loc["n_found_on_empty", ["value", "n"]].tolist() == [0, 2]
    assert rows.loc["n_truth", "n"] == 4
    assert scores.per_image.columns[-1] == "n_found_on_empty"
    assert scores.per_image["n_found_on_empty"].isna().tolist() == [False, True, True, False]


def test_images_whose_contrast_is_held_down_are_named(model, capsys):
    """In a sixteenth of the counts of the training, which has no noise as faint."""
    image, labels = cl.simulate.nuclei((64, 64), 6, seed=40)
    said = "The contrast of 1 image was held down (faint)"
    cl.predict(model, {"faint": image // 16, "usual": image}, rescale=None, progress=False)
    assert said in capsys.readouterr().err
    data = {"images": [image // 16, image], "labels": [labels] * 2, "names": ["faint", "usual"]}
    cl.evaluate(model, data, rescale=None, progress=False)
    assert said in capsys.readouterr().err
    for work in (model.predict, model.predict_maps, model.predict_proba):
        with pytest.warns(UserWarning, match="contrast of 1 image was held down"):
            work(image // 16)


def test_why_there_is_no_interval_is_said(model, capsys):
    image, labels = cl.simulate.nuclei((64, 64), 6, seed=40)
    scores = cl.evaluate(model, ([image], [labels]))
    assert scores.summary[["low", "high"]].isna().all(axis=None)
    assert "No 95 % interval for ap50, ap70, ap," in (said := capsys.readouterr().err)
    assert "a single image" in said
    assert "No interval: of a single image" in str(scores)


def test_what_no_image_has_has_no_score(model, monkeypatch):
    """An object is found on each image, and none is there."""
    found = np.zeros((64, 64), np.int32)
    found[:9, :9] = 1
    monkeypatch.setattr(cl.tasks.Instances, "decode", lambda *_: cl.tasks.Found(found))
    blank, nothing = np.full((64, 64), 400, np.uint16), np.zeros((64, 64), np.int32)
    data = [blank, blank + 1], [nothing] * 2
    scores = cl.evaluate(model, data, rescale=None, progress=False)
    rows = scores.summary.set_index("metric")
    assert rows.loc[["ap50", "panoptic_quality", "dice"], "n"].tolist() == [0, 0, 0]
    assert rows.loc["n_found_on_empty", ["value", "n"]].tolist() == [1, 2]
    assert scores.per_image["ap50"].tolist() == [0, 0], "each of them is wrong"


def test_objects_are_measured_as_on_paper():
    labels = np.zeros((4, 5), np.int32)
    labels[1:3, 1:4] = 1
    image = np.arange(20).reshape(4, 5, 1)
    table = measure(
        labels, image=lambda rows: image[rows], channel_names=["dna"], pixel_size_um=(0.5, 2.0)
    )
    row = table.iloc[0]
    assert (row["area_px"], row["area_um2"]) == (6, 6.0)
    assert (row["centroid_y"], row["centroid_x"]) == (1.5, 2.0)
    assert (row["bbox_y_min"], row["bbox_x_min"], row["bbox_y_max"], row["bbox_x_max"]) == (
        1,
        1,
        3,
        4,
    )
    assert row["mean_intensity_dna"] == pytest.approx(np.mean([6, 7, 8, 11, 12, 13]))
    assert not row["touches_border"]


@pytest.mark.parametrize("page", ["docs/reference/tables.md", "man/predict.cl_model.Rd"])
def test_every_column_is_explained(model, page):
    root = Path(__file__).resolve().parents[2]
    text = (root / page).read_text(encoding="utf-8")
    found = cl.predict(model, small.nuclei(1)[0], rescale=None, progress=False)
    stack = measure(np.ones((2, 2, 2), int))
    columns = {*found.objects.columns, *found.files.columns, *stack.columns}
    told = {re.sub("(intensity)_0$", r"\1_<channel>", c) for c in columns}
    assert [c for c in sorted(told) if not re.search(f"[`{{]{c}[`}}]", text)] == []


def test_pixel_sizes_that_differ_are_met_by_rescaling(model, capsys):
    from dataclasses import replace

    from cytoloom.datasets.unlabelled import as_images

    trained = replace(model, info={**model.info, "pixel_size_um": [0.5, 0.5]})
    item = replace(as_images(small.nuclei(1)[0])[0], spacing_um=(1.0, 1.0))
    found = cl.predict(trained, cl.Data((item,)), progress=False)
    assert found.files["scale"].tolist() == [2.0]
    assert found[found.names[0]].shape == (64, 64)
    assert "rescaled" in capsys.readouterr().err


def test_arrays_have_the_axes_that_the_model_takes():
    images, _ = small.nuclei()
    five = [np.stack([i] * 5, axis=-1) for i in images]
    model = untrained(Instances(), channels=5)
    for given in (five[0], [five[0]], {"a": five[0]}):
        found = cl.predict(model, given, progress=False)
        assert found[found.names[0]].shape == (64, 64)


def test_axes_and_pixel_size_are_said_where_files_do_not(model, tmp_path):
    """Pixels of 0.5 um make areas of a quarter; axes say that c comes first."""
    image = small.nuclei(1)[0][0]
    found = cl.predict(model, image, rescale=None, pixel_size_um=0.5, progress=False)
    np.testing.assert_allclose(found.objects["area_um2"], found.objects["area_px"] / 4)
    first = cl.predict(model, image[None], rescale=None, axes="cyx", progress=False)
    np.testing.assert_array_equal(first[first.names[0]], found[found.names[0]])
    for size in (0, (1.0, 1.0, 1.0), ()):
        with pytest.raises(cl.InvalidError, match="pixel_size_um"):
            cl.predict(model, image, pixel_size_um=size, progress=False)
    (tmp_path / "broken.tif").write_bytes(b"II*")
    images = [image, tmp_path / "broken.tif"]
    files = cl.predict(model, images, pixel_size_um=0.5, progress=False).files
    assert (files["status"] == "ok").tolist() == [True, False]


@pytest.mark.parametrize("overwrite", [False, True])
def test_truth_is_never_overwritten(model, tmp_path, overwrite):
    cl.simulate.write(tmp_path / "set", images=2)
    before = {p: p.read_bytes() for p in (tmp_path / "set" / "labels").iterdir()}
    with pytest.raises(cl.InvalidError, match="with files in labels/ that are no results"):
        cl.predict(model, tmp_path / "set", out=tmp_path / "set", overwrite=overwrite)
    assert {p: p.read_bytes() for p in (tmp_path / "set" / "labels").iterdir()} == before


def test_a_prediction_cut_off_can_be_run_again(model, tmp_path):
    images = dict(zip("abc", small.nuclei(3)[0], strict=True))
    events = cl.predict.events(model, images, out=tmp_path / "r")
    for _ in range(2):
        next(events)
    events.close()
    assert list((tmp_path / "r" / "labels").glob("*.tif"))
    assert not (tmp_path / "r" / "files.csv").exists()
    found = cl.predict(model, images, out=tmp_path / "r", progress=False)
    assert found.names == ["a", "b", "c"]
    names = [".written.sha256", "files.csv", "files_run.json", "labels"]
    names += ["objects.csv", "summary.csv"]
    assert sorted(p.name for p in found.out.iterdir()) == names


def test_results_do_not_go_among_the_images(model, tmp_path):
    cl.simulate.write(tmp_path / "set", images=2)
    images = tmp_path / "set" / "images"
    with pytest.raises(cl.InvalidError, match="other than that of the images"):
        cl.predict(model, images, out=images)


def test_the_table_of_files_has_its_columns_whatever_fails_first(model):
    images = {"bad": np.zeros((8, 8, 7)), "good": np.zeros((16, 16))}
    files = cl.predict(model, images, progress=False).files
    assert list(files) == ["image", "status", "objects", "scale", "low", "high", "labels"]
    assert files["labels"].tolist() == ["", ""]


@pytest.mark.parametrize("factor", [0, -1, 1000, 0.001, True, "more"])
def test_factors_that_cannot_be_meant_are_refused(model, factor):
    with pytest.raises(cl.InvalidError, match="1/16 to 16"):
        cl.predict(model, np.zeros((8, 8)), rescale=factor)


def test_nothing_usable_leaves_no_folder(model, tmp_path):
    with pytest.raises(cl.InvalidError):
        cl.predict(model, COLOURS, out=tmp_path / "new", progress=False)
    for missing in ("a.png",), ("a.png", "b.png"):
        table = pd.DataFrame({"image": missing})
        with pytest.raises(cl.InvalidError, match=r"`a\.png`. Expected a file that exists"):
            cl.predict(model, table, out=tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


def test_results_of_two_runs_are_not_mixed(model, tmp_path):
    images = small.nuclei()[0]
    both = {"a": images[0], "b": images[1]}
    cl.predict(model, both, out=tmp_path, overlay=True, progress=False)
    (tmp_path / "labels" / "mine.tif").write_bytes(b"not to be touched")
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        cl.predict(model, {"a": images[0]}, out=tmp_path, progress=False)
    cl.predict(model, {"a": images[0]}, out=tmp_path, overwrite=True, progress=False)
    kept = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    own = {"files.csv", "files_run.json", "objects.csv", "summary.csv", ".written.sha256"}
    assert kept == {"a.tif", "mine.tif", *own}


def test_scores_are_not_replaced_unasked_and_predictions_may_lie_beside_them(model, tmp_path):
    image, labels = cl.simulate.nuclei(shape=(64, 64), count=6, seed=50)
    out, table = tmp_path / "out", tmp_path / "out" / "scores.csv"

    def evaluate(**rest):
        return cl.evaluate(model, (image, labels), out=out, progress=False, **rest)

    with pytest.raises(cl.InvalidError, match="allow_training_images"):
        cl.evaluate(model, small.nuclei(), out=out, progress=False)
    assert not out.exists()
    evaluate()
    cl.predict(model, image, out=out, progress=False)
    before = table.stat().st_ino
    with pytest.raises(cl.InvalidError, match=r"with results in scores\.csv.*overwrite=True"):
        evaluate()
    assert table.stat().st_ino == before
    evaluate(overwrite=True)
    assert table.stat().st_ino != before
    assert (out / "files.csv").exists()


@pytest.mark.parametrize("task", [Instances(), Classes(("background", "rim", "core"))])
def test_probabilities_are_written_on_request(tmp_path, task):
    """Half floats hold probabilities to 1/2000; the next run without `maps` leaves none behind."""
    model, image = untrained(task), small.nuclei(1, (40, 50))[0][0]
    cl.predict(model, {"a": image}, rescale=2, out=tmp_path, maps=True, progress=False)
    found = cl.images.read(tmp_path / "maps" / "a.tif")
    assert (found.array.dtype, found.axes) == (np.float16, "yxc")
    assert found.array.shape == (40, 50, len(task.label_names))
    assert found.array.sum(axis=-1, dtype=np.float32) == pytest.approx(1, abs=2e-3)
    cl.predict(model, {"a": image}, out=tmp_path, maps=True, overwrite=True, progress=False)
    asis = cl.images.read(tmp_path / "maps" / "a.tif").array
    np.testing.assert_allclose(asis, model.predict_proba(image), atol=5e-4)
    cl.predict(model, {"a": image}, out=tmp_path, overwrite=True, progress=False)
    assert not list(tmp_path.rglob("maps/*"))
    with pytest.raises(cl.InvalidError, match=r"`maps`\. Expected `out` with it"):
        cl.predict(model, image, maps=True)


def test_probabilities_of_a_stack_keep_their_planes(tmp_path):
    model = untrained(network=cl.UNet(filters=2, depth=1, ndim=3))
    stack = np.random.default_rng(0).random((3, 16, 20))
    cl.predict(model, {"a": stack}, out=tmp_path, maps=True, progress=False)
    found = cl.images.read(tmp_path / "maps" / "a.tif")
    assert found.axes == "zyxc"
    np.testing.assert_allclose(found.array, model.predict_proba(stack), atol=5e-4)


def test_odd_pixels_are_warned_of(model, capsys):
    holed = small.nuclei()[0][0].astype(np.float32)
    holed[0, 0] = np.nan
    cl.predict(model, {"holed": holed, "flat": np.full((32, 32), 9)}, progress=False)
    said = capsys.readouterr().err
    assert "holed: has NaN or infinite values in 0.02% of its pixels" in said
    assert "flat: has one value everywhere (9)" in said


def two_channel_file(path):
    import tifffile

    images, labels = small.nuclei()
    pair = np.stack([np.zeros_like(images[0]), images[0]])
    tifffile.imwrite(
        path, pair, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["x", "dna"]}}
    )
    return labels[0]


def test_a_model_finds_its_channel_by_name(tmp_path):
    (tmp_path / "images").mkdir()
    labels = two_channel_file(tmp_path / "images" / "a.ome.tif")
    (tmp_path / "labels").mkdir()
    cl.images.write_labels(tmp_path / "labels" / "a.tif", labels)
    whole = cl.Data.from_folder(tmp_path, channels="dna")
    model = small.train(data=whole, trainer=small.trainer(iterations=1))
    assert model.info["channels"] == {"count": 1, "names": ["dna"]}
    found = cl.predict(model, tmp_path / "images", progress=False)
    chosen = cl.predict(model, tmp_path / "images", channels=["dna"], progress=False)
    name = found.names[0]
    assert np.array_equal(found[name], chosen[name])
    assert "mean_intensity_dna" in found.objects


def test_results_do_not_go_into_a_model(model, tmp_path):
    folder = untrained().save(tmp_path / "m.cytoloom")
    with pytest.raises(cl.InvalidError, match="a model"):
        cl.predict(model, small.nuclei()[0], out=folder, progress=False)


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (1, 1)])
def test_axes_of_one_pixel_survive(shape):
    image = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    assert untrained().predict(image).shape == shape
    assert untrained().predict_proba(image[..., np.newaxis]).shape == (*shape, 2)
    [(_, labels)] = cl.predict(untrained(), {"a": image}, progress=False)
    assert labels.shape == shape


@pytest.mark.parametrize("shape", [(1, 16, 20), (5, 1, 20), (5, 16, 1)])
def test_stacks_of_one_plane_row_or_column_survive(shape, tmp_path):
    model = untrained(network=cl.UNet(filters=2, depth=1, ndim=3))
    stack = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    assert model.predict(stack).shape == shape
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "ZYX"})
    [(_, labels)] = cl.predict(model, tmp_path / "a.tif", progress=False)
    assert labels.shape == shape


def test_a_plane_is_a_stack_of_one_to_every_verb_of_a_model_for_stacks(tmp_path):
    """As `predict` takes it, `evaluate` does, with its labels: files, a series of them, arrays."""
    model = untrained(network=cl.UNet(filters=2, depth=1, ndim=3))
    labels = np.zeros((2, 16, 20), np.uint8)
    labels[:, 4:9, 5:11] = 1
    image = labels * np.uint16(900) + np.arange(640, dtype=np.uint16).reshape(2, 16, 20)
    for name, array in (("images/a.tif", image), ("labels/a.tif", labels)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, array, imagej=True, metadata={"axes": "TYX"})
    for data, ids in ((tmp_path, ["a_t000", "a_t001"]), ((image[0], labels[0]), ["image"])):
        events = list(cl.evaluate.events(model, data, rescale=None))
        scores = events[-1].value
        assert scores.per_image["image"].tolist() == ids
        assert scores.per_image["dice"].between(0, 1).all()
        said = [e.message for e in events if "stack of one plane" in e.message]
        assert said == [f"Taken for a stack of one plane: {', '.join(ids)}."]
        found = cl.predict(model, tmp_path / "images", progress=False)
        assert [one.shape for _, one in found] == [(1, 16, 20)] * 2
