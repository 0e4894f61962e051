"""The only file that may know which backend runs: device, threads, precision.

Every other file uses `keras` and `keras.ops`, so that TensorFlow (default), JAX and torch can
all run it. Keras is imported by `require` alone, once, silently, with the settings that make a
run repeatable.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BackendError, invalid
from ..events import standard_error
from ..messages import Either, Message, one_of, say
from .machine import cores, cpu_features, has_bfloat16

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
THREADS = {"tensorflow": "TF_NUM_INTEROP_THREADS", "jax": "NPROC", "torch": "OMP_NUM_THREADS"}
PRECISIONS = ("auto", "float32", "bfloat16")
_state: dict[str, Any] = {
    "pid": None,
    "started_by_others": False,
    "threads": None,
    "forked": False,
    "ndim": 2,
}
_KERNELS, _OURS = "TF_ENABLE_ONEDNN_OPTS", "CYTOLOOM_KERNELS"
FORKED = say(
    "A forked process cannot use the deep-learning backend that already ran in its parent. {}",
    Either(
        'Make workers with multiprocessing.get_context("spawn"), or before the first training or '
        "prediction.",
        "Use parallel::makeCluster() instead of mclapply().",
        "Start a fresh process.",
    ),
)


def available() -> list[str]:
    """Names of the installed backends, the default first, without importing any."""
    return [name for name, module in BACKENDS.items() if importlib.util.find_spec(module)]


def require(threads: int | None = None, ndim: int = 2) -> ModuleType:
    """Import Keras on an installed backend and return it.

    Parameters
    ----------
    threads : int, optional
        Cores to compute on; default all that the process may use. Only the first call in a
        process can choose: later calls keep what runs.
    ndim : int, default 2
        Of the images that are computed on; the first call chooses by it, see `other_kernels`.

    Raises
    ------
    BackendError
        When no backend is installed; the message says what to install. In a process that was
        forked from one in which a backend ran.
    """
    check()
    if _state["pid"] is None:
        _start(threads, ndim)
    import keras

    return keras


def check() -> None:
    """Raise `BackendError` where no backend can be started, without starting one."""
    # TensorFlow's threads do not survive a fork: the child would wait for them for ever
    if _state["forked"]:
        raise BackendError(FORKED)
    if _state["pid"] is not None or "keras" in sys.modules:
        return
    chosen = planned()
    if chosen not in available():
        of_file = available() and "KERAS_BACKEND" not in os.environ
        where = (
            f"The backend {chosen} of Keras' {_file()}" if of_file else f"KERAS_BACKEND={chosen}"
        )
        wanted = f"{where} is not installed. " if of_file or "KERAS_BACKEND" in os.environ else ""
        raise BackendError(
            f"{wanted}cytoloom needs a deep-learning backend. "
            'Run: pip install "cytoloom[cpu]" (or [gpu], [jax], [torch]).'
        )


def planned() -> str:
    """Name of the backend that runs, or that `require` would start, without starting it."""
    imported = getattr(sys.modules.get("keras"), "backend", None)
    if hasattr(imported, "backend"):
        return str(imported.backend())
    chosen, found = os.environ.get("KERAS_BACKEND"), available()
    if chosen:
        return chosen
    # the file may hold what Keras wrote of itself when it was first used, on another backend
    usual = _of_file() or "tensorflow"
    return found[0] if found and usual == "tensorflow" and usual not in found else usual


def _file() -> Path:
    """Return the file in which Keras keeps its settings."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "keras.json"


def _of_file() -> str | None:
    """Name of the backend in that file, if any."""
    try:
        settings = json.loads(_file().read_text())
    except (OSError, RuntimeError, ValueError):  # none, no home, or not JSON: as Keras, go on
        return None
    name = settings.get("backend") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else None


def _forked() -> None:
    """Note in a child whether its parent had started a backend, also without cytoloom."""
    # to import TensorFlow starts no threads, its first operation does
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    ran = bool(getattr(context, "_initialized", False))
    _state["forked"] = _state["forked"] or _state["pid"] is not None or ran


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _start(asked: int | None, ndim: int) -> None:
    chosen = planned()
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = chosen
    # threads can be set before the backend is imported, not after
    _state["started_by_others"] = _started_by_others(chosen)
    # One core for an operation, and operations side by side: 0.144 instead of 0.276 s a step on two
    # cores, and the order of additions does not depend on their number.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    # a parent's choice, which it left in the environment, holds
    threads = asked or _given_threads(chosen) or cores()
    os.environ[_variable(chosen)] = str(threads)
    _choose_kernels(ndim)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # set before the first import: TensorFlow reads all of these once
    with _quiet_stderr():
        importlib.import_module("keras")
    # it warns of retracing once a process has used five models
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if chosen == "torch":
        import torch

        torch.set_num_threads(threads)
    _state["pid"], _state["ndim"], _state["threads"] = os.getpid(), ndim, threads


