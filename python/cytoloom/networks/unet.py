"""The U-Net as a component: what it is, what it costs, how far it sees, and its Keras model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from ..components import component
from ..components.arguments import checked
from ..components.rules import Between, Rule, below_one, count, ruled
from ..errors import invalid
from ..runtime.backend import require
from .fold_batch_norm import fold_batch_norm
from .layers import Layers
from .network import Network
from .receptive_field import CostModel, Reach, Trace
from .spacing import apply_factors, checked_spacing
from .topology import wire

Size = tuple[int, ...]
DEEPEST = 8
Spacing = Sequence[float] | None


@component
@dataclass(frozen=True)
class UNet(Network):
    """A U-Net for 2-D or 3-D images with any number of channels and heads.

    Every level has `convs` convolutions, each followed by a normalisation and a ReLU; levels
    halve the size and double the filters on the way down, and the way up does the reverse and
    sees the way down's result of the same level. Nothing in it depends on the image as a whole,
    so that tiles give exactly what the whole image gives. Ronneberger et al., MICCAI (2015),
    doi:10.1007/978-3-319-24574-4_28; in 3-D Çiçek et al., MICCAI (2016),
    doi:10.1007/978-3-319-46723-8_49.

    Parameters
    ----------
    filters : int, default 16
        Feature channels of the first level; each deeper level has twice as many.
    depth : int, default 3
        Number of poolings; there are ``depth + 1`` levels.
    convs : int, default 2
        Convolutions per level, at most 16.
    kernel : int, default 3
        Odd width of the convolutions, px. In 3-D an axis that is not pooled before some deeper
        level gets width 1 above it, for its pixels are far apart.
    residual : bool, default False
        Add each level's input (through a 1 x 1 convolution) to its last convolution.
    norm : {"batch", "none"}, default "batch"
        Batch normalisation after each convolution, or a bias instead.
    dropout : float, default 0.0
        Share of the feature maps of every level but the first that training drops.
    upsampling : {"transposed", "resize"}, default "transposed"
        Transposed convolution, or a 1 x 1 convolution and pixel repetition (fewer operations,
        no checkerboard, coarser).
    stem_stride : int or tuple of int, default 2
        Above 1 the image is first reduced by this factor with a strided convolution, and a
        small full-size level at the end restores it: a quarter of the work, so that a short
        training on a CPU sees several times as many patches. 1 for a plain U-Net.
    refine : bool, default True
        Have that small level at full size, which also sees the image. Without it the heads
        read one transposed convolution that restores the size: in 3-D, where full size is eight
        times what is behind the stem, a patch takes two thirds of the time, and outlines are
        coarser. Stacks are trained without it unless a network is given. Where the stem leaves
        the size as it is, it means nothing.
    pooling : tuple of tuple of int, optional
        Factor per level and axis, e.g. ``((1, 2, 2), (2, 2, 2))``. By default 2 for all axes;
        in 3-D an axis whose pixels are at least twice as far apart as the finest axis' at that
        level is left alone until the others have caught up.
    ndim : int, default 2
        Spatial dimensions: 2 for (y, x), 3 for (z, y, x).

    Examples
    --------
    >>> UNet(depth=4, stem_stride=1).receptive_field_px
    (112, 112)
    >>> UNet(depth=3, stem_stride=1, ndim=3).for_spacing((1.0, 0.25, 0.25)).pooling
    ((1, 2, 2), (1, 2, 2), (2, 2, 2))
    """

    filters: int = count(16)
    depth: int = count(3, most=DEEPEST)
    convs: int = count(2, most=16)
    kernel: int = ruled(3, Rule("an odd number", 1, odd=True))
    residual: bool = False
    norm: Literal["batch", "none"] = "batch"
    dropout: float = below_one(0.0)
    upsampling: Literal["transposed", "resize"] = "transposed"
    stem_stride: int | tuple[int, ...] = ruled(
        2, Rule("a whole number, 1 or more, or one for each axis", 1, whole=True, length=0)
    )
    refine: bool = True
    pooling: tuple[tuple[int, ...], ...] | None = None
    ndim: int = ruled(2, Rule("2 or 3", 2, 3, whole=True))

    between: ClassVar = (
        Between(
            ("stem_stride", "ndim"),
            "per_axis",
            "a whole number, 1 or more, or one for each axis",
        ),
        Between(
            ("pooling", "depth", "ndim"),
            "per_level",
            "whole numbers, 1 or more: for each level one for each axis",
        ),
    )

    @property
    def words(self) -> str:
        """What a plan says of it."""
        coarse = ", no level at full size" if max(self.strides[0]) > 1 and not self.refine else ""
        return f"stem {self.stem_stride}, depth {self.depth}{coarse}"

    @property
    def strides(self) -> tuple[Size, ...]:
        """Factors per axis by which the stem, then each level's pooling, reduces the size."""
        stem = self.stem_stride
        first = (stem,) * self.ndim if isinstance(stem, int) else stem
        pooling = ((2,) * self.ndim,) * self.depth if self.pooling is None else self.pooling
        return (first, *pooling)

    @property
    def grid_px(self) -> Size:
        """Per axis, the multiple of pixels that sizes and tile starts must be."""
        return tuple(math.prod(factors) for factors in zip(*self.strides, strict=True))

    @property
    def receptive_field_px(self) -> Size:
        """Per axis, how far to each side an output pixel can see, rounded up to `grid_px`.

        Where `pooling` is left to the pixel spacing, this is the value for equal spacing, which
        no other spacing exceeds; ask ``network.for_spacing(spacing_um)`` for the exact one.
        """
        return tuple(_up_to(axis.period, axis.radius) for axis in self._reach())

    @property
    def halo_px(self) -> Size:
        """Per axis, the smallest halo that makes a tile exact whose ends lie on `grid_px`.

        At most `receptive_field_px`: the pixels that see farthest to one side lie away from
        that side of their grid cell.
        """
        return tuple(_up_to(axis.period, axis.overhang) for axis in self._reach())

    def for_spacing(self, spacing_um: Spacing) -> UNet:
        """Fix what depends on the pixel spacing: `pooling` and `stem_stride` per axis.

        Parameters
        ----------
        spacing_um : sequence of float, optional
            Micrometres per pixel along each axis, (y, x) or (z, y, x). None means equal.

        Returns
        -------
        UNet
            With explicit `pooling`; a network that has it already comes back as it is.
        """
        if self.pooling is not None:
            return self
        spacing = checked_spacing(spacing_um, self.ndim)
        stem, spacing = apply_factors(spacing, self.strides[0])
        pooling = []
        for _ in range(self.depth):
            size, spacing = apply_factors(spacing, (2,) * self.ndim)
            pooling.append(size)
        return replace(self, stem_stride=stem, pooling=tuple(pooling))

    def sound_in_bfloat16(self, patch_px: Sequence[int]) -> bool:
        """Say whether no level has fewer planes than its kernel, but more than one.

        See `Network.sound_in_bfloat16`.
        """
        planes = [patch_px[0]]
        for factors in self.strides:
            planes.append(planes[-1] // factors[0])
        return self.ndim == 2 or not any(1 < n < self.kernel for n in planes)

    @checked
    def parameters(self, channels: int = 1, heads: Mapping[str, int] | int = 1) -> int:
        """Count the parameters, batch-norm statistics included, without a backend.

        Parameters
        ----------
        channels : int, default 1
            Channels of the image.
        heads : dict of str to int, or int, default 1
            Output channels by head, or of a single head.

        Returns
        -------
        int

        Examples
        --------
        >>> UNet(filters=2, depth=1, convs=1, norm="none", stem_stride=1).parameters()
        207
        """
        return self._costs(channels, _heads(heads)).parameters

    def values_per_px(self, channels: int = 1, heads: Mapping[str, int] | int = 1) -> float:
        """Count the values of all feature maps per pixel of the image, without a backend.

        Parameters
        ----------
        channels : int, default 1
            Channels of the image.
        heads : dict of str to int, or int, default 1
            Output channels by head, or of a single head.

        Examples
        --------
        >>> UNet(filters=2, depth=1, convs=1, norm="none", stem_stride=1).values_per_px()
        8.0
        """
        return self._costs(channels, _heads(heads)).values

    @checked
    def summary(
        self, channels: int = 1, heads: Mapping[str, int] | int = 1, spacing_um: Spacing = None
    ) -> str:
        """Describe size, cost and receptive field in a few lines, without a backend.

        Parameters
        ----------
        channels : int, default 1
            Channels of the image.
        heads : dict of str to int, or int, default 1
            Output channels by head, or of a single head.
        spacing_um : sequence of float, optional
            Micrometres per pixel, for automatic pooling.

        Returns
        -------
        str
            Three lines.

        Examples
        --------
        >>> print(UNet(filters=8, depth=2, stem_stride=1).summary())
        U-Net (y, x), 8 filters, depth 2, batch norm
        29,801 parameters, 6.1 thousand multiplications per pixel
        an output pixel sees 24 x 24 px to each side, sizes are multiples of 4 x 4 px
        """
        net = self.for_spacing(spacing_um)
        costs = net._costs(channels, _heads(heads))
        axes = "(y, x)" if net.ndim == 2 else "(z, y, x)"
        extras = [f"{net.norm} norm" if net.norm != "none" else "no norm"]
        extras += ["residual"] * net.residual + [f"dropout {net.dropout:g}"] * (net.dropout > 0)
        sees, grid = (" x ".join(map(str, v)) for v in (net.receptive_field_px, net.grid_px))
        return (
            f"U-Net {axes}, {net.filters} filters, depth {net.depth}, {', '.join(extras)}\n"
            f"{costs.parameters:,} parameters, "
            f"{costs.operations / 1000:.1f} thousand multiplications per pixel\n"
            f"an output pixel sees {sees} px to each side, sizes are multiples of {grid} px"
        )

    def build(
        self,
        channels: int | Mapping[str, int],
        heads: Mapping[str, int],
        seed: int = 0,
        spacing_um: Spacing = None,
    ) -> Any:
        """Make the Keras model, in the current precision, with float32 logits.

        Parameters
        ----------
        channels : int or dict of str to int
            Channels of the image, or ``{"image": channels}``.
        heads : dict of str to int
            Output channels by head.
        seed : int, default 0
            The same seed gives the same weights and dropout in any process.
        spacing_um : sequence of float, optional
            Micrometres per pixel, for automatic pooling.

        Returns
        -------
        keras.Model
            Input ``"image"``, float32 (batch, spatial..., channels); output a dict of float32
            logits (batch, spatial..., head's channels). Sizes are multiples of `grid_px`.

        Examples
        --------
        >>> model = UNet(filters=2, depth=1).build(channels=1, heads={"foreground": 1})
        >>> model.output["foreground"].shape
        (None, None, None, 1)
        """
        # open sizes: one network for patches, tiles and whole images
        keras = require(ndim=self.ndim)
        net = self.for_spacing(spacing_um)
        (count,) = channels.values() if isinstance(channels, Mapping) else (channels,)
        image = keras.Input((*(None,) * net.ndim, count), dtype="float32", name="image")
        outputs = wire(net, Layers(net.ndim, seed), image, _heads(heads))
        return keras.Model(image, outputs, name="unet")

    def for_prediction(
        self, network: Any, inputs: Mapping[str, int], heads: Mapping[str, int]
    ) -> Any:
        """Fold batch normalisation into the convolutions: half the memory, the same outputs.

        Parameters
        ----------
        network : keras.Model
            Made by `build`, trained.
        inputs, heads : dict of str to int
            As for `build`.

        Returns
        -------
        keras.Model
            `network` itself where there is nothing to fold.
        """
        if self.norm == "none":
            return network
        return fold_batch_norm(network, replace(self, norm="none").build(inputs, heads))

    def _costs(self, channels: int, heads: Mapping[str, int]) -> CostModel:
        costs = CostModel()
        wire(self, costs, costs.image(channels, self.grid_px), heads)
        return costs

    def _reach(self) -> tuple[Reach, ...]:
        costs = CostModel()
        output: Trace = wire(self, costs, costs.image(1, self.grid_px), {"": 1})[""]
        return output.reach


@checked
def unet(
    input_shape: tuple[int | None, ...] = (None, None, 1),
    classes: int = 1,
    *,
    activation: str | None = "auto",
    seed: int = 0,
    **options: Any,
) -> Any:
    """Make a bare Keras U-Net: one image in, one probability map out.

    Parameters
    ----------
    input_shape : tuple, default (None, None, 1)
        ``(y, x, channels)`` or ``(z, y, x, channels)``; None leaves an axis open. Sizes must
        be multiples of the total pooling, 16 px by default.
    classes : int, default 1
        Channels of the output.
    activation : str or None, default "auto"
        Any Keras activation; None gives logits. ``"auto"`` is a sigmoid for one class and a
        softmax for more.
    seed : int, default 0
        The same seed gives the same weights in any process.
    **options
        Fields of `UNet`: ``filters=16``, ``depth=3``, ``convs=2``, ``kernel=3``,
        ``residual=False``, ``norm="batch"``, ``dropout=0.0``, ``upsampling="transposed"``,
        ``stem_stride=2``, ``refine=True``, ``pooling=None``.

    Returns
    -------
    keras.Model
        Not compiled; float32 output of the input's spatial size, in any precision policy.

    Raises
    ------
    InvalidError
        When a size is not a multiple of the pooling, or a field cannot be used.

    Examples
    --------
    >>> model = unet((64, 64, 3), classes=2, filters=2, depth=2)
    >>> model.output_shape
    (None, 64, 64, 2)
    """
    sizes = input_shape[:-1]
    keras = require(ndim=len(sizes))
    net = UNet(ndim=len(sizes), **options).for_spacing(None)
    for size, grid in zip(sizes, net.grid_px, strict=True):
        if size is not None and size % grid:
            raise invalid("input_shape", expected=f"multiples of {grid} px", received=input_shape)
    image = keras.Input(tuple(input_shape), dtype="float32", name="image")
    logits = wire(net, Layers(net.ndim, seed), image, _heads({"logits": classes}))["logits"]
    if activation == "auto":
        activation = "sigmoid" if classes == 1 else "softmax"
    if activation is None:
        return keras.Model(image, logits, name="unet")
    try:
        last = keras.layers.Activation(activation, dtype="float32", name="probability")
    except ValueError:
        expected = "the name of a Keras activation, auto or None"
        raise invalid("activation", expected=expected, received=activation) from None
    output = last(logits)
    return keras.Model(image, output, name="unet")


def _heads(heads: Mapping[str, int] | int) -> Mapping[str, int]:
    named = heads if isinstance(heads, Mapping) else {"logits": heads}
    if not named or "image" in named or any(width < 1 for width in named.values()):
        expected = "at least one name other than 'image', each with 1 or more channels"
        raise invalid("heads", expected=expected, received=dict(named))
    return named


def _up_to(grid: int, pixels: int) -> int:
    return -(-pixels // grid) * grid
