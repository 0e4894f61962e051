"""The engine with another lesson than segmentation: two inputs, a head without spatial axes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.events import Event, drain
from cytoloom.models.folder import open_model_folder
from cytoloom.runtime import backend
from cytoloom.training.learn import learn
from cytoloom.training.provenance import model_of
from lessons import Crops

STEPS = 200
SCRIPT = """
    import sys
    sys.path.insert(0, {tests!r})
    from test_lessons import learned
    for event in learned({out!r}):
        print(event.message, flush=True)
"""


def learned(out: Path | str | None = None):
    """The events of learning `Crops`, the model as the last of them."""
    trainer = cl.Trainer(iterations=STEPS, learning_rate=0.01, checkpoint_s=0.0)
    folder = open_model_folder(out)
    lesson = Crops()
    precision = backend.resolve_precision("auto")
    result = yield from learn(lesson, trainer, precision=precision, folder=folder)
    model = model_of(lesson, result, trainer, precision=precision)
    if folder is not None:
        folder.save(model)
        folder.clear()
    yield Event("result", value=model)


@pytest.fixture(scope="module")
def whole() -> cl.Model:
    """Learned without a break."""
    return drain(learned(), progress=False)


def test_another_lesson_trains_and_gets_better(whole):
    history = whole.history[whole.history["set"] == "validation"]
    losses = history[history["metric"] == "loss"]["value"].tolist()
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 2
    assert "Rebuild" in whole.summary()


def test_killed_again_and_again_it_ends_in_the_same_bits(whole, tmp_path):
    """Each process is killed somewhere on its way; the last one gets to the end."""
    out = tmp_path / "crops.cytoloom"
    script = textwrap.dedent(SCRIPT.format(tests=str(Path(__file__).parent), out=str(out)))
    for kills in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        for steps, line in enumerate(iter(process.stdout.readline, "")):
            if line.startswith("iteration") and steps > 5 + kills:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    model = drain(learned(out), progress=False)
    pairs = zip(model.keras.get_weights(), whole.keras.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_it_is_saved_loaded_and_predicts_the_same(whole, tmp_path):
    inputs, _ = Crops().batch(7)
    loaded = cl.load(whole.save(tmp_path / "crops.cytoloom"))
    first, second = whole.outputs(inputs), loaded.outputs(inputs)
    assert first["crop"].shape == (4, 16, 16, 1)
    assert first["bright"].shape == (4, 1)
    assert all(np.array_equal(first[head], second[head]) for head in first)


def test_each_validation_leaves_a_picture_the_last_few(tmp_path):
    drain(learned(tmp_path / "crops.cytoloom"), progress=False)
    folder = tmp_path / "crops.cytoloom/snapshots"
    names = sorted(p.name for p in folder.iterdir())
    assert names == [f"iteration_{k:07d}.png" for k in (160, 170, 180, 190, 200)]
    picture = cl.images.read(folder / names[-1]).array
    # crop as it is, as it should be and as it comes out: 16 px enlarged six times, 4 px between
    assert picture.shape == (96, 3 * 96 + 2 * 4, 3)
