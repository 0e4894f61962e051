"""The parser of the command line, built of the verbs' declarations."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cytoloom

from .. import VERBS
from ..components import docstrings
from ..errors import invalid
from ..events import Event, Parameter, Verb, drain, find_verb
from ..messages import GROUPS, Argument, InOptions, command_of, say, spelled
from .commands import COMMANDS, EXIT_CODES, FAILED, MORE, WORDS, Command, doctor
from .options import Option, component_of, component_options, file_options

DOCTOR = "say what this machine offers and what is missing"
FOREIGN = "the model's task, where it is one of your own: my_task:Ridges"
MODELS = {"model", "model_a", "model_b", "models"}
"""Parameters that are models, or several."""


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Show defaults, but not the ones that say nothing (None, False) or are said already (True)."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, True, argparse.SUPPRESS):
            return action.help
        if isinstance(action.default, tuple):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
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
    chosen, word = _chosen(argv)
    alone = chosen in VERBS and not {"-h", "--help"} & set(argv[: argv.index(word)])
    places: dict[str, Any] = {"": group}
    for name in [chosen] if alone else VERBS:
        verb = find_verb(VERBS[name])
        command = COMMANDS.get(name) or Command(_example(name, verb))
        above, _, own = command_of(name).rpartition(" ")
        if above not in places:
            places[above] = _group(group, above)
        added = _command(places[above], own, verb.summary, command.example)
        if name == chosen:
            _Built(verb, command).add_to(added)
    if not alone:
        added = _command(group, "doctor", DOCTOR, "doctor")
        added.add_argument("--json", action="store_true", help="for programs")
        added.set_defaults(run=doctor, options=("json",))
    return top


def _chosen(argv: Sequence[str]) -> tuple[str, str]:
    """Return the verb that is asked for, and the last word of its command; empty without one."""
    words = [word for word in argv if not word.startswith("-")]
    if len(words) > 1 and words[0] in GROUPS:
        return "_".join(words[:2]).replace("-", "_"), words[1]
    return (words[0].replace("-", "_"), words[0]) if words else ("", "")


def _group(group: Any, name: str) -> Any:
    """Add a command that has commands of its own."""
    words = WORDS[name]
    added = group.add_parser(
        name,
        help=words,
        description=f"{words[:1].upper()}{words[1:]}.",
        epilog=f"example:\n  cytoloom {name} list",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    return added.add_subparsers(metavar="COMMAND", required=True)


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
        parameters = verb.parameters()
        reads = command.labelled and any(p.name == "data" for p in parameters)
        self._reading = _reading() if reads else []
        self._options = [one for p in parameters if (one := _option(p, command)) is not None]
        taken = {option.name for option in (*self._options, *self._reading)}
        names = {p.name for p in parameters}
        self._foreign = "task" not in names and bool(names & MODELS)
        self._components = {
            p.name: [
                (component, [o for o in _of(component) if o.name not in taken])
                for component in any_of
            ]
            for p in parameters
            if (any_of := _components(p.annotation))
        }

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add all options to a parser, those of a component in a group."""
        own = [*self._options, *self._reading]
        fields = [o for any_of in self._components.values() for _, of in any_of for o in of]
        names = {option.name for option in (*own, *fields) if not option.positional}
        for option in own:
            option.add(parser, names)
        for name, any_of in self._components.items():
            for component, options in any_of:
                words = docstrings.summary(component.__doc__).replace("`", "")
                title = name if component is any_of[0][0] else f"{name}, or"
                _add_fields(parser.add_argument_group(title, words), component, options, names)
        if self._foreign:
            parser.add_argument("--task", metavar="MODULE:CLASS", help=FOREIGN)
            names.add("task")
        parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
        parser.set_defaults(run=self.run, options=names)

    def run(self, args: argparse.Namespace) -> int:
        """Run the verb, its messages spelled as the command line is, and tell its result."""
        given = {option.name: option.value(args) for option in self._options}
        if self._foreign and args.task is not None:
            _know(given, args.task)
        for name, any_of in self._components.items():
            made = [component_of(component, fields, args) for component, fields in any_of]
            given[name] = _the_one(name, [one for one in made if one is not None])
        how = {option.name: option.value(args) for option in self._reading}
        if _open(given, self._command.itself):
            _refuse_given(how, "tracks")
        elif given.get(self._command.images_with):
            _refuse_given(how, Argument(self._command.images_with))
        elif self._reading and given["data"] is not None:
            given["data"] = _read(given["data"], how)
        return self._command.tell(_drained(self._verb.events(**given), args), args)


def _the_one(name: str, made: list[Any]) -> Any:
    """Return the component of which options were given; None where there were none."""
    if len(made) > 1:
        several = " and ".join(type(one).__name__ for one in made)
        raise invalid(name, expected="options of one", received=f"some of {several}")
    return made[0] if made else None


def _read(data: Any, how: Mapping[str, Any]) -> Any:
    """Return what a folder holds: images with labels, read so, or what is more than these."""
    from ..datasets.data import as_data
    from ..datasets.opened import opened

    found = opened(data)
    if found is data:
        return as_data(data, **how)
    _refuse_given(how, "a folder of cells")
    return found


def _open(given: dict[str, Any], name: str) -> bool:
    """Open what knows itself how it is scored; return whether it is such."""
    if not name:
        return False
    from ..evaluation.others import scoring_itself

    found = scoring_itself(given[name])
    if found is not None:
        given[name] = found
    return found is not None


def _refuse_given(how: Mapping[str, Any], other: object) -> None:
    """Raise where it is said how labelled data are read, and there are none."""
    for name, value in how.items():
        if value is not None:
            expected = say("nothing of this kind where there is {}", other)
            raise invalid(name, expected=expected, received=value)


def _know(given: dict[str, Any], task: str) -> None:
    """Import a task of somebody else's, by whose name models know it; a single one must have it."""
    from ..models.load import load
    from ..tasks import resolve

    if "model" in given:
        given["model"] = load(given["model"], task)
    else:
        resolve(task)


def _example(name: str, verb: Verb[..., Any]) -> str:
    required = [parameter.name.upper() for parameter in verb.parameters() if parameter.required]
    return " ".join([command_of(name), *required])


def _option(parameter: Parameter, command: Command) -> Option | None:
    """Return the option of a parameter; None where it is a component, or for the call alone."""
    name = parameter.name
    if name == "progress" or _components(parameter.annotation):
        return None
    default = command.defaults.get(name, parameter.default)
    more = {**MORE.get(name, {}), **command.more.get(name, {})}
    words = parameter.annotation, default, parameter.description
    first = parameter.required and name not in command.defaults
    option = Option(name, *words, more, positional=first or more.get("nargs") in ("?", "*"))
    return option if option.settings() else None


def _of(component: Any) -> list[Option]:
    return [*file_options(component), *component_options(component)]


def _add_fields(group: Any, component: Any, options: list[Option], names: set[str]) -> None:
    """Add the options of a component; of those of which one may be given, only one may."""
    places = {}
    for rule in getattr(component, "between", ()):
        if rule.test == "one_of":
            places |= dict.fromkeys(rule.fields, group.add_mutually_exclusive_group())
    for option in options:
        option.add(places.get(option.name, group), names)


def _components(annotation: str) -> list[Any]:
    """Return the components that an annotation names; none where it is something else, too."""
    names = annotation.removesuffix(" | None").split(" | ")
    found = [getattr(cytoloom, one, None) if one.isidentifier() else None for one in names]
    plain = all(inspect.isclass(one) and dataclasses.is_dataclass(one) for one in found)
    return found if plain else []


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
