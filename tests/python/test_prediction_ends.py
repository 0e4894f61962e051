"""A prediction that is killed when all results are ready: the same call ends what is left."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import cytoloom as cl
import ends
from cytoloom.prediction.blockwise.place import open_place

zarr = pytest.importorskip("zarr")
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL, forks")


@pytest.fixture
def image(tmp_path: Path) -> np.ndarray:
    """A few nuclei, also in the file a.tif."""
    made = cl.simulate.nuclei((64, 64), 6, seed=0)[0]
    tifffile.imwrite(tmp_path / "a.tif", made)
    return made


def killed(tmp_path: Path, out: str, *more: str) -> list[dict[str, Any]]:
    """Kill a prediction at each operation; return what each left, the last of one that was not."""
    words = [MODEL, tmp_path / "a.tif", tmp_path / "before", out, *more]
    command = [sys.executable, ends.__file__, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_ended(told: list[dict[str, Any]], whole: str) -> None:
    """All of them have the same results, and nothing is left of a kill.

    Where the state is gone, all was done, and results are refused as they are after any run.
    """
    assert len(told) > 8
    assert told[-1]["code"] == 0
    assert {one["code"] for one in told[:-1]} == {-9}
    for one in told:
        assert one["left"][0] == [], one
        refused = "a new name" in one["same"] or "a folder without results" in one["same"]
        assert one["same"] == whole or (refused and not one["begun"]), one
        # other settings: of a run that goes on all stays, else nothing does
        assert one["other"].startswith("refused")
        assert ("was begun" in one["other"]) == bool(one["left"][1]), one
    assert sum(one["begun"] and one["left"][1] == [] for one in told) > 3


def test_a_label_image_in_a_store_is_listed_and_all_is_cleared_up(
    image: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "before").mkdir()
    cl.volumes.write(tmp_path / "before" / "big.zarr", image)
    told = killed(tmp_path, "big.zarr/labels/cells")
    assert_ended(told, told[-2]["whole"])
    assert all(one["listed"] == ["cells"] for one in told)


def test_results_in_a_folder_are_cleared_up(image: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    told = killed(tmp_path, "results")
    assert_ended(told, told[-1]["whole"])


def test_a_run_that_waited_sees_what_was_decided_meanwhile(tmp_path: Path) -> None:
    """Else it would begin anew, and remove the blocks of the others."""
    out, seen = tmp_path / "cells.zarr", []

    def waits() -> None:
        with open_place(out, False, wait_s=20) as place:
            seen.append(place.state.decided)

    with open_place(out, False) as first:
        other = threading.Thread(target=waits)
        other.start()
        time.sleep(0.5)
        first.go_on({"model": "m"})
        first.state.decide("stats", 1)
        first.goes_on = True
    other.join()
    assert seen == [{"stats": 1}]
