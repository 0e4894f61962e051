"""Settings that deepflash2 wrote, as those of a `Trainer`, and what becomes of the others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import Call, Message, Setting, VerbName, joined, no_json, say
from ..patches.augment import Augment
from ..tasks.deepflash2 import task_asked

EPOCH = 400
"""Tiles that an epoch of deepflash2 has, unless ``sample_mult`` or very many images say more."""
OLD = {
    "lr": "base_lr", "bs": "batch_size", "wd": "weight_decay", "mpt": "mixed_precision_training",
    "n": "n_models", "c": "num_classes", "n_classes": "num_classes", "il": "instance_labels",
    "light": "brightness_limit", "tta": "use_tta", "pred_tta": "use_tta",
}  # fmt: skip
"""Settings that earlier versions had by another name."""
IN_TRAINER = (
    "n_epochs", "n_iter", "sample_mult", "batch_size", "base_lr", "optim", "weight_decay",
    "tile_shape", "mixed_precision_training", "flip", "rot", "gamma_limit_lower",
    "gamma_limit_upper", "brightness_limit", "contrast_limit",
)  # fmt: skip
ELSEWHERE = (
    "n_models", "max_splits", "random_state", "num_classes", "instance_labels", "loss",
    "loss_alpha", "loss_beta", "loss_gamma", "min_pixel_export", "use_tta",
)  # fmt: skip
_FOLDERS = "project_dir", "proj_dir", "gt_dir", "train_dir", "pred_dir", "ens_dir", "val_dir"
WITHOUT: Mapping[tuple[str, ...], str] = {
    ("arch", "encoder_name", "encoder_weights", "pretrained", "repo"): say(
        "networks are U-Nets, as {} plans them, and start from random weights", VerbName("plan")
    ),
    ("scale",): "images are learned at their size",
    ("mode", "loss_smooth_factor"): "losses are those of the task",
    ("CLAHE_clip_limit",): "each image is scaled by its own percentiles",
    ("distort_limit", "def_grid", "def_mag"): say(
        "{} is nearest", Call("Augment", {"elastic_p": 0.5})
    ),
    ("bwf", "bws", "fds", "fbr"): "touching objects are told apart by what is learned",
    (
        "max_tile_shift", "shift", "border_padding_factor", "use_gaussian",
        "gaussian_kernel_sigma_scale",
    ): "tiles give what the whole image gives",
    (
        "cellpose_model", "cellpose_diameter", "cellpose_export_class", "cellpose_flow_threshold",
    ): say("touching objects are told apart by {}", Setting("task", "instances")),
    ("instance_segmentation_metrics",): "objects are always scored",
    ("kernel", "nu", "gamma"): "each image has an unlikeness",
    ("staple_thres", "staple_fval", "vote_undec", "mv_undec", "majority_vote_undec"): say(
        "{} decides", VerbName("consensus")
    ),
    ("use_gpu",): "a GPU is used where there is one",
    _FOLDERS: "each verb is told its folders",
}  # fmt: skip
"""Settings without counterpart, and what is instead."""
_KNOWN = {*IN_TRAINER, *ELSEWHERE, *OLD, *(name for names in WITHOUT for name in names)}
_WHAT = "settings that deepflash2 has written (Config.save)"


class Settings:
    """What a file says, by the names of the last version; what is missing is deepflash2's default.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = _written(path)
        self._values = {OLD.get(name, name): value for name, value in self.written.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def above_0(self, name: str, default: float) -> float:
        """Return a finite number above 0."""
        value = self.number(name, default)
        if not value:
            raise self._odd(name, "a number above 0")
        return value

    def whole(self, name: str, default: int, least: int = 0) -> int:
        """Return a whole number."""
        value = self.number(name, default)
        if value % 1 or value < least:
            raise self._odd(name, f"a whole number, {least} or more")
        return int(value)

    def number(self, name: str, default: float) -> float:
        """Return a finite number of 0 or more."""
        value = self._values.get(name, default)
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not 0 <= value < 1e15:
            raise self._odd(name, "a number, 0 or more")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return whether something is so."""
        value = self._values.get(name, default)
        if value not in (True, False):
            raise self._odd(name, "true or false")
        return bool(value)

    def text(self, name: str, default: str) -> str:
        """Return a word."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._odd(name, "text")
        return value

    def tile_px(self) -> tuple[int, ...]:
        """Return the shape of tiles, of one number or one for each axis."""
        value = self._values.get("tile_shape", 512)
        sizes = value if isinstance(value, list) else [value]
        if len(sizes) not in (1, 2) or not all(type(n) is int and n > 0 for n in sizes):
            raise self._odd("tile_shape", "one or two whole numbers above 0")
        return tuple(sizes)

    def _odd(self, name: str, expected: str) -> InvalidError:
        received = json.dumps(self._values[name])
        return invalid(f"{name} in {self.path}", expected=expected, received=received)


def _written(path: Path) -> dict[str, Any]:
    """Read a file of settings, and refuse what is none."""
    if not path.is_file():
        received = f"{path}, a folder" if path.is_dir() else f"no file {path}"
        raise invalid("path", expected=_WHAT, received=received)
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise invalid(str(path), expected=_WHAT, received=no_json(error)) from None
    names = list(plain) if isinstance(plain, dict) else []
    known = [name for name in names if name in _KNOWN]
    if not known or len(known) < len(names) / 2:
        received = f"settings of other names ({', '.join(names[:5])})" if names else "other JSON"
        raise invalid(str(path), expected=_WHAT, received=received)
    return dict(plain)


def read(path: Path) -> tuple[dict[str, Any], Message]:
    """Read settings of deepflash2.

    Parameters
    ----------
    path : Path
        As its ``Config.save`` writes it, of any version.

    Returns
    -------
    fields : dict
        Of a `Trainer`.
    notice : Message
        What is to be given elsewhere, and what has no counterpart.
    """
    given = Settings(path)
    batch = given.whole("batch_size", 4, least=1)
    decay = given.number("weight_decay", 1e-3)
    optimizer, nearest = _optimizer(given, decay)
    fields = {
        **_length(given, batch),
        "batch_size": batch,
        "patch_px": given.tile_px(),
        "learning_rate": given.above_0("base_lr", 1e-3),
        "optimizer": optimizer,
        "weight_decay": decay if optimizer == "adamw" else 0.0,
        "augment": _augment(given),
        "precision": "auto" if given.flag("mixed_precision_training", True) else "float32",
    }
    return fields, _notice(given, nearest)


def _length(given: Settings, batch: int) -> dict[str, int]:
    """Return how long a training is.

    deepflash2 runs as many epochs as make up the iterations, ``ceil(iterations / (tiles of an
    epoch / batch size))``, and later versions are told the epochs themselves.
    """
    if "n_iter" in given and "n_epochs" not in given:
        return {"iterations": given.whole("n_iter", 2500, least=1)}
    epochs = given.whole("n_epochs", 25, least=1)
    times = given.whole("sample_mult", 0)
    if times:  # an epoch here is one patch of each image
        return {"epochs": epochs * times}
    return {"iterations": math.ceil(epochs * EPOCH / batch)}


def _optimizer(given: Settings, decay: float) -> tuple[str, dict[str, Message]]:
    """Return the optimizer, and the settings that it is not, with what is instead."""
    name = given.text("optim", "Adam")
    if name == "SGD":
        return "sgd", {"weight_decay": say("SGD has none")} if decay else {}
    nearest = "adamw" if decay else "adam"
    why = say("of {} {} is nearest", name, Setting("optimizer", nearest))
    return nearest, {} if name == "Adam" else {"optim": why}


def _augment(given: Settings) -> Augment:
    """Return the changes of training images; those that deepflash2 has not are off."""
    # it turns by 0 to `rot` degrees, which is half of it either way and a turn that is the same
    degrees = min(given.number("rot", 360) / 2, 180.0)
    low, high = (given.number(f"gamma_limit_{end}", of) for end, of in _GAMMA.items())
    bright, contrast = (given.number(f"{of}_limit", 0.0) for of in ("brightness", "contrast"))
    changes = {
        "flip_p": 0.5 * given.flag("flip", True),
        "right_angle_p": 0.0,
        "rotate_p": 0.5 * (degrees > 0),
        "rotate_degrees": degrees,
        "gamma_p": 0.5 * (low + high > 0),
        "gamma_range": (max(low, 1) / 100, max(high, 1) / 100),
        "brightness_p": 0.5 * (bright > 0),
        "brightness": bright,
        "contrast_p": 0.5 * (contrast > 0),
        "contrast_range": (max(1 - contrast, 0.01), 1 + contrast),
    }
    try:
        return Augment(**{**_NONE, **changes})
    except InvalidError as error:
        raise error.renamed(f"{error.name} of {given.path}") from None


def _notice(given: Settings, nearest: Mapping[str, Message]) -> Message:
    """Say what is not in the trainer, and where it is given if it is anywhere."""
    gone = [
        say("{} ({})", ", ".join(present), why)
        for names, why in WITHOUT.items()
        if (present := [name for name in names if name in given.written])
    ]
    gone += [say("{} ({})", name, why) for name, why in nearest.items()]
    gone += [f"{name} (nothing is known of it)" for name in given.written if name not in _KNOWN]
    within = set(IN_TRAINER) - set(nearest)
    held = ", ".join(name for name in given.written if OLD.get(name, name) in within)
    lines = [f"{given.path}: settings of deepflash2. In the trainer: {held or 'none of them'}."]
    lines.append(say("To be given elsewhere: {}.", joined("; ", _elsewhere(given))))
    if gone:
        lines.append(say("Without counterpart: {}.", joined("; ", gone)))
    return joined("\n", lines)


def _elsewhere(given: Settings) -> list[Message]:
    """Name arguments of `train` and others that stand for settings."""
    task, more = task_asked(given)
    said = [say("{}, {} and {} to {}", _members(given), _seed(given), task, _TRAIN), *more]
    if given.flag("use_tta", False):
        said.append(say("{} to {}", Setting("views", 4), VerbName("predict")))
    return said


def _members(given: Settings) -> Message:
    """Say how many networks hold out which part of the images."""
    members, folds = (given.whole(name, 5, least=1) for name in ("n_models", "max_splits"))
    if members == 1:
        return say("{}", Setting("validation", round(1 / max(folds, 2), 3)))
    return say("{}, {}", Setting("members", members), Setting("folds", max(folds, members)))


def _seed(given: Settings) -> Message:
    return say("{}", Setting("seed", given.whole("random_state", 42)))


_TRAIN = VerbName("train")
_GAMMA = {"lower": 80, "upper": 120}
_NONE = {name: 0.0 for name in Augment.__dataclass_fields__ if name.endswith("_p")}
