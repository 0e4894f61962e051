"""A started training goes on with what it was started with: whatever else is asked for is said."""

from __future__ import annotations

import inspect
import shutil
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.items import Item
from cytoloom.datasets.sources import ArraySource
from cytoloom.datasets.views import CropSource
from cytoloom.experts.agreed import each_drawn, with_consensus
from cytoloom.models.folder import ModelFolder
from cytoloom.training import checkpoints

SIZE = (32, 32)


def items(count: int = 4, **changes: Any) -> list[Item]:
    """Images that a table would say everything of; the changes are those of the first."""
    images, labels = small.nuclei(count, SIZE)
    pairs = zip(images, labels, strict=True)
    made = [
        Item(
            f"i{k}",
            ArraySource(image),
            tuple(ArraySource(drawn, role="labels") for drawn in (one, one, one)),
            split="validation" if k == count - 1 else "train",
            spacing_um=(0.5, 0.5),
        )
        for k, (image, one) in enumerate(pairs)
    ]
    return [replace(made[0], **changes), *made[1:]]


def validated_by(**changes: Any) -> list[Item]:
    """The same images, with changes of the one that is held out."""
    made = items()
    return [*made[:3], replace(made[3], **changes)]


def settings(**changes: Any) -> dict[str, Any]:
    own = {"data": items(), "network": small.NETWORK, "trainer": small.trainer()}
    return own | {"progress": False} | changes


def begun(out: Path, **changes: Any) -> Path:
    """A training that was stopped after its first step."""
    events = cl.train.events(**settings(out=out, **changes))
    next(event for event in events if "iteration 1" in event.message)
    events.close()
    return out


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return begun(tmp_path_factory.mktemp("begun") / "m.cytoloom")


def drawn(*changed: int) -> tuple[ArraySource, ...]:
    """What three people drew, some of them without the first object."""
    labels = small.nuclei(1, SIZE)[1][0]
    less = np.where(labels == labels.max(), 0, labels)
    return tuple(ArraySource(less if k in changed else labels, role="labels") for k in range(3))


ONE_MORE = ArraySource(small.nuclei(1, SIZE)[0][0] + 1)
ITEM = {
    "id": "other",
    "image": ONE_MORE,
    "annotations": drawn(0, 1, 2),
    "split": "validation",
    "roi": ((0, 32), (0, 32)),
    "spacing_um": (0.25, 0.25),
    "weight": 3.0,
    "share": ("a set", 2.0),
}
HELD_OUT = ("id", "image", "annotations", "spacing_um")
# groups decide the split where none is given; the rest is told, and not learned
NOT_OF_ITEM = {"group", "notes", "columns", "annotators"}
TRAINER = {
    "minutes": 1.0,
    "iterations": 9,
    "epochs": 2,
    "batch_size": 1,
    "patch_px": (16,),
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "momentum": 0.5,
    "weight_decay": 0.1,
    "schedule": "constant",
    "warmup": 0.1,
    "patience": 3,
    "augment": "light",
    "foreground": 0.4,
    "balance": False,
    "precision": "bfloat16",
    "annotators": "first",
    "knots": ((0, 0, 1),),
}
NOT_OF_TRAINER = {"threads", "devices", "cache_gb", "checkpoint_s"}
UNET = {
    "filters": 4,
    "depth": 1,
    "convs": 1,
    "kernel": 5,
    "residual": True,
    "norm": "none",
    "dropout": 0.2,
    "upsampling": "resize",
    "stem_stride": 1,
    "refine": False,
    "pooling": ((2, 2), (1, 2)),
}
NORMALIZE = {"low": 2.0, "high": 90.0, "range": (0.0, 4095.0)}
# learned from the images in any case
NOT_OF_NORMALIZE = {"floor", "floor_dtype"}
ARGUMENTS = {
    "task": cl.tasks.Instances(min_area_px=50),
    "normalize": cl.Normalize(low=5.0),
    "validation": tuple(small.nuclei(1, SIZE)),
    "members": 2,
    "seed": 1,
}


def trained_by(name: str, value: Any) -> cl.Trainer:
    length = {"iterations": None} if name in ("minutes", "epochs") else {}
    return small.trainer(**length, **{name: value})


