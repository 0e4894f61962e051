"""Image files whose bytes, headers or tags were changed, and files that are no files."""

from __future__ import annotations

import json
import os
import socket
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import model_folders
from .damage import BYTES, damaged
from .pool import Silent
from .vendor_files import write_lif, write_nd2

Pixels = np.ndarray
_READY: dict[str, Any] = {}
FIXTURES = Path(__file__).parents[4] / "shared" / "data" / "io_fixtures"
VENDOR = ("czi/DAPI_GFP.czi", "czi/FOV7_HV110_P0500510000.czi")


def prepare(root: Path) -> None:
    """Load the model that cases predict with, and write a whole image of each kind."""
    import cytoloom as cl

    _READY["model"] = cl.load(model_folders.ready())
    grey, labels = cl.simulate.nuclei(shape=(40, 48), count=4)
    _READY["grey"], _READY["labels"] = grey, labels
    _READY["model"].predict(grey)
    folder = root / "images"
    folder.mkdir()
    for name, write in _WRITERS.items():
        write(folder / name, grey)
    given = Path(os.environ.get("CYTOLOOM_DATA", FIXTURES.parent)) / "io_fixtures"
    vendor = [given / name for name in VENDOR if (given / name).is_file()]
    _READY["files"] = [*sorted(folder.iterdir()), *vendor]
    _READY["whole"] = {path.name: _pixels(path)[0] for path in _READY["files"]}


def _tiff(**settings: Any) -> Callable[[Path, Pixels], object]:
    import tifffile

    return lambda path, grey: tifffile.imwrite(path, grey, **settings)


def _tiff_of(change: Callable[[Pixels], Pixels], **settings: Any) -> Callable[..., object]:
    return lambda path, grey: _tiff(**settings)(path, change(grey))


def _picture(change: Callable[[Pixels], Pixels], **settings: Any) -> Callable[..., object]:
    from PIL import Image

    return lambda path, grey: Image.fromarray(change(grey)).save(path, **settings)


def _byte(grey: Pixels) -> Pixels:
    return (grey >> 8).astype(np.uint8)


def _colours(grey: Pixels) -> Pixels:
    return np.stack([_byte(grey), 255 - _byte(grey), _byte(grey)], -1)


