"""What a model is: networks with their tasks and normalisations, and where they came from."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..components import to_plain
from ..errors import InvalidError, invalid
from ..images.normalize import Normalize
from ..messages import said_by
from ..networks.network import Network
from ..networks.tied import registered
from ..runtime import backend
from ..storage.atomic import sha256_of
from ..tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

    from ..uncertainty.trust import Trust

FORMAT = 2
SMALL, LARGER = 2**24, 30
"""Archives may unpack to so many bytes, or to so many times their own size."""
NETWORK = "network"
"""Name of the network of a model that has one."""
INFO = (
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
"""Fields of model.json beside the networks and the files."""


@dataclass(frozen=True)
class Part:
    """One network of a model: what it learns, by what, from images scaled how.

    Parameters
    ----------
    task : Task
        Its heads and what becomes of them.
    network : Network
        What is built.
    normalize : Normalize
        Scaling of its images.
    inputs : dict of str to int
        Channels of each input.
    calibration : component, optional
        What makes its probabilities honest.
    """

    task: Task
    network: Network
    normalize: Normalize
    inputs: Mapping[str, int]
    calibration: Any = None

    @property
    def heads(self) -> dict[str, int]:
        """Output channels by head."""
        return {name: head.channels for name, head in self.task.heads.items()}

    def calibrated(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        """Return logits by head as the calibration has them."""
        if self.calibration is None or self.calibration.temperature == 1:
            return dict(logits)
        heads, by = self.task.class_heads, np.float32(1 / self.calibration.temperature)
        return {head: one * by if head in heads else one for head, one in logits.items()}

    def build(
        self, precision: str, seed: int = 0, spacing_um: tuple[float, ...] | None = None
    ) -> Any:
        """Build the network with fresh weights, in this precision: a `keras.Model`."""
        with backend.policy(precision):
            return self.network.build(self.inputs, self.heads, seed=seed, spacing_um=spacing_um)

    def for_prediction(self, network: Any) -> Any:
        """Return a `keras.Model` of the same outputs that predicts faster, if there is one."""
        with backend.policy(backend.precision_of(network)):
            return self.network.for_prediction(network, self.inputs, self.heads)


@dataclass(eq=False)
class Record:
    """What a model is, on disk or in memory; `Model` adds what it does.

    Parameters
    ----------
    parts : dict of str to Part
        By name; a model for segmentation has one, ``"network"``.
    info : dict
        Every other field of ``model.json``: channels, pixel size, seed, precision, libraries,
        data manifest and so on.
    history : DataFrame
        Columns epoch, iteration, seconds, set, metric, value.
    members : int, default 1
        How many networks of each name there are: an ensemble has several.
    path : Path or None
        The folder it was saved to or loaded from.
    files : dict of (int, str) to str
        File in the folder of each member and name, where there is one.
    networks : dict of (int, str) to keras.Model
        Those in memory, where they may have been changed.
    hashes : dict of (int, str) to str
        SHA-256 of these files, as they were when the model was loaded or saved.
    held : dict of (int, str) to bytes
        Files of a model that was sent to another process, which need no folder there.
    """

    parts: dict[str, Part]
    info: dict[str, Any]
    history: pd.DataFrame
    members: int = 1
    path: Path | None = None
    files: dict[tuple[int, str], str] = field(default_factory=dict, repr=False)
    networks: dict[tuple[int, str], Any] = field(default_factory=dict, repr=False)
    held: dict[tuple[int, str], bytes] = field(default_factory=dict, repr=False)
    hashes: dict[tuple[int, str], str] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # whole, not a path: what receives it may be another machine, or run when the folder has
        # been trained anew. Files as bytes, so that neither side starts a backend for it.
        held = {key: self.network_bytes(*key) for key in self.keys()}
        return {**vars(self), "networks": {}, "held": held}

    @property
    def part(self) -> Part:
        """The first part; the only one of a model for segmentation."""
        return next(iter(self.parts.values()))

    @property
    def name(self) -> str:
        """Name of the first part."""
        return next(iter(self.parts))

    @property
    def task(self) -> Task:
        """What the first network has learned."""
        return self.part.task

    @property
    def network(self) -> Any:
        """What the first network is, as a component."""
        return self.part.network

    @property
    def normalize(self) -> Normalize:
        """Scaling of the first network's images."""
        return self.part.normalize

    @property
    def trust(self) -> Trust | None:
        """How far to trust what the first network finds, where that is known."""
        return self.part.calibration and self.part.calibration.trust

    @property
    def reliability(self) -> pd.DataFrame:
        """How often what is said is so, of images that were held out.

        Columns of ("pixels": that the surer class is the true one; "objects": that they are real),
        when ("before" it was fitted, of objects the mean foreground; "after"), low and high end of
        a bin of what was said, said (the mean), so (the share), n. Of pixels the temperature was
        fitted to these images; objects of each image were judged by what others say.
        """
        import pandas as pd

        columns = ["of", "when", "low", "high", "said", "so", "n"]
        return pd.DataFrame(self.info["training"].get("reliability") or [], columns=columns)

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
        """The first network as a `keras.Model`, loaded when first asked for."""
        return self.network_of()

    @property
    def pixel_type(self) -> str | None:
        """Type of the pixels of the training images, where known."""
        return self.normalize.floor_dtype

    @property
    def changeable(self) -> bool:
        """Whether a network was asked for, so that it may differ from what is on disk."""
        return bool(self.networks)

    def network_of(self, member: int = 1, name: str | None = None) -> Any:
        """Return the `keras.Model` of one member and name, loaded when first asked for."""
        key = (member, name or self.name)
        if key not in self.networks:
            self.networks[key] = self.read_network(*key)
        return self.networks[key]

    def keys(self) -> list[tuple[int, str]]:
        """Member and name of every network."""
        return [(member, name) for member in range(1, self.members + 1) for name in self.parts]

    def write_network(self, file: Path, member: int, name: str) -> None:
        """Write a network that is in memory, in float32 whatever the precision was."""
        network = self.networks[member, name]
        # any machine can go on from float32
        if backend.precision_of(network) != "float32":
            network = self.in_precision(network, "float32", name)
        network.save(file)

    def stored_bytes(self, member: int, name: str) -> bytes:
        """Return what the file of one network holds, whatever was changed in memory."""
        key = (member, name)
        return self.held[key] if key in self.held else self._stored_file(key).read_bytes()

    def _stored_file(self, key: tuple[int, str]) -> Path:
        """Return the file of a network, if it is still the one of this model."""
        assert self.path is not None
        file = self.path / self.files[key]
        known = self.hashes.get(key)
        if known is not None and file.is_file() and sha256_of(file) != known:
            raise invalid(
                "model",
                expected=f"the file {file} as it was when the model was loaded",
                received="another one: it was replaced or damaged since",
                remedy="Load the model again.",
            )
        return file

    def network_bytes(self, member: int = 1, name: str | None = None) -> bytes:
        """Return what the file of one network holds, or would hold, as it is in memory."""
        with self._network_file(member, name or self.name) as file:
            return file.read_bytes()

    @contextlib.contextmanager
    def _network_file(self, member: int, name: str) -> Iterator[Path]:
        """Have a network in a file while the block runs: that in the folder, or a temporary one."""
        key = (member, name)
        if key not in self.networks and key not in self.held:
            yield self._stored_file(key)
            return
        with tempfile.TemporaryDirectory(prefix="cytoloom-") as folder:
            file = Path(folder) / "network.keras"
            if key in self.networks:
                self.write_network(file, member, name)
            else:
                file.write_bytes(self.held[key])
            yield file

    def read_network(self, member: int = 1, name: str | None = None) -> Any:
        """Read a network as it was saved: a `keras.Model` in the precision of this machine."""
        backend.require(ndim=self.parts[name or self.name].network.ndim)
        with self._network_file(member, name or self.name) as file:
            stored = network_in(file)
            self._refuse_another(stored, name or self.name, file)
        precision = backend.resolve_precision("auto")
        if precision == "float32":
            return stored
        try:
            return self.in_precision(stored, precision, name)
        except InvalidError:
            raise
        except ValueError as error:  # weights of other shapes
            raise _no_network(file, f"not what model.json says ({said_by(error)})") from error

    def _refuse_another(self, network: Any, name: str, file: Path) -> None:
        """Refuse a network that is not what model.json says, or has no weights to compute with."""
        part = self.parts[name]
        outputs = network.output if isinstance(network.output, Mapping) else {}
        have = {one.name: one.shape[-1] for one in network.inputs}
        gives = {head: one.shape[-1] for head, one in outputs.items()}
        if have != dict(part.inputs) or gives != part.heads:
            asked = f"but model.json says {dict(part.inputs)} to {part.heads}"
            raise _no_network(file, f"one of {have} to {gives}, {asked}")

    def in_precision(self, network: Any, precision: str, name: str | None = None) -> Any:
        """Return a network of one of the parts in another precision, its weights copied."""
        spacing = self.info["pixel_size_um"]
        part = self.parts[name or self.name]
        built = part.build(precision, int(self.info["seed"]), tuple(spacing) if spacing else None)
        built.set_weights(network.get_weights())
        return built

    def to_json(self) -> dict[str, Any]:
        """Return what ``model.json`` holds of the model; every field explicit."""
        networks = {
            name: {
                "task": to_plain(part.task),
                "network": to_plain(part.network),
                "normalize": to_plain(part.normalize),
                "inputs": dict(part.inputs),
                "calibration": to_plain(part.calibration),
            }
            for name, part in self.parts.items()
        }
        recorded = {name: self.info.get(name) for name in INFO}
        version = self.info.get("cytoloom")
        known = {"format": FORMAT, "cytoloom": version, "members": self.members}
        return {**known, "networks": networks, **recorded}


