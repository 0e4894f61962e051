"""A picture of runs side by side: their scores, means over repetitions, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..components.arguments import checked
from ..errors import invalid
from ..messages import one_of
from .figures import _MEMBERS, _figure, _panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEVELS = ("data", "network", "task", "trainer", "start", "members")
_POINT, _MEAN = "#0072B2", "#000000"


@checked
def repetitions(
    summary: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    metric: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a metric of several runs, and its mean over those that differ in their seed alone.

    Parameters
    ----------
    summary : DataFrame
        ``summary`` of what `runs.compare` returned: columns data, network, task, trainer, start,
        members, metric, value, low, high.
    runs : DataFrame
        ``runs`` of the same: a row for each run.
    metric : str, optional
        Which. Default: the first.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each combination, the best on top: a point for each run, the mean, and its 95 %
        interval where there are two runs or more.

    Raises
    ------
    InvalidError
        No rows of this metric.

    Examples
    --------
    >>> import pandas as pd
    >>> names = dict(data="d", network="small", task="t", trainer="q", start="", members=1)
    >>> one = pd.DataFrame([{**names, "metric": "dice", "value": 0.5, "low": 0.4, "high": 0.6}])
    >>> figure = repetitions(one, one)
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_yticklabels()[0].get_text()
    ('dice', 'small')
    """
    known = list(dict.fromkeys(summary["metric"]))
    metric = metric or (known[0] if known else "")
    if metric not in known:
        raise invalid("metric", expected=one_of(known), received=metric)
    rows = summary[summary["metric"] == metric].reset_index(drop=True)
    points = runs[runs["metric"] == metric]
    levels = [name for name in _LEVELS if rows[name].nunique(dropna=False) > 1] or ["network"]
    if ax is None:
        ax = _panels(1, 1, (6.5, 1.2 + 0.4 * len(rows)))[0]
    for k, row in rows.iterrows():
        same = (points[list(_LEVELS)] == row[list(_LEVELS)]).all(axis=1)
        values = points.loc[same, "value"]
        ax.plot(values, np.full(len(values), k), "o", color=_POINT, alpha=0.6, markersize=5)
        ax.plot([row["low"], row["high"]], [k, k], "-", color=_MEAN, linewidth=1)
        ax.plot([row["value"]], [k], "|", color=_MEAN, markersize=14)
    names = [", ".join(str(row[name]) for name in levels) for _, row in rows.iterrows()]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(metric)
    ax.spines[["top", "right"]].set_visible(False)
    return _figure(ax)


def curves(histories: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> Figure | None:
    """Draw the validation's curves of several runs, a panel for each metric.

    Parameters
    ----------
    histories : dict of str to DataFrame
        Of each run ``model.history``: columns iteration, set, metric, value, perhaps member.
    colours : dict of str to str
        Of each run the name of the colour that it shares with others, as the legend has it.

    Returns
    -------
    matplotlib.figure.Figure or None
        None where no run has a curve.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(10, "validation", "loss", 0.9), (20, "validation", "loss", 0.5)]
    >>> one = pd.DataFrame(rows, columns=["iteration", "set", "metric", "value"])
    >>> [ax.get_ylabel() for ax in curves({"a": one}, {"a": "narrow"}).axes]
    ['loss']
    """
    held = {run: rows[rows["set"] == "validation"] for run, rows in histories.items()}
    metrics = list(dict.fromkeys(m for rows in held.values() for m in rows["metric"]))
    if not metrics:
        return None
    kinds = list(dict.fromkeys(colours.values()))
    panels = _panels(1, len(metrics), (4.5, 3.2))
    for ax, metric in zip(panels, metrics, strict=True):
        named = set()
        for run, rows in held.items():
            kind = colours[run]
            by = ["member"] if "member" in rows else ["set"]
            for _, line in rows[rows["metric"] == metric].groupby(by):
                label = None if kind in named else kind
                colour = _MEMBERS[kinds.index(kind) % len(_MEMBERS)]
                ax.plot(line["iteration"], line["value"], color=colour, alpha=0.8, label=label)
                named.add(kind)
        ax.set(xlabel="iteration", ylabel=metric)
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    return _figure(panels[0])
