"""Rows of an earlier edition of a file, read beside the later one's: the same as read alone, and no column that both have alike is read twice."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipvalue.intake import Alike, Streams, Together, matched, no_duplicates, open_portfolio, read_together, shared
from ipvalue.intake import rows as intake_rows
from ipvalue.intake.stored import Unit
from ipvalue.schema import PORTFOLIO

ROWS = 300


def with_column(table: pa.Table, name: str, cells: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, cells)


def other_cells(table: pa.Table, name: str, cell: Any) -> pa.Table:
    """Every seventh cell of a column replaced."""
    cells = table[name].to_pylist()
    cells[3::7] = [cell] * len(cells[3::7])
    return with_column(table, name, pa.array(cells, table.schema.field(name).type))


def without(table: pa.Table, name: str) -> pa.Table:
    return table.drop_columns([name])


LATER: dict[str, tuple[Callable[[pa.Table], pa.Table], set[str]]] = {
    "other numbers": (lambda table: other_cells(table, "volatility", 0.123), {"volatility"}),
    "blanks": (lambda table: other_cells(table, "volatility", None), {"volatility"}),
    "no numbers": (lambda table: other_cells(table, "volatility", math.nan), {"volatility"}),
    "zeros below zero": (lambda table: other_cells(table, "growth", -0.0), {"growth"}),
    "texts as categories": (lambda table: with_column(table, "sector", table["sector"].dictionary_encode()), {"sector"}),
    "other lists": (lambda table: other_cells(table, "methods", ["cost", "market"]), {"methods"}),
    "other names": (lambda table: with_column(table, "asset_id", pa.array([f"new {i}" for i in range(len(table))])), {"asset_id"}),
    "columns in another order": (lambda table: table.select(table.column_names[::-1]), set()),
    "a column less": (lambda table: without(table, "sector"), {"sector"}),
    "nothing": (lambda table: table, set()),
}
"""What is done to the file, and the columns that are not alike then."""


def together(unit: Unit, wanted: np.ndarray, beside: tuple[Together, Alike] | None = None, streams: Streams | None = None) -> Together:
    """Rows that are wanted, in three ranges."""
    cuts = [0, 90, 200, unit.rows]
    ranges = [(unit.part(range(a, b)), wanted[a:b]) for a, b in pairwise(cuts)]
    return read_together(ranges, streams=streams, beside=beside)


def cleaned(some: Together) -> list[Any]:
    """Rows, their numbers and the problems of the others."""
    return [(batch.to_pydict(), rows.tolist(), rejects.table().to_pylist()) for batch, rows, rejects in some.clean(no_duplicates())]


def same(one: list[Any], two: list[Any]) -> bool:
    """Numbers that are none are the same, and zeros are not where their signs differ."""
    return repr(one) == repr(two)


def opened(old: pa.Table, new: pa.Table, folder: Path, **how: Any) -> tuple[Unit, Unit, Alike | None]:
    """The one file of either edition, and what both have alike."""
    units = []
    for name, table in (("old", old), ("new", new)):
        pq.write_table(table, folder / f"{name}.parquet", **how)
        portfolio = open_portfolio(folder / f"{name}.parquet", folder)
        units.append((portfolio, next(iter(portfolio.files[0].units(10**6)))))
    _, editions = matched(units[0][0], units[1][0], PORTFOLIO)
    return units[0][1], units[1][1], editions.get((units[0][1].path, units[1][1].path))


def table() -> pa.Table:
    """Rights by all methods, some of which cannot be valued."""
    rows = portfolios.methods_and_several(ROWS, ROWS // 6, 5).to_pylist()
    random.Random(2).shuffle(rows)
    for row in rows[3::17]:
        row["revenue"] = -1.0
    return portfolios.table_of(rows[:ROWS])


@pytest.mark.parametrize("how", [{}, {"row_group_size": 70}, {"use_dictionary": False, "compression": "zstd"}])
@pytest.mark.parametrize("name", LATER)
def test_rows_are_the_same_as_read_alone(name: str, how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit, others = LATER[name]
    old = table()
    before, after, alike = opened(old, edit(old), tmp_path, **how)
    if name == "nothing":  # the same file, of which nothing need be compared
        assert alike is None
        alike = Alike(tuple(old.column_names), ())
    assert alike is not None
    assert (set(alike.other), set(alike.same)) == (others, set(old.column_names) - others)
    wanted = np.zeros(ROWS, np.bool_)
    wanted[random.Random(name).sample(range(ROWS), 60)] = True
    wanted[3::34] = True
    some = wanted & (np.arange(ROWS) % 5 != 0)
    later, alone = together(after, wanted), together(before, some)
    read: set[str] = set()
    stored = intake_rows.stored_batches
    monkeypatch.setattr(intake_rows, "stored_batches", lambda unit, names, streams: read.update(names) or stored(unit, names, streams))
    beside = together(before, some, (later, alike))
    assert read == others
    assert same(cleaned(beside), cleaned(alone))
    assert sum(len(numbers) for _, numbers, _ in cleaned(alone)) > 30


def test_rows_that_the_later_ones_lack_are_read_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = table()
    before, after, alike = opened(old, other_cells(old, "volatility", 0.123), tmp_path)
    assert alike is not None
    wanted = np.arange(ROWS) % 4 == 0
    later, alone = together(after, wanted & (np.arange(ROWS) != 8)), together(before, wanted)
    read: set[str] = set()
    stored = intake_rows.stored_batches
    monkeypatch.setattr(intake_rows, "stored_batches", lambda unit, names, streams: read.update(names) or stored(unit, names, streams))
    assert same(cleaned(together(before, wanted, (later, alike))), cleaned(alone))
    assert read >= set(old.column_names)


def parts_of(path: Path, folder: Path) -> list[Unit]:
    """A file in ranges of 40 rows, or as many as its groups hold."""
    return open_portfolio(path, folder).units(40)


def in_turn(units: list[Unit], wanted: np.ndarray, streams: Streams) -> list[Any]:
    """The rows that are wanted, range by range."""
    return [cleaned(read_together([(one, wanted[one.first_row : one.first_row + one.rows])], streams=streams)) for one in units]


@pytest.mark.parametrize("how", [{}, {"row_group_size": 70}, {"use_dictionary": False, "compression": "zstd"}, "arrow"])
@pytest.mark.parametrize("share", [1, 4, ROWS])
def test_few_rows_are_read_for_all_tasks_at_once(how: Any, share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rows = tmp_path / "rights", table()
    if how == "arrow":
        with pa.ipc.new_file(path := path.with_suffix(".arrow"), rows.schema) as writer:
            writer.write_table(rows, 70)
    else:
        pq.write_table(rows, path := path.with_suffix(".parquet"), **how)
    units, wanted = parts_of(path, tmp_path), np.arange(ROWS) % share == 0
    groups: list[range] = []
    few = intake_rows.few_rows
    monkeypatch.setattr(intake_rows, "few_rows", lambda unit, names, mask: groups.append(unit.groups) or few(unit, names, mask))
    expected = in_turn(units, wanted, Streams())
    assert groups == []
    streams = pickle.loads(pickle.dumps(Streams({units[0].path: wanted})))
    assert in_turn(units, wanted, streams) == expected
    assert len(groups) == len({one.groups for one in units if wanted[one.first_row : one.first_row + one.rows].any()})
    assert len({*groups}) == len(groups)
    less = wanted & (np.arange(ROWS) % 8 == 0)  # a task that is tried again without some of its rows
    assert in_turn(units, less, streams) == in_turn(units, less, Streams())


def test_many_rows_are_not_kept_for_all_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "KEPT_ROWS", 50)
    monkeypatch.setattr(intake_rows, "few_rows", None)
    pq.write_table(table(), tmp_path / "rights.parquet")
    units, wanted = parts_of(tmp_path / "rights.parquet", tmp_path), np.arange(ROWS) % 4 == 0
    assert in_turn(units, wanted, Streams({units[0].path: wanted})) == in_turn(units, wanted, Streams())


def test_few_rows_of_an_edition_that_lacks_the_columns_asked_for(tmp_path: Path) -> None:
    before, after, alike = opened(without(table(), "sector"), table(), tmp_path)
    assert alike is not None
    assert alike.other == ("sector",)
    wanted = np.arange(ROWS) % 9 == 0
    later, streams = together(after, wanted), Streams({before.path: wanted})
    assert same(cleaned(together(before, wanted, (later, alike), streams)), cleaned(together(before, wanted)))


@pytest.mark.parametrize("how", ["other row groups", "no row more", "Arrow"])
def test_other_files_have_nothing_alike(how: str, tmp_path: Path) -> None:
    old = table()
    new = other_cells(old, "volatility", 0.123)
    pq.write_table(old, tmp_path / "old.parquet")
    if how == "Arrow":
        with pa.ipc.new_file(tmp_path / "new.arrow", new.schema) as file:
            file.write_table(new)
    else:
        pq.write_table(new.slice(1) if how == "no row more" else new, tmp_path / "new.parquet", row_group_size=ROWS - 1)
    path = tmp_path / ("new.arrow" if how == "Arrow" else "new.parquet")
    assert matched(open_portfolio(tmp_path / "old.parquet", tmp_path), open_portfolio(path, tmp_path), PORTFOLIO)[1] == {}


def test_none_wanted(tmp_path: Path) -> None:
    old = table()
    before, after, alike = opened(old, other_cells(old, "volatility", 0.123), tmp_path)
    assert alike is not None
    nobody, somebody = np.zeros(ROWS, np.bool_), np.arange(ROWS) < 5
    assert cleaned(together(before, nobody, (together(after, somebody), alike))) == []
    assert same(cleaned(together(before, somebody, (together(after, nobody), alike))), cleaned(together(before, somebody)))
