"""Simulated movies: exact truth that hangs together, and arguments that do what they say."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from cytoloom import images, simulate
from cytoloom.errors import InvalidError
from cytoloom.simulate.movies import usual

SMALL = {"shape": (96, 96), "count": 6}


@pytest.fixture(scope="module")
def movie():
    return simulate.culture(frames=25, count=14, division_rate=0.04, death_rate=0.01, seed=3)


@pytest.fixture(scope="module")
def stacks():
    return simulate.embryo(frames=12, shape=(16, 96, 96), count=8, division_rate=0.08, seed=2)


def steps_of(made):
    """Length of each step in um, and the median distance of neighbours."""
    axes = [name for name in made.positions if name.endswith("_px")]
    places = made.positions.set_index(["frame", "object"])[axes] * np.array(made.spacing_um)
    same = made.links[made.links["object_from"] == made.links["object_to"]]
    ends = [
        places.loc[list(zip(same[f"frame_{e}"], same[f"object_{e}"], strict=True))].to_numpy()
        for e in ("from", "to")
    ]
    near = [
        np.median(cKDTree(rows).query(rows, k=2)[0][:, 1])
        for rows in (rows.to_numpy() for _, rows in places.groupby("frame"))
    ]
    return np.linalg.norm(ends[0] - ends[1], axis=1), float(np.median(near))


@pytest.mark.parametrize("which", ["movie", "stacks"])
def test_labels_positions_and_links_tell_the_same(which, request):
    """Every label of a frame is one piece and one row at its centre; no label has a gap."""
    made = request.getfixturevalue(which)
    assert made.images.shape == made.labels.shape
    assert (made.images.dtype, made.labels.dtype) == (np.uint16, np.int32)
    for t, labels in enumerate(made.labels):
        rows = made.positions[made.positions["frame"] == t]
        present = np.unique(labels[labels > 0])
        assert rows["object"].tolist() == present.tolist()
        assert all(ndimage.label(labels == k)[1] == 1 for k in present)
        axes = ["z_px", "y_px", "x_px"][-labels.ndim :]
        centres = ndimage.center_of_mass(labels > 0, labels, present)
        np.testing.assert_allclose(rows[axes], centres)
    counted = made.positions.groupby("object").size()
    tracks = made.tracks.set_index("label")
    assert (counted == tracks["end"] - tracks["begin"] + 1).all()
    assert (made.links["frame_to"] == made.links["frame_from"] + 1).all()
    assert not made.links.duplicated(["frame_to", "object_to"]).any()


@pytest.mark.parametrize("which", ["movie", "stacks"])
def test_daughters_share_what_their_mother_was(which, request):
    """A mother ends where her daughters begin; away from the borders their pixels are hers."""
    made = request.getfixturevalue(which)
    tracks = made.tracks.set_index("label")
    mothers = tracks[tracks["parent"] > 0].groupby("parent")
    assert len(mothers) >= 5
    assert (mothers.size() <= 2).all()
    shares = []
    for mother, daughters in mothers:
        end = tracks.loc[mother, "end"]
        assert (daughters["begin"] == end + 1).all()
        before = made.labels[end] == mother
        after = np.isin(made.labels[end + 1], daughters.index)
        edge = np.ones(before.shape, bool)
        edge[tuple(slice(1, -1) for _ in edge.shape)] = False
        if len(daughters) == 2 and not ((before | after) & edge).any():
            shares.append(after.sum() / before.sum())
    assert len(shares) >= 3
    assert 0.9 < np.median(shares) < 1.15
    assert min(shares) > 0.6


def test_a_seed_is_a_movie_and_a_longer_one_begins_alike():
    first, again = (simulate.culture(4, seed=7, **SMALL) for _ in range(2))
    longer, other = simulate.culture(6, seed=7, **SMALL), simulate.culture(4, seed=8, **SMALL)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.images, longer.images[:4])
    np.testing.assert_array_equal(first.labels, longer.labels[:4])
    assert (first.images != other.images).any()


@pytest.mark.parametrize("speed", [0.1, 0.3])
def test_speed_is_a_share_of_the_distance_of_neighbours(speed):
    made = simulate.culture(12, count=25, speed=speed, crowding=0, division_rate=0, seed=1)
    steps, spacing = steps_of(made)
    assert np.median(steps) / spacing == pytest.approx(speed, rel=0.3)


def test_cells_that_do_not_move_divide_or_die_stay():
    made = simulate.embryo(5, count=4, speed=0, division_rate=0, death_rate=0, crowding=0)
    assert made.tracks["end"].tolist() == [4] * 4
    assert steps_of(made)[0].max() < 0.5


def test_rates_of_division_and_death():
    """Of 40 cells 4 % in a frame divide: in 20 frames as many again, and more; all may die."""
    made = simulate.culture(20, (512, 512), 40, division_rate=0.04, death_rate=0, seed=5)
    assert 30 <= (made.tracks["parent"] > 0).sum() / 2 <= 80
    gone = simulate.culture(8, count=10, division_rate=0, death_rate=1, seed=5)
    assert gone.labels[-1].max() == 0
    assert gone.labels[2].max() > 0


def test_crowded_cells_are_nearer_to_each_other():
    """In radii: the median distance of neighbours falls below a diameter and a half."""
    apart, near = (
        steps_of(simulate.culture(10, count=25, crowding=c, division_rate=0, seed=2))[1]
        for c in (0, 1)
    )
    assert near < 0.85 * apart


def test_light_is_lost_over_time_and_with_depth():
    optics = simulate.Optics(unevenness=0, haze=0, background=0)
    still = {"speed": 0, "division_rate": 0, "crowding": 0, "optics": optics, "seed": 4}
    made = simulate.culture(11, bleaching=0.1, death_rate=0, **still)
    light = [image[labels > 0].mean() - 200 for image, labels in
             zip(made.images, made.labels, strict=True)]  # fmt: skip
    assert light[10] / light[0] == pytest.approx(0.9**10, rel=0.1)
    dim, clear = (
        simulate.embryo(1, attenuation_per_um=a, **still).images[0] - 200.0 for a in (0.05, 0)
    )
    assert dim[0].sum() / clear[0].sum() > 2 * dim[20].sum() / clear[20].sum()


def test_frames_are_made_one_by_one():
    """The movie that is written is the usual one, and asks for no more than a frame."""
    frames = usual("culture", 3)
    made = simulate.culture(2, seed=3)
    for t in range(2):
        np.testing.assert_array_equal(next(frames).image, made.images[t])


@pytest.mark.parametrize("kind", ["culture", "embryo"])
def test_a_folder_holds_frames_and_who_is_whose_mother(tmp_path, kind):
    simulate.write(tmp_path / "m", kind, images=3, seed=3, progress=False)
    made = getattr(simulate, kind)(3, seed=3)
    for t in range(3):
        read = images.read(tmp_path / "m" / "labels" / f"t{t:03d}.tif")
        np.testing.assert_array_equal(read.array[..., 0], made.labels[t])
        assert read.pixel_size_um == made.spacing_um
    lines = np.loadtxt(tmp_path / "m" / "labels" / "man_track.txt", int, ndmin=2)
    assert lines.tolist() == made.tracks.to_numpy().tolist()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 10_000}, "count"), ({"frames": 0}, "frames"), ({"speed": -1}, "speed"),
        ({"division_rate": 0.5}, "division_rate"), ({"death_rate": 2}, "death_rate"),
        ({"crowding": 2}, "crowding"), ({"bleaching": -0.1}, "bleaching"),
        ({"spacing_um": (0.0, 1.0)}, "spacing_um"), ({"diameter_um": (9.0, 2.0)}, "diameter_um"),
        ({"minutes_per_frame": 0}, "minutes_per_frame"), ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(InvalidError, match=f"Invalid `{said}`"):
        simulate.culture(**wrong)


def test_no_cells_leave_an_empty_movie():
    made = simulate.culture(2, (32, 32), 0)
    assert made.labels.max() == 0
    assert len(made.positions) == len(made.links) == len(made.tracks) == 0
