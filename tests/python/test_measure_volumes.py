"""Tables of labels that are larger than memory, on small ones that are taken for such."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.images import blocks, parts
from cytoloom.measurement import by_blocks
from cytoloom.objects import hulls, sides
from cytoloom.objects.part import part_of

pytest.importorskip("zarr")
SPREAD = re.compile("mean_intensity|sd_intensity")


@pytest.fixture
def large(monkeypatch):
    """Take labels of more than 400 pixels for large ones; set the edge of what is read at once."""
    monkeypatch.setattr(blocks, "LARGE_PX", 200)
    monkeypatch.setattr(parts, "LABELS_PX", 400)
    monkeypatch.setattr(sides, "KEPT", 10)

    def edge(px: int) -> None:
        monkeypatch.setattr(by_blocks, "BLOCK_PX", {2: px, 3: px})

    return edge


def scene(ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """Nuclei, one object all over the image, one in two far pieces, one met backwards: an L whose
    foot comes before its leg in the order of blocks; numbers with gaps.
    """  # fmt: skip
    rng = np.random.default_rng(3)
    if ndim == 2:
        labels = cl.simulate.nuclei((60, 70), 12, seed=2)[1].astype(np.int64) * 7
        labels[30, 2:68] = 500
        labels[1:4, 1:3] = labels[50:58, 60:66] = 3
        labels[5:40, 40] = labels[40, 10:41] = 600
    else:
        labels = cl.simulate.nuclei_3d((10, 24, 26), 4, seed=2)[1].astype(np.int64) * 7
        labels[5, 12, 1:25] = labels[1:9, 13, 14] = 500
        labels[0, 0, 0:2] = labels[9, 20:24, 20] = 3
    image = rng.integers(0, 4000, (*labels.shape, 2)).astype(np.uint16)
    return image, labels


def stored(folder: Path, ndim: int) -> tuple[Path, Path]:
    image, labels = scene(ndim)
    spacing = (2.0, 0.5, 0.5)[-ndim:]
    store = cl.volumes.write(
        folder / "big.zarr", image, axes="zyxc"[-ndim - 1 :], spacing_um=spacing
    )
    own = cl.volumes.write(folder / "big.zarr" / "labels" / "cells", labels, labels=True)
    return Path(own), Path(store)


@pytest.mark.parametrize(("ndim", "around_um"), [(2, None), (2, 1.6), (3, None), (3, 2.1)])
def test_a_table_by_blocks_is_that_of_the_whole(tmp_path, large, ndim, around_um):
    """Whole numbers add up to the same in any order, so every column is equal but the spread."""
    image, labels = scene(ndim)
    spacing = (2.0, 0.5, 0.5)[-ndim:]
    given = {"big": labels}, {"big": image}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LABELS_PX", 2**27)
        whole = cl.measure(*given, pixel_size_um=spacing, around_um=around_um, progress=False)
    places = stored(tmp_path, ndim)
    for edge in (7, 16, 100):
        large(edge)
        table = cl.measure(*places, around_um=around_um, progress=False)
        assert list(table) == list(whole)
        for name in whole:
            if name.startswith("sd_"):
                np.testing.assert_allclose(table[name], whole[name], rtol=1e-12)
            else:
                pd.testing.assert_series_equal(table[name], whole[name], check_exact=True)


def test_no_box_is_larger_than_what_is_seen_around_it(tmp_path, large, monkeypatch):
    own, store = stored(tmp_path, 2)
    large(20)
    read = []

    def part(labels, *others):
        read.append(labels.shape)
        return part_of(labels, *others)

    monkeypatch.setattr(by_blocks, "part_of", part)
    cl.measure(own, store, progress=False)
    assert len(read) == 12
    assert max(map(max, read)) == 24


def test_memory_is_that_of_a_box(tmp_path, monkeypatch):
    """Of labels of 67 MB boxes of less than 1 MB; an image of 17 MB is kept by the cache."""
    shape = (64, 512, 512)
    monkeypatch.setattr(parts, "LABELS_PX", 2**20)
    monkeypatch.setattr(blocks, "LARGE_PX", 2**18)
    monkeypatch.setattr(by_blocks, "BLOCK_PX", {2: 512, 3: 48})
    monkeypatch.setattr(hulls, "LINES", 2**14)
    labels = np.zeros(shape, np.uint32)
    labels[10:60, 20:500, 7:9] = 4
    labels[:, 300, 300:310] = 9
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    tifffile.imwrite(tmp_path / "image.tif", np.ones(shape, np.uint8))
    cl.measure(labels[:8, :8, :8] + 1, progress=False)  # what is imported is no memory of a box
    del labels
    tracemalloc.start()
    try:
        table = cl.measure(tmp_path / "labels.tif", tmp_path / "image.tif", progress=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table["area_px"].tolist() == [50 * 480 * 2, 64 * 10]
    assert table["bbox_y_max"].tolist() == [500, 301]
    assert peak < 17e6 + 12e6


def test_a_mask_is_measured_by_its_pieces_or_refused(tmp_path, large, monkeypatch):
    large(16)
    mask = np.zeros((30, 40), np.uint8)
    mask[2:9, 2:30] = mask[20, 20] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    table = cl.measure(tmp_path / "mask.tif", progress=False)
    assert table["area_px"].tolist() == [7 * 28, 1]
    monkeypatch.setattr(by_blocks, "free_memory_gb", lambda: 1e-6)
    with pytest.raises(cl.InvalidError, match=r"a number for each object.*a mask"):
        cl.measure(tmp_path / "mask.tif", progress=False)


def test_an_image_among_its_labels_is_their_image(tmp_path, capsys, monkeypatch):
    own, store = stored(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    assert main(["measure", str(own), str(store), "--out", "t.csv"]) == 0
    table = pd.read_csv("t.csv")
    assert table["image"].unique().tolist() == ["big"]
    expected = cl.measure(own, store, progress=False)
    assert len(table) == len(expected)
    assert table["mean_intensity_0"].to_numpy() == pytest.approx(expected["mean_intensity_0"])
    assert main(["measure", str(own), str(store), "--image", str(store), "--out", "u.csv"]) == 1
    assert "big.zarr), with labels within" in capsys.readouterr().err
