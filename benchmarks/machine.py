"""What a figure was measured on, in one line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from cytoloom.runtime import backend


def describe() -> str:
    """CPU, cores, features, precision, memory, versions and how busy the machine is."""
    chosen = backend.available()[0]
    versions = [f"Python {platform.python_version()}", f"keras {_version('keras')}"]
    versions.append(f"{chosen} {_version(chosen, f'{chosen}-cpu')}")
    return ", ".join(
        [
            cpu_model(),
            f"{backend.cores()} cores",
            " ".join(backend.cpu_features()) or "no AVX",
            f"precision {backend.resolve_precision('auto')}",
            f"{_memory_gb():.0f} GB",
            *versions,
            f"load {os.getloadavg()[0]:.1f}",
        ]
    )


def cpu_model() -> str:
    """Name of the CPU."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [row.split(":", 1)[1].strip() for row in text.splitlines() if "model name" in row]
    return names[0] if names else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _version(*names: str) -> str:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"
