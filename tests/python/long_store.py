"""A store on a PostgreSQL server of its own, on loopback: part of ``make test-long``.

The server is Debian's, in a temporary folder, and is stopped at the end.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import cytoloom as cl
import stores
import test_stores
from extras import need

pg8000 = need("pg8000", "runs")
PASSWORD = "not-told"


def _programs() -> Path:
    """Folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("No PostgreSQL: run sh tools/setup-postgresql.sh")
    return found[-1].parent


def _as_server(*command: object) -> None:
    """Run a program as a user who may: the server refuses root."""
    who = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*who, *map(str, command)], check=True, capture_output=True, cwd="/")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a server without databases, but for the password-less part of it."""
    folder = Path(tempfile.mkdtemp(prefix="cytoloom-server-"))
    if os.getuid() == 0:
        shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret, programs = folder / "secret", _programs()
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    how = ["--username=user", f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync"]
    _as_server(programs / "initdb", f"--pgdata={folder}/data", *how)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [programs / "pg_ctl", f"--pgdata={folder}/data", "--wait"]
    _as_server(*control, f"--log={folder}/log", f"--options={options}", "start")
    try:
        yield f"user:{PASSWORD}@127.0.0.1:{port}"
    finally:
        _as_server(*control, "--mode=fast", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def place(server: str, request: pytest.FixtureRequest) -> str:
    """Address of a database of one test."""
    name = f"runs_{abs(hash(request.node.name))}"
    who, _, where = server.rpartition("@")
    host, _, port = where.partition(":")
    user, _, password = who.partition(":")
    with pg8000.connect(user, host, "postgres", int(port), password) as at:
        at.autocommit = True
        at.run(f"create database {name}")
    return f"postgresql://{server}/{name}"


@pytest.fixture
def store(place: str, tmp_path: Path) -> cl.Store:
    return cl.Store(place, models=tmp_path / "models")


# the same tests as of folders and SQLite
test_a_run_comes_back_as_it_was = test_stores.test_a_run_comes_back_as_it_was
test_a_planned_network_is_no_part = test_stores.test_a_planned_network_is_no_part
test_adding_twice_is_adding_once = test_stores.test_adding_twice_is_adding_once
test_a_name_means_one_thing = test_stores.test_a_name_means_one_thing
test_of_a_refused_grid_nothing_is_left = test_stores.test_of_a_refused_grid_nothing_is_left
test_tables_come_back = test_stores.test_tables_come_back
test_removing_leaves_the_parts = test_stores.test_removing_leaves_the_parts


def test_four_processes_lose_nothing(place: str, tmp_path: Path) -> None:
    """Four begin the store and write at once, 8 runs of their own each and 8 together."""
    stores.many(place, str(tmp_path), processes=4, count=8)
    stores.check_many(cl.Store(place, models=tmp_path), processes=4, count=8)


def test_another_password_is_refused_and_not_told(place: str) -> None:
    with pytest.raises(cl.InvalidError, match="password authentication failed") as refused:
        cl.Store(place.replace(PASSWORD, "guessed"))
    assert "guessed" not in str(refused.value)


def test_a_run_is_trained_and_compared(store: cl.Store, place: str, tmp_path: Path) -> None:
    """Its curves and scores are in the database, its model in the folder for that."""
    images = cl.simulate.write(tmp_path / "train", images=3, progress=False)
    trainer = cl.Trainer(iterations=2, batch_size=1, patch_px=32)
    runs = cl.grid(images, {"tiny": cl.UNet(filters=4, depth=2)}, trainer={"quick": trainer})
    table = cl.runs.start(runs, store=store, progress=False)
    assert table["status"].tolist() == ["done"]
    again = cl.Store(place, models=tmp_path / "models")
    history = again.history(runs[0].name)
    assert set(history["metric"]) == {"loss", "score"}
    model = again.model(runs[0].name)
    pd.testing.assert_frame_equal(history, model.history, check_dtype=False)
    assert model.path.parent.parent == tmp_path / "models"
    assert len(cl.runs.compare(store=again, progress=False).runs)
    assert PASSWORD not in repr(again)
