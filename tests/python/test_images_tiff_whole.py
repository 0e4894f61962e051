"""TIFF files of which a part is missing, and files that are one image together."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest
import tifffile

from cytoloom.datasets.checks import check
from cytoloom.datasets.files import FileSource, pixel_sha256
from cytoloom.datasets.joined import JoinedSource
from cytoloom.datasets.padding import padding_around
from cytoloom.datasets.unlabelled import as_images
from cytoloom.datasets.views import ChannelSource
from cytoloom.errors import InvalidError
from cytoloom.images import probe, read, read_labels

RNG = np.random.default_rng(5)
STACK = RNG.integers(1, 255, (6, 24, 30)).astype(np.uint16)
SERIES = RNG.integers(1, 255, (3, 2, 2, 24, 30)).astype(np.uint16)
ZLIB = {"compression": "zlib"}
GREY = {"photometric": "minisblack"}

STACKS = {
    "ImageJ": (SERIES, {"imagej": True, "metadata": {"axes": "TZCYX"}}),
    "ImageJ in pages": (SERIES, {"imagej": True, "metadata": {"axes": "TZCYX"}, **ZLIB}),
    "OME": (SERIES, {"ome": True, "metadata": {"axes": "TZCYX"}, **GREY}),
    "OME in pages": (SERIES, {"ome": True, "metadata": {"axes": "TZCYX"}, **GREY, **ZLIB}),
    "named": (SERIES, {"metadata": {"axes": "TZCYX"}, **GREY}),
    "named in pages": (SERIES, {"metadata": {"axes": "TZCYX"}, **GREY, **ZLIB}),
    "plain": (STACK, {"metadata": None, **GREY}),
    "plain in pages": (STACK, {"metadata": None, **GREY, **ZLIB}),
    "plain in strips": (STACK, {"metadata": None, **GREY, "rowsperstrip": 8}),
    "plain in tiles": (STACK, {"metadata": None, **GREY, **ZLIB, "tile": (16, 16)}),
    "one page": (STACK[0], {"metadata": None, **ZLIB, "rowsperstrip": 8}),
}


@pytest.mark.filterwarnings("ignore:.*not named")
@pytest.mark.parametrize("kind", STACKS)
def test_a_file_that_is_cut_off_is_refused_or_read_in_full(tmp_path, kind):
    """Never as its first planes, or with zeros; the header tells as much as the pixels."""
    array, options = STACKS[kind]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **options)
    data, whole = path.read_bytes(), read(path).array
    with tifffile.TiffFile(path) as file:
        starts = [page.offset for page in file.pages]
    cuts = {*np.linspace(8, len(data) - 1, 15).astype(int).tolist(), len(data) - 1, *starts[1:]}
    refused = 0
    for end in sorted(cuts):
        path.write_bytes(data[:end])
        said = [refusal(reads, path) for reads in (probe, read)]
        assert len({text is None for text in said}) == 1
        if said[0] is None:
            np.testing.assert_array_equal(read(path).array, whole)
        else:
            assert all(path.name in text for text in said)
            refused += 1
    assert refused >= 10


def refusal(reads, path):
    """Return the error of reading a file; None where it is read."""
    try:
        reads(path)
    except InvalidError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", ["ImageJ in pages", "OME in pages", "named in pages"])
def test_planes_that_a_description_promises_are_there(tmp_path, kind):
    """A list of pages that ends early is no file cut off, but has too few for what it says."""
    array, options = STACKS[kind]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **options)
    with tifffile.TiffFile(path) as file:
        at = file.pages[4].offset
        end = at + 2 + 12 * len(file.pages[4].tags)
    data = path.read_bytes()
    path.write_bytes(data[:end] + bytes(4) + data[end + 4 :])
    for reads in (probe, read, read_labels):
        with pytest.raises(InvalidError, match=r"a\.tif.* 5 of 12 planes"):
            reads(path)


def test_pages_of_another_size_in_between_are_several_images(tmp_path):
    """And not a damaged file."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in (STACK[0], STACK[1], STACK[2, :20], STACK[3], STACK[4]):
            writer.write(plane.copy(), metadata=None)
    with pytest.raises(InvalidError, match=r"images|several sizes") as caught:
        read(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


def test_a_stack_behind_one_page_is_read_as_imagej_writes_it(tmp_path):
    """Above 4 GB ImageJ lists the first page only; the others follow it."""
    text = "ImageJ=1.54f\nimages=6\nslices=6\n"
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], description=text, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        start = file.pages[0].dataoffsets[0]
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:start] + STACK.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "a.tif").array[..., 0], STACK)
    (tmp_path / "a.tif").write_bytes(data[:start] + STACK.tobytes()[:-2])
    with pytest.raises(InvalidError, match="ImageJ description"):
        read(tmp_path / "a.tif")


