import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cytoloom.components import from_plain, to_plain
from cytoloom.errors import InvalidError
from cytoloom.networks import UNet, unet
from cytoloom.runtime import backend

SMALL = {
    "plain": UNet(filters=3, depth=2),
    "one convolution": UNet(filters=3, depth=2, convs=1, residual=True),
    "wide": UNet(filters=3, depth=1, kernel=5, dropout=0.5),
    "resize": UNet(filters=3, depth=2, upsampling="resize"),
    "stem": UNet(filters=4, depth=1, stem_stride=2),
    "stem of 3": UNet(filters=4, depth=1, stem_stride=3, upsampling="resize", convs=1),
    "3-D": UNet(filters=3, depth=1, ndim=3),
    "nothing at full size": UNet(filters=4, depth=1, stem_stride=2, refine=False),
    "nothing at full size in 3-D": UNet(
        filters=2,
        depth=1,
        ndim=3,
        stem_stride=(1, 2, 2),
        pooling=((2, 2, 2),),
        convs=1,
        refine=False,
    ),
    "flat pixels": UNet(filters=3, depth=2, ndim=3, pooling=((1, 2, 2), (2, 2, 2)), convs=1),
    "flat stem": UNet(
        filters=2, depth=1, ndim=3, stem_stride=(1, 2, 2), pooling=((2, 2, 2),), convs=1
    ),
}
every_kind = pytest.mark.parametrize("net", SMALL.values(), ids=SMALL)


def without_norm(net):
    return from_plain({**to_plain(net), "norm": "none"})


def whole_numbers(model, seed=0):
    """Two weights of 1 per output channel: float32 adds these exactly in whatever order."""
    rng = np.random.default_rng(seed)
    weights = [np.zeros(w.shape, "float32") for w in model.get_weights()]
    for weight in weights:
        if weight.ndim > 1:
            for column in weight.reshape(-1, weight.shape[-1]).T:
                column[rng.choice(len(column), min(2, len(column)), replace=False)] = 1
    model.set_weights(weights)


def all_equal(model):
    """Weights of one positive value: whatever a pixel can see, it does see."""
    model.set_weights([np.full_like(w, 0.1) for w in model.get_weights()])


def as_array(tensor):
    """Numbers of any backend's tensor; PyTorch hands them out where no gradient is wanted."""
    return backend.require().ops.convert_to_numpy(tensor)


def forward(model, image):
    return as_array(model(image, training=False)["a"])


def tile_slices(size, grid, halo):
    """Tiles that start one grid step in, or at the border: (read, crop, write) per axis."""
    for start, stop in ((0, size - grid), (grid, size), (grid, size - grid)):
        first = 0 if start == 0 else halo
        last = stop - start - (0 if stop == size else halo)
        if last > first:
            yield slice(start, stop), slice(first, last), slice(start + first, start + last)


@every_kind
def test_tiles_give_exactly_the_whole_image(net):
    net = without_norm(net)
    size = tuple(2 * h + 3 * g for h, g in zip(net.halo_px, net.grid_px, strict=True))
    model = net.build(1, {"a": 2}, seed=0)
    whole_numbers(model)
    image = np.random.default_rng(0).integers(0, 9, (1, *size, 1)).astype("float32")
    whole = forward(model, image)
    assert whole.std() > 0
    assert np.abs(whole).max() < 2**24
    for axis in range(net.ndim):
        for read, crop, write in tile_slices(size[axis], net.grid_px[axis], net.halo_px[axis]):
            before = (slice(None),) * (axis + 1)
            tile = forward(model, image[(*before, read)])
            assert np.array_equal(tile[(*before, crop)], whole[(*before, write)])


