"""CZI of real microscopes; LIF and ND2 written here after their layout, ND2 by a stand-in, too."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest

from cytoloom.datasets.given import ReadOptions
from cytoloom.datasets.make_items import make_items
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels
from cytoloom.images.files import read_part, scenes
from cytoloom.images.reader import Part
from extras import need
from fuzz.vendor_files import write_lif, write_nd2

ADVICE = r'pip install "cytoloom\[vendor\]", in R cl_install\(extras = "vendor"\)'

POSITIONS = itertools.count()


def equals_the_whole(path, scene=None, tries=15):
    """Compare random regions of each time point with the same part of the whole."""
    info, rng = probe(path, scene=scene), np.random.default_rng(1)
    for frame in range(info.frames):
        at = frame if info.frames > 1 else None
        whole = read(path, frame=at, scene=scene).array
        assert (whole.shape, whole.dtype) == (info.frame_shape, info.dtype)
        for _ in range(tries if info.regions else 0):
            ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in whole.shape[:-1]]
            region = tuple(slice(*pair) for pair in ends)
            found = read_part(path, Part(frame=at, scene=scene, region=region))
            np.testing.assert_array_equal(found, whole[region])


@pytest.mark.parametrize(
    ("name", "package", "start"),
    [
        ("a.czi", "czifile", b"ZISRAWFILE"),
        ("a.lif", "liffile", b"\x70\x00\x00\x00\x00\x00\x00\x00\x2a"),
        ("a.nd2", "nd2", b"\xda\xce\xbe\n"),
        ("old.nd2", "nd2", b"\x00\x00\x00\x0cjP  "),
    ],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path, monkeypatch, name, package, start
):
    """In Python's words and in R's."""
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(start + bytes(20))
    with pytest.raises(InvalidError, match=rf"{name}.*package {package} .*{ADVICE}"):
        probe(tmp_path / name)
    assert [item.id for item in as_images(tmp_path)] == [name[:-4]]


# CZI


@pytest.fixture
def czi(real_data):
    """Folder of real files; the package that reads them is an extra."""
    need("czifile", "vendor")
    return real_data / "io_fixtures" / "czi"


def test_time_z_and_channels_of_a_czi(czi):
    """Zstandard-compressed planes, which czifile alone cannot decode."""
    path = czi / "CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi"
    info = probe(path)
    assert (info.axes, info.shape, info.dtype) == ("tzyxc", (3, 5, 170, 240, 2), np.uint16)
    array = read(path).array
    assert all(array[t, z, ..., c].std() > 0 for t in range(3) for z in range(5) for c in range(2))
    equals_the_whole(path)


def test_axes_cannot_be_given_where_a_file_names_them(czi):
    """They would be passed over."""
    for reads in (probe, read, read_labels):
        with pytest.raises(InvalidError, match=r"`axes`. Expected none, as CZI names its axes"):
            reads(czi / "DAPI_GFP.czi", axes="tyx")


def test_channel_names_of_a_czi(czi):
    """From the display settings where the acquisition names none; each can be chosen by name."""
    image = read(czi / "DAPI_GFP.czi", channels="GFP")
    assert probe(czi / "DAPI_GFP.czi").channel_names == ("DAPI", "GFP")
    assert (image.array.shape, image.channel_names) == ((640, 640, 1), ("GFP",))
    equals_the_whole(czi / "DAPI_GFP.czi")


def test_the_same_field_as_czi_and_as_ome_tiff_is_the_same(czi):
    """To the last pixel."""
    name = "FOV7_HV110_P0500510000"
    other = read(czi.parent / "ome_tiff" / f"{name}.ome.tiff")
    np.testing.assert_array_equal(read(czi / f"{name}.czi").array, other.array)


def tile(pixels, compression=0, packed=None, m=None, shape=None, **start):
    """Stand in for an entry of czifile's directory: axes as given, samples last."""
    axes = [*start, *(a for a in "YX" if a not in start)]
    data = pixels.astype(pixels.dtype.newbyteorder("<"))
    samples = data.shape[2:] or (1,)
    full = (*(1 for a in axes[:-2]), *(shape or data.shape[:2]), *samples)
    stored = (*(1 for a in axes[:-2]), *data.shape[:2], *samples)
    sizes = dict(zip(axes, full, strict=False))
    dtype = np.dtype((data.dtype, samples)) if samples != (1,) else data.dtype
    stored_bytes = data.tobytes() if packed is None else packed
    return SimpleNamespace(
        axes="".join([*axes, "0"]), dtype=dtype, shape=full, stored_shape=stored,
        compression=compression, mosaic_index=m, file_position=next(POSITIONS),
        dimension_entries=[
            SimpleNamespace(dimension=a, start=start.get(a, 0), size=sizes[a]) for a in axes
        ],
        data_segment=lambda: SimpleNamespace(data=lambda raw: stored_bytes if raw else None),
    )  # fmt: skip


