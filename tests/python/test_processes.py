"""Models go to other processes; what cannot work there says so instead of standing still."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.models.untrained import untrained

IMAGE, _ = cl.simulate.nuclei(shape=(64, 64), count=6, seed=9)


def test_models_go_to_a_spawned_pool_whether_saved_or_not(trained):
    """One was loaded from its folder, one is in memory alone."""
    models = [cl.load(trained.path), small.train(trainer=small.trainer(iterations=2))]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap_async(cl.Model.predict, [(m, IMAGE) for m in models]).get(120)
    for model, labels in zip(models, found, strict=True):
        assert np.array_equal(labels, model.predict(IMAGE))


def test_a_pickle_holds_the_model_as_it_is_whatever_becomes_of_its_folder(trained, tmp_path):
    folder = shutil.copytree(trained.path, tmp_path / "m.cytoloom")
    model = cl.load(folder)
    as_loaded = pickle.dumps(model)
    expected = model.predict_maps(IMAGE)["foreground"]
    model.keras.set_weights([w * 0 for w in model.keras.get_weights()])
    changed = pickle.loads(pickle.dumps(model))
    shutil.rmtree(folder)
    assert np.array_equal(pickle.loads(as_loaded).predict_maps(IMAGE)["foreground"], expected)
    assert np.ptp(changed.predict_maps(IMAGE)["foreground"]) == 0
    saved = cl.load(pickle.loads(as_loaded).save(folder))
    assert small.same_weights(saved, cl.load(trained.path))


def test_copies_of_a_model_share_what_runs_it_but_not_what_may_be_changed(trained):
    text = pickle.dumps(cl.load(trained.path))
    one, other = pickle.loads(text), pickle.loads(text)
    assert one.engine is other.engine
    expected = other.predict_maps(IMAGE)["foreground"]
    one.keras.set_weights([w * 0 for w in one.keras.get_weights()])
    assert np.array_equal(other.predict_maps(IMAGE)["foreground"], expected)


INHERITED: list[cl.Model] = []


def by_inherited(image: np.ndarray) -> np.ndarray:
    """Predict by the very model of the parent, which no pickle brought."""
    return INHERITED[0].predict(image)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_after_a_prediction_is_told_instead_of_standing_still():
    model = untrained()
    model.predict(IMAGE)
    INHERITED[:] = [model]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        for work in (model.predict, untrained().predict, by_inherited):
            with pytest.raises(cl.BackendError, match=r"forked process.*spawn"):
                pool.apply_async(work, (IMAGE,)).get(60)


FORKS = """
    import multiprocessing
    import numpy as np
    import tensorflow as tf
    import cytoloom as cl
    from cytoloom.models.untrained import untrained
    from cytoloom.runtime import backend

    def forked():
        with multiprocessing.get_context("fork").Pool(1) as pool:
            try:
                return pool.apply_async(untrained().predict, (np.zeros((32, 32)),)).get(60).shape
            except cl.BackendError as error:
                return type(error).__name__

    print(forked())
    (tf.constant(1.0) + 1).numpy()
    print(forked())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_works_until_tensorflow_has_run_whoever_ran_it():
    command = [sys.executable, "-c", textwrap.dedent(FORKS)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert run.stdout.splitlines() == ["(32, 32)", "BackendError"]


def test_a_training_leaves_no_graph_behind():
    """TensorFlow's graph of a step is what takes most memory: 10 MB of a small network."""

    def graphs() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    small.train(trainer=small.trainer(iterations=2))
    before = graphs()
    small.train(trainer=small.trainer(iterations=2))
    assert graphs() == before
