"""Training: never loses work, repeats, refuses early."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.data import as_data
from cytoloom.models.untrained import untrained
from cytoloom.training.tune import doubts
from cytoloom.training.watch import Watch


def files_of(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def pictures(model: cl.Model) -> list[str]:
    return [f"snapshots/{p.name}" for p in (model.path / "snapshots").iterdir()]


def test_the_model_folder_holds_what_the_readme_says(trained):
    files = {p.relative_to(trained.path).as_posix() for p in files_of(trained.path)}
    network = "members/1/network.keras"
    written = {network, "model.json", "history.csv", "README.md", ".written.sha256"}
    assert files == {*written, *pictures(trained)}
    hashes = json.loads((trained.path / "model.json").read_text())["files"]
    assert set(hashes) == {network, "history.csv", "README.md", *pictures(trained)}
    history = pd.read_csv(trained.path / "history.csv")
    assert list(history.columns) == ["epoch", "iteration", "seconds", "set", "metric", "value"]
    assert set(history["set"]) == {"train", "validation"}
    assert history["iteration"].max() == 8


def test_a_loaded_model_predicts_the_same(trained):
    image = small.nuclei(1)[0][0]
    loaded = cl.load(trained.path)
    for head, values in trained.predict_maps(image).items():
        assert np.array_equal(values, loaded.predict_maps(image)[head])
    assert np.array_equal(trained.predict(image), loaded.predict(image))


def test_the_same_seed_gives_the_same_model_and_another_does_not(trained):
    assert small.same_weights(trained, small.train())
    assert not small.same_weights(trained, small.train(seed=1))


def test_training_asks_for_images_to_choose_thresholds_by():
    with pytest.raises(cl.InvalidError, match=r"Invalid `validation`.*held out.*0\.2"):
        small.train(validation=0)


def test_a_model_is_not_saved_among_other_files(trained, tmp_path):
    model = cl.load(trained.path)
    (tmp_path / "README.md").write_text("my notes")
    for overwrite in (False, True):
        with pytest.raises(cl.InvalidError, match=r"Invalid `path`.*with other files in it"):
            model.save(tmp_path, overwrite=overwrite)
    assert (tmp_path / "README.md").read_text() == "my notes"


@pytest.mark.parametrize("damage", [b"0" * 100, b"\xff" * 64])
def test_a_damaged_network_is_told_in_a_sentence(trained, tmp_path, damage):
    folder = cl.load(trained.path).save(tmp_path / "m.cytoloom")
    network = bytearray((folder / "members/1/network.keras").read_bytes())
    network[len(network) // 2 : len(network) // 2 + 64] = damage
    (folder / "members/1/network.keras").write_bytes(network if len(damage) == 64 else damage)
    with pytest.raises(cl.InvalidError, match=r"network\.keras.*damaged.*Copy the model folder"):
        cl.load(folder).predict(np.zeros((32, 32)))


def test_a_finished_model_is_not_overwritten_unless_asked(trained):
    before = (trained.path / "model.json").read_text()
    with pytest.raises(cl.InvalidError, match="overwrite=True"):
        small.train(out=trained.path)
    assert (trained.path / "model.json").read_text() == before


def test_a_folder_of_other_things_is_no_place_for_a_model(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(cl.InvalidError, match="with other files in it"):
            small.train(out=tmp_path, overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_old_model_stays_until_the_new_one_is_whole(tmp_path):
    out = tmp_path / "m.cytoloom"
    untrained().save(out)
    events = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(), out=out, overwrite=True
    )
    for event in events:
        if event.message.startswith("iteration 4"):
            break
    events.close()
    assert cl.load(out).info["training"]["iterations"] == 0
    with pytest.raises(cl.InvalidError, match="multiples of"):
        small.train(out=out, trainer=small.trainer(patch_px=7), overwrite=True)
    again = cl.train.events(
        small.nuclei(), network=small.NETWORK, trainer=small.trainer(), out=out, overwrite=True
    )
    assert any("Going on from iteration" in message for message in [e.message for e in again])
    assert cl.load(out).info["training"]["iterations"] == 8


def test_a_call_that_fails_before_training_leaves_no_folder(tmp_path):
    out = tmp_path / "m.cytoloom"
    with pytest.raises(cl.InvalidError, match="multiples of"):
        small.train(out=out, trainer=small.trainer(patch_px=7))
    with pytest.raises(cl.InvalidError, match="Expected a Trainer"):
        small.train(out=out, trainer={"iterations": 3})
    assert not out.exists()
    out.mkdir()
    with pytest.raises(cl.InvalidError, match="multiples of"):
        small.train(out=out, trainer=small.trainer(patch_px=7))
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="the mount point /proc is used, as any user")
def test_an_unwritable_out_is_found_before_training():
    with pytest.raises(cl.InvalidError, match="place that can be written to"):
        small.train(out="/proc/nowhere/m.cytoloom")


def test_a_full_disk_is_found_before_training(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from cytoloom.training import resume as resuming

    monkeypatch.setattr(resuming.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(cl.InvalidError, match="MB free"):
        small.train(out=tmp_path / "m.cytoloom")


def test_a_loss_that_is_not_a_number_stops_with_advice():
    with pytest.raises(FloatingPointError, match="learning_rate"):
        small.train(trainer=small.trainer(optimizer="sgd", learning_rate=1e30))


def tensor(variable) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)


def test_of_a_network_other_than_that_of_the_start_only_what_differs_is_told(trained):
    expected = r"^Invalid `network`. Expected filters=8, as `start`. Received: filters=4.$"
    with pytest.raises(cl.InvalidError, match=expected):
        small.train(start=trained.path, network=cl.UNet(filters=4, depth=2))


def test_a_model_that_was_fine_tuned_can_be_loaded_and_fine_tuned_into_its_own_place(tmp_path):
    settings = {"network": None, "trainer": small.trainer(iterations=1), "out": tmp_path / "m"}
    small.train(**(settings | {"network": small.NETWORK}))
    for _ in range(2):
        tuned = small.train(start=tmp_path / "m", overwrite=True, **settings)
        loaded = cl.load(tmp_path / "m")
        assert loaded.info["start"] == str(tmp_path / "m")
        assert small.same_weights(loaded, tuned)
    loaded.save(tmp_path / "copy")
    assert cl.info(tmp_path / "copy")


def test_fine_tuning_starts_at_the_loaded_model_and_leaves_it_alone(trained):
    before = {p: p.read_bytes() for p in files_of(trained.path)}
    tuned = small.train(
        start=trained.path, network=None, trainer=small.trainer(learning_rate=1e-12)
    )
    pairs = zip(tuned.keras.trainable_variables, trained.keras.trainable_variables, strict=True)
    moved = [np.abs(tensor(a) - tensor(b)).max() for a, b in pairs]
    assert max(moved) < 1e-6
    first = tuned.history.iloc[:2]
    assert first["iteration"].tolist() == [0, 0]
    score = first.loc[first["metric"] == "score", "value"].item()
    assert tuned.info["training"]["score"] >= score
    assert {p: p.read_bytes() for p in files_of(trained.path)} == before


def test_fine_tuning_on_another_number_of_channels_is_refused(trained):
    images, labels = small.nuclei()
    colour = [np.stack([i, i, i], axis=-1) for i in images]
    with pytest.raises(cl.InvalidError, match="1 channels"):
        small.train(start=trained.path, network=None, data=(colour, labels))


def test_what_the_start_was_trained_on_is_known_after_fine_tuning(trained):
    other = [cl.simulate.nuclei(shape=(64, 64), count=6, seed=k) for k in range(50, 53)]
    data = tuple(zip(*other, strict=True))
    tuned = small.train(start=trained.path, network=None, data=data)
    with pytest.raises(cl.InvalidError, match=r"the same pixels as image_00\d \(start\)"):
        cl.evaluate(tuned, small.nuclei(), progress=False)


def test_validation_images_that_are_trained_on_are_told(capsys):
    small.train(validation=small.nuclei(2), trainer=small.trainer(iterations=1))
    assert "Validation images that are training images too: image_000" in capsys.readouterr().err


def test_a_validation_loss_that_is_no_number_stops_training(monkeypatch):
    monkeypatch.setattr(Watch, "__call__", lambda *_: (np.nan, 1.0))
    with pytest.raises(FloatingPointError, match=r"validation images became nan .*learning_rate"):
        small.train()


def test_fine_tuning_that_makes_it_worse_gives_the_start_back(trained, monkeypatch):
    scores = itertools.chain([0.9], itertools.repeat(0.8))
    monkeypatch.setattr(Watch, "__call__", lambda *_: (1.0, next(scores)))
    tuned = small.train(start=trained.path, network=None)
    assert tuned.info["training"]["best_iteration"] == 0
    assert small.same_weights(tuned, cl.load(trained.path))


CELLS = [cl.simulate.cells((64, 64), 5, seed=k) for k in range(4)]
IMAGES, CLASSES = map(list, zip(*CELLS, strict=True))
STILL = small.trainer(iterations=2, learning_rate=1e-12)


def head_of(model: cl.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights and constants of a head, channels last."""
    return tuple(model.keras.get_layer(name).get_weights())


