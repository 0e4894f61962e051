"""Scores of images with labels larger than memory, on small ones that are taken for such."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
import kills
from cytoloom.cli import main
from cytoloom.datasets.data import as_data
from cytoloom.evaluation import by_blocks
from cytoloom.evaluation.by_blocks import Room
from cytoloom.events import result_of
from cytoloom.images import blocks, parts
from cytoloom.metrics import contingency as tables
from cytoloom.models.untrained import untrained
from cytoloom.objects.part import boxes_of
from cytoloom.prediction.blockwise import block, cut, looked_through
from cytoloom.prediction.blockwise.looked_through import Block
from cytoloom.segmentation.classed import with_classes
from cytoloom.tasks import Binary, Boundary, Classes, Distance, Found, Instances, Task

pytest.importorskip("zarr")
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
HOW: dict[str, Any] = {"rescale": None, "progress": False}
UNKNOWN = 999


@pytest.fixture(scope="module")
def model() -> cl.Model:
    return cl.load(MODEL)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Take labels of more than 400 pixels for large ones; set the edges of blocks and boxes."""

    def edges(block_px: int, box_px: int) -> None:
        monkeypatch.setattr(blocks, "LARGE_PX", 200)
        monkeypatch.setattr(parts, "LABELS_PX", 400)
        monkeypatch.setattr(tables, "FEW_PAIRS", 20)
        for name in ("BLOCK_PX", "CHUNK_PX"):
            monkeypatch.setattr(cut, name, {2: block_px, 3: block_px})
        monkeypatch.setattr(by_blocks, "EDGE_PX", {2: box_px, 3: box_px})

    return edges


