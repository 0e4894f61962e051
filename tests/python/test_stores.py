"""Stores: parts and runs by name, the same in a folder and in a database."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import cytoloom as cl
import stores
from cytoloom.runs import yaml_text
from cytoloom.runs.documents import without_password
from cytoloom.runs.parts import checked_name, part_of


@pytest.fixture(params=["folder", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is: a folder, or the address of a database."""
    return str(tmp_path / "runs") if request.param == "folder" else f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def store(place: str) -> cl.Store:
    return cl.Store(place)


def test_a_run_comes_back_as_it_was(store: cl.Store, place: str) -> None:
    """Each part is written under its name, and another process builds the same run of them."""
    given = stores.run(
        task=cl.tasks.Classes(("background", "cell")),
        trainer=cl.Trainer(iterations=8, knots=((0, 0.0, 0.1),)),
        data=cl.DataSplit(
            "data/nuclei",
            channels=[0, [1, 2]],
            normalize=cl.Normalize(low=2),
            also=Path("data/more"),
            weights=[3, 1],
            object_classes="data/classes.csv",
        ),
        start="other",
        seed=7,
        members=2,
        folds=3,
        parts={"network": "small"},
    )
    store.add(given)
    assert cl.Store(place).run("first") == given
    assert store.parts("network") == ["small"]
    assert store.part("network", "small") == stores.SMALL


def test_a_planned_network_is_no_part(store: cl.Store) -> None:
    store.add(stores.run(network=None))
    assert store.parts("network") == []
    assert store.run("first").network is None
    assert store.run("first").parts["network"] == "planned"


def test_adding_twice_is_adding_once(store: cl.Store) -> None:
    runs = cl.grid("data/nuclei", [stores.SMALL, None], repetitions=2)
    assert store.add(runs) == store.add(runs)
    assert store.names() == sorted(run.name for run in runs)


def test_a_name_means_one_thing(store: cl.Store) -> None:
    """Another content under a name that is there, in whatever capitals, is refused."""
    store.add(stores.run(parts={"network": "small"}))
    with pytest.raises(cl.InvalidError, match=r"no other run in the store has. Received: first"):
        store.add(stores.run(seed=1))
    with pytest.raises(cl.InvalidError, match=r"no other network .* Received: small"):
        store.put("network", "small", stores.LARGE)
    with pytest.raises(cl.InvalidError, match=r"no other network .* Received: small"):
        store.put("network", "Small", stores.SMALL)
    store.put("network", "small", stores.SMALL)


def test_of_a_refused_grid_nothing_is_left(store: cl.Store) -> None:
    """The second of two networks has a name that is taken: neither run nor the first is added."""
    store.put("network", "b", stores.LARGE)
    with pytest.raises(cl.InvalidError, match="Received: b"):
        store.add(cl.grid("data/nuclei", {"a": stores.SMALL, "b": cl.UNet(filters=4)}))
    assert store.names() == []
    assert store.parts("network") == ["b"]


def test_tables_come_back(store: cl.Store) -> None:
    """Texts stay texts ("007", "NA"), what is missing is NaN, and the last table counts."""
    store.add(stores.run())
    columns = ["set", "image", "metric", "value"]
    rows = [("test", "007", "dice", 0.125), ("test", "NA", "dice", float("nan"))]
    store.write_tables("first", scores=pd.DataFrame([("x", "", "x", 1.0)], columns=columns))
    store.write_tables("first", scores=pd.DataFrame(rows, columns=columns))
    found = store.scores("first")
    assert found["image"].tolist() == ["007", "NA"]
    assert found["value"].iloc[0] == 0.125
    assert found["value"].isna().tolist() == [False, True]
    assert store.history("first").empty


def test_removing_leaves_the_parts(store: cl.Store) -> None:
    store.add([stores.run("a"), stores.run("b")])
    store.record("a", {"status": "failed", "why": "no images"})
    store.remove("a")
    assert store.names() == ["b"]
    assert store.outcome("a") == {}
    assert store.part("network", "unet-filters8-depth2") == stores.SMALL
    with pytest.raises(cl.InvalidError, match=r'Expected "b". Received: a'):
        store.remove("a")


def test_several_processes_lose_nothing(place: str) -> None:
    """Both write at once: all that each wrote is there, and a contended name is one's."""
    stores.many(place, None, processes=2, count=6)
    stores.check_many(cl.Store(place), processes=2, count=6)


