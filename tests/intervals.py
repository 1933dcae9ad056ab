"""Intervals as text, and the numbers at their ends: [0, 1) holds 0, and not 1."""

import math
import re

INTERVAL = re.compile(r"  +([\w ]+?) ([\[(])(-?[\d.]+), ([\d.]+|inf)([\])])")
STEP = 1e-9  # from a bound for real numbers to the next number that is tried


def listed(text):
    """A table as {name: {setting: its interval}}, a line a name: `SGD  lr [0, inf)  eps (0, 1]`."""
    found = {}
    for line in text.strip().splitlines():
        name = line.partition("  ")[0]
        for setting, *interval in INTERVAL.findall(line):
            found.setdefault(name, {})[setting] = interval
    return found


def ends(interval, whole):
    """Numbers that an interval just holds, and numbers that it just does not. Where numbers must be
    `whole`, 1.0 is none."""
    opening, low, high, closing = interval
    step = 1 if whole else STEP
    low, high = (int(low) if whole else float(low)), float(high)
    taken, refused = ([low], [low - step]) if opening == "[" else ([low + step], [low])
    if high < math.inf:
        high = int(high) if whole else high
        taken.append(high if closing == "]" else high - step)
        refused.append(high + step if closing == "]" else high)
    if whole:
        refused.append(float(taken[0]))
    return taken, refused
