"""Run many cases and print what came of them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .pool import FAMILIES, KINDS, Outcome, run


def table(outcomes: list[Outcome]) -> str:
    """Lay out how many cases of each family came to what."""
    lines = ["family             cases    ok  clear errors  other exceptions  hangs  silent"]
    for family in FAMILIES:
        kinds = Counter(one.kind for one in outcomes if one.family == family)
        if kinds:
            numbers = [kinds[kind] for kind in KINDS]
            lines.append(
                f"{family:<18} {kinds.total():>5} {numbers[0]:>5} {numbers[1]:>13} "
                f"{numbers[2]:>17} {numbers[3]:>6} {numbers[4]:>7}"
            )
    return "\n".join(lines)


def main() -> int:
    """Read the command line; fail where a case came to anything but a result or a sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.python.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=400, help="of all families together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="default: all")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--seconds", type=float, default=30, help="that one case may take")
    parser.add_argument("--all", action="store_true", help="show all cases, not only faults")
    args = parser.parse_args()
    families = args.family or list(FAMILIES)
    each = -(-args.cases // len(families))
    cases = [(f, k) for k in range(args.first, args.first + each) for f in families]
    outcomes = []
    for outcome in run(cases[: args.cases], args.seed, workers=args.workers, seconds=args.seconds):
        outcomes.append(outcome)
        if args.all or not outcome.good:
            print(outcome, flush=True)
    print(table(outcomes))
    return int(not all(one.good for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
