"""One pass over the ids before a run: which occur more than once, how many groups there are, and families that share out too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.intake import families
from ipvalue.intake.cells import converted
from ipvalue.intake.families import Families
from ipvalue.intake.hashes import hash_ids
from ipvalue.intake.kind import RIGHTS, Kind
from ipvalue.intake.portfolio import Portfolio
from ipvalue.intake.stored import BATCH_ROWS, stored_batches
from ipvalue.schema import PORTFOLIO, InputError, did_you_mean

NOWHERE = -1

_ID, _METHODS = "asset_id", "methods"
_MOST_ROWS = 2**62


@dataclass(frozen=True)
class Ids:
    """Distinct ids, ascending by XXH64 hash."""

    hashes: npt.NDArray[np.uint64]
    ids: pa.StringArray

    def places(self, ids: pa.StringArray) -> npt.NDArray[np.int64]:
        """Where each of `ids`, none blank, stands among these, NOWHERE where it does not; a shared hash alone is not enough."""
        found = np.full(len(ids), NOWHERE, np.int64)
        if not len(self.hashes):
            return found
        hashes = hash_ids(ids)
        suspects = np.flatnonzero(_among(hashes, self.hashes))
        place = np.searchsorted(self.hashes, hashes[suspects])
        while len(suspects):
            same = pc.equal(ids.take(pa.array(suspects)), self.ids.take(pa.array(place))).to_numpy(zero_copy_only=False)
            found[suspects[same]] = place[same]
            following = np.minimum(place + 1, len(self.hashes) - 1)
            further = ~same & (following > place) & (self.hashes[following] == hashes[suspects])
            suspects, place = suspects[further], following[further]
        return found


@dataclass(frozen=True)
class Duplicates(Ids):
    """The ids that occur more than once, and how often each occurs."""

    counts: npt.NDArray[np.int64]

    def occurrences(self, ids: pa.StringArray) -> npt.NDArray[np.int64]:
        """How often each of `ids` occurs where that is more than once, else 0."""
        place = self.places(ids)
        found = np.zeros(len(ids), np.int64)
        found[place != NOWHERE] = self.counts[place[place != NOWHERE]]
        return found


def no_duplicates() -> Duplicates:
    """Those of a portfolio without any."""
    return Duplicates(np.empty(0, np.uint64), pa.array([], pa.string()), np.empty(0, np.int64))


def duplicated(portfolio: Portfolio, duplicates: Duplicates) -> npt.NDArray[np.bool_]:
    """(rows,) the rows whose asset_id is one of `duplicates`."""
    found = np.zeros(portfolio.rows, np.bool_)
    if not len(duplicates.hashes):
        return found
    row = 0
    for batch in columns_of(portfolio, [_ID]):
        given = row + np.flatnonzero(batch[_ID].is_valid().to_numpy(zero_copy_only=False))
        found[given] = duplicates.occurrences(batch[_ID].drop_null()) > 0
        row += batch.num_rows
    return found


@dataclass(frozen=True)
class Scan:
    """The duplicated ids, the number of distinct combinations of the group columns (1 without any), the most methods that a row names, and what
    the user should know."""

    duplicates: Duplicates
    groups: int
    methods: int
    warnings: tuple[str, ...] = ()


def scan(portfolio: Portfolio, group_by: Sequence[str] = ()) -> Scan:
    """Read the ids, the group columns, the lists of methods and the families once, batch by batch; 8 bytes a row are held, and 24 a family.

    Ids whose hashes are equal are read again and compared as text. Groups are counted on the columns as given, blanks
    before filling. Raises InputError where a group column is no column of the portfolio.
    """
    for name in group_by:
        if name not in PORTFOLIO:
            raise InputError(f"cannot group by {name!r}: it is no column of the portfolio{did_you_mean(name, PORTFOLIO)}")
    hashes = np.empty(portfolio.rows, np.uint64)
    filled = 0
    groups, shared, methods = _Distinct(), Families(), 0
    for batch in columns_of(portfolio, [_ID, _METHODS, *families.COLUMNS, *group_by]):
        ids = batch[_ID].drop_null()
        hashes[filled : filled + len(ids)] = hash_ids(ids)
        filled += len(ids)
        groups.add(batch.select(list(group_by)))
        shared.add(batch)
        methods = max(methods, pc.max(pc.list_value_length(batch[_METHODS])).as_py() or 0)
    over = shared.over()
    warnings = (families.warning(over, columns_of(portfolio, [_ID, families.FAMILY])),) if len(over) else ()
    return Scan(_confirmed(portfolio, hashes[:filled], RIGHTS), groups.count(), methods, warnings)


def repeated_ids(portfolio: Portfolio, kind: Kind) -> Duplicates:
    """The names of rows that occur more than once."""
    hashes = [hash_ids(batch[kind.key].drop_null()) for batch in columns_of(portfolio, [kind.key], kind)]
    return _confirmed(portfolio, np.concatenate(hashes), kind)


def ids_of(portfolio: Portfolio) -> Iterator[tuple[str, int, pa.StringArray]]:
    """The ids of all rows batch by batch: the file they are of, as the user calls it, the number of the first within it, and the ids, some blank."""
    for unit in portfolio.units(_MOST_ROWS):
        first = unit.first_row
        for batch in stored_batches(unit, [_ID]):
            yield unit.display, first, converted(PORTFOLIO[_ID], batch)[0]
            first += batch.num_rows


def columns_of(portfolio: Portfolio, names: list[str], kind: Kind = RIGHTS) -> Iterator[pa.RecordBatch]:
    """Those columns of every row, in the registry's types; cells that cannot be are null."""
    names = list(dict.fromkeys(names))
    for unit in portfolio.units(_MOST_ROWS):
        for batch in stored_batches(unit, names):
            yield pa.RecordBatch.from_arrays([converted(kind.columns[name], batch)[0] for name in names], names)


