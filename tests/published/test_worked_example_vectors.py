"""docs/worked_example.md period by period: the engine's own period table, and the slow definition, give what the page prints."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from commandline import table

import ipvalue as iv
import oracle

PATH, SEED = 5, 1
"""The path that the page follows."""


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "worked_example.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example(page: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The page's market, right, and assumptions."""
    blocks = re.findall(r"^```toml\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    content = tomllib.loads(blocks[0])
    return content["market"], content["right"][0], blocks[1]


def printed(page: str, heading: str, words: str) -> list[str]:
    """The right sides of the lines of a section that begin with some words."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^{words}.* = ([−\d.,]+)$", section, flags=re.MULTILINE)


def as_printed(numbers: Sequence[float], like: list[str]) -> list[str]:
    return [f"{number:,.{len(text.partition('.')[2])}f}".replace("-", "−") for number, text in zip(numbers, like, strict=True)]


def test_the_definition_gives_the_periods(page: str, example: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    market, right, assumptions = example
    v = oracle.vectors(right, _market(market), tomllib.loads(assumptions)["fee_schedules"], {})
    for heading, words, numbers in (
        ("Income", "period", v.w),
        ("Costs", "period", v.f),
        ("Whether it lives, and alone", "lives", v.S),
        ("Whether it lives, and alone", "no rival", v.C),
        ("The expected value", "sum", [oracle.closed_form(v)]),
        ("The tax benefit", "factor", [oracle.tab_factor(right, _market(market))]),
    ):
        lines = printed(page, heading, words)
        assert as_printed(numbers, lines) == lines, heading


def test_the_engine_gives_the_periods(page: str, example: tuple[dict[str, Any], dict[str, Any], str], tmp_path: Path) -> None:
    market, right, assumptions = example
    (tmp_path / "assumptions.toml").write_text(assumptions, encoding="utf-8")
    options = {"paths": 16, "precision": "double", "keep_paths": True}
    result = iv.value(_stored(right, tmp_path), market=market, assumptions=tmp_path / "assumptions.toml", out=tmp_path / "out", **options)
    periods = iv.evidence(tmp_path / "out", "patent").periods
    for heading, column in (("Discount factors", "discount_factor"), ("Revenue", "annual_revenue"), ("Income", "w"), ("Costs", "f")):
        lines = printed(page, heading, "year" if column == "annual_revenue" else "period")
        assert as_printed(periods[column].to_pylist(), lines) == lines, column
    lines = printed(page, "The expected value", "period")
    assert as_printed(periods["expected_cash"].to_pylist(), lines) == lines
    (value,) = printed(page, "One path", "value of the path")
    assert as_printed([result.paths["values"][0][PATH].as_py()], [value]) == [value]


def test_the_path_is_drawn_as_the_page_says(page: str, example: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    market, right, assumptions = example
    schedules, levels = tomllib.loads(assumptions)["fee_schedules"], list[list[Any]]()
    v = oracle.vectors(right, _market(market), schedules, {})
    draws = oracle.random_draws(right, _market(market), v, SEED, np.array([PATH]))
    (said,) = re.findall(r"normal numbers ([−\d.]+), ([−\d.]+) and ([−\d.]+) .*?; U = ([\d.]+); U′ = ([\d.]+)\.", page)
    uniforms = [oracle.uniform(word)[0] for word in (draws.survival, draws.rival)]
    assert as_printed([*(shock[0] for shock in draws.shocks[:3]), *uniforms], [*said]) == [*said]

    def watch(_: int, *seen: Any) -> None:
        levels.append([one[PATH] for one in seen])

    found = oracle.simulate(right, _market(market), schedules, {}, paths=PATH + 1, seed=SEED, watch=watch)
    lines = printed(page, "One path", "X in period")
    assert as_printed([level / (0.6 if entered else 1.0) for level, entered, _ in levels[:3]], lines) == lines
    assert [bool(entered) for _, entered, _ in levels] == [False, True, True, True]
    assert [bool(ended) for _, _, ended in levels] == [False, False, False, True]
    (value,) = printed(page, "One path", "value of the path")
    assert as_printed([found.values[PATH]], [value]) == [value]


def _market(market: dict[str, Any]) -> oracle.Market:
    curves = {name: (curve["tenors"], curve["rates"]) for name, curve in market["curves"].items()}
    return oracle.Market(currency=market["currency"], valuation_date=date(2026, 1, 1), curves=curves)


def _stored(right: dict[str, Any], folder: Path) -> Path:
    pq.write_table(table([right]), folder / "right.parquet")
    return folder / "right.parquet"
