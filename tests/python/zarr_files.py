"""Stores of Zarr for the tests, with metadata written by hand as the specifications have them."""

from __future__ import annotations

import json

import numpy as np

TYPES = {"t": "time", "c": "channel"}


def write_array(path, array, version=3, chunks=None, **more):
    """Write a plain array by the package zarr; `more` goes to `zarr.create_array`."""
    import zarr

    chunks = chunks or tuple(min(16, n) for n in array.shape)
    zarr.create_array(str(path), data=array, chunks=chunks, zarr_format=version, **more)


def axes_of(letters, unit="micrometer"):
    """Describe axes."""
    space = {"type": "space"} if unit is None else {"type": "space", "unit": unit}
    return [{"name": a, **({"type": TYPES[a]} if a in TYPES else space)} for a in letters]


def said_of(path, ome, version=3):
    """Write the metadata of a group: what OME-Zarr says of it."""
    path.mkdir(parents=True, exist_ok=True)
    if version == 3:
        attributes = {"ome": {"version": "0.5", **ome}}
        group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (path / "zarr.json").write_text(json.dumps(group))
    else:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(ome))


def write_image(path, array, letters, scale=None, version=3, unit="micrometer", **more):
    """Write an image of OME-Zarr in one resolution; `more` goes into its metadata."""
    steps = [{"type": "scale", "scale": list(scale or [1.0] * len(letters))}]
    if "moved" in more:
        steps.append({"type": "translation", "translation": more.pop("moved")})
    level = {"path": "0", "coordinateTransformations": steps}
    image = {"axes": axes_of(letters, unit), "datasets": [level]}
    if version == 2:
        image["version"] = "0.4"
    said_of(path, {"multiscales": [image], **more}, version)
    write_array(path / "0", array, version)


def write_labels(path, labels, name="labels", version=3, **more):
    """Write a label image into an image of OME-Zarr."""
    said_of(path / "labels", {"labels": [name]}, version)
    letters = "zyx"[-labels.ndim :]
    said = {"image-label": {"source": {"image": "../../"}}}
    write_image(path / "labels" / name, labels, letters, version=version, **said, **more)


def grey(shape=(30, 40), seed=0):
    """Draw pixels of 16 bits."""
    return np.random.default_rng(seed).integers(0, 60000, shape).astype(np.uint16)