def _variable(chosen: str) -> str:
    """Return where a backend, and the processes that this one starts, look for the threads."""
    return THREADS.get(chosen, THREADS["tensorflow"])


def _given_threads(chosen: str) -> int | None:
    """Return how many threads the environment asks for, if any."""
    words = os.environ.get(_variable(chosen), "")
    return int(words) if words.isdigit() and int(words) else None


def _started_by_others(chosen: str) -> bool:
    """Whether other code has started the backend with threads that cannot be chosen any more."""
    if chosen == "tensorflow":
        return "tensorflow" in sys.modules and os.environ.get("TF_NUM_INTRAOP_THREADS") != "1"
    bridge = sys.modules.get("jax._src.xla_bridge") if chosen == "jax" else None
    return bool(getattr(bridge, "_backends", None))


def _choose_kernels(ndim: int) -> None:
    """Choose TensorFlow's kernels for this process, unless its user has."""
    if _KERNELS in os.environ and _OURS not in os.environ:
        return
    # oneDNN's kernels for AVX2 are faster (0.135 instead of 0.213 s a step in 2-D, 0.57 instead of
    # 7.3 in 3-D) but add up in an order that depends on the size of the tile: tiles differ from the
    # whole by 1e-6, which is promised not to be so in 2-D
    if ndim == 3 and platform.machine() in ("x86_64", "AMD64"):
        os.environ.update({_KERNELS: "1", _OURS: "1"})
        os.environ.pop("TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL", None)
    elif "avx512f" not in cpu_features():
        os.environ.update({_KERNELS: "0", _OURS: "1"})
        os.environ.setdefault("TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL", "0")
    else:  # TensorFlow's own choice; of a parent that computed on stacks it would be ours
        os.environ.pop(_KERNELS, None)
        os.environ.pop(_OURS, None)


def other_kernels(ndim: int) -> Message | None:
    """Say that this process began with images of other dimensions, where that matters; else None.

    TensorFlow chooses its kernels once. On a CPU without AVX-512 those for stacks are other ones.
    """
    before = _state["ndim"]
    decided = _KERNELS in os.environ and _OURS not in os.environ
    if before == ndim or decided or name() != "tensorflow" or gpu():
        return None
    # where TensorFlow takes oneDNN of itself
    if {"avx512_vnni", "avx512_bf16", "amx_bf16"} & set(cpu_features()):
        return None
    kinds = {2: "planes", 3: "stacks"}
    other = kinds[ndim]
    fresh = f"Start a fresh process for {other}."
    slow = "takes some ten times as long and " if ndim == 3 else ""
    text = (
        f"This process began with {kinds[before]}, for which TensorFlow computes in another way on "
        f"this CPU: what is done with {other} {slow}differs in the last digits from that of a "
        "fresh process. {}"
    )
    return say(text, Either(fresh, f"Restart R for {other}.", fresh))


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep the backend's C++ chatter off the terminal; replay it when the import fails."""
    stream = standard_error()
    stream.flush()
    with contextlib.ExitStack() as stack:
        try:
            # without standard error the second of the open files may be anything
            if stream is not sys.stderr:
                raise OSError
            saved = os.dup(2)
            stack.callback(os.close, saved)
            log = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # nothing to keep it off, or nowhere to put it
            yield
            return
        stack.callback(os.dup2, saved, 2)
        stack.callback(stream.flush)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            log.seek(0)
            stream.write(log.read().decode(errors="replace"))
            raise


def name() -> str:
    """Name of the running backend: "tensorflow", "jax" or "torch"."""
    return str(require().backend.backend())


def threads() -> int:
    """Cores that the running backend computes on."""
    require()
    return int(_state["threads"])


def running() -> bool:
    """Whether this process has started a backend by way of cytoloom."""
    return _state["pid"] is not None


def planned_threads() -> int:
    """Cores that a backend computes on or would, without starting one."""
    return int(_state["threads"] or _given_threads(planned()) or cores())


def one_core_each() -> bool:
    """Whether an operation keeps to one core, as on TensorFlow without a GPU."""
    return name() == "tensorflow" and not gpu()


def workers() -> int:
    """How many images the network should be given side by side."""
    return threads() if one_core_each() else 1


def repeatable(ndim: int) -> bool:
    """Whether the same seed gives the same weights here, of images of `ndim` dimensions."""
    return why_not_repeatable(ndim) is None


def why_not_repeatable(ndim: int) -> str | None:
    """Say why the same seed may give other weights here another time; None where it does not.

    Other code had started the backend, with threads of its own; this process began with images of
    other dimensions, see `other_kernels`; or a GPU computes, which adds up in any order.
    """
    running = NAMES.get(name(), name())
    if gpu():
        return f"{running} adds up in any order on a GPU"
    if _state["started_by_others"]:
        return f"{running} was already running"
    if other_kernels(ndim) is not None:
        return "this process began with images of other dimensions"
    return None


