"""CPU-seconds to a standard error of 0.1 % of the mean: sobol with its control beside random paths, the same kernels on both sides.

The rights and what error is meant are `equal_error.py`'s. A turn times every right both ways, all statistics taken: random at many paths, from which
on a path costs the same; sobol at the paths that it needs, many rights at once, as in a portfolio. Solving a boundary costs both sides the same
and is timed for itself.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from equal_error import ASSETS, ERROR, FEWEST_PATHS, Need, estimates, need, prepared
from ipvalue.cashflows import Vectors
from ipvalue.simulate import Sampler
from ipvalue.stopping import add_boundaries
from measuring import FULL, TURNS, Case

RANDOM_PATHS = 65_536
PATHS_A_TURN = 1 << (22 if FULL else 20)


def valuing(name: str, sampler: Sampler, paths: int, count: int) -> Callable[[], object]:
    given, values = prepared(name, count)
    return lambda: estimates(given, values, sampler, paths)


def solving(name: str, count: int) -> Callable[[], object]:
    given: Vectors = prepared(name, count)[0]
    return lambda: add_boundaries(given)


def cases_of(name: str, found: Need) -> dict[str, Case]:
    """What is timed of a right; the amount is the rights to the error, so that seconds over amount are those of one right."""
    randoms, sobols = max(1, PATHS_A_TURN // RANDOM_PATHS), max(1, PATHS_A_TURN // found.sobol)
    return {
        "random": Case(valuing(name, "random", RANDOM_PATHS, randoms), randoms * RANDOM_PATHS / found.random),
        "sobol": Case(valuing(name, "sobol", found.sobol, sobols), sobols),
        "boundary": Case(solving(name, sobols), sobols),
    }


def test_plain_is_exact_and_reported_errors_are_honest() -> None:
    plain, licence = need("plain"), need("licence_60_150")
    assert plain.sobol == FEWEST_PATHS
    assert max(plain.error, plain.reported) < 1e-12
    assert 0.8 < licence.reported / licence.error < 1.25


def test_equal_error(benchmark: Any) -> None:
    needs = {name: need(name) for name in ASSETS}
    cases = {name: cases_of(name, found) for name, found in needs.items()}
    each = [case for some in cases.values() for case in some.values()]
    for case in each:
        case.work()
    benchmark.pedantic(lambda: [case.turn() for case in each], rounds=TURNS, iterations=1)
    seconds = {name: {kind: [cpu / case.amount for cpu in case.cpu] for kind, case in some.items()} for name, some in cases.items()}
    found = {name: {**asdict(needs[name]), "seconds": seconds[name]} for name in ASSETS}
    benchmark.extra_info.update(title=f"time to a standard error of {100 * ERROR:g} % of the mean", equal_error=found)
    for name, one in found.items():
        random, sobol, boundary = (statistics.median(one["seconds"][kind]) * 1e6 for kind in ("random", "sobol", "boundary"))
        sys.stdout.write(
            f"\n{name:16}random {one['random']:>10,} paths {random:>9,.1f} µs, sobol {one['sobol']:>7,} paths {sobol:>7.1f} µs,"
            f" 1/{random / sobol:.0f} of it;"
            f" boundary {boundary:.1f} µs; error {one['error']:.2e}, reported {one['reported']:.2e}"
        )
    sys.stdout.write("\n")
