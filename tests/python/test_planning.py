"""What is chosen for images of every kind, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cytoloom as cl
import small
from cytoloom.datasets.data import Data, as_data
from cytoloom.errors import InvalidError
from cytoloom.training import recipe
from cytoloom.training.recipe import DatasetFingerprint, choose, training_gb


def test_ordinary_nuclei_get_the_usual():
    plan = choose(DatasetFingerprint(50, (512, 512), diameter_px=25.0, share=0.2), memory_gb=8)
    assert plan.network == cl.UNet()
    assert plan.trainer == cl.Trainer(patch_px=(128, 128), batch_size=8)
    assert plan.normalize == cl.Normalize()


def test_specks_are_seen_at_full_resolution():
    assert (
        choose(DatasetFingerprint(9, (512, 512), diameter_px=6.0), memory_gb=8).network.stem_stride
        == 1
    )


def test_huge_objects_get_large_patches_and_a_network_that_sees_all_of_one():
    plan = choose(DatasetFingerprint(9, (2048, 2048), diameter_px=400.0, share=0.3), memory_gb=8)
    assert plan.network.stem_stride == 4
    assert max(plan.network.receptive_field_px) >= 400
    assert plan.trainer.patch_px == (512, 512)
    assert plan.trainer.batch_size == 2


def test_patches_are_not_larger_than_images_need():
    # 100 px are 7 cells of 16 px, the total pooling
    plan = choose(DatasetFingerprint(3, (100, 40), diameter_px=20.0), memory_gb=8)
    assert plan.trainer.patch_px == (112, 48)
    assert plan.reasons[2].why == "as large as the images"


def test_hardly_any_foreground_is_not_cut_off_by_the_percentile():
    # of 0.1 % of the pixels a quarter may be cut: percentile 99.975
    plan = choose(DatasetFingerprint(9, (512, 512), diameter_px=12.0, share=0.001), memory_gb=8)
    assert plan.normalize.high == pytest.approx(99.975)
    assert "0.1 %" in plan.reasons[-1].why


def test_little_memory_makes_small_batches():
    plan = choose(DatasetFingerprint(9, (512, 512), channels=12, diameter_px=25.0), memory_gb=0.1)
    assert plan.trainer.batch_size < 8
    assert "0.1 GB of memory" in plan.reasons[3].why
    used = training_gb(plan.network, 12, plan.trainer.batch_size * 128**2)
    assert used <= 0.1 or plan.trainer.batch_size == 1


@pytest.mark.parametrize(
    "given",
    [
        {"trainer": cl.Trainer(batch_size=10**6)},
        {"network": cl.UNet(filters=30_000)},
        {"network": cl.UNet(filters=2048, depth=5)},
    ],
)
def test_what_the_machine_cannot_hold_is_refused(given, monkeypatch):
    assert choose(DatasetFingerprint(9, (64, 64)), memory_gb=1e308).trainer.batch_size == 8
    for memory_gb in (-1, 0):
        with pytest.raises(InvalidError, match=r"`memory_gb`\. Expected a finite number above 0"):
            cl.plan("nowhere", memory_gb=memory_gb, progress=False)
    monkeypatch.setattr(recipe, "machine_memory_gb", lambda: 16.0)
    with pytest.raises(cl.InvalidError, match=r"fits into 16 GB .* GB\. Take smaller batches"):
        choose(DatasetFingerprint(9, (512, 512), diameter_px=25.0), **given)


def test_memory_that_another_machine_has_is_believed(monkeypatch):
    monkeypatch.setattr(recipe, "machine_memory_gb", lambda: 4.0)
    facts, large = DatasetFingerprint(9, (512, 512)), cl.Trainer(batch_size=64, patch_px=512)
    assert choose(facts, trainer=large, memory_gb=40).trainer.batch_size == 64
    with pytest.raises(cl.InvalidError, match="at least 6 GB"):
        choose(facts, trainer=large)


def test_flat_stacks_get_flat_patches():
    facts = DatasetFingerprint(3, (20, 256, 256), diameter_px=20.0, spacing_um=(2.0, 0.5, 0.5))
    plan = choose(facts, memory_gb=8)
    assert plan.network.ndim == 3
    assert not plan.network.refine, "full size is eight times what is behind the stem"
    assert plan.table["value"][0] == "stem (1, 2, 2), depth 3, no level at full size"
    assert plan.trainer.patch_px == (16, 64, 64)
    assert plan.trainer.batch_size == 2


def test_what_is_given_stays_and_the_rest_goes_with_it():
    network = cl.UNet(filters=4, depth=4, stem_stride=1)
    plan = choose(
        DatasetFingerprint(9, (512, 512), diameter_px=400.0),
        network=network,
        trainer=cl.Trainer(minutes=3, patch_px=64),
        normalize=cl.Normalize(low=0),
        memory_gb=8,
    )
    assert plan.network == network
    assert plan.normalize == cl.Normalize(low=0)
    assert plan.trainer.patch_px == (64, 64)
    assert plan.trainer.minutes == 3
    assert [r.why for r in plan.reasons if r.setting != "batch"] == ["as given"] * 3


def test_a_patch_that_does_not_fit_the_network_is_refused():
    with pytest.raises(cl.InvalidError, match=r"multiples of.*Pass patch_px=\(48, 16\)"):
        choose(DatasetFingerprint(3, (99, 99)), trainer=cl.Trainer(patch_px=(45, 3)), memory_gb=8)


def test_the_plan_sees_the_images_and_training_follows_it():
    images, labels = small.nuclei()
    plan = cl.plan((images, labels), memory_gb=8, progress=False)
    assert plan.fingerprint.images == 3  # one of four is held out
    assert plan.fingerprint.size_px == (64, 64)
    assert 10 < plan.fingerprint.diameter_px < 40
    assert plan.fingerprint.share == pytest.approx(np.mean(np.array(labels) > 0), abs=0.1)
    assert list(plan.table.columns) == ["setting", "value", "why"]
    model = small.train(network=plan.network, trainer=cl.Trainer(iterations=1))
    assert model.info["training"]["patch_px"] == list(plan.trainer.patch_px)
    assert model.info["trainer"]["batch_size"] == plan.trainer.batch_size


def test_a_patch_much_larger_than_the_images_is_refused():
    with pytest.raises(cl.InvalidError, match="at most twice the largest image"):
        choose(DatasetFingerprint(3, (256, 256)), trainer=cl.Trainer(patch_px=5008), memory_gb=8)
    with pytest.raises(cl.InvalidError, match="numbers above 0"):
        cl.Trainer(patch_px=0)


def test_pieces_of_a_mask_are_no_objects():
    # one membrane through the whole image is thin, however large its piece
    masks = [np.eye(64, dtype=np.uint8)] * 3
    images = [m.astype(np.float32) + np.arange(64) / 64 for m in masks]
    plan = cl.plan((images, masks), task="binary", memory_gb=8, progress=False)
    assert plan.fingerprint.diameter_px is None
    assert plan.network == cl.UNet()


def test_the_memory_of_training_is_estimated_on_the_safe_side_of_the_feature_maps():
    # 2 filters, one convolution a level, no norm: 2 + 4 * 2 / 4 + 2 (transposed) + 2 + 1 head
    net = cl.UNet(filters=2, depth=1, convs=1, norm="none", stem_stride=1)
    assert net.values_per_px() == 2 + 4 / 4 + 2 + 2 + 1


def test_what_cannot_be_scored_or_learned_is_said_before_training(capsys):
    """Validation images of their own: empty ones, and ones without a class; then none to learn."""
    images, labels = small.nuclei(2)
    nothing = [np.zeros_like(one) for one in labels]
    others = [image + 1 for image in images]
    cl.plan((images, labels), validation=(others, nothing), memory_gb=8, progress=False)
    assert "The validation images show nothing that is to be found" in capsys.readouterr().err
    task = cl.tasks.Classes(("background", "cytoplasm", "nucleus"))
    halves = [np.where(one > 0, 1, 0) for one in labels]
    wholes = [np.where(one > 0, 1 + one % 2, 0) for one in labels]
    for data, held, words in (
        (wholes, halves, "No validation image has class nucleus: it cannot be scored"),
        (halves, wholes, "No training image has class nucleus: it cannot be learned"),
    ):
        settings = {"task": task, "validation": (others, held), "memory_gb": 8}
        cl.plan((images, data), progress=False, **settings)
        assert words in capsys.readouterr().err
    named = as_data((images, [labels[0], nothing[1]])).items
    items = [replace(i, split=s) for i, s in zip(named, ("validation", "train"), strict=True)]
    with pytest.raises(cl.InvalidError, match="training images of which one shows something"):
        cl.plan(Data(tuple(items)), memory_gb=8, progress=False)
