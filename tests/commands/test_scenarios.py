"""`ipvalue scenarios`: what is listed and shown, and how a file that cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import contents, here, run

from ipvalue.scenarios import load_scenarios, shipped

__all__ = ["here"]

FILE = """\
[[scenario]]
name = "royalties fall"
reasoning = "licensees [bold]bargain[/]"
[[scenario.shock]]
field = "royalty_rate"
multiply = 0.8
where = "right_type == 'trademark' and jurisdiction == 'CN'"

[[grid]]
axes = {growth = [0.5, 2], discount = [-100, 100]}
"""


@pytest.fixture
def file(here: Path) -> Path:
    (here / "scenarios.toml").write_text(FILE)
    return here / "scenarios.toml"


def test_the_shipped_scenarios_are_listed_with_reasoning_and_source() -> None:
    ran = run("scenarios", "--list", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert [line for line in ran.out.splitlines() if not line.startswith(" ")] == list(shipped())
    assert ran.out.count("  reasoning  ") == ran.out.count("  source     ") == ran.out.count("  shocks     ") == len(shipped())


def test_a_scenario_is_shown_as_toml_that_makes_it_again(here: Path) -> None:
    for name, scenario in shipped().items():
        ran = run("scenarios", "--show", name)
        assert (ran.code, ran.err) == (0, "")
        Path("mine.toml").write_text(ran.out, encoding="utf-8")
        assert load_scenarios("mine.toml") == (scenario,)


def test_the_scenarios_of_a_file_are_listed_and_nothing_is_written(file: Path) -> None:
    before = contents()
    ran = run("scenarios", "portfolio.parquet", file, "--list", columns=120)
    assert (ran.code, ran.err) == (0, "")
    assert [line.rstrip() for line in ran.out.splitlines()] == [
        "royalties fall",
        "  shocks     royalty_rate ×0.8 where right_type == 'trademark' and jurisdiction == 'CN'",
        "  reasoning  licensees [bold]bargain[/]",
        "growth ×0.5, discount -100bp",
        "  shocks     growth ×0.5; curve all -0.01",
        "growth ×0.5, discount +100bp",
        "  shocks     growth ×0.5; curve all +0.01",
        "growth ×2, discount -100bp",
        "  shocks     growth ×2; curve all -0.01",
        "growth ×2, discount +100bp",
        "  shocks     growth ×2; curve all +0.01",
    ]
    assert contents() == before


def test_a_grid_point_is_shown(file: Path) -> None:
    ran = run("scenarios", "portfolio.parquet", file, "--show", "growth ×2, discount -100bp")
    assert ran.out.splitlines()[-3:] == ["[[scenario.shock]]", 'curve = "all"', "add = -0.01"]


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        (
            'field = "royalty_rate"',
            'field = "royalty_rte"',
            "scenario 'royalties fall', shock 1: field royalty_rte is no column: did you mean royalty_rate?",
        ),
        ("multiply = 0.8", 'multiply = "20 %"', "scenario 'royalties fall', shock 1: multiply is '20 %': it must be a number"),
        ("multiply = 0.8", "set = 1.1", "scenario 'royalties fall', shock 1: set is 1.1: royalty_rate must be at least 0 and at most 1"),
        ("[[scenario.shock]]", "[[scenario.shok]]", "scenario 'royalties fall': shok is not known: did you mean shock?"),
        ("jurisdiction", "jurisdicton", "jurisdicton is no column: did you mean jurisdiction?"),
        ("discount = [", "discont = [", "grid[0].axes.discont: is neither a column of numbers nor discount nor a shock such as"),
        ("[[grid]]", "[[gird]]", "gird is not known: did you mean grid?"),
        ('name = "royalties fall"', 'name = "base"', "the name 'base' is that of what is not shocked: give another"),
        ('name = "royalties fall"', "name = royalties", "is not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_sentence(file: Path, was: str, becomes: str, sentence: str) -> None:
    file.write_text(FILE.replace(was, becomes, 1))
    ran = run("scenarios", "portfolio.parquet", "scenarios.toml", "--list")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith("scenarios.toml: ")
    assert sentence in ran.sentence


def test_a_mistyped_file_or_name_is_named_with_the_one_that_was_meant(file: Path) -> None:
    assert run("scenarios", "portfolio.parquet", "scenaros.toml", "--list").sentence.endswith("did you mean scenarios.toml?")
    ran = run("scenarios", "--show", "court shok")
    assert (ran.code, ran.sentence) == (2, "there is no scenario 'court shok': did you mean court shock? (ipvalue scenarios --list)")
    assert run("scenarios").code == 2
