"""`ipvalue lend` as a user types it: what it prints and writes, what it rejects and what it refuses, and `ipvalue show` of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents, here, rejects, row_with, run, table

import ipvalue
from ipvalue.schema import LOANS, RESULTS

__all__ = ["here"]

LOAN: dict[str, Any] = {
    "loan_id": "L0", "borrower_id": "B", "asset_ids": ["r0", "r2"], "principal": 1e5, "rate": 0.05, "term": 3.0, "pd": 0.1,
    "sector": "software", "factor_loading": 0.4, "programme": "zhongshan", "unsecured_rate": 0.09, "policy": "bank_of_communications",
}  # fmt: skip
BOOK = [
    LOAN,
    {**LOAN, "loan_id": "L1", "borrower_id": "C", "asset_ids": ["r1"], "amortisation": "annuity", "currency": "USD", "principal": 2e4},
    {**LOAN, "loan_id": "L2", "borrower_id": "D", "asset_ids": ["r3"], "policy": None, "programme": None, "loan_to_value_cap": 0.3},
]
WORDS = ("lend", "loans.parquet", "--portfolio", "portfolio.parquet", "--paths", 200, "--out", "lent")


def loans(*rows: dict[str, Any]) -> None:
    """Writes loans.parquet; each column is of the registry's type."""
    schema = pa.schema([(name, column.arrow_type) for name, column in LOANS.items()])
    pq.write_table(pa.Table.from_pylist(list(rows or BOOK), schema), "loans.parquet")


def test_a_book_is_printed_and_written(here: Path) -> None:
    loans()
    ran = run(*WORDS, columns=120)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("3 loans with a principal of 342.0 k CNY; losses in CNY")
    assert lines[1].split()[:2] == ["expected", "deviation"]
    assert [line.split()[0] for line in lines[2:]][:2] == ["all", "bank"]
    assert "Results are in lent; look at them with: ipvalue show lent" in ran.out
    files = {"loans/part-00000.parquet", "book.parquet", "losses.arrow", "exposures.parquet", "rejects.parquet", "manifest.json"}
    assert set(contents("lent")) == files


def test_tables_have_the_columns_of_the_registry(here: Path) -> None:
    loans()
    assert run(*WORDS).code == 0
    found = ipvalue.open_loans("lent")
    for made, name in ((found.loans, "lent"), (found.book, "book"), (found.losses, "losses"), (found.exposures, "exposures")):
        wanted = [one for column in RESULTS[name] for one in ([column[:-1] + "05", column[:-1] + "50"] if column.endswith("…") else [column])]
        assert made.column_names == wanted, name
        kinds = [RESULTS[name].get(one) for one in wanted]
        assert all(kind is None or made[one].type == kind.arrow_type for kind, one in zip(kinds, wanted, strict=True)), name


def test_figures_hang_together(here: Path) -> None:
    loans()
    assert run(*WORDS).code == 0
    found = ipvalue.open_loans("lent")
    rows, book = found.loans.to_pylist(), {row["bearer"]: row for row in found.book.to_pylist()}
    assert [row["loan_id"] for row in rows] == ["L0", "L1", "L2"]
    assert sum(row["expected_loss"] for row in rows) == pytest.approx(book["all"]["mean"])
    assert sum(row["bank_expected_loss"] for row in rows) == pytest.approx(book["bank"]["mean"])
    assert sum(row["es_99"] for row in rows) == pytest.approx(book["all"]["es_99"])
    assert sum(book[name]["mean"] for name in ("bank", "fund", "guarantor", "insurer", "appraiser")) == pytest.approx(book["all"]["mean"])
    values = ipvalue.value("portfolio.parquet", paths=200).assets.to_pylist()
    means = {row["asset_id"]: row["mean"] for row in values}
    assert rows[0]["collateral_value"] == pytest.approx(means["r0"] + means["r2"], rel=1e-6)
    assert rows[0]["largest_principal"] == pytest.approx(0.5 * means["r0"] + 0.25 * means["r2"], rel=1e-6)
    assert rows[0]["binding_limit"] == "loan_to_value"
    assert rows[2]["largest_principal"] is None
    assert rows[0]["saving"] > 0
    assert rows[1]["principal"] == pytest.approx(142_000.0)


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({"asset_ids": ["r0", "R9"]}, "asset_ids", "asset_ids has 'R9', which the portfolio does not have"),
        ({"asset_ids": ["r1"]}, "asset_ids", "asset_ids has 'r1', whose own row was rejected"),
        ({"rate": -0.1}, "rate", "rate is -0.1: it must be at least 0"),
        ({"programme": "zhongshn"}, "programme", "did you mean zhongshan?"),
    ],
)
def test_loans_that_cannot_be_lent_are_rejected_and_told_of(here: Path, cells: dict[str, Any], column: str, said: str) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    loans({**LOAN, **cells}, BOOK[2])
    ran = run(*WORDS, columns=200)
    assert ran.code == 0
    assert "1 loan rejected: lent/rejects.parquet says why" in ran.out
    assert "1 loan with 100.0 k left out" in ran.out
    (row,) = [one for one in rejects("lent") if one["file"] == "loans.parquet"]
    assert (row["row"], row["asset_id"], row["column"]) == (0, "L0", column)
    assert said in row["message"]
    assert ipvalue.open_loans("lent").manifest["counts"] == {"rows": 2, "valued": 1, "rejected": 1, "tasks": 1 if column != "asset_ids" else 2}
    assert run(*WORDS, "--strict", "--overwrite").code == 1


