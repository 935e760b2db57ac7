"""The readable page of a bundle: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

TEMPLATE = Path(__file__).with_name("page.html.j2")

MOST_ROWS, LAST_ROWS = 48, 4
"""Periods that the page shows of a longer table, and how many of these are the last; all are in periods.csv."""

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Time and discount rate", "discount_factor = (1 + discount_rate)^(−middle), discount_rate = spot_rate + discount_premium",
     ("end", "middle", "years", "year", "spot_rate", "discount_rate", "discount_factor")),
    ("Income: w", "",
     ("discount_factor", "after_tax", "rate", "growth", "growth_factor", "annual_revenue", "revenue_share", "years", "obsolescence_factor", "ramp",
      "sells", "price", "fx", "perpetuity_income", "perpetuity_factor", "sales", "w")),
    ("Costs: f", "f = discount_factor · after_tax · (running_cost + official_fees + stage_costs) + perpetuity_cost",
     ("discount_factor", "after_tax", "running_cost", "official_fees", "stage_costs", "perpetuity_cost", "f")),
    ("Survival S, and no rival yet C",
     "S = grant_factor · hazard_factor · survival_curve_factor · stages_factor, and never rising; C = e^(−entry_hazard · end)",
     ("grant_factor", "hazard_factor", "survival_curve_factor", "stages_factor", "S", "C")),
    ("Bounds and options",
     "income is held between lo and hi; where it decides, the owner gives up for salvage once the level L is below the boundary",
     ("lo", "hi", "salvage_discount_factor", "salvage", "decides", "boundary", "boundary_after_entry")),
    ("Expected cash", "expected_cash = S · (w · E[m] · rival_share − f), rival_share = C + (1 − C)(1 − entry_loss)",
     ("w", "f", "S", "rival_share", "expected_cash", "running_sum")),
)  # fmt: skip
"""Heading, formula and columns of each part of the period table."""

_EVERYWHERE = frozenset({"end", "years", "discount_factor", "fx", "w", "f", "S", "C"})
"""Columns that do not make a part of the table worth showing."""

_INCOME = "w = discount_factor · after_tax · rate · annual_revenue · revenue_share · years · obsolescence_factor · ramp · sells · fx"
_RULED = "w = discount_factor · after_tax · revenue_share · years · sells · fx · perpetuity_factor; cash = w · rule(sales · L) − f"


def page(content: Mapping[str, Any]) -> str:
    """The page of a bundle's content."""
    methods = [{**one, "sections": _sections(one["periods"])} for one in content["methods"]]
    cells = {one["column"]: one["value"] for one in content["inputs"]}
    return _template().render(it={**content, "methods": methods}, cells=cells)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = figure
    environment.globals["zip_pairs"] = lambda *lists: zip(*lists, strict=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def figure(value: Any) -> str:
    """A cell as people read it: six digits of a number, of money two after the point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(figure, value))
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1000.0:
        return f"{value:.0f}"
    return f"{value:,.2f}" if abs(value) >= 1000.0 else f"{value:.6g}"


def _sections(periods: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The parts of a period table: what is the same in every period said once, the rest as rows."""
    count, found = len(periods["period"]), []
    places = [*range(min(count, MOST_ROWS))] if count <= MOST_ROWS else [*range(MOST_ROWS - LAST_ROWS), *range(count - LAST_ROWS, count)]
    for title, formula, columns in SECTIONS:
        there = [name for name in columns if name in periods]
        if not set(there) - _EVERYWHERE and title != "Expected cash":
            continue
        same = [name for name in there if count > 1 and len({repr(value) for value in periods[name]}) == 1]
        heads = [name for name in there if name not in same]
        found.append({
            "title": title,
            "formula": formula or _income_formula(periods),
            "same": [(name, periods[name][0]) for name in same],
            "heads": ["period", *heads],
            "rows": [[periods[name][place] for name in ("period", *heads)] for place in places] if heads else [],
            "left_out": count - len(places),
            "gap": MOST_ROWS - LAST_ROWS,
        })  # fmt: skip
    return found


def _income_formula(periods: Mapping[str, list[Any]]) -> str:
    if "price" in periods:
        return "w = price · fx, once and today"
    if "perpetuity_factor" in periods:
        return _RULED
    return _INCOME + " + perpetuity_income"
