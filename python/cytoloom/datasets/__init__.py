"""Which images, which labels, whose, which split; and everything wrong with them."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # when asked for: verbs are declared here, in modules that are light to import
    if name == "as_images":
        from .unlabelled import as_images

        return as_images
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
