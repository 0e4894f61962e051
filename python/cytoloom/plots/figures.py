"""Figures by matplotlib, without pyplot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked, checked_seed
from ..errors import invalid
from ..messages import Value, one_of
from ..storage.atomic import write_whole
from .overlays import RGB, channels_last, grey_limits, outlines_rgb

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..patches.augment import Augment


Picture = Sequence[ArrayLike]
_SETS = {"train": "#0072B2", "validation": "#D55E00"}
_FEWEST = 10
"""Of fewer it says nothing how many of them are right."""
_WHEN = {"before": "#999999", "after": "#0072B2"}
_MEMBERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of an ensemble's members, of which training is dotted."""


@checked
def history(history: pd.DataFrame, *, metric: str | None = None, ax: Axes | None = None) -> Figure:
    """Draw loss and score against iterations.

    Parameters
    ----------
    history : DataFrame
        ``model.history``: columns iteration, set, metric, value; of an ensemble also member, of
        a model of several networks network.
    metric : str, optional
        Draw this one only. Default: a panel for each metric; with `ax` the first one.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidError
        No rows, or none of that metric.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(10, "train", "loss", 0.9), (20, "train", "loss", 0.5)]
    >>> figure = history(pd.DataFrame(rows, columns=["iteration", "set", "metric", "value"]))
    >>> figure.axes[0].get_ylabel()
    'loss'
    """
    names = list(dict.fromkeys(history["metric"])) if len(history) else []
    wanted = names if metric is None else [metric]
    if not names or not set(wanted) <= set(names):
        received = metric if names else "an empty history"
        raise invalid("history", expected=f"rows of metric {metric or 'loss'}", received=received)
    panels = [ax] if ax is not None else _panels(1, len(wanted), (4.5, 3.2))
    for panel, name in zip(panels, wanted, strict=False):
        rows = history[history["metric"] == name]
        for part, of_part in rows.groupby("set", sort=False):
            several = next((one for one in ("member", "network") if one in rows), None)
            if several is not None:
                _draw_each(panel, of_part, str(part), several)
            else:
                x, y = of_part["iteration"], of_part["value"]
                panel.plot(x, y, color=_SETS.get(str(part)), label=part)
        panel.set(xlabel="iteration", ylabel=name)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    return _figure(panels[0])