def test_what_tifffile_says_of_private_tags_and_texts_does_not_matter(tmp_path):
    """It warns of a text that is not UTF-8; the pixels are none the worse, nor are its users."""
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], description=b"caf\xe9 \x81", metadata=None)
    tifffile.imwrite(tmp_path / "b.tif", STACK[0], extratags=[(65000, 7, 900, bytes(900), True)])
    data = bytearray((tmp_path / "b.tif").read_bytes())
    at = data.index((65000).to_bytes(2, "little")) + 8
    data[at : at + 4] = (2**31).to_bytes(4, "little")
    (tmp_path / "b.tif").write_bytes(data)
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read(tmp_path / name).array[..., 0], STACK[0])


def test_what_is_read_by_others_is_logged_as_ever(tmp_path, caplog):
    """Listening to tifffile takes nothing away."""
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], description=b"caf\xe9 \x81", metadata=None)
    with caplog.at_level(logging.WARNING), tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    assert "270" in caplog.text


# Sets of OME-TIFF


def ome(planes, size_c=2, size_z=1, me="", names=("DNA", "actin")):
    """Describe an image of planes, each the words inside <TiffData>."""
    channels = "".join(
        f'<Channel ID="Channel:0:{k}" Name="{n}" SamplesPerPixel="1"/>' for k, n in enumerate(names)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" {me}><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="24" '
        f'SizeC="{size_c}" SizeZ="{size_z}" SizeT="1">{channels}{"".join(planes)}</Pixels></Image>'
        "</OME>"
    )


def plane(c, name=None):
    """Say where the plane of a channel is: in a file, or in this one."""
    if name is None:
        return f'<TiffData IFD="{c}" FirstC="{c}" PlaneCount="1"/>'
    inside = f'<UUID FileName="{name}">urn:uuid:{c}</UUID>'
    return f'<TiffData IFD="0" FirstC="{c}" PlaneCount="1">{inside}</TiffData>'


def save(path, array, xml):
    options = {"description": xml.encode(), "metadata": None, "ome": False, **GREY}
    tifffile.imwrite(path, array, **options)


def ome_set(folder, stem="set", count=2):
    """Write an image of channels as a file each, each file describing all."""
    folder.mkdir(exist_ok=True)
    names = [f"{stem}_C{c}.ome.tif" for c in range(count)]
    planes = [plane(c, name) for c, name in enumerate(names)]
    for c, name in enumerate(names):
        xml = ome(planes, count, me=f'UUID="urn:uuid:{c}"', names=[f"ch{k}" for k in range(count)])
        save(folder / name, STACK[c], xml)
    return [folder / name for name in names]


def test_a_complete_set_is_one_image_however_it_is_given(tmp_path):
    """As a folder, a list, a pattern or one of its files; the others are named as passed over."""
    paths = [*ome_set(tmp_path / "images"), *ome_set(tmp_path / "images", "other", 3)]
    expected = np.moveaxis(STACK[:2], 0, -1)
    for given in (tmp_path / "images", paths, str(tmp_path / "images" / "*.tif")):
        items = as_images(given)
        assert sorted(item.image.shape[-1] for item in items) == [2, 3]
        (one,) = [item for item in items if item.image.shape[-1] == 2]
        np.testing.assert_array_equal(one.image.read(), expected)
    np.testing.assert_array_equal(read(paths[1]).array, expected)
    assert read(paths[1]).channel_names == ("ch0", "ch1")
    (tmp_path / "labels").mkdir()
    for stem in ("set", "other"):
        labels = (STACK[0] > 100).astype(np.uint8)
        tifffile.imwrite(tmp_path / "labels" / f"{stem}_C0.tif", labels)
    report = check(tmp_path)
    assert len(report.rows) == 2
    assert "3 other files of a set" in str(report)


def test_a_change_in_another_file_of_a_set_is_seen(tmp_path):
    """Pixels and facts that were kept are read again, of joined files too."""
    paths = ome_set(tmp_path / "images")
    alone = FileSource(paths[0])
    sources = (alone, ChannelSource(JoinedSource([alone], "c"), [0, 1]))
    assert padding_around(sources[1]) is None
    for source in sources:
        np.testing.assert_array_equal(source.read()[..., 1], STACK[1])
    before = [pixel_sha256(alone), *(source.identity for source in sources)]
    save(paths[1], np.pad(STACK[1, :, :20], ((0, 0), (0, 10))), "")
    after = [pixel_sha256(alone), *(source.identity for source in sources)]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert (alone.read()[..., 1] != STACK[1]).any()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_set_with_a_missing_or_renamed_file_is_refused_by_its_name(tmp_path, lost):
    """Where tifffile gives a channel of zeros."""
    paths = ome_set(tmp_path / "images", count=3)
    paths[lost].rename(paths[lost].with_name(f"moved{lost}.tif"))
    for path in paths[:lost] + paths[lost + 1 :]:
        for reads in (probe, read, read_labels):
            with pytest.raises(InvalidError, match=rf"2 of 3 planes: {paths[lost].name} is not be"):
                reads(path)


