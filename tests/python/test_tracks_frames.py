"""Images of movies, read frame by frame, in every form that they come in."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from cytoloom.errors import InvalidError
from cytoloom.tracks.frames import frames_of

MOVIE = np.arange(6 * 28 * 29).reshape(6, 28, 29).astype(np.uint16)


def test_files_and_folders_of_a_movie_are_the_same_frames(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", MOVIE)
    tifffile.imwrite(tmp_path / "imagej.tif", MOVIE, imagej=True, metadata={"axes": "TYX"})
    np.save(tmp_path / "plain.npy", MOVIE)
    folder = tmp_path / "recordings" / "01"
    folder.mkdir(parents=True)
    for k, image in enumerate(MOVIE):
        tifffile.imwrite(folder / f"t{k:03d}.tif", image)
    given = [MOVIE, list(MOVIE), folder, sorted(folder.iterdir()), tmp_path / "recordings"]
    given += [tmp_path / name for name in ("plain.tif", "imagej.tif", "plain.npy")]
    for one in given:
        (found,) = frames_of(one)
        assert (found.count, found.shape, found.channels) == (6, (28, 29), 1)
        np.testing.assert_array_equal(found.frame(3)[..., 0], MOVIE[3])


def test_a_movie_of_stacks_keeps_the_size_of_its_pixels(tmp_path):
    stacks = np.stack([MOVIE, MOVIE + 1], axis=1)
    meta = {"axes": "TZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "m.ome.tif", stacks, metadata=meta)
    (found,) = frames_of(tmp_path / "m.ome.tif")
    assert found.spacing_um == (2.0, 0.5, 0.5)
    assert found.axes == ("z", "y", "x")
    np.testing.assert_array_equal(found.frame(5)[..., 0], stacks[5])
    assert frames_of(stacks, spacing_um=0.25)[0].spacing_um == (0.25, 0.25, 0.25)


def test_channels_are_chosen_and_summed():
    both = np.stack([MOVIE, 2 * MOVIE], axis=-1)
    (found,) = frames_of(both, channels=[1, [0, 1]])
    np.testing.assert_array_equal(found.frame(2)[..., 0], 2 * MOVIE[2])
    np.testing.assert_array_equal(found.frame(2)[..., 1], 3 * MOVIE[2])


def test_what_is_no_movie_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", MOVIE[0])
    with pytest.raises(InvalidError, match="one image"):
        frames_of(tmp_path / "one.tif")
    with pytest.raises(InvalidError, match="2 frames or more"):
        frames_of(MOVIE[:1])
    with pytest.raises(InvalidError, match="of 2-D or of 3-D"):
        frames_of({"a": MOVIE, "b": np.stack([MOVIE, MOVIE], axis=1)})
    (found,) = frames_of([MOVIE[0], MOVIE[1, :20]])
    with pytest.raises(InvalidError, match=r"frame 1.*28 x 29"):
        found.frame(1)
