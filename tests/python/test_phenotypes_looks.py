"""What is shown of cells: contact sheets, plates, maps, galleries, the page, cells like others."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cytoloom as cl
from cytoloom import cli
from cytoloom.phenotypes import gallery_files
from cytoloom.phenotypes.galleries import most_novel, rows_in
from cytoloom.phenotypes.kept import read_cells
from cytoloom.phenotypes.pictures import plate_grid
from cytoloom.phenotypes.placed import placed
from cytoloom.phenotypes.reopened import novelty_in
from cytoloom.plots.screens import crop_rgb, sheet
from extras import need

need("sklearn", "cells")
need("jinja2", "report")
QUIET: dict[str, Any] = {"progress": False}
ODD = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo, as the command line makes it."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    assert cli.main(["cells", "demo", "--out", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def found(demo: Path) -> cl.Novelty:
    return novelty_in(demo / "novelty")


@pytest.fixture(scope="module")
def cells(demo: Path) -> cl.Cells:
    return read_cells(demo / "cells")


def names(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def pixels(figure: Any) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def test_the_demo_finds_treatments_in_the_order_of_their_strength(found: cl.Novelty) -> None:
    assert found.hits["treatment"].tolist() == ["strong", "weak", "granular", "rare", "inert"]
    assert (found.hits["q"] < 0.05).tolist() == [True, True, True, True, False]


def test_a_demo_is_not_made_over_files(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cells", "demo", "--out", str(demo), "--quiet"]) == 1
    assert "a new folder" in capsys.readouterr().err


def test_crops_lie_side_by_side_two_px_apart() -> None:
    one, other = (np.full((3, 3, 3), k, np.uint8) for k in (10, 20))
    picture, middles = sheet([[one, other], [other]])
    assert picture[..., 0].tolist() == [
        *[[10] * 3 + [255] * 2 + [20] * 3] * 3, *[[255] * 8] * 2, *[[20] * 3 + [255] * 5] * 3,
    ]  # fmt: skip
    assert middles == [1.0, 6.0]
    stack = np.zeros((3, 1, 1, 1))
    stack[1] = 1
    assert crop_rgb(stack).tolist() == [[[255, 255, 255]]]
    assert crop_rgb(np.array([[[1.0, 0.0]]])).tolist() == [[[255, 0, 255]]]


def test_a_contact_sheet_shows_a_sample_of_each_treatment(
    cells: cl.Cells, found: cl.Novelty
) -> None:
    figure = cells.plot(n=3, seed=4)
    assert set(names(figure)) == {
        f"{name}\nn = {count}" for name, count in cells.table["treatment"].value_counts().items()
    }
    assert names(figure)[0].startswith("DMSO")
    edge = cells.cut.size_px[0]
    assert pixels(figure).shape[:2] == (6 * (edge + 2) - 2, 3 * (edge + 2) - 2)
    assert (pixels(figure) == pixels(cells.plot(n=3, seed=4))).all()
    assert (pixels(figure) != pixels(cells.plot(n=3, seed=5))).any()
    wells = cells.plot("well", n=2, rows=4)
    controls = set(found.wells.loc[found.wells["is_control"], "well"])
    shown = [name.split("\n")[0] for name in names(wells)]
    assert shown == sorted(controls)[:4]
    # what is shown are the cells themselves
    every = {int(r): c for own, crops in cells.crops() for r, c in zip(own, crops, strict=True)}
    first = pixels(figure)[:edge, :edge]
    assert any((crop_rgb(crop) == first).all() for crop in every.values())


@pytest.mark.parametrize(
    ("how", "words"),
    [({"by": "gene"}, "one of the columns"), ({"n": 0}, "`n`.*1 or more"),
     ({"rows": 1.5}, "`rows`.*whole number")],
)  # fmt: skip
def test_no_sheet_of_what_is_not_there(cells: cl.Cells, how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cells.plot(**how)


def test_a_plate_has_its_wells_where_they_lie() -> None:
    table = pd.DataFrame({
        "well": ["B03", "A01", "AA02"], "score": [2.0, 1.0, 3.0], "is_control": [False, True, False]
    })  # fmt: skip
    grid, marked = plate_grid(table, "score")
    assert grid.shape == (32, 48)
    assert (grid[1, 2], grid[0, 0], grid[26, 1]) == (2.0, 1.0, 3.0)
    assert np.isfinite(grid).sum() == 3
    assert np.argwhere(marked).tolist() == [[0, 0]]
    figure = cl.plots.plate(grid, marked=marked)
    assert names(figure)[25:28] == ["Z", "AA", "AB"]
    assert figure.axes[0].images[0].get_array().mask.sum() == grid.size - 3


def test_the_plate_of_a_result_is_its_table(found: cl.Novelty) -> None:
    shown = pixels(found.plot("plate", value="score"))
    wells = found.wells.set_index("well")["score"]
    assert shown.shape == (8, 12)
    assert shown[1, 3] == wells["B04"]
    rings = found.plot("plate").axes[0].collections[0].get_offsets()
    controls = found.wells.loc[found.wells["treatment"] == "DMSO", "well"]
    places = {(int(well[1:]) - 1, "ABCDEFGH".index(well[0])) for well in controls}
    assert set(map(tuple, rings.tolist())) == places
    assert len(places) == 12


def test_components_are_those_of_the_singular_values() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4)) * [4, 2, 1, 0.5]
    at = placed(values, np.zeros(200, bool), 0)
    near = np.clip(values, -10, 10)  # what is far is taken to be so far
    _, _, axes = np.linalg.svd(near - near.mean(axis=0), full_matrices=False)
    mine = (near - near.mean(axis=0)) @ axes.T
    for k in range(4):
        assert np.abs(at[f"pc_{k + 1}"]) == pytest.approx(np.abs(mine[:, k]), abs=6e-4)
    assert at["cluster"].isna().all()


def test_outliers_that_are_alike_are_one_cluster() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.3, size=(300, 3))
    values[200:260, 0] += 8
    values[260:, 1] += 8
    cluster = placed(values, np.arange(300) >= 200, 0)["cluster"]
    assert cluster[:200].isna().all()
    assert set(cluster[200:260]) == {1}
    assert set(cluster[260:]) == {2}
    few = placed(values, np.arange(300) >= 290, 0)["cluster"]
    assert set(few[290:]) == {1}


def test_galleries_begin_with_the_most_novel_cell_of_each_treatment(
    found: cl.Novelty, cells: cl.Cells
) -> None:
    figure = found.plot("novel", cells=cells, n=2)
    shown = [name.split("\n")[0] for name in names(figure)]
    assert shown == ["DMSO", "strong", "weak", "granular", "rare", "inert"]
    strong = found.cells[found.cells["treatment"] == "strong"]
    best = rows_in(cells, strong.loc[[strong["score"].idxmax()]])
    ((_, crops),) = cells.crops(best)
    edge = cells.cut.size_px[0]
    assert (pixels(figure)[edge + 2 : 2 * edge + 2, :edge] == crop_rgb(crops[0])).all()
    assert most_novel(np.array([1.0, 3.0, 2.0]), np.arange(3), 5).tolist() == [1, 2, 0]
    clusters = names(found.plot("clusters", cells=cells, n=2))
    counts = found.cells["cluster"].value_counts()
    assert clusters == [f"cluster {k}\nn = {counts[k]}" for k in sorted(counts.index)]
    assert len(names(found.plot("typical", cells=str(cells.path), n=2))) == 6
    assert len(names(found.plot("hits", rows=2))) == 2


def test_galleries_are_pictures_in_files(
    demo: Path, found: cl.Novelty, cells: cl.Cells, tmp_path: Path
) -> None:
    """One for each treatment, by safe names, and one of the clusters; new ones replace them."""
    odd = {"strong": "a/b: 5%", "weak": "A/b: 5%", "rare": "con"}
    table = pd.read_csv(demo / "features.csv").replace({"treatment": odd})
    table.to_csv(tmp_path / "features.csv", index=False)
    out = tmp_path / "novelty"
    words = ["cells", "novelty", str(tmp_path / "features.csv"), "--controls", "negative"]
    words += ["--by", "treatment", "--out", str(out), "--quiet"]
    assert cli.main([*words, "--cells", str(demo / "cells")]) == 0
    names = sorted(path.name for path in (out / "galleries").iterdir())
    assert names == ["A_b_ 5%_2.png", "DMSO.png", "_con.png", "a_b_ 5%.png", "granular.png",
                     "inert.png"]  # fmt: skip
    assert Image.open(out / "clusters.png").format == "PNG"
    # without cells tables alone are there, and no pictures of other results
    (out / "galleries" / "mine.png").write_bytes(b"mine")
    assert cli.main([*words, "--overwrite"]) == 0
    assert [path.name for path in (out / "galleries").iterdir()] == ["mine.png"]
    assert not (out / "clusters.png").exists()


def test_a_gallery_has_the_most_novel_cells_above_typical_ones(
    found: cl.Novelty, cells: cl.Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {}

    def kept(figure: Any, path: Path, **how: Any) -> Path:
        drawn[Path(path).name] = figure
        return Path(path)

    monkeypatch.setattr(gallery_files, "save", kept)
    written = gallery_files.write_galleries(tmp_path, found, cells)
    assert written == [
        *(f"galleries/{name}.png"
          for name in ("DMSO", "strong", "weak", "granular", "rare", "inert")), "clusters.png",
    ]  # fmt: skip
    figure = drawn["strong.png"]
    assert names(figure) == ["most novel", "most typical"]
    own = found.cells[found.cells["treatment"] == "strong"]
    assert figure.axes[0].get_title() == f"strong, n = {len(own)}"
    edge = cells.cut.size_px[0]
    assert pixels(figure).shape[:2] == (2 * edge + 2, 10 * (edge + 2) - 2)
    ranked = own.sort_values("score", ascending=False, kind="stable").index
    middle = (own["score"] - own["score"].median()).abs().sort_values(kind="stable").index
    for line, index in enumerate((ranked, middle)):
        for column in (0, 9):
            ((_, crops),) = cells.crops(rows_in(cells, own.loc[[index[column]]]))
            corner = line * (edge + 2), column * (edge + 2)
            shown = pixels(figure)[corner[0] : corner[0] + edge, corner[1] : corner[1] + edge]
            assert (shown == crop_rgb(crops[0])).all()


def test_no_galleries_without_a_folder_or_of_other_cells(
    demo: Path, cells: cl.Cells, tmp_path: Path
) -> None:
    features = demo / "features.csv"
    with pytest.raises(cl.InvalidError, match=r"`cells`.*`out` with it"):
        cl.novelty(features, controls="negative", cells=cells, **QUIET)
    other = pd.read_csv(features).assign(image="elsewhere")
    out = tmp_path / "out"
    with pytest.raises(cl.InvalidError, match=r"`cells`.*\d+ rows of none of them, .*elsewhere:1"):
        cl.novelty(other, controls="negative", cells=cells, out=out, **QUIET)
    assert not out.exists()


def test_a_contact_sheet_beside_the_cells(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cells gather --sheet` writes the sheet that `Cells.plot` draws; without it there is none."""
    words = ["cells", "gather", str(demo / "cells" / "images"), "--plate", str(demo / "plate.csv")]
    words += ["--labels", str(demo / "cells" / "labels"), "--controls", "negative", "--quiet"]
    out = tmp_path / "cells"
    assert cli.main([*words, "--out", str(out), "--sheet"]) == 0
    drawn = cl.plots.save(read_cells(out).plot(), tmp_path / "drawn.png")
    same = [np.asarray(Image.open(path)) for path in (out / "sheet.png", drawn)]
    assert (same[0] == same[1]).all()
    assert cli.main([*words, "--out", str(out), "--overwrite"]) == 0
    assert not (out / "sheet.png").exists()
    with pytest.raises(cl.InvalidError, match=r"`sheet`.*`out` with it"):
        cl.cells(demo / "cells" / "images", labels=demo / "cells" / "labels", sheet=True, **QUIET)


