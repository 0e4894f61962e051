"""Report: results in; one page that shows them all out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..events import Work, verb


@verb
def report(
    results: Any,
    path: str | os.PathLike[str],
    *,
    images: Any = None,
    labels: Any = None,
    cells: Any = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Write results as a page for a browser: each image with its outlines, tables, and methods.

    Parameters
    ----------
    results : Predictions, Scores, Consensus, Novelty, Tracks or path
        What `predict`, `evaluate`, `consensus`, `novelty` or `track` returned, or the folder that
        it wrote; tracks of any program that `read_tracks` reads.
    path : path
        The page, a file whose name ends in ``.html``.
    images : folder, files, arrays, list or dict of arrays, table, or Data, optional
        The images, as they were given then, if they were no files or are elsewhere now; for scores
        with their labels. Default: where they were. An image that is not found has a row without
        its picture, which is said. For tracks the images of their movie, as `track` takes those.
    labels : path, list of paths, array, list or dict of arrays, or Predictions, optional
        For scores what was found, so that false objects are shown beside the missed ones: the
        result of a prediction of the same images, or its folder.
    cells : Cells or path, optional
        For what `novelty` found the cells, as `cells` gathered them, or their folder; without them
        the page has no pictures of cells.
    overwrite : bool, default False
        Replace the page that is there, with its pictures where these are beside it.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InvalidError
        No results, results without an image, a file that is there, or no package Jinja2, which is
        in the extra ``report``.

    Notes
    -----
    The page is one file that needs no network and shows up to some 60 MB of pictures; those of very
    many images are in a folder ``<name>_files`` beside it, which goes with it, and which is said.
    Pictures are made smaller the more there are; what is measured is not measured in them. Of a
    stack there are three planes at right angles, through the plane with most objects, and the
    brightest value along z. Probabilities are shown where `predict` wrote ``maps``, and what each
    expert drew where a consensus is of label images in files.

    Images are in the order in which they are worth a look: those that failed, then those with
    flags, then by the lowest score or mean probability of the foreground.

    The page of what `novelty` found has the hit list, a heat map of each plate whose wells show
    their cells, the most novel and typical cells of each treatment, outliers that are alike, and a
    map of the cells by their principal components, where umap-learn is installed by UMAP, too.

    The page of tracks has the links that are more than 1 % likely to be wrong, at most the 200
    likeliest, each with the frames around it, a box to tick for right or wrong, and a file of what
    was ticked that `track` takes as ``corrections``; warnings, lineage trees, and numbers.

    Examples
    --------
    >>> import tempfile
    >>> import cytoloom as cl
    >>> from cytoloom.models.untrained import untrained
    >>> image = cl.simulate.nuclei(shape=(64, 64), count=5, seed=1)[0]
    >>> found = cl.predict(untrained(), {"a": image}, rescale=None, progress=False)
    >>> page = cl.report(
    ...     found, Path(tempfile.mkdtemp()) / "report.html", images={"a": image}, progress=False
    ... )
    >>> page.name
    'report.html'
    """
    from .collect import collect

    made: Path = yield from collect(results, path, images, labels, cells, overwrite)
    return made
