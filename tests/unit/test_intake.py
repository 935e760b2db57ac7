"""Intake: every kind of source gives the same clean rows, and every bad cell rejects its own row."""

from __future__ import annotations

import datetime
import hashlib
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ipvalue.intake import BATCH_ROWS, open_portfolio, read, scan
from ipvalue.schema import PORTFOLIO, InputError, Rejects

DAY = datetime.date(2020, 2, 29)
NAN, INF = float("nan"), float("inf")


def table(n: int = 3, **columns: Any) -> pa.Table:
    """n good rows, with further columns."""
    ids = [f"asset-{i}" for i in range(n)]
    return pa.table({"asset_id": ids, "right_type": ["trademark"] * n, "revenue": np.arange(n) * 10.0, **columns})


def write_ipc(content: pa.Table, path: Path, rows: int = BATCH_ROWS, compression: str | None = None) -> str:
    with pa.ipc.new_file(path, content.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(content, rows)
    return str(path)


def rows_of(source: object, tmp_path: Path, rows_per_task: int = 10**9) -> tuple[pa.Table, Rejects]:
    """All clean rows and rejects of a source, read the way a run reads them."""
    portfolio = open_portfolio(source, tmp_path / "spool")
    duplicates = scan(portfolio).duplicates
    batches, rejects = [], Rejects()
    for unit in portfolio.units(rows_per_task):
        for batch, _, bad in read(unit, duplicates):
            batches.append(batch)
            rejects.merge(bad)
    return pa.Table.from_batches(batches), rejects


def problems(source: object, tmp_path: Path) -> list[tuple[int, str, str | None]]:
    """Row, rule and value of each problem."""
    _, rejects = rows_of(source, tmp_path)
    return [(one["row"], one["rule"], one["value"]) for one in rejects.table().to_pylist()]


def csv(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


# ------------------------------------------------------------------ kinds of source


def test_every_column_comes_in_the_registrys_order_and_type(tmp_path: Path) -> None:
    clean, rejects = rows_of(table(), tmp_path)
    assert clean.schema.names == list(PORTFOLIO)
    assert clean.schema.types == [column.arrow_type for column in PORTFOLIO.values()]
    assert clean["revenue"].to_pylist() == [0.0, 10.0, 20.0]
    assert clean["growth"].null_count == 3
    assert len(rejects) == 0


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".arrow", ".feather", ".ipc", ".lz4.arrow", ".zstd.arrow", ".csv"])
def test_all_formats_give_the_same_rows(tmp_path: Path, suffix: str) -> None:
    content = table(5, filing_date=[DAY] * 5, indefinite=[True, False, None, True, True], tab_years=[10, None, 0, 1, 2])
    path = tmp_path / f"p{suffix}"
    if suffix in (".parquet", ".pq"):
        pq.write_table(content, path, row_group_size=2)
    elif suffix == ".csv":
        content.to_pandas(types_mapper=pd.ArrowDtype).to_csv(path, index=False)
    else:
        write_ipc(content, path, 2, suffix.split(".")[1] if suffix.count(".") > 1 else None)
    clean, rejects = rows_of(str(path), tmp_path)
    assert clean.equals(rows_of(content, tmp_path)[0])
    assert len(rejects) == 0


def test_a_directory_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    content, parts = table(6), tmp_path / "parts"
    (parts / "deeper").mkdir(parents=True)
    pq.write_table(content.slice(2, 2), parts / "b.parquet")
    write_ipc(content.slice(0, 2), parts / "a.arrow")
    write_ipc(content.slice(4, 2), parts / "c.feather")
    (parts / "_SUCCESS").touch()
    (parts / "notes.txt").touch()
    portfolio = open_portfolio(parts, tmp_path / "spool")
    assert [file.display for file in portfolio.files] == [f"{parts}/{n}" for n in ("a.arrow", "b.parquet", "c.feather")]
    assert portfolio.warnings == (
        f"{parts}: _SUCCESS, deeper, notes.txt are not read: only .arrow, .feather, .ipc, .parquet, .pq files are, and none in subdirectories",
    )
    assert rows_of(parts, tmp_path)[0].equals(rows_of(content, tmp_path)[0])


