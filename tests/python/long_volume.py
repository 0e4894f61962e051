"""Training on a volume of nominal 100 GB, with labels of 400: memory stays below 4 GiB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from large_volume import sparse_volume

TRAIN = """
import resource, sys
import cytoloom as cl
data = cl.Data.from_pairs([sys.argv[1]], [sys.argv[2]])
cl.train(
    data,
    network=cl.UNet(filters=4, depth=1, ndim=3),
    normalize=cl.Normalize(range="dtype"),
    trainer=cl.Trainer(iterations=20, batch_size=2, patch_px=(16, 32, 32)),
    progress=False,
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def test_a_volume_of_100_gb_is_trained_on_in_4_gib(tmp_path: Path) -> None:
    """In a process of its own, whose peak is measured."""
    paths = sparse_volume(tmp_path, (4096, 5120, 5120), (64, 128, 128), 10)
    command = [sys.executable, "-c", TRAIN, *map(str, paths)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 4
