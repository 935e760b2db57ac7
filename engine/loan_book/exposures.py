"""exposures.parquet: what is lent and what was left out, by sector and right type, and how concentrated it is. Added up part by part of the loans.

l = loans that are lent, in the order of the book
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.lending.book import concentration
from ipvalue.lending.left_out import LeftOut
from ipvalue.lending.loans import Loans
from ipvalue.rows import Floats, Longs
from ipvalue.schema import RIGHT_TYPES

EXPOSURES = pa.schema([
    ("by", pa.string()), ("name", pa.string()), ("loans", pa.int64()), ("principal", pa.float64()), ("concentration", pa.float64())
])  # fmt: skip
"""The columns of exposures.parquet."""


@dataclass(frozen=True)
class Exposures:
    """Principals of the loans so far, part by part, and by right type those of each part that has the type at all."""

    principals: list[Floats] = field(default_factory=list)
    by_type: list[dict[int, Floats]] = field(default_factory=list)

    def add(self, figures: pa.Table) -> None:
        """Adds the next of the loans, by their figures."""
        held = figures["by_right_type"].combine_chunks().flatten().to_numpy().reshape(-1, len(RIGHT_TYPES))
        self.principals.append(figures["principal"].to_numpy())
        self.by_type.append({int(place): held[:, place].copy() for place in np.flatnonzero(held.any(axis=0))})

    def table(self, loans: Loans, number: Longs, left_out: LeftOut) -> pa.Table:
        """The whole of it. number (l): which loans of the book were added; left_out: how much was before."""
        principal = np.concatenate([np.zeros(0), *self.principals])
        gone = np.delete(loans.terms.principal, number)
        sector = loans.terms.sector[number].astype(np.int64)
        names = [*loans.sectors, None]
        types = {place: self._of_type(place) for place in sorted(set().union(*self.by_type))}
        all_types = np.concatenate([np.zeros(0), *types.values()])
        rows: list[dict[str, Any]] = [
            {"by": "all", "loans": len(number), "principal": float(principal.sum())},
            {"by": "left out", "loans": left_out.loans + len(gone), "principal": left_out.principal + float(gone.sum())},
            {"by": "left out unread", "loans": left_out.unread},
            {"by": "borrower", "loans": len(number), "concentration": concentration(principal, loans.borrower[number])},
            {"by": "sector", "loans": len(number), "concentration": concentration(principal, np.where(sector < 0, len(loans.sectors), sector))},
            {"by": "right_type", "loans": len(number), "concentration": concentration(all_types, np.repeat(np.arange(len(types)), len(number)))},
        ]
        for place in np.unique(sector):
            here = sector == place
            rows.append({"by": "sector", "name": names[place], "loans": int(here.sum()), "principal": float(principal[here].sum())})
        for place, held in types.items():
            rows.append({"by": "right_type", "name": RIGHT_TYPES[place], "loans": int(np.count_nonzero(held)), "principal": float(held.sum())})
        return pa.Table.from_pylist(rows, EXPOSURES)

    def _of_type(self, place: int) -> Floats:
        """(l) the principal on rights of one type."""
        return np.concatenate([held.get(place, np.zeros(len(one))) for held, one in zip(self.by_type, self.principals, strict=True)])