def test_a_loan_that_follows_a_rejected_one_is_rejected_too(here: Path) -> None:
    shared = {**LOAN, "asset_ids": ["r0"], "pledge_ranks": [2]}
    loans({**LOAN, "asset_ids": ["r0", "none"], "pledge_ranks": [1, 1]}, {**shared, "loan_id": "L1"}, BOOK[2])
    assert run(*WORDS).code == 0
    assert {one["asset_id"]: one["column"] for one in rejects("lent")} == {"L0": "asset_ids", "L1": "pledge_ranks"}
    assert ipvalue.open_loans("lent").loans["loan_id"].to_pylist() == ["L2"]


def test_rights_that_are_not_pledged_are_not_looked_at(here: Path) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    loans(BOOK[0], BOOK[2])
    assert run(*WORDS).code == 0
    assert rejects("lent") == []


def test_a_right_whose_values_are_no_numbers_is_rejected_with_its_loan(here: Path) -> None:
    pq.write_table(table(row_with(revenue=1e15, royalty_rate=0.9, growth=20.0)), "portfolio.parquet")
    loans()
    assert run(*WORDS).code == 0
    assert [(one["file"], one["asset_id"]) for one in rejects("lent")] == [("loans.parquet", "L1"), ("portfolio.parquet", "r1")]
    assert ipvalue.open_loans("lent").loans["loan_id"].to_pylist() == ["L0", "L2"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policy", "bank_of_communication"), "there is no policy 'bank_of_communication': did you mean bank_of_communications?"),
        (("--ratings", "none.toml"), "none.toml"),
        (("--memory", "1MB", "--paths", 20_000), "need about"),
        (
            ("--memory", "2MB", "--paths", 20_000, "--workers", 1),
            "loans that share rights or borrowers are settled together, and some 1 of them need",
        ),
        (("--quantiles", "2"), "2 is no quantile"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(here: Path, words: tuple[Any, ...], sentence: str) -> None:
    loans()
    ran = run(*WORDS, *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.sentence
    assert not Path("lent").exists()


def test_a_book_of_which_nothing_is_left_writes_nothing(here: Path) -> None:
    loans({**LOAN, "rate": -0.1})
    ran = run(*WORDS)
    assert ran.code == 2
    assert "rate is -0.1" in ran.err
    assert not Path("lent").exists()


def test_another_book_is_not_gone_on_with(here: Path) -> None:
    loans()
    assert run(*WORDS).code == 0
    loans(*BOOK[:2])
    ran = run(*WORDS, "--resume")
    assert ran.code == 2
    assert "holds a run of something else" in ran.err
    assert "loans.files.loans.parquet.rows was 3 and is 2" in ran.err


def test_the_default_policy_is_of_loans_that_name_none(here: Path) -> None:
    loans()
    assert run(*WORDS, "--policy", "bank_of_communications").code == 0
    assert ipvalue.open_loans("lent").loans["largest_principal"].null_count == 0


def test_show_prints_the_book_and_the_loans_that_lose_most(here: Path) -> None:
    loans()
    assert run(*WORDS).code == 0
    ran = run("show", "lent", "--top", 2, columns=120)
    assert ran.code == 0
    assert "loans lent  3 of 3" in ran.out
    assert "The 2 loans with the greatest expected loss" in ran.out
    told = json.loads(run("show", "lent", "--json").out)
    assert {"facts", "book", "exposures"} == set(told)


def test_in_memory_and_in_a_notebook(here: Path) -> None:
    portfolio, rows = table(), pa.Table.from_pylist([{**BOOK[0], "asset_ids": ["r0"]}])
    found = ipvalue.lend(rows, portfolio, market="market.toml", paths=200)
    assert found.location == "in memory"
    assert found.loans.num_rows == 1
    assert "1 of 1 lent" in repr(found)
    assert "<table" in found._repr_html_()
    with pytest.raises(ipvalue.InputError, match="has loans, and no figures of rights"):
        _ = found.assets
    with pytest.raises(ipvalue.InputError, match="group_by is no option of loans"):
        ipvalue.lend(rows, portfolio, market="market.toml", group_by=["sector"])


def test_other_commands_say_what_a_result_of_loans_is(here: Path) -> None:
    loans()
    assert run(*WORDS).code == 0
    with pytest.raises(ipvalue.InputError, match="is a result of ipvalue lend, not of ipvalue value: ipvalue show prints it"):
        ipvalue.open_result("lent")
