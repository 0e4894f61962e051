"""Stores behind http:// and https://, read by fsspec, which follows servers that send elsewhere."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .vendor import package

T = TypeVar("T")
_TRIES = 3
_WAIT_S = 0.3


def is_web(url: str) -> bool:
    """Whether an address is one of the web.

    Examples
    --------
    >>> is_web("https://host/a.zarr"), is_web("s3://bucket/a.zarr")
    (True, False)
    """
    return url.startswith(("http://", "https://"))


def fetched(path: Path, url: str, limit_s: float) -> bytes | None:
    """Return a file; None where there is none."""
    fsspec = package("fsspec", path, "volumes")
    server = fsspec.filesystem("http", **_settings(path, limit_s))

    def ask() -> bytes | None:
        try:
            found: bytes = server.cat_file(url)
        except FileNotFoundError:
            return None
        return found

    return _tried(ask)


def array_at(path: Path, url: str, version: int, limit_s: float) -> Any:
    """Open an array of Zarr."""
    zarr = package("zarr", path, "volumes")
    package("fsspec", path, "volumes")
    settings = _settings(path, limit_s)
    store = zarr.storage.FsspecStore.from_url(url, storage_options=settings, read_only=True)
    return _tried(lambda: zarr.open_array(store, mode="r", zarr_format=version))


def _settings(path: Path, limit_s: float) -> dict[str, Any]:
    package("aiohttp", path, "volumes")
    return {"client_kwargs": {"timeout": _timeout(limit_s), "trust_env": True}}


@functools.lru_cache(maxsize=8)
def _timeout(limit_s: float) -> Any:
    """Return how long a server may be silent; all that it sends takes as long as it takes."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, connect=limit_s, sock_read=limit_s)


def _tried(ask: Callable[[], T]) -> T:
    """Ask, and once more where the network failed for a moment; silence is waited for once."""
    for k in range(_TRIES):
        try:
            return ask()
        except TimeoutError:
            raise
        except Exception as error:
            if k == _TRIES - 1 or getattr(error, "status", 500) < 500:
                raise
            time.sleep(_WAIT_S)
    raise AssertionError
