"""One run at a time in a folder: a file in it says whose turn it is."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import Message, VerbName, say, shortened
from .atomic import is_other_than_file, is_regular, told

LOCK = ".in-use"
_BEGIN = '{"token": "'
_WAIT = "Wait until it has ended, or pass another name."
_WAIT_OR_REMOVE = "Wait until it has ended, remove {} where none has, or pass another name."
BEAT_S = 15.0
"""How often a run shows that it lives, by the date of its file."""
BEGUN_S = 20.0
"""A file that does not say whose it is was written by a run that was killed as it began, unless it
is as new as this: writing it takes milliseconds, and who lives shows so more often."""
DEAD_S = 300.0
"""A run of another machine that has shown nothing for so long is dead: twenty beats, since a disk
of a network may stand still for minutes."""
_AGAIN = f"Try again in {BEGUN_S:.0f} seconds, or pass another name."


class Gone(InvalidError):
    """The folder disappeared, or another run has taken it, while this one wrote to it."""


class InUse(InvalidError):
    """Another run writes to the folder."""


class Lock:
    """The turn of one run in a folder; see `locked`.

    Attributes
    ----------
    path : Path
        The file that says so.
    token : str
        By which the run is known in it.
    """

    def __init__(self, folder: Path, verb: str, argument: str = "out") -> None:
        self.path = folder / LOCK
        self._argument = argument
        self.token = uuid.uuid4().hex
        self._verb = verb
        self._ended = threading.Event()

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the turn, or raise `InvalidError` where another run has it for longer."""
        end = time.monotonic() + wait_s
        with told(self.path.parent, self._argument):
            while not self._tried(last=time.monotonic() >= end):
                time.sleep(0.05)
        threading.Thread(target=self._beat, daemon=True, name="cytoloom-lock").start()

    def _tried(self, last: bool) -> bool:
        try:
            self._take()
        except InUse:
            if last:
                raise
            return False
        return True

    def _take(self) -> None:
        while not self._made():
            self._refuse_other_file()
            owner = _read(self.path)
            if owner is not None and _lives(owner, self.path):
                said = invalid(
                    self._argument,
                    expected="a folder that no other run writes to",
                    received=say("{}, {}", str(self.path.parent), _words(owner)),
                    remedy=_remedy(owner, self.path),
                )
                raise InUse(*said.args).of(said)
            if owner is not None:
                self._remove(owner)

    def _refuse_other_file(self) -> None:
        """Raise where what has the name of a lock is somebody's own file, folder or link."""
        if _is_of_a_run(self.path):
            return
        raise invalid(
            self._argument,
            expected=f"a folder in which {LOCK} says which run writes to it",
            received=f"{self.path}, which is no file of a run",
            remedy="Move it away, or pass another name.",
        )

    def is_held(self) -> bool:
        """Whether the turn is still this run's."""
        return (_read(self.path) or {}).get("token") == self.token

    def check(self) -> None:
        """Raise `Gone` where the turn was lost: with the folder, or to another run."""
        if not self.is_held():
            raise _gone(self.path.parent)

    def release(self) -> None:
        """Give the turn to others."""
        self._ended.set()
        if self.is_held():
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _made(self) -> bool:
        plain = {"token": self.token, "verb": self._verb, "since": time.time(), **_this_process()}
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(json.dumps(plain))
        except OSError:  # a full disk
            self.path.unlink(missing_ok=True)
            raise
        return True

    def _remove(self, owner: dict[str, Any]) -> None:
        """Remove the file of a dead run, and of no other: somebody else may just have done it."""
        aside = self.path.with_name(f"{LOCK}-{self.token}")
        try:
            os.replace(self.path, aside)
        except FileNotFoundError:
            return
        if _read(aside) != owner:
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        aside.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                self.check()
                os.utime(self.path)
            except (InvalidError, OSError):
                return


@contextlib.contextmanager
def locked(folder: Path, verb: str, argument: str = "out", wait_s: float = 0.0) -> Iterator[Lock]:
    """Have a folder for one run alone.

    Where the process that had it is dead, the turn is taken from it: at once on this machine, on
    another one after five minutes without a sign of life.

    Parameters
    ----------
    folder : Path
        Exists.
    verb : str
        What is done in it, for others to be told.
    argument : str, default "out"
        What the folder is called in errors.
    wait_s : float, default 0
        For so long another run is waited for.

    Raises
    ------
    InvalidError
        Another run has it.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with locked(folder, "predict") as lock:
    ...     lock.check()
    >>> list(folder.iterdir())
    []
    """
    lock = Lock(folder, verb, argument)
    lock.acquire(wait_s)
    try:
        yield lock
    finally:
        lock.release()


