"""Runs: named data, networks, tasks and trainers, put together, trained, kept and compared.

A run is data x network x task x trainer, and perhaps a start. What each of these is stands in a
store under its name; so do the runs, how they ended, their curves and their scores.
"""

import lazy_loader

# the verbs are read by the command line, which loads no NumPy for its help
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
