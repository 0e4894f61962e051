"""What a program must know beside the network, as plain fields for ``cytoloom.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...components import to_plain
from ...images.normalize import type_range
from ...inference.tiled import HALO_LIMIT_PX
from ...version import __version__
from .graph import INPUT

if TYPE_CHECKING:
    from ...images.normalize import Normalize
    from ..record import Record

FACTS, WORDS = "cytoloom.json", "README.md"
MOST_PX = 2**20
"""Pixels of the stored image, and of the least tile that the Model Zoo is told of."""


def facts_of(model: Record, format: str) -> dict[str, Any]:
    """Collect what the exported network does not say itself.

    Parameters
    ----------
    model : Record
        What is exported.
    format : str
        As which.

    Returns
    -------
    dict
        Of plain values; `cytoloom.json` holds them.

    Examples
    --------
    >>> from cytoloom.models.untrained import untrained
    >>> facts = facts_of(untrained(), "onnx")
    >>> facts["normalize"]["high"], facts["tiles"]["multiple_px"], facts["input"]["axes"]
    (99.8, [8, 8], 'yxc')
    """
    scaling = model.normalize
    names = model.task.channel_names
    return {
        "format": format,
        "cytoloom": __version__,
        "members": model.members,
        "task": to_plain(model.task),
        "label_names": list(model.task.label_names),
        "input": {
            "name": INPUT,
            "axes": "zyxc"[-model.ndim - 1 :],
            "channels": model.channels,
            "channel_names": model.info["channels"]["names"],
            "pixel_size_um": model.info["pixel_size_um"],
            "diameter_px": model.info["diameter_px"],
        },
        "normalize": {
            "low": scaling.low,
            "high": scaling.high,
            "floor": None if scaling.floor is None else list(scaling.floor),
            "floor_dtype": scaling.floor_dtype,
            "range": _range(scaling),
        },
        "tiles": _tiles(model),
        "outputs": {
            head: {
                "channels": of.channels,
                "channel_names": list(names.get(head, ())) or None,
                "activation": of.activation,
            }
            for head, of in model.task.heads.items()
        },
        "limits": limits(model, format),
    }


def _tiles(model: Record) -> dict[str, Any]:
    """Say how an image may be cut; without a halo it must not be."""
    halo, multiple = model.network.halo_px, even(model)
    if halo is None:
        none = [0] * model.ndim
        return {
            "halo_px": None,
            "least_halo_px": none,
            "multiple_px": list(multiple),
            "exact": False,
        }
    cut = [min(h, HALO_LIMIT_PX) for h in halo]
    # tiles start on multiples, so that they are read from one too
    wide = [-(-h // m) * m for h, m in zip(cut, multiple, strict=True)]
    return {
        "halo_px": wide,
        "least_halo_px": _least(wide, multiple),
        "multiple_px": list(multiple),
        "exact": list(halo) == cut,
    }


def even(model: Record) -> tuple[int, ...]:
    """Return the multiple that sizes and starts of tiles must be: an even number of grid cells.

    The last bit of a backend differs between even and odd numbers, see `inference.tiled`.
    """
    return tuple(2 * g for g in model.network.grid_px)


def limits(model: Record, format: str) -> list[str]:
    """Name what differs from cytoloom, in whole sentences."""
    zoo, found = format == "bioimageio", []
    if model.normalize.floor is not None:
        found.append(_floor(model.normalize) + (_CANNOT if zoo else " `example.py` does so, too."))
    if zoo:
        found.append(_BORDER.format(" x ".join(map(str, _tiles(model)["least_halo_px"]))))
    if model.info["pixel_size_um"] or model.info["diameter_px"]:
        found.append(_SIZE)
    if model.normalize.range is None:
        return [*found, _FILLED, _PRECISION]
    if model.normalize.range == "dtype":
        found.append(_OWN_TYPE.format(model.pixel_type))
    return [*found, _NO_NAN, _PRECISION]


def _range(scaling: Normalize) -> list[float] | None:
    """Return the values that become 0 and 1 in every image, where these are fixed."""
    if scaling.range != "dtype":
        return None if scaling.range is None else list(scaling.range)
    # of a network that was not trained nobody knows the images
    return list(type_range(np.dtype(scaling.floor_dtype or "uint8")))


def _floor(scaling: Normalize) -> str:
    """Say below which range an image counts as noise."""
    shown = ", ".join(f"{one:g}" for one in scaling.floor or ())
    kind = f" of {scaling.floor_dtype} pixels" if scaling.floor_dtype else ""
    return (
        f"Noise floor: where percentiles {scaling.low:g} and {scaling.high:g} of a channel{kind} "
        f"lie less than {shown} apart (in channel order), cytoloom divides by that number, so that "
        "empty fields of noise stay empty."
    )


_CANNOT = (
    " The format cannot say that: such an image is divided by its own range here, and its noise "
    "may be found. Leave images below that range out."
)
_BORDER = (
    "Border: programs that cut an image into blocks by this description mirror it at its border; "
    "as far as the halo ({} px) from there maps differ from cytoloom's, whose networks see the "
    "border itself. `example.py` adds nothing there."
)
_SIZE = (
    "Size: cytoloom enlarges or shrinks images whose pixels or objects are of another size than in "
    "training; do so before."
)
_FILLED = (
    "Filled-up borders: what a stitched or turned image was filled up with (0, white) counts as "
    "image here; cytoloom leaves it out of the percentiles. NaN has to be replaced before. Of "
    "fractional pixels above 4 million cytoloom takes the percentiles of a part."
)
_NO_NAN = "Filled-up borders: NaN has to be replaced before."
_OWN_TYPE = (
    "Pixel type: cytoloom scales by the range of each image's own type; here it is that of {}, as "
    "in training."
)
_PRECISION = (
    "Precision: all is float32 here; on processors with bfloat16 cytoloom computes in that, and "
    "its own maps then differ from these by up to some 0.03 in single pixels."
)


def trial_shape(model: Record) -> tuple[int, ...]:
    """Choose the spatial size of the stored image: more than what a pixel sees, where it can.

    Examples
    --------
    >>> from cytoloom import UNet
    >>> from cytoloom.models.untrained import untrained
    >>> trial_shape(untrained()), trial_shape(untrained(network=UNet(ndim=3, filters=2)))
    ((64, 64), (96, 96, 96))
    """
    multiple, halo = even(model), _tiles(model)["least_halo_px"]
    least = 64 if model.ndim == 2 else 16
    return tuple(-(-max(2 * h + m, least) // m) * m for h, m in zip(halo, multiple, strict=True))


def _least(halo: list[int], multiple: tuple[int, ...]) -> list[int]:
    """Halve the longest edge of a halo until the smallest tile with it has at most `MOST_PX`."""
    halo = list(halo)
    while math.prod(2 * h + m for h, m in zip(halo, multiple, strict=True)) > MOST_PX:
        longest = halo.index(max(halo))
        if not halo[longest]:
            break
        step = multiple[longest]
        halo[longest] = halo[longest] // 2 // step * step
    return halo


def axes_of(facts: Mapping[str, Any]) -> str:
    """Return the spatial axes of the network's image: "yx" or "zyx"."""
    return str(facts["input"]["axes"]).removesuffix("c")
