"""Rights of two results side by side, in whatever order their files hold them: both sides are laid out by a hash of asset_id, a share at a time.

The layout is a directory of Arrow IPC files, one for each piece that was read; batch b of every file holds what belongs to share b.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.explain.room import is_there
from ipvalue.intake import Duplicates, Streams, Unit, hash_ids, read
from ipvalue.schema import Column, InputError, RunError
from ipvalue.storage import Written
from ipvalue.store import Store

ID = "asset_id"
ROWS_A_PIECE = 65_536
ROWS_A_SHARE = 8192
LEAST_ROWS = 64
MANY, MOST = 16, 1024
"""Shares that small portfolios are laid out in, so that several cores have work, and the most there are."""


def shares(rows: int) -> int:
    """In how many shares so many rows are laid out: it follows from the rows alone, so that part files are the same everywhere."""
    return max(min(MANY, -(-rows // LEAST_ROWS)), min(MOST, -(-rows // ROWS_A_SHARE)), 1)


@dataclass(frozen=True)
class Side:
    """One of the two results: its directory, and how its portfolio is read."""

    store: Store
    duplicates: Duplicates
    extra: tuple[Column, ...]


@dataclass(frozen=True)
class Piece:
    """What one task lays out: a range of rows of a portfolio, or a file of its result; `kind` says which table of which side that is."""

    kind: str
    number: int
    source: Unit | Written

    @property
    def file(self) -> str:
        return f"{self.kind}-{self.number:05d}.arrow"


@dataclass(frozen=True)
class Layout:
    """Where both sides are laid out, in how many shares, in which files of each kind; picklable."""

    store: Store
    count: int
    old: Side
    new: Side
    files: Mapping[str, Sequence[str]]
    streams: Streams = field(default_factory=Streams)

    def side(self, kind: str) -> Side:
        return self.old if kind.startswith("old") else self.new

    def check(self) -> None:
        """Raises RunError where it is gone: the explanation has ended without this worker, which is to write nothing more."""
        if not is_there(self.store):
            raise RunError(f"{self.store.location}: is gone, so the explanation was stopped")


def pieces(kind: str, units: Sequence[Unit], files: Sequence[Written]) -> list[Piece]:
    """All that is to be laid out of one side, "old" or "new": its rows, and of its result the values and the rejects."""
    found = [Piece(f"{kind}-rows", number, unit) for number, unit in enumerate(units)]
    found += [Piece(f"{kind}-values", number, one) for number, one in enumerate(files) if one.name.startswith("assets/")]
    return found + [Piece(f"{kind}-rejects", number, one) for number, one in enumerate(files) if one.name == "rejects.parquet"]


def files_of(laid_out: Sequence[Piece]) -> dict[str, list[str]]:
    """The files of the layout of some pieces, by kind."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for piece in laid_out:
        found[piece.kind].append(piece.file)
    return dict(found)


