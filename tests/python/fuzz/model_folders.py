"""Folders of models whose files were damaged, retyped, renamed or exchanged."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .damage import damaged, misplaced, one_file, somewhere
from .pool import Silent
from .values import PLAIN, named

_READY: dict[str, Path] = {}
NETWORK = "members/1/network.keras"


def prepare(root: Path) -> None:
    """Write the models that cases change copies of."""
    import cytoloom as cl
    from cytoloom.models.untrained import untrained

    for task in (cl.tasks.Binary(), cl.tasks.Instances()):
        folder = root / f"{type(task).__name__}.cytoloom"
        untrained(task).save(folder)
        _READY[folder.stem] = folder


def ready() -> Path:
    """Return the folder of a whole model."""
    return _READY["Binary"]


def case(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], object]]:
    """Change a copy of a model in one way; then load it, look at it or predict with it."""
    name = str(rng.choice(list(_READY)))
    model = folder / "m.cytoloom"
    shutil.copytree(_READY[name], model)
    what = _CHANGES[int(rng.integers(len(_CHANGES)))](rng, model)
    if rng.random() < 0.6:
        what += _agreeing(model)
    use = str(rng.choice(list(_USES)))
    return f"{use} of {name}: {what}", lambda: _USES[use](model)


def _agreeing(model: Path) -> str:
    """Let the manifest name the files as they now are, as someone who means it would."""
    file = model / "model.json"
    if not file.is_file():
        return ""
    try:
        plain = json.loads(file.read_bytes())
        for name in plain["files"]:
            if (model / name).is_file():
                plain["files"][name] = hashlib.sha256((model / name).read_bytes()).hexdigest()
        file.write_text(json.dumps(plain))
    except Exception:
        return ""
    return ", hashes agree"


def _manifest_values(rng: np.random.Generator, model: Path) -> str:
    """Change values, names or fields of model.json."""
    file = model / "model.json"
    plain = json.loads(file.read_text())
    said = []
    for _ in range(int(rng.choice([1, 1, 1, 3]))):
        holder, key = somewhere(rng, plain)
        value = PLAIN[int(rng.integers(len(PLAIN)))]
        if rng.random() < 0.2:
            said.append(f"{key} taken out")
            del holder[key]
        elif rng.random() < 0.1 and isinstance(holder, dict):
            said.append(f"a field beside {key}")
            holder["odd"] = value
        else:
            said.append(f"{key} = {named(value)}")
            holder[key] = value
    file.write_text(json.dumps(plain))
    return "model.json " + ", ".join(said)


def _manifest_text(rng: np.random.Generator, model: Path) -> str:
    """Write model.json as JSON that is hardly any."""
    file = model / "model.json"
    text = file.read_text()
    texts: dict[str, bytes] = {
        "nested deeply": b"[" * 100_000,
        "a deep field": text.replace('"seed": 0', '"seed": ' + "[" * 9000 + "]" * 9000).encode(),
        "with a byte-order mark": b"\xef\xbb\xbf" + text.encode(),
        "in UTF-16": text.encode("utf-16"),
        "with NaN": text.replace("null", "NaN").encode(),
        "with Infinity": text.replace("null", "Infinity").encode(),
        "with the same field twice": (text.rstrip()[:-1] + ', "files": {}}').encode(),
        "a list": b"[1, 2]",
        "null": b"null",
        "a number of 9999 digits": text.replace('"seed": 0', f'"seed": {"9" * 9999}').encode(),
        "a lone surrogate": text.replace('"seed": 0', '"seed": "\\ud800"').encode(),
        "with a NUL": text.replace(NETWORK, NETWORK + "\\u0000").encode(),
    }
    kind = str(rng.choice(list(texts)))
    file.write_bytes(texts[kind])
    return f"model.json {kind}"


def _bytes(rng: np.random.Generator, model: Path) -> str:
    file = one_file(rng, model)
    data, how = damaged(rng, file.read_bytes())
    file.write_bytes(data)
    return f"{file.relative_to(model)} {how}"


def _places(rng: np.random.Generator, model: Path) -> str:
    """Remove a file, rename it, or let something else stand in its place."""
    file = one_file(rng, model)
    return f"{file.relative_to(model)}: {misplaced(rng, file, model.parent)}"


def _history(rng: np.random.Generator, model: Path) -> str:
    head = "epoch,iteration,seconds,set,metric,value\n"
    texts = {
        "empty": "",
        "only a head": head,
        "ragged": head + "1,2,3,4,5,6,7,8,9\n1,2\n",
        "a quote left open": head + '1,1,1,"train,loss,1\n' * 3,
        "words for numbers": head + "a,b,c,d,e,f\n",
        "another table": "image,label\na,b\n",
        "NUL bytes": "\0" * 300,
        "one long cell": head + "9" * 200_000,
        "extremes": head + "1e400,-1,nan,train,loss,inf\n",
        "no line ends": "epoch" * 1000,
    }
    kind = str(rng.choice(list(texts)))
    (model / "history.csv").write_text(texts[kind])
    return f"history.csv {kind}"


def _archive(rng: np.random.Generator, model: Path) -> str:
    """Write the network's archive again with members changed."""
    file = model / NETWORK
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    kind = str(rng.choice(list(_MEMBERS)))
    members = _MEMBERS[kind](rng, members)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    if kind == "declared larger":
        _declare(file, int(rng.choice([2**31, 2**32 - 2])))
    return f"archive: {kind}"


