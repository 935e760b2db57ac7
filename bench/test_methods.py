"""Every method beside relief from royalty, in one run: path-years per CPU-second through the whole engine (rows to results rows), and the ratio.

    make bench                      short
    make bench-full                 the figures to quote

The rights are one kind, of ten years, with a factor, lapse and a cost; 10,000 paths, single precision, five quantiles. cost and market know one
year only, so their peer is relief from royalty over one year. Methods take turns, as in test_reference.py. Nothing here asserts a time.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.schema import Rejects
from rights import YEARS, appraiser, batch
from workload import PATHS

FULL = os.environ.get("IPVALUE_BENCH") == "full"
ASSETS = 256 if FULL else 48
TURNS = 9 if FULL else 3
MARGIN = {"margin": 0.2, "contributory_charge": 0.12}
STAGES = {"stage_costs": [5e3, 1e4, 2e4], "stage_years": [1.0, 1.0, 1.0], "stage_probabilities": [0.6, 0.7, 0.9]}
METHODS: dict[str, tuple[dict[str, Any], str]] = {
    "relief_from_royalty": ({}, ""),
    "relief_from_royalty, one year": ({"life": 1.0}, ""),
    "relief_from_royalty, optimal": ({"renewal": "optimal"}, "relief_from_royalty"),
    "excess_earnings": ({"method": "excess_earnings", **MARGIN}, "relief_from_royalty"),
    "incremental_income": ({"method": "incremental_income", **MARGIN}, "relief_from_royalty"),
    "licence": ({"method": "licence"}, "relief_from_royalty"),
    "licence, guarantee and cap": ({"method": "licence", "minimum_guarantee": 4e4, "cap": 8e4}, "relief_from_royalty"),
    "project": ({"method": "project", **MARGIN, **STAGES}, "relief_from_royalty"),
    "project, optimal": ({"method": "project", "renewal": "optimal", **MARGIN, **STAGES}, "relief_from_royalty"),
    "cost": ({"method": "cost", "replacement_cost": 1e6}, "relief_from_royalty, one year"),
    "market": ({"method": "market", "comparable_price": 1e6}, "relief_from_royalty, one year"),
}
"""The cells that make each of the methods, and whom it is compared with."""


def path_years(name: str) -> float:
    """What one turn of a method simulates."""
    one_year = name.endswith("one year") or name in ("cost", "market")
    return ASSETS * PATHS * (1.0 if one_year else YEARS)


def seconds(values: Appraiser, rights: pa.RecordBatch) -> float:
    """CPU seconds from rows to results rows."""
    totals, start = values.new_totals(()), time.process_time()
    rejects = Rejects()
    assets, _ = values.value(values.rows(rights, np.arange(ASSETS), "bench", rejects), totals)
    assert assets is not None
    assert assets.num_rows == ASSETS, rejects.table().to_pylist()[:1]
    return time.process_time() - start


def test_methods() -> None:
    values = appraiser()
    rights = {name: batch(cells, ASSETS) for name, (cells, _) in METHODS.items()}
    speeds: dict[str, list[float]] = {name: [] for name in METHODS}
    for turn in range(TURNS + 1):
        for name in METHODS:
            speed = path_years(name) / seconds(values, rights[name])
            if turn:
                speeds[name].append(speed)
    print(f"\n{'':34}M path-years per CPU-second    to its peer")
    for name, (_, peer) in METHODS.items():
        ratio = statistics.median(a / b for a, b in zip(speeds[name], speeds[peer or name], strict=True))
        print(f"{name:34}{statistics.median(speeds[name]) / 1e6:26.0f}    {f'{ratio:.2f}' if peer else '1':>11}")
