"""Values that nobody means: other types, extremes, and what is hardly what it says."""
# ruff: noqa: E501

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PLAIN: list[Any] = [
    None, True, False, 0, 1, 2, 3, -1, 7, 255, 2**31, -(2**31), 2**63, 2**64 - 1, -(2**63), 10**30,
    10**400, 0.5, -0.5, 1.5, 2.0, 1e308, -1e308, 5e-324, 1e-9, math.nan, math.inf, -math.inf,
    "", " ", "a", "auto", "none", "True", "0", "1", "1.5", "nan", "yx", "zyx", "tzyxc", "é" * 300,
    "a" * 100_000, "../a", "/a/b", "~nobody/a", "a\nb", "%s{}{0}", "con", ".", "..", "*", "[",
    [], [0], [1, 2], [None], ["a", 1], [-1, -1], [0, 0], [[1, 2], [3]], [1e308] * 3, [[]],
    {}, {"a": 1}, {"name": "UNet"}, {"images": None}, {"name": "a", "labels": 3},
]  # fmt: skip
"""Values that JSON holds, too."""


def odd(rng: np.random.Generator) -> Any:
    """Choose a value."""
    own = _objects()
    choice = int(rng.integers(len(PLAIN) + len(own)))
    return PLAIN[choice] if choice < len(PLAIN) else own[choice - len(PLAIN)]


def _objects() -> list[Any]:
    recursive: list[Any] = []
    recursive.append(recursive)
    mixed = np.dtype([("a", int), ("b", "U3")])
    return [
        "a\0b", "\ud800", b"", b"abc", bytearray(b"abc"), memoryview(b"abc"), (), (0, 0), (-1, -1),
        (32,), (10**9, 10**9), (1, 2, 3, 4, 5, 6), (math.nan, math.nan), (True, False), ("a", "b"),
        (None, None), (0.5, 0.5), (1e308, 1e308), (1, "a"), set(), {1, 2}, frozenset(), object(),
        int, len, lambda: 1, range(3), iter([1]), (n for n in [1]), recursive, Ellipsis, NotImplemented,
        1j, decimal.Decimal("1.5"), fractions.Fraction(1, 3), datetime.date(2026, 1, 1), math,
        ValueError("a"), Path(), Path("nothing.tif"), Path("a\0b"), slice(1), np.int64(3),
        np.uint64(2**64 - 1), np.float32(math.nan), np.float64(2), np.bool_(True), np.str_("a"),
        np.datetime64("2026-01-01"), np.array([]), np.array(3), np.zeros((0, 5)), np.zeros((8, 8)),
        np.zeros((8, 8), bool), np.zeros((3, 8, 8), int), np.zeros((1, 2, 3, 4, 5, 6)), np.ones(4),
        np.full((8, 8), math.nan), np.full((8, 8), 2**64 - 1, np.uint64), np.full((8, 8), -5),
        np.full((8, 8), 1e308), np.array(["a", "b"]), np.array([None, 1]), np.zeros((8, 8), "M8[s]"),
        np.zeros((8, 8), complex), np.zeros((8, 8), mixed), np.ma.masked_all((8, 8)), np.nan,
        np.zeros((8, 8), ">u2"), np.zeros((8, 8), np.float16), np.zeros((8, 8))[::-1, ::2],
        np.arange(64).reshape(8, 8) * 10**9, pd.DataFrame(), pd.DataFrame({"image": [1], "label": [2]}),
        np.timedelta64(1, "s"), 10**5000, pd.Series([1.0]), pd.NA, pd.NaT, np.eye(8, dtype=np.float128), [np.zeros((8, 8))] * 2,
        [np.zeros((8, 8)), np.zeros((9, 9), int)], {"a": np.zeros((8, 8))}, {1: 2}, {None: None},
    ]  # fmt: skip


def named(value: Any) -> str:
    """Say what a value is, in a few characters."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array {value.shape}"[:80]
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return kind
    if isinstance(value, int) and abs(value) > 10**60:
        return "a huge number"
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
