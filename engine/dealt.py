"""What the kernels ask of sums over lots before they read them (docs/numerics.md §20)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import LOTS, REPLICATES


def check_lots(w: Any, f: Any, at: Any, periods: Any, rows: Any, row: Any, linear: Any, first: Any, order: Any) -> None:
    """ValueError where the arguments of a kernel's `lot_means` would have it read beyond one of them, or compare a version with none. a = versions

    w, f as long as at + periods (a,) ask; rows (r, L); row, linear, first (a,); order a permutation of a."""
    n, places = len(order), np.arange(len(order))
    needed = row[:n] + np.where(linear[:n], 2 * periods[:n], 1)
    if rows.shape[1] > LOTS or rows.shape[1] % REPLICATES or row[:n].min() < 0 or periods[:n].min() < 0 or needed.max() > len(rows):
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
