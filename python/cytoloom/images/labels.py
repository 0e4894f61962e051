"""Label images as arrays: what their values mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import invalid
from ..metrics.contingency import IDS, LARGEST_ID, RENUMBER
from .image import AnyArray, above

Labels = npt.NDArray[np.integer[Any]]
_SMALL_ID = 1 << 16
"""Up to this label, or the number of pixels, an array as long as the largest label is cheap."""
_IN_ALPHA, BESIDE_ALPHA = "mask drawn in alpha", " beside alpha, which is left out"
_SAVE_MASK = (
    "Save masks and labels as PNG or TIFF without smoothing, scaling by interpolation or lossy "
    "compression such as JPEG."
)
AS_IMAGES = "values that hardly ever have their like beside them, as in an image"
GIVE_LABELS = "Give label images: 0 is background, and each object has a number of its own."
"""What is said of labels of which `is_picture` holds, and what to do about it."""


def understand(
    values: AnyArray,
    alpha: AnyArray | None = None,
    *,
    lossy: bool = False,
    unknown: int | None = None,
) -> tuple[Labels, str]:
    """Turn the values of a file into labels and say how they were understood.

    Parameters
    ----------
    values : ndarray (..., c)
        Grey values or palette indices (c = 1), or colours (c = 3).
    alpha : ndarray (...), optional
        The alpha channel; it is the mask where all colours are the same.
    lossy : bool, default False
        Whether compression changed the values, as JPEG does: then only two can be believed.
    unknown : int, optional
        The value that counts nowhere: nothing is concluded from it.

    Returns
    -------
    labels : ndarray of an integer dtype (...)
        0 is background. 0 and 255 stay, they are the task's to interpret.
    understood : str
        Empty for plain labels.

    Raises
    ------
    InvalidError
        Fractions, interpolated masks and object numbers, more than two colours.

    Examples
    --------
    >>> red = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    >>> understand(red)
    (array([[0, 1]], dtype=uint8), 'RGB mask of two colours')
    """
    grey, said = _one_channel(values, alpha)
    labels = _whole_numbers(grey)
    judged = labels if unknown is None else np.where(labels == unknown, 0, labels)
    present = values_of(judged)
    if lossy and len(present) > 2:
        got = f"{len(present)} grey levels in a JPEG or alike"
        raise invalid("labels", expected="labels", received=got, remedy=_SAVE_MASK)
    if is_interpolated(judged, present):
        got = f"values from 0 to {present[-1]} that lie between those beside them, at its edges"
        raise invalid("labels", expected="labels", received=got, remedy=_SAVE_MASK)
    if said == "" and is_mask_255(present):
        said = "0/255 mask"
    if alpha is not None and alpha.min() != alpha.max() and said != _IN_ALPHA:
        said = (said or "numbers") + BESIDE_ALPHA
    return labels, said


def as_shown(indices: AnyArray, colours: AnyArray) -> AnyArray:
    """Return the indices of a colour map, or 0 and 1 where it is one of black and white alone.

    Numbers of classes or objects are kept, whatever their colours; of a mask in black and white,
    white is what is meant, and its number may be 0. The map decides, not what one image uses of
    it: images of one folder have the same.

    Parameters
    ----------
    indices : ndarray of unsigned integers
        As stored.
    colours : uint8 ndarray (n, 1) or (n, 3)
        Of each index, as stored.

    Examples
    --------
    >>> as_shown(np.array([0, 1, 0]), np.array([[255], [0]]))
    array([1, 0, 1], dtype=uint8)
    >>> as_shown(np.array([0, 1, 0]), np.array([[255], [0], [128]]))
    array([0, 1, 0])
    >>> as_shown(np.array([0, 1, 0]), np.array([[255, 255, 255], [0, 0, 255]]))
    array([0, 1, 0])
    """
    if not is_white_first(colours):
        return indices
    white: AnyArray = np.isin(indices, np.flatnonzero(colours[:, 0])).astype(np.uint8)
    return white


def is_white_first(colours: AnyArray) -> bool:
    """Whether a colour map is of white and black alone, white first.

    Examples
    --------
    >>> is_white_first(np.array([[255], [0]])), is_white_first(np.array([[0], [255]]))
    (True, False)
    """
    plain = (colours == colours[:, :1]).all() and np.isin(colours, (0, 255)).all()
    return bool(plain and colours[:1].any() and not colours.all())


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
        seen[above(row, low)] = True
    return np.flatnonzero(seen).astype(labels.dtype) + labels.dtype.type(low)


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
    """Whether a mask or numbered objects were smoothed, scaled or went through lossy compression.

    Where they were, a line across an edge climbs: it has pixels whose value lies between those of
    both neighbours. In labels as drawn hardly any edge has, and what has is an object of its own:
    of real labels of 26 collections at most 0.6 % of the pixels at edges (of classes with rims
    5 %), of the same labels scaled by 0.5 to 4, turned, smoothed or after JPEG of quality 50 to 95
    9 % to 75 %.

    Examples
    --------
    >>> mask = np.zeros((9, 9), int)
    >>> mask[2:7, 2:7] = 255
    >>> mask[2, 2:7] = [60, 120, 130, 90, 200]
    >>> is_interpolated(mask, np.unique(mask))
    True
    """
    if len(present) < 5 or labels.ndim < 2:
        return False
    between, edges, pixels = np.zeros(labels.shape, bool), 0, 0
    for axis in (-2, -1):
        climbing, at_edges = _climbing(np.moveaxis(labels, axis, -1))
        np.moveaxis(between, axis, -1)[..., 1:-1] |= climbing
        edges, pixels = edges + at_edges, pixels + climbing.size
    # nothing flat at all is no picture of objects, however it was made
    if np.count_nonzero(between) < _CLIMBING * edges or edges > _NOTHING_FLAT * pixels:
        return False
    values, counts = np.unique(labels[between], return_counts=True)
    # a rim drawn as a class of its own lies between as well: that is one value
    if len(values) < 3 or counts.max() > 0.8 * counts.sum():
        return False
    return _scattered(labels, values)


def is_picture(labels: Labels, present: Labels) -> bool:
    """Whether values are those of an image: many, and nothing flat.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 100, (64, 64))
    >>> is_picture(image, np.unique(image))
    True
    >>> objects = np.arange(64 * 64).reshape(64, 64) // 4
    >>> is_picture(objects, np.unique(objects))
    False
    """
    if len(present) < _FEW_VALUES or labels.size < _SMALL_PX or labels.ndim < 2:
        return False
    for axis in (-2, -1):
        lines = np.moveaxis(labels, axis, -1)
        alike = np.count_nonzero(lines[..., 1:] == lines[..., :-1])
        if alike > (1 - _NOTHING_FLAT) * lines[..., 1:].size:
            return False
    return True


_NOTHING_FLAT = 0.9
"""Share of the pixels that differ from one beside them, from which on nothing is drawn."""
_FEW_VALUES, _SMALL_PX = 32, 64**2
"""Fewer may be of classes, in noise made for a test; in a small array, numbers counted through."""
_CLIMBING = 0.08
"""Share of the pixels at edges from which on values lie between their neighbours' by smoothing."""


