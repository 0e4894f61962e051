"""What is reviewed: images, the labels that each begins with, and why one cannot be edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.items import Item
from ..errors import InvalidError, invalid
from ..messages import TABLES, Argument, say, spelled
from ..segmentation.objects import components
from ..tasks.objects import is_mask
from .steps import Labels

MOST_PIXELS = 2**25
"""Of an image that a browser edits: 5800 x 5800; its labels take 4 bytes a pixel, drawn 4 more."""
ELSEWHERE = "QuPath edits it: export its labels as GeoJSON."


@dataclass(frozen=True, eq=False)
class Subject:
    """One image under review.

    Attributes
    ----------
    name : str
        As in the results.
    item : Item
        The image.
    size : (int, int)
        Height and width; 0 where it cannot be edited.
    problem : str
        Why not.
    read : callable or None
        Gives the labels that it begins with; None: nothing is drawn yet.
    told : bool, default True
        Whether its problem is one that the results do not tell of.
    """

    name: str
    item: Any
    size: tuple[int, int]
    problem: str
    read: Callable[[], NDArray[Any]] | None = None
    told: bool = True

    def labels(self) -> Labels:
        """Read the labels that it begins with: an object each number, also of masks.

        Raises
        ------
        InvalidError
            None, or labels of another size.
        """
        if self.problem:
            raise invalid(self.name, expected="an image to edit", received=self.problem)
        if self.read is None:
            return np.zeros(self.size, np.int32)
        try:
            labels = np.asarray(self.read())
        except KeyError as error:
            raise invalid(self.name, expected="labels", received=str(error.args[0])) from None
        if labels.shape != self.size:
            raise invalid(
                self.name,
                expected=say("labels of the size of the image, {}", self.size),
                received=say("{}", labels.shape),
            )
        top = int(labels.max(initial=0))
        if top >= 2**31 or int(labels.min(initial=0)) < 0:
            expected = "numbers of objects from 0 to 2147483647"
            raise invalid(self.name, expected=expected, received=top)
        return components(labels > 0) if is_mask(labels) else labels.astype(np.int32)


def subjects_of(
    names: Iterable[str],
    items: Mapping[str, Item],
    reader: Callable[[str], Callable[[], NDArray[Any]] | None],
    failed: Mapping[str, str],
) -> dict[str, Subject]:
    """Make the subjects, by name; only headers are read.

    Parameters
    ----------
    names : iterable of str
        Of the images.
    items : dict of str to Item
        Those that were found.
    reader : callable
        From a name to what reads its labels.
    failed : dict of str to str
        Images without results, and why.
    """
    return {name: _subject(name, items.get(name), reader(name), failed) for name in names}


def _subject(
    name: str,
    item: Item | None,
    read: Callable[[], NDArray[Any]] | None,
    failed: Mapping[str, str],
) -> Subject:
    if name in failed:
        return Subject(name, item, (0, 0), f"not in the results: {failed[name]}", told=False)
    if item is None:
        return Subject(name, item, (0, 0), "its image is not there")
    try:
        shape = tuple(item.image.shape[:-1])
    except (InvalidError, OSError) as error:
        return Subject(name, item, (0, 0), spelled(str(error), TABLES))
    if len(shape) != 2:
        text = f"a stack of {shape[0]} planes, of which none can be edited here"
        return Subject(name, item, (0, 0), text)
    if shape[0] * shape[1] > MOST_PIXELS:
        text = f"{shape[0]} x {shape[1]} pixels are too many for a browser. {ELSEWHERE}"
        return Subject(name, item, (0, 0), text)
    return Subject(name, item, (shape[0], shape[1]), "", read)


def refuse_none(subjects: Mapping[str, Subject], argument: str) -> None:
    """Raise where no image can be edited, with why the first cannot."""
    if any(not one.problem for one in subjects.values()):
        return
    first = next(iter(subjects.values()))
    remedy = ""
    if first.item is None:
        remedy = say("Pass {} where they are now.", Argument("images"))
    raise invalid(
        argument,
        expected="at least one image that can be edited",
        received=f"{first.name}: {first.problem}",
        remedy=remedy,
    )
