"""Cells: images, and where cells are in them, in; one table of them out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.channels import Channels
    from .gathered import Cells


@verb
def cells(
    images: Any,
    *,
    labels: Any = None,
    positions: Any = None,
    columns: Mapping[str, str] | None = None,
    size_px: int | tuple[int, ...] | None = None,
    size_um: float | tuple[float, ...] | None = None,
    plate: Any = None,
    controls: Any = None,
    scaled: Literal["plate", "image", "controls"] = "plate",
    others: Literal["kept", "blanked", "alone"] = "kept",
    turned: bool = False,
    illumination: Literal["plate"] | None = None,
    objects: str | None = None,
    channels: Channels = None,
    axes: str | None = None,
    pattern: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    out: str | os.PathLike[str] | None = None,
    sheet: bool = False,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Cells]:
    """Gather the cells of many images.

    Parameters
    ----------
    images : path, list of paths, array, list or dict of arrays
        The images: a folder, file(s), a pattern, a table with a column image, arrays; or files of
        CellH5, which have their cells with them.
    labels : path, list of paths, array, list or dict of arrays, or Predictions, optional
        Label images, one number for each cell, of any program; or what `predict` found or wrote. Of
        a plate in OME-Zarr those in its fields: the plate again, or their name there.
    positions : path, DataFrame or dict of columns, optional
        Instead of labels a row for each cell: image, x and y in px (with ``_um`` behind their
        names in micrometres), as CellProfiler's or anybody's.
    columns : dict of str to str, optional
        What x, y, z, image, object and frame are called in `positions`, where that is not seen.
    size_px : int or tuple of int, optional
        Edges of the square around each cell; default twice the diameter of the larger cells (their
        upper tenth), of positions 60.
    size_um : float or tuple of float, optional
        The same in micrometres.
    plate : path, DataFrame, dict or str, optional
        What was done in each well: a table with a column well (and plate, site) or image, and
        others such as treatment, concentration, control; CellCognition's table of positions;
        CellProfiler's for LoadData; ``Index.idx.xml`` of Harmony; the ``.HTD`` of MetaXpress; a
        plate in OME-Zarr; or a pattern of names such as ``"{plate}_{well}_s{site}"``. Wells are A01
        or A1. Fields of plates in OME-Zarr know plate, well, site, row and column by themselves;
        of others wells are read from names of images where all have one.
    controls : str, list of str or dict, optional
        Which cells are negative controls: the word for them in the column control, group,
        treatment or type; wells; or columns with their words. In one text ``"A01,B12"`` and
        ``"treatment=DMSO"`` are these, too.
    scaled : {"plate", "image", "controls"}, default "plate"
        Over what intensities are scaled alike: the images of a plate; each image by itself, which
        takes away that a treatment makes all of it brighter; the controls of a plate.
    others : {"kept", "blanked", "alone"}, default "kept"
        Of other cells in the square around a cell: they stay; they are set to the background; all
        that is not the cell is. The last two need labels.
    turned : bool, default False
        Whether the main axis of each cell is laid along x; needs labels.
    illumination : {"plate"}, optional
        Divide uneven illumination out of the images: of each plate and channel the smoothed median
        over its images. Cells in the same place of all images are taken for light.
    objects : str, optional
        Of CellH5 with several kinds of objects, which of them; default the primary ones.
    channels : int, str or list of them, optional
        Which channels of the images, by index from 0 or by name.
    axes : str, optional
        What the axes of the images are, overriding files.
    pattern : str, optional
        How names of files tell which are one image, as in `predict`.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding files.
    out : path, optional
        Folder for the table and for where images and labels are, by which `features` and the
        others find the cells again; images and labels that are in memory are written there, too.
    sheet : bool, default False
        Write a contact sheet to `out`, too, sheet.png: some cells of each treatment, as they are
        cut out; see `Cells.plot`.
    overwrite : bool, default False
        Replace cells that are in `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Cells
        Its `table` has a row per cell.

    Raises
    ------
    InvalidError
        No labels or positions, no cell, a table of a plate that belongs to no image, controls that
        are none.

    Examples
    --------
    >>> import cytoloom as cl
    >>> image, labels = cl.simulate.nuclei(shape=(96, 96), count=5, seed=1)
    >>> found = cl.cells({"A01": image}, labels={"A01": labels}, size_px=24, progress=False)
    >>> found.table[["image", "object", "well", "padded"]].head(2)
      image  object well  padded
    0   A01       1  A01   False
    1   A01       2  A01   False
    """
    from .collect import Asked, collect

    given = {"channels": channels, "axes": axes, "pattern": pattern, "pixel_size_um": pixel_size_um}
    asked = Asked(
        images, labels, positions, columns, size_px, size_um, plate, controls, scaled, others,
        turned, illumination, objects, given,
    )  # fmt: skip
    found: Cells = yield from collect(asked, out, overwrite, sheet)
    return found
