"""Export a model: its network and all that is needed to apply it, for programs without cytoloom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..events import Work, verb

if TYPE_CHECKING:
    from .model import Model


@verb
def export_model(
    model: Model | str | os.PathLike[str],
    path: str | os.PathLike[str],
    format: str = "onnx",
    *,
    overwrite: bool = False,
    progress: bool | str = "auto",
) -> Work[Path]:
    """Write a model for other programs, and try it there.

    Parameters
    ----------
    model : Model or path
        What to write, or its folder.
    path : path
        Folder for the files, made if missing; one with other files in it is refused.
    format : {"onnx", "saved_model", "openvino", "bioimageio"}, default "onnx"
        "onnx": ``model.onnx`` (needs the extra ``onnx``); "saved_model": of TensorFlow, the folder
        itself; "openvino": ``model.xml`` and ``model.bin`` (the extra ``fast``); "bioimageio": a
        package of the BioImage Model Zoo, ``rdf.yaml`` and all of it in ``model.zip`` (the extra
        ``bioimageio``).
    overwrite : bool, default False
        Replace an earlier export that is in `path`.
    progress : bool or "auto", default "auto"
        Show progress on standard error.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InvalidError
        Another format, a package that is missing, a backend other than TensorFlow, a folder with
        other files, a model of several networks, or an export that gives other maps than the model.

    Notes
    -----
    The network takes scaled float32 images (batch, y, x, channels) or (batch, z, y, x, channels)
    under the name "image", and gives the maps after activation (probabilities, for a sigmoid or a
    softmax) by head. Beside it are ``cytoloom.json``, with scaling, halo, sizes, channels, pixel
    size and the settings that make labels of maps; ``README.md`` and ``example.py``, which applies
    the network without cytoloom; and an image with its maps. The runtime of the format, where it is
    installed, is given that image: maps that differ by more than 1e-3 are an error, and the largest
    difference is in ``cytoloom.json``.

    Examples
    --------
    >>> import cytoloom as cl
    >>> cl.export_model("nuclei.cytoloom", "nuclei-onnx")  # doctest: +SKIP
    PosixPath('nuclei-onnx')
    """
    from .inputs import image_model
    from .portable.export import exported

    found: Path = yield from exported(image_model(model), path, format, overwrite)
    return found
