"""Arrays and files of stores opened with the package tensorstore, on disk or on a server."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidError, invalid
from ..messages import said_by, shortened
from . import web
from .image import AnyArray
from .reader import Region
from .remote import address, refuse_unread, shown, spec
from .vendor import package

LIMIT_S = 60.0
"""So long a server may take for an answer, and for pixels as long as they take at `SLOWEST`."""
SLOWEST = 100_000
"""Bytes per second."""
_DENIED = ("PERMISSION_DENIED", "UNAUTHENTICATED")
_DAMAGED = ("DATA_LOSS", "FAILED_PRECONDITION", "INVALID_ARG", "decompress", "Error during")
_LOGIN = "It may ask for a login, which cannot be given here: copy it to a disk."
_CREDENTIALS = "Give credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, gcloud auth ...)."
_RETRIES = {"max_retries": 4, "initial_delay": "200ms", "max_delay": "2s"}
_AGAIN = "It may be cut off or damaged: copy or export it again."


@functools.lru_cache(maxsize=256)
def fetched(path: Path) -> bytes | None:
    """Return a file on a server; None where there is none. It is asked for once.

    Raises
    ------
    InvalidError
        The server cannot be reached, or does not answer in time.
    """
    url = address(path)
    assert url is not None
    refuse_unread(url)
    if web.is_web(url):
        data: bytes | None = _answered(url, LIMIT_S, lambda: web.fetched(path, url, LIMIT_S))
        return data
    folder, _, name = url.rpartition("/")
    tensorstore = package("tensorstore", path, "volumes")

    def ask() -> Any:
        store = tensorstore.KvStore.open(spec(folder), context=_context()).result(timeout=LIMIT_S)
        return store.read(name).result(timeout=LIMIT_S)

    found = _answered(url, LIMIT_S, ask)
    return bytes(found.value) if found.state == "value" else None


def opened(path: Path, driver: str) -> Any:
    """Open an array of a kind that tensorstore calls `driver`."""
    url = address(path)
    tensorstore = package("tensorstore", path, "volumes")
    store = {"driver": "file", "path": f"{path}/"} if url is None else spec(url)
    said = {"driver": driver, "kvstore": store}

    def ask() -> Any:
        future = tensorstore.open(said, read=True, open=True, context=_context())
        return future.result(timeout=LIMIT_S)

    if url is not None:
        return _answered(url, LIMIT_S, ask)
    try:
        return ask()
    except Exception as error:
        got = f"metadata that are not understood ({_words(error)})"
        expected = f"an array of {driver.upper()}"
        raise invalid(str(path), expected=expected, received=got, remedy=_AGAIN) from error


def array_at(path: Path, version: int) -> Any:
    """Open an array of Zarr on a server, of version 2 or 3."""
    url = address(path)
    if url is None or not web.is_web(url):
        return opened(path, "zarr" if version == 2 else "zarr3")
    return _answered(url, LIMIT_S, lambda: web.array_at(path, url, version, LIMIT_S))


def box_of(array: Any, box: Region, path: Path) -> AnyArray:
    """Read a box, decoding the chunks that it meets."""
    if not hasattr(array, "domain"):  # of the package zarr
        return np.asarray(_answered(shown(path), LIMIT_S, lambda: array[box]))
    part = array[box]
    seconds = LIMIT_S + part.size * part.dtype.numpy_dtype.itemsize / SLOWEST
    url = address(path)
    if url is not None:
        return np.asarray(_answered(url, seconds, lambda: part.read().result(timeout=seconds)))
    try:
        return np.asarray(part.read().result(timeout=seconds))
    except Exception as error:
        at = ", ".join(f"{b.start}:{b.stop}" for b in box)
        raise invalid(
            str(path),
            expected="chunks that can be decoded",
            received=f"one or more in [{at}] that cannot be ({_words(error)})",
            remedy=_AGAIN,
        ) from error


def _answered(url: str, seconds: float, ask: Callable[[], Any]) -> Any:
    """Ask a server; whatever goes wrong becomes the one error with its address."""
    try:
        return ask()
    except InvalidError:
        raise
    except TimeoutError:
        got = f"no answer within {seconds:.0f} s"
    except Exception as error:
        text = str(error)
        denied = any(word in text for word in _DENIED) or getattr(error, "status", 0) in (401, 403)
        damaged = any(word in text for word in _DAMAGED)
        got = _words(error)
        if denied or damaged:
            remedy = (_LOGIN if web.is_web(url) else _CREDENTIALS) if denied else _AGAIN
            expected = "a store that may be read" if denied else "a whole store"
            raise invalid(url, expected=expected, received=got, remedy=remedy) from error
    remedy = "Look at the address and the network; what was begun can go on later."
    raise invalid(url, expected="a server that can be reached", received=got, remedy=remedy)


def _words(error: Exception) -> str:
    """Return what an error says, without the settings of all of tensorstore.

    Examples
    --------
    >>> _words(ValueError("NOT_FOUND: no such file [tensorstore_spec='{...}']"))
    'NOT_FOUND: no such file'
    """
    told = re.split(r" \[(?:tensorstore_spec|source locations|curl_code)=", str(error))[0]
    return shortened(" ".join(told.split())) or said_by(error)


@functools.lru_cache(maxsize=1)
def _context() -> Any:
    """Return settings by which what cannot be reached is given up soon."""
    import tensorstore

    kinds = ("http", "s3", "gcs")
    return tensorstore.Context({f"{kind}_request_retries": _RETRIES for kind in kinds})
