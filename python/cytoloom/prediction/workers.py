"""Images of a folder worked on by several processes, of this machine or of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..datasets.items import Item
from ..errors import InvalidError
from ..models.rescale import Factors
from ..models.turned import in_views
from ..runtime.machine import cores
from ..storage.lock import refuse_another
from ..storage.tables import packed
from ..volumes.work import each_block, workers_of
from .apply import predict_one
from .folder import InMemory, ResultsFolder, made_in, place_in
from .predicted import Predicted

if TYPE_CHECKING:
    from ..models.model import Model


@dataclass(frozen=True, eq=False)
class Spread:
    """Over which processes images are spread; see `predict`.

    Attributes
    ----------
    model : Model
        What is applied, as it looks at a tile once.
    views : int
        In how many views the network sees each tile.
    workers : int
        Processes of this machine.
    client : dask.distributed.Client or None
        Whose workers do it instead.
    """

    model: Model
    views: int = 1
    workers: int = 1
    client: Any = None

    def several(self, images: int) -> bool:
        """Whether there is another process for so many images."""
        return images > 0 and (self.client is not None or min(self.workers, images) > 1)


class Given(NamedTuple):
    """An image, how much it is enlarged, and how its files are called."""

    item: Item
    factors: Factors
    stem: str


class Beside(InMemory):
    """Where another process writes the files of an image, while the caller has the folder.

    Parameters
    ----------
    folder : Path
        Of the results.
    stage : Path
        In it, where files are before they take their place.
    stem : str
        What those of the image are called.
    """

    def __init__(self, folder: Path, stage: Path, stem: str) -> None:
        super().__init__()
        self.path, self._stage, self._stem = folder, stage, stem

    def place(self, kind: str, image: str) -> Path:  # noqa: D102
        return place_in(self._stage, kind, self._stem)


@dataclass(frozen=True, eq=False)
class Job:
    """What all images of a prediction have in common; goes to other processes.

    Attributes
    ----------
    model, views
        See `Spread`.
    folder, stage : Path
        See `Beside`.
    turn : str
        Of the run that has the folder, see `Lock`: what is left of one that was killed writes
        nothing beside the next.
    pictures : dict of str to bool
        What is written besides, see `predict_one`.
    """

    model: Model
    views: int
    folder: Path
    stage: Path
    turn: str
    pictures: Mapping[str, bool]

    def seen(self) -> Model:
        """Return the model as it looks at tiles."""
        if self.views == 1:
            return self.model
        engine = in_views(self.model.engine, self.views, self.model.task.heads)
        return replace(self.model, _engine=engine)


def predict_given(job: Job, given: Given, workers: int | None) -> Predicted | Exception:
    """Predict an image and write its files; what is wrong with it comes back, and ends nothing.

    Raised, it would be tried again, and told by each worker.
    """
    beside = Beside(job.folder, job.stage, given.stem)
    try:
        refuse_another(job.folder, job.turn)
        how = (beside, workers or 1)
        one = predict_one(job.seen(), given.item, given.factors, *how, **job.pictures)
        files = made_in(job.stage, given.stem)
        return replace(one, objects=packed(one.objects), files=files)
    except (InvalidError, OSError) as error:
        return error


@contextlib.contextmanager
def by_workers(
    spread: Spread,
    items: Sequence[Item],
    factors: Mapping[str, Factors],
    folder: ResultsFolder,
    pictures: Mapping[str, bool],
) -> Iterator[Iterator[tuple[Item, Callable[[], Predicted]]]]:
    """Predict images by other processes, each sent where it is needed.

    Yields
    ------
    iterator of (Item, callable)
        As `each_image`, but in whatever order they are done.
    """
    job = Job(spread.model, spread.views, *folder.beside, pictures)
    count = min(spread.workers, len(items))
    threads = 1 if spread.client is not None else max(1, cores() // count)
    things = (Given(item, factors[item.id], folder.stem(item.id)) for item in items)
    with workers_of(count, spread.client) as pool:
        done = each_block(predict_given, job, things, pool, threads, "image")
        yield ((given.item, partial(_or_raised, finish)) for given, finish in done)


def _or_raised(finish: Callable[[], Predicted | Exception]) -> Predicted:
    """Return what came of an image, or raise what is wrong with it."""
    found = finish()
    if isinstance(found, Exception):
        raise found
    return found
