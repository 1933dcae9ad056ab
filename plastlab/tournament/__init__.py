"""The tournament: every method on the same streams, tuned with the same budget, judged apart.

The command `python -m plastlab tournament` holds it; `tournament(plan)` is the same as a function.
"""

import argparse
import csv
import json
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from plastlab import cache
from plastlab.cluster import add_cluster, cluster
from plastlab.dispatch import ExecutorError
from plastlab.errors import check_choice
from plastlab.machine import cores
from plastlab.tournament import plan, record, show
from plastlab.tournament.entrants import Entrant, Option, entrant
from plastlab.tournament.plan import Arena, Plan
from plastlab.tournament.play import joined, rematch, tournament
from plastlab.tournament.race import race
from plastlab.tournament.record import recorded
from plastlab.tournament.score import Standings
from plastlab.tournament.show import rows, table

__all__ = ["Arena", "Entrant", "Option", "Plan", "Standings", "entrant", "joined", "recorded"]
__all__ += ["race", "rematch", "rows", "table", "tournament"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command reads."""
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few short streams: minutes")
    size.add_argument("--wide", action="store_true", help="a dozen methods: half an hour")
    parser.add_argument(
        "--only", nargs="+", metavar="METHOD", help="only these, besides nothing and fresh"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tidy table to FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the same, as CSV")
    parser.add_argument(
        "--record",
        nargs="?",
        type=Path,
        const=True,
        metavar="FILE",
        help="keep it all (quick and wide: by default where the book reads it)",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the scores (.png, .svg)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--processes",
        type=int,
        default=cores(),
        metavar="N",
        help="default: one a core",
    )
    add_cluster(where)


def main(args: argparse.Namespace) -> int:
    """Hold the tournament, print the table, write the files. Returns 1 if a name is wrong, 2 if it
    was stopped or the cluster failed."""
    size = "quick" if args.quick else "wide" if args.wide else "full"
    try:
        chosen = _only(getattr(plan, size)(), args.only)
        if args.record is True:
            args.record = record.place(size)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(chosen.budget, file=sys.stderr)
    try:
        standings = _held(chosen, args.processes, args.cluster)
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "Nothing was kept: PLASTLAB_CACHE is off."
        if cache.is_on():
            kept = "What is finished is kept: the same command goes on from here."
        print(f"Stopped. {kept}", file=sys.stderr)
        return 2
    print(table(standings))
    _write(standings, args)
    return 0


def _only(everybody: Plan, names: list[str] | None) -> Plan:
    """The plan with some of its challengers."""
    if names is None:
        return everybody
    by_name = {challenger.name: challenger for challenger in everybody.challengers}
    chosen = tuple(by_name[check_choice("tournament: --only", n, by_name)] for n in names)
    return replace(everybody, challengers=chosen)


def _held(chosen: Plan, processes: int, address: str | None) -> Standings:
    """Held on a cluster, or on so many processes, which leave Ctrl-C to this one."""
    if address is not None:
        with cluster(address) as executor:
            return tournament(chosen, executor)
    if processes == 1:
        return tournament(chosen)
    context, ignored = get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(processes, context, signal.signal, ignored) as pool:
        return tournament(chosen, pool)


def _write(standings: Standings, args: argparse.Namespace) -> None:
    lines = rows(standings)
    if args.json:
        args.json.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    if args.csv:
        with args.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, lines[0])
            writer.writeheader()
            writer.writerows(lines)
    if args.record:
        record.write(standings, args.record)
    if args.plot:
        show.plot(standings).save(args.plot)
