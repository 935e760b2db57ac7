"""What a portfolio's value is made of: against sums over its rows in plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROW, table

import ipvalue as iv
from ipvalue.composition import DEVIATIONS, composition

KINDS = ("trademark", "invention_patent", "software_copyright")


def rows() -> list[dict[str, Any]]:
    """Rights in several files' worth of tasks, every seventh of which is set aside; some have no owner."""
    return [
        {
            **ROW,
            "asset_id": f"r{i:03d}",
            "right_type": KINDS[i % 3],
            "owner_id": None if i % 5 == 0 else f"o{i % 4}",
            "life": 1.0 + i % 9,
            "revenue": -1.0 if i % 7 == 3 else 1e5 * (1 + i * i % 50),
        }
        for i in range(60)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("composed")
    pq.write_table(table(rows()), folder / "portfolio.parquet")
    (folder / "market.toml").write_text(MARKET)
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> iv.Result:
    return iv.value(folder / "portfolio.parquet", paths=256, workers=1, rows_per_task=13, group_by=["owner_id"], out=folder / "out")


@pytest.mark.parametrize("column", ["right_type", "sector", "owner_id", "jurisdiction"])
def test_values_by_a_column_are_those_of_its_rows(result: iv.Result, column: str) -> None:
    cells = {row["asset_id"]: row.get(column) for row in rows()}
    sums: defaultdict[str | None, float] = defaultdict(float)
    counts: defaultdict[str | None, int] = defaultdict(int)
    for row in result.assets.to_pylist():
        sums[cells[row["asset_id"]]] += row["value"]
        counts[cells[row["asset_id"]]] += 1
    found = composition(result).by[column]
    shown = found.first(100)
    assert {row["name"]: row["rights"] for row in shown} == counts
    assert {row["name"]: row["value"] for row in shown} == pytest.approx(sums)
    assert [row["value"] for row in shown] == sorted(sums.values(), reverse=True)
    assert math.fsum(row["share"] for row in shown) == pytest.approx(1.0)
    rest = found.others(1)
    assert (rest is None) == (len(sums) == 1)
    if rest:
        assert (rest["names"], rest["rights"]) == (len(sums) - 1, sum(counts.values()) - shown[0]["rights"])
        assert rest["value"] == pytest.approx(sum(sums.values()) - shown[0]["value"])


def test_concentration_is_that_of_the_sorted_values(result: iv.Result) -> None:
    values = sorted(result.assets["value"].to_pylist(), reverse=True)
    found = composition(result).concentration
    assert found is not None
    assert found.positive == len(values)
    assert [found.of_first(n) for n in (1, 10, len(values))] == pytest.approx([sum(values[:n]) / sum(values) for n in (1, 10, len(values))])
    assert found.effective == pytest.approx(sum(values) ** 2 / sum(value * value for value in values))


def test_lives_and_differences_count_every_right(result: iv.Result) -> None:
    assets, found = result.assets.to_pylist(), composition(result)
    for year in range(10):
        of_year = [row for row in assets if int(row["expected_life"]) == year]
        assert found.lives.rights[year] == len(of_year)
        assert found.lives.values[year] == pytest.approx(sum(row["value"] for row in of_year))
    apart = [(row["mean_raw"] - row["closed_form"]) / row["standard_error"] for row in assets]
    assert found.agreement is not None
    assert found.agreement.compared == len(assets)
    assert found.agreement.within == pytest.approx([sum(abs(one) <= errors for one in apart) / len(apart) for errors in (1, 2, 3)])
    for low, high, counted in zip(DEVIATIONS[:-1], DEVIATIONS[1:], found.agreement.rights, strict=True):
        if abs(low) < 4.0 and abs(high) < 4.0:
            assert counted == sum(low <= one < high for one in apart)


def test_a_portfolio_that_is_another_now_is_said_and_the_run_s_own_groups_are_told(folder: Path, result: iv.Result) -> None:
    before = (folder / "portfolio.parquet").read_bytes()
    pq.write_table(table(rows()[:-1]), folder / "portfolio.parquet")
    try:
        found = composition(result)
    finally:
        (folder / "portfolio.parquet").write_bytes(before)
    assert "portfolio.parquet: is not what it was when it was valued" in found.untold
    assert list(found.by) == ["owner_id"]
    groups = {row["owner_id"]: row["value"] for row in result.groups.to_pylist()[1:]}
    assert {row["name"]: row["value"] for row in found.by["owner_id"].first(100)} == pytest.approx(groups)


def test_a_table_in_memory_is_read_from_the_result_that_has_it(folder: Path) -> None:
    kept = iv.value(table(rows()), market=folder / "market.toml", paths=16, workers=1)
    assert composition(kept).untold == ""
    assert len(composition(kept).by) == 4
