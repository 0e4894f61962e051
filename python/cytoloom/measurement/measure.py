"""Measure: anybody's labels, and images, in; a table of objects out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd

    from ..images.channels import Channels


@verb
def measure(
    labels: Any,
    image: Any = None,
    *,
    pixel_size_um: float | tuple[float, ...] | None = None,
    around_um: float | None = None,
    channels: Channels = None,
    axes: str | None = None,
    pattern: str | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Measure the objects of label images.

    Parameters
    ----------
    labels : path, list of paths, array, list or dict of arrays, or Predictions
        Label images (y, x) or (z, y, x): a folder, file(s), a pattern, arrays, or what `predict`
        found or wrote. 0 is background and a number one object, in however many pieces; of a
        mask, 0/1 or 0/255, each piece is an object (diagonal neighbours connect). More than 134
        million pixels are read box by box. Stores of OME-Zarr listed with labels in them are
        their images.
    image : path, list of paths, array, list or dict of arrays, optional
        The images of the labels, for intensities. Folders, dicts and predictions are paired by
        name, also with files that are called so, lists by their order.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one number or one per axis. Default: as the image, or else the
        label file, says.
    around_um : float, optional
        Also measure the ring of this width around each object: background whose middle is so
        near to one of the object's pixels, and to no other object nearer.
    channels : sequence of int or str, optional
        Which channels of the images to measure, by index from 0 or by name.
    axes : str, optional
        What the axes of the images are, such as "yxc" or "zyx", overriding files and guesses.
    pattern : str, optional
        How names of files tell which are one image, as in `predict`.
    out : path, optional
        CSV file for the table.
    overwrite : bool, default False
        Replace the table that is at `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        One row per object: image, object, class (of predictions of classes), area_px, area_um2
        (3-D: volume_um3), centroid_*, bbox_*_min, bbox_*_max (one past the last), perimeter_px,
        perimeter_um (2-D; pixels square to 1 %; in 3-D surface_um2), major_axis_px, minor_axis_px
        (3-D: middle_axis_px too), the same with _um, eccentricity and orientation (2-D), solidity;
        for each channel mean_intensity_<channel> (its name, or number from 0),
        sd_intensity_<channel>, and so min and max; touches_border. With `around_um`
        area_px_around and intensities that end in ``_around``.
        Positions are in px from 0. NaN where something is not known, or not defined.

    Raises
    ------
    InvalidError
        No labels, no image for a label image, or none that can be used. A bad one among several
        is said in a warning.

    Notes
    -----
    As ``regionprops`` of scikit-image [1]_, to rounding. The axes are those of the ellipse or
    ellipsoid with the object's second moments; the orientation is the angle in radians from the y
    axis (downwards) to the major axis, pi/4 from upper left to lower right, and NaN where both
    are equally long; where the size of a pixel is known, eccentricity and orientation are of the
    ellipse in micrometres. The perimeter is Benkrid's and Crookes' [2]_, with that of holes;
    solidity the pixels over those of the convex hull; sd divides by the number of pixels.

    References
    ----------
    .. [1] S. van der Walt et al., PeerJ 2, e453 (2014), :doi:`10.7717/peerj.453`
    .. [2] K. Benkrid, D. Crookes, Design and FPGA Implementation of a Perimeter Estimator,
       The Queen's University of Belfast (2000)

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(64, 64), count=3, seed=1)
    >>> table = cl.measure(labels, image, pixel_size_um=0.5, around_um=2, progress=False)
    >>> table[["object", "area_um2", "eccentricity"]].round(2)
       object  area_um2  eccentricity
    0       1     98.75          0.79
    1       2     79.75          0.77
    2       3    143.50          0.71
    """
    from .collect import collect

    found: pd.DataFrame = yield from collect(
        labels, image, around_um, out, overwrite,
        channels=channels, axes=axes, pixel_size_um=pixel_size_um, pattern=pattern,
    )  # fmt: skip
    return found
