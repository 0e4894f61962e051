"""Worker processes that run one case after another, each within a time and within memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

FAMILIES = {
    "model folders": "model_folders",
    "images": "images",
    "tables and names": "tables",
    "results": "results",
    "arguments": "arguments",
}
"""Of each family the module that makes its cases."""
KINDS = ("ok", "error", "other", "hang", "silent")
MEMORY = 2**31 + 2**30
"""Bytes that a worker may take beyond what it has once everything is imported."""
START_S = 300
RENEWED = 250
"""Cases after which a worker is replaced: Keras keeps some memory of each model that was loaded."""
LONGEST = 900
"""Characters that a sentence may have: it is to be read."""


class Silent(Exception):
    """Raised by a case for a wrong result that came without a word."""


@dataclass(frozen=True)
class Outcome:
    """What came of a case; `kind` is one of `KINDS`."""

    family: str
    number: int
    kind: str
    case: str
    words: str = ""

    @property
    def good(self) -> bool:
        """Whether it is a result, or one clear sentence."""
        return self.kind in ("ok", "error")

    def __str__(self) -> str:
        words = self.words.replace("\n", "\n    ")
        return f"[{self.family} {self.number}] {self.kind}: {self.case}\n    {words}"


def is_clear(error: BaseException) -> bool:
    """Whether an error is a sentence that this package, or the system, means users to read."""
    from cytoloom.errors import BackendError, InvalidError

    meant = isinstance(error, (InvalidError, BackendError)) or (
        isinstance(error, OSError) and bool(error.strerror)
    )
    text = str(error)
    lines = [len(line) for line in text.split("\n")]  # of a report each line is a sentence
    return (
        meant
        and text != ""
        and max(lines) <= LONGEST
        and " at 0x" not in text
        and "Traceback" not in text
    )


def outcome_of(
    family: str, seed: int, number: int, module: Any, announce: Callable[[str], object] = str
) -> Outcome:
    """Make a case in a folder of its own, announce what it is, and run it."""
    import numpy as np

    rng = np.random.default_rng([seed, zlib.crc32(family.encode()), number])
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, open(os.devnull, "w") as nowhere:
        os.chdir(folder)
        case = "a case that could not be made"
        try:
            case, action = module.case(rng, Path(folder))
            announce(case)
            with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
                action()
            return Outcome(family, number, "ok", case)
        except Silent as silent:
            return Outcome(family, number, "silent", case, str(silent))
        except BaseException as error:
            if isinstance(error, Exception) and is_clear(error):
                return Outcome(family, number, "error", case, str(error))
            return Outcome(family, number, "other", case, _told(error))
        finally:
            os.chdir(before)


def _told(error: BaseException) -> str:
    """Return an error with the places that it came through, those of this package last."""
    places = traceback.extract_tb(error.__traceback__)
    shown = [p for p in places if "cytoloom" in p.filename] or places
    where = " < ".join(f"{Path(p.filename).name}:{p.lineno}" for p in reversed(shown[-5:]))
    last = places[-1]
    return f"{type(error).__name__}: {str(error)[:400]} ({where}; {last.filename}:{last.lineno})"


def _serve(connection: Any, root: str, families: Mapping[str, str]) -> None:
    """Run what is asked for until nothing is (in the worker process)."""
    import resource
    import warnings

    os.environ.setdefault("CYTOLOOM_ENGINE", "keras")
    # whatever a case leaves in memory of files goes with the worker's folder
    tempfile.tempdir = root
    warnings.filterwarnings("error", module="cytoloom")
    modules = {name: import_module(f".{one}", __package__) for name, one in families.items()}
    for module in modules.values():
        module.prepare(Path(root))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, -1))
    connection.send("ready")
    while (asked := connection.recv()) is not None:
        module = modules[asked[0]]
        connection.send(outcome_of(*asked, module=module, announce=connection.send))


class _Worker:
    """One process, started when first needed and again where a case ended it."""

    def __init__(self, seed: int, seconds: float, families: Mapping[str, str]) -> None:
        self._seed, self._seconds, self._families = seed, seconds, families
        self._process: Any = None
        self._served = 0

    def run(self, family: str, number: int) -> Outcome:
        """Run one case."""
        if self._process is None or self._served >= RENEWED:
            self.stop()
            self._start()
        self._served += 1
        self._connection.send((family, self._seed, number))
        case = f"case {number}"
        try:
            while self._connection.poll(self._seconds):
                said = self._connection.recv()
                if isinstance(said, Outcome):
                    return said
                case = said
            self.stop()
            return Outcome(family, number, "hang", case, "did not come to an end")
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self.stop()
            return Outcome(family, number, "other", case, f"ended the process: {code}")

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._process = context.Process(
            target=_serve, args=(theirs, self._folder.name, self._families)
        )
        self._process.start()
        theirs.close()
        self._served = 0
        if not self._connection.poll(START_S) or self._connection.recv() != "ready":
            raise RuntimeError("a worker did not start")

    def stop(self) -> None:
        """End the process and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._folder.cleanup()
            self._process = None


def run(
    cases: Sequence[tuple[str, int]],
    seed: int,
    *,
    workers: int = 1,
    seconds: float = 30,
    families: Mapping[str, str] = FAMILIES,
) -> Iterator[Outcome]:
    """Run cases, each a family and a number; yield what came of them as they end."""
    waiting: SimpleQueue[tuple[str, int]] = SimpleQueue()
    for case in cases:
        waiting.put(case)
    done: SimpleQueue[Outcome | Exception] = SimpleQueue()

    def work() -> None:
        worker = _Worker(seed, seconds, families)
        try:
            while True:
                done.put(worker.run(*waiting.get_nowait()))
        except Empty:
            pass
        except Exception as error:
            done.put(error)
        finally:
            worker.stop()

    for _ in range(workers):
        threading.Thread(target=work, daemon=True).start()
    for _ in cases:
        one = done.get()
        if isinstance(one, Exception):
            raise one
        yield one
