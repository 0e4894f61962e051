"""Which images, which labels, whose, which split; and everything wrong with them."""
