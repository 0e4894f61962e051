"""Rank: models and images without truth in; the order in which models suit these images out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from ..images.channels import Channels
    from .ranking import Ranking


@verb
def rank(
    models: Any,
    images: Any,
    *,
    channels: Channels = None,
    slices: bool = False,
    rescale: float | str | None = "auto",
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    axes: str | None = None,
    pixel_size_um: float | tuple[float, ...] | None = None,
    pattern: str | None = None,
    progress: bool | str = "auto",
) -> Work[Ranking]:
    """Rank models for images of which no truth is known, by how consistent they are.

    A model that suits the images finds the same in them after gentle changes: turned, with a
    little more noise, darker or brighter, smaller or larger.

    Parameters
    ----------
    models : list or dict of Model or path
        Two or more, or their folders; the names of a dict are those in the tables.
    images : path, list of paths, array, list or dict of arrays, table, or Data
        As for `predict`. Of many images 50 are looked at, of large ones the middle 2048 px.
    channels : sequence of int or str, optional
        Which channels of the files to use, by index from 0 or by name. By default all, or those
        a model was trained on when they have names.
    slices : bool, default False
        Take the planes of a z stack as images of their own (for 2-D models).
    rescale : float, "auto" or None, default "auto"
        Factor by which images are enlarged for the networks, None, or "auto", for each model as
        `predict` decides it.
    seed : int, default 0
        Decides the changes, which are the same for all models.
    out : path, optional
        Folder for the tables: ranking.csv and ranking_per_image.csv.
    overwrite : bool, default False
        Replace the ranking that is in `out`.
    axes : str, optional
        What the stored axes of the images are, such as "tyx", overriding the files.
    pixel_size_um : float or tuple of float, optional
        Micrometres per pixel, overriding the files.
    pattern : str, optional
        How names of files tell channel, plane and time, as for `predict`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Ranking
        Tables `ranking` and `per_image`; its text says which model is most consistent.

    Raises
    ------
    InvalidError
        One model alone, models of tasks that have no score in common, or no usable image.

    Notes
    -----
    Agreement is the main score of the task, average precision of objects at IoU 0.5 or Dice,
    between what is found in an image and in its changed version; of models of different tasks the
    first that all have. That consistency follows quality is a finding [1]_, no law: models that
    find nothing, nearly everything or one blob are consistent, too, and are put last; one that
    makes the same mistake each time is not found out. Where some images have labels, `compare`.

    References
    ----------
    .. [1] J. Talks and A. Kreshuk, Ranking pre-trained segmentation models for zero-shot
       transferability, :doi:`10.48550/arXiv.2503.00450`

    Examples
    --------
    >>> import cytoloom as cl
    >>> found = cl.rank(["old.cytoloom", "new.cytoloom"], "images/")  # doctest: +SKIP
    >>> print(found)  # doctest: +SKIP
    """
    from ..datasets.results_folder import results_folder
    from .ranked import rank_models
    from .ranking import FILES, write_ranking

    how = {
        "channels": channels,
        "slices": slices,
        "axes": axes,
        "pixel_size_um": pixel_size_um,
        "pattern": pattern,
    }
    with results_folder(out, overwrite, images, "rank", FILES, write_ranking) as write:
        found: Ranking = yield from rank_models(models, images, how, rescale, seed)
        yield from write(found)
    return found