@pytest.fixture
def fake_czi(tmp_path, monkeypatch):
    """Return what makes a file of tiles and metadata, read through a stand-in for czifile."""

    def make(*tiles, facts=""):
        class File:
            subblock_directory = tiles

            def __init__(self, path):
                pass

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def metadata(self):
                return f"<ImageDocument><Metadata>{facts}</Metadata></ImageDocument>"

        monkeypatch.setitem(sys.modules, "czifile", SimpleNamespace(CziFile=File))
        path = tmp_path / "plate.czi"
        path.write_bytes(b"ZISRAWFILE" + bytes(20))
        return path

    return make


A, B, C = (np.full((2, 3), k, np.uint16) for k in (1, 2, 3))


def test_tiles_of_a_czi_mosaic_lie_where_they_were_taken_and_pyramids_are_left_out(fake_czi):
    """Two tiles that overlap by a column, the later one on top; a smaller copy of all."""
    small_copy = tile(C[:1, :2], shape=(2, 5), Y=10, X=20)
    path = fake_czi(
        small_copy, tile(B, m=1, Y=10, X=22), tile(A, m=0, Y=10, X=20)
    )  # fmt: skip
    assert read(path).array[..., 0].tolist() == [[1, 1, 2, 2, 2]] * 2
    equals_the_whole(path)


def test_scenes_of_a_czi_are_images_of_their_own(fake_czi):
    """Named as in the file, each with its size, in one group."""
    facts = (
        '<Information><Image><Dimensions><S><Scenes><Scene Index="0" Name="A1"/>'
        '<Scene Index="1" Name="B 2"/></Scenes></S></Dimensions></Image></Information>'
    )
    path = fake_czi(tile(A, S=0, Y=0, X=0), tile(B[:, :2], S=1, Y=7, X=9), facts=facts)
    assert scenes(path) == ("A1", "B 2")
    items = as_images(path)
    assert [(i.id, i.image.shape, i.group) for i in items] == [
        ("plate_A1", (2, 3, 1), "plate"),
        ("plate_B_2", (2, 2, 1), "plate"),
    ]
    assert [int(i.image.read().max()) for i in items] == [1, 2]
    with pytest.raises(InvalidError, match=r"plate\.czi.*one image.*2 images: A1, B 2.*`scene`"):
        read(path)
    with pytest.raises(InvalidError, match=r"`scene`.*one of A1, B 2.*'C3'"):
        read(path, scene="C3")


def test_labels_of_a_czi_with_scenes_cannot_be_told_apart(fake_czi):
    """So that the file is refused by name when it is read, with the way out."""
    path = fake_czi(tile(A, S=0), tile(B, S=1))
    item = make_items(path, [np.zeros((2, 3), int)], "plate", ReadOptions())[0]
    with pytest.raises(InvalidError, match=r"2 images: scene0, scene1.*file of its own"):
        item.image.read()


def test_pixel_size_of_a_czi_is_stored_in_metres(fake_czi):
    """z as y where there is no step, which is told; 0 is unknown."""
    axes = {"X": 2.5e-7, "Y": 5e-7, "Z": 1e-6}
    entry = "".join(f'<Distance Id="{a}"><Value>{v}</Value></Distance>' for a, v in axes.items())
    facts = f"<Scaling><Items>{entry}</Items></Scaling>"
    plane = fake_czi(tile(A), facts=facts)
    assert probe(plane).pixel_size_um == pytest.approx((0.5, 0.25))
    stack = fake_czi(tile(A, Z=0), tile(B, Z=1), facts=facts)
    assert (probe(stack).pixel_size_um, probe(stack).notes) == (pytest.approx((1.0, 0.5, 0.25)), ())
    stack = fake_czi(tile(A, Z=0), tile(B, Z=1), facts=facts.replace("1e-06", "0"))
    assert probe(stack).pixel_size_um == pytest.approx((0.5, 0.5, 0.25))
    assert "how far its planes are apart" in probe(stack).notes[0]
    assert probe(fake_czi(tile(A), facts=facts.replace("5e-07", "0"))).pixel_size_um is None