def lay_out(piece: Piece, layout: Layout) -> int:
    """Writes one piece by shares; gives its rows. Raises InputError where its file is damaged or is not what it was, RunError where it is
    not wanted any more."""
    side = layout.side(piece.kind)
    table = _rows(piece.source, side, layout.streams) if isinstance(piece.source, Unit) else _stored(piece, side)
    share = (hash_ids(table[ID].combine_chunks()) % np.uint64(layout.count)).astype(np.int64) if table.num_rows else np.empty(0, np.int64)
    order = np.argsort(share, kind="stable")
    sorted_table = table.take(pa.array(order)).combine_chunks()
    ends = np.searchsorted(share[order], np.arange(layout.count + 1))
    layout.check()
    shared_out = (_one_batch(sorted_table.slice(first, last - first)) for first, last in pairwise(ends))
    return layout.store.write_ipc(piece.file, table.schema, shared_out, lasting=False).rows


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table in one piece as a batch, also where it holds nothing."""
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)


def _rows(unit: Unit, side: Side, streams: Streams) -> pa.Table:
    """The good rows of a range, without the columns that are blank in all of them."""
    table = pa.Table.from_batches([batch for batch, _, _ in read(unit, side.duplicates, extra=side.extra, streams=streams)])
    return table.select([name for name in table.column_names if name == ID or table[name].null_count < table.num_rows])


def _stored(piece: Piece, side: Side) -> pa.Table:
    assert isinstance(piece.source, Written)
    if not side.store.holds(piece.source):
        raise InputError(f"{side.store.location}/{piece.source.name}: is missing or not what was written: value it again")
    table = side.store.read_parquet(piece.source.name)
    if piece.kind.endswith("values"):
        return table.select([ID, "value"])
    return pa.table({ID: pc.unique(table[ID].drop_null())})


def load(layout: Layout, kind: str, share: int, schema: pa.Schema) -> pa.Table:
    """What belongs to a share of one kind, every column of `schema`, by asset_id."""
    tables = []
    for name in layout.files.get(kind, ()):
        batch = layout.store.read_ipc_batch(name, share)
        columns = [batch[one.name] if one.name in batch.schema.names else pa.nulls(batch.num_rows, one.type) for one in schema]
        tables.append(pa.Table.from_arrays(columns, schema=schema))
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    return table.take(pc.sort_indices(table[ID])).combine_chunks()


@dataclass(frozen=True)
class Rights:
    """Some rights by asset_id: their rows as they stand in a portfolio, and the values they have in its result (a,)."""

    rows: pa.RecordBatch
    value: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)

    def some(self, start: int, count: int) -> Rights:
        """Those from `start`, at most `count`."""
        return Rights(self.rows.slice(start, count), self.value[start : start + count])

    def where(self, mask: npt.NDArray[np.bool_]) -> Rights:
        return Rights(self.rows.filter(pa.array(mask)), self.value[mask])


@dataclass(frozen=True)
class Share:
    """The rights of a share: those valued in both results, as they stand in the one and in the other, in one order; those valued only in the
    old one or only in the new one, and which of these the other portfolio lists (a,) and has a row of (its expiry_date, else blank)."""

    before: Rights
    after: Rights
    leaving: Rights
    arriving: Rights
    still_listed: npt.NDArray[np.bool_]
    listed_before: npt.NDArray[np.bool_]
    new_expiry: pa.Array


_VALUES = pa.schema([(ID, pa.string()), ("value", pa.float64())])
_IDS = pa.schema([(ID, pa.string())])


def share_of(layout: Layout, number: int, schemas: tuple[pa.Schema, pa.Schema]) -> Share:
    """One share of both sides; schemas: of the rows of the old portfolio, and of the new one."""
    rows, values, listed = [], [], []
    for kind, schema in zip(("old", "new"), schemas, strict=True):
        rows.append(load(layout, f"{kind}-rows", number, schema))
        values.append(load(layout, f"{kind}-values", number, _VALUES))
        listed.append(pa.concat_tables([rows[-1].select([ID]), load(layout, f"{kind}-rejects", number, _IDS)]))
    old, new = _valued(rows[0], values[0], layout.old), _valued(rows[1], values[1], layout.new)
    in_both, also = _is_in(old.rows[ID], values[1][ID]), _is_in(new.rows[ID], values[0][ID])
    leaving, arriving = old.where(~in_both), new.where(~also)
    place = pc.index_in(leaving.rows[ID], value_set=rows[1][ID])
    return Share(
        before=old.where(in_both),
        after=new.where(also),
        leaving=leaving,
        arriving=arriving,
        still_listed=_is_in(leaving.rows[ID], listed[1][ID]),
        listed_before=_is_in(arriving.rows[ID], listed[0][ID]),
        new_expiry=rows[1]["expiry_date"].combine_chunks().take(place),
    )


def _valued(rows: pa.Table, values: pa.Table, side: Side) -> Rights:
    """The rights of a result with the rows they were valued from."""
    place = pc.index_in(values[ID].combine_chunks(), value_set=rows[ID])
    if place.null_count:
        lost = values[ID].combine_chunks().filter(place.is_null())[0]
        raise InputError(f"{side.store.location}: has a value for asset_id {lost.as_py()!r}, which its portfolio does not: value it again")
    return Rights(_one_batch(rows.take(place).combine_chunks()), values["value"].combine_chunks().to_numpy())


def _is_in(ids: pa.Array, others: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = np.asarray(pc.is_in(ids, value_set=others).to_numpy(zero_copy_only=False), np.bool_)
    return found
