"""`ipvalue assumptions`: what is listed, how it is narrowed down, and in which forms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commandline import here, run

from ipvalue.assumptions import load_assumptions

__all__ = ["here"]


def listed(*args: object) -> dict[str, list[dict[str, Any]]]:
    ran = run("assumptions", "--format", "json", *args)
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, list[dict[str, Any]]] = json.loads(ran.out)
    return found


def test_json_holds_every_figure_with_unit_and_source() -> None:
    found, book = listed(), load_assumptions()
    assert len(found["defaults"]) == sum(len(one.values) for one in book.sets.values())
    assert {one["name"] for one in found["fee_schedules"]} == set(book.schedules)
    assert {one["name"] for one in found["survival_curves"]} == set(book.curves)
    assert len(found["premises"]) == sum(map(len, book.premises.values()))
    assert all(one["source"] for part in found.values() for one in part if one.get("column") not in ("fee_schedule", "survival_curve"))
    units = {one["column"]: one["unit"] for one in found["defaults"] if one["set"] == "invention_patent/CN"}
    assert (units["revenue"], units["tax_rate"], units["tab_years"]) == ("CNY", "fraction", "years")


def test_what_a_right_may_meet() -> None:
    found = listed("--right-type", "invention_patent", "--jurisdiction", "CN", "--sector", "pharmaceuticals")
    sets = {"invention_patent", "invention_patent/CN", "invention_patent//pharmaceuticals", "invention_patent/CN/pharmaceuticals"}
    assert {one["set"] for one in found["defaults"]} == sets
    assert [one["name"] for one in found["fee_schedules"]] == ["CN/invention_patent"]
    assert [one["name"] for one in found["survival_curves"]] == ["CN/invention_patent"]
    assert {one["right_type"] for one in found["premises"]} == {"invention_patent"}


def test_variants_of_a_schedule_are_listed_with_it() -> None:
    found = listed("--right-type", "invention_patent", "--jurisdiction", "US")
    assert [one["name"] for one in found["fee_schedules"]] == ["US/patent", "US/patent/small", "US/patent/micro", "US/patent/2020", "US/patent/2009"]


def test_a_jurisdiction_alone() -> None:
    places = {one["set"].split("/")[1] for one in listed("--jurisdiction", "JP")["defaults"] if "/" in one["set"]}
    assert places == {"JP", ""}


def test_a_jurisdiction_without_figures_of_its_own_meets_those_for_all() -> None:
    ran = run("assumptions", "--jurisdiction", "FR", "--right-type", "design", "--format", "json")
    assert ran.code == 0
    assert ran.sentence == "warning: no figure is for FR alone: those for every jurisdiction apply (CN, EP, JP, US, WO have their own)"
    assert {one["set"].split("/")[1] for one in json.loads(ran.out)["defaults"] if "/" in one["set"]} == {""}


def test_markdown_is_tables_of_the_same() -> None:
    ran = run("assumptions", "--right-type", "trademark", "--jurisdiction", "CN", "--format", "md")
    assert ran.code == 0
    assert re.findall(r"^## .*", ran.out, re.MULTILINE) == ["## What fills a blank", "## Official fees", "## Survival curves", "## Premises of value"]
    assert "| trademark/CN | tab_years | 10 | years | as invention_patent/CN |" in ran.out
    assert "| CN/trademark | 10: 450 | CNY, years from grant, every 10 years, none before grant |" in ran.out
    assert len({line.count("|") for line in ran.out.splitlines() if line.startswith("| trademark")}) == 1


def test_the_terminal_shows_names_values_and_sources_whole() -> None:
    ran = run("assumptions", "--right-type", "layout_design", columns=100)
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 100
    assert re.search(r"^stage_probabilities +1, 1 +fraction +as invention_patent", ran.out, re.MULTILINE)
    assert "layout_design/CN/semiconductors" in ran.out
    assert "…" not in ran.out


def test_a_file_of_one_s_own(here: Path) -> None:
    Path("mine.toml").write_text('[defaults."design//toys"]\nhazard = 0.01\nsource = "a [bold]register[/]"\n')
    found = listed("--assumptions", "mine.toml")
    assert found["defaults"] == [{"set": "design//toys", "column": "hazard", "value": 0.01, "unit": "a year", "source": "a [bold]register[/]"}]
    assert found["fee_schedules"] == found["survival_curves"] == found["premises"] == []
    assert "a [bold]register[/]" in run("assumptions", "--assumptions", "mine.toml").out
    assert run("assumptions", "--assumptions", "mine.toml", "--format", "md").out.count("##") == 1


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--right-type", "patent"), "the assumptions have nothing for the right type 'patent' (they know invention_patent, utility_model"),
        (("--right-type", "trademrk"), "the assumptions have nothing for the right type 'trademrk': did you mean trademark?"),
        (("--jurisdiction", "China"), "the jurisdiction 'China' must be two capital letters"),
        (("--jurisdiction", "cn"), "the jurisdiction 'cn' must be two capital letters: did you mean CN?"),
        (("--sector", "pharma"), "the assumptions have nothing for the sector 'pharma'"),
        (("--format", "xml"), "there is no format 'xml'"),
        (("--assumptions", "nowhere.toml"), "nowhere.toml: there is no such file"),
    ],
)
def test_what_it_does_not_know_is_said(args: tuple[str, ...], sentence: str) -> None:
    ran = run("assumptions", *args)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.sentence.startswith(sentence)
