"""At which size objects fit best, looked for in rounds: many sizes in few parts, few in all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .looks import Look, Looks

OCTAVES = (-4, -3, -2, -1, 0, 1, 2, 3)
"""Factors that are looked at, as powers of 2; half steps follow where the fit is near the best."""
ROUNDS = ((2, 0.75), (4, 0.85), (None, 0.93))
"""In each round so many parts are looked at (None: all) at the sizes that fitted at least so well,
compared to the best, in the parts before; in the first, at half steps beside these. All parts at
every size took twice the pixels and found the same sizes."""
STOP = 0.5
"""Farther sizes are not looked at behind one that fits so much worse than the best."""
GAIN = 1.25
"""How many times better objects must fit at another size. On collections that were best left as
they are another size fitted up to 1.22 times as well; where it helped, 1.5 times and more."""
GOOD, USUAL = 0.7, 0.95
"""From these shares of the usual coherence on, a fit is good enough to leave images as they are
unless it is clearly better at half or twice the size, or without looking at another size."""
PRIOR = 0.045
"""An octave farther from 1 has to fit so much better: where sizes fit alike, the one nearest to the
images as they are has the finest outlines."""
LEAST_POWER = 1
"""Factors nearer to 1 than 2 and 1/2 are not worth it: they brought at most .03."""
Fits = dict[float, float]


class Search:
    """The factor of the best fit, looked for over octaves and between them.

    Parameters
    ----------
    looks : Looks
        Parts of some images.
    ndim : int
        Spatial axes.
    plausible : callable
        Whether objects are as large as some were in training.
    """

    def __init__(self, looks: Looks, ndim: int, plausible: Callable[[Look], bool]) -> None:
        self._looks, self._ndim, self._plausible = looks, ndim, plausible

    def look(self, power: float, most: int | None = None) -> Look:
        """Look at parts enlarged by a power of 2."""
        return self._looks.at(self._factors(power), most)

    def seen(self, power: float) -> Look:
        """Return what was looked at with a power of 2."""
        return self._looks.seen(self._factors(power))

    def own(self, image: int) -> dict[float, Look]:
        """Look at the parts of one image at each octave."""
        octaves = [power for power in OCTAVES if self._looks.fits_in(2.0**power, image)]
        return {power: self._looks.at(self._factors(power), image=image) for power in octaves}

    def stays(self, usual: float) -> bool:
        """Whether images fit well as they are, and not clearly better at half or twice the size."""
        for most in (ROUNDS[1][0], None):
            if self.look(0, most).fit >= USUAL * usual:
                return True
        if self.look(0).fit < GOOD * usual:
            return False
        few = ROUNDS[0][0]
        return all(self._fit(power, few) < GAIN * self.look(0, few).fit for power in (-1, 1))

    def best(self) -> float | None:
        """Return the power of 2 with the best fit; None where that is an end of the range."""
        fits: Fits = {}
        for most, share in ROUNDS:
            if any(fits.values()):
                fits = self._fits(_near_best(fits, share), most)
            else:  # what was looked at had too few objects
                fits = self._octaves(most)
                fits |= self._fits(_between(_near_best(fits, share)), most)
        if not fits:  # no size fits, as where there is hardly an object
            return None
        best = max(fits, key=lambda power: _value(fits, power))
        return best if inside(best) and abs(best) >= LEAST_POWER and fits[best] else None

    def _factors(self, power: float) -> list[float]:
        return [rounded(2.0**power)] * self._ndim

    def _fits(self, powers: Iterable[float], most: int | None) -> Fits:
        return {power: self._fit(power, most) for power in powers}

    def _fit(self, power: float, most: int | None) -> float:
        if not self._looks.fits_in(2.0**power):
            return 0.0
        look = self.look(power, most)
        return look.fit if self._plausible(look) else 0.0

    def _octaves(self, most: int | None) -> Fits:
        """Look at octaves from 1 on, to each side until they fit much worse."""
        fits = self._fits([0.0], most)
        for side in (1, -1):
            for power in sorted((p for p in OCTAVES if p * side > 0), key=abs):
                fits[power] = self._fit(power, most)
                if fits[power] < STOP * max(fits.values()):
                    break
        return fits


def _value(fits: Fits, power: float) -> float:
    return fits[power] * (1 - PRIOR * abs(power))


def _near_best(fits: Fits, share: float) -> list[float]:
    """List the powers that fit nearly as well as the best, if any fits at all."""
    top = max(_value(fits, power) for power in fits)
    return [power for power in fits if top and _value(fits, power) >= share * top]


def _between(powers: Iterable[float]) -> list[float]:
    """List the half steps beside these powers."""
    halves = dict.fromkeys(half for power in powers for half in (power - 0.5, power + 0.5))
    return [half for half in halves if abs(half) >= LEAST_POWER and inside(half)]


def inside(power: float) -> bool:
    """Whether a power is not an end of the range: what lies there may be better beyond."""
    return OCTAVES[0] < power < OCTAVES[-1]


def rounded(factor: float) -> float:
    """Round a factor as it is written in tables and messages, so that it can be given again."""
    return float(f"{factor:.3g}")
