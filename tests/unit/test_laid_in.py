"""A file with other numbers in some rows is, byte for byte, the file that is written of the table with them; where it is not made so, it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipvalue.store import Store, laid_in
from ipvalue.store.compact import Records

N = 3_000
WHERE = np.array([0, 7, 8, 1_500, N - 1])
DENSE, SPLIT = ("dense", "holes"), ("split",)


def table() -> pa.Table:
    """Columns of each kind that a part has: texts that differ and that repeat, numbers with and without nulls, lists."""
    draw = np.random.default_rng(7)
    some = draw.random(N) < 0.3
    return pa.table({
        "asset_id": pa.array([f"A{i}" for i in range(N)]),
        "status": pa.array(np.where(some, "ok", "heavy_tail")),
        "dense": draw.normal(size=N),
        "holes": pa.array(draw.normal(size=N), mask=some),
        "split": draw.normal(size=N).astype(np.float32).astype(np.float64),
        "packed": np.round(draw.normal(size=N), 1),
        "gaps": pa.array(np.round(draw.normal(size=N), 1), mask=np.arange(N) % 7 == 0),
        "paths": np.full(N, 1_000),
        "weights": pa.array([None if one else [0.5, 0.5] for one in some], pa.list_(pa.float64())),
        "nothing": pa.array([None] * N, pa.list_(pa.string())),
    })  # fmt: skip


def written(folder: Path, of: pa.Table, **more: Any) -> bytes:
    store = Store(str(folder))
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    store.write_parquet("assets/part-00000.parquet", of, **{"dense": DENSE, "split": SPLIT, **more})
    return (folder / "assets" / "part-00000.parquet").read_bytes()


def with_values(of: pa.Table, name: str, values: list[Any], where: np.ndarray[Any, Any] = WHERE) -> pa.Table:
    cells = of[name].to_pylist()
    for place, value in zip(where, values, strict=True):
        cells[place] = value
    return of.set_column(of.column_names.index(name), name, pa.array(cells, of.schema.field(name).type))


def laid(folder: Path, old: pa.Table, new: pa.Table, where: np.ndarray[Any, Any] = WHERE, **more: Any) -> bytes | None:
    """What `laid_in` makes of the file of `old`."""
    rows = pa.array(where)
    pieces = laid_in(written(folder, old, **more), where, old.take(rows), new.take(rows))
    return None if pieces is None else b"".join(map(bytes, pieces))


def changed(old: pa.Table, *names: str) -> pa.Table:
    """Other numbers in the places of WHERE; null stays null."""
    new = old
    for name in names:
        values = [None if value is None else type(value)(1.7 * value + 1) for value in old[name].take(pa.array(WHERE)).to_pylist()]
        new = with_values(new, name, values)
    return new


NUMBERS = ("dense", "holes", "split", "packed", "gaps", "paths")


@pytest.mark.parametrize("names", [*((name,) for name in NUMBERS), NUMBERS])
def test_it_is_the_file_that_is_written_of_the_table(tmp_path: Path, names: tuple[str, ...]) -> None:
    old = table()
    new = changed(old, *names)
    assert not new.equals(old)
    assert laid(tmp_path, old, new) == written(tmp_path, new)


def test_what_stays_stays(tmp_path: Path) -> None:
    assert laid(tmp_path, table(), table()) == written(tmp_path, table())


def test_a_zero_below_zero_is_another_number(tmp_path: Path) -> None:
    old = with_values(table(), "packed", [0.0] * len(WHERE))
    new = with_values(old, "packed", [-0.0] * len(WHERE))
    whole = written(tmp_path, new)
    assert whole != written(tmp_path, old)
    assert laid(tmp_path, old, new) == whole


def test_numbers_that_pack_worse_make_longer_offsets(tmp_path: Path) -> None:
    where = np.arange(N)
    old = table().set_column(5, "packed", pa.array(np.zeros(N)))
    new = with_values(old, "packed", np.random.default_rng(1).normal(size=N).tolist(), where)
    whole = written(tmp_path, new)
    assert len(whole) > len(written(tmp_path, old)) + 5 * N
    assert laid(tmp_path, old, new, where) == whole


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("asset_id", ["B"] * 5),
        ("status", ["new"] * 5),
        ("weights", [[1.0]] * 5),
        ("weights", [[-0.0, 0.5]] * 5),
        ("nothing", [["a"]] * 5),
        ("holes", [None] * 5),
        ("gaps", [2.0] * 5),
    ],
)
def test_texts_lists_and_nulls_are_written_anew(tmp_path: Path, name: str, values: list[Any]) -> None:
    old = table()
    assert laid(tmp_path, old, with_values(old, name, values)) is None


def test_zeros_of_lists_are_told_from_those_below_zero(tmp_path: Path) -> None:
    old = with_values(table(), "weights", [[0.0, 0.5]] * 5)
    assert laid(tmp_path, old, with_values(old, "weights", [[-0.0, 0.5]] * 5)) is None


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.date64(), pa.timestamp("s"), pa.time32("s")])
@pytest.mark.parametrize("every", [1, 2])
def test_numbers_that_parquet_holds_otherwise_are_written_anew(tmp_path: Path, kind: pa.DataType, every: int) -> None:
    old, new = (pa.table({"numbers": pa.array([cell if i % every == 0 else None for i in range(N)], kind)}) for cell in (0, 100))
    assert laid(tmp_path, old, new) is None


@pytest.mark.parametrize("first", [0, 4, 8])
def test_a_column_that_may_not_be_null_is_written_anew(tmp_path: Path, first: int) -> None:
    """Its pages have no levels: what would be the length of these is a number."""
    schema = pa.schema([pa.field("numbers", pa.int64(), nullable=False)])
    old, new = (pa.table({"numbers": np.full(N, cell)}, schema) for cell in (first, 9))
    assert laid(tmp_path, old, new, WHERE[:3]) is None


def test_a_column_that_the_file_does_not_have(tmp_path: Path) -> None:
    old = table()
    rows, others = (one.take(pa.array(WHERE)) for one in (old, changed(old, "packed")))
    assert laid_in(written(tmp_path, old.drop_columns(["packed"])), WHERE, rows, others) is None


def test_a_column_of_several_pages_is_written_anew(tmp_path: Path) -> None:
    many = pa.table({"packed": np.random.default_rng(3).normal(size=400_000)})
    assert laid(tmp_path, many, with_values(many, "packed", [1.0] * len(WHERE))) is None


@pytest.mark.parametrize(
    "how",
    [{"write_statistics": True}, {"use_dictionary": True}, {"compression": "gzip"}, {"row_group_size": 1_000}, {"data_page_version": "2.0"}],
)
def test_a_file_that_was_written_otherwise_is_not_touched(tmp_path: Path, how: dict[str, Any]) -> None:
    old = table().select(["packed"])
    new = changed(old, "packed")
    plain = {"write_statistics": False, "use_dictionary": False, "compression": "zstd", **how}
    pq.write_table(old, tmp_path / "other.parquet", **plain)
    rows = pa.array(WHERE)
    assert laid_in((tmp_path / "other.parquet").read_bytes(), WHERE, old.take(rows), new.take(rows)) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\x00\x00\x00\x00PAR1", b"PAR1" + bytes(range(200)) + b"\xc8\x00\x00\x00PAR1"])
def test_what_is_no_such_file(content: bytes) -> None:
    rows = table().take(pa.array(WHERE))
    assert laid_in(content, WHERE, rows, rows) is None


def test_records_have_the_fields_of_parquets_own() -> None:
    # {1: i32 −3, 2: "ab", 20: [true, false], 21: {1: double}, 22: i64 2⁴⁰}
    record = Records(bytes.fromhex("1505 18026162 0928 210102 1c17000000000000000000 16808080808080 0100".replace(" ", "")))
    one = record.struct(0)
    assert (list(one.fields), one.stop) == ([1, 2, 20, 21, 22], len(record.content))
    assert record.integer(one.fields[1]) == -3
    assert record.integer(one.fields[22]) == 2**41
    other = bytes.fromhex("158001 18026162 0928 210102 1c17000000000000000000 1600 00".replace(" ", ""))
    assert record.exchanged(0, one.stop, {one.fields[1]: 64, one.fields[22]: 0}) == other
