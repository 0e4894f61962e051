"""Small files of microscopes, written by hand by what is known of their layout."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np


def lif_element(name, block, array, letters, dyes=()):
    """Describe an image of a LIF: axes in the order of `letters`, channels one after the other."""
    ids = {"X": 1, "Y": 2, "Z": 3, "T": 4}
    count = array.shape[letters.index("C")] if "C" in letters else 1
    steps = {a: s for a, s in zip(letters, array.strides, strict=True)}
    sizes = dict(zip(letters, array.shape, strict=True))
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{8 * array.itemsize}" '
        'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="Gray" IsLUTInverted="0" '
        f'BytesInc="{k * steps.get("C", 0)}" BitInc="0">'
        + (f"<ChannelProperty><Key>DyeName</Key><Value>{dyes[k]}</Value></ChannelProperty>"
           if dyes else "")
        + "</ChannelDescription>"
        for k in range(count)
    )  # fmt: skip
    dimensions = "".join(
        f'<DimensionDescription DimID="{ids[a]}" NumberOfElements="{sizes[a]}" Origin="0" '
        f'Length="{(sizes[a] - 1) * (2e-6 if a == "Z" else 5e-7)}" '
        f'Unit="{"s" if a == "T" else "m"}" BytesInc="{steps[a]}" BitInc="0"/>'
        for a in reversed(letters) if a != "C"
    )  # fmt: skip
    return (
        f'<Element Name="{name}" UniqueID="u"><Data><Image><ImageDescription><Channels>{channels}'
        f"</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{array.nbytes}" MemoryBlockID="{block}"/></Element>'
    )


def write_lif(path: Path, images: list[Any]) -> Path:
    """Write images, a list of arguments of `lif_element`, as one project of LIF version 2."""
    elements = "".join(lif_element(n, f"Block{k}", *rest) for k, (n, *rest) in enumerate(images))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="project"><Data><Experiment/></Data>'
        f"<Children>{elements}</Children></Element></LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    parts = [struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(xml)), text]
    for k, (_, array, *_rest) in enumerate(images):
        name = f"Block{k}"
        head = struct.pack("<IIBQBI", 0x70, 0, 0x2A, array.nbytes, 0x2A, len(name))
        parts += [head, name.encode("utf-16-le"), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def write_nd2(path: Path, frames: np.ndarray, pixel_size_um: float = 0.5, planned: int = 0) -> Path:
    """Write a series (t, y, x) of uint16 as ND2 version 3, of `planned` frames if these are more.

    A chunk has a magic number, the lengths of its name and of its data, and both; the last one
    is a map of where the others begin.
    """
    count, height, width = frames.shape
    attributes = {
        "uiWidth": width, "uiWidthBytes": 2 * width, "uiHeight": height, "uiComp": 1,
        "uiBpcInMemory": 16, "uiBpcSignificant": 16, "uiSequenceCount": count, "eCompression": 2,
    }  # fmt: skip
    dye = {"m_ExcitationSpectrum": {"uiCount": 0}, "m_EmissionSpectrum": {"uiCount": 0}}
    plane = {"sDescription": "DAPI", "uiCompCount": 1, "pFluorescentProbe": dye}
    planes = {"uiCount": 1, "sPlaneNew": {"a0": plane}}
    picture = {"bCalibrated": True, "dCalibration": pixel_size_um, "sPicturePlanes": planes}
    series = {"uiCount": planned or count, "dStart": 0.0, "dPeriod": 1.0, "dDuration": 0.0}
    chunks = {
        "ImageAttributesLV!": _levels({"SLxImageAttributes": attributes}),
        "ImageMetadataSeqLV|0!": _levels({"SLxPictureMetadata": picture}),
        "ImageMetadataLV!": _levels({"SLxExperiment": {"eType": 1, "uLoopPars": series}}),
    }
    # of each frame its time comes first
    chunks |= {f"ImageDataSeq|{k}!": bytes(8) + f.tobytes() for k, f in enumerate(frames)}
    written = _chunk("ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)
    places = b""
    for name, data in chunks.items():
        places += name.encode() + struct.pack("<QQ", len(written), len(data))
        written += _chunk(name, data, 4072)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(written))
    path.write_bytes(written + _chunk("ND2 FILEMAP SIGNATURE NAME 0001!", places + end, 32))
    return path


def _chunk(name: str, data: bytes, reserved: int) -> bytes:
    head = struct.pack("<IIQ", 0x0ABECEDA, reserved, len(data))
    return head + name.encode().ljust(reserved, b"\0") + data


def _levels(values: dict[str, Any]) -> bytes:
    """Write nested values as Nikon does: type, length of the name, the name, the value."""
    written = b""
    for name, value in values.items():
        plain = f"{name}\0".encode("utf-16-le")
        if isinstance(value, dict):
            inner = _levels(value)
            size = struct.pack("<IQ", len(value), 2 + len(plain) + 12 + len(inner))
            kind, data = 11, size + inner + bytes(8 * len(value))
        elif isinstance(value, str):
            kind, data = 8, f"{value}\0".encode("utf-16-le")
        else:
            kinds = {bool: (1, "B"), int: (3, "<I"), float: (6, "<d")}
            kind, letter = kinds[type(value)]
            data = struct.pack(letter, value)
        written += bytes([kind, len(name) + 1]) + plain + data
    return written
