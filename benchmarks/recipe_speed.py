"""Has the default recipe become slower? Its steps/s over those of a network that never changes.

The ratio is held against the one in `stored_ratios.json`, by precision. A deliberate change of
the recipe stores a new one: `python -m benchmarks.recipe_speed --store`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import cytoloom as cl
from cytoloom.runtime import backend

from . import blocks, machine, reference
from .blocks import Row

SECONDS = {"full": 10.0, "quick": 2.0, "toy": 0.2}
STORED = Path(__file__).with_name("stored_ratios.json")
TOLERANCE = 0.9


def rows(size: str, work: Path) -> list[Row]:
    """Measure the default recipe's steps in steps of the fixed network."""
    seconds = SECONDS[size]
    toy = size == "toy"
    data = reference.nuclei_folder(work / "nuclei", 4 if toy else 20)
    trainer = cl.Trainer(iterations=1, patch_px=32, batch_size=2) if toy else cl.Trainer()
    recipe = reference.bare(data, reference.unet(size), trainer).stepper()
    fixed = reference.fixed_step(32, 2) if toy else reference.fixed_step()
    stored = {} if toy else read_stored()
    known = stored.get(backend.resolve_precision("auto"))
    found = blocks.ratio(
        "recipe: steps/s of the default recipe / of the fixed network",
        lambda: blocks.per_second(recipe, seconds),
        lambda: blocks.per_second(fixed, seconds),
        aim=TOLERANCE * known["ratio"] if known else None,
        note=f"stored: {known['ratio']:.3g}" if known else "no ratio stored yet",
    )
    return [found]


def read_stored() -> dict[str, dict[str, float | str]]:
    """Return the stored ratios by precision."""
    return dict(json.loads(STORED.read_text())) if STORED.exists() else {}


def store() -> None:
    """Measure, and store the ratio for this precision."""
    with tempfile.TemporaryDirectory() as work:
        found = rows("full", Path(work))[0]
    kept = read_stored()
    precision = backend.resolve_precision("auto")
    kept[precision] = {"ratio": round(found.value, 4), "machine": machine.describe()}
    STORED.write_text(json.dumps(kept, indent=1) + "\n")
    print(blocks.table([found]))


if __name__ == "__main__":
    if sys.argv[1:] == ["--store"]:
        store()
    else:
        blocks.main(rows, __doc__)
