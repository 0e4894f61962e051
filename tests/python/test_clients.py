"""A cluster of Dask is known by the address of its scheduler, in every face."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import cytoloom as cl
from cytoloom.cli.run import main
from cytoloom.errors import InvalidError
from cytoloom.prediction import collect
from cytoloom.prediction.blockwise import volume
from cytoloom.prediction.folder import InMemory
from cytoloom.volumes import work
from cytoloom.volumes.clients import address_of, client_of
from kills import files_of, images_in

distributed = pytest.importorskip("distributed")
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"


def test_the_command_line_predicts_by_a_cluster_whose_address_is_in_a_file(tmp_path, capsys):
    """With the files of one process, and the cluster is there after it."""
    images = images_in(tmp_path / "images")
    words = ["predict", str(MODEL), str(images), "--rescale", "none", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    how = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**how, protocol="tcp") as cluster:
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"address": cluster.scheduler_address, "id": "s"}))
        capsys.readouterr()
        words.remove("--quiet")
        assert main([*words, "--out", str(tmp_path / "two"), "--client", str(file)]) == 0
        said = capsys.readouterr().err
        assert f"Dask shows what it works on at {cluster.dashboard_link}" in said
        assert len(cluster.scheduler.workers) == 1
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")


@pytest.mark.parametrize("text", ["", "there", "tcp://host", "host:0", "host:70000", "http://a:80"])
def test_what_is_no_address_is_refused(text):
    words = r"^Invalid `client`. Expected the address of a scheduler.*Received: "
    with pytest.raises(InvalidError, match=words + re.escape(text)):
        address_of(text)


def test_a_file_without_an_address_is_named(tmp_path):
    file = tmp_path / "scheduler.json"
    for said in ("no JSON", "[1]", '{"address": "inproc://1"}', "{}"):
        file.write_text(said)
        with pytest.raises(InvalidError, match=r"scheduler\.json, which has none"):
            address_of(str(file))


def test_nobody_at_an_address_is_said_before_anything_is_done(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        words = rf"^Invalid `client`.*answers within 60 s.*tcp://{address}: Connection refused"
        with pytest.raises(InvalidError, match=words):
            cl.predict(
                MODEL, cl.simulate.nuclei((32, 32), 2, seed=1)[0], out=tmp_path / "a.zarr",
                client=address, progress=False,
            )  # fmt: skip
        runs = cl.grid(cl.DataSplit(tmp_path))
        with pytest.raises(InvalidError, match=words):
            cl.runs.start(runs, store=tmp_path / "runs", client=address, progress=False)
    assert cl.Store(tmp_path / "runs").names() == []
    assert not (tmp_path / "a.zarr").exists()


def test_a_scheduler_that_is_lost_ends_the_work_and_fails_no_block_or_image(monkeypatch):
    class Cancelled:
        """Of a client whose scheduler is gone."""

        def result(self) -> None:
            raise CancelledError("scheduler-connection-lost")

    def none_is_done(*args: object) -> Iterator[tuple[int, Callable[[], object]]]:
        yield 0, partial(work._result_of, Cancelled(), "block")

    words = r"^Invalid `client`.*connection was lost. What is finished is kept: .* goes on"
    monkeypatch.setattr(volume, "each_block", none_is_done)
    job = SimpleNamespace(is_done=lambda k: False)
    with pytest.raises(InvalidError, match=words):
        list(volume.all_blocks(print, job, range(3), None, None, "{}/{}"))
    finish = partial(work._result_of, Cancelled(), "image")
    with pytest.raises(InvalidError, match=words):
        collect._finished(finish, SimpleNamespace(id="a"), InMemory(), alone=False)


def test_what_is_no_client_is_refused():
    with pytest.raises(InvalidError, match=r"Expected a client of Dask, the address.*Received: 3"):
        with client_of(3):
            pass
