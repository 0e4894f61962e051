"""From a folder of annotated images to a model, scores and one row per image.

Run it: python examples/own_folder.py --data my/train --images my/images --out results

DATA holds images/ and masks/ or labels/. Without it, a simulated folder is used, so that the
example runs as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import cytoloom as cl


def main() -> None:
    """Check, train, predict, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="annotated images (default: simulated)")
    parser.add_argument("--images", type=Path, help="images to measure (default: simulated)")
    parser.add_argument("--out", type=Path, default=Path("own-folder-out"))
    parser.add_argument("--iterations", type=int, default=200)
    arguments = parser.parse_args()
    out = arguments.out
    data = arguments.data or cl.simulate.write(out / "simulated", images=12, seed=1)
    images = arguments.images or cl.simulate.write(out / "plate", images=4, seed=2) / "images"

    print(cl.check(data))
    model = cl.train(
        data,
        trainer=cl.Trainer(iterations=arguments.iterations, batch_size=4, patch_px=96),
        network=cl.UNet(filters=8, depth=3),
        out=out / "model.cytoloom",
    )
    found = cl.predict(model, images, out=out / "predicted", overlay=True, overwrite=True)
    table = per_image(found.objects)
    table.to_csv(out / "per_image.csv", index=False)
    print(table.to_string(index=False))


def per_image(objects: pd.DataFrame) -> pd.DataFrame:
    """Count the objects of each image that lie wholly in it, with their median area."""
    whole = objects[~objects["touches_border"].astype(bool)]
    area = whole.groupby("image")["area_px"]
    return pd.DataFrame({"objects": area.size(), "median_area_px": area.median()}).reset_index()


if __name__ == "__main__":
    main()
