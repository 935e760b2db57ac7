"""What any asset obeys: more income is worth more, a right to choose costs nothing, money has no natural unit, chance has the mean it should."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valued import flat, result

SECTORS = ("chips", "drugs")
MARKETS = [flat(rate, steps, mid, factors={"names": list(SECTORS), "correlation": [[1.0, 0.4], [0.4, 1.0]]})
           for rate, steps, mid in ((0.02, 1, True), (0.05, 4, False), (0.03, 2, True))]  # fmt: skip
ROUNDING = 1e-12

Row = dict[str, Any]


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(0, 1000).map(lambda i: low + (high - low) * i / 1000)


def maybe(values: st.SearchStrategy[Any], otherwise: Any = None) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), values)


INCOME = {
    "revenue": number(1e3, 1e6),
    "royalty_rate": number(0.01, 0.15),
    "life": number(0.5, 8.0),
    "growth": maybe(number(-0.2, 0.3)),
    "growth_long": maybe(number(-0.05, 0.05)),
    "growth_fade": maybe(number(0.0, 2.0)),
    "launch_lag": maybe(number(0.0, 3.0)),
    "ramp_years": maybe(number(0.0, 3.0)),
    "obsolescence": maybe(number(0.0, 0.1)),
    "revenue_share": maybe(number(0.1, 1.0)),
    "tax_rate": maybe(number(0.0, 0.4)),
    "tab_years": maybe(st.sampled_from([2, 10, 15])),
    "discount_premium": number(0.0, 0.15),
    "hazard": maybe(number(0.05, 0.3)),
    "grant_probability": maybe(number(0.3, 0.9)),
    "grant_lag": maybe(number(0.0, 2.0)),
    "entry_hazard": maybe(number(0.1, 0.5)),
    "entry_loss": maybe(number(0.2, 1.0)),
}
CHANCE = {
    "volatility": maybe(number(0.05, 0.35)),
    "revenue_uncertainty": maybe(number(0.05, 0.4)),
    "sector": st.sampled_from(SECTORS),
    "factor_loading": maybe(number(-1.0, 1.0)),
    "royalty_range": maybe(st.tuples(number(0.1, 1.0), number(1.0, 2.0))),
}
COSTS = {"annual_cost": maybe(number(10.0, 2e4)), "cost_inflation": maybe(number(-0.02, 0.05))}
CHOICE = {"salvage": maybe(number(10.0, 2e4)), "renewal": st.sampled_from(["always", "optimal"])}


def assets(*columns: dict[str, st.SearchStrategy[Any]], most: int = 6, **fixed: Any) -> st.SearchStrategy[list[Row]]:
    """One to six rows with such columns."""
    cells = {name: values for group in columns for name, values in group.items()}
    return st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=most).map(
        lambda rows: [finished(i, row | fixed) for i, row in enumerate(rows)]
    )


def finished(i: int, row: Row) -> Row:
    """With a name, and the bounds of its royalty."""
    low, high = row.pop("royalty_range", None) or (None, None)
    rate = row["royalty_rate"]
    bounds = {} if low is None else {"royalty_low": low * rate, "royalty_high": min(high * rate, 1.0)}
    return {"asset_id": f"r{i}", "right_type": "invention_patent", **row, **bounds}


def columns(rows: list[Row], market: Row, paths: int = 64, **options: Any) -> dict[str, list[Any]]:
    """The results by column, in the rows' order."""
    table = result(rows, market, paths=paths, **options).assets
    assert table["asset_id"].to_pylist() == [row["asset_id"] for row in rows]
    return {str(name): table[name].to_pylist() for name in table.column_names}


def not_below(more: list[float], less: list[float], scale: list[float]) -> None:
    for a, b, size in zip(more, less, scale, strict=True):
        assert a >= b - ROUNDING * max(abs(size), abs(b)), (more, less)


SIZES = st.sampled_from([1.0, 1.0 + 1e-9, 1.1, 3.0])


@given(rows=assets(INCOME, CHANCE, COSTS), market=st.sampled_from(MARKETS), times=SIZES, column=st.sampled_from(["revenue", "royalty_rate"]))
def test_more_income_is_never_worth_less(rows: list[Row], market: Row, times: float, column: str) -> None:
    """On the same paths, so on each of them."""
    together = ("royalty_rate", "royalty_low", "royalty_high") if column == "royalty_rate" else (column,)
    more = [row | {name: row[name] * times for name in together if name in row} for row in rows]
    low, high = columns(rows, market), columns(more, market)
    scale = [row["revenue"] * 10 for row in rows]
    for name in ("mean", "value", "closed_form", "q05", "q50", "q95", "expected_shortfall"):
        not_below(high[name], low[name], scale)
    assert all(a <= b for a, b in zip(high["probability_of_loss"], low["probability_of_loss"]))


