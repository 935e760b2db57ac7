"""What each task does with the rights that were chosen of its rows: their paths, with each input drawn anew in turn.

a = rights of a piece, i = inputs, p = paths
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.constants import HEAVY_TAIL_VARIANCE
from ipvalue.heap import keep_freed_memory
from ipvalue.indices.estimate import Floats, Index, Pair
from ipvalue.indices.uncertain import ANEW, UNCERTAIN
from ipvalue.inputs import Inputs
from ipvalue.intake import read
from ipvalue.job import Job
from ipvalue.receipt import Receipt
from ipvalue.rows import Mask, Rows
from ipvalue.simulate import Sampling
from ipvalue.stopping import add_boundaries
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import reject_unusable
from ipvalue.task import Clean, Run, Task, part_name
from ipvalue.totals import Totals
from ipvalue.work import Work

ROWS = pa.schema([
    *((name, pa.string()) for name in ("asset_id", "input")),
    *((name, pa.float64()) for name in ("first_order", "first_order_error", "total", "total_error")),
    ("paths", pa.int64()),
    ("status", pa.string()),
])  # fmt: skip
"""The columns of indices.parquet, and of its parts."""

NUMBERS = ("first_order", "first_order_error", "total", "total_error")

PIECE_BYTES = 16 * 1024 * 1024
BYTES_A_PATH = 12 * 8
"""Memory for one path of a right at most: its three values, and what the indices are made of."""

HEAVY = (
    f"the tail is heavy (the variance of ln of the level reaches more than {HEAVY_TAIL_VARIANCE:g}): few paths make most of the variance, "
    "so its indices may be far off and their errors too small"
)


@dataclass(frozen=True)
class Picked(Task):
    """A task of which some rows are wanted, by their numbers within the file, ascending."""

    rows: tuple[int, ...] = ()


def index_work(inputs: Inputs, picked: list[Picked]) -> Work:
    """The indices of all rights that were picked."""
    begun = new_receipt(inputs.run)
    return Work(picked, index_task, inputs.run, begun, (inputs.portfolio,), (inputs.first_file,), tables=write_tables)


def new_receipt(run: Run) -> Receipt:
    """An empty one: nothing is added up."""
    return Receipt(Totals((), 0, 0, run.job.backend))


def write_tables(store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes the parts once more as one table, and the rejects."""
    together = pa.concat_tables([store.read_parquet(part.name) for part in gathered.written()])
    return [
        store.write_parquet("indices.parquet", together.combine_chunks(), NUMBERS),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def index_task(task: Picked, run: Run) -> Receipt:
    """The indices of the rights picked of one range of rows, written as its part. Running it twice changes nothing."""
    keep_freed_memory()
    receipt = new_receipt(run)
    with kernels(run.job.backend).DefaultArithmetic():
        table = rows_of(picked_rows(task, run), task.unit.display, run, receipt)
    receipt.files[task.number] = [run.store.write_parquet(part_name(task.number), table, NUMBERS)]
    receipt.rows = len(task.rows)
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def picked_rows(task: Picked, run: Run) -> Iterator[Clean]:
    """The rows of a task that were picked."""
    wanted = np.zeros(task.unit.rows, np.bool_)
    wanted[np.array(task.rows) - task.unit.first_row] = True
    return read(task.unit, run.duplicates, extra=run.extra, streams=run.streams, only=wanted)


def rows_of(clean: Iterable[Clean], file: str, run: Run, receipt: Receipt) -> pa.Table:
    """The result rows of clean rows of a file, those of one right together."""
    parts = [part for rows in _pieces(clean, file, run, receipt) if (part := _described(rows, run, receipt)) is not None]
    return pa.Table.from_batches(parts, ROWS).combine_chunks()


def _pieces(clean: Iterable[Clean], file: str, run: Run, receipt: Receipt) -> Iterator[Rows]:
    """The rows with their blanks filled, so many at a time that their paths stay small."""
    step = max(1, min(run.appraiser.piece_rows, PIECE_BYTES // (BYTES_A_PATH * run.job.paths)))
    for batch, row, rejects in clean:
        receipt.rejects.merge(rejects)
        for start in range(0, batch.num_rows, step):
            yield run.appraiser.rows(batch.slice(start, step), row[start : start + step], file, receipt.rejects)


def _described(rows: Rows, run: Run, receipt: Receipt) -> pa.RecordBatch | None:
    """The indices of some rights, those of one after the other."""
    compiled = compile_rows(rows, run.appraiser.tables)
    if not len(rows):
        return None
    add_boundaries(compiled.vectors, run.job.backend)
    paths = _Paths(rows, compiled, run)
    moves = np.stack([one.of_rows(compiled) for one in UNCERTAIN])
    first, total = _estimated(moves, Pair(paths.drawn(0), paths.drawn(ANEW)), paths)
    made = _batch(rows, first, total, paths)
    good = paths.status == 0
    receipt.doubts += run.appraiser.doubts(rows)
    receipt.doubts.add(HEAVY, rows, paths.heavy & good)
    reject_unusable(rows, paths.status)
    rows.settle()
    receipt.valued += len(rows)
    return made.filter(pa.array(np.repeat(good, len(UNCERTAIN))))


class _Paths:
    """The path values of rows (a, p) under any draw; why a row has none under some draw (a,), and whether its tail is heavy (a,)."""

    def __init__(self, rows: Rows, compiled: Compiled, run: Run) -> None:
        self._rows, self._compiled, self._appraiser = rows, compiled, run.appraiser
        self.count = run.job.paths
        self.status = np.zeros(len(rows), np.int8)
        self.heavy = np.zeros(len(rows), np.bool_)

    def drawn(self, redrawn: int, of: Mask | None = None) -> Floats:
        """The values of the rows `of` (a,), by default all, with the bits of `redrawn` drawn anew."""
        of = np.ones(len(self._rows), np.bool_) if of is None else of
        sampling: Sampling = replace(self._appraiser.sampling, redrawn=redrawn)
        with self._appraiser.naming(self._rows):
            figures, _ = self._appraiser.valued(self._compiled.only(of), sampling, keep_paths=True)
        self.status[of] = np.maximum(self.status[of], figures.status)
        self.heavy[of] = figures.heavy
        assert figures.values is not None
        return figures.values.astype(np.float64)


def _estimated(moves: npt.NDArray[np.bool_], pair: Pair, paths: _Paths) -> tuple[Index, Index]:
    """First-order and total indices (i, a): of inputs that do not move a right 0, of the only one that does 1, and none where nothing does."""
    first, total = (Index(np.zeros(moves.shape), np.zeros(moves.shape)) for _ in range(2))
    still, alone = pair.are_still(), moves.sum(axis=0) == 1
    for i, one in enumerate(UNCERTAIN):
        if not (of := moves[i] & ~alone).any():
            continue
        moved = paths.drawn(1 << one.stream, of)
        with np.errstate(over="ignore", invalid="ignore"):  # of a row that has no value
            estimated = pair.of(of).indices(moved)
        for whole, part in zip((first, total), estimated, strict=True):
            whole.value[i, of], whole.error[i, of] = part.value, part.error
    for whole in (first, total):
        whole.value[:, alone] = moves[:, alone]
        whole.value[:, still] = whole.error[:, still] = np.nan
    return first, total


def _batch(rows: Rows, first: Index, total: Index, paths: _Paths) -> pa.RecordBatch:
    """A row for each right and input, those of one right together."""
    inputs, rights = first.value.shape
    numbers = dict(zip(NUMBERS, (first.value, first.error, total.value, total.error), strict=True))
    columns: dict[str, pa.Array] = {
        "asset_id": rows.batch["asset_id"].take(pa.array(np.repeat(np.arange(rights), inputs))),
        "input": pa.array([one.name for one in UNCERTAIN] * rights, pa.string()),
        **{name: pa.array(each.T.reshape(-1), mask=~np.isfinite(each.T.reshape(-1))) for name, each in numbers.items()},
        "paths": pa.array(np.full(inputs * rights, paths.count)),
        "status": pa.array(["ok", "heavy_tail"]).take(pa.array(np.repeat(paths.heavy, inputs).astype(np.int8))),
    }
    return pa.RecordBatch.from_arrays([columns[field.name] for field in ROWS], schema=ROWS)
