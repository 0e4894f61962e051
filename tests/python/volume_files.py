"""Volumes in HDF5, Imaris, BigDataViewer and N5 for the tests, laid out as these are documented."""

from __future__ import annotations

import numpy as np


def letters_of(text):
    """Return a text as Imaris stores it: an array of single letters."""
    return np.frombuffer(str(text).encode(), "S1")


def write_h5(path, sets):
    """Write data sets: arrays, or pairs of an array and its attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, given in sets.items():
            array, said = given if isinstance(given, tuple) else (given, {})
            file[name] = array
            file[name].attrs.update(said)


def write_ims(path, array, ends=None, unit="um", names=("DAPI", "GFP"), chunk=8):
    """Write ``(t, c, z, y, x)`` with one smaller copy; `ends` are the corners along x, y, z."""
    import h5py

    ends = ends or [(0, n) for n in array.shape[:1:-1]]
    with h5py.File(path, "w") as file:
        image = file.create_group("DataSetInfo/Image")
        for axis, size in zip("XYZ", array.shape[:1:-1], strict=True):
            image.attrs[axis] = letters_of(size)
        for k, (low, high) in enumerate(ends):
            image.attrs[f"ExtMin{k}"], image.attrs[f"ExtMax{k}"] = letters_of(low), letters_of(high)
        image.attrs["Unit"] = letters_of(unit)
        for c, name in enumerate(names[: array.shape[1]]):
            said = file.create_group(f"DataSetInfo/Channel {c}").attrs
            said["Name"], said["Color"] = letters_of(name), letters_of("1.000 0.000 0.000")
        for level in range(2):
            step = slice(None, None, 2**level)
            for t, c in np.ndindex(array.shape[:2]):
                group = file.create_group(
                    f"DataSet/ResolutionLevel {level}/TimePoint {t}/Channel {c}"
                )
                volume = array[t, c, :, step, step]
                for axis, size in zip("XYZ", volume.shape[::-1], strict=True):
                    group.attrs[f"ImageSize{axis}"] = letters_of(size)
                # filled up to whole chunks, with what is no pixel
                padded = np.full([-(-n // chunk) * chunk for n in volume.shape], 77, array.dtype)
                padded[tuple(slice(0, n) for n in volume.shape)] = volume
                group.create_dataset("Data", data=padded, chunks=(chunk,) * 3, compression="gzip")


_XML = """<?xml version="1.0" encoding="UTF-8"?>
<SpimData version="0.2">
  <BasePath type="relative">.</BasePath>
  <SequenceDescription>
    <ImageLoader format="{format}" version="1.0">{loader}</ImageLoader>
    <ViewSetups>{setups}{attributes}</ViewSetups>
    <Timepoints type="range"><first>0</first><last>{last}</last></Timepoints>
    {missing}
  </SequenceDescription>
  <ViewRegistrations>{places}</ViewRegistrations>
</SpimData>"""


def placed(steps):
    """Return `ViewRegistrations` of lists of affine transforms by time point and setup."""
    views = ""
    for (t, s), affines in steps.items():
        inside = "".join(
            f'<ViewTransform type="affine"><Name>step {k}</Name><affine>{one}</affine>'
            "</ViewTransform>"
            for k, one in enumerate(affines)
        )
        views += f'<ViewRegistration timepoint="{t}" setup="{s}">{inside}</ViewRegistration>'
    return views


def write_bdv(
    path, views, voxel=(0.5, 0.5, 2.0), unit="micrometer", kind="hdf5", missing=(), steps=None
):
    """Write ``(t, z, y, x)`` of each (channel, angle), of 16 bits; `voxel` is along x, y, z."""
    count = next(iter(views.values())).shape[0]
    setups = ""
    for number, ((channel, angle), array) in enumerate(views.items()):
        size = " ".join(map(str, array.shape[:0:-1]))
        setups += (
            f"<ViewSetup><id>{number}</id><name>setup {number}</name><size>{size}</size>"
            f"<voxelSize><unit>{unit}</unit><size>{' '.join(map(str, voxel))}</size></voxelSize>"
            f"<attributes><illumination>0</illumination><channel>{channel}</channel>"
            f"<tile>0</tile><angle>{angle}</angle></attributes></ViewSetup>"
        )
    named = "".join(
        f"<Channel><id>{c}</id><name>{'DAPI' if c == 0 else 'GFP'}</name></Channel>"
        for c in dict.fromkeys(c for c, _ in views)
    )
    name = f"{path.stem}.{'h5' if kind == 'hdf5' else 'n5'}"
    text = _XML.format(
        format=f"bdv.{kind}",
        loader=f'<{kind} type="relative">{name}</{kind}>',
        setups=setups,
        attributes=f'<Attributes name="channel">{named}</Attributes>',
        last=count - 1,
        missing="<MissingViews>"
        + "".join(f'<MissingView timepoint="{t}" setup="{s}"/>' for t, s in missing)
        + "</MissingViews>",
        places=placed(steps or {}),
    )
    path.write_text(text)
    (_bdv_h5 if kind == "hdf5" else _bdv_n5)(path.with_name(name), list(views.values()), missing)


def _bdv_h5(path, arrays, missing):
    import h5py

    with h5py.File(path, "w") as file:
        for s, array in enumerate(arrays):
            file[f"s{s:02d}/resolutions"] = np.array([[1.0, 1, 1], [2, 2, 1]])
            file[f"s{s:02d}/subdivisions"] = np.array([[16, 16, 16]] * 2, np.int32)
            for t, volume in enumerate(array):
                if (t, s) not in missing:
                    group = f"t{t:05d}/s{s:02d}"
                    # as Java writes it, which has no type without a sign
                    file[f"{group}/0/cells"] = volume.view(np.int16)
                    file[f"{group}/1/cells"] = volume[:, ::2, ::2].copy().view(np.int16)


def _bdv_n5(path, arrays, missing):
    write_n5_said(path, {"n5": "4.0.0"})
    for s, array in enumerate(arrays):
        said = {"downsamplingFactors": [[1, 1, 1], [2, 2, 1]], "dataType": "uint16"}
        write_n5_said(path / f"setup{s}", said)
        for t, volume in enumerate(array):
            if (t, s) not in missing:
                group = path / f"setup{s}" / f"timepoint{t}"
                write_n5(group / "s0", volume)
                write_n5(group / "s1", volume[:, ::2, ::2], downsamplingFactors=[2, 2, 1])


def write_n5_said(path, said):
    """Write what is said of a folder of N5."""
    import json

    path.mkdir(parents=True, exist_ok=True)
    (path / "attributes.json").write_text(json.dumps(said))


def write_n5(path, array, **said):
    """Write an array of N5 by tensorstore, which is given x first; then say more of it."""
    import json

    import tensorstore

    metadata = {
        "dimensions": list(array.shape[::-1]),
        "blockSize": [min(8, n) for n in array.shape[::-1]],
        "dataType": array.dtype.name,
        "compression": {"type": "gzip"},
    }
    where = {"driver": "file", "path": f"{path}/"}
    spec = {"driver": "n5", "kvstore": where, "metadata": metadata, "create": True}
    tensorstore.open(spec).result()[...] = array.transpose()
    file = path / "attributes.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **said}))
