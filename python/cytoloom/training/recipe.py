"""Choose network, patches and scaling from what was seen of the images, and say why.

What the caller has chosen stays, and the rest follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import invalid
from ..images.normalize import Normalize
from ..messages import Setting, counted, say
from ..networks.network import Network
from ..networks.unet import UNet
from .trainer import Trainer

if TYPE_CHECKING:
    import pandas as pd


FINE_PX = 10.0
"""Objects smaller than this need a network that computes at full resolution."""
COARSE_PX = 60.0
"""Objects larger than this are seen as well at a quarter of the resolution."""
PATCH_OBJECTS = 4
"""Objects that fit side by side into a patch: some whole ones among those cut by its border."""
PATCH_PX = (128, 512)
"""Least and largest edge of a patch in 2-D: in smaller ones most pixels lie near a border, of
larger ones a batch would have fewer than two."""
PATCH_VOXELS = 64
"""Edge of a patch in 3-D along the finest axis, a quarter of a million voxels."""
BATCH_PX = 8 * 128**2
"""Pixels in a batch, whatever the size of its patches, so that a step takes about as long."""
BATCH = {2: (2, 8), 3: (2, 2)}
"""Fewest and most patches in a batch: one alone would be its own statistics in batch
normalisation. Batches of 4 instead of 8 gave no better scores."""
DEPTHS = (3, 4, 5)
"""Depths to choose from: the least that sees a whole object. Depth 4 where 3 sees enough gained
nothing (AP@0.5 .853 after .852)."""
BRIGHTEST = 0.25
"""Share of the foreground that the upper percentile may cut off."""
VALUE_BYTES = 20
"""Bytes of memory that a value of a feature map takes in training: itself, its normalised and
rectified forms, and their gradients."""
LEAST_SHARE = 0.3
"""What a backend may need at least of that: a step of 32 patches of 256 px took so much."""
WEIGHT_BYTES = 24
"""Bytes of memory that a parameter takes in training: itself, its gradient, two averages of the
optimizer, and the best so far twice."""
MEMORY_SHARE = 0.5
"""Share of the memory that a step may take: images, labels and validation need theirs."""


@dataclass(frozen=True)
class DatasetFingerprint:
    """What a plan depends on, of the training images.

    Parameters
    ----------
    images : int
        How many.
    size_px : tuple of int
        The largest size along each axis, (y, x) or (z, y, x).
    channels : int
        Channels of each.
    diameter_px : float, optional
        Typical diameter of an object: half of all foreground lies in smaller ones. Only for
        instances; pieces of a mask or class are no objects.
    share : float, optional
        Share of foreground in all pixels.
    spacing_um : tuple of float, optional
        Pixel size per axis.
    """

    images: int
    size_px: tuple[int, ...]
    channels: int = 1
    diameter_px: float | None = None
    share: float | None = None
    spacing_um: tuple[float, ...] | None = None

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.size_px)


@dataclass(frozen=True)
class Reason:
    """One line of a plan: what was chosen, and why."""

    setting: str
    value: str
    why: str


@dataclass(frozen=True, eq=False)
class Plan:
    """What a training will use; printed, a table of choices and reasons.

    Attributes
    ----------
    network, trainer, normalize : component
        To be given to `train`, as they are or changed.
    fingerprint : DatasetFingerprint
        What it was chosen from.
    reasons : tuple of Reason
        One per choice.

    Examples
    --------
    >>> found = choose(DatasetFingerprint(20, (512, 512), diameter_px=25.0))
    >>> found.network.depth, found.trainer.patch_px
    (3, (128, 128))
    >>> found.table["setting"].tolist()
    ['network', 'filters', 'patch', 'batch', 'normalisation']
    """

    network: Network
    trainer: Trainer
    normalize: Normalize
    fingerprint: DatasetFingerprint
    reasons: tuple[Reason, ...]

    @property
    def table(self) -> pd.DataFrame:
        """Columns setting, value, why; one row per choice."""
        return as_table(self.reasons)

    def __str__(self) -> str:
        return as_text(self.reasons)


def as_table(reasons: Sequence[Reason]) -> pd.DataFrame:
    """Return reasons as columns setting, value, why."""
    import pandas as pd

    rows = [(r.setting, r.value, r.why) for r in reasons]
    return pd.DataFrame(rows, columns=["setting", "value", "why"])


def as_text(reasons: Sequence[Reason]) -> str:
    """Return reasons as lines with aligned columns.

    Examples
    --------
    >>> print(as_text([Reason("a", "1", "so"), Reason("bc", "20", "it is")]))
    a   1   so
    bc  20  it is
    """
    widths = [max(len(getattr(r, name)) for r in reasons) for name in ("setting", "value")]
    return "\n".join(f"{r.setting:<{widths[0]}}  {r.value:<{widths[1]}}  {r.why}" for r in reasons)


def choose(
    data: DatasetFingerprint,
    *,
    network: Network | None = None,
    trainer: Trainer | None = None,
    normalize: Normalize | None = None,
    memory_gb: float | None = None,
) -> Plan:
    """Choose what is not given.

    Parameters
    ----------
    data : DatasetFingerprint
        About the images.
    network, trainer, normalize : component, optional
        What is decided already.
    memory_gb : float, optional
        Memory that training may use; default half of the machine's.

    Examples
    --------
    >>> print(choose(DatasetFingerprint(20, (512, 512), diameter_px=25.0, share=0.2), memory_gb=8))
    network        stem 2, depth 3  objects are 25 px across
    filters        16               the usual
    patch          128 x 128 px     4 objects side by side, within 128 to 512 px
    batch          8 patches        131 thousand pixels a step; about 0.3 GB
    normalisation  1 to 99.8 %      per image and channel
    """
    trainer, reasons = trainer or Trainer(), []
    if network is None:
        network, reasons = _network(data)
    else:
        reasons.append(Reason("network", network.words, GIVEN))
    memory = memory_gb or machine_memory_gb() * MEMORY_SHARE
    patch, why_patch = _patch(data, network, trainer)
    batch, why_batch = _batch(data, network, trainer, patch, memory)
    _check_memory(data, network, patch, batch, max(memory_gb or 0.0, machine_memory_gb()))
    scaling, why_scaling = _normalize(data, normalize)
    sides = " x ".join(map(str, patch))
    reasons += [
        Reason("patch", f"{sides} px", why_patch),
        Reason("batch", f"{batch} patch{'' if batch == 1 else 'es'}", why_batch),
        Reason("normalisation", _scaled_words(scaling), why_scaling),
    ]
    trainer = replace(trainer, patch_px=patch, batch_size=batch)
    return Plan(network, trainer, scaling, data, tuple(reasons))


GIVEN = "as given"


def _network(data: DatasetFingerprint) -> tuple[UNet, list[Reason]]:
    size = data.diameter_px
    stem = 2 if size is None else 1 if size < FINE_PX else 2 if size <= COARSE_PX else 4
    nets = [
        UNet(stem_stride=stem, depth=depth, ndim=3, refine=False).for_spacing(data.spacing_um)
        if data.ndim == 3
        else UNet(stem_stride=stem, depth=depth)
        for depth in DEPTHS
    ]
    # the first that sees a whole object from any of its pixels
    far = [net for net in nets if size is None or max(net.receptive_field_px) >= size]
    chosen = (far or nets[-1:])[0]
    about = (
        "the usual, objects have no size" if size is None else f"objects are {size:.0f} px across"
    )
    return chosen, [
        Reason("network", chosen.words, about),
        Reason("filters", f"{chosen.filters}", "the usual"),
    ]


def _nearest(asked: Sequence[int], grid: Sequence[int]) -> tuple[int, ...]:
    """Return the multiples of the grid nearest to what was asked; a missing axis is as the last."""
    whole = (*asked, *asked[-1:] * len(grid))[: len(grid)]
    return tuple(max(1, round(p / g)) * g for p, g in zip(whole, grid, strict=True))


def _patch(
    data: DatasetFingerprint, network: Network, trainer: Trainer
) -> tuple[tuple[int, ...], str]:
    grid = network.grid_px
    if trainer.patch_px is not None:
        asked = trainer.patch_px
        asked = asked * data.ndim if len(asked) == 1 else asked
        if len(asked) != data.ndim or any(p % g for p, g in zip(asked, grid, strict=True)):
            raise invalid(
                "patch_px",
                expected=say("{} multiples of {}", data.ndim, grid),
                received=asked,
                remedy=say("Pass {}.", Setting("patch_px", _nearest(asked, grid))),
            )
        most = tuple(math.ceil(n / g) * g for n, g in zip(data.size_px, grid, strict=True))
        if any(p > 2 * n for p, n in zip(asked, most, strict=True)):
            raise invalid(
                "patch_px",
                expected=say("at most twice the largest image, {} px", data.size_px),
                received=asked,
            )
        return asked, GIVEN
    if data.ndim == 3:
        edge, why = PATCH_VOXELS, "equal lengths in space"
    else:
        low, high = PATCH_PX
        objects = PATCH_OBJECTS * (data.diameter_px or 0)
        edge = int(min(high, max(low, 64 * round(objects / 64))))
        about = f"{PATCH_OBJECTS} objects side by side, " if objects else ""
        why = f"{about}within {low} to {high} px"
    spacing = data.spacing_um or (1.0,) * data.ndim
    wanted = [edge * min(spacing) / s for s in spacing]
    patch = tuple(
        int(max(g, min(round(w / g), math.ceil(n / g)) * g))
        for w, n, g in zip(wanted, data.size_px, grid, strict=True)
    )
    fits = all(p >= round(w / g) * g for p, w, g in zip(patch, wanted, grid, strict=True))
    return patch, why if fits else "as large as the images"


def _batch(
    data: DatasetFingerprint,
    network: Network,
    trainer: Trainer,
    patch: tuple[int, ...],
    memory_gb: float,
) -> tuple[int, str]:
    pixels = math.prod(patch)
    each = training_gb(network, data.channels, pixels)
    if trainer.batch_size is not None:
        return trainer.batch_size, f"{GIVEN}; about {trainer.batch_size * each:.1f} GB"
    low, high = BATCH[data.ndim]
    usual = int(min(high, max(low, BATCH_PX // pixels)))
    batch = max(1, int(min(usual, memory_gb / each)))
    if batch < usual:
        return batch, f"what {memory_gb:.1f} GB of memory allow; about {batch * each:.1f} GB"
    return batch, f"{batch * pixels / 1000:.0f} thousand pixels a step; about {batch * each:.1f} GB"


def _check_memory(
    data: DatasetFingerprint, network: Network, patch: tuple[int, ...], batch: int, there_gb: float
) -> None:
    """Refuse what this machine cannot hold: the backend would fail late, or the machine stop."""
    weights = network.parameters(data.channels, 2)
    maps_gb = batch * training_gb(network, data.channels, math.prod(patch))
    least_gb = LEAST_SHARE * maps_gb + weights * WEIGHT_BYTES / 1e9
    if least_gb > there_gb:
        sides = " x ".join(map(str, patch))
        raise invalid(
            "training",
            expected=f"what fits into {there_gb:.0f} GB of memory",
            received=f"{counted(batch, 'patch')} of {sides} px a step and {weights:,} parameters, "
            f"at least {least_gb:,.0f} GB",
            remedy="Take smaller batches, smaller patches or fewer filters.",
        )


def _normalize(data: DatasetFingerprint, normalize: Normalize | None) -> tuple[Normalize, str]:
    if normalize is not None:
        return normalize, GIVEN
    usual = Normalize()
    # where objects are rare the usual percentile would cut off more than a quarter of their pixels
    if not data.share or 100 * data.share * BRIGHTEST >= 100 - usual.high:
        return usual, "per image and channel"
    high = round(100 * (1 - data.share * BRIGHTEST), 4)
    return replace(usual, high=high), f"only {100 * data.share:.2g} % of the pixels are foreground"


def _scaled_words(scaling: Normalize) -> str:
    return f"{scaling.low:g} to {scaling.high:g} %" if scaling.range is None else scaling.words


def training_gb(network: Network, channels: int, pixels: int, heads: int = 2) -> float:
    """Estimate the memory in GB that training takes for so many pixels at a time.

    Examples
    --------
    >>> round(training_gb(UNet(), channels=1, pixels=8 * 128**2), 1)
    0.3
    """
    return network.values_per_px(channels, heads) * pixels * VALUE_BYTES / 1e9


def machine_memory_gb() -> float:
    """Memory of this machine, or of its container, in GB; 8 where it cannot be found out."""
    from ..runtime.machine import memory_gb

    return memory_gb() or 8.0
