"""Waiting in a test for what another thread or process does, not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask until it is so; AssertionError when it still is not after that time."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"still not so after {seconds:g} s"
        time.sleep(0.01)
