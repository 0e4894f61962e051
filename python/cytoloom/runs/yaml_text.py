"""Plain values as YAML that people write and git compares, and back, whatever a file holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import InvalidError, invalid
from ..messages import say
from ..storage.atomic import is_regular, write_whole

LARGEST = 2**20
"""Bytes of a file of settings; of a larger one there is no point in reading it."""
_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")
"""YAML 1.1 takes 1e-3 for a text, 1.2 for the number that everybody means."""


class _Loader(yaml.SafeLoader):
    """Reads plain values alone: no object of Python, no aliases, no name twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases: a few of them unpack to more than any memory."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name), which are not read here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a name that stands twice, of which PyYAML would take the last."""
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise yaml.YAMLError(f"{', '.join(twice)} twice")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes each value where it stands, never as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write it out."""
        return True


for _each in (_Loader, _Dumper):
    _each.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Dumper.add_representer(
    list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, True)
)
# messages are texts, too
_Dumper.add_multi_representer(str, lambda dumper, value: dumper.represent_str("".join(value)))


def text_of(plain: Any) -> str:
    r"""Write plain values as YAML, in the order in which they stand.

    Examples
    --------
    >>> print(text_of({"name": "UNet", "filters": 8, "patch_px": [64, 64]}), end="")
    name: UNet
    filters: 8
    patch_px: [64, 64]
    """
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def read_text(text: str, what: str) -> dict[str, Any]:
    r"""Read names and values from YAML.

    Parameters
    ----------
    text : str
        YAML.
    what : str
        What it is called in errors: by custom its file.

    Raises
    ------
    InvalidError
        No YAML, or something else than names and values.

    Examples
    --------
    >>> read_text("learning_rate: 1e-3", "quick.yaml")
    {'learning_rate': 0.001}
    >>> read_text("a: 1\na: 2", "quick.yaml")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `quick.yaml`. Expected settings ... Received: a twice.
    """
    try:
        plain = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise _no_settings(what, _why(error)) from None
    if plain is None:
        raise _no_settings(what, "nothing")
    if not isinstance(plain, dict) or not all(isinstance(name, str) for name in plain):
        raise _no_settings(what, say("{}", plain))
    return plain


def read_file(path: Path) -> dict[str, Any]:
    """Read names and values from a file; see `read_text`."""
    if not is_regular(path) or path.stat().st_size > LARGEST:
        raise _no_settings(str(path), "no such file" if not path.exists() else "another thing")
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise _no_settings(str(path), "a file that is no text") from None


def write_file(path: Path, plain: Any, overwrite: bool = True) -> None:
    """Write plain values to a file, which is whole or not there."""
    text = text_of(plain)
    write_whole(path, lambda name: Path(name).write_text(text, "utf-8"), overwrite, lasting=True)


def _no_settings(what: str, received: str) -> InvalidError:
    return invalid(what, expected="settings as YAML", received=received)


def _why(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + 1}" if mark is not None else ""
    return f"{getattr(error, 'problem', None) or error}{where}"
