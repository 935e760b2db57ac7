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
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO, Rejects
from ipvalue.simulate import Sampling
from workload import PATHS, QUANTILES, TAIL

FULL = os.environ.get("IPVALUE_BENCH") == "full"
ASSETS = 256 if FULL else 48
TURNS = 9 if FULL else 3
YEARS = 10.0

MARKET: dict[str, Any] = {
    "currency": "CNY",
    "valuation_date": date(2026, 1, 1),
    "steps_per_year": 1,
    "mid_period": True,
    "curves": {"CNY": {"tenors": [1.0, 30.0], "rates": [0.015, 0.022]}},
    "factors": {"names": ["software"], "correlation": [[1.0]]},
}
RIGHT: dict[str, Any] = {
    "right_type": "invention_patent", "method": "relief_from_royalty", "sector": "software", "life": YEARS, "revenue": 1e6, "growth": 0.03,
    "volatility": 0.3, "factor_loading": 0.5, "hazard": 0.03, "discount_premium": 0.08, "tax_rate": 0.25, "annual_cost": 1000.0, "royalty_rate": 0.05,
}  # fmt: skip
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


def batch(cells: dict[str, Any]) -> pa.RecordBatch:
    """ASSETS rights with every column of the registry."""
    row = {**RIGHT, **cells}
    arrays = {name: pa.array([row.get(name)] * ASSETS, column.arrow_type) for name, column in PORTFOLIO.items()}
    arrays["asset_id"] = pa.array([f"right-{i}" for i in range(ASSETS)])
    return pa.RecordBatch.from_pydict(arrays)


def path_years(name: str) -> float:
    """What one turn of a method simulates."""
    one_year = name.endswith("one year") or name in ("cost", "market")
    return ASSETS * PATHS * (1.0 if one_year else YEARS)


def seconds(appraiser: Appraiser, rights: pa.RecordBatch) -> float:
    """CPU seconds from rows to results rows."""
    totals, start = appraiser.new_totals(()), time.process_time()
    rejects = Rejects()
    assets, _ = appraiser.value(appraiser.rows(rights, np.arange(ASSETS), "bench", rejects), totals)
    assert assets is not None
    assert assets.num_rows == ASSETS, rejects.table().to_pylist()[:1]
    return time.process_time() - start


def test_methods() -> None:
    sampling = Sampling(PATHS, 1, "single", QUANTILES, TAIL)
    appraiser = make_appraiser(load_market(MARKET), load_assumptions("default"), sampling, "going_concern", False)
    rights = {name: batch(cells) for name, (cells, _) in METHODS.items()}
    speeds: dict[str, list[float]] = {name: [] for name in METHODS}
    for turn in range(TURNS + 1):
        for name in METHODS:
            speed = path_years(name) / seconds(appraiser, rights[name])
            if turn:
                speeds[name].append(speed)
    print(f"\n{'':34}M path-years per CPU-second    to its peer")
    for name, (_, peer) in METHODS.items():
        ratio = statistics.median(a / b for a, b in zip(speeds[name], speeds[peer or name], strict=True))
        print(f"{name:34}{statistics.median(speeds[name]) / 1e6:26.0f}    {f'{ratio:.2f}' if peer else '1':>11}")
