"""Objects of classes that have names, as label values of a task that knows these names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import invalid
from ..messages import joined, say
from ..segmentation.classed import OBJECTS


def class_values(path: Path, given: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the label value of each object, from its class.

    Parameters
    ----------
    path : Path
        Whose they are.
    given : sequence of str
        The class of each object, empty where it has none: a name whatever its case, or the
        number of one.
    names : sequence of str
        Of label values from 0 on. An empty one at 0 is what objects without a class have.

    Raises
    ------
    InvalidError
        Other classes, or none.

    Examples
    --------
    >>> class_values(Path("a.geojson"), ["Nucleus", "2"], ["background", "nucleus", "rim"])
    [1, 2]
    """
    numbers = {str(k): k for k in range(len(names))}
    folded = {name.casefold(): k for k, name in enumerate(names)}
    known = {**numbers, **folded, **{name: k for k, name in enumerate(names)}}
    found = [known.get(one, known.get(one.casefold())) for one in given]
    others = Counter(one for one, k in zip(given, found, strict=True) if k is None)
    if others:
        none = others.pop("", 0)
        classes = ", ".join(f"{name} ({n})" for name, n in sorted(others.items()))
        received = [f"objects of {classes}"] if others else []
        received += [f"{none} of {len(given)} objects without a class"] if none else []
        raise invalid(
            str(path),
            expected=say("objects of the classes {}", ", ".join(filter(None, names))),
            received=joined(" and ", received),
            remedy="Give objects these classes where they were drawn, or name the task's classes "
            "as they are called there; where classes do not matter, the task is binary or "
            "instances.",
        )
    return [k for k in found if k is not None]


def numbers_with_classes(path: Path, numbers: Sequence[int], values: Sequence[int]) -> list[int]:
    """Put numbers of objects and their classes together, see `segmentation.classed`.

    Raises
    ------
    InvalidError
        Numbers that leave no room for classes.

    Examples
    --------
    >>> numbers_with_classes(Path("a.geojson"), [7, 9], [2, 0])
    [2097159, 9]
    """
    largest = max(numbers, default=0)
    if largest >= OBJECTS:
        raise invalid(
            str(path),
            expected=f"objects that have classes numbered below {OBJECTS}",
            received=str(largest),
            remedy="Number the objects of each image from 1 on.",
        )
    return [k + one * OBJECTS for k, one in zip(numbers, values, strict=True)]


def class_or_name(label: str, name: str, names: Sequence[str]) -> str:
    """Return the class of an object, which its name may tell, numbered as ImageJ does it.

    Examples
    --------
    >>> [class_or_name("", name, ["background", "nucleus"]) for name in ("Nucleus-2", "17")]
    ['Nucleus', '']
    """
    if label:
        return label
    known = {one.casefold() for one in names}
    bare = re.sub(r"-\d+$", "", name)
    return next((one for one in (name, bare) if one.casefold() in known), "")


def by_classes(values: Sequence[int], names: Sequence[str]) -> str:
    """Say which classes objects are of.

    Examples
    --------
    >>> by_classes([2, 1, 2], ["background", "nucleus", "rim"])
    'by their classes (nucleus, rim)'
    """
    said = ", ".join(names[k] for k in sorted(set(values)) if names[k])
    return f"by their classes ({said})" if said else ""
