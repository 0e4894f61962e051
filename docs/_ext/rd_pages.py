"""Make one page of each R help page in man/, below generated/r/."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

RD_TO_HTML = r"""
arguments <- commandArgs(TRUE)
pages <- lapply(arguments[-1], tools::parse_Rd)
names(pages) <- sub("[.]Rd$", "", basename(arguments[-1]))
field <- function(rd, tag) {
  parts <- rd[vapply(rd, attr, "", "Rd_tag") == tag]
  vapply(parts, function(part) trimws(paste(unlist(part), collapse = "")), "")
}
internal <- vapply(pages, function(rd) "internal" %in% field(rd, "\\keyword"), NA)
pages <- pages[!internal]
topics <- lapply(pages, field, "\\alias")
links <- rep(paste0(names(pages), ".html"), lengths(topics))
names(links) <- unlist(topics)
for (name in names(pages)) {
  tools::Rd2HTML(
    pages[[name]], file.path(arguments[1], paste0(name, ".html")), Links = links,
    Links2 = character(), stages = c("build", "install", "render")
  )
  cat(name, field(pages[[name]], "\\title"), sep = "\t")
  cat("\n")
}
"""
PAGE = """# {name}

{title}

```{{raw}} html
:file: {name}.html
```
"""


def write_pages(app: Sphinx) -> None:
    """Convert man/*.Rd and write an index of them."""
    folder = Path(app.srcdir, "generated", "r")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = sorted(Path(app.srcdir).parent.glob("man/*.Rd"))
    command = ["Rscript", "-e", RD_TO_HTML, str(folder), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"man/*.Rd could not be converted:\n{done.stderr}")
    titles = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    for name, title in titles.items():
        html = folder / f"{name}.html"
        html.write_text(_fitted(html.read_text(), titles))
        (folder / f"{name}.md").write_text(PAGE.format(name=name, title=title))
    rows = "".join(f"| [{name}]({name}.md) | {title} |\n" for name, title in titles.items())
    toc = "".join(f"{name}\n" for name in titles)
    (folder / "index.md").write_text(
        "# R reference\n\n"
        'The same pages as `help(package = "cytoloom")` shows in R.\n\n'
        f"| Topic | |\n|---|---|\n{rows}\n```{{toctree}}\n:hidden:\n\n{toc}```\n"
    )


def _fitted(html: str, titles: dict[str, str]) -> str:
    """Keep the body below the title, with only the links that lead to one of our pages."""
    body = html.split("</h2>", 1)[1].split("</body>", 1)[0]
    body = re.sub(r"(\s*</(div|main)>)+\s*$", "", body)

    def link(match: re.Match[str]) -> str:
        target, label = Path(match[1]).stem, match[2]
        return f'<a href="{target}.html">{label}</a>' if target in titles else label

    body = re.sub(r'<a href="(?!https?:)([^"#]+)[^"]*">(.*?)</a>', link, body, flags=re.DOTALL)
    return body.replace("h3>", "h2>").replace("<table>", '<table class="r-arguments">')


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
