"""Large images are never asked for as a whole, and all that is measured of them is the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import cytoloom as cl
from cytoloom.datasets.checks import odd_pixels
from cytoloom.datasets.files import FileSource, pixel_sha256
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.views import CachedSource, ChannelSource, CropSource, PlaneSource
from cytoloom.images import Normalize, blocks, files, percentiles
from cytoloom.images.cache import Cache

RNG = np.random.default_rng(0)


class Counting(ArraySource):
    """Notes how many pixels it is asked for."""

    def __init__(self, array, axes=None):
        super().__init__(array, axes)
        self.asked = []

    def read(self, slices=None):
        found = super().read(slices)
        self.asked.append(found[..., 0].size)
        return found


@pytest.fixture
def _large_is_500_px(monkeypatch):
    monkeypatch.setattr(blocks, "LARGE_PX", 500)


large = pytest.mark.usefixtures("_large_is_500_px")
IMAGES = {
    "uint8": RNG.integers(0, 255, (40, 50, 2)).astype(np.uint8),
    "int16": RNG.integers(-300, 900, (40, 50, 2)).astype(np.int16),
    "uint32": RNG.integers(7, 90_000, (40, 50, 1)).astype(np.uint32),
    "wide": RNG.integers(0, 2**40, (40, 50, 1)),
    "bool": RNG.integers(0, 2, (40, 50, 1)).astype(bool),
    "float32": RNG.normal(size=(40, 50, 2)).astype(np.float32),
    "volume": RNG.normal(size=(5, 30, 40, 1)),
    "long": RNG.integers(0, 255, (2, 1500, 1)).astype(np.uint8),
}
AXES = {"volume": "zyxc"}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("measure", ["normalise", "hash", "look"])
def test_an_image_is_measured_in_blocks_as_in_one(monkeypatch, kind, measure):
    """To the last bit, with no more than a block asked for at a time."""
    work = {
        "normalise": Normalize().fit,
        "hash": pixel_sha256,
        "look": lambda source: list(odd_pixels(source)),
    }[measure]
    monkeypatch.setattr(percentiles, "MAX_SAMPLE", 300)
    image, axes = IMAGES[kind], AXES.get(kind, "yxc")
    expected = work(ArraySource(image, axes))
    monkeypatch.setattr(blocks, "LARGE_PX", 500)
    source = Counting(image, axes)
    assert work(source) == expected
    assert source.asked
    assert max(source.asked) <= max(500, image.shape[-2])


@large
@pytest.mark.parametrize("shift", [0, 1])
def test_odd_pixels_in_a_block_of_their_own_are_seen(shift):
    """One value in the first block and another in the last are not one value everywhere."""
    image = np.full((40, 50, 1), 5.0, np.float32)
    image[30:] += shift
    said = list(odd_pixels(Counting(image, "yxc")))
    assert said == ([] if shift else ["has one value everywhere (5.0); is it the right file?"])
    image[39, 0] = np.nan
    assert list(odd_pixels(Counting(image, "yxc"))) == [
        "has NaN or infinite values in 0.05% of its pixels"
    ]


@pytest.mark.parametrize("rescale", [None, 0.5])
def test_predicting_into_a_folder_never_asks_for_the_whole(trained, monkeypatch, tmp_path, rescale):
    """Looking, normalising, running the network, measuring: each by regions; the same objects."""
    image, _ = cl.simulate.nuclei(shape=(300, 280), count=40, seed=3)
    expected = cl.predict(trained, image, rescale=rescale, progress=False)
    monkeypatch.setattr(blocks, "LARGE_PX", 9000)
    monkeypatch.setattr("cytoloom.inference.tiled.TILE_PX", 9000)
    monkeypatch.setattr("cytoloom.objects.measure.BLOCK_PX", 9000)
    source = Counting(image)
    data = cl.Data((Item("image", source),))
    found = cl.predict(trained, data, rescale=rescale, out=tmp_path / "out", progress=False)
    assert max(source.asked) < image.size
    assert found.files["objects"].tolist() == [len(expected.objects)] == [len(found.objects)]
    np.testing.assert_array_equal(found["image"], expected["image"])
    np.testing.assert_array_equal(files.read_labels(found.files["labels"][0]), found["image"])


@large
def test_scoring_reads_large_images_by_regions_and_small_ones_once(trained):
    """What is kept is decoded once; what is large is not kept at all."""
    image = RNG.integers(0, 99, (30, 40, 1)).astype(np.uint8)
    source = Counting(image)
    cached = CachedSource(source)
    for _ in range(3):
        cached.read((slice(0, 5), slice(0, 5)))
    assert source.asked == [25, 25, 25]
    source = Counting(image[:10, :10])
    cached = CachedSource(source)
    for _ in range(3):
        cached.read((slice(0, 5), slice(0, 5)))
    assert source.asked == [100]


@large
def test_a_source_without_regions_is_read_once_and_whole(tmp_path):
    """PNG has none: asked for part by part it would be decoded for each."""
    Pillow.fromarray(IMAGES["uint8"][..., 0]).save(tmp_path / "a.png")
    source = FileSource(tmp_path / "a.png", cache=None)
    assert not source.regions
    assert not any(s.regions for s in (ChannelSource(source, 0), CachedSource(source)))
    assert not CropSource(source, ((0, 9), (0, 9))).regions


def counted_reads(monkeypatch):
    """Note what is decoded whole and what by regions."""
    seen = {"whole": 0, "regions": 0}
    original = files.read_part

    def read_part(path, part):
        seen["whole" if part.region is None else "regions"] += 1
        return original(path, part)

    monkeypatch.setattr(files, "read_part", read_part)
    return seen


@large
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_large_file_is_read_by_regions(monkeypatch, tmp_path, suffix):
    """In all that `Source` promises: steps, ends counted from behind, channels, and nothing."""
    image, path = IMAGES["int16"], tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, image)
    else:
        tifffile.imwrite(path, image, tile=(16, 16), compression="zlib", metadata={"axes": "YXC"})
    seen = counted_reads(monkeypatch)
    source = FileSource(path, cache=None, channels=[1])
    for region in [
        (slice(3, 9), slice(0, 50)),
        (slice(None), slice(-7, None)),
        (slice(1, 30, 3), slice(40, 10)),
        (slice(9, 3), slice(None, None, 7)),
    ]:
        np.testing.assert_array_equal(source.read(region), image[region][..., [1]])
    assert seen == {"whole": 0, "regions": 4}
    np.testing.assert_array_equal(source.read((slice(None, None, -1), slice(0, 5))),
                                  image[::-1, :5, [1]])  # fmt: skip
    assert pixel_sha256(source) == pixel_sha256(ArraySource(image[..., 1:], "yxc"))
    assert Normalize().fit(source) == Normalize().fit(image[..., 1:])
    assert seen["whole"] == 1


@large
def test_planes_of_a_large_stack_are_read_alone(monkeypatch, tmp_path):
    """Each was decoded with all of the others before."""
    stack = RNG.integers(0, 99, (6, 20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib", metadata={"axes": "ZYX"})
    seen = counted_reads(monkeypatch)
    for z in (0, 5):
        plane = PlaneSource(FileSource(tmp_path / "a.tif", cache=None), z)
        np.testing.assert_array_equal(plane.read()[..., 0], stack[z])
    assert seen == {"whole": 0, "regions": 2}


@large
def test_what_the_cache_can_hold_is_decoded_once(monkeypatch, tmp_path):
    """Training draws patches again and again: only what does not fit is read by regions."""
    image = IMAGES["uint8"]
    np.save(tmp_path / "a.npy", image)
    seen = counted_reads(monkeypatch)
    for cache, expected in ((Cache(10_000), {"whole": 1, "regions": 0}),
                            (Cache(1000), {"whole": 1, "regions": 3})):  # fmt: skip
        source = FileSource(tmp_path / "a.npy", cache=cache)
        for _ in range(3):
            assert source.read((slice(0, 5), slice(0, 5))).shape == (5, 5, 2)
        assert seen == expected


@large
def test_a_time_series_asks_for_a_frame_by_regions_too(tmp_path):
    """As it does when it is read whole."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 30, 40), np.uint8), metadata={"axes": "TYX"})
    source = FileSource(tmp_path / "a.tif", cache=None)
    with pytest.raises(cl.InvalidError, match="5 time points"):
        source.read((slice(0, 2), slice(0, 2)))
    assert source.at(2).read((slice(0, 2), slice(0, 2))).shape == (2, 2, 1)


def test_the_bound_is_what_a_laptop_holds_easily():
    """16 Mpx: of 16 bits 32 MB; the promise in the documentation names it."""
    assert blocks.LARGE_PX == 2**24
    assert math.isqrt(blocks.LARGE_PX) == 4096
