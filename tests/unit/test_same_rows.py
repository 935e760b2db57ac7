"""Which rows of two portfolios are the same: against every cell compared in Python."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import table

from ipvalue.intake import NOWHERE, matched, open_portfolio, row_keys
from ipvalue.intake.cell_keys import cell_words
from ipvalue.schema import PORTFOLIO
from ipvalue.store.compact import Records

Row = dict[str, Any]
CELLS: dict[str, list[Any]] = {
    "right_type": ["trademark", "design"],
    "sector": [None, "software", "pharma", ""],
    "revenue": [None, 0.0, -0.0, 1e6, 1.5],
    "tab_years": [None, 0, 10],
    "indefinite": [None, True, False],
    "filing_date": [None, "2020-01-01", "2021-02-03"],
    "weights": [None, [0.5, 0.5], [0.0, 1.0], [-0.0, 1.0], [1.0]],
    "methods": [None, ["cost", "market"], ["market", "cost"], ["cost"]],
}


def drawn(count: int, draw: random.Random) -> list[Row]:
    return [{"asset_id": f"a{i}", **{name: draw.choice(cells) for name, cells in CELLS.items()}} for i in range(count)]


def text_of(row: Row) -> str:
    """All its cells, signs of zeros and all, blank ones left out."""
    return repr({name: cell for name, cell in sorted(row.items()) if cell is not None})


def written(rows: list[Row], folder: Path, files: int = 1, **how: Any) -> Path:
    folder.mkdir(parents=True)
    for i in range(files):
        part = rows[len(rows) * i // files : len(rows) * (i + 1) // files]
        found = pa.table({
            name: pa.array([row.get(name) for row in part], pa.string() if name == "filing_date" else PORTFOLIO[name].arrow_type)
            for name in dict.fromkeys(name for row in rows for name in row)
        })  # fmt: skip
        if "filing_date" in found.column_names:
            place = found.schema.get_field_index("filing_date")
            found = found.set_column(place, "filing_date", found["filing_date"].cast(pa.date32()))
        pq.write_table(found, folder / f"{i}.parquet", **how)
    return folder


def found(old: Path, new: Path, spool: Path) -> list[int]:
    rows, _ = matched(open_portfolio(old, spool), open_portfolio(new, spool), PORTFOLIO)
    return rows.tolist()


def expected(old: list[Row], new: list[Row]) -> list[int]:
    place = {text_of(row): i for i, row in enumerate(old)}
    return [place.get(text_of(row), NOWHERE) for row in new]


def changed(rows: list[Row], draw: random.Random) -> list[Row]:
    """Every cell of some rows drawn anew, some of them as they were."""
    return [{**row, **(drawn(1, draw)[0] if draw.random() < 0.2 else {}), "asset_id": row["asset_id"]} for row in rows]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", ["as it was", "shifted", "shuffled"])
@pytest.mark.parametrize("files", [(1, 1), (3, 3), (2, 3), (3, 1)])
def test_any_order_and_any_files(seed: int, order: str, files: tuple[int, int], tmp_path: Path) -> None:
    draw = random.Random(seed)
    old = drawn(300, draw)
    new = changed(old, draw)
    if order == "shifted":
        new = [*drawn(1, draw), *new[:100], *new[103:]]
        new[0]["asset_id"] = "added"
    elif order == "shuffled":
        draw.shuffle(new)
    assert found(written(old, tmp_path / "old", files[0]), written(new, tmp_path / "new", files[1]), tmp_path) == expected(old, new)


@pytest.mark.parametrize("how", [{}, {"compression": "gzip"}, {"row_group_size": 70}, {"use_dictionary": False}])
def test_columns_in_the_same_bytes_need_not_be_read(how: dict[str, Any], tmp_path: Path) -> None:
    draw = random.Random(5)
    old = drawn(200, draw)
    new = [{**row, "revenue": 7.0 if i % 9 == 0 else row["revenue"]} for i, row in enumerate(old)]
    assert found(written(old, tmp_path / "old"), written(new, tmp_path / "new", **how), tmp_path) == expected(old, new)


def with_dictionaries_at_zero(path: Path) -> None:
    """Says of every column, none of which has a dictionary, that its dictionary begins at 0."""
    content = path.read_bytes()
    end = len(content) - 8
    start = end - int.from_bytes(content[end : end + 4], "little")
    footer = content[start:end]
    records = Records(footer)
    (group,) = records.structs(records.struct(0).fields[4][0])
    for column in reversed(records.structs(group.fields[1][0])):
        at = records.struct(column.fields[3][0]).fields[9][1]  # behind data_page_offset, field 9; dictionary_page_offset is field 11
        after = footer[at] - 0x20 if footer[at] else 0
        footer = footer[:at] + bytes([0x26, 0, after]) + footer[at + 1 :]
    path.write_bytes(content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def test_a_dictionary_at_zero_is_none(tmp_path: Path) -> None:
    """The first bytes of the file, which are the same, are not those of each column."""
    old = [{"asset_id": f"a{i:0100}", "right_type": "design", "revenue": float(i)} for i in range(50)]
    new = [{**row, "revenue": 7.0} if i % 9 == 3 else row for i, row in enumerate(old)]
    for rows, name in ((old, "old"), (new, "new")):
        with_dictionaries_at_zero(written(rows, tmp_path / name, use_dictionary=False, compression="none", write_statistics=False) / "0.parquet")
    metadata = pq.ParquetFile(tmp_path / "old" / "0.parquet").metadata.row_group(0)
    assert [metadata.column(place).dictionary_page_offset for place in range(3)] == [0, 0, 0]
    assert found(tmp_path / "old", tmp_path / "new", tmp_path) == expected(old, new)


def test_a_column_that_is_not_there_is_blank(tmp_path: Path) -> None:
    rows = [{"asset_id": f"a{i}", "right_type": "design", "sector": None, "revenue": float(i)} for i in range(5)]
    fewer = [{name: cell for name, cell in row.items() if name != "sector"} for row in rows]
    assert found(written(rows, tmp_path / "old"), written(fewer, tmp_path / "new"), tmp_path) == [0, 1, 2, 3, 4]
    assert found(written(rows, tmp_path / "other"), written(fewer[::-1], tmp_path / "moved"), tmp_path) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("moved", [False, True])
def test_other_types_that_hold_the_same(moved: bool, tmp_path: Path) -> None:
    """Cells are compared in the registry's types; one that cannot be read is like no other."""
    rows = [{"asset_id": f"a{i}", "right_type": "design", "revenue": i / 2, "tab_years": i} for i in range(6)]
    pq.write_table(table(rows), tmp_path / "old.parquet")
    texts = rows[::-1] if moved else rows
    cells = [("oops" if row["asset_id"] == "a3" else str(row["revenue"]), str(row["tab_years"]), row["asset_id"]) for row in texts]
    (tmp_path / "new.csv").write_text("revenue,tab_years,asset_id,right_type\n" + "".join(f"{a},{b},{c},design\n" for a, b, c in cells))
    places = [0, 1, 2, NOWHERE, 4, 5]
    assert found(tmp_path / "old.parquet", tmp_path / "new.csv", tmp_path / "spool") == (places[::-1] if moved else places)


