"""Processes of Dask that end with the one that started them.

One that is killed ends nothing that it has started: scheduler and workers would stay for ever.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import click
from distributed import Nanny

LOOK_S = 0.5


@click.command()
@click.argument("parent", type=int)
def dask_setup(scheduler: Any, parent: int) -> None:
    """Have a scheduler end with process `parent`; called by Dask as the scheduler begins."""
    end_with(parent)


class Starter(Nanny):  # type: ignore[misc]
    """What starts a worker, and again where that is lost; its worker ends with it."""

    def __init__(self, *args: Any, parent: int, **kwargs: Any) -> None:
        end_with(parent)
        super().__init__(*args, **kwargs)


def end_with(parent: int) -> None:
    """End this process as soon as `parent`, which started it, has ended."""
    threading.Thread(target=_look, args=(parent,), daemon=True, name="cytoloom-parent").start()


def _look(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)  # nobody is left to be told of anything
