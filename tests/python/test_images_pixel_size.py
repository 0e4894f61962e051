"""Sizes of pixels in every unit that files name, and what is said of those that cannot be."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.datasets.checks import check
from cytoloom.images import probe
from cytoloom.images.tiff_makers import _MAKERS, makers_sizes
from cytoloom.images.units import um_per

STACK = np.zeros((3, 8, 9), np.uint8)


def imagej(folder, unit, resolution=(4.0, 2.0), **metadata):
    """Write a stack of ImageJ with pixels of 1 / resolution (x, y) units."""
    said = {"ImageJ": "1.54f", "images": 3, "slices": 3, "unit": unit, "spacing": 3.0} | metadata
    lines = "".join(f"{key}={value}\n" for key, value in said.items() if value is not None)
    tifffile.imwrite(
        folder / "a.tif",
        STACK,
        description=lines.encode(),
        metadata=None,
        photometric="minisblack",
        resolution=resolution,
    )
    return probe(folder / "a.tif")


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("um", 1), ("µm", 1), ("μm", 1), ("\\u00B5m", 1), ("micron", 1), ("microns", 1),
        ("micrometer", 1), ("micrometers", 1), ("micrometre", 1), ("Micrometres", 1),
        ("nm", 1e-3), ("nanometers", 1e-3), ("mm", 1e3), ("cm", 1e4), ("meter", 1e6),
        ("Angstrom", 1e-4), ("Å", 1e-4), ("pm", 1e-6),
    ],
)  # fmt: skip
def test_units_of_imagej(tmp_path, unit, um):
    """In whatever words; no size is guessed at."""
    resolution = (4.0 * um, 2.0 * um)
    info = imagej(tmp_path, unit, resolution, spacing=3 / um)
    assert info.pixel_size_um == pytest.approx((3, 0.5, 0.25), rel=1e-3)
    assert info.notes == ()


def test_each_axis_of_imagej_may_have_a_unit_of_its_own(tmp_path):
    """Of y and z, where they are not those of x; planes taken downwards are as far apart."""
    info = imagej(tmp_path, "um", spacing=300.0, zunit="nm")
    assert info.pixel_size_um == pytest.approx((0.3, 0.5, 0.25))
    info = imagej(tmp_path, "um", (4.0, 0.002), yunit="nm", spacing=-2.0)
    assert info.pixel_size_um == pytest.approx((2, 0.5, 0.25))


def test_the_words_of_imagej_in_the_description_of_tifffile(tmp_path):
    """As Python users write them, without the mode of ImageJ."""
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 3}
    options = {"metadata": metadata, "resolution": (4, 2), "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    assert probe(tmp_path / "a.tif").pixel_size_um == pytest.approx((3, 0.5, 0.25))


@pytest.mark.parametrize("unit", ["", "pixel", "pixels", None])
def test_no_unit_is_no_size_and_nothing_to_tell(tmp_path, unit):
    info = imagej(tmp_path, unit)
    assert (info.pixel_size_um, info.notes) == (None, ())


def test_a_unit_that_means_nothing_is_told(tmp_path):
    """With the way to say the size."""
    info = imagej(tmp_path, "furlong")
    assert info.pixel_size_um is None
    assert "furlong" in info.notes[0]
    assert "pixel_size_um" in info.notes[0]


@pytest.mark.parametrize("resolution", [(72.0, 72.0), (300.0, 300.0)])
def test_inches_that_imagej_takes_from_a_print_are_no_size(tmp_path, resolution):
    assert imagej(tmp_path, "inch", resolution).pixel_size_um is None
    info = imagej(tmp_path, "inch", (254000.0, 254000.0), spacing=None)
    assert info.pixel_size_um[1:] == pytest.approx((0.1, 0.1))


def test_planes_without_a_distance_are_told(tmp_path):
    info = imagej(tmp_path, "um", spacing=None)
    assert info.pixel_size_um == pytest.approx((0.5, 0.5, 0.25))
    assert "how far its planes are apart" in info.notes[0]


@pytest.mark.parametrize(
    ("unit", "per", "size"),
    [(3, 40000, 0.25), (2, 101600, 0.25), (3, 28.35, None), (2, 72, None), (2, 600, None),
     (1, 4, None), (3, 0, None)],
)  # fmt: skip
def test_plain_tags_in_cm_or_inches_unless_they_are_those_of_a_print(tmp_path, unit, per, size):
    """72 a inch are 353 um: how large a picture is printed, not how large its objects are."""
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[0], metadata=None, resolution=(per, per), resolutionunit=unit
    )
    found = probe(tmp_path / "a.tif").pixel_size_um
    assert found == (size and pytest.approx((size, size)))


@pytest.mark.parametrize(
    ("unit", "size", "um"),
    [("µm", "0.5", 0.5), ("um", "0,5", 0.5), ("Å", "5000", 0.5), ("pm", "500000", 0.5),
     ("in", "0.00002", 0.508), ("reference frame", "0.5", None), ("pixel", "1", None),
     ("µm", "nan", None), ("µm", "-1", None), ("µm", "wide", None)],
)  # fmt: skip
def test_sizes_of_ome(tmp_path, unit, size, um):
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="uint8" SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="{size}" '
        f'PhysicalSizeY="{size}" PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}">'
        '<TiffData/></Pixels></Image></OME>'
    )  # fmt: skip
    options = {"description": xml.encode(), "metadata": None, "ome": False}
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **options)
    found = probe(tmp_path / "a.tif").pixel_size_um
    assert found == (um and pytest.approx((um, um)))


def test_sizes_of_no_microscope_are_warned_of_until_they_are_given(tmp_path):
    """By check, and by reading; what is given is not asked for."""
    image = np.arange(72, dtype=np.uint8).reshape(8, 9)
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(1, 1),
                     metadata={"unit": "mm"})  # fmt: skip
    with pytest.warns(UserWarning, match="1000 x 1000 um"):
        cl.images.read(tmp_path / "a.tif")
    pair = ([tmp_path / "a.tif"], [np.eye(8, 9, dtype=int)])
    assert any("of no microscope" in text for text in check(pair).warnings)
    data = {"images": pair[0], "labels": pair[1], "pixel_size_um": 0.5}
    assert check(data).warnings == ()
    assert any("of no microscope" in t for t in check({**data, "pixel_size_um": 500.0}).warnings)


METASERIES = """<MetaData><PlaneInfo>
<prop id="spatial-calibration-state" type="bool" value="{}"/>
<prop id="spatial-calibration-x" type="float" value="0.25"/>
<prop id="spatial-calibration-y" type="float" value="0.5"/>
<prop id="spatial-calibration-units" type="string" value="um"/>
</PlaneInfo></MetaData>"""
PHILIPS = """<?xml version="1.0"?><DataObject><Attribute Name="DICOM_PIXEL_SPACING">
&quot;0.0005&quot; &quot;0.00025&quot;</Attribute><Attribute Name="DICOM_PIXEL_SPACING">
&quot;0.005&quot; &quot;0.0025&quot;</Attribute></DataObject>"""
LEICA = """<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection>
<image><view sizeX="90000" sizeY="80000"/><pixels sizeX="3" sizeY="4"/></image>
<image><view sizeX="2250" sizeY="4000"/><pixels sizeX="9" sizeY="8"/></image>
</collection></scn>"""
FEI = "[Scan]\r\nPixelWidth=2.5e-07\r\nPixelHeight=5e-07\r\n"


def tag(number, text):
    """A tag of bytes."""
    return {"extratags": [(number, 1, len(text), text.encode(), True)]}


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"description": "Aperio Image Library v11.2.1\r\n9x8|AppMag = 20|MPP = 0.2520"}, 0.252),
        ({"description": "Aperio Leica Biosystems GT450|MPP = 0,263592|x = 3"}, 0.263592),
        ({"description": "Aperio Image Library|AppMag = 20"}, 0.125),
        ({"description": "Aperio Image Library|MPP = unknown"}, 0.125),
        ({"description": LEICA}, (0.5, 0.25)),
        ({"description": METASERIES.format("on"), "software": "MetaSeries"}, (0.5, 0.25)),
        ({"description": METASERIES.format("off"), "software": "MetaSeries"}, 0.125),
        (tag(34682, FEI), (0.5, 0.25)),
        (tag(34682, "[Scan]\r\nPixelWidth=none\r\n"), 0.125),
    ],
)  # fmt: skip
def test_what_makers_of_scanners_and_microscopes_say(tmp_path, said, size):
    """Before the plain tags, which say 80,000 pixels a cm, and instead of them."""
    plain = {"resolution": (80_000, 80_000), "resolutionunit": 3, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **plain, **said)
    expected = size if isinstance(size, tuple) else (size, size)
    assert probe(tmp_path / "a.tif").pixel_size_um == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lsm", {"VoxelSizeX": 2.5e-7, "VoxelSizeY": 5e-7, "VoxelSizeZ": 3e-6}),
        ("philips", PHILIPS),
        ("sis", {"pixelsizex": 2.5e-7, "pixelsizey": 5e-7}),
        ("fluoview", {"Dimensions": [["X", 9, 0.0, 0.25, "um"], ["Y", 8, 0.0, 0.5, "um"],
                                     ["Z", 3, 0.0, 3000, "nm"], ["Ch", 2, 0.0, 1, "Ch"]]}),
        ("stk", {"SpatialCalibration": 1, "CalibrationUnits": "um", "XCalibration": Fraction(1, 4),
                 "YCalibration": Fraction(1, 2), "ZDistance": np.array([0.0, 3.0])}),
        ("sem", {"ap_image_pixel_size": ("Image Pixel Size", 0.5, "µm")}),
    ],
)  # fmt: skip
def test_what_tifffile_reads_of_makers(name, said):
    """As tifffile gives it, of files that it cannot write."""
    made = {f"is_{maker}": maker == name for maker in _MAKERS} | {f"{name}_metadata": said}
    sizes = makers_sizes(SimpleNamespace(**made))
    found = {axis: um_per(unit) * float(size) for axis, (size, unit) in sizes.items()}
    assert found["y"] == pytest.approx(0.5)
    assert found["x"] == pytest.approx(0.5 if name == "sem" else 0.25)
    assert found.get("z", 3) == pytest.approx(3)
    made[f"{name}_metadata"] = "<none/>" if name == "philips" else {}
    assert makers_sizes(SimpleNamespace(**made)) in ({}, {"y": (None, ""), "x": (None, "")})
