"""Read data sets of HDF5 with the package h5py, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .described import described
from .hdf5_file import (
    START,
    attributes_of,
    box_of,
    dataset_in,
    images_in,
    is_of_labels,
    not_chosen,
    opened,
)
from .image import AnyArray, ImageInfo, arrangement
from .inside import divided
from .reader import Part, Reader, arranged_box, stored_box
from .units import along_axes


class Hdf5(Reader):
    """HDF5: one data set of a file, named as ``a.h5:/raw`` where it holds several."""

    name = "HDF5"
    suffixes = (".h5", ".hdf5", ".hdf", ".ilp")
    starts = (START,)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read shape and type; axes and size of a voxel, where attributes say them."""
        with _chosen(path) as data:
            found = described(data.shape, attributes_of(data), part.axes, _name(path, data))
            shape, _, axes = arrangement(data.shape, found.letters)
            size, notes = along_axes(found.sizes_um, "z" in axes)
            notes = (*found.notes, *notes)
            return ImageInfo(shape, data.dtype, axes, size, None, regions=True, notes=notes)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode the chunks that a part meets."""
        with _chosen(path) as data:
            found = described(data.shape, attributes_of(data), part.axes, _name(path, data))
            box = stored_box(data.shape, found.letters, part, _name(path, data), data.dtype)
            return arranged_box(box_of(data, box, path), data.shape, found.letters)

    def pair(self, path: Path) -> tuple[Path, Path] | None:
        """Return the image and the labels in a file, as plant-seg writes them, by their names."""
        file, name = divided(path)
        names = () if name else images_in(file)
        labels = [one for one in names if is_of_labels(one)]
        if len(names) != 2 or len(labels) != 1:
            return None
        image = next(one for one in names if one not in labels)
        return Path(f"{file}:{image}"), Path(f"{file}:{labels[0]}")

    def watched(self, path: Path, scene: str | None) -> tuple[Path, ...]:
        """Return the file that holds a data set."""
        return (divided(path)[0],)


@contextmanager
def _chosen(path: Path) -> Iterator[Any]:
    """Open the data set that is meant: the only image where none is named."""
    container, name = divided(path)
    if not name:
        names = images_in(container)
        if len(names) != 1:
            got = f"a file of {len(names)}" if names else "a file without"
            raise not_chosen(container, "one data set that is an image", got, names)
        name = names[0].strip("/")
    with opened(container) as file:
        yield dataset_in(file, container, name)


def _name(path: Path, data: Any) -> str:
    return f"{divided(path)[0]}:{data.name}"


HDF5 = Hdf5()
