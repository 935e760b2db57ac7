"""Families of rights that protect one product: whether they share out more than the whole of its revenue (model.md §11.4)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.columns import given
from ipvalue.intake.hashes import hash_ids

FAMILY, SHARE = "family_id", "revenue_share"
COLUMNS = (FAMILY, SHARE)

WHOLE = 1.0 + 1e-9
"""What shares may add up to: ten tenths are a little more than 1."""

EXAMPLES = 3
"""Families named in the warning."""

Longs = npt.NDArray[np.int64]


class Families:
    """The sum of the shares of each family, over a whole portfolio read in order: 24 bytes a family, whatever its name.

    A blank share counts as 1. Families are told apart by the XXH64 of their names.
    """

    def __init__(self) -> None:
        self._hash: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._sum: npt.NDArray[np.float64] = np.empty(0)
        self._first: Longs = np.empty(0, np.int64)
        self._waiting: list[tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64], Longs]] = []
        self._rows_waiting = 0
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows: columns family_id and revenue_share."""
        if batch[FAMILY].null_count < batch.num_rows:
            named = given(batch[FAMILY])
            shares = pc.fill_null(batch[SHARE], 1.0).to_numpy(zero_copy_only=False)[named]
            rows = self._rows + np.flatnonzero(named)
            self._waiting.append((hash_ids(batch[FAMILY].drop_null()), shares, rows))
            self._rows_waiting += len(shares)
            # merged only when as many are waiting as are known, so the work stays linear
            if self._rows_waiting > max(len(self._hash), 1 << 20):
                self._merge()
        self._rows += batch.num_rows

    def _merge(self) -> None:
        hashes = np.concatenate([self._hash, *(one for one, _, _ in self._waiting)])
        shares = np.concatenate([self._sum, *(one for _, one, _ in self._waiting)])
        rows = np.concatenate([self._first, *(one for _, _, one in self._waiting)])
        self._hash, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        self._sum, self._first = np.zeros(len(self._hash)), rows[first]
        np.add.at(self._sum, place, shares)
        self._waiting, self._rows_waiting = [], 0

    def over(self) -> Longs:
        """The first row, counted through the portfolio, of each family whose shares add up to more than 1, ascending."""
        self._merge()
        return np.sort(self._first[self._sum > WHOLE])


def warning(over: Longs, batches: Iterable[pa.RecordBatch]) -> str:
    """The sentence about families whose first rows are `over`; `batches` have all rows in order, with asset_id and family_id."""
    wanted, first, named = over[:EXAMPLES], 0, []
    for batch in batches:
        inside = wanted[(wanted >= first) & (wanted < first + batch.num_rows)] - first
        named += [f"{row[FAMILY]} with {row['asset_id']}" for row in batch.take(pa.array(inside)).to_pylist()]
        first += batch.num_rows
        if len(named) == len(wanted):
            break
    more = f" and {len(over) - len(wanted):,} more" if len(over) > len(wanted) else ""
    return (
        f"{len(over):,} {'family' if len(over) == 1 else 'families'} ({', '.join(named)}{more}): the revenue_share of the rows of one family_id "
        "add up to more than 1 (a blank is 1), so the product's revenue counts more than once; divide it among them"
    )
