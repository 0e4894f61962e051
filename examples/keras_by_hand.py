"""For people who know Keras: the bare network, `compile` and `fit`, with our losses and metrics.

Run it: python examples/keras_by_hand.py --out keras-out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import cytoloom as cl


def main() -> None:
    """Fit a two-class U-Net with Keras' own loop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("keras-out"))
    parser.add_argument("--iterations", type=int, default=60)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    x, y = patches(seeds=range(8))
    unet = cl.unet(input_shape=(None, None, 1), filters=8, depth=3)
    unet.compile("adam", loss=cl.dice_coef_loss, metrics=[cl.dice_coef, cl.metrics.Dice()])
    unet.fit(x, y, batch_size=4, epochs=max(1, arguments.iterations // 2), verbose=2)

    new, truth = patches(seeds=[99])
    found = unet.predict(new, verbose=0)[0, ..., 0] > 0.5
    dice = cl.metrics.dice(truth[0, ..., 0] > 0, found)
    print(f"Dice {dice:.3f} on an image the network has not seen")
    unet.save(arguments.out / "unet.keras")


def patches(seeds: range | list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Simulate images, normalised, with binary masks: float32 (n, y, x, 1) each."""
    normalize = cl.Normalize()
    pairs = [cl.simulate.nuclei(shape=(128, 128), count=12, seed=s) for s in seeds]
    images = np.stack([normalize(image[..., None]) for image, _ in pairs])
    masks = np.stack([labels[..., None] > 0 for _, labels in pairs])
    return images, masks.astype(np.float32)


if __name__ == "__main__":
    main()
