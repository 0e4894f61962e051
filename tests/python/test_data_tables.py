"""Tables as spreadsheets and R write them: each of them names the same images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from cytoloom.datasets.data import Data, as_data
from cytoloom.datasets.unlabelled import as_images
from cytoloom.errors import InvalidError

ROWS = [(f"zelle{k}ä.tif", f"zelle{k}ä_m.tif") for k in range(2)]


@pytest.fixture
def folder(tmp_path):
    for k, names in enumerate(ROWS):
        for name in names:
            tifffile.imwrite(tmp_path / name, np.full((6, 8), k, np.uint8))
    return tmp_path


def lines(separator, head="image{0}label", end="\n"):
    return end.join([head.format(separator), *(separator.join(row) for row in ROWS), ""])


@pytest.mark.parametrize(
    "content",
    [
        lines(",").encode(),
        lines(";", end="\r\n").encode("utf-8-sig"),
        lines(";").encode("cp1252"),
        lines("\t").encode("utf-16"),
        b"\xfe\xff" + lines("\t").encode("utf-16-be"),
        ("sep=;\r\n" + lines(";")).encode("utf-8-sig"),
        ('"sep=,"\r\n' + lines(",")).encode("utf-8-sig"),
        lines(",   ").encode(),
        lines(" ; ").encode(),
        lines(",").replace("\n", "\n,\n\n").encode(),
        lines(",").replace("zelle", ".\\zelle").encode(),
        lines(",", 'Image{0} "Label "').encode(),
        ("image,label,\n" + "".join(f"{a},{b},\n" for a, b in ROWS)).encode(),
        ('"","image","label"\n' + "".join(f'"1","{a}","{b}"\n' for a, b in ROWS)).encode(),
        ('"image" "label"\n' + "".join(f'"1" "{a}" "{b}"\n' for a, b in ROWS)).encode(),
    ],
)
def test_every_way_to_write_a_table_names_the_same_images(folder, content):
    (folder / "pairs.csv").write_bytes(content)
    data = as_data(folder / "pairs.csv")
    assert [i.id for i in data.items] == ["zelle0ä", "zelle1ä"]
    assert [int(i.annotations[0].read().max()) for i in data.items] == [0, 1]
    assert data.problems == data.notes == ()
    assert [i.id for i in as_images(folder / "pairs.csv")] == ["zelle0ä", "zelle1ä"]


def test_decimal_commas_missing_values_and_other_columns(folder):
    text = "image;label;weight;group;dye;note\n"
    text += f"{ROWS[0][0]};{ROWS[0][1]};0,5;NA;x;\n{ROWS[1][0]};{ROWS[1][1]};2;p1;;\n"
    (folder / "pairs.csv").write_text(text, encoding="utf-8")
    data = as_data(folder / "pairs.csv")
    assert [(i.weight, i.group) for i in data.items] == [(0.5, None), (2.0, "p1")]
    assert data.notes == (
        "columns of the table: image (the image), label (its labels), weight (how often it is "
        "drawn), group (what it belongs to); not used, but come along into tables of results: dye, "
        "note",
    )


def test_a_row_without_a_label_is_named_by_its_line(folder):
    (folder / "pairs.csv").write_text(lines(",") + "\nc.tif,\n,,\n", encoding="utf-8")
    assert as_data(folder / "pairs.csv").problems == ("row 5 of the table has no label",)


def test_empty_rows_of_a_data_frame_are_named(folder):
    table = pd.DataFrame({"image": [ROWS[0][0], None, " "], "label": [ROWS[0][1], None, ""]})
    data = Data.from_table(table, folder)
    assert len(data) == 1
    assert data.notes == ("rows of the table passed over, as they are empty: 2, 3",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"image,label\na.tif,b.tif,c.tif,d.tif\n", "more cells than column names in line 2"),
        (b"image,images,label\na.tif,b.tif,c.tif\n", "image is listed 2 times"),
        (b"image,label\n", "0 rows"),
        (b"image|label\na.tif|b.tif\n", "with commas between the columns"),
        (b"", "an empty file"),
        ("image,label\n".encode("utf-16-le"), "no text"),
    ],
)
def test_what_is_no_table_is_told_how_to_save_it(folder, content, said):
    (folder / "pairs.csv").write_bytes(content)
    with pytest.raises(InvalidError, match=said):
        as_data(folder / "pairs.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of Unix")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_table_that_is_no_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / "pairs.csv")
    with pytest.raises(InvalidError, match=r"pairs\.csv"):
        as_data(tmp_path / "pairs.csv")


def test_a_number_that_python_does_not_show_is_no_cell():
    with pytest.raises(InvalidError, match=r"`image`.*a text or a number"):
        Data.from_table({"image": [10**5000], "label": ["a.tif"]})
