"""Images and label images: read, write, pair, normalise."""

from .facts import Image, ImageInfo
from .files import SUFFIXES, probe, read, read_labels, write_labels
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
    "write_labels",
]
