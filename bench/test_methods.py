"""Every method beside relief from royalty, in one run: path-years per CPU-second through the whole engine (rows to results rows), and the ratio.

The rights are one kind, of ten years, with a factor, lapse and a cost; 10,000 paths, single precision, five quantiles. cost and market know one
year only, so their peer is relief from royalty over one year. Nothing here asserts a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.schema import Rejects
from measuring import FULL, Case, take_turns
from rights import YEARS, appraiser, batch
from workload import PATHS

ASSETS = 256 if FULL else 48
MARGIN = {"margin": 0.2, "contributory_charge": 0.12}
STAGES = {"stage_costs": [5e3, 1e4, 2e4], "stage_years": [1.0, 1.0, 1.0], "stage_probabilities": [0.6, 0.7, 0.9]}
METHODS: dict[str, dict[str, Any]] = {
    "relief_from_royalty": {},
    "relief_from_royalty, optimal": {"renewal": "optimal"},
    "excess_earnings": {"method": "excess_earnings", **MARGIN},
    "incremental_income": {"method": "incremental_income", **MARGIN},
    "licence": {"method": "licence"},
    "licence, guarantee and cap": {"method": "licence", "minimum_guarantee": 4e4, "cap": 8e4},
    "project": {"method": "project", **MARGIN, **STAGES},
    "project, optimal": {"method": "project", "renewal": "optimal", **MARGIN, **STAGES},
}
"""The cells that make each of the methods."""
OF_ONE_YEAR: dict[str, dict[str, Any]] = {
    "relief_from_royalty": {"life": 1.0},
    "cost": {"method": "cost", "replacement_cost": 1e6},
    "market": {"method": "market", "comparable_price": 1e6},
}


def valuing(values: Appraiser, rights: pa.RecordBatch) -> Callable[[], None]:
    """A function from rows to results rows."""

    def work() -> None:
        rejects = Rejects()
        assets, _ = values.value(values.rows(rights, np.arange(rights.num_rows), "bench", rejects), values.new_totals(()))
        assert assets is not None
        assert assets.num_rows == rights.num_rows, rejects.table().to_pylist()[:1]

    return work


def test_methods(benchmark: Any) -> None:
    values = appraiser()
    cases = {name: Case(valuing(values, batch(cells, ASSETS)), ASSETS * PATHS * YEARS) for name, cells in METHODS.items()}
    take_turns(benchmark, "methods, rows to results", cases, against="relief_from_royalty")


def test_methods_of_one_year(benchmark: Any) -> None:
    values = appraiser()
    cases = {name: Case(valuing(values, batch(cells, 4 * ASSETS)), 4 * ASSETS * PATHS) for name, cells in OF_ONE_YEAR.items()}
    take_turns(benchmark, "methods of one year, rows to results", cases, against="relief_from_royalty")