def test_files_without_rows_may_stand_among_others(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    pq.write_table(table(0), parts / "a.parquet")
    write_ipc(table(0), parts / "b.arrow")
    pq.write_table(table(2), parts / "c.parquet")
    assert rows_of(parts, tmp_path)[0].num_rows == 2


def test_urls_are_read_through_fsspec(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    content = table(4)
    with memory.open("/intake/parts/a.parquet", "wb") as file:
        pq.write_table(content.slice(0, 2), file)
    with memory.open("/intake/parts/b.arrow", "wb") as file, pa.ipc.new_file(file, content.schema) as writer:
        writer.write_table(content.slice(2, 2))
    with memory.open("/intake/p.csv", "wb") as file:
        file.write(content.to_pandas().to_csv(index=False).encode())
    try:
        expected = rows_of(content, tmp_path)[0]
        assert rows_of("memory://intake/parts", tmp_path)[0].equals(expected)
        assert rows_of("memory://intake/p.csv", tmp_path)[0].equals(expected)
    finally:
        memory.rm("/intake", recursive=True)


def test_tables_of_other_libraries_are_taken_as_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "asset_id": [1, 2, 3],
            "right_type": pd.Categorical(["design", "trademark", "design"]),
            "revenue": [1.0, NAN, 3.0],
            "filing_date": pd.to_datetime(["2020-02-29", None, "2021-01-01"]),
            "tab_years": [10.0, NAN, 5.0],
        }
    )
    clean, rejects = rows_of(frame, tmp_path)
    assert len(rejects) == 0
    assert clean["asset_id"].to_pylist() == ["1", "2", "3"]
    assert clean["right_type"].to_pylist() == ["design", "trademark", "design"]
    assert clean["revenue"].to_pylist() == [1.0, None, 3.0]
    assert clean["filing_date"].to_pylist() == [DAY, None, datetime.date(2021, 1, 1)]
    assert clean["tab_years"].to_pylist() == [10, None, 5]


def test_polars_is_taken_too(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    clean, _ = rows_of(polars.from_arrow(table()), tmp_path)
    assert clean.equals(rows_of(table(), tmp_path)[0])


def test_a_stream_whose_dictionaries_change_is_read(tmp_path: Path) -> None:
    batches = [
        pa.RecordBatch.from_pydict({"asset_id": [str(i)], "right_type": pa.array([kind]).dictionary_encode()})
        for i, kind in enumerate(["design", "trademark"])
    ]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert rows_of(reader, tmp_path)[0]["right_type"].to_pylist() == ["design", "trademark"]


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        (
            "right_type",
            pa.array(["design", None]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
            None,
        ),
        ("sector", pa.array(["a", None], pa.large_string()), ["a", None]),
        ("sector", pa.array(["a", ""], pa.string_view()), ["a", None]),
        ("owner_id", pa.array([7, None], pa.uint16()), ["7", None]),
        ("revenue", pa.array([Decimal("1.25"), None]), [1.25, None]),
        ("revenue", pa.array([1, None], pa.int32()), [1.0, None]),
        ("growth_fade", pa.array([2**53 + 1, None], pa.int64()), [2.0**53, None]),
        ("revenue", pa.array([0.5, None], pa.float32()), [0.5, None]),
        ("revenue", pa.array(np.array([0.5, 2], np.float16)), [0.5, 2.0]),
        ("revenue", pa.array([1.5, None]).dictionary_encode(), [1.5, None]),
        ("revenue", pa.nulls(2), [None, None]),
        ("tab_years", pa.array([10.0, None]), [10, None]),
        ("tab_years", pa.array([Decimal("10.0"), None]), [10, None]),
        ("tab_years", pa.array([10, None], pa.uint64()), [10, None]),
        ("filing_date", pa.array([DAY, None], pa.date64()), [DAY, None]),
        ("filing_date", pa.array([datetime.datetime(2020, 2, 29, 23, 59), None]), [DAY, None]),
        ("filing_date", pa.array([datetime.datetime(1950, 2, 28, 23, 59), None]), [datetime.date(1950, 2, 28), None]),
        (
            "filing_date",
            pa.array([datetime.datetime(2020, 2, 28, 20), None]).cast(pa.timestamp("us", "Asia/Shanghai")),
            [DAY, None],
        ),
        ("revenue_path", pa.array([[1, 2], None], pa.large_list(pa.int32())), [[1.0, 2.0], None]),
        ("revenue_path", pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)), [[1.0, 2.0], [3.0, 4.0]]),
        ("indefinite", pa.array([True, None]), [True, None]),
    ],
)
def test_types_that_say_the_same_are_cast(tmp_path: Path, name: str, array: pa.Array, expected: list[Any] | None) -> None:
    content = pa.table({"asset_id": ["a", "b"], "right_type": ["design", "design"], name: array})
    path = write_ipc(content, tmp_path / "p.arrow")
    clean, rejects = rows_of(path, tmp_path)
    if expected is None:  # a null right_type rejects its row
        assert (clean["right_type"].to_pylist(), len(rejects)) == (["design"], 1)
    else:
        assert (clean[name].to_pylist(), len(rejects)) == (expected, 0)


