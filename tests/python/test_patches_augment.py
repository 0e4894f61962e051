"""Augmentation: image and labels move together, nothing is invented, axes are treated alike."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.patches import intensity
from cytoloom.patches.augment import Augment
from cytoloom.patches.resample import expand, linear
from cytoloom.patches.warp import Placed, Warp

GEOMETRY = ("flip_p", "right_angle_p", "rotate_p", "scale_p", "shear_p", "elastic_p")
INTENSITY = (
    "gamma_p", "contrast_p", "brightness_p", "illumination_p", "blur_p", "poisson_noise_p",
    "gaussian_noise_p",
)  # fmt: skip
SHAPES = [(40, 40), (24, 37), (12, 12, 12), (6, 20, 17)]


def only(*names: str, **fields: Any) -> Augment:
    """Nothing but the named changes, and these always."""
    return dataclasses.replace(Augment.preset(None), **dict.fromkeys(names, 1.0), **fields)


def geometry(preset: str) -> Augment:
    return dataclasses.replace(Augment.preset(preset), **dict.fromkeys(INTENSITY, 0.0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preset", ["light", "default", "strong"])
def test_no_label_is_invented(shape: tuple[int, ...], preset: str) -> None:
    """Labels 3, 70000 and 9 stay among themselves, though 0 was never one of them."""
    labels = rng().choice(np.array([3, 70000, 9], np.int32), shape)
    for seed in range(10):
        image, moved = Augment.preset(preset)(labels.astype(np.float32), labels, rng(seed))
        assert image.shape == moved.shape == shape
        assert moved.dtype == np.int32
        assert set(np.unique(moved)) <= {3, 70000, 9}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preset", ["default", "strong"])
def test_image_and_labels_move_together(shape: tuple[int, ...], preset: str) -> None:
    """An image that holds its own coordinates, and labels that number the pixels.

    Linear interpolation of coordinates is exact, so each label must be that of the pixel nearest
    to the coordinates that the image shows.
    """
    image = np.stack(np.indices(shape), axis=-1).astype(np.float32)
    for seed in range(10):
        moved, labels = geometry(preset)(image, numbered(shape), rng(seed))
        of_label = np.stack(np.unravel_index(labels, shape), axis=-1)
        assert np.abs(moved - of_label).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_labels_used_as_their_own_image_stay_equal_where_no_pixel_is_mixed(
    shape: tuple[int, ...],
) -> None:
    labels = numbered(shape)
    turned, moved = only("flip_p", "right_angle_p")(labels.astype(np.float32), labels, rng(1))
    np.testing.assert_array_equal(turned, moved)
    halves = (np.indices(shape)[-1] > shape[-1] // 2).astype(int)
    for seed in range(5):
        image, moved = geometry("strong")(halves.astype(np.float32), halves, rng(seed))
        pure = (image == 0) | (image == 1)
        assert pure.mean() > 0.5
        np.testing.assert_array_equal(image[pure], moved[pure])
        np.testing.assert_array_equal((image > 0.5)[image != 0.5], (moved == 1)[image != 0.5])


NEUTRAL = {
    "rotate_degrees": 0.0, "scale_range": (1.0, 1.0), "shear_degrees": 0.0, "elastic_px": 0.0,
    "gamma_range": (1.0, 1.0), "contrast_range": (1.0, 1.0), "brightness": 0.0,
    "illumination": 0.0, "blur_px": (0.0, 0.0), "gaussian_noise": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "augment",
    [
        Augment.preset(None),
        only(*[n for n in GEOMETRY[2:] + INTENSITY if n != "poisson_noise_p"], **NEUTRAL),
    ],
    ids=["never", "neutral"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identity_settings_change_no_bit(augment: Augment, dtype: type) -> None:
    image = rng().normal(size=(9, 11, 2)).astype(dtype)
    labels = rng().integers(0, 9, (9, 11)).astype(np.uint16)
    same, moved = augment(image, labels, rng())
    assert same.tobytes() == image.tobytes()
    assert moved.tobytes() == labels.tobytes()
    assert (same.dtype, moved.dtype) == (image.dtype, labels.dtype)
    assert not np.shares_memory(same, image)
    assert not np.shares_memory(moved, labels)


@pytest.mark.parametrize("name", GEOMETRY + INTENSITY)
@pytest.mark.parametrize("shape", [(24, 24), (10, 12, 12)])
def test_each_change_alone(name: str, shape: tuple[int, ...]) -> None:
    """It changes images; it changes labels if it is geometry; the same seed repeats it."""
    image = rng().random(shape, dtype=np.float32)
    labels = numbered(shape)
    before = image.copy()
    pairs = [only(name)(image, labels, rng(k)) for k in range(6)]
    np.testing.assert_array_equal(image, before)
    assert any(not np.array_equal(new, image) for new, _ in pairs)
    assert all(np.array_equal(moved, labels) for _, moved in pairs) == (name in INTENSITY)
    again, moved_again = only(name)(image, labels, rng(5))
    np.testing.assert_array_equal(pairs[5][0], again)
    np.testing.assert_array_equal(pairs[5][1], moved_again)
    assert all(np.isfinite(new).all() for new, _ in pairs)


def turns(augment: Augment, shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> set[Any]:
    warps = [augment.draw(rng(k), shape, spacing) for k in range(1500)]
    assert all(w.moves_whole_pixels for w in warps)
    return {(w.axes, w.flips) for w in warps}


def determinant(axes: tuple[int, ...], flips: tuple[bool, ...]) -> float:
    matrix = np.eye(len(axes))[list(axes)] * np.where(flips, -1, 1)[:, None]
    return float(np.round(np.linalg.det(matrix)))


def test_right_angles_are_all_rotations_and_with_flips_all_symmetries() -> None:
    """A square has 4 rotations and 8 symmetries, a cube 24 and 48."""
    for shape, rotations in (((8, 8), 4), ((8, 8, 8), 24)):
        found = turns(only("right_angle_p"), shape, None)
        assert len(found) == rotations
        assert {determinant(*t) for t in found} == {1.0}
        both = only("right_angle_p", flip_p=0.5)
        assert len(turns(both, shape, None)) == 2 * rotations


def test_all_turns_of_a_cube_are_equally_likely() -> None:
    warps = [only("right_angle_p").draw(rng(k), (4, 4, 4)) for k in range(4800)]
    kinds = [(w.axes, w.flips) for w in warps]
    counts = [kinds.count(k) for k in set(kinds)]
    assert 140 < min(counts)
    assert max(counts) < 260


def test_axes_of_unequal_spacing_are_never_swapped() -> None:
    """With z four times coarser only y and x turn: 4 rotations, each with 8 flips at most."""
    found = turns(only("right_angle_p", flip_p=0.5), (8, 8, 8), (2.0, 0.5, 0.5))
    assert {axes for axes, _ in found} == {(0, 1, 2), (0, 2, 1)}
    assert len(found) == 16
    found = turns(only("right_angle_p"), (8, 8), (1.0, 0.5))
    assert found == {((0, 1), (False, False))}


def test_free_rotation_of_a_coarse_stack_stays_in_y_and_x() -> None:
    warp = only("rotate_p", "shear_p").draw(rng(), (8, 16, 16), (2.0, 0.5, 0.5))
    np.testing.assert_allclose(warp.linear[0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(warp.linear[:, 0], [1, 0, 0], atol=1e-12)
    assert abs(warp.linear[1, 2]) > 0.01


def test_free_rotation_of_equal_spacing_treats_axes_alike() -> None:
    """The mean of |matrix| over many rotations has one value on and one off the diagonal."""
    drawn = [only("rotate_p").draw(rng(k), (8, 8, 8)).linear for k in range(2000)]
    mean = np.abs(drawn).mean(axis=0)
    on, off = np.diag(mean), mean[~np.eye(3, dtype=bool)]
    assert np.ptp(on) < 0.03
    assert np.ptp(off) < 0.03


def test_rotation_keeps_lengths_in_micrometres() -> None:
    spacing = np.array([2.0, 1.0])
    linear_px = only("rotate_p").draw(rng(3), (16, 16), (2.0, 1.0)).linear
    in_um = linear_px * spacing[:, None] / spacing
    np.testing.assert_allclose(in_um @ in_um.T, np.eye(2), atol=1e-12)
    disc = (_from_centre((32, 64), spacing) < 20).astype(int)
    _, moved = only("rotate_p")(disc.astype(float), disc, rng(3), spacing_um=(2.0, 1.0))
    assert (moved != disc).sum() < 0.05 * disc.sum()


def _from_centre(shape: tuple[int, ...], spacing: np.ndarray) -> np.ndarray:
    grid = np.indices(shape) - (np.array(shape).reshape(-1, 1, 1) - 1) / 2
    return np.sqrt(((grid * spacing.reshape(-1, 1, 1)) ** 2).sum(axis=0))


def test_scale_2_shows_a_disc_twice_as_wide() -> None:
    disc = (_from_centre((64, 64), np.ones(2)) < 10).astype(int)
    _, moved = only("scale_p", scale_range=(2.0, 2.0))(disc.astype(float), disc, rng())
    assert moved.sum() == pytest.approx(4 * disc.sum(), rel=0.03)


def test_a_quarter_turn_by_interpolation_equals_the_turn_of_whole_pixels() -> None:
    labels = numbered((5, 5))
    quarter = Warp((5, 5), (0, 1), (False, False), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    placed = Placed(quarter, (0, 0), (5, 5))
    # patch (y, x) shows image (x, 4 - y)
    expected = [[labels[x, 4 - y] for x in range(5)] for y in range(5)]
    np.testing.assert_array_equal(placed.nearest(labels.__getitem__), expected)


def test_turns_by_interpolation_equal_turns_by_slicing() -> None:
    """A zero displacement forces interpolation; whole pixels must come out all the same."""
    image = rng().random((12, 15, 2), dtype=np.float32)
    labels = numbered((12, 15))
    for seed in range(8):
        warp = only("right_angle_p", flip_p=0.5).draw(rng(seed), (4, 6))
        still = np.zeros((2, 4, 4), np.float32)
        slow = dataclasses.replace(warp, elastic=still, spacing_px=(8.0, 8.0))
        a, b = (Placed(w, (-2, 9), (12, 15)) for w in (warp, slow))
        np.testing.assert_allclose(
            a.linear(image.__getitem__, np.array), b.linear(image.__getitem__, np.array), atol=1e-6
        )
        np.testing.assert_array_equal(a.nearest(labels.__getitem__), b.nearest(labels.__getitem__))
        np.testing.assert_array_equal(a.inside(), b.inside())


@pytest.mark.parametrize("shape", [(9, 12), (4, 5, 6), (1, 7)])
def test_linear_interpolation_equals_scipy(shape: tuple[int, ...]) -> None:
    region = rng().random((*shape, 2), dtype=np.float32)
    positions = np.stack([rng(a).uniform(0, n - 1, 50) for a, n in enumerate(shape)])
    positions = np.concatenate([positions, np.array([shape]).T - 1.0], axis=1).astype(np.float32)
    for c in range(2):
        expected = ndimage.map_coordinates(region[..., c], positions, order=1)
        np.testing.assert_allclose(linear(region, positions)[..., c], expected, atol=1e-5)


def test_the_elastic_field_has_the_stated_size_and_is_smooth() -> None:
    """Root mean square near 3 px per axis, and steps between neighbours well below a pixel."""
    augment = only("elastic_p")
    fields = []
    for seed in range(40):
        warp = augment.draw(rng(seed), (128, 128))
        fields.append(expand(warp.elastic, (128, 128), warp.spacing_px))
    field = np.stack(fields)
    # amplitudes are drawn evenly in 0 ... 3 px: root mean square 3 / sqrt(3)
    assert np.sqrt((field**2).mean()) == pytest.approx(3 / np.sqrt(3), rel=0.2)
    assert np.abs(np.diff(field, axis=-1)).max() < 1


def test_a_constant_control_grid_is_a_constant_shift() -> None:
    np.testing.assert_allclose(
        expand(np.full((1, 5, 6), 2.0), (33, 65), (32.0, 32.0)), 2, atol=1e-6
    )


def test_channels_are_toned_separately_but_lit_together() -> None:
    image = np.ones((8, 8, 2), np.float32)
    toned, _ = only("brightness_p")(image, numbered((8, 8)), rng())
    assert toned[0, 0, 0] != toned[0, 0, 1]
    lit, _ = only("illumination_p")(image, numbered((8, 8)), rng())
    np.testing.assert_array_equal(lit[..., 0], lit[..., 1])
    assert np.ptp(lit) > 0.01


def test_nothing_is_clipped() -> None:
    image = np.array([[-3.0, 5.0]], np.float32)
    np.testing.assert_allclose(intensity.contrast_brightness(image, 2.0, 0.5), [[-6.5, 9.5]])
    np.testing.assert_allclose(intensity.gamma(image, 1.3), [[-3.0, 5.0]], rtol=1e-6)


def test_shot_noise_has_the_variance_of_poisson() -> None:
    """Intensity 0.5 at 100 photons: variance 0.005; with read noise 0.1: 0.015."""
    plane = np.full((200, 200), 0.5, np.float32)
    assert intensity.noise(plane, 0.0, 100.0, rng()).var() == pytest.approx(0.005, rel=0.05)
    assert intensity.noise(plane, 0.1, 100.0, rng()).var() == pytest.approx(0.015, rel=0.05)


def test_blur_equals_scipy_and_counts_in_px_of_the_finest_axis() -> None:
    plane = rng().random((12, 20, 20), dtype=np.float32)
    expected = ndimage.gaussian_filter(plane, (0.25, 1.0, 1.0), mode="mirror", truncate=3.0)
    augment = only("blur_p", blur_px=(1.0, 1.0))
    found = augment.intensities(plane[..., None], rng(), (2.0, 0.5, 0.5))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_images_without_labels() -> None:
    image = rng().random((6, 6, 3), dtype=np.float32)
    new, labels = Augment()(image, None, rng())
    assert labels is None
    assert new.shape == (6, 6, 3)


def test_a_set_of_presets() -> None:
    assert Augment.preset("default") == Augment()
    assert Augment.preset(None) == Augment.preset("none")
    light = [Augment.preset("light").draw(rng(k), (8, 8)) for k in range(50)]
    assert all(w.moves_whole_pixels for w in light)
    with pytest.raises(InvalidError, match="extreme"):
        Augment.preset("extreme")


@pytest.mark.parametrize("preset", ["light", "default", "strong", None])
def test_an_augmentation_is_its_own_configuration(preset: str | None) -> None:
    augment = Augment.preset(preset)
    assert from_plain(to_plain(augment)) == augment


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip_p": 1.5},
        {"rotate_degrees": -1.0},
        {"scale_range": (1.2, 0.8)},
        {"gamma_range": (0.0, 1.0)},
        {"elastic_spacing_px": 0.0},
        {"shear_degrees": 90.0},
        {"brightness": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match=next(iter(wrong))):
        Augment(**wrong)


def test_what_cannot_be_augmented_is_refused() -> None:
    with pytest.raises(InvalidError, match="Normalise first"):
        Augment()(np.zeros((4, 4), np.uint8), None, rng())
    with pytest.raises(InvalidError, match="size of the image"):
        Augment()(np.zeros((4, 4)), np.zeros((4, 5), int), rng())
