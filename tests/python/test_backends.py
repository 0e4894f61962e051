"""Which backend runs, what is said of it, and that a model is the same on all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from backends_models import (
    MODELS,
    NETWORKS,
    all_tasks_of,
    maps_file,
    maps_of,
    maps_of_all_tasks,
)
from cytoloom.errors import BackendError
from cytoloom.models import engines
from cytoloom.runtime import backend
from cytoloom.training import learn
from lessons import Crops


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_the_maps_that_it_gave_where_it_was_trained(name):
    model = cl.load(MODELS[name])
    assert model.info["backend"] == name
    same_maps(maps_of(model), maps_file(name))


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("name", MODELS)
def test_so_do_the_heads_of_all_tasks_in_images_and_stacks(name, kind):
    model = cl.load(all_tasks_of(name, kind))
    assert model.info["backend"] == name
    same_maps(maps_of_all_tasks(model, kind), maps_file(name, kind))


def same_maps(found, file):
    """Whether maps are those of the file: 1e-4 is promised."""
    with np.load(file) as expected:
        assert set(found) == set(expected)
        for head, maps in expected.items():
            # else any network would do
            assert maps.std() > 1e-3
            np.testing.assert_allclose(found[head], maps, atol=1e-4, rtol=0, err_msg=head)


SEEN = """
import hashlib, json, os, sys
sys.path.insert(0, {tests!r})
import cytoloom as cl, small
from cytoloom.runtime import backend

network = cl.UNet(filters=4, depth=1, dropout=0.2)
model = small.train(network=network, trainer=small.trainer(threads=1))
weights = b"".join(w.tobytes() for w in small.weights(model))
tasks = [open(f"/proc/self/task/{{t}}/comm").read().strip() for t in os.listdir("/proc/self/task")]
print(json.dumps([hashlib.sha256(weights).hexdigest(), model.info["reproducible"],
                  model.info["threads"], tasks.count("tf_XLAEigen")]))
"""


@pytest.mark.skipif(backend.name() == "tensorflow", reason="test_reproducible looks at it there")
def test_the_same_seed_gives_the_same_weights_in_every_process_on_the_threads_asked_for():
    script = SEEN.format(tests=str(Path(__file__).parent))
    runs = [
        subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    (one, same, threads, pool), other = (json.loads(run.stdout.splitlines()[-1]) for run in runs)
    assert (one, same, threads) == (other[0], True, 1)
    assert pool == (1 if backend.name() == "jax" else 0)


def chosen(monkeypatch, installed, *, env=None, file=None, folder=None):
    """Which backend would be started where none is imported."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setitem(backend._state, "pid", None)
    monkeypatch.setattr(backend, "available", lambda: installed)
    monkeypatch.setenv("KERAS_HOME", str(folder))
    if env:
        monkeypatch.setenv("KERAS_BACKEND", env)
    if file is not None:
        (folder / "keras.json").write_text(file)
    backend.check()
    return backend.planned()


@pytest.mark.parametrize(
    ("installed", "given", "name"),
    [
        (["tensorflow", "jax"], {}, "tensorflow"),
        (["tensorflow", "jax"], {"env": "jax", "file": '{"backend": "tensorflow"}'}, "jax"),
        (["tensorflow", "jax"], {"file": '{"backend": "jax"}'}, "jax"),
        (["jax"], {}, "jax"),
        # what Keras wrote when it was first used
        (["jax"], {"file": '{"backend": "tensorflow"}'}, "jax"),
        (["tensorflow"], {"file": "no JSON"}, "tensorflow"),
        (["tensorflow"], {"file": "[]"}, "tensorflow"),
    ],
)
def test_the_backend_is_known_before_it_starts(monkeypatch, tmp_path, installed, given, name):
    assert chosen(monkeypatch, installed, folder=tmp_path, **given) == name
    monkeypatch.setattr(engines, "has_bfloat16", lambda: False)
    monkeypatch.setattr(engines.Path, "exists", lambda self: False)
    # OpenVINO's form is made of TensorFlow's graph
    assert engines.suits() == (name == "tensorflow")


@pytest.mark.parametrize(
    ("installed", "given", "words"),
    [
        ([], {}, "^cytoloom needs a deep-learning backend"),
        (["jax"], {"env": "torch"}, "^KERAS_BACKEND=torch is not installed"),
        (["jax"], {"file": '{"backend": "torch"}'}, r"^The backend torch of .*keras\.json is not"),
    ],
)
def test_a_backend_that_is_not_there_is_said(monkeypatch, tmp_path, installed, given, words):
    with pytest.raises(BackendError, match=words):
        chosen(monkeypatch, installed, folder=tmp_path, **given)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("tensorflow", "TF_NUM_INTEROP_THREADS"), ("jax", "NPROC"), ("torch", "OMP_NUM_THREADS")],
)
def test_threads_are_those_of_the_backend(monkeypatch, name, variable):
    monkeypatch.setattr(backend, "planned", lambda: name)
    monkeypatch.setitem(backend._state, "threads", None)
    monkeypatch.setattr(backend, "cores", lambda: 7)
    for other in ("TF_NUM_INTEROP_THREADS", "NPROC", "OMP_NUM_THREADS"):
        monkeypatch.setenv(other, "3")
    monkeypatch.setenv(variable, "5")
    assert backend.planned_threads() == 5
    for nothing in ("0", "many"):
        monkeypatch.setenv(variable, nothing)
        assert backend.planned_threads() == 7


def test_why_a_seed_may_not_repeat_names_the_backend_and_the_cause(monkeypatch):
    words = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}[backend.name()]
    assert backend.why_not_repeatable(2) is None
    assert learn._seed_words(Crops()) == "seed 0"
    monkeypatch.setitem(backend._state, "started_by_others", True)
    assert learn._seed_words(Crops()).endswith(f", not repeatable: {words} was already running")
    monkeypatch.setattr(backend, "gpu", lambda: "a GPU")
    assert backend.why_not_repeatable(2) == f"{words} adds up in any order on a GPU"
    assert not backend.repeatable(2)


def test_tensorflow_that_other_code_imported_has_its_own_threads(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert not backend._started_by_others("tensorflow")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    assert backend._started_by_others("tensorflow")


@pytest.mark.skipif(backend.name() != "jax", reason="of JAX alone")
def test_jax_that_other_code_started_is_noticed():
    """Its threads are made with the first array, and cannot be chosen any more."""
    script = "import jax\n{}\nfrom cytoloom.runtime import backend\nprint(backend.repeatable(2))\n"
    for first, repeatable in (("", "True"), ("jax.numpy.ones(1)", "False")):
        command = [sys.executable, "-c", script.format(first)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        assert run.stdout.split()[-1] == repeatable


def test_arrays_of_another_shape_are_refused_before_the_backend_sees_them() -> None:
    """TensorFlow would keep its lock, and the next thread that calls would wait for ever."""
    from concurrent.futures import ThreadPoolExecutor

    from cytoloom.runtime import backend

    keras = backend.require()
    image = keras.Input((8, 8, 1), name="image")
    network = keras.Model(image, {"code": keras.layers.Flatten()(image)})
    run = backend.forward(network)
    with ThreadPoolExecutor(2) as pool:
        wrong = pool.submit(run, np.zeros((1, 9, 8, 1), np.float32))
        with pytest.raises(ValueError, match=r"\(None, 8, 8, 1\), not \(1, 9, 8, 1\)"):
            wrong.result(timeout=60)
        right = pool.submit(run, np.zeros((2, 8, 8, 1), np.float32))
        assert right.result(timeout=60)["code"].shape == (2, 64)
