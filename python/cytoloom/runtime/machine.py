"""What this machine has: cores, memory, features of its CPU."""

from __future__ import annotations

import contextlib
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
    return min([whole, *_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))]) / 1e9


def _limits(groups: Path, root: Path) -> list[int]:
    """Return how many bytes a container, or the job of a queue, may have; of all groups above.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "slurm" / "job_7").mkdir(parents=True)
    >>> for folder, limit in (("slurm", "64000"), ("slurm/job_7", "16000")):
    ...     _ = (root / folder / "memory.max").write_text(limit)
    >>> _ = (root / "groups").write_text("0::/slurm/job_7")
    >>> _limits(root / "groups", root)
    [16000, 64000]
    """
    try:
        lines = [row.split(":", 2) for row in groups.read_text().splitlines()]
    except OSError:
        lines = []
    # of the first version of these, or of the second
    places = [(root, "memory.max"), (root / "memory", "memory.limit_in_bytes")]
    for _, of, path in (line for line in lines if len(line) == 3):
        top, name = places[1] if "memory" in of.split(",") else places[0]
        inner = top / path.lstrip("/")
        places += [(folder, name) for folder in (inner, *inner.parents) if top in folder.parents]
    found = []
    for folder, name in places:
        with contextlib.suppress(OSError):
            found.append((folder / name).read_text().strip())
    return [int(text) for text in found if text.isdecimal()]


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
