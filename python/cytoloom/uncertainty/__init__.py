"""How much to trust what is found: probabilities that are what they say."""
