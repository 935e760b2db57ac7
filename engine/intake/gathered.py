"""Rows of a portfolio that are wanted by their ids: found in one pass, and copied in another to an Arrow IPC file, those of each part together.

n = rows that are wanted
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.files import open_binary, reading
from ipvalue.intake.hashes import hash_ids
from ipvalue.intake.portfolio import Portfolio
from ipvalue.intake.rows import read
from ipvalue.intake.scan import NOWHERE, Duplicates, Ids, ids_of
from ipvalue.intake.stored import BATCH_ROWS, describe_file
from ipvalue.schema import PORTFOLIO, Rejects, RunError

Longs = npt.NDArray[np.int64]
Places = npt.NDArray[Any]
"""Whole numbers in 32 bits where these are enough."""

KEPT_ROWS = BATCH_ROWS
"""Rows that are held until they are written, sorted by part: the more, the fewer batches a part has."""
NUMBER, FILE, ROW = "(number)", "(file)", "(row)"
"""Columns of the copy beside the portfolio's: which of those wanted a row is, its file by number, and its number within that."""
_MOST_ROWS = 2**62


def places_of(portfolio: Portfolio, ids: pa.StringArray) -> Places:
    """(n,) the row, among those of all files, of each of distinct ids, NOWHERE where there is none; of duplicates any.

    The texts of the portfolio's ids are held a batch at a time.
    """
    hashes = hash_ids(ids)
    order = np.argsort(hashes, kind="stable")
    wanted = Ids(hashes[order], ids.take(pa.array(order)))
    found: Places = np.full(len(ids), NOWHERE, np.int32 if portfolio.rows < 2**31 else np.int64)
    first_of = dict(zip((one.display for one in portfolio.files), _first_rows(portfolio), strict=True))
    for display, first, texts in ids_of(portfolio):
        given = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
        place = wanted.places(texts.drop_null())
        here = place != NOWHERE
        found[order[place[here]]] = first_of[display] + first + given[here]
    return found


def _first_rows(portfolio: Portfolio) -> list[int]:
    """The number of each file's first row among those of all."""
    return list(accumulate((one.rows for one in portfolio.files[:-1]), initial=0))


@dataclass(frozen=True)
class Gathered:
    """Clean rows in an Arrow IPC file: `batches` are the record batches that hold those of each part, `files` what the user calls the portfolio's."""

    path: str
    batches: tuple[tuple[int, ...], ...]
    files: tuple[str, ...]

    def read(self, part: int) -> tuple[pa.RecordBatch, Longs, Longs, Longs]:
        """The rows of a part with every column of the registry, and the number, file and row (n,) of each, by number. Raises RunError."""
        with reading(self.path, lost=RunError), open_binary(self.path) as file:
            opened = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(use_threads=False))
            table = pa.Table.from_batches([opened.get_batch(one) for one in self.batches[part]], opened.schema)
        table = table.take(pa.array(np.argsort(table[NUMBER].to_numpy()))).combine_chunks()
        number, of_file, row = (table[name].to_numpy() for name in (NUMBER, FILE, ROW))
        columns = [
            _whole(table[name]) if name in table.column_names else pa.nulls(table.num_rows, column.arrow_type) for name, column in PORTFOLIO.items()
        ]
        return pa.RecordBatch.from_arrays(columns, list(PORTFOLIO)), number, of_file, row


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def gather(portfolio: Portfolio, duplicates: Duplicates, places: Places, part: Places, folder: Path) -> tuple[Gathered, Rejects]:
    """Copies the rows at `places` (n,) of a portfolio, each to its `part` (n,) from 0, into a file in `folder`; and the problems of those that are no
    good, which are left out. places: of `places_of`. Raises InputError where a file is damaged, RunError where the copy cannot be written."""
    path, rejects = folder / "pledged.arrow", Rejects()
    named = {name for one in portfolio.files for name in describe_file(one.path, one.format)[0].names}
    columns = [(name, column.arrow_type) for name, column in PORTFOLIO.items() if name in named]
    schema = pa.schema([*columns, *((name, pa.int64()) for name in (NUMBER, FILE, ROW))])
    batches: list[list[int]] = [[] for _ in range(int(part.max(initial=-1)) + 1)]
    written = 0
    try:
        with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
            for table in _gathered(portfolio, duplicates, places, schema, rejects):
                of_part = part[table[NUMBER].to_numpy()]
                order = np.argsort(of_part, kind="stable")
                table, of_part = table.take(pa.array(order)).combine_chunks(), of_part[order]
                starts = np.flatnonzero(np.diff(of_part, prepend=NOWHERE))
                for start, stop in zip(starts, [*starts[1:], len(of_part)], strict=True):
                    for batch in table.slice(start, stop - start).to_batches():
                        writer.write_batch(batch)
                        batches[of_part[start]].append(written)
                        written += 1
    except OSError as error:
        raise RunError(f"{path}: the copy of pledged rows cannot be written ({error}): make room or go elsewhere") from None
    return Gathered(str(path), tuple(map(tuple, batches)), tuple(one.display for one in portfolio.files)), rejects


def _gathered(portfolio: Portfolio, duplicates: Duplicates, places: Places, schema: pa.Schema, rejects: Rejects) -> Iterator[pa.Table]:
    """The rows wanted, some KEPT_ROWS at a time, in the order of the portfolio."""
    held: list[pa.RecordBatch] = []
    for batch in _wanted(portfolio, duplicates, places, schema, rejects):
        if batch.num_rows:
            held.append(batch)
        if sum(one.num_rows for one in held) >= KEPT_ROWS:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)


def _wanted(portfolio: Portfolio, duplicates: Duplicates, places: Places, schema: pa.Schema, rejects: Rejects) -> Iterator[pa.RecordBatch]:
    for at, (source, first) in enumerate(zip(portfolio.files, _first_rows(portfolio), strict=True)):
        here = np.flatnonzero((places >= first) & (places < first + source.rows))
        here = here[np.argsort(places[here])]
        sorted_rows, only = places[here] - first, np.zeros(source.rows, np.bool_)
        only[sorted_rows] = True
        for unit in source.units(_MOST_ROWS):
            for batch, row, problems in read(unit, duplicates, only=only[unit.first_row : unit.first_row + unit.rows]):
                rejects.merge(problems)
                more = [here[np.searchsorted(sorted_rows, row)], np.full(len(row), at), row]
                arrays = [*(batch[name] for name in schema.names[:-3]), *map(pa.array, more)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