def test_rows_of_results_find_their_cells_in_any_order(found: cl.Novelty, cells: cl.Cells) -> None:
    mixed = found.cells.sample(frac=1, random_state=1)
    rows = rows_in(cells, mixed)
    assert rows.tolist() == mixed.index.tolist()
    with pytest.raises(cl.InvalidError, match=r"2 rows of none of them, 2 \(E01:1, E01:2\)"):
        rows_in(cells, pd.DataFrame({"image": "E01", "object": [1, 2]}))
    with pytest.raises(cl.InvalidError, match="columns image and object"):
        rows_in(cells, pd.DataFrame({"image": ["A01"]}))


def test_umap_is_imported_when_it_is_asked_for(
    found: cl.Novelty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    found.plot("map")
    assert "umap" not in sys.modules
    asked: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **how: Any) -> None:
            asked.update(how)

        def fit_transform(self, places: np.ndarray) -> np.ndarray:
            return places[:, :2] * 2

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))  # type: ignore[arg-type]
    figure = found.plot("map", by="umap", seed=3)
    assert asked == {"n_components": 2, "random_state": 3, "n_jobs": 1}
    assert figure.axes[0].get_xlabel() == "UMAP 1"
    shown = np.concatenate([c.get_offsets() for c in figure.axes[0].collections])
    asked_for = found.cells[["pc_1", "pc_2"]].to_numpy() * 2
    assert sorted(map(tuple, shown.tolist())) == sorted(map(tuple, asked_for.tolist()))
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(cl.InvalidError, match=r"cytoloom\[umap\]"):
        found.plot("map", by="umap")


