"""Inputs at the edge of what a row may hold: values stay right or the row is set aside with a reason; nothing is lost silently."""

from __future__ import annotations

import numpy as np
import pytest
from valued import ASSET, checked, flat, one, result

PREMISE = "[premise.forced.invention_patent]\ndiscount = 0.1\ntime_to_sell = {years}\n"


def test_groups_of_many_columns_do_not_run_into_one_another() -> None:
    """Six columns of 600 different values each: their product passes 64 bits."""
    rows = [
        {**ASSET, "asset_id": f"a{i}", "owner_id": f"o{i % 300}", **dict.fromkeys(("revenue", "life", "hazard"), 0.001 + i % 600 * 0.0001)}
        for i in range(600)
    ]
    for i, row in enumerate(rows):
        row.update(annual_cost=float(i), volatility=i * 1e-3)
    columns = ("revenue", "owner_id", "life", "annual_cost", "hazard", "volatility")
    one_task, many = (result(rows, paths=2, group_by=columns, rows_per_task=size).groups for size in (600, 37))
    assert one_task.num_rows == 601
    assert one_task.equals(many)


def test_a_blank_group_is_not_the_text_blank() -> None:
    rows = [{**ASSET, "asset_id": "a", "owner_id": None}, {**ASSET, "asset_id": "b", "owner_id": "(blank)"}]
    assert result(rows, group_by=("owner_id",)).groups["assets"].to_pylist() == [2, 1, 1]


@pytest.mark.parametrize(("volatility", "life", "uncertainty"), [(5.0, 60.0, 0.0), (4.0, 100.0, 0.0), (5.0, 40.0, 5.0)])
def test_the_owner_gives_up_however_wide_the_levels_spread(volatility: float, life: float, uncertainty: float) -> None:
    """A cost far above income on nearly every path: kept for ever it loses 40,000 a year, given up at once next to nothing."""
    row = one(options={"paths": 2000}, volatility=volatility, life=life, revenue_uncertainty=uncertainty, annual_cost=40_000.0, renewal="optimal")
    # the few great paths that make it worth something are too rare to be met: a sample may fall a little short of 0
    assert row["mean"] > -1000.0
    assert row["expected_life"] < 1.0


@pytest.mark.parametrize(("hazard", "life", "steps"), [(10.0, 100.0, 12), (100.0, 10.0, 12)])
def test_a_rival_who_surely_enters_leaves_the_boundary_defined(hazard: float, life: float, steps: int) -> None:
    cells = {"entry_hazard": hazard, "entry_loss": 0.9, "life": life, "annual_cost": 20.0, "volatility": 0.2}
    market = flat(steps=steps)
    kept, given_up = (one(market, options={"paths": 2000}, renewal=how, **cells)["mean"] for how in ("always", "optimal"))
    assert kept < 0.0 < given_up


def test_a_certain_level_on_its_boundary_decides_exactly() -> None:
    """Without volatility the owner keeps a right that earns a little more than it costs and gives up one that earns a little less."""
    for cost, life in ((49.99, 1.0), (50.01, 0.0)):
        row = one(flat(0.0, mid_period=False), renewal="optimal", annual_cost=cost, life=1.0)
        assert row["expected_life"] == life


def test_a_premise_that_multiplies_the_value_sets_the_row_aside() -> None:
    outcome = result([ASSET, {**ASSET, "asset_id": "two", "discount_premium": -0.99}], flat(0.02), PREMISE.format(years=90.0), premise="forced")
    assert outcome.assets["asset_id"].to_pylist() == ["one"]
    assert outcome.rejects["asset_id"].to_pylist() == ["two"]
    assert "premise" in outcome.rejects["rule"][0].as_py()


def test_a_premise_without_terms_for_a_right_type_sets_the_row_aside() -> None:
    outcome = result([ASSET, {**ASSET, "asset_id": "two", "right_type": "design"}], flat(), PREMISE.format(years=1.0), premise="forced")
    assert outcome.assets["asset_id"].to_pylist() == ["one"]
    assert "premise.forced.design" in outcome.rejects["message"][0].as_py()


def test_a_rate_that_reaches_minus_one_anywhere_it_is_used_is_a_reject() -> None:
    """At 10 years −140 %: the cash of the last period is discounted from 9.5 years, where −45 % still stands, its salvage from 10."""
    market = {**flat(), "curves": {"CNY": {"tenors": [9.5, 10.0], "rates": [0.05, -0.9]}}}
    cells = {**ASSET, "life": 10.0, "discount_premium": -0.5, "salvage": 5.0, "renewal": "optimal"}
    outcome = checked([{**cells, "asset_id": "kept", "salvage": None}, cells], market)
    assert outcome.rejects["asset_id"].to_pylist() == ["one"]
    assert outcome.rejects["rule"].to_pylist() == ["discount rate > -1"]


def test_a_heavy_tail_beyond_numbers_has_no_standard_error() -> None:
    row = one(options={"paths": 100}, volatility=3.0, life=90.0)
    assert (row["status"], row["standard_error"]) == ("heavy_tail", None)
    assert row["closed_form"] > 0.0


def test_an_expiry_a_century_away_is_named() -> None:
    outcome = checked([{**ASSET, "life": None, "expiry_date": np.datetime64("2150-01-01").astype(object)}])
    assert outcome.rejects["column"].to_pylist() == ["expiry_date"]
    assert "2150-01-01 is more than 100 years away" in outcome.rejects["message"][0].as_py()
