"""Fixtures every test file may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import cytoloom as cl

# OpenVINO has tests of its own: elsewhere it would only cost each training seconds
os.environ["CYTOLOOM_ENGINE"] = "keras"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real images with truth: `CYTOLOOM_DATA`, or ../shared/data beside the checkout."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("CYTOLOOM_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real images not found at {folder}; set CYTOLOOM_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> cl.Model:
    """Hardly trained on nuclei and written: one model for all tests that only look at it.

    A test that changes or saves a model loads one of its own from ``trained.path``.
    """
    import small

    return small.train(out=tmp_path_factory.mktemp("trained") / "m.cytoloom")


@pytest.fixture(scope="session")
def two_channels(tmp_path_factory: pytest.TempPathFactory) -> cl.Model:
    """Hardly trained on channels A and B of 16 bits, and written; to be looked at only."""
    import small

    return small.train(
        data=small.pairs_of_channels(),
        trainer=small.trainer(iterations=2),
        out=tmp_path_factory.mktemp("two") / "m.cytoloom",
    )
