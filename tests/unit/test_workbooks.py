"""Workbooks as portfolios: what a cell is read as, which sheet and rows are read, and how a cell is named."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from commandline import MARKET

import ipvalue as iv
from ipvalue.intake import BATCH_ROWS, no_duplicates, open_portfolio, read
from ipvalue.schema import InputError

pytest.importorskip("openpyxl")
xlsxwriter = pytest.importorskip("xlsxwriter")

from books import HEADS, RIGHT, book, in_sheet, rewritten  # noqa: E402  (needs openpyxl)


def rows_of(path: str, spool: Path) -> list[dict[str, Any]]:
    """The good rows, in the registry's types, of the columns that the sheet has."""
    portfolio = open_portfolio(path, spool)
    (file,) = portfolio.files
    batches = [batch for unit in portfolio.units(10**9) for batch, _, _ in read(unit, no_duplicates())]
    assert file.sheet is not None
    return pa.Table.from_batches(batches).select(list(file.sheet.letters)).to_pylist()


def refusal(path: str, spool: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_portfolio(path, spool)
    return str(caught.value)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_cells_are_read_as_what_they_are(place: Path) -> None:
    heads = [*HEADS, "expiry_date", "indefinite", "weights"]
    first = ["商标 一", "trademark", 1.5e6, 0.05, 8, "北京公司", datetime(2030, 5, 4), True, "0.6; 0.4"]
    second = [12345, " trademark", "1500000", "5e-2", 8.0, "   ", date(2031, 1, 2), "FALSE", None]
    path = book("b.xlsx", first, [second[0], "trademark", *second[2:]], heads=heads)
    one, two = rows_of(path, place)
    assert one == dict(zip(heads, ["商标 一", "trademark", 1.5e6, 0.05, 8.0, "北京公司", date(2030, 5, 4), True, [0.6, 0.4]], strict=True))
    assert two == dict(zip(heads, ["12345", "trademark", 1.5e6, 0.05, 8.0, None, date(2031, 1, 2), False, None], strict=True))


def test_a_percentage_is_the_number_that_it_shows(place: Path) -> None:
    def shown(made: Any) -> None:
        made.active["D2"].number_format = "0%"

    assert rows_of(book("b.xlsx", change=shown), place)[0]["royalty_rate"] == 0.05


def test_the_years_of_macs_are_theirs(place: Path) -> None:
    """Old workbooks of Macs count days from 1904."""

    def mac(made: Any) -> None:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        made.epoch = CALENDAR_MAC_1904

    path = book("b.xlsx", [*RIGHT, datetime(2030, 5, 4)], heads=[*HEADS, "expiry_date"], change=mac)
    assert rows_of(path, place)[0]["expiry_date"] == date(2030, 5, 4)


def test_a_workbook_is_valued_as_the_same_rows_in_csv(place: Path) -> None:
    rows = [(f"r{i}", "trademark", 1e6 + i / 4, 0.05, 8.5, "o") for i in range(20)]
    book("b.xlsx", *rows)
    Path("b.csv").write_text("\n".join([",".join(HEADS), *(",".join(map(str, row)) for row in rows)]) + "\n")
    Path("market.toml").write_text(MARKET)
    ours, other = (iv.value(name, paths=32) for name in ("b.xlsx", "b.csv"))
    assert ours.assets.equals(other.assets)
    assert ours.totals.equals(other.totals)
    assert ours.manifest["inputs"]["portfolio"][0]["file"] == "b.xlsx"


def test_a_workbook_is_gone_on_with_and_verified_by_the_hash_of_itself(place: Path) -> None:
    path = book("b.xlsx")
    Path("market.toml").write_text(MARKET)
    iv.value(path, paths=16, out="out")
    assert iv.verify("out", sample=1.0).ok
    book("b.xlsx", ("a", "trademark", 2_000_000, 0.05, 8, "o"))
    with pytest.raises(InputError, match="is not what it was when it was valued"):
        iv.verify("out", sample=1.0)


# ------------------------------------------------------------------------------------------------ which sheet, which rows


def test_titles_may_stand_above_the_names_and_other_sheets_beside(place: Path) -> None:
    def more(made: Any) -> None:
        made.active.insert_rows(1, 3)
        made.active["A1"] = "Our rights"
        made.active.merge_cells("A1:F1")
        made.create_sheet("notes")["A1"] = "asset_id"
        hidden = made.create_sheet("old")
        hidden.append(list(HEADS))
        hidden.sheet_state = "hidden"

    path = book("b.xlsx", change=more)
    assert [row["asset_id"] for row in rows_of(path, place)] == ["a"]
    sheet = open_portfolio(path, place).files[0].sheet
    assert sheet is not None
    assert (sheet.name, sheet.head, sheet.letters["revenue"]) == ("portfolio", 4, "C")
    assert (sheet.place("revenue", 0), sheet.place("hazard", 1)) == ("cell C5 of sheet portfolio", "row 6 of sheet portfolio")


def test_of_several_sheets_with_rights_the_one_called_portfolio_is_read(place: Path) -> None:
    def more(made: Any) -> None:
        made.create_sheet("last year").append(list(HEADS))

    assert [row["asset_id"] for row in rows_of(book("b.xlsx", sheet="Portfolio", change=more), place)] == ["a"]
    told = "b.xlsx: the sheets this year and last year all have a column asset_id: call the one that is meant portfolio"
    assert refusal(book("b.xlsx", sheet="this year", change=more), place) == told


def test_columns_that_are_missing_or_mistyped_are_named_with_the_sheet(place: Path) -> None:
    assert refusal(book("b.xlsx", heads=("asset_id", "right_typ", "revenue")), place) == (
        "b.xlsx, sheet portfolio: column right_type is missing: rename 'right_typ' if that is it"
    )
    assert refusal(book("b.xlsx", heads=("id", "name")), place) == "b.xlsx, sheet portfolio: column asset_id is missing: it has id, name"
    assert "column revenue is there 2 times" in refusal(book("b.xlsx", heads=("asset_id", "right_type", "revenue", "revenue")), place)
    warned = open_portfolio(book("b.xlsx", heads=(*HEADS[:-1], "owner")), place).warnings
    assert warned == ("b.xlsx, sheet portfolio: column 'owner' is not known and not read: did you mean owner_id?",)


@pytest.mark.parametrize("rows", [([None] * 6,), ([" "],)])
def test_a_sheet_without_rows(place: Path, rows: Any) -> None:
    assert refusal(book("b.xlsx", *rows), place) == "b.xlsx, sheet portfolio: holds no rows"


def test_blank_rows_at_the_end_are_none_and_those_between_keep_their_numbers(place: Path) -> None:
    path = book("b.xlsx", RIGHT, [None] * 6, ("b", *RIGHT[1:]), [None] * 6, ["  "])
    portfolio = open_portfolio(path, place)
    assert portfolio.rows == 3
    ((batch, row, rejects),) = (one for unit in portfolio.units(100) for one in read(unit, no_duplicates()))
    assert (batch["asset_id"].to_pylist(), row.tolist()) == (["a", "b"], [0, 2])
    assert np.array_equal(rejects.rows("b.xlsx"), [1])


def test_more_rows_than_a_batch_has(place: Path) -> None:
    made = xlsxwriter.Workbook("b.xlsx", {"constant_memory": True})
    sheet = made.add_worksheet("portfolio")
    sheet.write_row(0, 0, ["asset_id", "right_type"])
    for row in range(BATCH_ROWS + 3):
        sheet.write_row(row + 1, 0, [f"r{row}", "trademark"])
    made.close()
    (file,) = open_portfolio("b.xlsx", place).files
    assert file.group_rows == (BATCH_ROWS, 3)


# ------------------------------------------------------------------------------------------------ formulas, errors, merged cells


def test_a_formula_counts_as_the_value_that_was_saved_with_it(place: Path) -> None:
    made = xlsxwriter.Workbook("b.xlsx")
    sheet = made.add_worksheet("portfolio")
    sheet.write_row(0, 0, HEADS)
    sheet.write_row(1, 0, RIGHT)
    sheet.write_formula("C2", "=2*500000", None, 1_000_000)
    sheet.write_formula("F2", '=IF(1>2,"x","")', None, "")
    made.close()
    rewritten("b.xlsx", in_sheet(b'<c r="F2"', b'<c r="F2" t="str"'))  # as Excel and LibreOffice save the empty text
    (row,) = rows_of("b.xlsx", place)
    assert (row["revenue"], row["owner_id"]) == (1_000_000.0, None)


@pytest.mark.parametrize("prefix", [b"", b"x:"])
def test_a_formula_without_its_value_is_refused(place: Path, prefix: bytes) -> None:
    def formula(made: Any) -> None:
        made.active["C2"] = "=2*500000"

    path = book("b.xlsx", change=formula)
    if prefix:  # the same, as other libraries write it
        names = {b"<worksheet xmlns=": b"<x:worksheet xmlns:x=", b"</worksheet": b"</x:worksheet"}

        def prefixed(content: bytes) -> bytes:
            import re

            for old, new in names.items():
                content = content.replace(old, new)
            return re.sub(rb"<(/?)(?!x:|\?)(\w)", rb"<\1x:\2", content)

        rewritten(path, {"xl/worksheets/sheet1.xml": prefixed})
    told = "b.xlsx, sheet portfolio, cell C2 (revenue): is a formula whose value was not saved"
    assert refusal(path, place).startswith(told)


def test_a_formula_in_a_column_that_is_not_read_does_not_matter(place: Path) -> None:
    def formula(made: Any) -> None:
        made.active["G1"], made.active["G2"] = "check", "=C2*2"

    assert len(rows_of(book("b.xlsx", change=formula), place)) == 1


def test_a_failed_formula_rejects_its_row_and_names_its_cell(place: Path) -> None:
    path = book("b.xlsx", RIGHT, ("b", "trademark", "#DIV/0!", 0.05, 8, "#N/A"))
    Path("market.toml").write_text(MARKET)
    found = iv.check(path).rejects.to_pylist()
    assert [(one["row"], one["column"], one["message"]) for one in found] == [
        (
            1,
            "owner_id",
            "owner_id is '#N/A': it must be text, and not the error of a formula; correct it or leave it blank (cell F3 of sheet portfolio)",
        ),
        (1, "revenue", "revenue is #DIV/0!: it must be a number; correct it or leave it blank (cell C3 of sheet portfolio)"),
    ]


def test_the_same_text_in_another_file_is_text(place: Path) -> None:
    Path("b.csv").write_text("asset_id,right_type,revenue,royalty_rate,life,owner_id\na,trademark,1,0.05,8,#N/A\n")
    Path("market.toml").write_text(MARKET)
    assert iv.check("b.csv").rejected == 0


def test_a_rule_between_columns_names_the_cell_too(place: Path) -> None:
    path = book("b.xlsx", RIGHT, ("b", "design", *RIGHT[2:], datetime(2020, 1, 1)), heads=[*HEADS, "expiry_date"])
    Path("market.toml").write_text(MARKET)
    result = iv.value(path, paths=16)
    (one,) = result.rejects.to_pylist()
    assert (one["file"], one["row"]) == ("b.xlsx", 1)
    assert one["message"].endswith("(cell G3 of sheet portfolio)")


def test_merged_cells_are_refused_where_they_are_read(place: Path) -> None:
    def merged(cells: str) -> Any:
        return lambda made: made.active.merge_cells(cells)

    rows = (RIGHT, ("b", *RIGHT[1:]))
    assert refusal(book("b.xlsx", *rows, change=merged("F2:F3")), place) == (
        "b.xlsx, sheet portfolio: cells F2:F3 are merged: unmerge them and fill in each"
    )
    assert refusal(book("b.xlsx", *rows, change=merged("E1:F1")), place) == "b.xlsx, sheet portfolio: cells E1:F1 are merged: unmerge them"
    assert len(rows_of(book("b.xlsx", *rows, change=merged("H2:J3")), place)) == 2


def test_a_sheet_that_lies_about_its_size_is_read_to_its_end(place: Path) -> None:
    path = book("b.xlsx", RIGHT, ("b", *RIGHT[1:]))
    rewritten(path, in_sheet(rb'<dimension ref="[^"]+"', b'<dimension ref="A1"'))
    assert [row["asset_id"] for row in rows_of(path, place)] == ["a", "b"]
