"""Damaged files and odd arguments, by seed: what comes back must be a result or one sentence.

    python -m tests.python.fuzz --cases 5000 --seed 1

Families (`FAMILIES`) make one case of a seed and a number each. A case runs in a worker
process, which is used again for the next one, within a time and within memory.
"""

from .pool import FAMILIES as FAMILIES
from .pool import Outcome as Outcome
from .pool import run as run