def _confirmed(portfolio: Portfolio, hashes: npt.NDArray[np.uint64], kind: Kind) -> Duplicates:
    """The names of rows, all of whose `hashes` are given and left sorted, that occur more than once themselves."""
    hashes.sort()
    repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    suspects: list[pa.Array] = []
    if len(repeated):
        for batch in columns_of(portfolio, [kind.key], kind):
            ids = batch[kind.key].drop_null()
            suspects.append(ids.filter(pa.array(_among(hash_ids(ids), repeated))))
    counted = pc.value_counts(pa.chunked_array(suspects, pa.string()))
    counts = counted.field("counts").to_numpy()
    ids = counted.field("values").filter(pa.array(counts > 1))
    hashes = hash_ids(ids)
    order = np.argsort(hashes, kind="stable")
    return Duplicates(hashes[order], ids.take(pa.array(order)), counts[counts > 1][order])


def _among(hashes: npt.NDArray[np.uint64], ascending: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which of `hashes` are among `ascending`, sorted and not empty: a search each, without sorting them again."""
    place = np.minimum(np.searchsorted(ascending, hashes), len(ascending) - 1)
    found: npt.NDArray[np.bool_] = ascending[place] == hashes
    return found


class _Distinct:
    """Distinct rows of a growing table; merged only when as many are waiting as are known, so the work stays linear."""

    def __init__(self) -> None:
        self._known: pa.Table | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a batch with at least one column; nothing else counts."""
        if not batch.num_columns:
            return
        distinct = _distinct(pa.Table.from_batches([batch]))
        self._waiting.append(distinct)
        self._waiting_rows += distinct.num_rows
        if self._waiting_rows > max(BATCH_ROWS, self._known.num_rows if self._known else 0):
            self._merge()

    def count(self) -> int:
        """How many there are; 1 without columns."""
        self._merge()
        return self._known.num_rows if self._known else 1

    def _merge(self) -> None:
        parts = [*([self._known] if self._known else []), *self._waiting]
        if parts:
            self._known = _distinct(pa.concat_tables(parts))
        self._waiting, self._waiting_rows = [], 0


def _distinct(table: pa.Table) -> pa.Table:
    return table.group_by(table.column_names, use_threads=False).aggregate([])
