"""Volumes too large to be looked at as a whole, on a small one that is taken for such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
from cytoloom.tasks import Binary, Instances
from cytoloom.training import prepare, tune
from cytoloom.training.batches import UNKNOWN, TaskLabels
from large_volume import sparse_volume

SHAPE, CHUNK, MOST_PX = (96, 192, 192), (32, 48, 48), 2**17
VOXELS = 96 * 192 * 192


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
