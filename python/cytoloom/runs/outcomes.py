"""What became of runs, as tables: one row for each run, and means over repetitions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..messages import counted, one_of
from ..uncertainty.intervals import mean_interval
from .parts import KINDS
from .store import Store, chosen

if TYPE_CHECKING:
    import pandas as pd

SETS = ("validation", "out of fold", "test")
"""Sets of images that scores are of; the later in this list, the more a score says."""
FACTS = ("set", "metric", "score", "iterations", "minutes", "why")
RUNS = ["run", *KINDS, "seed", "start", "status", *FACTS]
GROUP = [*KINDS, "start", "members"]
COMPARED = [*GROUP, "set", "metric", "value", "low", "high", "n"]
ABOUT = ["least", "most", "less"]
"""Of each metric the least and the most that it may be, and whether less is better."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One run, with all that is known of it.

    Attributes
    ----------
    name, status, why : str
        Its name, what it is, and why it failed.
    parts : DataFrame
        part, name, settings (as YAML): data, network, task, trainer.
    facts : DataFrame
        fact, value: seed, start, iterations, best_iteration, model and so on, as texts.
    scores : DataFrame
        set, metric, value (mean over images), n (images; 0 where only the mean is known).
    best : DataFrame
        set, metric, iteration, value: where the curves have their best point, whose weights are
        kept for the validation's own score.
    history : DataFrame
        Its curves, as ``model.history``.
    """

    name: str
    status: str
    why: str
    parts: pd.DataFrame
    facts: pd.DataFrame
    scores: pd.DataFrame
    best: pd.DataFrame
    history: pd.DataFrame

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.status}", *([self.why] if self.why else [])]
        for kind, name, settings in self.parts.itertuples(index=False):
            lines += ["", f"{kind} {name}", *(f"  {one}" for one in settings.splitlines())]
        for table in (self.facts, self.scores, self.best):
            if len(table):
                lines += ["", str(table.to_string(index=False, float_format="%.4g"))]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class RunComparison:
    """Means over repetitions.

    Attributes
    ----------
    summary : DataFrame
        data, network, task, trainer, start, members, set, metric, value (mean over runs that
        differ in nothing but their seed), low, high (95 % interval of the mean over all such
        runs; NaN of a single one), n (runs). By each metric the best first.
    runs : DataFrame
        run, then the same with one row for each run.
    metric : str
        By which runs are known.
    """

    summary: pd.DataFrame
    runs: pd.DataFrame
    metric: str

    def __str__(self) -> str:
        rows = self.summary[self.summary["metric"] == self.metric]
        differing = [n for n in GROUP if rows[n].nunique(dropna=False) > 1]
        shown = rows[[*differing, "set", "value", "low", "high", "n"]]
        words = f"{self.metric}, means over runs that differ in nothing but their seed"
        return f"{words}\n{shown.to_string(index=False, float_format='%.3f')}"


def table(store: Store, names: str | Iterable[str] | None = None) -> pd.DataFrame:
    """Return a row for each run, with `RUNS`.

    Examples
    --------
    >>> import tempfile
    >>> table(Store(tempfile.mkdtemp())).columns.tolist()[:3]
    ['run', 'data', 'network']
    """
    import pandas as pd

    return pd.DataFrame([_row(store, name) for name in chosen(store, names)], columns=RUNS)


def _row(store: Store, name: str) -> dict[str, Any]:
    run, known, status = store.run(name), store.outcome(name), store.status(name)
    of, metric, score = _main(store.scores(name), known.get("metric"))
    seconds = known.get("seconds")
    return {
        "run": name,
        **run.parts,
        "seed": run.seed,
        "start": run.start or "",
        "status": status,
        "set": of,
        "metric": metric,
        "score": score,
        "iterations": known.get("iterations", 0),
        "minutes": math.nan if seconds is None else seconds / 60,
        "why": known.get("why", "") if status == "failed" else "",
    }


def _main(scores: pd.DataFrame, metric: Any) -> tuple[str, str, float]:
    """Return the mean of the most telling set by which a run is known."""
    rows = scores[scores["metric"] == metric]
    sets = [one for one in SETS if (rows["set"] == one).any()]
    if not sets:
        return "", "", math.nan
    return sets[-1], str(metric), float(rows.loc[rows["set"] == sets[-1], "value"].mean())


def shown(store: Store, name: str) -> Shown:
    """Gather all that is known of a run."""
    import pandas as pd

    from ..components import to_plain
    from .yaml_text import text_of

    run, known = store.run(name), store.outcome(name)
    parts = [
        (kind, run.parts[kind], "" if part is None else text_of(to_plain(part)))
        for kind in KINDS
        for part in [getattr(run, kind)]
    ]
    wanted = ("started", "ended", "host", "cytoloom", "iterations", "seconds", "best_iteration")
    facts = {"seed": run.seed, "start": run.start, "members": run.members}
    facts |= {name: known.get(name) for name in wanted}
    folder = store.model_folder(name)
    facts["model"] = str(folder) if folder.is_dir() else None
    pairs = [(fact, str(value)) for fact, value in facts.items() if value is not None]
    history, scores = store.history(name), store.scores(name)
    return Shown(
        name,
        store.status(name),
        str(known.get("why", "")),
        pd.DataFrame(parts, columns=["part", "name", "settings"]),
        pd.DataFrame(pairs, columns=["fact", "value"]),
        _means(scores),
        best_points(history),
        history,
    )


def _means(scores: pd.DataFrame) -> pd.DataFrame:
    grouped = scores.groupby(["set", "metric"], sort=False)
    found = grouped.agg(value=("value", "mean"), n=("image", lambda i: int((i != "").sum())))
    return found.reset_index()


def best_points(history: pd.DataFrame) -> pd.DataFrame:
    """Return where each curve is best: losses at their least, all else at its most.

    Parameters
    ----------
    history : DataFrame
        Columns iteration, set, metric, value.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(5, "validation", "loss", 0.4), (9, "validation", "loss", 0.6)]
    >>> best_points(pd.DataFrame(rows, columns=["iteration", "set", "metric", "value"])).values
    array([['validation', 'loss', 5, 0.4]], dtype=object)
    """
    import pandas as pd

    columns = ["set", "metric", "iteration", "value"]
    rows = []
    for (of, metric), curve in history.dropna(subset="value").groupby(["set", "metric"]):
        at = curve["value"].idxmin() if metric == "loss" else curve["value"].idxmax()
        rows.append((of, metric, curve["iteration"][at], curve["value"][at]))
    return pd.DataFrame(rows, columns=columns)


def compared(
    store: Store, names: str | Iterable[str] | None, metric: str | None = None
) -> RunComparison:
    """Average over repetitions.

    Parameters
    ----------
    store : Store
        Runs.
    names : str, iterable of str or None
        Which; none: all that are done.
    metric : str, optional
        By which they are known; default the most telling that all have.

    Raises
    ------
    InvalidError
        No run is done, or none has this metric.
    """
    import pandas as pd

    asked = chosen(store, names)
    done = [name for name in asked if store.status(name) == "done"]
    rows = [row for name in done for row in _scored(store, name)]
    if not rows:
        expected, received = "runs that are done, with scores", counted(len(asked), "run")
        raise invalid(
            "runs",
            expected=expected,
            received=f"{received} in {store.place}, none of them so",
            remedy="Look at the list of its runs, or start some.",
        )
    each = pd.DataFrame(rows, columns=["run", *GROUP, "set", "metric", "value", *ABOUT])
    main = metric or _shared(store, done, each)
    if main not in set(each["metric"]):
        raise invalid("metric", expected=one_of(sorted(set(each["metric"]))), received=main)
    means = []
    for key, of_one in each.groupby([*GROUP, "set", "metric"], sort=False):
        low, high = (float(of_one[end].iloc[0]) for end in ("least", "most"))
        mean = mean_interval(of_one["value"].to_numpy(float), None, (low, high))
        rank = mean.value if of_one["less"].iloc[0] else -mean.value
        means.append((*key, mean.value, mean.low, mean.high, mean.n, rank))
    summary = pd.DataFrame(means, columns=[*COMPARED, "rank"])
    order = {name: k for k, name in enumerate([main, *dict.fromkeys(summary["metric"])][::-1])}
    places = -summary["metric"].map(order)
    summary = summary.assign(place=places).sort_values(["place", "rank"], kind="stable")
    runs = each.drop(columns=[*ABOUT])
    return RunComparison(summary[COMPARED].reset_index(drop=True), runs, main)


def _scored(store: Store, name: str) -> list[tuple[Any, ...]]:
    """Return a row for each metric of a run, of the most telling set that it has."""
    run, bounds = store.run(name), store.outcome(name).get("bounds") or {}
    means = _means(store.scores(name))
    sets = [one for one in SETS if (means["set"] == one).any()]
    key = (*(run.parts[kind] for kind in KINDS), run.start or "", run.members)
    rows = means[means["set"] == sets[-1]] if sets else means
    return [
        (
            *(name, *key, row["set"], row["metric"], row["value"]),
            *_ends(bounds, row["metric"]),
            run.task.less_is_better(row["metric"]),
        )
        for row in rows.to_dict("records")
        if math.isfinite(row["value"])
    ]


def _ends(bounds: Mapping[str, Sequence[float | None]], metric: str) -> tuple[float, float]:
    """Return the least and the largest value of a metric, as the task had it."""
    low, high = bounds.get(metric, (0.0, None) if metric.startswith("n_") else (0.0, 1.0))
    return -math.inf if low is None else low, math.inf if high is None else high


def _shared(store: Store, done: Sequence[str], each: pd.DataFrame) -> str:
    """Return the metric by which most runs are known, if all have it."""
    known = [str(store.outcome(name).get("metric")) for name in done]
    by_run = [set(rows["metric"]) for _, rows in each.groupby("run")]
    shared = set.intersection(*by_run)
    wanted = [m for m in dict.fromkeys(known) if m in shared] or [
        m for m in each["metric"] if m in shared
    ]
    return wanted[0] if wanted else str(each["metric"].iloc[0])