def test_a_database_has_models_beside_it(tmp_path: Path) -> None:
    store = cl.Store(f"sqlite:///{tmp_path}/runs.db")
    assert store.model_folder("a") == tmp_path / "runs.db.models" / "a" / "model.cytoloom"
    own = cl.Store(f"sqlite:///{tmp_path}/runs.db", models=tmp_path / "own")
    assert own.model_folder("a") == tmp_path / "own" / "a" / "model.cytoloom"
    with pytest.raises(cl.InvalidError, match=r"Invalid `models`. Expected nothing for a folder"):
        cl.Store(tmp_path / "runs", models=tmp_path)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://a:secret@host/b", "Received: mysql."),
        ("sqlite://", "sqlite without a file"),
        ("sqlite:////nowhere/at/all/runs.db", "unable to open database file"),
        ("postgresql://a:secret@127.0.0.1:1/b", r"a:\*\*\*@127.0.0.1:1/b: InterfaceError"),
        ("postgresql+psycopg://a:secret@127.0.0.1:1/b", "Received: postgresql.psycopg."),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str, said: str) -> None:
    with pytest.raises(cl.InvalidError, match=said) as refused:
        cl.Store(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://a:s@e:cret@host/b", "postgresql://a:***@host/b"),
        ("postgresql://a:s/e:cret@host/b", "postgresql://a:***@host/b"),
        ("postgresql://a@host:5432/b", "postgresql://a@host:5432/b"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("a:b@c", "a:b@c"),
    ],
)
def test_a_password_is_not_shown(place: str, shown: str) -> None:
    assert without_password(place) == shown


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, but somebody's notes")
    with pytest.raises(cl.InvalidError, match="file is not a database"):
        cl.Store(f"sqlite:///{tmp_path}/notes.db")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(cl.InvalidError, match=r"a new folder, or one with store.yaml in it"):
        cl.Store(tmp_path)


@pytest.mark.parametrize(("version", "remedy"), [("2", "newer version"), ("0", "that wrote it")])
def test_a_store_of_another_format_is_refused(tmp_path: Path, version: str, remedy: str) -> None:
    cl.Store(tmp_path / "runs").add(stores.run())
    file = tmp_path / "runs" / "store.yaml"
    file.write_text(file.read_text().replace("format: 1", f"format: {version}"))
    with pytest.raises(cl.InvalidError, match=f"of format {version}. Use .*{remedy}"):
        cl.Store(tmp_path / "runs")


def test_a_database_of_another_format_is_refused(tmp_path: Path) -> None:
    import sqlite3

    cl.Store(f"sqlite:///{tmp_path}/runs.db")
    with sqlite3.connect(tmp_path / "runs.db") as at:
        at.execute("update cytoloom_store set format = 2")
    at.close()
    with pytest.raises(cl.InvalidError, match=r"of format 2. Use a newer version"):
        cl.Store(f"sqlite:///{tmp_path}/runs.db")


def test_looking_at_a_store_makes_none(tmp_path: Path) -> None:
    """A mistyped name of a folder is not made by listing it."""
    assert cl.runs.table(store=tmp_path / "ruins", progress=False).empty
    assert not (tmp_path / "ruins").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filters: 8\nfilters: 16", "filters twice"),
        ("filters: &a [1]\ndepth: *a", "aliases"),
        ("filters: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("filters: [8", "expected ',' or ']'"),
        ("- filters", "Received: \\['filters'\\]"),
        ("filters: 8.5", "Expected a whole number. Received: 8.5"),
        ("widths: 8", 'UNet`. Expected one of "convs"'),
        ("name: Trainer", "Received: Trainer"),
        ("\0", "special characters are not allowed"),
    ],
)
def test_a_damaged_part_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Whatever a file of a part holds, nothing of it is run, and the sentence names it."""
    cl.Store(tmp_path / "runs").put("network", "small", stores.SMALL)
    (tmp_path / "runs" / "network" / "small.yaml").write_text(text)
    with pytest.raises(cl.InvalidError, match=said) as refused:
        cl.Store(tmp_path / "runs").part("network", "small")
    assert "small" in str(refused.value)


def test_parts_may_be_written_by_hand(tmp_path: Path) -> None:
    """A few settings are enough; the others are as usual."""
    store = cl.Store(tmp_path / "runs")
    store.put("network", "other", stores.LARGE)
    (tmp_path / "runs" / "network" / "own.yaml").write_text("filters: 8\ndepth: 2\n")
    assert store.part("network", "own") == stores.SMALL
    assert part_of("trainer", {"learning_rate": 0.01}) == cl.Trainer(learning_rate=0.01)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a\0", "con", "x" * 200, 3])
def test_names_that_are_no_names_of_files_are_refused(name: object) -> None:
    with pytest.raises(cl.InvalidError, match="a name of letters, digits"):
        checked_name(name, "name")


def test_yaml_comes_back() -> None:
    """What YAML 1.1 would read as something else: no, 1e-05, 08, a date, a line of its own."""
    plain = {"a": "no", "b": 1e-05, "c": "08", "d": "2020-01-01", "e": "a: b\n- c", "f": None}
    plain |= {"g": [1, [2.5, True]], "h": {"i": "\u00e9\u4e2d"}, "j": 1e300, "k": "1e-3"}
    assert yaml_text.read_text(yaml_text.text_of(plain), "test") == plain
