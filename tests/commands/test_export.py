"""`ipvalue export`: what a workbook holds, that text stays text, and that the same result gives the same bytes."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest
from commandline import ROW, contents, row_with, run, table, value
from small_book import write

import ipvalue as iv
from ipvalue.excel import LONGEST_TEXT
from ipvalue.export import exported as module
from ipvalue.schema import LOANS, RESULTS

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("xlsxwriter")

pytestmark = pytest.mark.usefixtures("here")

POOL = """
source = "a test"
[pool]
bearer = "all"
[[tranche]]
name = "senior"
attachment = 0.1
detachment = 1.0
coupon = 0.03
[[tranche]]
name = "first loss"
attachment = 0.0
detachment = 0.1
"""
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "{=1}",
    "http://a.b",
    "0012",
    "1e5",
    "权利人 🙂",
    "'quoted",
    "TRUE",
    "a\nb",
)


def book_of(directory: str = "out", *more: object) -> Any:
    """The workbook of a result."""
    ran = run("export", directory, "--xlsx", "x.xlsx", "--overwrite", *more)
    assert (ran.code, ran.err) == (0, "")
    return openpyxl.load_workbook("x.xlsx")


def rows_of(sheet: Any) -> list[dict[str, Any]]:
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_a_result_of_value() -> None:
    pq.write_table(table([*row_with(revenue=-1.0), {**ROW, "asset_id": "r4", "owner_id": "o"}]), "p.parquet")
    assert value("p.parquet", "--group-by", "sector").code == 0
    book = book_of()
    assert book.sheetnames == ["Summary", "Totals", "Distribution", "Groups", "Top rights", "Rejects", "Columns"]
    result = iv.open_result("out")
    whole, *groups = result.groups.to_pylist()
    totals = {row["statistic"]: row["amount"] for row in rows_of(book["Totals"])}
    assert totals == pytest.approx({name: number for name, number in whole.items() if name != "sector"}, rel=1e-15)
    assert {row["sector"]: row["value"] for row in rows_of(book["Groups"])} == pytest.approx({row["sector"]: row["value"] for row in groups})
    rights = sorted(result.assets.to_pylist(), key=lambda row: -row["value"])
    top = rows_of(book["Top rights"])
    assert [row["asset_id"] for row in top] == [row["asset_id"] for row in rights]
    for got, row in zip(top, rights, strict=True):
        numbers = ("mean", "q95", "expected_life", "paths")
        assert {name: got[name] for name in numbers} == pytest.approx({name: row[name] for name in numbers}, rel=1e-15)
        assert got["filled"] == row["filled"]
    assert rows_of(book["Rejects"])[0]["message"].startswith("revenue is -1.0: it must be at least 0")
    meanings = {(row["sheet"], row["column"]): row["meaning"] for row in rows_of(book["Columns"])}
    assert meanings["Top rights", "expected_life"] == RESULTS["assets"]["expected_life"].meaning
    assert meanings["Groups", "q05"] == RESULTS["groups"]["q…"].meaning
    said = {row[0]: row[1] for row in book["Summary"].iter_rows(min_row=3, values_only=True)}
    assert said["rights valued"] == "4 of 5, 1 rejected"
    assert said["fingerprint"] == result.manifest["fingerprint"]
    assert (said["option paths"], said["option group_by"]) == (64, "sector")
    assert said["note"].endswith("not an appraisal.")


def test_it_is_made_to_be_read() -> None:
    assert value("portfolio.parquet", "--group-by", "sector").code == 0
    book = book_of()
    sheet = book["Top rights"]
    of = {cell.value: cell for cell in sheet[1]}
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref.startswith("A1:")
    shown = {name: sheet.cell(2, of[name].column).number_format for name in ("mean", "probability_of_loss", "expected_life", "paths")}
    assert shown == {"mean": "#,##0", "probability_of_loss": "0.00%", "expected_life": "0.00", "paths": "#,##0"}
    assert of["mean"].comment.text == "estimate of the expected value, the best there is\nUnit: market's currency"
    assert sheet.column_dimensions["D"].width > 8
    assert len(book["Distribution"]._charts) == 1
    bars = rows_of(book["Distribution"])
    assert sum(bar["paths"] for bar in bars) == 64
    assert [bar["to"] for bar in bars[:-1]] == [bar["from"] for bar in bars[1:]]


def test_text_stays_text_whatever_it_begins_with() -> None:
    pq.write_table(table([{**ROW, "asset_id": text, "owner_id": text} for text in HOSTILE]), "p.parquet")
    assert value("p.parquet", "--group-by", "owner_id").code == 0
    book = book_of()
    for sheet, name in (("Top rights", "asset_id"), ("Groups", "owner_id")):
        column = next(cell.column for cell in book[sheet][1] if cell.value == name)
        cells = [book[sheet].cell(row, column) for row in range(2, 2 + len(HOSTILE))]
        assert {cell.data_type for cell in cells} == {"s"}
        assert all(cell.hyperlink is None for cell in cells)
        assert {re.sub("_x000D_", "\r", cell.value) for cell in cells} == set(HOSTILE)
    with ZipFile("x.xlsx") as archive:
        assert not any(b"<f>" in archive.read(one) for one in archive.namelist() if "worksheets/sheet" in one)


def test_characters_that_xml_cannot_hold() -> None:
    pq.write_table(table([{**ROW, "asset_id": "a\x00\x07\x1b\ufffe\uffffz"}, {**ROW, "asset_id": "_x0041_"}]), "p.parquet")
    assert value("p.parquet").code == 0
    ids = [row["asset_id"] for row in rows_of(book_of()["Top rights"])]
    assert any(one.startswith("a_x0000__x0007__x001B_") and one.endswith("z") for one in ids)


def test_the_same_result_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        assert value("portfolio.parquet", "--group-by", "sector", "--workers", 1 if name == "one" else 2, out=name).code == 0
        assert run("export", name, "--xlsx", f"{name}.xlsx").code == 0
    assert Path("one.xlsx").read_bytes() == Path("two.xlsx").read_bytes()
    with ZipFile("one.xlsx") as archive:
        assert {one.date_time[0] for one in archive.infolist()} == {1980}
    assert openpyxl.load_workbook("one.xlsx").properties.created == datetime(1980, 1, 1)


def test_the_first_rights_by_value_and_what_is_left_out() -> None:
    assert value("portfolio.parquet").code == 0
    book = book_of("out", "--top", 2)
    assert [row["asset_id"] for row in rows_of(book["Top rights"])] == ["r1", "r3"]
    told = "Top rights has 2 of 4 rights, those with most value; the results directory has all"
    assert told in [row[1] for row in book["Summary"].iter_rows(values_only=True)]
    found = json.loads(run("export", "out", "--xlsx", "y.xlsx", "--top", 2, "--json").out)
    assert found == {"path": "y.xlsx", "rows": {"Totals": 22, "Distribution": 16, "Top rights": 2, "Rejects": 0}, "left_out": [told]}


def test_what_a_sheet_or_a_cell_cannot_hold_is_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * (LONGEST_TEXT + 1)
    pq.write_table(
        table([{**ROW, "asset_id": long}, {**ROW, "asset_id": "b", "revenue": -1.0}, {**ROW, "asset_id": "c", "revenue": -1.0}]), "p.parquet"
    )
    assert value("p.parquet").code == 0
    monkeypatch.setattr(module, "MOST_ROWS", 30)
    assert book_of("out", "--top", 30)["Top rights"]["A2"].value == "x" * (LONGEST_TEXT - 1) + "…"
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    ran = run("export", "out", "--xlsx", "x.xlsx", "--overwrite", "--top", 1)
    assert "Rejects has 1 of 2 rows, as many as a sheet holds (1); the results directory has all" in ran.out
    assert "1 text is cut to the 32,767 characters that a cell holds" in ran.out


# ------------------------------------------------------------------------------------------------ results of other commands


def test_scenarios() -> None:
    Path("s.toml").write_text('[[scenario]]\nname = "low"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 0.5\n')
    words = ("scenarios", "portfolio.parquet", "s.toml", "--group-by", "sector", "--paths", 64, "--out", "out")
    assert run(*words).code == 0
    book = book_of()
    assert book.sheetnames == ["Summary", "Scenarios", "Rights that move most", "Rejects", "Columns"]
    assert [row["scenario"] for row in rows_of(book["Scenarios"])] == ["base"] * 3 + ["low"] * 3
    moved = [abs(row["difference"]) for row in rows_of(book["Rights that move most"])]
    assert (len(moved), moved) == (4, sorted(moved, reverse=True))


def test_loans_and_a_table_of_them_that_is_a_workbook_itself() -> None:
    from books import book as written

    rows = [("L0", "B", "r0; r2", 1e5, 0.05, 3, 0.1, 0), ("L1", "C", "r1", 2e4, 0.05, 3, 2, 0), ("L2", "D", "r9", 1e4, 0.05, 3, 0.1, 0)]
    heads = ("loan_id", "borrower_id", "asset_ids", "principal", "rate", "term", "pd", "factor_loading")
    written("loans.xlsx", *rows, sheet="2026", heads=heads)
    assert set(rows_of(openpyxl.load_workbook("loans.xlsx")["2026"])[0]) <= set(LOANS)
    assert run("lend", "loans.xlsx", "--portfolio", "portfolio.parquet", "--paths", 200, "--out", "out").code == 0
    told = {row["asset_id"]: row["message"] for row in iv.open_loans("out").rejects.to_pylist()}
    assert told["L1"].endswith("(cell G3 of sheet 2026)")
    assert told["L2"].endswith("(cell C4 of sheet 2026)")
    book = book_of()
    assert book.sheetnames == ["Summary", "Book", "Exposures", "Top loans", "Rejects", "Columns"]
    Path("pool.toml").write_text('source = "made up"\n[pool]\n[[tranche]]\nname = "all"\nsize = 1.0\n')
    assert run("lend", "loans.xlsx", "--portfolio", "portfolio.parquet", "--paths", 200, "--pool", "pool.toml", "--out", "cut").code == 0
    assert [row["tranche"] for row in rows_of(book_of("cut")["Tranches"])] == ["all", "pool", "excess_spread", "reserve"]
    assert [row["loan_id"] for row in rows_of(book["Top loans"])] == ["L0"]
    assert [row["asset_id"] for row in rows_of(book["Rejects"])] == ["L1", "L2"]


def test_tranches_have_a_sheet_where_a_pool_was_cut() -> None:
    write()
    Path("pool.toml").write_text(POOL)
    assert run("lend", "loans.parquet", "--portfolio", "portfolio.parquet", "--pool", "pool.toml", "--paths", 64, "--out", "out").code == 0
    book = book_of()
    assert book.sheetnames == ["Summary", "Book", "Exposures", "Tranches", "Top loans", "Rejects", "Columns"]
    tranches = iv.open_loans("out").tranches
    assert tranches is not None
    assert [(row["tranche"], row["size"]) for row in rows_of(book["Tranches"])] == [(row["tranche"], row["size"]) for row in tranches.to_pylist()]


def test_what_may_be_lent() -> None:
    given = ("--largest", "--portfolio", "portfolio.parquet", "--policy", "bank_of_communications", "--paths", 64)
    assert run("lend", *given, "--out", "out").code == 0
    book, result = book_of("out", "--top", 2), iv.open_lendable("out")
    assert book.sheetnames == ["Summary", "Capacity", "Top owners", "Top rights", "Rejects", "Columns"]
    assert rows_of(book["Capacity"]) == result.capacity.to_pylist()
    most = sorted(result.lendable.to_pylist(), key=lambda row: (-row["largest_principal"], row["asset_id"]))
    assert [row["asset_id"] for row in rows_of(book["Top rights"])] == [row["asset_id"] for row in most[:2]]


def test_sensitivities_and_indices() -> None:
    assert run("sensitivities", "portfolio.parquet", "--drivers", "growth,royalty_rate", "--paths", 64, "--out", "out").code == 0
    book = book_of()
    assert book.sheetnames == ["Summary", "Tornado", "Sensitivities", "Rights", "Rejects", "Columns"]
    assert {row["driver"] for row in rows_of(book["Tornado"])} == {"growth", "royalty_rate"}
    assert run("sensitivities", "portfolio.parquet", "--indices", "--asset", "r2", "--paths", 64, "--out", "found").code == 0
    book = book_of("found")
    assert {row["asset_id"] for row in rows_of(book["Indices"])} == {"r2"}


def test_an_explanation() -> None:
    for name, seed in (("old", 1), ("new", 2)):
        assert value("portfolio.parquet", "--seed", seed, out=name).code == 0
    assert run("explain", "old", "new", "--out", "why").code == 0
    book = book_of("why")
    assert book.sheetnames == ["Summary", "Steps", "Rights that move most", "Columns"]
    steps = rows_of(book["Steps"])
    assert [steps[0]["step"], steps[-1]["step"]] == ["old", "new"]
    explanation = iv.open_explanation("why")
    assert steps[0]["amount"] == pytest.approx(float(explanation.steps["amount"][0].as_py()))
    assert explanation.assets.num_rows == len(rows_of(book["Rights that move most"]))
    shown = run("show", "why")
    assert (shown.code, shown.err) == (2, "ipvalue: why: is an explanation: ipvalue report makes a page of it, ipvalue export a workbook\n")


@pytest.mark.parametrize("path", ["out/x.xlsx", "out/assets/x.xlsx", "out/../out/x.xlsx"])
def test_nothing_is_written_into_the_result(path: str) -> None:
    assert value("portfolio.parquet").code == 0
    ran = run("export", "out", "--xlsx", path)
    assert (ran.code, "lies in the result" in ran.err, Path(path).exists()) == (2, True, False)


@pytest.mark.parametrize("kind", [name for name in RESULTS if name not in ("totals", "scenario_totals", "losses")])
def test_every_sheet_has_its_meanings(kind: str) -> None:
    """Columns of tables that make sheets are in the registry under the table's name."""
    from ipvalue.export.meaning import described

    assert all(described(kind, name).meaning for name in RESULTS[kind])


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("out", "--xlsx", "there.xlsx"), "there.xlsx: is there already: name another, or give --overwrite"),
        (("out", "--xlsx", "x.xls"), "x.xls: a workbook's name ends in .xlsx: name it so"),
        (("out", "--xlsx", "out/x.xlsx"), "out/x.xlsx: lies in the result, which holds nothing but what its run wrote: name a file beside it"),
        (("out", "--xlsx", "nowhere/x.xlsx"), "nowhere/x.xlsx: no directory can be made there: name another file"),
        (("out", "--xlsx", "x.xlsx", "--top", 0), "top is 0: it must be from 1 to 1,048,575, the rows that a sheet has"),
        (("nothing", "--xlsx", "x.xlsx"), "nothing: is no results directory (it has no manifest.json)"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(words: tuple[Any, ...], told: str) -> None:
    assert value("portfolio.parquet").code == 0
    Path("there.xlsx").write_text("mine")
    before = contents()
    ran = run("export", *words)
    assert (ran.code, ran.out, ran.sentence, contents()) == (2, "", told, before)


def test_a_damaged_result_leaves_no_workbook() -> None:
    assert value("portfolio.parquet").code == 0
    path = Path("out/assets/part-00000.parquet")
    path.write_bytes(path.read_bytes()[:50])
    ran = run("export", "out", "--xlsx", "x.xlsx")
    assert ran.code == 2
    assert ran.sentence.startswith("out/assets/part-00000.parquet: cannot be read")
    assert not Path("x.xlsx").exists()


def test_without_xlsxwriter_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert value("portfolio.parquet").code == 0
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    told = "x.xlsx: results are written to workbooks with XlsxWriter, which is not installed: pip install 'ipvalue[xlsx]'"
    assert run("export", "out", "--xlsx", "x.xlsx").sentence == told


def test_a_file_that_fails_half_written_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert value("portfolio.parquet").code == 0
    Path("x.xlsx").write_text("mine")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_summary", full)
    ran = run("export", "out", "--xlsx", "x.xlsx", "--overwrite")
    assert (ran.code, ran.sentence) == (1, "x.xlsx: the disk is full: free some space or name another file")
    assert (Path("x.xlsx").read_text(), sorted(path.name for path in Path().iterdir() if "xlsx" in path.name)) == ("mine", ["x.xlsx"])


def test_elsewhere_than_on_a_disk() -> None:
    assert value("portfolio.parquet").code == 0
    iv.export("out", xlsx="memory://books/x.xlsx")
    import fsspec

    assert fsspec.filesystem("memory").cat_file("/books/x.xlsx")[:2] == b"PK"
