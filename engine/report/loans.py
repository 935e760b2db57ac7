"""A book of loans as a terminal and a notebook show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from ipvalue.amounts import count, money
from ipvalue.lendable.result import LendableResult
from ipvalue.loan_book.lent import LendResult
from ipvalue.report.table import Table

HEADS = ("expected", "deviation", "VaR 99 %", "ES 99 %", "VaR 99.9 %", "unexpected")
"""What is shown of each bearer."""
_COLUMNS = ("mean", "standard_deviation", "var_99", "es_99", "var_99_9", "unexpected_loss")
_TRANCHE_HEADS = ("attaches", "detaches", "size", "mean loss", "ES 99 %", "expected loss", "PD", "life", "rating")
_TRANCHE_SHARES = {"attachment": 2, "detachment": 2, "expected_loss": 3, "probability_of_default": 2}
"""Columns that are shown in %, with so many digits."""
_LOANS = ("principal", "expected_loss", "loan_to_value", "pd", "lgd", "largest_principal")
_SHARES = ("loan_to_value", "pd", "lgd")


def lent(result: LendResult) -> str:
    """How much is lent, and how much was left out."""
    rows = {row["by"]: row for row in result.exposures.to_pylist() if row["name"] is None}
    currency = result.manifest["inputs"]["market"]["content"]["currency"]
    whole, gone = rows["all"], rows["left out"]
    said = f"{count(whole['loans'], 'loan')} with a principal of {money(whole['principal'])} {currency}"
    return said + (f"; {count(gone['loans'], 'loan')} with {money(gone['principal'])} left out" if gone["loans"] else "")


def by_bearer(result: LendResult) -> list[tuple[str, ...]]:
    """A row for each bearer that loses anything, and for all together."""
    rows = [row for row in result.book.to_pylist() if row["bearer"] == "all" or row["var_99_9"] or row["mean"]]
    return [(row["bearer"], *(money(row[name]) for name in _COLUMNS)) for row in rows]


def book_table(result: LendResult) -> Table:
    """The same as a table."""
    currency = result.manifest["inputs"]["market"]["content"]["currency"]
    return Table(f"{lent(result)}; losses in {currency}", ("", *HEADS), by_bearer(result), "l" + "r" * len(HEADS))


def tranche_tables(result: LendResult) -> list[Table]:
    """The tranches of the pool that was cut, as a table; none where none was."""
    if result.tranches is None:
        return []
    rows = [(row["tranche"], *_tranche_cells(row)) for row in result.tranches.to_pylist()]
    currency = result.manifest["inputs"]["market"]["content"]["currency"]
    return [Table(f"Tranches, the most senior first; money in {currency}", ("", *_TRANCHE_HEADS), rows, "l" + "r" * len(_TRANCHE_HEADS))]


def _tranche_cells(row: dict[str, Any]) -> list[str]:
    found = [("" if row[name] is None else f"{row[name]:.{digits}%}") for name, digits in _TRANCHE_SHARES.items()]
    life = "" if row["weighted_average_life"] is None else f"{row['weighted_average_life']:.2f}"
    size, mean, tail = ("" if row[name] is None else money(row[name]) for name in ("size", "mean", "es_99"))
    return [found[0], found[1], size, mean, tail, *found[2:], life, row["rating"] or ""]


def loans_table(result: LendResult, most: int) -> Table:
    """The loans with the greatest expected losses."""
    loans = result.loans
    order = pc.sort_indices(loans, sort_keys=[("expected_loss", "descending"), ("loan_id", "ascending")]) if loans.num_rows else []
    top = loans.take(order[:most]) if loans.num_rows else loans
    rows = [(row["loan_id"], *_cells(row, _LOANS)) for row in top.to_pylist()]
    return Table(f"The {count(top.num_rows, 'loan')} with the greatest expected loss", ("", *_LOANS), rows, "l" + "r" * len(_LOANS))


def capacity_table(result: LendableResult) -> Table:
    """What may be lent in all, by right type and by the limit that binds, as a table."""
    rows = [(row["name"] or row["by"], f"{row['rights']:,}", *_cells(row, ("value", "largest_principal"))) for row in result.capacity.to_pylist()]
    inputs = result.manifest["inputs"]
    title = f"What policy {inputs['lendable']['policy']} allows to be lent; money in {inputs['market']['content']['currency']}"
    return Table(title, ("", "rights", "value", "at most"), rows, "lrrr")


def borrowers_table(result: LendableResult, most: int) -> Table:
    """The owners to whom most may be lent."""
    owners = result.borrowers
    top = owners.take(pc.sort_indices(owners, sort_keys=[("largest_principal", "descending"), ("owner_id", "ascending")])[:most])
    rows = [
        (row["owner_id"], f"{row['rights']:,}", *_cells(row, ("value", "largest_principal")), row["binding_limit"] or "") for row in top.to_pylist()
    ]
    return Table(f"The {count(len(rows), 'owner')} to whom most may be lent", ("", "rights", "value", "at most", "by"), rows, "lrrrl")


def _cells(row: dict[str, float | None], names: Sequence[str]) -> list[str]:
    found = ((name, row[name]) for name in names)
    return ["" if one is None else f"{one:.2%}" if name in _SHARES else money(one) for name, one in found]
