"""Uneven illumination of plates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.phenotypes.illumination import EvenSource, expanded, in_blocks

QUIET: dict[str, Any] = {"progress": False}


def light(shape: tuple[int, int] = (90, 110), tilt: float = 0.6) -> np.ndarray:
    """Brighter to the right by `tilt` of the mean, from edge to edge; mean 1."""
    x = np.linspace(-0.5, 0.5, shape[1])
    return np.broadcast_to(1 + tilt * x, shape)


def plate(count: int = 24, tilt: float = 0.6) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return images of cells 100 on a ground of 50, lit unevenly, and labels."""
    images, labels = {}, {}
    rng = np.random.default_rng(0)
    for k in range(count):
        drawn = np.zeros((90, 110), np.uint8)
        for n in range(5):
            y, x = rng.integers(2, 80), rng.integers(2, 100)
            drawn[y : y + 8, x : x + 8] = n + 1
        truth = np.where(drawn > 0, 100.0, 50.0) * (2 if k % 3 == 0 else 1)
        noise = rng.normal(0, 1, truth.shape)
        images[f"P_A{k + 1:02d}"] = (truth * light(tilt=tilt) + noise).astype(np.uint16)
        labels[f"P_A{k + 1:02d}"] = drawn
    return images, labels


def test_the_field_is_found_and_divided_out() -> None:
    images, labels = plate()
    how = {"labels": labels, "size_px": 8, "plate": "{plate}_{well}"}
    as_is = cl.cells(images, **how, **QUIET)
    even = cl.cells(images, **how, illumination="plate", **QUIET)
    (field,) = even.illumination
    assert (field.plate, field.images) == ("P", 24)
    truth = light() / light().mean()
    assert np.abs(expanded(field.grid, (90, 110))[..., 0] / truth - 1).max() < 0.03
    assert field.uneven[0] == pytest.approx(truth.std(), rel=0.05)
    assert field.left[0] < 0.01
    spread = []
    for cells in (as_is, even):
        own = cells.table[cells.table["image"] == "P_A02"]
        spread.append(own["mean_intensity_0"].std() / own["mean_intensity_0"].mean())
    assert spread[0] > 0.1
    assert spread[1] < 0.03
    # what makes all of a well brighter stays
    means = even.table.groupby("image")["mean_intensity_0"].mean()
    assert means["P_A01"] / means["P_A02"] == pytest.approx(2, rel=0.03)
    said = str(cl.check(even, **QUIET))
    assert "Plate P: illumination differs over the image by 17" in said
    assert "are left" in said


def test_even_cells_are_found_again_as_they_were(tmp_path: Path) -> None:
    images, labels = plate(12)
    kept = cl.cells(images, labels=labels, size_px=8, illumination="plate",
                    out=tmp_path / "cells", **QUIET)  # fmt: skip
    again = cl.features(tmp_path / "cells", **QUIET)
    pd.testing.assert_frame_equal(again, cl.features(kept, **QUIET), check_dtype=False, rtol=1e-5)
    raw = cl.images.read(tmp_path / "cells" / "images" / "P_A01.ome.tif")
    assert (np.squeeze(raw.array) == images["P_A01"]).all()
    cl.cells(images, labels=labels, size_px=8, out=tmp_path / "cells", overwrite=True, **QUIET)
    assert not (tmp_path / "cells" / "illumination.npz").exists()


def test_plates_and_channels_have_fields_of_their_own() -> None:
    images: dict[str, np.ndarray] = {}
    labels: dict[str, Any] = {}
    for name, tilt in (("P", 0.6), ("Q", -0.4)):
        pixels, drawn = plate(10, tilt)
        for k, key in enumerate(pixels):
            own = f"{name}_A{k + 1:02d}"
            flat = np.full_like(pixels[key], 70)
            images[own], labels[own] = np.stack([pixels[key], flat], -1), drawn[key]
    cells = cl.cells(images, labels=labels, size_px=8, plate="{plate}_{well}",
                     illumination="plate", axes="yxc", **QUIET)  # fmt: skip
    assert [one.plate for one in cells.illumination] == ["P", "Q"]
    right = [one.grid[:, -1, 0].mean() for one in cells.illumination]
    assert right[0] > 1.2
    assert right[1] < 0.85
    assert all(one.uneven[1] < 1e-9 for one in cells.illumination)


def test_what_is_read_of_a_part_is_that_of_the_whole() -> None:
    images, labels = plate(10)
    cells = cl.cells(images, labels=labels, size_px=8, illumination="plate", **QUIET)
    source = cells.items[3].image
    assert isinstance(source, EvenSource)
    whole = source.read()
    assert (whole.dtype, source.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(source.read((slice(5, 9), slice(60, 99))), whole[5:9, 60:99])


def test_a_model_of_even_images_sees_no_others() -> None:
    from types import SimpleNamespace

    from cytoloom.phenotypes.encoded import _refuse_other
    from cytoloom.tasks import Reconstruction

    images, labels = plate(10)
    uneven = cl.cells(images, labels=labels, size_px=8, **QUIET)
    even = cl.cells(images, labels=labels, size_px=8, illumination="plate", **QUIET)
    info = {"training": {"cells": {"illumination": "plate"}}}
    model = SimpleNamespace(task=Reconstruction(), info=info, channels=1)
    _refuse_other(model, even)
    with pytest.raises(cl.InvalidError, match="as in training, illumination plate"):
        _refuse_other(model, uneven)


def test_blocks_are_means() -> None:
    image = np.random.default_rng(0).normal(size=(130, 65, 2))
    blocks = in_blocks(image)
    assert blocks.shape == (64, 64, 2)
    assert blocks[0, 0].tolist() == pytest.approx(image[:2, :1].mean(axis=(0, 1)).tolist())
    assert blocks[-1, -1].tolist() == pytest.approx(image[127:, 63:].mean(axis=(0, 1)).tolist())
    flat = expanded(np.ones((64, 64, 1)), (130, 65))
    assert flat == pytest.approx(np.ones((130, 65, 1)))


def test_few_images_and_sizes_that_differ_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = plate(4)
    cl.cells(images, labels=labels, size_px=8, illumination="plate")
    assert "illumination is taken from 4 images" in capsys.readouterr().err
    images["P_A01"], labels["P_A01"] = images["P_A01"][:50], labels["P_A01"][:50]
    with pytest.raises(cl.InvalidError, match=r"`illumination`.*images of one size"):
        cl.cells(images, labels=labels, size_px=8, illumination="plate", **QUIET)
    with pytest.raises(cl.InvalidError, match="illumination"):
        cl.cells(images, labels=labels, illumination="well", **QUIET)  # type: ignore[arg-type]
