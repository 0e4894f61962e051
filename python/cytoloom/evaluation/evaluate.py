"""Evaluate: a model and images with truth in; scores per image and object, with intervals, out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from distributed import Client

    from ..models.model import Model
    from .others import ScoresItself
    from .scores import Scores


@verb
def evaluate(
    model: Model | ScoresItself | str | os.PathLike[str],
    data: Any = None,
    *,
    rescale: float | str | None = "auto",
    views: int = 1,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_training_images: bool = False,
    block_px: int | tuple[int, ...] | None = None,
    workers: int = 1,
    client: Client | str | None = None,
    max_distance_um: float | None = None,
    labels: Any = None,
    truth_labels: Any = None,
    progress: bool | str = "auto",
) -> Work[Scores]:
    """Score a model on annotated images, or tracks against true ones.

    What is scored is what `predict` finds in the same images with the same `rescale` and `views`.
    Images whose labels are more than 134 million pixels, and are read by region, are predicted and
    scored block by block, without scores that need distances.

    Parameters
    ----------
    model : Model, path or Tracks
        What to score, or its folder. Tracks, and files or folders that `read_tracks` reads, are
        scored as their method `evaluated` does.
    data : folder, Data, arrays, CSV, DataFrame or None
        Images with labels, as for `train`. The label value that was unknown in training is so
        here, unless the data name another. None: the images of an ensemble's training, each as
        it was scored by the member that had not seen it, with thresholds of the others. For tracks
        the true ones, or a path to them.
    rescale : float, "auto" or None, default "auto"
        Factor by which images are enlarged for the network, None, or "auto", as for `predict`.
        Which was used is said, and stands in the column scale of `per_image`.
    views : int, default 1
        In how many views, flipped (4) and turned (8), the network sees each tile, as for
        `predict`.
    out : path, optional
        Folder for the tables: scores.csv, scores_per_image.csv and scores_per_object.csv. What was
        killed among the blocks of a large image goes on when the same call is made again.
    overwrite : bool, default False
        Replace the scores that are in `out`.
    allow_training_images : bool, default False
        Score images that the model was trained on or tuned to, instead of refusing.
    block_px : int or tuple of int, optional
        Edges of the blocks of images that are scored block by block, one number or one per axis.
        By default as large as memory allows.
    workers : int, default 1
        Processes of this machine that predict such blocks side by side; above 1 needs the extra
        ``cluster``. At most as many as there are cores. Other images are scored by one process,
        which uses all cores: where no image is that large, `block_px`, `workers` and `client` are
        refused.
    client : dask.distributed.Client or str, optional
        Whose workers predict them instead, see `predict`. They must see the image and `out`, or
        without it the folder of temporary files, by the same paths.
    max_distance_um : float, optional
        Of tracks: how far a found position may be from a true one that it is taken for; in pixels
        where their size is not known. Default: half the median distance from a true position to
        the nearest other one of its frame.
    labels, truth_labels : array, list of arrays, path, or dict of these by recording, optional
        Of tracks: label images of the found and of the true ones, whose overlap then says which is
        which.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Scores
        Tables `summary`, `per_image` and `per_object`; of tracks `summary` and `per_recording`.

    Raises
    ------
    InvalidError
        Unusable data, images whose decoded pixels the model has seen in training, settings of
        blocks where no image is scored by them, or those of tracks for a model.

    Examples
    --------
    >>> import cytoloom as cl
    >>> scores = cl.evaluate("nuclei.cytoloom", "data/test")  # doctest: +SKIP
    >>> print(scores.summary)  # doctest: +SKIP
    """
    from ..datasets.results_folder import results_folder
    from ..prediction.blockwise.looked_through import InBlocks
    from ..volumes.clients import client_of, shown_by
    from ..volumes.work import Hands
    from .by_blocks import clear_scored, room_for
    from .others import refuse_for_models, scored_themselves, scoring_itself
    from .scores import FILES, write_scores
    from .scoring import score

    how = {"max_distance_um": max_distance_um, "labels": labels, "truth_labels": truth_labels}
    itself = scoring_itself(model)
    if itself is not None:
        given = {
            "rescale": rescale != "auto", "views": views != 1, "block_px": block_px is not None,
            "workers": workers != 1, "client": client is not None,
            "allow_training_images": allow_training_images,
        }  # fmt: skip
        return scored_themselves(itself, data, given, how, out, overwrite)
    refuse_for_models(how)
    with (
        results_folder(
            out, overwrite, data, "evaluate", FILES, write_scores, clear_scored
        ) as write,
        room_for(out, overwrite) as room,
        client_of(client) as reached,
        Hands(workers, reached) as hands,
    ):
        yield from shown_by(reached)
        blocks = InBlocks(block_px, hands)
        scores: Scores = yield from score(
            model, data, allow_training_images, rescale, views, room, blocks
        )
        room.end(scores.summary)
        yield from write(scores)
    return scores
