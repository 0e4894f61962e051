"""Cells and plates looked at before features are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.cli import main

QUIET: dict[str, Any] = {"progress": False}


def image(seed: int = 0, level: float = 20, smooth: float = 0) -> np.ndarray:
    from scipy import ndimage

    pixels = np.random.default_rng(seed).normal(level, level / 5, (60, 60))
    pixels = ndimage.gaussian_filter(pixels, smooth) if smooth else pixels
    return pixels.clip(0).astype(np.float32)


def labels(count: int = 12, long: int = 6) -> np.ndarray:
    found = np.zeros((60, 60), np.uint8)
    for k in range(count):
        y, x = 2 + 14 * (k // 4), 2 + 14 * (k % 4)
        found[y : y + 5, x : x + long] = k + 1
    return found


def gather(names: list[str], drawn: dict[str, Any] | None = None, **more: Any) -> cl.Cells:
    pixels = {name: image(k) for k, name in enumerate(names)} | (drawn or {})
    given = {name: labels() for name in names} | more.pop("labels", {})
    return cl.cells(pixels, labels=given, **{"size_px": 12, **QUIET, **more})


def test_wells_are_counted_and_empty_ones_said() -> None:
    names = ["P_A01", "P_A02", "P_B01", "P_B02", "P_B03"]
    few = {"P_A02": labels(1), "P_B02": labels(3), "P_B03": np.zeros((60, 60), np.uint8)}
    plate = {"well": ["A01", "A02", "B01", "B02", "B03", "H12"], "control": ["neg"] * 3 + ["x"] * 3}
    cells = gather(names, labels=few, plate=plate, controls="neg")
    report = cl.check(cells, **QUIET)
    table = report.table.set_index("well")
    assert table["cells"].to_dict() == {"A01": 12, "A02": 1, "B01": 12, "B02": 3, "B03": 0}
    assert table["control"].tolist() == [True, True, True, False, False]
    assert table.loc["A01", "length_px"] == pytest.approx(6.9, abs=0.2)
    assert table.loc["A01", "padded"] == pytest.approx(6 / 12)  # three at the top, three left
    text = str(report)
    for words in ("no cell in B03", "one cell in A02", "fewer than 10 cells in B02",
                  "rows without image: 1 (H12)"):  # fmt: skip
        assert words in text
    assert report.ok
    assert "5 wells checked: 4 warnings" in text


def test_controls_of_each_plate() -> None:
    names = [f"{plate}_{well}" for plate in ("P", "Q") for well in ("A01", "B01", "A02", "A03")]
    rows = {"plate": ["P"] * 4 + ["Q"] * 4, "well": ["A01", "B01", "A02", "A03"] * 2,
            "control": ["neg", "neg", "", "", "neg", "", "", ""]}  # fmt: skip
    pattern = cl.cells({n: image() for n in names}, labels={n: labels() for n in names},
                       size_px=12, plate="{plate}_{well}", **QUIET)  # fmt: skip
    assert cl.check(pattern, **QUIET).ok
    import pandas as pd

    table = pd.DataFrame(rows).assign(image=names)
    cells = gather(names, plate=table, controls="neg")
    report = cl.check(cells, **QUIET)
    assert report.problems == (
        "plate Q has 1 control well with cells: a plate is held against its own controls, of "
        "which there have to be several",
    )
    assert any("plate P: all control wells are in one column" in one for one in report.warnings)
    assert any("P: 4 wells, 48 cells, 2 control wells" in one for one in report.notes)


def test_images_unlike_the_others_of_their_plate() -> None:
    names = [f"A{k:02d}" for k in range(1, 8)]
    drawn = {"A02": image(1, smooth=3), "A03": image(2, level=100)}
    drawn["A04"] = image(3)
    drawn["A04"][:6] = np.nan
    report = cl.check(gather(names, drawn), **QUIET)
    assert any("A02: less sharp" in one for one in report.warnings)
    assert any("A03: much brighter or darker" in one for one in report.warnings)
    assert report.problems == ("A04 has NaN or infinite values in 10.00% of its pixels",)
    assert not any("A05" in one for one in (*report.warnings, *report.problems))


def test_sizes_against_the_crop_and_cells_at_borders() -> None:
    long = cl.check(gather(["a"], labels={"a": labels(long=13)}), **QUIET)
    assert any("100% of the cells are longer than their crop of 12 px" in w for w in long.warnings)
    lost = cl.check(gather(["a"], size_px=50), **QUIET)
    assert any("more than six times" in one for one in lost.warnings)
    at_edge = np.zeros((60, 60), np.uint8)
    at_edge[:4, 5:9], at_edge[30:34, 5:9] = 1, 2
    cut = cl.check(gather(["a"], labels={"a": at_edge}), **QUIET)
    assert any("a border cuts 50% of the cells" in one for one in cut.warnings)


def test_two_folders_with_the_same_wells(tmp_path: Path) -> None:
    for folder in ("plate1", "plate2"):
        (tmp_path / folder).mkdir()
        cl.images.write_labels(tmp_path / folder / "A01.tif", labels())
    files = [tmp_path / f"plate{k}" / "A01.tif" for k in (1, 2)]
    rows = {"image": ["plate1_A01", "plate2_A01"] * 2, "x": [9, 9, 20, 20], "y": [9, 9, 20, 20]}
    cells = cl.cells(files, positions=rows, size_px=8, **QUIET)
    (said,) = [w for w in cl.check(cells, **QUIET).warnings if "same names" in w]
    assert "wells of several folders (2 (plate1, plate2)) have the same names" in said
    both = cl.cells(files, positions=rows, size_px=8, plate="{plate}/{well}", **QUIET)
    assert not any("same names" in one for one in cl.check(both, **QUIET).warnings)


def test_cells_in_a_folder_are_checked_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["P_A01", "P_A02"]
    plate = {"well": ["A01", "A02", "H12"], "control": ["neg", "neg", "x"]}
    drawn = {"P_A02": np.zeros((60, 60), np.uint8)}
    cells = gather(names, labels=drawn, plate=plate, controls="neg", out=tmp_path / "cells")
    capsys.readouterr()
    assert main(["cells", "check", str(tmp_path / "cells")]) == 1
    said = capsys.readouterr().out
    assert said.strip() == str(cl.check(cells, **QUIET)).strip()
    assert "no cell in A02" in said
    assert "rows without image: 1 (H12)" in said
