"""The whole of `ipvalue lend` against the slow definition (docs/numerics.md §19): rights of every method, loans over every feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lent_books
import numpy as np
import oracle_loan_figures as slow_figures
import portfolios
import pyarrow.compute as pc
import pytest
from compared import CURVES, SCHEDULES, oracle_market
from oracle_covenants import with_covenants
from oracle_lending import Book, OnPaths, lend, share

import ipvalue

PATHS, SEED = 320, 11


def _slow(rows: list[dict[str, Any]], portfolio: list[dict[str, Any]], market: dict[str, Any]) -> tuple[Book, list[OnPaths], list[dict[str, Any]]]:
    clean = [{name: cell for name, cell in row.items() if cell is not None} for row in rows]
    book = Book(
        clean,
        {row["asset_id"]: row for row in portfolio},
        oracle_market(market),
        PATHS,
        SEED,
        SCHEDULES,
        CURVES,
        lent_books.RATINGS,
        lent_books.FORCED,
    )
    programmes = {
        name: {"shares": {key: one for key, one in shares.items() if key != "balances"}, "balances": shares.get("balances", {})}
        for name, shares in lent_books.PROGRAMMES.items()
    }
    found = lend(book)
    return book, found, share(book, found, programmes)


NEAR = 1e-4
"""How far figures may be off that follow from value curves: less than the curves themselves may (docs/numerics.md §19)."""


@pytest.fixture(
    scope="module",
    params=[(1, "linear"), (1, "curves"), pytest.param((4, "linear"), marks=pytest.mark.slow), pytest.param((4, "curves"), marks=pytest.mark.slow)],
    ids=str,
)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, float]:
    steps, kind = request.param
    market = portfolios.market(steps)
    portfolio = lent_books.linear_rights() if kind == "linear" else lent_books.rights()
    rows = lent_books.loans(portfolio)
    found = ipvalue.lend(
        lent_books.table(rows),
        portfolio,
        market=market,
        assumptions=lent_books.assumptions(tmp_path_factory.mktemp("book")),
        paths=PATHS,
        seed=SEED,
        precision="double",
        workers=1,
        **lent_books.names(),
    )
    assert not found.rejects.num_rows, found.rejects.to_pylist()[:3]
    return found, _slow(rows, portfolio.to_pylist(), market), 1e-9 if kind == "linear" else NEAR


def test_losses_by_bearer_on_every_path(both: tuple[Any, Any, float]) -> None:
    found, (_, _, parts), off = both
    for bearer in ("all", "bank", "fund", "guarantor", "insurer", "appraiser", "borrower"):
        rows = found.losses.filter(pc.equal(found.losses["bearer"], bearer))
        made = np.array([float(one) for one in rows["loss"].to_pylist()])
        slow = np.sum([part[bearer] for part in parts], axis=0) / 1e6
        assert made == pytest.approx(slow, rel=off, abs=2e-5), bearer
    assert np.sum([part["fund"] for part in parts]) > 0


def test_figures_of_loans(both: tuple[Any, Any, float]) -> None:
    found, (book, slow, parts), off = both
    rows = found.loans.to_pylist()
    assert [row["loan_id"] for row in rows] == [loan["loan_id"] for loan in book.loans]
    for i, row in enumerate(rows):
        figures = slow_figures.loan_figures(book, i, slow[i], parts[i])
        coverage = figures.pop("coverage")
        for name, number in {**figures, "coverage_q05": coverage[0.05], "coverage_q50": coverage[0.5]}.items():
            assert row[name] == (None if number is None else pytest.approx(number, rel=10 * off, abs=1e-9)), (row["loan_id"], name)
        assert row["saving"] == (pytest.approx(figures["saving"], rel=1e-9) if "saving" in figures else None)
        ratios = slow_figures.loan_to_value(book, i, slow[i])
        for name, slow_name in (("", "mean"), ("_q50", "q0.5"), ("_q05", "q0.05"), ("_forced", "forced")):
            assert row[f"loan_to_value{name}"] == (None if ratios[slow_name] is None else pytest.approx(ratios[slow_name], rel=10 * off)), name
        assert row["breach"] == pytest.approx(slow_figures.breaches(book, i, slow[i], 0.4).tolist(), abs=1e-12)


def test_how_much_may_be_lent(both: tuple[Any, Any, float]) -> None:
    found, (book, slow, _), off = both
    for i, row in enumerate(found.loans.to_pylist()):
        policy = lent_books.POLICIES.get(book.loans[i].get("policy", ""), {})
        limits = {}
        if "loan_to_value" in policy:
            limits["loan_to_value"] = max(slow_figures.capped_value(book, i, policy["loan_to_value"], policy.get("value", "mean")), 0.0)
        if "expected_loss" in policy:
            most = slow_figures.largest_by_expected_loss(slow[i], book.plans[i].balance[0], policy["expected_loss"], PATHS)
            limits |= {} if most is None else {"expected_loss": most}
        if "coverage" in policy:
            limits["coverage"] = slow_figures.largest_by_coverage(book, i, policy["coverage"])
        least = min(limits.values()) if limits else None
        assert row["largest_principal"] == (None if least is None else pytest.approx(least, rel=100 * off, abs=1e-6)), row["loan_id"]
        assert row["binding_limit"] in ([None] if least is None else [name for name, one in limits.items() if one == pytest.approx(least)])


def test_the_book_and_the_loans_parts_of_it(both: tuple[Any, Any, float]) -> None:
    found, (_, _, parts), off = both
    for bearer in ("all", "bank"):
        units = [part[bearer] for part in parts]
        (row,) = found.book.filter(pc.equal(found.book["bearer"], bearer)).to_pylist()
        assert {name: row[name] for name in row if name != "bearer"} == pytest.approx(slow_figures.book_figures(np.sum(units, axis=0)), rel=10 * off)
        begin = "" if bearer == "all" else "bank_"
        for level, name in zip(slow_figures.LEVELS, ("95", "99", "99_9"), strict=True):
            made = found.loans[f"{begin}es_{name}"].to_pylist()
            assert made == pytest.approx(slow_figures.contributions(units, level), rel=100 * off, abs=1e-6)
            assert sum(made) == pytest.approx(row[f"es_{name}"], rel=1e-9)


def test_covenants(tmp_path: Path) -> None:
    """Margin calls, those not met, and releases, by loan year, and what is lost then."""
    portfolio, market = lent_books.linear_rights(12, 0), portfolios.market()
    ids = portfolio["asset_id"].to_pylist()
    terms = [{"trigger": 0.3}, {"trigger": 0.6, "target": 0.4, "cure": 0.5}, {"trigger": 0.9, "release": 0.2, "cure": 0.0}, None]
    common = {"principal": 3e5, "rate": 0.05, "term": 4.0, "amortisation": "level", "pd": 0.05, "sector": "software", "factor_loading": 0.3}
    common |= {"liquidation_discount": 0.4, "liquidation_lag": 1.0}
    covenants = [{f"covenant_{name}": one for name, one in (some or {}).items()} for some in terms]
    rows = [
        {"loan_id": f"L{i}", "borrower_id": f"B{i // 2}", "asset_ids": ids[3 * i : 3 * i + 3], **common, **covenants[i]} for i in range(len(terms))
    ]
    ways: dict[str, Any] = {"market": market, "assumptions": lent_books.assumptions(tmp_path), "paths": PATHS, "seed": SEED, "precision": "double"}
    worth = ipvalue.lend(lent_books.table(rows), portfolio, workers=1, **ways).loans["collateral_value"].to_pylist()
    rows = [{**row, "principal": max(round(0.5 * value, 2), 1e4)} for row, value in zip(rows, worth, strict=True)]
    found = ipvalue.lend(lent_books.table(rows), portfolio, workers=1, **ways).loans.to_pylist()
    book, _, _ = _slow(rows, portfolio.to_pylist(), market)
    tested = with_covenants(book, {f"L{i}": some for i, some in enumerate(terms) if some})
    seen = 0.0
    for row, slow, some in zip(found, tested, terms, strict=True):
        assert row["expected_loss"] == pytest.approx(slow.loss.mean(), rel=1e-9, abs=1e-5)
        assert row["pd"] == np.count_nonzero(slow.default_year) / PATHS
        for name, numbers in (("calls", slow.calls), ("unmet", slow.unmet), ("releases", slow.releases), ("call", slow.mean_call)):
            assert row[f"covenant_{name}"] == (pytest.approx(numbers.tolist(), rel=1e-9) if some else None)
            seen += numbers.sum() > 0
    assert seen >= 8
