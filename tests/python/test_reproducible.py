"""The same seed gives the same weights in every process, on any number of cores, bit for bit."""

from __future__ import annotations

import json
import os
import re
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


ORDER = """
import os, sys
import numpy as np
import cytoloom as cl
from cytoloom.models.untrained import untrained
from cytoloom.runtime import backend

backend.cpu_features = lambda: ["avx2"]
for ndim in map(int, sys.argv[1:]):
    one = untrained(network=cl.UNet(filters=2, depth=1, ndim=ndim))
    cl.predict(one, np.zeros((16,) * ndim + (1,), "uint8"), rescale=None, progress=False)
    print(os.environ["TF_ENABLE_ONEDNN_OPTS"], backend.repeatable(ndim), end=" ")
"""


@pytest.mark.parametrize(
    ("order", "printed", "words"),
    [
        (
            "332",
            "1 True 1 True 1 False",
            "began with stacks.*done with planes differs in the last digits",
        ),
        ("23", "0 True 0 False", "began with planes.*stacks takes some ten times as long"),
    ],
)
def test_the_kernels_of_a_process_suit_what_it_begins_with(order, printed, words):
    # inherited: what a parent of planes or stacks chose is not its child's choice
    inherited = {"TF_ENABLE_ONEDNN_OPTS": "0", "CYTOLOOM_KERNELS": "1"}
    command = [sys.executable, "-c", ORDER, *order]
    ended = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **inherited}
    )
    assert ended.stdout.strip() == printed
    assert re.search(words, ended.stderr, re.DOTALL)
    assert ended.stderr.count("This process began") == 1
