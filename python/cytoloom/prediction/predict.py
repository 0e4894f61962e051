"""Predict: a model and images in; label images and a table of objects out."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from distributed import Client

    from ..images.channels import Channels
    from ..models.model import Model
    from .predictions import Predictions


@verb
def predict(
    model: Model | str | os.PathLike[str],
    images: Any,
    *,
    channels: Channels = None,
    slices: bool = False,
    rescale: float | str | None = "auto",
    views: int = 1,
    out: str | os.PathLike[str] | None = None,
    overlay: bool = False,
    maps: bool = False,
    uncertainty: bool = False,
    objects: str = "csv",
    overwrite: bool = False,
    block_px: int | tuple[int, ...] | None = None,
    workers: int = 1,
    client: Client | str | None = None,
    part: str | None = None,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    pattern: str | None = None,
    progress: bool | str = "auto",
) -> Work[Predictions]:
    """Find objects or classes in images.

    Parameters
    ----------
    model : Model or path
        What to apply, or its folder.
    images : path, list of paths, array, list or dict of arrays, table, or Data
        Folder, file(s) or arrays (y, x[, c]) / (z, y, x[, c]). Time points are taken as images
        of their own, named ``<name>_t000``. A table has a column image or path, of paths or
        arrays, and perhaps name (what each is called) and group (which belong together for
        `rescale`). Each row gives a result; all columns but image and name (well, treatment, split
        ...) come along into both tables, with ``_given`` behind a name that these have already.
    channels : sequence of int or str, optional
        Which channels of the files to use, by index from 0 or by name; [2, 3] in the sequence, or
        "2+3", is the sum of channels 2 and 3. By default all, or those
        the model was trained on when they have names.
    slices : bool, default False
        Take the planes of a z stack as images of their own (for a 2-D model).
    rescale : float, "auto" or None, default "auto"
        Factor by which images are enlarged for the network, None (as they are), or "auto": one
        factor for all images of a folder, or of a group of a table, decided before the first and
        said in a warning. It is the ratio of pixel sizes where both are known and differ by more
        than 20 % (beyond a factor of 4 only if objects then look as in training); otherwise, for
        instances, the factor at which objects fit the network's maps clearly better in most of
        the images looked at, and as in training. Which was used stands in the column scale of
        `Predictions.files`, and gives the same labels when it is passed. Labels come back at
        their own size.
    views : int, default 1
        In how many views the network sees each tile: 1, as it is; 4, with its mirror images; 8,
        these turned by a right angle as well. Their mean is what is found, and it takes as many
        times as long. Of a network trained with the default augmentation it changes little.
    out : path, optional
        Folder for label images (``labels/<name>.tif``), objects.csv, files.csv, overlays and maps.
        Without it labels stay in memory. Or the place of a label image in OME-Zarr,
        ``big.zarr/labels/cells`` or ``cells.zarr``: one image is then predicted block by block,
        whatever its size, with the tables in that folder. A prediction that was killed goes on when
        the same call is made again.
    overlay : bool, default False
        Also write ``overlays/<name>.png``, of stacks the plane with most objects; needs `out`.
    maps : bool, default False
        Also write ``maps/<name>.tif``, the probability of each class in each pixel, background
        first: float16, (class, y, x) or (z, class, y, x); needs `out`. In a store the image
        ``maps`` within the label image, float32, with a channel for each class.
    uncertainty : bool, default False
        Also write ``uncertainty/<name>.tif``, how unsure each pixel is: float16, (plane, y, x) or
        (z, plane, y, x), with three planes: entropy of the probabilities of classes (bits: 0 to 1
        of two classes); mutual information of members, how far they disagree (bits; 0 of a single
        network); variance of the class over the largest there is, of two classes
        p (1 - p) / 0.25. On these scales, whatever the image. Needs `out`. In a store the image
        ``uncertainty`` within the label image, float32, with three channels.
    objects : str, default "csv"
        How objects are written: "csv", one table objects.csv, or "parquet", for many millions of
        them, a folder ``objects/`` with the table of each image as it comes; needs `out` and the
        extra ``parquet``. `Predictions.objects` is then without rows.
    overwrite : bool, default False
        Replace the results that are in `out` once the new ones are whole, and give up a
        prediction that was begun there with other settings, model or images. Files that no
        prediction wrote, or that were changed since, are never touched.
    block_px : int or tuple of int, optional
        Edges of the blocks of an image that goes to OME-Zarr, one number or one per axis. By
        default as large as memory allows. Labels do not depend on it where objects are smaller than
        what is seen around a block; those that are larger are counted and named.
    workers : int, default 1
        Processes of this machine that work on blocks, or on the images of a folder, side by side;
        needs `out`, and above 1 the extra ``cluster``. At most as many as there are cores.
    client : dask.distributed.Client or str, optional
        Whose workers do that instead: the address of a scheduler of Dask, "tcp://10.0.0.1:8786",
        or the file that it writes. Of a cluster, whatever its kind; from Python a client, too.
    part : str, optional
        Which part of the blocks, or of the images of a folder, to work on, ``"3/40"``: for jobs of
        a queue, one each, in any order and at the same time; needs `out`. When all have ended, the
        same call without it puts them together, and does what none has done.
    axes : str, optional
        What the axes of the images are, such as "yxc" or "zyx", overriding files and guesses.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, one number or one per axis, overriding the files.
    pattern : str, optional
        How names of files tell which are one image, such as "{well}_s{site}_w{channel}". Files
        that differ in {channel}, {z} or {t} only are joined, by default those with the usual
        names (_w1, _ch1, _c1, _DAPI, _z01); "{name}": each file is an image.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Predictions
        Labels, objects and one row per file.

    Raises
    ------
    InvalidError
        Nothing to predict, or no image can be used. One bad image among others becomes a row
        of `Predictions.files`.

    Examples
    --------
    >>> import cytoloom as cl
    >>> found = cl.predict("nuclei.cytoloom", "images/", out="results/")  # doctest: +SKIP
    >>> for name, labels in found:  # doctest: +SKIP
    ...     print(name, labels.max())
    """
    from ..models.identity import run_of
    from ..models.inputs import image_model
    from ..models.turned import check_views, seen_in
    from ..storage.atomic import meant
    from ..volumes.clients import client_of, shown_by
    from .blockwise.volume import check_blocks, collect_volume, is_volume
    from .collect import (
        check_options,
        collect,
        collect_part,
        go_on_or_begin,
        images_of,
        items_for,
    )
    from .folder import ResultsFolder, open_results
    from .parts import entered, part_of
    from .workers import Spread

    # all that results depend on beside model and images; by it an unfinished one is known again
    asked = {
        "channels": channels,
        "slices": slices,
        "rescale": rescale,
        "views": views,
        "overlay": overlay,
        "maps": maps,
        "uncertainty": uncertainty,
        "objects": objects,
        "axes": axes,
        "pattern": pattern,
        "pixel_size_um": pixel_size_um,
    }
    pictures = {"overlay": overlay, "maps": maps, "uncertainty": uncertainty}
    check_options(rescale, out, objects, **pictures)
    check_views(views)
    check_blocks(out, block_px, workers, client, overlay, part)
    model = image_model(model)
    items = yield from items_for(model, images, channels, slices, axes, pixel_size_um, pattern)
    turned = yield from seen_in(model, views)
    share = part_of(part)
    how: dict[str, bool] = {**pictures, "parquet": objects == "parquet"}
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(client_of(client))
        yield from shown_by(client)
        if is_volume(out):
            run = run_of("predict", model, images_of(model, images, asked), asked)
            return (
                yield from collect_volume(
                    model, items, out, overwrite, asked, run, block_px, workers, client, share
                )
            )
        opened = partial(open_results, out, overwrite, items, images, share)
        first = "decides what holds for all images"
        folder = yield from entered(stack, opened, meant(out or ""), share, first)
        before: Predictions | None = yield from go_on_or_begin(turned, items, folder, asked)
        if before is not None:
            return before
        if share is not None and isinstance(folder, ResultsFolder):
            return (yield from collect_part(turned, items, rescale, folder, share, **how))
        given, written = images_of(model, images, asked), out is not None
        folder.run = run_of("predict", model, given, asked, hashed=written)
        spread = Spread(model, views, workers, client)
        found: Predictions = yield from collect(turned, items, rescale, folder, spread, **how)
    return found
