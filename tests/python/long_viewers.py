"""OME-Zarr that `predict` wrote, as others show it: napari, and neuroglancer in Chromium.

Not part of `make test`: the programs are large. `make test-viewers` has an environment for them.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PIL import Image

import cytoloom as cl
from cytoloom.models.untrained import untrained

MISSING = "{} is not installed: run `make test-viewers`, which has an environment with it"
napari = pytest.importorskip("napari", reason=MISSING.format("napari"))
pytest.importorskip("napari_ome_zarr", reason=MISSING.format("napari-ome-zarr"))
npe2 = pytest.importorskip("npe2", reason=MISSING.format("npe2"))
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
SOFTWARE_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SHOWN = np.s_[90:560, 60:840]
"""Rows and columns of a page on which neither tools nor names lie."""
ALONE = [("DAPI", (0, 1, 1))]
CHANNELS = [("DAPI", (0, 0, 1)), ("GFP", (0, 1, 0))]


class Stored(NamedTuple):
    """A store with labels, and what is in it."""

    path: Path
    image: np.ndarray  # channels first
    labels: np.ndarray
    spacing_um: tuple[float, ...]
    origin_um: tuple[float, ...]


def flat(path: Path, version: str) -> Stored:
    """Nuclei in a plane, found by the model that ships with the R package."""
    image = cl.simulate.nuclei(shape=(600, 1100), count=300, seed=2)[0]
    spacing, origin = (0.5, 0.5), (10.0, 20.0)
    cl.volumes.write(
        path, image, axes="yx", spacing_um=spacing, origin_um=origin, channels={"DAPI": "00FFFF"},
        version=version,
    )  # fmt: skip
    return found(cl.load(MODEL), path, image[None], spacing, origin, 300)


def solid(path: Path, version: str) -> Stored:
    """Two channels of noise in a stack, and classes that a network with its first weights sees."""
    task = cl.tasks.Classes(("background", "a", "b"))
    model = untrained(task, cl.UNet(filters=2, depth=1, ndim=3), channels=2)
    image = np.random.default_rng(0).integers(0, 4000, (2, 20, 60, 600)).astype(np.uint16)
    spacing, origin = (2.0, 0.5, 0.5), (5.0, 10.0, 20.0)
    cl.volumes.write(
        path, image, axes="czyx", spacing_um=spacing, origin_um=origin,
        channels={"DAPI": "0000FF", "GFP": "00FF00"}, version=version,
    )  # fmt: skip
    return found(model, path, image, spacing, origin, 64)


def found(model: cl.Model, path: Path, image: np.ndarray, *more: Any) -> Stored:
    """Predict into the store, and read what was written."""
    spacing, origin, block = more
    out = path / "labels" / "cells"
    cl.predict(model, path, out=out, block_px=block, uncertainty=True, progress=False)
    return Stored(path, image, cl.volumes.read_labels(path), spacing, origin)


@pytest.fixture(scope="module", params=["flat-0.4", "flat-0.5", "solid-0.4", "solid-0.5"])
def stored(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    kind, version = request.param.split("-")
    path = tmp_path_factory.mktemp("viewers") / "big.zarr"
    return (flat if kind == "flat" else solid)(path, version)


def opened(path: Path) -> Any:
    """Open a place as a person does who drags it into napari; without a window."""
    npe2.PluginManager.instance().discover()
    viewer = napari.components.ViewerModel()
    viewer.open(str(path), plugin="napari-ome-zarr")
    return viewer


def levels(layer: Any) -> list[Any]:
    """Return the arrays of a layer, the largest first."""
    return list(layer.data) if layer.multiscale else [layer.data]


def lies_as(layer: Any, one: Stored) -> None:
    """Compare what a layer knows of its place with what was written.

    The plugin leaves out where images and labels begin, of both alike (0.10.0).
    """
    assert tuple(layer.scale) == one.spacing_um
    assert tuple(layer.translate) in (one.origin_um, (0.0,) * len(one.origin_um))
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert layer.axis_labels == tuple("zyx"[-len(one.spacing_um) :])


def test_napari_shows_channels_with_their_names_colours_and_sizes(stored: Stored) -> None:
    viewer = opened(stored.path)
    images = [layer for layer in viewer.layers if isinstance(layer, napari.layers.Image)]
    shown = CHANNELS[: len(images)] if len(images) > 1 else ALONE
    assert len(images) == len(stored.image)
    for layer, channel, (name, colour) in zip(images, stored.image, shown, strict=True):
        assert layer.name.endswith(name)
        np.testing.assert_array_equal(np.asarray(levels(layer)[0]), channel)
        np.testing.assert_allclose(layer.colormap.colors[-1][:3], colour)
        low, high = layer.contrast_limits
        assert channel.min() <= low < high <= channel.max()
        assert layer.visible
        lies_as(layer, stored)
        edges = [one.shape[-1] for one in levels(layer)]
        assert edges == [-(-channel.shape[-1] // 2**k) for k in range(len(edges))]
        assert edges[-1] <= 512 < edges[0]


def test_napari_shows_labels_on_their_image(stored: Stored) -> None:
    viewer = opened(stored.path)
    (labels,) = [layer for layer in viewer.layers if isinstance(layer, napari.layers.Labels)]
    every = levels(labels)
    assert every[0].dtype.kind == "u"
    np.testing.assert_array_equal(np.asarray(every[0]), stored.labels)
    assert stored.labels.max() >= 1
    assert len(every) > 1
    for one in every:
        assert set(np.unique(np.asarray(one))) <= set(np.unique(stored.labels))
    lies_as(labels, stored)
    # both begin at one place
    np.testing.assert_array_equal(labels.translate, viewer.layers[0].translate)


def test_napari_shows_how_unsure_pixels_are(stored: Stored) -> None:
    viewer = opened(stored.path / "labels" / "cells" / "uncertainty")
    pictures = [layer for layer in viewer.layers if isinstance(layer, napari.layers.Image)]
    written = cl.images.read(stored.path / "labels" / "cells" / "uncertainty")
    assert [layer.name.split(": ")[-1] for layer in pictures] == list(written.channel_names)
    for k, layer in enumerate(pictures):
        np.testing.assert_array_equal(np.asarray(levels(layer)[0]), written.array[..., k])
        lies_as(layer, stored)


class Allowed(SimpleHTTPRequestHandler):
    """Files of a folder, for pages of other hosts, too."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(stored: Stored) -> Iterator[str]:
    """The address of the store on a server of its own, on loopback."""
    handler = functools.partial(Allowed, directory=str(stored.path.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"zarr://http://127.0.0.1:{server.server_address[1]}/{stored.path.name}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_neuroglancer_shows_labels_on_their_image(stored: Stored, served: str) -> None:
    """What has the colour of an object is brighter in the image than what has none."""
    neuroglancer = pytest.importorskip("neuroglancer", reason=MISSING.format("neuroglancer"))
    api = pytest.importorskip("playwright.sync_api", reason=MISSING.format("playwright"))
    low, high = (float(v) for v in np.percentile(stored.image[0], [1, 99.8]))
    image = neuroglancer.ImageLayer(
        source=served, shader_controls={"normalized": {"range": [low, high]}}
    )
    labels = neuroglancer.SegmentationLayer(source=f"{served}labels/cells/")
    viewers = [neuroglancer.Viewer() for _ in range(2)]
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL)
        pairs = zip(viewers, (image, labels), strict=True)
        shots = [seen(chromium, viewer, layer) for viewer, layer in pairs]
        chromium.close()
    middle = [
        n / 2 + at / um
        for n, at, um in zip(stored.labels.shape, stored.origin_um, stored.spacing_um, strict=True)
    ]
    for viewer in viewers:
        known = viewer.state.dimensions
        assert list(known.names) == list("zyx"[-stored.labels.ndim :])
        np.testing.assert_allclose(known.scales, np.array(stored.spacing_um) * 1e-6)
        assert set(known.units) == {"m"}
        np.testing.assert_allclose(viewer.state.position, middle, atol=1)
    grey, coloured = (shot[SHOWN].astype(float) for shot in shots)
    inside = np.ptp(coloured, axis=-1) > 20
    assert inside.mean() > 0.01
    if stored.labels.ndim == 2:
        assert grey.mean(axis=-1)[inside].mean() > 2 * grey.mean(axis=-1)[~inside].mean()


def seen(chromium: Any, viewer: Any, layer: Any) -> np.ndarray:
    """Return what a page shows of a layer once all of it was loaded."""
    with viewer.txn() as state:
        state.layers["shown"] = layer
        state.layout = "xy"
        state.show_axis_lines = state.show_scale_bar = state.show_default_annotations = False
    page = chromium.new_page(viewport={"width": 900, "height": 600})
    odd: list[str] = []
    page.on("pageerror", lambda error: odd.append(str(error)))
    page.goto(viewer.get_viewer_url())
    before = pixels = np.zeros((600, 900, 3), np.uint8)
    for _ in range(60):
        page.wait_for_timeout(2000)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        before, pixels = pixels, np.asarray(shot)
        # loaded, drawn, and nothing comes any more
        if np.ptp(pixels[SHOWN]) and np.array_equal(before, pixels):
            break
    page.close()
    assert odd == []
    return pixels