def _climbing(lines: Labels) -> tuple[npt.NDArray[np.bool_], int]:
    """Find pixels strictly between both neighbours in a line; count those that differ from one."""
    steps = lines[..., 1:] != lines[..., :-1]
    before, after = steps[..., :-1], steps[..., 1:]
    found = before & after
    edges = int(np.count_nonzero(before | after))
    thin = np.nonzero(found)
    middle = lines[..., 1:-1][thin]
    low, high = lines[..., :-2][thin], lines[..., 2:][thin]
    found[thin] = (middle > np.minimum(low, high)) & (middle < np.maximum(low, high))
    return found, edges


def _scattered(labels: Labels, values: Labels) -> bool:
    """Whether values are no objects: most of their pieces are specks, or most are in many."""
    from skimage.measure import label

    chosen = np.where(np.isin(labels, values), labels, 0)
    pieces, count = label(chosen, background=0, connectivity=labels.ndim, return_num=True)
    size = np.bincount(pieces.ravel())[1:]
    return bool(count >= 2 * len(values) or np.median(size) <= 2)


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
        expected = f"whole numbers from 0 to {np.iinfo(np.uint32).max}"
        raise invalid("labels", expected=expected, received=f"{low} to {high}")
    fits: np.dtype[Any] = np.min_scalar_type(high)
    return labels.astype(np.uint8 if labels.dtype == bool else fits, copy=False)


def refuse_other_ids(labels: Labels, name: str) -> None:
    """Refuse labels that are no numbers of objects, as `datasets` and `metrics` do.

    Examples
    --------
    >>> refuse_other_ids(np.array([0, 2**31]), "labels")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `labels`. Expected labels from 0 to 2147483647. \
Received: label 2147483648. Renumber the objects 1, 2, 3, ...
    """
    for label in (int(labels.max(initial=0)), int(labels.min(initial=0))):
        if not 0 <= label <= LARGEST_ID:
            raise invalid(name, expected=IDS, received=f"label {label}", remedy=RENUMBER)


def renumbered(labels: Labels) -> tuple[Labels, Labels]:
    """Give labels numbers that make arrays as long as the largest no larger than the image.

    Parameters
    ----------
    labels : ndarray of int
        0 or more; ids of connectomics reach 2**31.

    Returns
    -------
    numbers : ndarray of int
        `labels` itself where its values are small enough; else int32, 0 where `labels` is 0 and
        the other labels numbered from 1 on, in their order.
    ids : ndarray of int
        The label of each number, 0 first.

    Examples
    --------
    >>> numbers, ids = renumbered(np.array([[0, 2_000_000_000], [7, 7]]))
    >>> numbers.tolist(), ids.tolist()
    ([[0, 2], [1, 1]], [0, 7, 2000000000])
    """
    top = int(labels.max(initial=0))
    if top <= max(labels.size, _SMALL_ID):
        return labels, np.arange(top + 1)
    present = values_of(labels)
    ids = present if present[0] == 0 else np.concatenate([[0], present])
    numbers = np.empty(labels.shape, np.int32)
    # plane by plane or row by row: indices need 8 bytes a pixel
    for k, part in enumerate(labels):
        numbers[k] = np.searchsorted(ids, part)
    return numbers, ids


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
            return (alpha > alpha.max() // 2).astype(np.uint8), _IN_ALPHA
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
    if not float(np.abs(grey).max(initial=0)) < 2**53:
        got = "NaN, infinite or huge values"
        raise invalid("labels", expected="whole numbers", received=got)
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