@checked
def reliability(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw how often what was said with a probability was so.

    Parameters
    ----------
    table : DataFrame
        ``model.reliability``: columns of, when, said, so, n.
    ax : matplotlib.axes.Axes, optional
        Where to draw pixels alone, or what there is. Default: a panel for pixels, one for objects.

    Returns
    -------
    matplotlib.figure.Figure
        Areas of points are as large as their share of what was said. Bins of fewer than ten are
        not drawn: their shares are chance.

    Raises
    ------
    InvalidError
        No rows: a model that was made before, or that had too few images held out.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("pixels", "before", 0.6, 0.9, 50), ("pixels", "after", 0.9, 0.92, 50)]
    >>> figure = reliability(pd.DataFrame(rows, columns=["of", "when", "said", "so", "n"]))
    >>> figure.axes[0].get_xlabel()
    'probability said of pixels'
    """
    kinds = list(dict.fromkeys(table["of"])) if len(table) else []
    if not kinds:
        raise invalid("table", expected="rows of model.reliability", received="none")
    panels = [ax] if ax is not None else _panels(1, len(kinds), (3.4, 3.2))
    for panel, kind in zip(panels, kinds, strict=False):
        panel.plot([0, 1], [0, 1], ":", color="#999999")
        for (when, colour), style in zip(_WHEN.items(), ("--", "-"), strict=True):
            rows = table[(table["of"] == kind) & (table["when"] == when)]
            sizes, rows = rows["n"].sum(), rows[rows["n"] >= _FEWEST]
            panel.plot(rows["said"], rows["so"], style, color=colour, label=when)
            panel.scatter(rows["said"], rows["so"], 150 * rows["n"] / sizes, color=colour)
        panel.set(xlabel=f"probability said of {kind}", ylabel="share that is so")
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    return _figure(panels[0])


def _draw_each(ax: Axes, rows: pd.DataFrame, part: str, of: str) -> None:
    """Draw a curve for each member of an ensemble, or network, in a colour of its own."""
    training = part == "train"
    for k, (one, line) in enumerate(rows.groupby(of, sort=False)):
        called = f"member {one}" if of == "member" else str(one)
        label = called if not training else None if k else "training, dotted"
        colour, style = _MEMBERS[k % len(_MEMBERS)], ":" if training else "-"
        ax.plot(line["iteration"], line["value"], style, color=colour, label=label)


@checked
def overlay(
    image: ArrayLike,
    labels: ArrayLike | None,
    truth: ArrayLike | None = None,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw the outlines of labels on an image.

    Parameters
    ----------
    image : array (y, x), (y, x, c), (z, y, x) or (z, y, x, c), any dtype
        Shown as `outlines_rgb` says.
    labels : integer array (y, x) or (z, y, x), or None
        What was found, outlined in orange.
    truth : integer array of that shape, optional
        Outlined in light blue; white where both outlines run.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from cytoloom import simulate
    >>> image, labels = simulate.nuclei((64, 96), count=5)
    >>> overlay(image, labels, title="nuclei").axes[0].get_title()
    'nuclei'
    """
    picture = outlines_rgb(image, labels, truth)
    if ax is None:
        height, width = picture.shape[:2]
        long = 6 / max(height, width)
        ax = _panels(1, 1, (max(width * long, 1.5), max(height * long, 1.5) + 0.3 * bool(title)))[0]
    _show(ax, picture, title)
    return _figure(ax)


