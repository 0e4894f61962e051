"""Microscopy with exactly known truth: nuclei, cells, 3-D nuclei, annotators who disagree.

An image is made in two steps. Bodies, slightly irregular ellipsoids that may press against each
other, are placed and give the truth: each pixel belongs to the body in which it lies deepest.
Then `Optics` takes the picture: blur, haze from out of focus, uneven illumination, Poisson and
read noise. Everything is a pure function of the arguments, `seed` among them.
"""

from .annotators import annotators
from .folder import kinds, write
from .optics import Optics
from .scenes import cells, nuclei, nuclei_3d

__all__ = ["Optics", "annotators", "cells", "kinds", "nuclei", "nuclei_3d", "write"]
