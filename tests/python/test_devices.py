"""Two devices that train together learn what one does; the processor stands for both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.runtime import backend, devices
from cytoloom.training.learn import learn
from cytoloom.training.resume import Keeper, settings_hash
from lessons import Crops

SCRIPT = """
import json, os, sys
sys.path.insert(0, {tests!r})
if {backend!r} == "tensorflow":
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import cytoloom as cl, small
from backends_models import MODELS
from cytoloom.events import result_of
from cytoloom.models.folder import open_model_folder
from cytoloom.training.learn import learn
from lessons import Crops

def trained(devices):
    how = dict(precision="float32", optimizer="sgd", learning_rate=0.1)
    trainer = small.trainer(iterations=5, batch_size=4, devices=devices, **how)
    model = small.train(network=None, start=MODELS["jax"], trainer=trainer)
    loss = model.history[model.history.metric == "loss"]
    return {{
        **{{name: loss.value[loss.set == name].tolist() for name in ("train", "validation")}},
        "device": model.info["device"],
        "reproducible": model.info["reproducible"],
    }}

def learned(stop):
    trainer = cl.Trainer(iterations=8, devices="all", checkpoint_s=0)
    folder = open_model_folder(str(stop))
    if stop:
        work = learn(Crops(), trainer, folder=folder)
        steps = (event for event in work if event.message.startswith("iteration"))
        for _ in range(stop):
            next(steps)
        work.close()
    last = result_of(learn(Crops(), trainer, folder=folder))
    return last.state.iteration, [w.tolist() for w in last.network.get_weights()]

same = learned(0) == learned(3)
one, two = trained(None), trained("all")
try:
    small.train(trainer=small.trainer(batch_size=5, devices="all"))
except cl.InvalidError as error:
    print(json.dumps([one, two, same, str(error)]))
"""
VIRTUAL = {"tensorflow": {}, "jax": {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}}


@pytest.mark.skipif(backend.name() not in VIRTUAL, reason="not offered on this backend")
def test_two_devices_have_the_loss_curve_of_one(tmp_path):
    """Of the same batches, within 1e-5: in float32 sums come in another order.

    Plain gradient descent notices gradients that are added up instead of averaged; the validation
    notices averages of normalisation that are those of one device alone.
    """
    script = SCRIPT.format(tests=str(Path(__file__).parent), backend=backend.name())
    environ = {**os.environ, **VIRTUAL[backend.name()]}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environ, cwd=tmp_path)
    one, two, same, refusal = json.loads(run.stdout.splitlines()[-1])
    assert len(one["train"]) == len(two["train"]) == 5
    for name in ("train", "validation"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5)
    assert (one["device"], two["device"]) == (
        backend.device(),
        f"2 devices, each {backend.device()}",
    )
    assert (one["reproducible"], two["reproducible"]) == (True, False)
    assert same, "a training that was broken off did not go on as if nothing had been"
    assert refusal.startswith(
        "Invalid `batch_size`. Expected a multiple of 2, the number of devices"
    )


def test_devices_are_part_of_what_must_be_the_same_to_go_on(monkeypatch):
    """States of one device are those of old: nothing is said of devices in them."""
    monkeypatch.setattr(devices, "_found", lambda: ["the only one"])
    one = settings_hash(Crops(), cl.Trainer(), "float32")
    assert settings_hash(Crops(), cl.Trainer(devices="all"), "float32") == one
    assert not [name for name in one if "devices" in name]
    monkeypatch.setattr(devices, "_found", lambda: ["first", "second"])
    two = settings_hash(Crops(), cl.Trainer(devices="all"), "float32")
    assert Keeper(None, two)._changed(one) == Keeper(None, one)._changed(two) == ["devices"]


def test_one_device_is_said_to_be_all(monkeypatch):
    monkeypatch.setattr(devices, "_found", lambda: ["the only one"])
    events = learn(Crops(), cl.Trainer(iterations=1, devices="all"))
    said = next(e.message for e in events if "There is one device" in str(e.message))
    assert said == "There is one device: devices='all' changes nothing."


def test_pytorch_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(backend, "name", lambda: "torch")
    with pytest.raises(cl.InvalidError, match=r"devices.*None on PyTorch.*TensorFlow or JAX"):
        devices.check("all", None)
    devices.check(None, 5)
