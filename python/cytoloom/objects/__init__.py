"""Measure objects: tables of labels and images."""
