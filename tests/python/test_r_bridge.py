"""The Python side of the boundary with R."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytoloom as cl
from cytoloom.errors import InvalidError, invalid
from cytoloom.events import Event, find_verb
from cytoloom.messages import (
    Argument,
    Call,
    InOptions,
    R,
    Setting,
    Value,
    VerbName,
    joined,
    say,
    spelled,
)
from cytoloom.r import bridge as r_bridge
from cytoloom.r import functions as r_functions
from cytoloom.r import rules as r_rules
from cytoloom.r.missing import missing
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

    assert r_bridge.guarded(bad) == {
        "error": "Invalid `x`. Expected 1. Received: 2.",
        "warnings": [],
    }
    assert "in bad" in r_bridge.last_traceback()


def test_messages_are_spelled_as_R_is() -> None:
    def bad() -> None:
        import warnings

        warnings.warn(say("Pass {}.", Setting("rescale", None)), stacklevel=1)  # type: ignore[arg-type]
        network = Call("UNet", {"filters": 8})
        got = say("{} and {}", {"a": (1, 2)}, None)
        raise invalid("network", expected=say("{}", network), received=got)

    assert r_bridge.guarded(bad) == {
        "error": "Invalid `network`. Expected cl_unet(filters = 8). "
        "Received: list(a = c(1, 2)) and NULL.",
        "fields": {
            "argument": "network",
            "expected": "cl_unet(filters = 8)",
            "received": "list(a = c(1, 2)) and NULL",
        },
        "warnings": ["Pass rescale = NULL."],
    }


def test_what_is_advised_for_two_folders_of_labels_works(tmp_path: Path) -> None:
    folder = cl.simulate.write(tmp_path / "set", images=2)
    (folder / "masks").mkdir()
    with pytest.raises(InvalidError, match=r"cl\.Data\.from_pairs\(images, labels\)") as refused:
        cl.check(folder, progress=False)
    assert cl.check(cl.Data.from_pairs(folder / "images", folder / "labels"), progress=False).ok
    assert "cl_data(images, labels)" in spelled(str(refused.value), R)
    sent = {"images": [str(folder / "images")], "labels": [str(folder / "labels")]}
    *_, last = r_bridge.start("check", {"data": {"source": sent}})
    assert last["value"]["ok"]


@pytest.mark.parametrize(
    "text",
    [
        "plate seed=1 b/a.tif",
        "it's plate[1].tif, None.tif, overwrite=True.png, (1, 2).npy and {}",
    ],
)
def test_names_of_files_and_prose_are_left_alone(text: str) -> None:
    for face in (R, InOptions({"seed", "overwrite"})):
        error = invalid(text, expected=text, received=text, remedy=say("See {}.", text))
        assert spelled(str(error), face) == str(error)


def test_parts_are_spelled_as_each_face_does() -> None:
    words = say("{}; {}", Setting("patch_px", (32, 64)), joined(" or ", [say("{}", None), "None"]))
    assert words == "patch_px=(32, 64); None or None"
    assert words.spelled(R) == "patch_px = c(32, 64); NULL or None"
    assert words.spelled(InOptions({"patch_px"})) == "--patch-px 32 64; none or None"
    blank = say("{} {}", Setting("out", "my set"), Value((True, "a", (1, 2), np.float32(0.5))))
    assert blank.spelled(InOptions({"out"})) == "--out 'my set' on, 'a', (1, 2), 0.5"
    assert say("Run {}.", VerbName("train")).spelled(R) == "Run cl_train()."
    chosen = say("Choose with {}.", Argument("channels"))
    assert chosen.spelled(R) == chosen == "Choose with `channels`."
    assert chosen.spelled(InOptions({"channels"})) == "Choose with --channels."
    many = [True, 'a"b', [1], ((1, 2), (3, 4)), 1e-05, float("inf"), np.float32(0.5)]
    said = [say("{}", Value(one)).spelled(R) for one in many]
    assert said[:4] == ["TRUE", '"a\\"b"', "1", "list(c(1, 2), c(3, 4))"]
    assert said[4:] == ["1e-05", "Inf", "0.5"]


def test_messages_in_tables_are_spelled_too() -> None:
    status = pd.Series(["ok", say("a=1.tif: pass {}.", Setting("slices", True))], dtype=object)
    assert pack_column(status)["values"] == ["ok", "a=1.tif: pass slices = TRUE."]


def test_an_error_keeps_its_parts() -> None:
    error = invalid("data", expected="images", received=None, remedy=say("Pass {}.", "one"))
    assert (error.name, error.expected, error.received) == ("data", "images", None)
    again = pickle.loads(pickle.dumps(error.renamed("validation")))
    assert str(again) == "Invalid `validation`. Expected images. Received: None. Pass one."
    assert spelled(str(again), R).startswith(
        "Invalid `validation`. Expected images. Received: NULL"
    )
    assert again.renamed("x", of="data") is again


def test_errors_of_other_kinds_say_their_kind() -> None:
    found = r_bridge.guarded(lambda: 1 / 0)
    assert found["error"].startswith("ZeroDivisionError: division by zero (options(")


def test_a_missing_module_says_what_to_run() -> None:
    def bad() -> None:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    assert r_bridge.guarded(bad)["error"].endswith("lacks keras. Run: cl_install()")


def test_warnings_cross_beside_the_value() -> None:
    def warned() -> int:
        import warnings

        for _ in range(2):
            warnings.warn("look here", stacklevel=1)
        return 1

    assert r_bridge.guarded(warned) == {"value": 1, "warnings": ["look here"]}


def stream(monkeypatch: pytest.MonkeyPatch, events: Iterator[Event]) -> r_bridge.Stream:
    monkeypatch.setattr("cytoloom.r.functions.begin", lambda name, arguments: events)
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
    assert missing(needed) == ["numpy>=9999", "python>=4"]


def test_R_declares_the_requirements_of_pyproject() -> None:
    text = (ROOT / "R" / "requirements.R").read_text(encoding="utf-8")
    declared = set(re.findall(r'"([a-z][a-z0-9.-]*[>!]=[0-9.*]+)"', text))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = re.findall(r"^  ([a-z]+) = ", text, re.MULTILINE)
    assert named == [
        "fast", "parquet", "affinities", "vendor", "volumes", "cluster", "export", "report", "onnx",
        "bioimageio", "runs", "cells", "umap", "tracks",
    ]  # fmt: skip
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


def test_two_images_of_one_name_are_refused() -> None:
    images = {"source": {"images": ["first", "second"], "names": ["a", "a"]}}
    (only,) = r_bridge.start("predict", {"images": images})
    assert "2 different names" in only["message"]


def test_a_verb_that_is_not_known_is_refused() -> None:
    (only,) = r_bridge.start("fly", {})
    assert 'one of "train", ' in only["message"]


def test_arguments_are_fitted_to_what_a_verb_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = {}

    def events(self: object, **given: object) -> Iterator[Event]:
        passed.update(given)
        yield Event("result")

    monkeypatch.setattr("cytoloom.events.Verb.events", events)
    sent = {
        "images": {"source": "a.tif"}, "channels": [0.0, "DAPI"], "rescale": 2.0,
        "pixel_size_um": [1.0, 0.5], "axes": None,
    }  # fmt: skip
    list(r_bridge.start("predict", sent))
    assert passed == {
        **sent,
        "images": "a.tif",
        "channels": [0, "DAPI"],
        "pixel_size_um": (1.0, 0.5),
    }
    list(r_bridge.start("predict", {"channels": 1.0}))
    assert passed["channels"] == [1]
    list(r_bridge.start("simulate", {"folder": "f", "images": 3.0, "keep_interrupted": True}))
    assert (passed["images"], passed["keep_interrupted"]) == (3, True)
    assert isinstance(passed["images"], int)
    (only,) = r_bridge.start("simulate", {"folder": "f", "seed": 1.5})
    assert only["message"] == "Invalid `seed`. Expected a whole number. Received: 1.5."


def test_any_data_class_is_told_by_its_tables_and_its_text() -> None:
    @dataclass(frozen=True)
    class Found:
        rows: pd.DataFrame
        network: cl.UNet
        count: int = 2
        hidden: object = object

        @property
        def kinds(self) -> dict[str, str]:
            return {"a": say("{}", None)}

        def __str__(self) -> str:
            return say("Pass {}.", Setting("seed", 1))

    told = pack(r_functions.told(Found(pd.DataFrame({"x": [1]}), cl.UNet())))
    assert list(told) == ["rows", "network", "count", "kinds", "text"]
    assert (told["rows"]["n"], told["network"]["name"], told["kinds"]) == (1, "UNet", {"a": "NULL"})
    assert told["text"] == "Pass seed = 1."


def test_the_table_of_rules_is_that_of_the_declarations() -> None:
    """Where this fails: python -m cytoloom.r.rules."""
    assert r_rules.FILE.read_text(encoding="utf-8") == r_rules.table()


def test_the_probe_of_requirements_imports_no_package() -> None:
    """It runs by its path in a Python that lacks everything."""
    script = Path(r_bridge.__file__).with_name("missing.py")
    command = [sys.executable, "-I", "-S", str(script), "lazy-loader>=0.4", "python>=3.11"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["lazy-loader>=0.4"]


MAN = {
    "train": "cl_train", "plan": "cl_plan", "check": "cl_check", "simulate": "cl_simulate",
    "info": "cl_info", "evaluate": "evaluate.cl_model evaluate.cl_tracks",
    "predict": "predict.cl_model", "compare": "cl_compare", "rank": "cl_rank",
    "measure": "cl_measure", "consensus": "cl_consensus", "export": "cl_export",
    "export_model": "cl_export_model", "report": "cl_report", "review": "cl_review",
    "convert": "cl_convert",
    "run_start": "cl_run_start", "run_list": "cl_run_start", "run_show": "cl_run_start",
    "run_compare": "cl_run_start", "run_resume": "cl_run_start", "run_remove": "cl_run_start",
    "rerun": "cl_rerun",
    "cells_gather": "cl_cells", "cells_features": "cl_features", "cells_encode": "cl_encode",
    "cells_novelty": "cl_novelty", "cells_wells": "cl_wells",
    "cells_compare": "cl_compare_features", "cells_check": "cl_check",
    "cells_similar": "cl_similar", "cells_demo": "cl_cells_demo",
    "check_tracks": "cl_check_tracks",
    "train_tracker": "cl_train_tracker", "track": "cl_track", "detect": "cl_detect",
    "score_links": "cl_detect", "solve": "cl_detect", "export_tracks": "cl_export_tracks",
}  # fmt: skip


@pytest.mark.parametrize("name", cl.VERBS)
def test_man_documents_every_parameter(name: str) -> None:
    """R's page of a verb names what Python declares; `model` is the object of R's generics."""
    pages = [(ROOT / "man" / f"{page}.Rd").read_text("utf-8") for page in MAN[name].split()]
    arguments = "".join(page.partition("\\arguments{")[2] for page in pages)
    items = re.findall(r"\\item\{([^}]*)\}\{", arguments)
    documented = {one.strip() for item in items for one in item.split(",")}
    if {"x", "object"} & documented:
        documented.add("model")
    if "data" in documented:
        documented.add("cells")  # of `cl_check`, whose data may be cells
    declared = {p.name for p in find_verb(cl.VERBS[name]).parameters()}
    assert declared <= documented


def test_what_is_no_value_is_refused_in_the_words_of_R(tmp_path: Path) -> None:
    table = {"crosses_as": "table", "n": 0, "names": ["a"], "columns": []}
    table["columns"] = [{"type": "string", "n": 0, "values": []}]
    read = r_bridge.call("read", {"path": str(tmp_path), "labels": table})
    assert read["error"] == (
        "Invalid `labels`. Expected TRUE or FALSE. Received: a data frame of 0 rows (a)."
    )
    assert read["fields"]["argument"] == "labels"
    read = r_bridge.call("read", {"path": str(tmp_path)})
    assert read["error"].endswith("Expected a file to read. Received: a folder.")
    made = {"crosses_as": "component", "name": "Binary", "loss": {"a": 1.0}}
    assert "Received: list(a = 1)" in r_bridge.call("plain", {"component": made})["error"]
