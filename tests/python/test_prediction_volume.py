"""Images of any size: predicted block by block they give what the whole image gives."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import cytoloom as cl
from cytoloom.datasets.files import FileSource
from cytoloom.datasets.sources import ArraySource
from cytoloom.errors import InvalidError
from cytoloom.images import blocks
from cytoloom.models.untrained import untrained
from cytoloom.prediction.blockwise import cut, volume
from cytoloom.tasks import Classes, Instances
from cytoloom.volumes import work
from cytoloom.volumes.work import each_block, workers_of

zarr = pytest.importorskip("zarr")
yaozarrs = pytest.importorskip("yaozarrs")

MODEL = Path(__file__).parents[2] / "inst" / "extdata" / "simulated.cytoloom"


@pytest.fixture(scope="module")
def model() -> cl.Model:
    """The model of the examples, which finds nuclei."""
    return cl.load(MODEL)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Touching nuclei, many of them at the ends of blocks."""
    return cl.simulate.nuclei(shape=(300, 420), count=130, seed=1)[0]


@pytest.fixture(scope="module")
def whole(model: cl.Model, image: np.ndarray) -> Any:
    """What is found in all of it at once."""
    return cl.predict(model, {"a": image}, rescale=None, progress=False)


def level(out: Path, k: int = 0) -> np.ndarray:
    """Read a level of a label image."""
    return np.asarray(zarr.open_array(out / str(k), mode="r")[...])


def pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return which labels lie upon which."""
    return np.unique(np.stack([one.ravel(), other.ravel()]), axis=1).T


def equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether labels are the same up to their numbers."""
    both = pairs(one, other)
    own, others = both.T
    zero = [0, 0] in both.tolist() or not (own == 0).any()
    return zero and len(set(own)) == len(set(others)) == len(both)


