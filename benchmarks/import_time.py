"""What does `import cytoloom` cost, and `cytoloom --help`? Fresh processes, in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from . import blocks
from .blocks import Row

HEAVY = ("numpy", "scipy", "skimage", "pandas", "matplotlib", "keras", "tensorflow", "jax", "torch")


def rows(size: str, work: Path) -> list[Row]:
    """Measure both, and see that nothing heavy is loaded."""
    count = 1 if size == "toy" else 2 * blocks.BLOCKS
    for code in ("pass", "import cytoloom"):  # compiled files and disk caches are there from now on
        _python(work, "-c", code)
    pairs = blocks.interleaved(
        lambda: blocks.once(lambda: _python(work, "-c", "import cytoloom")),
        lambda: blocks.once(lambda: _python(work, "-c", "pass")),
        count,
    )
    _python(work, "-m", "cytoloom", "--help")
    helps = [blocks.once(lambda: _python(work, "-m", "cytoloom", "--help")) for _ in range(count)]
    loaded = heavy(work)
    return [
        blocks.summarise(
            "import cytoloom, above an empty interpreter",
            [ours - empty for ours, empty in pairs],
            unit="s",
            aim=0.3,
            at_least=False,
            note=f"loads {', '.join(loaded)}" if loaded else "loads nothing heavy",
        ),
        blocks.summarise("cytoloom --help", helps, unit="s", aim=0.5, at_least=False),
    ]


def heavy(work: Path) -> list[str]:
    """Names of the heavy packages that importing cytoloom loads."""
    code = f"import sys, cytoloom; print(*[n for n in {HEAVY} if n in sys.modules])"
    return _python(work, "-c", code).split()


def _python(work: Path, *arguments: str) -> str:
    """Run a fresh interpreter, elsewhere, with compiled files as users have them."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, cwd=work, env=environment)
    return done.stdout.decode()


if __name__ == "__main__":
    blocks.main(rows, __doc__)