Members = dict[str, bytes]


def _without(rng: np.random.Generator, members: Members) -> Members:
    name = str(rng.choice(list(members)))
    return {key: data for key, data in members.items() if key != name}


def _renamed(rng: np.random.Generator, members: Members) -> Members:
    name = str(rng.choice(list(members)))
    other = str(rng.choice([f"a/{name}", f"../{name}", name.upper(), f"/{name}", f"{name}\n"]))
    return {other if key == name else key: data for key, data in members.items()}


def _of_zeros(rng: np.random.Generator, members: Members) -> Members:
    name = str(rng.choice([*members, "beside"]))
    return members | {name: bytes(2**28)}


def _member_bytes(rng: np.random.Generator, members: Members) -> Members:
    name = str(rng.choice(list(members)))
    return members | {name: damaged(rng, members[name])[0]}


def _settings(rng: np.random.Generator, members: Members) -> Members:
    plain = json.loads(members["config.json"])
    holder, key = somewhere(rng, plain)
    holder[key] = PLAIN[int(rng.integers(len(PLAIN)))]
    return members | {"config.json": json.dumps(plain).encode()}


def _weights(change: Callable[[np.ndarray], Any]) -> Callable[..., Members]:
    def changed(rng: np.random.Generator, members: Members) -> Members:
        import h5py

        name = next(key for key in members if key.endswith(".h5"))
        stream = io.BytesIO(members[name])
        with h5py.File(stream, "r+") as file:
            found: list[Any] = []
            file.visititems(lambda _, x: found.append(x) if isinstance(x, h5py.Dataset) else None)
            one = found[int(rng.integers(len(found)))]
            values = change(one[()])
            parent, key = one.parent, one.name.split("/")[-1]
            del parent[key]
            if values is not None:
                parent[key] = values
        return members | {name: stream.getvalue()}

    return changed


_MEMBERS: dict[str, Callable[[np.random.Generator, Members], Members]] = {
    "a member missing": _without,
    "a member renamed": _renamed,
    "a member of zeros": _of_zeros,
    "a member's bytes": _member_bytes,
    "settings changed": _settings,
    "weights NaN": _weights(lambda w: np.full_like(w, np.nan)),
    "weights infinite": _weights(lambda w: np.full_like(w, np.inf)),
    "weights huge": _weights(lambda w: np.full_like(w, 3e38)),
    "weights of another shape": _weights(lambda w: np.zeros((*w.shape, 2), w.dtype)),
    "weights words": _weights(lambda w: "words"),
    "weights missing": _weights(lambda w: None),
    "declared larger": lambda rng, members: members,
}


def _declare(file: Path, size: int) -> None:
    """Let an archive's directory declare a size for its last member."""
    data = bytearray(file.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    file.write_bytes(data)


_CHANGES = [
    *[_manifest_values] * 3, _manifest_text, *[_bytes] * 2, _places, _history, *[_archive] * 2
]  # fmt: skip


def _info(model: Path) -> None:
    import cytoloom as cl

    str(cl.info(model, progress=False))


def _load(model: Path) -> None:
    import cytoloom as cl

    loaded = cl.load(model)
    loaded.summary()
    loaded.save(model.parent / "again.cytoloom")


def _predict(model: Path) -> None:
    import cytoloom as cl

    image = cl.simulate.nuclei(shape=(32, 32), count=2)[0]
    loaded = cl.load(model)
    cl.predict(loaded, [image], out=model.parent / "out", progress=False)
    maps = loaded.predict_maps(image)
    if not all(np.isfinite(values).all() for values in maps.values()):
        raise Silent("predicts NaN or infinite values")


def _evaluate(model: Path) -> None:
    import cytoloom as cl

    cl.evaluate(model, [cl.simulate.nuclei(shape=(32, 32), count=2)] * 1, progress=False)


_USES = {"info": _info, "load": _load, "predict": _predict, "evaluate": _evaluate}
