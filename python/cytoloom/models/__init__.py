"""What a model is, what it does, and the folder that holds it."""
