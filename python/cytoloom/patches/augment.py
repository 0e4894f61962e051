"""Augmentation: random geometry and intensities, each with its own probability and range."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..components import component
from ..components.arguments import checked
from ..components.rules import Rule, at_least, rising, ruled, share
from ..errors import invalid
from ..messages import one_of, say
from . import geometry, intensity
from .warp import Placed, Warp

Array = npt.NDArray[Any]
Range = tuple[float, float]
ABOVE_0 = "two numbers above 0, in order"


@component
@dataclass(frozen=True)
class Augment:
    """Random changes of image and labels together.

    Every ``..._p`` is the probability of one change; its strength is drawn anew each time. All
    geometry is one interpolation: linear for images, nearest pixel for labels. Flips and right
    angles alone move pixels and interpolate nothing. Lengths in px are px of the finest axis;
    geometry is drawn in micrometres and axes of unequal spacing are never swapped.

    Attributes
    ----------
    flip_p : float, default 0.5
        Flip of an axis, each axis on its own.
    right_angle_p : float, default 1.0
        Turn by right angles, one of all possible (none included).
    rotate_p, rotate_degrees : float, default 0.3, 45.0
        Rotation by up to `rotate_degrees` either way: in the y, x plane, in 3-D of equal
        spacing about any axis.
    scale_p : float, default 0.3
        Magnification of all axes alike.
    scale_range : (float, float), default (0.8, 1.25)
        Least and largest; drawn evenly on a logarithmic scale.
    shear_p, shear_degrees : float, default 0.1, 10.0
        Shear by up to `shear_degrees` either way, in the planes of rotation.
    elastic_p : float, default 0.2
        Smooth random displacement.
    elastic_px, elastic_spacing_px : float, default 3.0, 32.0
        Largest root mean square displacement per axis, and the distance over which it varies.
    gamma_p : float, default 0.3
        Bending of intensities, each channel on its own.
    gamma_range : (float, float), default (0.7, 1.5)
        Exponents; drawn evenly on a logarithmic scale.
    contrast_p : float, default 0.3
        Stretching about the patch's mean, each channel on its own.
    contrast_range : (float, float), default (0.7, 1.4)
        Factors; drawn evenly on a logarithmic scale.
    brightness_p, brightness : float, default 0.3, 0.1
        A constant of up to `brightness` either way is added, each channel on its own.
    illumination_p, illumination : float, default 0.15, 0.3
        Linear gradient: factors of up to ``1 ± illumination`` at opposite sides of the patch.
    blur_p : float, default 0.1
        Gaussian blur.
    blur_px : (float, float), default (0.5, 1.2)
        Its standard deviation.
    poisson_noise_p : float, default 0.15
        Shot noise, as the Gaussian of the same variance.
    poisson_photons : (float, float), default (30.0, 1000.0)
        Photons at intensity 1; drawn evenly on a logarithmic scale.
    gaussian_noise_p, gaussian_noise : float, default 0.2, 0.05
        Read noise of a standard deviation of up to `gaussian_noise`.

    See Also
    --------
    Augment.preset : named settings.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = np.arange(9, dtype=np.float32).reshape(3, 3)
    >>> turned, labels = Augment.preset("light")(image, image.astype(int), rng)
    >>> turned.shape, sorted(labels.ravel().tolist())
    ((3, 3), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    """

    flip_p: float = share(0.5)
    right_angle_p: float = share(1.0)
    rotate_p: float = share(0.3)
    rotate_degrees: float = ruled(45.0, Rule("0 to 180", 0, 180))
    scale_p: float = share(0.3)
    scale_range: Range = rising((0.8, 1.25), ABOVE_0, above=True)
    shear_p: float = share(0.1)
    shear_degrees: float = ruled(10.0, Rule("0 to 60", 0, 60))
    elastic_p: float = share(0.2)
    elastic_px: float = at_least(0, 3.0)
    elastic_spacing_px: float = at_least(1, 32.0)
    gamma_p: float = share(0.3)
    gamma_range: Range = rising((0.7, 1.5), ABOVE_0, above=True)
    contrast_p: float = share(0.3)
    contrast_range: Range = rising((0.7, 1.4), ABOVE_0, above=True)
    brightness_p: float = share(0.3)
    brightness: float = at_least(0, 0.1)
    illumination_p: float = share(0.15)
    illumination: float = at_least(0, 0.3)
    blur_p: float = share(0.1)
    blur_px: Range = rising((0.5, 1.2), "two numbers, 0 or more, in order")
    poisson_noise_p: float = share(0.15)
    poisson_photons: Range = rising((30.0, 1000.0), ABOVE_0, above=True)
    gaussian_noise_p: float = share(0.2)
    gaussian_noise: float = at_least(0, 0.05)

    @classmethod
    @checked
    def preset(cls, name: str | None) -> Augment:
        """Build named settings.

        Parameters
        ----------
        name : {"light", "default", "strong"} or None
            "light": flips, right angles and a little brightness, contrast and gamma; nothing is
            interpolated. "default": all changes, moderately. "strong": for few or very uneven
            images. None (or "none"): nothing is changed.

        Raises
        ------
        InvalidError
            Another name.

        Examples
        --------
        >>> Augment.preset("default") == Augment()
        True
        """
        if name is None:
            name = "none"
        if name not in PRESETS:
            raise invalid("augment", expected=say("{} or {}", one_of(PRESETS), None), received=name)
        return cls(**PRESETS[name])

    def draw(
        self,
        rng: np.random.Generator,
        shape: Sequence[int],
        spacing_um: Sequence[float] | None = None,
        *,
        swap_unequal: bool = True,
    ) -> Warp:
        """Draw the geometry of one patch.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws it.
        shape : sequence of int
            Spatial shape of the patch in px.
        spacing_um : sequence of float or None, default None
            Pixel size per axis; None: equal.
        swap_unequal : bool, default True
            Whether axes of unequal length may be swapped, so that the patch covers a window of
            another shape (`Warp.source_shape`).

        Returns
        -------
        Warp
            The same for the same state of `rng`.
        """
        spacing = (1.0,) * len(shape) if spacing_um is None else tuple(spacing_um)
        axes, flips = list(range(len(shape))), [False] * len(shape)
        if rng.random() < self.right_angle_p:
            groups = geometry.alike(spacing, None if swap_unequal else shape)
            axes, flips = geometry.turn(rng, groups)
        flips = [bool(f ^ (rng.random() < self.flip_p)) for f in flips]
        linear = self._linear(rng, spacing)
        warp = Warp(tuple(shape), tuple(axes), tuple(flips), linear)
        if rng.random() >= self.elastic_p or self.elastic_px == 0:
            return warp
        field = rng.uniform(0, self.elastic_px), self.elastic_spacing_px
        controls, steps = geometry.elastic(rng, shape, spacing, *field)
        return dataclasses.replace(warp, elastic=controls, spacing_px=steps)

    def _linear(self, rng: np.random.Generator, spacing: tuple[float, ...]) -> Array | None:
        n = len(spacing)
        everywhere = len(geometry.alike(spacing)) == 1
        # a coarse z axis stays: turned into the plane, pixels would be made of planes far apart
        free = tuple(range(n)) if everywhere else tuple(range(max(n - 2, 0), n))
        matrix = np.eye(n)
        if rng.random() < self.rotate_p and n > 1:
            matrix = geometry.rotation(rng, free, n, _either_way(rng, self.rotate_degrees))
        if rng.random() < self.shear_p and n > 1:
            matrix = matrix @ geometry.shear(rng, free, n, _either_way(rng, self.shear_degrees))
        if rng.random() < self.scale_p:
            matrix = matrix / _log_uniform(rng, self.scale_range)
        return None if (matrix == np.eye(n)).all() else geometry.in_pixels(matrix, spacing)

    def intensities(
        self, image: Array, rng: np.random.Generator, spacing_um: Sequence[float] | None = None
    ) -> Array:
        """Change the intensities of one patch.

        Parameters
        ----------
        image : ndarray
            float32 ``(spatial..., c)``, normalised; not modified.
        rng : numpy.random.Generator
            Draws the changes.
        spacing_um : sequence of float or None, default None
            Pixel size per axis; None: equal.

        Returns
        -------
        ndarray
            float32 ``(spatial..., c)``; `image` itself where nothing was drawn.

        Examples
        --------
        >>> image = np.ones((4, 4, 1), np.float32)
        >>> Augment.preset(None).intensities(image, np.random.default_rng(0)) is image
        True
        """
        spacing = (1.0,) * (image.ndim - 1) if spacing_um is None else tuple(spacing_um)
        # one lens and one lamp for all channels; tones and noise are each channel's own
        optics = self._draw_optics(rng, spacing)
        planes = [np.ascontiguousarray(image[..., c]) for c in range(image.shape[-1])]
        changed = [optics.apply(self._tones(plane, rng), rng) for plane in planes]
        if all(new is old for new, old in zip(changed, planes, strict=True)):
            return image
        return np.moveaxis(np.stack(changed), 0, -1)

    def _tones(self, plane: Array, rng: np.random.Generator) -> Array:
        exponent = _log_uniform(rng, self.gamma_range) if rng.random() < self.gamma_p else 1.0
        stretched, shifted = rng.random(2) < (self.contrast_p, self.brightness_p)
        factor = _log_uniform(rng, self.contrast_range) if stretched else 1.0
        shift = rng.uniform(-self.brightness, self.brightness) if shifted else 0.0
        if exponent != 1:
            plane = intensity.gamma(plane, exponent)
        if (factor, shift) != (1.0, 0.0):
            plane = intensity.contrast_brightness(plane, factor, shift)
        return plane

    def _draw_optics(self, rng: np.random.Generator, spacing: tuple[float, ...]) -> _Optics:
        lit, blurred, shot, read = rng.random(4) < (
            self.illumination_p,
            self.blur_p,
            self.poisson_noise_p,
            self.gaussian_noise_p,
        )
        # slopes add up in a corner: divided by their sum, none gets above 1 + illumination
        direction = rng.standard_normal(len(spacing)) if lit else np.zeros(len(spacing))
        direction /= max(float(np.abs(direction).sum()), 1e-6)
        sigma_px = rng.uniform(*self.blur_px) if blurred else 0.0
        return _Optics(
            slopes=tuple(direction * rng.uniform(0, self.illumination)),
            blur_px=tuple(sigma_px * p for p in geometry.finest(spacing)),
            photons=_log_uniform(rng, self.poisson_photons) if shot else None,
            noise=rng.uniform(0, self.gaussian_noise) if read else 0.0,
        )

    @checked
    def __call__(
        self,
        image: Array,
        labels: Array | None,
        rng: np.random.Generator,
        *,
        spacing_um: Sequence[float] | None = None,
    ) -> tuple[Array, Array | None]:
        """Change an image and its labels together.

        Parameters
        ----------
        image : ndarray
            Float ``(y, x)``, ``(y, x, c)``, ``(z, y, x)`` or ``(z, y, x, c)``, normalised.
        labels : ndarray or None
            ``(y, x)`` or ``(z, y, x)``; tells where the channels of `image` are. None: the last
            axis of `image` holds channels.
        rng : numpy.random.Generator
            Decides everything.
        spacing_um : sequence of float or None, default None
            Pixel size per axis; None: equal.

        Returns
        -------
        image, labels : ndarray
            Of the same shapes and dtypes. Outside of what was given, both are mirrored.

        Raises
        ------
        InvalidError
            Sizes that differ, or an image of integers.
        """
        shape = image.shape[:-1] if labels is None else labels.shape
        if image.shape[: len(shape)] != shape or image.ndim - len(shape) not in (0, 1):
            raise invalid(
                "labels", expected=say("the size of the image {}", image.shape), received=shape
            )
        if not np.issubdtype(image.dtype, np.floating):
            remedy = "Normalise first: cl.Normalize()(image)."
            raise invalid("image", expected="floats", received=str(image.dtype), remedy=remedy)
        warp = self.draw(rng, shape, spacing_um, swap_unequal=False)
        placed = Placed(warp, (0,) * len(shape), tuple(shape))
        moved = _warped(image.reshape(*shape, -1), placed)
        new = self.intensities(moved, rng, spacing_um).astype(image.dtype)
        found = None if labels is None else np.array(placed.nearest(labels.__getitem__))
        return np.ascontiguousarray(new.reshape(image.shape)), found


@dataclass(frozen=True)
class _Optics:
    """What light, lens and camera do to all channels of one patch."""

    slopes: tuple[float, ...]
    blur_px: tuple[float, ...]
    photons: float | None
    noise: float

    def apply(self, plane: Array, rng: np.random.Generator) -> Array:
        """Change one channel; only the noise draws from `rng`."""
        if any(self.slopes):
            plane = intensity.illumination(plane, self.slopes)
        if any(self.blur_px):
            plane = intensity.blur(plane, self.blur_px)
        if self.photons is not None or self.noise:
            plane = intensity.noise(plane, self.noise, self.photons, rng)
        return plane


_NOTHING: dict[str, Any] = {f.name: 0.0 for f in dataclasses.fields(Augment) if f.name[-2:] == "_p"}

PRESETS: dict[str, dict[str, Any]] = {
    "none": _NOTHING,
    "light": {
        **_NOTHING,
        "flip_p": 0.5,
        "right_angle_p": 1.0,
        "gamma_p": 0.2,
        "gamma_range": (0.8, 1.25),
        "contrast_p": 0.2,
        "contrast_range": (0.8, 1.25),
        "brightness_p": 0.2,
        "brightness": 0.05,
    },
    "default": {},
    "strong": {
        "rotate_p": 0.6,
        "scale_p": 0.6,
        "scale_range": (0.6, 1.6),
        "shear_p": 0.2,
        "shear_degrees": 15.0,
        "elastic_p": 0.4,
        "elastic_px": 5.0,
        "gamma_p": 0.5,
        "gamma_range": (0.5, 2.0),
        "contrast_p": 0.5,
        "contrast_range": (0.5, 2.0),
        "brightness_p": 0.5,
        "brightness": 0.2,
        "illumination_p": 0.3,
        "illumination": 0.5,
        "blur_p": 0.2,
        "blur_px": (0.5, 2.0),
        "poisson_noise_p": 0.25,
        "poisson_photons": (10.0, 500.0),
        "gaussian_noise_p": 0.3,
        "gaussian_noise": 0.1,
    },
}


def _warped(image: Array, placed: Placed) -> Array:
    if placed.warp.moves_whole_pixels:
        return placed.warp.turn(image)
    return placed.linear(image.__getitem__, lambda region: region.astype(np.float32, copy=False))


def _either_way(rng: np.random.Generator, degrees: float) -> float:
    return math.radians(rng.uniform(-degrees, degrees))


def _log_uniform(rng: np.random.Generator, bounds: Range) -> float:
    low, high = bounds
    return low if low == high else math.exp(rng.uniform(math.log(low), math.log(high)))
