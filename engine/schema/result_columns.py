"""Columns of results by their names, of which those of quantiles follow from what was asked for: q05, q50, q99_9."""

from __future__ import annotations

import re
from decimal import Decimal

from ipvalue.schema.column import Column
from ipvalue.schema.tables import RESULTS

IN_PERCENT = ("fraction", "a year")
"""Units of figures that people read in percent."""

_QUANTILE = re.compile(r"q(\d\d)(?:_(\d+))?")
_ENDING = re.compile(rf"(^|_){_QUANTILE.pattern}$")
_BESIDES = {"scenario_assets": ("assets",)}
"""Tables that have columns of others besides their own."""


def quantile_name(quantile: float) -> str:
    """0.05 → q05, 0.5 → q50, 0.999 → q99_9 (interface.md)."""
    whole, _, part = f"{Decimal(repr(float(quantile))) * 100:f}".partition(".")
    part = part.rstrip("0")
    return f"q{int(whole):02d}" + (f"_{part}" if part else "")


def quantile_of(name: str) -> float | None:
    """q05 → 0.05, the nearest double; None of a column that holds none."""
    found = _QUANTILE.fullmatch(name)
    return float(f"{found[1]}.{found[2] or 0}e-2") if found else None


def result_column(table: str, name: str) -> Column | None:
    """What the registry says of a column of one of RESULTS, where q… stands for all quantiles and coverage_q… for all of coverage; None of one that
    it does not know."""
    entry = _ENDING.sub(r"\1q…", name)
    return next((found for one in (table, *_BESIDES.get(table, ())) for key in (name, entry) if (found := RESULTS[one].get(key))), None)
