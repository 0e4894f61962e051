"""Facts of the label images of a set, compared with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..images.image import AnyArray
from ..images.labels import AS_IMAGES, GIVE_LABELS, Labels, is_picture, is_white_first, values_of
from .items import shown_names
from .sources import Source

_NEARLY_ALL = 0.7
"""Share of the pixels, and of those at the border, from which on one label looks like what is
around objects."""


@dataclass(frozen=True)
class LabelFacts:
    """What is known of the labels of one image.

    Parameters
    ----------
    name : str
        The file.
    colours : dict, default None
        Of each value in use, where the file has a table of them.
    looks_inverted : bool, default False
        Whether one label takes nearly all of the image and of its border.
    is_picture : bool, default False
        Whether the values are those of an image.
    """

    name: str
    colours: dict[int, tuple[int, ...]] | None = None
    looks_inverted: bool = False
    is_picture: bool = False

    @classmethod
    def of(cls, source: Source, labels: Labels) -> LabelFacts:
        """Read the facts of labels, of which the unknown ones are 0."""
        table = getattr(source, "colours", None)
        shown = table is None or is_white_first(table)
        return cls(
            source.name,
            None if shown else _in_use(table, labels),
            looks_inverted(labels),
            is_picture(labels, values_of(labels)),
        )


def looks_inverted(labels: Labels) -> bool:
    """Whether one label takes nearly all of an image and of its border, as background does.

    Examples
    --------
    >>> labels = np.ones((9, 9), int)
    >>> labels[3:6, 3:6] = 0
    >>> looks_inverted(labels), looks_inverted(1 - labels)
    (True, False)
    """
    if not labels.size:
        return False
    edges = [np.take(labels, end, axis).ravel() for axis in (-2, -1) for end in (0, -1)]
    values, counts = np.unique(np.concatenate(edges), return_counts=True)
    most = values[np.argmax(counts)]
    if most <= 0 or counts.max() < _NEARLY_ALL * counts.sum():
        return False
    # objects are seen by what is not of this label: all of one is a field full of something
    count = np.count_nonzero(labels == most)
    return bool(_NEARLY_ALL * labels.size <= count < labels.size)


def pictures(facts: Sequence[LabelFacts]) -> Iterator[str]:
    """Name labels that are images."""
    names = [one.name for one in facts if one.is_picture]
    if names:
        yield f"{shown_names(names)} given as labels: {AS_IMAGES}. {GIVE_LABELS}"


def odd_labels(facts: Sequence[LabelFacts], filled: int) -> Iterator[str]:
    """Say what the labels of one set seldom are on purpose.

    Parameters
    ----------
    facts : sequence of LabelFacts
        Of all label images.
    filled : int
        How many of them show anything.
    """
    inverted = [one.name for one in facts if one.looks_inverted]
    # a single image may be full of one object
    if len(inverted) > 1 and 2 * len(inverted) >= filled:
        yield (
            f"one label takes nearly all of {shown_names(inverted)}, up to the border: they look "
            "inverted, with the background as foreground; if they are, save them with 0 as "
            "background (in Fiji: Edit > Invert)"
        )
    yield from _odd_colours([one for one in facts if one.colours is not None])


def _odd_colours(facts: Sequence[LabelFacts]) -> Iterator[str]:
    """Say so where the tables of colours give one number different colours."""
    first: dict[int, tuple[tuple[int, ...], str]] = {}
    for one in facts:
        for value, colour in (one.colours or {}).items():
            before, name = first.setdefault(value, (colour, one.name))
            if before != colour:
                yield (
                    f"tables of colours differ: {value} is {_shown(before)} in {name} and "
                    f"{_shown(colour)} in {one.name}; numbers count in all of them, not colours: "
                    "where colours are meant, save numbers instead"
                )
                return


def _in_use(table: AnyArray, labels: Labels) -> dict[int, tuple[int, ...]]:
    values = [int(v) for v in values_of(labels) if 0 <= v < len(table)]
    return {v: tuple(int(c) for c in np.resize(table[v], 3)) for v in values}


def _shown(colour: tuple[int, ...]) -> str:
    return "RGB " + " ".join(map(str, colour))