@every_kind
def test_a_pixel_is_seen_as_far_as_the_receptive_field_says_and_no_farther(net):
    net = without_norm(net)
    size = tuple(2 * r + 2 * g for r, g in zip(net.receptive_field_px, net.grid_px, strict=True))
    model = net.build(1, {"a": 1}, seed=0)
    all_equal(model)
    blank = np.zeros((1, *size, 1), "float32")
    before = forward(model, blank)
    for axis, (grid, seen) in enumerate(zip(net.grid_px, net.receptive_field_px, strict=True)):
        reach = 0
        for phase in range(grid):
            at = [s // 2 for s in size]
            at[axis] = size[axis] // 2 // grid * grid + phase
            image = blank.copy()
            image[(0, *at, 0)] = 1e6
            changed = np.nonzero(forward(model, image)[0, ..., 0] != before[0, ..., 0])[axis]
            reach = max(reach, int(np.abs(changed - at[axis]).max()))
        assert seen - grid < reach <= seen


BIT_IDENTICAL = """
import json, sys
import numpy as np
from cytoloom.runtime import backend
from cytoloom.networks import UNet
keras = backend.require()
rng = np.random.default_rng(0)
low = {"moving_mean": -0.5, "beta": -0.5, "bias": -0.5, "moving_variance": 0.5, "gamma": 0.5}
worst = []
for options in ({}, {"residual": True}, {"upsampling": "resize"}, {"kernel": 5}):
    net = UNet(filters=8, depth=2, stem_stride=1, **options)
    model = net.build(1, {"a": 1}, seed=1)
    for variable in model.variables:
        kind = variable.path.split("/")[-1]
        if kind in low:
            variable.assign(rng.uniform(low[kind], low[kind] + 1, variable.shape))
    image = rng.normal(size=(1, 160, 160, 1)).astype("float32")
    run = backend.forward(model)
    whole, halo = run(image)["a"], net.halo_px[0]
    for start, stop in ((0, 128), (8, 152), (16, 144), (24, 160)):
        tile = run(image[:, start:stop, start:stop])["a"]
        first = 0 if start == 0 else halo
        last = stop - start - (0 if stop == 160 else halo)
        part = whole[:, start + first : start + last, start + first : start + last]
        worst.append(float(np.abs(tile[:, first:last, first:last] - part).max()))
print(json.dumps(worst))
"""


def test_tiles_are_bit_identical_where_the_engine_adds_in_one_order():
    # TensorFlow's default kernels add in an order that depends on the tile's size.
    fixed = {"TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
    result = subprocess.run(
        [sys.executable, "-c", BIT_IDENTICAL],
        env={**os.environ, **fixed},
        capture_output=True,
        text=True,
        check=True,
    )
    differences = json.loads(result.stdout)
    assert len(differences) == 16
    # PyTorch's kernels cannot be told to: what is promised of tiles
    assert max(differences) <= (1e-5 if backend.name() == "torch" else 0)


def test_the_halo_is_at_most_the_receptive_field_and_both_lie_on_the_grid():
    for net in SMALL.values():
        for grid, halo, seen in zip(net.grid_px, net.halo_px, net.receptive_field_px, strict=True):
            assert halo <= seen
            assert halo % grid == seen % grid == 0


def test_the_default_network_has_the_figures_its_documentation_gives():
    plain = UNet(depth=4, stem_stride=1)
    assert plain.grid_px == (16, 16)
    assert plain.halo_px == (96, 96)
    assert plain.receptive_field_px == (112, 112)
    assert UNet().grid_px == (16, 16)


@every_kind
def test_parameters_are_counted_as_keras_counts_them(net):
    model = net.build(2, {"a": 1, "b": 3}, seed=0)
    assert net.parameters(2, {"a": 1, "b": 3}) == model.count_params()
    assert f"{model.count_params():,} parameters" in net.summary(2, {"a": 1, "b": 3})


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    one, again, other = (UNet(filters=2, depth=1).build(1, {"a": 1}, seed=s) for s in (3, 3, 4))
    for a, b, c in zip(one.weights, again.weights, other.weights, strict=True):
        assert np.array_equal(a, b)
        assert a.path.endswith("kernel") != np.array_equal(a, c)


def test_layers_of_one_shape_differ_and_have_names_that_say_where_they_are():
    model = UNet(filters=2, depth=1, convs=3).build(1, {"a": 1}, seed=0)
    second, third = (model.get_layer(f"down0_{i}_conv").kernel for i in (2, 3))
    assert not np.array_equal(second, third)


def test_dropout_is_seeded_and_acts_in_training_only():
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    net = UNet(filters=4, depth=1, dropout=0.5)
    one, again = (net.build(1, {"a": 1}, seed=7) for _ in range(2))
    first, same, next_one = (as_array(net(image, training=True)["a"]) for net in (one, again, one))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, next_one)
    assert np.array_equal(forward(one, image), forward(one, image))


def test_convolutions_have_a_bias_only_where_no_normalisation_follows():
    normed = UNet(filters=2, depth=1).build(1, {"a": 1}, seed=0)
    plain = UNet(filters=2, depth=1, norm="none").build(1, {"a": 1}, seed=0)
    assert not normed.get_layer("down0_1_conv").use_bias
    assert plain.get_layer("down0_1_conv").use_bias
    assert normed.get_layer("a").use_bias


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_are_float32_in_either_precision(precision):
    with backend.policy(precision):
        model = UNet(filters=2, depth=1).build(1, {"a": 1, "b": 2}, seed=0)
    found = model(np.zeros((1, 8, 8, 1), "float32"))
    standard = backend.require().backend.standardize_dtype
    assert {head: standard(v.dtype) for head, v in found.items()} == dict.fromkeys("ab", "float32")
    assert model.get_layer("down0_1_conv").compute_dtype == precision


@every_kind
def test_a_saved_network_loads_in_safe_mode_and_says_the_same(net, tmp_path):
    keras = backend.require()
    model = net.build(1, {"a": 1, "b": 2}, seed=0)
    model.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True, compile=False)
    image = np.random.default_rng(0).normal(size=(1, *(2 * g for g in net.grid_px), 1))
    assert np.array_equal(forward(model, image), forward(again, image))