def test_unknown_columns_are_left_out_with_a_warning(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    pq.write_table(table(1, royalty_rte=[1], colour=["red"]), parts / "a.parquet")
    write_ipc(pa.table({"asset_id": ["x"], "right_type": ["design"], "colour": [5]}), parts / "b.arrow")
    assert open_portfolio(parts, tmp_path).warnings == (
        f"{parts}/a.parquet: column 'royalty_rte' is not known and not read: did you mean royalty_rate?",
        f"{parts}/a.parquet (and 1 more files): column 'colour' is not known and not read",
    )


def test_files_are_named_measured_and_hashed_as_the_user_has_them(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "asset_id,right_type\na,design\n")
    (file,) = open_portfolio(path, tmp_path / "spool").files
    content = Path(path).read_bytes()
    assert (file.display, file.rows, file.bytes) == (path, 1, len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()


# ------------------------------------------------------------------ CSV


def test_csv_cells_are_read_as_people_write_them(tmp_path: Path) -> None:
    text = (
        "\ufeffasset_id,right_type,revenue,indefinite,filing_date,revenue_path,tab_years,sector\r\n"
        'A,trademark, +1.5e3 ,TRUE,2020-02-29,"1; 2.5;3",10.0,"a, ""b""\nc"\r\n'
        'B,trademark,.5,False,1950-01-01,"[1, 2]",7,中药\r\n'
        "C,trademark,5.,,,4,,\r\n"
    )
    clean, rejects = rows_of(csv(tmp_path / "p.csv", text), tmp_path)
    assert len(rejects) == 0
    assert clean["revenue"].to_pylist() == [1500.0, 0.5, 5.0]
    assert clean["indefinite"].to_pylist() == [True, False, None]
    assert clean["filing_date"].to_pylist() == [DAY, datetime.date(1950, 1, 1), None]
    assert clean["revenue_path"].to_pylist() == [[1.0, 2.5, 3.0], [1.0, 2.0], [4.0]]
    assert clean["tab_years"].to_pylist() == [10, 7, None]
    assert clean["sector"].to_pylist() == ['a, "b"\nc', "中药", None]


@pytest.mark.parametrize(
    ("name", "cell", "rule"),
    [
        ("revenue", "abc", "revenue is a number"),
        ("revenue", "5 %", "revenue is a number"),
        ("revenue", '"1,000"', "revenue is a number"),
        ("revenue", "nan", "revenue is a number"),
        ("revenue", "inf", "revenue is a number"),
        ("revenue", "1e400", "revenue is finite"),
        ("revenue", "--1", "revenue is a number"),
        ("revenue", "0x10", "revenue is a number"),
        ("tab_years", "1.5", "tab_years is a whole number"),
        ("tab_years", "ten", "tab_years is a whole number"),
        ("tab_years", "1e300", "0 <= tab_years <= 100"),
        ("indefinite", "yes", "indefinite is true or false"),
        ("filing_date", "2020-02-30", "filing_date is a date (YYYY-MM-DD)"),
        ("filing_date", "29/02/2020", "filing_date is a date (YYYY-MM-DD)"),
        ("filing_date", "2020-1-1", "filing_date is a date (YYYY-MM-DD)"),
        ("revenue_path", '"1,5;2"', "revenue_path is a list of 1 to 100 numbers"),
        ("revenue_path", '"1,200,000"', "revenue_path has no thousands separators"),
        ("stage_costs", '"1,000"', "stage_costs has no thousands separators"),
        ("revenue_path", "1;;2", "revenue_path is a list of 1 to 100 numbers"),
        ("revenue_path", "[]", "revenue_path is a list of 1 to 100 numbers"),
        ("revenue_path", "1;-2", "0 <= revenue_path <= 1e+15"),
        ("revenue_path", ";".join(["1"] * 101), "revenue_path has 1 to 100 entries"),
    ],
)
def test_one_bad_csv_cell_rejects_one_row(tmp_path: Path, name: str, cell: str, rule: str) -> None:
    path = csv(tmp_path / "p.csv", f"asset_id,right_type,{name}\na,design,\nb,design,{cell}\nc,design,\n")
    clean, rejects = rows_of(path, tmp_path)
    assert clean["asset_id"].to_pylist() == ["a", "c"]
    (problem,) = rejects.table().to_pylist()
    assert (problem["file"], problem["row"], problem["asset_id"], problem["column"]) == (path, 1, "b", name)
    assert problem["rule"] == rule
    assert problem["value"] == cell.strip('"')


# ------------------------------------------------------------------ bad rows


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"revenue": [-1.0, 0.0]}, ("0 <= revenue <= 1e+15", "-1.0")),
        ({"revenue": [NAN, 0.0]}, ("revenue is finite", "nan")),
        ({"revenue": [INF, 0.0]}, ("revenue is finite", "inf")),
        ({"growth": [-1.0, 0.0]}, ("-1 < growth <= 10", "-1.0")),
        ({"tax_rate": [1.0, 0.0]}, ("0 <= tax_rate < 1", "1.0")),
        ({"factor_loading": [1.01, -1.0]}, ("-1 <= factor_loading <= 1", "1.01")),
        ({"tab_years": [INF, 0.0]}, ("tab_years is finite", "inf")),
        ({"tab_years": [101, 0]}, ("0 <= tab_years <= 100", "101")),
        ({"right_type": ["patent", "design"]}, ("right_type is one of the known names", "patent")),
        ({"right_type": [None, "design"]}, ("right_type is given", None)),
        ({"right_type": ["", "design"]}, ("right_type is given", "")),
        ({"asset_id": [None, "b"]}, ("asset_id is given", None)),
        ({"asset_id": ["", "b"]}, ("asset_id is given", "")),
        ({"stage": ["Filed", "filed"]}, ("stage is one of the known names", "Filed")),
        ({"jurisdiction": ["China", "CN"]}, ("jurisdiction is two capital letters", "China")),
        ({"currency": ["RMB\n", "CNY"]}, ("currency is three capital letters", "RMB\n")),
        ({"revenue_path": [[], [1.0]]}, ("revenue_path has 1 to 100 entries", "[]")),
        ({"revenue_path": [[1.0, None], [1.0]]}, ("revenue_path has no blank entries", "[1.0, None]")),
        ({"revenue_path": [[1.0, NAN], None]}, ("revenue_path is finite", "[1.0, nan]")),
        ({"stage_probabilities": [[0.5, 1.5], [1.0]]}, ("0 <= stage_probabilities <= 1", "[0.5, 1.5]")),
    ],
)
def test_a_bad_cell_rejects_its_row_and_no_other(tmp_path: Path, columns: dict[str, Any], found: tuple[str, str | None]) -> None:
    content = pa.table({"asset_id": ["a", "b"], "right_type": ["design", "design"], **columns})
    path = write_ipc(content, tmp_path / "p.arrow")
    assert problems(path, tmp_path) == [(0, *found)]
    assert rows_of(path, tmp_path)[0]["asset_id"].to_pylist() == ["b"]