def device() -> str:
    """One line on what computes: a GPU's name, or the CPU and its threads."""
    return gpu() or f"CPU, {threads()} threads"


def gpu() -> str | None:
    """Name of the GPU that the running backend computes on; None without one."""
    running = name()
    if running == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        if found:
            return str(tf.config.experimental.get_device_details(found[0]).get("device_name"))
    if running == "jax":
        import jax

        if jax.default_backend() == "gpu":
            return str(jax.devices()[0].device_kind)
    if running == "torch":
        import torch

        if torch.cuda.is_available():
            return str(torch.cuda.get_device_name())
    return None


def resolve_precision(precision: str) -> str:
    """Turn ``"auto"`` into what is fastest here without slow emulation.

    bfloat16 where the CPU has ``avx512_bf16`` or ``amx_bf16``, or a GPU computes; else float32.
    """
    if precision not in PRECISIONS:
        raise invalid("precision", expected=one_of(PRECISIONS), received=precision)
    if precision != "auto":
        return precision
    return "bfloat16" if has_bfloat16() or gpu() else "float32"


def precision_of(network: Any) -> str:
    """Return the precision that a network was built in: "float32" or "bfloat16"."""
    policies = {layer.dtype_policy.name for layer in network.layers}
    return "bfloat16" if "mixed_bfloat16" in policies else "float32"


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Build layers in this precision (``"float32"`` or ``"bfloat16"``), then restore the global."""
    keras = require()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def forward(network: Any) -> Callable[[Any], dict[str, Any]]:
    """Compile inference: a function from images to logits.

    Activations are left to NumPy: the backend's differ in the last bit between the body and
    the tail of an array, and with it between tiles.

    Parameters
    ----------
    network : keras.Model
        One input ``(batch, spatial..., channels)``, or several by name; output a dict of logits
        by head.

    Returns
    -------
    callable
        From float32 ``(batch, spatial..., channels)``, or from a dict of inputs, to
        ``{head: float32 ndarray}``; any spatial size without compiling anew on TensorFlow.
    """
    keras = require()
    import numpy as np

    def logits(images: Any) -> Any:
        return network(images, training=False)

    if name() == "tensorflow":
        import tensorflow as tf

        specs = {t.name: tf.TensorSpec((None, *t.shape[1:]), tf.float32) for t in network.inputs}
        signature = specs if len(specs) > 1 else next(iter(specs.values()))
        logits = tf.function(logits, input_signature=[signature], jit_compile=False)
    elif name() == "jax":
        logits = _jax_logits(network)
    elif name() == "torch":
        import torch

        logits = torch.no_grad()(logits)

    def run(images: Any) -> dict[str, Any]:
        found = logits(as_taken(network, images))
        return {head: np.asarray(keras.ops.convert_to_numpy(m)) for head, m in found.items()}

    return run


def forget_kernels() -> None:
    """Give back what TensorFlow keeps of each function that ran: also when nobody can.

    Some 6 MB for each training of the default network. Functions that still are make theirs anew.
    """
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    if hasattr(context, "clear_kernel_cache"):
        context.clear_kernel_cache()


def as_taken(network: Any, inputs: Any) -> Any:
    """Return inputs by name as a network takes them: the only one of one that has one alone.

    Raises
    ------
    ValueError
        Of another shape. TensorFlow says so, too, but keeps a lock: whoever calls the same
        function from another thread would wait for ever.
    """
    names = [tensor.name for tensor in network.inputs]
    by_name = inputs if isinstance(inputs, dict) else {names[0]: inputs}
    for tensor in network.inputs:
        _refuse_shape(tensor, by_name[tensor.name])
    if not isinstance(inputs, dict):
        return inputs
    return {name: inputs[name] for name in names} if len(names) > 1 else inputs[names[0]]


def _refuse_shape(tensor: Any, given: Any) -> None:
    wanted, shape = tuple(tensor.shape), tuple(given.shape)
    fits = len(shape) == len(wanted) and all(
        w in (None, s) for w, s in zip(wanted[1:], shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(f"the network takes arrays of shape {wanted}, not {shape}")


def _jax_logits(network: Any) -> Callable[[Any], Any]:
    """Compile for JAX with the weights as arguments: a closure would keep those of today."""
    import jax

    compiled = jax.jit(lambda t, n, x: network.stateless_call(t, n, x, training=False)[0])

    def logits(images: Any) -> Any:
        trained, others = network.trainable_variables, network.non_trainable_variables
        return compiled([v.value for v in trained], [v.value for v in others], images)

    return logits
