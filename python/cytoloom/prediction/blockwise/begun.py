"""What is kept of a volume that is worked on block by block, until all of it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...storage.atomic import remove_folder, told
from ...storage.unfinished import Unfinished, begun_otherwise


class Begun:
    """Blocks that are finished, and by what they are known again after a kill.

    Parameters
    ----------
    folder : Path
        Where they are kept.
    overwrite : bool
        Whether those of another prediction may be given up.

    Attributes
    ----------
    blocks, new, old : Path
        Folders of what was found in each block, of what is made of these, and of what gives way.
    state : Unfinished
        What was asked for, and what was decided before the first block.
    """

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.folder = folder
        self.blocks, self.new, self.old = folder / "blocks", folder / "new", folder / "old"
        self.state = Unfinished(folder / "state")
        self.overwrite = overwrite

    def go_on(self, asked: Mapping[str, Any]) -> None:
        """Go on with what was begun here, or begin; another prediction is given up if said so."""
        differing = self.state.differences(asked) if self.state.begun else []
        if differing and not self.overwrite:
            raise begun_otherwise(self.folder, differing)
        if differing or not self.state.begun:
            self.clear()
        self.state.begin(asked, {})
        with told(self.blocks):
            self.blocks.mkdir(exist_ok=True)

    def clear(self) -> None:
        """Remove all of it, last by what it is known again."""
        for folder in (self.blocks, self.new, self.old):
            remove_folder(folder)
        self.state.forget()
