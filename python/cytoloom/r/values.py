"""How values cross between R and Python: strings, numbers, named lists and raw vectors only.

Arrays and tables cross as dictionaries that say so under `TAG`: an array as raw bytes with its
dimensions and dtype in Fortran order (R's own), a table as columns of raw bytes with a mask of
missing values, strings as a list. Nothing else survives every reticulate from 1.28 on: plain
lists of columns turn ``NA`` into ``'NA'`` and 2**31 into ``NA``, arrays need a NumPy that
reticulate was built for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import from_plain
from ..datasets.sources import RefusedSource
from ..errors import invalid
from ..images.image import Image
from ..messages import Message, R, one_of, say, spelled

if TYPE_CHECKING:
    import pandas as pd


TAG = "crosses_as"
INT32 = np.iinfo(np.int32)
RAW = {"double": "<f8", "integer": "<i4", "logical": "u1"}
COMPONENT_HOMES = (
    "training.trainer",
    "tasks",
    "losses",
    "networks.unet",
    "images.normalize",
    "patches.augment",
    "runs.parts",
)
ARRAYS = ("uint8", "uint16", "int32", "float32", "float64", "bool")


class BareImage(Image):
    """An image that another package has read: its numbers say nothing of the type in the file."""

    bare = True


def pack(value: Any) -> Any:
    """Turn a result into what R can receive.

    Parameters
    ----------
    value : object
        Plain values, sequences, mappings, paths, NumPy arrays and scalars, data frames.

    Returns
    -------
    object
        Strings, numbers, lists, string-keyed dictionaries and bytearrays; whole numbers beyond
        R's 32 bits are floats.

    Examples
    --------
    >>> pack({"n": 2**31, "names": ("a", "b")})
    {'n': 2147483648.0, 'names': ['a', 'b']}
    """
    if isinstance(value, np.ndarray):
        return pack_array(value)
    if type(value).__name__ == "DataFrame":
        return pack_table(value)
    if isinstance(value, Message):
        return value.spelled(R)
    if isinstance(value, Mapping):
        return {str(k): pack(v) for k, v in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [pack(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return pack(value.item())
    if isinstance(value, int) and not isinstance(value, bool):
        return value if INT32.min < value <= INT32.max else float(value)
    if value is None or isinstance(value, (str, float, bool)):
        return value
    raise invalid("value", expected="plain values, arrays and tables", received=value)


def unpack(value: Any) -> Any:
    """Turn what R sent into plain values, arrays, data frames and components.

    Examples
    --------
    >>> unpack({"a": {"crosses_as": "array", "dtype": "uint8", "dim": [2.0], "raw": b"ab"}})
    {'a': array([97, 98], dtype=uint8)}
    """
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(TAG)
    if kind == "array":
        return unpack_array(value)
    if kind == "table":
        return unpack_table(value)
    if kind == "image":
        return unpack_image(value)
    if kind == "refused":
        said = {name: value[name] for name in ("expected", "received", "remedy")}
        return RefusedSource(invalid("images", **said))
    plain = {k: unpack(v) for k, v in value.items() if k != TAG}
    return _component(plain) if kind == "component" else plain


def _component(plain: Mapping[str, Any]) -> Any:
    import_components()
    return from_plain(plain)


def import_components() -> None:
    """Make all components known: a class is known by name once its module was imported."""
    for home in COMPONENT_HOMES:
        import_module(f"..{home}", __package__)


def pack_array(array: np.ndarray) -> dict[str, Any]:
    r"""Pack an array: Fortran-ordered bytes, dimensions and dtype, copied once.

    Whole numbers take the smallest of uint8, uint16, int32 that holds their dtype, or float64
    where even their values need it; half floats become float32.

    Parameters
    ----------
    array : ndarray
        Numbers or booleans of any shape.

    Examples
    --------
    >>> packed = pack_array(np.array([[1, 2], [3, 4]], "uint8"))
    >>> packed["dim"], packed["dtype"], bytes(packed["raw"])
    ([2, 2], 'uint8', b'\x01\x03\x02\x04')
    """
    dtype = _array_dtype(array)
    raw = bytearray(array.size * dtype.itemsize)
    np.frombuffer(raw, dtype).reshape(array.shape, order="F")[...] = array
    return {TAG: "array", "dtype": dtype.name, "dim": list(array.shape), "raw": raw}


def _array_dtype(array: np.ndarray) -> np.dtype[Any]:
    name = array.dtype.name
    if name in ARRAYS:
        return array.dtype.newbyteorder("<")
    if array.dtype.kind == "f":
        return np.dtype("float32" if name == "float16" else "float64").newbyteorder("<")
    if array.dtype.kind not in "iu":
        raise invalid("array", expected="numbers or booleans", received=f"dtype {array.dtype}")
    if name in ("int8", "int16") or not array.size:
        return np.dtype("<i4")
    fits = INT32.min < array.min() and array.max() <= INT32.max
    return np.dtype("<i4" if fits else "<f8")


def unpack_array(packed: Mapping[str, Any]) -> np.ndarray:
    """Unpack an array; it shares the bytes that R sent.

    Parameters
    ----------
    packed : mapping
        ``raw``, ``dim``, ``dtype`` of the bytes, and ``stored`` where that of the file is another,
        which R has no numbers for.

    Raises
    ------
    InvalidError
        Unknown dtype, or bytes that do not fill the dimensions.
    """
    name = packed["dtype"]
    if name not in ARRAYS:
        raise invalid("dtype", expected=one_of(ARRAYS), received=name)
    dim = packed["dim"]
    shape = tuple(int(n) for n in (dim if isinstance(dim, list) else [dim]))
    flat = np.frombuffer(packed["raw"], np.dtype(name).newbyteorder("<"))
    if flat.size != np.prod(shape):
        raise invalid("array", expected=say("{}", shape), received=f"{flat.size} elements")
    whole = flat.reshape(shape, order="F")
    return whole.astype(packed["stored"]) if "stored" in packed else whole


def unpack_image(packed: Mapping[str, Any]) -> Any:
    """Unpack an array of which R knows axes, pixel size or names of channels: an `Image`."""
    size, names = _listed(packed["pixel_size_um"]), _listed(packed["channel_names"])
    make = BareImage if packed["bare"] else Image
    array = unpack_array(packed["array"])
    return make(array, packed["axes"], tuple(size) or None, tuple(names) or None)


def pack_table(table: pd.DataFrame) -> dict[str, Any]:
    """Pack a data frame as a list of columns; its index is left behind."""
    columns = [pack_column(table.iloc[:, i]) for i in range(table.shape[1])]
    return {
        TAG: "table",
        "n": len(table),
        "names": [str(name) for name in table.columns],
        "columns": columns,
    }


def pack_column(column: pd.Series) -> dict[str, Any]:
    r"""Pack one column as {type, n, values, missing}.

    Parameters
    ----------
    column : Series
        Booleans, whole numbers (floats where they pass R's 32 bits), floats, or anything else,
        which crosses as strings. NaN and None are missing, NA in R.

    Examples
    --------
    >>> import pandas as pd
    >>> packed = pack_column(pd.Series(["a", None]))
    >>> packed["type"], packed["values"], bytes(packed["missing"])
    ('string', ['a', ''], b'\x00\x01')
    """
    missing = column.isna().to_numpy()
    kind = _column_type(column, missing)
    values: Any
    if kind == "string":
        pairs = zip(column.tolist(), missing.tolist(), strict=True)
        values = ["" if absent else spelled(str(v), R) for v, absent in pairs]
    else:
        filled = np.zeros(len(column), RAW[kind])
        filled[~missing] = column[~missing].to_numpy().astype(RAW[kind])
        values = bytearray(filled.tobytes())
    mask = bytearray(missing.astype("u1").tobytes()) if missing.any() else None
    return {"type": kind, "n": len(column), "values": values, "missing": mask}


def _column_type(column: pd.Series, missing: np.ndarray) -> str:
    from pandas.api import types

    found = types.infer_dtype(column, skipna=True)
    if found == "boolean":
        return "logical"
    if found in ("floating", "mixed-integer-float", "decimal"):
        return "double"
    if found == "integer":
        present = column[~missing]
        wide = len(present) and not (INT32.min < present.min() and present.max() <= INT32.max)
        return "double" if wide else "integer"
    if found == "empty":
        return {"b": "logical", "i": "integer", "u": "integer", "f": "double"}.get(
            getattr(column.dtype, "kind", "O"), "string"
        )
    return "string"


def unpack_table(packed: Mapping[str, Any]) -> pd.DataFrame:
    """Unpack a table that R packed.

    Returns
    -------
    DataFrame
        Doubles as float64, integers and logicals as NumPy's where nothing is missing and as
        pandas' nullable types otherwise, strings as objects with None.
    """
    import pandas as pd

    names = _listed(packed["names"])
    columns = [unpack_column(c) for c in _listed(packed["columns"])]
    index = pd.RangeIndex(int(packed["n"]))
    table = pd.DataFrame(dict(enumerate(columns)), index=index)
    table.columns = pd.Index(names, dtype=object)
    return table


def unpack_column(packed: Mapping[str, Any]) -> Any:
    """Unpack one column that R packed."""
    import pandas as pd

    n, kind, mask = int(packed["n"]), packed["type"], packed.get("missing")
    missing = np.zeros(n, bool) if mask is None else np.frombuffer(mask, "u1").astype(bool)
    if kind == "string":
        values = np.empty(n, object)
        values[:] = _listed(packed["values"])
        values[missing] = None
        return values
    if kind == "list":
        values = np.empty(n, object)
        for k, one in enumerate(_listed(packed["values"])):
            values[k] = unpack(one)
        return values
    numbers = np.frombuffer(packed["values"], RAW[kind])
    if kind == "double":
        return np.where(missing, np.nan, numbers)
    if kind == "logical":
        truths = numbers.astype(bool)
        return pd.arrays.BooleanArray(truths, missing) if missing.any() else truths
    return pd.arrays.IntegerArray(numbers.copy(), missing) if missing.any() else numbers.copy()


def _listed(value: Any) -> list[Any]:
    """List a vector: one element arrives from R as a scalar, NULL as None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
