"""Slurm with one node on loopback, and the calls of docs/howto/any-size.md: by hand.

As root on Debian: apt-get install slurm-wlm munge; pip install dask-jobqueue; make test-cluster.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

import cytoloom as cl

MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
CONFIGURED = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}
SlurmdSpoolDir={folder}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def run(*command: object) -> str:
    """Run a program and return what it says."""
    return subprocess.run([*map(str, command)], check=True, text=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """A queue with one node, which is this machine and may have four jobs of a core."""
    folder, host = Path(tempfile.mkdtemp(prefix="cytoloom-slurm-")), socket.gethostname()
    folder.chmod(0o755)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    (folder / "slurm.conf").write_text(CONFIGURED.format(host=host, folder=folder))
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    places = {"key-file": "key", "socket": "munge.socket", "pid-file": "munged.pid",
              "log-file": "munged.log", "seed-file": "seed"}  # fmt: skip
    run("munged", "--force", *(f"--{name}={folder / file}" for name, file in places.items()))
    run("slurmctld")
    run("slurmd", "-N", host)
    try:
        yield
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            os.kill(int((folder / f"{name}.pid").read_text()), 15)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A store big.zarr and a folder images/ in the working directory, and what is in that."""
    monkeypatch.chdir(tmp_path)
    cl.volumes.write("big.zarr", cl.simulate.nuclei((300, 420), 130, seed=1)[0])
    made = {f"n{k}": cl.simulate.nuclei((96, 96), 10, seed=k)[0] for k in range(6)}
    Path("images").mkdir()
    for name, image in made.items():
        tifffile.imwrite(f"images/{name}.tif", image)
    return made


def assert_whole(labels: str, results: str) -> None:
    """What came of both is what one process finds."""
    whole = cl.predict(MODEL, "big.zarr", progress=False)
    found = cl.volumes.read_labels(labels)
    both = np.unique(np.stack([found.ravel(), whole[whole.names[0]].ravel()]), axis=1)
    assert both.shape[1] == found.max() + 1 == len(whole.objects) + 1
    folder = cl.predict(MODEL, "images", progress=False)
    assert all((labels == folder[name]).all() for name, labels in cl.results(results))


def test_jobs_of_an_array_do_a_part_each(slurm: None, images: dict[str, np.ndarray]) -> None:
    for given in ("big.zarr --out big.zarr/labels/nuclei --block-px 100", "images --out results"):
        call = f"cytoloom predict {MODEL} {given}"
        how = ("--parsable", "--cpus-per-task=1", "--mem=2G")
        part = f"{call} --part $SLURM_ARRAY_TASK_ID/4"
        jobs = run("sbatch", *how, "--array=1-4", "--wrap", part).strip()
        run("sbatch", *how, f"--dependency=afterany:{jobs}", "--wrap", call)
    end = time.monotonic() + 1800
    while run("squeue", "--noheader").strip() and time.monotonic() < end:
        time.sleep(2)
    assert_whole("big.zarr/labels/nuclei", "results")


def test_workers_of_dask_are_jobs(slurm: None, images: dict[str, np.ndarray]) -> None:
    from dask_jobqueue import SLURMCluster
    from distributed import Client

    with (
        SLURMCluster(cores=2, processes=1, memory="4GB", interface="lo") as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=2)
        how = {"client": client, "progress": False}
        cl.predict(MODEL, "big.zarr", out="big.zarr/labels/nuclei", block_px=150, **how)
        cl.predict(MODEL, "images", out="results", **how)
    assert_whole("big.zarr/labels/nuclei", "results")
