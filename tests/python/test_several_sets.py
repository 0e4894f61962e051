"""Several data sets as one: proportions of patches, names, and what cannot go together."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import cytoloom as cl
from cytoloom.cli.parser import parser
from cytoloom.datasets.data import as_data
from cytoloom.datasets.items import read_labels
from cytoloom.images.normalize import Normalize
from cytoloom.patches.sample import Reader, Sampler


def one_set(images, value, labels=None, **options):
    """Return images of one value, whose labels are one object in the middle unless given."""
    drawn = np.zeros((16, 16), int)
    drawn[6:10, 6:10] = 1
    pixels = [np.full((16, 16), value, np.uint8)] * images
    return cl.Data.from_pairs(pixels, [drawn if labels is None else labels] * images, **options)


def drawn_from(data, count=40):
    """Count patches by the value of their image, in batches of 10."""
    scaling = Normalize(range=(0, 1))
    readers = [
        Reader(i.id, i.image, scaling.fit(i.image), scaling, i.annotations[0], share=i.share)
        for i in data.items
    ]
    sampler = Sampler(readers, (8, 8), balance=False)
    batches = [sampler.batch(5, i, 10) for i in range(count)]
    again = sampler.batch(5, 7, 10)
    for one, other in zip(batches[7], again, strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
    return Counter(int(sample["image"].max()) for batch in batches for sample in batch)


@pytest.mark.parametrize("weights", [[3, 1], None])
def test_patches_are_drawn_from_the_sets_as_weights_say(weights):
    """However many images a set has, and though one of its images has nothing to learn."""
    few, many = one_set(1, 1), one_set(12, 2, np.zeros((16, 16), int))
    joined = cl.Data.join([few, many], weights=weights)
    found = drawn_from(joined)
    share = found[1] / 400
    # of 400 patches the standard deviation is 0.025 at most
    assert abs(share - (0.75 if weights else 0.5)) < 0.08
    assert [item.id for item in joined.items][:2] == ["set 1_image", "set 2_image_000"]


def test_one_set_is_drawn_as_it_was():
    data = one_set(3, 1)
    assert drawn_from(data) == {1: 400}
    readers = [SimpleNamespace(weight=1.0, share=None)]
    assert {i.share for i in data.items} == {readers[0].share}


def test_what_is_unknown_in_one_set_is_an_object_of_another():
    stored = np.full((4, 4), 9)
    joined = cl.Data.join([one_set(1, 1, stored, unknown=9), one_set(1, 1, stored)])
    first, second = (read_labels(item, joined.unknown) for item in joined.items)
    assert (first[0].max(), first[1].any()) == (0, False)
    assert (second[0].min(), second[1].all()) == (9, True)


def test_paths_are_joined_by_each_face(tmp_path):
    sets = [
        str(cl.simulate.write(tmp_path / name, images=2, seed=k)) for k, name in enumerate("ab")
    ]
    data = as_data(sets[0], also=sets[1:], weights=(1, 3))
    names = [item.id for item in data.items]
    assert names == ["a_nuclei_000", "a_nuclei_001", "b_nuclei_000", "b_nuclei_001"]
    assert data.notes[0] == "2 data sets; of the patches of training: a 25%, b 75%"
    assert data.origin["also"] == sets[1:]
    args = parser(["check"]).parse_args(
        ["check", "a", "--also", "b", "c", "--weights", "1", "2", "3"]
    )
    assert (args.also, args.weights) == (["b", "c"], [1.0, 2.0, 3.0])
    assert cl.check(data, "instances", progress=False).ok


def test_what_does_not_go_together_is_refused():
    one = one_set(1, 1)
    for weights in ([1], [1, 0], [1, -2]):
        with pytest.raises(cl.InvalidError, match=r"`weights`. Expected 2 numbers above 0"):
            cl.Data.join([one, one], weights=weights)
    mapped = [one_set(1, 1, class_ids={name: [1]}) for name in ("mito", "er")]
    with pytest.raises(cl.InvalidError, match="Expected sets with the same classes"):
        cl.Data.join(mapped)