def test_colours_of_a_czi_are_stored_blue_first(fake_czi):
    """They come as red, green, blue."""
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[..., 0] = 255
    image = read(fake_czi(tile(pixels)))
    assert image.array.shape == (2, 3, 3)
    assert image.array[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("compression", [2, 5, 6])
@pytest.mark.parametrize("apart", [False, True])
def test_compressed_tiles_of_a_czi(fake_czi, compression, apart):
    """LZW and Zstandard; with a header whose third byte says that high bytes follow low ones."""
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3) * 1000
    data = pixels.tobytes()
    if compression == 6 and apart:
        data = pixels.view(np.uint8).reshape(-1, 2).T.tobytes()
    packed = imagecodecs.lzw_encode(data) if compression == 2 else imagecodecs.zstd_encode(data)
    if compression == 6:
        packed = bytes([3, 1, 1 if apart else 0]) + packed
    path = fake_czi(tile(pixels, compression, packed))
    np.testing.assert_array_equal(read(path).array[..., 0], pixels)


def test_what_a_czi_holds_that_is_not_read_comes_with_advice(fake_czi):
    """A compression, an axis, tiles of two types: the file, the value and the way out."""
    for tiles, match in [
        ([tile(A, compression=1)], r"compression among 0, 2, 4, 5, 6.*Received: 1\."),
        ([tile(A, H=0), tile(A, H=1)], "axis H of size 2"),
        ([tile(A), tile(A.astype(np.uint8))], "YX0 of uint16 and YX0 of uint8"),
        ([], "Received: none"),
    ]:
        with pytest.raises(InvalidError, match=rf"plate\.czi.*{match}.*bfconvert plate\.czi"):
            read(fake_czi(*tiles))


@pytest.mark.filterwarnings("ignore::UserWarning:czifile")
@pytest.mark.parametrize("kept", [60, 0.3, 0.9])
def test_a_czi_cut_off_is_named(czi, tmp_path, kept):
    """Where its directory, its planes or its metadata are missing; nothing is filled with zeros."""
    data = (czi / "DAPI_GFP.czi").read_bytes()
    path = tmp_path / "broken.czi"
    path.write_bytes(data[: kept if kept > 1 else int(kept * len(data))])
    with pytest.raises(InvalidError, match=r"broken\.czi"):
        read(path)


# LIF: the layout is Leica's published one (LIF version 2)


SERIES = np.arange(2 * 3 * 2 * 5 * 6, dtype=np.uint16).reshape(2, 3, 2, 5, 6)


def test_time_z_channels_and_pixel_size_of_a_lif(tmp_path):
    """Lengths reach from the first pixel's centre to the last one's."""
    need("liffile", "vendor")
    path = write_lif(tmp_path / "a.lif", [("Series001", SERIES, "TZCYX", ("DAPI", "GFP"))])
    info = probe(path)
    assert (info.axes, info.shape, info.dtype) == ("tzyxc", (2, 3, 5, 6, 2), np.uint16)
    assert info.channel_names == ("DAPI", "GFP")
    assert info.pixel_size_um == pytest.approx((2.0, 0.5, 0.5))
    np.testing.assert_array_equal(read(path).array, np.moveaxis(SERIES, 2, -1))
    assert info.regions
    equals_the_whole(path)


def test_images_of_a_lif_project_are_images_of_their_own(tmp_path):
    """Of any size and type each."""
    need("liffile", "vendor")
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    path = write_lif(tmp_path / "a.lif", [("one", SERIES[0], "ZCYX"), ("the second", grey, "YX")])
    assert scenes(path) == ("one", "the second")
    items = as_images(path)
    assert [(i.id, i.image.shape) for i in items] == [
        ("a_one", (3, 5, 6, 2)),
        ("a_the_second", (4, 5, 1)),
    ]
    np.testing.assert_array_equal(items[1].image.read()[..., 0], grey)
    with pytest.raises(InvalidError, match=r"2 images: one, the second"):
        probe(path)


# ND2: positions and stacks by a stand-in for the package's interface, a series by a file


