"""`python -m cytoloom` is the command line."""

from .cli import main

raise SystemExit(main())
