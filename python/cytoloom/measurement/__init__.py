"""Measure anybody's labels."""
