"""Explain on the shipped portfolio of US brand drugs: between its spending of 2016 and of 2017 (CMS), at the Treasury's yields of each year's end."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from explained import amounts, check

import ipvalue as iv

YIELDS = {
    0.083333: 0.44, 0.25: 0.51, 0.5: 0.62, 1: 0.85, 2: 1.20, 3: 1.47, 5: 1.93, 7: 2.25, 10: 2.45, 20: 2.79, 30: 3.06,
}  # fmt: skip
"""Daily Treasury par yield curve rates of 2016-12-30, percent, by years (US Treasury)."""

BY_GROUP: dict[str, Any] = {"group_by": ("sector",), "paths": 1000}


def built(example: Path, folder: Path) -> Path:
    """The example as it would have been built a year before: spending until 2016, and the yields of that year's end."""
    spec = importlib.util.spec_from_file_location("us_drugs_build_of_2016", example / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.VALUATION_DATE, build.LAST_YEAR = date(2016, 12, 31), 2016
    sources = folder / "sources"
    shutil.copytree(example / "sources", sources)
    lines = [f"2016-12-30,{years:g},{percent}" for years, percent in YIELDS.items()]
    (sources / "treasury_par.csv").write_text("\n".join(["date,years,percent", *lines, ""]))
    table = pq.read_table(sources / "brand_revenue.parquet")
    known = [year <= 2016 for year in table["year"].to_pylist()]
    pq.write_table(table.filter(known), sources / "brand_revenue.parquet")
    build.build(sources, folder / "built")
    return folder / "built"


def valued(example: Path, out: Path, **options: Any) -> iv.Result:
    return iv.value(example / "portfolio.parquet", assumptions=example / "assumptions.toml", out=out, **{**BY_GROUP, **options})


@pytest.fixture(scope="module")
def folder(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("us_drugs")
    valued(built(example, folder), folder / "2016")
    valued(example, folder / "2017")
    return folder


def test_from_one_edition_to_the_next(folder: Path) -> None:
    found = iv.explain(folder / "2016", folder / "2017")
    check(found, iv.open_result(folder / "2016"), iv.open_result(folder / "2017"))
    steps = amounts(found)
    assert list(steps) == [
        "removed",
        "time",
        "curves",
        "data: grant_date",
        "data: revenue",
        "data: growth",
        "data: growth_long",
        "data: volatility",
        "data: annual_cost",
        "added",
    ]
    rights = {row["step"]: row["assets"] for row in found.steps.to_pylist() if row["sector"] is None}
    assert rights["old"] - rights["removed"] + rights["added"] == rights["new"] == 486
    assert steps["time"] < 0 < steps["added"]  # a year less of every patent; brands launched in 2017
    assert sum(steps.values()) == found.steps["amount"][len(steps) + 1].as_py() - found.steps["amount"][0].as_py()


def test_the_parts_of_the_move_are_told_from_noise(folder: Path) -> None:
    found = iv.explain(folder / "2016", folder / "2017", group_by=())
    told = {row["step"]: row["significant"] for row in found.steps.to_pylist()}
    assert all(told[step] for step in ("time", "curves", "data: revenue", "data: growth", "added"))


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_another_seed_alone_shows_nothing_significant(sampler: str, example: Path, tmp_path: Path) -> None:
    paths = 1000 if sampler == "random" else 1024
    for seed in (1, 2):
        valued(example, tmp_path / str(seed), sampler=sampler, seed=seed, paths=paths)
    found = iv.explain(tmp_path / "1", tmp_path / "2")
    check(found, iv.open_result(tmp_path / "1"), iv.open_result(tmp_path / "2"))
    assert found.record["steps"] == ["old", "sampling", "new"]
    whole = found.steps.to_pylist()[1]
    assert whole["amount"] != Decimal(0)
    assert not whole["significant"]
    groups = [row["significant"] for row in found.steps.to_pylist() if row["step"] == "sampling" and row["sector"] is not None]
    assert sum(groups) <= 1  # of eight, one in twenty is meant
