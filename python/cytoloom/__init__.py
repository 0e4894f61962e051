"""Train, score and apply U-Nets on microscopy images."""
