"""A comparison of runs as files: tables, a picture, and a page with curves and settings."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..components import to_plain
from ..messages import counted, say
from ..pages.page import data_address, without_script
from ..storage.atomic import make_folder, meant, new_file, write_whole
from ..version import __version__
from .outcomes import GROUP, RunComparison, best_points, table
from .parts import KINDS
from .store import Store
from .yaml_text import text_of

if TYPE_CHECKING:
    import pandas as pd

FILES = ("comparison.csv", "comparison.png", "runs.csv", "comparison.html")
TEMPLATE = Path(__file__).with_name("comparison.html")
CHANCE = (
    "Intervals are those of the mean over all runs that differ in their seed alone: they say how "
    "much chance there is in a training, not how much images differ."
)


def write_compared(
    store: Store, found: RunComparison, out: str | os.PathLike[str], overwrite: bool
) -> Path:
    """Write a comparison into a folder; the page where the package for pages is installed."""
    from ..plots import repetitions, save

    folder = meant(out)
    for name in FILES:
        if (folder / name).exists() and not overwrite:
            raise new_file(folder / name)
    make_folder(folder, folder)
    picture = repetitions(found.summary, found.runs, metric=found.metric)
    save(picture, folder / FILES[1], overwrite=True)
    for name, rows in ((FILES[2], found.runs), (FILES[0], found.summary)):
        write_whole(folder / name, lambda path, rows=rows: rows.to_csv(path, index=False))
    if importlib.util.find_spec("jinja2"):
        text = page_of(store, found)
        write_whole(folder / FILES[3], lambda path: Path(path).write_text(text, "utf-8"))
    else:
        # that of another comparison is none of this
        (folder / FILES[3]).unlink(missing_ok=True)
    return folder


def page_of(store: Store, found: RunComparison) -> str:
    """Return the page of a comparison: what is best, pictures, tables, settings."""
    names = list(dict.fromkeys(found.runs["run"]))
    histories = {name: store.history(name) for name in names}
    tables = {
        f"By {found.metric}": _means(found),
        "Other scores": _others(found),
        "Runs": _runs(store, names, histories),
    }
    return without_script(
        TEMPLATE,
        version=__version__,
        title=say("Runs of {}", store.place),
        summary=[*_in_words(found), CHANCE],
        pictures=list(_pictures(found, histories)),
        tables=[(name, *_cells(rows)) for name, rows in tables.items() if len(rows)],
        settings=list(_settings(store, names)),
    )


def _differing(rows: pd.DataFrame) -> list[str]:
    """Return in what combinations differ; their network where in nothing."""
    return [name for name in GROUP if rows[name].nunique(dropna=False) > 1] or ["network"]


def _called(row: Mapping[str, Any], differing: Iterable[str]) -> str:
    return ", ".join(str(row[name]) for name in differing)


def _in_words(found: RunComparison) -> Iterable[str]:
    rows = found.summary[found.summary["metric"] == found.metric]
    runs, ways = found.runs["run"].nunique(), len(rows[GROUP].drop_duplicates())
    yield f"{counted(runs, 'run')} of {counted(ways, 'combination')}."
    for words, row in zip(("Best", "Next"), rows.to_dict("records"), strict=False):
        sure = "" if row["n"] < 2 else f" ({row['low']:.3f} to {row['high']:.3f})"
        value = f"{row['value']:.3f}{sure}, {counted(int(row['n']), 'run')}"
        yield f"{words} by {found.metric}: {_called(row, _differing(rows))}, {value}."


def _pictures(
    found: RunComparison, histories: Mapping[str, pd.DataFrame]
) -> Iterable[tuple[str, str, str]]:
    from ..plots.repetitions import curves, repetitions

    scores = repetitions(found.summary, found.runs, metric=found.metric)
    words = f"{found.metric}: a point for each run, the mean, its 95 % interval"
    yield "Scores", words, _address(scores)
    rows = found.runs.drop_duplicates("run").to_dict("records")
    kinds = {row["run"]: _called(row, _differing(found.runs)) for row in rows}
    drawn = curves(histories, kinds)
    if drawn is not None:
        yield "Curves", "what was held out, while the networks were trained", _address(drawn)


def _address(figure: Any) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return data_address(stream.getvalue())


def _means(found: RunComparison) -> pd.DataFrame:
    rows = found.summary[found.summary["metric"] == found.metric]
    return rows[[*_differing(rows), "set", "value", "low", "high", "n"]]


def _others(found: RunComparison) -> pd.DataFrame:
    """Return a row for each combination and a column for each metric."""
    rows = found.summary
    index = [*_differing(rows), "set"]
    wide = rows.pivot_table(index=index, columns="metric", values="value", sort=False)
    others = [name for name in wide if name != found.metric]
    return wide[others].reset_index() if others else wide[:0]


def _runs(
    store: Store, names: Sequence[str], histories: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    rows = table(store, names)[["run", "set", "metric", "score", "iterations", "minutes"]]
    best = [best_points(histories[name]) for name in rows["run"]]
    held = [each[each["set"] == "validation"] for each in best]
    words = [
        "; ".join(f"{m} {v:.3f} at {i:.0f}" for _, m, i, v in each.itertuples(index=False))
        for each in held
    ]
    return rows.assign(best=words)


def _settings(store: Store, names: Sequence[str]) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """Return the settings of all parts that are in these runs, by kind and name."""
    runs = [store.run(name) for name in names]
    for kind in KINDS:
        parts = {run.parts[kind]: getattr(run, kind) for run in runs}
        texts = [
            (name, "as usual" if part is None else _set(to_plain(part)))
            for name, part in parts.items()
        ]
        yield kind, texts


def _set(part: Mapping[str, Any]) -> str:
    return text_of({name: value for name, value in part.items() if value is not None}).strip()


def _cells(rows: pd.DataFrame) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """Return heading and texts of a table, each with how it is set."""
    numeric = {name for name in rows if rows[name].dtype.kind in "if"}
    kinds = {name: "number" if name in numeric else "" for name in rows}
    columns = [(str(name), kinds[name]) for name in rows]
    texts = [[(_text(row[n]), kinds[n]) for n in rows] for row in rows.to_dict("records")]
    return columns, texts


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if value != value else f"{value:.3f}"
