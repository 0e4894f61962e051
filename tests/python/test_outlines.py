"""Outlines of objects, and which object lies in which."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl

RNG = np.random.default_rng(0)


def rings_of(table):
    """Corners (x, y) of each ring by object, part and ring, closed as they are."""
    groups = table.groupby(["object", "part", "ring"], sort=False)
    return {key: rows[["x", "y"]].to_numpy() for key, rows in groups}


def area(ring):
    """Area that a closed line encloses, above 0 where it runs clockwise with y downwards."""
    (x, y), (x1, y1) = ring[:-1].T, ring[1:].T
    return (x * y1 - x1 * y).sum() / 2


@pytest.mark.parametrize(
    "labels",
    [
        cl.simulate.nuclei((80, 90), 9, seed=1)[1],
        RNG.integers(0, 3, (21, 17)),
        (RNG.random((25, 25)) < 0.6) * 7,
        np.ones((3, 4), int) * 2,
    ],
)
def test_outlines_enclose_exactly_the_pixels(labels):
    """Also of noise, where objects touch themselves by corners: all rings are simple."""
    table = cl.outlines(labels)
    found = dict.fromkeys(np.unique(labels[labels > 0]).tolist(), 0)
    for (number, _, ring), line in rings_of(table).items():
        assert (line[0] == line[-1]).all()
        assert len({tuple(corner) for corner in line[:-1]}) == len(line) - 1
        steps = np.diff(line, axis=0) != 0
        assert (steps.sum(axis=1) == 1).all(), "along the edges of pixels"
        assert (steps[1:] != steps[:-1]).all(), "corners only"
        assert (area(line) > 0) == (ring == 1)
        found[number] += area(line)
    sizes = cl.measure(np.where(labels > 0, labels + 1, 0), progress=False)
    assert found == dict(zip(sizes["object"] - 1, sizes["area_px"], strict=True))


def test_coordinates_are_those_of_centroids():
    """One pixel in row 1 and column 3: its middle is (3, 1), its corners half a pixel away."""
    labels = np.zeros((3, 5), int)
    labels[1, 3] = 4
    lines, table = cl.outlines(labels), cl.measure(labels, progress=False)
    corners = [[2.5, 0.5], [3.5, 0.5], [3.5, 1.5], [2.5, 1.5], [2.5, 0.5]]
    assert lines[["x", "y"]].to_numpy().tolist() == corners
    assert lines[["x", "y"]][:-1].mean().tolist() == [3, 1]
    assert table[["centroid_x", "centroid_y"]].iloc[0].tolist() == [3, 1]


def test_pieces_are_parts_and_holes_are_rings_of_theirs():
    labels = np.array(
        [
            [5, 5, 5, 0, 5],
            [5, 0, 5, 0, 0],
            [5, 5, 5, 6, 6],
            [0, 0, 0, 5, 6],
        ]
    )  # the 5 below touches the block by a corner
    found = {key: area(line) for key, line in rings_of(cl.outlines(labels)).items()}
    assert found == {(5, 1, 1): 9, (5, 1, 2): -1, (5, 2, 1): 1, (5, 3, 1): 1, (6, 1, 1): 3}


def test_outlines_of_many_images_have_their_names_and_stacks_none(tmp_path):
    labels = np.array([[0, 1], [2, 2]])
    cl.images.write_labels(tmp_path / "a.tif", labels)
    for given in ({"a": labels, "b": labels}, [tmp_path / "a.tif", tmp_path / "a.tif"][:1]):
        assert cl.outlines(given)["image"].unique().tolist() == ["a", "b"][: len(given)]
    assert len(cl.outlines(np.zeros((3, 3), int))) == 0
    with pytest.raises(cl.InvalidError, match="stack of shape"):
        cl.outlines(np.ones((2, 3, 4), int))
    with pytest.raises(cl.InvalidError, match="whole numbers"):
        cl.outlines(labels / 3)


def test_a_nucleus_is_of_the_cell_with_most_of_its_pixels():
    """Nucleus 2 has 2 px in cell 9 and 1 in 4; nucleus 5 one in each: the lower number has it."""
    nuclei = np.array([[2, 2, 2, 0, 5, 5, 0, 8]])
    cells = np.array([[4, 9, 9, 9, 9, 4, 0, 0]])
    table = cl.relate(nuclei, cells)
    assert table["nucleus"].tolist() == [2, 5, 8]
    assert table["cell"].tolist() == [9, 4, pd.NA]
    assert table["overlap_px"].tolist() == [2, 1, 0]
    assert table["share"].tolist() == [2 / 3, 1 / 2, 0]
    per_cell = cl.relate(nuclei, cells, per="cell")
    assert per_cell[["cell", "n_nuclei"]].to_numpy().tolist() == [[4, 1], [9, 1]]
    joined = table.merge(cl.measure(cells, progress=False), left_on=["image", "cell"],
                         right_on=["image", "object"])  # fmt: skip
    assert joined["area_px"].tolist() == [4, 2]


def test_related_images_are_paired_by_name_or_order():
    one, two = np.array([[1, 0]]), np.array([[0, 1]])
    table = cl.relate({"a": one, "b": two}, {"b": two * 3, "a": one * 2})
    assert table[["image", "cell"]].to_numpy().tolist() == [["a", 2], ["b", 3]]
    assert cl.relate([one, two], [one * 2, two * 3])["cell"].tolist() == [2, 3]
    with pytest.raises(cl.InvalidError, match=r"`cells`.*none for 1 \(b\)"):
        cl.relate({"a": one, "b": two}, {"a": one, "c": one})
    with pytest.raises(cl.InvalidError, match="shape of the nuclei"):
        cl.relate(one, one.T)
    with pytest.raises(cl.InvalidError, match="per"):
        cl.relate(one, one, per="spot")


def test_no_object_makes_tables_without_rows():
    nothing = np.zeros((2, 3), int)
    assert len(cl.relate(nothing, nothing)) == len(cl.relate(nothing, nothing, per="cell")) == 0
    assert cl.relate(nothing, nothing).dtypes.equals(cl.relate(nothing + 1, nothing).dtypes)
