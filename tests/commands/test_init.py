"""`ipvalue init`: what it prints to type next works as printed; the workbook to fill in."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from commandline import contents, installed, run

from ipvalue.schema import METHODS, PORTFOLIO, RIGHT_TYPES, STAGES

pytestmark = pytest.mark.usefixtures("here")


def printed(text: str) -> list[list[str]]:
    """The commands among lines, as a shell takes them apart."""
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith(("  ipvalue ", "    ipvalue "))]


@pytest.mark.parametrize("name", ["first", "my first one", "."])
def test_what_is_printed_works_as_it_is_printed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == ".":
        Path("empty").mkdir()
        monkeypatch.chdir("empty")
    ran = run("init", name)
    assert (ran.code, ran.err) == (0, "")
    commands = printed(ran.out)
    assert [words[0] for words in commands][:3] == ["value", "show", "run"]
    for words in commands:
        done = run(*words, *(["--paths", 64] if words[0] == "value" else []))
        assert done.code == 0, (words, done.err)
    if (Path(name) / "portfolio.xlsx").exists():
        assert (Path(name) / "valued.xlsx").exists()


def test_what_its_readme_says_works_from_within(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("init", "first").code == 0
    monkeypatch.chdir("first")
    commands = printed(Path("README.md").read_text(encoding="utf-8"))
    assert len(commands) >= 3
    for words in commands:
        assert run(*words, *(["--paths", 64] if words[0] == "value" else [])).code == 0, words


def test_the_first_screen_says_what_init_says() -> None:
    """And what it says works."""
    ran = installed()
    assert (ran.code, ran.err) == (0, "")
    first, *others = [line.strip() for line in ran.out.splitlines() if line.startswith("  ipvalue ") and "COMMAND" not in line]
    assert first == "ipvalue init first"
    assert run(*shlex.split(first)[1:]).code == 0
    for line in others[:2]:
        words = shlex.split(line)[1:]
        assert run(*words, *(["--paths", 64] if words[0] == "value" else [])).code == 0, words


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("full", "full: holds a.txt, so nothing is written there: name an absent or empty directory"),
        (".", ".: holds full and 2 more, so nothing is written there: name an absent or empty directory"),
        ("full/a.txt", "full/a.txt: is a file, not a directory: name another"),
        ("full/a.txt/b", "full/a.txt/b: a part of the path is a file, not a directory: name another directory"),
        ("/proc/first", "/proc/first: no directory can be made there: name another directory"),
    ],
)
def test_where_nothing_is_written(name: str, told: str) -> None:
    Path("full").mkdir()
    Path("full/a.txt").write_text("a")
    before = contents()
    ran = run("init", name)
    assert (ran.code, ran.out, ran.sentence, contents()) == (2, "", told, before)


# ------------------------------------------------------------------------------------------------ the workbook


@pytest.fixture
def template() -> Any:
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    assert run("init", "first").code == 0
    return openpyxl.load_workbook("first/portfolio.xlsx")


def heads(sheet: Any) -> dict[str, Any]:
    return {cell.value: cell for cell in sheet[2]}


def test_it_has_every_column_the_required_ones_first_each_with_a_note(template: Any) -> None:
    names = list(heads(template["portfolio"]))
    assert sorted(names) == sorted(PORTFOLIO)
    assert names[:2] == ["asset_id", "right_type"]
    for name, cell in heads(template["portfolio"]).items():
        column, note = PORTFOLIO[name], cell.comment.text
        assert column.meaning in note
        assert not column.unit or f"Unit: {column.unit}." in note
        assert ("Must be given in every row." in note) == column.required


def test_it_offers_what_there_is_to_choose_from(template: Any) -> None:
    sheet = template["portfolio"]
    lists = {}
    for validation in sheet.data_validations.dataValidation:
        (cells,) = validation.sqref.ranges
        lists[sheet.cell(2, cells.min_col).value] = validation
        assert (cells.min_row, cells.max_row > 1000) == (3, True)
    for name, choices in (("right_type", RIGHT_TYPES), ("stage", STAGES), ("method", METHODS), ("renewal", ("always", "optimal"))):
        assert lists[name].formula1 == f'"{",".join(choices)}"'
    assert lists["currency"].formula1.startswith('"CNY,USD,')
    assert lists["currency"].errorStyle == "warning"
    rate = lists["royalty_rate"]
    assert (rate.type, float(rate.formula1), float(rate.formula2)) == ("decimal", 0.0, 1.0)
    assert (lists["expiry_date"].type, lists["indefinite"].formula1) == ("date", '"TRUE,FALSE"')


def test_ids_stay_text_and_dates_are_dates(template: Any) -> None:
    sheet = template["portfolio"]
    of = {name: sheet.cell(3, cell.column) for name, cell in heads(sheet).items()}
    assert isinstance(of["expiry_date"].value, datetime)
    letters = {name: cell.column_letter for name, cell in heads(sheet).items()}
    from openpyxl.styles.numbers import is_date_format

    styles = {name: sheet.column_dimensions[letters[name]] for name in ("asset_id", "expiry_date")}
    assert styles["asset_id"].number_format == "@"
    assert is_date_format(styles["expiry_date"].number_format)


def test_it_is_a_portfolio_and_its_read_me_is_not(template: Any) -> None:
    assert template.sheetnames == ["portfolio", "read me"]
    assert "ipvalue value portfolio.xlsx" in "\n".join(str(cell.value) for (cell,) in template["read me"].iter_rows(max_col=1))
    ran = run("check", "first/portfolio.xlsx")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "6 of 6 rows can be valued, 0 would be rejected\n"


def test_a_row_that_is_filled_in_wrongly_is_named_by_its_cell(template: Any) -> None:
    sheet = template["portfolio"]
    cell = sheet.cell(4, heads(sheet)["royalty_rate"].column)
    cell.value = 5
    template.save("first/portfolio.xlsx")
    ran = run("check", "first/portfolio.xlsx")
    assert (
        f"royalty_rate is 5: it must be at least 0 and at most 1; correct it or leave it blank (cell {cell.coordinate} of sheet portfolio)" in ran.out
    )
