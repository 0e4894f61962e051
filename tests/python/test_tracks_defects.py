"""What OrganoidTracker 2 got wrong: nineteen defects, each with its test.

 1. Images were scaled one way to train and another to predict: `test_1_...` here.
 2. Both crops of a pair came from the first one's frame: `test_2_...` here.
 3. A mirrored crop had its step mirrored along another axis: test_tracks_networks.py:
    a_flip_moves_crop_and_step_alike, what_is_drawn_to_turn_crops_turns_their_steps.
 4. Neighbouring frames lay on both sides of the split: test_tracks_networks.py:
    frames_are_held_out_at_the_end_and_recordings_whole.
 5. What was validated and calibrated on was augmented: test_tracks_networks.py:
    a_batch_moves_steps_with_its_crops_and_repeats.
 6. Below the lowest annotated slice everything counted, and nuclei at the border of the box were
    halved: test_tracks_networks.py: outside_of_a_region_nothing_counts, without_a_region.
 7. A training could not go on, and nothing was tested: test_tracks_networks.py:
    a_killed_training_goes_on_to_the_same_bits, a_killed_run_goes_on_from_its_frames.
 8. The same data gave different tracks: `test_8_...` here.
 9. Short and deep tracks were dropped in silence: `test_9_...` here.
10. A position was invented to force a division: `test_10_...` here.
11. The temperature was ignored in large parts, and what came in was paid as what went:
    `test_11_...` here, and test_tracks_solution.py: margins_are_those_of_enumeration.
12. Short cell cycles were looked for only where they were not to be: test_tracks_movies.py:
    what_is_fast_or_grows_is_warned_of.
13. Files of the challenge that begin later hung for ever: test_tracks_formats.py:
    masks_from_any_frame_with_any_digits.
14. Detections were dropped where images have an offset: test_tracks_formats.py:
    organoidtracker, offsets_are_written_again.
15. Buffers between layers wrote duplicates: `test_15_...` here, and test_centres.py.
16. A setting had one name in the window and another in the scripts: here there are no files of
    settings; test_cli.py holds the command line to the verbs.
17. Torch and a solver of conda alone: the solver is SciPy's, and test_backends.py.
18. Seven scripts: test_tracks_networks.py: steps_alone_come_to_what_one_call_does.
19. Positions were compared in an order that changed the result: test_tracks_scores.py:
    pairs_do_not_hang_on_the_order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.images.normalize import Normalize
from cytoloom.tasks import Centres
from cytoloom.tracks.frames import frames_of
from cytoloom.tracks.margins import p_wrong
from cytoloom.tracks.seen import windows

HIGH, LOW = 40, 10


@pytest.fixture(scope="module")
def movie() -> np.ndarray:
    """One bright pixel that moves, in frames of different brightness."""
    images = np.zeros((5, 16, 16), np.uint16)
    for k in range(5):
        images[k] = LOW * (k + 1)
        images[k, 8, 3 + 2 * k] = HIGH * (k + 1)
    return images


def positions(*frames: Any) -> pd.DataFrame:
    rows = [(f, k, y, x) for f, cells in enumerate(frames) for k, (y, x) in enumerate(cells, 1)]
    return pd.DataFrame(rows, columns=["frame", "object", "y", "x"])


def test_1_frames_are_scaled_alike_to_train_and_to_predict(movie: np.ndarray) -> None:
    (frames,) = frames_of(movie)
    scaling = Normalize(low=0, high=100)
    for k, image in windows(frames, scaling, {1, 3}, around=False):
        expected = scaling.apply(frames.frame(k), scaling.fit(frames.sources[k]))
        np.testing.assert_array_equal(image, expected)
        # by what the whole frame shows, whichever part is looked at
        assert image.min() == 0
        assert image.max() == 1


def test_2_each_crop_is_of_its_own_frame(movie: np.ndarray) -> None:
    (frames,) = frames_of(movie)
    for k, image in windows(frames, Normalize(low=0, high=100), {0, 2, 4}):
        brightest = [int(image[8, :, c].argmax()) for c in range(3)]
        near = [min(max(j, 0), 4) for j in (k - 1, k, k + 1)]
        assert brightest == [3 + 2 * j for j in near]


def test_8_the_same_data_give_the_same_tracks() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.uniform(0, 60, (25, 2)) for _ in range(6)]
    table = positions(*cells)
    one, other = (cl.track(None, table, progress=False) for _ in range(2))
    pd.testing.assert_frame_equal(one.links, other.links)
    # and rows in another order the same links
    shuffled = cl.track(None, table.sample(frac=1, random_state=1), progress=False)
    pd.testing.assert_frame_equal(one.links, shuffled.links)


def test_9_short_tracks_are_told_and_stay() -> None:
    walk = [(20.0, 5.0 + k) for k in range(9)]
    cells = [[at] for at in walk]
    cells[4].append((60.0, 60.0))
    cells[5].append((61.0, 60.0))
    found = cl.track(None, positions(*cells), progress=False)
    assert len(found.positions) == 11
    short = found.positions[found.positions["y_px"] > 50]
    if short["track"].notna().all():
        assert "short track" in set(found.warnings["kind"])
    else:
        assert "no cell" in set(found.warnings["kind"])


def test_10_a_division_that_is_sure_but_has_one_daughter_invents_none() -> None:
    table = positions([(5.0, 5.0)], [(5.0, 6.0)], [(5.0, 7.0)])
    links = pd.DataFrame({"frame_from": [0, 1], "object_from": 1, "frame_to": [1, 2],
                          "object_to": 1, "probability": 0.9,
                          "division_probability": [0.999, 0.001]})  # fmt: skip
    found = cl.solve(table, links, progress=False)
    assert len(found.positions) == 3
    assert not found.links["division"].any()
    assert "missed division" in set(found.warnings["kind"])


def test_11_a_temperature_is_that_of_all_links() -> None:
    margin = np.array([0.5, 3.0, 12.0])
    np.testing.assert_allclose(p_wrong(margin, 2.0), 1 / (1 + np.exp(margin / 2)))
    rng = np.random.default_rng(3)
    table = positions(*[rng.uniform(0, 40, (30, 2)) for _ in range(3)])
    first = cl.track(None, table, progress=False).links
    links = first.assign(evidence=0.0)
    warm = cl.solve(table, links, temperature=2.0, progress=False).links
    cold = cl.solve(table, links, temperature=1.0, progress=False).links
    some = cold["chosen"] & cold["p_wrong"].between(1e-4, 1)
    odds = [np.log(t["p_wrong"][some] / (1 - t["p_wrong"][some])) for t in (warm, cold)]
    np.testing.assert_allclose(2 * odds[0], odds[1], rtol=1e-6)


def test_15_a_stack_has_each_peak_once_its_last_plane_too() -> None:
    values = np.zeros((6, 30, 30), np.float32)
    for z, y, x in ((0, 5, 5), (5, 20, 20), (3, 5, 25)):
        values[z, y, x] = 0.9
    task = Centres(distance_um=8.0)
    found, _ = task.points({"centre": values[..., None]}, (2.0, 0.5, 0.5))
    assert sorted(map(tuple, found.tolist())) == [(0, 5, 5), (3, 5, 25), (5, 20, 20)]
