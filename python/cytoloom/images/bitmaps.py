"""Read PNG, JPEG and BMP as what they are: palette, alpha, 1-bit, 16-bit, turned photographs."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import invalid
from ..messages import Value, say
from .image import AnyArray, ImageInfo, turned, upright
from .labels import as_shown
from .reader import Part, Reader, refuse_too_large

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_RGB = ("red", "green", "blue")


class Bitmap(Reader):
    """A picture that Pillow decodes, at once and whole."""

    def opened(self, path: Path) -> Any:
        """Open with Pillow's plug-in: Image.open refuses 180 megapixels, which microscopes make."""
        kind = type(self).__name__
        plugin = importlib.import_module(f"PIL.{kind}ImagePlugin")
        return getattr(plugin, f"{kind}ImageFile")(path)

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read size, type and channels of a picture."""
        with self.opened(path) as picture:
            kept = _keeps_alpha(picture, path, part)
            height, width = picture.height, picture.width
            # orientations from 5 on are turned by 90 degrees: height and width change places
            orientation = _orientation(picture)
            if orientation >= 5:
                height, width = width, height
            coloured = _is_coloured(picture)
            alpha = "yxc" if _has_alpha(picture) and not kept else ""
        shape = (height, width, (3 if coloured else 1) + kept)
        names = _RGB if coloured and not kept else None
        dtype = np.dtype(np.uint8)
        notes = turned(orientation)
        return ImageInfo(shape, dtype, "yxc", None, names, "", self.lossy, notes=notes, alpha=alpha)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode a picture into ``(y, x, c)``: colours or grey, without alpha unless asked for.

        A palette of greys gives one channel, any other palette its colours; 1-bit pictures give
        0 and 255.
        """
        with self.opened(path) as picture:
            _refuse_too_large(picture, path)
            picture.load()
            coloured = _is_coloured(picture)
            if _keeps_alpha(picture, path, part):
                every = np.asarray(picture.convert("RGBA"))
                return _turned(every if coloured else every[..., [0, 3]], picture)
            # Pillow warns that a palette's transparency is lost, which is what is wanted
            picture.info.pop("transparency", None)
            plain = picture.convert("RGB" if coloured else "L")
            return _turned(np.asarray(plain), picture)

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode palette indices (c = 1), grey values or colours, 1-bit as 0 and 1; and alpha."""
        with self.opened(path) as picture:
            _refuse_too_large(picture, path)
            array = np.asarray(picture)
            if picture.mode == "P":
                array = as_shown(array, _palette(picture))
            values = _turned(array.astype(np.uint8) if picture.mode == "1" else array, picture)
        return (values, None) if picture.mode == "CMYK" else _without_alpha(values)

    def colours(self, path: Path) -> AnyArray | None:
        """Return the palette."""
        with self.opened(path) as picture:
            return _palette(picture) if picture.mode == "P" else None


class Bmp(Bitmap):
    """BMP."""

    name = "BMP"
    suffixes = (".bmp",)
    starts = (b"BM",)


class Jpeg(Bitmap):
    """JPEG; photographs are turned upright."""

    name = "JPEG"
    suffixes = (".jpg", ".jpeg")
    starts = (b"\xff\xd8\xff",)
    lossy = True


class Png(Bitmap):
    """PNG, of 16 bits too, which Pillow would cut to 8 where it has colours or alpha."""

    name = "PNG"
    suffixes = (".png",)
    starts = (b"\x89PNG",)

    def opened(self, path: Path) -> Any:
        """Open, but for animations, of which only the first picture would be seen."""
        picture = super().opened(path)
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            picture.close()
            raise invalid(
                str(path),
                expected="a picture",
                received=f"{frames} in one PNG, an animation",
                remedy="Save it as TIFF, or each picture in a file of its own.",
            )
        return picture

    def info(self, path: Path, part: Part) -> ImageInfo:
        """Read size, type and channels of a picture."""
        info = super().info(path, part)
        depth, colour_type = _depth(path)
        if depth != 16:
            return info
        # Pillow calls 16-bit grey with alpha coloured
        coloured = bool(colour_type & 2)
        kept = info.shape[-1] in (2, 4)
        shape = (*info.shape[:-1], (3 if coloured else 1) + kept)
        names = _RGB if coloured and not kept else None
        return replace(info, shape=shape, dtype=np.dtype(np.uint16), channel_names=names)

    def pixels(self, path: Path, part: Part) -> AnyArray:
        """Decode a picture into ``(y, x, c)``, without alpha unless asked for."""
        if _depth(path)[0] == 16:
            array = self._deep(path)
            with self.opened(path) as picture:
                kept = _keeps_alpha(picture, path, part)
            return array if kept else _without_alpha(array)[0]
        self._verify(path)
        return super().pixels(path, part)

    def values(self, path: Path, part: Part) -> tuple[AnyArray, AnyArray | None]:
        """Decode values as stored, small depths too, which Pillow stretches to 255."""
        depth, colour_type = _depth(path)
        if depth == 16:
            values, alpha = _without_alpha(self._deep(path))
            # one value called transparent says how to show it
            return values, alpha if colour_type & 4 else None
        self._verify(path)
        values, alpha = super().values(path, part)
        # 255 / 3 and 255 / 15: how Pillow stretches 2 and 4 bits
        step = {2: 85, 4: 17}.get(depth, 1) if colour_type == 0 else 1
        return (values // step if step > 1 else values), alpha

    def _verify(self, path: Path) -> None:
        """Compare checksums, which Pillow does not do on decoding: damage would be other pixels."""
        with self.opened(path) as picture:
            picture.verify()

    def _deep(self, path: Path) -> AnyArray:
        """Decode 16 bits, with alpha where there is some."""
        import imagecodecs

        with self.opened(path) as picture:
            _refuse_too_large(picture, path)
            return _turned(imagecodecs.png_decode(path.read_bytes()), picture)


def _orientation(picture: Picture) -> int:
    """Return how a camera was held, by EXIF; to look for it behind a PNG's pixels decodes them."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1
    found = picture.getexif().get(0x0112, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _turned(array: AnyArray, picture: Picture) -> AnyArray:
    """Give a channel axis to all pictures, and turn those that are not upright."""
    return upright(array[..., None] if array.ndim == 2 else array, _orientation(picture))


def _refuse_too_large(picture: Picture, path: Path) -> None:
    # at most 4 bytes a pixel, or 8 in a PNG of 16 bits
    shape = (picture.height, picture.width, 4)
    refuse_too_large(shape, np.dtype(np.uint16 if "16" in picture.mode else np.uint8), str(path))


def _without_alpha(values: AnyArray) -> tuple[AnyArray, AnyArray | None]:
    if values.shape[-1] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def _keeps_alpha(picture: Picture, path: Path, part: Part) -> bool:
    """Whether a picture has alpha that axes ask for, which can be no others."""
    if part.axes is None:
        return False
    if part.axes.lower() not in ("yx", "yxc"):
        expected = f"yx or yxc, as {path} is a picture"
        raise invalid("axes", expected=expected, received=say("{}", Value(part.axes)))
    return part.axes.lower() == "yxc" and _has_alpha(picture)


def _has_alpha(picture: Picture) -> bool:
    """Whether more is stored than colours; one of them called transparent says how to show it."""
    return "A" in picture.mode or (picture.mode == "P" and "transparency" in picture.info)


def _is_coloured(picture: Picture) -> bool:
    if picture.mode == "P":
        palette = _palette(picture)
        return bool((palette != palette[:, :1]).any())
    return picture.mode not in ("1", "L", "LA", "I", "I;16")


def _palette(picture: Picture) -> AnyArray:
    """Return the colours ``(n, 3)`` of indices, as many as the file says."""
    return np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)


def _depth(path: Path) -> tuple[int, int]:
    """Return bit depth and colour type as a PNG's first chunk gives them."""
    with path.open("rb") as file:
        start = file.read(26)
    return start[24], start[25]


PNG, JPEG, BMP = Png(), Jpeg(), Bmp()
