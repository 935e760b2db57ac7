"""The shipped portfolio of US brand drugs: it follows from its sources, and every part of the library accepts it."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from us_drugs import EXAMPLE, script

from ipvalue.assumptions import load_assumptions
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO

build = script("build")


@pytest.fixture(scope="module")
def shipped() -> pa.Table:
    return pq.read_table(EXAMPLE / "portfolio.parquet")


@pytest.fixture(scope="module")
def pooled() -> dict[str, float]:
    return {
        "mean": 0.061,
        "standard_deviation": 0.554,
        "percentile_1": -1.7,
        "percentile_99": 1.8,
        "persistence": 0.345,
        "prior_degrees_of_freedom": 1.46,
    }


def test_rebuilding_gives_the_shipped_files(shipped: pa.Table, tmp_path: Path) -> None:
    build.build(EXAMPLE / "sources", tmp_path)
    rebuilt = pq.read_table(tmp_path / "portfolio.parquet")
    assert rebuilt.schema == shipped.schema
    for name in shipped.schema.names:
        values = shipped[name].to_pylist()
        if pa.types.is_floating(shipped.schema.field(name).type):
            assert rebuilt[name].to_pylist() == pytest.approx(values, rel=1e-9), name
        else:
            assert rebuilt[name].to_pylist() == values, name
    for name in ("market.toml", "assumptions.toml"):
        assert (tmp_path / name).read_text() == (EXAMPLE / name).read_text(), name


def test_486_families_with_the_part_d_revenue_of_2017(shipped: pa.Table) -> None:
    assert shipped.num_rows == 486
    assert pc.count_distinct(shipped["asset_id"]).as_py() == 486
    assert pc.sum(shipped["revenue"]).as_py() == pytest.approx(78_541_135_700.57)
    assert pc.min(shipped["expiry_date"]).as_py() > build.VALUATION_DATE
    assert pc.max(shipped["expiry_date"]).as_py() < date(2040, 1, 1)
    assert {name for name in shipped.schema.names if shipped[name].null_count} == {"grant_date"}


def test_no_grant_lies_after_the_valuation_date(shipped: pa.Table) -> None:
    assert pc.max(shipped["grant_date"]).as_py() <= build.VALUATION_DATE
    assert shipped["grant_date"].null_count == 2  # all patents of the family were granted later


def test_every_value_is_one_that_the_schema_allows(shipped: pa.Table) -> None:
    for name in shipped.schema.names:
        column = PORTFOLIO[name]
        values = shipped[name].drop_null().to_pylist()
        if column.low is not None:
            assert min(values) >= column.low, name
        if column.high is not None:
            assert max(values) <= column.high, name
        if column.choices:
            assert set(values) <= set(column.choices), name


def test_market_and_assumptions_fit_the_portfolio(shipped: pa.Table) -> None:
    market = load_market(EXAMPLE / "market.toml")
    assert market.valuation_date == build.VALUATION_DATE
    assert set(shipped["sector"].to_pylist()) == set(market.factors.names)
    assumptions = load_assumptions(str(EXAMPLE / "assumptions.toml"))
    assert "US/patent/2013" in assumptions.schedules


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.suffix in (".parquet", ".csv")) < 150_000


def test_a_known_family(shipped: pa.Table) -> None:
    row = shipped.filter(pc.equal(shipped["asset_id"], "ELIQUIS N202155")).to_pylist()[0]
    assert row["revenue"] == pytest.approx(3.0763e9, rel=1e-4)
    assert row["expiry_date"] == date(2031, 2, 24)
    assert row["sector"] == "cardiovascular"


def test_growth_is_not_counted_from_a_small_base_or_a_launch_year(pooled: dict[str, float]) -> None:
    assert build.own_growth({2013: 2e6, 2014: 4e6}, pooled) == pytest.approx([math.log(2)])
    assert build.own_growth({2013: 0.9e6, 2014: 4e6}, pooled) == []
    assert build.own_growth({2014: 2e6, 2015: 4e6, 2016: 4e6}, pooled) == pytest.approx([0.0])
    assert build.own_growth({2013: 2e6, 2015: 4e6, 2016: 8e6}, pooled) == pytest.approx([math.log(2)])
    assert build.own_growth({2013: 2e6, 2014: 2e9}, pooled) == [1.8]


def test_without_history_a_brand_is_the_pooled_one(pooled: dict[str, float]) -> None:
    assert build.volatility([], pooled) == pytest.approx(0.554)
    assert build.volatility([0.3], pooled) == pytest.approx(0.554)
    assert build.first_growth([], pooled) == pytest.approx(math.expm1(0.061))


def test_a_long_history_outweighs_the_pool(pooled: dict[str, float]) -> None:
    steady = [0.1, 0.2] * 50
    assert build.volatility(steady, pooled) == pytest.approx(0.05, abs=0.04)
    two = build.volatility([0.1, 0.2], pooled)
    four = build.volatility([0.1, 0.2, 0.1, 0.2], pooled)
    assert 0.05 < four < two < 0.554
    assert two**2 == pytest.approx((1.46 * 0.554**2 + 2 * 0.05**2) / 2.46)


def test_zero_rates_price_the_par_bonds_at_par() -> None:
    _, par = build.par_yields(EXAMPLE / "sources" / "treasury_par.csv")
    zero = build.zero_rates(par)
    coupons = par[1.0] / 2 * ((1 + zero[0.5]) ** -0.5 + (1 + zero[1.0]) ** -1.0)
    assert coupons + (1 + zero[1.0]) ** -1.0 == pytest.approx(1.0, abs=1e-12)
    # on a rising curve the zero rate lies above the par yield, and more so the longer it is
    above = [zero[t] - ((1 + par[t] / 2) ** 2 - 1) for t in (1.0, 2.0, 5.0, 10.0, 30.0)]
    assert above == sorted(above)
    assert 0 < above[0] < above[-1] < 2e-3


def test_a_flat_par_curve_gives_its_own_zero_rate() -> None:
    tenors = (0.5, 1.0, 5.0, 30.0)
    zero = build.zero_rates(dict.fromkeys(tenors, 0.04))
    assert list(zero.values()) == pytest.approx([1.02**2 - 1] * len(tenors), abs=1e-12)


def test_grant_dates_follow_the_patent_numbers() -> None:
    grants = build.GrantDates(EXAMPLE / "sources" / "patent_dates.csv")
    assert grants.of("8000000", date(2025, 1, 1)) == date(2011, 8, 16)
    assert date(2011, 8, 16) < grants.of("8050000", date(2025, 1, 1)) < date(2012, 1, 31)
    assert grants.of("10100000", date(2035, 1, 1)) > date(2018, 6, 19)
    assert grants.of("RE43580", date(2028, 1, 1)) == date(2010, 1, 1)


def test_fees_of_the_other_patents_are_spread_over_the_life() -> None:
    grants = build.GrantDates(EXAMPLE / "sources" / "patent_dates.csv")
    last, other, later = "9000000", "8000000", "10000000"  # granted 2015-04-07, 2011-08-16 and 2018-06-19
    assert build.scheduled({last: date(2027, 12, 31), other: date(2025, 1, 1), later: date(2030, 1, 1)}, grants) == last
    assert build.scheduled({later: date(2030, 1, 1)}, grants) is None
    patents = {last: date(2027, 12, 31), other: date(2025, 1, 1)}
    # of the other's fees those at 7.5 and 11.5 years are to come: 2019 and 2023
    assert build.yearly_fees(patents, last, grants) == pytest.approx((3600 + 7400) / 10, rel=1e-3)
    assert build.yearly_fees({last: patents[last]}, last, grants) == 0.0


def test_a_family_in_an_edition_has_what_it_lists_and_what_had_expired_before() -> None:
    listed = {
        "1": {"2019-07-10": {"gone": date(2025, 1, 1), "off": date(2030, 1, 1), "kept": date(2031, 1, 1)}, "2026-05-07": {"kept": date(2032, 1, 1)}},
        "2": {"2026-05-07": {"new": date(2040, 1, 1)}},
    }
    assert build.family(["1", "2"], listed) == listed["1"]["2019-07-10"]
    assert build.family(["1", "2"], listed, "2026-05-07") == {"gone": date(2025, 1, 1), "kept": date(2032, 1, 1), "new": date(2040, 1, 1)}
    assert build.family(["3"], listed, "2026-05-07") == {}


def test_what_is_not_known_on_a_date_is_not_used(tmp_path: Path) -> None:
    before = build.build(EXAMPLE / "sources", tmp_path, on=date(2016, 12, 31))
    assert load_market(tmp_path / "market.toml").valuation_date == date(2016, 12, 31)
    assert "par yields of 2016-12-30" in (tmp_path / "market.toml").read_text()
    assert pc.sum(before["revenue"]).as_py() == pytest.approx(73.97e9, rel=1e-4)  # of 2016
    assert set(before["growth_long"].to_pylist()) == {0.0245}


def test_no_family_of_another_edition_has_ended_or_lost_patents_that_no_list_would_show() -> None:
    on = date(2019, 12, 31)
    families = {row["asset_id"]: row for row in build.portfolio(EXAMPLE / "sources", on, "2026-05-07").to_pylist()}
    assert len(families) == 447
    assert all(row["expiry_date"] > on for row in families.values())
    assert families["IBRANCE N207103"]["expiry_date"] == date(2034, 8, 8)
    assert families["LANTUS N021081"]["expiry_date"] == date(2033, 4, 8)  # a biological product since 2020, so on no list
    assert "LYRICA N021446" not in families  # ended in 2019
    assert "COPAXONE N020622" not in families  # taken off the list


def test_the_chart_is_drawn_from_a_results_directory(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results, out = tmp_path / "results", tmp_path / "charts" / "chart.png"
    (results / "assets").mkdir(parents=True)
    names = [f"BRAND {i} N{i:06d}" for i in range(12)]
    money = [1e9 / (i + 1) for i in range(12)]
    assets = {
        "asset_id": names,
        "value": money,
        "mean": money,
        "q05": [m / 2 for m in money],
        "q95": [m * 2 for m in money],
    }
    pq.write_table(pa.table(assets), results / "assets" / "part-00000.parquet")
    total = sum(money)
    groups = {"sector": ["a", None], "assets": [5, 12], "value": [1.0, total], "mean": [1.0, total]}
    groups |= {"q05": [1.0, total / 2], "q95": [1.0, total * 2], "expected_shortfall": [1.0, total / 3]}
    pq.write_table(pa.table(groups), results / "groups.parquet")
    paths = pa.array([Decimal(int(total * (0.4 + i / 100))) for i in range(200)], pa.decimal128(38, 6))
    table = pa.table({"sector": pa.nulls(200, pa.string()), "path": list(range(200)), "value": paths})
    with pa.OSFile(str(results / "totals.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    script("chart").chart(results, out)
    assert out.read_bytes().startswith(b"\x89PNG")
