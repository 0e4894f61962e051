"""A store as a folder of YAML: plain files, which git can keep.

runs/store.yaml                what it is
runs/network/small.yaml        a part; likewise data/, task/ and trainer/
runs/run/NAME/run.yaml         the parts of a run, by their names
              outcome.yaml     how it ended
              history.csv      its curves
              scores.csv       its scores
              model.cytoloom/  its model
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidError, invalid
from ..messages import shortened
from ..storage.atomic import is_partial, make_folder, meant, remove_folder, write_whole
from ..version import __version__
from .documents import FORMAT, NUMBERS, OUTCOME, RUN, as_rows, check_format
from .yaml_text import read_file, text_of, write_file

if TYPE_CHECKING:
    import os

    import pandas as pd

STORE = "store.yaml"
ENDING = ".yaml"
IGNORE = ".gitignore"
IGNORED = "# models are large, and made anew by `cytoloom run start`\n*.cytoloom/\n"


class Folder:
    """A store as a folder; see `Documents` for what it does.

    Parameters
    ----------
    place : path
        Made where it is not there.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self.path = meant(place)
        self.models = self.path / RUN
        if not (self.path / STORE).exists():
            if self._is_new():
                return
            self._refuse_others()  # unless another process has just begun it
        known = read_file(self.path / STORE)
        check_format(known.get("format"), str(self.path / STORE))

    def _is_new(self) -> bool:
        """Whether there is nothing, but for what a process that begins it is writing."""
        if not self.path.exists():
            return True
        return self.path.is_dir() and all(is_partial(one.name) for one in self.path.iterdir())

    def _refuse_others(self) -> None:
        """Refuse a place that is something else: files would be mixed."""
        if not (self.path / STORE).exists():
            raise invalid(
                "store",
                expected=f"a new folder, or one with {STORE} in it",
                received=str(self.path),
                remedy="Pass another name.",
            )

    def _begin(self) -> None:
        """Make the folder a store, before anything is written to it."""
        file = self.path / STORE
        if file.exists():
            return
        make_folder(self.path, self.path, "store")
        # the one by which a store is known is there before all else
        _write_new(file, text_of({"format": FORMAT, "cytoloom": __version__}))
        _write_new(self.path / IGNORE, IGNORED)

    def _file(self, kind: str, name: str) -> Path:
        if kind in (RUN, OUTCOME):
            return self.models / name / f"{kind}{ENDING}"
        return self.path / kind / f"{name}{ENDING}"

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what has this name; None where nothing has."""
        file = self._file(kind, name)
        return read_file(file) if file.exists() else None

    def add(self, kind: str, name: str, plain: Mapping[str, Any]) -> bool:
        """Write what is new; False, and nothing is written, where something has this name."""
        self._begin()
        file = self._file(kind, name)
        make_folder(file.parent, self.path, "store")
        try:
            write_file(file, dict(plain), overwrite=False)
        except InvalidError:
            if not file.exists():
                raise
            return False
        return True

    def put(self, kind: str, name: str, plain: Mapping[str, Any]) -> None:
        """Write, whatever had this name before."""
        self._begin()
        file = self._file(kind, name)
        make_folder(file.parent, self.path, "store")
        write_file(file, dict(plain))

    def names(self, kind: str) -> list[str]:
        """List the names of a kind."""
        if kind in (RUN, OUTCOME):
            return sorted(file.parent.name for file in self.models.glob(f"*/{kind}{ENDING}"))
        files = (self.path / kind).glob(f"*{ENDING}")
        return sorted(file.stem for file in files if not file.name.startswith("."))

    def write_rows(self, table: str, run: str, rows: pd.DataFrame) -> None:
        """Write a table of a run, whatever it was before."""
        file, rows = self.models / run / f"{table}.csv", as_rows(table, rows)
        write_whole(file, lambda name: rows.to_csv(name, index=False))

    def rows(self, table: str, run: str) -> pd.DataFrame:
        """Return a table of a run; without rows where there is none."""
        import pandas as pd

        file = self.models / run / f"{table}.csv"
        if not file.exists():
            return as_rows(table, pd.DataFrame())
        try:
            missing = {name: [""] for name in NUMBERS}
            found = pd.read_csv(
                file, dtype={"image": str}, keep_default_na=False, na_values=missing
            )
            return as_rows(table, found)
        except (ValueError, KeyError) as error:
            raise invalid(
                str(file), expected=f"the {table} of a run", received=shortened(str(error))
            ) from None

    def remove(self, run: str) -> None:
        """Remove a run, how it ended, its tables and its model."""
        remove_folder(self.models / run)


def _write_new(path: Path, text: str) -> None:
    """Write a file unless another process was first."""
    try:
        write_whole(path, lambda name: Path(name).write_text(text, "utf-8"), overwrite=False)
    except InvalidError:
        if not path.exists():
            raise
