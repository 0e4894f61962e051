"""A model: what it does with images, and how it is saved."""

from __future__ import annotations

import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..components.arguments import checked
from ..datasets.joined import JoinedSource
from ..datasets.sources import ArraySource
from ..errors import invalid
from ..events import drain, with_result
from ..images.channels import is_grey
from ..images.image import no_numbers
from ..images.pixel_type import as_in_training
from ..inference import tiled as inference
from ..inference.tiled import activate
from ..messages import Value, in_lines, one_of, say
from ..runtime import backend
from ..storage.atomic import sha256_of
from ..storage.results import claimed
from ..storage.tables import write_table
from ..tasks.head import Head
from . import engines
from .card import card, summary_of
from .contrast import held_down_words
from .engine import DISAGREEMENT, Engine
from .folder import refuse_others
from .padding import without_padding
from .record import Record
from .saving import SNAPSHOTS, network_path, write_files

_STARTING = threading.RLock()
"""Several threads may ask for one engine at once, as those of Dask do."""


@dataclass(eq=False)
class Model(Record):
    """A trained network with all that is needed to apply it.

    Made by `train` and `load`; not meant to be built by hand. It can be pickled, and so be sent
    to other processes and machines: whole, whether or not it was saved, and its folder is not
    needed there.

    Attributes
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

    Examples
    --------
    A model with its initial weights stands for a trained one here and below.

    >>> from cytoloom.models.untrained import untrained
    >>> model = untrained()
    >>> model.channels, model.ndim, type(model.task).__name__
    (1, 2, 'Binary')
    """

    _engine: Engine | None = field(default=None, repr=False)

    @property
    def engine(self) -> Engine:
        """What runs the network; started when first asked for, once in each process."""
        # started late: loading a model must not load TensorFlow or OpenVINO
        with _STARTING:
            if self._engine is None or self._engine.pid != os.getpid():
                self._engine = engines.choose(self)
            return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self._engine = engine

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_engine": None}

    @checked
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

        Raises
        ------
        InvalidError
            Axes or channels other than those of the training images.

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> maps = untrained().predict_maps(np.zeros((20, 30)))
        >>> {head: values.shape for head, values in maps.items()}
        {'foreground': (20, 30, 1)}
        """
        source = self.as_source(image)
        return self.source_maps(source, self._fit(source), tile_px=tile_px)

    def _fit(self, source: ArraySource) -> Any:
        """Fit the normalisation to an image in memory; warn where its contrast is held down."""
        stats = self.normalize.fit(source)
        for text in held_down_words([source.name] if self.normalize.held_down(stats) else []):
            warnings.warn(text, stacklevel=3)
        return stats

    def source_maps(
        self,
        source: Any,
        stats: Any,
        *,
        tile_px: int | None = None,
        store: inference.Store = inference.in_memory,
        workers: int | None = None,
        engine: Engine | None = None,
        disagreement: bool = False,
        part: tuple[slice, ...] | None = None,
    ) -> dict[str, np.ndarray]:
        """Predict the maps of a source, read by regions; see `inference.tiled.predict_maps`.

        Parameters
        ----------
        source : Source
            Image (spatial..., c).
        stats : Stats
            What `normalize` measured on the whole image.
        tile_px : int, optional
            Edge length of the tiles.
        store : callable, optional
            From head and shape to the array that takes its map; default: arrays in memory.
        workers : int, optional
            Tiles that are worked on side by side; default: as suits the engine.
        engine : Engine, optional
            What runs the network; default `engine`.
        disagreement : bool, default False
            Add the map of how far members disagree, where there are several; see
            `engine.mutual_information`.
        part : tuple of slice, optional
            Of which part maps are wanted, see there; default: of all of it.

        Returns
        -------
        dict of ndarray, float32, shape (spatial..., channels)
            By head, after activation.
        """
        engine = engine or self.engine
        forward, heads = engine.forward, dict(self.task.heads)
        if disagreement and engine.disagreeing is not None:
            forward, heads[DISAGREEMENT] = engine.disagreeing, Head(1, "linear", "mse")
        halo = self.network.halo_px
        if halo is None:  # it sees all of an image: one tile, whatever the size
            if part is not None:
                raise invalid("model", expected="a network that sees a part of an image at a time",
                              received="one that sees all of it")  # fmt: skip
            halo, tile_px = (0,) * self.ndim, max(source.shape[:-1])
        return inference.predict_maps(
            lambda images: self.part.calibrated(forward(images)),
            source,
            lambda region: self.normalize.apply(region, stats),
            heads,
            halo=halo,
            grid=self.network.grid_px,
            tile_px=tile_px,
            store=store,
            workers=workers or engine.tile_workers,
            part=part,
        )

    @checked
    def as_source(self, image: np.ndarray) -> Any:
        """Wrap an array, adding the channel axis where it lacks one.

        Parameters
        ----------
        image : ndarray, shape (y, x[, c]) or (z, y, x[, c])
            Any integer or float dtype.

        Returns
        -------
        Source
            Image (spatial..., c).

        Raises
        ------
        InvalidError
            Axes or channels other than those of the training images, or no numbers.

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> untrained().as_source(np.zeros((20, 30))).shape
        (20, 30, 1)
        """
        array = np.asarray(image)
        if array.ndim == self.ndim and self.channels == 1:
            array = array[..., np.newaxis]
        if array.ndim == self.ndim + 1 and self.channels == 1 and is_grey(array):
            array = array[..., :1]
        if array.ndim != self.ndim + 1 or array.shape[-1] != self.channels:
            raise invalid(
                "image",
                expected=f"{self.ndim} spatial axes and {self.channels} channels (last)",
                received=say("shape {}", array.shape),
            )
        if array.dtype.kind not in "buif" or not array.size:
            received = say("{} of shape {}", str(array.dtype), array.shape)
            raise invalid("image", expected="pixels that are real numbers", received=received)
        if array.dtype.kind == "f" and not np.isfinite(array).any():
            raise no_numbers("image")
        array = as_in_training(array, self.pixel_type)
        if array.ndim == 4 and len(array) == 1:  # as an image it would lose an axis of one plane
            return JoinedSource([ArraySource(array[0], "yxc")], "z")
        # said, not guessed: an axis of one pixel would be taken for channels
        return ArraySource(array, "zyxc"[-array.ndim :])

    @checked
    def predict(self, image: np.ndarray, tile_px: int | None = None) -> np.ndarray:
        """Predict the labels of one image in memory.

        Parameters
        ----------
        image : ndarray, shape (y, x[, c]) or (z, y, x[, c])
            Any integer or float dtype, as stored on disk.
        tile_px : int, optional
            Edge length of the tiles; the result does not depend on it.

        Returns
        -------
        ndarray of int, shape (y, x) or (z, y, x)
            0 is background; object ids or class ids, as the task has it.

        Raises
        ------
        InvalidError
            Axes or channels other than those of the training images.

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> labels = untrained().predict(np.zeros((20, 30), np.uint16))
        >>> labels.shape, labels.dtype.name
        ((20, 30), 'uint8')
        """
        source = self.as_source(image)
        stats = self._fit(source)
        found = self.task.decode(self.source_maps(source, stats, tile_px=tile_px))
        return np.asarray(without_padding(found, source, stats).labels)

    @checked
    def predict_proba(self, image: np.ndarray, tile_px: int | None = None) -> np.ndarray:
        """Predict class probabilities of one image in memory.

        Parameters
        ----------
        image : ndarray, shape (y, x[, c]) or (z, y, x[, c])
            Any integer or float dtype, as stored on disk.
        tile_px : int, optional
            Edge length of the tiles; the result does not depend on it.

        Returns
        -------
        ndarray, float32, shape (spatial..., classes)
            Sums to 1 in each pixel; background first.

        Raises
        ------
        InvalidError
            Axes or channels other than those of the training images.

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> untrained().predict_proba(np.zeros((20, 30))).shape
        (20, 30, 2)
        """
        return self.task.probabilities(self.predict_maps(image, tile_px))

    @checked
    def outputs(
        self, inputs: dict[str, np.ndarray], name: str | None = None, member: int = 1
    ) -> dict[str, np.ndarray]:
        """Run one of the networks on a batch of its inputs, as they are.

        Parameters
        ----------
        inputs : dict of ndarray, float32 (batch, ...)
            By name.
        name : str, optional
            Which network; default the first.
        member : int, default 1
            Of which member of an ensemble.

        Returns
        -------
        dict of ndarray, float32
            By head, after activation.

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> batch = np.zeros((2, 16, 16, 1), np.float32)
        >>> untrained().outputs({"image": batch})["foreground"].shape
        (2, 16, 16, 1)
        """
        if name is not None and name not in self.parts:
            raise invalid("name", expected=one_of(self.parts), received=Value(name))
        part = self.parts[name or self.name]
        if not 1 <= member <= self.members:
            raise invalid("member", expected=f"1 to {self.members}", received=member)
        logits = part.calibrated(backend.forward(self.network_of(member, name))(inputs))
        return {head: activate(logits[head], of.activation) for head, of in part.task.heads.items()}

    @checked
    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the model folder, whole or not at all.

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

        Raises
        ------
        InvalidError
            A folder with other files, or with a model unless `overwrite`.

        Examples
        --------
        >>> import tempfile
        >>> from cytoloom import load
        >>> from cytoloom.models.untrained import untrained
        >>> folder = untrained().save(Path(tempfile.mkdtemp()) / "cells.cytoloom")
        >>> load(folder).channels
        1
        """
        with claimed(path, "save", "path") as (folder, _):
            refuse_others(folder, overwrite, "path")
            self.write_to(folder)
        return folder

    @checked
    def export(
        self,
        path: str | os.PathLike[str],
        format: str = "onnx",
        *,
        overwrite: bool = False,
        progress: bool | str = "auto",
    ) -> Path:
        """Write the model for other programs, and try it there; see `export_model`.

        Parameters
        ----------
        path : path
            Folder for the files, made if missing; one with other files in it is refused.
        format : {"onnx", "saved_model", "openvino", "bioimageio"}, default "onnx"
            What to write.
        overwrite : bool, default False
            Replace an earlier export that is in `path`.
        progress : bool or "auto", default "auto"
            Show progress on standard error.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InvalidError
            As of `export_model`.

        Examples
        --------
        >>> import tempfile
        >>> from cytoloom.models.untrained import untrained
        >>> folder = untrained().export(tempfile.mkdtemp(), "saved_model", progress=False)
        >>> (folder / "saved_model.pb").is_file()
        True
        """
        from .portable.export import exported

        work = exported(self, path, format, overwrite)
        return Path(drain(with_result(work), progress))

    def write_to(
        self,
        folder: Path,
        pictures: Iterable[Path] = (),
        begun: Callable[[str], object] | None = None,
    ) -> None:
        """Write the model to a folder that is this run's alone; see `save`.

        Parameters
        ----------
        folder : Path
            Exists.
        pictures : iterable of Path, default ()
            Files that are copied to ``snapshots/``.
        begun : callable, optional
            See `write_files`.
        """
        words = card(self, folder.absolute().name)
        keys = self.keys()
        for key in keys:
            # read while the old folder is there
            self.network_of(*key)
        networks = {
            network_path(*k): partial(self.write_network, member=k[0], name=k[1]) for k in keys
        }
        tables = {
            "history.csv": lambda p: write_table(self.history, p),
            "README.md": lambda p: p.write_text(words, encoding="utf-8"),
        }
        shown = {f"{SNAPSHOTS}/{file.name}": partial(shutil.copyfile, file) for file in pictures}
        write_files(folder, {**networks, **tables, **shown}, self.to_json(), begun)
        self.path = folder
        self.files = {key: network_path(*key) for key in keys}
        self.hashes = {key: sha256_of(folder / name) for key, name in self.files.items()}

    def summary(self) -> str:
        """Return a few lines on what the model is and what it was trained on.

        Returns
        -------
        str
            One line per property: task, network, channels, scores, versions, ...

        Examples
        --------
        >>> from cytoloom.models.untrained import untrained
        >>> print(untrained().summary().splitlines()[0])
        task           Binary()
        """
        return in_lines(summary_of(self))

    def __str__(self) -> str:
        return self.summary()
