"""`ipvalue lend --largest`: what may be lent on each right and to each owner; what it prints, rejects and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, here, rejects, run, table

import ipvalue
from ipvalue.schema import RESULTS

__all__ = ["here"]

POLICIES = """\
[policy.ours]
expected_loss = 0.02
coverage = 1.2
value = "q05"
[policy.ours.loan_to_value]
trademark = 0.5
invention_patent = 0.25
[policy.ours.terms]
rate = 0.05
term = 3.0
pd = 0.05
"""
WORDS = ("lend", "--largest", "--portfolio", "portfolio.parquet", "--paths", 200, "--out", "most")
OURS = (*WORDS, "--policies", "p.toml", "--policy", "ours")


@pytest.fixture
def register(here: Path) -> None:
    owners = ["Lantern", "Lantern", None, "Bright"]
    pq.write_table(table([{**row, "owner_id": owner} for row, owner in zip(ROWS, owners, strict=True)]), "portfolio.parquet")
    Path("p.toml").write_text(POLICIES)


def test_what_may_be_lent_is_printed_and_written(register: None) -> None:
    ran = run(*OURS, columns=120)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "What policy ours allows to be lent; money in CNY"
    assert lines[2].split()[:2] == ["all", "4"]
    assert "4 rights in" in ran.out
    assert set(contents("most")) == {"lendable/part-00000.parquet", "borrowers.parquet", "capacity.parquet", "rejects.parquet", "manifest.json"} | {
        name for name in contents("most") if name.startswith("lendable/")
    }
    found = ipvalue.open_lendable("most")
    rows = found.lendable.to_pylist()
    assert [row["asset_id"] for row in rows] == ["r0", "r1", "r2", "r3"]
    for row in rows:
        limits = [row[f"largest_by_{name}"] for name in ("loan_to_value", "expected_loss", "coverage")]
        assert row["largest_principal"] == min(limits) == row[f"largest_by_{row['binding_limit']}"]
        assert row["largest_by_loan_to_value"] == pytest.approx(row["loan_to_value"] * row["value"])
    values = ipvalue.value("portfolio.parquet", paths=200, quantiles=[0.05]).assets
    assert [row["value"] for row in rows] == values["q05"].to_pylist()
    owners = found.borrowers.to_pylist()
    assert [(row["owner_id"], row["rights"]) for row in owners] == [("Bright", 1), ("Lantern", 2)]
    assert owners[0]["largest_principal"] == pytest.approx(rows[3]["largest_principal"], abs=1e-6)


def test_tables_have_the_columns_of_the_registry(register: None) -> None:
    assert run(*OURS).code == 0
    found = ipvalue.open_lendable("most")
    for made, name in ((found.lendable, "lendable"), (found.borrowers, "borrowers"), (found.capacity, "capacity")):
        assert made.column_names == list(RESULTS[name])
        assert [made[one].type for one in made.column_names] == [column.arrow_type for column in RESULTS[name].values()]


def test_show_prints_it(register: None) -> None:
    assert run(*OURS).code == 0
    ran = run("show", "most", columns=120)
    assert ran.code == 0
    assert "The 2 owners to whom most may be lent" in ran.out
    assert {"facts", "capacity"} == set(json.loads(run("show", "most", "--json").out))
    found = ipvalue.open_lendable("most")
    assert "4 of 4 rights" in repr(found)
    assert "<table" in found._repr_html_()


def test_rights_that_cannot_be_lent_on_are_rejected(register: None) -> None:
    rows: list[dict[str, Any]] = [
        ROWS[0],
        {**ROWS[1], "revenue": -1.0},
        {**ROWS[2], "sector": "farming", "factor_loading": 0.0},
        {**ROWS[3], "revenue": 1e15, "royalty_rate": 0.9, "growth": 9.0, "life": 30.0},
        {**ROWS[0], "asset_id": "r4", "indefinite": True, "life": 3.0},
    ]
    pq.write_table(table(rows), "portfolio.parquet")
    ran = run(*OURS, columns=160)
    assert ran.code == 0
    assert "4 rights rejected: most/rejects.parquet says why" in ran.out
    assert {one["asset_id"]: one["column"] for one in rejects("most")} == {"r1": "revenue", "r2": "sector", "r3": "revenue", "r4": "indefinite"}
    assert ipvalue.open_lendable("most").lendable["asset_id"].to_pylist() == ["r0"]
    assert run(*OURS, "--strict", "--overwrite").code == 1
    shipped = run(*WORDS, "--policy", "bank_of_communications", "--overwrite")
    assert shipped.code == 0
    assert {one["asset_id"] for one in rejects("most")} == {"r1", "r3"}


@pytest.mark.parametrize(
    ("change", "words", "sentence"),
    [
        (("", ""), ("--policy", "bank_of_communication"), "there is no policy 'bank_of_communication': did you mean bank_of_communications?"),
        (("", ""), (), "whose policy? Give --policy (policies: bank_of_communications"),
        (
            ("pd = 0.05", 'rating = "B"'),
            ("--policies", "p.toml", "--policy", "ours"),
            "terms.rating is 'B', which the table of ratings does not have",
        ),
        (("pd = 0.05\n", ""), ("--policies", "p.toml", "--policy", "ours"), "policy.ours.terms: give pd or rating, one of them"),
        (("term = 3.0", "term = 0.0"), ("--policies", "p.toml", "--policy", "ours"), "policy.ours.terms.term is 0.0: it must be above 0"),
        (
            ("coverage =", "longest_term = 2.0\ncoverage ="),
            ("--policies", "p.toml", "--policy", "ours"),
            "it must be at most longest_term, which is 2",
        ),
        (('"q05"', '"q10"'), ("--policies", "p.toml", "--policy", "ours"), "policy.ours.value is 'q10': it must be mean, q50, q05 or forced"),
        (
            (POLICIES[POLICIES.index("[policy.ours.terms]") :], ""),
            ("--policies", "p.toml", "--policy", "ours"),
            "policy ours limits expected_loss and coverage, which is of a loan: give it [policy.ours.terms]",
        ),
        ((POLICIES[POLICIES.index("expected") :], ""), ("--policies", "p.toml", "--policy", "ours"), "policy ours limits nothing"),
        (("", ""), ("--policy", "bank_of_communications", "--pool", "p.toml"), "--pool is of loans, and --largest needs none: leave it out"),
        (("", ""), ("--policy", "bank_of_communications", "--memory", "3MB", "--paths", 50_000), "need"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(register: None, change: tuple[str, str], words: tuple[Any, ...], sentence: str) -> None:
    Path("p.toml").write_text(POLICIES.replace(*change) if change[0] else POLICIES)
    ran = run(*WORDS, *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.sentence
    assert not Path("most").exists()


def test_loans_or_largest(register: None) -> None:
    ran = run("lend", "--portfolio", "portfolio.parquet")
    assert ran.code == 2
    assert "LOANS is missing: give a table of loans, or --largest" in ran.sentence
    ran = run(*OURS, "loans.parquet")
    assert ran.code == 2
    assert "LOANS is of loans, and --largest needs none" in ran.sentence


def test_another_policy_is_not_gone_on_with(register: None) -> None:
    assert run(*OURS).code == 0
    Path("p.toml").write_text(POLICIES.replace("0.02", "0.03"))
    ran = run(*OURS, "--resume")
    assert ran.code == 2
    assert "holds a run of something else" in ran.err
    with pytest.raises(ipvalue.InputError, match="is a result of ipvalue lend --largest, not of ipvalue lend"):
        ipvalue.open_loans("most")
    with pytest.raises(ipvalue.InputError, match="has no other figures of them"):
        _ = ipvalue.open_lendable("most").assets
