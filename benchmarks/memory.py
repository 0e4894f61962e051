"""How much memory does predicting a large image take? The peak of a fresh process.

From the peak the decoded input (2 bytes per pixel) and the labels (4) are taken off; what
remains, with the interpreter and the backend, is divided by the pixels. Pages of temporary
memory maps count as long as the system keeps them with the process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from . import blocks, reference
from .blocks import Row

EDGE = {"full": 8192, "quick": 4096, "toy": 128}
DENSITIES = {"sparse": 0.02, "confluent": 1.0}
AIM = 16.0


def rows(size: str, work: Path) -> list[Row]:
    """Predict a sparse and a confluent image in a process each."""
    reference.nuclei_model(work, size)
    found = []
    for name, density in DENSITIES.items():
        facts = predict_apart(work, EDGE[size], density)
        value = beyond(facts["peak"], EDGE[size])
        before = facts["before"] / EDGE[size] ** 2
        found.append(
            Row(
                f"memory: predicting {EDGE[size]} x {EDGE[size]} px, {name}",
                *(value, value, value),
                unit="bytes/px",
                aim=AIM,
                at_least=False,
                note=f"{before:.1f} of it before the image (libraries, model), "
                f"{facts['objects']:.0f} objects, {facts['seconds']:.0f} s",
            )
        )
    return found


def beyond(peak: float, edge: int) -> float:
    """Bytes per pixel beyond uint16 input and int32 labels.

    Examples
    --------
    >>> beyond(8 * 100**2, edge=100)
    2.0
    """
    return peak / edge**2 - 2 - 4


def predict_apart(work: Path, edge: int, density: float) -> dict[str, float]:
    """Predict in a fresh process: bytes before the image and at the peak, objects, seconds."""
    import tifffile

    from .prediction_speed import tiled

    path = work / "large.tif"
    tifffile.imwrite(path, tiled(edge, density), compression="zlib")
    arguments = [str(work / "nuclei.cytoloom"), str(path), str(work / "predicted")]
    command = [sys.executable, "-m", "benchmarks.memory", "--child", *arguments]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root)
    path.unlink()
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peak_bytes() -> int:
    """Largest resident size so far of this process.

    Linux lets `getrusage` start from the parent's size; the kernel's own mark does not.
    """
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    row = next(row for row in text.splitlines() if row.startswith("VmHWM"))
    return int(row.split()[1]) * 1024


def child(model_folder: str, image: str, out: str) -> None:
    """Predict one image and print what it took."""
    import numpy as np

    import cytoloom as cl

    model = cl.load(model_folder)
    model.predict(np.zeros((64, 64), np.uint16))
    before = peak_bytes()
    tables = []
    seconds = blocks.once(
        lambda: tables.append(
            cl.predict(model, image, out=out, overwrite=True, progress=False).objects
        )
    )
    facts = {"before": before, "peak": peak_bytes(), "seconds": seconds, "objects": len(tables[0])}
    print(json.dumps(facts))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        blocks.main(rows, __doc__)
