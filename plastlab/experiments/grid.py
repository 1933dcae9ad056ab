"""Each competitor at its best setting of a stated grid."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plastlab.condition import Condition
from plastlab.errors import check_type
from plastlab.probes import Probe, loss, probe_name
from plastlab.result import Result
from plastlab.run import run
from plastlab.streams import Stream


def best_of(
    stream: Stream,
    grids: Mapping[str, Mapping[Any, Condition]],
    probes: Sequence[Probe] = (loss,),
    seeds: int | Sequence[int] = 16,
    every: int | None = None,
) -> tuple[Result, dict[str, Any]]:
    """Run every setting of every grid, `grids[name][setting]`, and keep one of each: that whose
    first probe, a loss, is lowest at the end, in the mean of its logarithm over seeds. Returns the
    result of those that were kept, under their grids' names, and their settings.

    A setting that diverges loses, without a warning. The best is chosen on the seeds that are
    shown, which flatters all grids; the larger one most.
    """
    for name, grid in check_type("best_of: grids", grids, Mapping).items():
        check_type(f"best_of: grids[{name!r}]", grid, Mapping, "Write {0.1: Condition(…), …}.")
    runs = {f"{n}, {at}": one for n, grid in grids.items() for at, one in grid.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*diverged")
        found = run(stream, runs, seeds, probes, every)
    ends = found.values[probe_name(probes[0])][:, :, -1]
    with np.errstate(all="ignore"):
        scores = np.nan_to_num(np.log(ends).mean(1), nan=np.inf, posinf=np.inf)
    kept, chosen, first = [], {}, 0
    for name, grid in grids.items():
        best = int(scores[first : first + len(grid)].argmin())
        kept.append(first + best)
        chosen[name], first = list(grid)[best], first + len(grid)
    labels = found.seeds, found.tasks, found.steps
    values = {probe: array[kept] for probe, array in found.values.items()}
    return Result(tuple(grids), *labels, values, found.diverged[kept], found.seconds), chosen
