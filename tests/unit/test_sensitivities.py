"""Sensitivities: of linear rights the derivative of the closed form, of others that of runs with the driver's cells moved, with its error."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from commandline import MARKET, ROW, table

import ipvalue
from ipvalue import InputError
from ipvalue.sensitivities import DRIVERS

MARKET_TABLE = tomllib.loads(MARKET)
TENORS, RATES = (1.0, 5.0, 10.0, 30.0), (0.015, 0.017, 0.019, 0.022)
NONE: dict[str, Any] = {}

LINEAR = {
    **ROW,
    "growth": 0.04,
    "obsolescence": 0.05,
    "hazard": 0.03,
    "annual_cost": 500.0,
    "cost_inflation": 0.02,
    "factor_loading": 0.0,
    "life": 8.4,
}
LICENCE = {**ROW, "asset_id": "capped", "method": "licence", "cap": 60_000.0, "minimum_guarantee": 20_000.0, "hazard": 0.04}
OPTION = {**ROW, "asset_id": "option", "renewal": "optimal", "annual_cost": 45_000.0, "sector": "pharma", "obsolescence": 0.1}
SMOOTH = ("revenue", "growth", "obsolescence", "royalty_rate", "discount", "tax_rate", "annual_cost")
"""Drivers that only move the vectors, and each path a little."""


def moved(rows: list[dict[str, Any]], **more: Any) -> ipvalue.SensitivityResult:
    return ipvalue.sensitivities(table(rows), market=MARKET_TABLE, assumptions=NONE, **{"paths": 512, **more})


def valued(rows: list[dict[str, Any]], market: dict[str, Any] | None = None, **more: Any) -> ipvalue.Result:
    return ipvalue.value(table(rows), market=market or MARKET_TABLE, assumptions=NONE, **{"paths": 512, **more})


def of(result: ipvalue.SensitivityResult, asset: str) -> dict[str, dict[str, Any]]:
    """The rows of one right by driver."""
    return {row["driver"]: row for row in result.assets.filter(pc.equal(result.assets["asset_id"], asset)).to_pylist()}


def closed_form(x: dict[str, Any], shift: complex = 0.0, scale: complex = 1.0) -> complex:
    """E[V] of one right by relief from royalty, written out once more for complex numbers (model.md §4, §6)."""
    total, level = 0.0 + 0.0j, x["revenue"] + 0.0j
    for t in range(1, math.ceil(x["life"]) + 1):
        end = min(float(t), x["life"])
        length, middle = end - (t - 1), (end + t - 1) / 2
        level *= 1 + x["growth"]
        rate = scale * (float(np.interp(middle, TENORS, RATES)) + x["discount_premium"]) + shift
        discount = (1 + rate) ** (-middle) * (1 - x["tax_rate"])
        income = x["royalty_rate"] * level * length * np.exp(-x["obsolescence"] * end)
        cost = x["annual_cost"] * length * (1 + x["cost_inflation"]) ** middle
        total += np.exp(-x["hazard"] * end) * x["grant_probability"] * discount * (income - cost)
    return total


def slope(row: dict[str, Any], driver: str) -> float:
    """Its derivative by a step into the imaginary numbers, which takes nothing away: to all digits."""
    step = 1e-30j
    x = {"grant_probability": 1.0, **row}
    if driver == "discount":
        return (closed_form(x, shift=step) / 1e-30).imag
    return (closed_form({**x, driver: x[driver] + step}) / 1e-30).imag


@pytest.mark.parametrize("changes", [{}, {"obsolescence": 0.0, "hazard": 0.0, "tax_rate": 0.0}, {"royalty_rate": 1.0}], ids=str)
def test_of_a_linear_right_they_are_the_derivatives_of_the_closed_form(changes: dict[str, Any]) -> None:
    row = {**LINEAR, **changes}
    found = of(moved([row]), "r0")
    mean = closed_form({"grant_probability": 1.0, **row}).real
    columns = ("revenue", "growth", "obsolescence", "royalty_rate", "tax_rate", "hazard", "annual_cost", "grant_probability")
    for name in (*columns, "discount"):
        one, expected = found[name], slope(row, name)
        assert one["how"] == "closed form"
        assert one["mean"] == pytest.approx(mean, rel=1e-12)
        assert one["derivative"] == pytest.approx(expected, rel=1e-6), name
        assert (one["derivative_error"], one["elasticity_error"]) == (0.0, 0.0)
        if name != "discount":
            at = row.get(name, 1.0)
            assert one["elasticity"] == pytest.approx(at * expected / mean, rel=1e-6, abs=1e-9), name
    by_scale = (closed_form({"grant_probability": 1.0, **row}, scale=1 + 1e-30j) / 1e-30).imag
    assert found["discount"]["elasticity"] == pytest.approx(by_scale / mean, rel=1e-6)
    for name in ("volatility", "revenue_uncertainty"):
        assert found[name]["derivative"] == pytest.approx(0.0, abs=1e-6 * mean)


def test_a_driver_at_its_end_moves_to_the_other_side_alone_and_says_so() -> None:
    found = of(moved([{**LINEAR, "obsolescence": 0.0, "royalty_rate": 1.0}]), "r0")
    sides = {name: one["sides"] for name, one in found.items()}
    assert (sides["obsolescence"], sides["royalty_rate"], sides["growth"], sides["margin"]) == ("up", "down", "both", "none")
    assert found["margin"]["derivative"] is None
    groups = {row["driver"]: row for row in moved([LINEAR, {**LINEAR, "asset_id": "r1", "obsolescence": 0.0}]).sensitivities.to_pylist()}
    assert (groups["obsolescence"]["moved"], groups["obsolescence"]["one_sided"]) == (2, 1)
    assert (groups["margin"]["moved"], groups["margin"]["one_sided"]) == (0, 0)


def test_a_row_that_its_rules_keep_from_one_end_is_moved_to_the_other() -> None:
    """A trademark renewed for ever may have no rival that enters."""
    forever = {**ROW, "indefinite": True, "life": None}
    found = of(moved([forever]), "r0")
    assert found["entry_hazard"]["sides"] == "none"
    assert found["growth"]["derivative"] > 0.0


def test_life_is_moved_where_it_follows_from_a_date() -> None:
    row = {**LINEAR, "right_type": "invention_patent", "life": None, "economic_life": 7.5}
    found = of(moved([row]), "r0")["life"]
    given = of(moved([{**row, "life": 7.5, "economic_life": None}]), "r0")["life"]
    assert (found["derivative"], found["elasticity"], found["sides"]) == (given["derivative"], given["elasticity"], "both")
    assert found["derivative"] > 0.0


CELLS = [("growth", 1e-4), ("volatility", 1e-4), ("hazard", 1e-3), ("tax_rate", 1e-4), ("factor_loading", 0.01), ("royalty_rate", 1e-4)]


@pytest.mark.parametrize(("driver", "step"), CELLS)
def test_they_are_those_of_runs_with_the_cells_moved(driver: str, step: float) -> None:
    rows = [LICENCE, {**OPTION, "hazard": 0.02}]
    found = moved(rows, drivers=[driver], seed=5)
    low, high = (valued([{**row, driver: row[driver] + sign * step} for row in rows], seed=5, keep_paths=True) for sign in (-1, 1))
    for place, row in enumerate(rows):
        one = of(found, row["asset_id"])[driver]
        apart = high.assets["mean"][place].as_py() - low.assets["mean"][place].as_py()
        assert one["how"] == "simulated"
        assert one["derivative"] == pytest.approx(apart / (2 * step), rel=1e-9, abs=1e-6)
        paths = [np.array(end.paths["values"][place].as_py(), np.float64) for end in (low, high)]
        paired = float((paths[1] - paths[0]).std(ddof=1)) / math.sqrt(512) / (2 * step)
        assert paired * (1 - 1e-9) <= one["derivative_error"] <= 2.0 * paired
    whole = found.sensitivities.to_pylist()[0]
    sums = [np.array([float(one) for one in end.sums(0).to_pylist()]) for end in (low, high)]
    assert whole["derivative"] == pytest.approx((sums[1] - sums[0]).mean() / (2 * step), rel=1e-6)
    assert whole["derivative_error"] == pytest.approx((sums[1] - sums[0]).std(ddof=1) / math.sqrt(512) / (2 * step), rel=1e-6)


def test_the_discount_rate_is_all_curves_together() -> None:
    found = moved([LICENCE], drivers=["discount"])
    means = []
    for sign in (-1, 1):
        curves = {name: {**curve, "rates": [rate + sign * 1e-4 for rate in curve["rates"]]} for name, curve in MARKET_TABLE["curves"].items()}
        means.append(valued([LICENCE], {**MARKET_TABLE, "curves": curves}).assets["mean"][0].as_py())
    assert of(found, "capped")["discount"]["derivative"] == pytest.approx((means[1] - means[0]) / 2e-4, rel=1e-9)


def test_the_tornado_is_the_value_of_runs_of_its_own() -> None:
    rows = [LICENCE, OPTION]
    found = moved(rows, drivers=["growth", "hazard", "discount"], swings={"growth": 0.5}, group_by=("sector",))
    bars = {row["driver"]: row for row in found.bars().to_pylist()}
    assert bars["growth"]["swing"] == 0.5
    for end, share in (("low", 0.5), ("base", 1.0), ("high", 1.5)):
        run = valued([{**row, "growth": row["growth"] * share} for row in rows])
        assert bars["growth"][end] == pytest.approx(run.groups["value"][0].as_py(), rel=1e-9)
    widths = [abs(row["high"] - row["low"]) for row in found.bars("pharma").to_pylist()]
    assert widths == sorted(widths, reverse=True)
    parts = [found.bars(name).to_pylist() for name in ("pharma", "software")]
    assert sum(row["high"] for part in parts for row in part if row["driver"] == "hazard") == pytest.approx(bars["hazard"]["high"], rel=1e-12)


def test_a_tornado_is_drawn_of_the_whole_and_of_groups() -> None:
    pytest.importorskip("bokeh")
    found = moved([LICENCE, OPTION], drivers=["growth", "tax_rate"], paths=64, group_by=("sector",))
    assert "pharma" in found.plot.tornado("pharma").title.text
    assert "All rights" in found.plot.tornado().title.text
    with pytest.raises(InputError, match="no group farma"):
        found.plot.tornado("farma")


def test_a_step_of_one_percent_is_seen_ten_times_better_than_the_values() -> None:
    rows = [LICENCE, {**OPTION, "annual_cost": 2_000.0, "hazard": 0.02, "salvage": 100.0}]
    found = moved(rows, drivers=SMOOTH, paths=2_000)
    run = valued(rows, paths=2_000)
    for place, row in enumerate(rows):
        noise = run.assets["standard_error"][place].as_py()
        for name, one in of(found, row["asset_id"]).items():
            assert one["elasticity_error"] * abs(one["mean"]) * 0.02 <= noise / 10, name
    whole = run.groups["standard_error"][0].as_py()
    for group in found.sensitivities.to_pylist():
        assert group["elasticity_error"] * abs(group["mean"]) * 0.02 <= whole / 10, group["driver"]


def test_of_linear_rights_a_group_is_their_sum() -> None:
    rows = [LINEAR, {**LINEAR, "asset_id": "r1", "hazard": 0.0, "revenue": 3e6}]
    found = moved(rows, group_by=("sector",))
    by = {(row["sector"], row["driver"]): row for row in found.sensitivities.to_pylist()}
    for name in ("growth", "hazard", "discount"):
        both = [of(found, asset)[name]["derivative"] for asset in ("r0", "r1")]
        assert by[None, name]["derivative"] == by["software", name]["derivative"] == pytest.approx(sum(both), rel=1e-9)
        assert (by[None, name]["how"], by[None, name]["derivative_error"]) == ("closed form", 0.0)
    assert by[None, "revenue"]["derivative"] is None


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"drivers": ["roylty_rate"]}, "'roylty_rate' is no driver: did you mean royalty_rate?"),
        ({"swings": {"hazrd": 0.1}}, "'hazrd' is no driver: did you mean hazard?"),
        ({"drivers": ["growth"], "swings": {"hazard": 0.1}}, "swings: hazard is not among the drivers asked for: growth"),
        ({"swings": {"hazard": 1.5}}, "swings: hazard is 1.5: it must be a number above 0 and below 1, a part of the driver"),
        ({"swings": {"discount": -0.1}}, "swings: discount is -0.1: it must be a number above 0"),
        ({"tolerance": 0.01}, "tolerance is no option of sensitivities"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        moved([LINEAR], **asked)
    assert sentence in str(caught.value)


def test_every_driver_has_a_meaning_and_is_in_the_results() -> None:
    found = moved([LINEAR], paths=16)
    assert found.assets["driver"].to_pylist() == list(DRIVERS)
    assert all(one.meaning for one in DRIVERS.values())
    assert isinstance(found.tornado, pa.Table)


def test_a_row_that_moved_curves_make_impossible_is_set_aside_with_the_reason() -> None:
    """A trademark for ever that grows as fast as it is discounted has no value."""
    forever = {**ROW, "asset_id": "forever", "indefinite": True, "life": None, "growth": 0.112}
    found = moved([LINEAR, forever], drivers=["discount", "growth"])
    assert found.assets["asset_id"].unique().to_pylist() == ["r0"]
    assert found.rejects["asset_id"].unique().to_pylist() == ["forever"]
    assert found.rejects["message"][0].as_py().startswith("discount, swing -: ")
    assert found.sensitivities["assets"].to_pylist() == [1, 1]
