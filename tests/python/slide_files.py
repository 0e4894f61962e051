"""Slides and other pyramids in TIFF for the tests."""

from __future__ import annotations

import numpy as np
import tifffile

APERIO = "Aperio Image Library v12.0.15 \r\n"


def write_svs(path, colours, mpp="0.4990", compression="jpeg", tile=64):
    """Write colours as Aperio does: level, thumbnail, level of a quarter, label and macro."""
    height, width = colours.shape[:2]
    small = colours[::4, ::4]
    size = f"{width}x{height} [0,0 {width}x{height}] ({tile}x{tile})"
    how = {"photometric": "rgb", "compression": compression, "metadata": None, "software": False}
    aside = {**how, "compression": "lzw"}
    first = f"{APERIO}{size} JPEG/RGB Q=70|AppMag = 20" + (f"|MPP = {mpp}" if mpp else "")
    to = f"-> {small.shape[1]}x{small.shape[0]}"
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(colours, tile=(tile, tile), description=first, **how)
        thumbnail = f"{APERIO}{width}x{height} {to} - |AppMag = 20"
        file.write(small[::2, ::2], rowsperstrip=16, description=thumbnail, **how)
        file.write(
            small, tile=(tile, tile), description=f"{APERIO}{size} {to} JPEG/RGB Q=70", **how
        )
        label, macro = np.zeros((40, 30, 3), np.uint8), np.zeros((30, 70, 3), np.uint8)
        file.write(label, description=f"{APERIO}label 30x40", subfiletype=1, **aside)
        file.write(macro, description=f"{APERIO}macro 70x30", subfiletype=9, **aside)


def write_pyramid(path, levels, axes="YX", size=0.25, **more):
    """Write an OME-TIFF whose smaller copies are sub-images (SubIFDs), as Bio-Formats does."""
    how = {"tile": (64, 64), "compression": "zlib", "photometric": "minisblack"}
    said = {"axes": axes, **{f"PhysicalSize{a}": size for a in "YX"}, **more}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(levels[0], subifds=len(levels) - 1, metadata=said, **how)
        for level in levels[1:]:
            file.write(level, subfiletype=1, **how)
