"""Every Python example runs from start to end, shortened to a few iterations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LEAVES = {
    "demo.py": [
        "nuclei.cytoloom/model.json",
        "scores.csv",
        "objects.csv",
        "history.png",
        "overlay.png",
        "labels",
    ],
    "own_folder.py": ["model.cytoloom/model.json", "per_image.csv", "predicted/objects.csv"],
    "cell_compartments.py": ["compartments.csv", "cells.png"],
    "augmentation_sheet.py": ["light.png", "default.png", "strong.png"],
    "keras_by_hand.py": ["unet.keras"],
    "nuclei_3d.py": ["objects.csv"],
}


def test_every_example_is_tested() -> None:
    """An example that nobody runs is wrong sooner or later."""
    assert sorted(p.name for p in EXAMPLES.glob("*.py")) == sorted(LEAVES)


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_example(name: str, tmp_path: Path) -> None:
    """The example ends well, is quiet about the backend, and leaves what it promises."""
    command = [sys.executable, str(EXAMPLES / name), "--out", str(tmp_path), "--iterations", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not [line for line in done.stderr.splitlines() if "tensorflow/" in line]
    missing = [file for file in LEAVES[name] if not (tmp_path / file).exists()]
    assert missing == []