@pytest.fixture(scope="module")
def classified() -> cl.Model:
    task = cl.tasks.Classes(("background", "cytoplasm", "nucleus"))
    trainer = small.trainer(iterations=2)
    return small.train(data=(IMAGES, CLASSES), task=task, trainer=trainer)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("background", "cell"), "class cell: fresh; classes cytoplasm, nucleus: not taken over"),
        (
            ("background", "nucleus", "cytoplasm", "dead"),
            "class dead: fresh; classes nucleus, cytoplasm: moved to their new place",
        ),
    ],
)
def test_fine_tuning_takes_classes_over_by_their_names(classified, names, said, capsys):
    labels = [np.minimum(y, len(names) - 1) for y in CLASSES]
    task, data = cl.tasks.Classes(names), (IMAGES, labels)
    tuned = small.train(
        data=data, start=classified, network=None, task=task, trainer=STILL, progress=True
    )
    assert f"All but this is taken over from `start`: {said}." in capsys.readouterr().err
    for known, now in zip(head_of(classified, "classes"), head_of(tuned, "classes"), strict=True):
        for k, name in enumerate(names):
            if name in classified.task.names:
                old = known[..., classified.task.names.index(name)]
                assert now[..., k] == pytest.approx(old, abs=1e-6)
    bodies = (model.keras.trainable_variables[:-2] for model in (tuned, classified))
    pairs = zip(*bodies, strict=True)
    assert max(np.abs(tensor(a) - tensor(b)).max() for a, b in pairs) < 1e-6


