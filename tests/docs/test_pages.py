"""The documentation is whole: every public name, command, flag and column stands on its page, made pages are current, links hold, and every page
has a place in the navigation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import run

import ipvalue
from ipvalue.schema.describe import TABLES, columns_page
from pages import commands, names
from pages.links import broken_links
from pages.navigation import misplaced, navigated
from pages.sources import ROOT, anchor, anchors, name_of, pages


@pytest.fixture(scope="module")
def command_page() -> str:
    return commands.PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def name_page() -> str:
    return names.PAGE.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------ made from the code


def test_the_pages_made_from_the_code_are_current(command_page: str, name_page: str) -> None:
    assert commands.current(command_page) == command_page, "make docs UPDATE=1"
    assert names.page() == name_page, "make docs UPDATE=1"
    assert (ROOT / "docs" / "columns.md").read_text(encoding="utf-8") == columns_page(), "make docs UPDATE=1"


def test_a_command_that_has_no_place_yet_gets_one_and_one_that_is_gone_goes(command_page: str) -> None:
    without = re.sub(r"\n## ipvalue show\n.*?(?=\n## )", "\n", command_page, flags=re.DOTALL)
    assert "ipvalue show DIRECTORY" not in without
    assert "\n## ipvalue show\n\n<!-- made from the command: show -->" in commands.current(without)
    gone = command_page.replace("made from the command: show -->", "made from the command: display -->")
    assert "command: display" not in commands.current(gone)


@pytest.mark.parametrize("command", commands.commands())
def test_every_command_and_flag_is_documented(command: str, command_page: str) -> None:
    part = command_page.partition(f"\n## ipvalue {command}\n")[2].partition("\n## ")[0]
    flags = re.findall(r"^  (--[a-z-]+)", run(*command.split(), "--help").out, re.MULTILINE)
    assert flags
    for flag in flags:
        assert flag == "--help" or f"| `{flag}" in part, flag


def test_every_public_name_is_documented(name_page: str) -> None:
    for name in ipvalue.__all__:
        assert f"\n### {name}\n" in name_page, name
        assert inspect.getdoc(getattr(ipvalue, name)), name


def documented() -> Iterator[tuple[str, str]]:
    """(name, docstring) of every function of a public module and every member of a public class."""
    for name in ipvalue.__all__:
        one = getattr(ipvalue, name)
        if inspect.ismodule(one):
            yield from ((f"{name}.{inside}", inspect.getdoc(getattr(one, inside)) or "") for inside in names.functions(one))
        elif inspect.isclass(one):
            yield from ((f"{name}.{member}", said) for member, said in names.members(one))


@pytest.mark.parametrize(("name", "said"), [*documented()], ids=lambda text: text if "." in text and " " not in text else "")
def test_every_function_and_member_says_what_it_is(name: str, said: str, name_page: str) -> None:
    assert said, name
    assert name.partition(".")[2] in name_page


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_documented(table: str) -> None:
    page = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    part = page.partition(f"\n## {table.capitalize()}\n")[2].partition("\n## ")[0]
    for column in TABLES[table].values():
        assert f"`{column.name}`" in part, column.name
        assert column.meaning, column.name


# ------------------------------------------------------------------------------------------------ figures

FIGURES = {
    r"reaches (\d+) million path-years": "NumPy (tiled, Box-Muller), single",
    r"and ipvalue ([\d,]+); a Numba": "ipvalue, single",
    r"kernel, by the same hands, ([\d,]+)": "Numba, single",
    r"measured ([\d.]+) million path-years": "QuantLib, double",
    r"beside (\d+) million of ours": "ipvalue, double",
}
"""Speeds that docs/compare.md tells, and the rows of docs/benchmarks.md that they are from."""


@pytest.mark.parametrize("told", FIGURES)
def test_speeds_told_beside_other_tools_are_those_measured(told: str) -> None:
    page, measured = ((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("compare", "benchmarks"))
    (figure,) = re.findall(told, " ".join(page.split()))
    section = measured.partition("## Reference workload beside peers, " + FIGURES[told].rpartition(", ")[2])[2]
    (row,) = re.findall(rf"^\| {re.escape(FIGURES[told])} \| ([\d,.]+) ", section.partition("\n## ")[0], re.MULTILINE)
    exact, digits = float(row.replace(",", "")), len(figure.partition(".")[2])
    assert f"{exact:,.{digits}f}" == figure


# ------------------------------------------------------------------------------------------------ links and navigation


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_hold(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_broken_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.sources.ROOT", tmp_path)
    (tmp_path / "there.md").write_text("# One heading\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("[a](there.md#one-heading) [b](there.md#another) [c](gone.md) `[d](no.md)`\n\n    [e](no.md)\n", encoding="utf-8")
    assert list(broken_links(page)) == ["page.md:1: there.md#another: no such heading", "page.md:1: gone.md: no such file"]


def test_every_page_stands_once_in_the_navigation() -> None:
    assert list(misplaced()) == []


def test_a_page_without_a_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.navigation.navigated", lambda: [*navigated()[1:], "docs/gone.md", "docs/model.md"])
    assert list(misplaced()) == [
        f"mkdocs.yml: {navigated()[0]} stands nowhere under nav: give it a place",
        "mkdocs.yml: docs/gone.md stands under nav, and is not there",
        "mkdocs.yml: docs/model.md stands 2 times under nav",
    ]


def test_every_page_of_the_documentation_stands_once_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = re.findall(r"\]\(((?!\.\.)[^)#]+\.md)", index.read_text(encoding="utf-8"))
    methods = {page for page in (ROOT / "docs" / "methods").glob("*.md") if page.name != "index.md"}
    assert sorted(linked) == sorted(page.relative_to(ROOT / "docs").as_posix() for page in {*(ROOT / "docs").rglob("*.md")} - methods - {index})


def test_every_page_of_the_documentation_stands_in_the_readme_where_it_is_said_to_read_on() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Where to read on")[2].rpartition("|\n")[0]
    linked = re.findall(r"\]\((docs/[^)#]+\.md)", table)
    methods = {page for page in (ROOT / "docs" / "methods").glob("*.md") if page.name != "index.md"}
    assert sorted(linked) == sorted(name_of(page) for page in {*(ROOT / "docs").rglob("*.md")} - methods)


def test_anchors_are_those_of_git_hosts() -> None:
    assert anchor("Time to a standard error of 0.1 % of the mean") == "time-to-a-standard-error-of-01--of-the-mean"
    assert "jobtoml" in anchors(ROOT / "docs" / "files.md")
