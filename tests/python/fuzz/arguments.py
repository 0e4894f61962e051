"""Arguments of other types and of absurd values, to all that is public and on the command line."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from . import model_folders
from .options import case as command_line
from .pool import Silent
from .values import named, odd

_READY: dict[str, Any] = {}
_TARGETS: list[tuple[str, Callable[..., Any]]] = []
TENSORS = {"dice_coef", "dice_coef_loss", "HeadLoss", "Loss"}
"""What Keras calls with tensors, not users."""
MADE = {"Model", "Predictions", "Scores", "Info", "Plan", "Matches", "Overlap", "Found", "Stats",
        "ImageInfo", "Image", "Data", "BackendError", "InvalidError", "Task", "Consensus",
        "Comparison", "Ranking",
        }  # fmt: skip
"""What functions return, whose classes users do not call."""
METHODS = {
    "Data": ("from_folder", "from_pairs", "from_table"),
    "Augment": ("preset", "__call__"),
    "Normalize": ("__call__", "fit"),
    "UNet": ("parameters", "summary"),
}


def prepare(root: Path) -> None:
    """List what is public, and make arguments that can be meant."""
    import cytoloom as cl

    pairs = [cl.simulate.nuclei(shape=(32, 32), count=2, seed=k) for k in range(3)]
    data = {"images": [image for image, _ in pairs], "labels": [labels for _, labels in pairs]}
    model = cl.load(model_folders.ready())
    grey, labels = pairs[0]
    _READY.update(
        model=model, start=model, model_a=model, model_b=model, models=[model, model],
        data=data, images=data["images"], image=grey, labels=labels,
        truth=labels, found=labels, table=None, task="binary", loss="dice", activation="sigmoid",
        augment="default", history=model.history, name="default", channels=1, seed=0,
        path="image.npy", folder="data", figure=None, scores=None, pictures={}, progress=False,
        rng=np.random.default_rng(0), source=grey, spacing_um=(1.0, 1.0), inputs={"image": grey},
        input_shape=(None, None, 1), overwrite=True, out="out", array=grey,
        experts=[labels, labels], consensus=cl.consensus([labels > 0] * 2, progress=False),
        trainer=cl.Trainer(iterations=1, batch_size=1, patch_px=(16,)),
        network=cl.UNet(filters=2, depth=1),
    )  # fmt: skip
    _TARGETS[:] = [*_public(cl), *((f"Model.{n}", getattr(model, n)) for n in _MODEL)]


_MODEL = ("predict", "predict_maps", "predict_proba", "save", "as_source", "outputs")


def _public(cl: Any) -> list[tuple[str, Callable[..., Any]]]:
    """List functions, verbs, components and some methods by their public names."""
    found = []
    for name in cl.__all__:
        one = getattr(cl, name)
        inside = [(f"{name}.{n}", getattr(one, n)) for n in getattr(one, "__all__", ())]
        found += inside if inspect.ismodule(one) else [(name, one)]
    callables = [(n, one) for n, one in found if callable(one) and n.split(".")[-1] not in TENSORS]
    for name, methods in METHODS.items():
        cls = getattr(cl, name)
        made = cls if name == "Data" else cls()
        callables += [(f"{name}.{method}", getattr(made, method)) for method in methods]
    return [(n, one) for n, one in callables if n.split(".")[-1] not in MADE]


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Call something with an argument or two that cannot be meant."""
    if rng.random() < 0.25:
        return command_line(rng, folder)
    name, target = _TARGETS[int(rng.integers(len(_TARGETS)))]
    parameters = inspect.signature(target).parameters
    arguments = {
        p.name: _meant(p)
        for p in parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
        and (p.default is p.empty or p.name in ("progress", "network", "trainer"))
    }
    asked = [p for p in parameters if p not in ("self", "options", "settings", "kwargs")]
    chosen = rng.permutation(asked)[: int(rng.choice([1, 1, 1, 2]))].tolist()
    arguments |= {one: odd(rng) for one in chosen}
    said = ", ".join(f"{one}={named(arguments[one])}" for one in chosen)

    def call() -> None:
        _files(folder)
        result = _called(name, target, arguments)
        for one in chosen if len(chosen) == 1 else ():
            _refuse_silence(parameters[one], arguments[one], result)

    return f"{name}({said})", call


def _files(folder: Path) -> None:
    np.save(folder / "image.npy", _READY["image"])
    for name, arrays in (("images", _READY["images"]), ("labels", _READY["data"]["labels"])):
        (folder / "data" / name).mkdir(parents=True)
        for k, array in enumerate(arrays):
            np.save(folder / "data" / name / f"{k}.npy", array)


def _called(name: str, target: Any, arguments: dict[str, Any]) -> Any:
    if name != "train":
        return target(**arguments)
    # far enough to know that everything was taken; a training itself takes seconds
    with contextlib.closing(target.events(**arguments)) as events:
        for event in events:
            if event.message.startswith("Training on"):
                return None
    return None


def _meant(parameter: inspect.Parameter) -> Any:
    """Return an argument that can be meant, by its name, else by its type."""
    if parameter.name in _READY:
        value = _READY[parameter.name]
        return _computed(parameter.name) if value is None else value
    kinds = {"int": 2, "float": 0.5, "str": "a", "bool": True, "tuple": (32, 32), "Array": None}
    found = [v for k, v in kinds.items() if str(parameter.annotation).startswith(k)]
    return found[0] if found else _READY["image"]


def _computed(name: str) -> Any:
    """Return an argument that takes a while to make."""
    if name == "table":
        return {"image": ["data/images/0.npy"], "label": ["data/labels/0.npy"]}
    if name == "figure":
        figures = importlib.import_module("matplotlib.figure")
        return figures.Figure()
    import cytoloom as cl

    if name == "scores":
        _READY[name] = cl.evaluate(_READY["model"], _READY["data"], progress=False)
    return _READY[name]


_SIMPLE = {
    "bool": (bool, np.bool_),
    "int": (int, float, np.integer, np.floating),
    "float": (Real,),
    "str": (str,),
}


def _refuse_silence(parameter: inspect.Parameter, value: Any, result: Any) -> None:
    """Raise where another type than the declared one was taken without a word."""
    kinds = str(parameter.annotation).split(" | ")
    if not set(kinds) <= {*_SIMPLE, "None"}:
        return
    known = tuple(kind for one in kinds if one != "None" for kind in _SIMPLE[one])
    wrong = not isinstance(value, known) and not (value is None and "None" in kinds)
    if isinstance(value, bool) and "bool" not in kinds:
        wrong = True
    if wrong and not isinstance(value, np.ndarray):
        raise Silent(f"{parameter.name}: {parameter.annotation} took {named(value)}")
