"""A model: network, task, normalisation and where they came from; a folder on disk."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import from_plain, to_plain
from ..errors import invalid
from ..images.normalize import Normalize
from ..inference import tiled as inference
from ..messages import VerbName, say
from ..networks.unet import UNet
from ..runtime import backend
from ..tasks.task import Task
from . import engines
from .engine import Engine
from .folder import STATES, refuse_others

if TYPE_CHECKING:
    import pandas as pd


FORMAT = 1
NETWORK_FILE = "network.keras"
FIELDS = (
    "format",
    "cytoloom",
    "members",
    "task",
    "network",
    "normalize",
    "trainer",
    "channels",
    "ndim",
    "pixel_size_um",
    "diameter_px",
    "seed",
    "precision",
    "threads",
    "reproducible",
    "interrupted",
    "backend",
    "device",
    "libraries",
    "data",
    "training",
    "tile_difference",
    "start",
)


@dataclass(eq=False)
class Model:
    """A trained network with all that is needed to apply it.

    Made by `train` and `load`; not meant to be built by hand.

    Parameters
    ----------
    task, network, normalize : component
        What is learned, by what, from images scaled how.
    info : dict
        Every other field of ``model.json``: channels, pixel size, seed, precision, libraries,
        data manifest and so on.
    history : DataFrame
        Columns epoch, iteration, seconds, set, metric, value.
    path : Path or None
        The folder it was saved to or loaded from.
    """

    task: Task
    network: UNet
    normalize: Normalize
    info: dict[str, Any]
    history: pd.DataFrame
    path: Path | None = None
    _keras: Any = field(default=None, repr=False)
    _engine: Engine | None = field(default=None, repr=False)

    @property
    def channels(self) -> int:
        """Number of image channels."""
        return int(self.info["channels"]["count"])

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return int(self.info["ndim"])

    @property
    def keras(self) -> Any:
        """The network as a `keras.Model`, loaded when first asked for."""
        if self._keras is None:
            self._keras = self.read_network()
        return self._keras

    @property
    def changeable(self) -> bool:
        """Whether `keras` was asked for, so that it may differ from what is on disk."""
        return self._keras is not None

    def read_network(self) -> Any:
        """Read the network from disk: a `keras.Model` in the precision of this machine."""
        keras = backend.require()
        file = self.network_file
        try:
            stored = keras.saving.load_model(file, compile=False, safe_mode=True)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            if _whole_zip(file):
                raise
            why = "it is damaged" if file.exists() else "it is not there"
            raise invalid(
                "model",
                expected=f"a Keras network in {file}",
                received=why,
                remedy="Copy the model folder again.",
            ) from error
        precision = backend.resolve_precision("auto")
        if precision == "float32":
            return stored
        network = build_network(self, precision)
        network.set_weights(stored.get_weights())
        return network

    @property
    def network_file(self) -> Path:
        """The network on disk."""
        assert self.path is not None
        return self.path / NETWORK_FILE

    @property
    def engine(self) -> Engine:
        """What runs the network; started when first asked for, by one thread."""
        if self._engine is None:
            self._engine = engines.choose(self)
        return self._engine

    def predict_maps(self, image: np.ndarray, tile_px: int | None = None) -> dict[str, np.ndarray]:
        """Predict the maps of one image in memory.

        Parameters
        ----------
        image : ndarray, shape (y, x[, c]) or (z, y, x[, c])
            Any integer or float dtype, as stored on disk (normalisation is done here).
        tile_px : int, optional
            Edge length of the tiles; the result does not depend on it.

        Returns
        -------
        dict of ndarray, float32, shape (spatial..., channels)
            By head, after activation.
        """
        source = self.as_source(image)
        return self.source_maps(source, self.normalize.fit(source), tile_px=tile_px)

    def source_maps(
        self,
        source: Any,
        stats: Any,
        *,
        tile_px: int | None = None,
        store: inference.Store = inference.in_memory,
        at_once: int | None = None,
        engine: Engine | None = None,
    ) -> dict[str, np.ndarray]:
        """Predict the maps of a source, read by regions; see `inference.predict_maps`.

        Tiles are worked on side by side as suits the engine, unless `at_once` says otherwise.
        """
        engine = engine or self.engine
        return inference.predict_maps(
            engine.forward,
            source,
            lambda region: self.normalize.apply(region, stats),
            self.task.heads,
            halo=self.network.halo_px,
            grid=self.network.grid_px,
            tile_px=tile_px,
            store=store,
            at_once=at_once or engine.tiles_at_once,
        )

    def as_source(self, image: np.ndarray) -> Any:
        """Wrap an array, adding the channel axis where it lacks one; refuse other shapes."""
        from ..datasets.sources import ArraySource

        array = np.asarray(image)
        if array.ndim == self.ndim and self.channels == 1:
            array = array[..., np.newaxis]
        if array.ndim != self.ndim + 1 or array.shape[-1] != self.channels:
            raise invalid(
                "image",
                expected=f"{self.ndim} spatial axes and {self.channels} channels (last)",
                received=say("shape {}", array.shape),
            )
        if array.dtype.kind not in "buif" or not array.size:
            received = say("{} of shape {}", str(array.dtype), array.shape)
            raise invalid("image", expected="pixels that are real numbers", received=received)
        return ArraySource(array)

    def predict(self, image: np.ndarray, tile_px: int | None = None) -> np.ndarray:
        """Predict the labels of one image in memory: integers (y, x) or (z, y, x)."""
        return np.asarray(self.task.decode(self.predict_maps(image, tile_px)).labels)

    def predict_proba(self, image: np.ndarray, tile_px: int | None = None) -> np.ndarray:
        """Predict class probabilities of one image: float32 (spatial..., classes)."""
        return self.task.probabilities(self.predict_maps(image, tile_px))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the model folder.

        Parameters
        ----------
        path : path
            Folder to make, by custom ``name.cytoloom``; one with other files in it is refused.
        overwrite : bool, default False
            Replace a model that is there.

        Returns
        -------
        Path
            The folder.
        """
        folder = Path(path)
        refuse_others(folder, overwrite, "path")
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / NETWORK_FILE, self._write_network)
        _replace(folder / "history.csv", lambda p: self.history.to_csv(p, index=False))
        from .card import card

        words, text = card(self, folder.name), json.dumps(self.to_json(), indent=1)
        _replace(folder / "README.md", lambda p: p.write_text(words, encoding="utf-8"))
        _replace(folder / "model.json", lambda p: p.write_text(text, encoding="utf-8"))
        self.path = folder
        return folder

    def _write_network(self, path: Path) -> None:
        network = self.keras
        if backend.precision_of(network) != "float32":
            plain = build_network(self, "float32")
            plain.set_weights(network.get_weights())
            network = plain
        network.save(path)

    def to_json(self) -> dict[str, Any]:
        """Return what ``model.json`` holds; every field explicit."""
        known = {
            "format": FORMAT,
            "members": [NETWORK_FILE],
            "task": to_plain(self.task),
            "network": to_plain(self.network),
            "normalize": to_plain(self.normalize),
        }
        return {name: known.get(name, self.info.get(name)) for name in FIELDS}

    def summary(self) -> str:
        """Return a few lines on what the model is and what it was trained on."""
        from .card import facts

        return "\n".join(f"{key:<14} {value}" for key, value in facts(self).items())

    def __str__(self) -> str:
        return self.summary()


