"""Several annotators: what they agree on, and how well each of them does."""
