"""Encoders that were trained on other images, of `keras.applications`, with weights from a file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.listing import some
from ..errors import invalid
from ..messages import said_by
from ..networks.autoencoder import CODE
from ..runtime import backend
from ..runtime.backend import require

Codes = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_NAME = re.compile(r"([A-Z]\w+):(.+)", re.DOTALL)
LEAST_PX = 32


def is_word(words: object) -> bool:
    """Whether words stand for an encoder that is no model.

    Examples
    --------
    >>> is_word("random"), is_word("ResNet50:w.h5"), is_word("C:/cells.cytoloom")
    (True, True, False)
    """
    return words == "random" or is_frozen(words)


def is_frozen(words: object) -> bool:
    """Whether words name an architecture and a file of weights.

    Examples
    --------
    >>> is_frozen("MobileNetV3Small:weights.h5"), is_frozen("cells.cytoloom")
    (True, False)
    """
    return isinstance(words, str) and _NAME.fullmatch(words) is not None


def frozen(words: str, channels: int, size_px: tuple[int, ...]) -> Codes:
    """Return what encodes crops by a network of `keras.applications`, each channel by itself.

    Parameters
    ----------
    words : str
        ``"NAME:FILE"``: an architecture such as MobileNetV3Small, and its weights without the
        top, ``.h5`` or ``.weights.h5``.
    channels : int
        Of the crops; each is shown as grey, and the codes stand one behind the other.
    size_px : tuple of int
        Of the crops; smaller ones than 32 px are repeated by pixels until they are as large.

    Raises
    ------
    InvalidError
        No such architecture, no file, or weights of another network.
    """
    keras = require(ndim=2)
    match = _NAME.fullmatch(words)
    assert match is not None  # who calls has asked is_frozen
    name, file = match[1], Path(match[2]).expanduser()
    known = [n for n in dir(keras.applications) if n[0].isupper()]
    if name not in known:
        raise invalid("model", expected=f"an architecture of keras.applications: {some(known)}",
                      received=name)  # fmt: skip
    if len(size_px) != 2:
        raise invalid("cells", expected="crops (y, x) for keras.applications",
                      received="crops of stacks")  # fmt: skip
    if not file.is_file() or not file.name.endswith(".h5"):
        raise invalid("model", expected=f"a file of weights of {name} that is there, .h5",
                      received=str(file))  # fmt: skip
    times = -(-LEAST_PX // min(size_px))
    size = tuple(n * times for n in size_px)
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, pooling="avg", input_shape=(*size, 3)
    )
    try:
        with warnings.catch_warnings():
            # what is only warned of, and stays random, are no weights of this network
            warnings.simplefilter("error", UserWarning)
            network.load_weights(str(file))
    except (ValueError, OSError, KeyError, UserWarning) as error:
        first = said_by(error).splitlines()[0]
        raise invalid("model", expected=f"weights of {name} without its top",
                      received=f"{file}: {first}") from None  # fmt: skip
    run = backend.forward(keras.Model(network.input, {CODE: network.output}))
    prepare = _preparing(keras, name)

    def codes(crops: NDArray[np.float32]) -> NDArray[np.float32]:
        large = crops.repeat(times, axis=1).repeat(times, axis=2) if times > 1 else crops
        found = []
        for c in range(channels):
            grey = np.clip(large[..., c : c + 1], 0, 1).repeat(3, axis=-1) * 255
            found.append(run(np.asarray(prepare(grey), np.float32))[CODE])
        return np.concatenate(found, axis=1)

    return codes


def _preparing(keras: object, name: str) -> Callable[[NDArray[np.float32]], object]:
    """Return how the makers of an architecture scale pixels of 0 to 255."""
    import pkgutil
    from importlib import import_module

    home = keras.applications  # type: ignore[attr-defined]
    for one in pkgutil.iter_modules(home.__path__):
        module = import_module(f"{home.__name__}.{one.name}")
        if hasattr(module, name) and hasattr(module, "preprocess_input"):
            found: Callable[[NDArray[np.float32]], object] = module.preprocess_input
            return found
    return lambda pixels: pixels
