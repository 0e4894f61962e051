"""Tables in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def write_table(table: pd.DataFrame, path: Path) -> None:
    r"""Write a table as CSV; yes and no as TRUE and FALSE, which R and pandas both understand.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "objects.csv"
    >>> write_table(pd.DataFrame({"object": [1], "touches_border": [True]}), path)
    >>> path.read_text()
    'object,touches_border\n1,TRUE\n'
    """
    yes_no = {c: table[c].map({True: "TRUE", False: "FALSE"}) for c in table.select_dtypes(bool)}
    table.assign(**yes_no).to_csv(path, index=False)
