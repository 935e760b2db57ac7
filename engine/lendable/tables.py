"""How much may be lent to each owner, and on a whole register, from what was found of each right: docs/numerics.md §19, "How much may be lent".

Money is added up exactly (§8), whatever the parts. g = groups: owners, or right types and limits; k = MONEY
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import Backend, kernels
from ipvalue.constants import MONEY_LIMIT
from ipvalue.intake import Ids, hash_ids
from ipvalue.job import Job
from ipvalue.lendable.work import MONEY
from ipvalue.lending import principal as most
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.schema import RIGHT_TYPES
from ipvalue.storage import Written
from ipvalue.store import Store

LARGEST = MONEY[-1]
ROWS = 1_000_000
"""Owners of parts that are held until the distinct ones of them are taken, or as many as there are of these."""

BORROWERS = pa.schema([
    ("owner_id", pa.string()), ("rights", pa.int64()), *((name, pa.float64()) for name in MONEY), ("binding_limit", pa.string())
])  # fmt: skip
"""The columns of borrowers.parquet."""
CAPACITY = pa.schema([("by", pa.string()), ("name", pa.string()), ("rights", pa.int64()), ("value", pa.float64()), (LARGEST, pa.float64())])
"""The columns of capacity.parquet."""


@dataclass(frozen=True)
class Sums:
    """What rights add up to by group: money as 128-bit words (g·k, 2), how many have none of it (g, k), and how many there are (g,)."""

    money: npt.NDArray[np.uint64]
    blank: Longs
    rights: Longs
    backend: Backend

    @classmethod
    def of(cls, groups: int, backend: Backend) -> Sums:
        """Nothing yet."""
        return cls(np.zeros((groups * len(MONEY), 2), np.uint64), np.zeros((groups, len(MONEY)), np.int64), np.zeros(groups, np.int64), backend)

    def add(self, group: Longs, part: pa.Table) -> None:
        """Adds rights (a,) to their groups."""
        amounts = np.stack([pc.fill_null(part[name], 0.0).to_numpy() for name in MONEY], axis=1)
        amounts = np.minimum(amounts, MONEY_LIMIT)  # a limit may be as good as none
        kernels(self.backend).add_exact(self.money, group.astype(np.int32), np.ascontiguousarray(amounts))
        for k, name in enumerate(MONEY):
            self.blank[:, k] += np.bincount(group[part[name].is_null().to_numpy()], minlength=len(self.rights))
        self.rights[:] += np.bincount(group, minlength=len(self.rights))

    def together(self, groups: Mask) -> Sums:
        """Some groups (g,) as one."""
        kernel, money = kernels(self.backend), np.zeros((len(MONEY), 2), np.uint64)
        for one in self.money.reshape(-1, len(MONEY), 2)[groups]:
            kernel.merge_exact(money, np.ascontiguousarray(one))
        return Sums(money, self.blank[groups].sum(axis=0, keepdims=True), self.rights[groups].sum(keepdims=True), self.backend)

    def amounts(self) -> Floats:
        """(g, k) money, infinite where one of the rights has none: there nothing limits it."""
        found = kernels(self.backend).exact_as_float(self.money).reshape(-1, len(MONEY))
        return np.where(self.blank > 0, most.NO_LIMIT, found)


def write_lendable(store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes what may be lent to owners, what in all, and the rejects. Holds the owners, and what is added up of each."""
    borrowers, capacity = added_up(store, [file.name for file in gathered.written()], job.backend)
    return [
        store.write_parquet("borrowers.parquet", borrowers),
        store.write_parquet("capacity.parquet", capacity),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def added_up(store: Store, parts: Sequence[str], backend: Backend) -> tuple[pa.Table, pa.Table]:
    """What the rights of some parts add up to, by owner and in all: borrowers.parquet and capacity.parquet. Each part is read twice."""
    ids = _owners(store.read_parquet(name)["owner_id"].combine_chunks() for name in parts)
    of_owners, of_kinds = Sums.of(len(ids.ids) + 1, backend), Sums.of(_KINDS, backend)
    for name in parts:
        part = store.read_parquet(name)
        of_owners.add(_places(ids, part["owner_id"].combine_chunks()), part)
        of_kinds.add(_kinds(part), part)
    return _borrowers(ids, of_owners), _capacity(of_kinds, int(of_owners.rights[-1]))


def _owners(columns: Iterator[pa.StringArray]) -> Ids:
    """All owners that there are, each once."""
    held: list[pa.StringArray] = [pa.array([], pa.string())]
    for column in columns:
        held.append(pc.drop_null(pc.unique(column)))
        if sum(map(len, held[1:])) > max(ROWS, len(held[0])):
            held = [pc.unique(pa.chunked_array(held))]
    ids = pc.unique(pa.chunked_array(held))
    hashes = hash_ids(ids)
    order = np.argsort(hashes, kind="stable")
    return Ids(hashes[order], ids.take(pa.array(order)))


def _places(ids: Ids, column: pa.StringArray) -> Longs:
    """(a,) the group of each right: its owner's, the last where it has none."""
    group, given = np.full(len(column), len(ids.ids), np.int64), column.is_valid().to_numpy(zero_copy_only=False)
    group[given] = ids.places(column.filter(pa.array(given)))
    return group


_BINDS: Sequence[str | None] = (*most.LIMITS, None)
_KINDS = len(RIGHT_TYPES) * len(_BINDS)


def _kinds(part: pa.Table) -> Longs:
    """(a,) the group of each right by its type and the limit that binds."""
    places = (pc.index_in(part[name], pa.array(names, pa.string())) for name, names in (("right_type", RIGHT_TYPES), ("binding_limit", _BINDS)))
    of_type, limit = (one.to_numpy().astype(np.int64) for one in places)
    found: Longs = of_type * len(_BINDS) + limit
    return found


def _borrowers(ids: Ids, sums: Sums) -> pa.Table:
    """A row for each owner, by its id; rights without one are left out."""
    order = pc.sort_indices(ids.ids).to_numpy()
    amounts = sums.amounts()[order]
    least, binding = most.binding(amounts[:, 1:-1])
    amounts[:, -1] = least
    columns: dict[str, Any] = {
        "owner_id": ids.ids.take(pa.array(order)),
        "rights": sums.rights[order],
        **{name: pa.array(one, mask=~np.isfinite(one)) for name, one in zip(MONEY, amounts.T, strict=True)},
        "binding_limit": pa.array(most.LIMITS, pa.string()).take(pa.array(binding, mask=binding < 0)),
    }
    return pa.table(columns, BORROWERS).combine_chunks()


def _capacity(sums: Sums, without_owner: int) -> pa.Table:
    """What may be lent on all rights, on those of each type, and on those that each limit binds; and how many have no owner."""
    of_type, limit = np.divmod(np.arange(_KINDS), len(_BINDS))
    rows = [{"by": "all", **_row(sums, of_type >= 0)}]
    for by, names, of_group in (("right_type", RIGHT_TYPES, of_type), ("binding_limit", most.LIMITS, limit)):
        some = [{"by": by, "name": name, **_row(sums, of_group == place)} for place, name in enumerate(names)]
        rows += [row for row in some if row["rights"]]
    rows.append({"by": "without an owner", "rights": without_owner})
    return pa.Table.from_pylist(rows, CAPACITY)


def _row(sums: Sums, groups: Mask) -> dict[str, Any]:
    """Of some groups together; what may be lent is blank where nothing limits it on one of the rights."""
    found = sums.together(groups)
    amounts = found.amounts()[0]
    return {"rights": int(found.rights[0]), "value": amounts[0], LARGEST: amounts[-1] if np.isfinite(amounts[-1]) else None}
