"""A register extract – names, types, places, sectors, dates and owners, nothing of money – is valued with the assumptions that ship."""

from __future__ import annotations

import csv
import datetime
import json
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import here, rejects, run, table, value

from ipvalue.schema import RENEWABLE, RIGHT_TYPES

__all__ = ["here"]

MARKET = """\
currency = "CNY"
valuation_date = 2026-11-22
[curves.CNY]
tenors = [1, 5, 10, 30]
rates = [0.015, 0.017, 0.019, 0.022]
[curves.USD]
tenors = [1, 10]
rates = [0.04, 0.042]
[fx]
USD = 7.1
EUR = 8.2
JPY = 0.047
CHF = 8.8
"""

PLACES = ("CN", "US", "EP", "JP", "WO", "BR", None)
SECTORS = ("pharmaceuticals", "machinery", "astrology", None)
STAGES = ("filed", "granted", None)
DATES = ((datetime.date(2021, 3, 1), datetime.date(2031, 3, 1)), (datetime.date(2021, 3, 1), None), (None, None))


def register() -> list[dict[str, Any]]:
    """A row for every right type, place, sector, stage and state of the dates."""
    kinds = product(RIGHT_TYPES, PLACES, SECTORS, STAGES, DATES)
    return [
        {
            "asset_id": f"{right_type}/{place}/{sector}/{stage}/{filed is not None}/{expires is not None}",
            "right_type": right_type,
            "jurisdiction": place,
            "sector": sector,
            "stage": stage,
            "filing_date": filed,
            "expiry_date": expires,
            "owner_id": "owner",
        }
        for right_type, place, sector, stage, (filed, expires) in kinds
    ]


@pytest.fixture
def bare(here: Path) -> Path:
    pq.write_table(table(register()), "bare.parquet")
    Path("market.toml").write_text(MARKET)
    return here


def valued(*args: object, **options: Any) -> dict[str, dict[str, Any]]:
    ran = value("bare.parquet", *args, **options)
    assert ran.code == 0, ran.err
    return {row["asset_id"]: row for row in pq.read_table(f"{options.get('out', 'out')}/assets").to_pylist()}


def test_every_row_is_valued_and_says_that_its_revenue_is_assumed(bare: Path) -> None:
    found = valued(paths=8)
    assert found.keys() == {row["asset_id"] for row in register()}
    assert rejects() == []
    for name, row in found.items():
        assert row["filled"].count("currency, revenue") == 1, name
        assert "revenue_uncertainty" in row["filled"], name
        assert row["closed_form"] is not None, name
        assert row["expected_life"] > 0, name


def test_nothing_is_doubted(bare: Path) -> None:
    ran = run("check", "bare.parquet")
    rows = len(register())
    assert (ran.code, ran.err) == (0, "")
    assert f"{rows:,} of {rows:,} rows can be valued, 0 would be rejected" in ran.out