@checked
def worst_best(
    scores: Any,
    pictures: Mapping[str, Picture] | Callable[[str], Picture],
    *,
    metric: str | None = None,
    n: int = 4,
) -> Figure:
    """Draw the images with the lowest and the highest scores.

    Parameters
    ----------
    scores : Scores or DataFrame
        What `evaluate` returned, or its ``per_image`` table: image, then one column per metric.
    pictures : mapping or function
        Gives for an image's name ``(image, labels)`` or ``(image, labels, truth)``; asked only
        for the images that are shown.
    metric : str, optional
        Column to sort by. Default: the first metric.
    n : int, default 4
        How many of each, at most; with few images none is shown twice.

    Returns
    -------
    matplotlib.figure.Figure
        Upper row the worst, the lowest first; lower row the best, the highest first.

    Raises
    ------
    InvalidError
        No such column, or nothing to show.

    Examples
    --------
    >>> import pandas as pd
    >>> from cytoloom import simulate
    >>> pictures = {name: simulate.nuclei((32, 32), 2, seed) for seed, name in enumerate("abc")}
    >>> table = pd.DataFrame({"image": ["a", "b", "c"], "dice": [0.9, 0.5, 0.7]})
    >>> [ax.get_title() for ax in worst_best(table, pictures, n=1).axes]
    ['b: dice 0.50', 'a: dice 0.90']
    """
    table = getattr(scores, "per_image", scores)
    if "image" not in getattr(table, "columns", ()):
        raise invalid("scores", expected="scores, or a table per image", received=Value(scores))
    column = metric or next((c for c in table.columns if c not in ("image", "scale")), None)
    if column not in table.columns:
        raise invalid("metric", expected=one_of(list(table.columns[1:])), received=metric)
    ranked = table.dropna(subset=[column]).sort_values(column, kind="stable")
    if n < 1 or ranked.empty:
        raise invalid(
            "scores", expected="1 or more images to show", received=f"n={n} of {len(ranked)}"
        )
    worst = ranked.iloc[: min(n, (len(ranked) + 1) // 2)]
    best = ranked.iloc[len(worst) :].iloc[::-1][:n]
    panels = _panels(2 if len(best) else 1, len(worst), (3, 3.3))
    for panel in panels:
        panel.set_axis_off()
    places = [*panels[: len(worst)], *panels[len(worst) :][: len(best)]]
    rows = [*worst.to_dict("records"), *best.to_dict("records")]
    for panel, row in zip(places, rows, strict=True):
        name = str(row["image"])
        shown = pictures(name) if callable(pictures) else pictures[name]
        if not isinstance(shown, (tuple, list)) or len(shown) not in (2, 3):
            expected = "(image, labels) or (image, labels, truth) of each name"
            raise invalid("pictures", expected=expected, received=Value(shown))
        _show(panel, outlines_rgb(*shown), f"{name}: {column} {row[column]:.2f}")
    return _figure(panels[0])


@checked
def agreement(consensus: Any, *, metric: str | None = None) -> Figure:
    """Draw how far experts agree with their consensus and with each other.

    Parameters
    ----------
    consensus : Consensus
        What `consensus` returned: its tables ``per_label`` and ``pairs`` are drawn.
    metric : str, optional
        dice, iou, or ap50, which is of objects. Default: of instances ap50, else dice.

    Returns
    -------
    matplotlib.figure.Figure
        On the left a point for each image and the mean of each expert against the consensus; on
        the right the mean between each two experts.

    Raises
    ------
    InvalidError
        No consensus, or another metric.

    Examples
    --------
    >>> from cytoloom import consensus
    >>> drawn = {"anna": [[0, 1, 1]], "ben": [[0, 1, 0]], "eva": [[0, 1, 1]]}
    >>> found = consensus(drawn, progress=False)
    >>> [label.get_text() for label in agreement(found).axes[1].get_xticklabels()]
    ['anna', 'ben', 'eva']
    """
    if not hasattr(consensus, "per_label") or not hasattr(consensus, "per_expert"):
        raise invalid("consensus", expected="a consensus", received=Value(consensus))
    known = [name for name in ("ap50", "dice", "iou") if name in consensus.pairs]
    metric = known[0] if metric is None else metric
    if metric not in known:
        raise invalid("metric", expected=one_of(known), received=metric)
    names = list(consensus.per_expert["expert"])
    rows, place = consensus.per_label, np.arange(len(names))
    size = max(3.5, 0.6 * len(names) + 2)
    left, right = _panels(1, 2, (size, size))
    x = rows["expert"].map(dict(zip(names, place, strict=True)))
    left.plot(x, rows[metric], "o", color=_SETS["train"], alpha=0.5, markersize=4)
    left.plot(place, consensus.per_expert[metric], "_", color="black", markersize=18)
    left.set(
        ylabel=f"{metric} against the consensus", ylim=(-0.02, 1.02), xlim=(-0.5, place[-1] + 0.5)
    )
    left.set_xticks(place, names, rotation=45, ha="right")
    left.spines[["top", "right"]].set_visible(False)
    _draw_pairs(right, consensus.pairs, names, metric)
    return _figure(left)


def _draw_pairs(ax: Axes, pairs: pd.DataFrame, names: Sequence[str], metric: str) -> None:
    """Draw the mean of each two experts as a table of colours."""
    place = {name: k for k, name in enumerate(names)}
    table = np.full((len(names), len(names)), np.nan)
    for (one, other), value in pairs.groupby(["expert", "other"])[metric].mean().items():
        table[place[one], place[other]] = table[place[other], place[one]] = value
    ax.imshow(table, vmin=0, vmax=1, cmap="viridis")
    for (i, j), value in np.ndenumerate(table):
        if not np.isnan(value):
            ax.text(
                j,
                i,
                f"{value:.2f}",
                ha="center",
                va="center",
                color="white" if value < 0.6 else "black",
            )
    ticks = range(len(names))
    ax.set_xticks(ticks, names, rotation=45, ha="right")
    ax.set_yticks(ticks, names)
    ax.set_title(f"{metric} between experts", fontsize="medium")


@checked
def augmentation_sheet(
    augment: Augment | str,
    image: ArrayLike,
    labels: ArrayLike,
    seed: int = 0,
    *,
    n: int = 11,
) -> Figure:
    """Draw an image, and next to it what augmentation makes of it.

    Parameters
    ----------
    augment : Augment or str
        A component, or the name of a preset: ``"light"``, ``"default"``, ``"strong"``.
    image : array (y, x) or (y, x, c), or a stack of them
        Integers are normalised by percentiles first, floats are taken as normalised.
    labels : integer array (y, x) or (z, y, x)
        Outlined in every picture.
    seed : int, default 0
        The same seed gives the same sheet.
    n : int, default 11
        How many variants.

    Returns
    -------
    matplotlib.figure.Figure
        The image as it is, then `n` variants, all on one grey scale; four in a row.

    Examples
    --------
    >>> from cytoloom import simulate
    >>> image, labels = simulate.nuclei((48, 48), count=4)
    >>> len(augmentation_sheet("light", image, labels, n=3).axes)
    4
    """
    from ..patches.augment import Augment

    seed = checked_seed(seed)
    chosen = Augment.preset(augment) if isinstance(augment, str) else augment
    drawn, truth = _normalised(image, np.ndim(labels)), np.asarray(labels)
    variants = [(drawn, truth)]
    for i in range(n):
        changed, moved = chosen(drawn, truth, np.random.default_rng([seed, i]))
        variants.append((changed, truth if moved is None else moved))
    limits = grey_limits(channels_last(drawn, truth.ndim))
    panels = _panels(-(-(n + 1) // 4), min(n + 1, 4), (2.4, 2.4))
    for panel in panels[n + 1 :]:
        panel.remove()
    for i, (panel, (picture, outline)) in enumerate(zip(panels, variants, strict=False)):
        _show(panel, outlines_rgb(picture, outline, limits=limits), "" if i else "as it is")
    return _figure(panels[0])


@checked
def save(figure: Figure, path: str | Path, *, dpi: int = 150, overwrite: bool = False) -> Path:
    """Write a figure; the file's ending (.png, .pdf, .svg) says how.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From any function here.
    path : str or Path
        Its folder exists.
    dpi : int, default 150
        Dots per inch, for PNG.
    overwrite : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file, there only when complete.

    Raises
    ------
    InvalidError
        A file that is there, or an ending that says no kind of picture.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cells.png"
    >>> save(overlay(np.zeros((8, 8)), np.eye(8, dtype=int)), path) == path
    True
    """
    target = Path(path).expanduser()
    ending, known = target.suffix[1:].lower(), figure.canvas.get_supported_filetypes()
    if ending and ending not in known:
        expected = f"a file name that ends in one of {', '.join(sorted(known))}"
        raise invalid("path", expected=expected, received=str(path))
    return write_whole(target, lambda name: figure.savefig(name, dpi=dpi), overwrite)


def _panels(rows: int, columns: int, each: tuple[float, float]) -> list[Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * each[0], rows * each[1]), layout="constrained")
    FigureCanvasAgg(figure)
    return list(figure.subplots(rows, columns, squeeze=False).ravel())


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _show(ax: Axes, picture: RGB, title: str) -> None:
    ax.imshow(picture, interpolation="nearest" if max(picture.shape) < 800 else "antialiased")
    ax.set_title(title, fontsize="medium")
    ax.set_axis_off()


def _normalised(image: ArrayLike, ndim: int) -> NDArray[Any]:
    from ..images.normalize import Normalize

    pixels = np.asarray(image)
    if pixels.dtype.kind == "f":
        return pixels
    return Normalize()(channels_last(pixels, ndim)).reshape(pixels.shape)
