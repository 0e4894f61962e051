"""A model as other programs hold it: the network's graph, and what they must be told beside it."""
