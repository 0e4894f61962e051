"""Words of messages: how many there are, and settings spelled as R and the command line do."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Container

COMPONENTS = ("Augment", "Binary", "Classes", "Instances", "Normalize", "Trainer", "UNet")
# A setting with a value, or a value whose display is Python's alone; the second look about keeps
# names of files as they are.
_START = re.compile(
    r"""(?<![\w./\\`-])
    (?: (?P<name>[a-z_]+)= (?=[\w'"(\[{-]) | (?=[(\[{] | (?:None|True|False)\b | [A-Z]\w*\() )
    (?P<value> (?P<open>(?:[A-Z]\w*)?[(\[{]) | '[^'\\]*' | "[^"\\]*" | -?\d+(?:\.\d+)?(?:e-?\d+)?
             | None | True | False )""",
    re.VERBOSE,
)
_GOES_ON = re.compile(r"[\w/\\]|\.\w")


def counted(count: int, what: str) -> str:
    """Say how many there are.

    Examples
    --------
    >>> counted(1, "image"), counted(2, "image"), counted(8, "patch")
    ('1 image', '2 images', '8 patches')
    """
    end = "" if count == 1 else "es" if what.endswith("ch") else "s"
    return f"{count} {what}{end}"


def in_r(text: str) -> str:
    """Spell settings, values and components as R does.

    Examples
    --------
    >>> in_r("Pass overwrite=True, or rescale=None.")
    'Pass overwrite = TRUE, or rescale = NULL.'
    >>> in_r("Received: {'a': (1, 2)}, None, UNet(filters=8, pooling=((1, 2), (2, 2))).")
    'Received: list(a = c(1, 2)), NULL, cl_unet(filters = 8, pooling = list(c(1, 2), c(2, 2))).'
    >>> in_r("Expected one number (y, x) in plate[1].tif. Received: [0].")
    'Expected one number (y, x) in plate[1].tif. Received: 0.'
    """
    return _respell(text, lambda name, value: f"{name} = {_r(value)}" if name else _r(value))


def in_options(text: str, options: Container[str]) -> str:
    """Spell those settings that are options of a command as the command line does.

    Examples
    --------
    >>> options = ("overwrite", "rescale", "patch_px")
    >>> in_options("Pass overwrite=True to replace it.", options)
    'Pass --overwrite to replace it.'
    >>> in_options("Pass rescale=None, patch_px=(32, 64) or axes='yx'.", options)
    "Pass --rescale none, --patch-px 32 64 or axes='yx'."
    """
    return _respell(text, lambda name, value: _option(name, value) if name in options else None)


def _respell(text: str, spell: Callable[[str, ast.expr], str | None]) -> str:
    done, at = "", 0
    while found := _START.search(text, at):
        value, end = _expression(text, found)
        words = None
        if value is not None and not _GOES_ON.match(text, end):
            words = spell(found["name"] or "", value)
        if words is None:
            end = found.end()
            words = found.group()
        done += text[at : found.start()] + words
        at = end
    return done + text[at:]


def _expression(text: str, found: re.Match[str]) -> tuple[ast.expr | None, int]:
    """Return the value that begins at a match, where it is one, and where it ends."""
    start = found.start("value")
    ends = (m.end() for m in re.compile(r"[)\]}]").finditer(text, start))
    for end in ends if found["open"] else [found.end()]:
        try:
            value = ast.parse(text[start:end], mode="eval").body
        except (SyntaxError, ValueError):
            continue
        # in prose, (3) is no tuple
        known = _known(value) and not (found["open"] and isinstance(value, ast.Constant))
        return (value if known else None), end
    return None, found.end()


def _known(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=name), args=[], keywords=given):
            return name in COMPONENTS and all(k.arg and _known(k.value) for k in given)
        case ast.Dict(keys=keys, values=values):
            named = all(isinstance(k, ast.Constant) for k in keys)
            return named and all(map(_known, values))
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(map(_known, parts))
        case ast.UnaryOp(op=ast.USub(), operand=number):
            return _known(number)
    return isinstance(value, ast.Constant)


def _r(value: ast.expr) -> str:
    match value:
        case ast.Constant(value=None):
            return "NULL"
        case ast.Constant(value=bool(truth)):
            return str(truth).upper()
        case ast.Constant(value=str(words)):
            return json.dumps(words, ensure_ascii=False)
        case ast.Tuple(elts=[only]) | ast.List(elts=[only]):
            return _r(only)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            plain = all(isinstance(p, (ast.Constant, ast.UnaryOp)) for p in parts)
            return f"{'c' if plain else 'list'}({', '.join(map(_r, parts))})"
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            named = [f"{ast.literal_eval(k)} = {_r(v)}" for k, v in pairs if k is not None]
            return f"list({', '.join(named)})"
        case ast.Call(func=ast.Name(id=name), keywords=given):
            return f"cl_{name.lower()}({', '.join(f'{k.arg} = {_r(k.value)}' for k in given)})"
    return ast.unparse(value)


def _option(name: str, value: ast.expr) -> str | None:
    option = "--" + name.replace("_", "-")
    match value:
        case ast.Constant(value=True):
            return option
        case ast.Constant(value=None):
            return f"{option} none"
        case ast.Constant(value=False):
            return None
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return " ".join([option, *(str(ast.literal_eval(part)) for part in parts)])
    return f"{option} {ast.literal_eval(value)}"
