"""Explain on the shipped portfolio of US brand drugs (FDA, CMS, US Treasury): from the spending of one year to that of the next, and from one edition
of the Orange Book to another. docs/explain.md shows what comes of both, and is held to it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import us_drugs
from commandline import run
from explained import amounts, beyond_chance, check, scores

import ipvalue as iv

SPENDING = {"2016": (date(2016, 12, 31), None), "2017": (date(2017, 12, 31), None)}
EDITIONS = {"2019-07-10": (date(2017, 12, 31), None), "2026-05-07": (date(2019, 12, 31), "2026-05-07")}
"""Valuation date and edition of each portfolio; the oldest edition is taken where none is named."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every portfolio, built from its sources, and in results/ its value."""
    folder, build = tmp_path_factory.mktemp("us_drugs"), us_drugs.script("build")
    for name, (on, edition) in {**SPENDING, **EDITIONS}.items():
        build.build(us_drugs.EXAMPLE / "sources", folder / name, on, edition)
        valued(folder / name, folder / "results" / name)
    return folder


def valued(built: Path, out: Path, **options: object) -> iv.Result:
    return iv.value(built / "portfolio.parquet", assumptions=built / "assumptions.toml", out=out, **{"group_by": ("sector",), **options})


def explained(folder: Path, old: str, new: str) -> iv.Explanation:
    """What lies between two of the results, checked for what must hold of any explanation."""
    results = folder / "results" / old, folder / "results" / new
    found = iv.explain(*results)
    check(found, *map(iv.open_result, results))
    return found


def rights(found: iv.Explanation) -> dict[str, int]:
    """How many rights each step of the whole touches."""
    return {row["step"]: row["assets"] for row in found.steps.to_pylist() if row["sector"] is None}


# ------------------------------------------------------------------------------------------------ spending


def test_from_one_years_spending_to_the_next(folder: Path) -> None:
    found = explained(folder, *SPENDING)
    steps = amounts(found)
    columns = ["grant_date", "revenue", "growth", "growth_long", "volatility", "annual_cost"]
    assert list(steps) == ["removed", "time", "curves", *(f"data: {name}" for name in columns), "added"]
    touched = rights(found)
    assert touched["old"] - touched["removed"] + touched["added"] == touched["new"] == 486
    assert steps["time"] < 0 < steps["added"]  # a year less of every patent; brands launched in 2017
    assert sum(steps.values()) == found.steps["amount"][len(steps) + 1].as_py() - found.steps["amount"][0].as_py()
    told = {row["step"]: row["significant"] for row in found.steps.to_pylist() if row["sector"] is None}
    assert all(told[step] for step in ("time", "curves", "data: revenue", "data: growth", "added"))


# ------------------------------------------------------------------------------------------------ editions


def test_from_one_edition_to_another(folder: Path) -> None:
    found = explained(folder, *EDITIONS)
    steps, touched = amounts(found), rights(found)
    columns = ["grant_date", "expiry_date", "growth_long", "annual_cost"]
    assert list(steps) == ["removed", "ended", "time", "curves", *(f"data: {name}" for name in columns)]
    assert (touched["old"], touched["removed"], touched["ended"], touched["new"]) == (486, 5, 34, 447)
    assert steps["time"] < 0 < steps["curves"]  # two years less of every patent; yields fell
    assert steps["data: growth_long"] < 0  # and with them growth in the long run
    assert sum(steps.values()) == found.steps["amount"][len(steps) + 1].as_py() - found.steps["amount"][0].as_py()


def test_rights_end_or_are_removed_with_the_value_they_had(folder: Path) -> None:
    found, old = explained(folder, *EDITIONS), iv.open_result(folder / "results" / "2019-07-10").assets
    had = dict(zip(old["asset_id"].to_pylist(), old["value"].to_pylist(), strict=True))
    expiry = dict(zip(*(pq.read_table(folder / "2019-07-10" / "portfolio.parquet")[name].to_pylist() for name in ("asset_id", "expiry_date"))))
    for row in found.assets.to_pylist():
        if row["step"] in ("removed", "ended"):
            assert row["amount"] == -in_units(had[row["asset_id"]])
            assert (expiry[row["asset_id"]] <= date(2019, 12, 31)) == (row["step"] == "ended")


