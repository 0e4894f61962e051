"""The command line: it reads arguments, calls the verbs and prints what they return."""

from .run import main

__all__ = ["main"]
