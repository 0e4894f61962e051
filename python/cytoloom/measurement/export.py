"""Export: anybody's labels in; files for ImageJ, QuPath and whoever reads COCO out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    import pandas as pd


@verb
def export(
    labels: Any,
    out: str | os.PathLike[str],
    format: str = "roi",
    *,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[pd.DataFrame]:
    """Write the objects of label images for other programs, exact to the pixel.

    Parameters
    ----------
    labels : path, list of paths, array, list or dict of arrays, or Predictions
        Label images (y, x), as for `measure`: what `predict` found or wrote, or anybody's.
    out : path
        Folder for the files, made if missing.
    format : {"roi", "geojson", "coco"}, default "roi"
        "roi": a zip archive for each image that the ROI Manager of ImageJ and Fiji opens (needs
        the extra ``export``); "geojson": a file for each image, for QuPath's File, Import objects;
        "coco": ``annotations.json`` of all images, with run lengths.
    overwrite : bool, default False
        Replace an earlier export of the format that is in `out`, which is refused otherwise; files
        of images that have none now are removed, unless they were changed since, which is said.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    DataFrame
        image, status ("ok" or what is wrong), objects (then missing), file (path or ""): a row per
        image.

    Raises
    ------
    InvalidError
        No labels, none of which can be used, another format, or files in `out` that are no
        export's. A bad image among several has a row that says so.

    Notes
    -----
    Lines run along the edges of pixels; x and y are counted from the corner of the image, as
    ImageJ and QuPath do. Objects keep their number as name, holes and separate pieces are kept (in
    ImageJ as composite), and QuPath shows the class of predictions of classes. Where a model says
    how sure it is of objects, ROI and GeoJSON are in the order of their ``probability``, the least
    sure first; QuPath has it as a measurement, COCO as ``score``. All are read again as labels to
    the pixel, see `Data`.

    Examples
    --------
    >>> import tempfile
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(64, 64), count=3, seed=1)
    >>> files = cl.export({"a": labels}, tempfile.mkdtemp(), "geojson", progress=False)
    >>> files[["image", "status", "objects"]]
      image status  objects
    0     a     ok        3
    """
    from .exported import collect

    found: pd.DataFrame = yield from collect(labels, out, format, overwrite)
    return found
