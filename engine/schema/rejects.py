"""What is wrong with the rows that could not be valued, column by column, ready to be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

REJECTS_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("asset_id", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("rule", pa.string()),
        ("message", pa.string()),
    ]
)

ENDS_PROCESS = "a row can be valued without ending the process"
"""The rule of a row that ended every process which valued it."""


@dataclass(frozen=True)
class BrokenRule:
    """A rule of a column, and how many problems there are with it."""

    column: str
    rule: str
    problems: int


class Rejects:
    """A growing list of problems. One row may have several; `len` counts problems, `rows` the rows that have any."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._places: dict[str, Callable[[str, int], str]] = {}

    def add(
        self,
        file: str,
        rows: npt.NDArray[np.int64],
        asset_ids: Sequence[str | None],
        column: str,
        values: Sequence[str | None],
        rule: str,
        message: str | Sequence[str],
    ) -> None:
        """Add a problem for each of `rows` (from 0, within the file); `message` is one for all or one for each."""
        n = len(rows)
        messages = [message] * n if isinstance(message, str) else message
        columns = [[file] * n, rows, asset_ids, [column] * n, values, [rule] * n, messages]
        arrays = [pa.array(entries, field.type) for entries, field in zip(columns, REJECTS_SCHEMA, strict=True)]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=REJECTS_SCHEMA))

    def merge(self, other: Rejects) -> None:
        """Take over the problems of `other`."""
        self._batches.extend(other._batches)
        self._left_out += other._left_out

    def locate(self, places: Mapping[str, Callable[[str, int], str]]) -> None:
        """From now on `table` ends the messages of these files with what names the cell there, by column and row: "(cell D7 of sheet rights)"."""
        self._places.update(places)

    def under(self, what: str) -> Rejects:
        """The same problems, of rows under `what`: their messages begin with it."""
        found = Rejects.of_batches([])
        for batch in self._batches:
            place = batch.schema.get_field_index("message")
            told = pc.binary_join_element_wise(f"{what}: ", batch["message"], "")
            found._batches.append(batch.set_column(place, batch.schema.field(place), told))
        return found

    def shorten(self, keep: int | None) -> None:
        """Keep the first `keep` problems of each rule (None: all), and of the others their number only, so that memory stays bounded."""
        if keep is None or not self._batches:
            return
        table, kept = self.table(), []
        seen: Counter[tuple[str, str]] = Counter()
        for place, key in enumerate(_keys(table)):
            seen[key] += 1
            if seen[key] <= keep:
                kept.append(place)
        self._left_out += Counter({key: max(count - keep, 0) for key, count in seen.items()})
        self._batches = table.take(pa.array(kept, pa.int64())).to_batches()

    def broken_rules(self) -> tuple[BrokenRule, ...]:
        """The rules that are broken, by the number of problems, most first."""
        counts = Counter(_keys(self.table())) + self._left_out
        return tuple(BrokenRule(column, rule, count) for (column, rule), count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    def table(self, key: str = "asset_id") -> pa.Table:
        """All problems (REJECTS_SCHEMA) by file, row, column and rule: the same table whatever the order of adding. key: what names a row."""
        keys = [(name, "ascending") for name in ("file", "row", "column", "rule")]
        found = pa.Table.from_batches(self._batches, REJECTS_SCHEMA).combine_chunks()
        # not Table.sort_by: its threads outlive it, and one that lets go of a worker's receipt while Python ends takes the process with it
        found = self._located(found.take(pc.sort_indices(found, sort_keys=keys)).combine_chunks())
        return found.rename_columns([key if name == "asset_id" else name for name in found.column_names])

    def _located(self, table: pa.Table) -> pa.Table:
        """The same with the cells named, in the files where they can be."""
        if not self._places or not table.num_rows:
            return table
        of = zip(*(table[name].to_pylist() for name in ("file", "column", "row", "message")), strict=True)
        told = [f"{message} ({self._places[file](column, row)})" if file in self._places else message for file, column, row, message in of]
        place = table.schema.get_field_index("message")
        return table.set_column(place, table.schema.field(place), pa.array(told, pa.string()))

    def batches(self) -> list[pa.RecordBatch]:
        """All problems that are kept (REJECTS_SCHEMA), as they were added."""
        return list(self._batches)

    @classmethod
    def of_batches(cls, batches: Iterable[pa.RecordBatch]) -> Rejects:
        """Those that `batches` gave, none of them left out."""
        made = cls()
        made._batches = list(batches)
        return made

    def rows(self, file: str) -> npt.NDArray[np.int64]:
        """The rejected rows of one file, each once, ascending."""
        found = [batch["row"].filter(pc.equal(batch["file"], file)).to_numpy() for batch in self._batches]
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))

    def __len__(self) -> int:
        kept: int = sum(batch.num_rows for batch in self._batches)
        return kept + self._left_out.total()


def _keys(table: pa.Table) -> Iterator[tuple[str, str]]:
    """Column and rule of each problem."""
    return zip(table["column"].to_pylist(), table["rule"].to_pylist(), strict=True)
