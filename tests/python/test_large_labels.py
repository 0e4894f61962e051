"""Volumes too large to be looked at as a whole, on a small one that is taken for such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

import cytoloom as cl
from cytoloom.datasets import looked_at
from cytoloom.datasets.cache import SHARED
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.views import CropSource
from cytoloom.images import blocks, files, parts
from cytoloom.images.cache import Cache
from cytoloom.patches.sample import Reader, Sampler
from cytoloom.segmentation.classed import parted, with_classes
from cytoloom.tasks import Binary, Instances
from cytoloom.training import prepare, tune
from cytoloom.training.batches import UNKNOWN, TaskLabels
from large_volume import sparse_volume

SHAPE, CHUNK, MOST_PX = (96, 192, 192), (32, 48, 48), 2**17
VOXELS = 96 * 192 * 192
CLASSED = Instances(classes=("a", "b"))


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return sparse_volume(tmp_path_factory.mktemp("volume"), SHAPE, CHUNK, 5)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take volumes of 2**18 voxels for large ones; list how many voxels are read at a time."""
    monkeypatch.setattr(blocks, "LARGE_PX", 2**16)
    for name in ("LABELS_PX", "HUGE_PX"):
        monkeypatch.setattr(parts, name, 2**18)
    monkeypatch.setattr(looked_at, "FEW_PX", MOST_PX)
    monkeypatch.setattr(prepare, "SIZED_PX", MOST_PX)
    monkeypatch.setattr(tune, "TUNE_PX", MOST_PX)
    # what was decoded by another test is read no more, nor what the memory can hold in parts
    monkeypatch.setattr(SHARED, "max_bytes", 10**6)
    found: list[int] = []
    read = files.read_part

    def counted(*args: object) -> np.ndarray:
        pixels = read(*args)
        found.append(pixels.size)
        return pixels

    monkeypatch.setattr(files, "read_part", counted)
    return found


def data_of(volume: tuple[Path, Path]) -> cl.Data:
    return as_data(([volume[0]], [volume[1]]))


def test_training_reads_no_more_than_parts(volume, reads):
    model = cl.train(
        data_of(volume),
        network=cl.UNet(filters=2, depth=1, ndim=3),
        normalize=cl.Normalize(range="dtype"),
        trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=(16, 32, 32), cache_gb=0.001),
        progress=False,
    )
    assert len(reads) > 50
    # a tile of the network with what it sees around it is the largest
    assert max(reads) <= 1.5 * MOST_PX < VOXELS / 15
    # balls of radius 5, of which those that lie whole in a part are measured
    assert 9 < model.info["diameter_px"]["typical"] < 10.5


def test_members_are_scored_by_parts_of_what_they_have_not_seen(volume, reads, monkeypatch, capsys):
    monkeypatch.setattr(tune, "TUNE_PX", 2 * MOST_PX)  # that of both members
    other = volume[0].with_name("other.zarr"), volume[1].with_name("other_labels.zarr")
    for path, link in zip(volume, other, strict=True):
        link.symlink_to(path)
    model = cl.train(
        ([volume[0], other[0]], [volume[1], other[1]]),
        network=cl.UNet(filters=2, depth=1, ndim=3),
        normalize=cl.Normalize(range="dtype"),
        trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=(16, 32, 32), cache_gb=0.001),
        members=2,
    )
    assert max(reads) <= 1.5 * MOST_PX < VOXELS / 15
    rows = model.info["training"]["out_of_fold"]
    assert [row["member"] for row in rows] == [1, 2]
    assert all(0 <= row["ap50"] <= 1 for row in rows)
    said = capsys.readouterr().err
    assert f"too large to be scored as a whole; each by a part of at most {MOST_PX}" in said


def test_labels_are_read_as_they_are_and_found_where_they_were_written(volume, reads):
    data = data_of(volume)
    (item,) = data.items
    whole = np.asarray(zarr.open_array(volume[1], mode="r")[...])
    labels = TaskLabels(item, data.unknown, Instances(), Cache(10**6))
    for box in (np.s_[0:20, 100:180, 7:9], np.s_[40:96, 0:1, 100:192]):
        np.testing.assert_array_equal(labels.read(box), whole[box])
        np.testing.assert_array_equal(read_labels(item, None, box)[0], whole[box])
    binary = TaskLabels(item, data.unknown, Binary(), Cache(10**6))
    np.testing.assert_array_equal(binary.read(np.s_[0:32, 0:48, 0:48]), whole[:32, :48, :48] > 0)
    # the five chunks that are stored are all that is looked at
    assert len(labels.looked_at) == 5
    assert sum(int((labels.read(box) > 0).sum()) for box in labels.looked_at) == (whole > 0).sum()
    part = CropSource(item.annotations[0], ((0, 96), (0, 96), (0, 192)))
    boxes = parts.written_in(part)
    assert len(boxes) == 3
    assert all(part.read(box).any() for box in boxes)


