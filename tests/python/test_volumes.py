"""Blocks of a large image, put together: what comes out is what the whole image has."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import label

import cytoloom as cl
from cytoloom.errors import InvalidError
from cytoloom.images.blocks import inside
from cytoloom.volumes.blocks import Blocks, grown, shared
from cytoloom.volumes.kept import file_of, keep_block, read_block
from cytoloom.volumes.stitch import (
    cut_off,
    faces_of,
    first_pixels,
    joined,
    numbered,
    same_objects,
)


@pytest.mark.parametrize("shape", [(100,), (97, 64), (5, 33, 40)])
@pytest.mark.parametrize("edge", [1, 7, 32, 200])
def test_each_pixel_is_decided_by_one_block(shape: tuple[int, ...], edge: int) -> None:
    blocks = Blocks(shape, (edge,) * len(shape), (1,) * len(shape))
    decided = np.zeros(shape, int)
    for k in range(len(blocks)):
        decided[blocks.core(k)] += 1
        assert blocks.at(blocks.place(k)) == k
    assert (decided == 1).all()


def test_a_region_is_the_block_and_its_margin_within_the_image() -> None:
    blocks = Blocks((10, 20), (5, 10), (3, 4))
    assert blocks.region(3) == (slice(2, 10), slice(6, 20))
    assert inside(blocks.core(3), blocks.region(3)) == (slice(3, 8), slice(4, 14))
    # 4 blocks of 8 x 14 px see 448 of 200
    assert blocks.seen_more == pytest.approx(448 / 200)


def test_blocks_behind_are_those_that_touch() -> None:
    blocks = Blocks((9, 9, 9), (3, 3, 3), (1, 1, 1))
    k = blocks.at((1, 1, 1))
    assert k is not None
    behind = {blocks.place(j) for axis in range(3) for j in blocks.behind(k, axis)}
    wide = grown(blocks.core(k), (1, 1, 1), blocks.shape)
    later = {
        place
        for place in itertools.product(range(3), repeat=3)
        if (j := blocks.at(place)) is not None and shared(blocks.core(j), wide) and j != k
    }
    assert {place for place in later if max(np.subtract(place, 1)) > 0} == behind


def test_margins_larger_than_blocks_are_refused() -> None:
    with pytest.raises(InvalidError, match=r"`block_px`.*at least 8 px.*4 px"):
        Blocks((100, 100), (4, 4), (8, 8))


def test_blocks_of_other_axes_are_refused() -> None:
    with pytest.raises(InvalidError, match=r"`block_px`.*one number per axis"):
        Blocks((100, 100), (50,), (8, 8))


def _put_together(whole: np.ndarray, blocks: Blocks, seed: int) -> tuple[np.ndarray, int]:
    """Cut labels into blocks that number objects as they like, and put them together again."""
    rng = np.random.default_rng(seed)
    faces, cores, begins, starts = {}, [], [], [0]
    for k in range(len(blocks)):
        core, region = blocks.core(k), blocks.region(k)
        seen = whole[region]
        ids = np.unique(seen[inside(core, region)])
        ids = rng.permutation(ids[ids > 0])
        lut = np.zeros(int(whole.max()) + 1, int)
        lut[ids] = np.arange(1, len(ids) + 1)
        faces[k] = faces_of(lut[seen], region, core, blocks.shape)
        cores.append(lut[whole[core]])
        corner = [s.start for s in core]
        begins.append(first_pixels(cores[-1], len(ids), corner, blocks.shape)[1:])
        starts.append(starts[-1] + len(ids))
    pairs, differing, odd = same_objects(blocks, faces, starts)
    assert len(odd) == 0
    numbers = numbered(joined(starts[-1], pairs), np.append(-1, np.concatenate(begins)))
    found = np.zeros(whole.shape, int)
    for k, own in enumerate(cores):
        lut = np.append(0, numbers[starts[k] + 1 : starts[k + 1] + 1])
        found[blocks.core(k)] = lut[own]
    return found, differing


@pytest.mark.parametrize("shape", [(60, 70), (20, 30, 24)])
@pytest.mark.parametrize("density", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("edge", [4, 7, 16])
def test_objects_of_any_shape_are_put_together(
    shape: tuple[int, ...], density: float, edge: int
) -> None:
    # pieces of noise are thin, long and touch by corners: what is hardest to put together
    noise = np.random.default_rng(round(100 * density)).random(shape) < density
    whole = label(noise, connectivity=len(shape))
    blocks = Blocks(shape, (edge,) * len(shape), (1,) * len(shape))
    found, differing = _put_together(whole, blocks, seed=edge)
    # scikit-image numbers pieces by their first pixel, too
    assert (found == whole).all()
    assert differing == 0


def test_touching_objects_stay_apart() -> None:
    whole = np.repeat(np.repeat(np.arange(1, 26).reshape(5, 5), 3, 0), 3, 1)
    found, differing = _put_together(whole, Blocks((15, 15), (4, 4), (2, 2)), seed=0)
    assert (found == whole).all()
    assert differing == 0


def test_blocks_that_disagree_are_told_of() -> None:
    blocks = Blocks((1, 8), (1, 4), (0, 1))
    left = np.array([[0, 0, 1, 1, 1]])  # goes on behind the end, as it sees it
    right = np.array([[0, 0, 0, 1, 1]])  # nothing there
    faces = {
        0: faces_of(left, blocks.region(0), blocks.core(0), blocks.shape),
        1: faces_of(right, blocks.region(1), blocks.core(1), blocks.shape),
    }
    pairs, differing, odd = same_objects(blocks, faces, [0, 1, 2])
    assert len(pairs) == 0
    assert differing == 1
    assert odd.tolist() == [1]


def test_what_reaches_the_end_of_a_region_is_named() -> None:
    labels = np.array([[1, 1, 0, 2], [0, 3, 0, 2], [0, 4, 0, 0]])
    # at the left and at the bottom the image goes on
    region = (slice(0, 3), slice(5, 9))
    assert cut_off(labels, region, (10, 9)).tolist() == [1, 4]


def test_a_block_is_kept_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kept = {
        "labels": rng.integers(0, 70000, (3, 4, 5)),
        "signed": np.array([-1, 5]),
        "none": np.zeros((0, 3), np.int32),
        "said": np.array([0.5, np.nan]),
        "words": np.array(["a", ""]),
        "yes": np.array([True, False]),
    }
    keep_block(file_of(tmp_path, 7), kept)
    again = read_block(file_of(tmp_path, 7))
    assert again.keys() == kept.keys()
    for name, values in kept.items():
        np.testing.assert_array_equal(again[name], values)
    assert list(read_block(file_of(tmp_path, 7), "sa", "labels")) == ["labels", "said"]


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_block_that_is_cut_off_is_named(tmp_path: Path, cut: int) -> None:
    path = file_of(tmp_path, 0)
    keep_block(path, {"labels": np.arange(1000)})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InvalidError, match=r"000000000\.npz.*a block as it was written"):
        read_block(path)


@pytest.mark.parametrize("labels", [False, True])
def test_flipped_bytes_are_told_of_and_not_taken_for_pixels(tmp_path: Path, labels: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (90, 100)).astype(np.uint16)
    store = cl.volumes.write(tmp_path / "a.zarr", pixels, axes="yx", labels=labels)
    read = cl.volumes.read_labels if labels else cl.images.read
    chunk = store / "0" / "c" / "0" / "0"
    kept = chunk.read_bytes()
    for k in range(20, len(kept), len(kept) // 12):
        chunk.write_bytes(kept[:k] + bytes([kept[k] ^ 16]) + kept[k + 1 :])
        with pytest.raises(InvalidError, match="chunks that can be decoded"):
            read(store)
