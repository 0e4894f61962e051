"""Simulated microscopy: exact truth, seeds, and images that are hard for a threshold only."""

import os

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import gaussian, threshold_otsu

from cytoloom import images, simulate
from cytoloom.datasets.data import as_data
from cytoloom.errors import InvalidError
from cytoloom.metrics import average_precision, dice
from cytoloom.simulate.movies import MOVIES
from cytoloom.storage.atomic import partial_name


@pytest.fixture(scope="module")
def scene():
    return simulate.nuclei(seed=5)


def test_nuclei_are_numbered_whole_and_as_many_as_asked(scene):
    image, labels = scene
    assert image.shape == labels.shape == (256, 256)
    assert image.dtype == np.uint16
    assert np.unique(labels).tolist() == list(range(41))
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        assert ndimage.label(labels[box] == index)[1] == 1


def touching_share(labels):
    wide = ndimage.grey_dilation(labels, size=3)
    narrow = ndimage.grey_erosion(np.where(labels, labels, labels.max() + 1), size=3)
    meet = (labels > 0) & ((wide != labels) | (narrow != labels)) & (narrow > 0)
    others = np.where(wide != labels, wide, narrow)
    touched = np.unique(labels[meet & (others > 0) & (others <= labels.max())])
    return touched.size / labels.max()


def test_touching_says_how_many_nuclei_touch():
    """With 0 none does; with 1 all but the first are placed against another one."""
    assert touching_share(simulate.nuclei(seed=2, touching=0)[1]) == 0
    assert touching_share(simulate.nuclei(seed=2, touching=1, count=20)[1]) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: simulate.nuclei((64, 64), 5, seed),
        lambda seed: simulate.cells((64, 64), 2, seed),
        lambda seed: simulate.nuclei_3d((8, 32, 32), 3, seed),
    ],
    ids=["nuclei", "cells", "nuclei_3d"],
)
def test_a_seed_is_an_image(make):
    first, again, other = make(7), make(7), make(8)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def otsu(image):
    smooth = gaussian(image.astype(float), 1)
    return ndimage.label(smooth > threshold_otsu(smooth))[0]


def test_a_threshold_does_not_separate_the_nuclei():
    """Otsu and connected components: at most 0.5 AP in every one of 10 images, fewer on average."""
    scores = [
        average_precision(labels, otsu(image))
        for image, labels in (simulate.nuclei(seed=s) for s in range(10))
    ]
    assert max(scores) <= 0.5
    assert np.mean(scores) <= 0.4


def test_separated_nuclei_under_even_light_are_easier_for_a_threshold():
    """So it is touching and uneven light that make the default images hard."""
    optics = simulate.Optics(unevenness=0, haze=0)
    scores = [
        average_precision(labels, otsu(image))
        for image, labels in (
            simulate.nuclei(seed=s, count=20, touching=0, optics=optics) for s in range(5)
        )
    ]
    assert np.mean(scores) >= 0.7


def test_the_seam_between_touching_nuclei_is_darker_than_they_are():
    """Seen without noise: the pixels at a contact are darker than those 3 px inside."""
    optics = simulate.Optics(photons=2000, read_noise=0, unevenness=0)
    image, labels = simulate.nuclei(seed=4, touching=1, count=30, optics=optics)
    seam = simulate.bodies.seams(labels)
    inner = ndimage.distance_transform_edt(~seam)
    ring = (labels > 0) & (inner > 3) & (inner < 5)
    assert np.median(image[seam]) < 0.8 * np.median(image[ring])


def test_no_light_is_background_and_noise_only():
    """Poisson noise of photons x background: variance equals the mean, in photons."""
    optics = simulate.Optics(photons=1000, read_noise=0, unevenness=0, background=0.1)
    rng = np.random.default_rng(0)
    caught = (optics.expose(np.zeros((200, 200), np.float32), rng) - 200.0) / 8
    assert caught.mean() == pytest.approx(100, rel=0.01)
    assert caught.var() == pytest.approx(100, rel=0.05)


def test_no_nuclei_leave_empty_labels():
    image, labels = simulate.nuclei((40, 50), count=0)
    assert labels.max() == 0
    assert image.std() > 0


