"""What is particular to the command line: of each command, how it is shown and what it prints.

The options themselves come from the declarations of the verbs. A verb that is not named here has
a command all the same; it prints its result.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..components import at_home
from ..events import standard_error
from ..messages import InOptions, counted, spelled

OK, FAILED, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = """\
exit codes:
  0    done
  1    failed; the reason is one sentence on standard error (--debug: the traceback)
  2    the command line itself was wrong
  3    predict, consensus, export: some images could not be used, the others are done
       (see files.csv or consensus.csv); run start, run resume: some runs failed
  130  interrupted"""


def complain(message: str, code: int) -> int:
    """Print a sentence on standard error and return the exit code."""
    print(f"cytoloom: {message}", file=standard_error())
    return code


def _print(result: Any, args: argparse.Namespace) -> int:
    print(spelled(str(result), InOptions(args.options)))
    return OK


def _trained(model: Any, args: argparse.Namespace) -> int:
    print(spelled(model.summary(), InOptions(args.options)))
    if model.task.learned_of:
        print(f"\nModel in {args.out}. Next: cytoloom cells encode {args.out} CELLS")
        return OK
    task = "" if at_home(model.task) else f" --task {args.task}"
    print(f"\nModel in {args.out}. Next: cytoloom evaluate {args.out} DATA{task}")
    return OK


def _scored(scores: Any, args: argparse.Namespace) -> int:
    if not hasattr(scores, "confusion"):
        return _compared(scores, args)
    print(scores.summary.to_string(index=False))
    if scores.confusion is not None:
        print(f"\nObjects by class:\n{scores.confusion.to_string(index=False, na_rep='')}")
    if args.out:
        print(f"\nTables in {args.out}")
    return OK


def _compared(found: Any, args: argparse.Namespace) -> int:
    _print(found, args)
    if args.out:
        print(f"\nTables in {args.out}")
    return OK


def _found(found: Any, args: argparse.Namespace) -> int:
    failed = len(found.failed)
    done = len(found.files) - failed
    if args.part:
        print(f"Part {args.part} is done")
    else:
        objects = int(found.files["objects"].sum())
        numbers = f"{counted(done, 'image')}, {counted(objects, 'object')}"
        print(f"{numbers}. Labels and tables in {args.out}")
    if not failed:
        return OK
    return complain(f"{failed} of {len(found.files)} images failed", PARTIAL if done else FAILED)


def _checked(report: Any, args: argparse.Namespace) -> int:
    _print(report, args)
    return OK if report.ok else FAILED


def _measured(table: Any, args: argparse.Namespace) -> int:
    images = counted(table["image"].nunique(), "image")
    print(f"{images}, {counted(len(table), 'object')}. Table in {args.out}")
    return OK


def _agreed(found: Any, args: argparse.Namespace) -> int:
    _print(found, args)
    failed = int((found.per_image["status"] != "ok").sum())
    if not failed:
        return OK
    return complain(f"{failed} of {len(found.per_image)} images have no consensus", PARTIAL)


def _exported(files: Any, args: argparse.Namespace) -> int:
    failed = int((files["status"] != "ok").sum())
    done = counted(len(files) - failed, "image")
    print(f"{done}, {counted(int(files['objects'].sum()), 'object')}. Files in {args.out}")
    return complain(f"{failed} of {len(files)} images failed", PARTIAL) if failed else OK


def _reported(path: Any, args: argparse.Namespace) -> int:
    print(f"Page in {path}. Next: open it in a browser")
    return OK


def _reviewed(table: Any, args: argparse.Namespace) -> int:
    print(f"What was corrected is in {table.parent}")
    return OK


def _written(folder: Any, args: argparse.Namespace) -> int:
    print(f"Model as {args.format} in {folder}. Next: read {folder}/README.md")
    return OK


def _converted(path: Any, args: argparse.Namespace) -> int:
    print(f"Image in {path}")
    return OK


def _simulated(folder: Any, args: argparse.Namespace) -> int:
    print(f"{counted(args.images, 'image')} of kind {args.kind} in {folder}")
    return OK


def _listed(table: Any, args: argparse.Namespace) -> int:
    if not len(table):
        place = _place(args)
        print(f"No runs in {place}. Next: cytoloom run start FILE --store {place}")
        return OK
    columns = ["run", "status", "set", "metric", "score", "minutes"]
    print(table[columns].to_string(index=False, float_format="%.3f", na_rep=""))
    for name, why in table.loc[table["why"] != "", ["run", "why"]].itertuples(index=False):
        print(f"\n{name} failed: {why}")
    return OK


def _place(args: argparse.Namespace) -> str:
    from ..runs.documents import without_password

    return without_password(args.store)


def _trained_all(table: Any, args: argparse.Namespace) -> int:
    _listed(table, args)
    failed = int((table["status"] == "failed").sum())
    if not failed:
        return OK
    code = PARTIAL if failed < len(table) else FAILED
    return complain(f"{failed} of {len(table)} runs failed", code)


def _repeated(found: Any, args: argparse.Namespace) -> int:
    _print(found, args)
    if args.out:
        print(f"\nModel in {args.out}")
    return OK


def _gathered(cells: Any, args: argparse.Namespace) -> int:
    print(f"{counted(len(cells), 'cell')} in {args.out}. Next: cytoloom cells features {args.out}")
    return OK


def _featured(table: Any, args: argparse.Namespace) -> int:
    print(f"Features of {counted(len(table), 'cell')} in {args.out}")
    return OK


def _similar(table: Any, args: argparse.Namespace) -> int:
    if args.out:
        print(f"{counted(len(table), 'cell')} in {args.out}")
        return OK
    print(table.to_string(index=False))
    return OK


def _tracked(tracks: Any, args: argparse.Namespace) -> int:
    _print(tracks, args)
    if len(tracks.warnings):
        kinds = tracks.warnings["kind"].value_counts()
        print(", ".join(f"{name}: {number}" for name, number in kinds.items()))
    if args.out:
        print(f"\nTables in {args.out}")
    return OK


def _trained_tracker(model: Any, args: argparse.Namespace) -> int:
    print(spelled(model.summary(), InOptions(args.options)))
    print(f"\nModel in {args.out}. Next: cytoloom track {args.out} MOVIE --out tracks/")
    return OK


def _detected(table: Any, args: argparse.Namespace) -> int:
    frames = len(table[["recording", "frame"]].drop_duplicates())
    print(f"{counted(len(table), 'position')} in {counted(frames, 'frame')}. Table in {args.out}")
    return OK


def _links_scored(table: Any, args: argparse.Namespace) -> int:
    likely = int((table["probability"] > 0.5).sum())
    print(f"{counted(len(table), 'candidate link')}, {likely} of them likely. Table in {args.out}")
    return OK


def _tracks_written(path: Any, args: argparse.Namespace) -> int:
    print(f"Tracks in {path}")
    return OK


def _removed(names: Any, args: argparse.Namespace) -> int:
    print(f"{counted(len(names), 'run')} removed from {_place(args)}")
    return OK


@dataclass(frozen=True)
class Command:
    """One command beside its verb's declaration.

    Parameters
    ----------
    example : str
        What follows ``cytoloom`` in the example at the end of its help.
    tell : callable
        Prints the result, given it and the arguments, and returns the exit code.
    defaults : dict, default {}
        Where they are others than the verb's.
    more : dict of dict, default {}
        What argparse is told of a parameter besides.
    images_with : str, default ""
        A parameter with which data are images without labels.
    labelled : bool, default True
        Whether data are images with labels, for which it is said how they are read.
    itself : str, default ""
        A parameter that may be something which knows itself how it is scored; data are then its
        truth.
    """

    example: str
    tell: Callable[[Any, argparse.Namespace], int] = _print
    defaults: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    images_with: str = ""
    labelled: bool = True
    itself: str = ""


_TRACKED = {
    "help": "folder with movies and files of tracks beside them (01 and 01_GT, a.tif and a.aut), "
    "or a CSV with columns images, tracks"
}
_REGION = {
    "help": "where everything is annotated, first and last px of axes, and frames: "
    "y=0:99 x=0:255 frames=0:20 (again where it changes over time)"
}
_MOVIE = {"help": "file with all frames, folder of frames, or folder of such folders"}
_SOME = {"nargs": "*", "metavar": "RUN", "help": "names of runs (default: all)"}

COMMANDS = {
    "train": Command(
        "train data/train --task instances --minutes 10 --out nuclei.cytoloom",
        _trained,
        {"out": "model.cytoloom"},
        {"start": {"metavar": "MODEL"}},
    ),
    "evaluate": Command(
        "evaluate nuclei.cytoloom data/test --out scores/\n  cytoloom evaluate tracks/ truth.xml",
        _scored,
        more={
            "model": {"help": "model folder, or tracks: what track has written, or any program"},
            "data": {
                "nargs": "?",
                "help": "folder with images/ and masks/ or labels/, or a CSV with columns image, "
                "label; for tracks the true ones",
            },
            "labels": {"metavar": "LABELS"},
            "truth_labels": {"metavar": "LABELS"},
        },
        itself="model",
    ),
    "compare": Command("compare old.cytoloom new.cytoloom data/test", _compared),
    "predict": Command(
        "predict nuclei.cytoloom images/ --out results/ --overlay",
        _found,
        {"out": "results"},
        {"images": {"nargs": "+", "help": "folder, image files or a pattern"}},
    ),
    "rank": Command(
        "rank images/ --models old.cytoloom new.cytoloom",
        _compared,
        defaults={"models": None},
        more={
            "models": {
                "nargs": "+",
                "required": True,
                "metavar": "MODEL",
                "help": "folders of two models or more",
            },
            "images": {"nargs": "+", "help": "folder, image files or a pattern"},
        },
    ),
    "measure": Command(
        "measure labels/ --image images/ --around-um 2 --out objects.csv",
        _measured,
        {"out": "objects.csv"},
        {
            "labels": {
                "nargs": "+",
                "help": "folder or files of label images, or of a prediction; "
                "big.zarr/labels/cells big.zarr: with their image",
            },
            "image": {"nargs": "+", "metavar": "IMAGE"},
        },
    ),
    "consensus": Command(
        "consensus experts/ --method staple --out consensus/",
        _agreed,
        {"out": "consensus"},
        {"experts": {"nargs": "+", "help": "folder with a folder for each expert, or these"}},
    ),
    "export": Command(
        "export results/ rois/ --format roi",
        _exported,
        more={
            "labels": {"nargs": "+", "help": "folder or files of label images, or of a prediction"},
            "out": {"metavar": "DIR", "help": "folder for the files"},
        },
    ),
    "report": Command(
        "report results/ report.html\n  cytoloom report novelty/ hits.html --cells cells/\n"
        "  cytoloom report tracks/ tracks.html --images movie/",
        _reported,
        more={
            "results": {
                "help": "folder that predict, evaluate, consensus, novelty or track has "
                "written, or tracks of any program"
            },
            "path": {"metavar": "PAGE", "help": "file for the page, whose name ends in .html"},
            "images": {"nargs": "+", "metavar": "IMAGE"},
            "labels": {"nargs": "+", "metavar": "LABEL"},
        },
    ),
    "review": Command(
        "review results/",
        _reviewed,
        more={
            "results": {
                "nargs": "+",
                "help": "folder that predict or consensus has written, or images",
            },
            "images": {"nargs": "+", "metavar": "IMAGE"},
        },
    ),
    "check": Command("check data/train --task classes:background,cytoplasm,nucleus", _checked),
    "plan": Command(
        "plan data/train --minutes 10",
        more={
            "memory_gb": {"metavar": "GB"},
            "model": {
                "nargs": "?",
                "help": "plan the prediction of one image with this model instead",
            },
        },
        images_with="model",
    ),
    "simulate": Command(
        "simulate simulated/ --kind nuclei --images 20 --seed 1",
        _simulated,
        {"images": 20},
        {"folder": {"metavar": "DIR", "help": "new folder for images/ and labels/"}},
    ),
    "export_model": Command(
        "export-model nuclei.cytoloom nuclei-onnx --format onnx",
        _written,
        more={"path": {"metavar": "DIR", "help": "folder for the files"}},
    ),
    "info": Command("info nuclei.cytoloom"),
    "convert": Command(
        "convert slide.czi slide.zarr",
        _converted,
        more={
            "image": {"help": "image file in any format that is read"},
            "out": {"metavar": "ZARR", "help": "NAME.zarr, or NAME.zarr/labels/CELLS"},
        },
    ),
    "run_start": Command(
        "run start grid.yaml --store runs/",
        _trained_all,
        more={
            "runs": {
                "nargs": "+",
                "metavar": "FILE",
                "help": "YAML with data, network, task, trainer, each settings by name",
            }
        },
    ),
    "run_list": Command("run list --store runs/", _listed),
    "run_show": Command("run show nuclei.small.instances.quick.seed0 --store runs/"),
    "run_compare": Command(
        "run compare --store runs/ --out comparison/", _compared, more={"names": _SOME}
    ),
    "run_resume": Command("run resume --store runs/", _trained_all, more={"names": _SOME}),
    "run_remove": Command(
        "run remove nuclei.small.instances.quick.seed0 --store runs/",
        _removed,
        more={"names": {**_SOME, "nargs": "+", "help": "names of runs"}},
    ),
    "cells_gather": Command(
        "cells gather images/ --labels labels/ --plate plate.csv --controls negative --out cells/",
        _gathered,
        {"out": "cells"},
        {
            "images": {"nargs": "+", "help": "folder, image files or a pattern"},
            "labels": {"nargs": "+", "metavar": "LABEL"},
        },
    ),
    "cells_check": Command(
        "cells check cells/", _checked, more={"cells": {"help": "folder that cells gather wrote"}}
    ),
    "cells_features": Command(
        "cells features cells/ --out features.csv",
        _featured,
        {"out": "features.csv"},
        {"kinds": {"nargs": "+", "metavar": "KIND"}},
    ),
    "cells_encode": Command(
        "cells encode cells.cytoloom cells/ --out codes.csv", _featured, {"out": "codes.csv"}
    ),
    "cells_novelty": Command(
        "cells novelty features.csv --controls negative --cells cells/ --out novelty/", _compared
    ),
    "cells_wells": Command(
        "cells wells features.csv --controls negative --positives positive --out wells/",
        _compared,
        more={"columns": {"nargs": "+", "metavar": "COLUMN"}},
    ),
    "cells_compare": Command(
        "cells compare features.csv --controls negative --positives positive", _compared
    ),
    "cells_similar": Command(
        "cells similar features.csv A01:12 A01:40 --n 100 --out similar.csv",
        _similar,
        more={"to": {"nargs": "+", "metavar": "CELL", "help": "cells as image:number"}},
    ),
    "check_tracks": Command(
        "check-tracks movies/ --pixel-size-um 0.5",
        _checked,
        more={"data": _TRACKED, "region": _REGION},
        labelled=False,
    ),
    "train_tracker": Command(
        "train-tracker movies/ --minutes 30 --out cells.cytoloom",
        _trained_tracker,
        {"out": "tracker.cytoloom"},
        {
            "data": _TRACKED,
            "start": {"metavar": "MODEL"},
            "region": _REGION,
        },
        labelled=False,
    ),
    "detect": Command(
        "detect cells.cytoloom movie/ --out positions.csv",
        _detected,
        {"out": "positions.csv"},
        {"movie": _MOVIE},
    ),
    "score_links": Command(
        "score-links cells.cytoloom movie/ positions.csv --out links.csv",
        _links_scored,
        {"out": "links.csv"},
        {"movie": _MOVIE, "positions": {"help": "table of positions, or label images"}},
    ),
    "solve": Command(
        "solve positions.csv links.csv --pixel-size-um 0.5 --out tracks/",
        _tracked,
        more={
            "positions": {"help": "table of positions, as detect writes it"},
            "links": {"help": "table of candidate links, as score-links writes it"},
            "corrections": {"metavar": "LINKS"},
        },
    ),
    "track": Command(
        "track none labels/ --max-step-um 12 --pixel-size-um 0.5 --out tracks/",
        _tracked,
        more={
            "model": {"help": 'model folder, or "none" where the movie is label images or a table'},
            "positions": {"metavar": "TABLE"},
            "movie": {
                "help": "folder of label images (of images, for a model), a file with all frames, "
                "or a table of positions"
            },
        },
    ),
    "export_tracks": Command(
        "export-tracks tracks/ tracks.geff",
        _tracks_written,
        more={
            "tracks": {
                "metavar": "IN",
                "help": "folder that track has written, or tracks of another program",
            },
            "out": {"help": "NAME.geff, NAME.xml, NAME.aut, NAME.csv, or a folder NAME_RES"},
            "labels": {"metavar": "LABELS"},
        },
    ),
    "cells_demo": Command("cells demo --out demo/", _reported, {"out": "cells-demo"}),
    "rerun": Command("rerun nuclei.cytoloom data/train", _repeated, more={"data": {"nargs": "?"}}),
}
WORDS = {
    "run": "train, keep and compare runs: named data, networks, tasks and trainers",
    "cells": "what cells look like: gather them, measure features, find what no control looks like",
}
"""What is said of commands that have commands of their own."""
MORE: Mapping[str, Mapping[str, Any]] = {
    "data": {
        "help": "folder with images/ and masks/ or labels/, or a CSV with columns image, label"
    },
    "also": {"nargs": "+", "metavar": "DATA"},
    "model": {"help": "model folder"},
    "model_a": {"help": "folder of one model"},
    "model_b": {"help": "folder of the other model"},
    "channels": {
        "metavar": "C",
        "help": "channels to use, by index from 0 or by name; 2+3 is the sum of these two",
    },
}
"""As `Command.more`, for parameters of this name in every command."""


def doctor(args: argparse.Namespace) -> int:
    """Print what the machine offers; fail where no backend starts."""
    from .. import doctor

    found = doctor.report()
    if args.json:
        import json

        print(json.dumps(found))
    else:
        print(doctor.text(found))
    return OK if doctor.ready(found) else FAILED
