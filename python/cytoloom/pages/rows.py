"""The table of images on a page: columns in words, flags, and which image is worth a look first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .given import Shown

if TYPE_CHECKING:
    import pandas as pd

WORST = {
    "predictions": ("predicted_ap50", "predicted_dice", "mean_foreground"),
    "scores": ("ap50", "dice"),
    "consensus": ("kappa", "dice"),
    "images": (),
}
"""By which column images are reviewed, the lowest first; the first that there is."""
HEADINGS = {
    "review": ("Review", "In which order images are worth a look, 1 first"),
    "objects": ("Objects", "How many objects were found"),
    "count": ("Count", "How many objects there are"),
    "count_low": ("from", "Lower end of the interval of the count"),
    "count_high": ("to", "Upper end of the interval of the count"),
    "mean_area_px": ("Mean area (px)", "Mean area of the objects"),
    "predicted_dice": ("Predicted Dice", "How well areas are expected to agree with truth, 0 to 1"),
    "predicted_ap50": ("Predicted AP50", "How many objects are expected to be right, 0 to 1"),
    "unlikeness": ("Unlikeness", "How far the image is from those of the training"),
    "mean_foreground": ("Certainty", "Mean probability of the pixels of objects, 0.5 to 1"),
    "median_area_px": ("Median area (px)", "Half of the objects are larger"),
    "median_area_um2": ("Median area (um2)", "Half of the objects are larger"),
    "scale": ("Scale", "Factor by which the image was enlarged for the network"),
    "ap50": ("AP50", "Of all objects, true or found, how many are right at an overlap of one half"),
    "ap70": ("AP70", "The same at an overlap of 0.7"),
    "ap": ("AP", "The same, mean over overlaps from 0.5 to 0.95"),
    "f1_50": ("F1", "Right objects over the mean of true and found ones"),
    "panoptic_quality": ("PQ", "F1 times the mean overlap of right objects"),
    "ap50_by_class": ("AP50 by class", "The same of each class alone, mean over classes"),
    "class_accuracy": ("Class right", "Share of the objects found whose class is right"),
    "dice": ("Dice", "Overlap of the areas: 1 all, 0 none"),
    "precision": ("Precision", "Of what was found, how much is right"),
    "recall": ("Recall", "Of what is there, how much was found"),
    "iou": ("IoU", "Overlap of the areas over their union"),
    "n_truth": ("True", "How many objects there are"),
    "n_found": ("Found", "How many objects were found"),
    "n_found_on_empty": ("Found on empty", "Objects found where there is none"),
    "experts": ("Experts", "How many drew it"),
    "disputed": ("Disputed", "Objects that somebody split or merged"),
    "foreground": ("Foreground", "Share of the pixels that is no background"),
    "kappa": ("Kappa", "Agreement of the experts beyond chance (Fleiss)"),
    "pair_dice": ("Pairs", "Mean Dice of each two experts"),
}
"""What columns are called on a page, and what is said of them."""
FIRST = (
    "objects", "count", "predicted_ap50", "predicted_dice", "unlikeness", "mean_foreground",
    "mean_area_px", "median_area_um2", "median_area_px",
)  # fmt: skip
"""Columns of predictions that stand before others."""
FLAGS = {"unlike": "unlike the training", "faint": "faint"}
"""What flags of predictions mean."""
BY_CLASS = ("n_found_on_empty", "dice", "iou", "precision", "recall", "ap50", "objects")
"""What each class has of its own, behind whose name that of the class stands."""


Cell = tuple[str, "float | str | None", str]


@dataclass(frozen=True)
class Column:
    """One column of the table of images."""

    name: str
    heading: str
    hint: str
    numeric: bool


@dataclass(frozen=True)
class Row:
    """One image.

    Attributes
    ----------
    image : str
        Its name.
    cells : list of (str, float or str or None, str)
        What is shown, by what it is sorted, and its interval, in the order of the columns.
    flags : list of str
        What stands out.
    review : int
        Its place among those worth a look, from 1.
    also : dict
        Ends of intervals, which are shown in cells of others, by column.
    """

    image: str
    cells: Sequence[Cell]
    flags: Sequence[str]
    review: int
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The table of images, in the order in which they were given."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    by: str
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)


def table_of(shown: Shown, problems: Mapping[str, str]) -> Table:
    """Make the table.

    Parameters
    ----------
    shown : Shown
        The results.
    problems : dict of str to str
        What is not shown of images.
    """
    images = _with_objects(shown)
    flags = [_flags(row, shown.kind) for row in images.to_dict("records")]
    by = next((c for c in WORST[shown.kind] if c in images and images[c].notna().any()), "")
    if not by and shown.kind == "scores":
        scored = (c for c in images.columns[1:] if images[c].dtype.kind == "f" and c != "scale")
        by = next(scored, "")
    review = _review(images, flags, by)
    ends = _ends(images)
    folded = [end for pair in ends.values() for end in pair]
    columns = [_column(name, images[name]) for name in _names(images, shown.kind, folded)]
    cells = [_cells(images, c.name, ends.get(c.name)) for c in columns]
    also = images[folded].to_dict("records") if folded else [{}] * len(images)
    rows = [
        Row(name, [c[k] for c in cells], _told(flags[k], problems.get(name)), review[k], also[k])
        for k, name in enumerate(shown.names)
    ]
    return Table(columns, rows, by)


def _names(images: pd.DataFrame, kind: str, folded: Sequence[str]) -> list[str]:
    """Return the columns that are shown, those of predictions that matter most first."""
    names = [c for c in images.columns if c not in ("image", "status", "flags", *folded)]
    names = [name for name in names if not images[name].isna().all()]
    if "scale" in names and images["scale"].dropna().eq(1).all():
        names.remove("scale")
    if kind != "predictions":
        return names
    return sorted(names, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def _ends(images: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return which columns are the ends of an interval of another one, beside which they stand."""
    pairs = {name: (f"{name}_low", f"{name}_high") for name in images.columns}
    pairs["objects"] = ("count_low", "count_high")
    there = set(images.columns)
    return {name: pair for name, pair in pairs.items() if {name, *pair} <= there}


