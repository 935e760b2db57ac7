"""Loans of profile exchange: its clients borrow against their own rights, as much together as is published (data/exchange_loans.toml).

b = borrowers, l = loans.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.synthesize.columns import CATEGORY, category, constant, numbered
from ipvalue.synthesize.draws import BLOCK, Codes, Floats, Share, law_of, uniforms
from ipvalue.synthesize.exchange import Exchange
from ipvalue.synthesize.margins import margins
from ipvalue.synthesize.pledges import Pledges, draw_pledges
from ipvalue.synthesize.worth import Longs, Rights, rights_of, sums_by

RIGHTS = BLOCK
"""The first rights of the portfolio, which loans are drawn against: one book for all portfolios that have them."""

LOANS = pa.schema(
    [
        ("loan_id", pa.string()),
        ("borrower_id", pa.string()),
        ("asset_ids", pa.list_(pa.string())),
        ("pledge_ranks", pa.list_(pa.int64())),
        ("principal", pa.float64()),
        ("currency", CATEGORY),
        ("rate", pa.float64()),
        ("term", pa.float64()),
        ("amortisation", CATEGORY),
        ("schedule", pa.list_(pa.float64())),
        ("unsecured_rate", pa.float64()),
        ("guarantee_fee", pa.float64()),
        ("pd", pa.float64()),
        ("sector", CATEGORY),
        ("programme", CATEGORY),
        ("exposure_class", CATEGORY),
        ("turnover", pa.float64()),
    ]
)

_BORROWERS, _LOANS = 2**63 + 3, 2**63 + 4
"""Streams of random words, beyond those of the pledges."""


class Loans:
    """What the file says, and the book of loans that follows from it."""

    def __init__(self, exchange: Exchange) -> None:
        self._file = margins("exchange_loans")
        self.source: str = self._file["source"]
        self._exchange = exchange

    def table(self, seed: int) -> pa.Table:
        """All loans, by borrower; their principals add up to what the file says."""
        portfolio = pa.Table.from_arrays(self._exchange.block(seed, 0), schema=self._exchange.schema)
        rights = rights_of(portfolio, self._exchange.valuation_date, self._file["rights"])
        pledges = draw_pledges(seed, rights, self._file)
        terms = _Terms(seed, len(pledges.borrower), self._file["loans"])
        principal = _principals(terms.lent, rights, pledges, self._file)
        sales = sums_by(rights.owner, rights.sales)[pledges.client]
        firms = _Firms(seed, sums_by(pledges.borrower, principal), sales, self._file)
        client = pledges.client[pledges.borrower]
        sectors, names = self._exchange.client_sectors(seed)
        columns = {
            "loan_id": numbered(self._file["prefix"], np.arange(1, len(principal) + 1)),
            "borrower_id": portfolio["owner_id"].take(pa.array(client)).combine_chunks(),
            "asset_ids": pa.ListArray.from_arrays(pledges.offset, portfolio["asset_id"].take(pa.array(pledges.right)).combine_chunks()),
            "pledge_ranks": pa.ListArray.from_arrays(pledges.offset, pa.array(pledges.rank)),
            "principal": pa.array(principal),
            "currency": constant(self._file["currency"], len(principal)),
            "sector": category(sectors[client], names),
            **terms.columns(principal, firms.guaranteed[pledges.borrower]),
            **firms.columns(pledges.borrower),
        }
        return pa.Table.from_arrays([columns[name].cast(kind) for name, kind in zip(LOANS.names, LOANS.types)], schema=LOANS)


def _principals(lent: Floats, rights: Rights, pledges: Pledges, table: dict[str, Any]) -> Floats:
    """A part of what may be lent on the rights that a loan has at first rank, scaled so that the sum is the published one. (l)"""
    at_first_rank = np.where(pledges.rank == 1, rights.lendable[pledges.right], 0.0)
    asked = np.minimum(np.add.reduceat(at_first_rank, pledges.offset[:-1]) * lent, table["loans"]["most"])
    up_to = np.cumsum(asked)
    units = np.rint(up_to / up_to[-1] * (table["principal"] // table["unit"]))
    found: Floats = np.diff(units, prepend=0.0) * table["unit"]
    return found


class _Terms:
    """What a loan costs and how it is repaid, (l) each."""

    def __init__(self, seed: int, loans: int, table: dict[str, Any]) -> None:
        u_lent, u_term, u_kind, u_rate, u_saving, u_fee = uniforms(seed, _LOANS, 6, loans)
        self.lent = law_of(table["lent"])(u_lent)
        self._term = law_of(table["term"])(u_term)
        self._rate = law_of(table["rate"])(u_rate)
        self._saving = law_of(table["saving"])(u_saving)
        self._fee = law_of(table["guarantee_fee"])(u_fee)
        longer, one_year = Share.of(table["amortisation"]["longer"]), Share.of(table["amortisation"]["one_year"])
        self._kinds = longer.names
        places = np.array([longer.names.index(name) for name in one_year.names], np.int32)
        self._kind = np.where(self._term > 1.0, longer.draw(u_kind), places[one_year.draw(u_kind)]).astype(np.int32)

    def columns(self, principal: Floats, guaranteed: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
        fee = np.where(guaranteed, self._fee, 0.0)
        return {
            "rate": pa.array(self._rate),
            "term": pa.array(self._term),
            "amortisation": category(self._kind, self._kinds),
            "schedule": self._schedules(principal),
            "unsecured_rate": pa.array(np.round(self._rate + fee + self._saving, 4)),
            "guarantee_fee": pa.array(fee, mask=~guaranteed),
        }

    def _schedules(self, principal: Floats) -> pa.Array:
        """Whole yuan by year, in proportion to 1, 2, 3, …; blank where another kind of repayment is."""
        own = self._kind == self._kinds.index("schedule")
        years = np.where(own, np.ceil(self._term), 0.0).astype(np.int64)
        offset = np.append(0, np.cumsum(years))
        loan = np.repeat(np.arange(len(years)), years)
        year = np.arange(len(loan)) - offset[loan] + 1
        whole = years * (years + 1)
        by_then, before = (np.rint(principal[loan] * (y * (y + 1) / whole[loan])) for y in (year, year - 1))
        return pa.ListArray.from_arrays(pa.array(offset, pa.int32()), pa.array(by_then - before), mask=pa.array(~own))


class _Firms:
    """Borrowers by size and programme, and how likely they are to default in a year, (b) each."""

    def __init__(self, seed: int, borrowed: Floats, sales: Floats, file: dict[str, Any]) -> None:
        u_default, u_programme = uniforms(seed, _BORROWERS, 2, len(borrowed))
        euro, limits, laws = file["rights"]["fx"]["EUR"] * 1e6, file["classes"], file["classes"]["pd"]
        self._turnover = np.round(np.maximum(sales, file["borrowers"]["least_sales"] * borrowed) / euro, 3)
        large, retail = self._turnover >= limits["sme_below"], borrowed / euro < limits["retail_below"]
        self._classes = tuple(laws)
        corporate, sme, other_retail = (self._classes.index(name) for name in ("corporate", "sme", "other_retail"))
        self._class: Codes = np.where(large, corporate, np.where(retail, other_retail, sme)).astype(np.int32)
        self._pd = np.choose(self._class, [law_of(law)(u_default) for law in laws.values()])
        self._programmes = Share.of(file["programmes"]["shares"])
        self._programme = self._programmes.draw(u_programme)
        self.guaranteed = np.isin(self._programmes.names, file["programmes"]["guaranteed"])[self._programme]

    def columns(self, borrower: Longs) -> dict[str, pa.Array]:
        return {
            "pd": pa.array(self._pd[borrower]),
            "programme": category(self._programme[borrower], self._programmes.names),
            "exposure_class": category(self._class[borrower], self._classes),
            "turnover": pa.array(self._turnover[borrower]),
        }
