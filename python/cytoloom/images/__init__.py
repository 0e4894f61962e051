"""Images and label images: read, write, pair, normalise."""

from .files import SUFFIXES, probe, read, read_labels, scenes, write_labels
from .image import Image, ImageInfo
from .normalize import Normalize, Stats

__all__ = [
    "SUFFIXES",
    "Image",
    "ImageInfo",
    "Normalize",
    "Stats",
    "probe",
    "read",
    "read_labels",
    "scenes",
    "write_labels",
]
