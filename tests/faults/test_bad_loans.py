"""Loans that cannot be lent on: each is rejected with row, column, value and rule, the others are kept, and the book says what was left out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from loan_rows import NAMED, book_of, loan, table

from ipvalue.lending.left_out import BY_RULE, REJECTED, UNKNOWN, VALUED, LeftOut, without_bad_rights
from ipvalue.lending.loan_rules import Named
from ipvalue.lending.loans import Loans
from ipvalue.lending.read import LoanBook
from ipvalue.schema import InputError

EXACT = "balance and interest of a year are below 2^62 millionths of the market's money"
FACTOR = "sector is a factor of the market where factor_loading is not 0"
SCHEDULE = "schedule is given where amortisation is schedule, and only there"
BAD: list[tuple[dict[str, Any], str, str, str]] = [
    ({"rate": -0.01}, "rate", "0 <= rate <= 10", "at least 0"),
    ({"rate": None}, "rate", "rate is given", "blank"),
    ({"rate": math.nan}, "rate", "rate is finite", "finite"),
    ({"principal": 0.0}, "principal", "0 < principal <= 1e+15", "above 0"),
    ({"principal": 4.5e12, "rate": 0.05}, "principal", EXACT, "split"),
    ({"principal": 6e11, "rate": 0.1, "currency": "USD"}, "principal", EXACT, ""),
    ({"term": 0.0}, "term", "0 < term <= 100", "above 0"),
    ({"term": 101.0}, "term", "0 < term <= 100", "at most 100"),
    ({"asset_ids": None}, "asset_ids", "asset_ids is given", "blank"),
    ({"asset_ids": []}, "asset_ids", "asset_ids has at least one entry", "a list of names"),
    ({"asset_ids": ["P", "P"]}, "asset_ids", "asset_ids has each name once", "each once"),
    ({"asset_ids": ["P", None]}, "asset_ids", "asset_ids has no blank entries", "without blanks"),
    ({"asset_ids": ["P", ""]}, "asset_ids", "asset_ids has no blank entries", "without blanks"),
    ({"pledge_ranks": [1, 2]}, "pledge_ranks", "pledge_ranks has a rank for each of asset_ids", "one rank for each"),
    ({"pledge_ranks": [0]}, "pledge_ranks", "1 <= pledge_ranks <= 1e+09", "at least 1"),
    ({"currency": "USS"}, "currency", "currency names one that is there", "no exchange rate in the market"),
    ({"rating": "A", "pd": None, "sector": "softwear"}, "sector", FACTOR, "did you mean software"),
    ({"sector": None, "factor_loading": None}, "sector", FACTOR, "set factor_loading to 0"),
    ({"pd": None, "rating": "AA"}, "rating", "rating names one that is there", "no rating of the table"),
    ({"programme": "zhongshn"}, "programme", "programme names one that is there", "did you mean zhongshan?"),
    ({"policy": "bank_of_communication"}, "policy", "policy names one that is there", "did you mean bank_of_communications?"),
    ({"programme": "zhuhai", "fund_share": 0.1}, "programme", "a programme or shares are given, not both", "leave one"),
    ({"fund_share": -0.1}, "fund_share", "0 <= fund_share <= 1", "at least 0"),
    ({"fund_share": 0.7, "insurer_share": 0.4}, "fund_share", "shares of the loss add up to at most 1", "more than 1"),
    ({"fund_share": 0.7, "bank_share": 0.2}, "bank_share", "shares of the loss, the bank's among them, add up to 1", "add up to 1"),
    ({"pd": None}, "pd", "one of pd, rating and pd_curve is given", "give one of them"),
    ({"rating": "A"}, "pd", "one of pd, rating and pd_curve is given", "more than one"),
    ({"pd": 1.1}, "pd", "0 <= pd <= 1", "at most 1"),
    ({"pd": None, "pd_curve": [0.1, 0.05]}, "pd_curve", "pd_curve does not fall", "cumulative"),
    ({"amortisation": "schedule"}, "schedule", SCHEDULE, "is blank"),
    ({"schedule": [1000.0, 0.0, 0.0]}, "schedule", SCHEDULE, "set it so"),
    ({"amortisation": "schedule", "schedule": [500.0, 500.0]}, "schedule", "schedule has an entry for each year of the loan", "one entry"),
    ({"amortisation": "schedule", "schedule": [500.0, 500.0, 1.0]}, "schedule", "schedule adds up to principal", "a millionth"),
    ({"amortisation": "schedule", "schedule": [500.0, 600.0, -100.0]}, "schedule", "0 <= schedule <= 1e+15", "at least 0"),
    ({"amortisation": "balloon"}, "amortisation", "amortisation is one of the known names", "one of bullet"),
    ({"liquidation_discount": 1.5}, "liquidation_discount", "0 <= liquidation_discount <= 1", "at most 1"),
    ({"liquidation_lag": -1.0}, "liquidation_lag", "0 <= liquidation_lag <= 100", "at least 0"),
    ({"covenant_target": 0.5}, "covenant_target", "a covenant has a trigger", "covenant_trigger is blank"),
    ({"covenant_trigger": 0.5, "covenant_target": 0.6}, "covenant_target", "covenant_target <= covenant_trigger", "lower it"),
]  # fmt: skip


def problems(book: LoanBook) -> list[tuple[str, str, str]]:
    return [(one["loan_id"], one["column"], one["rule"]) for one in book.rejects.table("loan_id").to_pylist()]


def test_loans_that_break_a_rule_are_rejected_with_column_and_rule(tmp_path: Path) -> None:
    rows = [loan(f"L{i}", **{"asset_ids": [f"X{i}"], **cells}) for i, (cells, *_) in enumerate(BAD)]
    book = book_of([*rows, loan("good", asset_ids=["G"])], tmp_path)
    found = {one["row"]: one for one in book.rejects.table("loan_id").to_pylist()}
    assert book.loans.loan_id.to_pylist() == ["good"]
    assert len(book.rejects) == len(BAD)
    for i, (cells, column, rule, said) in enumerate(BAD):
        assert (found[i]["loan_id"], found[i]["column"], found[i]["rule"]) == (f"L{i}", column, rule), (cells, found[i])
        assert said in found[i]["message"], found[i]
    assert book.left_out.loans == len(BAD)
    assert book.left_out.unread == 2  # no principal above 0, no exchange rate


def test_lists_in_csv_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text(
        "loan_id,asset_ids,pledge_ranks,principal,rate,term,pd,factor_loading\n"
        'a,X;X,,1,0,1,0,0\nb,"Y; ;Z",,1,0,1,0,0\nc,Q,1.5,1,0,1,0,0\nd,R;S,1;one,1,0,1,0,0\ne,T;U,2;1,1,0,1,0,0\nf,,,1,0,1,0,0\n'
    )
    book = book_of(path, tmp_path)
    assert book.loans.loan_id.to_pylist() == ["e"]
    assert problems(book) == [
        ("a", "asset_ids", "asset_ids has each name once"),
        ("b", "asset_ids", "asset_ids has no blank entries"),
        ("c", "pledge_ranks", "pledge_ranks are whole numbers"),
        ("d", "pledge_ranks", "pledge_ranks is a list of whole numbers"),
        ("f", "asset_ids", "asset_ids is given"),
    ]


def test_a_name_given_twice_names_no_loan(tmp_path: Path) -> None:
    book = book_of([loan("a"), loan("b", asset_ids=["Y"]), loan("a", asset_ids=["Z"])], tmp_path)
    assert book.loans.loan_id.to_pylist() == ["b"]
    assert [(one["row"], one["rule"], one["message"]) for one in book.rejects.table("loan_id").to_pylist()] == [
        (row, "loan_id is unique", "loan_id 'a' occurs 2 times: give every loan its own") for row in (0, 2)
    ]


# ------------------------------------------------------------------ ranks


def test_the_same_rank_twice_is_refused_of_both(tmp_path: Path) -> None:
    rows = [loan("a"), loan("b", asset_ids=["Y", "X"]), loan("c", pledge_ranks=[2]), loan("d", asset_ids=["Z"])]
    book = book_of(rows, tmp_path)
    assert book.loans.loan_id.to_pylist() == ["d"]
    same = "loans on one right have different ranks"
    assert problems(book) == [("a", "pledge_ranks", same), ("b", "pledge_ranks", same), ("c", "pledge_ranks", "no loan that precedes it is rejected")]
    assert [one["value"] for one in book.rejects.table("loan_id").to_pylist()] == ["X", "X", "[2]"]
    assert book.left_out == LeftOut(3, 3000.0, 0)


def test_circular_pledges_are_refused_and_what_follows_them(tmp_path: Path) -> None:
    rows = [
        loan("a", asset_ids=["X", "Y"], pledge_ranks=[1, 2]),
        loan("b", asset_ids=["Y", "Z"], pledge_ranks=[1, 2]),
        loan("c", asset_ids=["Z", "X"], pledge_ranks=[1, 2]),
        loan("after", asset_ids=["X", "W"], pledge_ranks=[3, 1]),
        loan("after that", asset_ids=["W"], pledge_ranks=[2]),
        loan("before", asset_ids=["V", "U"], pledge_ranks=[1, 1]),
        loan("d", asset_ids=["V"], pledge_ranks=[2]),
    ]
    book = book_of(rows, tmp_path)
    assert book.loans.loan_id.to_pylist() == ["before", "d"]
    circle, follows = "pledges are not circular", "no loan that precedes it is rejected"
    assert [(one[0], one[2]) for one in problems(book)] == [("a", circle), ("b", circle), ("c", circle), ("after", follows), ("after that", follows)]
    assert book.loans.order.tolist() == [0, 1]


@pytest.mark.parametrize("cells", [{"rate": -1.0}, {"pledge_ranks": [0]}, {"pledge_ranks": [1, 2]}, {"loan_id": "twice"}])
def test_a_junior_of_a_rejected_loan_is_rejected_too(cells: dict[str, Any], tmp_path: Path) -> None:
    rows = [
        loan("senior", pledge_ranks=[1]) | cells,
        loan("junior", pledge_ranks=[3]),
        loan("twice", asset_ids=["Q"]),
        loan("twice", asset_ids=["R"]),
    ]
    book = book_of([*rows, loan("good", asset_ids=["G"])], tmp_path)
    assert book.loans.loan_id.to_pylist() == ["good"]
    assert ("junior", "pledge_ranks", "no loan that precedes it is rejected") in problems(book)


def test_the_senior_of_a_rejected_loan_stays(tmp_path: Path) -> None:
    book = book_of([loan("senior"), loan("junior", pledge_ranks=[2], pd=2.0)], tmp_path)
    assert book.loans.loan_id.to_pylist() == ["senior"]


# ------------------------------------------------------------------ rights


def some_loans(tmp_path: Path) -> Loans:
    rows = [
        loan("a", asset_ids=["known", "unknown"], principal=1.0),
        loan("b", asset_ids=["rejected"], principal=2.0),
        loan("c", asset_ids=["known 2", "ruled"], principal=4.0),
        loan("d", asset_ids=["for ever"], principal=8.0, term=40.0),
        loan("e", asset_ids=["for ever"], pledge_ranks=[2], principal=16.0),
        loan("f", asset_ids=["known"], pledge_ranks=[2], principal=32.0),
        loan("g", asset_ids=["own"], principal=64.0, term=40.0, covenant_trigger=0.7),
        loan("h", asset_ids=["both"], principal=128.0, covenant_trigger=0.7),
        loan("i", asset_ids=["both"], pledge_ranks=[2], principal=256.0),
    ]
    return book_of(rows, tmp_path).loans


def test_rights_that_cannot_be_lent_against(tmp_path: Path) -> None:
    loans = some_loans(tmp_path)
    names = loans.assets.to_pylist()
    state = np.array([{"unknown": UNKNOWN, "rejected": REJECTED, "ruled": BY_RULE}.get(name, VALUED) for name in names])
    written = np.array([40.0 if name == "for ever" else math.inf for name in names])
    kept, rejects, out = without_bad_rights(loans, state, written)
    found = {one["loan_id"]: (one["row"], one["column"], one["value"], one["rule"]) for one in rejects.table("loan_id").to_pylist()}
    assert found == {
        "a": (0, "asset_ids", "unknown", "every pledged right is in the portfolio"),
        "b": (1, "asset_ids", "rejected", "every pledged right can be valued"),
        "c": (2, "asset_ids", "ruled", "no pledged right is valued by a rule of the user's"),
        "d": (3, "term", "40", "term is shorter than the written-out years of an indefinite right"),
        "e": (4, "pledge_ranks", "[2]", "no loan that precedes it is rejected"),
        "f": (5, "pledge_ranks", "[2]", "no loan that precedes it is rejected"),
        "h": (7, "covenant_trigger", "0.7", "a loan with a covenant shares no right"),
        "i": (8, "pledge_ranks", "[2]", "no loan that precedes it is rejected"),
    }
    assert kept.loan_id.to_pylist() == ["g"]
    assert kept.assets.to_pylist() == ["own"]
    assert out == LeftOut(8, 447.0, 0)


# ------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pa.table({"loan_id": ["a"], "principal": [1.0]}), "column asset_ids is missing"),
        (pa.table({"loan_ID": ["a"], "asset_ids": [["X"]], "principal": [1.0], "rate": [0.0], "term": [1.0]}), "rename 'loan_ID' if that is it"),
        (table([loan("a")]).set_column(2, "asset_ids", pa.array(["X"])), "column asset_ids is of type string, but must hold a list of names"),
        (table([]), "holds no rows"),
        (5, "an object of type int is no table of loans"),
    ],
)
def test_what_is_no_table_of_loans_is_refused(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        book_of(content, tmp_path)


def test_a_column_that_is_not_read_is_told_with_the_nearest(tmp_path: Path) -> None:
    book = book_of(table([loan("a")]).append_column("guarantee_fees", pa.array([0.01])), tmp_path)
    assert book.source.warnings == ("table in memory: column 'guarantee_fees' is not known and not read: did you mean guarantee_fee?",)


def test_without_a_table_of_ratings_none_is_known(tmp_path: Path) -> None:
    book = book_of([loan("a", pd=None, rating="A")], tmp_path, Named(NAMED.market))
    assert problems(book) == [("a", "rating", "rating names one that is there")]
    assert len(book.loans) == 0
