"""What `predict` adds to the time of the network itself, and what decoding takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

import cytoloom as cl
from cytoloom.objects.measure import measure
from cytoloom.patches.sample import Sample

from . import blocks, reference
from .blocks import Row
from .forward_pass import ForwardPass

EDGE = {"full": 2048, "quick": 1024, "toy": 96}
TILE_PX = {"full": 1024, "quick": 1024, "toy": 32}
DECODED_EDGE = {"full": 1024, "quick": 1024, "toy": 96}


def rows(size: str, work: Path) -> list[Row]:
    """Measure prediction against the forward pass, and decoding."""
    model = reference.nuclei_model(work, size)
    image = tiled(EDGE[size], density=0.4)
    found = int(model.predict(image).max())
    note = f"{image.shape[0]} x {image.shape[1]} px, {found} objects found"
    assert model.path is not None
    with ForwardPass(model.path, EDGE[size]) as bare:
        whole = blocks.ratio(
            "prediction: pixels/s of Model.predict / of one forward pass on all cores",
            lambda: 1 / blocks.once(lambda: model.predict(image)),
            lambda: 1 / bare.seconds(),
            aim=0.7,
            note=note,
        )
    if size == "quick":
        return [whole]
    return [whole, *_tiles(model, image, TILE_PX[size]), decoding(DECODED_EDGE[size])]


def _tiles(model: cl.Model, image: np.ndarray, tile_px: int) -> list[Row]:
    """Compare maps by default tiles and by those of large images with maps of the whole."""
    edge = max(image.shape)

    def speed(tile: int | None) -> float:
        return 1 / blocks.once(lambda: model.predict_maps(image, tile))

    return [
        blocks.ratio(
            f"prediction: pixels/s of maps in {name} / in one piece",
            lambda tile=tile: speed(tile),  # type: ignore[misc]
            lambda: speed(edge),
        )
        for name, tile in (
            ("default tiles", None),
            (f"tiles of {tile_px} px, as for large images", tile_px),
        )
    ]


def decoding(edge: int) -> Row:
    """Seconds from maps to labels and table, about 1000 nuclei in 1024 x 1024 px."""
    image, truth = cl.simulate.nuclei((edge, edge), round(edge**2 / 1049), seed=0)
    maps = noisy_maps(truth)
    task = cl.tasks.Instances(neck=0.85)  # as fitted to nuclei
    channel = image[..., np.newaxis]
    count = 0

    def work() -> None:
        nonlocal count
        labels = task.decode(maps).labels
        table = measure(
            labels,
            image=lambda rows: channel[rows],
            foreground=lambda rows: task.foreground({h: m[rows] for h, m in maps.items()}),
            channel_names=["0"],
        )
        count = len(table)

    work()
    times = [blocks.once(work) for _ in range(2 * blocks.BLOCKS)]
    return blocks.summarise(
        "decoding: labels, watershed, necks and table",
        times,
        unit="s",
        aim=0.06,
        at_least=False,
        note=f"{edge} x {edge} px, {count} of {truth.max()} nuclei found",
    )


def noisy_maps(truth: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Make maps such as a network would: the target, smooth, with smooth noise."""
    task = cl.tasks.Instances()
    target = task.target(Sample({"labels": truth}, {"labels": "labels"}))
    rng = np.random.default_rng(seed)
    maps = {}
    for head, (value, _) in target.items():
        noise = ndimage.gaussian_filter(rng.standard_normal(truth.shape), 1.5)
        noisy = ndimage.gaussian_filter(value[..., 0], 0.7) + 0.05 / noise.std() * noise
        maps[head] = np.clip(noisy, 0, 1).astype(np.float32)[..., np.newaxis]
    return maps


def tiled(edge: int, density: float, seed: int = 0) -> np.ndarray:
    """Make a uint16 image of nuclei by repeating one of at most 512 px.

    Parameters
    ----------
    edge : int
        Height and width in px.
    density : float
        1 is confluent: as many nuclei as there is room for.
    seed : int, default 0
        Of the piece that is repeated.
    """
    piece = min(edge, 512)
    image, _ = cl.simulate.nuclei((piece, piece), round(density * piece**2 / 450), seed=seed)
    times = -(-edge // piece)
    return np.tile(image, (times, times))[:edge, :edge]


if __name__ == "__main__":
    blocks.main(rows, __doc__)
