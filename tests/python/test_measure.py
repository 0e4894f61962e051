"""Tables of objects: shapes that can be worked out on paper, and those of regionprops."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import regionprops_table

import cytoloom as cl
from cytoloom.objects import measure as measuring
from cytoloom.objects.measure import measure

RNG = np.random.default_rng(0)
SHAPES = {
    "perimeter_px": "perimeter",
    "major_axis_px": "axis_major_length",
    "minor_axis_px": "axis_minor_length",
    "solidity": "solidity",
}
TURNED = {
    "eccentricity": "eccentricity",
    "orientation": "orientation",
    "major_axis_um": "axis_major_length",
    "minor_axis_um": "axis_minor_length",
}


def scraps():
    """Objects of several pieces with holes, lines, single pixels, at the border."""
    labels = np.kron(RNG.integers(0, 9, (9, 7)), np.ones((7, 5), int))
    labels[RNG.random(labels.shape) < 0.3] = 0
    labels[3:40, 2] = 11
    labels[60, 20:30] = 12
    labels[0, 0] = 13
    labels[np.arange(40, 55), np.arange(10, 25)] = 14
    return labels


def ellipse(radii, turned=0.0, side=64):
    """Labels with one ellipse in the middle, its first radius along y before it is turned."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    along = y * np.cos(turned) + x * np.sin(turned)
    across = x * np.cos(turned) - y * np.sin(turned)
    return ((along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1).astype(np.int32)


@pytest.mark.parametrize("labels", [cl.simulate.nuclei((90, 80), 9, seed=1)[1], scraps()])
def test_shapes_are_those_of_regionprops(labels):
    found = measure(labels, pixel_size_um=(0.5, 2.0)).set_index("object")
    for names, spacing in ((SHAPES, (1, 1)), (TURNED, (0.5, 2.0))):
        # of regionprops, perimeter and solidity take no pixels that are not square
        expected = regionprops_table(labels, properties=["label", *names.values()], spacing=spacing)
        for own, theirs in names.items():
            known = found.loc[expected["label"], own].notna().to_numpy()
            assert known.mean() > 0.8
            np.testing.assert_allclose(
                found.loc[expected["label"], own][known], expected[theirs][known], atol=1e-9
            )


def test_stacks_are_measured_as_regionprops_does():
    labels = cl.simulate.nuclei_3d((12, 40, 40), 4, seed=1)[1]
    labels[0, :3, :3] = labels.max() + 1
    names = {name: SHAPES[name] for name in ("major_axis_px", "minor_axis_px", "solidity")}
    found = measure(labels, pixel_size_um=(2.0, 0.5, 0.5))
    assert not {"perimeter_px", "eccentricity", "orientation"} & set(found.columns)
    round_ones = labels.copy()
    round_ones[0, :3, :3] = 0  # what is flat has no hull in scikit-image
    expected = regionprops_table(round_ones, properties=["label", *names.values()])
    for own, theirs in names.items():
        np.testing.assert_allclose(found[own][:-1], expected[theirs], atol=1e-9)
    assert found["solidity"].iloc[-1] == 1
    scaled = regionprops_table(
        round_ones, properties=["axis_major_length"], spacing=(2.0, 0.5, 0.5)
    )
    np.testing.assert_allclose(found["major_axis_um"][:-1], scaled["axis_major_length"])
    assert (found["major_axis_px"] >= found["middle_axis_px"]).all()
    assert (found["middle_axis_px"] >= found["minor_axis_px"]).all()


def test_a_disc_has_its_diameter_and_circumference():
    row = measure(ellipse((20, 20)), pixel_size_um=(0.5, 0.5)).iloc[0]
    assert row["major_axis_px"] == pytest.approx(40, rel=0.005)
    assert row["major_axis_um"] == row["major_axis_px"] / 2
    assert row["perimeter_px"] == pytest.approx(2 * np.pi * 20, rel=0.06)
    assert row["perimeter_um"] == row["perimeter_px"] / 2
    assert row["eccentricity"] == pytest.approx(0, abs=1e-7)
    assert np.isnan(row["orientation"]), "no axis is longer"
    assert row["solidity"] > 0.97, "pixels on the edge of the hull count"


@pytest.mark.parametrize("turned", [-1.2, -0.5, 0.0, 0.7, 1.5])
def test_an_ellipse_has_its_axes_and_its_angle(turned):
    row = measure(ellipse((24, 12), turned)).iloc[0]
    assert row["major_axis_px"] == pytest.approx(48, rel=0.01)
    assert row["minor_axis_px"] == pytest.approx(24, rel=0.01)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - 0.25), abs=0.01)
    assert row["orientation"] == pytest.approx(turned, abs=0.01)


def test_a_square_and_a_corner_are_as_on_paper():
    """A square of 5 px has 16 pixels of outline, each 1 from the next; of a corner of 5 pixels
    the hull holds one more, the middle pixel of the diagonal.
    """  # fmt: skip
    labels = np.zeros((9, 14), int)
    labels[2:7, 1:6] = 1
    labels[2:5, 9] = labels[4, 9:12] = 2
    table = measure(labels)
    assert table["perimeter_px"][0] == 16
    # of points 0 to 4 the variance is 2
    assert table["major_axis_px"][0] == table["minor_axis_px"][0] == 4 * np.sqrt(2)
    assert table["solidity"].tolist() == [1, 5 / 6]


def test_pixels_that_are_not_square_have_no_perimeter_in_micrometres():
    labels = ellipse((9, 9), side=24)
    assert measure(labels, pixel_size_um=(0.5, 0.501))["perimeter_um"].notna().all()
    assert measure(labels, pixel_size_um=(0.5, 0.6))["perimeter_um"].isna().all()
    stretched = measure(labels, pixel_size_um=(0.5, 1.0)).iloc[0]
    assert stretched["major_axis_um"] == pytest.approx(18, rel=0.02)
    assert stretched["orientation"] == pytest.approx(np.pi / 2), "along x it is longer"


def test_intensities_are_those_of_numpy_whatever_the_blocks(monkeypatch):
    """On a background of 1e9 a spread of 1 is lost by squares of the values, in 64 bits too."""
    labels = scraps()
    image = 1e9 + RNG.normal(size=(*labels.shape, 2))
    whole = measure(labels, image=lambda rows: image[rows], channel_names=["a", "b"])
    monkeypatch.setattr(measuring, "BLOCK_PX", 100)
    table = measure(labels, image=lambda rows: image[rows], channel_names=["a", "b"])
    for row in table.itertuples():
        for channel, name in enumerate("ab"):
            pixels = image[labels == row.object, channel]
            for statistic in ("mean", "min", "max"):
                expected = getattr(np, statistic)(pixels)
                assert getattr(row, f"{statistic}_intensity_{name}") == pytest.approx(expected)
            sd = getattr(row, f"sd_intensity_{name}")
            assert sd == pytest.approx(np.std(pixels), abs=1e-6)
    forms = [c for c in table.columns if "intensity" not in c]
    assert table[forms].equals(whole[forms]), "shapes do not depend on blocks at all"


def test_no_object_makes_a_table_without_rows():
    full, empty = measure(scraps()), measure(np.zeros((5, 6), np.uint16))
    assert len(empty) == 0
    assert empty.columns.tolist() == full.columns.tolist()
    assert empty["solidity"].dtype == float
