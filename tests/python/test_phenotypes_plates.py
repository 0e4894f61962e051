"""Plates as other programs tell them: LoadData of CellProfiler, OME-Zarr, CellCognition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import cytoloom as cl
from cytoloom.phenotypes.load_data import files_in
from cytoloom.phenotypes.plate import read_plate

QUIET: dict[str, Any] = {"progress": False}


def load_data(folder: Path, plates: tuple[str, ...] = ("p1", "p2")) -> Path:
    """Write two channels of two wells of each plate, and CellProfiler's table of them."""
    lines = [
        "FileName_DNA,PathName_DNA,FileName_Actin,PathName_Actin,Metadata_Plate,"
        "Metadata_Well,Metadata_Site,Metadata_Compound,FileName_IllumDNA,PathName_IllumDNA"
    ]
    level = 0
    for plate in plates:
        (folder / plate).mkdir()
        for well in ("A01", "a2"):
            for channel in "dw":
                level += 10
                pixels = np.full((20, 30), level, np.uint8)
                pixels[0, 0] = 0
                tifffile.imwrite(folder / plate / f"{well}-{channel}.tif", pixels)
            name = f"{well}-d.tif,/gone/{plate},{well}-w.tif,/gone/{plate}"
            lines.append(f"{name},{plate},{well},1,{plate}{well},ill.npy,/gone")
    table = folder / "load_data.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def test_loaddata_as_the_table_of_a_plate(tmp_path: Path) -> None:
    """Wells of two plates have files of the same names; folders tell them apart."""
    table = load_data(tmp_path)
    files = [str(tmp_path / p / f"{w}-{c}.tif") for p in ("p1", "p2") for w in ("A01", "a2")
             for c in "dw"]  # fmt: skip
    positions = {"image": ["p1_A01-d", "p2_A01-d"], "x": [9, 8], "y": [7, 6]}
    cells = cl.cells(files, positions=positions, size_px=4, plate=table, pattern="{name}", **QUIET)
    assert cells.table[["plate", "well", "site", "treatment"]].values.tolist() == [
        ["p1", "A01", 1, "p1A01"], ["p2", "A01", 1, "p2A01"],
    ]  # fmt: skip
    assert not [name for name in cells.table if name.lower().startswith(("filename", "pathname"))]


def test_loaddata_names_images_and_their_channels(tmp_path: Path) -> None:
    table = load_data(tmp_path, ("p1",))
    text = table.read_text().replace("/gone/p1", str(tmp_path / "p1"))
    table.write_text(text)
    positions = {"ImageNumber": [1, 2, 2], "Location_Center_X": [9, 8, 20],
                 "Location_Center_Y": [7, 6, 10]}  # fmt: skip
    cells = cl.cells(table, positions=positions, size_px=4, out=tmp_path / "cells", **QUIET)
    assert cells.table[["image", "plate", "well", "treatment"]].values.tolist() == [
        ["p1_A01_1", "p1", "A01", "p1A01"], *[["p1_a2_1", "p1", "A02", "p1a2"]] * 2,
    ]  # fmt: skip
    assert cells.channel_names == ("DNA", "Actin")
    assert cells.items[1].image.read()[5, 5].tolist() == [30, 40]
    again = cl.features(tmp_path / "cells", kinds="intensity", **QUIET)
    assert again["image"].tolist() == cells.table["image"].tolist()
    labels = {
        "p1_A01_1": np.eye(20, 30, dtype=np.uint8) * 7,
        "p1_a2_1": np.eye(20, 30, 2, dtype=int),
    }
    both = cl.cells(table, labels=labels, size_px=4, channels=["Actin"], **QUIET)
    assert both.channel_names == ("Actin",)
    assert set(both.table["mean_intensity_Actin"].round()) == {19, 40}
    (tmp_path / "p1" / "a2-w.tif").unlink()
    with pytest.raises(cl.InvalidError, match=r"files of load_data\.csv.*a2-w\.tif"):
        cl.cells(table, positions=positions, **QUIET)


def test_rows_of_loaddata_without_image_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = load_data(tmp_path)
    positions = {"x": [9], "y": [7]}
    cl.cells(tmp_path / "p1" / "A01-d.tif", positions=positions, size_px=4, plate=table)
    said = capsys.readouterr().err
    assert "rows without image: 3 (p1/a2-d.tif, p2/A01-d.tif, p2/a2-d.tif)" in said
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((20, 30), np.uint8))
    with pytest.raises(cl.InvalidError, match="rows that belong to the images"):
        cl.cells(other, positions=positions, size_px=4, plate=table, **QUIET)


def test_urls_of_loaddata() -> None:
    row = {"URL_DNA": "file:/x/a%20b.tif", "Image_FileName_Actin": "c.tif", "PathName_DNA": "/y"}
    assert files_in(row) == {"DNA": "/x/a b.tif", "Actin": "c.tif"}


def test_fields_of_a_plate_in_ome_zarr(tmp_path: Path) -> None:
    store = tmp_path / "screen7.zarr"
    group = zarr.open_group(store, mode="w", zarr_format=2)
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0},
             {"path": "B/12", "rowIndex": 1, "columnIndex": 1}]  # fmt: skip
    group.attrs["plate"] = {"columns": [{"name": "1"}, {"name": "12"}], "version": "0.4",
                            "rows": [{"name": "A"}, {"name": "B"}], "wells": wells}  # fmt: skip
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    for well in wells:
        inside = group.create_group(str(well["path"]))
        inside.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}], "version": "0.4"}
        for field in "01":
            image = inside.create_group(field)
            image.attrs["multiscales"] = [{"version": "0.4", "axes": axes,
                                           "datasets": [{"path": "0"}]}]  # fmt: skip
            image.create_array("0", data=np.arange(400, dtype=np.uint16).reshape(20, 20))
    names = [f"screen7_{place}_{field}" for place in ("A_1", "B_12") for field in "01"]
    positions = {"image": names, "x": [9] * 4, "y": [9] * 4}
    plate = {"well": ["A1", "B12"], "treatment": ["DMSO", "taxol"]}
    cells = cl.cells(store, positions=positions, size_px=4, plate=plate, **QUIET)
    assert cells.table[["plate", "well", "site", "treatment"]].values.tolist() == [
        ["screen7", "A01", "0", "DMSO"], ["screen7", "A01", "1", "DMSO"],
        ["screen7", "B12", "0", "taxol"], ["screen7", "B12", "1", "taxol"],
    ]  # fmt: skip


def test_cellcognitions_table_of_positions(tmp_path: Path) -> None:
    file = tmp_path / "mapping.txt"
    file.write_text(
        "Position\tWell\tSite\tRow\tColumn\tGene Symbol\tsiRNA ID\tGroup\n"
        "A01_01\tA1\t1\tA\t1\tINCENP\ts7424\ttarget\nA02_01\tA2\t1\tA\t2\tnone\tXWNeg9\tneg\n"
    )
    rows, notes = read_plate(file)
    assert rows[0] == {
        "Position": "A01_01", "well": "A01", "site": 1, "row": "A", "column": 1, "gene": "INCENP",
        "treatment": "INCENP", "sirna": "s7424", "group": "target",
    }  # fmt: skip
    assert notes == ["columns of the plate's table: Gene Symbol (treatment), siRNA ID (sirna)"]
