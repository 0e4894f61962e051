"""Tiles: they cover the image once, sit on the grid, and make tiled work equal to whole work."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from cytoloom.errors import InvalidError
from cytoloom.patches.tiles import mirror_index, padded_shape, read_mirrored, tiles, tiles_1d

SETTINGS = list(
    itertools.product([1, 2, 15, 16, 17, 33, 64, 70], [None, 1, 16, 20, 100], [0, 3, 16], [1, 4, 8])
)


@pytest.mark.parametrize(("size", "tile", "halo", "grid"), SETTINGS)
def test_one_axis(size: int, tile: int | None, halo: int, grid: int) -> None:
    cut = tiles_1d(size, tile, halo, grid)
    padded = -(-size // grid) * grid
    written = np.concatenate([np.arange(size)[t.write] for t in cut])
    np.testing.assert_array_equal(written, np.arange(size))  # each pixel once, in order
    for t in cut:
        assert t.read.start % grid == 0
        assert t.read.stop % grid == 0
        assert t.read.start <= max(t.write.start - halo, 0)
        assert t.read.stop >= min(t.write.stop + halo, padded)
        assert 0 <= t.read.start < t.read.stop <= padded
        np.testing.assert_array_equal(
            np.arange(padded)[t.read][t.crop], np.arange(size)[t.write]
        )  # cropping what was read gives what is written
        assert tile is None or t.write.stop - t.write.start <= -(-tile // grid) * grid


def test_the_last_tile_is_no_sliver() -> None:
    """2050 px in tiles of 512 px: five shares of 410 px, give or take one grid cell."""
    lengths = [t.write.stop - t.write.start for t in tiles_1d(2050, 512, 96, 16)]
    assert len(lengths) == 5
    assert max(lengths) - min(lengths) <= 32


@pytest.mark.parametrize("shape", [(20,), (20, 33), (5, 20, 17)])
def test_every_pixel_is_written_once(shape: tuple[int, ...]) -> None:
    count = np.zeros(shape, int)
    for t in tiles(shape, 8, 5, 4):
        count[t.write] += 1
    np.testing.assert_array_equal(count, 1)


@pytest.mark.parametrize("shape", [(21, 38), (7, 18, 25)])
@pytest.mark.parametrize("tile_px", [4, 8, 12, 64])
def test_tiled_equals_whole_for_what_sees_no_further_than_the_halo(
    shape: tuple[int, ...], tile_px: int
) -> None:
    """Block sums of 4 px spread over a neighbour block, zeros outside: needs a halo of 8 px."""
    image = np.random.default_rng(0).integers(0, 100, shape)
    whole_window = tuple(slice(0, n) for n in padded_shape(shape, 4))
    whole = _pool_and_spread(read_mirrored(image.__getitem__, shape, whole_window))
    tiled = np.zeros(shape, int)
    for t in tiles(shape, tile_px, 8, 4):
        tiled[t.write] = _pool_and_spread(read_mirrored(image.__getitem__, shape, t.read))[t.crop]
    np.testing.assert_array_equal(tiled, whole[tuple(slice(0, n) for n in shape)])


def _pool_and_spread(array: np.ndarray) -> np.ndarray:
    for axis in range(array.ndim):
        blocks = np.add.reduceat(array, np.arange(0, array.shape[axis], 4), axis=axis)
        spread = ndimage.convolve1d(blocks, [1, 2, 1], axis, mode="constant")
        array = array + np.repeat(spread, 4, axis=axis)
    return array


def test_each_axis_has_its_own_tile_halo_and_grid() -> None:
    cut = tiles((4, 40), (4, 16), (0, 8), (1, 8))
    assert [t.read for t in cut] == [
        (slice(0, 4), slice(0, 16)),
        (slice(0, 4), slice(0, 32)),
        (slice(0, 4), slice(16, 40)),
    ]


def test_mirroring_equals_numpy_even_when_the_window_is_many_times_the_image() -> None:
    image = np.arange(12).reshape(3, 4)
    window = (slice(-7, 9), slice(-1, 30))
    expected = np.pad(image, ((7, 6), (1, 26)), mode="reflect")
    np.testing.assert_array_equal(read_mirrored(image.__getitem__, (3, 4), window), expected)


def test_an_image_of_one_pixel_is_repeated() -> None:
    image = np.array([[5]])
    found = read_mirrored(image.__getitem__, (1, 1), (slice(0, 2), slice(-1, 2)))
    np.testing.assert_array_equal(found, np.full((2, 3), 5))


def test_only_the_needed_region_is_read() -> None:
    seen = []

    def read(at: tuple[slice, ...]) -> np.ndarray:
        seen.append(at)
        return np.arange(100)[at]

    read_mirrored(read, (100,), (slice(90, 104),))
    assert seen == [(slice(90, 100),)]


def test_mirrored_indices_keep_fractions() -> None:
    np.testing.assert_allclose(
        mirror_index(np.array([-0.25, 2.5, 3.25, 9.0]), 4), [0.25, 2.5, 2.75, 3.0]
    )


@pytest.mark.parametrize("wrong", [{"size": 0}, {"tile": 0}, {"halo": -1}, {"grid": 0}])
def test_impossible_geometry_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidError, match="tiles"):
        tiles_1d(**{"size": 8, "tile": 4, "halo": 0, "grid": 1, **wrong})


def test_one_value_per_axis() -> None:
    with pytest.raises(InvalidError, match="2 values"):
        tiles((8, 8), (4, 4, 4), 0, 1)
