"""Apply the network of this folder, without cytoloom.

    python example.py [IMAGE.npy or IMAGE.tif] [MAPS.npz]

Without an image: that of the folder, and the maps are compared with those that cytoloom made.
Needs numpy and the runtime of the format (onnxruntime, tensorflow, openvino, or bioimageio.core
with onnxruntime); tifffile for TIFF.
"""

import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def network(facts):
    """Return what makes maps, by name, of a scaled float32 batch (1, y, x, channels)."""
    if facts["format"] == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(HERE / "model.onnx"))
        names = [output.name for output in session.get_outputs()]
        return lambda batch: dict(zip(names, session.run(names, {"image": batch}), strict=True))
    if facts["format"] == "saved_model":
        import tensorflow

        # what is loaded must stay as long as its signature is used
        loaded = tensorflow.saved_model.load(str(HERE))
        serve = loaded.signatures["serving_default"]
        return lambda batch, _=loaded: {k: v.numpy() for k, v in serve(image=batch).items()}
    import openvino

    # in float32: some processors would round to 16 bits
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(str(HERE / "model.xml"), "CPU", hint)
    return lambda batch: {out.any_name: found for out, found in compiled(batch).items()}


def scaled(image, facts):
    """Scale each channel of the whole image: two percentiles, or fixed values, become 0 and 1."""
    how = facts["normalize"]
    if how["range"]:
        low, high = np.asarray(how["range"])[:, np.newaxis].repeat(image.shape[-1], axis=1)
    else:
        each = image.reshape(-1, image.shape[-1])
        low, high = np.percentile(each, [how["low"], how["high"]], axis=0)
    span = high - low
    # images of noise alone stay dark; holds for pixels of the type that the model was trained on
    if how["floor"] and how["floor_dtype"] in (None, image.dtype.name):
        span = np.maximum(span, how["floor"])
    span[span == 0] = 1
    return (image.astype("float32") - low.astype("float32")) / span.astype("float32")


def cuts(size, tile, halo, multiple):
    """Cut an axis: what to read and what to keep of it, all ends on the multiple."""
    step = -(-tile // multiple) * multiple
    for start in range(0, size, step):
        stop = min(start + step, size)
        read = slice(max(start - halo, 0), min(stop + halo, size))
        yield read, slice(start, stop), slice(start - read.start, stop - read.start)


def maps_of(image, facts, tile_px=None):
    """Make the maps of an image (y, x, channels) or (z, y, x, channels), tile by tile."""
    if facts["format"] == "bioimageio":
        return zoo_maps_of(image, facts)
    run, tiles, shape = network(facts), facts["tiles"], image.shape[:-1]
    # mirrored at its far ends up to the multiple; what is added is cut off again
    wide = np.pad(scaled(image, facts), ends(shape, facts), mode="reflect")
    halo = tiles["halo_px"] or [0] * len(shape)
    usual = {2: 1024, 3: 128}[len(shape)]
    edge = max(wide.shape) if tiles["halo_px"] is None else tile_px or usual
    axes = zip(wide.shape, [edge] * len(shape), halo, tiles["multiple_px"], strict=False)
    maps = {}
    for tile in itertools.product(*(list(cuts(*axis)) for axis in axes)):
        read, write, keep = zip(*tile, strict=True)
        for name, found in run(wide[read][np.newaxis]).items():
            whole = maps.setdefault(name, np.zeros((*wide.shape[:-1], found.shape[-1]), "float32"))
            whole[write] = found[0][keep]
    return {name: found[tuple(map(slice, shape))] for name, found in maps.items()}


def ends(shape, facts):
    """Return what is added at the end of each axis, whose size is a multiple then."""
    multiple = facts["tiles"]["multiple_px"]
    return [*((0, -n % m) for n, m in zip(shape, multiple, strict=True)), (0, 0)]


def zoo_maps_of(image, facts, blocks=None):
    """Make the maps of an image by bioimageio.core, which knows scaling and halo from the package.

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
    # names of the package are in small letters
    heads = {re.sub(r"\W", "_", head.lower()): head for head in facts["outputs"]}
    return {heads[name]: one.data.to_numpy()[inside] for name, one in found.members.items()}


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
    if pixels.shape[-1] != facts["input"]["channels"]:
        sys.exit(f"Expected {facts['input']['channels']} channels as last axis, not {pixels.shape}")
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
