"""Run a script on one core, by the clock of its own work, so that it may run beside other work.

Seconds and minutes then are those of the processor: what the process has computed, all its threads
together, not what has passed. Only what reads ``time.monotonic`` or ``time.perf_counter`` follows.

    python benchmarks/one_core.py 0 -m benchmarks.volumes_em --minutes 30 --out volumes
    python benchmarks/one_core.py 1 script.py arguments
"""

from __future__ import annotations

import os
import queue  # noqa: F401  its waits, and those of threads, keep the real clock
import runpy
import sys
import threading  # noqa: F401
import time


def main() -> None:
    core, *rest = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    time.monotonic = time.perf_counter = time.process_time
    module = rest[0] == "-m"
    sys.argv = rest[1:] if module else rest
    if module:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