def test_a_single_file_may_be_renamed_though_its_description_has_a_name(tmp_path):
    """With or without a number of its own."""
    for me in ("", 'UUID="urn:uuid:0"'):
        save(tmp_path / "new.tif", STACK[0], ome([plane(0, "old.ome.tif")], 1, me=me, names=["a"]))
        np.testing.assert_array_equal(read(tmp_path / "new.tif").array[..., 0], STACK[0])


def test_a_set_that_names_a_pipe_is_refused(tmp_path):
    """It would be waited for."""
    paths = ome_set(tmp_path / "images")
    paths[1].unlink()
    os.mkfifo(paths[1])
    for reads in (probe, read):
        with pytest.raises(InvalidError, match=f"{paths[0].name}.*{paths[1].name}, which is none"):
            reads(paths[0])


def test_what_a_scanner_takes_beside_a_slide_is_not_the_image(tmp_path):
    """As Bio-Formats names it; other images of a file are refused."""
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for name, array in (("", STACK[0]), ("label image", STACK[1, :9]), ("macro", STACK[2, 9:])):
            writer.write(array.copy(), metadata={"Name": name}, **GREY)
    np.testing.assert_array_equal(read(tmp_path / "a.ome.tif").array[..., 0], STACK[0])
    with tifffile.TiffWriter(tmp_path / "b.ome.tif", ome=True) as writer:
        for name, array in (("a", STACK[0]), ("labels", STACK[1, :9])):
            writer.write(array.copy(), metadata={"Name": name}, **GREY)
    with pytest.raises(InvalidError, match="2 images"):
        read(tmp_path / "b.ome.tif")


@pytest.mark.parametrize("there", [True, False])
def test_a_file_described_by_another_is_read_by_that_description(tmp_path, there):
    """A companion; without it the file is read alone, and that is said."""
    names = [f"a_{c}.ome.tif" for c in range(2)]
    if there:
        xml = ome([plane(c, name) for c, name in enumerate(names)])
        (tmp_path / "a.companion.ome").write_text(xml)
    for c, name in enumerate(names):
        only = '<BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:9"/>'
        start = ome([], me=f'UUID="urn:uuid:{c}"').partition("<Image")[0]
        save(tmp_path / name, STACK[c], f"{start}{only}</OME>")
    if there:
        source = FileSource(tmp_path / names[0])
        before = source.identity
        save(tmp_path / names[1], STACK[2, :, ::-1], f"{start}{only}</OME>")
        after = source.identity
        (tmp_path / "a.companion.ome").write_text(xml.replace("actin", "tubulin"))
        assert len({before, after, source.identity}) == 3
        save(tmp_path / names[1], STACK[1], f"{start}{only}</OME>")
        assert [item.image.shape for item in as_images(tmp_path)] == [(24, 30, 2)]
        np.testing.assert_array_equal(read(tmp_path / names[1]).array[..., 1], STACK[1])
    else:
        assert any("a.companion.ome" in text for text in probe(tmp_path / names[1]).notes)
        with pytest.warns(UserWarning, match=r"a\.companion\.ome.*read alone"):
            image = read(tmp_path / names[1])
        np.testing.assert_array_equal(image.array[..., 0], STACK[1])


@pytest.mark.parametrize(
    ("size_c", "planes", "count", "match"),
    [
        (3, (0, 1), 2, "2 of 3 planes"),
        (2, (0, 1), 3, "3 pages, of which its OME description knows 2"),
        (1, (0,), 3, "3 pages, of which its OME description knows 1"),
        (2, (0, 5), 2, "OME series|planes"),
        (2, (0, 1, 1), 3, "3 pages|planes"),
    ],
)
def test_a_description_that_does_not_fit_its_pages_is_refused(
    tmp_path, size_c, planes, count, match
):
    """Of more planes than there are, or fewer, or of pages that are not there."""
    save(tmp_path / "a.tif", STACK[:count], ome(map(plane, planes), size_c))
    for reads in (probe, read):
        with pytest.raises(InvalidError, match=rf"a\.tif.*({match})"):
            reads(tmp_path / "a.tif")


def test_planes_that_are_not_placed_follow_each_other(tmp_path):
    """In the order of the dimensions, not as planes of z."""
    xml = ome([], size_c=2, size_z=3)
    save(tmp_path / "a.tif", STACK, xml)
    image = read(tmp_path / "a.tif")
    assert (image.axes, image.channel_names) == ("zyxc", ("DNA", "actin"))
    np.testing.assert_array_equal(image.array[2, ..., 1], STACK[5])


def test_axes_that_are_neither_space_nor_time_are_refused(tmp_path):
    """Lifetimes or positions are no planes; what they are taken for can be said."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "HYX"}, **GREY)
    with pytest.raises(InvalidError, match=r"axes HYX.*axes='tzyx'"):
        read(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", axes="cyx").array.shape == (24, 30, 6)


def test_a_description_of_another_size_is_refused(tmp_path):
    xml = ome([plane(0)], 1, names=["a"]).replace('SizeX="30"', 'SizeX="60"')
    save(tmp_path / "a.tif", STACK[0], xml)
    with pytest.raises(InvalidError, match=r"a\.tif"):
        read(tmp_path / "a.tif")
