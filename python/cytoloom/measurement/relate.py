"""Relate: label images of nuclei and of cells in; which nucleus lies in which cell out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..components.arguments import checked
from ..errors import invalid
from ..messages import say
from .given import label_pairs, read_argument

if TYPE_CHECKING:
    import pandas as pd


@checked
def relate(nuclei: Any, cells: Any, per: str = "nucleus") -> pd.DataFrame:
    """Give each nucleus its cell; for any two kinds of objects of which one lies in the other.

    Parameters
    ----------
    nuclei, cells : path, list of paths, array, list or dict of arrays, or Predictions
        Label images as for `measure`, of the same images. Folders, dicts and predictions are
        paired by name, lists by their order, one and one in any case.
    per : {"nucleus", "cell"}, default "nucleus"
        What a row is.

    Returns
    -------
    DataFrame
        Per nucleus: image, nucleus, cell, overlap_px, share. The cell is that with most of the
        nucleus' pixels, of several with as many the one with the lowest number, and missing where
        no pixel lies in a cell; the share is the overlap over all pixels of the nucleus. Per cell:
        image, cell, n_nuclei: how many nuclei are its own, 0 of some. `nucleus` and `cell` are
        ``object`` in the tables of `measure` and `predict`.

    Raises
    ------
    InvalidError
        No labels, no partner of the same name, or label images of different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> import cytoloom as cl
    >>> nuclei, cells = np.array([[3, 3, 0, 4, 0]]), np.array([[7, 7, 7, 7, 8]])
    >>> cl.relate(nuclei, cells)
       image  nucleus  cell  overlap_px  share
    0  image        3     7           2    1.0
    1  image        4     7           1    1.0
    >>> cl.relate(nuclei, cells, per="cell")
       image  cell  n_nuclei
    0  image     7         2
    1  image     8         0
    """
    import pandas as pd

    from ..images.labels import values_of
    from ..objects.relations import relations

    if per not in ("nucleus", "cell"):
        raise invalid("per", expected='"nucleus" or "cell"', received=per)
    tables = []
    for (one, of_one), (other, of_other) in label_pairs(nuclei, cells):
        inner = read_argument("nuclei", one, of_one)
        outer = read_argument("cells", other, of_other)
        if inner.shape != outer.shape:
            expected = say("the shape of the nuclei, {}", inner.shape)
            received = say("{}, of {}", outer.shape, other.id)
            raise invalid("cells", expected=expected, received=received)
        table = relations(inner, outer)
        if per == "cell":
            names = values_of(outer)
            counts = table["cell"].value_counts()
            table = pd.DataFrame({"cell": names[names > 0]})
            table["n_nuclei"] = table["cell"].map(counts).fillna(0).astype("int64")
        table.insert(0, "image", one.id)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
