"""What a network is to training and prediction: a component that builds a Keras model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Network:
    """Base of all networks; a network is a component (frozen dataclass) with a `build`.

    A class outside this package is as good: registered by ``@component``, it trains, saves and
    loads as a U-Net does.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from cytoloom.components import component
    >>> @component
    ... @dataclass(frozen=True)
    ... class OneConvolution(Network):
    ...     halo_px = (1, 1)
    ...
    ...     def build(self, inputs, heads, seed=0, spacing_um=None):
    ...         import keras
    ...
    ...         image = keras.Input((None, None, inputs["image"]), name="image")
    ...         layers = {h: keras.layers.Conv2D(n, 3, padding="same") for h, n in heads.items()}
    ...         return keras.Model(image, {h: layer(image) for h, layer in layers.items()})
    >>> OneConvolution().words, OneConvolution().grid_px
    ('OneConvolution', (1, 1))
    """

    @property
    def ndim(self) -> int:
        """Spatial dimensions of its images, 2 or 3."""
        return 2

    @property
    def words(self) -> str:
        """What a plan says of it, in a few words."""
        return type(self).__name__

    @property
    def grid_px(self) -> tuple[int, ...]:
        """Per axis, the multiple of pixels that sizes and tile starts must be."""
        return (1,) * self.ndim

    @property
    def halo_px(self) -> tuple[int, ...] | None:
        """Per axis, what a tile must see around it to be exact; None: all of the image."""
        return None

    def for_spacing(self, spacing_um: Sequence[float] | None) -> Network:
        """Fix what depends on the pixel spacing, where anything does.

        Parameters
        ----------
        spacing_um : sequence of float or None
            Micrometres per pixel along each axis; None means equal.

        Returns
        -------
        Network
        """
        return self

    def parameters(self, channels: int = 1, heads: Mapping[str, int] | int = 1) -> int:
        """Count the parameters without a backend; 0 where that is not known.

        Parameters
        ----------
        channels : int, default 1
            Channels of the image.
        heads : dict of str to int, or int, default 1
            Output channels by head, or of a single head.

        Returns
        -------
        int
        """
        return 0

    def values_per_px(self, channels: int = 1, heads: Mapping[str, int] | int = 1) -> float:
        """Count the values of feature maps per pixel of the image; 0 where that is not known.

        Parameters
        ----------
        channels : int, default 1
            Channels of the image.
        heads : dict of str to int, or int, default 1
            Output channels by head, or of a single head.

        Returns
        -------
        float
        """
        return 0.0

    def thinnest_px(self, patch_px: Sequence[int]) -> tuple[int, ...]:
        """Per axis, the fewest pixels that a feature map has of a patch.

        Parameters
        ----------
        patch_px : sequence of int
            Spatial shape of the patch.

        Returns
        -------
        tuple of int

        Examples
        --------
        >>> from cytoloom import UNet
        >>> UNet(depth=2, stem_stride=1).thinnest_px((128, 96))
        (32, 24)
        """
        return tuple(p // g for p, g in zip(patch_px, self.grid_px, strict=True))

    def sound_in_bfloat16(self, patch_px: Sequence[int]) -> bool:
        """Say whether TensorFlow can train it in bfloat16 on a CPU.

        Its gradient of a 3-D convolution reads memory that was never written where a map has
        fewer planes along z than the kernel, but more than one: NaN, or silent garbage. Of a
        network that does not say otherwise, kernels are taken to be up to 7 wide, on maps from
        the patch to `thinnest_px`.

        Parameters
        ----------
        patch_px : sequence of int
            Spatial shape of the patch.

        Returns
        -------
        bool

        Examples
        --------
        >>> from cytoloom import UNet
        >>> net = UNet(depth=2, stem_stride=1, ndim=3)
        >>> net.sound_in_bfloat16((8, 64, 64)), net.sound_in_bfloat16((16, 64, 64))
        (False, True)
        """
        return self.ndim == 2 or patch_px[0] == 1 or self.thinnest_px(patch_px)[0] >= 7

    def build(
        self,
        inputs: Mapping[str, int],
        heads: Mapping[str, int],
        seed: int = 0,
        spacing_um: Sequence[float] | None = None,
    ) -> Any:
        """Make the Keras model with fresh weights, in the current precision.

        Parameters
        ----------
        inputs : dict of str to int
            Channels of each input by name.
        heads : dict of str to int
            Output channels by head.
        seed : int, default 0
            The same seed gives the same weights in any process.
        spacing_um : sequence of float, optional
            Micrometres per pixel.

        Returns
        -------
        keras.Model
            Inputs of these names, float32 (batch, spatial..., channels) or (batch, channels);
            output a dict of float32 logits by head.
        """
        raise NotImplementedError

    def for_prediction(
        self, network: Any, inputs: Mapping[str, int], heads: Mapping[str, int]
    ) -> Any:
        """Return a Keras model of the same outputs that predicts faster; itself if there is none.

        Parameters
        ----------
        network : keras.Model
            Made by `build`, trained.
        inputs, heads : dict of str to int
            As for `build`.

        Returns
        -------
        keras.Model
        """
        return network
