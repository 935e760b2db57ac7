"""Workbooks that are damaged, locked, too large or something else: refused in a sentence, and nothing is written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from commandline import contents, run

from ipvalue.intake import workbook

pytest.importorskip("openpyxl")

from books import HEADS, RIGHT, SHEET, book, in_sheet, rewritten

pytestmark = pytest.mark.usefixtures("here")


def refused(path: str = "b.xlsx") -> str:
    """What `value` says, which exits with 2 and writes nothing."""
    before = contents()
    ran = run("value", path, "--paths", 2, "--out", "out")
    assert (ran.code, ran.out, contents()) == (2, "", before)
    return ran.sentence


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def text(path: Path) -> None:
    path.write_text("asset_id,right_type\n")


def another_archive(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        start = archive.getinfo(SHEET).header_offset + 30 + len(SHEET)
    content[start + 40] ^= 0xFF
    path.write_bytes(content)


def shared(path: Path) -> None:
    """The same rows with their texts in a table of texts, as Excel keeps them; openpyxl writes each into its cell."""
    made = pytest.importorskip("xlsxwriter").Workbook(str(path))
    sheet = made.add_worksheet("portfolio")
    sheet.write_row(0, 0, HEADS)
    sheet.write_row(1, 0, RIGHT)
    made.close()


def no_strings(path: Path) -> None:
    shared(path)
    rewritten(path, {"xl/sharedStrings.xml": None})


def no_sheet(path: Path) -> None:
    rewritten(path, {SHEET: None})


def half_a_sheet(path: Path) -> None:
    rewritten(path, {SHEET: lambda content: content[: len(content) // 2]})


def beyond_the_strings(path: Path) -> None:
    shared(path)
    rewritten(path, in_sheet(rb't="s"><v>0</v>', b't="s"><v>99</v>'))


def entities(path: Path) -> None:
    """Each entity ten of the one before: ten to the ninth."""
    names = "abcdefghij"
    deeper = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names))
    doctype = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{"a" * 50}">{deeper}]>'.encode()

    def change(content: bytes) -> bytes:
        return (doctype + content.partition(b"?>")[2]).replace(b"<v>8</v>", b"<v>&j;</v>")

    rewritten(path, {SHEET: lambda content: change(content if content.startswith(b"<?xml") else b"?>" + content)})


@pytest.mark.parametrize("damage", [cut, text, another_archive, flipped, no_strings, no_sheet, half_a_sheet, beyond_the_strings, entities])
def test_what_is_damaged_is_refused_in_a_sentence(damage: Callable[[Path], None]) -> None:
    book("b.xlsx")
    damage(Path("b.xlsx"))
    told = refused()
    assert told.startswith("b.xlsx")
    assert "cannot be read as a workbook (" in told or told == "b.xlsx: holds no rows"


def test_an_empty_file() -> None:
    Path("b.xlsx").write_bytes(b"")
    assert refused() == "b.xlsx: is empty (0 bytes)"


def test_one_that_is_protected_or_of_the_old_format() -> None:
    Path("b.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert refused() == "b.xlsx: is protected by a password, or of Excel's old format (.xls): save it as .xlsx without a password"


@pytest.mark.parametrize("name", ["b.xls", "b.ods", "b.numbers"])
def test_other_kinds_are_named_with_those_that_are_read(name: str) -> None:
    Path(name).write_bytes(b"x")
    assert refused(name).endswith("is not a known kind of file: give Parquet (.parquet, .pq), Arrow IPC (.arrow, .feather, .ipc), CSV (.csv) or an "
                                  "Excel workbook (.xlsx, .xlsm)")  # fmt: skip


def test_one_that_unpacks_to_absurd_sizes_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    book("b.xlsx")
    with ZipFile("b.xlsx", "a", ZIP_DEFLATED) as archive, archive.open("xl/worksheets/sheet2.xml", "w", force_zip64=True) as member:
        for _ in range(64):
            member.write(bytes(1 << 20))
    assert Path("b.xlsx").stat().st_size < 1 << 17
    monkeypatch.setattr(workbook, "MOST_BYTES", 1 << 25)
    opened: list[str] = []
    monkeypatch.setattr(ZipFile, "open", lambda *args, **_: opened.append(str(args[1])))
    assert refused() == "b.xlsx: unpacks to 0.1 GiB of XML, and no more than 0 GiB is read: write it as CSV or Parquet"
    assert not opened


def test_the_limit_lets_full_sheets_pass() -> None:
    """A million rows of a dozen numbers take some 45 bytes a cell."""
    assert workbook.LAST_ROW * 12 * 45 < workbook.MOST_BYTES


def test_a_row_after_the_last_that_there_can_be() -> None:
    """It would be waited for row by row."""
    book("b.xlsx", RIGHT, ("b", *RIGHT[1:]))
    rewritten("b.xlsx", in_sheet(rb'<row r="3"(.*?)</row>', rb'<row r="4000000000"\1</row>'))
    rewritten("b.xlsx", in_sheet(rb'r="([A-F])3"', rb'r="\g<1>4000000000"'))
    assert refused().startswith("b.xlsx, sheet portfolio: has rows after the last that there can be (1,048,576)")


def test_macros_and_links_to_other_workbooks_are_not_looked_at() -> None:
    book("b.xlsm")
    rewritten(
        "b.xlsm",
        {
            "[Content_Types].xml": lambda content: content.replace(
                b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
            )
        },
        {"xl/vbaProject.bin": b"no macro at all", "xl/externalLinks/externalLink1.xml": b"<broken"},
    )
    ran = run("value", "b.xlsm", "--paths", 2, "--out", "out")
    assert (ran.code, ran.err) == (0, "")


def test_without_openpyxl_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    book("b.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl.reader.excel", None)
    told = "b.xlsx: workbooks are read with openpyxl, which is not installed: pip install 'ipvalue[xlsx]', or save the sheet as CSV"
    assert refused() == told


def test_in_a_directory_of_parts_a_workbook_is_passed_over() -> None:
    Path("parts").mkdir()
    Path("portfolio.parquet").rename("parts/p.parquet")
    book("parts/b.xlsx")
    ran = run("check", "parts", "--market", "market.toml")
    assert ran.code == 0
    assert "parts: b.xlsx is not read: only" in ran.err


def test_a_disk_without_room_for_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    book("b.xlsx")

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.ipc.new_file", full)
    ran = run("value", "b.xlsx", "--paths", 2, "--out", "out")
    assert ran.code == 1
    assert "the copy of b.xlsx, sheet portfolio cannot be written" in ran.sentence