def test_cells_hold_their_nuclei():
    """Each nucleus is bordered by its cell's cytoplasm: it never reaches the background."""
    image, classes = simulate.cells(seed=3)
    assert image.shape == (256, 256, 2)
    assert np.unique(classes).tolist() == [0, 1, 2]
    around = ndimage.binary_dilation(classes == 2) & (classes != 2)
    assert (classes[around] == 1).mean() > 0.99
    nuclear = image[..., 1]
    assert np.median(nuclear[classes == 2]) > 2 * np.median(nuclear[classes == 0])
    cytoplasm = image[..., 0]
    assert np.median(cytoplasm[classes == 1]) > np.median(cytoplasm[classes == 2])


def test_stacks_are_sampled_as_the_spacing_says():
    """A nucleus of 10 um spans about 10 planes of 1 um and 20 rows of 0.5 um."""
    _, labels = simulate.nuclei_3d((40, 80, 80), count=4, seed=2, diameter_um=(10, 10), touching=0)
    boxes = ndimage.find_objects(labels)
    spans = np.array([[s.stop - s.start for s in box] for box in boxes])
    inside = [
        all(0 < s.start and s.stop < n for s, n in zip(box, labels.shape, strict=True))
        for box in boxes
    ]
    assert any(inside)
    ratio = spans[inside, 1].mean() / spans[inside, 0].mean()
    assert 1.4 < ratio < 2.8


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("count", {"count": -1}),
        ("touching", {"touching": 2}),
        ("count", {"count": 1001}),
        ("diameter_px", {"diameter_px": (9, 5)}),
        ("shape", {"shape": (0, 5)}),
    ],
)
def test_impossible_scenes_are_refused(field, arguments):
    with pytest.raises(InvalidError, match=f"`{field}`"):
        simulate.nuclei(**arguments)


def test_impossible_optics_are_refused():
    with pytest.raises(InvalidError, match="`unevenness`"):
        simulate.Optics(unevenness=1.5)
    with pytest.raises(InvalidError, match="`photons`"):
        simulate.Optics(photons=-1)


def test_annotators_disagree_with_each_other_and_resemble_the_truth(scene):
    _, truth = scene
    drawings = simulate.annotators(truth, n=5, seed=0)
    overlap = [dice(truth > 0, d > 0) for d in drawings]
    assert min(overlap) > 0.7
    assert max(overlap) < 1
    assert len({d.tobytes() for d in drawings}) == 5
    areas = [int((d > 0).sum()) for d in drawings]
    assert max(areas) > 1.05 * min(areas)


def test_annotators_without_disagreement_draw_the_truth(scene):
    _, truth = scene
    for drawing in simulate.annotators(truth, n=2, disagreement=0):
        np.testing.assert_array_equal(drawing, truth)


def test_annotators_miss_merge_and_split(scene):
    """Strong disagreement: some ids are gone, and the second halves have ids above the truth's."""
    _, truth = scene
    ids = [set(np.unique(d)) for d in simulate.annotators(truth, n=8, seed=1, disagreement=3)]
    assert any(set(range(1, 41)) - found for found in ids)
    assert any(max(found) > 40 for found in ids)


def test_annotators_are_seeded_one_by_one(scene):
    """The first two of five are the two one gets when asking for two."""
    _, truth = scene
    for few, many in zip(
        simulate.annotators(truth, 2, seed=9), simulate.annotators(truth, 5, seed=9), strict=False
    ):
        np.testing.assert_array_equal(few, many)


def test_annotators_of_stacks_and_of_nothing():
    _, truth = simulate.nuclei_3d((8, 32, 32), 3)
    assert simulate.annotators(truth, 1)[0].shape == truth.shape
    assert not simulate.annotators(np.zeros((9, 9), int), 1)[0].any()


