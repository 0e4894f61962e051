"""Damage to bytes, files and nested values that any family may do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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


def one_file(rng: np.random.Generator, folder: Path) -> Path:
    """Choose a file below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return files[int(rng.integers(len(files)))]


def misplaced(rng: np.random.Generator, file: Path, aside: Path) -> str:
    """Move a file aside, and let nothing or something else stand in its place."""
    kinds = ["gone", "renamed", "a folder", "a pipe", "a loop", "zeros", "nothing", "elsewhere"]
    kind = str(rng.choice(kinds))
    elsewhere = file.rename(aside / "elsewhere")
    if kind == "renamed":
        elsewhere.rename(file.with_name("other" + file.suffix))
    elif kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind != "gone":
        targets = {"a loop": file, "zeros": Path("/dev/zero"), "elsewhere": elsewhere}
        file.symlink_to(targets.get(kind, aside / "nowhere"))
    return kind


def somewhere(rng: np.random.Generator, plain: Any) -> tuple[Any, Any]:
    """Choose a place in nested dictionaries and lists: what holds it, and its key."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(plain)
    return places[int(rng.integers(len(places)))] if places else ({0: 0}, 0)