class FakeUMAP:
    """Stands for umap-learn, which need not be there: what is asked of it, and what becomes of it.

    That its own maps are any good is not tested here.
    """

    def __init__(self, **how: Any) -> None:
        assert how == {"n_components": 2, "random_state": 0, "n_jobs": 1}

    def fit_transform(self, places: np.ndarray) -> np.ndarray:
        assert places.shape[1] > 2
        return places[:, :2] * 2


def test_the_page_has_a_map_by_umap_where_that_is_installed(
    found: cl.Novelty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    text, _ = page_of(cl.report(found, tmp_path / "without.html", **QUIET))
    assert text.count("A point for each cell, at its first two") == 1
    assert "on a map by UMAP" not in text
    assert "where the Python package umap-learn is installed" in text
    assert "arXiv:1802.03426" not in text
    fake = types.SimpleNamespace(UMAP=FakeUMAP)
    monkeypatch.setitem(sys.modules, "umap", fake)  # type: ignore[arg-type]
    text, _ = page_of(cl.report(found, tmp_path / "with.html", **QUIET))
    drawn = re.findall(r'<img src="(data:[^"]*)" alt="A point for each cell, ([^"]*)"', text)
    assert [words.split(",")[0] for _, words in drawn] == [
        "at its first two principal components", "on a map by UMAP",
    ]  # fmt: skip
    assert drawn[0][0] != drawn[1][0]
    assert all(picture(address).format == "PNG" for address, _ in drawn)
    assert "umap-learn is installed" not in text
    assert "arXiv:1802.03426" in text


@pytest.mark.parametrize(
    ("kind", "how", "words"),
    [
        ("heat", {}, "`kind`.*plate.*hits.*map"),
        ("novel", {}, "the cells, whose pictures are shown"),
        ("plate", {"value": "p"}, "outliers.*score"),
        ("map", {"by": "tsne"}, "pca.*umap"),
        ("novel", {"n": 0}, "`n`"),
    ],
)
def test_no_picture_of_what_is_not_known(
    found: cl.Novelty, kind: str, how: dict[str, Any], words: str
) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        found.plot(kind, **how)


def features() -> pd.DataFrame:
    """Cells in four directions from the middle, whose median is the middle."""
    places = [(0, 0), (4, 0), (5, 1), (-4, 0), (-5, 1), (0, 4), (1, 5), (0, -4), (-1, -5)]
    table = pd.DataFrame(places, columns=["shape_a", "shape_b"]).astype(float)
    table.insert(0, "image", "A01")
    table.insert(1, "object", range(1, 10))
    return table


def test_cells_like_others_lie_in_their_direction() -> None:
    table = features()
    near = cl.similar(table, ["A01:2"], **QUIET)
    assert near["object"].tolist()[:1] == [3]
    assert set(near["object"].tolist()[-2:]) <= {1, 4, 5}
    values = table[["shape_a", "shape_b"]]
    middle = values.median()
    scaled = (values - middle) / (1.4826 * (values - middle).abs().median())
    one, other = scaled.to_numpy()[[1, 2]]
    cosine = 1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert near["distance"][0] == pytest.approx(cosine)
    assert near["row"][0] == 2
    far = cl.similar(table, [1], metric="euclidean", n=8, **QUIET)
    assert len(far) == 8
    assert far["distance"].is_monotonic_increasing
    assert far["distance"][0] == pytest.approx(np.linalg.norm(one - other))


def test_cells_like_the_mean_of_some() -> None:
    table = features()
    both = cl.similar(table, table.iloc[[1, 5]], n=2, **QUIET)  # between right and up
    assert set(both["object"]) == {3, 7}
    again = table.assign(plate="p1")
    moved = table.assign(plate="p2", image="B01", shape_a=table["shape_a"] + 100)
    twin = cl.similar(pd.concat([again, moved], ignore_index=True), ["A01:2"], n=1, **QUIET)
    assert twin["image"].tolist() == ["B01"]
    assert twin["object"].tolist() == [2]


@pytest.mark.parametrize(
    ("to", "how", "words"),
    [
        (["A01:99"], {}, r"`to`.*cells of the table, such as A01:1.*A01:99"),
        ([9], {}, "1 \\(9\\)"),
        ([], {}, "`to`.*none"),
        (None, {}, "`to`.*none"),
        (1.5, {}, "`to`.*1\\.5"),
        (pd.DataFrame({"image": ["A01"]}), {}, "columns image and object"),
        (["A01:1"], {"metric": "angle"}, "cosine.*euclidean"),
        (["A01:1"], {"n": 0}, "`n`"),
    ],
)
def test_no_cells_like_none(to: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(cl.InvalidError, match=words):
        cl.similar(features(), to, **how, **QUIET)


def test_cells_like_others_on_the_command_line(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "similar.csv"
    words = ["cells", "similar", str(demo / "features.csv"), "p1_A01:1", "p1_A01:2", "--n", "4"]
    assert cli.main([*words, "--out", str(out), "--quiet"]) == 0
    assert "4 cells in" in capsys.readouterr().out
    table = pd.read_csv(out)
    assert len(table) == 4
    assert "shape_area_px" not in table
    same = cl.similar(demo / "features.csv", ["p1_A01:1", "p1_A01:2"], n=4, **QUIET)
    assert table["object"].tolist() == same["object"].tolist()


def page_of(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return a page, and what its script knows of wells."""
    text = path.read_text("utf-8")
    data = re.search(r'id="well-data">(.*?)</script>', text)
    assert data is not None
    return text, json.loads(data[1])


def picture(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_the_page_shows_the_cells_of_each_well(demo: Path, cells: cl.Cells) -> None:
    text, wells = page_of(demo / "report.html")
    assert [well["name"].split(":")[0] for well in wells] == [
        *(f"{row}{column:02d}" for row in "AB" for column in range(1, 13)),
        *(f"C{column:02d}" for column in range(1, 9)),
    ]
    assert text.count('class="well"') == 32
    assert text.count('class="halo"') == 12  # controls
    edge = cells.cut.size_px[0]
    assert all(picture(w["novel"]).size == (6 * (edge + 2) - 2, 2 * (edge + 2) - 2) for w in wells)
    assert sum(well["first"] for well in wells) == 1
    assert re.findall(r'id="treatment-\d">\s*<h3>(\w+)', text) == [
        "DMSO", "strong", "weak", "granular", "rare", "inert",
    ]  # fmt: skip
    assert "240 cells of 12 control wells (control: negative)" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)


def test_a_page_of_a_folder_is_that_of_its_result(
    demo: Path, cells: cl.Cells, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", str(demo / "novelty"), str(tmp_path / "report.html"), "--cells"]
    assert cli.main([*words, str(demo / "cells"), "--quiet"]) == 0
    assert page_of(tmp_path / "report.html") == page_of(demo / "report.html")
    cl.report(novelty_in(demo / "novelty"), tmp_path / "bare.html")
    assert "no pictures of cells" in capsys.readouterr().err
    bare, wells = page_of(tmp_path / "bare.html")
    assert "Cells of each treatment" not in bare
    assert len(wells) == 32


def test_what_few_wells_do_not_allow_and_odd_names_are_on_the_page(
    found: cl.Novelty, tmp_path: Path
) -> None:
    import dataclasses

    odd = {name: ODD if name == "strong" else name for name in found.hits["treatment"]}
    changed = {
        name: getattr(found, name).replace({"treatment": odd})
        for name in ("hits", "wells", "cells")
    }
    other = dataclasses.replace(found, note="No q below 0.2 can be reached.", **changed)
    cl.report(other, tmp_path / "odd.html", **QUIET)
    text, wells = page_of(tmp_path / "odd.html")
    assert "No q below 0.2 can be reached." in text
    assert ODD not in text
    assert "&lt;script&gt;alert" in text
    assert any(ODD in well["name"] for well in wells)


def test_results_of_images_alone_have_no_plate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(240, 3)), columns=["shape_a", "shape_b", "shape_c"])
    table["image"] = np.repeat([f"im{k}" for k in range(12)], 20)
    table["object"] = np.tile(np.arange(1, 21), 12)
    table["treatment"] = np.repeat(["DMSO"] * 8 + ["drug"] * 4, 20)
    found = cl.novelty(table, controls="DMSO", out=tmp_path / "found", **QUIET)
    text, wells = page_of(cl.report(tmp_path / "found", tmp_path / "images.html", **QUIET))
    assert 'class="plate"' not in text
    assert wells == []
    with pytest.raises(cl.InvalidError, match="results of wells such as A01"):
        found.plot("plate")
    two = pd.concat(
        [table.assign(plate=p, well=table["image"].str.replace("im", "A")) for p in "pq"],
        ignore_index=True,
    )
    two = two[two["well"] != "A0"]
    several = cl.novelty(two, controls={"treatment": "DMSO"}, **QUIET)
    with pytest.raises(cl.InvalidError, match=r"`plate`.*p.*q"):
        several.plot("plate")
    assert several.plot("plate", plate="q").axes[0].get_title() == "q"
    text, wells = page_of(cl.report(several, tmp_path / "two.html", **QUIET))
    assert text.count('class="plate"') == 2
    assert len(wells) == 22


def test_what_belongs_to_other_results_is_refused(
    found: cl.Novelty, demo: Path, tmp_path: Path
) -> None:
    with pytest.raises(cl.InvalidError, match=r"`images`.*nothing of this kind"):
        cl.report(found, tmp_path / "a.html", images=demo / "cells" / "images", **QUIET)
    agreed = cl.consensus({"a": [[0, 1, 1]], "b": [[0, 1, 0]]}, **QUIET)
    with pytest.raises(cl.InvalidError, match=r"`cells`.*nothing of this kind"):
        cl.report(agreed, tmp_path / "a.html", cells=demo / "cells", **QUIET)


def test_tables_that_are_no_result_are_refused(demo: Path, tmp_path: Path) -> None:
    for name in ("hits.csv", "novelty_cells.csv", "novelty_wells.csv"):
        (tmp_path / name).write_bytes((demo / "novelty" / name).read_bytes())
    with pytest.raises(cl.InvalidError, match=r"hits_run.json without threshold"):
        cl.report(tmp_path, tmp_path / "a.html", **QUIET)


def test_sheets_have_a_row_for_each_type_where_that_is_what_a_plate_tells() -> None:
    images = {f"A{k:02d}": np.full((40, 40), 9, np.uint8) for k in range(1, 5)}
    labels = {name: np.pad(np.ones((8, 8), int), 16) for name in images}
    told = {"well": list(images), "type": ["neg", "neg", "pos", "pos"]}
    cells = cl.cells(images, labels=labels, plate=told, controls="neg", size_px=16, progress=False)
    rows = [text.get_text() for text in cells.plot(n=2).axes[0].get_yticklabels()]
    assert rows == ["neg\nn = 2", "pos\nn = 2"]
