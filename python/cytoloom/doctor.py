"""What this machine offers to cytoloom, and what to install where something is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys

from .errors import BackendError
from .messages import in_lines
from .models import engines
from .models.openvino import installed
from .runtime import backend
from .runtime.machine import cores, cpu_features, memory_gb

MISSING = "not installed"


def report() -> dict[str, str]:
    """Look at the machine and say what was found; the backend is started to be sure of it.

    Returns
    -------
    dict of str to str
        One line per subject, in the order in which they are read: versions, backend, device,
        cores, CPU features, the precision that ``precision="auto"`` chooses, memory, disk, R.

    Examples
    --------
    >>> found = report()
    >>> list(found)[:4]
    ['cytoloom', 'Python', 'platform', 'Keras']
    """
    found = {
        "cytoloom": _version("cytoloom"),
        "Python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "Keras": _version("keras"),
        **_backend(),
        "CPU cores": str(cores()),
        "CPU features": ", ".join(cpu_features()) or "none that speed this up",
    }
    memory = memory_gb()
    if memory:
        found["memory"] = f"{memory:.1f} GB"
    found["disk"] = f"{shutil.disk_usage(os.getcwd()).free / 1e9:.1f} GB free here"
    found["R"] = _r()
    return found


def text(found: dict[str, str]) -> str:
    """Lay the report out in two columns.

    Examples
    --------
    >>> print(text({"Python": "3.11", "disk": "7 GB"}))
    Python  3.11
    disk    7 GB
    """
    return in_lines(found, max(map(len, found)) + 1)


def ready(found: dict[str, str]) -> bool:
    """Whether `report` found a backend that starts, so that training and predicting can work."""
    return "device" in found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return MISSING


def _backend() -> dict[str, str]:
    try:
        running = backend.name()
    except BackendError as error:
        return {"backend": f"none. {error}"}
    except Exception as error:
        return {"backend": f"installed, but does not start ({type(error).__name__}: {error})"}
    packages = {
        "tensorflow": ("tensorflow", "tensorflow_cpu"),
        "jax": ("jax",),
        "torch": ("torch",),
    }
    versions = [v for v in map(_version, packages[running]) if v != MISSING]
    precision = backend.resolve_precision("auto")
    why = "" if precision == "bfloat16" else " (no GPU, no avx512_bf16, no amx_bf16)"
    return {
        "backend": " ".join([running, *versions[:1]]),
        "device": backend.device(),
        "precision": f"{precision}{why}",
        "fast prediction": _fast(),
    }


def _fast() -> str:
    if os.environ.get("CYTOLOOM_ENGINE") == "keras":
        return "off: CYTOLOOM_ENGINE=keras is set"
    if not engines.suits():
        return "OpenVINO not needed: a GPU, bfloat16 or another backend computes here"
    version = installed()
    if version is None:
        return 'OpenVINO not installed; to predict in half the time: pip install "cytoloom[fast]"'
    return f"OpenVINO {version}, for models with which it found the same objects as Keras"


def _r() -> str:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return "not found; needed only for cytoloom's R package"
    return f'{rscript}; to use this Python from it: RETICULATE_PYTHON="{sys.executable}"'
