"""Run the code blocks of the documentation when it is built, and show what they print.

    ```{run} python
    :figure: What the picture shows, for those who cannot see it
    model.plot()
    ```

The languages are `python`, `r` and `sh`. The blocks of a page run in the order in which they
stand, in one namespace per language and one empty folder per page. A block that fails is an error
of the build. The figure of a Python block is the value of its last line, that of an R block
whatever it draws.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

END = "<<end of block>>"


class BlockError(Exception):
    """A code block failed; the message is what it said."""


class PythonSession:
    """One namespace; the value of a block's last line is shown as at the prompt."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, code: str, folder: Path, figure: Path) -> str:
        """Run a block in `folder` and return what it printed; a figure goes to `figure`."""
        shown, chatter = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(shown),
            contextlib.redirect_stderr(chatter),
        ):
            try:
                value = self._last_value(code)
            except BaseException as error:
                raise BlockError(chatter.getvalue() + traceback.format_exc()) from error
            if hasattr(value, "savefig"):
                value.savefig(figure, dpi=100, bbox_inches="tight")
            elif value is not None:
                print(value if hasattr(value, "to_string") else repr(value))
        return shown.getvalue()

    def _last_value(self, code: str) -> Any:
        tree = ast.parse(code)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, "<docs>", "exec"), self.names)
        return eval(compile(last, "<docs>", "eval"), self.names) if last else None


class RSession:
    """One R process for the whole build, with a fresh environment for each page."""

    process: ClassVar[subprocess.Popen[str] | None] = None
    library: ClassVar[Path]

    def __init__(self) -> None:
        self.started = False

    @classmethod
    def start(cls, library: Path) -> subprocess.Popen[str]:
        """Start R, which finds cytoloom in `library` and this very Python."""
        if cls.process is None:
            cls.process = subprocess.Popen(
                ["R", "--vanilla", "--no-echo"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(library / "stderr").open("w"),
                text=True,
                env={**os.environ, "R_LIBS": str(library), "RETICULATE_PYTHON": sys.executable},
            )
        return cls.process

    def run(self, code: str, folder: Path, figure: Path) -> str:
        """Run a block in `folder` and return what it printed; a drawing goes to `figure`."""
        process = self.start(self.library)
        script = folder / "block.R"
        script.write_text(code)
        opened = "" if self.started else "page <- new.env(); "
        self.started = True
        process.stdin.write(
            f"{opened}setwd({_quoted(folder)})\n"
            f"png({_quoted(figure)}, width = 1200, height = 800, res = 150)\n"
            f"source({_quoted(script)}, local = page, print.eval = TRUE)\n"
            f'invisible(dev.off()); cat("\\n{END}\\n")\n'
        )
        process.stdin.flush()
        shown = []
        for line in process.stdout:
            if line.strip() == END:
                return "".join(shown)
            shown.append(line)
        RSession.process = None
        raise BlockError("".join(shown) + (self.library / "stderr").read_text()[-3000:])


class ShellSession:
    """Commands of the environment that builds the documentation."""

    def run(self, code: str, folder: Path, figure: Path) -> str:
        """Run a block in `folder` and return what it printed on standard output."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-e", "-c", code],
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "88"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BlockError(f"{done.stdout}{done.stderr}exit code {done.returncode}")
        return done.stdout


SESSIONS = {"python": PythonSession, "r": RSession, "sh": ShellSession}


class Run(SphinxDirective):
    """The `run` directive."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "figure": directives.unchanged,
        "hide-code": directives.flag,
        "hide-output": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Execute the block and put code, output and figure on the page."""
        language, code = self.arguments[0], "\n".join(self.content)
        figure = self._figure()
        try:
            text = self._session(language).run(code, self._folder(), figure)
        except BlockError as error:
            raise self.error(f"This {language} block failed:\n{code}\n{error}") from error
        shown: list[nodes.Node] = []
        if "hide-code" not in self.options:
            shown.append(nodes.literal_block(code, code, language=language))
        if text.strip() and "hide-output" not in self.options:
            text = text.strip("\n")
            shown.append(nodes.literal_block(text, text, language="text", classes=["output"]))
        if "figure" in self.options:
            if not figure.exists():
                raise self.error(f"This {language} block drew nothing:\n{code}")
            uri = f"/{figure.relative_to(self.env.srcdir).as_posix()}"
            shown.append(nodes.image(uri=uri, alt=self.options["figure"]))
        return shown

    def _session(self, language: str) -> Any:
        sessions = self.env.temp_data.setdefault("executed_sessions", {})
        if language not in sessions:
            sessions[language] = SESSIONS[language]()
        return sessions[language]

    def _folder(self) -> Path:
        folder = Path(self.env.app.outdir).parent / "run" / self.env.docname
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _figure(self) -> Path:
        page = self.env.docname.replace("/", "-")
        figure = Path(self.env.srcdir, "generated", "figures", f"{page}-{self.lineno}.png")
        figure.parent.mkdir(parents=True, exist_ok=True)
        figure.unlink(missing_ok=True)
        return figure


def _quoted(path: Path) -> str:
    return '"' + path.as_posix().replace('"', '\\"') + '"'


def prepare(app: Sphinx) -> None:
    """Empty the pages' folders and install the R package for the R blocks."""
    build = Path(app.outdir).parent
    shutil.rmtree(build / "run", ignore_errors=True)
    RSession.library = build / "r-library"
    RSession.library.mkdir(parents=True, exist_ok=True)
    root = Path(app.srcdir).parent
    command = ["R", "CMD", "INSTALL", "--no-test-load", f"--library={RSession.library}", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The R package does not install:\n{done.stderr}")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """End the R process."""
    if RSession.process is not None:
        RSession.process.stdin.close()
        RSession.process.wait()
        RSession.process = None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("run", Run)
    app.connect("builder-inited", prepare)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
