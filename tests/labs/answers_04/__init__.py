"""Answers to Lab 4 that people give: right ones, and wrong ones with what they should be told."""

from . import dormant, halves, mixing, recycling, scale

TASKS = {1: mixing, 2: scale, 3: dormant, 4: recycling, 5: halves}
