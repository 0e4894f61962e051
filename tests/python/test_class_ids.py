"""Labels whose ids are put together to classes, by numbers that one can check by eye."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.cli.parser import parser
from cytoloom.components import from_plain, to_plain
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.datasets.splits import held_out_of
from cytoloom.images.cache import Cache
from cytoloom.runs.parts import DataSplit
from cytoloom.tasks import Binary, Classes, Instances
from cytoloom.training.batches import TaskLabels

IDS = {"mito": [3, 4], "er": 7}
STORED = np.array([[0, 3, 4, 7], [9, 255, 3, 0]], np.uint16)


def pair(stored=STORED):
    return np.arange(stored.size).reshape(stored.shape), stored


def labels_of(data, task=None):
    found = data.of_task(task)
    return read_labels(found.items[0], found.unknown)


def test_ids_become_classes_in_the_order_of_their_names():
    labels, known = labels_of(as_data(pair(), class_ids=IDS))
    assert labels.tolist() == [[0, 1, 1, 2], [0, 0, 1, 0]]
    assert known is None
    assert as_data(pair(), class_ids=IDS).classes == ("background", "mito", "er")


@pytest.mark.parametrize(
    ("more", "unknown", "seen"),
    [
        ({}, 255, [[1, 1, 1, 1], [1, 0, 1, 1]]),
        ({"unknown": [9, 255]}, None, [[1, 1, 1, 1], [0, 0, 1, 1]]),
        # where the background is said, what is said of no id is unknown
        ({"background": [9]}, None, [[0, 1, 1, 1], [1, 0, 1, 0]]),
    ],
)
def test_what_is_unknown_is_said_and_counts_nowhere(more, unknown, seen):
    data = as_data(pair(), class_ids={**IDS, **more}, unknown=unknown)
    labels, known = labels_of(data, Classes(("background", "mito", "er")))
    assert known.astype(int).tolist() == seen
    assert labels[0].tolist() == [0, 1, 1, 2]
    task = Classes(("background", "mito", "er"))
    learned = TaskLabels(data.items[0], data.unknown, task, Cache(10**6)).read()
    np.testing.assert_array_equal(learned < 0, ~known)


def test_a_task_of_objects_keeps_the_ids_that_are_named():
    data = as_data(pair(), class_ids=IDS)
    assert labels_of(data, Instances())[0].tolist() == [[0, 3, 4, 7], [0, 0, 3, 0]]
    assert labels_of(data, Binary())[0].tolist() == [[0, 1, 1, 2], [0, 0, 1, 0]]


def test_files_say_the_same_and_validation_images_are_read_alike(tmp_path):
    for kind, values in (("images", pair()[0].astype(np.uint8)), ("labels", STORED)):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "a.tif", values)
    data = as_data(tmp_path, class_ids=IDS, unknown=255)
    held = held_out_of(data, tmp_path)
    for found in (data, held, as_data(as_data(tmp_path).with_unknown(255), class_ids=IDS)):
        labels, known = labels_of(found)
        assert labels.tolist() == [[0, 1, 1, 2], [0, 0, 1, 0]]
        assert np.argwhere(~known).tolist() == [[1, 1]]
        np.testing.assert_array_equal(
            found.items[0].annotations[0].read()[:, 1:3], [[1, 1], [-1, 1]]
        )
    assert data.origin["class_ids"]["mito"] == [3, 4]
    assert "mito (1) of 2 ids, er (2) of 1 id; other ids are background" in "".join(data.notes)
    names = ("background", "mito", "er")
    assert cl.check(data, Classes(names), progress=False).ok
    # labels that are classes already cannot be put together once more
    with pytest.raises(cl.InvalidError, match=r"`class_ids`. Expected labels as they are stored"):
        as_data(data, class_ids={"er": 7})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mito": [3], "er": [3]}, "each id once. Received: the id 3 for mito and for er"),
        ({"mito": [3.5]}, "whole numbers from 0 on as ids. Received: 3.5"),
        ({"mito": [-1]}, "Received: -1"),
        ({"background": [0]}, "a class beside background"),
        ({"": [3]}, "names with ids each"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, words):
    with pytest.raises(cl.InvalidError, match=words):
        as_data(pair(), class_ids=given)


def test_the_command_line_and_runs_say_it_too():
    args = parser(["check"]).parse_args(["check", "d", "--class-ids", "mito=3,4", "er=7"])
    assert dict(args.class_ids) == {"mito": [3, 4], "er": [7]}
    split = DataSplit("d", class_ids={"mito": [3.0, 4.0], "er": 7})
    assert from_plain(json.loads(json.dumps(to_plain(split)))) == split
    assert split.reading["class_ids"] == {"mito": (3, 4), "er": (7,)}
