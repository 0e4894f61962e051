"""What a block leaves on the disk: one file, there as a whole or not at all.

It is the marker that the block is done, too: a run that was killed finds what is finished by it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import invalid
from ..storage.atomic import told, write_whole

FAST = 1
"""Level of compression: labels become ten times smaller at any, and this one takes no time."""


def file_of(folder: Path, k: int) -> Path:
    """Return the file of block `k`."""
    return folder / f"{k:09d}.npz"


def keep_block(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the arrays of a block; those of whole numbers are packed.

    Examples
    --------
    >>> import tempfile
    >>> path = file_of(Path(tempfile.mkdtemp()), 3)
    >>> keep_block(path, {"labels": np.array([[0, 7]], np.int32), "area": np.array([1.5])})
    >>> one = read_block(path)
    >>> path.name, one["labels"].tolist(), one["labels"].dtype.name, one["area"].tolist()
    ('000000003.npz', [[0, 7]], 'uint8', [1.5])
    """
    packed: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if values.dtype.kind in "iu" and values.size and values.min() >= 0:
            small = values.astype(np.min_scalar_type(int(values.max())))
            data = zlib.compress(np.ascontiguousarray(small).tobytes(), FAST)
            packed[f"{name}:{small.dtype.str}"] = np.frombuffer(data, np.uint8)
            packed[f"{name}:shape"] = np.array(values.shape, np.int64)
        else:
            packed[name] = values
    stream = io.BytesIO()
    np.savez(stream, **packed)  # type: ignore[arg-type]
    write_whole(path, lambda p: Path(p).write_bytes(stream.getbuffer()), overwrite=True)


def read_block(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read what was kept of a block, or of that whatever has a name that begins so.

    Raises
    ------
    InvalidError
        The file is damaged.
    """
    found: dict[str, np.ndarray] = {}
    try:
        with told(path), np.load(path, allow_pickle=False) as file:
            for key in file.files:
                name, _, kind = key.partition(":")
                if kind == "shape" or not name.startswith(names or ""):
                    continue
                values = file[key]
                if kind:
                    data = np.frombuffer(zlib.decompress(values.tobytes()), kind)
                    values = data.reshape(file[f"{name}:shape"])
                found[name] = values
    except (ValueError, KeyError, zlib.error, EOFError, zipfile.BadZipFile) as error:
        remedy = "Remove it: the same call makes it again."
        expected = "a block as it was written"
        raise invalid(str(path), expected=expected, received=str(error), remedy=remedy) from None
    return found


def is_done(path: Path) -> bool:
    """Whether a block has been written."""
    return path.is_file()


def as_arrays(table: Any) -> dict[str, np.ndarray]:
    """Return the columns of a table as arrays that a file takes; texts as such, "" where missing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"object": [1], "class": pd.Series([None], dtype=object)})
    >>> {name: values.tolist() for name, values in as_arrays(table).items()}
    {'column.object': [1], 'column.class': ['']}
    """
    found = {}
    for name, column in table.items():
        values = column.to_numpy()
        if values.dtype == object:
            values = column.fillna("").astype(str).to_numpy(np.str_)
        found[f"column.{name}"] = values
    return found


def as_table(arrays: Mapping[str, np.ndarray]) -> Any:
    """Undo `as_arrays`."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for key, values in arrays.items():
        head, _, name = key.partition(".")
        if head != "column":
            continue
        if values.dtype.kind == "U":
            texts = pd.Series(values.astype(object), dtype=object)
            columns[name] = texts.where(texts != "", np.nan)
        else:
            columns[name] = values
    return pd.DataFrame(columns)
