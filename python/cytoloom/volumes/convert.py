"""Convert: an image in any format in; OME-Zarr out."""

from __future__ import annotations

import os
from pathlib import Path

from ..events import Work, verb


@verb
def convert(
    image: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    scene: str | None = None,
    labels: bool = False,
    version: str | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Convert an image of any format to OME-Zarr, which is read by region.

    Parameters
    ----------
    image : path
        A file, or a folder that is one image, in any format that is read.
    out : path
        A folder ``NAME.zarr``, ``NAME.zarr/labels/CELLS`` for labels of the image in
        ``NAME.zarr``, or a place in a store that is no image, ``NAME.zarr/train/crop1/raw``.
    axes : str, optional
        What the stored axes are, overriding the file, for example ``"tyx"``.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding the file: one number, or one for each of z, y, x.
    scene : str, optional
        One of the images of a file that holds several. Default: all, in ``0``, ``1`` ... as
        Bio-Formats writes them.
    labels : bool, default False
        Whether it is a label image; in ``labels/`` it is one.
    version : {"0.5", "0.4"}, optional
        Of OME-Zarr. Default: that of the image for its labels, else 0.5.
    overwrite : bool, default False
        Replace a store that is there, with the labels in it.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        Where it was written; it appears there only when it is complete.

    Raises
    ------
    InvalidError
        An image that cannot be read, another place, or something that is there.

    Notes
    -----
    Values, type, time, channels and their names, pixel size and place stay as they are; smaller
    copies are made as `volumes.write` makes them. No more of the image is in memory than a few
    chunks, or one time point where its format cannot be read by region. Where a conversion was
    stopped, however, the same call goes on from there; until it has ended, its files are in a
    hidden folder beside `out`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import cytoloom as cl
    >>> image, _ = cl.simulate.nuclei(shape=(64, 80), count=3, seed=1)
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "a.npy", image)
    >>> cl.images.read(cl.convert(folder / "a.npy", folder / "a.zarr", progress=False))
    Image('a', 64 x 80 x 1 (yxc), uint16)
    """
    from .converted import Settings, converted

    settings = Settings(axes, pixel_size_um, scene, labels, version)
    found: Path = yield from converted(Path(image).expanduser(), out, settings, overwrite)
    return found
