"""Matches, average precision, panoptic quality and AJI, by hand and against brute force."""

from itertools import permutations

import numpy as np
import pytest

from cytoloom.errors import InvalidError
from cytoloom.metrics import (
    IOUS_50_95,
    aggregated_jaccard,
    average_precision,
    match,
    panoptic_quality,
)
from cytoloom.metrics.contingency import added_up, contingency
from cytoloom.metrics.instances import counts_by_score
from cytoloom.metrics.matching import matches_of, object_overlaps, overlaps_of

#        IoU of (1, 5): 3/4, of (2, 6): 2/4, of (3, -): 0, object 7 invented
TRUTH = np.array(
    [
        [1, 1, 0, 2, 2, 0, 0],
        [1, 1, 0, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0, 0],
    ]
)
FOUND = np.array(
    [
        [5, 5, 0, 0, 6, 6, 0],
        [5, 0, 0, 6, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 7, 7],
    ]
)


def test_matches_counted_by_hand():
    result = match(TRUTH, FOUND)
    assert result.truth.tolist() == [1, 2]
    assert result.found.tolist() == [5, 6]
    assert result.ious.tolist() == [3 / 4, 2 / 4]
    assert result.missed.tolist() == [3]
    assert result.extra.tolist() == [7]
    assert (result.tp, result.fp, result.fn) == (2, 1, 1)
    assert result.precision == result.recall == result.f1 == pytest.approx(2 / 3)
    assert result.average_precision == 2 / 4
    assert result.panoptic_quality == pytest.approx(1.25 / 3)
    assert result.mean_true_score == pytest.approx(1.25 / 3)
    assert result.mean_matched_score == pytest.approx(1.25 / 2)


def test_a_higher_threshold_leaves_fewer_pairs_and_keeps_the_best_overlap_of_the_others():
    result = match(TRUTH, FOUND, iou=0.6)
    assert result.truth.tolist() == [1]
    assert result.missed.tolist() == [2, 3]
    assert result.missed_ious.tolist() == [0.5, 0]
    assert result.extra.tolist() == [6, 7]
    assert result.extra_ious.tolist() == [0.5, 0]
    assert result.objects() == [
        {"truth": 1, "found": 5, "iou": 0.75, "matched": True},
        {"truth": 2, "found": 0, "iou": 0.5, "matched": False},
        {"truth": 3, "found": 0, "iou": 0.0, "matched": False},
        {"truth": 0, "found": 6, "iou": 0.5, "matched": False},
        {"truth": 0, "found": 7, "iou": 0.0, "matched": False},
    ]


def test_average_precision_at_several_thresholds():
    """At 0.5 both pairs (2 of 4), from 0.55 to 0.75 one (1 of 5), above none."""
    assert average_precision(TRUTH, FOUND) == 0.5
    values = average_precision(TRUTH, FOUND, iou=IOUS_50_95)
    np.testing.assert_allclose(values, [0.5, *[0.2] * 5, *[0] * 4])


def test_panoptic_quality_by_hand():
    assert panoptic_quality(TRUTH, FOUND) == pytest.approx(1.25 / (2 + 0.5 + 0.5))


def test_aggregated_jaccard_by_hand():
    """(3 + 2) shared over unions 4 + 4, the missed object's 2 and the invented object's 2."""
    assert aggregated_jaccard(TRUTH, FOUND) == pytest.approx(5 / 12)


def test_aggregated_jaccard_lets_one_found_object_serve_two():
    """Both halves take the merged object: shared 2 + 2, unions 4 + 4."""
    assert aggregated_jaccard([[1, 1, 2, 2]], [[9, 9, 9, 9]]) == pytest.approx(4 / 8)


def test_empty_images():
    empty = np.zeros_like(TRUTH)
    for score in (average_precision, panoptic_quality, aggregated_jaccard):
        assert score(empty, empty) == 1
        assert score(TRUTH, empty) == 0
        assert score(empty, FOUND) == 0
    nothing = match(empty, empty)
    assert nothing.precision == nothing.recall == nothing.f1 == nothing.mean_true_score == 1
    assert nothing.objects() == []


