"""A verb that runs beside the server, in a process of its own, and how far it is."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
ENDS_S = 20.0
"""So long one that is told to stop may take to save what it has, before it is killed."""
MOST_POINTS = 2000


class Job:
    """One verb at work.

    Parameters
    ----------
    verb : str
        "check" or "train".
    arguments : dict
        Of the verb, as plain values; `minutes` of a training's `Trainer`.
    """

    def __init__(self, verb: str, arguments: Mapping[str, Any]) -> None:
        self._state: dict[str, Any] = {
            "verb": verb, "running": True, "message": "", "done": 0.0, "total": 0.0,
            "notes": [], "curve": [], "result": "", "error": "",
        }  # fmt: skip
        self._lock = threading.Lock()
        beside = os.environ.get("PYTHONPATH", "")
        paths = os.pathsep.join([str(PACKAGE.parent), *([beside] if beside else [])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C is for the server, which tells it
        )  # fmt: skip
        self._send(json.dumps({"verb": verb, "arguments": dict(arguments)}))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process.poll() is None

    def state(self) -> dict[str, Any]:
        """Return how far it is: its messages, the numbers of its curve, its result or error."""
        with self._lock:
            return json.loads(json.dumps(self._state))  # type: ignore[no-any-return]

    def stop(self) -> None:
        """Ask it to end; a training keeps what it has."""
        self._send("stop")

    def end(self) -> None:
        """Ask it to end, and wait until it has."""
        self.stop()
        try:
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _send(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Take what it tells, until it ends."""
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        for line in self._process.stdout:
            with self._lock, contextlib.suppress(ValueError, KeyError):
                self._take(json.loads(line))
        code = self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with self._lock:
            self._state["running"] = False
            if not self._state["result"] and not self._state["error"]:
                self._state["error"] = f"It ended without a result (exit code {code})."

    def _take(self, told: Mapping[str, Any]) -> None:
        state, kind = self._state, told["kind"]
        if kind == "progress":
            state |= {key: told[key] for key in ("message", "done", "total")}
            if "score" in told["numbers"]:
                state["curve"] = [*state["curve"], told["numbers"]][-MOST_POINTS:]
        elif kind in ("note", "warning"):
            state["notes"] = [*state["notes"], told["message"]][-50:]
        else:
            state[kind] = told["message"]