def refuse_another(folder: Path, token: str) -> None:
    """Raise `Gone` where another run has a folder than that which began this work.

    For processes that work for the run that has it, and may outlive it. Where nothing says whose
    the folder is, as a disk of a network may have it for a while, it is that run's.
    """
    owner = _read(folder / LOCK)
    if owner and owner.get("token") != token:
        raise _gone(folder)


def _gone(folder: Path) -> Gone:
    return Gone(
        f"The folder {folder} disappeared, or another run has taken it: "
        "what was written to it may be lost."
    )


def user_of(folder: Path) -> Message:
    """Say which run, that may still be at work, has a folder; "" where none has.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with locked(folder, "predict"):
    ...     " in process " in user_of(folder)
    True
    >>> str(user_of(folder))
    ''
    """
    owner = _read(folder / LOCK)
    if owner is None or not _lives(owner, folder / LOCK):
        return say("")
    return _run_of(owner) if owner else say("a run that has just begun")


def in_use(folder: Path) -> bool:
    """Whether a run that may still be at work has a folder.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with locked(folder, "predict"):
    ...     in_use(folder)
    True
    >>> in_use(folder)
    False
    """
    owner = _read(folder / LOCK)
    return owner is not None and _lives(owner, folder / LOCK)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a file says; {} where it says nothing that can be understood, None without it."""
    if not is_regular(path):
        return None
    try:
        plain = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if _is_owner(plain) else {}


def _is_owner(plain: Any) -> bool:
    """Whether what a file says is of the types that a lock has."""
    if not isinstance(plain, dict):
        return False
    since, pid = plain.get("since"), plain.get("pid")
    return (
        type(since) in (int, float) and 0 <= since < 2**33 and type(pid) is int and 0 < pid < 2**31
    )


def _is_of_a_run(path: Path) -> bool:
    """Whether a file is a lock, perhaps one of which a kill has left the beginning; or is gone."""
    if is_other_than_file(path):
        return False
    try:
        begin = path.read_bytes()[: len(_BEGIN)]
    except OSError:  # gone by now, or of another user
        return True
    return _BEGIN.encode().startswith(begin)


def _is_cut_off(path: Path) -> bool:
    """Whether a lock is empty or ends before its end, as a kill leaves it."""
    try:
        return not path.read_bytes().endswith(b"}")
    except OSError:  # of another user, perhaps
        return False


def _remedy(owner: dict[str, Any], path: Path) -> str:
    if owner:
        return _WAIT
    return _AGAIN if _is_cut_off(path) else _WAIT_OR_REMOVE.format(path)


def _words(owner: dict[str, Any]) -> str:
    if not owner:
        return "which another run has just begun to use"
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(owner["since"]))
    return say("to which {} writes since {}", _run_of(owner), since)


def _run_of(owner: dict[str, Any]) -> Message:
    where = f"process {owner['pid']} on {shortened(str(owner.get('host')))}"
    return say("{} in {}", VerbName(shortened(str(owner.get("verb")))), where)


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        # containers may share the name of a machine, but not the numbers of its processes
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "processes": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }


def _lives(owner: dict[str, Any], path: Path) -> bool:
    """Whether the run that has a folder may still be at work."""
    mine = _this_process()
    if all(owner.get(name) == mine[name] for name in ("host", "boot", "processes")):
        pid = owner.get("pid")
        if not isinstance(pid, int) or not _process_lives(pid):
            return False
        # numbers of processes are used again
        return owner.get("started") in ("", _started(pid))
    try:
        # by the clock of the disk, which may be another machine's
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            now = os.fstat(probe.fileno()).st_mtime
        return now - path.stat().st_mtime < (BEGUN_S if _is_cut_off(path) else DEAD_S)
    except FileNotFoundError:
        return False


def _process_lives(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        # os.kill would end it
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x00100000, False, pid)
        still_running = bool(handle) and kernel.WaitForSingleObject(handle, 0) == 258
        if handle:
            kernel.CloseHandle(handle)
        return still_running
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # one that has ended stays in the list until its parent asks how
    return _facts(pid)[:1] not in (["Z"], ["X"])


def _started(pid: int) -> str:
    """When a process began, where the system says so."""
    return "".join(_facts(pid)[19:20])


def _facts(pid: int) -> list[str]:
    """List what Linux says of a process, from its state on; nothing elsewhere."""
    # the name before may have blanks and brackets
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except (OSError, AttributeError):
        return ""
