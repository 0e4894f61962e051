"""How much images are enlarged, decided for all before the first; kept with what it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.files import pixels_seen
from ..datasets.items import Item
from ..datasets.sources import ArraySource
from ..errors import InvalidError
from ..events import Work
from ..models.rescale import Factors, factors_for, group_of
from .folder import InMemory

if TYPE_CHECKING:
    from ..models.model import Model

SCALE = "factors"


def decided(
    model: Model, items: Sequence[Item], rescale: Any, folder: InMemory
) -> Work[dict[str, Factors]]:
    """Decide how much images are enlarged, or take what was decided before a kill.

    Parameters
    ----------
    model, items, rescale, folder
        What is applied to what, and where results go; see `predict`.

    Returns
    -------
    dict of str to (list of float or None)
        As `rescale.factors_for`.
    """
    before, made_of = _before(folder)
    now = _made_of(items, rescale, folder)
    same = all(now.get(name) == state for name, state in made_of.items())
    if same and all(item.id in before for item in items):
        return before
    factors = yield from factors_for(model, items, rescale)
    # what others were finished with holds for images that came since
    factors |= before if same and folder.finished else {}
    folder.decide(SCALE, {"by_image": factors, "made_of": now})
    return factors


def decided_otherwise(
    model: Model, items: Sequence[Item], rescale: Any, folder: InMemory
) -> Work[list[str]]:
    """Say so where finished images would be enlarged by another factor now.

    That is asked where the images that are not finished are other ones than those that it was
    decided by. Where it comes to the same, what is decided now holds from here on.
    """
    before, made_of = _before(folder)
    now = _made_of(items, rescale, folder)
    others = [name for name, state in made_of.items() if now.get(name) != state]
    if not others:
        return []
    factors = yield from factors_for(model, items, rescale)
    if any(factors.get(name) != before.get(name) for name in folder.finished):
        why = "has other pixels, or another pixel size or group"
        why = why if others[0] in now else "is not given"
        return [f"images ({others[0]} {why}, and by it the scale of all was decided)"]
    folder.decided[SCALE] = {"by_image": factors, "made_of": now}
    return []


def _before(folder: InMemory) -> tuple[dict[str, Factors], dict[str, str]]:
    kept = folder.decided.get(SCALE, {})
    return kept.get("by_image", {}), kept.get("made_of", {})


def _made_of(items: Sequence[Item], rescale: Any, folder: InMemory) -> dict[str, str]:
    """Return by what to know the images again by which it is decided; by none where it is given."""
    if rescale != "auto" or folder.path is None:
        return {}
    return {item.id: state_of(item) for item in items}


def state_of(item: Item) -> str:
    """Return what is different for other pixels, or in another group: their hash, or their file's.

    To hash each file would read all of them before the first is predicted. One that only looks
    changed is decided by once more, with the same result.
    """
    try:
        if isinstance(item.image, ArraySource):
            return f"{pixels_seen(item.image, item.spacing_um)} {item.group or ''}"
        status = Path(item.image.name).stat()
        known = status.st_size, status.st_mtime_ns, status.st_ctime_ns
    except (InvalidError, OSError):  # told when the image is read
        known = ()
    several = getattr(item.image, "identity", None)
    of = f"{known} {several} {item.spacing_um} {group_of(item)}"
    return hashlib.sha256(of.encode()).hexdigest()
