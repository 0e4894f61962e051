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
import small
from all_tasks import LABELS, AllTogether, image_of
from cytoloom.runtime import backend

FOLDER = Path(__file__).parent / "models"
PACKAGED = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
MODELS = {
    "tensorflow": PACKAGED,
    "jax": FOLDER / "of_jax.cytoloom",
    "torch": FOLDER / "of_torch.cytoloom",
}
NETWORKS = {
    "2d": cl.UNet(filters=2, depth=1, stem_stride=2),
    "3d": cl.UNet(
        filters=2,
        depth=1,
        convs=1,
        ndim=3,
        stem_stride=(1, 2, 2),
        pooling=((2, 2, 2),),
        refine=False,
    ),
}
"""Of the models with the heads of all tasks; that of stacks has no level at full size."""


def maps_file(name: str, kind: str = "") -> Path:
    """Return where the maps of a backend are; of the model of all tasks by "2d" or "3d"."""
    return FOLDER / f"{kind and f'all_{kind}_'}of_{name}_maps.npz"


def all_tasks_of(name: str, kind: str) -> Path:
    """Return where the model of all tasks of a backend is."""
    return FOLDER / f"all_{kind}_of_{name}.cytoloom"


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


_CORNER = {"2d": np.s_[:21, :19], "3d": np.s_[:3, :21, :19]}


def maps_of_all_tasks(model: cl.Model, kind: str) -> dict[str, np.ndarray]:
    """Return the maps of an image or stack whose sides no stride divides."""
    with float32():
        return model.predict_maps(image_of(_labels(kind))[_CORNER[kind]])


def _labels(kind: str) -> np.ndarray:
    """Objects in an image, or in five of seven planes."""
    if kind == "2d":
        return LABELS
    return np.stack([LABELS * (0 < z < 6) for z in range(7)])


def _train_all_tasks(name: str, kind: str) -> None:
    """Train the heads of all tasks, and keep the model and its maps."""
    labels = _labels(kind)
    pair = [image_of(labels)], [labels]
    patch = (32,) if kind == "2d" else (4, 32, 32)
    cl.train(
        pair,
        task=AllTogether(labels.ndim),
        validation=pair,
        network=NETWORKS[kind],
        trainer=small.trainer(precision="float32", patch_px=patch, iterations=20),
        progress=False,
        out=all_tasks_of(name, kind),
        overwrite=True,
    )
    shutil.rmtree(all_tasks_of(name, kind) / "snapshots", ignore_errors=True)
    maps = maps_of_all_tasks(cl.load(all_tasks_of(name, kind)), kind)
    np.savez_compressed(maps_file(name, kind), **maps)


def main() -> None:
    """Train on the backend that runs, unless a model of it is packaged, and keep its maps."""
    name = backend.name()
    for kind in NETWORKS:
        _train_all_tasks(name, kind)
    if MODELS[name] != PACKAGED:
        network = cl.UNet(filters=2, depth=2)
        trainer = small.trainer(precision="float32", iterations=30)
        small.train(network=network, trainer=trainer, out=MODELS[name], overwrite=True)
        shutil.rmtree(MODELS[name] / "snapshots")
    np.savez_compressed(maps_file(name), **maps_of(cl.load(MODELS[name])))


if __name__ == "__main__":
    main()