def stored(folder: Path, image: np.ndarray, truth: np.ndarray) -> Path:
    """A store with an image and its labels, as `Data` finds both."""
    store = folder / "big.zarr"
    cl.volumes.write(store, image, axes="zyx"[-truth.ndim :] + "c" * (image.ndim > truth.ndim))
    cl.volumes.write(store / "labels" / "truth", truth, labels=True)
    return store


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nuclei whose truth has a line all over the image, an object in two far pieces, one that is
    not there, and a corner where nothing is known.
    """  # fmt: skip
    image, truth = cl.simulate.nuclei(shape=(200, 260), count=60, seed=1)
    truth = truth.astype(np.int32) * 3
    truth[90, 2:250] = 700
    truth[:4, 250:] = truth[190:, 3:9] = 701
    truth[120:140, 120:140] = 702
    truth[140:, 200:] = UNKNOWN
    return stored(tmp_path_factory.mktemp("nuclei"), image, truth)


def same(mine: cl.Scores, whole: cl.Scores) -> None:
    """Scores are those of the whole to rounding, and so are the objects but for their numbers."""
    pd.testing.assert_frame_equal(mine.per_image, whole.per_image, rtol=0, atol=1e-12)
    by = ["truth", "iou", "matched"]
    one, other = (s.per_object[by].sort_values(by, ignore_index=True) for s in (mine, whole))
    pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("block_px", "box_px"), [(64, 64), (150, 17)])
def test_scores_by_blocks_are_those_of_the_whole(
    nuclei, model, large, block_px, box_px, monkeypatch
):
    data = as_data(nuclei).with_unknown(UNKNOWN)
    whole = cl.evaluate(model, data, **HOW)
    assert 0.5 < whole.per_image["ap50"][0] < 0.97
    large(block_px, box_px)
    assert model.trust is not None
    # no score needs what takes its time here
    for name in ("measured", "evidence_of"):
        monkeypatch.setattr(block, name, lambda *_: pytest.fail("measured or judged"))
    same(cl.evaluate(model, data, **HOW), whole)


def test_objects_at_the_border_are_left_out_as_of_the_whole(nuclei, large):
    model = cl.load(MODEL)
    task = replace(model.task, exclude_border=True)
    model.parts = {model.name: replace(model.part, task=task)}
    data = as_data(nuclei).with_unknown(UNKNOWN)
    whole = cl.evaluate(model, data, **HOW)
    assert whole.per_image["ap50"][0] < 0.8, "they are found, and count as missed"
    large(150, 64)
    same(cl.evaluate(model, data, **HOW), whole)


@pytest.mark.parametrize("ndim", [2, 3])
def test_classes_and_stacks(tmp_path, large, ndim):
    """Class b is nowhere: what is found of it is counted piece by piece."""
    shape = (90, 80) if ndim == 2 else (24, 44, 40)
    rng = np.random.default_rng(0)
    truth = np.zeros(shape, np.uint8)
    truth[..., 5:30] = 1
    truth[..., :20, :20] = 9
    image = rng.normal(size=(*shape, 1)).astype(np.float32)
    store = stored(tmp_path, image, truth)
    task = Classes(("background", "a", "b"))
    noise = untrained(task, cl.UNet(filters=2, depth=1, ndim=ndim))
    data = as_data(store).with_unknown(9)
    whole = cl.evaluate(noise, data, **HOW)
    assert whole.per_image["n_found_on_empty_b"][0] > (3 if ndim == 2 else 0)
    large(33, 16)
    same(cl.evaluate(noise, data, **HOW), whole)


@dataclass(frozen=True, eq=False)
class Cut:
    """Labels as if a model had found them block by block, each with numbers of its own."""

    found: Found
    block_px: int
    class_of: dict[int, int]

    @property
    def semantic(self) -> bool:
        return self.found.semantic

    @property
    def job(self) -> Any:
        shape = self.found.labels.shape
        return SimpleNamespace(blocks=range(len(boxes_of(shape, self.block_px))))

    def blocks(self) -> Iterator[Block]:
        for box in boxes_of(self.found.labels.shape, self.block_px):
            numbers, own = np.unique(self.found.objects_labels[box], return_inverse=True)
            labels = own.reshape(self.found.labels[box].shape) + (numbers[0] != 0)
            classes = self.found.labels[box] if self.semantic else None
            yield Block(box, labels, numbers if numbers[0] == 0 else np.append(0, numbers), classes)


def scene(ndim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, something like it, and what is known: objects meet every end of a block."""
    rng = np.random.default_rng(ndim)
    shape = (40, 50) if ndim == 2 else (12, 24, 26)
    coarse = rng.integers(0, 12, [-(-n // 7) for n in shape])
    truth = np.kron(coarse, np.ones((7,) * ndim, int))[tuple(slice(n) for n in shape)]
    found = np.roll(truth, 2, axis=-1) * (rng.random(shape) > 0.02)
    known = np.ones(shape, bool)
    known[..., :9] = False
    return truth.astype(np.int32), found.astype(np.int32) * 1000, known


class Counts(Binary):
    """A task of somebody's own, with a score that needs the pixels."""

    def score(self, truth, found, known=None, spacing_um=None):
        scores, rows = super().score(truth, found, known, spacing_um)
        return {**scores, "rows_found": float(found.labels.any(axis=-1).sum())}, rows


CELLS = Instances(classes=("live", "dead"))
TASKS: list[Task] = [
    Instances(),
    Boundary(),
    Binary(),
    Classes(("background", *"abcdefghijkl")),
    CELLS,
]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_tables_of_blocks_score_as_the_whole(task, ndim, large):
    truth, labels, known = scene(ndim)
    if task.object_classes:
        truth = with_classes(truth, {k: k % 2 + 1 for k in range(1, 12)} | {3: 0})
    semantic = task.objects(truth) is None
    labels = labels // 1000 if semantic else labels
    if task.object_classes:
        said = np.stack([labels % 3 == 0, labels % 3 > 0], axis=-1).astype(float)
        found = Found(labels, class_map=said)
    else:
        found = Found(labels, semantic=semantic)
    expected, rows = task.score(task.prepare(np.where(known, truth, 0)), found, known)
    stored = np.where(known, truth, -7)
    item = as_data((np.zeros(truth.shape), stored)).items[0]
    for block_px, box_px in ((7, 5), (16, 16), (9, 100)):
        large(block_px, box_px)
        cuts = Cut(found, block_px, found.classes if semantic else found.object_classes)
        pairs = result_of(by_blocks.pairs_in_blocks(task, item, -7, cuts))
        scores, mine = task.score_pairs(pairs)
        assert scores == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert mine == rows


def test_memory_is_that_of_a_box(tmp_path, large, monkeypatch):
    """Of two label images of 67 MB each, boxes of 0.5 MB; the found ones are made as they come."""
    shape = (64, 512, 512)
    truth = np.zeros(shape, np.uint32)
    truth[10:60, 20:500, 7:90] = 4
    truth[:, 300, 300:310] = 9
    tifffile.imwrite(tmp_path / "truth.tif", truth)
    tifffile.imwrite(tmp_path / "image.tif", np.ones(shape, np.uint8))
    large(64, 64)
    item = as_data(([tmp_path / "image.tif"], [tmp_path / "truth.tif"])).items[0]
    del truth

    class Half:
        """Finds objects 4 and 9, of 4 the upper half."""

        semantic = False
        class_of: dict[int, int] = {}  # noqa: RUF012

        def __init__(self, boxes: list[Any]) -> None:
            self.boxes, self.job = boxes, SimpleNamespace(blocks=boxes)

        def blocks(self) -> Iterator[Block]:
            for box in self.boxes:
                labels = item.annotations[0].read(box).astype(np.uint8)
                lower = labels[:, max(0, 260 - box[1].start) :]
                lower[lower == 4] = 0
                yield Block(box, labels, np.arange(10), None)

    def scored(boxes: list[Any]) -> Any:
        pairs = result_of(by_blocks.pairs_in_blocks(Instances(), item, None, Half(boxes)))
        return Instances().score_pairs(pairs)

    every = boxes_of(shape, 64)
    scored(every[:1])  # what is imported is no memory of a box
    tracemalloc.start()
    try:
        scores, rows = scored(every)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row["iou"] for row in rows] == [0.5, 1.0]
    assert scores["ap50"] == 1
    assert peak < 17e6  # the cache holds no more than the image


def test_distances_are_left_out_and_said(tmp_path, large, capsys):
    image, truth = cl.simulate.nuclei(shape=(64, 70), count=8, seed=1)
    store = stored(tmp_path, image, truth)
    noise = untrained(Distance(), cl.UNet(filters=2, depth=1))
    whole = cl.evaluate(noise, store, **HOW)
    large(40, 16)
    mine = cl.evaluate(noise, store, **HOW)
    said = capsys.readouterr().err
    assert "without hausdorff_px, hausdorff95_px" in said
    left = [name for name in whole.per_image if name not in mine.per_image]
    assert len(left) == 7
    pd.testing.assert_frame_equal(
        mine.per_image, whole.per_image.drop(columns=left), rtol=0, atol=1e-12
    )
    assert by_blocks.left_out(Counts(), 3) == "rows_found"


def test_a_label_that_cannot_be_is_found_wherever_it_is(tmp_path, large, monkeypatch):
    truth = np.zeros((60, 70), np.uint8)
    truth[3:9, 3:9] = 1
    truth[59, 69] = 4
    store = stored(tmp_path, np.random.default_rng(0).normal(size=(60, 70)), truth)
    task = Classes(("background", "a"))
    large(40, 16)
    # those parts that `check` looks at do not have it
    monkeypatch.setattr("cytoloom.datasets.looked_at.FEW", 1)
    monkeypatch.setattr("cytoloom.datasets.looked_at.FEW_PX", 100)
    with pytest.raises(cl.InvalidError, match=r"class ids must be 0 to 1 .*found 4"):
        cl.evaluate(untrained(task), store, **HOW)


def test_what_was_killed_goes_on(nuclei, model, large, tmp_path, monkeypatch):
    """Blocks stay beside the scores until these are written."""
    data = as_data(nuclei).with_unknown(UNKNOWN)
    large(100, 64)
    expected = cl.evaluate(model, data, **HOW)
    find, seen = looked_through.find_in_block, []

    def dies(last, job, k, workers=None):
        if k == last:
            raise KeyboardInterrupt
        return counts(job, k, workers)

    def counts(job, k, workers=None):
        seen.append(k)
        return find(job, k, workers)

    out = tmp_path / "scores"
    for last in (0, 3):
        monkeypatch.setattr(looked_through, "find_in_block", partial(dies, last))
        assert not out.exists(), "nothing is left of nothing"
        with pytest.raises(KeyboardInterrupt):
            cl.evaluate(model, data, out=out, **HOW)
    assert [path.name for path in out.iterdir() if not path.name.startswith(".lock")] == [
        ".evaluating"
    ]
    monkeypatch.setattr(looked_through, "find_in_block", counts)
    with pytest.raises(cl.InvalidError, match="other views"):
        cl.evaluate(model, data, out=out, views=4, **HOW)
    mine = cl.evaluate(model, data, out=out, **HOW)
    same(mine, expected)
    assert sorted(seen) == list(range(6))
    assert not (out / ".evaluating").exists()
    read = pd.read_csv(out / "scores.csv")
    assert read["value"].tolist() == pytest.approx(mine.summary["value"].tolist())


def test_killed_when_scores_are_ready_blocks_stay_until_these_are_written(
    nuclei, model, large, tmp_path, monkeypatch
):
    data = as_data(nuclei).with_unknown(UNKNOWN)
    large(100, 64)
    out, find, seen = tmp_path / "scores", looked_through.find_in_block, []

    def counts(job, k, workers=None):
        seen.append(k)
        return find(job, k, workers)

    def dies(*args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(looked_through, "find_in_block", counts)
    with monkeypatch.context() as before:
        before.setattr("cytoloom.evaluation.scores.put_in_place", dies)
        with pytest.raises(KeyboardInterrupt):
            cl.evaluate(model, data, out=out, **HOW)
    assert (out / ".evaluating").exists()
    assert not (out / "scores.csv").exists()
    with monkeypatch.context() as after:
        after.setattr(Room, "clear", lambda self, all_done: None)
        cl.evaluate(model, data, out=out, **HOW)
    assert sorted(seen) == list(range(6)), "no block was looked at twice"
    # what was left is cleared up, and scores are there as after any other run
    assert (out / ".evaluating").exists()
    with pytest.raises(cl.InvalidError, match="without results"):
        cl.evaluate(model, data, out=out, **HOW)
    assert not (out / ".evaluating").exists()
    # of others, which are to take the place of these, blocks stay
    with monkeypatch.context() as midway:
        midway.setattr("cytoloom.evaluation.scores.put_in_place", dies)
        with pytest.raises(KeyboardInterrupt):
            cl.evaluate(model, data, out=out, views=4, overwrite=True, **HOW)
    with pytest.raises(cl.InvalidError, match="without results"):
        cl.evaluate(model, data, out=out, views=4, **HOW)
    assert (out / ".evaluating").exists()
    seen.clear()
    cl.evaluate(model, data, out=out, views=4, overwrite=True, **HOW)
    assert seen == []
    assert not (out / ".evaluating").exists()


def test_two_models_are_compared_on_a_volume(nuclei, model, large, tmp_path, monkeypatch, capsys):
    data = as_data(nuclei).with_unknown(UNKNOWN)
    other = cl.load(MODEL)
    stricter = replace(other.task, foreground_threshold=0.8)
    other.parts = {other.name: replace(other.part, task=stricter)}
    whole = cl.compare(model, other, data, **HOW)
    large(100, 64)
    mine = cl.compare(model, other, data, **HOW)
    pd.testing.assert_frame_equal(mine.summary, whole.summary, rtol=0, atol=1e-12)
    monkeypatch.chdir(tmp_path)
    store = stored(tmp_path, *cl.simulate.nuclei(shape=(90, 90), count=9, seed=4))
    assert (
        main(["evaluate", str(MODEL), str(store), "--out", "scores", "--block-px", "90", "64"]) == 0
    )
    assert "2 blocks of 90 x 64 px" in capsys.readouterr().err


def test_two_processes_score_as_one_does_though_one_is_lost(nuclei, large, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    model = kills.ruled_everywhere(MODEL)
    data = as_data(nuclei).with_unknown(UNKNOWN)
    large(200, 64)
    alone = cl.evaluate(model, data, **HOW)
    assert alone.per_object["matched"].sum() > 2
    deadly = tmp_path / "deadly"
    deadly.touch()
    monkeypatch.setenv("DEADLY", str(deadly))
    out = tmp_path / "scores"
    same(cl.evaluate(model, data, out=out, block_px=100, workers=2, **HOW), alone)
    assert not deadly.exists(), "one was lost"
    assert not (out / ".evaluating").exists()


def test_a_client_compares_as_one_process_does(nuclei, large):
    distributed = pytest.importorskip("distributed")
    model, other = (kills.ruled_everywhere(MODEL) for _ in range(2))
    stricter = replace(other.task, foreground_threshold=0.8)
    other.parts = {other.name: replace(other.part, task=stricter)}
    data = as_data(nuclei).with_unknown(UNKNOWN)
    large(200, 64)
    alone = cl.compare(model, other, data, **HOW)
    threads = {"processes": False, "n_workers": 2, "threads_per_worker": 1}
    with distributed.Client(dashboard_address=None, **threads) as client:
        mine = cl.compare(model, other, data, block_px=100, client=client, **HOW)
        small = np.zeros((16, 16)), np.eye(16, dtype=int)
        with pytest.raises(cl.InvalidError, match=r"`client`.*134 million pixels"):
            cl.evaluate(model, small, client=client, **HOW)
    pd.testing.assert_frame_equal(mine.summary, alone.summary, rtol=0, atol=1e-12)
    assert alone.per_image["difference"].abs().max() > 0


def test_blocks_have_the_views_wherever_they_are_worked_on(nuclei, large, monkeypatch):
    """A model goes to other processes without what runs it: its views go with the blocks."""
    model, calls, jobs = kills.ruled(MODEL), [], []
    plain, find = model.engine, looked_through.find_in_block

    def forward(images):
        calls.append(len(images))
        return plain.forward(images)

    def found(job, k, workers=None):
        jobs.append(job)
        return find(job, k, workers)

    model.engine = replace(plain, forward=forward)
    monkeypatch.setattr(looked_through, "find_in_block", found)
    large(200, 64)
    counts = []
    for views in (1, 4):
        cl.evaluate(model, as_data(nuclei).with_unknown(UNKNOWN), views=views, **HOW)
        counts.append(sum(calls))
        calls.clear()
    assert counts[1] == 4 * counts[0]
    assert [job.views for job in jobs] == [1, 1, 4, 4]
    assert all(job.model is model for job in jobs)


@pytest.mark.parametrize(
    ("is_large", "more", "words"),
    [
        (False, {"workers": 2}, r"`workers`.*134 million pixels.*Leave `workers` out"),
        (False, {"block_px": 64}, r"`block_px`.*134 million pixels"),
        (True, {"workers": 0}, r"`workers`.*above 0"),
        (True, {"block_px": 0}, r"`block_px`.*whole numbers above 0"),
        (True, {"block_px": (64, 64, 64)}, r"`block_px`.*2 for this image"),
        (True, {"block_px": 8}, r"`block_px`.*which is seen around each"),
    ],
)
def test_what_cannot_be_meant_of_blocks_is_refused(nuclei, large, tmp_path, is_large, more, words):
    model, data = kills.ruled(MODEL), as_data(nuclei).with_unknown(UNKNOWN)
    if is_large:
        large(200, 64)
    with pytest.raises(cl.InvalidError, match=words):
        cl.evaluate(model, data, out=tmp_path / "scores", **more, **HOW)
    assert not (tmp_path / "scores").exists()


def test_blocks_are_asked_for_of_images_alone(nuclei):
    other = kills.ruled(MODEL)
    other.parts = {other.name: replace(other.part, task=replace(other.task, min_area_px=99))}
    with pytest.raises(cl.InvalidError, match=r"`block_px`.*134 million pixels"):
        cl.compare(kills.ruled(MODEL), other, as_data(nuclei), block_px=64, **HOW)