@every_kind
def test_signals_neither_vanish_nor_explode_at_the_start(net):
    image = np.random.default_rng(0).normal(size=(1, *(4 * g for g in net.grid_px), 1))
    spread = forward(without_norm(net).build(1, {"a": 8}, seed=0), image).std()
    assert 0.05 < spread < 20


def test_axes_far_coarser_than_the_finest_are_pooled_later():
    net = UNet(depth=3, ndim=3, stem_stride=1)
    assert net.for_spacing(None).pooling == ((2, 2, 2),) * 3
    assert net.for_spacing((1, 0.25, 0.25)).pooling == ((1, 2, 2), (1, 2, 2), (2, 2, 2))
    assert net.for_spacing((0.5, 0.25, 0.25)).pooling == ((1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert net.for_spacing((0.4, 0.25, 0.25)).pooling == ((2, 2, 2),) * 3
    fixed = net.for_spacing((1, 0.25, 0.25))
    assert fixed.for_spacing(None) is fixed
    assert fixed.grid_px == (2, 8, 8)


def test_no_spacing_sees_farther_than_equal_spacing():
    net = UNet(filters=2, depth=3, ndim=3)
    for z in (0.2, 0.5, 1.0, 3.0, 100.0):
        other = net.for_spacing((z, 0.25, 0.25))
        assert all(np.array(other.receptive_field_px) <= net.receptive_field_px)
        assert all(np.array(net.grid_px) % other.grid_px == 0)


def test_kernels_are_flat_above_the_first_pooling_of_an_axis():
    net = UNet(filters=2, depth=2, ndim=3, stem_stride=1, pooling=((1, 2, 2), (2, 2, 2)))
    model = net.build(1, {"a": 1}, seed=0)
    assert model.get_layer("down0_1_conv").kernel_size == (1, 3, 3)
    assert model.get_layer("down1_1_conv").kernel_size == (3, 3, 3)
    assert model.get_layer("up0_1_conv").kernel_size == (1, 3, 3)


def test_a_network_goes_to_plain_values_and_back():
    for net in SMALL.values():
        assert from_plain(json.loads(json.dumps(to_plain(net)))) == net


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"filters": 0}, "filters"),
        ({"depth": 0}, "depth"),
        ({"convs": 0}, "convs"),
        ({"kernel": 2}, "kernel"),
        ({"ndim": 1}, "ndim"),
        ({"norm": "group"}, "norm"),
        ({"upsampling": "bicubic"}, "upsampling"),
        ({"dropout": 1.0}, "dropout"),
        ({"stem_stride": 0}, "stem_stride"),
        ({"stem_stride": (2, 2, 2)}, "stem_stride"),
        ({"depth": 2, "pooling": ((2, 2),)}, "pooling"),
        ({"depth": 1, "pooling": ((2,),)}, "pooling"),
    ],
)
def test_what_cannot_work_is_refused_by_name(options, name):
    with pytest.raises(InvalidError, match=f"`{name}`"):
        UNet(**options)


def test_heads_and_spacing_are_checked():
    with pytest.raises(InvalidError, match="heads"):
        UNet().build(1, {}, seed=0)
    with pytest.raises(InvalidError, match="heads"):
        UNet().build(1, {"image": 1}, seed=0)
    with pytest.raises(InvalidError, match="spacing_um"):
        UNet(ndim=3).for_spacing((1.0, 1.0))


def test_the_bare_network_gives_probabilities_of_the_image_size():
    model = unet((None, None, 2), classes=3, filters=2, depth=1)
    found = as_array(model(np.random.default_rng(0).normal(size=(1, 8, 12, 2))))
    assert found.shape == (1, 8, 12, 3)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert as_array(unet(filters=2, depth=1)(np.zeros((1, 4, 4, 1)))).min() > 0


def test_a_network_that_would_never_be_built_is_refused():
    with pytest.raises(InvalidError, match=r"`convs`.*1 to 16"):
        UNet(convs=2**31)


def test_the_bare_network_refuses_sizes_that_do_not_divide():
    with pytest.raises(InvalidError, match="multiples of 16 px"):
        unet((100, 100, 1))
    assert unet((8, 8, 8, 1), depth=1, filters=2, activation=None).output_shape[-1] == 1
    with pytest.raises(InvalidError, match=r"`activation`.*Keras activation"):
        unet(depth=1, filters=2, activation="sigmoidal")
