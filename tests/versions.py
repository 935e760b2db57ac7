"""Versions of assets for the kernels: assets of a call that differ in nothing that moves their paths, of every kind beside one another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from both_kernels import FACTOR, Array

from ipvalue.sobol import plan

RAGGED = ("w", "f", "survival", "rival", "salvage", "low", "high", "bound_out", "bound_in")


def versions(sizes: list[int], seed: int, plain: float = 0.5, longest: int = 25) -> SimpleNamespace:
    """One asset for each of `sizes`, in so many versions: about `plain` of them are not clamped, optional or contested by a rival; they live equally
    long or not, and survive alike or not."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    n, assets = len(of), len(sizes)

    def some(chance: float, count: int = n) -> Array:
        return random.random(count) < chance

    life = random.integers(1, longest, n)
    life = np.where(some(0.6), life[np.searchsorted(of, of)], life)
    offset = np.concatenate([[0], np.cumsum(life)])
    periods = int(offset[-1])
    ranged = some(0.5, assets)[of]
    columns: dict[str, Any] = {
        "hash": random.integers(0, 2**63, assets).astype(np.uint64)[of],
        "volatility": np.where(some(0.2, assets), 0.0, random.uniform(0.1, 0.5, assets))[of],
        "loading": np.where(some(0.4, assets), 0.0, random.uniform(-0.9, 0.9, assets))[of],
        "uncertainty": np.where(some(0.5, assets), 0.0, 0.3)[of],
        "royalty_low": np.where(ranged, 0.4, 1.0),
        "royalty_high": np.where(ranged, 1.7, 1.0),
        "factor": random.integers(0, 2, assets).astype(np.int32)[of],
        "step": np.ones(n),
        "entry_loss": np.where(some(0.5), random.uniform(0.0, 1.0, n), 0.0),
        "last_delta": random.uniform(0.1, 1.0, n),
        **{name: some(1.0 - plain ** (1 / 3)).astype(np.uint8) for name in ("optional", "clamped", "enters")},
        "w": random.uniform(0.0, 2.0, periods) * some(0.9, periods),
        "f": random.uniform(0.0, 1.0, periods) * some(0.5, periods),
        "salvage": random.uniform(0.0, 1.0, periods) * some(0.3, periods),
        "low": random.uniform(0.1, 0.5, periods),
        "high": random.uniform(0.6, 2.0, periods),
        "bound_out": random.uniform(0.0, 0.9, periods),
        "bound_in": random.uniform(0.0, 0.9, periods),
        "rival": np.concatenate([np.exp(-0.1 * np.arange(1, years + 1)) for years in life]),
        "survival": np.empty(periods),
    }
    hazard = 0.0
    for a in range(n):
        if a == 0 or of[a] != of[a - 1] or random.random() < 0.4:
            hazard = random.choice([0.0, 0.05, 0.3, 2.0])
        survival = columns["survival"][offset[a] : offset[a + 1]]
        survival[:] = np.exp(-hazard * np.arange(1, life[a] + 1))
        if random.random() < 0.1:
            survival[life[a] // 2 :] = 0.0
    return SimpleNamespace(offset=offset.astype(np.int64), **columns)


def some_of(vectors: SimpleNamespace, start: int, stop: int) -> SimpleNamespace:
    """The assets from start to stop alone."""
    periods = slice(int(vectors.offset[start]), int(vectors.offset[stop]))
    columns = {name: column[periods if name in RAGGED else slice(start, stop)].copy() for name, column in vars(vectors).items() if name != "offset"}
    return SimpleNamespace(offset=vectors.offset[start : stop + 1] - vectors.offset[start], **columns)


def answer(kernel: Any, vectors: SimpleNamespace, paths: int, single: bool, sobol: bool, first: int = 0, **options: Any) -> dict[str, Any]:
    """All that a call gives: statistics, status, values, the sums of G and K by asset and the totals of two groups."""
    n = len(vectors.hash)
    sums, totals = np.zeros((2, n, 16)), np.zeros((2 * paths, 2), np.uint64)
    options = {"seed": 2**63 + 1, "tail": 0.05, "keep": True, "quantiles": () if options.get("moments") else (0.1, 0.5), **options}
    if sobol:
        options |= {"sobol": plan(2**63 + 1, paths + first, 1), "sums": sums}
    options = {"group": (np.arange(n) % 2).astype(np.int32), "totals": totals, **options}
    with np.errstate(all="ignore"):
        found = kernel.simulate(vectors, FACTOR, paths=paths, single=single, first=first, **options)
    return {"statistics": found[0], "status": found[1], "values": found[2], "sums": sums.swapaxes(0, 1).copy(), "totals": totals}
