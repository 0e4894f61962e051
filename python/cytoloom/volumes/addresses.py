"""Addresses of Dask's schedulers."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..errors import invalid

EXPECTED = 'the address of a scheduler, such as "tcp://10.0.0.1:8786", or a file that has it'


def address_of(text: str) -> str:
    """Return the address of a scheduler, or that in its file.

    Raises
    ------
    InvalidError
        It is none, or a file without one.

    Examples
    --------
    >>> address_of("10.0.0.1:8786"), address_of("tls://node-3:8786")
    ('tcp://10.0.0.1:8786', 'tls://node-3:8786')
    """
    found = _address(text)
    if found is None and Path(text).is_file():
        found = _address(_in_file(Path(text)))
        if found is None:
            got = f"{text}, which has none"
            raise invalid("client", expected=EXPECTED, received=got)
    if found is None:
        raise invalid("client", expected=EXPECTED, received=text)
    return found


def _address(text: str) -> str | None:
    found = re.fullmatch(r"(?:(tcp|tls|ws|wss)://)?([^/\s]+):(\d{1,5})/?", text.strip())
    if not found or not 0 < int(found[3]) < 2**16:
        return None
    return f"{found[1] or 'tcp'}://{found[2]}:{found[3]}"


def _in_file(file: Path) -> str:
    """Return what a file of a scheduler says of its address, or nothing."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return str(said["address"])
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return ""
