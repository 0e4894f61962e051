"""What is said of images whose contrast is far below that of the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..datasets.items import shown_names
from ..messages import counted


def held_down_words(names: Sequence[str]) -> Iterator[str]:
    """Say of which images the contrast was held down, so that noise stays dark.

    Parameters
    ----------
    names : sequence of str
        Images of which `Normalize.held_down` is true; nothing is said of none.
    """
    if names:
        yield (
            f"The contrast of {counted(len(names), 'image')} was held down "
            f"({shown_names(names)}): pixel values differ by less than a quarter of what they do "
            "where objects were in training, which is taken for noise. If there are objects, "
            "they may be missed: give these images in the units of the training images."
        )
