"""Cells of many images: a table of them, and how each is cut out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.items import Item
from ..errors import invalid
from ..events import Work
from ..images.normalize import Normalize, Stats
from ..measurement.given import LabelImages, read_object_labels
from ..messages import counted, say
from .crops import Cut, cut, is_padded, start_of
from .illumination import Field
from .table import controls_of, units_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..datasets.report import Report
    from ..models.model import Model

Scaled = Literal["image", "plate", "controls"]
Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of many images.

    Made by `cytoloom.cells`; not meant to be built by hand.

    Attributes
    ----------
    table : DataFrame
        A row per cell: image, object, centroid_y, centroid_x (stacks: centroid_z), what `measure`
        measures where there are labels, padded (whether its crop reaches beyond the image), and
        every column of the plate's table: plate, well, site, treatment and so on.
    items : tuple of Item
        The images, with labels where they have some.
    cut : Cut
        Size of crops, and what becomes of other cells in them.
    labelled : bool
        Whether there are labels.
    channel_names : tuple of str
        Of the images.
    controls : object
        Which cells are of control wells, as it was said; None: nothing was.
    scaled : {"plate", "image", "controls"}
        Over what intensities are scaled alike.
    normalize : Normalize
        How they are.
    path : Path or None
        The folder that they were written to.
    empty : dict of dict
        What is known of images without a cell, by their names: plate, well, site.
    told : tuple of str
        What was said of the plate's table: rows without image, images without row.
    illumination : tuple of Field
        What is divided out of the images of each plate.
    """

    table: pd.DataFrame
    items: tuple[Item, ...]
    cut: Cut
    labelled: bool
    channel_names: tuple[str, ...]
    controls: Any = None
    scaled: Scaled = "plate"
    normalize: Normalize = field(default_factory=Normalize)
    known: LabelImages = field(default_factory=LabelImages, repr=False)
    path: Path | None = None
    _ends: Mapping[str, Stats] = field(default_factory=dict, repr=False)
    empty: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    told: tuple[str, ...] = ()
    illumination: tuple[Field, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        what = "well" if "well" in self.table and self.table["well"].notna().all() else "image"
        text = f"{counted(len(self), 'cell')} of {counted(self.units.nunique(), what)}"
        if self.controls is not None:
            own = self.are_controls
            wells = units_of(self.table[own]).nunique()
            text += f"; {int(own.sum())} of them of {counted(wells, 'control ' + what)}"
        edge = int(self.table["padded"].sum())
        return text + (f"; {edge} nearer to a border than half a crop" if edge else "")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def are_controls(self) -> NDArray[np.bool_]:
        """Which cells are of control wells; all where nothing was said of any."""
        if self.controls is None:
            return np.ones(len(self), bool)
        return controls_of(self.table, self.controls)

    def trained(self, *how: Any) -> Work[Model]:
        """Train a model on these cells: what `train` does with data that knows how."""
        from .train import trained

        return (yield from trained(self, *how))

    def checked(self) -> Work[Report]:
        """Look for what is odd about these cells: what `check` does with data that knows how."""
        from .checks import examine

        return (yield from examine(self))

    @property
    def units(self) -> pd.Series:
        """Of each cell the well of its plate, or else its image: what is independent."""
        return units_of(self.table)

    def plot(
        self, by: str | None = None, *, n: int = 10, seed: int = 0, rows: int = 24, ax: Any = None
    ) -> Figure:
        r"""Draw a contact sheet: some cells of each treatment, as they are cut out.

        Parameters
        ----------
        by : str, optional
            The column whose values are rows of the sheet; default treatment, else concentration,
            control, group, type, well or image.
        n : int, default 10
            Cells of each, drawn by chance.
        seed : int, default 0
            The same seed draws the same cells.
        rows : int, default 24
            Of the first so many, controls before others.
        ax : matplotlib.axes.Axes, optional
            Where to draw.

        Returns
        -------
        matplotlib.figure.Figure
            `plots.save` writes it.

        Examples
        --------
        >>> import cytoloom as cl
        >>> image, labels = cl.simulate.nuclei(shape=(96, 96), count=5, seed=1)
        >>> found = cl.cells({"A01": image}, labels={"A01": labels}, size_px=24, progress=False)
        >>> [text.get_text() for text in found.plot("well", n=3).axes[0].get_yticklabels()]
        ['A01\nn = 5']
        """
        from .pictures import sheet, sheet_groups

        return sheet(self, sheet_groups(self, by, n, seed, rows), ax=ax)

    def stats(self) -> dict[str, Stats]:
        """Return between what intensities of each image are scaled.

        Images whose cells were measured were measured with them; others are read once.

        Of a plate, or its control wells, it is the median over their images: where a treatment
        makes all of an image brighter, that is to be seen.
        """
        own = {i.id: self._ends.get(i.id) or self.normalize.fit(i.image) for i in self.items}
        if self.scaled == "image":
            return own
        first = self.table.drop_duplicates("image").set_index("image")
        plates = first["plate"] if "plate" in first else None
        asked = self.are_controls if self.scaled == "controls" else np.ones(len(self), bool)
        among = set(self.table["image"][asked])
        found = {}
        for name, stats in own.items():
            plate = None if plates is None or name not in plates.index else plates[name]
            same = [
                one
                for other, one in own.items()
                if other in among and (plates is None or plates.get(other) == plate)
            ]
            found[name] = median_of(same or [stats])
        return found

    def crops(
        self,
        rows: Sequence[int] | NDArray[np.intp] | None = None,
        stats: Mapping[str, Stats] | None = None,
    ) -> Iterator[tuple[NDArray[np.intp], Floats]]:
        """Cut cells out, image by image: each is decoded once.

        Parameters
        ----------
        rows : sequence of int, optional
            Which rows of the table; default all.
        stats : dict of str to Stats, optional
            What `stats` returned, where that is known already.

        Yields
        ------
        (ndarray of int, ndarray of float32 (cells, size..., channels))
            Rows of the table, and these cells, scaled.
        """
        stats = self.stats() if stats is None else stats
        wanted = np.arange(len(self)) if rows is None else np.asarray(rows, np.intp)
        images = self.table["image"].to_numpy()[wanted]
        for item in self.items:
            own = wanted[images == item.id]
            if len(own):
                yield own, self._cut_out(item, own, stats[item.id])

    def masked(
        self,
        rows: Sequence[int] | NDArray[np.intp] | None = None,
        stats: Mapping[str, Stats] | None = None,
    ) -> Iterator[tuple[NDArray[np.intp], Floats, Masks, Masks]]:
        """Cut cells out with what is theirs, as they lie in the image, with all that is around.

        Yields
        ------
        (ndarray of int, ndarray (cells, size..., channels), ndarray of bool, ndarray of bool)
            Rows, cells, their pixels (size...), and those of other cells. Without labels the pixels
            within a circle that fits into the crop are taken for the cell's.
        """
        plain = replace(self, cut=Cut(self.cut.size_px))
        for own, crops in plain.crops(rows, stats):
            mine = np.empty((len(own), *self.cut.size_px), bool)
            others = np.zeros_like(mine)
            if not self.labelled:
                mine[:] = disc(self.cut.size_px)
                yield own, crops, mine, others
                continue
            item = next(i for i in self.items if i.id == self.table["image"].iat[own[0]])
            labels = read_object_labels(item, self.known)[0]
            numbers = self.table["object"].to_numpy()[own]
            for k, (centre, number) in enumerate(zip(self.centres(own), numbers, strict=True)):
                piece = cut(labels, start_of(centre, self.cut.size_px), self.cut.size_px)
                mine[k], others[k] = piece == number, (piece > 0) & (piece != number)
            yield own, crops, mine, others

    def _cut_out(self, item: Item, rows: NDArray[np.intp], stats: Stats) -> Floats:
        """Cut cells of one image out of it."""
        pixels = np.asarray(item.image.read())
        needed = self.cut.others != "kept"
        labels = read_object_labels(item, self.known)[0] if needed else None
        centres, table = self.centres(rows), self.table
        numbers = table["object"].to_numpy()[rows]
        angles = table["orientation"].fillna(0.0).to_numpy()[rows] if self.cut.turned else None
        found = np.empty((len(rows), *self.cut.size_px, pixels.shape[-1]), np.float32)
        low = np.asarray(stats.low)
        for k, centre in enumerate(centres):
            angle = 0.0 if angles is None else float(angles[k])
            one = self.cut.crop(pixels, centre, labels, int(numbers[k]), angle, fill=low)
            found[k] = self.normalize.apply(one, stats)
        return found

    def centres(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """Return positions (cells, axes) in px."""
        axes = [f"centroid_{a}" for a in "zyx"[-len(self.cut.size_px) :]]
        at = self.table[axes].to_numpy(float)
        return at if rows is None else at[rows]


def median_of(stats: Sequence[Stats]) -> Stats:
    """Return the median of what was measured on several images.

    Examples
    --------
    >>> median_of([Stats((0.0,), (9.0,)), Stats((2.0,), (9.0,)), Stats((3.0,), (5.0,))])
    Stats(low=(2.0,), high=(9.0,), dtype='float32', padding=(), padding_inside=False)
    """
    low, high = (
        tuple(float(v) for v in np.median([getattr(one, end) for one in stats], axis=0))
        for end in ("low", "high")
    )
    return Stats(low, high, stats[0].dtype)


def disc(size_px: Sequence[int]) -> Masks:
    """Return which pixels of a crop lie within the circle, or ball, that fits into it.

    Examples
    --------
    >>> disc((4, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]]
    """
    grid = np.ogrid[tuple(slice(0, n) for n in size_px)]
    far = sum(((g - (n - 1) / 2) / (n / 2)) ** 2 for g, n in zip(grid, size_px, strict=True))
    return np.asarray(far <= 1)


def padded(centres: NDArray[np.float64], cut: Cut, shape: Sequence[int]) -> list[bool]:
    """Say of each cell whether its crop reaches beyond the image.

    Examples
    --------
    >>> padded(np.array([[1.0, 9.0], [9.0, 9.0]]), Cut((6, 6)), (20, 20))
    [True, False]
    """
    return [is_padded(start_of(one, cut.size_px), cut.size_px, shape) for one in centres]


def size_of(
    size_px: Any, size_um: Any, spacing_um: Sequence[float] | None, ndim: int
) -> tuple[int, ...]:
    """Return the edges of crops in px.

    Examples
    --------
    >>> size_of(60, None, None, 2), size_of(None, 16.0, (0.5, 0.25), 2)
    ((60, 60), (32, 64))
    """
    given, name = (size_px, "size_px") if size_um is None else (size_um, "size_um")
    several = tuple(given) if isinstance(given, (list, tuple)) else (given,) * ndim
    if len(several) != ndim or not all(
        isinstance(n, (int, float)) and 0 < n < 1e5 for n in several
    ):
        raise invalid(name, expected=f"an edge above 0, or {ndim} of them", received=given)
    if size_um is None:
        if any(n % 1 for n in several):
            raise invalid(name, expected="whole numbers of pixels", received=given)
        return tuple(map(int, several))
    if spacing_um is None:
        raise invalid(
            "size_um",
            expected="images that say how large their pixels are",
            received="none",
            remedy=say("Give {} or {}.", "size_px", "pixel_size_um"),
        )
    found = tuple(max(1, round(n / s)) for n, s in zip(several, spacing_um, strict=True))
    if max(found) > 4096:
        raise invalid("size_um", expected="crops of at most 4096 px", received=f"{found} px")
    return found


def refuse_mixed(items: Sequence[Item]) -> None:
    """Refuse images that differ in channels or dimensions: one network is to see all cells."""
    kinds = {(len(i.image.shape) - 1, i.image.shape[-1]): i.id for i in items}
    if len(kinds) > 1:
        words = [f"{name} is {n}-D with {c} channels" for (n, c), name in kinds.items()]
        raise invalid("images", expected="images of one kind", received=", ".join(words))