def in_order_of(table: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
    """Return the rows of objects in the order of these numbers, without numbers."""
    rows = table.set_index("object").loc[numbers].reset_index(drop=True)
    return rows.drop(columns="image")


@pytest.mark.parametrize("block_px", [128, 100, (300, 150), 1000])
def test_blocks_give_the_objects_of_the_whole(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path, block_px: Any
) -> None:
    out = tmp_path / "cells.zarr"
    found = cl.predict(
        model, {"a": image}, rescale=None, out=out, block_px=block_px, progress=False
    )
    labels = level(out)
    assert equal(labels, whole["a"])
    numbers = pairs(labels, whole["a"])[:, 1]
    expected = in_order_of(whole.objects, numbers[numbers > 0])
    mine = in_order_of(found.objects, np.arange(1, len(numbers)))
    pd.testing.assert_frame_equal(mine, expected, check_dtype=False, rtol=1e-9, atol=1e-9)
    pd.testing.assert_frame_equal(found.summary, whole.summary, rtol=1e-6)
    columns = ["status", "objects", "scale", "low", "high"]
    pd.testing.assert_frame_equal(found.files[columns], whole.files[columns])


def test_numbers_are_in_the_order_of_first_pixels(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    cl.predict(model, {"a": image}, out=tmp_path / "a.zarr", block_px=128, progress=False)
    flat = level(tmp_path / "a.zarr").ravel()
    values, first = np.unique(flat, return_index=True)
    assert values.tolist() == list(range(len(values)))
    assert (np.diff(first[1:]) > 0).all()


@pytest.mark.parametrize("more", [{"rescale": 0.7}, {"rescale": 1.3}, {"views": 4}])
def test_other_settings_give_the_same_in_blocks(
    model: cl.Model, image: np.ndarray, tmp_path: Path, more: dict[str, Any]
) -> None:
    how = {"rescale": None, "progress": False, **more}
    expected = cl.predict(model, {"a": image[:200, :300]}, **how)
    out = tmp_path / "a.zarr"
    cl.predict(model, {"a": image[:200, :300]}, out=out, block_px=120, **how)
    assert equal(level(out), expected["a"])


@pytest.mark.parametrize("ndim", [2, 3])
def test_classes_and_stacks(tmp_path: Path, ndim: int) -> None:
    task = Classes(("background", "a", "b"))
    network = cl.UNet(filters=2, depth=1, ndim=ndim)
    of_nothing = untrained(task, network)
    shape = (90, 80) if ndim == 2 else (40, 44, 48)
    image = np.random.default_rng(0).normal(size=(*shape, 1)).astype(np.float32)
    expected = cl.predict(of_nothing, {"a": image}, rescale=None, progress=False)
    out = tmp_path / "a.zarr"
    found = cl.predict(of_nothing, {"a": image}, rescale=None, out=out, block_px=33, progress=False)
    assert (level(out) == expected["a"]).all()
    yaozarrs.validate_zarr_store(str(out))
    label = zarr.open_group(out, mode="r").attrs["ome"]["image-label"]
    assert [(c["label-value"], c["rgba"]) for c in label["colors"]] == [
        (1, [0, 0, 255, 255]), (2, [0, 255, 0, 255])
    ]  # fmt: skip
    assert [(p["label-value"], p["class"]) for p in label["properties"]] == [(1, "a"), (2, "b")]
    sizes = ["class", "area_px", *(f"bbox_{a}_min" for a in "zyx"[-ndim:])]
    by = sizes[1:]
    mine, other = (
        t.objects[sizes].sort_values(by).reset_index(drop=True) for t in (found, expected)
    )
    pd.testing.assert_frame_equal(mine, other, check_dtype=False)


def test_objects_larger_than_what_is_seen_are_measured_and_named(
    model: cl.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(cut.MARGIN_PX, 2, (4, 4))
    image = cl.simulate.nuclei(shape=(200, 200), count=60, seed=3)[0]
    out = tmp_path / "a.zarr"
    found = cl.predict(model, {"a": image}, rescale=None, out=out, block_px=40, progress=False)
    said = capsys.readouterr().err
    assert "40 objects (1, 6, 7, ...) reach farther than what is seen around a block" in said
    table = cl.measure(level(out), image, progress=False)
    columns = [c for c in table if c not in ("image", "class", "mean_foreground", "probability")]
    shared = [c for c in columns if c in found.objects]
    assert {"area_px", "centroid_x", "mean_intensity_0", "solidity"} <= set(shared)
    pd.testing.assert_frame_equal(
        found.objects[shared], table[shared], check_dtype=False, rtol=1e-9
    )
    assert found.objects["mean_foreground"].between(0.4, 1).all()
    assert found.objects["probability"].between(0, 1).all()
    told = json.loads((out / "tables" / "files_run.json").read_text())["blocks"]
    assert told["block_px"] == [40, 40]
    assert len(told["larger_than_seen"]) > 10
    assert bool(told["seen_differently"]) == bool(told["differing_px"])


def test_objects_at_the_border_are_left_out_of_the_whole_alone(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    part = image[:150, :200]
    one = cl.load(MODEL)
    (name,) = one.parts
    one.parts[name] = type(one.part)(
        **{
            **{f: getattr(one.part, f) for f in one.part.__dataclass_fields__},
            "task": Instances(
                **{
                    **{f: getattr(model.task, f) for f in model.task.__dataclass_fields__},
                    "exclude_border": True,
                }
            ),
        }
    )
    expected = cl.predict(one, {"a": part}, rescale=None, progress=False)
    out = tmp_path / "a.zarr"
    found = cl.predict(one, {"a": part}, rescale=None, out=out, block_px=64, progress=False)
    every = cl.predict(model, {"a": part}, rescale=None, progress=False)
    assert 0 < len(expected.objects) < len(every.objects)
    assert equal(level(out), expected["a"])
    pd.testing.assert_frame_equal(found.summary, expected.summary, rtol=1e-6)


def test_maps_and_uncertainty_are_those_of_the_whole(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"maps": True, "uncertainty": True, "progress": False}
    how |= {"rescale": 0.7, "pixel_size_um": 0.5}
    expected = cl.predict(model, {"a": image}, out=tmp_path / "whole", **how)
    out = tmp_path / "cells.zarr"
    found = cl.predict(model, {"a": image}, out=out, block_px=130, **how)
    for kind in ("maps", "uncertainty"):
        yaozarrs.validate_zarr_store(str(out / kind))
        mine = cl.images.read(out / kind)
        whole = cl.images.read(tmp_path / "whole" / kind / "a.tif")
        assert mine.pixel_size_um == (0.5, 0.5)
        assert abs(mine.array - whole.array).max() < 2e-3
        assert np.ptp(whole.array[..., 0]) > 0.5
    assert cl.images.read(out / "maps").channel_names == ("background", "object")
    pd.testing.assert_frame_equal(found.summary, expected.summary, rtol=1e-3)
    yaozarrs.validate_zarr_store(str(out))
    assert (cl.results(out)["a"] == level(out)).all()
    cl.predict(model, {"a": image[:99, :99]}, out=out, overwrite=True, progress=False)
    assert not (out / "maps").exists()


def test_maps_of_a_stack_and_of_an_ensemble(tmp_path: Path) -> None:
    task, network = Classes(("background", "a", "b")), cl.UNet(filters=2, depth=1, ndim=3)
    two = [untrained(task, network, seed=seed) for seed in range(2)]
    networks = {(k, m.name): m.network_of(1) for k, m in enumerate(two, start=1)}
    one = replace(two[0], members=2, networks=networks, _engine=None)
    stack = np.random.default_rng(0).normal(size=(24, 40, 48, 1)).astype(np.float32)
    how: dict[str, Any] = {"maps": True, "uncertainty": True, "rescale": None, "progress": False}
    cl.predict(one, {"a": stack}, out=tmp_path / "whole", **how)
    cl.predict(one, {"a": stack}, out=tmp_path / "a.zarr", block_px=17, **how)
    for kind in ("maps", "uncertainty"):
        mine = cl.images.read(tmp_path / "a.zarr" / kind)
        whole = cl.images.read(tmp_path / "whole" / kind / "a.tif")
        assert mine.array.shape == whole.array.shape == (24, 40, 48, 3)
        assert abs(mine.array - whole.array).max() < 2e-3
    assert mine.array[..., 1].max() > 0.01  # the members disagree


def test_what_is_written_is_a_label_image(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "cells.zarr"
    large = np.tile(image, (2, 2))
    cl.predict(model, {"a": large}, out=out, pixel_size_um=0.5, progress=False)
    yaozarrs.validate_zarr_store(str(out))
    ome = zarr.open_group(out, mode="r").attrs["ome"]
    (scales,) = ome["multiscales"]
    assert [axis["unit"] for axis in scales["axes"]] == ["micrometer"] * 2
    first, second = (one["coordinateTransformations"][0] for one in scales["datasets"])
    assert (first["scale"], second["scale"]) == ([0.5, 0.5], [1.0, 1.0])
    assert (level(out, 1) == level(out)[::2, ::2]).all()
    assert level(out).dtype == np.uint16
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", [2, 3])
def test_labels_go_into_the_store_of_their_image(
    model: cl.Model, image: np.ndarray, tmp_path: Path, kind: int
) -> None:
    store = tmp_path / "big.zarr"
    group = zarr.open_group(store, mode="w", zarr_format=kind)
    group.create_array("0", data=image)
    scale = {"type": "scale", "scale": [1.0, 1.0]}
    axes = [{"name": n, "type": "space"} for n in "yx"]
    sets = [{"path": "0", "coordinateTransformations": [scale]}]
    scales = {"axes": axes, "datasets": sets, "name": "big"}
    if kind == 2:
        group.attrs["multiscales"] = [{**scales, "version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [scales]}
    for name in ("cells", "again"):
        out = store / "labels" / name
        cl.predict(model, {"a": image}, out=out, block_px=200, progress=False)
    yaozarrs.validate_zarr_store(str(store))
    labels = zarr.open_group(store / "labels", mode="r").attrs.asdict()
    listed = labels["labels"] if kind == 2 else labels["ome"]["labels"]
    assert listed == ["cells", "again"]
    assert (level(out) == level(store / "labels" / "cells")).all()


def _stopping(after: int) -> Callable[..., str]:
    """Return work on a block that is broken off after some blocks."""
    done = []

    def work(job: Any, k: int, workers: int | None = None) -> str:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(k)
        return find(job, k, workers)

    find = volume.find_in_block
    return work


def test_a_prediction_that_was_broken_off_goes_on(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    how: dict[str, Any] = {"rescale": None, "block_px": 100, "progress": False}
    out = tmp_path / "cells.zarr"
    with monkeypatch.context() as patched:
        patched.setattr(volume, "find_in_block", _stopping(4))
        with pytest.raises(KeyboardInterrupt):
            cl.predict(model, {"a": image}, out=out, **how)
    assert not out.exists()
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / ".cells.zarr.predicting").rglob("*.npz")}
    assert len(kept) == 4
    with pytest.raises(InvalidError, match="the same prediction as was begun"):
        cl.predict(model, {"a": image}, out=out, **{**how, "block_px": 128})
    with monkeypatch.context() as patched:
        patched.setattr(volume, "find_in_block", _stopping(8))
        # 15 blocks less the 4 that are done are more than 8
        with pytest.raises(KeyboardInterrupt):
            cl.predict(model, {"a": image}, out=out, **how)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    cl.predict(model, {"a": image}, out=out, **how)
    assert equal(level(out), whole["a"])
    assert not list(tmp_path.glob(".*"))


def test_parts_of_blocks_are_put_together_by_the_call_without(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    out = tmp_path / "cells.zarr"
    how: dict[str, Any] = {"rescale": None, "block_px": 100, "out": out, "progress": False}
    blocks = tmp_path / ".cells.zarr.predicting" / "blocks"
    for part, count in (("3/4", 4), ("1/4", 8), ("1/4", 8), ("2 / 4", 12)):
        found = cl.predict(model, {"a": image}, part=part, **how)
        assert len(list(blocks.glob("*.npz"))) == count
        (status,) = found.files["status"]
        assert f"is done; {15 - count} of 15 blocks are missing" in status
        assert found.names == []
    assert not out.exists()
    with pytest.raises(InvalidError, match="the same prediction as was begun"):
        cl.predict(model, {"a": image}, part="4/4", **{**how, "block_px": 128})
    kept = {path: path.stat().st_mtime_ns for path in blocks.glob("*.npz")}
    assert len(kept) == 12
    cl.predict(model, {"a": image}, part="4/4", **how)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    found = cl.predict(model, {"a": image}, **how)
    assert equal(level(out), whole["a"])
    assert len(found.objects) == len(whole.objects)
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(InvalidError, match="a new name"):
        cl.predict(model, {"a": image}, part="1/4", **how)
    # before any worker is started or waited for
    monkeypatch.setattr(work, "workers_of", lambda *_: pytest.fail("workers were started"))
    for part in (None, "1/4"):
        with pytest.raises(InvalidError, match="a new name"):
            cl.predict(model, {"a": image}, part=part, workers=2, **how)


def test_a_part_without_a_block_leaves_what_was_decided(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "cells.zarr"
    cl.predict(model, {"a": image[:99, :99]}, out=out, part="2/2", progress=False)
    state = tmp_path / ".cells.zarr.predicting" / "state" / "asked.json"
    assert {"stats", "factors", "blocks"} <= set(json.loads(state.read_text())["decided"])


KILLED = """
import os, signal, sys
import numpy as np
import cytoloom as cl
from cytoloom.storage import atomic
left = int(sys.argv[3])
replace = os.replace
def count(*args, **more):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*args, **more)
os.replace = count
image = np.load(sys.argv[1])
cl.predict({model!r}, {{"a": image}}, rescale=None, out=sys.argv[2], block_px=150, progress=False)
"""


def test_killed_at_any_moment_it_goes_on_to_the_same(
    image: np.ndarray, whole: Any, tmp_path: Path
) -> None:
    np.save(tmp_path / "image.npy", image)
    out = tmp_path / "cells.zarr"
    script = KILLED.format(model=str(MODEL))
    for left in (2, 7, 15, 10_000):  # the 18th forgets how to go on: all is there by then
        command = [sys.executable, "-c", script, str(tmp_path / "image.npy"), str(out), str(left)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        if ended.returncode == 0:
            break
        # what is there is whole, or nothing is
        assert not out.exists() or equal(level(out), whole["a"])
    assert ended.returncode == 0
    assert equal(level(out), whole["a"])
    assert len(cl.results(out / "tables").objects) == len(whole.objects)
    assert os.listdir(tmp_path / "cells.zarr" / "tables")


def test_a_chunk_that_cannot_be_read_costs_its_block(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path, capsys: Any
) -> None:
    store, out = tmp_path / "big.zarr", tmp_path / "big.zarr" / "labels" / "cells"
    group = zarr.open_group(store, mode="w", zarr_format=3)
    group.create_array("0", data=image, chunks=(100, 100), dimension_names=["y", "x"])
    scales = {
        "axes": [{"name": n, "type": "space"} for n in "yx"],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}],
            }
        ],
    }
    group.attrs["ome"] = {"version": "0.5", "multiscales": [scales]}
    chunk = store / "0" / "c" / "2" / "4"
    kept = chunk.read_bytes()
    chunk.write_bytes(kept[: len(kept) // 2])
    how: dict[str, Any] = {"rescale": None, "block_px": 100, "progress": False}
    stats = model.normalize.fit(image[..., None])
    with pytest.MonkeyPatch.context() as patched:
        # as a volume is: read by regions, and measured before the chunk was damaged
        patched.setattr(blocks, "LARGE_PX", 1000)
        patched.setattr(type(model.normalize), "fit", lambda self, source: stats)
        with pytest.raises(InvalidError, match=r"9 blocks of 15.*at y 0:100, x 200:300"):
            cl.predict(model, store, out=out, **how)
        assert "x 400:420" in capsys.readouterr().err
        assert not out.exists()
        done = list((store / "labels" / ".cells.predicting" / "blocks").glob("*.npz"))
        assert len(done) == 6  # those that see nothing of the chunk
        chunk.write_bytes(kept)
        cl.predict(model, store, out=out, **how)
    assert equal(level(out), whole["a"])
    yaozarrs.validate_zarr_store(str(store))


def test_an_image_with_a_damaged_chunk_is_measured_without_it(
    model: cl.Model, tmp_path: Path, capsys: Any
) -> None:
    image = cl.simulate.nuclei(shape=(120, 1400), count=60, seed=1)[0]
    store, out = tmp_path / "big.zarr", tmp_path / "cells.zarr"
    cl.volumes.write(store, image, axes="yx", spacing_um=0.5)
    chunk = store / "0" / "c" / "0" / "1"
    kept = chunk.read_bytes()
    chunk.write_bytes(kept[:100])
    how: dict[str, Any] = {"block_px": (120, 350), "progress": False}
    with pytest.raises(InvalidError, match=r"2 blocks of 4 .*x 700:1050"):
        cl.predict(model, store, out=out, **how)
    said = capsys.readouterr().err
    assert "1 part of it cannot be read, the first at y 0:120, x 1024:1400" in said
    assert "c/0/1" in said
    state = json.dumps([p.read_text() for p in tmp_path.glob(".cells.zarr.predicting/**/*.json*")])
    assert len(list(tmp_path.glob(".cells.zarr.predicting/blocks/*.npz"))) == 2
    expected = model.normalize.fit(image[:, :1024, None])
    assert all(f"{value:g}" in state for value in (*expected.low, *expected.high))
    chunk.write_bytes(kept)
    assert len(cl.predict(model, store, out=out, **how).objects) > 40
    # of one chunk alone there is nothing that could be done
    alone = cl.volumes.write(tmp_path / "one.zarr", image[:, :300], axes="yx")
    chunk = alone / "0" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(InvalidError, match=r"one.zarr`.*c/0/0, in \[0:120, 0:300\]"):
        cl.predict(model, alone, out=tmp_path / "other.zarr", progress=False)


def test_settings_that_cannot_be_meant_are_refused_with_or_without_dask(
    model: cl.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    image = {"a": np.zeros((64, 64), np.uint8)}
    with pytest.raises(cl.InvalidError, match=r"`part` or `workers`"):
        cl.predict(model, image, out=tmp_path / "found", workers=2, part="1/2")
    with pytest.raises(cl.InvalidError, match=r"Invalid `workers`. Expected `out` with it"):
        cl.predict(model, image, workers=2)
    for out in ("found", "found.zarr"):
        with pytest.raises(cl.InvalidError, match=r"package dask.distributed.*cytoloom\[cluster\]"):
            cl.predict(model, image, out=tmp_path / out, workers=2)
    assert not list(tmp_path.iterdir())


def test_what_is_refused_leaves_no_folders(model: cl.Model, tmp_path: Path) -> None:
    out = tmp_path / "none.zarr" / "labels" / "x"
    with pytest.raises(InvalidError, match=r"none.zarr is none"):
        cl.predict(model, {"a": np.zeros((64, 64), np.uint8)}, out=out, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_never_comes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        """A client without workers."""

        def wait_for_workers(self, count: int, timeout: float) -> None:
            raise TimeoutError

    with pytest.raises(InvalidError, match=r"`client`.*none after 30 minutes"):
        with workers_of(1, Nobody()):
            pass


def test_results_are_opened_again(model: cl.Model, image: np.ndarray, tmp_path: Path) -> None:
    out = tmp_path / "cells.zarr"
    found = cl.predict(model, {"a": image}, out=out, progress=False)
    for place in (out / "tables", out):
        again = cl.results(place)
        assert again.names == ["a"]
        assert (again["a"] == level(out)).all()
        assert len(again.objects) == len(found.objects)
    assert (found["a"] == level(out)).all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"out": None, "block_px": 64}, r"`block_px`.*`out`"),
        ({"out": "results", "block_px": 64}, r"`block_px`.*`out`"),
        ({"block_px": 0}, r"`block_px`.*whole numbers above 0"),
        ({"block_px": (64, 64, 64)}, r"`block_px`.*2 for this image"),
        ({"block_px": 8}, r"`block_px`.*which is seen around each"),
        ({"workers": 0}, r"`workers`.*above 0"),
        ({"part": "0/4"}, r"`part`.*3/40"),
        ({"part": "5/4"}, r"`part`.*3/40"),
        ({"out": None, "part": "1/2"}, r"`part`.*`out`"),
        ({"overlay": True}, r"`overlay`.*a folder of results"),
        ({"out": "a.zarr/b/c/d"}, r"`out`.*big\.zarr/labels/cells"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    model: cl.Model, image: np.ndarray, tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    out = more.get("out", "a.zarr")
    given = {**more, "out": out and str(tmp_path / out)}
    with pytest.raises(InvalidError, match=words):
        cl.predict(model, {"a": image}, progress=False, **given)
    assert not list(tmp_path.iterdir())


def test_objects_go_into_parquet(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path
) -> None:
    out = tmp_path / "a.zarr"
    found = cl.predict(
        model, {"a b": image}, rescale=None, out=out, objects="parquet", progress=False
    )
    assert len(found.objects) == 0
    (file,) = (out / "tables" / "objects").glob("*.parquet")
    assert len(pd.read_parquet(file)) == len(whole.objects)
    assert found.files["objects"].tolist() == [len(whole.objects)]
    assert cl.results(out).summary["count"].tolist() == [len(whole.objects)]


def test_one_image_at_a_time(model: cl.Model, image: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="one image"):
        cl.predict(model, {"a": image, "b": image}, out=tmp_path / "a.zarr", progress=False)


def test_what_is_there_stays(model: cl.Model, image: np.ndarray, tmp_path: Path) -> None:
    part, out = image[:100, :100], tmp_path / "a.zarr"
    zarr.open_group(out, mode="w")
    for overwrite in (False, True):
        with pytest.raises(InvalidError, match="which no prediction wrote"):
            cl.predict(model, {"a": part}, out=out, overwrite=overwrite, progress=False)
    other = tmp_path / "b.zarr"
    cl.predict(model, {"a": part}, out=other, progress=False)
    before = level(other)
    with pytest.raises(InvalidError, match="a new name"):
        cl.predict(model, {"a": part}, out=other, progress=False)
    cl.predict(model, {"a": part[::-1]}, out=other, overwrite=True, progress=False)
    assert not (level(other) == before).all()


def test_workers_of_dask_give_the_same(
    model: cl.Model, image: np.ndarray, whole: Any, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    store = cl.volumes.write(tmp_path / "big.zarr", image)
    out = store / "labels" / "cells"
    cl.predict(model, store, rescale=None, out=out, block_px=128, workers=2, progress=False)
    assert equal(level(out), whole["a"])


def _named(job: str, k: int, workers: int | None) -> str:
    return f"{job}{k}"


def test_two_that_share_a_scheduler_get_each_their_own() -> None:
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        one, other = (each_block(_named, job, range(3), client) for job in "ab")
        k, finish = next(one)
        assert finish() == f"a{k}"
        assert sorted(finish() for _, finish in other) == ["b0", "b1", "b2"]


def test_blocks_are_as_large_as_the_workers_of_a_cluster_can_have(model: cl.Model) -> None:
    """Of half of 4 GB for two threads each has 1 GB, whatever is free where the call is made."""
    distributed = pytest.importorskip("distributed")
    image = np.broadcast_to(np.uint8(0), (9000, 9000, 1))
    source = ArraySource(image)
    edges = []
    for memory in (4e9, 0.4e9):
        cluster = distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None,
            memory_limit=memory,
        )  # fmt: skip
        with cluster, distributed.Client(cluster) as client:
            hands = work.Hands(1, client)
            assert hands.count == 2
            assert hands.block_gb() == pytest.approx(memory / 2e9)
            made = cut.blocks_for(model, source, None, None, hands)
            assert cut.bytes_of(model, source, made.block_px, made.margin_px) <= memory / 4
            edges.append(made.block_px[0])
    assert edges[0] == 4096 > edges[1] >= 1024


def test_a_file_goes_to_other_processes_without_its_pixels(
    image: np.ndarray, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    source = FileSource(tmp_path / "a.tif")
    assert source.read().sum() == image.sum()
    sent = pickle.dumps(source)
    assert len(sent) < 5000
    assert (pickle.loads(sent).read() == source.read()).all()


def test_what_others_put_there_is_not_replaced(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    part, out = image[:100, :100], tmp_path / "a.zarr"
    how: dict[str, Any] = {"out": out, "overwrite": True, "progress": False}
    cl.predict(model, {"a": part}, **how)
    (out / "labels").mkdir()
    with pytest.raises(InvalidError, match="labels in it, which no prediction wrote"):
        cl.predict(model, {"a": part}, **how)
    (out / "labels").rmdir()
    cl.predict(model, {"a": part}, **how)
    zarr.open_array(out / "0", mode="r+")[:5, :5] = 0
    with pytest.raises(InvalidError, match="changed since"):
        cl.predict(model, {"a": part}, **how)


def test_labels_belong_to_their_image(model: cl.Model, image: np.ndarray, tmp_path: Path) -> None:
    store = cl.volumes.write(tmp_path / "big.zarr", image)
    with pytest.raises(InvalidError, match="labels as large as the image"):
        cl.predict(model, {"a": image[:90]}, out=store / "labels" / "a", progress=False)
    with pytest.raises(InvalidError, match="Write the image first"):
        cl.predict(model, {"a": image}, out=tmp_path / "b.zarr" / "labels" / "a", progress=False)


def test_odd_images_are_told_of(model: cl.Model, tmp_path: Path, capsys: Any) -> None:
    nothing = np.full((90, 90), np.nan, np.float32)
    with pytest.raises(InvalidError, match="pixels that are numbers"):
        cl.predict(model, {"a": nothing}, out=tmp_path / "a.zarr", progress=False)
    out = tmp_path / "b.zarr"
    cl.predict(model, {"b": np.zeros((90, 90), np.uint8)}, out=out, progress=False)
    assert "has one value everywhere" in capsys.readouterr().err
    assert cl.volumes.read_labels(out).max() == 0
    assert "is it whole" not in capsys.readouterr().err


def test_labels_of_another_run_are_not_taken_for_these(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "a.zarr"
    how: dict[str, Any] = {"out": out, "overwrite": True, "progress": False}
    found = cl.predict(model, {"a": image[:100, :100]}, **how)
    again = cl.results(out)
    cl.predict(model, {"a": image[:100, :100]}, rescale=1.5, **how)
    for one in (found, again):
        with pytest.raises(InvalidError, match="another run wrote since"):
            one["a"]
    shutil.rmtree(out)
    with pytest.raises(InvalidError, match="which is gone"):
        found["a"]


def test_a_page_shows_a_label_image_by_its_place(
    model: cl.Model, image: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("jinja2")
    out = tmp_path / "a.zarr"
    cl.predict(model, {"a": image[:100, :100]}, out=out, progress=False)
    page = cl.report(out, tmp_path / "page.html", progress=False)
    assert page.is_file()


def test_what_is_wrong_with_blocks_is_said_before_the_image_is_measured(
    model: cl.Model, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(self: Any, source: Any) -> Any:
        raise AssertionError("the whole image is measured")

    monkeypatch.setattr(type(model.normalize), "fit", measured)
    how: dict[str, Any] = {"out": tmp_path / "a.zarr", "progress": False}
    with pytest.raises(InvalidError, match="2 for this image"):
        cl.predict(model, {"a": image}, block_px=(9, 9, 9), **how)
    with pytest.raises(InvalidError, match="at least 57 px, which is seen around each"):
        cl.predict(model, {"a": image}, rescale=None, block_px=40, **how)
    # the network sees it twice as large, and so half as much around each block is enough
    with pytest.raises(AssertionError, match="is measured"):
        cl.predict(model, {"a": image}, rescale=2.0, block_px=40, **how)
