"""How much may be lent on every right (docs/numerics.md §19) against the slow definition, and against `ipvalue.lend` of a loan on each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import lent_books
import oracle_loan_figures as slow
import portfolios
import pyarrow as pa
import pytest
from compared import CURVES, SCHEDULES, oracle_market
from oracle_lending import Book, lend
from oracle_tranches import nearest

import ipvalue
from ipvalue.schema import RIGHT_TYPES

PATHS, SEED = 320, 11
LIMITS = ("loan_to_value", "expected_loss", "coverage")
CAPS = {name: 0.1 + 0.06 * i for i, name in enumerate(RIGHT_TYPES[:-2])}
TERMS = {"rate": 0.06, "term": 2.5, "rating": "B", "amortisation": "annuity", "factor_loading": 0.4}
POLICIES: dict[str, dict[str, Any]] = {
    "all on a quantile": {"loan_to_value": CAPS, "value": "q05", "expected_loss": 0.03, "coverage": 1.5, "terms": TERMS},
    "all on a sale": {
        "loan_to_value": CAPS, "value": "forced", "expected_loss": 0.02, "coverage": 0.8,
        "terms": {"rate": 0.0, "term": 3.0, "pd": 0.08, "amortisation": "level", "factor_loading": 0.0, "liquidation_discount": 0.2},
    },
    "losses alone": {"expected_loss": 0.04, "terms": {"rate": 0.05, "term": 0.5, "pd": 0.2, "factor_loading": -0.3, "liquidation_discount": 0.5}},
    "values alone": {"loan_to_value": CAPS},
}  # fmt: skip


def owned(table: pa.Table, owners: list[str | None]) -> pa.Table:
    """Rights with these owners, each with a sector."""
    cells = {"owner_id": owners, "sector": [one or "software" for one in table["sector"].to_pylist()]}
    for name, one in cells.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(one, pa.string()))
    return table


@pytest.fixture(scope="module")
def rights() -> pa.Table:
    """Rights of few owners, some of none."""
    table = lent_books.linear_rights(12, 3)
    return owned(table, [(None, "O1", "O2", "O3")[i % 4] for i in range(len(table))])


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    assumptions = lent_books.assumptions(tmp_path_factory.mktemp("assumptions"))
    return {"market": portfolios.market(1), "assumptions": assumptions, "paths": PATHS, "seed": SEED, "precision": "double", "workers": 1}


def found(rights: pa.Table, policy: str, ways: dict[str, Any]) -> ipvalue.LendableResult:
    named: dict[str, Any] = {"policies": {"policy": POLICIES}, "ratings": {"rating": lent_books.RATINGS}}
    return ipvalue.lendable(rights, policy, **named, **ways)


def loan_on(row: dict[str, Any], policy: str) -> dict[str, Any]:
    terms = POLICIES[policy].get("terms", {"rate": 0.0, "term": 1.0, "pd": 0.0, "factor_loading": 0.0})
    named = {"loan_id": row["asset_id"], "borrower_id": row["owner_id"] or row["asset_id"], "asset_ids": [row["asset_id"]]}
    return {"principal": 1.0, "sector": row["sector"], "amortisation": "bullet", **terms, **named}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_right_is_limited_as_defined(rights: pa.Table, policy: str, ways: dict[str, Any]) -> None:
    made, limited = found(rights, policy, ways), POLICIES[policy]
    assert not made.rejects.num_rows
    binds = set()
    for row, right in zip(made.lendable.to_pylist(), rights.to_pylist(), strict=True):
        book = Book(
            [loan_on(right, policy)], {right["asset_id"]: right}, oracle_market(portfolios.market(1)), PATHS, SEED, SCHEDULES, CURVES,
            lent_books.RATINGS, lent_books.FORCED,
        )  # fmt: skip
        name = right["asset_id"]
        assert (row["asset_id"], row["owner_id"], row["right_type"]) == (name, right["owner_id"], right["right_type"])
        assert row["value"] == pytest.approx(slow.worth_of(book, name, limited.get("value", "mean")), rel=1e-9, abs=1e-9)
        limits: dict[str, float] = {}
        if "loan_to_value" in limited:
            limits["loan_to_value"] = max(slow.capped_value(book, 0, CAPS, limited.get("value", "mean")), 0.0)
            assert row["loan_to_value"] == CAPS.get(right["right_type"], 0.0)
        if "expected_loss" in limited:
            most = slow.largest_by_expected_loss(lend(book)[0], 1.0, limited["expected_loss"], PATHS)
            limits |= {} if most is None else {"expected_loss": most}
        if "coverage" in limited:
            limits["coverage"] = slow.largest_by_coverage(book, 0, limited["coverage"])
        for limit in LIMITS:
            wanted = pytest.approx(limits[limit], rel=1e-7, abs=1e-6) if limit in limits else None
            assert row[f"largest_by_{limit}"] == wanted, (name, limit)
        assert row["largest_principal"] == (pytest.approx(min(limits.values()), rel=1e-7, abs=1e-6) if limits else None)
        if limits:
            assert limits[row["binding_limit"]] == pytest.approx(min(limits.values()), rel=1e-7, abs=1e-6)
        binds.add(row["binding_limit"])
    assert len(binds) >= (2 if policy.startswith("all") else 1)


def test_sums_of_owners_and_of_all_are_exact(rights: pa.Table, ways: dict[str, Any]) -> None:
    made = found(rights, "all on a quantile", ways)
    rows, owners = made.lendable.to_pylist(), {row["owner_id"]: row for row in made.borrowers.to_pylist()}
    assert list(owners) == ["O1", "O2", "O3"]
    for name, owner in owners.items():
        own = [row for row in rows if row["owner_id"] == name]
        assert owner["rights"] == len(own)
        limits = {}
        for limit in LIMITS:
            parts = [row[f"largest_by_{limit}"] for row in own]
            limits[limit] = None if None in parts else sum(nearest(1e6 * one) for one in parts) / 1e6
            assert owner[f"largest_by_{limit}"] == limits[limit]
        least = min(one for one in limits.values() if one is not None)
        assert (owner["largest_principal"], limits[owner["binding_limit"]]) == (least, least)
        assert least >= sum(row["largest_principal"] for row in own) - 1e-5
    capacity = {(row["by"], row["name"]): row for row in made.capacity.to_pylist()}
    assert capacity["all", None]["rights"] == len(rows)
    assert capacity["all", None]["largest_principal"] == pytest.approx(sum(row["largest_principal"] for row in rows))
    for by in ("right_type", "binding_limit"):
        counts = Counter(row[by] for row in rows)
        assert {name: row["rights"] for (key, name), row in capacity.items() if key == by} == counts
    assert set(capacity) > {("all", None), ("without an owner", None)}
    assert capacity["without an owner", None]["rights"] == sum(row["owner_id"] is None for row in rows)


@pytest.mark.parametrize(
    ("policy", "more"),
    [*((policy, {}) for policy in POLICIES), ("all on a quantile", {"market": portfolios.market(4), "paths": 256, "sampler": "sobol"})],
    ids=str,
)
def test_it_is_what_a_loan_on_the_right_may_be(policy: str, more: dict[str, Any], ways: dict[str, Any]) -> None:
    """`lend` of a loan of any principal on each right, for rights read from curves and by several methods too; owners have one right each."""
    table, ways = lent_books.rights(12, 3), {**ways, **more}
    rights = owned(table, [f"O{i}" for i in range(len(table))])
    loans = [{**loan_on(row, policy), "principal": 1e4 * (i + 1), "policy": policy} for i, row in enumerate(rights.to_pylist())]
    named: dict[str, Any] = {"policies": {"policy": POLICIES}, "ratings": {"rating": lent_books.RATINGS}}
    lent = ipvalue.lend(lent_books.table(loans), rights, **named, **ways).loans.to_pylist()
    made = found(rights, policy, ways).lendable.to_pylist()
    for row, loan in zip(made, lent, strict=True):
        assert row["largest_principal"] == (None if loan["largest_principal"] is None else pytest.approx(loan["largest_principal"], rel=1e-10))
        assert row["binding_limit"] == loan["binding_limit"]


def test_a_shipped_policy_needs_no_terms(rights: pa.Table, ways: dict[str, Any], tmp_path: Path) -> None:
    made = ipvalue.lendable(rights, "bank_of_communications", out=tmp_path / "out", **ways)
    caps = {"invention_patent": 0.25, "utility_model": 0.15, "trademark": 0.5}
    for row in made.lendable.to_pylist():
        assert row["largest_principal"] == pytest.approx(max(caps.get(row["right_type"], 0.0) * row["value"], 0.0))
        assert row["binding_limit"] == "loan_to_value"
