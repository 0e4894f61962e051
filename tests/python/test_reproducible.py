"""The same seed gives the same weights in every process, on any number of cores, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = """
    import hashlib, json, sys
    sys.path.insert(0, {tests!r})
    import cytoloom as cl, small

    def trained(precision, filters, seed=0):
        network = cl.UNet(filters=filters, depth=2, dropout=0.2)
        settings = dict(iterations=15, batch_size=4, patch_px=(64, 64), threads={cores})
        trainer = cl.Trainer(precision=precision, **settings)
        model = small.train(network=network, trainer=trainer, seed=seed)
        weights = b"".join(w.tobytes() for w in small.weights(model))
        return hashlib.sha256(weights).hexdigest()

    found = {{f"{{p}} {{f}}": trained(p, f) for p in ("float32", "bfloat16") for f in (16, 32)}}
    if {cores} == 1:
        found["another seed"] = trained("float32", 16, seed=1)
    print(json.dumps(found))
"""
CORES = (1, 2, 3)


@pytest.fixture(scope="module")
def hashes() -> list[dict[str, str]]:
    found = []
    for cores in CORES:
        script = SCRIPT.format(tests=str(Path(__file__).parent), cores=cores)
        command = [sys.executable, "-c", textwrap.dedent(script)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        found.append(json.loads(run.stdout.splitlines()[-1]))
    return found


@pytest.mark.parametrize("filters", [16, 32])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fifteen_steps_with_batch_norm_and_dropout_repeat(hashes, precision, filters):
    assert len({found[f"{precision} {filters}"] for found in hashes}) == 1


def test_settings_and_seeds_make_different_weights(hashes):
    assert len(set(hashes[0].values())) == len(hashes[0])
