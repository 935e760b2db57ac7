"""What stands behind a loan on each path, whether it defaults or not: docs/numerics.md §19, "Pledges" and "Statistics of a loan".

Blocks of paths, so that what is summed stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import BLOCK_PATHS
from ipvalue.lending.units import owed_before, years_of
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import Array, Real, Whole, device, inlined, loop

i4 = np.int32


@device
def stand(units: Any, slots: Array, parts: Array, i: Whole, cap: Real, alike: bool, behind: Array, chain: Array, breach: Array, least: Array) -> None:
    """breach (t): adds for each year of loan i the number of paths on which the balance is above cap·K. least (p): the least R/EAD of its years.
    behind, chain: room for the K, and for the R of a loan that does not recover one part, of a block."""
    years, tested = years_of(units, i), units.tested[i]
    for first in range(0, least.size, BLOCK_PATHS):
        here = slice(first, min(first + BLOCK_PATHS, least.size))
        lowest = least[here]
        k, r = behind[: lowest.size], chain[: lowest.size]
        lowest[:] = np.inf
        if alike and tested < 0 and units.pledge[i + 1] == units.pledge[i] + 1:
            j = units.pledge[i]
            for y in range(years):
                at, before = units.year[i] + y, owed_before(units, j, y)
                collateral = slots[units.slot[units.look[j] + y]][here]
                breach[at] += _look_at_one(units.owed[at], units.exposure[at], cap, collateral, before, units.kept[j], lowest)
            continue
        for y in range(years):
            k[:] = 0.0
            r[:] = 0.0
            for j in range(units.pledge[i], units.pledge[i + 1]):
                collateral, before = slots[units.slot[units.look[j] + y]][here], owed_before(units, j, y)
                _add(collateral, before, k)
                if not alike:
                    _add_times(collateral, before, units.kept[j], r)
            at, kept, brings = units.year[i] + y, units.kept[units.pledge[i]] if alike else 1.0, k if alike else r
            if tested < 0:
                breach[at] += _look(units.owed[at], units.exposure[at], cap, k, kept, brings, lowest)
            else:
                owed, pledged = parts[tested + y][here], parts[tested + years + y][here]
                breach[at] += _look_by_parts(units.owed[at], units.exposure[at], cap, owed, pledged, k, kept, brings, lowest)


@device
def pool(units: Any, slots: Array, i: Whole, out: Array) -> None:
    """out (p): the value of what is pledged to loan i, less the principal of the loans that precede it on an asset."""
    out[:] = 0.0
    for j in range(units.pledge[i], units.pledge[i + 1]):
        values = slots[units.worth[j]]
        if units.senior[j] == units.senior[j + 1]:
            _add_values(values, out)
        else:
            _add_rest(values, owed_before(units, j, 0), out)


@inlined
def _rest(collateral: Real, owed: Real) -> Real:
    rest = (collateral if collateral > 0.0 else 0.0) - owed
    return rest if rest > 0.0 else 0.0


@loop
def _add(collateral: Array, owed: Real, behind: Array) -> None:
    for p in range(behind.size):
        behind[p] += _rest(collateral[p], owed)


@loop
def _add_times(collateral: Array, owed: Real, kept: Real, brings: Array) -> None:
    for p in range(brings.size):
        brings[p] = fma(kept, _rest(collateral[p], owed), brings[p])


@loop
def _look(owed: Real, exposure: Real, cap: Real, behind: Array, kept: Real, brings: Array, least: Array) -> Whole:
    found = i4(0)
    for p in range(least.size):
        found = i4(found + (owed > cap * behind[p]))
        cover = (kept * brings[p]) / exposure
        least[p] = cover if cover < least[p] else least[p]
    return found


@loop
def _look_at_one(owed: Real, exposure: Real, cap: Real, collateral: Array, before: Real, kept: Real, least: Array) -> Whole:
    """`_look` at what one pledge leaves."""
    found = i4(0)
    for p in range(least.size):
        behind = _rest(collateral[p], before)
        found = i4(found + (owed > cap * behind))
        cover = (kept * behind) / exposure
        least[p] = cover if cover < least[p] else least[p]
    return found


@loop
def _look_by_parts(
    owed: Real, exposure: Real, cap: Real, part_owed: Array, part_pledged: Array, behind: Array, kept: Real, brings: Array, least: Array
) -> Whole:
    found = i4(0)
    for p in range(least.size):
        found = i4(found + (part_owed[p] * owed > cap * (part_pledged[p] * behind[p])))
        cover = (part_pledged[p] * (kept * brings[p])) / (part_owed[p] * exposure)
        least[p] = cover if cover < least[p] else least[p]
    return found


@loop
def _add_values(values: Array, out: Array) -> None:
    for p in range(out.size):
        out[p] += values[p]


@loop
def _add_rest(values: Array, owed: Real, out: Array) -> None:
    for p in range(out.size):
        rest = values[p] - owed
        out[p] += rest if rest > 0.0 else 0.0
