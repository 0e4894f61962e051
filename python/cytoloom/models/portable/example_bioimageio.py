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

    `blocks`, the number of steps in a block along each axis, is for images that are too large for
    the memory; it changes maps near the border (see the README).
    """
    from bioimageio.core import Tensor, create_prediction_pipeline
    from bioimageio.core.digest_spec import create_sample_for_model
    from bioimageio.spec import load_model_description

    dims = ["batch", *facts["input"]["axes"].removesuffix("c"), "channel"]
    model = load_model_description(HERE / "rdf.yaml")

    def sample_of(array):
        tensor = Tensor.from_numpy(array[np.newaxis].astype("float32"), dims=dims)
        return create_sample_for_model(model, inputs={"image": tensor})

    sample = sample_of(image)
    with create_prediction_pipeline(model) as pipeline:
        if blocks is not None:
            found = pipeline.predict_sample_with_blocking(sample, ns=blocks)
        else:
            # scaled by what the whole image is, before it is mirrored up to a size that is taken
            pipeline.apply_preprocessing(sample)
            scaled = sample.members["image"].data.to_numpy()[0]
            found = pipeline.predict_sample_without_blocking(
                sample_of(np.pad(scaled, ends(image.shape[:-1], facts), mode="reflect")),
                skip_preprocessing=True,
                skip_input_padding=True,
                skip_output_cropping=True,
            )
    inside = (0, *map(slice, image.shape[:-1]))
    return {str(name): one.data.to_numpy()[inside] for name, one in found.members.items()}


def ends(shape, facts):
    """Return what is added at the end of each axis, whose size is a multiple then."""
    multiple = facts["tiles"]["multiple_px"]
    return [*((0, -n % m) for n, m in zip(shape, multiple, strict=True)), (0, 0)]


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
