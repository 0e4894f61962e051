"""Pictures of plates and of many cells: heat maps, contact sheets, maps of cells, effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components.arguments import checked
from ..errors import invalid
from ..messages import say
from .figures import _MEMBERS, _figure, _panels
from .overlays import RGB, stretched

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP_PX = 2
CONTROL = "#8a8f93"
COLOURS = "viridis"
_OTHERS = tuple(one for one in _MEMBERS if one != "#000000")
"""Of treatments on a map, in turn."""


@checked
def plate(
    values: ArrayLike,
    *,
    marked: ArrayLike | None = None,
    label: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw a value of each well of a plate as a colour.

    Parameters
    ----------
    values : array (rows, columns)
        Of each well; NaN where there is none, which stays empty.
    marked : array of bool (rows, columns), optional
        Wells with a ring in them: controls.
    label : str, default ""
        What the colours are.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Rows are A, B and so on, columns 1, 2 and so on.

    Examples
    --------
    >>> figure = plate([[0.1, 0.5], [np.nan, 0.2]], marked=[[True, False], [False, False]])
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['A', 'B']
    """
    grid = np.ma.masked_invalid(np.asarray(values, float))
    if grid.ndim != 2 or not grid.size:
        raise invalid(
            "values", expected="an array (rows, columns)", received=say("shape {}", grid.shape)
        )
    rows, columns = grid.shape
    if ax is None:
        each = min(0.42, 13 / columns)
        size = (max(columns * each, 2.4) + 1.7, max(rows * each, 1.2) + 0.9)
        ax = _panels(1, 1, size)[0]
    drawn = ax.imshow(grid, cmap=COLOURS, vmin=min(0.0, float(grid.min() or 0)))
    where = np.zeros(grid.shape, bool) if marked is None else np.asarray(marked, bool)
    y, x = np.nonzero(where & ~np.ma.getmaskarray(grid))
    size = 42 if columns <= 12 else 14 if columns <= 24 else 4
    ax.scatter(x, y, size, facecolors="none", edgecolors="black", linewidths=2.4)
    ax.scatter(x, y, size, facecolors="none", edgecolors="white", linewidths=1.2)
    _wells(ax, rows, columns)
    if title:
        ax.set_title(title, fontsize="medium")
    if grid.count():
        _figure(ax).colorbar(drawn, ax=ax, label=label, shrink=0.8)
    return _figure(ax)


def _wells(ax: Axes, rows: int, columns: int) -> None:
    """Name rows and columns of a plate, and part its wells by lines."""
    letters = [chr(65 + k) if k < 26 else "A" + chr(39 + k) for k in range(rows)]
    font = 9 if columns <= 12 else 7 if columns <= 24 else 5
    ax.set_xticks(range(columns), [str(k + 1) for k in range(columns)], fontsize=font)
    ax.set_yticks(range(rows), letters, fontsize=font)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(-0.5, columns), minor=True)
    ax.set_yticks(np.arange(-0.5, rows), minor=True)
    ax.grid(which="minor", color="#d5d8d6", linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)