@pytest.mark.parametrize("step", ["time", "curves"])
def test_a_step_ends_where_a_valuation_of_its_own_does(step: str, folder: Path, tmp_path: Path) -> None:
    """The old edition's rights at the new date, under the old and then under the new curve: valued alone they are worth what the explanation says."""
    found, (old, new) = explained(folder, *EDITIONS), EDITIONS
    market = (folder / new / "market.toml").read_text()
    if step == "time":
        before = (folder / old / "market.toml").read_text()
        market = re.sub(r"tenors = .*\nrates = .*", re.search(r"tenors = .*\nrates = .*", before)[0], market)
    (tmp_path / "market.toml").write_text(market)
    left = {row["asset_id"] for row in found.assets.to_pylist() if row["step"] in ("removed", "ended")}
    stay = [row for row in pq.read_table(folder / old / "portfolio.parquet").to_pylist() if row["asset_id"] not in left]
    past = {row["asset_id"] for row in stay if row["expiry_date"] <= EDITIONS[new][0]}  # till the next edition says that they live on
    assert len(past) == 1
    table = pq.read_table(folder / old / "portfolio.parquet")
    pq.write_table(table.filter([name not in left | past for name in table["asset_id"].to_pylist()]), tmp_path / "portfolio.parquet")
    (tmp_path / "assumptions.toml").write_text((folder / old / "assumptions.toml").read_text())
    alone = valued(tmp_path, tmp_path / "out").assets["value"].to_pylist()
    had = iv.open_result(folder / "results" / old).assets.to_pylist()
    total = sum(map(in_units, [*alone, *(row["value"] for row in had if row["asset_id"] in past)]), Decimal(0))
    (row,) = (row for row in found.steps.to_pylist() if row["step"] == step and row["sector"] is None)
    assert row["cumulative"] == total


def in_units(value: float) -> Decimal:
    """As totals round (docs/numerics.md §8)."""
    return Decimal(round(value * 1e6)).scaleb(-6)


# ------------------------------------------------------------------------------------------------ the page


@pytest.mark.parametrize(("old", "new", "options"), [(*SPENDING, ("--group-by", "")), (*EDITIONS, ())])
def test_the_page_shows_what_the_command_prints(old: str, new: str, options: tuple[str, ...], folder: Path, root: Path) -> None:
    shown = run("explain", folder / "results" / old, folder / "results" / new, *options, columns=90).out
    block = "".join(f"    {line}".rstrip() + "\n" for line in shown.splitlines())
    assert block in (root / "docs" / "explain.md").read_text(encoding="utf-8")


def test_the_page_names_what_rights_did(folder: Path, root: Path) -> None:
    """Every "NAME … ±amount" of the worked example, in the step in which that right left, ended or got another expiry."""
    page = (root / "docs" / "explain.md").read_text(encoding="utf-8")
    example = page[page.index("## Two editions") : page.index("## Amounts and errors")]
    said = re.findall(r"\b([A-Z]{4,}(?: HFA)?)\b[^A-Z]*?([+−][\d.]+ m)\b", example)
    assert len(said) == 9
    moved = [row for row in explained(folder, *EDITIONS).assets.to_pylist() if row["step"] in ("removed", "ended", "data: expiry_date")]
    for name, amount in said:
        (row,) = (row for row in moved if row["asset_id"].startswith(f"{name} N"))
        assert f"{float(row['amount']) / 1e6:+.1f} m".replace("-", "−") == amount, name


# ------------------------------------------------------------------------------------------------ noise


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_another_seed_alone_shows_nothing_significant(sampler: str, folder: Path, tmp_path: Path) -> None:
    """Neither in the whole, nor in any group beyond what chance passes once in a thousand such tests."""
    paths = 1000 if sampler == "random" else 1024
    for seed in (1, 2):
        valued(folder / "2017", tmp_path / str(seed), sampler=sampler, seed=seed, paths=paths)
    found = iv.explain(tmp_path / "1", tmp_path / "2")
    check(found, iv.open_result(tmp_path / "1"), iv.open_result(tmp_path / "2"))
    assert found.record["steps"] == ["old", "sampling", "new"]
    whole = found.steps.to_pylist()[1]
    assert whole["amount"] != Decimal(0)
    assert not whole["significant"]
    of_groups = scores(row for row in found.steps.to_pylist() if row["step"] == "sampling" and row["sector"] is not None)
    assert len(of_groups) == 8
    assert not beyond_chance(of_groups, sampler)
