"""A store in a database: SQLite in a file, PostgreSQL on a server; models stay in a folder."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..messages import said_by
from ..storage.atomic import meant
from ..version import __version__
from .documents import COLUMNS, FORMAT, NUMBERS, OUTCOME, RUN, as_rows, check_format

if TYPE_CHECKING:
    import pandas as pd

WAIT_S = 30
"""So long a process waits for others that write, or for a server to answer."""
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+pg8000"}
"""By the first word of an address, what SQLAlchemy calls it with the driver of the extra `runs`."""


class Database:
    """A store in a database; see `Documents` for what it does.

    Parameters
    ----------
    place : str
        Its address, such as ``"sqlite:///runs.db"``.
    models : path or None
        Folder for models; None: beside the file of SQLite, else ``runs-models``.
    """

    def __init__(self, place: str, models: str | os.PathLike[str] | None) -> None:
        self._sa = package("sqlalchemy")
        self._url = self._address(place)
        file = self._url.database if self._url.drivername == "sqlite" else None
        self.models = meant(models or (f"{file}.models" if file else "runs-models"))
        # opening a file costs nothing; a server asks for proof of the password, which does
        kept = {"pool_size": 1, "pool_pre_ping": True}
        pool: dict[str, Any] = {"poolclass": self._sa.pool.NullPool} if file else kept
        self._made = self._sa.create_engine(self._url, connect_args={"timeout": WAIT_S}, **pool)
        self._process = os.getpid()
        if file:
            self._begin_in_words()
        self._tables(self._sa.MetaData())
        self._begin()

    @property
    def _engine(self) -> Any:
        """What connects; a process that was forked has connections of its own."""
        if self._process != os.getpid():
            self._made.dispose(close=False)
            self._process = os.getpid()
        return self._made

    def _address(self, place: str) -> Any:
        try:
            url = self._sa.engine.make_url(place)
        except (self._sa.exc.ArgumentError, ValueError):
            raise _no_database(place.partition("://")[0] + "://...") from None
        kind = url.drivername.partition("+")[0]
        if url.drivername not in (kind, DRIVERS.get(kind)) or kind not in DRIVERS:
            raise _no_database(url.drivername)
        if kind == "sqlite" and url.database in (None, "", ":memory:"):
            raise _no_database("sqlite without a file, which would be gone with the process")
        if kind == "postgresql":
            package("pg8000")
        if kind == "sqlite":
            url = url.set(database=os.fspath(meant(url.database)))
        return url.set(drivername=DRIVERS[kind])

    def _begin_in_words(self) -> None:
        """Let transactions of SQLite hold tables, too, and wait at their begin if they write.

        Python's driver begins them later, and not before a table is made.
        """

        def connected(connection: Any, _: Any) -> None:
            connection.isolation_level = None

        def begun(connection: Any) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        self._sa.event.listen(self._engine, "connect", connected)
        self._sa.event.listen(self._engine, "begin", begun)

    def _writing(self) -> Any:
        return self._engine.execution_options(writes=True).begin()

    def _tables(self, known: Any) -> None:
        """Declare the tables."""
        sa = self._sa
        text, number = sa.Text, sa.Double
        self._store = sa.Table(
            "cytoloom_store", known, sa.Column("format", sa.Integer), sa.Column("cytoloom", text)
        )
        self._documents = sa.Table(
            "cytoloom_document",
            known,
            sa.Column("kind", text, primary_key=True),
            sa.Column("name", text, primary_key=True),
            sa.Column("plain", text, nullable=False),
        )
        self._rows = {
            table: sa.Table(
                f"cytoloom_{table}",
                known,
                sa.Column("run", text, index=True),
                sa.Column("place", sa.Integer),
                *(sa.Column(name, number if name in NUMBERS else text) for name in columns),
            )
            for table, columns in COLUMNS.items()
        }
        self._known = known

    def _begin(self) -> None:
        """Make what is missing; refuse a store of another format."""
        with self._told():
            if not self._sa.inspect(self._engine).has_table(self._store.name):
                self._make()
            with self._engine.begin() as at:
                found = at.execute(self._sa.select(self._store)).first()
        check_format(None if found is None else found.format, self._words())

    def _make(self) -> None:
        """Make all tables at once; where another process was first, its tables are there."""
        try:
            with self._writing() as at:
                self._known.create_all(at, checkfirst=False)
                plain = {"format": FORMAT, "cytoloom": __version__}
                at.execute(self._sa.insert(self._store).values(plain))
        except self._sa.exc.DBAPIError:
            if not self._sa.inspect(self._engine).has_table(self._store.name):
                raise

    def _words(self) -> str:
        return str(self._url.render_as_string(hide_password=True))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one sentence what a database has against it, without its password."""
        try:
            yield
        except InvalidError:
            raise
        except (self._sa.exc.SQLAlchemyError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise invalid(
                "store",
                expected="a database that can be read and written",
                received=f"{self._words()}: {said_by(cause)}",
                remedy="Look whether it runs, and whether you may write to it.",
            ) from None

    @contextmanager
    def _at(self, writes: bool = False) -> Iterator[Any]:
        """Have a connection for one transaction: all of it happens, or nothing."""
        with self._told(), self._writing() if writes else self._engine.begin() as connection:
            yield connection

    def _where(self, kind: str, name: str) -> Any:
        return (self._documents.c.kind == kind) & (self._documents.c.name == name)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what has this name; None where nothing has."""
        asked = self._sa.select(self._documents.c.plain).where(self._where(kind, name))
        with self._at() as at:
            found = at.execute(asked).scalar()
        return None if found is None else _read(found, f"{kind} {name}")

    def add(self, kind: str, name: str, plain: Mapping[str, Any]) -> bool:
        """Write what is new; False, and nothing is written, where something has this name."""
        row = {"kind": kind, "name": name, "plain": json.dumps(dict(plain))}
        try:
            with self._writing() as at:
                at.execute(self._sa.insert(self._documents).values(row))
        except self._sa.exc.IntegrityError:
            return False
        except (self._sa.exc.SQLAlchemyError, OSError):
            with self._told():
                raise
        return True

    def put(self, kind: str, name: str, plain: Mapping[str, Any]) -> None:
        """Write, whatever had this name before."""
        if self.add(kind, name, plain):
            return
        changed = self._sa.update(self._documents).where(self._where(kind, name))
        with self._at(writes=True) as at:
            at.execute(changed.values(plain=json.dumps(dict(plain))))

    def names(self, kind: str) -> list[str]:
        """List the names of a kind."""
        asked = self._sa.select(self._documents.c.name).where(self._documents.c.kind == kind)
        with self._at() as at:
            return sorted(at.execute(asked).scalars())

    def write_rows(self, table: str, run: str, rows: pd.DataFrame) -> None:
        """Write a table of a run, whatever it was before."""
        into = self._rows[table]
        plain = as_rows(table, rows).astype(object)
        plain = plain.where(plain.notna(), None)
        values = [{"run": run, "place": k, **row} for k, row in enumerate(plain.to_dict("records"))]
        with self._at(writes=True) as at:
            at.execute(self._sa.delete(into).where(into.c.run == run))
            if values:
                at.execute(self._sa.insert(into), values)

    def rows(self, table: str, run: str) -> pd.DataFrame:
        """Return a table of a run; without rows where there is none."""
        import pandas as pd

        of = self._rows[table]
        with self._at() as at:
            asked = self._sa.select(of).where(of.c.run == run).order_by(of.c.place)
            found = [dict(row._mapping) for row in at.execute(asked)]
        return as_rows(table, pd.DataFrame(found))

    def remove(self, run: str) -> None:
        """Remove a run, how it ended and its tables."""
        with self._at(writes=True) as at:
            for kind in (RUN, OUTCOME):
                at.execute(self._sa.delete(self._documents).where(self._where(kind, run)))
            for of in self._rows.values():
                at.execute(self._sa.delete(of).where(of.c.run == run))


def package(name: str) -> Any:
    """Import a package of the extra `runs`, or say how it is installed.

    Raises
    ------
    InvalidError
        It is not there.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise invalid(
            "store",
            expected=f"the package {name} for a store in a database",
            received="no such package",
            remedy='Run pip install "cytoloom[runs]", in R cl_install(extras = "runs").',
        ) from None


def _read(text: str, what: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise invalid("store", expected=f"settings of {what}", received="what is no JSON")
    return plain


def _no_database(received: str) -> InvalidError:
    return invalid(
        "store",
        expected="a folder, sqlite:///FILE or postgresql://USER@HOST/NAME",
        received=received,
    )
