"""Score a model on images with truth."""
