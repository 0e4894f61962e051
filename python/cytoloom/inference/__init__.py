"""A network over an image: tiles, and where maps go."""
