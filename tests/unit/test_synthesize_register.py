"""Profile cn_register: what an extract of China's registers would hold, at the published margins."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import synthetic
from synthetic import assert_every_column_is_in_its_range, assert_within_sampling_error, shares, text

from ipvalue.assumptions import load_assumptions
from ipvalue.market import load_market
from ipvalue.schema import RIGHT_TYPES
from ipvalue.synthesize import BLOCK, synthesize

ROOT = Path(__file__).parents[2]
N = 3 * BLOCK
TODAY = date(2024, 6, 30)
MARGINS = synthetic.margins("cn_register")
KINDS: list[dict[str, Any]] = MARGINS["kinds"]
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=[f"{kind['right_type']}-{kind['stage']}" for kind in KINDS])


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    out = tmp_path_factory.mktemp("synthetic") / "register.parquet"
    synthesize(N, out, "cn_register", seed=3)
    return pq.read_table(out)


def of(register: pa.Table, kind: dict[str, Any]) -> pa.Table:
    """The rows of one kind."""
    same = pc.and_(pc.equal(text(register["right_type"]), kind["right_type"]), pc.equal(text(register["stage"]), kind["stage"]))
    return register.filter(same)


def days(column: pa.ChunkedArray) -> Any:
    return column.to_numpy().astype("datetime64[D]")


def test_it_has_the_columns_of_a_bare_extract_and_no_money(register: pa.Table) -> None:
    bare = {"asset_id", "right_type", "jurisdiction", "sector", "filing_date", "expiry_date", "owner_id"}
    assert set(register.schema.names) == bare | {"owner_province", "grant_date", "stage"}
    assert_every_column_is_in_its_range(register)
    assert [name for name in register.schema.names if register[name].null_count] == ["grant_date"]


def test_every_kind_of_registered_right_occurs_at_the_published_stock(register: pa.Table) -> None:
    published = {"invention_patent": 5_343_829, "utility_model": 11_472_420, "design": 3_018_678, "trademark": 48_043_693}
    in_force = {kind["right_type"]: kind["count"] for kind in KINDS if kind["stage"] == "granted"}
    assert published.items() <= in_force.items()
    assert set(in_force) == set(RIGHT_TYPES) - {"trade_secret"}
    counted = shares(pc.binary_join_element_wise(text(register["right_type"]), text(register["stage"]), " "))
    assert_within_sampling_error(counted, {f"{kind['right_type']} {kind['stage']}": kind["count"] for kind in KINDS})


@EACH_KIND
def test_the_years_of_a_kind_add_up_to_its_stock(kind: dict[str, Any]) -> None:
    if kind["right_type"] == "plant_variety" or "years" not in kind:
        return  # laid out evenly, and pending
    total = sum(kind["years"].values())
    assert total == kind["count"] or total * 1000 == pytest.approx(kind["count"], abs=500)


@EACH_KIND
def test_years_sectors_and_regions_follow_the_margins_of_the_kind(register: pa.Table, kind: dict[str, Any]) -> None:
    rows = of(register, kind)
    assert_within_sampling_error(shares(text(rows["sector"])), MARGINS["sectors"][kind["sectors"]])
    provinces = MARGINS["provinces"][kind["provinces"]]
    home = sum(provinces.values())
    regions = {name: count / home * (1 - kind["abroad"]) for name, count in provinces.items()} | {"abroad": kind["abroad"]}
    assert_within_sampling_error(shares(text(rows["owner_province"])), regions)
    if "years" in kind:
        assert_within_sampling_error(shares(pc.year(rows["grant_date"])), {int(year): count for year, count in kind["years"].items()})


@EACH_KIND
def test_what_is_in_the_register_has_not_ended(register: pa.Table, kind: dict[str, Any]) -> None:
    rows = of(register, kind)
    assert pc.min(rows["expiry_date"]).as_py() > TODAY
    assert pc.max(rows["filing_date"]).as_py() <= TODAY
    if kind["stage"] == "filed":
        assert rows["grant_date"].null_count == rows.num_rows
        assert (np.datetime64(TODAY) - days(rows["filing_date"])).max() < np.timedelta64(kind["pendency"], "D")
    else:
        assert pc.max(rows["grant_date"]).as_py() <= TODAY
        assert set(days(rows["grant_date"]) - days(rows["filing_date"])) == {np.timedelta64(kind["pendency"], "D")}


def years(rows: pa.Table, first: str) -> set[int]:
    """Years from a date to the expiry, which falls on the same day (29 February: on the day after)."""
    start, end = days(rows[first]), days(rows["expiry_date"])
    whole = end.astype("datetime64[Y]").astype(int) - start.astype("datetime64[Y]").astype(int)
    same = np.abs((end - (start.astype("datetime64[M]") + 12 * whole).astype("datetime64[D]") - (start - start.astype("datetime64[M]"))).astype(int))
    assert same.max() <= 1
    return set(whole.tolist())


@pytest.mark.parametrize(
    ("right_type", "first", "terms"),
    [
        ("invention_patent", "filing_date", {20}),
        ("utility_model", "filing_date", {10}),
        ("layout_design", "filing_date", {10}),
        ("plant_variety", "grant_date", {15}),
        ("trademark", "grant_date", {10, 20}),
        ("geographical_indication", "grant_date", {10, 20}),
    ],
)
def test_terms_are_those_of_the_law(register: pa.Table, right_type: str, first: str, terms: set[int]) -> None:
    rows = of(register, {"right_type": right_type, "stage": "granted"})
    assert years(rows, first) <= terms


def test_a_design_filed_before_june_2021_keeps_its_ten_years(register: pa.Table) -> None:
    rows = of(register, {"right_type": "design", "stage": "granted"})
    old = pc.less(rows["filing_date"], date(2021, 6, 1))
    assert years(rows.filter(old), "filing_date") == {10}
    assert years(rows.filter(pc.invert(old)), "filing_date") == {15}


@pytest.mark.parametrize("right_type", ["software_copyright", "copyright"])
def test_copyright_lasts_to_the_end_of_the_fiftieth_year(register: pa.Table, right_type: str) -> None:
    rows = of(register, {"right_type": right_type, "stage": "granted"})
    assert pc.all(pc.equal(pc.subtract(pc.year(rows["expiry_date"]), pc.year(rows["grant_date"])), 50)).as_py()
    assert shares(pc.strftime(rows["expiry_date"], "%m-%d")).keys() == {"12-31"}


def test_an_owner_is_at_one_place_and_a_few_own_many(register: pa.Table) -> None:
    pairs = register.select(["owner_id", "owner_province"]).group_by(["owner_id", "owner_province"]).aggregate([])
    assert pc.count_distinct(pairs["owner_id"]).as_py() == pairs.num_rows
    counts = sorted(shares(register["owner_id"]).values())
    assert counts[len(counts) // 2] == 1
    assert counts[-1] > 10


def test_a_longer_extract_starts_with_the_shorter_one(register: pa.Table, tmp_path: Path) -> None:
    synthesize(BLOCK + 7, tmp_path / "short.arrow", "cn_register", seed=3)
    with pa.memory_map(str(tmp_path / "short.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().equals(register.slice(0, BLOCK + 7))


@pytest.mark.parametrize("profile", ["cn_register", "exchange"])
def test_market_and_assumptions_know_every_sector_and_the_day(profile: str) -> None:
    market = load_market(ROOT / "examples" / "cn_register" / "market.toml")
    table = synthetic.margins(profile)
    used = {name for each in table["sectors"].values() for name in each} if profile == "cn_register" else set(table["clients"]["sectors"])
    assert used <= set(market.factors.names)
    assert used <= {one.sector for one in load_assumptions().sets.values()}
    assert market.valuation_date == table["valuation_date"] == TODAY
