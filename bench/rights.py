"""Rights of one kind in any number, as rows: of ten years, with a factor, lapse and a cost."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors
from ipvalue.compiled import compile_rows
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO, Rejects
from ipvalue.simulate import Precision, Sampling
from ipvalue.stopping import add_boundaries
from workload import PATHS, QUANTILES, TAIL

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
DEAR = {"annual_cost": 30_000.0, "renewal": "optimal"}
RIVAL = {"entry_hazard": 0.1, "entry_loss": 0.3}
TRIANGLE = {"royalty_low": 0.03, "royalty_high": 0.08}
CLAMP = {"method": "licence", "minimum_guarantee": 4e4, "cap": 8e4}
FEATURES: dict[str, dict[str, Any]] = {
    "plain": {"annual_cost": 0.0},
    "fees": {},
    "boundary": DEAR,
    "rival": RIVAL,
    "royalty triangle": TRIANGLE,
    "clamp": CLAMP,
    "all": {**DEAR, **RIVAL, **TRIANGLE, **CLAMP, "revenue_uncertainty": 0.2},
}
"""The cells that ask for each feature of the kernel."""


def batch(cells: dict[str, Any], assets: int) -> pa.RecordBatch:
    """That many rights with every column of the registry."""
    row = {**RIGHT, **cells}
    arrays = {name: pa.array([row.get(name)] * assets, column.arrow_type) for name, column in PORTFOLIO.items()}
    arrays["asset_id"] = pa.array([f"right-{i}" for i in range(assets)])
    return pa.RecordBatch.from_pydict(arrays)


def appraiser(precision: Precision = "single", paths: int = PATHS) -> Appraiser:
    """What values such rights."""
    return make_appraiser(load_market(MARKET), load_assumptions("default"), Sampling(paths, 1, precision, QUANTILES, TAIL), "going_concern", False)


def vectors(given: pa.RecordBatch, values: Appraiser) -> Vectors:
    """Rows to vectors, boundaries solved; ValueError where a row is rejected."""
    rejects = Rejects()
    found = compile_rows(values.rows(given, np.arange(given.num_rows), "bench", rejects), values.tables).vectors
    if len(found.step) != given.num_rows:
        raise ValueError(f"rows are rejected: {rejects.table().to_pylist()[:1]}")
    add_boundaries(found)
    return found