def _whole_zip(file: Path) -> bool:
    """Whether a file is a zip archive each member of which has its checksum."""
    if not zipfile.is_zipfile(file):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def build_network(model: Model, precision: str) -> Any:
    """Build the model's network with fresh weights, in this precision."""
    spacing = model.info["pixel_size_um"]
    with backend.policy(precision):
        return model.network.build(
            model.channels,
            {name: head.channels for name, head in model.task.heads.items()},
            seed=int(model.info["seed"]),
            spacing_um=tuple(spacing) if spacing else None,
        )


def load(path: str | os.PathLike[str]) -> Model:
    """Load a model folder.

    Nothing in it is executed: the network is read with ``safe_mode=True, compile=False``, the
    rest is JSON and CSV. Loading starts no backend; the first prediction does.

    Parameters
    ----------
    path : path
        Folder written by `train` or `Model.save`.

    Raises
    ------
    InvalidError
        Not a model folder, an unfinished training, or a format of a newer version.

    Examples
    --------
    >>> load("no-such-folder")
    Traceback (most recent call last):
    cytoloom.errors.InvalidError: Invalid `path`. Expected a model folder ... Received: ...
    """
    import pandas as pd

    folder = Path(path)
    plain = read_json(folder)
    history = folder / "history.csv"
    return Model(
        task=from_plain(plain["task"], Task),
        network=from_plain(plain["network"], UNet),
        normalize=from_plain(plain["normalize"], Normalize),
        info={name: plain[name] for name in FIELDS},
        history=pd.read_csv(history) if history.exists() else pd.DataFrame(),
        path=folder,
    )


def read_json(folder: Path) -> dict[str, Any]:
    """Read and check ``model.json``."""
    file = folder / "model.json"
    if not file.is_file():
        unfinished = (folder / STATES).is_dir()
        again = say("Its training did not finish: run the same {} again.", VerbName("train"))
        raise invalid(
            "path",
            expected="a model folder (with model.json)",
            received=str(folder),
            remedy=again if unfinished else "",
        )
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise invalid("model.json", expected="JSON", received=f"{file}: {error}") from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        got = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        raise invalid(
            "format",
            expected=f"{FORMAT}",
            received=f"{got} in {file}",
            remedy="A newer cytoloom may be needed.",
        )
    if set(plain) != set(FIELDS) or plain["members"] != [NETWORK_FILE]:
        odd = sorted(set(plain) ^ set(FIELDS)) or plain["members"]
        raise invalid(
            "model.json",
            expected=say("fields {}", list(FIELDS)),
            received=say("{} in {}", odd, file),
        )
    return plain


def _replace(path: Path, write: Any) -> None:
    """Write to a temporary name in the same folder, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-", suffix=path.suffix)
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
