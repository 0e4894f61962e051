"""A process of its own that only runs the network, every operation on all cores.

`predict` keeps operations to one core and works on tiles side by side; to hold it against what the
backend does with a whole image when left alone, that has to run elsewhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import numpy as np

import cytoloom as cl
from cytoloom.runtime import backend

from . import blocks


class ForwardPass:
    """Forward passes of a model over one image of random pixels.

    Parameters
    ----------
    model : Path
        Folder of the model.
    edge : int
        Of the image, in px.
    """

    def __init__(self, model: Path, edge: int) -> None:
        cores = str(backend.cores())
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(model), str(edge)],
            env=os.environ | {"TF_NUM_INTRAOP_THREADS": cores, "TF_NUM_INTEROP_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> ForwardPass:
        self.seconds()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def seconds(self) -> float:
        """Run once, and return how long it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def main() -> None:
    """Run once for every line of standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("edge", type=int)
    args = parser.parse_args()
    model = cl.load(args.model)
    image = np.random.default_rng(0).random((1, args.edge, args.edge, 1), np.float32)
    for _ in sys.stdin:
        print(blocks.once(lambda: model.engine.forward(image)), flush=True)


if __name__ == "__main__":
    main()