@given(rows=assets(INCOME), market=st.sampled_from(MARKETS), longer=st.sampled_from([1e-10, 1e-6, 0.01, 0.3, 1.0, 2.5]))
def test_a_longer_life_is_never_worth_less_where_nothing_is_paid(rows: list[Row], market: Row, longer: float) -> None:
    """In expectation: a path may end sooner, as the last part-period grows past the right's own end."""
    low, high = columns(rows, market, 1), columns([row | {"life": row["life"] + longer} for row in rows], market, 1)
    not_below(high["closed_form"], low["closed_form"], [0.0] * len(rows))


@given(rows=assets(INCOME, CHANCE, COSTS, CHOICE), market=st.sampled_from(MARKETS))
def test_a_right_to_choose_is_never_worth_less_than_none(rows: list[Row], market: Row) -> None:
    """On the same paths, within four standard errors of their differences."""
    values = {}
    for renewal in ("always", "optimal"):
        kept = result([row | {"renewal": renewal} for row in rows], market, paths=1500, keep_paths=True).paths
        values[renewal] = np.array(kept["values"].to_pylist())
    gain = values["optimal"] - values["always"]
    error = gain.std(axis=1, ddof=1) / math.sqrt(gain.shape[1])
    scale = np.abs(values["always"]).max(axis=1)
    assert np.all(gain.mean(axis=1) >= -4 * error - 1e-9 * scale), (gain.mean(axis=1), error)


STATISTICS = ("mean", "mean_raw", "standard_error", "standard_deviation", "q05", "q25", "q50", "q75", "q95", "expected_shortfall", "tab", "value")


@given(
    rows=assets(INCOME, CHANCE, COSTS, CHOICE),
    market=st.sampled_from(MARKETS),
    power=st.sampled_from([-7, -1, 1, 3, 10]),
    precision=st.sampled_from(["single", "double"]),
)
def test_money_has_no_natural_unit(rows: list[Row], market: Row, power: int, precision: str) -> None:
    """All money times a power of two: every statistic too, to the last bit; what is no money stays."""
    scaled = [row | {name: row[name] * 2.0**power for name in ("revenue", "annual_cost", "salvage") if row[name] is not None} for row in rows]
    before, after = columns(rows, market, precision=precision), columns(scaled, market, precision=precision)
    for name in (*STATISTICS, "closed_form"):
        assert after[name] == [None if x is None else x * 2.0**power for x in before[name]], name
    for name in ("status", "paths", "probability_of_loss", "expected_life"):
        assert after[name] == before[name], name


@given(rows=assets(INCOME, CHANCE, COSTS, CHOICE), market=st.sampled_from(MARKETS), more=number(0.0, 0.5))
def test_more_hazard_is_never_a_longer_life(rows: list[Row], market: Row, more: float) -> None:
    """Not even by an owner's choice: what is less likely to last is given up sooner."""
    hazardous = [row | {"hazard": (row["hazard"] or 0.0) + more} for row in rows]
    before, after = columns(rows, market, 400), columns(hazardous, market, 400)
    assert all(a <= b for a, b in zip(after["expected_life"], before["expected_life"])), (before["expected_life"], after["expected_life"])
    assert all(life <= row["life"] + 1e-9 for life, row in zip(before["expected_life"], rows))


@given(rows=assets(INCOME, CHANCE, COSTS, most=8), market=st.sampled_from(MARKETS), precision=st.sampled_from(["single", "double"]))
def test_the_mean_is_the_closed_form(rows: list[Row], market: Row, precision: str) -> None:
    """Within five standard errors; hazards are such that thousands of paths see them."""
    found = columns(rows, market, 4000, precision=precision)
    for mean, closed, error, row in zip(found["mean"], found["closed_form"], found["standard_error"], rows, strict=True):
        assert closed is not None
        rounding = 1e-5 if precision == "single" else 1e-11
        scale = row["revenue"] + (row["annual_cost"] or 0.0)
        assert mean == pytest.approx(closed, abs=5 * error + rounding * scale), row