_WRITERS: dict[str, Callable[[Path, Pixels], object]] = {
    "plain.tif": _tiff(),
    "zlib.tif": _tiff(compression="zlib", predictor=True),
    "strips.tif": _tiff(rowsperstrip=4),
    "tiles.tif": _tiff(tile=(16, 16), compression="lzw"),
    "big.tif": _tiff(bigtiff=True, byteorder=">"),
    "imagej.tif": _tiff_of(lambda g: np.stack([g, g, g]), imagej=True, metadata={"axes": "ZYX"}),
    "ome.tif": _tiff_of(lambda g: np.stack([g, g]), ome=True, metadata={"axes": "CYX"}),
    "float.tif": _tiff_of(lambda g: g.astype(np.float32), compression="zstd"),
    "rgb.tif": _tiff_of(_colours, photometric="rgb"),
    "jpeg.tif": _tiff_of(_byte, compression="jpeg"),
    "grey.png": _picture(_byte),
    "deep.png": _picture(lambda grey: grey),
    "colour.png": _picture(_colours),
    "bits.png": _picture(lambda grey: _byte(grey) > 100),
    "grey.jpg": _picture(_byte),
    "colour.jpg": _picture(_colours, progressive=True),
    "grey.bmp": _picture(_byte),
    "grey.npy": lambda path, grey: np.save(path, grey),
    "float.npy": lambda path, grey: np.save(path, np.asfortranarray(grey.astype(float))),
    "grey.lif": lambda path, grey: write_lif(path, [("a", np.stack([grey, grey]), "CYX")]),
    "grey.nd2": lambda path, grey: write_nd2(path, np.stack([grey, grey + 1])),
}
_OTHERS: dict[str, Callable[[Path, Pixels], object]] = {
    "a.npz": lambda path, grey: np.savez(path, grey=grey),
    "a.zip": lambda path, grey: np.savez(path.open("wb"), grey=grey),
    "a.roi": lambda path, grey: path.write_bytes(b"Iout" + grey.tobytes()[:200]),
    "a.h5": lambda path, grey: _h5(path, grey),
    "a.zarr": lambda path, grey: _zarr(path, grey),
}
"""What is not read here, but said so; HDF5; and a store of Zarr, which is a folder."""
READ = (".tif", ".png", ".npy", ".jpg", ".czi", ".lif", ".nd2")
CHECKED = (".png",)
"""Endings of files whose bytes all have checksums, so that no damage may stay unnoticed."""


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Write one bad file; then read it, or use it among others."""
    kind, whole = rng.random(), None
    if kind < 0.1:
        name, what = _no_file(rng, folder)
    elif kind < 0.25:
        name, what = _odd_array(rng, folder)
    elif kind < 0.35:
        name, what = _other_format(rng, folder)
    else:
        name, what, whole = _changed_file(rng, folder)
    use = str(rng.choice(list(_USES)))

    def used() -> None:
        _refuse_other_pixels(folder / name, whole)
        _USES[use](folder / name)

    return f"{use}: {name} {what}", used


def _pixels(path: Path) -> tuple[Pixels | None, bool]:
    """Return what is read of a file, nothing where it is refused, and whether anything was said."""
    import cytoloom as cl
    from cytoloom.errors import InvalidError

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            return cl.images.read(path).array, bool(said)
        except InvalidError:
            return None, True


def _refuse_other_pixels(path: Path, whole: Pixels | None) -> None:
    """Raise where a file whose damage can be noticed gives other pixels without a word."""
    if whole is None:
        return
    found, said = _pixels(path)
    if not said and not (found is not None and np.array_equal(found, whole)):
        raise Silent("other pixels than before it was damaged")


def _other_format(rng: np.random.Generator, folder: Path) -> tuple[str, str]:
    """Write what is no image here (archives, outlines), HDF5 and Zarr folders, damaged or not."""
    name = str(rng.choice(list(_OTHERS)))
    _OTHERS[name](folder / name, _READY["grey"])
    files = sorted(p for p in [folder / name, *(folder / name).rglob("*")] if p.is_file())
    how = "whole"
    if rng.random() < 0.5:
        file = files[int(rng.integers(len(files)))]
        data, how = damaged(rng, file.read_bytes())
        file.write_bytes(data)
    if rng.random() < 0.3 and (folder / name).is_file():
        name = str((folder / name).rename(folder / f"b{rng.choice(READ)}").name)
    return name, how


def _h5(path: Path, grey: Pixels) -> None:
    """Write HDF5 of one data set."""
    import h5py

    with h5py.File(path, "w") as file:
        file["raw"] = grey


def _zarr(path: Path, grey: Pixels) -> None:
    """Write OME-Zarr 0.5 of one resolution and one chunk, by hand."""
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": []}]}
    group = {"zarr_format": 3, "node_type": "group"}
    group["attributes"] = {"ome": {"version": "0.5", "multiscales": [image]}}
    chunks = {"name": "regular", "configuration": {"chunk_shape": grey.shape}}
    codec = {"name": "bytes", "configuration": {"endian": "little"}}
    array = {"zarr_format": 3, "node_type": "array", "shape": grey.shape, "data_type": "uint16",
             "chunk_grid": chunks, "fill_value": 0, "codecs": [codec],
             "chunk_key_encoding": {"name": "default"}}  # fmt: skip
    (path / "0" / "c" / "0").mkdir(parents=True)
    (path / "zarr.json").write_text(json.dumps(group))
    (path / "0" / "zarr.json").write_text(json.dumps(array))
    (path / "0" / "c" / "0" / "0").write_bytes(grey.tobytes())


def _changed_file(rng: np.random.Generator, folder: Path) -> tuple[str, str, Pixels | None]:
    source = _READY["files"][int(rng.integers(len(_READY["files"])))]
    data, name = source.read_bytes(), source.name
    fields = _FIELDS.get(source.suffix)
    if fields is not None and rng.random() < 0.5:
        data, how = fields(rng, data)
    else:
        data, how = damaged(rng, data)
    whole = _READY["whole"][source.name]
    # of the damage to bytes, which unlike other values in a header leaves checksums as they were
    noticed = how == "cut off" or (how in BYTES and source.suffix in CHECKED)
    if rng.random() < 0.05:
        name = f"a{rng.choice(READ)}"
    (folder / name).write_bytes(data)
    return name, f"(of {source.name}): {how}", whole if noticed else None


def _extreme(rng: np.random.Generator, bits: int) -> int:
    choices = [0, 1, 2, 3, 255, 2 ** (bits - 1), 2 ** (bits - 1) - 1, 2**bits - 1, 2**16 % 2**bits]
    return int(choices[int(rng.integers(len(choices)))])


def _tags(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """Change number, type, count or value of a tag of the first page of a TIFF."""
    big = data[2] == 43 or data[3] == 43
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    size, first = (20, at + 8) if big else (12, at + 2)
    entry = first + size * int(rng.integers(count))
    tag = struct.unpack_from(order + "H", data, entry)[0]
    part = str(rng.choice(["number", "type", "count", "value", "value", "value"]))
    format_, offset = {
        "number": ("H", 0),
        "type": ("H", 2),
        "count": ("Q" if big else "I", 4),
        "value": ("Q" if big else "I", size - (8 if big else 4)),
    }[part]
    value = _extreme(rng, 8 * struct.calcsize(order + format_))
    changed = bytearray(data)
    struct.pack_into(order + format_, changed, entry + offset, value)
    return bytes(changed), f"{part} of tag {tag} = {value}"


def _png_head(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """Change size, depth or colours in the head of a PNG, with a checksum that agrees."""
    changed = bytearray(data)
    at, bits = [(16, 32), (20, 32), (24, 8), (25, 8), (26, 8), (27, 8), (28, 8)][rng.integers(7)]
    value = _extreme(rng, bits)
    changed[at : at + bits // 8] = value.to_bytes(bits // 8, "big")
    changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    return bytes(changed), f"byte {at} of its head = {value}"


def _jpeg_head(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """Change size or components in the frame of a JPEG."""
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    at, bits = [(4, 8), (5, 16), (7, 16), (9, 8), (11, 8)][rng.integers(5)]
    value = _extreme(rng, bits)
    changed = bytearray(data)
    changed[frame + at : frame + at + bits // 8] = value.to_bytes(bits // 8, "big")
    return bytes(changed), f"byte {at} of its frame = {value}"


def _bmp_head(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    at, bits = [(10, 32), (14, 32), (18, 32), (22, 32), (26, 16), (28, 16), (30, 32), (46, 32)][
        rng.integers(8)
    ]
    value = _extreme(rng, bits)
    changed = bytearray(data)
    changed[at : at + bits // 8] = value.to_bytes(bits // 8, "little")
    return bytes(changed), f"byte {at} of its head = {value}"


_HEADS = (
    "{'descr': '<u2', 'fortran_order': False, 'shape': (1000000000, 1000000000), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (65536, 65536), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (-1, 40), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (0, 40), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (), }",
    "{'descr': '<u2', 'fortran_order': False, 'shape': (40,), }",
    "{'descr': '<u2', 'fortran_order': 7, 'shape': (40, 48), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (40, 48), }",
    "{'descr': [('a', '<u2'), ('b', '<f4')], 'fortran_order': False, 'shape': (10, 10), }",
    "{'descr': '<U4', 'fortran_order': False, 'shape': (10, 10), }",
    "{'descr': '|V2', 'fortran_order': False, 'shape': (40, 48), }",
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (10, 10), }",
    "{'descr': 'nonsense', 'fortran_order': False, 'shape': (40, 48), }",
    "{'descr': 5, 'fortran_order': False, 'shape': (40, 48), }",
    "{'descr': '<u2', 'shape': (40, 48), }",
    "__import__('os').system('true')",
    "[[[[[[[[",
    "",
)


def _npy_head(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    words = str(rng.choice(_HEADS))
    head = words.encode().ljust(117) + b"\n"
    return data[:8] + struct.pack("<H", len(head)) + head + data[128:], f"with the head {words}"


_FIELDS = {
    ".tif": _tags,
    ".png": _png_head,
    ".jpg": _jpeg_head,
    ".bmp": _bmp_head,
    ".npy": _npy_head,
}


def _odd_array(rng: np.random.Generator, folder: Path) -> tuple[str, str]:
    """Write an array that is hardly an image, as NPY or TIFF."""
    import tifffile

    grey = _READY["grey"]
    arrays = {
        "objects": np.array([[None, {}], [1, 2]], object),
        "text": np.full((40, 48), "a"),
        "bytes": np.full((40, 48), b"ab"),
        "structured": np.zeros((40, 48), [("a", int), ("b", float)]),
        "dates": np.zeros((40, 48), "M8[s]"),
        "complex": grey.astype(complex),
        "uint64 near 2^64": grey.astype(np.uint64) + np.uint64(2**64 - 2**17),
        "int64 extremes": np.where(grey > 9000, 2**63 - 1, -(2**63)),
        "float extremes": np.where(grey > 9000, 1e308, -1e308),
        "float32 extremes": np.where(grey > 9000, 3e38, -3e38).astype(np.float32),
        "half floats": np.where(grey > 9000, np.inf, -np.inf).astype(np.float16),
        "long floats": grey.astype(np.longdouble) * np.longdouble("1e4000"),
        "all NaN": np.full((40, 48), np.nan),
        "denormal": np.where(grey > 9000, 5e-324, 0),
        "one pixel": grey[:1, :1],
        "a line": grey[:1],
        "nothing": grey[:0],
        "a scalar": np.array(3),
        "six axes": np.zeros((1, 1, 1, 1, 4, 4), np.uint8),
        "thin": np.zeros((2, 5000), np.uint8),
        "negative": -grey.astype(np.int32),
        "big-endian": grey.astype(">f8"),
    }
    kind = str(rng.choice(list(arrays)))
    if rng.random() < 0.3:
        try:
            tifffile.imwrite(folder / "odd.tif", arrays[kind])
            return "odd.tif", f"of {kind}"
        except Exception:  # what TIFF does not hold
            (folder / "odd.tif").unlink(missing_ok=True)
    np.save(folder / "odd.npy", arrays[kind], allow_pickle=True)
    return "odd.npy", f"of {kind}"


def _no_file(rng: np.random.Generator, folder: Path) -> tuple[str, str]:
    """Let something stand where a file is looked for."""
    name = str(rng.choice(["a.tif", "a.png", "a.npy", "a.czi", "a.bmp"]))
    path = folder / name
    kind = str(rng.choice(list(_NO_FILES)))
    _NO_FILES[kind](path)
    return name, f"is {kind}"


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


_NO_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to zeros": lambda path: path.symlink_to("/dev/zero"),
    "a link to null": lambda path: path.symlink_to("/dev/null"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to a process": lambda path: path.symlink_to("/proc/self/mem"),
    "a link to its folder": lambda path: path.symlink_to("."),
    "a file with holes": lambda path: (path.touch(), os.truncate(path, 2**40)),
}


def _read(path: Path) -> None:
    import cytoloom as cl

    cl.images.scenes(path)
    info = cl.images.probe(path)
    image = cl.images.read(path)
    if image.array.shape != info.shape:
        raise Silent(f"pixels {image.array.shape}, but the header was read as {info.shape}")


def _labels(path: Path) -> None:
    import cytoloom as cl

    labels = cl.images.read_labels(path)
    if labels.dtype.kind not in "iu":
        raise Silent(f"labels of type {labels.dtype}")


def _predict(path: Path) -> None:
    import cytoloom as cl

    found = cl.predict(_READY["model"], path, out="out", progress=False)
    shape = cl.images.probe(path).frame_shape[:-1]
    for name, labels in found:
        if labels.shape != shape:
            raise Silent(f"labels of shape {labels.shape} for {name}, which is {shape}")


def _among(path: Path) -> None:
    """Predict it between two whole images, which must come out."""
    import cytoloom as cl

    good = path.parent / "good.npy"
    np.save(good, _READY["grey"])
    np.save(path.parent / "zz.npy", _READY["grey"])
    images = [good, path, path.parent / "zz.npy"]
    found = cl.predict(_READY["model"], images, out="out", overlay=True, progress=False)
    status = dict(zip(found.files["image"], found.files["status"], strict=True))
    if status.get("good") != "ok" or status.get("zz") != "ok":
        raise Silent(f"whole images were not predicted: {status}")


def _pairs(path: Path, image: Path) -> dict[str, list[Any]]:
    grey, labels = _READY["grey"], _READY["labels"]
    bad = labels if image == path else path
    return {
        "images": [grey, image if image == path else grey, grey],
        "labels": [labels, bad, labels],
    }


def _check(path: Path) -> None:
    import cytoloom as cl

    str(cl.check(_pairs(path, path), progress=False))


def _check_labels(path: Path) -> None:
    import cytoloom as cl

    str(cl.check(_pairs(path, path.with_name("other")), progress=False))


def _evaluate(path: Path) -> None:
    import cytoloom as cl

    cl.evaluate(_READY["model"], _pairs(path, path), progress=False)


_USES = {
    "read": _read,
    "read labels": _labels,
    "predict": _predict,
    "predict among others": _among,
    "check": _check,
    "check as labels": _check_labels,
    "evaluate": _evaluate,
}
