"""Volumes of any size: images and labels in OME-Zarr, blocks, and what is put together of them."""

from .stores import read_labels, write

__all__ = ["read_labels", "write"]