def test_texts_as_categories(tmp_path: Path) -> None:
    rows = drawn(40, random.Random(2))
    new = [{**row, "right_type": "design" if i == 7 else row["right_type"]} for i, row in enumerate(rows)]
    old = written(rows, tmp_path / "old")
    again = pq.read_table(written(new, tmp_path / "new"))
    place = again.schema.get_field_index("right_type")
    pq.write_table(again.set_column(place, "right_type", again["right_type"].dictionary_encode()), tmp_path / "new" / "0.parquet")
    assert found(old, tmp_path / "new", tmp_path) == expected(rows, new)


def test_words_do_not_depend_on_how_cells_are_held() -> None:
    lists = pa.array([None, [0.5, None], [], [1.0], [0.5, 0.5]], pa.list_(pa.float64()))
    names = pa.array(["x", None, "", "longer than thirty-two bytes of text", "x"])
    flags, days = pa.array([True, None, False, True, True]), pa.array([1, None, 0, 7, 1], pa.int32()).cast(pa.date32())
    for array in (lists, names, flags, days):
        padded = pa.concat_arrays([array[2:], array, array[:1]])
        assert np.array_equal(cell_words(array), cell_words(padded.slice(3, 5)))
        words = cell_words(array)
        assert (words[[cell is None for cell in array.to_pylist()]] == 0).all()
        assert len({tuple(pair) for pair in words.tolist()}) == len({repr(cell) for cell in array.to_pylist()})


def test_words_tell_columns_apart() -> None:
    one, two = pa.array([1.0, 2.0]), pa.array([2.0, 1.0])
    first, second = row_keys({"growth": one, "hazard": two}, 2), row_keys({"growth": two, "hazard": one}, 2)
    assert np.array_equal(first, second[::-1])
    assert not (first == second).any()
    assert np.array_equal(first, row_keys({"hazard": two, "growth": one, "life": pa.nulls(2, pa.float64())}, 2))
