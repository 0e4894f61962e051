"""Segment nuclei in stacks whose planes are farther apart than their pixels.

Run it: python examples/nuclei_3d.py --out nuclei-3d-out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cytoloom as cl


def main() -> None:
    """Train on simulated stacks and measure volumes in micrometres."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("nuclei-3d-out"))
    parser.add_argument("--iterations", type=int, default=100)
    arguments = parser.parse_args()

    train = cl.simulate.write(arguments.out / "train", kind="nuclei_3d", images=5, seed=1)
    test = cl.simulate.write(arguments.out / "test", kind="nuclei_3d", images=1, seed=2)
    model = cl.train(
        train,
        network=cl.UNet(ndim=3, filters=8, depth=2),
        trainer=cl.Trainer(iterations=arguments.iterations, batch_size=2, patch_px=(16, 48, 48)),
    )
    print(cl.evaluate(model, test))
    found = cl.predict(model, test / "images", out=arguments.out, overwrite=True)
    print(found.objects.head().to_string(index=False))


if __name__ == "__main__":
    main()
