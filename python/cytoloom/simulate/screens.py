"""Screens with exactly known truth: plates, treatments of graded strength, cells affected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..components.arguments import checked
from ..errors import invalid
from ..messages import one_of
from .bodies import Body, scatter
from .optics import Optics, noise
from .scenes import Labels, Seed, seeded

if TYPE_CHECKING:
    import pandas as pd

PHENOTYPES = ("none", "condensed", "translocated", "granular")
ROWS, COLUMNS = "ABCDEFGH", 12
DIAMETER_PX = (26.0, 38.0)
CHANNELS = ("dna", "reporter")


class Effect(NamedTuple):
    """What a treatment does to cells.

    Attributes
    ----------
    phenotype : {"none", "condensed", "translocated", "granular"}
        Nuclei shrink and brighten; the reporter goes into the nucleus; it gathers in grains.
    strength : float, default 1.0
        0 nothing, 1 as much as there is.
    prevalence : float, default 1.0
        Share of the cells of a well that show it.
    wells : int, default 4
        Of each plate.
    """

    phenotype: str
    strength: float = 1.0
    prevalence: float = 1.0
    wells: int = 4


USUAL = {
    "strong": Effect("translocated", 1.0, 0.8),
    "weak": Effect("translocated", 0.4, 0.8),
    "rare": Effect("condensed", 1.0, 0.1),
    "granular": Effect("granular", 0.8, 0.5),
    "inert": Effect("none"),
}


@dataclass(frozen=True, eq=False)
class Screen:
    """Plates with known truth, as `cytoloom.cells` takes them.

    Attributes
    ----------
    images : dict of str to ndarray (y, x, 2)
        By name, such as p1_A01; channels dna and reporter, uint16.
    labels : dict of str to ndarray (y, x)
        Nuclei; 0 background.
    plate : DataFrame
        A row per well: plate, well, treatment, control ("negative" or missing).
    affected : dict of str to tuple of int
        Which nuclei show what was done, by name of the image.
    """

    images: Mapping[str, NDArray[np.uint16]]
    labels: Mapping[str, Labels]
    plate: pd.DataFrame
    affected: Mapping[str, tuple[int, ...]]


@checked
def screen(
    effects: Mapping[str, Any] | None = None,
    *,
    plates: int = 1,
    controls: int = 16,
    count: int = 25,
    shape: tuple[int, int] = (192, 192),
    plate_effect: float = 0.1,
    edge_effect: float = 0.1,
    well_effect: float = 0.05,
    seed: Seed = 0,
) -> Screen:
    """Make the images of plates of 96 wells, with treatments whose effect is known.

    Parameters
    ----------
    effects : dict of str to Effect or tuple, optional
        By treatment: phenotype ("none", "condensed", "translocated" or "granular"), strength (0 to
        1), prevalence (share of cells, 0 to 1), wells of each plate. Default: a strong, a weak, a
        rare, a granular and an inert one, four wells each.
    plates : int, default 1
        Plates; each has all treatments, in wells drawn anew.
    controls : int, default 16
        Negative control wells of each plate, called DMSO.
    count : int, default 25
        Cells placed in a well; where there is no room left there are fewer.
    shape : (int, int), default (192, 192)
        Size of the one image of a well in pixels, (y, x).
    plate_effect, edge_effect, well_effect : float, default 0.1, 0.1, 0.05
        By how much light differs from plate to plate (standard deviation of its logarithm), how
        much less wells at the edge of a plate have, and how much it differs from well to well.
    seed : int or sequence of int, default 0
        The same seed gives the same screen.

    Returns
    -------
    Screen
        Images, labels, table of the plate, and which cells are affected.

    Raises
    ------
    InvalidError
        An effect that there is not, or more wells than a plate has.

    Examples
    --------
    >>> made = screen({"drug": ("condensed", 1.0, 0.5, 2)}, controls=4, count=3, shape=(96, 96))
    >>> made.plate["treatment"].value_counts().to_dict(), made.images["p1_A01"].shape
    ({'DMSO': 4, 'drug': 2}, (96, 96, 2))
    """
    import pandas as pd

    known = {name: _effect(name, one) for name, one in (effects or USUAL).items()}
    wanted = ["DMSO"] * controls + [n for n, one in known.items() for _ in range(one.wells)]
    places = [f"{row}{column:02d}" for row in ROWS for column in range(1, COLUMNS + 1)]
    if not 0 < len(wanted) <= len(places):
        raise invalid("effects", expected=f"at most {len(places)} wells with controls, and one",
                      received=len(wanted))  # fmt: skip
    images, labels, rows, affected = {}, {}, [], {}
    for plate, start in enumerate(seeded(seed).spawn(plates), start=1):
        rng = np.random.default_rng(start)
        order = rng.permutation(len(wanted))
        light = np.exp(rng.normal(0, plate_effect, 2))
        for k, well in enumerate(places[: len(wanted)]):
            treatment = wanted[order[k]]
            effect = known.get(treatment, Effect("none"))
            edge = well[0] in (ROWS[0], ROWS[-1]) or int(well[1:]) in (1, COLUMNS)
            own = light * np.exp(rng.normal(0, well_effect, 2)) * (1 - edge_effect * edge)
            name = f"p{plate}_{well}"
            images[name], labels[name], affected[name] = _well(rng, shape, count, effect, own)
            control = "negative" if treatment == "DMSO" else None
            rows.append((f"p{plate}", well, treatment, control))
    table = pd.DataFrame(rows, columns=["plate", "well", "treatment", "control"])
    return Screen(images, labels, table, affected)


def _effect(name: str, given: Any) -> Effect:
    """Return an effect, or say what is none."""
    try:
        effect = given if isinstance(given, Effect) else Effect(*given)
        if effect.wells % 1 == 0:
            effect = effect._replace(wells=int(effect.wells))
    except TypeError:
        effect = Effect("")
    shares = (effect.strength, effect.prevalence)
    if (
        effect.phenotype not in PHENOTYPES
        or not all(isinstance(one, (int, float)) and 0 <= one <= 1 for one in shares)
        or not isinstance(effect.wells, int)
        or effect.wells < 1
    ):
        expected = (
            f"phenotype ({one_of(PHENOTYPES)}), strength and prevalence (0 to 1), wells for {name}"
        )
        raise invalid("effects", expected=expected, received=given)
    return effect


def _well(
    rng: Generator, shape: tuple[int, int], count: int, effect: Effect, light: NDArray[np.float64]
) -> tuple[NDArray[np.uint16], Labels, tuple[int, ...]]:
    """Make the image of one well, its nuclei, and which of them show the effect."""
    cells, depth, bodies = scatter(shape, count, rng, DIAMETER_PX, 0.4)
    shown = rng.random(int(cells.max()) + 1) < effect.prevalence
    shown[0] = False
    if effect.phenotype == "none":
        shown[:] = False
    nuclei, inner = _nuclei(rng, cells, bodies, shown, effect)
    dna, reporter = _lights(rng, cells, depth, nuclei, inner, shown, effect)
    camera = Optics(unevenness=0.2)
    image = np.stack(
        [camera.expose(one * gain, rng) for one, gain in zip((dna, reporter), light, strict=True)],
        axis=-1,
    )
    present = np.unique(nuclei[nuclei > 0])
    numbers = np.zeros(int(cells.max()) + 1, np.int32)
    numbers[present] = np.arange(1, len(present) + 1)
    return image, numbers[nuclei], tuple(int(numbers[k]) for k in present if shown[k])


def _nuclei(
    rng: Generator, cells: Labels, bodies: list[Body], shown: NDArray[np.bool_], effect: Effect
) -> tuple[Labels, NDArray[np.float32]]:
    """Give each cell a nucleus; condensed ones are smaller."""
    nuclei, depth = np.zeros_like(cells), np.ones(cells.shape, np.float32)
    for body in bodies:
        owner = int(cells[tuple(body.centre.astype(int))])
        small = effect.phenotype == "condensed" and shown[owner]
        factor = rng.uniform(0.55, 0.7) * (1 - 0.45 * effect.strength * small)
        box, radius = body.shrunk(factor, rng).depth(cells.shape)
        inside = (radius < 1) & (cells[box] == owner) & (owner > 0)
        nuclei[box][inside], depth[box][inside] = owner, radius[inside]
    return nuclei, depth


def _lights(
    rng: Generator,
    cells: Labels,
    depth: NDArray[np.float32],
    nuclei: Labels,
    inner: NDArray[np.float32],
    shown: NDArray[np.bool_],
    effect: Effect,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the light of DNA and of the reporter."""
    total = int(cells.max()) + 1
    strength = np.where(shown, effect.strength, 0.0).astype(np.float32)
    bright, level = (np.exp(rng.normal(0, 0.25, total)).astype(np.float32) for _ in range(2))
    grain = noise(cells.shape, rng, 2.5, (1.0, 1.0))
    chromatin = np.clip(1 + 0.18 * grain, 0.4, 1.8)
    dense = 1 + (1.2 * strength if effect.phenotype == "condensed" else 0 * strength)
    rim = 0.6 + 0.4 * np.sqrt(np.maximum(1 - inner**2, 0))
    dna = np.where(nuclei > 0, (bright * dense)[nuclei] * rim * chromatin, 0)
    within = 0.25 + (0.9 * strength if effect.phenotype == "translocated" else 0 * strength)
    outside = 1.0 - (0.6 * strength if effect.phenotype == "translocated" else 0 * strength)
    share = np.where(nuclei > 0, within[cells], outside[cells])
    fine = noise(cells.shape, rng, 1.5, (1.0, 1.0))
    lumps = np.where(fine > 1.0, 2.5, 0.7) - 1
    coarse = (strength if effect.phenotype == "granular" else 0 * strength)[cells]
    texture = np.clip(1 + 0.15 * fine + coarse * lumps, 0.1, 4)
    reporter = np.where(cells > 0, level[cells] * share * (1.05 - 0.5 * depth) * texture, 0)
    return dna.astype(np.float32), reporter.astype(np.float32)
