"""What the commands of the command line do: call the verbs, print what they return."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..messages import counted, in_options

if TYPE_CHECKING:
    from ..events import Event


OK, FAILED, PARTIAL = 0, 1, 3
TRAINER_OPTIONS = (
    "minutes",
    "iterations",
    "epochs",
    "batch_size",
    "patch_px",
    "learning_rate",
    "augment",
    "precision",
    "threads",
)


def say(message: str, code: int) -> int:
    """Print a sentence on standard error and return the exit code."""
    print(f"cytoloom: {message}", file=sys.stderr)
    return code


def train(args: argparse.Namespace) -> int:
    """Train and say where the model is."""
    import cytoloom as cl

    from ..training.train import train_events

    events = train_events(
        _data(args),
        task=args.task,
        network=_given(cl.UNet, args, "filters", "depth", "ndim"),
        trainer=_given(cl.Trainer, args, *TRAINER_OPTIONS),
        validation=_number(args.validation),
        start=args.start,
        out=args.out,
        overwrite=args.overwrite,
        seed=args.seed,
    )
    print(_drained(events, args).summary())
    print(f"\nModel in {args.out}. Next: cytoloom evaluate {args.out} DATA")
    return OK


def evaluate(args: argparse.Namespace) -> int:
    """Score and print the summary table."""
    from ..evaluation.evaluate import evaluate_events

    events = evaluate_events(
        args.model,
        _data(args),
        out=args.out,
        overwrite=args.overwrite,
        allow_training_images=args.allow_training_images,
    )
    print(_drained(events, args).summary.to_string(index=False))
    if args.out:
        print(f"\nTables in {args.out}")
    return OK


def predict(args: argparse.Namespace) -> int:
    """Predict and say how many images and objects there are, and which images failed."""
    from ..prediction.predict import predict_events

    events = predict_events(
        args.model,
        args.images[0] if len(args.images) == 1 else args.images,
        channels=_channels(args),
        slices=args.slices,
        rescale=None if args.rescale == "none" else _number(args.rescale),
        out=args.out,
        overlay=args.overlay,
        overwrite=args.overwrite,
    )
    found = _drained(events, args)
    failed = found.files[found.files["status"] != "ok"]
    done = len(found.files) - len(failed)
    numbers = f"{counted(done, 'image')}, {counted(len(found.objects), 'object')}"
    print(f"{numbers}. Labels and tables in {args.out}")
    if failed.empty:
        return OK
    return say(f"{len(failed)} of {len(found.files)} images failed", PARTIAL if done else FAILED)


def check(args: argparse.Namespace) -> int:
    """Print the report; fail where there are problems."""
    import cytoloom as cl

    report = cl.check(_data(args), task=args.task)
    print(report)
    return OK if report.ok else FAILED


def plan(args: argparse.Namespace) -> int:
    """Print what a training would use, and why."""
    from ..training.plan import plan_events

    events = plan_events(
        _data(args), task=args.task, minutes=args.minutes, memory_gb=args.memory_gb
    )
    print(_drained(events, args))
    return OK


def simulate(args: argparse.Namespace) -> int:
    """Write a folder of simulated images and labels."""
    import cytoloom as cl

    cl.simulate.write(args.dir, kind=args.kind, images=args.images, seed=args.seed)
    print(f"{counted(args.images, 'image')} of kind {args.kind} in {args.dir}")
    return OK


def info(args: argparse.Namespace) -> int:
    """Print a model's summary."""
    import cytoloom as cl

    print(cl.load(args.model).summary())
    return OK


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


def _data(args: argparse.Namespace) -> Any:
    from ..datasets.data import as_data

    unknown = getattr(args, "unknown", None)
    return as_data(args.data, channels=_channels(args), unknown=unknown)


def _channels(args: argparse.Namespace) -> list[int | str] | None:
    given = args.channels
    return given and [int(c) if c.isdecimal() else c for c in given]


def _given(component: Callable[..., Any], args: argparse.Namespace, *names: str) -> Any:
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    for name, value in given.items():
        if value == "none":
            given[name] = None
        elif isinstance(value, list):
            given[name] = tuple(value)
    return component(**given) if given else None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _drained(events: Iterable[Event], args: argparse.Namespace) -> Any:
    """Run a verb to its result, its messages spelled as the command line is."""
    from ..events import drain

    progress = False if args.quiet else "auto"
    try:
        return drain(events, progress, lambda message: in_options(message, vars(args)))
    except BrokenPipeError:  # whoever reads the progress no more has ended the work
        raise SystemExit(FAILED) from None
