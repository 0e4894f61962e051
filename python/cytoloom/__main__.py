"""`python -m cytoloom` is the command line."""

from .cli.arguments import main

raise SystemExit(main())
