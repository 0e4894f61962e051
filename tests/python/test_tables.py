"""Names of images as names of files and in tables, and tables that come back the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
import kills
import small
from cytoloom.storage.names import LONGEST_BYTES, changes, file_name, file_names, folded, table_name
from cytoloom.storage.tables import joined, packed, read_table, unpacked, write_table

PLAIN = ["a", "w [1] ch", "exp{2} #3 50%", "Übersicht é", "a'b", "-dash", "007", "v1.2", "c,d"]
HOSTILE = [
    "../../images/a", "/etc/passwd", "..", ".", "", "C:\\Users\\a", "\\\\server\\share", "a:b",
    "con", "NUL", "com1.tif", "lpt¹", "aux .x", "CONOUT$", "a.", "a ", "...", " . ", ".hidden",
    "a\nb", "a\rb", "a\0b", "a\tb", "\x7f", "a\u2028b", 'q"q', "a|b", "a<b>", "a?b*", "x" * 300,
    "é" * 200, "=1+1", "+1", "@a", "\udcff\udce9", "/", "//", "~", "con ", "com0",
]  # fmt: skip
TRICKY = ["NA", "null", "TRUE", "007", "1e5", "c,d", 'q"q', '"', "a\nb", "back\\", 'end\\"', "é",
          "NaN", "-inf", " lead", "trail ", "'", "#1", "-dash", "1;2", "\t"]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_names_that_any_system_takes_stay(name):
    assert file_name(name) == table_name(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_every_name_is_the_name_of_a_file_on_every_system(name):
    safe = file_name(name)
    assert safe == file_name(safe), "a safe name is its own"
    assert not set(safe) & set('<>:"/\\|?*')
    assert safe.isprintable()
    assert safe[0] not in ".=+@"
    assert safe[-1] not in ". "
    assert len(f"{safe}.tif".encode()) <= 255
    before_dot = safe.split(".")[0].strip().casefold()
    assert before_dot not in {"con", "prn", "aux", "nul", "com1", "lpt¹", "conout$", "com0"}


def test_names_that_some_system_takes_for_one_are_told_apart():
    composed = unicodedata.normalize("NFD", "é")
    names = ["a", "A", "a/b", "a_b", "é", composed, "x" * 300, "x" * 301, "A_2", "a:b", "ß", "ss"]
    found = file_names(names)
    assert list(found) == names
    assert len({folded(name) for name in found.values()}) == len(names)
    assert found["a_b"] == "a_b" or found["a/b"] == "a_b"
    assert all(len(name.encode()) <= LONGEST_BYTES for name in found.values())


def test_a_name_that_nobody_would_read_to_its_end_is_cut_and_told_apart():
    names = ["a" * 10**6, "a" * 10**6 + "b"]
    cut = [table_name(name) for name in names]
    assert [len(name) for name in cut] == [1000, 1000]
    assert cut[0] != cut[1]
    assert len(changes(zip(names, cut, strict=True))) < 1100


def test_ten_thousand_alike_take_no_longer_each_than_a_few():
    found = file_names(f"{'a' * 300}{k}" if k % 2 else f"x{'/' * (k % 7)}" for k in range(10_000))
    assert len(set(found.values())) == len(found)


def table() -> pd.DataFrame:
    """What objects.csv holds, of images with names that a reader might take for something else."""
    count = len(TRICKY)
    numbers = np.random.default_rng(0).normal(size=count) * 10.0 ** np.arange(-9, count - 9)
    return pd.DataFrame(
        {
            "image": TRICKY,
            "object": np.arange(1, count + 1),
            "class": [np.nan, "NA", "x"] * (count // 3),
            "area_um2": np.where(np.arange(count) % 2, np.nan, numbers),
            "centroid_y": numbers,
            "touches_border": np.arange(count) % 2 == 0,
        }
    )


def test_tables_come_back_to_the_last_bit(tmp_path):
    write_table(table(), tmp_path / "objects.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "objects.csv"), table(), check_exact=True)
    for part in (table(), table()[:0], table()[:1]):
        pd.testing.assert_frame_equal(unpacked(packed(part)), part, check_exact=True)
    # two kinds of columns, in turn
    other = table()[:2].assign(area_um2=[1, 2])
    parts = [table()[2:], other, table()[:0], table()[:1], other[1:]]
    whole = pd.concat(parts, ignore_index=True)
    found = joined([packed(part) for part in parts])
    pd.testing.assert_frame_equal(found, whole, check_exact=True)


def test_the_call_for_pandas_that_the_page_names_brings_tables_back(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs/reference/tables.md").read_text("utf-8")
    (call,) = re.findall(r"^pandas\.read_csv\(.*?\)$", page, re.MULTILINE | re.DOTALL)
    write_table(table(), tmp_path / "objects.csv")
    path = str(tmp_path / "objects.csv")
    found = eval(call.replace('"objects.csv"', repr(path)), {"pandas": pd, "str": str})
    pd.testing.assert_frame_equal(found, table(), check_dtype=False)


def test_the_call_for_R_that_the_page_names_brings_tables_back(tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed.")
    page = (Path(__file__).resolve().parents[2] / "docs/reference/tables.md").read_text("utf-8")
    (call,) = [line for line in page.splitlines() if line.startswith("read.csv(")]
    write_table(table(), tmp_path / "objects.csv")
    code = f"""
    x <- {call.replace('"objects.csv"', repr(str(tmp_path / "objects.csv")))}
    cat(vapply(x$image, function(name) paste(charToRaw(enc2utf8(name)), collapse = ""), ""))
    cat("|", sum(is.na(x$area_um2)), class(x$touches_border), is.numeric(x$centroid_y))
    """
    ran = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    names, _, rest = ran.stdout.partition("|")
    assert [bytes.fromhex(name).decode() for name in names.split()] == TRICKY
    assert rest.split() == [str(len(TRICKY) // 2), "logical", "TRUE"]


def test_names_come_back_from_the_tables_of_a_prediction(trained, tmp_path, capsys):
    image = small.nuclei(1)[0][0]
    (tmp_path / "images").mkdir()
    names = [*PLAIN, *TRICKY, *HOSTILE, 1, "1"]
    found = cl.predict(
        kills.ruled(trained.path), dict.fromkeys(names, image), rescale=None,
        out=tmp_path / "a" / "b", progress=False,
    )  # fmt: skip
    said = capsys.readouterr().err
    assert "'=1+1' is written as '_=1+1'" in said
    assert "names of files" in said
    for name, column in (("files.csv", found.files), ("objects.csv", found.objects)):
        assert read_table(tmp_path / "a" / "b" / name)["image"].equals(column["image"].astype(str))
    assert len(set(found.names)) == len({str(name) for name in names}) + 1
    assert len(set(found.files["labels"])) == len(found)
    assert {p.parent for p in tmp_path.rglob("*.tif")} == {tmp_path / "a" / "b" / "labels"}
    assert all(labels.shape == image.shape for _, labels in found)


def test_a_time_series_and_a_file_named_like_its_frame_are_two(trained, tmp_path, capsys):
    import tifffile

    image = small.nuclei(1)[0][0]
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([image] * 2), imagej=True, metadata={"axes": "TYX"}
    )
    cl.images.write_labels(tmp_path / "a_t000.tif", image)
    images = [tmp_path / "a.tif", tmp_path / "a_t000.tif"]
    found = cl.predict(kills.ruled(trained.path), images, rescale=None, out=tmp_path / "out")
    assert found.names == ["a_t000", "a_t001", "a_t000_2"]
    assert "'a_t000' is written as 'a_t000_2'" in capsys.readouterr().err
