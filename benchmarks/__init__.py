"""How fast and how good cytoloom is: ratios measured in one run, one question per file."""
