"""A prediction that is killed at each file operation of its end, and the calls after it.

``python ends.py MODEL IMAGE FOLDER OUT [overwrite]`` predicts to `OUT` in copies of `FOLDER`, each
in a process of its own, and says in a line of JSON what a kill left and what the calls after it
did. All of these are copies of one process that has imported everything, which would take longest.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cytoloom as cl
import kills
from cytoloom.storage.unfinished import Unfinished

OPERATIONS = ("mkdir", "rename", "replace", "rmdir")
HIDDEN = ".in-use"


def in_a_process(work: Callable[[], Any]) -> tuple[int, str]:
    """Do something in a copy of this process; return how that ended, and what it said."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        try:
            said = str(work())
        except cl.InvalidError as error:
            said = f"refused: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with open(out, encoding="utf-8") as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def kill_at_the_end(number: int) -> None:
    """End this process at an operation on files, counted from when all results are ready."""
    done, end = [0], Unfinished.end

    def counting(name: str) -> Any:
        plain = getattr(os, name)

        def counted(*args: Any, **more: Any) -> Any:
            done[0] += 1
            if done[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*args, **more)

        return counted

    def ready(*args: Any) -> None:
        for name in OPERATIONS:
            setattr(os, name, counting(name))
        end(*args)

    Unfinished.end = ready  # type: ignore[method-assign]


def left_in(folder: Path) -> list[str]:
    """Name what is hidden in a folder, but for who had it."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob(".*"))
    return sorted(name for name in found if HIDDEN not in name and not name.endswith(".sha256"))


def has_state(folder: Path) -> bool:
    """Whether it is kept there what was asked for; what is being removed has another name."""
    return any(path.parent.name in ("state", ".predicting") for path in folder.rglob("asked.json"))


def listed_in(folder: Path) -> list[str]:
    """Name the label images that stores in a folder say they have."""
    texts = [path.read_text() for path in folder.glob("*.zarr/labels/zarr.json")]
    return [name for text in texts for name in json.loads(text)["attributes"]["ome"]["labels"]]


def main(path: str, image: str, before: str, out: str, *more: str) -> None:
    """Kill at one operation after the other, until one run comes to its end."""
    model, given = kills.ruled_everywhere(path), {"a": cl.images.read(image).array[..., 0]}

    def call(folder: Path, **how: Any) -> str:
        how = {"overwrite": "overwrite" in more, "rescale": None, "progress": False, **how}
        found = cl.predict(model, given, out=folder / out, **how)
        return f"{len(found.objects)} objects, {found['a'].max()} labels"

    def killed(folder: Path, number: int) -> str:
        kill_at_the_end(number)
        return call(folder)

    # what is imported late is imported here
    shutil.copytree(before, first := Path(f"{before}-first"))
    whole = call(first)
    for number in range(1, 1000):
        same, other = Path(f"{before}-same"), Path(f"{before}-other")
        shutil.copytree(before, same)
        code, _ = in_a_process(lambda: killed(same, number))  # noqa: B023
        shutil.copytree(same, other)
        said = {"code": code, "whole": whole, "begun": has_state(same)}
        said["same"] = in_a_process(lambda: call(same))[1]  # noqa: B023
        said["other"] = in_a_process(lambda: call(other, maps=True, overwrite=False))[1]  # noqa: B023
        said["left"] = [left_in(folder) for folder in (same, other)]
        print(json.dumps({**said, "listed": listed_in(same)}), flush=True)
        for folder in (same, other):
            shutil.rmtree(folder)
        if not code:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
