"""Ctrl-C between two steps, never in the middle of one."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended, then let it do what it would have done.

    Elsewhere than in the main thread, where Python never raises it, nothing is held. Neither is
    it within R, whose bridge has a handler below Python's that would be lost.
    """
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(before) or "rpytools" in sys.modules:
        yield
        return
    # Python calls handlers between two bytecodes: within a step the weights would be those of the
    # new iteration and the state that of the old one.
    pressed: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    # once, however often it was pressed: the block had to end in any case
    if pressed:
        before(*pressed[0])