def test_identical_images_are_perfect_whatever_the_ids():
    renamed = np.where(TRUTH > 0, 100_000 - 7 * TRUTH, 0)
    assert average_precision(TRUTH, renamed, iou=IOUS_50_95).tolist() == [1] * 10
    assert panoptic_quality(TRUTH, renamed) == aggregated_jaccard(TRUTH, renamed) == 1


def test_most_pairs_come_before_the_largest_overlap():
    """Truth 1 fits found 5 best, but giving it 6 leaves 5 to truth 2: two pairs, not one.

    Columns of 1 px: truth 1 = cols 0-2, truth 2 = cols 3-5; found 5 = cols 1-3, found 6 = col 0.
    IoU (1,5) = 2/4, (1,6) = 1/3, (2,5) = 1/5.
    """
    truth, found = [[1, 1, 1, 2, 2, 2]], [[6, 5, 5, 5, 0, 0]]
    result = match(truth, found, iou=0.2)
    assert result.truth.tolist() == [1, 2]
    assert result.found.tolist() == [6, 5]
    assert match(truth, found, iou=0.3).found.tolist() == [5]


def test_two_halves_of_exactly_one_half_give_one_pair():
    """IoU 1/2 twice with threshold 0.5: one of them is taken, the other is extra."""
    result = match([[1, 1]], [[3, 4]], iou=0.5)
    assert (result.tp, result.fp, result.fn) == (1, 1, 0)


def test_objects_mostly_in_unknown_are_left_out():
    """Found 5 has 2 of 3 px in unknown: not judged. Found 6 has half: judged on its known px."""
    truth = np.array([[9, 9, 0, 0, 1, 1, 9, 9]])
    found = np.array([[5, 5, 5, 0, 6, 6, 6, 6]])
    result = match(truth, found, unknown=9)
    assert result.found.tolist() == [6]
    assert result.ious.tolist() == [1]
    assert (result.fp, result.fn) == (0, 0)
    assert aggregated_jaccard(truth, found, unknown=9) == 1
    assert average_precision(truth, found) < 1


def test_unknown_alone_is_an_empty_image():
    truth = np.full((3, 3), -1)
    assert average_precision(truth, np.ones((3, 3), int), unknown=-1) == 1


@pytest.mark.parametrize("iou", [0, -0.5, 1.01])
def test_thresholds_outside_are_refused(iou):
    with pytest.raises(InvalidError, match="`iou`"):
        match(TRUTH, FOUND, iou=iou)


def brute_force(truth, found, threshold):
    """All assignments tried: most pairs, then the largest sum of IoU."""
    t_ids = [i for i in np.unique(truth) if i]
    f_ids = [i for i in np.unique(found) if i]
    ious = np.array(
        [
            [
                np.sum((truth == t) & (found == f)) / np.sum((truth == t) | (found == f))
                for f in f_ids
            ]
            for t in t_ids
        ]
    ).reshape(len(t_ids), len(f_ids))
    if len(t_ids) > len(f_ids):
        ious = ious.T
    best = (0, 0.0)
    for columns in permutations(range(ious.shape[1]), ious.shape[0]):
        values = ious[np.arange(ious.shape[0]), list(columns)]
        values = values[values >= threshold]
        best = max(best, (values.size, round(float(values.sum()), 9)))
    pairs, total = best
    return pairs, len(f_ids) - pairs, len(t_ids) - pairs, total


@pytest.mark.parametrize("seed", range(30))
def test_equal_to_trying_every_assignment(seed):
    rng = np.random.default_rng(seed)
    truth, found = np.sort(rng.integers(0, 5, (2, 4, 9)), axis=-1)
    for threshold in (0.01, 0.1, 0.3, 0.5, 0.7):
        result = match(truth, found, iou=threshold)
        expected = brute_force(truth, found, threshold)
        assert (result.tp, result.fp, result.fn, round(float(result.ious.sum()), 9)) == expected


