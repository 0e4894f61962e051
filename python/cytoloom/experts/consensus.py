"""Consensus: what several experts drew in; what they agree on, and how far they do, out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..events import Work, verb

if TYPE_CHECKING:
    from .result import Consensus


@verb
def consensus(
    experts: Any,
    method: str = "staple",
    *,
    task: str = "auto",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Consensus]:
    """Find the labels that several experts agree on, and how well each of them does.

    Parameters
    ----------
    experts : path, list of paths, dict, list of arrays, or Data
        Label images of two experts or more: a folder with a folder for each expert, in which
        files have the same names; these folders, or a pattern; a list or dict with an array, a
        list or a dict of arrays for each expert; or `Data` with several annotations. Files and
        dicts are matched by name, lists by their order, with None where an expert drew nothing.
    method : {"staple", "majority", "soft"}, default "staple"
        "staple" estimates truth and experts together, so that better experts count more;
        "majority" takes the label that most experts gave, and where several have as many votes
        the lowest, so background first; "soft" also gives the share of experts for each class,
        in the folder ``maps/``.
    task : {"auto", "binary", "classes", "instances"}, default "auto"
        What labels are: foreground, numbers of classes, or of objects; of a mask each piece is an
        object. Default: "binary" where all are masks, 0/1 or 0/255; "instances" where other
        numbers are many, and hardly any in pieces, which is said; else to be told.
    out : path, optional
        Folder for labels/ and tables: consensus.csv (per image), consensus_per_expert.csv,
        consensus_per_label.csv, consensus_pairs.csv and, of instances, consensus_objects.csv.
    overwrite : bool, default False
        Replace the consensus that is in `out`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Consensus
        Labels by image, and the tables.

    Raises
    ------
    InvalidError
        One expert only, or no image that two of them drew. An image of which label images differ
        in size, or that only one drew, has a row that says so, and the others are done.

    Notes
    -----
    STAPLE is Warfield's [1]_, for two classes and for more; an image is estimated on its own.
    Objects of experts are the same one from an IoU of 0.5 on, the best pairs first. The method
    decides what is foreground; there each pixel belongs to the object that most experts say, and
    of objects with as many votes to the smaller: what half of the experts have parted is parted.
    An object that keeps less than half of its area (the median of those drawn) is none. Who drew
    two or more objects in one of the consensus has split it, who covers two with one has merged
    them; the table `objects` names them.

    An expert stands out who agrees with the others (mean Dice) less than the median expert by
    more than three times the spread, and by more than 0.1; so does an image, by Fleiss' kappa.
    The spread is 1.4826 times the median distance from the median, and takes three or more.
    So do experts with the same labels in all images, and one who alone has those of the consensus
    in all of several images.

    References
    ----------
    .. [1] S. K. Warfield, K. H. Zou, W. M. Wells, IEEE Transactions on Medical Imaging 23, 903
       (2004), :doi:`10.1109/TMI.2004.828354`

    Examples
    --------
    >>> import cytoloom as cl
    >>> truth = cl.simulate.nuclei(shape=(64, 64), count=5, seed=1)[1]
    >>> drawn = cl.simulate.annotators(truth, n=3, seed=1)
    >>> found = cl.consensus([labels > 0 for labels in drawn], progress=False)
    >>> found["image"].shape, found.per_expert["expert"].tolist()
    ((64, 64), ['expert_1', 'expert_2', 'expert_3'])
    """
    from .collect import collect

    found: Consensus = yield from collect(experts, method, task, out, overwrite)
    return found
