"""Train StarDist for so long and predict; runs in StarDist's own environment, without cytoloom.

Settings are those of StarDist's own training examples (in 2-D 32 rays and grid 2; in 3-D 96 rays,
anisotropy by the extents of objects, grid 2 along fine axes; flips, turns by right angles in the
plane, intensity changes), all others its defaults. The clock starts before TensorFlow is
imported and stops training at the step that ends the budget; fitting the thresholds to the
validation images comes on top of it.

    stardist_worker.py plan.json out --minutes 10 --seed 0
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

STARTED = time.monotonic()
PATCH_PX = 256
CELL_PX = 16
PATCH_3D_PX = (48, 96, 96)
CELL_3D_PX = 8
COARSE = 1.5
"""An axis whose objects look shorter by more than this has no coarser grid, as in the example."""


def augment(x, y):
    """Flip, turn and change the intensity at random, image and labels alike."""
    import numpy as np

    turns = np.random.randint(4)  # noqa: NPY002
    if y.shape[-2] != y.shape[-1]:  # patches of a batch are to stay alike
        turns = turns // 2 * 2
    plane = (y.ndim - 2, y.ndim - 1)
    x, y = np.rot90(x, turns, axes=plane), np.rot90(y, turns, axes=plane)
    if np.random.rand() < 0.5:  # noqa: NPY002
        x, y = x[::-1], y[::-1]
    scale, shift = np.random.uniform(0.6, 2), np.random.uniform(-0.2, 0.2)  # noqa: NPY002
    x = x * scale + shift
    noise = 0.02 * np.random.uniform(0, 1)  # noqa: NPY002
    return x + noise * np.random.normal(0, 1, x.shape), y  # noqa: NPY002


def read(image, ndim):
    """Read an image, normalised as in StarDist's examples."""
    import numpy as np
    from csbdeep.utils import normalize

    return normalize(np.load(image), 1, 99.8, axis=tuple(range(ndim)))


def load(pairs):
    """Read images, and labels without holes."""
    import numpy as np
    from stardist import fill_label_holes

    images = [read(image, np.load(label, mmap_mode="r").ndim) for image, label in pairs]
    labels = [fill_label_holes(np.load(label).astype(np.int32)) for _, label in pairs]
    return images, labels


def clock(seconds):
    """Return the callback that ends training when time is up, and counts steps."""
    import tensorflow as tf

    class Clock(tf.keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if time.monotonic() - STARTED > seconds:
                self.model.stop_training = True

    return Clock()


def build(train, validation, folder, grid):
    """Make the model; its patches are those of the examples, or what fits into all images."""
    images, labels = train
    if labels[0].ndim == 3:
        return build_3d([*images, *validation[0]], [*labels, *validation[1]], folder, grid)
    return build_2d(images, folder, grid)


def build_3d(images, labels, folder, grid):
    """Make a model of stacks; as the example, but for the grid, which there is 1, 4, 4 of cells."""
    import numpy as np
    from stardist import Rays_GoldenSpiral, calculate_extents
    from stardist.models import Config3D, StarDist3D

    extents = calculate_extents(labels)
    anisotropy = tuple(np.max(extents) / extents)
    grids = tuple(1 if a > COARSE else grid for a in anisotropy)
    smallest = np.min([image.shape[:3] for image in images], axis=0)
    patch = [
        min(n, size) // CELL_3D_PX * CELL_3D_PX
        for n, size in zip(PATCH_3D_PX, smallest, strict=True)
    ]
    config = Config3D(
        rays=Rays_GoldenSpiral(96, anisotropy=anisotropy),
        grid=grids,
        anisotropy=anisotropy,
        use_gpu=False,
        n_channel_in=1 if images[0].ndim == 3 else images[0].shape[-1],
        train_patch_size=tuple(map(int, patch)),
        train_batch_size=2,
        train_tensorboard=False,
    )
    return StarDist3D(config, name="stardist", basedir=str(folder))


def build_2d(images, folder, grid):
    """Make a model of planes."""
    from stardist.models import Config2D, StarDist2D

    smallest = min(min(image.shape[:2]) for image in images)
    patch = min(PATCH_PX, smallest // CELL_PX * CELL_PX)
    config = Config2D(
        n_channel_in=1 if images[0].ndim == 2 else images[0].shape[-1],
        n_rays=32,
        grid=(grid, grid),
        use_gpu=False,
        train_patch_size=(patch, patch),
        train_tensorboard=False,
    )
    return StarDist2D(config, name="stardist", basedir=str(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grid", type=int, default=2)
    given = parser.parse_args()
    import numpy as np
    import tensorflow as tf
    import tifffile

    tf.keras.utils.set_random_seed(given.seed)
    plan = json.loads(given.plan.read_text())
    train, validation = load(plan["train"]), load(plan["validation"])
    model = build(train, validation, given.out, given.grid)
    model.prepare_for_training()
    counter = clock(given.minutes * 60)
    model.callbacks.append(counter)
    model.train(*train, validation_data=validation, augmenter=augment, seed=given.seed)
    trained = time.monotonic()
    model.optimize_thresholds(*validation)
    tuned = time.monotonic()
    for image, label in plan["test"]:
        pixels = read(image, np.load(label, mmap_mode="r").ndim)
        labels = model.predict_instances(pixels)[0]
        tifffile.imwrite(given.out / f"{Path(image).stem}.tif", labels.astype(np.uint16))
    facts = {
        "train_s": trained - STARTED,
        "tune_s": tuned - trained,
        "predict_s": time.monotonic() - tuned,
        "iterations": counter.steps,
    }
    (given.out / "result.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
