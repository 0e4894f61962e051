"""A store of runs: parts under their names, runs of these, and what became of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..components import to_plain
from ..components.arguments import checked
from ..errors import InvalidError, invalid
from ..messages import one_of, say
from ..storage.lock import in_use
from ..storage.names import folded
from .documents import OUTCOME, RUN, Documents, without_password
from .parts import KINDS, MORE, Run, checked_kind, checked_name, digest, part_of

if TYPE_CHECKING:
    import pandas as pd

    from ..models.model import Model

MODEL = "model.cytoloom"
STATES = ("waiting", "running", "cut off", "failed", "done")
"""What a run may be: not begun; trained by a process that lives; begun by one that does not live
any more; ended by an error; ended."""


class Store:
    """Runs and their parts, kept by name in a folder of YAML or in a database.

    A name means one thing: another part, or another run, under a name that is there is refused.
    Several people and processes may use one store at once.

    Attributes
    ----------
    place : str
        Where it is, without a password.

    Parameters
    ----------
    place : path or str, default "runs"
        A folder, made where it is not there; or the address of a database,
        ``"sqlite:///runs.db"`` or ``"postgresql://user@host/name"`` (the extra ``runs``).
    models : path, optional
        Folder for the models of a database's runs; default ``runs.db.models`` beside a file,
        else ``runs-models``. In a folder they are beside their runs.

    Examples
    --------
    >>> import tempfile
    >>> from cytoloom.runs import DataSplit, Run
    >>> store = Store(tempfile.mkdtemp())
    >>> store.add([Run("first", DataSplit("data/nuclei"))])
    ['first']
    >>> store.names(), store.status("first"), store.part("data", "nuclei").train
    (['first'], 'waiting', 'data/nuclei')
    """

    def __init__(
        self,
        place: str | os.PathLike[str] = "runs",
        models: str | os.PathLike[str] | None = None,
    ) -> None:
        self.place = without_password(str(place))
        self._asked = (place, models)
        self._kept: Documents = _opened(place, models)

    def __reduce__(self) -> tuple[type[Store], tuple[Any, ...]]:
        # what is sent to another process opens the place anew
        return (type(self), self._asked)

    def __repr__(self) -> str:
        return f"Store({self.place!r})"

    @property
    def models(self) -> Path:
        """Folder that has a folder for each run, with its model."""
        return self._kept.models

    @checked
    def put(self, kind: str, name: str, part: Any) -> None:
        """Keep a part under a name.

        Parameters
        ----------
        kind : {"data", "network", "task", "trainer"}
            Which part.
        name : str
            Its name.
        part : component
            What it is.

        Raises
        ------
        InvalidError
            Another part has this name.
        """
        checked_kind(kind)
        if not isinstance(part, KINDS[kind][0]):
            raise invalid("part", expected=f"a {KINDS[kind][0].__name__}", received=part)
        self._add(kind, checked_name(name, "name"), to_plain(part), part)

    @checked
    def part(self, kind: str, name: str) -> Any:
        """Return a part by its name.

        Parameters
        ----------
        kind : {"data", "network", "task", "trainer"}
            Which part.
        name : str
            Its name.

        Raises
        ------
        InvalidError
            There is none of this name.
        """
        plain = self._kept.get(checked_kind(kind), checked_name(name, kind))
        if plain is None:
            expected = self._one_of(kind)
            raise invalid(kind, expected=expected, received=name)
        return part_of(kind, plain, f"{kind} {name}")

    def find(self, kind: str, name: str) -> Any:
        """Return a part by its name, or None; no name of a file is that of a part."""
        try:
            return self.part(kind, name)
        except InvalidError:
            if name in self._kept.names(kind):
                raise
            return None

    def parts(self, kind: str) -> list[str]:
        """List the names of the parts of a kind."""
        return self._kept.names(checked_kind(kind))

    def names(self) -> list[str]:
        """List the names of the runs."""
        return self._kept.names(RUN)

    @checked
    def add(self, runs: Any) -> list[str]:
        """Keep runs and their parts; those that are there with the same content stay.

        Parameters
        ----------
        runs : Run or list of Run
            For example of `grid`.

        Returns
        -------
        list of str
            Their names.

        Raises
        ------
        InvalidError
            A name that is there with another content; nothing is written then.
        """
        given = [runs] if isinstance(runs, Run) else list(runs)
        for one in given:
            if not isinstance(one, Run):
                raise invalid("runs", expected="runs, as `grid` makes them", received=one)
        # first all are looked at, so that of a refused grid nothing is left
        for one in given:
            for kind in KINDS:
                if getattr(one, kind) is not None:
                    self._refuse_other(kind, one.parts[kind], getattr(one, kind))
            self._refuse_other(RUN, one.name, one)
        for one in given:
            for kind in KINDS:
                part = getattr(one, kind)
                if part is not None:
                    self._add(kind, one.parts[kind], to_plain(part), part)
            self._add(RUN, one.name, one.to_plain(), one)
        return [one.name for one in given]

    def run(self, name: str) -> Run:
        """Return a run by its name.

        Raises
        ------
        InvalidError
            There is none of this name, or a part of it is gone.
        """
        plain = self._kept.get(RUN, checked_name(name, "run"))
        if plain is None:
            raise invalid("run", expected=self._one_of(RUN), received=name)
        return self._built(name, plain)

    def _built(self, name: str, plain: dict[str, Any]) -> Run:
        odd = sorted(set(plain) ^ {*KINDS, *MORE})
        if odd:
            expected = f"the run {name} with {', '.join((*KINDS, *MORE))}"
            raise invalid("store", expected=expected, received=f"{', '.join(odd)} missing or odd")
        names = {kind: plain[kind] for kind in KINDS if plain[kind] is not None}
        parts = {kind: self.part(kind, one) for kind, one in names.items()}
        try:
            return Run(name, **parts, **{key: plain[key] for key in MORE}, parts=names)
        except InvalidError as error:
            raise error.renamed(f"run {name}, {error.name}") from None

    def outcome(self, name: str) -> dict[str, Any]:
        """Return how a run ended; empty where it was not begun."""
        return self._kept.get(OUTCOME, checked_name(name, "run")) or {}

    def status(self, name: str) -> str:
        """Say what a run is: "waiting", "running", "cut off", "failed" or "done"."""
        known = str(self.outcome(name).get("status", "waiting"))
        if known == "done":
            return known
        if in_use(self.models / name):
            return "running"
        return "cut off" if known == "running" else known

    def history(self, name: str) -> pd.DataFrame:
        """Return the curves of a run, as ``model.history``."""
        rows = self._kept.rows("history", checked_name(name, "run"))
        return rows if rows["member"].notna().any() else rows.drop(columns="member")

    def scores(self, name: str) -> pd.DataFrame:
        """Return the scores of a run: set, image (empty: a mean over images), metric, value."""
        return self._kept.rows("scores", checked_name(name, "run"))

    def model(self, name: str) -> Model:
        """Load the model of a run.

        Raises
        ------
        InvalidError
            There is no such run, or it has no model here.
        """
        from ..models.load import load

        self.run(name)
        folder = self.model_folder(name)
        if self.status(name) != "done" or not folder.is_dir():
            raise invalid(
                "run",
                expected="a run that is done, with its model here",
                received=say("{}, {}, without {}", name, self.status(name), str(folder)),
            )
        return load(folder)

    def model_folder(self, name: str) -> Path:
        """Return the folder of a run's model, there or not."""
        return self.models / checked_name(name, "run") / MODEL

    def remove(self, name: str) -> None:
        """Remove a run with its model, curves and scores; parts stay.

        Raises
        ------
        InvalidError
            There is none of this name, or a process trains it.
        """
        from ..storage.atomic import remove_folder

        if self._kept.get(RUN, checked_name(name, "run")) is None:
            raise invalid("run", expected=self._one_of(RUN), received=name)
        if self.status(name) == "running":
            remedy = "Stop it first."
            raise invalid(
                "run", expected="one that no process trains", received=name, remedy=remedy
            )
        self._kept.remove(name)
        remove_folder(self.models / name)

    def record(self, name: str, outcome: dict[str, Any]) -> None:
        """Write down how far a run is."""
        self._kept.put(OUTCOME, name, to_plain(outcome))

    def write_tables(self, name: str, **tables: pd.DataFrame) -> None:
        """Write tables of a run: `history`, `scores`."""
        for table, rows in tables.items():
            self._kept.write_rows(table, name, rows)

    def digest(self, name: str) -> str:
        """Return a hash of what a run is, as its parts stand in the store now."""
        plain = self._kept.get(RUN, name) or {}
        parts = {kind: plain.get(kind) and self._kept.get(kind, plain[kind]) for kind in KINDS}
        return digest({**plain, **parts})

    def same_as(self, run: Run) -> list[str]:
        """List the runs of other names that are the same and are done."""
        others = [name for name in self.names() if name != run.name]
        done = [name for name in others if self.outcome(name).get("status") == "done"]
        return [name for name in done if self.run(name).contents == run.contents]

    def _one_of(self, kind: str) -> str:
        names = self._kept.names(kind)
        return one_of(names) if names else f"the name of a {kind}, of which there is none yet"

    def _add(self, kind: str, name: str, plain: dict[str, Any], meant: Any) -> None:
        self._refuse_other(kind, name, meant)
        if not self._kept.add(kind, name, plain):  # another process may have been first
            self._refuse_other(kind, name, meant)

    def _refuse_other(self, kind: str, name: str, meant: Any) -> None:
        """Refuse a name that means something else already."""
        alike = [one for one in self._kept.names(kind) if folded(one) == folded(name)]
        if not alike:
            return
        there = self.run(name) if alike == [name] and kind == RUN else None
        if alike == [name] and kind != RUN:
            there = self.part(kind, name)
        if there != meant:
            raise invalid(
                "name",
                expected=f"a name that no other {kind} in the store has",
                received=alike[0],
                remedy=f"Give this {kind} another name, or remove the other one.",
            )


def as_store(store: Store | str | os.PathLike[str]) -> Store:
    """Return the store that was given, or is meant by a place."""
    return store if isinstance(store, Store) else Store(store)


def _opened(place: str | os.PathLike[str], models: str | os.PathLike[str] | None) -> Documents:
    """Open a place: an address with ``://`` is a database, all else a folder."""
    from .folder import Folder

    if isinstance(place, str) and "://" in place:
        from .database import Database

        return Database(place, models)
    if models is not None:
        expected = "nothing for a folder, which has models beside their runs"
        raise invalid("models", expected=expected, received=str(models))
    return Folder(place)


def chosen(store: Store, names: str | Iterable[str] | None) -> list[str]:
    """Return the runs of these names, or all; a name that is none is refused."""
    wanted = [names] if isinstance(names, str) else list(names or ())
    for name in wanted:
        store.run(name)
    return wanted or store.names()
