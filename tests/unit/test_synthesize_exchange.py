"""Profile exchange: 20,000 clients, every method, and rights described from not at all to fully."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import synthetic
from synthetic import assert_every_column_is_in_its_range, assert_within_sampling_error, shares, text

from ipvalue.schema import METHODS, RIGHT_TYPES
from ipvalue.synthesize import synthesize

N = 60_000
MARGINS = synthetic.margins("exchange")
MONEY = ("revenue", "replacement_cost", "comparable_price")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    out = tmp_path_factory.mktemp("synthetic") / "exchange.parquet"
    synthesize(N, out, "exchange", seed=5)
    return pq.read_table(out)


def rows(table: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_every_column_is_one_of_the_schema_and_in_its_range(book: pa.Table) -> None:
    assert_every_column_is_in_its_range(book)


def test_each_of_20_000_clients_has_a_right_and_a_few_have_many(book: pa.Table) -> None:
    counts = sorted(shares(book["owner_id"]).values())
    assert len(counts) == 20_000
    assert counts[0] == 1
    assert counts[-1] > 100


def test_a_client_is_in_one_province_and_mostly_in_one_sector(book: pa.Table) -> None:
    of_client = book.select(["owner_id", "owner_province"]).group_by(["owner_id", "owner_province"]).aggregate([])
    assert of_client.num_rows == 20_000
    assert_within_sampling_error(shares(text(of_client["owner_province"])), MARGINS["clients"]["provinces"])
    largest = pc.equal(book["owner_id"], "client-000000001")
    assert max(shares(text(book.filter(largest)["sector"])).values()) > 0.7 * pc.sum(largest).as_py()


def test_every_kind_of_right_and_every_method_occurs(book: pa.Table) -> None:
    assert shares(text(book["right_type"])).keys() == set(RIGHT_TYPES)
    assert shares(text(book["method"])).keys() == {*METHODS, None}
    assert shares(text(book["stage"])).keys() == {"idea", "filed", "granted", "licensed"}


def test_types_follow_their_shares_outside_families(book: pa.Table) -> None:
    alone = book.filter(book["family_id"].is_null())
    expected: dict[str, float] = {}
    for one in MARGINS["types"]:
        expected[one["right_type"]] = expected.get(one["right_type"], 0.0) + one["share"]
    assert_within_sampling_error(shares(text(alone["right_type"])), expected)


def test_a_row_is_bare_or_has_money_in_a_currency(book: pa.Table) -> None:
    paid = [any(row[name] is not None for name in MONEY) for row in rows(book.select(MONEY))]
    assert paid == book["currency"].is_valid().to_pylist()
    assert 0.3 < sum(paid) / N < 0.7


def test_bounds_hold_what_lies_between_them(book: pa.Table) -> None:
    ranged = book.filter(book["royalty_low"].is_valid())
    assert ranged.num_rows > 1_000
    assert pc.all(pc.less_equal(ranged["royalty_low"], ranged["royalty_rate"])).as_py()
    assert pc.all(pc.less_equal(ranged["royalty_rate"], ranged["royalty_high"])).as_py()
    licensed = book.filter(pc.equal(text(book["stage"]), "licensed"))
    assert pc.all(pc.less(licensed["minimum_guarantee"], licensed["cap"])).as_py()
    charged = book.filter(book["contributory_charge"].is_valid())
    assert pc.all(pc.less(charged["contributory_charge"], charged["margin"])).as_py()


def test_rows_of_several_methods_have_weights_and_no_method(book: pa.Table) -> None:
    several = rows(book.filter(book["methods"].is_valid()))
    assert len(several) > 100
    for row in several:
        assert row["method"] is None
        assert len(row["methods"]) == len(row["weights"])
        assert sum(row["weights"]) == pytest.approx(1.0)
    assert {tuple(row["methods"]) for row in several} == {tuple(one["methods"]) for one in MARGINS["mixes"]}


def test_projects_have_stages_and_may_be_given_up(book: pa.Table) -> None:
    projects = rows(book.filter(pc.equal(text(book["method"]), "project")))
    assert len(projects) > 100
    for row in projects:
        assert row["renewal"] == "optimal"
        assert len(row["stage_costs"]) == len(row["stage_years"]) == len(row["stage_probabilities"])
        assert row["life"] > sum(row["stage_years"])
    assert book["stage_costs"].null_count == N - len(projects)


def test_a_family_shares_out_one_product(book: pa.Table) -> None:
    families: dict[str, list[dict[str, Any]]] = {}
    for row in rows(book.filter(book["family_id"].is_valid())):
        families.setdefault(row["family_id"], []).append(row)
    assert len(families) > 300
    for members in families.values():
        assert sum(row["revenue_share"] for row in members) == pytest.approx(1.0)
        for name in ("owner_id", "owner_province", "sector", "currency", "revenue", "growth", "royalty_rate"):
            assert len({row[name] for row in members}) == 1, name
        assert [row["right_type"] for row in members] == MARGINS["families"]["types"]


def test_the_same_seed_gives_the_same_clients_and_a_longer_book_starts_with_the_shorter_one(book: pa.Table, tmp_path: Path) -> None:
    synthesize(3_000, tmp_path / "other.parquet", "exchange", seed=6)
    synthesize(3_000, tmp_path / "again.parquet", "exchange", seed=5)
    assert pq.read_table(tmp_path / "again.parquet").equals(book.slice(0, 3_000))
    assert not pq.read_table(tmp_path / "other.parquet")["owner_province"].equals(book["owner_province"].slice(0, 3_000))
