"""Where images were, so that they can be read again once there are results of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..storage.atomic import meant
from .given import is_file


def origin(x: Any, **how: Any) -> dict[str, Any]:
    """Return where something is and how it is read, as plain values.

    Parameters
    ----------
    x : object
        What was given as images or data.
    **how
        Settings of reading; those that are None are left out.

    Returns
    -------
    dict
        ``given``, whole paths, and the settings; empty of what is not in files.

    Examples
    --------
    >>> origin("/data/train", channels=[0], axes=None)
    {'given': '/data/train', 'channels': [0]}
    >>> origin([[0.0]])
    {}
    """
    given = _paths(x)
    said = {name: value for name, value in how.items() if value is not None}
    return {} if given is None else {"given": given, **said}


def read_again(found: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what was given, and the settings as those who read images take them.

    Examples
    --------
    >>> read_again({"given": "/a", "channels": [0, [2, 3]]})
    ('/a', {'channels': [0, (2, 3)]})
    """
    how = {name: value for name, value in found.items() if name != "given"}
    for name in ("channels", "pixel_size_um", "taken"):
        if isinstance(how.get(name), list):
            parts = [tuple(one) if isinstance(one, list) else one for one in how[name]]
            how[name] = parts if name == "channels" else tuple(parts)
    return found["given"], how


def _paths(x: Any) -> Any:
    """Return whole paths of a path or of several, patterns among them; None of anything else."""
    if is_file(x) and str(x):
        return os.fspath(meant(x))
    several = isinstance(x, (list, tuple)) and len(x) > 0 and all(is_file(one) for one in x)
    return [os.fspath(meant(one)) for one in x] if several else None
