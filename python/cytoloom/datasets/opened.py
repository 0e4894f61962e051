"""Folders of data that are more than images with labels."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..storage.atomic import meant
from .given import is_file

FOLDERS = {"cells.json": "cytoloom.phenotypes.kept:read_cells"}
"""What opens them, by the file that they are known by: it knows how to train on them and how to
check them."""


def opened(data: Any) -> Any:
    """Return data that know what is done with them, opened where their folder is given."""
    if not is_file(data):
        return data
    for name, address in FOLDERS.items():
        if (meant(data) / name).is_file():
            module, _, function = address.partition(":")
            return getattr(import_module(module), function)(data)
    return data
