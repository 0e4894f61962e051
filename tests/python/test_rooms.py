"""Rooms, the sub-packages, are where docs/where.md says, and hide no public name."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "cytoloom"
ROOMS = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}


def public_names() -> dict[str, str]:
    """Names of the stub, each with the module that it comes from; a room comes from ``.``."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    return {
        name.asname or name.name: "." * node.level + (node.module or "")
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_no_function_has_the_name_of_a_room() -> None:
    """``import cytoloom.train`` would put the room where the function was."""
    hidden = {name for name, module in public_names().items() if module != "."} & ROOMS
    assert not hidden


def test_the_layers_list_every_room() -> None:
    """And import-linter refuses one that is missing, which needs its contract to be exhaustive."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [c for c in settings["contracts"] if c["type"] == "layers"]
    listed = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    assert contract["exhaustive"]
    assert listed >= ROOMS


def test_every_room_is_described() -> None:
    """In the table of docs/where.md, as ``name/``."""
    text = (ROOT / "docs" / "where.md").read_text()
    assert [room for room in sorted(ROOMS) if f"`{room}/`" not in text] == []
