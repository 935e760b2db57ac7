"""The same portfolio gives the same clean rows, whatever its format, its chunks and the files it is spread over."""

from __future__ import annotations

import csv
import datetime
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.assumptions import fill, load_assumptions
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.schema import PORTFOLIO

COLUMNS = ("asset_id", "right_type", "jurisdiction", "revenue", "tab_years", "indefinite", "grant_date", "stage_years")
SCHEMA = pa.schema([(name, PORTFOLIO[name].arrow_type) for name in COLUMNS])

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=4)
AMOUNT = st.one_of(st.floats(-1, 1e15), st.sampled_from([0.0, 5e-324, 0.1, 1e16, float("inf")]))

ROW = st.fixed_dictionaries(
    {
        "asset_id": st.one_of(st.none(), TEXT, st.sampled_from(["a", "b", "c"])),
        "right_type": st.sampled_from(["design", "trademark", "invention_patent", "patent", None]),
        "jurisdiction": st.sampled_from(["CN", "US", "cn", None]),
        "revenue": st.one_of(st.none(), AMOUNT),
        "tab_years": st.one_of(st.none(), st.integers(-1, 101)),
        "indefinite": st.sampled_from([True, False, None]),
        "grant_date": st.one_of(st.none(), st.dates(datetime.date(1800, 1, 1), datetime.date(2200, 1, 1))),
        "stage_years": st.one_of(st.none(), st.lists(st.floats(-1, 101), max_size=3)),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=30)
CHUNKS = st.integers(1, 40)

Clean = list[dict[str, Any]]


def clean_rows(source: object, folder: Path, rows_per_task: int) -> tuple[Clean, int]:
    """The rows that are kept, in order, and how many problems the others have."""
    portfolio = open_portfolio(source, folder / "spool")
    duplicates = scan(portfolio).duplicates
    kept: Clean = []
    bad = 0
    for unit in portfolio.units(rows_per_task):
        for batch, _, rejects in read(unit, duplicates):
            kept += batch.to_pylist()
            bad += len(rejects)
    return kept, bad


def write_csv(rows: Clean, path: Path) -> None:
    def cell(value: Any) -> str:
        if isinstance(value, list):
            return f"[{';'.join(map(repr, value))}]"
        return "" if value is None else str(value)

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([[cell(row[name]) for name in COLUMNS] for row in rows])


def write_ipc(content: pa.Table, path: Path, rows: int) -> None:
    with pa.ipc.new_file(path, content.schema) as writer:
        writer.write_table(content, rows)


@given(rows=ROWS, chunk=CHUNKS, per_task=CHUNKS)
def test_formats_and_chunks_do_not_change_the_clean_rows(rows: Clean, chunk: int, per_task: int) -> None:
    content = pa.Table.from_pylist(rows, SCHEMA)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = clean_rows(content, folder, 1_000)
        pq.write_table(content, folder / "p.parquet", row_group_size=chunk)
        write_ipc(content, folder / "p.arrow", chunk)
        write_csv(rows, folder / "p.csv")
        assert clean_rows(str(folder / "p.parquet"), folder, per_task) == expected
        assert clean_rows(str(folder / "p.arrow"), folder, per_task) == expected
        assert clean_rows(str(folder / "p.csv"), folder, per_task) == expected


@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), min_size=6, max_size=6), per_task=CHUNKS)
def test_one_file_or_seven_give_the_same_clean_rows(rows: Clean, cuts: list[int], per_task: int) -> None:
    content = pa.Table.from_pylist(rows, SCHEMA)
    ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "parts").mkdir()
        for i, (start, stop) in enumerate(pairwise(ends)):
            part = content.slice(start, stop - start)
            if i % 2:
                pq.write_table(part, folder / "parts" / f"{i}.parquet")
            else:
                write_ipc(part, folder / "parts" / f"{i}.arrow", 3)
        assert clean_rows(folder / "parts", folder, per_task) == clean_rows(content, folder, 1_000)


@given(rows=ROWS)
def test_kept_rows_keep_every_rule_and_their_order(rows: Clean) -> None:
    with tempfile.TemporaryDirectory() as name:
        kept, bad = clean_rows(pa.Table.from_pylist(rows, SCHEMA), Path(name), 7)
    ids = [row["asset_id"] for row in kept]
    given_ids = [row["asset_id"] for row in rows]
    assert ids == [one for one in given_ids if one in ids]
    assert all(given_ids.count(one) == 1 for one in ids)
    assert len(rows) - len(kept) <= bad
    for row in kept:
        for column, value in row.items():
            assert value is None or PORTFOLIO[column].problem(value) is None


@given(rows=ROWS, data=st.data())
def test_filling_does_not_depend_on_order_or_batch(rows: Clean, data: st.DataObject) -> None:
    content = pa.Table.from_pylist(
        [{**row, "asset_id": str(i)} for i, row in enumerate(rows)],
        pa.schema([(column.name, column.arrow_type) for column in PORTFOLIO.values()]),
    ).combine_chunks()
    order = data.draw(st.permutations(range(len(rows))))
    batch = content.to_batches()[0]
    batch = batch.filter(pa.array(np.array([row["right_type"] is not None for row in rows])))
    order = [i for i in order if i < batch.num_rows]
    book = load_assumptions()
    whole, report = fill(batch, book)
    shuffled, shuffled_report = fill(batch.take(pa.array(order, pa.int64())), book)
    assert shuffled.equals(whole.take(pa.array(order, pa.int64())))
    texts = report.to_pylist()
    assert shuffled_report.to_pylist() == [texts[i] for i in order]
