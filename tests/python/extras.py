"""Packages that only some installations have: tests of them skip, or fail where all must run."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

REQUIRED = "CYTOLOOM_REQUIRE_EXTRAS"
"""Environment variable that `make test` sets to 1."""


def need(package: str, extra: str) -> Any:
    """Import a package; without it skip the test or, at a file's top, all of the file."""
    try:
        return importlib.import_module(package)
    except ImportError:
        text = f'{package} is not installed: pip install "cytoloom[{extra}]" to run this test'
        if os.environ.get(REQUIRED) == "1":
            raise ModuleNotFoundError(f"{text}, as {REQUIRED}=1 wants.") from None
        pytest.skip(f"{text}.", allow_module_level=True)