def test_planes_of_an_nd2_that_were_never_taken_are_refused(tmp_path):
    """The package gives zeros for what a stopped acquisition had planned; the others are read."""
    need("nd2", "vendor")
    frames = np.arange(1, 3 * 5 * 6 + 1, dtype=np.uint16).reshape(3, 5, 6)
    whole = read(write_nd2(tmp_path / "whole.nd2", frames))
    assert (whole.axes, whole.pixel_size_um, whole.channel_names) == ("tyxc", (0.5, 0.5), ("DAPI",))
    np.testing.assert_array_equal(whole.array[..., 0], frames)
    equals_the_whole(tmp_path / "whole.nd2")
    stopped = write_nd2(tmp_path / "stopped.nd2", frames, planned=5)
    np.testing.assert_array_equal(read(stopped, frame=2).array[..., 0], frames[2])
    with pytest.raises(InvalidError, match=r"number 4 among them\. Received: .* 3 of 5 planes"):
        read(stopped, frame=3)


class FakeNd2:
    """What is used of nd2.ND2File: loops over T, P and Z, planes (C, Y, X)."""

    positions, calibrated, compression, is_legacy = ("A1", "B2"), True, None, False
    pixels = np.arange(2 * 2 * 3 * 2 * 5 * 6, dtype=np.uint16).reshape(2, 2, 3, 2, 5, 6)

    def __init__(self, path):
        self.sizes = dict(zip("TPZCYX", self.pixels.shape, strict=True))
        self.dtype = self.pixels.dtype
        self.attributes = SimpleNamespace(compressionType=self.compression, sequenceCount=12)
        points = [SimpleNamespace(name=name) for name in self.positions]
        loop = SimpleNamespace(type="XYPosLoop", parameters=SimpleNamespace(points=points))
        self.experiment = [SimpleNamespace(type="TimeLoop"), loop]
        volume = SimpleNamespace(
            axesCalibration=(0.25, 0.5, 2.0), axesCalibrated=(self.calibrated,) * 3
        )
        names = [SimpleNamespace(name=n) for n in ("DAPI", "GFP")]
        self.metadata = SimpleNamespace(
            channels=[SimpleNamespace(channel=n, volume=volume) for n in names]
        )
        self.loop_indices = tuple(
            {"T": t, "P": p, "Z": z} for t in range(2) for p in range(2) for z in range(3)
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read_frame(self, number):
        return self.pixels.reshape(-1, *self.pixels.shape[3:])[number]


@pytest.fixture
def fake_nd2(tmp_path, monkeypatch):
    """Return a file that the stand-in reads."""
    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=FakeNd2))
    path = tmp_path / "plate.nd2"
    path.write_bytes(b"\xda\xce\xbe\n" + bytes(20))
    return path


def test_positions_of_an_nd2_are_images_of_their_own(fake_nd2):
    """Each a series of stacks, named as the microscope named the position."""
    assert scenes(fake_nd2) == ("A1", "B2")
    ids = [f"plate_{p}_t{t:03d}" for p in ("A1", "B2") for t in range(2)]
    items = as_images(fake_nd2)
    assert [item.id for item in items] == ids
    assert {item.group for item in items} == {"plate"}
    expected = np.moveaxis(FakeNd2.pixels[1, 1], 1, -1)
    np.testing.assert_array_equal(items[-1].image.read(), expected)


def test_axes_pixel_size_and_channels_of_an_nd2(fake_nd2, monkeypatch):
    """A pixel size that nobody calibrated is none."""
    info = probe(fake_nd2, scene="B2")
    assert (info.axes, info.shape, info.dtype) == ("tzyxc", (2, 3, 5, 6, 2), np.uint16)
    assert (info.pixel_size_um, info.channel_names) == ((2.0, 0.5, 0.25), ("DAPI", "GFP"))
    equals_the_whole(fake_nd2, "B2")
    monkeypatch.setattr(FakeNd2, "calibrated", False)
    assert probe(fake_nd2, scene="B2").pixel_size_um is None


def test_a_compressed_nd2_is_read_whole(fake_nd2, monkeypatch):
    """Its planes cannot be mapped; positions without names are counted."""
    assert probe(fake_nd2, scene="A1").regions
    monkeypatch.setattr(FakeNd2, "compression", "lossless")
    assert not probe(fake_nd2, scene="A1").regions
    monkeypatch.setattr(FakeNd2, "positions", ("", ""))
    assert scenes(fake_nd2) == ("position0", "position1")


def test_what_is_used_of_nd2_is_there():
    """The stand-in has no more than the package."""
    nd2 = need("nd2", "vendor")
    used = ("sizes", "dtype", "attributes", "experiment", "metadata", "loop_indices", "read_frame")
    assert all(hasattr(nd2.ND2File, name) for name in (*used, "is_legacy"))
    assert {"axesCalibration", "axesCalibrated"} <= set(nd2.structures.Volume.__annotations__)
    assert "compressionType" in nd2.structures.Attributes.__annotations__
