"""What a numpydoc docstring says: its first line, and what it says of each parameter."""

from __future__ import annotations

import inspect
from itertools import pairwise

_OF_PARAMETERS = ("Parameters", "Attributes")


def summary(docstring: str | None) -> str:
    """Return the first line.

    Examples
    --------
    >>> summary(summary.__doc__)
    'Return the first line.'
    """
    return inspect.cleandoc(docstring or "").partition("\n")[0]


def parameters(docstring: str | None) -> dict[str, str]:
    """Return the description of each parameter, its lines joined.

    Parameters
    ----------
    docstring : str, optional
        With a section Parameters or Attributes; several names may share an entry.

    Examples
    --------
    >>> parameters(parameters.__doc__)
    {'docstring': 'With a section Parameters or Attributes; several names may share an entry.'}
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for line in _section(inspect.cleandoc(docstring or "").splitlines()):
        if line and not line[0].isspace():
            names = [name.strip(" *`") for name in line.partition(" :")[0].split(",")]
            found |= dict.fromkeys(names, "")
        for name in names if line[:1].isspace() else ():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _section(lines: list[str]) -> list[str]:
    """Return the lines between the heading of the parameters and the next one."""
    headings = [k - 1 for k, line in enumerate(lines) if line and set(line) == {"-"}]
    for start, end in pairwise([*headings, len(lines)]):
        if lines[start] in _OF_PARAMETERS:
            return lines[start + 2 : end]
    return []
