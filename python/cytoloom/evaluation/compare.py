"""Compare: two models and images with truth in; which of them is better, image by image, out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from distributed import Client

    from ..models.model import Model
    from .comparison import Comparison


@verb
def compare(
    model_a: Model | str | os.PathLike[str],
    model_b: Model | str | os.PathLike[str],
    data: Any,
    *,
    rescale: float | str | None = "auto",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    allow_training_images: bool = False,
    block_px: int | tuple[int, ...] | None = None,
    workers: int = 1,
    client: Client | str | None = None,
    progress: bool | str = "auto",
) -> Work[Comparison]:
    """Find out which of two models is better on annotated images.

    Both are scored as `evaluate` does it, on the same images, and image by image one score is
    taken from the other: that some images are harder for both does not hide who is better.

    Parameters
    ----------
    model_a : Model or path
        One model, or its folder.
    model_b : Model or path
        The other one. Of models of different tasks the scores are compared that both have.
    data : folder, Data, arrays, CSV or DataFrame
        Images with labels, as for `evaluate`. A label value that was unknown in the training of
        one of the models is so for both.
    rescale : float, "auto" or None, default "auto"
        Factor by which images are enlarged for the networks, None, or "auto", for each model as
        `predict` decides it.
    out : path, optional
        Folder for the tables: comparison.csv and comparison_per_image.csv.
    overwrite : bool, default False
        Replace the comparison that is in `out`.
    allow_training_images : bool, default False
        Compare on images that one of the models was trained on or tuned to, instead of refusing.
    block_px : int or tuple of int, optional
        Edges of the blocks of images that are scored block by block, see `evaluate`; one number or
        one per axis. By default as large as memory allows.
    workers : int, default 1
        Processes of this machine that predict such blocks side by side; above 1 needs the extra
        ``cluster``. At most as many as there are cores. Other images are scored by one process,
        which uses all cores: where no image is that large, `block_px`, `workers` and `client` are
        refused.
    client : dask.distributed.Client or str, optional
        Whose workers predict them instead, see `predict`. They must see the image and the folder
        of temporary files by the same paths.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Comparison
        Tables `summary` and `per_image`; its text says which model is better.

    Raises
    ------
    InvalidError
        Unusable data, images whose decoded pixels one of the models has seen in training,
        models without a score that both have, the same model twice, or settings of blocks where no
        image is scored by them.

    Notes
    -----
    The interval is that of the mean difference over all such images or, where images have groups,
    groups, as `evaluate` has it for means. "no difference shown" is not "equal": with more images
    there may be one. Of many metrics one in twenty shows a difference by chance: choose yours
    before you look.

    Examples
    --------
    >>> import cytoloom as cl
    >>> found = cl.compare("old.cytoloom", "new.cytoloom", "data/test")  # doctest: +SKIP
    >>> print(found)  # doctest: +SKIP
    """
    from ..datasets.results_folder import results_folder
    from ..prediction.blockwise.looked_through import InBlocks
    from ..volumes.clients import client_of, shown_by
    from ..volumes.work import Hands
    from .comparison import FILES, write_comparison
    from .pairs import compared

    with (
        results_folder(out, overwrite, data, "compare", FILES, write_comparison) as write,
        client_of(client) as reached,
        Hands(workers, reached) as hands,
    ):
        yield from shown_by(reached)
        asked = {"rescale": rescale, "allow_training_images": allow_training_images}
        found: Comparison = yield from compared(
            model_a, model_b, data, asked, InBlocks(block_px, hands)
        )
        yield from write(found)
    return found
