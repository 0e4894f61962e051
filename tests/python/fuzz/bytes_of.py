"""Damage to bytes that any family may do."""

from __future__ import annotations

import numpy as np

BYTES = ("flipped", "flipped in the head", "put in", "taken out")
"""What is done to bytes here and there."""


def damaged(rng: np.random.Generator, data: bytes, head: int = 256) -> tuple[bytes, str]:
    """Return bytes flipped, cut off, put in, taken out or replaced, and what was done."""
    kind = str(rng.choice(["flipped", *BYTES, "cut off", "other"]))
    changed = bytearray(data)
    if kind.startswith("flipped"):
        end = min(head, len(data)) if "head" in kind else len(data)
        for at in rng.integers(0, max(1, end), int(rng.choice([1, 2, 8, 40]))):
            changed[at : at + 1] = bytes([int(rng.integers(256))])
    elif kind == "cut off":
        changed = changed[: int(len(data) * rng.choice([0, 0.01, 0.1, 0.5, 0.9, 0.99]))]
    elif kind == "put in":
        at = int(rng.integers(len(data) + 1))
        changed[at:at] = rng.bytes(int(rng.choice([1, 16, 4096])))
    elif kind == "taken out":
        at = int(rng.integers(len(data) + 1))
        del changed[at : at + int(rng.choice([1, 16, 4096]))]
    else:
        changed = bytearray(_other(rng))
    return bytes(changed), kind


def _other(rng: np.random.Generator) -> bytes:
    """Return content of another kind altogether."""
    choices = [
        b"",
        b"\0" * 4096,
        b"<html><body>404 Not Found</body></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "größer\n".encode("utf-16"),
        rng.bytes(3000),
        b"PK\x03\x04" + rng.bytes(200),
        b"\x1f\x8b" + rng.bytes(200),
    ]
    return choices[int(rng.integers(len(choices)))]
