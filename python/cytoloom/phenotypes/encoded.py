"""Run encoders over cells: what the verb `encode` composes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..components.arguments import checked_seed
from ..errors import invalid
from ..events import Event, Work, note
from ..messages import counted
from ..models.inputs import as_model
from ..models.record import Part
from ..networks.autoencoder import CODE, Autoencoder, encoder_of
from ..runtime import backend
from ..tasks.reconstruction import Reconstruction
from .frozen import frozen, is_frozen
from .gathered import Cells
from .kept import as_cells
from .named import MODEL, about, feature_names
from .outputs import free_file, write_features
from .train import pieces
from .views import VIEWS, turned, views_of

AT_ONCE = 256
"""Cells that go through the network together."""
Codes = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def encoded(
    model: Any, cells: Any, views: int, out: str | os.PathLike[str] | None, overwrite: bool
) -> Work[pd.DataFrame]:
    """Encode cells; the parameters are those of the verb."""
    if views not in (1, VIEWS):
        raise invalid("views", expected="1 or 8", received=views)
    cells = as_cells(cells)
    path = None if out is None else free_file(out, overwrite, cells)
    columns = yield from encoder_for(model, cells).codes(cells, views)
    table = pd.concat([about(cells), pd.DataFrame(columns, index=cells.table.index)], axis=1)
    if path is not None:
        yield from write_features(table, path, feature_names(table), cells)
        yield note(f"Codes of {counted(len(table), 'cell')} written to {path}.")
    return table


@dataclass(frozen=True)
class Encoder:
    """What turns crops into codes.

    Parameters
    ----------
    name : {"learned", "random", "frozen"}
        What features are called, before their number.
    run : callable
        From crops (n, y, x, channels) to codes (n, features).
    back : callable, optional
        From crops to what comes back of them.
    sign : str, default ""
        By which codes of one model are told from those of another: of its weights.
    """

    name: str
    run: Codes
    back: Codes | None = None
    sign: str = ""

    def codes(self, cells: Cells, views: int = VIEWS) -> Work[dict[str, np.ndarray]]:
        """Encode cells; by column, as `codes_of`, and the sign of a model as ``encoder``."""
        found = yield from codes_of(cells, self.run, views, self.name, self.back)
        named = {MODEL: np.full(len(cells), self.sign)} if self.sign else {}
        return {**named, **found}


def encoder_for(model: Any, cells: Cells) -> Encoder:
    """Return the encoder that a model, or a word, stands for."""
    channels = cells.items[0].image.shape[-1]
    if isinstance(model, str) and model == "random":
        return random_encoder(cells)
    if is_frozen(model):
        return Encoder("frozen", frozen(model, channels, cells.cut.size_px))
    model = as_model(model)
    _refuse_other(model, cells)
    network = model.keras
    run, encoder = backend.forward(network), backend.forward(encoder_of(network))
    return Encoder(
        "learned", lambda crops: encoder(crops)[CODE], lambda crops: run(crops)["image"],
        sign_of(network),
    )  # fmt: skip


def sign_of(network: Any) -> str:
    """Return eight characters that say which weights a network has."""
    taken = hashlib.sha256()
    for one in network.get_weights():
        taken.update(np.ascontiguousarray(one).tobytes())
    return taken.hexdigest()[:8]


def random_encoder(cells: Cells, seed: int = 0) -> Encoder:
    """Return an encoder with random weights: what any other has to be better than."""
    channels = cells.items[0].image.shape[-1]
    if len(cells.cut.size_px) != 2:
        expected = "crops (y, x): encoders are two-dimensional"
        raise invalid("cells", expected=expected, received="crops of stacks")
    network = Autoencoder.for_size(cells.cut.size_px)
    part = Part(Reconstruction(channels=channels), network, cells.normalize, {"image": channels})
    encoder = backend.forward(encoder_of(part.build("float32", checked_seed(seed))))
    return Encoder("random", lambda crops: encoder(crops)[CODE])


def _refuse_other(model: Any, cells: Cells) -> None:
    """Refuse a model that knows nothing of cells, or of others than these."""
    if not isinstance(model.task, Reconstruction):
        raise invalid("model", expected="a model that was trained on cells",
                      received=f"one that learned {type(model.task).__name__}")  # fmt: skip
    known: Mapping[str, Any] = model.info["training"].get("cells") or {}
    own = {
        "size_px": list(cells.cut.size_px),
        "others": cells.cut.others,
        "turned": cells.cut.turned,
        "scaled": cells.scaled,
        "illumination": "plate" if cells.illumination else None,
    }
    for name, value in own.items():
        if name in known and known[name] != value:
            expected = f"cells gathered as in training, {name} {known[name]}"
            raise invalid("cells", expected=expected, received=value)
    channels = cells.items[0].image.shape[-1]
    if channels != model.channels:
        expected = f"images of {counted(model.channels, 'channel')}"
        raise invalid("cells", expected=expected, received=channels)


def codes_of(
    cells: Cells, codes: Codes, views: int, name: str, error: Codes | None = None
) -> Work[dict[str, np.ndarray]]:
    """Run an encoder over cells, image by image: the mean code of so many views.

    Parameters
    ----------
    cells : Cells
        What is encoded.
    codes : callable
        From crops (n, y, x, channels) to codes (n, features).
    views : int
        1 or 8.
    name : str
        What features are called, before their number.
    error : callable, optional
        From crops to what comes back of them.

    Returns
    -------
    dict of ndarray (cells,)
        By column.
    """
    total, done = len(cells), 0
    seen = views_of(cells.cut.size_px) if views > 1 else (0,)
    found: np.ndarray | None = None
    lost = np.full(total, np.nan)
    for rows, crops in cells.crops():
        for part in pieces(len(rows), AT_ONCE):
            some = crops[part]
            each = [np.asarray(codes(np.ascontiguousarray(turned(some, v)))) for v in seen]
            mean = np.mean(each, axis=0, dtype=np.float64)
            found = np.empty((total, mean.shape[1]), np.float32) if found is None else found
            found[rows[part]] = mean
            if error is not None:
                lost[rows[part]] = ((np.asarray(error(some)) - some) ** 2).mean(axis=(1, 2, 3))
            done += len(some)
            yield Event("progress", f"cell {done}/{total} encoded", done, total)
    assert found is not None  # there is a cell
    columns = {f"{name}_{k}": found[:, k] for k in range(found.shape[1])}
    return columns if error is None else {**columns, "reconstruction_error": lost}
