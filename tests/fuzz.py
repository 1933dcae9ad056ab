"""Fuzz, print what is wrong, and count.

python tests/fuzz.py --calls 20000 --seed 0
python tests/fuzz.py --only theory.
"""

import argparse
import sys
from collections import Counter

from fuzz_names import targets
from fuzzing import CLEAR, NONSENSE, OBSCURE, OK, fuzz


def main():
    """Return 1 if an outcome was obscure or nonsense."""
    parser = argparse.ArgumentParser(description="Call every public name with odd arguments.")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only names that hold this text")
    args = parser.parse_args()
    chosen = [target for target in targets() if args.only in target.name]
    counts, seen = Counter(), set()
    for outcome in fuzz(chosen, args.calls, args.seed):
        counts[outcome.verdict] += 1
        about = outcome.call.target.name, outcome.call.replaced, outcome.why[:60]
        if outcome.verdict in (OBSCURE, NONSENSE) and about not in seen:
            seen.add(about)
            print(outcome, flush=True)
    print(f"{args.calls} calls of {len(chosen)} names: ", end="")
    print(", ".join(f"{counts[kind]} {kind}" for kind in (OK, CLEAR, OBSCURE, NONSENSE)))
    return int(counts[OBSCURE] + counts[NONSENSE] > 0)


if __name__ == "__main__":
    sys.exit(main())
