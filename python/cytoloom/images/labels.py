"""Label images as arrays: what their values mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import invalid
from .image import AnyArray

Labels = npt.NDArray[np.integer[Any]]
_SAVE_MASK = "Save masks as PNG or TIFF without smoothing, scaling or JPEG compression."


def understand(
    values: AnyArray, alpha: AnyArray | None = None, *, lossy: bool = False
) -> tuple[Labels, str]:
    """Turn the values of a file into labels and say how they were understood.

    Parameters
    ----------
    values : ndarray (..., c)
        Grey values or palette indices (c = 1), or colours (c = 3).
    alpha : ndarray (...), optional
        The alpha channel; it is the mask where all colours are the same.
    lossy : bool, default False
        Whether the values went through JPEG: then only two values can be believed.

    Returns
    -------
    labels : ndarray of an integer dtype (...)
        0 is background. 0 and 255 stay, they are the task's to interpret.
    understood : str
        Empty for plain labels.

    Raises
    ------
    InvalidError
        Fractions, interpolated masks, more than two colours.

    Examples
    --------
    >>> red = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    >>> understand(red)
    (array([[0, 1]], dtype=uint8), 'RGB mask of two colours')
    """
    grey, said = _one_channel(values, alpha)
    labels = _whole_numbers(grey)
    present = values_of(labels)
    if lossy and len(present) > 2:
        got = f"{len(present)} grey levels in a JPEG"
        raise invalid("labels", expected="labels", received=got, remedy=_SAVE_MASK)
    if is_interpolated(labels, present):
        between = _between(present)[:3].tolist()
        got = f"a mask of 0 and {present[-1]} with values between ({between}...) at its edges"
        raise invalid("labels", expected="labels", received=got, remedy=_SAVE_MASK)
    if said == "" and is_mask_255(present):
        said = "0/255 mask"
    return labels, said


def as_shown(indices: AnyArray, colours: AnyArray) -> AnyArray:
    """Return the indices of a colour map, or 0 and 1 where it shows a mask in black on white.

    Numbers of classes or objects are kept, whatever their colours; of a mask, white is what is
    meant, and its number may be 0.

    Parameters
    ----------
    indices : ndarray of unsigned integers
        As stored.
    colours : uint8 ndarray (n, 1) or (n, 3)
        Of each index.

    Examples
    --------
    >>> as_shown(np.array([0, 1, 0]), np.array([[255], [0]]))
    array([1, 0, 1], dtype=uint8)
    >>> as_shown(np.array([0, 1, 2]), np.array([[255], [0], [128]]))
    array([0, 1, 2])
    """
    used = colours[values_of(indices)]
    if len(colours) and (colours[0] == 255).all() and ((used == 0) | (used == 255)).all():
        white: AnyArray = (colours == 255).all(axis=1)[indices].astype(np.uint8)
        return white
    return indices


def values_of(labels: Labels) -> Labels:
    """Return the distinct values, sorted, as `numpy.unique` does; fast for few distinct ones.

    Examples
    --------
    >>> values_of(np.array([[7, -1], [7, 0]]))
    array([-1,  0,  7])
    """
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if not labels.size or high - low > 1 << 20:
        return np.unique(labels)
    seen = np.zeros(high - low + 1, bool)
    # row by row: indices need 8 bytes a pixel
    for row in np.atleast_2d(labels):
        seen[_above(row, low)] = True
    return np.flatnonzero(seen).astype(labels.dtype) + labels.dtype.type(low)


def _above(row: Labels, low: int) -> Labels:
    """Return how far values are above the lowest; those of uint64 do not fit into int64."""
    if row.dtype.kind == "u":
        return (row - row.dtype.type(low)).astype(np.int64)
    above: Labels = row.astype(np.int64) - low
    return above


def is_mask_255(present: AnyArray, unknown: int | None = None) -> bool:
    """Whether the distinct values of a label image are those of a 0/255 mask.

    Examples
    --------
    >>> is_mask_255(np.array([0, 255])), is_mask_255(np.array([0, 1])), is_mask_255(np.array([0]))
    (True, False, False)
    """
    known = [v for v in np.asarray(present).tolist() if v != unknown]
    return 255 in known and set(known) <= {0, 255}


def is_interpolated(labels: Labels, present: Labels) -> bool:
    """Whether a mask was smoothed, scaled or went through JPEG: values between in a thin rim.

    Of the values clearly above 0 at least a tenth are near the top of the type (255 or 65535),
    and those between have hardly a pixel whose neighbours to the right and below equal it.
    Objects that happen to be numbered up to 255 have.

    Examples
    --------
    >>> mask = np.zeros((9, 9), int)
    >>> mask[2:7, 2:7] = 255
    >>> mask[2, 2:7] = [60, 120, 130, 90, 200]
    >>> is_interpolated(mask, np.unique(mask))
    True
    """
    top = int(present[-1]) if len(present) else 0
    if top not in (255, 65535) or present[0] < 0 or len(_between(present)) < 3:
        return False
    # numbered objects have few pixels of the last numbers, masks have most of theirs at the top
    foreground = labels[labels > _near(top)]
    if np.count_nonzero(foreground >= top - _near(top)) < 0.1 * foreground.size:
        return False
    inner = labels[..., :-1, :-1]
    between = (inner > _near(top)) & (inner < top - _near(top))
    flat = (inner == labels[..., :-1, 1:]) & (inner == labels[..., 1:, :-1])
    inside, all_between = (int(np.count_nonzero(m)) for m in (between & flat, between))
    return inside < 0.3 * max(1, all_between)


def _between(present: Labels) -> Labels:
    top = int(present[-1])
    return present[(present > _near(top)) & (present < top - _near(top))]


def _near(top: int) -> int:
    """Return how far JPEG may move the values of a mask from 0 and from the top."""
    return top // 32


def is_grey_coded(present: Labels) -> bool:
    """Whether values look like three classes drawn in black, grey and white.

    Examples
    --------
    >>> is_grey_coded(np.array([0, 128, 255])), is_grey_coded(np.array([0, 1, 2]))
    (True, False)
    """
    return present.tolist() in ([0, 127, 255], [0, 128, 255])


def smallest(labels: AnyArray) -> AnyArray:
    """Return labels in the smallest of uint8, uint16 and uint32 that holds them.

    Examples
    --------
    >>> smallest(np.array([0, 256])).dtype
    dtype('uint16')
    """
    if labels.dtype.kind not in "bui":
        raise invalid("labels", expected="whole numbers", received=f"dtype {labels.dtype}")
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < 0 or high > np.iinfo(np.uint32).max:
        raise invalid("labels", expected="0 to 2**32 - 1", received=f"{low} to {high}")
    fits: np.dtype[Any] = np.min_scalar_type(high)
    return labels.astype(np.uint8 if labels.dtype == bool else fits, copy=False)


def border_labels(labels: Labels) -> Labels:
    """Return the labels above 0 among the outermost pixels.

    Examples
    --------
    >>> border_labels(np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3]]))
    array([1, 3])
    """
    faces = [np.take(labels, i, axis).ravel() for axis in range(labels.ndim) for i in (0, -1)]
    present = np.unique(np.concatenate(faces))
    return present[present > 0]


def _one_channel(values: AnyArray, alpha: AnyArray | None) -> tuple[AnyArray, str]:
    if alpha is not None and alpha.min() != alpha.max():
        flat = values.reshape(-1, values.shape[-1])
        if (flat == flat[0]).all():
            return (alpha > alpha.max() // 2).astype(np.uint8), "mask drawn in alpha"
    if values.shape[-1] == 1:
        return values[..., 0], ""
    if values.shape[-1] != 3:
        remedy = "Give one file per label image, with a single channel."
        got = f"{values.shape[-1]} channels"
        raise invalid("labels", expected="one channel", received=got, remedy=remedy)
    if (values == values[..., :1]).all():
        return values[..., 0], "RGB mask of equal red, green and blue"
    return _two_colours(values), "RGB mask of two colours"


def _two_colours(values: AnyArray) -> AnyArray:
    code = np.zeros(values.shape[:-1], np.int64)
    for channel in range(3):
        code = code * 65536 + values[..., channel].astype(np.int64)
    colours, counts = np.unique(code, return_counts=True)
    if len(colours) > 2:
        remedy = "Save class or object numbers (0, 1, 2, ...) as one grey channel, not colours."
        got = f"an RGB image of {len(colours)} colours"
        raise invalid("labels", expected="labels or a mask", received=got, remedy=remedy)
    background = 0 if 0 in colours else colours[np.argmax(counts)]
    foreground: AnyArray = (code != background).astype(np.uint8)
    return foreground


def _whole_numbers(grey: AnyArray) -> Labels:
    if grey.dtype.kind in "ui":
        whole: Labels = grey
        return whole
    if grey.dtype.kind == "b":
        return grey.astype(np.uint8)
    if grey.dtype.kind != "f":
        raise invalid("labels", expected="whole numbers", received=f"dtype {grey.dtype}")
    if not np.isfinite(grey).all():
        raise invalid("labels", expected="whole numbers", received="NaN or infinite values")
    if np.abs(grey).max(initial=0) >= 2.0**63:
        got = f"the value {np.abs(grey).max():g}"
        raise invalid("labels", expected="whole numbers below 2**63", received=got)
    if (grey != np.floor(grey)).any():
        inside = grey.min() >= 0 and grey.max() <= 1
        got = "fractions between 0 and 1" if inside else "fractional values"
        remedy = (
            "They look rescaled; read or save them without scaling (in R: readTIFF(as.is = TRUE))."
            if inside
            else _SAVE_MASK
        )
        raise invalid("labels", expected="whole numbers", received=got, remedy=remedy)
    return grey.astype(np.int64)
