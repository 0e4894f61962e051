"""What the prediction of a volume will take, worked out by hand from a clock that is set."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.cli import main
from cytoloom.prediction.blockwise import cut, planned

pytest.importorskip("zarr")
MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"


@pytest.fixture
def store(tmp_path: Path) -> str:
    image, _ = cl.simulate.nuclei(shape=(512, 640), count=60, seed=1)
    return str(cl.volumes.write(tmp_path / "big.zarr", image, axes="yx"))


def test_hours_and_disk_are_those_of_the_parts_scaled(store, monkeypatch):
    """Each part takes 36 s to find and 18 s to write, whatever it is: of blocks of 256 x 256 px."""
    ticks = itertools.chain([0, 0], itertools.cycle([0, 36, 54]))
    monkeypatch.setattr(planned, "clock", lambda: next(ticks))
    monkeypatch.setitem(planned.CHUNK_PX, 2, 256)
    monkeypatch.setitem(cut.BLOCK_PX, 2, 256)
    monkeypatch.setitem(cut.MARGIN_PX, 2, (32, 32))
    monkeypatch.setattr(planned, "_written", lambda job, k: (1000, 4000))
    found = cl.plan(store, MODEL, progress=False)
    # the grid has 2 x 3 blocks: tried are those at (0, 0), (1, 1) and (1, 2), of which the last has
    # 256 x 128 px
    own = 2 * 256 * 256 + 256 * 128
    pixels = 512 * 640
    table = found.table.set_index("setting")
    assert found.labels_gb == pytest.approx(pixels * 3000 / own / 1e9)
    assert found.pyramid_gb == pytest.approx(found.labels_gb / 3)
    assert found.maps_gb == pytest.approx(pixels * 12000 / own / 1e9 * 4 / 3)
    m = 32
    rows, columns = [256 + m, 256 + m], [256 + m, 256 + 2 * m, 128 + m]
    seen = rows[0] * columns[0] + rows[1] * columns[1] + rows[1] * columns[2]
    find = 3 * 36 / seen * sum(rows) * sum(columns)
    write = 3 * 18 / own * pixels
    assert found.hours == pytest.approx((find + write) / 3600)
    assert list(table.index) == [
        "time", "labels", "pyramid", "maps", "working", "memory", "level",
    ]  # fmt: skip


def test_the_copy_to_name_is_that_with_the_pixels_of_the_training(tmp_path, monkeypatch):
    """Of pixels of 0.25, 0.5 and 1 um those of 0.5 come next to 0.6; of a copy none is named."""
    image = np.zeros((1200, 1200), np.uint16)
    store = str(cl.volumes.write(tmp_path / "a.zarr", image, axes="yx", spacing_um=(0.25, 0.25)))
    item = planned.gather_images(store).items[0]

    class Model:
        info = {"pixel_size_um": (0.6, 0.6)}  # noqa: RUF012

    level, named, why = planned._level_for(Model, item, store)
    assert (level, named) == (1, f"{store}:/1")
    assert why.startswith("pixels of 0.5 um, in training 0.6;")
    assert planned._level_for(Model, item, f"{store}:/0")[:2] == (0, "as given")
    assert planned._level_for(Model, item, image)[:2] == (0, "as given")


def test_the_command_line_plans_a_prediction(store, capsys):
    assert main(["plan", store, str(MODEL), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines][0::6] == ["time", "level"]
    assert "of each worker, for blocks of 512 x 640 px" in lines[5]
    assert "0.8 GB are of the process itself" in lines[5]


def test_several_images_are_no_volume():
    images = [np.zeros((64, 64, 1), np.uint16)] * 2
    with pytest.raises(cl.InvalidError, match=r"Invalid `data`. Expected one image.*2 images"):
        cl.plan(images, MODEL, progress=False)


def test_settings_of_a_training_are_refused(store, capsys):
    refused = r"Invalid `minutes`. Expected nothing of a training, where there is a model"
    with pytest.raises(cl.InvalidError, match=refused):
        cl.plan(store, MODEL, minutes=5, progress=False)
    for option, value in (("--minutes", "5"), ("--iterations", "9"), ("--axes", "yx")):
        assert main(["plan", store, str(MODEL), option, value, "--quiet"]) == 1
        assert "Expected nothing of" in capsys.readouterr().err
