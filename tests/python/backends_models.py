"""Models that were trained on each backend, and the maps that they gave there.

Made anew by ``KERAS_BACKEND=jax python tests/python/backends_models.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import cytoloom as cl
from cytoloom.runtime import backend

FOLDER = Path(__file__).parent / "models"
PACKAGED = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
MODELS = {
    "tensorflow": PACKAGED,
    "jax": FOLDER / "of_jax.cytoloom",
    "torch": FOLDER / "of_torch.cytoloom",
}


def maps_file(name: str) -> Path:
    """Return where the maps of a backend are."""
    return FOLDER / f"of_{name}_maps.npz"


@contextmanager
def float32() -> Iterator[None]:
    """Compute in float32, also where bfloat16 would be faster."""
    usual = backend.resolve_precision
    backend.resolve_precision = lambda precision: "float32"
    try:
        yield
    finally:
        backend.resolve_precision = usual


def maps_of(model: cl.Model) -> dict[str, np.ndarray]:
    """Return the maps of an image whose sides no stride divides."""
    image, _ = cl.simulate.nuclei(shape=(50, 61), count=6, seed=9)
    with float32():
        return model.predict_maps(image)


def main() -> None:
    """Train on the backend that runs, unless a model of it is packaged, and keep its maps."""
    import small

    name = backend.name()
    if MODELS[name] != PACKAGED:
        network = cl.UNet(filters=2, depth=2)
        trainer = small.trainer(precision="float32", iterations=30)
        small.train(network=network, trainer=trainer, out=MODELS[name], overwrite=True)
        shutil.rmtree(MODELS[name] / "snapshots")
    np.savez_compressed(maps_file(name), **maps_of(cl.load(MODELS[name])))


if __name__ == "__main__":
    main()
