"""Review: results or images in; a browser to correct their labels; label images out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..events import Work, verb


@verb
def review(
    results: Any,
    *,
    images: Any = None,
    model: Any = None,
    out: str | os.PathLike[str] | None = None,
    port: int | None = None,
    browser: bool = True,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Correct labels in a browser, or draw the first ones: the worst images first, every step kept.

    Parameters
    ----------
    results : Predictions, Consensus, folder of these, images, or Data
        What `predict` or `consensus` returned, or the folder that it wrote. Or images, as
        `predict` takes them: labels that they have are corrected, others are drawn from nothing.
    images : folder, files, arrays, list or dict of arrays, table, or Data, optional
        The images of results, where these were no files or are elsewhere now.
    model : Model or path, optional
        Finds what there is to begin with, where images are given. A training that is begun on the
        page goes on from it; without one it starts anew.
    out : path, optional
        Folder for what is corrected. Default: ``corrected`` in the folder of the results, or
        beside the images.
    port : int, optional
        Port of this machine at which the page is served. Default: one that is free.
    browser : bool, default True
        Open the page, where there is a desktop; its address is told in any case.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        The table of the images that were accepted, ``corrected.csv``, with columns image, label
        and name: what `train` takes.

    Raises
    ------
    InvalidError
        Nothing that can be edited, a folder that cannot be written to or holds corrections of
        something else, a port that is taken, or no package Jinja2, which is in the extra
        ``report``.

    Notes
    -----
    The page is that of `report`, served to this machine alone at an address with a secret in it.
    Objects are deleted, added and redrawn; each step is on the disk before the page shows it, and
    can be undone, also after the browser or this program was closed or killed: the same call goes
    on. Nothing of the results is replaced. Call it from a program or a notebook: it returns when
    *Finish* is pressed on the page, or with Ctrl-C.

    Labels are images, not lines: an object that was not touched keeps its pixels to the pixel. What
    is drawn is filled as outlines of other programs are, where the middle of a pixel is inside, and
    takes free pixels only; of pieces into which others cut it the largest is kept. In `out` there
    are label images in ``labels/`` of every image that was edited or accepted, and every step in
    ``steps.jsonl``.

    On the page a check of the accepted images and a short training on them can be begun and
    stopped. Its models are ``model_1.cytoloom`` and so on, in `out`.

    Masks become objects, their connected pieces. Labels that are classes, stacks and images of more
    than 33 million pixels cannot be edited here.

    Examples
    --------
    >>> import cytoloom as cl
    >>> cl.review({"a": cl.simulate.nuclei(shape=(64, 64), count=5, seed=1)[0]})
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `out`. Expected a folder for what is corrected, ...
    """
    from .run import run

    table: Path = yield from run(results, images, model, out, port, browser)
    return table
