"""The parser of the command line, built of the verbs' declarations."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import cytoloom

from .. import VERBS, docstrings
from ..events import Event, Verb, drain, find_verb
from ..messages import InOptions, spelled
from .commands import COMMANDS, EXIT_CODES, FAILED, MORE, Command, doctor
from .options import Option, component_of, component_options

DOCTOR = "say what this machine offers and what is missing"


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Show defaults, but not the ones that say nothing (None, False)."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, argparse.SUPPRESS):
            return action.help
        return super()._get_help_string(action)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"cytoloom {version('cytoloom')}")
        parser.exit()


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Build the command line for some arguments: of the other commands no module is imported."""
    top = argparse.ArgumentParser(
        prog="cytoloom",
        description="Train, score and apply U-Nets on microscopy images.",
        epilog=f"example:\n  cytoloom simulate cells && cytoloom check cells\n\n{EXIT_CODES}",
        formatter_class=_Help,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group = top.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    alone = chosen in VERBS and not {"-h", "--help"} & set(argv[: argv.index(chosen)])
    for name in [chosen] if alone else VERBS:
        verb = find_verb(VERBS[str(name)])
        command = COMMANDS.get(str(name)) or Command(_example(str(name), verb))
        added = _command(group, str(name), verb.summary, command.example)
        if name == chosen:
            _Built(verb, command).add_to(added)
    if not alone:
        added = _command(group, "doctor", DOCTOR, "doctor")
        added.add_argument("--json", action="store_true", help="for programs")
        added.set_defaults(run=doctor, options=("json",))
    return top


def _command(group: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    words = summary.removesuffix(".")
    command: argparse.ArgumentParser = group.add_parser(
        name,
        help=words[:1].lower() + words[1:],
        description=f"{words[:1].upper()}{words[1:]}.",
        epilog=f"example:\n  cytoloom {example}",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    command.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )
    command.set_defaults(command=command)
    return command


class _Built:
    """One command: the options of its verb, and what runs it."""

    def __init__(self, verb: Verb[..., Any], command: Command) -> None:
        self._verb, self._command = verb, command
        self._options: list[Option] = []
        self._components: dict[str, tuple[Any, list[Option]]] = {}
        self._reading: list[Option] = []
        for parameter in verb.parameters():
            component = _component(parameter.annotation)
            if component is not None:
                self._components[parameter.name] = component, component_options(component)
            elif parameter.name != "progress":
                default = command.defaults.get(parameter.name, parameter.default)
                more = {**MORE.get(parameter.name, {}), **command.more.get(parameter.name, {})}
                words = parameter.annotation, default, parameter.description
                option = Option(parameter.name, *words, more, parameter.required)
                self._options += [option] if option.settings() else []
            if parameter.name == "data":
                self._reading = _reading()
        taken = {option.name for option in (*self._options, *self._reading)}
        for name, (component, fields) in self._components.items():
            free = [option for option in fields if option.name not in taken]
            self._components[name] = component, free

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add all options to a parser, those of a component in a group."""
        named = [*self._options, *self._reading]
        named += [option for _, fields in self._components.values() for option in fields]
        names = {option.name for option in named if not option.positional}
        for option in (*self._options, *self._reading):
            option.add(parser, names)
        for name, (component, fields) in self._components.items():
            words = docstrings.summary(component.__doc__).replace("`", "")
            group = parser.add_argument_group(name, words)
            between = getattr(component, "between", ())
            alone = [set(rule.fields) for rule in between if rule.test == "one_of"]
            groups = [(one, group.add_mutually_exclusive_group()) for one in alone]
            for option in fields:
                place = next((to for one, to in groups if option.name in one), group)
                option.add(place, names)
        parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
        parser.set_defaults(run=self.run, options=names)

    def run(self, args: argparse.Namespace) -> int:
        """Run the verb, its messages spelled as the command line is, and tell its result."""
        given = {option.name: option.value(args) for option in self._options}
        for name, (component, fields) in self._components.items():
            given[name] = component_of(component, fields, args)
        if self._reading:
            from ..datasets.data import as_data

            how = {option.name: option.value(args) for option in self._reading}
            given["data"] = as_data(given["data"], **how)
        return self._command.tell(_drained(self._verb.events(**given), args), args)


def _example(name: str, verb: Verb[..., Any]) -> str:
    required = [parameter.name.upper() for parameter in verb.parameters() if parameter.required]
    return " ".join([name, *required])


def _component(annotation: str) -> Any:
    """Return the component that an annotation names; None where it is something else."""
    name = annotation.removesuffix(" | None")
    found = getattr(cytoloom, name, None) if name.isidentifier() else None
    return found if inspect.isclass(found) and dataclasses.is_dataclass(found) else None


def _reading() -> list[Option]:
    """Options for how data are read: those of `as_data`."""
    from ..datasets.data import as_data

    said = docstrings.parameters(as_data.__doc__)
    keywords = [
        p for p in inspect.signature(as_data).parameters.values() if p.kind == p.KEYWORD_ONLY
    ]
    return [
        Option(p.name, p.annotation, p.default, said[p.name], MORE.get(p.name, {}))
        for p in keywords
    ]


def _drained(events: Iterable[Event], args: argparse.Namespace) -> Any:
    face = InOptions(args.options)
    try:
        return drain(events, False if args.quiet else "auto", lambda text: spelled(text, face))
    except BrokenPipeError:  # whoever reads the progress no more has ended the work
        raise SystemExit(FAILED) from None
