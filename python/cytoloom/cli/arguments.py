"""The command line: it reads arguments, calls the verbs and prints what they return.

Nothing heavy is imported before a command runs, so that `cytoloom --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import BackendError, InvalidError
from ..messages import in_options
from . import commands
from .commands import FAILED, OK, say

USAGE, INTERRUPTED = 2, 130
DATA_HELP = "folder with images/ and masks/ or labels/, or a CSV with columns image, label"
EXIT_CODES = """\
exit codes:
  0    done
  1    failed; the reason is one sentence on standard error (--debug: the traceback)
  2    the command line itself was wrong
  3    predict: some images could not be read, the others are done (see files.csv)
  130  interrupted"""


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Show defaults, but not the ones that say nothing (None, False)."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, argparse.SUPPRESS):
            return action.help
        return super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.

    Returns
    -------
    int
        0 done, 1 failed, 3 some images failed, 130 interrupted. Wrong usage exits with 2.
    """
    args, unknown = parser().parse_known_args(argv)
    if unknown:
        args.command.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return int(args.run(args))
    except KeyboardInterrupt as stop:
        return say(f"interrupted: {stop}" if str(stop) else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone; keep Python from complaining when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if args.debug:
            raise
        return say(in_options(_sentence(error), vars(args)), FAILED)


def _sentence(error: Exception) -> str:
    if isinstance(error, (InvalidError, BackendError)) or (
        isinstance(error, OSError) and error.strerror
    ):
        return str(error)
    return f"{type(error).__name__}: {error} (add --debug to see where)"


def parser() -> argparse.ArgumentParser:
    """Build the whole command line; nothing is imported for it but argparse."""
    top = argparse.ArgumentParser(
        prog="cytoloom",
        description="Train, score and apply U-Nets on microscopy images.",
        epilog=f"example:\n  cytoloom simulate cells && cytoloom check cells\n\n{EXIT_CODES}",
        formatter_class=_Help,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group = top.add_subparsers(metavar="COMMAND", required=True)
    for add in (_train, _evaluate, _predict, _check, _plan, _simulate, _info, _doctor):
        add(group)
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"cytoloom {version('cytoloom')}")
        parser.exit()


def _command(
    group: Any, run: Callable[[argparse.Namespace], int], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = group.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    command.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )
    command.set_defaults(run=run, command=command)
    return command


def _quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="no progress on standard error")


def _reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--channels", nargs="+", metavar="C", help="channels by index from 0 or name (default: all)"
    )


def _labelled(command: argparse.ArgumentParser) -> None:
    _reading(command)
    command.add_argument("--unknown", type=int, help="label value that counts nowhere")


def _train(group: Any) -> None:
    command = _command(
        group,
        commands.train,
        "train",
        "train a model on annotated images",
        "cytoloom train data/train --task instances --minutes 10 --out nuclei.cytoloom",
    )
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument(
        "--task", help="instances (default), binary or classes:background,NAME,..."
    )
    length = command.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="how long the whole call may take")
    length.add_argument("--iterations", type=int, help="how many batches to learn from")
    length.add_argument("--epochs", type=int, help="how often to see each image")
    command.add_argument("--out", default="model.cytoloom", help="model folder to write")
    command.add_argument("--overwrite", action="store_true", help="replace a finished --out")
    command.add_argument("--start", metavar="MODEL", help="fine-tune from this model folder")
    command.add_argument("--seed", type=int, default=0, help="same seed, same model")
    command.add_argument(
        "--validation", default="0.2", help="fraction of the images to hold out, or a folder"
    )
    _labelled(command)
    command.add_argument("--filters", type=int, help="width of the U-Net's first level")
    command.add_argument("--depth", type=int, help="levels of the U-Net")
    command.add_argument(
        "--ndim", type=int, choices=(2, 3), help="3 with --filters or --depth for stacks"
    )
    command.add_argument("--batch-size", type=int, help="patches per batch")
    command.add_argument("--patch-px", type=int, nargs="+", metavar="N", help="patch size, y x")
    command.add_argument("--learning-rate", type=float, help="its peak (default: 0.001)")
    command.add_argument("--augment", help="none, light, default or strong")
    command.add_argument("--precision", help="auto, float32 or bfloat16")
    command.add_argument("--threads", type=int, help="CPU cores to use (default: all given)")
    _quiet(command)


def _evaluate(group: Any) -> None:
    command = _command(
        group,
        commands.evaluate,
        "evaluate",
        "score a model on annotated images, at the size they have",
        "cytoloom evaluate nuclei.cytoloom data/test --out scores/",
    )
    command.add_argument("model", metavar="MODEL", help="model folder")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--out", help="folder for the tables as CSV")
    command.add_argument("--overwrite", action="store_true", help="replace the scores in --out")
    command.add_argument(
        "--allow-training-images",
        action="store_true",
        help="score also images that the model was trained on",
    )
    _labelled(command)
    _quiet(command)


def _predict(group: Any) -> None:
    command = _command(
        group,
        commands.predict,
        "predict",
        "find objects in images",
        "cytoloom predict nuclei.cytoloom images/ --out results/ --overlay",
    )
    command.add_argument("model", metavar="MODEL", help="model folder")
    command.add_argument("images", metavar="IMAGES", nargs="+", help="folder or image files")
    command.add_argument("--out", default="results", help="folder for label images and tables")
    command.add_argument("--overlay", action="store_true", help="also draw outlines on images")
    command.add_argument("--overwrite", action="store_true", help="replace the results in --out")
    command.add_argument(
        "--slices", action="store_true", help="take the planes of a z stack as images"
    )
    command.add_argument(
        "--rescale",
        default="auto",
        help="how much to enlarge images for the network: a factor, none, or auto, from pixel "
        "sizes or where objects are of another size than in training",
    )
    _reading(command)
    _quiet(command)


def _check(group: Any) -> None:
    command = _command(
        group,
        commands.check,
        "check",
        "say everything that is wrong with annotated images, without training",
        "cytoloom check data/train --task classes:background,cytoplasm,nucleus",
    )
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--task", help="also check that the labels suit this task")
    _labelled(command)


def _plan(group: Any) -> None:
    command = _command(
        group,
        commands.plan,
        "plan",
        "say which network and patches a training would use, and why",
        "cytoloom plan data/train --minutes 10",
    )
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument(
        "--task", default="instances", help="instances, binary or classes:background,NAME,..."
    )
    command.add_argument("--minutes", type=float, help="wall time of the training")
    command.add_argument(
        "--memory-gb",
        type=float,
        metavar="GB",
        help="memory for it; default: half of all",
    )
    _labelled(command)
    _quiet(command)


def _simulate(group: Any) -> None:
    command = _command(
        group,
        commands.simulate,
        "simulate",
        "write simulated images with exactly known truth",
        "cytoloom simulate simulated/ --kind nuclei --images 20 --seed 1",
    )
    command.add_argument("dir", metavar="DIR", help="new folder for images/ and labels/")
    command.add_argument("--kind", default="nuclei", help="nuclei, cells, nuclei_3d or annotators")
    command.add_argument("--images", type=int, default=20, help="how many")
    command.add_argument("--seed", type=int, default=0, help="same seed, same images")


def _info(group: Any) -> None:
    command = _command(
        group, commands.info, "info", "describe a model", "cytoloom info nuclei.cytoloom"
    )
    command.add_argument("model", metavar="MODEL", help="model folder")


def _doctor(group: Any) -> None:
    command = _command(
        group,
        commands.doctor,
        "doctor",
        "say what this machine offers and what is missing",
        "cytoloom doctor",
    )
    command.add_argument("--json", action="store_true", help="for programs")
