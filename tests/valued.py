"""A few assets valued through the public API, for tests whose numbers are worked out by hand.

Today is 1 January 2026 and FOUR_YEARS is four years to the last digit: only then do dates fall on the borders of periods.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from commandline import table

import ipvalue as iv

TODAY = date(2026, 1, 1)
FOUR_YEARS = timedelta(days=1461)
RATE = 0.1
ASSET: dict[str, Any] = {"asset_id": "one", "right_type": "invention_patent", "revenue": 1000.0, "royalty_rate": 0.05, "life": 3.0}
"""50 a year, for three years."""


def flat(rate: float = RATE, steps: int = 1, mid_period: bool = True, **more: Any) -> dict[str, Any]:
    """A market in CNY with one rate for all times."""
    return {
        "currency": "CNY",
        "valuation_date": TODAY,
        "steps_per_year": steps,
        "mid_period": mid_period,
        "curves": {"CNY": {"tenors": [1.0], "rates": [rate]}},
        **more,
    }


def result(
    rows: Iterable[Mapping[str, Any]], market: Mapping[str, Any] | None = None, assumptions: str = "", shipped: bool = False, **options: Any
) -> iv.Result:
    """The rows valued in double precision; `assumptions` is the text of a file of them, or else `shipped` those that ship."""
    options = {"paths": 1, "precision": "double", "workers": 1, **options}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "assumptions.toml"
        path.write_text(assumptions)
        return iv.value(table([dict(row) for row in rows]), market=market or flat(), assumptions="default" if shipped else path, **options)


def checked(rows: Iterable[Mapping[str, Any]], market: Mapping[str, Any] | None = None, assumptions: str = "") -> iv.Outcome:
    """The rows checked only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "assumptions.toml"
        path.write_text(assumptions)
        return iv.check(table([dict(row) for row in rows]), market=market or flat(), assumptions=path)


def one(market: Mapping[str, Any] | None = None, assumptions: str = "", options: Mapping[str, Any] | None = None, **cells: Any) -> dict[str, Any]:
    """The results row of ASSET with other cells (None: blank)."""
    found = result([{**ASSET, **cells}], market, assumptions, **(options or {})).assets.to_pylist()
    assert len(found) == 1
    return dict(found[0])


def exact(market: Mapping[str, Any] | None = None, assumptions: str = "", **cells: Any) -> float:
    """The expected value of ASSET with other cells, without its chance."""
    closed = one(market, assumptions, **cells)["closed_form"]
    assert closed is not None
    return float(closed)
