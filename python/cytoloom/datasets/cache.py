"""Where decoded images are kept for training."""

from __future__ import annotations

from ..images.cache import Cache

SHARED = Cache(2_000_000_000)
