"""The loans of profile exchange: published totals, every right pledged by its owner, and the same book for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import synthetic
from synthetic import assert_within_sampling_error, shares, text

from ipvalue.lending.amortisation import KINDS, loan_years, schedules
from ipvalue.lending.capital import CLASSES
from ipvalue.lending.sharing import load_programmes
from ipvalue.market import load_market
from ipvalue.schema import RunError
from ipvalue.synthesize import synthesize

SEED = 5
FILE = synthetic.margins("exchange_loans")
SAVED = 55e6  # of the exchange's borrowers, by its own figures


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("synthetic")
    synthesize(None, made / "rights.parquet", "exchange", SEED, made / "loans.parquet")
    return made


@pytest.fixture(scope="module")
def book(files: Path) -> pa.Table:
    return pq.read_table(files / "loans.parquet")


@pytest.fixture(scope="module")
def rights(files: Path) -> pa.Table:
    return pq.read_table(files / "rights.parquet")


@pytest.fixture(scope="module")
def pledges(book: pa.Table, rights: pa.Table) -> pa.Table:
    """A row for each pledge: loan, borrower, rank and the right."""
    place = pc.list_parent_indices(book["asset_ids"])
    columns = {name: book[name].take(place) for name in ("loan_id", "borrower_id", "principal")}
    pledged = {"asset_id": pc.list_flatten(book["asset_ids"]), "rank": pc.list_flatten(book["pledge_ranks"])}
    return pa.table({**columns, **pledged}).join(rights.select(["asset_id", "owner_id", "right_type", "stage", "currency"]), "asset_id")


def numbers(table: pa.Table, name: str) -> np.ndarray:
    found: np.ndarray = pc.coalesce(table[name], 0.0).to_numpy()
    return found


def test_the_totals_are_the_published_ones_to_the_yuan(book: pa.Table) -> None:
    assert pc.count_distinct(book["borrower_id"]).as_py() == FILE["number"] == 600
    principal = numbers(book, "principal").astype(np.int64)
    assert principal.sum() == FILE["principal"] == 8_000_000_000
    assert principal.min() > 0
    assert not (principal % FILE["unit"]).any()
    assert pc.count_distinct(book["loan_id"]).as_py() == book.num_rows


def test_every_pledge_is_a_right_of_the_borrowers_own(pledges: pa.Table) -> None:
    assert pledges["owner_id"].null_count == 0
    assert pledges["owner_id"].equals(pledges["borrower_id"])
    assert set(text(pledges["right_type"]).to_pylist()) <= set(FILE["rights"]["types"])
    assert set(text(pledges["stage"]).to_pylist()) <= {"granted", "licensed"}
    assert pledges["currency"].null_count == 0


def test_a_right_is_pledged_once_at_each_rank_and_a_few_twice(pledges: pa.Table) -> None:
    ranks = pledges.group_by("asset_id").aggregate([("rank", "list"), ("loan_id", "count_distinct")])
    found = [sorted(one) for one in ranks["rank_list"].to_pylist()]
    assert all(one in ([1], [1, 2]) for one in found)
    assert [len(one) for one in found] == ranks["loan_id_count_distinct"].to_pylist()
    assert 0 < sum(len(one) == 2 for one in found) < 0.1 * len(found)


def test_a_loan_has_one_to_twenty_rights_with_a_rank_each_and_one_at_first_rank(book: pa.Table) -> None:
    counts = pc.list_value_length(book["asset_ids"])
    assert counts.equals(pc.list_value_length(book["pledge_ranks"]))
    assert (pc.min(counts).as_py(), pc.max(counts).as_py() <= 20) == (1, True)
    assert all(ranks[0] == 1 for ranks in book["pledge_ranks"].to_pylist())
    assert max(shares(book["borrower_id"]).values()) <= max(FILE["borrowers"]["loans"]["values"])


def test_terms_and_programmes_follow_their_shares(book: pa.Table) -> None:
    law = FILE["loans"]["term"]
    assert_within_sampling_error(shares(book["term"]), dict(zip(law["values"], law["shares"], strict=True)))
    longer = book.filter(pc.greater(book["term"], 1.0))
    assert_within_sampling_error(shares(text(longer["amortisation"])), FILE["loans"]["amortisation"]["longer"])
    of_borrower = book.select(["borrower_id", "programme"]).group_by(["borrower_id", "programme"]).aggregate([])
    assert_within_sampling_error(shares(text(of_borrower["programme"])), FILE["programmes"]["shares"])


def test_names_are_those_that_lending_knows(book: pa.Table, root: Path) -> None:
    market = load_market(root / "examples" / "cn_register" / "market.toml")
    assert set(text(book["programme"]).to_pylist()) <= set(load_programmes())
    assert set(text(book["amortisation"]).to_pylist()) == set(KINDS)
    assert set(text(book["exposure_class"]).to_pylist()) == set(CLASSES)
    assert set(text(book["sector"]).to_pylist()) <= set(market.factors.names)
    guaranteed = [load_programmes()[name].guarantor > 0.0 for name in text(book["programme"]).to_pylist()]
    assert guaranteed == book["guarantee_fee"].is_valid().to_pylist()


def test_what_is_a_borrowers_own_is_the_same_in_all_its_loans(book: pa.Table) -> None:
    own = ["borrower_id", "pd", "sector", "programme", "exposure_class", "turnover"]
    assert book.select(own).group_by(own).aggregate([]).num_rows == 600


def test_a_firm_is_retail_where_it_borrows_little_and_corporate_where_it_sells_much(book: pa.Table) -> None:
    euro = FILE["rights"]["fx"]["EUR"] * 1e6
    of_firm = book.group_by(["borrower_id", "turnover", "exposure_class"]).aggregate([("principal", "sum")])
    for one in of_firm.to_pylist():
        small = "other_retail" if one["principal_sum"] < euro else "sme"
        assert one["exposure_class"] == ("corporate" if one["turnover"] >= 50.0 else small)


def test_an_own_schedule_repays_the_loan_in_its_years_and_no_other_loan_has_one(book: pa.Table) -> None:
    own = pc.equal(text(book["amortisation"]), "schedule")
    assert own.equals(book["schedule"].is_valid())
    for one in book.filter(own).to_pylist():
        assert len(one["schedule"]) == loan_years(np.array([one["term"]]))[0] > 1
        assert sum(one["schedule"]) == one["principal"]
        assert min(one["schedule"]) > 0.0


def test_the_firms_save_about_what_the_exchange_says(book: pa.Table) -> None:
    rate, term = numbers(book, "rate"), numbers(book, "term")
    plan = schedules(numbers(book, "principal"), rate, term, text(book["amortisation"]).to_pylist(), book["schedule"].to_pylist())
    years = np.diff(plan.offset)
    dearer = np.repeat(numbers(book, "unsecured_rate") - numbers(book, "guarantee_fee") - rate, years)
    assert (plan.owed * dearer * plan.lengths).sum() == pytest.approx(SAVED, rel=0.15)


def test_two_loans_in_three_are_of_at_most_ten_million(book: pa.Table) -> None:
    assert np.mean(numbers(book, "principal") <= 10e6) == pytest.approx(0.686, abs=0.06)


def test_both_files_say_that_they_are_synthetic_and_of_which_seed(book: pa.Table, rights: pa.Table) -> None:
    for table, source in ((book, FILE["source"]), (rights, synthetic.margins("exchange")["source"])):
        assert table.schema.metadata == {
            b"ipvalue.synthetic": b"true",
            b"ipvalue.profile": b"exchange",
            b"ipvalue.seed": b"5",
            b"ipvalue.valuation_date": b"2024-06-30",
            b"ipvalue.sources": source.encode(),
        }


def test_the_book_is_the_same_for_the_same_seed_beside_any_number_of_rights_and_changes_none(files: Path, tmp_path: Path) -> None:
    synthesize(100_001, tmp_path / "more.parquet", "exchange", SEED, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (files / "loans.parquet").read_bytes()
    synthesize(None, tmp_path / "alone.parquet", "exchange", SEED)
    assert (tmp_path / "alone.parquet").read_bytes() == (files / "rights.parquet").read_bytes()
    synthesize(None, tmp_path / "other.parquet", "exchange", SEED + 1, tmp_path / "other_loans.parquet")
    assert (tmp_path / "other_loans.parquet").read_bytes() != (files / "loans.parquet").read_bytes()
    assert pc.sum(pq.read_table(tmp_path / "other_loans.parquet")["principal"]).as_py() == 8e9


def test_a_write_that_fails_leaves_neither_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(RunError, match="No space left on device"):
        synthesize(None, tmp_path / "rights.parquet", "exchange", SEED, tmp_path / "loans.parquet")
    assert list(tmp_path.iterdir()) == []