def network_in(file: Path) -> Any:
    """Read the file of a network."""
    keras = backend.require()
    if not file.is_file():
        raise _no_network(file, "it is not there")
    _refuse_absurd(file)
    registered()
    try:
        network = keras.saving.load_model(file, compile=False, safe_mode=True)
    except MemoryError:
        raise
    except Exception as error:
        # an archive that is whole was refused for what is in it: Keras says why
        why = said_by(error) if _whole_zip(file) else "it is damaged"
        raise _no_network(file, why) from error
    refuse_broken(network)
    return network


def _no_network(file: Path, why: str) -> InvalidError:
    again = "Copy the model folder again."
    return invalid("model", expected=f"a Keras network in {file}", received=why, remedy=again)


def _refuse_absurd(file: Path) -> None:
    """Refuse an archive that declares members far larger than itself, before one is unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except Exception:  # of which zipfile has many for what is damaged
        raise _no_network(file, "it is damaged") from None
    # Keras stores weights as they are, and weights hardly shrink
    if size > max(SMALL, LARGER * file.stat().st_size):
        raise _no_network(file, f"{file.stat().st_size} bytes that would unpack to {size}")


def refuse_broken(network: Any) -> None:
    """Raise where a network has weights that are no numbers: it finds nothing, whatever it sees."""
    for variable in network.variables:
        values = np.asarray(backend.require().ops.convert_to_numpy(variable.value))
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise invalid(
                "model",
                expected="weights that are finite numbers",
                received=f"NaN or infinite values in {variable.path}",
                remedy="Train it again.",
            )


def _whole_zip(file: Path) -> bool:
    """Whether a file is a zip archive each member of which has its checksum."""
    if not zipfile.is_zipfile(file):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except Exception:  # of which zipfile has many for what is damaged
        return False
