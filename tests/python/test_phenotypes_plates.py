"""Plates as other programs tell them: LoadData of CellProfiler, OME-Zarr, CellCognition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.phenotypes.load_data import files_in
from cytoloom.phenotypes.plate import read_plate
from zarr_files import said_of, write_image, write_labels

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


def ome_plate(
    store: Path, places: tuple[tuple[str, str], ...], version: int = 3, **more: Any
) -> dict[str, np.ndarray]:
    """Write a plate by the specification, two fields a well, and the labels of its fields."""
    rows, columns = (list(dict.fromkeys(place[k] for place in places)) for k in (0, 1))
    wells = [
        {"path": f"{r}/{c}", "rowIndex": rows.index(r), "columnIndex": columns.index(c)}
        for r, c in places
    ]
    said = {"rows": [{"name": r} for r in rows], "columns": [{"name": c} for c in columns],
            "wells": wells, **more}  # fmt: skip
    if version == 2:
        said["version"] = "0.4"
    said_of(store, {"plate": said}, version)
    drawn = {}
    for k, (row, column) in enumerate(places):
        said_of(store / row, {}, version)
        fields = [{"path": str(j), "acquisition": j} for j in range(2)]
        said_of(store / row / column, {"well": {"images": fields}}, version)
        for j in range(2):
            image, labels = cl.simulate.nuclei(shape=(64, 64), count=2 + j, seed=2 * k + j)
            place = store / row / column / str(j)
            write_image(place, image, "yx", [0.5, 0.5], version)
            write_labels(place, labels.astype(np.uint16), "nuclei", version)
            drawn[f"{row}{column}/{j}"] = labels
    return drawn


WELLS = (("A", "1"), ("B", "12"))
KNOWN = ["plate", "well", "site", "row", "column"]


@pytest.mark.parametrize("version", [2, 3])
def test_fields_of_a_plate_in_ome_zarr(
    tmp_path: Path, version: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wells, fields and the plate's name are those of its metadata, in OME-Zarr 0.4 and 0.5."""
    store = tmp_path / "screen7.ome.zarr"
    drawn = ome_plate(store, WELLS, version, name="Screen 7")
    table = {"well": ["A1", "B12"], "treatment": ["DMSO", "taxol"]}
    cells = cl.cells(store, labels=store, plate=table, controls="DMSO", out=tmp_path / "cells")
    assert "names of plates are those in their metadata: 1 (screen7.ome.zarr is Screen 7)" in (
        capsys.readouterr().err
    )
    known = cells.table.drop_duplicates("image")[["image", *KNOWN, "treatment"]]
    assert known.values.tolist() == [
        [f"screen7_{r}_{c}_{k}", "Screen 7", w, str(k), r, int(c), t]
        for r, c, w, t in (("A", "1", "A01", "DMSO"), ("B", "12", "B12", "taxol"))
        for k in range(2)
    ]
    # each field has the cells that were drawn there, and pixels of its own
    for image, one in cells.table.groupby("image"):
        row, column, field = str(image).split("_")[1:]
        assert len(one) == drawn[f"{row}{column}/{field}"].max()
    assert len({item.image.read().tobytes() for item in cells.items}) == 4
    assert cells.items[0].spacing_um == (0.5, 0.5)
    features = cl.features(tmp_path / "cells", kinds="shape", **QUIET)
    assert features["object"].tolist() == cells.table["object"].tolist()
    assert features[KNOWN].values.tolist() == cells.table[KNOWN].values.tolist()


