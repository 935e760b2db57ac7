"""What a scenario is without scenarios: a portfolio with its cells, under its market."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from portfolios import ASSUMPTIONS, MARKET

from ipvalue.assumptions import fill, load_assumptions
from ipvalue.market import load_market
from ipvalue.rows import Rows
from ipvalue.scenarios import load_scenarios
from ipvalue.schema import PORTFOLIO, Rejects


def shocked(portfolio: pa.Table, book: Path, scenarios: dict[str, Any], name: str) -> dict[str, Any]:
    """The portfolio, filled by the assumptions of `book` and shocked as the scenario of that name says ("base": not), with the market of MARKET and
    assumptions that have nothing left to fill: arguments of `value` and `scenarios`."""
    batch = portfolio.combine_chunks().to_batches()[0]
    filled, report = fill(_batch_of(batch), load_assumptions(book), "CNY")
    rows = Rows(filled, np.arange(batch.num_rows), report, "f", Rejects())
    market = load_market(MARKET)
    for scenario in load_scenarios(scenarios):
        if scenario.name == name:
            rows, market = scenario.rows(rows), scenario.market(market)
    nothing_to_fill = {name: content for name, content in tomllib.loads(ASSUMPTIONS).items() if name != "defaults"}
    return {"portfolio": pa.Table.from_batches([rows.batch]), "market": market, "assumptions": nothing_to_fill}


def _batch_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Every column of the registry."""
    arrays = [batch[name] if name in batch.schema.names else pa.nulls(batch.num_rows, column.arrow_type) for name, column in PORTFOLIO.items()]
    return pa.RecordBatch.from_arrays([a.cast(c.arrow_type) for a, c in zip(arrays, PORTFOLIO.values(), strict=True)], list(PORTFOLIO))