def test_a_csv_of_seven_columns_will_do(bare: Path) -> None:
    columns = ("asset_id", "right_type", "jurisdiction", "sector", "filing_date", "expiry_date", "owner_id")
    with Path("bare.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in register() if row["stage"] is None and row["expiry_date"])
    ran = value("bare.csv", paths=8)
    assert (ran.code, ran.err) == (0, "")
    assert rejects() == []


def expected(found: dict[str, dict[str, Any]], right_type: str, place: str, sector: str | None = None, stage: str = "None") -> float:
    """The expected value of a right in CNY, by formula."""
    return float(found[f"{right_type}/{place}/{sector}/{stage}/True/True"]["closed_form"])


def test_the_values_are_of_a_plausible_size(bare: Path) -> None:
    found = valued(paths=8)
    median = 0.2585  # of a log-normal over its mean, where the top 5 % hold half
    assert 3_000 < median * expected(found, "utility_model", "CN") < 30_000
    assert 30_000 < median * expected(found, "invention_patent", "CN") < 300_000
    assert expected(found, "invention_patent", "CN", "pharmaceuticals") > 10 * expected(found, "invention_patent", "CN", "machinery")
    assert expected(found, "invention_patent", "CN") > 5 * expected(found, "utility_model", "CN") > 5 * expected(found, "design", "CN") / 3
    assert all(expected(found, name, "CN", stage="filed") < 1.05 * expected(found, name, "CN", stage="granted") for name in RIGHT_TYPES)


def test_a_mark_is_not_over_at_its_renewal(bare: Path) -> None:
    found = valued(paths=8)
    for right_type in RENEWABLE:
        assert found[f"{right_type}/CN/None/None/True/True"]["expected_life"] > 10


@pytest.mark.parametrize("method", ["excess_earnings", "incremental_income", "licence", "cost", "market", "project"])
def test_any_other_method_values_them_too(bare: Path, method: str) -> None:
    pq.write_table(table([{**row, "method": method} for row in register() if row["stage"] is None]), "bare.parquet")
    found = valued(paths=8)
    assert rejects() == []
    inputs = {"cost": "replacement_cost", "market": "comparable_price", "project": "stage_costs", "licence": "royalty_rate"}
    assert all(inputs.get(method, "margin") in row["filled"] for row in found.values())


def by_method(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The expected value of each row by each of three methods, by asset_id."""
    methods = ("relief_from_royalty", "cost", "project")
    each = [{**row, "asset_id": f"{row['asset_id']}|{method}", "method": method} for row in rows for method in methods]
    pq.write_table(table(each), "bare.parquet")
    found = valued(paths=8)
    return {row["asset_id"]: {method: found[f"{row['asset_id']}|{method}"]["closed_form"] for method in methods} for row in rows}


def test_cost_and_income_agree_in_order_of_magnitude(bare: Path) -> None:
    found = by_method([row for row in register() if row["stage"] is None and row["filing_date"]])
    ratios = [values["cost"] / values["relief_from_royalty"] for values in found.values()]
    assert 0.1 < min(ratios) < max(ratios) < 10


def test_a_project_with_its_term_before_it_is_worth_something_and_less_than_the_right_itself(bare: Path) -> None:
    young = {"filing_date": datetime.date(2026, 3, 1), "expiry_date": datetime.date(2041, 3, 1)}
    found = by_method([{**row, **young} for row in register() if row["stage"] is None and row["filing_date"] and row["expiry_date"]])
    shares = {name: values["project"] / values["relief_from_royalty"] for name, values in found.items()}
    fees = {name for name in shares if name.startswith(("utility_model/CN", "design/CN"))}  # whose mean royalty can be less than their annuities
    assert all(0 < share < 1 for name, share in shares.items() if name not in fees)
    assert max(shares[name] for name in fees) < 0.5


def test_an_owner_who_may_abandon_loses_nothing(bare: Path) -> None:
    pq.write_table(
        table([{**row, "renewal": "optimal"} for row in register() if row["stage"] is None and row["right_type"] in RIGHT_TYPES[:3]]), "bare.parquet"
    )
    found = valued(paths=64)
    assert rejects() == []
    assert all(row["mean"] >= 0 for row in found.values())
    assert not any("survival_curve" in row["filled"] for row in found.values())


def test_a_market_without_the_currency_says_what_to_add(bare: Path) -> None:
    Path("market.toml").write_text(MARKET.split("[curves.USD]")[0])
    assert value("bare.parquet", paths=8).code == 0
    messages = {row["message"] for row in rejects()}
    assert any("add fx.USD to the market" in message for message in messages)
    valid = {row["asset_id"].split("/")[1] for row in pq.read_table("out/assets").to_pylist()}
    assert valid == {"CN"}


def test_the_manifest_tells_these_assumptions_from_others(bare: Path) -> None:
    valued(paths=8)
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["counts"]["valued"] == len(register())
