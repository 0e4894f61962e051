"""Settings and folders of deepflash2."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tifffile

import cytoloom as cl
from cytoloom.cli.run import main
from cytoloom.errors import GuessWarning
from cytoloom.messages import R

LAST = {
    "project_dir": ".", "vote_undec": 0, "n_models": 5, "max_splits": 5, "random_state": 42,
    "use_gpu": True, "arch": "Unet", "encoder_name": "tu-convnext_tiny",
    "encoder_weights": "imagenet", "num_classes": 2, "tile_shape": 512, "scale": 1.0,
    "instance_labels": False, "base_lr": 0.001, "batch_size": 4, "weight_decay": 0.001,
    "mixed_precision_training": True, "optim": "Adam", "loss": "CrossEntropyDiceLoss",
    "n_epochs": 25, "sample_mult": 0, "gamma_limit_lower": 80, "gamma_limit_upper": 120,
    "CLAHE_clip_limit": 0.0, "brightness_limit": 0.0, "contrast_limit": 0.0, "flip": True,
    "rot": 360, "distort_limit": 0, "mode": "multiclass", "loss_alpha": 0.5, "loss_beta": 0.5,
    "loss_gamma": 2.0, "loss_smooth_factor": 0.0, "use_tta": True, "max_tile_shift": 0.5,
    "border_padding_factor": 0.25, "use_gaussian": True, "gaussian_kernel_sigma_scale": 0.125,
    "min_pixel_export": 0, "cellpose_model": "nuclei", "cellpose_diameter": 0,
    "cellpose_export_class": 1, "cellpose_flow_threshold": 0.4,
    "instance_segmentation_metrics": False, "gt_dir": "GT_Estimation", "train_dir": "Training",
    "pred_dir": "Prediction", "ens_dir": "models", "val_dir": "valid",
}  # fmt: skip
FIRST = {
    "proj_dir": "deepflash2", "staple_thres": 0.5, "staple_fval": 1, "mv_undec": 0, "n": 4,
    "max_splits": 5, "repo": "matjesg/deepflash2", "arch": "unext50_deepflash2",
    "pretrained": None, "random_state": 42, "c": 2, "il": True, "lr": 0.002, "bs": 8, "wd": 0.0,
    "mpt": False, "optim": "ranger", "n_iter": 1000, "tta": True, "light": 0.1, "flip": False,
    "rot": 90, "def_grid": 150, "def_mag": 10, "bwf": 25, "bws": 10, "fds": 10, "fbr": 0.5,
    "pred_tta": True, "kernel": "rbf", "nu": 0.01, "gamma": 0.01, "gt_dir": "GT_Estimation",
    "train_dir": "Training", "pred_dir": "Prediction", "ens_dir": "ensemble", "val_dir": "valid",
}  # fmt: skip
"""Settings as its last and its first version write them."""


@pytest.fixture
def read(tmp_path):
    """Read settings: a function of them that returns the trainer and the words of the warning."""

    def found(settings):
        path = tmp_path / "config.json"
        path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
        with pytest.warns(GuessWarning) as said:
            trainer = cl.Trainer.from_deepflash2(path)
        assert len(said) == 1
        return trainer, said[0].message.words

    return found


def test_settings_of_the_last_version_become_a_trainer(read):
    trainer, words = read(LAST)
    assert trainer.iterations == 2500, "25 epochs of 400 tiles, in batches of 4"
    assert (trainer.batch_size, trainer.patch_px, trainer.learning_rate) == (4, (512,), 0.001)
    assert (trainer.optimizer, trainer.weight_decay, trainer.precision) == ("adamw", 0.001, "auto")
    changes = trainer.augment
    assert (changes.flip_p, changes.rotate_p, changes.rotate_degrees) == (0.5, 0.5, 180)
    assert (changes.gamma_p, changes.gamma_range) == (0.5, (0.8, 1.2))
    assert not changes.brightness_p + changes.contrast_p + changes.elastic_p + changes.blur_p
    assert "members=5, folds=5, seed=42 and task='binary' to `train`" in words
    of_r = words.spelled(R)
    assert 'members = 5, folds = 5, seed = 42 and task = "binary" to cl_train()' in of_r
    # all are named: as what the trainer has, as what is given elsewhere, or as without counterpart
    elsewhere = {"n_models", "max_splits", "random_state", "num_classes", "instance_labels"}
    elsewhere |= {"loss", "loss_alpha", "loss_beta", "loss_gamma", "min_pixel_export", "use_tta"}
    assert all(name in words for name in set(LAST) - elsewhere)


def test_settings_of_the_first_version_are_known_by_their_names_of_then(read):
    trainer, words = read(FIRST)
    assert (trainer.iterations, trainer.batch_size, trainer.learning_rate) == (1000, 8, 0.002)
    assert (trainer.optimizer, trainer.weight_decay, trainer.precision) == ("adam", 0, "float32")
    assert (trainer.augment.flip_p, trainer.augment.rotate_degrees) == (0, 45)
    assert (trainer.augment.brightness_p, trainer.augment.brightness) == (0.5, 0.1)
    assert "members=4, folds=5, seed=42 and task='instances'" in words
    assert "optim (of ranger optimizer='adam' is nearest)" in words
    assert "optim" not in words.partition("To be given elsewhere")[0]
    assert "def_grid" in words
    assert "nothing is known" not in words


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_classes": 3}, "task='classes:background,class 1,class 2'"),
        ({"loss": "DiceLoss"}, "task=Binary(loss='dice')"),
        ({"loss": "FocalLoss", "loss_gamma": 3.0}, "task=Binary(loss=Focal(gamma=3.0))"),
        ({"loss": "TverskyLoss"}, "loss=Tversky(alpha=0.5, beta=0.5)"),
        ({"loss": "LovaszLoss"}, "task=Binary(loss='dice') to `train`; its loss is the nearest"),
        ({"instance_labels": True, "min_pixel_export": 9}, "task=Instances(min_area_px=9)"),
        ({"min_pixel_export": 9}, "small objects are dropped by Instances(min_area_px=9)"),
        ({"use_tta": True}, "views=4 to `predict`"),
        ({"n_models": 1, "max_splits": 4}, "validation=0.25, seed=42"),
        ({"optim": "SGD"}, "weight_decay (SGD has none)"),
        ({"brand_new": 1}, "brand_new (nothing is known of it)"),
    ],
)
def test_what_belongs_elsewhere_is_said_with_how_to_give_it(read, settings, said):
    assert said in read({**LAST, **settings})[1]


def test_an_epoch_has_as_many_iterations_as_there(read):
    trainer, _ = read({"n_epochs": 10, "sample_mult": 20, "batch_size": 4})
    assert trainer.epochs == 200, "20 tiles of each image in each of 10 epochs"
    assert trainer.length(images=8) == (400, None)
    epochs = math.ceil(100 / (8 / 4))
    assert epochs == 50
    assert cl.Trainer(epochs=epochs, batch_size=4).length(images=8) == (100, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"batch_size": 4', "text that is no JSON from line 1, column 17 on"),
        ("\xff\xfe", "what cannot be read"),
        ("[]", "other JSON"),
        ('{"name": "Trainer", "bs": 4, "patch_px": 64}', r"other names \(name, bs, "),
        ('{"batch_size": "4"}', r"`batch_size in .*Expected a number, 0 or more. Received: \"4\""),
        ('{"bs": 4.5}', "Expected a whole number, 1 or more. Received: 4.5"),
        ('{"base_lr": 0}', "Expected a number above 0. Received: 0"),
        ('{"base_lr": NaN}', "Received: NaN"),
        ('{"flip": "yes"}', 'Expected true or false. Received: "yes"'),
        ('{"optim": 3}', "Expected text. Received: 3"),
        ('{"tile_shape": [64, 64, 64]}', "Expected one or two whole numbers above 0"),
        ('{"gamma_limit_lower": 130}', r"`gamma_range of .*in order. Received: \(1.3, 1.2\)"),
    ],
)
def test_damaged_and_foreign_files_are_one_sentence(tmp_path, text, said):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(cl.InvalidError, match=said) as refused:
        cl.Trainer.from_deepflash2(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_where_there_is_no_file_it_is_said(tmp_path):
    for path, received in ((tmp_path, "a folder"), (tmp_path / "none.json", "no file")):
        with pytest.raises(cl.InvalidError, match=received):
            cl.Trainer.from_deepflash2(path)


def test_options_go_before_what_the_file_says(tmp_path, capsys):
    cl.simulate.write(tmp_path / "data", images=3, seed=1, progress=False)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**LAST, "tile_shape": 64, "batch_size": 2}))
    data = str(tmp_path / "data")
    assert main(["plan", data, "--from-deepflash2", str(path), "--batch-size", "3"]) == 0
    out, err = capsys.readouterr()
    assert "64 x 64 px" in out
    assert "3 patches" in out
    assert err.count("Warning:") == 1
    assert "--seed 42 and --task binary" in err
    assert main(["plan", data, "--from-deepflash2", data]) == 1
    assert "settings that deepflash2 has written" in capsys.readouterr().err


def test_the_suffix_of_masks_is_that_of_all(tmp_path):
    """Of img1 the mask is img1_mask, not img10_mask, which begins alike."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for k in (1, 10, 2):
        tifffile.imwrite(tmp_path / f"images/img{k}.tif", np.full((8, 8), k, np.uint8))
        tifffile.imwrite(tmp_path / f"masks/img{k}_mask.tif", np.full((8, 8), k > 1, np.uint8))
    items = cl.Data.from_folder(tmp_path).items
    found = {item.id: item.annotations[0].name for item in items}
    assert all(name.endswith(f"/{image}_mask.tif") for image, name in found.items())
    assert sorted(found) == ["img1", "img10", "img2"]
