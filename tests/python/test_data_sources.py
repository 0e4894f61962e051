"""Sources: what they read, and the cache that keeps it."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from cytoloom.datasets.files import FileSource, pixel_sha256, values_sha256
from cytoloom.datasets.sources import ArraySource, Source
from cytoloom.datasets.views import CachedSource, ChannelSource, CropSource, PlaneSource, part_of
from cytoloom.errors import InvalidError
from cytoloom.images import Normalize
from cytoloom.images import files as image_files
from cytoloom.images.cache import Cache

STACK = np.arange(3 * 4 * 5 * 2, dtype=np.uint16).reshape(3, 4, 5, 2)


def test_every_source_is_one():
    stack = ArraySource(STACK)
    for source in (stack, CropSource(stack, ((0, 2), (0, 4), (1, 3))), ChannelSource(stack, 1)):
        assert isinstance(source, Source)
        assert source.read().shape == source.shape
        assert source.read().dtype == source.dtype
        assert len(source.axes) == len(source.shape)


def test_a_crop_reads_its_box_and_boxes_within():
    crop = CropSource(ArraySource(STACK), ((1, 3), (0, 4), (2, 5)))
    np.testing.assert_array_equal(crop.read(), STACK[1:3, 0:4, 2:5])
    inner = crop.read((slice(1, 2), slice(None), slice(0, 2)))
    np.testing.assert_array_equal(inner, STACK[2:3, :, 2:4])


def test_a_crop_of_labels():
    crop = CropSource(ArraySource(STACK[0, ..., 0].astype(int), role="labels"), ((1, 3), (0, 2)))
    assert (crop.shape, crop.axes) == ((2, 2), "yx")


def test_normalisation_measures_the_whole_of_a_crop():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    crop = CropSource(ArraySource(image), ((0, 2), (0, 10)))
    assert Normalize().fit(crop) == Normalize().fit(image[..., None])
    assert pixel_sha256(crop) == pixel_sha256(ArraySource(image))


def test_a_plane_of_a_stack():
    plane = PlaneSource(ArraySource(STACK, spacing_um=(2, 1, 1)), 2)
    np.testing.assert_array_equal(plane.read(), STACK[2])
    np.testing.assert_array_equal(plane.read((slice(1, 2), slice(0, 2))), STACK[2, 1:2, 0:2])
    assert plane.spacing_um == (1, 1)


def test_channels_by_name():
    source = ArraySource(STACK, channel_names=("dapi", "gfp"))
    np.testing.assert_array_equal(ChannelSource(source, "GFP").read()[..., 0], STACK[..., 1])
    with pytest.raises(InvalidError, match="dapi"):
        ChannelSource(source, "rfp")


def test_arrays_that_are_no_image_are_refused():
    with pytest.raises(InvalidError, match="time"):
        ArraySource(np.zeros((3, 8, 9)), "tyx")
    with pytest.raises(InvalidError, match="labels"):
        ArraySource(np.zeros((2, 3, 4, 5), int), role="labels")
    with pytest.raises(InvalidError, match="axes"):
        ArraySource(np.zeros((2, 3, 4, 5, 6)))
    with pytest.raises(InvalidError, match="pixel_size_um"):
        ArraySource(np.zeros((8, 9)), spacing_um=(1, 0))


def test_hashes_tell_shape_and_type_apart():
    sources = [np.zeros((2, 8)), np.zeros((8, 2)), np.zeros((2, 8), np.float32)]
    assert len({pixel_sha256(ArraySource(a)) for a in sources}) == 3


HELD = np.random.default_rng(3).integers(0, 256, (9, 8))


@pytest.mark.parametrize(
    "same",
    [
        HELD.astype(np.uint16),
        HELD.astype(np.uint16) * 257,
        HELD.astype(np.uint16) << 4,
        HELD.astype(np.int32),
        HELD.astype(np.float32),
        (HELD / 255).astype(np.float32),
        np.repeat(HELD[..., None], 3, -1).astype(np.uint8),
    ],
)
def test_an_image_has_one_hash_of_its_values_in_any_type(same):
    assert values_sha256(ArraySource(same)) == values_sha256(ArraySource(HELD.astype(np.uint8)))


def test_other_values_have_another_hash():
    """One grey value more everywhere is another image, and so is another value everywhere."""
    others = [HELD, HELD + 1, HELD.T, HELD / 300, HELD[..., None] * [1, 1, 2], 0 * HELD + 5,
              0 * HELD + 7, np.where(HELD > 9, HELD, np.nan)]  # fmt: skip
    assert len({values_sha256(ArraySource(one)) for one in others}) == len(others)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "largest", [1e30, 1e300, -(2.0**63), np.inf, np.nan, np.longdouble("1e4000")]
)
def test_values_beyond_all_whole_numbers_are_hashed_as_well(largest):
    image, other = np.array([[largest, 1]]), np.array([[largest, 2]])
    assert values_sha256(ArraySource(image)) != values_sha256(ArraySource(other))


# The cache


def zeros(count):
    return lambda: np.zeros(count, np.uint8)


def test_the_cache_stays_within_its_bytes_and_gives_up_the_longest_unused():
    cache = Cache(100)
    cache.get("a", zeros(40))
    cache.get("b", zeros(40))
    cache.get("a", zeros(40))
    cache.get("c", zeros(40))
    assert ["a" in cache, "b" in cache, "c" in cache] == [True, False, True]
    assert cache.size_bytes == 80
    cache.resize(50)
    assert ("a" in cache, "c" in cache) == (False, True)
    cache.clear()
    assert cache.size_bytes == 0


def test_an_image_larger_than_the_cache_is_kept_alone():
    cache = Cache(10)
    cache.get("a", zeros(5))
    cache.get("b", zeros(50))
    assert ("a" in cache, "b" in cache) == (False, True)
    cache.get("c", zeros(5))
    assert ("b" in cache, "c" in cache) == (False, True)


def test_threads_decode_a_file_once():
    cache, calls, gate = Cache(100), [], threading.Event()

    def decode():
        gate.wait(10)
        calls.append(1)
        return np.zeros(10, np.uint8)

    threads = [threading.Thread(target=cache.get, args=("a", decode)) for _ in range(6)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_failed_decode_is_tried_again():
    cache = Cache(100)

    def broken():
        raise OSError("gone")

    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            cache.get("a", broken)
    assert cache.get("a", zeros(3)).size == 3


def test_without_a_cache_a_file_is_kept_only_while_in_use(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", STACK[..., 0], photometric="minisblack")
    decoded = []
    read = image_files.read_part
    monkeypatch.setattr(image_files, "read_part", lambda *a: decoded.append(1) or read(*a))
    source = FileSource(tmp_path / "a.tif", cache=None)
    pixels = source.read()
    part = source.read((slice(0, 1), slice(0, 2), slice(0, 2)))
    assert len(decoded) == 1
    alive = weakref.ref(pixels)
    del pixels, part
    gc.collect()
    assert alive() is None
    source.read()
    assert len(decoded) == 2


def test_a_file_written_anew_is_read_anew(tmp_path):
    source = FileSource(tmp_path / "a.npy", cache=Cache(1000))
    np.save(tmp_path / "a.npy", np.zeros((4, 5)))
    assert source.read().sum() == 0
    np.save(tmp_path / "a.npy", np.ones((4, 5), np.float32))
    assert source.read().sum() == 20


def test_only_the_frame_asked_for_is_decoded(tmp_path):
    series = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", series, imagej=True, metadata={"axes": "TYX"})
    cache = Cache(1000)
    source = FileSource(tmp_path / "a.tif", frame=2, cache=cache)
    np.testing.assert_array_equal(source.read()[..., 0], series[2])
    assert cache.size_bytes == 20
    with pytest.raises(InvalidError, match="3 time points"):
        FileSource(tmp_path / "a.tif", cache=None).read()


@pytest.mark.parametrize("shape", [(2, 2048, 2048), (1, 300, 300), (4, 1024, 1024), (70, 90)])
@pytest.mark.parametrize("pixels", [1, 500, 60_000])
def test_a_part_has_no_more_pixels_than_asked(shape, pixels):
    """Thin stacks too; and not many fewer than asked."""
    asked = min(pixels, math.prod(shape))
    taken = math.prod(part_of(SimpleNamespace(shape=(*shape, 1), name=""), pixels).shape)
    assert asked / 2 <= taken <= asked


def test_what_is_held_is_decoded_once():
    """By four threads at a time, and again only after it was released."""
    reads = []

    class Slow(ArraySource):
        def read(self, slices=None):
            reads.append(slices)
            time.sleep(0.05)
            return super().read(slices)

    held = CachedSource(Slow(np.arange(12).reshape(3, 4)))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: held.read((slice(k, k + 1), slice(0, 4))), range(3)))
    assert np.concatenate(parts)[..., 0].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert reads == [None]
    held.release()
    held.read()
    assert len(reads) == 2
