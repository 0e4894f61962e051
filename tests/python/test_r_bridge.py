"""The Python side of the boundary with R."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytoloom.errors import InvalidError
from cytoloom.events import Event
from cytoloom.messages import in_r
from cytoloom.r import bridge as r_bridge
from cytoloom.r import functions as r_functions
from cytoloom.r.values import pack, pack_array, pack_column, pack_table, unpack, unpack_array

ROOT = Path(__file__).resolve().parents[2]


def same_table(table: pd.DataFrame) -> pd.DataFrame:
    return unpack(pack_table(table))


@pytest.mark.parametrize(
    ("dtype", "crosses"),
    [
        ("bool", "bool"),
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        ("int16", "int32"),
        ("int64", "int32"),
        ("uint32", "int32"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_array_keeps_values_and_index_order(dtype: str, crosses: str) -> None:
    # R's first index runs fastest: element [1, 0] must follow [0, 0].
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    packed = pack_array(array)
    assert packed["dtype"] == crosses
    assert packed["dim"] == [2, 3]
    flat = np.frombuffer(packed["raw"], crosses)
    np.testing.assert_array_equal(flat, [0, 1, 1, 0, 1, 1])
    np.testing.assert_array_equal(unpack_array(packed), array)


def test_16_bit_pixels_stay_two_bytes() -> None:
    assert len(pack_array(np.zeros((10, 10), np.uint16))["raw"]) == 200


def test_labels_beyond_32_bits_become_doubles() -> None:
    packed = pack_array(np.array([2**31, 1], np.uint32))
    assert packed["dtype"] == "float64"
    np.testing.assert_array_equal(unpack_array(packed), [2.0**31, 1.0])


def test_array_of_R_is_a_view_of_its_bytes() -> None:
    raw = bytearray(np.arange(6, dtype=np.uint16).tobytes())
    array = unpack({"crosses_as": "array", "dtype": "uint16", "dim": [3.0, 2.0], "raw": raw})
    raw[0] = 7
    assert array[0, 0] == 7
    np.testing.assert_array_equal(array, [[7, 3], [1, 4], [2, 5]])


def test_array_must_fill_its_dimensions() -> None:
    bad = {"crosses_as": "array", "dtype": "uint8", "dim": [2.0, 2.0], "raw": b"abc"}
    with pytest.raises(InvalidError, match="3 elements"):
        unpack(bad)
    with pytest.raises(InvalidError, match="dtype"):
        unpack({**bad, "dtype": "object"})


def test_empty_array() -> None:
    assert unpack_array(pack_array(np.zeros((0, 3), np.int32))).shape == (0, 3)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_table_round_trip(n: int) -> None:
    table = pd.DataFrame(
        {
            "text": np.array(["a", "µ", ""][:n], object),
            "whole": np.array([1, -2, 3][:n], np.int32),
            "real": np.array([0.1, np.inf, -0.0][:n]),
            "truth": np.array([True, False, True][:n]),
        }
    )
    pd.testing.assert_frame_equal(same_table(table), table, check_column_type=False)


def test_missing_values_of_each_type_cross_as_masks() -> None:
    table = pd.DataFrame(
        {
            "text": np.array(["NA", None], object),
            "whole": pd.array([None, 7], "Int32"),
            "real": [np.nan, 1.5],
            "truth": pd.array([True, None], "boolean"),
        }
    )
    packed = pack_table(table)
    assert [c["type"] for c in packed["columns"]] == ["string", "integer", "double", "logical"]
    masks = [bytes(c["missing"]) for c in packed["columns"]]
    assert masks == [b"\0\1", b"\1\0", b"\1\0", b"\0\1"]
    back = same_table(table)
    assert back["text"].isna().tolist() == [False, True]
    assert back["text"][0] == "NA"
    assert back["whole"].isna().tolist() == [True, False]
    assert back["truth"].isna().tolist() == [False, True]


def test_counts_beyond_32_bits_are_doubles() -> None:
    packed = pack_column(pd.Series([2**31, 5]))
    assert packed["type"] == "double"
    assert np.frombuffer(packed["values"], "<f8").tolist() == [2.0**31, 5.0]
    # R's NA is -2**31, so that value may not cross as an integer either.
    assert pack_column(pd.Series([-(2**31)]))["type"] == "double"


def test_doubles_keep_every_bit() -> None:
    values = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.arange(-500, 500).clip(
        -300, 300
    )
    back = same_table(pd.DataFrame({"x": values}))["x"].to_numpy()
    assert (back.view(np.int64) == values.view(np.int64)).all()


def test_factors_and_other_objects_cross_as_strings() -> None:
    packed = pack_column(pd.Series(["b", "a", None], dtype="category"))
    assert (packed["type"], packed["values"]) == ("string", ["b", "a", ""])
    assert pack_column(pd.Series([Path("a"), 1], dtype=object))["values"] == ["a", "1"]


def test_empty_columns_keep_their_type() -> None:
    kinds = {"int64": "integer", "float64": "double", "bool": "logical", "object": "string"}
    for dtype, kind in kinds.items():
        assert pack_column(pd.Series([], dtype=dtype))["type"] == kind


def test_plain_results() -> None:
    result = {"n": np.int64(3), "big": 2**40, "t": (1, None), "p": Path("a"), "x": np.float32(0.5)}
    assert pack(result) == {"n": 3, "big": 2.0**40, "t": [1, None], "p": "a", "x": 0.5}
    assert isinstance(pack(2**31), float)
    with pytest.raises(InvalidError, match="plain values"):
        pack(object())


def test_components_of_R_have_whole_floats_and_scalars_for_tuples() -> None:
    from cytoloom.training.trainer import Trainer

    sent = {"crosses_as": "component", "name": "Trainer", "iterations": 10.0, "patch_px": 64.0}
    assert unpack(sent) == Trainer(iterations=10, patch_px=(64,))
    with pytest.raises(InvalidError, match=r"10\.5"):
        unpack({**sent, "iterations": 10.5})


def test_an_error_crosses_as_a_sentence() -> None:
    def bad() -> None:
        raise InvalidError("Invalid `x`. Expected 1. Received: 2.")

    assert r_bridge._guarded(bad) == {
        "error": "Invalid `x`. Expected 1. Received: 2.",
        "warnings": [],
    }
    assert "in bad" in r_bridge.last_traceback()


def test_messages_are_spelled_as_R_is() -> None:
    def bad() -> None:
        import warnings

        warnings.warn("Pass rescale=None.", stacklevel=1)
        raise InvalidError("Expected UNet(filters=8). Received: {'a': (1, 2)} and None.")

    assert r_bridge._guarded(bad) == {
        "error": "Expected cl_unet(filters = 8). Received: list(a = c(1, 2)) and NULL.",
        "warnings": ["Pass rescale = NULL."],
    }


@pytest.mark.parametrize(
    "text",
    [
        "Expected (y, x) or 0 <= low < 1. Received: it's plate[1].tif, None.tif, (3) and [0, 1).",
        "A file a=1.tif, b/[1, 2].npy, Nonesuch; options(cytoloom.debug = TRUE) and cl_install().",
    ],
)
def test_names_of_files_and_prose_are_left_alone(text: str) -> None:
    assert in_r(text) == text


def test_errors_of_other_kinds_say_their_kind() -> None:
    found = r_bridge._guarded(lambda: 1 / 0)
    assert found["error"].startswith("ZeroDivisionError: division by zero (options(")


def test_a_missing_module_says_what_to_run() -> None:
    def bad() -> None:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    assert r_bridge._guarded(bad)["error"].endswith("lacks keras. Run: cl_install()")


def test_warnings_cross_beside_the_value() -> None:
    def warned() -> int:
        import warnings

        for _ in range(2):
            warnings.warn("look here", stacklevel=1)
        return 1

    assert r_bridge._guarded(warned) == {"value": 1, "warnings": ["look here"]}


def stream(monkeypatch: pytest.MonkeyPatch, events: Iterator[Event]) -> r_bridge.Stream:
    monkeypatch.setitem(r_functions.STREAMS, "tested", lambda: (events, lambda value: value))
    return r_bridge.start("tested", {})


def test_events_cross_as_dictionaries(monkeypatch: pytest.MonkeyPatch) -> None:
    events = iter([Event("progress", "half", 1, 2), Event("result", value={"a": (1, 2)})])
    first, last = list(stream(monkeypatch, events))
    assert first == {
        "kind": "progress",
        "message": "half",
        "done": 1.0,
        "total": 2.0,
        "value": None,
        "warnings": [],
    }
    assert (last["kind"], last["value"]) == ("result", {"a": [1, 2]})


def test_a_stream_ends_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def events() -> Iterator[Event]:
        yield Event("note", "begun")
        raise InvalidError("Invalid `data`.")

    kinds = [(e["kind"], e["message"]) for e in stream(monkeypatch, events())]
    assert kinds == [("note", "begun"), ("error", "Invalid `data`.")]


def test_an_error_before_the_first_event_crosses_too() -> None:
    (only,) = r_bridge.start("train", {"data": "no such folder"})
    assert only["kind"] == "error"
    assert "no such folder" in only["message"]


@pytest.mark.parametrize("within", [True, False])
def test_an_interrupt_lets_the_work_save(monkeypatch: pytest.MonkeyPatch, within: bool) -> None:
    saved = []

    def events() -> Iterator[Event]:
        try:
            yield Event("progress", "1")
            if within:  # Ctrl-C while Python computes
                raise KeyboardInterrupt
            yield Event("progress", "2")
        finally:
            saved.append(True)

    running = stream(monkeypatch, events())
    next(running)
    if within:
        assert next(running)["kind"] == "interrupted"
    else:  # Ctrl-C while R computes
        assert running.interrupt()["kind"] == "interrupted"
    assert saved == [True]
    assert list(running) == []


def test_an_interrupt_may_leave_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def events() -> Iterator[Event]:
        try:
            yield Event("progress", "1")
        except KeyboardInterrupt:
            yield Event("warning", "this is the model so far")
        yield Event("result", value=1)

    running = stream(monkeypatch, events())
    next(running)
    assert running.interrupt()["kind"] == "warning"
    assert [e["value"] for e in running] == [1]


def test_missing_requirements_need_no_import() -> None:
    needed = ["numpy>=1", "numpy>=9999", "nothing|numpy", "python>=3.11", "python>=4"]
    assert r_bridge.missing(needed) == ["numpy>=9999", "python>=4"]


def test_R_declares_the_requirements_of_pyproject() -> None:
    text = (ROOT / "R" / "requirements.R").read_text(encoding="utf-8")
    declared = set(re.findall(r'"([a-z][a-z0-9-]*>=[0-9.]+)"', text))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = re.findall(r"^  ([a-z]+) = ", text, re.MULTILINE)
    assert named == ["fast", "vendor"]
    optional = {r.split(";")[0] for name in ("cpu", *named) for r in extras[name]}
    assert declared == set(project["dependencies"]) | optional
    assert f'"{project["requires-python"]}"' in text


def test_metrics_and_matches() -> None:
    truth = {"crosses_as": "array", "dtype": "uint8", "dim": [1.0, 4.0], "raw": b"\1\1\0\2"}
    found = {**truth, "raw": bytearray(b"\1\1\0\0")}
    given = {"truth": truth, "found": found}
    assert r_bridge.call("metric", {"name": "average_precision", **given})["value"] == 0.5
    matched = r_bridge.call("match", given)["value"]
    assert (matched["tp"], matched["fn"], matched["objects"]["n"]) == (1, 1, 2)


def test_simulated_images_cross_as_arrays() -> None:
    sizes = {"shape": [32.0, 48.0], "count": 2.0, "seed": 1.0}
    found = r_bridge.call("simulate", {"kind": "nuclei", "arguments": sizes})["value"]
    assert found["image"]["dim"] == [32, 48]
    assert found["image"]["dtype"] == "uint16"
    assert "nuclei" in r_bridge.call("simulate", {"kind": "stars"})["error"]


def test_labels_written_are_read_again(tmp_path: Path) -> None:
    labels = {"crosses_as": "array", "dtype": "uint8", "dim": [2.0, 2.0], "raw": b"\0\1\2\3"}
    path = str(tmp_path / "a.tif")
    assert r_bridge.call("write_labels", {"path": path, "labels": labels})["value"] == path
    back = r_bridge.call("read", {"path": path, "labels": True})["value"]["array"]
    np.testing.assert_array_equal(unpack(back), [[0, 2], [1, 3]])
    assert "`scene`" in r_bridge.call("read", {"path": path, "scene": "A1"})["error"]


def test_two_images_of_one_name_are_refused():
    from cytoloom.r.functions import _source

    with pytest.raises(InvalidError, match="2 different names"):
        _source({"images": ["first", "second"], "names": ["a", "a"]})
