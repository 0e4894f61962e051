"""Correct labels by hand, and draw the first ones: results in a browser, served to it alone."""