def crop_rgb(crop: NDArray[Any]) -> RGB:
    """Return a crop of scaled pixels in the colours of its channels.

    Parameters
    ----------
    crop : array (y, x, c) or (z, y, x, c)
        Dark at 0, bright at 1; of a stack the middle plane is shown.

    Examples
    --------
    >>> crop_rgb(np.array([[[0.0], [1.0]]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    pixels = crop[len(crop) // 2] if crop.ndim == 4 else crop
    return stretched(pixels, [(0.0, 1.0)] * pixels.shape[-1])


def strip(pictures: Sequence[RGB], columns: int, background: int = 255) -> RGB:
    """Lay pictures of one size side by side; the rest of the row is empty.

    Examples
    --------
    >>> strip([np.zeros((4, 4, 3), np.uint8)] * 2, 3).shape
    (4, 16, 3)
    """
    height, width = pictures[0].shape[:2]
    row = np.full((height, columns * (width + GAP_PX) - GAP_PX, 3), background, np.uint8)
    for k, one in enumerate(pictures[:columns]):
        at = k * (width + GAP_PX)
        row[:, at : at + width] = one
    return row


def sheet(rows: Sequence[Sequence[RGB]], background: int = 255) -> tuple[RGB, list[float]]:
    """Lay rows of pictures of one size below each other.

    Returns
    -------
    (uint8 array (y, x, 3), list of float)
        The picture, and where the middle of each row is, px.

    Examples
    --------
    >>> one = np.zeros((4, 4, 3), np.uint8)
    >>> picture, middles = sheet([[one, one], [one]])
    >>> picture.shape, middles
    ((10, 10, 3), [1.5, 7.5])
    """
    columns = max(len(row) for row in rows)
    strips = [strip(row, columns, background) for row in rows]
    height = len(strips[0])
    gap = np.full((GAP_PX, strips[0].shape[1], 3), background, np.uint8)
    parts = [part for one in strips for part in (gap, one)][1:]
    middles = [k * (height + GAP_PX) + (height - 1) / 2 for k in range(len(strips))]
    return np.concatenate(parts), middles


@checked
def gallery(
    rows: Mapping[str, Sequence[NDArray[Any]]], *, title: str = "", ax: Axes | None = None
) -> Figure:
    """Draw cells as a contact sheet: a row for each name.

    Parameters
    ----------
    rows : dict of str to sequence of array (y, x, c) or (z, y, x, c)
        Crops of one size, scaled to 0 and 1. One channel is grey, two are magenta and green, three
        red, green and blue; of a stack the middle plane is shown.
    title : str, default ""
        Above the picture.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidError
        No crop.

    Examples
    --------
    >>> crops = [np.random.default_rng(k).uniform(size=(16, 16, 2)) for k in range(3)]
    >>> figure = gallery({"DMSO": crops, "drug": crops[:2]})
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['DMSO', 'drug']
    """
    kept = {name: crops for name, crops in rows.items() if len(crops)}
    if not kept:
        raise invalid("rows", expected="crops of cells", received="none")
    picture, middles = sheet([[crop_rgb(np.asarray(one)) for one in row] for row in kept.values()])
    if ax is None:
        height, width = picture.shape[:2]
        # a crop is some 0.6 inch wide, but a sheet never wider than a page
        scale = min(0.6 / len(crop_rgb(np.asarray(next(iter(kept.values()))[0]))), 10 / width)
        names = max(len(line) for name in kept for line in name.split("\n"))
        size = (width * scale + 0.1 * names + 0.5, height * scale + 0.2 + 0.3 * bool(title))
        ax = _panels(1, 1, (max(size[0], 2.0), max(size[1], 0.8)))[0]
    ax.imshow(picture, interpolation="antialiased")
    ax.set_xticks([])
    ax.set_yticks(middles, list(kept))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize="medium")
    return _figure(ax)


@checked
def cell_map(
    places: NDArray[np.floating[Any]],
    groups: Sequence[str],
    *,
    faint: Sequence[str] = (),
    axes: tuple[str, str] = ("", ""),
    ax: Axes | None = None,
) -> Figure:
    """Draw a point for each cell, in the colour of its group.

    Parameters
    ----------
    places : array (cells, 2)
        Where each cell is.
    groups : sequence of str
        Of each cell, such as its treatment.
    faint : sequence of str, optional
        Groups that are grey and lie below: controls, and what is not looked at.
    axes : (str, str), optional
        What the axes are.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = cell_map(np.zeros((3, 2)), ["DMSO", "DMSO", "drug"], faint=["DMSO"])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['DMSO', 'drug']
    """
    of = np.asarray(groups, str)
    names = list(dict.fromkeys(of))
    below = [name for name in names if name in set(faint)]
    above = [name for name in names if name not in set(faint)]
    if ax is None:
        ax = _panels(1, 1, (6.4, 4.6))[0]
    size = float(np.clip(24_000 / max(len(of), 1), 4, 18))
    shades = ("#b9bec1", "#dfe2e0")
    for k, name in enumerate([*below, *above]):
        own = places[of == name]
        colour = shades[k % 2] if k < len(below) else _OTHERS[(k - len(below)) % len(_OTHERS)]
        ax.scatter(own[:, 0], own[:, 1], size, color=colour, alpha=0.75, linewidths=0, label=name)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.spines[["top", "right"]].set_visible(False)
    legend = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    for handle in legend.legend_handles:
        handle.set_sizes([36])  # type: ignore[union-attr]
    return _figure(ax)


@checked
def effects(hits: pd.DataFrame, *, label: str = "", ax: Axes | None = None) -> Figure:
    """Draw effects with their intervals, the largest on top.

    Parameters
    ----------
    hits : DataFrame
        Columns treatment (and plate), effect, low, high, q, in the order in which they are drawn.
    label : str, default ""
        What an effect is.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Filled points are those with a q below 0.05.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"treatment": ["a", "b"], "effect": [0.5, 0.1], "low": [0.4, -0.1],
    ...         "high": [0.6, 0.3], "q": [0.01, 0.5]}
    >>> figure = effects(pd.DataFrame(rows))
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['a', 'b']
    """
    if not len(hits):
        raise invalid("hits", expected="a treatment beside the controls", received="none")
    names = hits["treatment"].astype(str).tolist()
    if "plate" in hits:
        pairs = zip(hits["plate"].astype(str), names, strict=True)
        names = [f"{plate}, {name}" for plate, name in pairs]
    if ax is None:
        ax = _panels(1, 1, (6.5, 1.2 + 0.26 * len(names)))[0]
    place = np.arange(len(names))
    colour = _OTHERS[0]
    ax.axvline(0, color=CONTROL, linewidth=1)
    ax.hlines(place, hits["low"], hits["high"], color=colour, linewidth=1.4)
    sure = (hits["q"] < 0.05).to_numpy(bool)
    ax.scatter(hits["effect"][sure], place[sure], 34, color=colour, zorder=3)
    ax.scatter(hits["effect"][~sure], place[~sure], 34, color="white", edgecolors=colour, zorder=3)
    ax.set_yticks(place, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    ax.spines[["top", "right"]].set_visible(False)
    return _figure(ax)