@pytest.fixture
def classed(volume: tuple[Path, Path], tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A map of classes, and the labels with them: objects of even numbers are of class 2.

    Of one object the first plane is of the other class.
    """
    labels = np.asarray(zarr.open_array(volume[1], mode="r")[...])
    path = tmp_path / "classes.zarr"
    array = zarr.create_array(path, shape=SHAPE, dtype="uint8", chunks=CHUNK, fill_value=0)
    array.attrs.update(dict(zarr.open_array(volume[1], mode="r").attrs))
    numbers = np.where(labels > 0, 2 - labels % 2, 0).astype(np.uint8)
    odd = int(labels[labels > 0].min())
    planes = np.nonzero((labels == odd).any(axis=(1, 2)))[0]
    numbers[planes[0]][labels[planes[0]] == odd] = 3 - (2 - odd % 2)
    array[...] = numbers
    return path, with_classes(labels, {int(k): 2 - int(k) % 2 for k in np.unique(labels) if k})


@pytest.mark.parametrize("given", ["map", "table"])
def test_classes_of_objects_are_read_in_parts_too(volume, reads, classed, given):
    path, whole = classed
    objects, classes = (found[whole > 0] for found in parted(whole))
    rows = {int(k): "ab"[int(one) - 1] for k, one in zip(objects, classes, strict=True)}
    table = pd.DataFrame({"image": "raw", "object": rows.keys(), "class": rows.values()})
    data = cl.Data.from_pairs(
        [volume[0]], [volume[1]], object_classes=[path] if given == "map" else table
    )
    (item,) = data.of_task(CLASSED).items
    for box in (np.s_[0:20, 100:180, 7:9], np.s_[0:32, 0:48, 0:48], np.s_[40:96, 0:1, 100:192]):
        np.testing.assert_array_equal(item.annotations[0].read(box), whole[box])
    assert max(reads) <= 1.5 * MOST_PX < VOXELS / 15
    report = cl.check(data, CLASSED, progress=False)
    assert report.ok
    assert ("1 object of several classes in" in str(report)) == (given == "map")


def test_classes_of_objects_are_learned_and_scored_in_parts(volume, reads, classed):
    data = cl.Data.from_pairs([volume[0]], [volume[1]], object_classes=[classed[0]])
    model = cl.train(
        data,
        task=CLASSED,
        network=cl.UNet(filters=2, depth=1, ndim=3),
        normalize=cl.Normalize(range="dtype"),
        trainer=cl.Trainer(iterations=2, batch_size=1, patch_px=(16, 32, 32), cache_gb=0.001),
        progress=False,
    )
    assert max(reads) <= 1.5 * MOST_PX < VOXELS / 15
    assert model.task.classes == ("a", "b")


def test_patches_are_placed_on_what_parts_show(volume, reads):
    data = data_of(volume)
    (item,) = data.items
    labels = TaskLabels(item, data.unknown, Instances(), Cache(10**6))
    scaling = cl.Normalize(range="dtype")
    stats = scaling.fit(item.image)
    reader = Reader("a", item.image, stats, scaling, labels, UNKNOWN)
    samplers = [Sampler([reader], (8, 8, 8), foreground=1.0, balance=False) for _ in range(2)]
    batch, again = (one.batch(0, 3, 30) for one in samplers)
    for sample, other in zip(batch, again, strict=True):
        assert (sample["labels"] > 0).any()
        np.testing.assert_array_equal(sample["labels"], other["labels"])
    # all five chunks are drawn from
    assert {int(sample["labels"].max()) // 1000 for sample in batch} == set(range(5))


def test_percentiles_and_hashes_of_a_huge_image_are_of_what_was_written(volume, reads):
    (item,) = data_of(volume).items
    stats = cl.Normalize(0, 100).fit(item.image)
    assert (stats.low, stats.high) == ((20.0,), (159.0,))
    assert max(reads) <= parts.PART_PX
    assert cl.Normalize(0, 100).fit(item.image) == stats


def test_a_mask_too_large_for_its_components_is_refused(tmp_path, reads):
    raw, labels = sparse_volume(tmp_path, SHAPE, CHUNK, 5)
    array = zarr.open_array(labels, mode="a")
    array[...] = (np.asarray(array[...]) > 0).astype(np.uint32)
    report = cl.check(data_of((raw, labels)), Instances(), progress=False)
    assert "a mask without object ids, too large to be parted into objects" in report.problems[0]
    assert cl.check(data_of((raw, labels)), Binary(), progress=False).ok
