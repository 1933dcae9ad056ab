"""Checks of a reader's own code, one package a lab: `from plastlab.labs import lab04 as check`.

A public check prints one line: what it covers if the code passes, the misconception if it does not.
Hidden tests stand in the labs' text sources; they ask the same questions, and others, elsewhere.
"""

from plastlab.labs.marking import Misconception, Rival, compare, expect, marking, unseen

__all__ = ["Misconception", "Rival", "compare", "expect", "marking", "unseen"]