def test_fine_tuning_to_another_task_takes_over_the_heads_of_the_same_names(trained, capsys):
    tuned = small.train(start=trained.path, network=None, task="binary", trainer=STILL)
    for now, known in zip(*(head_of(m, "foreground") for m in (tuned, trained)), strict=True):
        assert now == pytest.approx(known, abs=1e-6)
    back = small.train(
        data=small.nuclei(),
        start=tuned,
        network=None,
        task="instances",
        trainer=STILL,
        progress=True,
    )
    assert (
        "All but this is taken over from `start`: head distance: fresh." in capsys.readouterr().err
    )
    assert type(back.task).__name__ == "Instances"


@pytest.mark.parametrize(
    ("minutes", "iterations", "scores", "words"),
    [
        (1.0, 99, {"ap50": 0.5}, ["Only 99 iterations fitted into the time given"]),
        (None, 99, {"ap50": 0.5, "dice": 0.9}, []),
        (1.0, 100, {"ap50": 0.0, "dice": 0.2}, ["No object of the validation images was found"]),
        (None, 9, {"dice": 0.29}, ["Dice on the validation images is only 0.29"]),
        (None, 9, {}, []),
    ],
)
def test_a_model_of_little_use_is_said_to_be_one(minutes, iterations, scores, words):
    length = {"minutes": minutes} if minutes else {"iterations": 9}
    said = list(doubts(cl.Trainer(**length), iterations, cl.tasks.Instances(), scores))
    assert len(said) == len(words)
    assert all(text.startswith(word) for text, word in zip(said, words, strict=True))


def test_what_was_unknown_in_training_is_so_in_scores(capsys):
    """The value 255 would be one more object that is not found."""
    images, labels = small.nuclei()
    for truth in labels:
        truth[:8] = 255
    data = as_data((images, labels), unknown=255)
    model = small.train(data=data)
    told = cl.evaluate(model, data, allow_training_images=True, progress=False)
    untold = cl.evaluate(model, (images, labels), allow_training_images=True, progress=False)
    pd.testing.assert_frame_equal(told.per_image, untold.per_image)
    cl.evaluate(model, as_data((images, labels), unknown=254), allow_training_images=True)
    assert "254 counts nowhere, in training it was 255" in capsys.readouterr().err
    assert told.per_image["n_truth"].max() <= 6


def test_a_timed_run_can_be_replayed_to_the_last_bit():
    timed = small.train(trainer=small.trainer(iterations=None, minutes=0.25))
    training = timed.info["training"]
    knots = tuple(tuple(k) for k in training["knots"])
    replayed = small.train(trainer=small.trainer(iterations=training["iterations"], knots=knots))
    assert small.same_weights(timed, replayed)