def _cells(images: pd.DataFrame, name: str, ends: tuple[str, str] | None) -> list[Cell]:
    """Return the cells of a column, with intervals where it has them."""
    found = [cell(value) for value in images[name]]
    if ends is None:
        return [(*one, "") for one in found]
    pairs = [[cell(value)[0] for value in images[end]] for end in ends]
    told = [f"({low} to {high})" if low else "" for low, high in zip(*pairs, strict=True)]
    return [(*one, interval) for one, interval in zip(found, told, strict=True)]


def _with_objects(shown: Shown) -> pd.DataFrame:
    """Return the table of images with what their objects say."""
    images, objects = shown.images.reset_index(drop=True), shown.objects
    if shown.kind != "predictions" or not len(objects):
        return images
    added = {}
    groups = objects.groupby(objects["image"].astype(str))
    for name, column, how in (
        ("mean_foreground", "mean_foreground", "mean"),
        ("median_area_um2", "area_um2", "median"),
        ("median_area_px", "area_px", "median"),
    ):
        if how == "median" and "mean_area_px" in images:
            continue
        known = column in objects and objects[column].notna().any()
        if known and name not in images and not (how == "median" and "median_area_um2" in added):
            added[name] = images["image"].astype(str).map(groups[column].agg(how))
    added |= _by_class(images, objects)
    place = next((k for k, c in enumerate(images.columns) if c == "scale"), len(images.columns))
    for k, (name, values) in enumerate(added.items()):
        images.insert(place + k, name, values)
    return images


def _by_class(images: pd.DataFrame, objects: pd.DataFrame) -> dict[str, pd.Series]:
    """Count the objects of each class in each image, where objects have classes."""
    if "class_probability" not in objects:
        return {}
    names = images["image"].astype(str)
    counts = objects.groupby([objects["image"].astype(str), "class"]).size().unstack(fill_value=0)
    return {
        f"objects_{name}": names.map(counts[name]).fillna(0).astype(int) for name in counts.columns
    }


