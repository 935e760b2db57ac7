"""Which rows of a portfolio are taken over from an earlier result: those with the same cells, which market and assumptions bring to the kernel the
same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ipvalue.backend import kernels
from ipvalue.carry import Earlier, doubts_of
from ipvalue.doubts import EXAMPLES, Doubts
from ipvalue.inputs import Inputs
from ipvalue.intake import NOWHERE, Editions, Portfolio, Unit, duplicated, matched, no_duplicates, read
from ipvalue.rows import Longs, Mask
from ipvalue.schema import PORTFOLIO, Rejects
from ipvalue.spread import run
from ipvalue.store import MANIFEST
from ipvalue.task import Run
from ipvalue.unchanged import unchanged


@dataclass(frozen=True)
class Old:
    """An earlier result with all that it was made of. place: (rows,) the number of each row's result row, NOWHERE of one that was set aside;
    doubts: those of all its rows; lasting: whether market and assumptions are still the same."""

    portfolio: Portfolio
    run: Run
    earlier: Earlier
    place: Longs
    doubts: Doubts
    lasting: bool

    def gone(self, of_row: Longs) -> Mask:
        """(rows,) the rows with a value that are not taken over."""
        gone: Mask = self.place != NOWHERE
        gone[of_row[of_row != NOWHERE]] = False
        return gone


def find_taken(inputs: Inputs, old: Old) -> tuple[Longs, Editions, Doubts]:
    """(rows,) the earlier row that each row takes its result from, NOWHERE where it is to be valued; which files have columns alike; and what is
    doubtful about the rows taken over.

    Where market and assumptions last, the doubts still count the rows of `old.gone`.
    """
    columns = {**PORTFOLIO, **{column.name: column for column in inputs.run.extra}}
    of_row, editions = matched(old.portfolio, inputs.portfolio, columns)
    stays = (of_row != NOWHERE) & ~duplicated(inputs.portfolio, inputs.run.duplicates)
    stays[stays] = old.place[of_row[stays]] != NOWHERE
    of_row = np.where(stays, of_row, NOWHERE)
    if old.lasting:
        return of_row, editions, _lasting_doubts(inputs, old, of_row)
    same, doubts = _compared(inputs, old, of_row)
    return same, editions, doubts


# ------------------------------------------------------------------------------------------------ the same market and assumptions


def _lasting_doubts(inputs: Inputs, old: Old, of_row: Longs) -> Doubts:
    """The earlier doubts, with the first rows of each as they stand among those taken over now."""
    doubts, unknown = old.doubts, set()
    taken = np.flatnonzero(of_row != NOWHERE)
    ordered = bool((np.diff(of_row[taken]) > 0).all())
    here = np.full(old.portfolio.rows, NOWHERE, np.int64)
    here[of_row[taken]] = taken
    first, displays, starts = _starts(old.portfolio), *_numbered(inputs.portfolio)
    for sentence, (count, examples) in doubts.counted().items():
        now = []
        for file, row, name in examples:
            if (place := here[first[file] + row]) != NOWHERE:
                number = int(np.searchsorted(starts, place, side="right")) - 1
                now.append((displays[number], int(place - starts[number]), name))
        doubts.exchange(sentence, now)
        if count > len(examples) and not (ordered and len(now) == EXAMPLES):
            unknown.add(sentence)
    if unknown:
        found = _first_doubts(inputs, old, of_row, unknown)
        for sentence in unknown:
            doubts.exchange(sentence, found.get(sentence, []))
    return doubts


def _first_doubts(inputs: Inputs, old: Old, of_row: Longs, wanted: set[str]) -> dict[str, list[tuple[str, int, str]]]:
    """By sentence: the first rows taken over of which it is true, looked for from the first row on."""
    found, run = Doubts(), inputs.run
    examples: dict[str, list[tuple[str, int, str]]] = {}
    for unit, rows in _units(inputs, of_row):
        for batch, row, _ in read(unit, no_duplicates(), extra=run.extra, streams=run.streams, only=rows != NOWHERE):
            filled = run.appraiser.rows(batch, row, unit.display, Rejects())
            found += doubts_of(filled, old.place[rows[row - unit.first_row]], run, old.earlier)
        examples = {sentence: first for sentence, (_, first) in found.counted().items() if sentence in wanted}
        if wanted <= {sentence for sentence, first in examples.items() if len(first) == EXAMPLES}:
            break
    run.release()
    return examples


def _starts(portfolio: Portfolio) -> dict[str, int]:
    """By its display name, the number of each file's first row."""
    return dict(zip(*_numbered(portfolio), strict=True))


def _numbered(portfolio: Portfolio) -> tuple[list[str], list[int]]:
    """Each file's display name, and the number of its first row."""
    starts: list[int] = np.cumsum([0, *(file.rows for file in portfolio.files)])[:-1].tolist()
    return [file.display for file in portfolio.files], starts


def _units(inputs: Inputs, of_row: Longs) -> Iterator[tuple[Unit, Longs]]:
    """The range of each task, and the part of `of_row` that belongs to it."""
    first = 0
    for task in inputs.tasks:
        yield task.unit, of_row[first : first + task.unit.rows]
        first += task.unit.rows


# ------------------------------------------------------------------------------------------------ another market, other assumptions


@dataclass(frozen=True)
class _Compare:
    """A range of rows to be compared: the number of its first row, and (n,) of each row's result row, NOWHERE of those with other cells."""

    unit: Unit
    first: int
    places: Longs


@dataclass(frozen=True)
class _Sides:
    new: Run
    old: Run
    earlier: Earlier


def _compared(inputs: Inputs, old: Old, of_row: Longs) -> tuple[Longs, Doubts]:
    """`of_row` without the rows that market or assumptions bring to the kernel otherwise than before, and what is doubtful about the others."""
    tasks, first = [], 0
    for unit, rows in _units(inputs, of_row):
        if (rows != NOWHERE).any():
            tasks.append(_Compare(unit, first, np.where(rows != NOWHERE, old.place[rows], NOWHERE)))
        first += unit.rows
    same, doubts, job = np.zeros(len(of_row), np.bool_), Doubts(), inputs.run.job

    def take(found: tuple[Longs, Doubts]) -> None:
        nonlocal doubts
        same[found[0]] = True
        doubts += found[1]

    common = inputs.common((inputs.first_file, old.earlier.store.place(MANIFEST)))
    run(_find_unchanged, tasks, _Sides(inputs.run, old.run, old.earlier), job.scheduler, job.threads, take, common=common)
    inputs.run.release()
    return np.where(same, of_row, NOWHERE), doubts


def _find_unchanged(task: _Compare, sides: _Sides) -> tuple[Longs, Doubts]:
    """The numbers of the rows whose results are the same still, and what is doubtful about them."""
    new, old, unit = sides.new, sides.old, task.unit
    step = min(new.appraiser.chunk_rows, old.appraiser.chunk_rows)
    found, doubts = [np.zeros(0, np.int64)], Doubts()
    with kernels(new.job.backend).DefaultArithmetic():
        for batch, row, _ in read(unit, no_duplicates(), extra=new.extra, streams=new.streams, only=task.places != NOWHERE):
            for at in range(0, batch.num_rows, step):
                some = batch.slice(at, step), row[at : at + step], unit.display
                before, after = (one.appraiser.rows(*some, Rejects()) for one in (old, new))
                same = unchanged(before, after, old.appraiser, new.appraiser, new.job.group_by)
                here = same - unit.first_row
                found.append(task.first + here)
                doubts += doubts_of(after.only(np.isin(after.row, same)), task.places[here], new, sides.earlier)
    return np.concatenate(found), doubts
