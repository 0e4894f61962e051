"""Networks that find, divide and link cells: what they are shown, what is made of what they say."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom.errors import InvalidError
from cytoloom.networks.siamese import Siamese, decider_of, encoder_of
from cytoloom.runtime import backend
from cytoloom.tracks import detected, honest, taught
from cytoloom.tracks.annotated import annotated
from cytoloom.tracks.crops import Grid, turns
from cytoloom.tracks.detected import alone, intensities
from cytoloom.tracks.frames import frames_of
from cytoloom.tracks.honest import fitted_looks
from cytoloom.tracks.lesson import Examples, OfCrops

TINY = cl.UNet(filters=4, depth=2)
QUICK = cl.Trainer(iterations=12, batch_size=1, patch_px=32)


@pytest.fixture(scope="module")
def movie():
    return cl.simulate.culture(frames=14, shape=(96, 96), count=8, division_rate=0.05, seed=4)


@pytest.fixture(scope="module")
def model(movie):
    """Train all three for a little, and fit what makes them honest."""
    return cl.train_tracker(movie, network=TINY, trainer=QUICK, progress=False)


def truth_of(movie):
    return cl.Tracks.of(movie.positions, movie.links, spacing_um=movie.spacing_um)


# crops


def blob(shape, place, spacing, width=1.5):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    away = (((grid - place) * spacing) ** 2).sum(-1)
    return np.exp(-away / (2 * width**2))[..., None]


def middle_of(crop, step):
    """Return where a crop is brightest, from its middle, in the unit of the step."""
    weight = crop[..., 0] / crop.sum()
    grid = np.stack(np.meshgrid(*map(np.arange, weight.shape), indexing="ij"), -1)
    return ((weight[..., None] * grid).sum((0, 1, 2)[: weight.ndim])
            - (np.asarray(weight.shape) - 1) / 2) * step  # fmt: skip


def test_a_crop_is_centred_in_micrometres():
    spacing = np.array([2.0, 0.5, 0.5])
    grid = Grid.for_cells(10.0, spacing)
    assert grid.size_px == (16, 16, 16)
    place = np.array([[7.0, 40.0, 44.0]])
    for off in itertools.product((-1.0, 0, 1), repeat=3):
        image = blob((16, 80, 80), place[0] + np.array(off) * (1, 3, 5), spacing)
        (crop,) = grid.cut(image, place)
        np.testing.assert_allclose(middle_of(crop, grid.step), np.array(off) * (2, 1.5, 2.5),
                                   atol=0.12)  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flip_moves_crop_and_step_alike(axis):
    spacing = np.array([1.0, 1.0, 1.0])
    grid = Grid.for_cells(8.0, spacing)
    at, step = np.array([24.0, 24, 24]), np.array([1.5, -2.0, 2.5])
    image = blob((48, 48, 48), at + step, spacing)
    wide = grid.wider().cut(image, at[None])
    by = np.eye(3)[None].copy()
    by[0, axis, axis] = -1
    (crop,) = grid.turned(wide, by, np.zeros((1, 3)))
    np.testing.assert_allclose(middle_of(crop, grid.step), np.linalg.inv(by[0]) @ step, atol=0.1)
    assert (np.linalg.inv(by[0]) @ step)[axis] == -step[axis]


def test_what_is_drawn_to_turn_crops_turns_their_steps():
    rng = np.random.default_rng(0)
    grid = Grid.for_cells(8.0, (1.0, 1.0, 1.0))
    at = np.array([24.0, 24, 24])
    for by in turns(rng, 6, 3, False):
        step = rng.uniform(-2, 2, 3)
        wide = grid.wider().cut(blob((48, 48, 48), at + step, np.ones(3)), at[None])
        (crop,) = grid.turned(wide, by[None], np.zeros((1, 3)))
        np.testing.assert_allclose(middle_of(crop, grid.step), np.linalg.inv(by) @ step, atol=0.15)
    drawn = turns(rng, 400, 3, False)
    for axis in (0, 2):
        # mirrored half of the time, and stretched a little
        assert 0.4 < (np.linalg.det(drawn) < 0).mean() < 0.6
        assert 0.2 < np.abs(drawn[:, axis]).max() < 1.5


def pairs(grid, count=40, seed=0):
    """Crops whose partner is displaced by their step: what a network could read from both."""
    rng = np.random.default_rng(seed)
    at = np.array([40.0, 40.0])
    crops, steps = [], []
    for _ in range(count):
        step = rng.uniform(-2, 2, 2)
        # the earlier crop shows where the later cell is
        for place in (at + step, at):
            crops.append(grid.wider().cut(blob((80, 80), place, np.ones(2)), at[None])[0])
        steps.append(step)
    rows = np.arange(2 * count).reshape(-1, 2)
    return Examples(np.array(crops), rows, np.array(steps), np.ones(count), np.ones(count, int),
                    np.arange(count) % 2 == 0, np.ones(count))  # fmt: skip


def test_a_batch_moves_steps_with_its_crops_and_repeats():
    from cytoloom.images.normalize import Normalize
    from cytoloom.models.record import Part
    from cytoloom.tasks import Link

    grid = Grid.for_cells(8.0, (1.0, 1.0))
    inputs = {"earlier": 1, "later": 1, "step": 3}
    part = Part(Link(), Siamese(grid.size_px), Normalize(), inputs)
    examples = pairs(grid)
    lesson = OfCrops(part, "link", grid, examples, examples, 3, {})
    (given, targets), (again, _) = lesson.batch(5), lesson.batch(5)
    for name, values in given.items():
        np.testing.assert_array_equal(values, again[name])
    assert targets["same"][:, 0].mean() == 0.5
    off = []
    for crop, step in zip(given["earlier"], given["step"], strict=True):
        # the blob lies where the step leads to, give or take the noise and how positions are moved
        bright = np.where(crop > 0.4, crop, 0)
        off.append(middle_of(bright, grid.step) - 4 * step[:2])
    assert np.median(np.abs(off)) < 0.4
    assert 4 * np.abs(given["step"][:, :2]).max() > 1.5
    # what training is watched on is neither moved nor turned
    first, _ = lesson.validation()[0]
    away = np.abs(4 * first["step"][:, None, :2] - examples.steps[None]).max(axis=-1)
    assert away.min(axis=1).max() < 1e-5


def test_an_encoder_sees_each_crop_once_and_says_the_same():
    net = Siamese((24, 24), filters=(4, 8), code=8, hidden=8)
    built = net.build({"earlier": 1, "later": 1, "step": 3}, {"same": 1}, seed=1)
    rng = np.random.default_rng(0)
    crops = rng.normal(size=(2, 5, 24, 24, 1)).astype(np.float32)
    step = rng.normal(size=(5, 3)).astype(np.float32)
    parts = {"whole": built, "encode": encoder_of(built), "decide": decider_of(built)}
    run = {name: backend.forward(part) for name, part in parts.items()}
    whole = run["whole"]({"earlier": crops[0], "later": crops[1], "step": step})["same"]
    codes = [run["encode"](one)["code"] for one in crops]
    parts = run["decide"]({"code0": codes[0], "code1": codes[1], "step": step})["same"]
    np.testing.assert_allclose(whole, parts, atol=1e-5)
    same = net.build({"crop": 3}, {"divides": 1}, seed=1)
    assert same.output["divides"].shape == (None, 1)


# what is learned from


def test_every_form_of_movies_with_tracks_is_the_same(movie, tmp_path):
    truth = truth_of(movie)
    tifffile.imwrite(tmp_path / "m.tif", movie.images, imagej=True, metadata={"axes": "TYX"})
    cl.export_tracks(truth, tmp_path / "m.aut", progress=False)
    pd.DataFrame({"images": ["m.tif"], "tracks": ["m.aut"], "recording": ["m"]}).to_csv(
        tmp_path / "movies.csv", index=False
    )
    pair = (movie.images, truth)
    given = [movie, pair, {"m": pair}, [pair], tmp_path, tmp_path / "movies.csv",
             {"images": movie.images, "tracks": truth}]  # fmt: skip
    for data in given:
        ((one,), _) = annotated(data, spacing_um=0.5)
        assert len(one.positions) == len(movie.positions)
        assert len(one.source) == len(movie.links)
        assert one.frames.count == 14
        assert one.frames.spacing_um == (0.5, 0.5)
        assert one.dividing.sum() == (movie.links.groupby(
            ["frame_from", "object_from"]).size() > 1).sum()  # fmt: skip


def test_points_that_nobody_linked_are_enough_for_centres(movie, tmp_path):
    table = movie.positions[["frame", "y_px", "x_px"]].to_numpy()
    points = pd.DataFrame(table, columns=["axis-0", "axis-1", "axis-2"])
    points.to_csv(tmp_path / "points.csv", index_label="index")
    for given in (tmp_path / "points.csv", points):
        ((one,), _) = annotated((movie.images, given))
        assert len(one.positions) == len(points)
        assert not len(one.source)
    with pytest.raises(InvalidError, match="links between positions to learn from"):
        cl.train_tracker((movie.images, points), progress=False)


def test_masks_of_the_challenge_beside_their_images_are_found(movie, tmp_path):
    for k, image in enumerate(movie.images):
        (tmp_path / "01").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "01" / f"t{k:03d}.tif", image)
    folder = tmp_path / "01_GT" / "TRA"
    cl.export_tracks(truth_of(movie), tmp_path / "x_RES", labels=movie.labels, progress=False)
    folder.parent.mkdir()
    (tmp_path / "x_RES").rename(folder)
    (folder / "res_track.txt").rename(folder / "man_track.txt")
    ((one,), _) = annotated(tmp_path)
    assert one.name == "01"
    assert len(one.positions) == len(movie.positions)


def test_outside_of_a_region_nothing_counts_above_and_below_as_well_as_around():
    movie = cl.simulate.embryo(frames=6, shape=(16, 64, 64), count=8, seed=2)
    region = {"z": (4, 9), "y": (10, 50), "x": (0, 40), "frames": (1, 4)}
    ((one,), notes) = annotated(movie, region=region)
    inside = movie.positions[movie.positions["frame"].between(1, 4)]
    for axis, (low, high) in region.items():
        if axis != "frames":
            inside = inside[inside[f"{axis}_px"].between(low - 0.5, high + 0.5)]
    assert len(one.positions) == len(inside) < len(movie.positions)
    assert str(one.cut) in notes[0]
    assert one.known == [1, 2, 3, 4]
    frame, place = one.at, one.places
    assert one.inside(frame, place).all()
    # a link whose partner lies outside counts nowhere
    both = {tuple(p) for p in inside[["frame", "object"]].to_numpy()}
    links = movie.links[[(a, b) in both and (c, d) in both for a, b, c, d in movie.links[
        ["frame_from", "object_from", "frame_to", "object_to"]].to_numpy()]]  # fmt: skip
    assert len(one.source) == len(links)
    marks = next(iter(one.items([2], "train"))).annotations[0].read()
    known = np.zeros((16, 64, 64), bool)
    known[4:10, 10:51, :41] = True
    assert (marks[~known] == -1).all()
    assert (marks[known] >= 0).all()
    assert len(np.unique(marks[marks > 0])) == (one.at == 2).sum()
    # and in frames that are not annotated, nothing at all
    assert (next(iter(one.items([0], "train"))).annotations[0].read() == -1).all()


def test_without_a_region_it_is_the_box_of_the_points(movie):
    table = movie.positions[(movie.positions["y_px"] < 40) & (movie.positions["frame"] > 2)]
    ((one,), _) = annotated((movie.images, table.assign(track=table["object"])), spacing_um=0.5)
    assert one.known == list(range(3, 14))
    low, high = one.low[5], one.high[5]
    assert high[0] < 60
    assert (low <= np.floor(table[["y_px", "x_px"]].min())).all()
    boxes = [{"frames": (0, 4), "x": (0, 20)}, {"frames": (5, 9), "x": (30, 60)}]
    ((one,), _) = annotated(movie, region=boxes)
    assert one.known == list(range(10))
    assert one.high[2][1] == 21
    assert one.low[7][1] == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.assign(x_px=p["x_px"] + 60), r"x from 0 to 95 px.*x = "),
        (lambda p: p.assign(y_px=p["y_px"] / 2 + 90), "y from 0"),
        (lambda p: p.assign(frame=p["frame"] + 5), "frames 0 to 13"),
    ],
)
def test_positions_beyond_the_image_are_refused_by_their_axis(movie, change, words):
    table = change(movie.positions).assign(track=movie.positions["object"])
    with pytest.raises(InvalidError, match=words):
        annotated((movie.images, table))


def test_what_would_make_positions_fit_is_said():
    movie = cl.simulate.culture(frames=4, shape=(60, 120), count=4, seed=1)
    table = movie.positions.rename(columns={"y_px": "x_px", "x_px": "y_px"})
    with pytest.raises(InvalidError, match="They fit as x, y"):
        annotated((movie.images, table.assign(track=table["object"])))
    table = movie.positions.assign(track=movie.positions["object"])
    table = table.assign(y_px=table["y_px"] * 2, x_px=table["x_px"] * 2)
    with pytest.raises(InvalidError, match="They fit as micrometres"):
        annotated((movie.images, table), spacing_um=2.0)


def test_links_that_all_leave_the_region_are_refused(movie):
    one = movie.links[movie.links["frame_from"] == 3]
    table = movie.positions[movie.positions["frame"].between(3, 4)]
    tracks = cl.Tracks.of(table, one, spacing_um=movie.spacing_um)
    with pytest.raises(InvalidError, match="links within the region"):
        annotated((movie.images, tracks), region={"frames": (0, 3)})


def test_frames_are_held_out_at_the_end_and_recordings_whole(movie):
    ((one,), _) = annotated(movie)
    ((learned, held),) = taught._held_out([one])
    assert held == [11, 12, 13]
    assert learned == list(range(10))
    three = [replace(one, frames=replace(one.frames, name=n)) for n in "abc"]
    parts = taught._held_out(three)
    assert [len(a) for a, _ in parts] == [14, 14, 0]
    assert parts[2][1] == list(range(14))
    with pytest.raises(InvalidError, match="4 annotated frames or more"):
        taught._held_out([annotated((movie.images[:3], truth_cut(movie, 3)))[0][0]])


def truth_cut(movie, frames):
    table = movie.positions[movie.positions["frame"] < frames]
    links = movie.links[movie.links["frame_to"] < frames]
    return cl.Tracks.of(table, links, spacing_um=movie.spacing_um)


# what is made of it


def test_looks_are_trusted_as_far_as_they_are_right():
    rng = np.random.default_rng(0)
    count = 3000
    choice = np.repeat(np.arange(count), 3)
    said, moved = rng.normal(0, 2, 3 * count), rng.normal(2, 1, 3 * count)
    weight = np.exp(moved + 0.7 * said - 0.3).reshape(-1, 3)
    p = weight / (1 + weight.sum(axis=1, keepdims=True))
    drawn = (rng.random((count, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    right = np.zeros((count, 3), bool)
    some = drawn < 3
    right[np.flatnonzero(some), drawn[some]] = True
    slope, offset = fitted_looks(choice, said, moved, right.ravel())
    assert slope == pytest.approx(0.7, abs=0.05)
    assert offset == pytest.approx(-0.3, abs=0.15)
    nothing = np.zeros(0, int)
    assert fitted_looks(nothing, said[:0], moved[:0], right.ravel()[:0]) == (0.3, 0.0)


def test_all_three_are_in_one_model_which_says_how_good_it_is(model, tmp_path):
    assert list(model.parts) == ["centres", "link", "division"]
    scores = model.info["training"]["scores"]
    assert {"links_wrong_per_1000", "divisions_right", "positions_f1", "f1"} <= set(scores)
    folder = model.save(tmp_path / "m.cytoloom")
    kept = json.loads((folder / "model.json").read_text())["networks"]
    assert kept["link"]["normalize"] == kept["centres"]["normalize"]
    again = cl.load(folder)
    assert again.parts == model.parts
    assert set(again.history["network"]) == {"centres", "link", "division"}
    # in a process that has not trained anything, too
    code = f"import cytoloom as cl; print(*cl.load({str(folder)!r}).parts)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["centres", "link", "division"]


def test_steps_alone_come_to_what_one_call_does(model, movie, tmp_path):
    whole = cl.track(model, movie.images, pixel_size_um=0.5, out=tmp_path / "t", progress=False)
    found = cl.detect(model, movie.images, pixel_size_um=0.5, progress=False)
    links = cl.score_links(model, movie.images, found, pixel_size_um=0.5, progress=False)
    temperature = model.parts["link"].task.temperature
    parts = cl.solve(found, links, pixel_size_um=0.5, temperature=temperature,
                     size_px=(96, 96), progress=False)  # fmt: skip
    pd.testing.assert_frame_equal(whole.links, parts.links, check_exact=False, atol=1e-6)
    assert {"mean_intensity", "surrounding_intensity", "division_probability"} <= set(
        whole.positions
    )
    assert not (tmp_path / "t" / ".tracking").exists()
    # the same movie again gives the same
    again = cl.track(model, movie.images, pixel_size_um=0.5, progress=False)
    pd.testing.assert_frame_equal(whole.positions, again.positions)


def test_given_positions_take_the_place_of_those_found(model, movie):
    found = cl.track(model, movie.images, positions=movie.positions, pixel_size_um=0.5,
                     progress=False)  # fmt: skip
    assert len(found.positions) == len(movie.positions)
    masks = cl.track(model, movie.images, positions=movie.labels, pixel_size_um=0.5,
                     progress=False)  # fmt: skip
    assert len(masks.positions) == len(movie.positions)
    scores = found.evaluated(truth_of(movie))
    assert scores["LNK"] > 0.8


def test_a_killed_run_goes_on_from_its_frames(model, movie, tmp_path, monkeypatch):
    files = []
    for k, image in enumerate(movie.images):
        tifffile.imwrite(tmp_path / f"t{k:03d}.tif", image)
        files.append(tmp_path / f"t{k:03d}.tif")
    whole = cl.track(model, files, pixel_size_um=0.5, progress=False)
    work = cl.track.events(model, files, pixel_size_um=0.5, out=tmp_path / "out")
    for event in work:
        if "looked at 3" in event.message:
            break
    work.close()  # as a kill leaves it
    kept = sorted(p.name for p in (tmp_path / "out" / ".tracking").rglob("*.npz"))
    assert sum(name.startswith("detected") for name in kept) == 14
    assert 2 <= sum(name.startswith("seen") for name in kept) <= 4
    asked = []
    find = detected.find
    monkeypatch.setattr(detected, "find", lambda *given: asked.append(1) or find(*given))
    again = cl.track(model, files, pixel_size_um=0.5, out=tmp_path / "out", progress=False)
    assert not asked
    pd.testing.assert_frame_equal(whole.links, again.links)
    assert not (tmp_path / "out" / ".tracking").exists()


def test_solve_by_anybodys_probabilities_and_refusals():
    positions = pd.DataFrame({"frame": [0, 1, 1, 2], "object": [1, 1, 2, 1], "y": [5.0, 5, 9, 6],
                              "x": [5.0, 6, 5, 6]})  # fmt: skip
    links = pd.DataFrame({"frame_from": [0, 0, 1], "object_from": 1, "frame_to": [1, 1, 2],
                          "object_to": [1, 2, 1], "probability": [0.2, 0.9, 0.9]})  # fmt: skip
    chosen = cl.solve(positions, links, progress=False).links["chosen"]
    assert chosen.tolist() == [False, True, True]
    for change, words in (
        (links.assign(probability=[0.2, 1.2, 0.9]), "probability from 0 to 1"),
        (links.assign(object_to=[1, 7, 1]), "object 1 of frame 0 to object 7 of frame 1"),
        (links.assign(frame_to=[1, 0, 2]), "one of the next 2 frames"),
        (links.drop(columns="probability"), "columns probability"),
    ):
        with pytest.raises(InvalidError, match=words):
            cl.solve(positions, change, progress=False)
    with pytest.raises(InvalidError, match="temperature"):
        cl.solve(positions, links, temperature=0, progress=False)


def test_a_cell_that_looks_as_if_it_divides_does():
    positions = pd.DataFrame({"frame": [0, 1, 1], "object": [1, 1, 2], "y": [5.0, 4, 6],
                              "x": [5.0, 5, 5]})  # fmt: skip
    links = pd.DataFrame({"frame_from": 0, "object_from": 1, "frame_to": 1, "object_to": [1, 2],
                          "probability": 0.8})  # fmt: skip
    found = {p: cl.solve(positions, links.assign(division_probability=p), progress=False)
             for p in (0.01, 0.9)}  # fmt: skip
    assert found[0.9].links["chosen"].all()
    assert found[0.01].links["chosen"].sum() == 1


def test_intensity_of_a_cell_and_of_what_is_around_it():
    image = np.full((20, 30, 2), 7.0)
    image[8:13, 8:13, 0] = 50
    found = intensities(image, np.array([[10.0, 10], [0, 0]]), (1.0, 1.0), 8.0)
    assert found["mean_intensity_1"].tolist() == [50, 7]
    assert found["surrounding_intensity_1"][1] == 7
    assert found["mean_intensity_2"].tolist() == [7, 7]


def test_movies_that_do_not_fit_are_refused(model, movie):
    stacks = np.zeros((3, 4, 32, 32), np.uint16)
    with pytest.raises(InvalidError, match="2-D images, as in training"):
        cl.detect(model, stacks, progress=False)
    both = np.zeros((3, 32, 32, 2), np.uint16)
    with pytest.raises(InvalidError, match="1 channels"):
        cl.track(model, both, progress=False)
    with pytest.raises(InvalidError, match="2 frames or more"):
        cl.detect(model, movie.images[:1], progress=False)
    beyond = movie.positions.assign(x_px=movie.positions["x_px"] + 90)
    with pytest.raises(InvalidError, match="x from 0 to 95"):
        cl.score_links(model, movie.images, beyond, progress=False)
    with pytest.raises(InvalidError, match="network for links"):
        cl.score_links(alone(model, "centres"), movie.images, movie.positions, progress=False)
    with pytest.raises(InvalidError, match="model that finds centres"):
        cl.detect(alone(model, "link"), movie.images, progress=False)
    with pytest.raises(InvalidError, match="none without a model"):
        cl.track(None, movie.labels, positions=movie.positions, progress=False)
    with pytest.raises(InvalidError, match="networks"):
        cl.train_tracker(movie, networks=("points",), progress=False)
    with pytest.raises(InvalidError, match="minutes, or a trainer"):
        cl.train_tracker(movie, minutes=1, trainer=QUICK, progress=False)


def test_without_divisions_it_is_trained_without_and_says_so(movie):
    table = movie.positions.assign(track=movie.positions["object"])
    work = cl.train_tracker.events(
        (movie.images, table), networks=("link", "division"), pixel_size_um=0.5,
        trainer=cl.Trainer(iterations=1),
    )  # fmt: skip
    said = [event.message for event in itertools.islice(work, 8)]
    assert any("trained without" in text for text in said)


def test_a_movie_of_other_pixels_is_seen_as_in_training(model, movie):
    (frames,) = frames_of(movie.images, spacing_um=0.25)
    said = [event.message for event in itertools.islice(
        cl.detect.events(model, {"a": movie.images}, pixel_size_um=0.25), 1)]  # fmt: skip
    assert "0.5 times as large" in said[0] or "[0.5, 0.5]" in said[0]
    assert frames.spacing_um == (0.25, 0.25)


def test_a_killed_training_goes_on_to_the_same_bits(movie, tmp_path):
    trainer = cl.Trainer(iterations=6, batch_size=1, patch_px=32, checkpoint_s=0)
    how = {"network": TINY, "networks": ("centres", "link"), "trainer": trainer, "progress": False}
    whole = cl.train_tracker(movie, out=tmp_path / "a.cytoloom", **how)
    work = cl.train_tracker.events(movie, out=tmp_path / "b.cytoloom",
                                   **{k: v for k, v in how.items() if k != "progress"})  # fmt: skip
    for event in work:
        if event.message.startswith("member 2/2, iteration 3"):
            break
    work.close()
    again = cl.train_tracker(movie, out=tmp_path / "b.cytoloom", **how)
    for name in ("centres", "link"):
        for one, other in zip(whole.network_of(1, name).get_weights(),
                              again.network_of(1, name).get_weights(), strict=True):  # fmt: skip
            np.testing.assert_array_equal(one, other)
        assert whole.parts[name] == again.parts[name]
    assert threading.active_count() < 60


def test_what_is_odd_about_annotation_is_told_with_its_place(movie):
    good = cl.check_tracks(movie, progress=False)
    assert good.ok
    assert good.table["divisions"].tolist() == [good.table["divisions"].iloc[0]]
    table = movie.positions.assign(track=movie.positions["object"])
    first = table.iloc[0]
    double = {**first, "object": 99, "track": 99, "x_px": first["x_px"] + 0.2}
    late = {**first, "object": 98, "track": 98, "frame": 20}
    wide = {**first, "object": 97, "track": 97, "x_px": 130.0}
    report = cl.check_tracks((movie.images, pd.DataFrame([*table.to_dict("records"), double])),
                             progress=False)  # fmt: skip
    assert report.ok
    said = " ".join(map(str, report.warnings))
    assert f"frame 0, objects {first['object']} and 99" in said
    assert "size of pixels is not known" in said
    assert "time between frames" in said
    bad = pd.DataFrame([*table.to_dict("records"), late, wide])
    report = cl.check_tracks({"a": (movie.images, bad), "b": movie}, progress=False)
    assert not report.ok
    said = " ".join(map(str, report.problems))
    assert "after the last, 13, the first in frame 20" in said
    assert "along x, 0 to 95 px, the first in frame 0, object 97, at 130" in said
    assert report.table["status"].tolist()[1] == "good"
    # one that cannot be read does not keep others from being looked at
    report = cl.check_tracks({"a": (movie.images, "none.xml"), "b": movie}, progress=False)
    assert report.table["status"].tolist() == ["unread", "good"]
    assert "none.xml" in str(report.problems)


def test_links_over_frames_and_third_daughters_are_told():
    table = pd.DataFrame({"id": range(6), "parent_id": [-1, 0, 1, 1, 1, 4], "x": 5.0,
                          "frame": [0, 1, 2, 2, 2, 4], "y": [5.0, 5, 5, 9, 1, 1]})  # fmt: skip
    images = np.zeros((5, 20, 20), np.uint8)
    said = " ".join(map(str, cl.check_tracks((images, table), pixel_size_um=1.0,
                                             progress=False).warnings))  # fmt: skip
    assert "more than two daughters at 1 (frame 1" in said
    assert "not found in a frame between at 1 (frame 2" in said


def test_two_cells_far_apart_are_few_but_no_error():
    table = pd.DataFrame({"frame": np.repeat(range(6), 2), "track": np.tile([1, 2], 6),
                          "y": np.tile([10.0, 50.0], 6), "x": 20.0})  # fmt: skip
    images = np.random.default_rng(0).integers(0, 99, (6, 64, 40)).astype(np.uint16)
    model = cl.train_tracker((images, table), networks=("link",), pixel_size_um=1.0,
                             trainer=cl.Trainer(iterations=2), progress=False)  # fmt: skip
    assert list(model.parts) == ["link"]
    with pytest.raises(InvalidError, match="no file"):
        cl.solve(table.assign(object=1), "none.csv", progress=False)


def test_cells_much_nearer_to_each_other_than_in_training_are_told(model):
    rng = np.random.default_rng(0)
    found = pd.DataFrame({"frame": np.repeat([0, 1], 40), "y_px": rng.uniform(0, 20, 80),
                          "x_px": rng.uniform(0, 20, 80)})  # fmt: skip
    (frames,) = frames_of(np.zeros((2, 32, 32), np.uint16), spacing_um=0.5)
    (said,) = detected._unlike(alone(model, "centres"), frames, found)
    assert re.search(r"cells lie [\d.]+ um apart, in training 10", said.message)
    apart = found.assign(y_px=20.0 * (found.index % 40), x_px=0.0)
    assert not list(detected._unlike(alone(model, "centres"), frames, apart))


def test_a_cell_and_a_link_that_were_overlooked_are_listed():
    table = pd.DataFrame({"frame": [0, 0, 1, 1], "object": [1, 2, 1, 2], "y_px": [5.0, 20, 5, 20],
                          "x_px": 5.0, "probability": [0.99, 0.98, 0.99, 0.5]})  # fmt: skip
    one = SimpleNamespace(name="m", frames=SimpleNamespace(axes=("y", "x")))
    part = SimpleNamespace(
        one=one, table=table, first=7, inside=np.ones(4, bool), truth=np.array([0, -1, 1, 2]),
        right=lambda a, b: np.zeros(len(a), bool),
    )  # fmt: skip
    linked = SimpleNamespace(kept=np.ones(4, bool), chosen=np.array([True]), source=np.array([0]),
                             target=np.array([2]), wrong=np.array([0.001]))  # fmt: skip
    rows = honest.contradicted([part], [linked])
    assert [(r["frame"], r["what"], r["where"]) for r in rows] == [
        (7, "a link that is not annotated", "5 5"), (7, "a cell that is not annotated", "20 5"),
    ]  # fmt: skip


def test_what_was_seen_of_other_positions_is_not_taken_again(model, movie, tmp_path):
    given = movie.positions
    moved = given.assign(y_px=(given["y_px"] + 9).clip(upper=95))
    work = cl.track.events(model, movie.images, positions=given, pixel_size_um=0.5,
                           out=tmp_path / "out")  # fmt: skip
    for event in work:
        if "looked at 14" in event.message:
            break
    work.close()
    how = {"positions": moved, "pixel_size_um": 0.5, "progress": False}
    again = cl.track(model, movie.images, out=tmp_path / "out", **how)
    pd.testing.assert_frame_equal(again.links, cl.track(model, movie.images, **how).links)


def test_what_is_refused_leaves_nothing_and_what_was_used_is_told(model, movie, tmp_path):
    folder = model.path or model.save(tmp_path / "m.cytoloom")
    with pytest.raises(InvalidError, match="as in training"):
        cl.track(folder, np.zeros((3, 4, 32, 32), np.uint16), out=tmp_path / "t", progress=False)
    assert not (tmp_path / "t").exists()
    with pytest.raises(InvalidError, match="pixels that are numbers"):
        cl.detect(model, np.full((3, 32, 32), np.nan, np.float32), progress=False)
    found = cl.track(folder, movie.images, pixel_size_um=0.5, progress=False)
    assert found.run["settings"]["model"] == str(folder)
    positions = movie.positions[["frame", "object", "y_px", "x_px"]]
    links = movie.links.head(4).assign(probability=0.9)
    with pytest.raises(InvalidError, match=r"number evidence in each row.*a in row 1"):
        cl.solve(positions, links.assign(evidence="a"), progress=False)
    with pytest.raises(InvalidError, match=r"each candidate once.*row 5"):
        cl.solve(positions, pd.concat([links, links]), progress=False)