def _flags(row: Mapping[str, Any], kind: str) -> list[str]:
    """Return what stands out of one image."""
    status = str(row.get("status", "ok"))
    found = [] if status == "ok" else [f"failed: {status}"]
    told = row.get("flags")
    found += _said(told) if isinstance(told, str) and told else []
    count = row.get("count", row.get("objects"))
    if kind == "predictions" and status == "ok" and count == 0:
        found.append("nothing found")
    return found


def _said(flags: str) -> list[str]:
    """Return flags in words, which are known ones with a space between, or a text.

    Examples
    --------
    >>> _said("unlike faint"), _said("agree less; other")
    (['unlike the training', 'faint'], ['agree less', 'other'])
    """
    words = flags.split()
    if set(words) <= set(FLAGS):
        return [FLAGS[word] for word in words]
    return [one.strip() for one in flags.split(";")]


def _told(flags: Sequence[str], problem: str | None) -> list[str]:
    return [*flags, *([problem] if problem else [])]


def _review(images: pd.DataFrame, flags: Sequence[Sequence[str]], by: str) -> list[int]:
    """Return each image's place: failed ones, those with most flags, then the lowest score."""
    values = images[by].tolist() if by else [math.nan] * len(images)

    def worst(k: int) -> tuple[bool, int, float]:
        """Return what images are ordered by."""
        failed = any(one.startswith("failed") for one in flags[k])
        value = math.inf if _missing(values[k]) else float(values[k])
        return (not failed, -len(flags[k]), value)

    order = sorted(range(len(images)), key=worst)
    places = {k: place for place, k in enumerate(order, start=1)}
    return [places[k] for k in range(len(images))]


def _column(name: str, values: pd.Series) -> Column:
    known = [one for one in values if not _missing(one)]
    numeric = bool(known) and all(isinstance(one, (int, float)) or _scalar(one) for one in known)
    return Column(str(name), *heading_of(str(name)), numeric)


def heading_of(name: str) -> tuple[str, str]:
    """Return what a column is called, and what is said of it.

    Examples
    --------
    >>> heading_of("dice")[0], heading_of("dice_nucleus")[0], heading_of("well_row")
    ('Dice', 'Dice, nucleus', ('well row', ''))
    """
    if name in HEADINGS:
        return HEADINGS[name]
    for metric in BY_CLASS:
        if name.startswith(f"{metric}_"):
            heading, hint = HEADINGS[metric]
            return f"{heading}, {name.removeprefix(f'{metric}_')}", f"{hint}; of this class"
    return name.replace("_", " "), ""


def _scalar(value: Any) -> bool:
    return hasattr(value, "dtype") and value.dtype.kind in "biuf"


def _missing(value: Any) -> bool:
    # pandas' NA is neither equal to itself nor not
    return value is None or str(value) in ("<NA>", "NaT") or value != value


def cell(value: Any) -> tuple[str, float | str | None]:
    """Return a value as it is shown, and as it is sorted.

    Examples
    --------
    >>> cell(0.123456), cell(7), cell(1234567.0), cell("A1"), cell(float("nan"))
    (('0.123', 0.123456), ('7', 7), ('1 234 567', 1234567.0), ('A1', 'A1'), ('', None))
    """
    if _missing(value):
        return "", None
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or _scalar(value)):
        return str(value), str(value)
    number = value.item() if _scalar(value) else value
    return shown_number(number), number


def shown_number(number: float) -> str:
    """Show three digits behind the point at most, whole thousands apart.

    Examples
    --------
    >>> shown_number(12.5), shown_number(1e-5), shown_number(0.9999)
    ('12.5', '1e-05', '1.000')
    """
    if not math.isfinite(number):
        return str(number)
    if number == int(number):
        return f"{int(number):,}".replace(",", " ")
    size = abs(number)
    if size < 0.001:
        return f"{number:.2g}"
    if size >= 1000:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3f}" if size < 10 else f"{number:.1f}"
