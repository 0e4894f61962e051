"""Read PNG, JPEG and BMP as what they are: palette, alpha, 1-bit, 16-bit, turned photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, ImageOps, JpegImagePlugin, PngImagePlugin
from PIL.Image import Image as Picture

from .image import AnyArray, ImageInfo

# The plug-ins directly: Image.open refuses pictures above 180 megapixels, which microscopes make.
_OPENERS: dict[str, Any] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
_RGB = ("red", "green", "blue")


def header(path: Path, kind: str) -> ImageInfo:
    """Read size, type and channels of a picture; no pixel is decoded."""
    with _OPENERS[kind](path) as picture:
        height, width = picture.height, picture.width
        if kind == "jpeg" and picture.getexif().get(0x0112, 1) >= 5:
            height, width = width, height
        # Pillow calls 16-bit grey with alpha coloured
        deep = _is_deep(path, kind)
        coloured = bool(_png_depth(path)[1] & 2) if deep else _is_coloured(picture)
        dtype = np.dtype(np.uint16 if deep else np.uint8)
    shape = (height, width, 3 if coloured else 1)
    return ImageInfo(shape, dtype, "yxc", None, _RGB if coloured else None, "", kind == "jpeg")


def pixels(path: Path, kind: str) -> AnyArray:
    """Decode a picture into ``(y, x, c)``: colours or grey, without alpha.

    A palette of greys gives one channel, any other palette its colours; 1-bit pictures give
    0 and 255.
    """
    if _is_deep(path, kind):
        return _deep_pixels(path, alpha=False)
    with _OPENERS[kind](path) as picture:
        upright = _upright(picture, kind)
        # Pillow warns that a palette's transparency is lost, which is what is wanted
        upright.info.pop("transparency", None)
        return _three_axes(np.asarray(upright.convert("RGB" if _is_coloured(picture) else "L")))


def label_pixels(path: Path, kind: str) -> tuple[AnyArray, AnyArray | None]:
    """Decode a picture for its values: palette indices, 1-bit as 0 and 1, small depths unscaled.

    Returns
    -------
    values : ndarray (y, x, c)
        Grey values or palette indices (c = 1), or colours (c = 3).
    alpha : ndarray (y, x) or None
        The alpha channel, where the picture has one.
    """
    if _is_deep(path, kind):
        deep = _deep_pixels(path, alpha=True)
        if deep.shape[-1] in (2, 4):
            return deep[..., :-1], deep[..., -1]
        return deep, None
    with _OPENERS[kind](path) as picture:
        upright = _upright(picture, kind)
        if upright.mode == "P" or upright.mode == "1":
            return np.asarray(upright).astype(np.uint8)[..., None], None
        values = _three_axes(np.asarray(upright))
    if values.shape[-1] in (2, 4) and upright.mode != "CMYK":
        return values[..., :-1], values[..., -1]
    step = _grey_step(path) if kind == "png" else 1
    return (values // step if step > 1 else values), None


def _three_axes(array: AnyArray) -> AnyArray:
    return array[..., None] if array.ndim == 2 else array


def _upright(picture: Picture, kind: str) -> Picture:
    return ImageOps.exif_transpose(picture) if kind == "jpeg" else picture


def _is_coloured(picture: Picture) -> bool:
    if picture.mode == "P":
        palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return picture.mode not in ("1", "L", "LA", "I", "I;16")


def _png_depth(path: Path) -> tuple[int, int]:
    """Return bit depth and colour type as a PNG's first chunk gives them."""
    with path.open("rb") as file:
        start = file.read(26)
    return start[24], start[25]


def _is_deep(path: Path, kind: str) -> bool:
    """Whether this is a 16-bit PNG: Pillow would cut its colours to 8 bits."""
    return kind == "png" and _png_depth(path)[0] == 16


def _deep_pixels(path: Path, *, alpha: bool) -> AnyArray:
    import imagecodecs

    array: AnyArray = _three_axes(imagecodecs.png_decode(path.read_bytes()))
    return array[..., :-1] if not alpha and array.shape[-1] in (2, 4) else array


def _grey_step(path: Path) -> int:
    """Return by what Pillow multiplied the values of a grey PNG of 2 or 4 bits."""
    depth, colour_type = _png_depth(path)
    return {2: 85, 4: 17}.get(depth, 1) if colour_type == 0 else 1
