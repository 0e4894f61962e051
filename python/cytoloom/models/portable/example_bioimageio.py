"""Apply the model of this folder by bioimageio.core, without cytoloom.

    python example.py [IMAGE.npy or IMAGE.tif] [MAPS.npz]

Without an image: that of the folder, and the maps are compared with those that cytoloom made.
Needs numpy, bioimageio.core and onnxruntime; tifffile for TIFF.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def maps_of(image, facts, blocks=None):
    """Make the maps of an image (y, x, channels) or (z, y, x, channels).

    Scaling and halo are in the package. Sizes are mirrored at their far ends up to what the network
    takes. `blocks`, the number of steps in a block along each axis, is for images that are too
    large for the memory; it changes maps at the border (see the README).
    """
    from bioimageio.core import Tensor, create_prediction_pipeline
    from bioimageio.core.digest_spec import create_sample_for_model
    from bioimageio.spec import load_model_description

    axes = facts["input"]["axes"].removesuffix("c")
    tiles, shape = facts["tiles"], image.shape[:-1]
    least = [2 * h + m for h, m in zip(tiles["least_halo_px"], tiles["multiple_px"], strict=True)]
    sizes = zip(shape, least, tiles["multiple_px"], strict=True)
    ends = [(0, max(fewest - n, -n % step)) for n, fewest, step in sizes]
    wide = np.pad(image, [*ends, (0, 0)], mode="reflect")[np.newaxis].astype("float32")
    tensor = Tensor.from_numpy(wide, dims=["batch", *axes, "channel"])
    model = load_model_description(HERE / "rdf.yaml")
    sample = create_sample_for_model(model, inputs={"image": tensor})
    with create_prediction_pipeline(model) as pipeline:
        if blocks is None:
            found = pipeline.predict_sample_without_blocking(
                sample, skip_input_padding=True, skip_output_cropping=True
            )
        else:
            found = pipeline.predict_sample_with_blocking(sample, ns=blocks)
    inside = (0, *map(slice, shape))
    return {str(name): one.data.to_numpy()[inside] for name, one in found.members.items()}


def labels_of(maps, facts):
    """Make labels of maps: the most probable class, or where the foreground is above threshold."""
    task = facts["task"]
    if "classes" in maps:
        return maps["classes"].argmax(-1).astype("uint8")
    if "foreground" not in maps:
        return None
    threshold = task.get("threshold", task.get("foreground_threshold", 0.5))
    return (maps["foreground"][..., 0] > threshold).astype("uint8")


def read(path):
    """Read an image; channels are the last axis, also where there is one alone."""
    if path.suffix == ".npy":
        return np.load(path)
    import tifffile

    return tifffile.imread(path)


def main(image=HERE / "test_image.npy", out="maps.npz"):
    """Write the maps and labels of an image."""
    facts = json.loads((HERE / "cytoloom.json").read_text(encoding="utf-8"))
    pixels = read(Path(image))
    if pixels.ndim < len(facts["input"]["axes"]):
        pixels = pixels[..., np.newaxis]
    maps = maps_of(pixels, facts)
    labels = labels_of(maps, facts)
    np.savez_compressed(out, **maps, **({} if labels is None else {"labels": labels}))
    for name, found in maps.items():
        print(f"{name}: shape {found.shape}, mean {found.mean():.4f}")
    if Path(image) == HERE / "test_image.npy":
        with np.load(HERE / "test_maps.npz") as known:
            most = max(float(np.abs(maps[name] - known[name]).max()) for name in maps)
        print(f"largest difference to cytoloom: {most:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