def test_every_problem_of_a_row_is_told(tmp_path: Path) -> None:
    content = table(2, growth=[-2.0, 0.0], stage=["sold", "idea"])
    assert [rule for _, rule, _ in problems(content, tmp_path)] == [
        "-1 < growth <= 10",
        "stage is one of the known names",
    ]


def test_messages_say_what_where_and_what_to_do(tmp_path: Path) -> None:
    content = table(2, right_type=["trademerk", "design"], revenue=[-5.0, 1.0])
    _, rejects = rows_of(content, tmp_path)
    revenue, right_type = rejects.table()["message"].to_pylist()
    assert revenue == ("revenue is -5.0: it must be at least 0 and at most 1e+15; correct it or leave it blank")
    assert right_type.startswith("right_type is 'trademerk' (did you mean trademark?): it must be one of invention_")


# ------------------------------------------------------------------ duplicates


def test_every_row_of_a_duplicated_id_is_rejected_across_files(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    pq.write_table(table(3), parts / "a.parquet")
    write_ipc(table(5).slice(2), parts / "b.arrow")
    clean, rejects = rows_of(parts, tmp_path)
    assert clean["asset_id"].to_pylist() == ["asset-0", "asset-1", "asset-3", "asset-4"]
    found = [(one["file"], one["row"], one["message"]) for one in rejects.table().to_pylist()]
    message = "asset_id 'asset-2' occurs 2 times: give every right its own"
    assert found == [(f"{parts}/a.parquet", 2, message), (f"{parts}/b.arrow", 0, message)]


def test_a_duplicate_counts_even_where_its_row_is_bad_for_another_reason(tmp_path: Path) -> None:
    content = table(3, asset_id=["x", "x", "x"], growth=[0.0, -5.0, 0.0])
    assert [(row, rule) for row, rule, _ in problems(content, tmp_path)] == [
        (0, "asset_id is unique"),
        (1, "asset_id is unique"),
        (1, "-1 < growth <= 10"),
        (2, "asset_id is unique"),
    ]


def test_blank_ids_are_no_duplicates(tmp_path: Path) -> None:
    rules = [rule for _, rule, _ in problems(table(3, asset_id=[None, None, "a"]), tmp_path)]
    assert rules == ["asset_id is given", "asset_id is given"]


def test_ids_whose_hashes_collide_are_told_apart_by_their_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_length(ids: pa.StringArray) -> np.ndarray[Any, np.dtype[np.uint64]]:
        lengths: np.ndarray[Any, np.dtype[np.uint64]] = pc.binary_length(ids).to_numpy().astype(np.uint64)
        return lengths

    monkeypatch.setitem(scan.__globals__, "hash_ids", by_length)
    ids = ["aa", "bb", "cc", "bb", "cc", "d", "ee", "cc"]
    clean, rejects = rows_of(table(8, asset_id=ids), tmp_path)
    assert clean["asset_id"].to_pylist() == ["aa", "d", "ee"]
    counts = {one["value"]: one["message"] for one in rejects.table().to_pylist()}
    assert "occurs 2 times" in counts["bb"]
    assert "occurs 3 times" in counts["cc"]


# ------------------------------------------------------------------ scan and units


def test_groups_are_counted_over_all_files(tmp_path: Path) -> None:
    content = table(6, sector=["a", "a", None, "b", "b", "a"], jurisdiction=["CN", "US", "CN", "CN", "CN", "CN"])
    portfolio = open_portfolio(write_ipc(content, tmp_path / "p.arrow", 2), tmp_path)
    assert scan(portfolio).groups == 1
    assert scan(portfolio, ["sector"]).groups == 3
    assert scan(portfolio, ["sector", "jurisdiction"]).groups == 4
    assert scan(portfolio, ["owner_id"]).groups == 1
    assert scan(portfolio, ["asset_id"]).groups == 6


def test_an_unknown_group_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot group by 'sectr': it is no column of the portfolio: did you mean sector"):
        scan(open_portfolio(table(), tmp_path), ["sectr"])


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("group", [1, 3, 10, 100])
@pytest.mark.parametrize("rows_per_task", [1, 4, 7, 1000])
def test_units_hold_every_row_once_in_order(tmp_path: Path, suffix: str, group: int, rows_per_task: int) -> None:
    content, path = table(23), tmp_path / f"p{suffix}"
    if suffix == ".parquet":
        pq.write_table(content, path, row_group_size=group)
    else:
        write_ipc(content, path, group)
    portfolio = open_portfolio(path, tmp_path)
    units = portfolio.units(rows_per_task)
    assert all(0 < unit.rows <= rows_per_task for unit in units)
    assert [unit.first_row for unit in units] == list(np.cumsum([0, *(unit.rows for unit in units[:-1])]))
    assert sum(unit.rows for unit in units) == portfolio.rows == 23
    numbers, ids = [], []
    for unit in units:
        for batch, rows, _ in read(pickle.loads(pickle.dumps(unit)), scan(portfolio).duplicates):
            numbers += rows.tolist()
            ids += batch["asset_id"].to_pylist()
    assert numbers == list(range(23))
    assert ids == content["asset_id"].to_pylist()


def test_small_groups_are_read_together_and_large_ones_in_equal_parts(tmp_path: Path) -> None:
    small = open_portfolio(write_ipc(table(10), tmp_path / "small.arrow", 2), tmp_path)
    assert [unit.rows for unit in small.units(5)] == [4, 4, 2]
    large = open_portfolio(write_ipc(table(10), tmp_path / "large.arrow", 10), tmp_path)
    assert [unit.rows for unit in large.units(4)] == [3, 3, 4]


def test_batches_are_never_longer_than_promised(tmp_path: Path) -> None:
    portfolio = open_portfolio(write_ipc(table(BATCH_ROWS + 5), tmp_path / "p.arrow", 10**9), tmp_path)
    (unit,) = portfolio.units(10**9)
    lengths = [batch.num_rows for batch, _, _ in read(unit, scan(portfolio).duplicates)]
    assert lengths == [BATCH_ROWS, 5]


def test_only_the_columns_asked_for_are_read_and_checked(tmp_path: Path) -> None:
    portfolio = open_portfolio(table(2, growth=[-9.0, 0.0]), tmp_path)
    ((batch, rows, rejects),) = read(portfolio.units(10)[0], scan(portfolio).duplicates, ["revenue"])
    assert batch.schema.names == ["asset_id", "revenue"]
    assert (rows.tolist(), len(rejects)) == ([0, 1], 0)
