"""What decoders raise, in one sentence with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import InvalidError, invalid
from ..messages import said_by

T = TypeVar("T")


def reading(path: Path, action: Callable[[], T]) -> T:
    """Run a decoder; whatever it raises becomes the one error with the file's name."""
    try:
        return action()
    except InvalidError:
        raise
    except MemoryError as error:
        remedy = "Close other programs, or cut it into smaller ones."
        expected = "an image that fits into memory"
        raise invalid(str(path), expected=expected, received="one for which there is too little",
                      remedy=remedy) from error  # fmt: skip
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            got = error.strerror or str(error)
            raise invalid(str(path), expected="a file to read", received=got) from error
        what = f"a file that cannot be decoded ({said_by(error)})"
        remedy = _BROKEN if _is_broken(error) else _OTHERWISE
        raise invalid(str(path), expected="a whole image", received=what, remedy=remedy) from error


_BROKEN = "It may be cut off or damaged: copy or export it again."
_OTHERWISE = "Open it in the program that wrote it, or in Fiji, and save it as plain TIFF."
_UNREAD = ("unsupported", "not supported", "not implemented", "requires the", "unknown")
_CUT = (
    "truncated",
    "cut off",
    "too short",
    "premature",
    "eof",
    "corrupt",
    "mmap length",
    "failed to read",
    "can not read",
)
"""What decoders say of ways of storing that they do not know, and of files that end too early."""


def _is_broken(error: Exception) -> bool:
    """Whether an error is of bytes that are missing or wrong, not of a way of storing."""
    text = f"{type(error).__module__} {error}".lower()
    if isinstance(error, (NotImplementedError, ImportError)) or any(w in text for w in _UNREAD):
        return False
    decoders = ("imagecodecs", "zlib", "struct", "lzma", "zstd")
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # Pillow's are errors of the system without a number, and of syntax
    kind = kinds & {"EOFError", "TiffFileError", "UnicodeDecodeError", "OSError", "SyntaxError"}
    return text.startswith(decoders) or any(word in text for word in _CUT) or bool(kind)
