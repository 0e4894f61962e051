"""Which requirements a Python does not meet.

R runs this file by its path, in a Python that may lack everything: it imports the standard
library only, and not the package.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Sequence


def missing(requirements: Sequence[str]) -> list[str]:
    """Name the requirements that this Python does not meet, without importing any.

    Parameters
    ----------
    requirements : sequence of str
        As ``"keras>=3.15"``, ``"keras"`` or ``"python>=3.11"``; with ``|`` between them one is
        enough.

    Examples
    --------
    >>> missing(["numpy>=1.20", "numpy>=9999", "no-such-thing|numpy"])
    ['numpy>=9999']
    """
    return [r for r in requirements if not any(_met(one) for one in r.split("|"))]


def _met(requirement: str) -> bool:
    name, _, least = requirement.partition(">=")
    try:
        have = platform.python_version() if name == "python" else importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _release(have) >= _release(least)


def _release(version: str) -> list[int]:
    found = re.match(r"\d+(\.\d+)*", version)
    return [int(n) for n in found.group().split(".")] if found else []


if __name__ == "__main__":
    print("\n".join(missing(sys.argv[1:])))