def test_a_plate_in_ome_zarr_as_the_table_of_another_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files named by their wells get row, column and plate of `plate="a.ome.zarr"`."""
    store = tmp_path / "p.ome.zarr"
    ome_plate(store, WELLS, name="Screen 7")
    rows = [(well, site) for well in ("A01", "b12", "C01") for site in (0, 1)]
    for well, site in rows:
        tifffile.imwrite(tmp_path / f"x_{well}_{site}.tif", np.zeros((20, 20), np.uint8))
    names = [f"x_{well}_{site}" for well, site in rows]
    files = [str(tmp_path / f"{name}.tif") for name in names]
    positions = {"image": names, "x": [9] * 6, "y": [9] * 6}
    images = pd.DataFrame(rows, columns=["well", "site"]).assign(image=files)
    how: dict[str, Any] = {"positions": positions, "size_px": 4, "plate": store, **QUIET}
    cells = cl.cells(images, **how)
    assert "images without row: 2 (x_C01_0, x_C01_1)" in capsys.readouterr().err
    assert cells.table[KNOWN].values.tolist()[1:3] == [
        ["Screen 7", "A01", "1", "A", 1], ["Screen 7", "B12", "0", "B", 12],
    ]  # fmt: skip
    with pytest.raises(cl.InvalidError, match=r"one row for each well.*plate and site"):
        cl.cells(images.drop(columns="site"), **how)


def test_wells_fields_and_acquisitions_given_one_by_one(tmp_path: Path) -> None:
    """A well or fields of a plate are known as such, and when each was imaged, if twice."""
    store = tmp_path / "p.zarr"
    times = [{"id": 0, "name": "day 1"}, {"id": 1}]
    ome_plate(store, (("2", "03"), ("top", "left")), acquisitions=times)
    images = [store / "2" / "03" / "1", store / "top" / "left" / "0"]
    positions = {"image": ["1", "0"], "x": [9, 9], "y": [9, 9]}
    cells = cl.cells(images, positions=positions, size_px=4, **QUIET)
    assert cells.table[[*KNOWN, "acquisition"]].values.tolist() == [
        ["p", "B03", "1", "B", 3, "1"], ["p", "topleft", "0", "top", "left", "day 1"],
    ]  # fmt: skip
    positions = {"image": ["03_0", "03_1"], "x": [9, 9], "y": [9, 9]}
    cells = cl.cells(store / "2" / "03", positions=positions, size_px=4, **QUIET)
    assert cells.table["well"].tolist() == ["B03", "B03"]
    assert cells.table["site"].tolist() == ["0", "1"]


def test_two_plates_in_ome_zarr_that_say_the_same_name(tmp_path: Path) -> None:
    """Exporters call every plate alike: then the stores tell the wells apart."""
    for name in ("p1", "p2"):
        ome_plate(tmp_path / f"{name}.zarr", (("A", "1"),), name="Plate")
    images = [tmp_path / f"{name}.zarr" for name in ("p1", "p2")]
    names = [f"{p}_A_1_{k}" for p in ("p1", "p2") for k in range(2)]
    positions = {"image": names, "x": [9] * 4, "y": [9] * 4}
    cells = cl.cells(images, positions=positions, size_px=4, **QUIET)
    assert cells.table["plate"].tolist() == ["p1", "p1", "p2", "p2"]
    assert cells.units.nunique() == 2


def test_labels_in_the_fields_of_a_plate_are_told_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "p.zarr"
    drawn = ome_plate(store, WELLS)
    field = store / "B" / "12" / "1"
    said_of(field / "labels", {"labels": ["nuclei", "whole"]})
    whole = np.zeros((64, 64), np.uint16)
    whole[20:40, 20:40] = 1
    write_image(field / "labels" / "whole", whole, "yx")
    with pytest.raises(cl.InvalidError, match=r"fields with 2 \(nuclei, whole\).*labels=.nuclei"):
        cl.cells(store, labels=store, **QUIET)
    with pytest.raises(cl.InvalidError, match=r"Received: cytoplasm, fields with 2"):
        cl.cells(store, labels="cytoplasm", **QUIET)
    cells = cl.cells(store, labels="nuclei", **QUIET)
    assert len(cells) == sum(one.max() for one in drawn.values())
    out = tmp_path / "cells"
    cells = cl.cells(store, labels="whole", out=out, **QUIET)
    assert "without labels are left out: p_A_1_0, p_A_1_1, p_B_12_0" in capsys.readouterr().err
    assert cells.table[["well", "site", "area_px"]].values.tolist() == [["B12", "1", 400]]
    assert len(cl.features(out, kinds="shape", **QUIET)) == 1


def test_labels_of_a_plate_by_the_names_of_its_fields(tmp_path: Path) -> None:
    """Arrays and files are of the field that is called as they are, whatever their order."""
    store = tmp_path / "p.zarr"
    ome_plate(store, WELLS)
    names = ["p_B_12_1", "p_A_1_0"]
    labels = {name: np.full((64, 64), k + 1, np.uint16) for k, name in enumerate(names)}
    wells = [["A01", 2], ["B12", 1]]
    cells = cl.cells(store, labels=labels, size_px=4, out=tmp_path / "cells", **QUIET)
    assert sorted(cells.table[["well", "object"]].values.tolist()) == wells
    assert len(cl.features(tmp_path / "cells", kinds="shape", **QUIET)) == 2
    (tmp_path / "labels").mkdir()
    for name, one in labels.items():
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", one)
    cells = cl.cells(store, labels=tmp_path / "labels", size_px=4, **QUIET)
    assert sorted(cells.table[["well", "object"]].values.tolist()) == wells


def test_folders_that_are_no_plate(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr", np.zeros((20, 20), np.uint8), "yx")
    positions = {"x": [9], "y": [9]}
    with pytest.raises(cl.InvalidError, match=r"a table, or the folder of a plate in OME-Zarr"):
        cl.cells(
            tmp_path / "a.zarr", positions=positions, size_px=4, plate=tmp_path / "a.zarr", **QUIET
        )


def test_a_plate_in_ome_zarr_on_the_command_line(tmp_path: Path) -> None:
    store = tmp_path / "p.ome.zarr"
    drawn = ome_plate(store, WELLS)
    out = tmp_path / "cells"
    given = [str(store), "--labels", "nuclei", "--plate", str(store), "--size-px", "24"]
    assert main(["cells", "gather", *given, "--out", str(out), "--quiet"]) == 0
    table = pd.read_csv(out / "cells.csv")
    assert len(table) == sum(one.max() for one in drawn.values())
    first = table.drop_duplicates("image")[KNOWN]
    assert first.values.tolist()[::3] == [["p", "A01", 0, "A", 1], ["p", "B12", 1, "B", 12]]


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


def test_plates_are_those_whose_words_stand_in_names_of_images() -> None:
    rng = np.random.default_rng(0)
    names = ["p1_A01", "p1_A02", "p2_A01", "p2_A02"]
    images = {name: rng.integers(0, 200, (40, 40), np.uint8) for name in names}
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20, 10:20] = 1
    table = pd.DataFrame({"plate": ["p1", "p1", "p2", "p2"], "well": ["A1", "A2"] * 2,
                          "treatment": ["a", "b", "c", "d"]})  # fmt: skip
    cells = cl.cells(images, labels=dict.fromkeys(names, labels), plate=table, size_px=16,
                     progress=False)  # fmt: skip
    assert cells.table["treatment"].tolist() == ["a", "b", "c", "d"]
    assert cells.table["plate"].tolist() == ["p1", "p1", "p2", "p2"]
    # a word within another one is none
    odd = {f"{name.replace('p1', 'p10').replace('p2', 'p20')}": one for name, one in images.items()}
    with pytest.raises(cl.InvalidError, match="let names of images have the table's words"):
        cl.cells(odd, labels=dict.fromkeys(odd, labels), plate=table, size_px=16, progress=False)
