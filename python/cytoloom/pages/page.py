"""The page itself: a template, a style and a script, put into one file of text."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from pathlib import Path
from typing import Any

from ..images.vendor import package
from .rows import Row, Table, cell

HERE = Path(__file__).parent
EXTRA = "report"


def need_templates() -> Any:
    """Import Jinja2, or say which extra of ours installs it."""
    return package("jinja2", Path("path"), EXTRA)


def filled(editor: Path | None = None, **parts: Any) -> str:
    """Fill the template; every text is escaped, whatever signs a name has.

    Parameters
    ----------
    editor : Path, optional
        A folder with style, script and parts of an editor, ``editor.css`` and so on, of a page
        that is served by a program.
    **parts
        What the template is filled with.

    Returns
    -------
    str
        HTML that loads nothing but what is in it, and pictures beside it.
    """
    style, script = _joined("css", editor), _joined("js", editor)
    policy = {"style_hash": _hash(style), "script_hash": _hash(script)}
    template = _template("page.html", [HERE, *([editor] if editor else [])])
    made: str = template.render(style=style, script=script, editor=editor, **policy, **parts)
    return made


def without_script(template: Path, **parts: Any) -> str:
    """Fill a template that has the style of all pages and no script; see `filled`."""
    style = _joined("css", None)
    made: str = _template(template.name, [template.parent, HERE]).render(
        style=style, style_hash=_hash(style), **parts
    )
    return made


def of_template(template: Path, **parts: Any) -> str:
    """Fill a template with the style of all pages and its own, and a script of its own."""
    style = _joined("css", None) + template.with_suffix(".css").read_text("utf-8")
    script = template.with_suffix(".js").read_text("utf-8")
    made: str = _template(template.name, [template.parent, HERE]).render(
        style=style, script=script, style_hash=_hash(style), script_hash=_hash(script), **parts
    )
    return made


def _template(name: str, folders: list[Path]) -> Any:
    jinja2 = need_templates()
    loader = jinja2.FileSystemLoader(folders)
    return jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template(name)


def review_list(table: Table) -> str:
    """Return the images as CSV, those first that are worth a look, as the address of a file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    also = list(table.rows[0].also) if table.rows else []
    names = [column.name for column in table.columns]
    writer.writerow(["review", "image", "flags", *names, *also])
    for row in sorted(table.rows, key=_review):
        given = [*(value for _, value, _ in row.cells), *(cell(row.also[n])[1] for n in also)]
        values = ["" if value is None else _safe(value) for value in given]
        writer.writerow([row.review, _safe(row.image), _safe("; ".join(row.flags)), *values])
    return data_address(stream.getvalue().encode("utf-8", "replace"), "text/csv;charset=utf-8")


def _review(row: Row) -> int:
    return row.review


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"_{value}" if isinstance(value, str) and value[:1] in "=+@" and value else value


def data_address(content: bytes, kind: str = "") -> str:
    """Return content as an address that holds it; without its kind it is a picture."""
    kind = kind or ("image/jpeg" if suffix_of(content) == ".jpg" else "image/png")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def suffix_of(content: bytes) -> str:
    """Return how files of such a picture end."""
    return ".jpg" if content.startswith(b"\xff\xd8") else ".png"


def _joined(kind: str, editor: Path | None) -> str:
    """Return the style or the script of the page, with that of its editor."""
    files = [HERE / f"page.{kind}", *([editor / f"editor.{kind}"] if editor else [])]
    return "".join(file.read_text("utf-8") for file in files)


def _hash(text: str) -> str:
    """Return by what a browser is told that a script or style is ours."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