def test_thousands_of_contested_objects_are_assigned():
    """A grid of 4 px bars against the same grid moved by 2 px: every bar has two candidates."""
    truth = np.repeat(np.arange(1, 5001), 4)
    result = match(truth, np.roll(truth, 2), iou=0.3)
    assert result.tp == 5000
    np.testing.assert_allclose(result.ious, 1 / 3)


def aggregated_jaccard_by_loops(truth, found):
    """Kumar's algorithm 1, word by word, on sets of pixels."""
    t_sets = {t: set(np.flatnonzero(truth == t)) for t in np.unique(truth) if t}
    f_sets = {f: set(np.flatnonzero(found == f)) for f in np.unique(found) if f}
    shared = union = 0
    taken = set()
    for true in t_sets.values():
        best = max(f_sets, key=lambda f: len(true & f_sets[f]) / len(true | f_sets[f]), default=0)
        if not best or not true & f_sets[best]:
            union += len(true)
            continue
        shared += len(true & f_sets[best])
        union += len(true | f_sets[best])
        taken.add(best)
    union += sum(len(pixels) for f, pixels in f_sets.items() if f not in taken)
    return shared / union if union else 1


@pytest.mark.parametrize("seed", range(20))
def test_aggregated_jaccard_equals_the_published_loop(seed):
    rng = np.random.default_rng(seed)
    truth, found = np.sort(rng.integers(0, 6, (2, 5, 12)), axis=-1)
    assert aggregated_jaccard(truth, found) == pytest.approx(
        aggregated_jaccard_by_loops(truth, found)
    )


def test_stacks_are_matched_like_images():
    stack = np.stack([TRUTH, TRUTH])
    result = match(stack, np.stack([FOUND, FOUND]))
    assert result.ious.tolist() == [3 / 4, 2 / 4]


@pytest.mark.parametrize("seed", range(5))
def test_dropping_by_score_is_average_precision_of_what_is_left(seed):
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 9, (6, 7)), np.ones((4, 4), int))
    found = np.where(rng.random(truth.shape) < 0.9, truth, 0)
    found[:8] = np.roll(found[:8], seed % 3, axis=1)
    truth[20:, :8] = -1
    scores, ious, least = rng.random(found.max() + 1), (0.55, 0.7, 0.9), (0.0, 0.3, 0.6, 1.0)
    pairs, objects = counts_by_score(truth, found, scores, least, ious, unknown=-1)
    for row, threshold in zip(pairs / objects, least, strict=True):
        left = np.where(scores[found] > threshold, found, 0)
        assert row.tolist() == average_precision(truth, left, ious, unknown=-1).tolist()


@pytest.mark.parametrize("edge", [1, 3, 7])
def test_blocks_add_up_to_the_matches_of_the_whole(edge):
    """Objects reach over many blocks, ids up to the largest, a quarter of the truth is unknown."""
    rng = np.random.default_rng(4)
    truth = np.kron(rng.integers(0, 6, (5, 6)), np.ones((4, 3), np.int64))
    found = np.roll(truth, 1, axis=1) * (2**31 - 1) // 5
    truth[rng.random(truth.shape) < 0.25] = -1
    cuts = [
        np.s_[y : y + edge, x : x + edge]
        for y in range(0, truth.shape[0], edge)
        for x in range(0, truth.shape[1], edge)
    ]
    table = added_up(contingency(truth[cut], found[cut], unknown=-1) for cut in cuts)
    for iou in (0.3, 0.5, 0.75):
        mine = matches_of(overlaps_of(table), iou)
        whole = matches_of(object_overlaps(truth, found, -1), iou)
        assert mine.objects() == whole.objects()
        assert mine.panoptic_quality == whole.panoptic_quality
    assert whole.tp + whole.fn == 5
