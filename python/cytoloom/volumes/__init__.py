"""Volumes of any size: images and labels in OME-Zarr, blocks, and what is put together of them."""

import lazy_loader

# the command line reads declarations of verbs in this room, for which NumPy is not loaded
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"stores": ["read_labels", "write"]}
)
