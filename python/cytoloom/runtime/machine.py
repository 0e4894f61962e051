"""What this machine has: cores, memory, features of its CPU."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def cores() -> int:
    """CPU cores this process may use: affinity mask and container quota respected."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota()))


def _quota() -> int:
    try:
        # containers limit time, not cores: os.cpu_count() there is that of the host
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return sys.maxsize


def cpu_features() -> list[str]:
    """Of the CPU features that matter for speed, those that this machine has."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    line = next((row for row in text.splitlines() if row.startswith("flags")), "")
    return [name for name in _FEATURES if name in line.split()]


def has_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16, without slow emulation."""
    return bool({"avx512_bf16", "amx_bf16"} & set(cpu_features()))


def memory_gb() -> float | None:
    """Memory of the machine or of its container, whichever is less; None if unknown."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        limit = "max"
    return (min(whole, int(limit)) if limit.isdecimal() else whole) / 1e9


def free_memory_gb() -> float:
    """Memory that programs may still ask for, of the machine or its container; inf if unknown.

    Examples
    --------
    >>> 0 < free_memory_gb() <= (memory_gb() or float("inf"))
    True
    """
    whole = memory_gb()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        lines = []
    free = [int(row.split()[1]) / 1e6 for row in lines if row.startswith("MemAvailable")]
    return min([*free, math.inf if whole is None else whole])
