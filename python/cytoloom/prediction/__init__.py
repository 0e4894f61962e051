"""Apply a model to images."""
