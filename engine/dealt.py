"""What the kernels ask of sums over lots before they read them (docs/numerics.md §20)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import LOTS, REPLICATES, STATISTICS


def check_lots(w: Any, f: Any, at: Any, periods: Any, rows: Any, row: Any, linear: Any, first: Any, order: Any) -> None:
    """ValueError where the arguments of a kernel's `lot_means` would have it read beyond one of them, or compare a version with none. a = versions

    w, f as long as at + periods (a,) ask; rows (r, L); row, linear, first (a,); order a permutation of a."""
    n, places = len(order), np.arange(len(order))
    needed = row[:n] + np.where(linear[:n], 2 * periods[:n], 1)
    odd = not _laid(rows) or not 0 < rows.shape[1] <= LOTS or rows.shape[1] % REPLICATES
    if odd or row[:n].min() < 0 or periods[:n].min() < 0 or needed.max() > len(rows):
        raise ValueError(f"({len(rows)}, {rows.shape[1]}) sums for {n} versions that need {needed.max()}, of at most {LOTS} lots")
    if at[:n].min() < 0 or (at[:n] + periods[:n]).max() > min(len(w), len(f)):
        raise ValueError(f"{len(w)} and {len(f)} earnings and costs for {n} versions that need {(at[:n] + periods[:n]).max()}")
    if not np.array_equal(np.sort(order), places):
        raise ValueError(f"an order of {n} versions that does not name each once")
    compared, rank = first[:n][order], np.empty(n, np.int64)
    rank[order] = places
    latest = np.maximum.accumulate(np.where(compared == order, places, -1))
    if compared.min() < 0 or compared.max() >= n or not np.array_equal(rank[compared], latest):
        raise ValueError("a version is compared with the latest before it that is compared with itself")


def check_room(n: int, paths: int, lots: int, statistics: Any, status: Any, group: Any, totals: Any) -> None:
    """ValueError where what `lot_means` says of n versions would not lie in the arrays for it: statistics (n, 5), status (n,), and of totals
    (g·lots, 2), where given, the places of the versions' group (n,); or where there are no paths."""
    if paths < 1 or len(status) < n or statistics.shape != (n, len(STATISTICS)) or not _laid(statistics):
        raise ValueError(f"statistics {statistics.shape} and status ({len(status)},) of {n} versions on {paths} paths")
    if totals is not None and (group is None or len(group) < n or len(totals) < (int(group[:n].max()) + 1) * lots):
        raise ValueError(f"{totals.shape} words of totals do not hold {lots} sums of every group")


def _laid(numbers: Any) -> bool:
    """Whether these are doubles without gaps."""
    return bool(numbers.dtype == np.float64 and numbers.flags.c_contiguous)
