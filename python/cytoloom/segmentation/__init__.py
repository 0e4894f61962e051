"""From maps to objects, on plain arrays."""
