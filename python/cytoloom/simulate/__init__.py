"""Microscopy with exactly known truth: nuclei, cells, 3-D nuclei, movies, annotators who disagree.

An image is made in two steps. Bodies, slightly irregular ellipsoids that may press against each
other, are placed and give the truth: each pixel belongs to the body in which it lies deepest.
Then `Optics` takes the picture: blur, haze from out of focus, uneven illumination, Poisson and
read noise. Everything is a pure function of the arguments, `seed` among them.
"""

import lazy_loader

# the verb `write` is read by the command line, which loads no NumPy for its help
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