def test_a_network_that_sees_too_far_says_in_its_card_what_tiles_cost(tmp_path, monkeypatch):
    from cytoloom.training import tune

    monkeypatch.setattr(tune, "SEAM_PX", 1024)
    network = cl.UNet(filters=2, depth=6, stem_stride=1)
    settings = {"network": network, "trainer": small.trainer(iterations=1, patch_px=(64, 64))}
    model = small.train(out=tmp_path / "m.cytoloom", **settings)
    assert max(network.halo_px) > 256
    assert 0 < model.info["tile_difference"] < 0.1
    assert "blended" in (model.path / "README.md").read_text()


def test_binary_and_class_tasks_train_too():
    images, labels = small.nuclei()
    masks = [(one > 0).astype(np.uint8) * 255 for one in labels]
    binary = small.train(data=(images, masks), task="binary")
    assert set(np.unique(binary.predict(images[0]))) <= {0, 1}
    # all of a mask is one label: its size says nothing of the objects found in it
    found = cl.predict(binary, images, progress=False)
    assert binary.info["diameter_px"] is None
    assert set(found.files["scale"]) == {1.0}
    cells = [cl.simulate.cells(shape=(64, 64), count=4, seed=k) for k in range(4)]
    names = ("background", "cytoplasm", "nucleus")
    classes = small.train(
        data=([c[0] for c in cells], [c[1] for c in cells]), task=cl.tasks.Classes(names)
    )
    proba = classes.predict_proba(cells[0][0])
    assert proba.shape == (64, 64, 3)
    assert np.allclose(proba.sum(axis=-1), 1, atol=1e-5)


def test_three_dimensions_train_and_predict(tmp_path):
    stacks = [cl.simulate.nuclei_3d(shape=(16, 32, 32), count=4, seed=k) for k in range(3)]
    model = small.train(
        data=([s[0] for s in stacks], [s[1] for s in stacks]),
        network=cl.UNet(filters=2, depth=2, ndim=3),
        trainer=small.trainer(iterations=2, patch_px=(16,)),
    )
    found = cl.predict(model, stacks[0][0], out=tmp_path, overlay=True, progress=False)
    assert found[found.names[0]].shape == (16, 32, 32)
    assert len(list(tmp_path.glob("overlays/*.png"))) == 1


def test_the_picture_of_a_stack_shows_the_plane_with_most_objects():
    from cytoloom.datasets.sources import ArraySource
    from cytoloom.prediction.apply import shown_plane

    stack = np.arange(3 * 4 * 4).reshape(3, 4, 4, 1)
    labels = np.zeros((3, 4, 4), int)
    labels[0, 0, 0] = labels[2, 0, 0] = 1
    labels[2, 2, 2] = 2
    for source, found in ((ArraySource(stack), labels), (ArraySource(stack[2]), labels[2])):
        pixels, shown = shown_plane(source, found)
        np.testing.assert_array_equal(pixels, stack[2])
        np.testing.assert_array_equal(shown, labels[2])


def test_a_model_folder_with_an_unknown_field_or_newer_format_is_refused(trained, tmp_path):
    plain = json.loads((trained.path / "model.json").read_text())
    for change, message in (({"surprise": 1}, "surprise"), ({"format": 3}, "newer")):
        (tmp_path / "model.json").write_text(json.dumps(plain | change))
        with pytest.raises(cl.InvalidError, match=message):
            cl.load(tmp_path)


def test_thresholds_are_fitted_to_the_fullest_part_of_what_is_too_large(monkeypatch):
    """Objects in one corner of a validation image of which a sixteenth may be used."""
    image, labels = small.nuclei(3)
    wide = [np.pad(i, ((192, 0), (0, 192)), mode="reflect") for i in image]
    truth = [np.pad(t, ((192, 0), (0, 192))) for t in labels]
    seen = []

    def tune(self, maps, truths, spacing_um=None):
        seen.extend(labels for labels, _ in truths)
        return self

    monkeypatch.setattr(cl.tasks.Instances, "tune", tune)
    monkeypatch.setattr("cytoloom.training.tune.tune_px", lambda planned: wide[0].size // 16)
    cl.train(
        (wide, truth),
        network=small.NETWORK,
        trainer=cl.Trainer(iterations=2, patch_px=32),
        progress=False,
    )
    (used,) = seen
    assert used.size == wide[0].size // 16
    assert (used > 0).sum() > 0.5 * min((t > 0).sum() for t in labels)
