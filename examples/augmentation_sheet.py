"""See what augmentation does: a contact sheet for each preset.

Run it: python examples/augmentation_sheet.py --out sheets
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cytoloom as cl


def main() -> None:
    """Draw the same image many times over, differently."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("sheets"))
    parser.add_argument("--iterations", type=int, default=15, help="variants on each sheet")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    image, labels = cl.simulate.nuclei(shape=(128, 128), count=14, seed=3)
    for preset in ("light", "default", "strong"):
        figure = cl.plots.augmentation_sheet(preset, image, labels, n=arguments.iterations)
        print(cl.plots.save(figure, arguments.out / f"{preset}.png"))


if __name__ == "__main__":
    main()
