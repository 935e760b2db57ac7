"""The loans table: every kind of source gives the same arrays, which are those of the slow definition, and order and units are its too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loan_rows import NAMED, RATINGS, SCHEMA, book_of, loan, random_loans, table
from oracle_borrowers import borrower_of, default_probabilities, default_threshold, schedule
from oracle_capital import correlation
from oracle_lending import Book

import oracle
from ipvalue.lending.capital import CLASSES
from ipvalue.lending.left_out import UNKNOWN, VALUED, LeftOut, without_bad_rights
from ipvalue.lending.loan_rules import Named
from ipvalue.lending.loss_limits import load_loss_limits
from ipvalue.lending.pledges import Pledges, units
from ipvalue.lending.policy import load_policies
from ipvalue.lending.pool_file import load_cut
from ipvalue.lending.ratings import load_ratings
from ipvalue.lending.read import LoanBook
from ipvalue.lending.sharing import load_programmes
from ipvalue.schema import LOANS, Column, InputError

MARKET = oracle.Market(
    currency="CNY",
    fx={"USD": 7.1, "EUR": 8.2},
    factors=portfolios.SECTORS,
    correlation=np.array(portfolios.MARKET["factors"]["correlation"]),
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], LoanBook]:
    rows = random_loans(300, 1)
    return rows, book_of(rows, tmp_path_factory.mktemp("many"))


def test_random_loans_are_all_good(many: tuple[list[dict[str, Any]], LoanBook]) -> None:
    rows, book = many
    assert book.rejects.table().to_pylist() == []
    assert book.loans.loan_id.to_pylist() == [row["loan_id"] for row in rows]
    assert book.left_out == LeftOut()


def test_years_and_probabilities_are_those_of_the_slow_definition(many: tuple[list[dict[str, Any]], LoanBook]) -> None:
    rows, book = many
    loans = book.loans
    for i, row in enumerate(rows):
        at, plan = slice(loans.years.offset[i], loans.years.offset[i + 1]), schedule(row, MARKET)
        assert loans.years.owed[at] == pytest.approx(plan.balance[:-1], rel=1e-11, abs=1e-8)
        assert loans.years.exposure[at] == pytest.approx(plan.ead, rel=1e-11)
        assert np.array_equal(loans.years.ends[at], plan.ends)
        p = default_probabilities(row, plan.lengths, RATINGS)
        assert loans.probability[at] == pytest.approx(p, rel=1e-12, abs=1e-15)
        assert loans.threshold[at] == pytest.approx([default_threshold(one) for one in p], rel=1e-9, abs=1e-9)


def test_order_is_that_of_the_slow_definition(many: tuple[list[dict[str, Any]], LoanBook]) -> None:
    rows, book = many
    assert book.loans.order.tolist() == Book(rows, {}, MARKET, 1).order


def test_units_are_the_components_of_rights_and_borrowers(many: tuple[list[dict[str, Any]], LoanBook]) -> None:
    rows, book = many
    names: dict[str, int] = {}
    slow: list[int] = list(range(len(rows)))
    for i, row in enumerate(rows):
        for name in (f"borrower {borrower_of(row)}", *row["asset_ids"]):
            old, new = slow[i], slow[names.setdefault(name, i)]
            slow = [min(old, new) if one in (old, new) else one for one in slow]
    firsts = sorted(set(slow))
    assert book.loans.unit.tolist() == [firsts.index(one) for one in slow]
    assert 1 < len(firsts) < len(rows)


def test_a_chain_of_loans_is_one_unit_however_long() -> None:
    n = 5_000
    place = np.random.default_rng(2).permutation(n)
    assets = np.stack([place, place + 1], axis=1).ravel()
    chain = Pledges(np.arange(0, 2 * n + 1, 2), assets, np.arange(2 * n) + 1)
    assert not units(chain, np.arange(n)).any()
    assert units(Pledges(np.arange(n + 1), np.arange(n), np.ones(n, np.int64)), np.arange(n)).tolist() == list(range(n))


@pytest.mark.parametrize("seed", range(20))
def test_loans_are_circular_where_the_slow_definition_finds_no_order(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    rights = [rng.permutation(8)[: rng.integers(1, 4)].tolist() for _ in range(9)]
    rows = [
        loan(f"L{i}", asset_ids=[f"X{a}" for a in one], pledge_ranks=(rng.permutation(1000)[: len(one)] + 1).tolist()) for i, one in enumerate(rights)
    ]
    for name in [f"X{a}" for a in range(8)]:  # no rank twice
        for rank, (i, j) in enumerate(rng.permutation([(i, row["asset_ids"].index(name)) for i, row in enumerate(rows) if name in row["asset_ids"]])):
            rows[i]["pledge_ranks"][j] = rank + 1
    book = book_of(rows, tmp_path)
    left = [row for row in rows if row["loan_id"] in book.loans.loan_id.to_pylist()]
    rules = {one["rule"] for one in book.rejects.table("loan_id").to_pylist()}
    if "pledges are not circular" in rules:
        with pytest.raises(ValueError, match="circular"):
            _ = Book(rows, {}, MARKET, 1).order
    else:
        assert left == rows
    assert book.loans.order.tolist() == Book(left, {}, MARKET, 1).order


def test_some_loans_are_what_they_would_be_alone(many: tuple[list[dict[str, Any]], LoanBook], tmp_path: Path) -> None:
    rows, book = many
    wanted = np.arange(len(rows)) % 3 == 1
    some, alone = book.loans.only(wanted), book_of([row for row, want in zip(rows, wanted, strict=True) if want], tmp_path).loans
    assert some.assets.equals(alone.assets)
    assert some.borrower_id.equals(alone.borrower_id)
    for name in ("offset", "asset", "rank"):
        assert np.array_equal(getattr(some.pledges, name), getattr(alone.pledges, name))
    for name in ("offset", "ends", "lengths", "owed", "interest", "principal"):
        assert np.array_equal(getattr(some.years, name), getattr(alone.years, name))
    for name in ("principal", "factor_loading", "shares", "exposure_class"):
        assert np.array_equal(getattr(some.terms, name), getattr(alone.terms, name))
    assert np.array_equal(some.threshold, alone.threshold)


# ------------------------------------------------------------------ kinds of source


def same(a: LoanBook, b: LoanBook) -> None:
    assert (len(a.rejects), len(b.rejects)) == (0, 0)
    assert a.loans.loan_id.equals(b.loans.loan_id)
    assert a.loans.assets.equals(b.loans.assets)
    assert np.array_equal(a.loans.pledges.rank, b.loans.pledges.rank)
    assert np.array_equal(a.loans.years.owed, b.loans.years.owed)
    assert np.array_equal(a.loans.probability, b.loans.probability)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv", "directory", "pandas"])
def test_every_kind_of_source_gives_the_same_loans(kind: str, many: tuple[list[dict[str, Any]], LoanBook], tmp_path: Path) -> None:
    rows, book = many
    content = table(rows)
    source: object = tmp_path / f"loans.{kind}"
    if kind == "parquet":
        pq.write_table(content, source, row_group_size=70)
    elif kind == "arrow":
        with pa.ipc.new_file(source, SCHEMA) as writer:
            writer.write_table(content, 90)
    elif kind == "csv":
        frame = pd.DataFrame(rows, columns=list(LOANS))
        for name in ("asset_ids", "pledge_ranks", "schedule", "pd_curve"):
            frame[name] = [";".join(str(one) for one in cell) if isinstance(cell, list) else None for cell in frame[name]]
        frame.to_csv(source, index=False)
    elif kind == "directory":
        source = tmp_path / "parts"
        source.mkdir()
        pq.write_table(content.slice(0, 100), source / "a.parquet")
        pq.write_table(content.slice(100), source / "b.parquet")
    else:
        source = pa.Table.from_pandas(content.to_pandas(), SCHEMA)
    got = book_of(source, tmp_path)
    same(got, book)
    if kind == "directory":
        assert [file.rsplit("/", 1)[1] for file in got.loans.files] == ["a.parquet", "b.parquet"]
        assert (got.loans.file[[99, 100]].tolist(), got.loans.row[[99, 100]].tolist()) == ([0, 1], [99, 0])


def test_names_in_csv_are_parted_by_semicolons_alone(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text('loan_id,asset_ids,principal,rate,term,pd,factor_loading\n1,"CN 1,234 ; EP2;7",1000,0.05,2,0.1,0\n2,EP9,5,0,1,0,0\n')
    loans = book_of(path, tmp_path).loans
    assert loans.assets.to_pylist() == ["CN 1,234", "EP2", "7", "EP9"]
    assert loans.pledges.rank.tolist() == [1, 1, 1, 1]
    assert loans.borrower_id.to_pylist() == ["1", "2"]


def test_numbers_may_name_rights(tmp_path: Path) -> None:
    content = pa.table({"loan_id": [1], "asset_ids": [[10, 11]], "principal": [5], "rate": [0], "term": [1], "pd": [0.0], "factor_loading": [0.0]})
    loans = book_of(content, tmp_path).loans
    assert (loans.loan_id.to_pylist(), loans.assets.to_pylist()) == (["1"], ["10", "11"])


# ------------------------------------------------------------------ what blanks mean


@pytest.mark.parametrize("column", LOANS.values(), ids=LOANS)
def test_every_column_is_explained_and_its_default_keeps_its_own_rule(column: Column) -> None:
    assert column.meaning
    assert column.source
    assert column.default is None or column.problem(column.default) is None


@pytest.mark.parametrize("exposure_class", [None, "sme", "other_retail"])
def test_a_blank_loading_is_the_root_of_the_asset_correlation(exposure_class: str | None, tmp_path: Path) -> None:
    terms = book_of([loan("a", factor_loading=None, pd=0.01, exposure_class=exposure_class, turnover=20.0)], tmp_path).loans.terms
    assert terms.factor_loading[0] ** 2 == pytest.approx(correlation(0.01, exposure_class or "corporate", 20.0))
    assert NAMED.market.factor_order[terms.factor[0]] == "software"


def test_a_borrower_that_loads_on_no_factor_needs_none(tmp_path: Path) -> None:
    terms = book_of([loan("a", factor_loading=0.0, sector="retail")], tmp_path).loans
    assert (terms.terms.factor[0], terms.sectors[terms.terms.sector[0]]) == (-1, "retail")


def test_blanks_stand_for_their_defaults(tmp_path: Path) -> None:
    loans = book_of([loan("a", borrower_id=None, covenant_trigger=0.8), loan("b", asset_ids=["Y"])], tmp_path).loans
    terms = loans.terms
    assert loans.borrower_id.to_pylist() == ["a", "B"]
    assert (terms.covenant_target[0], terms.covenant_release[0], terms.covenant_cure[0]) == (0.8, 0.0, 1.0)
    assert (terms.guarantee_fee[0], terms.turnover[0], CLASSES[terms.exposure_class[0]]) == (0.0, 50.0, "corporate")
    for name in ("liquidation_discount", "liquidation_lag", "unsecured_rate", "loan_to_value_cap"):
        assert np.isnan(getattr(terms, name)[0])
    assert np.isnan(terms.covenant_trigger[1])


def test_shares_are_those_of_the_programme_or_the_loans_own(tmp_path: Path) -> None:
    rows = [
        loan("a", programme="zhongshan"),
        loan("b", asset_ids=["Y"], fund_share=0.5, insurer_share=0.1, bank_share=0.4),
        loan("c", asset_ids=["Z"], policy="bank_of_communications"),
    ]
    loans = book_of(rows, tmp_path).loans
    assert loans.terms.shares.tolist() == [[0.54, 0.0, 0.16, 0.04], [0.5, 0.0, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0]]
    assert [loans.programmes[i] if i >= 0 else None for i in loans.terms.programme] == ["zhongshan", None, None]
    assert [loans.policies[i] if i >= 0 else None for i in loans.terms.policy] == [None, None, "bank_of_communications"]


def test_a_certain_default_has_no_year_after_it(tmp_path: Path) -> None:
    rows = [loan("a", pd=None, rating="D"), loan("b", asset_ids=["Y"], pd=1.0, term=1.5), loan("c", asset_ids=["Z"], pd=0.0, term=0.5)]
    loans = book_of(rows, tmp_path).loans
    assert loans.probability.tolist() == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    assert loans.threshold.tolist() == [np.inf, -np.inf, -np.inf, np.inf, np.inf, -np.inf]


# ------------------------------------------------------------------ tables of ratings


def test_ratings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ratings.toml"
    path.write_text('source = "our own, 2026"\n[rating]\nA = [0.001, 0.003]\n"B+" = [0.04]\n')
    assert load_ratings(path) == {"A": (0.001, 0.003), "B+": (0.04,)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rating": {"A": [0.1, 0.05]}}, r"ratings: rating\.A is cumulative and must not fall, but 0\.05 follows 0\.1"),
        ({"rating": {"A": []}}, r"rating\.A has 0 entries"),
        ({"rating": {"A": [1.2]}}, r"rating\.A\[0\] is 1\.2: it must be at most 1"),
        ({"rating": {"A": 0.1}}, r"rating\.A is 0\.1: it must be a list"),
        ({"ratings": {"A": [0.1]}}, "ratings is not known: did you mean rating"),
    ],
)
def test_a_table_of_ratings_that_breaks_a_rule_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_ratings(content)


def test_nothing_is_left_when_no_right_is_there(many: tuple[list[dict[str, Any]], LoanBook]) -> None:
    _, book = many
    nothing, rejects, out = without_bad_rights(book.loans, np.full(len(book.loans.assets), UNKNOWN), np.full(len(book.loans.assets), np.inf))
    assert (len(nothing), len(nothing.assets), len(nothing.threshold), out.loans) == (0, 0, 0, len(book.loans))
    assert len(rejects) == len(book.loans)
    assert nothing.order.tolist() == nothing.unit.tolist() == []
    states = np.full(len(book.loans.assets), VALUED)
    same(book, LoanBook(book.source, *without_bad_rights(book.loans, states, np.full(len(states), np.inf)), book.chosen))


def test_what_the_documentation_shows_is_read(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "loans.md").read_text(encoding="utf-8")
    names = ("loans.csv", "ratings.toml", "programmes.toml", "policies.toml", "terms.toml", "pool.toml", "tranche_ratings.csv")
    shown = re.findall(r"^```\w+\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    rows = shown[0]
    for name, content in zip(names, shown, strict=True):
        (tmp_path / name).write_text(content, encoding="utf-8")
    named = Named(NAMED.market, load_ratings(tmp_path / "ratings.toml"), NAMED.programmes, load_policies(tmp_path / "policies.toml"))
    book = book_of(tmp_path / "loans.csv", tmp_path, named)
    assert book.rejects.table("loan_id").to_pylist() == []
    assert (len(book.loans), book.loans.unit.tolist()) == (3, [0, 0, 1])
    assert load_programmes(tmp_path / "programmes.toml")["ours"].limits[0] == 20_000_000
    terms = load_policies(tmp_path / "terms.toml")["ours"].terms
    assert terms is not None
    assert (terms.term, terms.pd) == (3.0, 0.03)
    assert load_cut(tmp_path / "pool.toml").deal.detachment == [1.0, 0.3]
    assert load_loss_limits(tmp_path / "tranche_ratings.csv", tmp_path)["A"] == (0.0005, 0.0015, 0.003)
    assert all(f"`{name}`" in page or name in rows.splitlines()[0].split(",") for name in LOANS if name not in ("unsecured_rate", "guarantee_fee"))