OTHERS = {
    **{f"item.{name}": {"data": items(**{name: value})} for name, value in ITEM.items()},
    **{f"drawn by {k}": {"data": items(annotations=drawn(k))} for k in range(3)},
    **{f"validation.{n}": {"data": validated_by(**{n: ITEM[n]})} for n in HELD_OUT},
    "fewer": {"data": items()[1:]},
    "another order": {"data": [items()[k] for k in (1, 0, 2, 3)]},
    "unknown": {"data": cl.Data(tuple(items()), unknown=1)},
    "unknown, of no pixel": {"data": cl.Data(tuple(items()), unknown=77)},
    **{f"trainer.{name}": {"trainer": trained_by(name, v)} for name, v in TRAINER.items()},
    **{f"network.{n}": {"network": replace(small.NETWORK, **{n: v})} for n, v in UNET.items()},
    **{f"normalize.{n}": {"normalize": cl.Normalize(**{n: v})} for n, v in NORMALIZE.items()},
    **{name: {name: value} for name, value in ARGUMENTS.items()},
}


def fields(component: Any) -> set[str]:
    return {field.name for field in fields_of(component)}


def test_every_setting_is_tried_below():
    """A new one must be put among those that change what is learned, or those that do not."""
    assert fields(Item) == {*ITEM, *NOT_OF_ITEM}
    assert fields(cl.Trainer) == {*TRAINER, *NOT_OF_TRAINER}
    assert fields(cl.UNet) == {*UNET, "ndim"}
    assert fields(cl.Normalize) == {*NORMALIZE, *NOT_OF_NORMALIZE}
    assert fields(cl.Data) == {
        *("items", "unknown"),
        # by which items are made, and what is told of them
        *("channels", "problems", "notes", "classes", "class_ids", "origin"),
    }
    assert {*inspect.signature(cl.train).parameters} - {"out", "overwrite", "progress"} == {
        *("data", "network", "trainer", *ARGUMENTS),
        *("start", "folds"),  # of trainings of their own, below
    }


@pytest.mark.parametrize("other", OTHERS)
def test_what_changes_what_is_learned_is_noticed_on_going_on(started, tmp_path, other):
    out = shutil.copytree(started, tmp_path / "m.cytoloom")
    with pytest.raises(cl.InvalidError, match="settings and data with which"):
        cl.train(**settings(**OTHERS[other]), out=out)
    assert checkpoints.newest(out / ".training") == 1


def test_another_model_to_start_from_is_noticed_though_it_learned_the_same_images(
    trained, tmp_path
):
    other = cl.load(trained.path)
    other.keras.set_weights([weights * 1.01 for weights in small.weights(other)])
    out = begun(tmp_path / "m.cytoloom", start=trained.path, network=None)
    with pytest.raises(cl.InvalidError, match=r"other start\."):
        cl.train(**settings(start=other, network=None), out=out)


def test_members_of_an_ensemble_notice_as_much(tmp_path):
    out = begun(tmp_path / "m.cytoloom", members=2, data=small.nuclei(4, SIZE))
    data = cl.Data.from_pairs(*small.nuclei(4, SIZE), unknown=77)
    with pytest.raises(cl.InvalidError, match=r"other unknown\."):
        cl.train(**settings(members=2, data=data), out=out)


def test_what_each_annotator_drew_is_known_of_a_region_as_well():
    """Where images are too few to hold one out, a region of each is."""
    [agreed] = with_consensus(items(1), cl.tasks.Instances())
    upper = CropSource(agreed.annotations[0], ((0, 16), (0, 32)))
    regions = each_drawn(replace(agreed, annotations=(upper,)))
    assert [one.annotations[0].read().shape for one in regions] == [(16, 32)] * 3


@pytest.mark.parametrize("members", [1, 2])
def test_a_model_is_not_fine_tuned_twice_in_its_own_place(trained, tmp_path, monkeypatch, members):
    """Where a kill came between the save and the end of the states, the same call ends it."""
    out = shutil.copytree(trained.path, tmp_path / "m.cytoloom")
    again = {"start": out, "out": out, "network": None, "overwrite": True, "members": members}
    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, "clear", lambda self: None)
        cl.train(
            **settings(**again, data=small.nuclei(4, SIZE), trainer=small.trainer(iterations=1))
        )
    made = (out / "model.json").read_bytes()
    cl.train(**settings(**again, data=small.nuclei(4, SIZE), trainer=small.trainer(iterations=1)))
    assert (out / "model.json").read_bytes() == made
    assert not (out / ".training").exists()
    other = small.trainer(iterations=2)
    tuned = cl.train(**settings(**again, data=small.nuclei(4, SIZE), trainer=other))
    assert tuned.info["training"]["iterations"] == 2 * members
