"""Whether tracks are at a path, so that what takes models may take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.given import is_file
from ..models.manifest import MANIFEST

if TYPE_CHECKING:
    from .found import Tracks

_FILES = (".aut", ".autlist", ".csv", ".json", ".txt", ".xml")
_BY_NAME = ("tracks.csv", "nodes.csv", "man_track.txt", "res_track.txt")
_INSIDE = (".aut", ".autlist", ".geff", ".xml")
_OF_CTC = ("_GT", "_RES", "TRA")


def tracks_at(path: Any) -> Tracks | None:
    """Read the tracks of a path; None where it is that of a model, or of anything else.

    Raises
    ------
    InvalidError
        Tracks that cannot be read.
    """
    if not is_file(path) or not holds_tracks(Path(path).expanduser()):
        return None
    from .reading import read_tracks

    return read_tracks(path)


def holds_tracks(path: Path) -> bool:
    """Whether a file or folder looks as if it held tracks, and no model.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> holds_tracks(folder)
    False
    >>> _ = (folder / "tracks.csv").write_text("track")
    >>> holds_tracks(folder)
    True
    """
    if path.is_file():
        return path.suffix.lower() in _FILES
    if not path.is_dir() or (path / MANIFEST).exists():
        return False
    from .geff import ENDING, is_geff

    if path.suffix.lower() == ENDING or is_geff(path):
        return True
    names = [one.name for one in path.iterdir()]
    return any(n in _BY_NAME or n.lower().endswith(_INSIDE) or n.endswith(_OF_CTC) for n in names)
