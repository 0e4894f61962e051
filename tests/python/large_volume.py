"""A sparse volume of Zarr: raw and labels of any nominal size, in which few chunks are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr


def balls(chunk: tuple[int, ...], radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a chunk of bright numbered balls on noise, and its labels."""
    places = np.stack(np.meshgrid(*(np.arange(n) for n in chunk), indexing="ij"), -1)
    labels = np.zeros(chunk, np.uint32)
    step = 3 * radius
    every = [range(radius + 1, n - radius, step) for n in chunk]
    centres = [(z, y, x) for z in every[0] for y in every[1] for x in every[2]]
    for number, centre in enumerate(centres, 1):
        labels[((places - centre) ** 2).sum(-1) < radius**2] = number
    noise = np.random.default_rng(0).integers(0, 20, chunk)
    return (20 + 120 * (labels > 0) + noise).astype(np.uint8), labels


def sparse_volume(
    folder: Path, shape: tuple[int, ...], chunk: tuple[int, ...], radius: int
) -> tuple[Path, Path]:
    """Write raw.zarr and labels.zarr with a chunk of balls near four corners and in the middle."""
    paths = folder / "raw.zarr", folder / "labels.zarr"
    arrays = [
        zarr.create_array(path, shape=shape, dtype=dtype, chunks=chunk, fill_value=0)
        for path, dtype in zip(paths, ("uint8", "uint32"), strict=True)
    ]
    said = {"axis_names": ["z", "y", "x"], "voxel_size": [1.0] * 3, "units": ["um"] * 3}
    for array in arrays:
        array.attrs.update(said)
    raw, labels = balls(chunk, radius)
    last = [n // c - 1 for n, c in zip(shape, chunk, strict=True)]
    places = [(0, 0, 0), (last[0], last[1], 0), (0, last[1], last[2]), (last[0], 0, last[2])]
    for k, at in enumerate([*places, tuple(n // 2 for n in last)]):
        box = tuple(slice(a * c, (a + 1) * c) for a, c in zip(at, chunk, strict=True))
        arrays[0][box], arrays[1][box] = raw, np.where(labels > 0, labels + 1000 * k, 0)
    return paths
