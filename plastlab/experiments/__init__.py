"""Experiments of single chapters: too long for a cell, and of no use to `run`."""
