"""What nnU-Net's dataset.json says of a set: names of channels and classes, what counts nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import Message, Setting, counted, joined, say

_NAME = "dataset.json"
_FOLDERS = ("imagestr", "imagests")
_AWAY = "Mend it, or move it away: nothing is then known of names of channels and classes."


@dataclass(frozen=True)
class Description:
    """A set as nnU-Net describes it.

    Parameters
    ----------
    path : Path
        The file.
    channels : tuple of str
        Names, in the order of the four digits at the end of names of files.
    classes : tuple of str, default ()
        Names of the label values from 0 on; none where they stand for several values each.
    unknown : int, optional
        The label value that is called "ignore".
    ending : str, default ""
        Of images and labels.
    cases : int, optional
        How many there are for training.
    """

    path: Path
    channels: tuple[str, ...]
    classes: tuple[str, ...] = ()
    unknown: int | None = None
    ending: str = ""
    cases: int | None = None

    @property
    def note(self) -> Message:
        """Say what was taken over."""
        parts: list[str] = [f"channels are {', '.join(self.channels)}"]
        if self.classes:
            task = Setting("task", f"classes:{','.join(self.classes)}")
            parts.append(say("label values are {}, for {}", ", ".join(self.classes), task))
        if self.unknown is not None:
            parts.append(f"label {self.unknown} is to be ignored, and counts nowhere")
        return say("as {} says, {}", str(self.path), joined("; ", parts))

    def odd_channels(self, count: int) -> str:
        """Say so where an image has not as many files as there are channels; else nothing."""
        # pictures have three in one file
        if count == len(self.channels) or (count == 1 and len(self.channels) == 3):
            return ""
        names = f"{len(self.channels)} ({', '.join(self.channels)})"
        return f"files of {counted(count, 'channel')}, where {self.path} names {names}"


def description_path(images_folder: Path) -> Path | None:
    """Return the description beside a folder of images, of nnU-Net's name for it; None if none."""
    path = images_folder.absolute().parent / _NAME
    return path if images_folder.absolute().name.lower() in _FOLDERS and path.is_file() else None


def described(path: Path) -> Description:
    """Read a description, of the present form or of the first.

    Raises
    ------
    InvalidError
        It is damaged, or of something else.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dataset.json"
    >>> _ = path.write_text('{"channel_names": {"0": "DAPI"}, "labels": {"background": 0, "n": 1}}')
    >>> described(path).channels, described(path).classes
    (('DAPI',), ('background', 'n'))
    """
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise _damaged(path, f"a file that cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "a file that is no JSON") from None
    if not isinstance(found, dict):
        raise _damaged(path, f"{type(found).__name__} instead of an object")
    names = found.get("channel_names", found.get("modality"))
    values = _values(found.get("labels"), path)
    unknown = values.pop("ignore", None)
    ending, cases = found.get("file_ending", ""), found.get("numTraining")
    if unknown is not None and not _is_count(unknown):
        raise _damaged(path, '"ignore" with several values')
    if not isinstance(ending, str):
        raise _damaged(path, f"file_ending {ending!r}")
    return Description(
        path, _in_order(names, path), _classes(values), unknown, ending,
        cases if _is_count(cases) else None,
    )  # fmt: skip


def _damaged(path: Path, got: str) -> InvalidError:
    expected = "nnU-Net's description of a set, with channel_names and labels"
    return invalid(str(path), expected=expected, received=got, remedy=_AWAY)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _in_order(names: Any, path: Path) -> tuple[str, ...]:
    """Return names of channels by their numbers, which are texts and count from 0."""
    numbers = list(map(str, range(len(names)))) if isinstance(names, dict) else []
    if not numbers or set(names) != set(numbers):
        raise _damaged(path, f"channel_names {_shown(names)}")
    found = [names[number] for number in numbers]
    if not all(isinstance(name, str) and name for name in found):
        raise _damaged(path, f"channel_names {_shown(names)}")
    return tuple(found)


def _values(labels: Any, path: Path) -> dict[str, Any]:
    """Return the values of names; of the first form, which has the names of values, turned."""
    if not isinstance(labels, dict) or not labels:
        raise _damaged(path, f"labels {_shown(labels)}")
    if all(key.isdecimal() and isinstance(name, str) for key, name in labels.items()):
        return {name: int(key) for key, name in labels.items()}
    for value in labels.values():
        several = value if isinstance(value, list) and value else [value]
        if not all(map(_is_count, several)):
            raise _damaged(path, f"labels {_shown(labels)}")
    return dict(labels)


def _classes(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return names by value, where each has one and none is left out."""
    plain = {value: name for name, value in values.items() if _is_count(value)}
    whole = len(plain) == len(values) > 1 and sorted(plain) == list(range(len(values)))
    return tuple(plain[k] for k in sorted(plain)) if whole else ()


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