@pytest.mark.parametrize("kind", [k for k in simulate.kinds if k not in MOVIES])
def test_written_files_read_back_as_made(kind, tmp_path):
    folder = simulate.write(tmp_path / "new", kind, images=2, seed=4)
    makers = {"cells": simulate.cells, "nuclei_3d": simulate.nuclei_3d}
    pixels, labels = makers.get(kind, simulate.nuclei)(seed=(4, 1))
    image = images.read(folder / "images" / f"{kind}_001.tif")
    expected = pixels if kind == "cells" else pixels[..., None]
    np.testing.assert_array_equal(image.array, expected)
    assert image.array.dtype == np.uint16
    part = "truth" if kind == "annotators" else "labels"
    truth = images.read(folder / part / f"{kind}_001.tif").array[..., 0]
    np.testing.assert_array_equal(truth, labels)
    assert image.axes == ("zyxc" if kind == "nuclei_3d" else "yxc")
    if kind == "nuclei_3d":
        assert image.pixel_size_um == pytest.approx((1.0, 0.5, 0.5))
    if kind == "cells":
        assert image.channel_names == ("cytoplasm", "nucleus")


def test_a_written_folder_is_training_data(tmp_path):
    """Plain kinds give one label image each, `annotators` the drawings of every person."""
    for kind, people in (("nuclei", 1), ("annotators", 3), ("culture", 1)):
        folder = simulate.write(tmp_path / kind, kind, images=2, people=3)
        items = as_data(folder).items
        assert [len(item.annotations) for item in items] == [people, people]


def test_a_folder_in_use_is_left_alone(tmp_path):
    simulate.write(tmp_path, images=1)
    with pytest.raises(InvalidError, match="without images and labels"):
        simulate.write(tmp_path, images=1)
    with pytest.raises(InvalidError, match="`kind`"):
        simulate.write(tmp_path / "other", kind="yeast")
    with pytest.raises(InvalidError, match="`seed`"):
        simulate.write(tmp_path / "negative", seed=-1)
    assert not (tmp_path / "negative").exists()


def test_what_breaks_off_leaves_nothing_and_is_made_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("cytoloom.simulate.files.write_labels", broken)
        with pytest.raises(InvalidError, match="full"):
            simulate.write(tmp_path / "s", images=2)
    assert not (tmp_path / "s").exists()
    (tmp_path / "s" / partial_name() / "images").mkdir(parents=True)  # of a kill
    simulate.write(tmp_path / "s", images=2)
    assert {p.name for p in (tmp_path / "s").iterdir()} == {"images", "labels"}


def test_what_a_kill_left_is_named(tmp_path):
    (tmp_path / "s/images").mkdir(parents=True)
    (tmp_path / "s/images/nuclei_000.tif").write_bytes(b"")
    with pytest.raises(InvalidError, match=r"with files in images/.*remove what is in it"):
        simulate.write(tmp_path / "s", images=1)


def test_what_had_begun_to_appear_ends_by_the_same_call(tmp_path, monkeypatch):
    """Broken off when the images are in their place and the labels are not."""
    folder = tmp_path / "s"

    def replace(source, target, real=os.replace):
        """Move, but for the labels."""
        if os.path.basename(target) == "labels":
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            simulate.write(folder, images=2, seed=3)
    assert len(list((folder / "images").iterdir())) == 2
    assert not (folder / "labels").exists()
    simulate.write(folder, images=2, seed=3)
    simulate.write(tmp_path / "other", images=2, seed=3)
    for name in ("images/nuclei_001.tif", "labels/nuclei_000.tif", "labels/nuclei_001.tif"):
        assert (folder / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert {path.name for path in folder.iterdir()} == {"images", "labels"}
    with pytest.raises(InvalidError, match=r"with files in images/"):
        simulate.write(folder, images=2, seed=3)


def test_a_link_is_not_written_through(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "e").mkdir()
    (tmp_path / "s/labels").symlink_to(tmp_path / "e")
    with pytest.raises(InvalidError, match=r"Invalid `folder`.*labels, a link"):
        simulate.write(tmp_path / "s", images=1)
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["labels"]


def broken(path, *_):
    raise OSError(28, "the disk is full", str(path))


@pytest.mark.parametrize("make", [simulate.nuclei, simulate.nuclei_3d, simulate.cells])
def test_a_seed_below_0_is_refused(make):
    with pytest.raises(InvalidError, match="`seed`"):
        make(seed=-1)
