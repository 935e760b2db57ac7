"""What a known price implies: exactly where the value has a closed form, else on the same random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import portfolios
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from commandline import table
from valued import ASSET, FOUR_YEARS, TODAY, flat

import ipvalue as iv
from ipvalue.calibrate import implied
from ipvalue.calibrate.asked import DRIVERS
from ipvalue.calibrate.roots import bracket, solve
from ipvalue.schema import InputError


@pytest.fixture
def no_assumptions(tmp_path: Any) -> str:
    path = tmp_path / "assumptions.toml"
    path.write_text("")
    return str(path)


@pytest.fixture
def solved(no_assumptions: str) -> Callable[..., dict[str, Any]]:
    """The row of ASSET with other cells for a price."""

    def solve(price: float, driver: str = "revenue", cells: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        rights = table([{**ASSET, **(cells or {})}])
        prices = pa.table({"asset_id": ["one"], "price": [price]})
        found = implied(rights, prices, driver, market=flat(), assumptions=no_assumptions, **options)
        return dict(found.table.to_pylist()[0])

    return solve


OPTIONAL = {"renewal": "optimal", "annual_cost": 20.0, "volatility": 0.4}
LINEAR = ("relief_from_royalty", "excess_earnings", "incremental_income", "cost", "market", "project")
OF_METHOD = {"cost": "replacement_cost", "market": "comparable_price"}


@pytest.mark.parametrize("method", LINEAR)
def test_a_linear_right_is_worth_its_price_to_nine_digits(method: str, tmp_path: Any) -> None:
    """Every feature of the shipped methods but those that bend the value; valued again as the portfolio that comes of it."""
    rights = pa.Table.from_pylist([row for row in portfolios.random_methods(105, 5).to_pylist() if (row["method"] or LINEAR[0]) == method])
    rights = rights.set_column(rights.schema.get_field_index("renewal"), "renewal", pa.array(["always"] * rights.num_rows))
    book = tmp_path / "assumptions.toml"
    book.write_text(portfolios.ASSUMPTIONS)
    options: dict[str, Any] = {"market": portfolios.MARKET, "assumptions": book, "paths": 16}
    driver = OF_METHOD.get(method, "revenue")
    before = iv.value(rights, sampler="sobol", **options).assets
    asked = pa.table({"asset_id": before["asset_id"], "price": pc.add(pc.abs(before["value"]), 1000.0)})
    found = implied(rights, asked, driver, **options)
    exact = found.table.filter(pc.equal(found.table["status"], "exact"))
    assert exact.num_rows >= 5
    assert set(exact["standard_error"].to_pylist()) == {0.0}
    after = iv.value(found.into(rights), sampler="sobol", **options).assets
    worth = dict(zip(after["asset_id"].to_pylist(), after["value"].to_pylist(), strict=True))
    for row in exact.to_pylist():
        assert worth[row["asset_id"]] == pytest.approx(row["price"], rel=1e-9), row
    others = {row["status"] for row in found.table.to_pylist()} - {"exact"}
    assert others <= {"no effect", "unreachable"}  # a revenue_path replaces revenue; costs of a right that earns nothing


def test_revenue_by_hand(solved: Callable[..., dict[str, Any]]) -> None:
    worth = sum(50.0 / 1.1 ** (t - 0.5) for t in (1, 2, 3))
    row = solved(3.0 * worth)
    assert row["revenue"] == pytest.approx(3000.0, rel=1e-11)
    assert (row["status"], row["standard_error"], row["solutions"], row["reason"]) == ("exact", 0.0, 1, None)


def test_a_tax_benefit_does_not_bend_the_line(solved: Callable[..., dict[str, Any]]) -> None:
    cells = {"tab_years": 10, "tax_rate": 0.25, "annual_cost": 400.0}
    row = solved(1.0, cells=cells)
    assert row["status"] == "exact"
    assert row["value"] == pytest.approx(1.0, rel=1e-9)


BENDING = {"growth": 0.07, "discount_premium": 0.04, "obsolescence": 0.06, "hazard": 0.02, "tax_rate": 0.3, "royalty_rate": 0.031, "life": 2.5}


@pytest.mark.parametrize("driver", BENDING)
def test_a_driver_that_bends_the_value_is_found_in_closed_form(solved: Callable[..., dict[str, Any]], no_assumptions: str, driver: str) -> None:
    truth = {"growth": 0.07, "discount_premium": 0.04, "obsolescence": 0.06, "hazard": 0.02, "tax_rate": 0.3, "royalty_rate": 0.031, "life": 2.5}[
        driver
    ]
    price = (
        iv.value(table([{**ASSET, driver: truth}]), market=flat(), paths=16, sampler="sobol", assumptions=no_assumptions).assets["value"][0].as_py()
    )
    row = solved(price, driver)
    assert row["status"] == "exact"
    assert row[driver] == pytest.approx(BENDING[driver], rel=1e-8)
    assert row["monotone"]


def test_a_simulated_price_gives_back_its_own_revenue(no_assumptions: str) -> None:
    """The same seed and paths: the root is the figure that the price was made with, and the error covers that of another seed."""
    rights = table([{**ASSET, **OPTIONAL, "asset_id": f"r{i}", "revenue": 1000.0 + 10.0 * i} for i in range(40)])
    options: dict[str, Any] = {"market": flat(), "assumptions": no_assumptions, "paths": 4000, "precision": "double"}
    worth = iv.value(rights, **options).assets
    asked = pa.table({"asset_id": worth["asset_id"], "price": worth["value"]})
    same = implied(rights, asked, **options).table
    assert set(same["status"].to_pylist()) == {"simulated"}
    assert same["revenue"].to_numpy() == pytest.approx(rights["revenue"].to_numpy(), rel=1e-9)
    other = implied(rights, asked, seed=2, **options).table
    gap = np.abs(other["revenue"].to_numpy() - rights["revenue"].to_numpy())
    error = np.sqrt(2.0) * other["standard_error"].to_numpy()  # the price has its own
    assert (gap > 0).all()
    assert (gap < 1.96 * error).mean() >= 0.88


def test_a_simulated_right_is_worth_its_price_within_its_error(no_assumptions: str) -> None:
    rights = table([{**ASSET, **OPTIONAL}])
    options: dict[str, Any] = {"market": flat(), "assumptions": no_assumptions, "paths": 2000}
    found = implied(rights, pa.table({"asset_id": ["one"], "price": [400.0]}), **options)
    again = iv.value(found.into(rights), **options).assets.to_pylist()[0]
    assert abs(again["value"] - 400.0) <= 2e-3 * again["standard_error"]
    row = found.table.to_pylist()[0]
    assert row["value"] == again["value"]
    assert row["interval_low"] < row["revenue"] < row["interval_high"]


def test_the_error_is_that_of_the_value_over_its_slope(no_assumptions: str) -> None:
    """Where revenue is far above the costs the value is a line through its cash: the error of revenue is to revenue as that of the value to it."""
    rights = table([{**ASSET, **OPTIONAL, "annual_cost": 1e-9, "salvage": 1e-9}])
    options: dict[str, Any] = {"market": flat(), "assumptions": no_assumptions, "paths": 2000}
    row = implied(rights, pa.table({"asset_id": ["one"], "price": [1000.0]}), **options).table.to_pylist()[0]
    worth = iv.value(table([{**ASSET, **OPTIONAL, "annual_cost": 1e-9, "salvage": 1e-9, "revenue": row["revenue"]}]), **options).assets.to_pylist()[0]
    assert row["standard_error"] / row["revenue"] == pytest.approx(worth["standard_error"] / worth["value"], rel=1e-3)


def test_a_price_out_of_reach_has_the_reason(solved: Callable[..., dict[str, Any]]) -> None:
    row = solved(1e6, "royalty_rate")
    assert (row["status"], row["royalty_rate"], row["standard_error"]) == ("unreachable", None, None)
    assert "the price 1e+06 is not reached: with royalty_rate from 0 to 1 the value is from 0 to 2608" in row["reason"]


def test_a_rule_of_the_row_ends_the_search_and_is_named(solved: Callable[..., dict[str, Any]]) -> None:
    bounds = {"royalty_low": 0.04, "royalty_high": 0.06}
    row = solved(1e5, "royalty_rate", bounds)
    assert row["status"] == "unreachable"
    assert "beyond that, royalty_" in row["reason"]
    top = 1000.0 * (0.04 + 0.06 + 0.06) / 3.0 * sum(1.1 ** (0.5 - t) for t in (1, 2, 3))
    assert f"to {top:.6g};" in row["reason"]
    inside = solved(0.99 * top, "royalty_rate", bounds)
    assert inside["status"] == "exact"
    assert 0.058 < inside["royalty_rate"] < 0.06


def test_growth_without_end_is_followed_to_where_it_meets_the_discount_rate(solved: Callable[..., dict[str, Any]]) -> None:
    mark = {"right_type": "trademark", "indefinite": True, "life": None}
    row = solved(1e6, "growth", mark)
    assert row["status"] == "exact"
    assert 0.09 < row["growth"] < 0.1
    assert row["value"] == pytest.approx(1e6, rel=1e-9)


def test_a_driver_without_effect_says_so(solved: Callable[..., dict[str, Any]]) -> None:
    row = solved(50.0, "volatility", {"method": "market", "comparable_price": 100.0, "volatility": 0.3})
    assert (row["status"], row["volatility"], row["solutions"]) == ("no effect", None, 0)
    assert row["reason"] == "the value does not depend on it: it is 100 whatever volatility is"


@pytest.mark.parametrize(("own", "near"), [(0.5, 1.0), (60.0, 50.0)])
def test_of_several_solutions_the_one_nearest_to_the_own_figure_is_given(own: float, near: float) -> None:
    """x² − 51x + 50 is 0 at 1 and at 50."""
    grid = np.array([[0.0, 10.0, 40.0, 100.0]])
    found, tried = bracket(lambda _, x: x * x - 51.0 * x + 50.0, grid, np.array([own]))
    assert (found.solutions[0], found.monotone[0], tried) == (2, False, 4)
    roots = solve(lambda _, x: x * x - 51.0 * x + 50.0, found, lambda *_: np.array([False]))
    assert roots.x[0] == pytest.approx(near, rel=1e-12)


def test_a_search_is_kept_to(solved: Callable[..., dict[str, Any]]) -> None:
    assert solved(100.0, search=(1.0, 10.0))["status"] == "unreachable"
    assert solved(100.0, search=(1.0, 1e4))["revenue"] == pytest.approx(100.0 / solved(1.0)["value"] * solved(1.0)["revenue"])


def test_rights_are_solved_alike_whatever_stands_beside_them_and_by_how_many_workers(no_assumptions: str) -> None:
    rights = table([{**ASSET, **OPTIONAL, "asset_id": f"r{i}", "life": 1.0 + i % 7, "revenue": 500.0 + i} for i in range(60)])
    asked = pa.table({"asset_id": [f"r{i}" for i in range(60)], "price": [100.0 + 5.0 * i for i in range(60)]})
    options: dict[str, Any] = {"market": flat(), "assumptions": no_assumptions, "paths": 500}
    all_of_them = implied(rights, asked, workers=1, **options).table
    turned = implied(rights.take(pa.array(range(59, -1, -1))), asked, workers=3, **options).table
    assert turned.equals(all_of_them)
    one = implied(rights, asked.slice(17, 1), **options).table
    assert one.equals(all_of_them.slice(17, 1))


def test_several_methods_on_one_right(solved: Callable[..., dict[str, Any]]) -> None:
    cells = {"methods": ["relief_from_royalty", "market"], "weights": [0.5, 0.5], "comparable_price": 100.0, "tab_years": 10, "tax_rate": 0.2}
    row = solved(300.0, cells=cells)
    assert row["status"] == "exact"
    assert row["value"] == pytest.approx(300.0, rel=1e-9)


def test_a_row_that_cannot_be_valued_says_why(no_assumptions: str) -> None:
    rights = table([ASSET, {**ASSET, "asset_id": "bad", "life": -1.0}, {**ASSET, "asset_id": "endless", "life": None}])
    asked = pa.table({"asset_id": ["endless", "bad", "one"], "price": [1.0, 2.0, 3.0]})
    found = implied(rights, asked, market=flat(), assumptions=no_assumptions)
    rows = found.table.to_pylist()
    assert [row["asset_id"] for row in rows] == ["endless", "bad", "one"]
    assert [row["status"] for row in rows] == ["rejected", "rejected", "exact"]
    assert "life is -1.0" in rows[1]["reason"]
    assert "life" in rows[0]["reason"]
    assert "2 of 3 have no revenue (rejected), as endless" in found.doubts[0]


def test_what_is_found_goes_back_into_the_portfolio(no_assumptions: str) -> None:
    rights = pd.DataFrame([{**ASSET, "asset_id": name} for name in ("a", "b")])
    found = implied(rights, pa.table({"asset_id": ["b"], "price": [1.0]}), market=flat(), assumptions=no_assumptions)
    assert found.into(rights)["revenue"].to_pylist() == [1000.0, found.table["revenue"][0].as_py()]
    without = found.into(pa.table(rights).drop_columns(["revenue"]))
    assert without["revenue"].to_pylist() == [None, found.table["revenue"][0].as_py()]


def test_every_number_of_a_portfolio_can_be_asked_for(solved: Callable[..., dict[str, Any]]) -> None:
    dated = {"grant_date": TODAY - FOUR_YEARS, "filing_date": TODAY - FOUR_YEARS, "sector": None}
    for driver in DRIVERS:
        assert solved(120.0, driver, dated, paths=50)["status"] in ("exact", "simulated", "no effect", "unreachable", "rejected"), driver


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"asset_id": ["one"], "price": [-1.0]}, "table of prices, row 0 (one): price is -1.0: it must be above 0 and at most 1e+18"),
        ({"asset_id": ["one"], "price": [None]}, "table of prices, row 0 (one): price is blank: it must be given in every row"),
        ({"asset_id": ["one", "two"], "price": [1.0, 2.0]}, "table of prices, row 1 (two): asset_id 'two' is not in the portfolio: correct it"),
        ({"asset_id": ["one", "one"], "price": [1.0, 2.0]}, "table of prices, row 0 (one): asset_id one stands there 2 times: keep one row of it"),
        ({"asset_id": ["one"], "prize": [1.0]}, "table of prices: column price is missing: rename 'prize' if that is it"),
    ],
)
def test_prices_that_are_none_are_refused_with_their_row(no_assumptions: str, prices: dict[str, Any], said: str) -> None:
    asked = pa.table({name: pa.array(cells, pa.float64() if name.startswith("pri") else None) for name, cells in prices.items()})
    with pytest.raises(InputError) as refused:
        implied(table([ASSET]), asked, market=flat(), assumptions=no_assumptions)
    assert str(refused.value).splitlines()[0] == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"driver": "royalty_rte"},
            "driver is 'royalty_rte': it must be a column of the portfolio that holds one number: did you mean royalty_",
        ),
        ({"driver": "tab_years"}, "driver is 'tab_years': it must be a column of the portfolio that holds one number"),
        ({"search": (2.0, 1.0)}, "search is 2 to 1: it must be two numbers, the lower one first"),
        ({"search": (-2.0, 1.0)}, "search is -2 to 1: revenue must be at least 0 and at most 1e+15"),
        ({"tolerance": 0.1}, "tolerance is no option of implied figures"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(no_assumptions: str, more: dict[str, Any], said: str) -> None:
    asked = pa.table({"asset_id": ["one"], "price": [1.0]})
    with pytest.raises(InputError) as refused:
        implied(table([ASSET]), asked, market=flat(), assumptions=no_assumptions, **more)
    assert str(refused.value).startswith(said)
