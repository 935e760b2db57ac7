"""Sums across assets: exact, and equal to what the assets say. docs/numerics.md §8; model.md §8 and §11.9."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ipvalue.job import make_job
from ipvalue.schema import METHODS, InputError
from ipvalue.valuation import Result

Value = Callable[..., Result]

UNIT = Decimal(1).scaleb(-6)


def _sums(result: Result, key: dict[str, str | None]) -> list[Decimal]:
    """The per-path sums of one group, in order of the paths; the whole has no key."""
    table = result.totals
    for name in ("sector", "right_type"):
        text = key.get(name)
        table = table.filter(pc.is_null(table[name]) if text is None else pc.equal(table[name], text))
    assert table["path"].to_pylist() == list(range(700))
    return list(table["value"].to_pylist())


def test_groups_add_up_to_the_whole_exactly(plain: Result) -> None:
    groups = plain.groups.to_pylist()
    assert groups[0]["sector"] is groups[0]["right_type"] is None
    parts = [_sums(plain, group) for group in groups[1:]]
    assert len(parts) > 15
    assert [sum(values, Decimal(0)) for values in zip(*parts, strict=True)] == _sums(plain, {})
    assert sum(group["assets"] for group in groups[1:]) == groups[0]["assets"] == 260
    for name in ("value", *(name for name in plain.groups.column_names if name.startswith("sum_of_quantiles"))):
        parts_sum = math.fsum(group[name] for group in groups[1:])
        assert parts_sum == pytest.approx(groups[0][name], rel=1e-14)


def test_group_counts_and_blanks(plain: Result, portfolio: pa.Table) -> None:
    """A blank group column is a group of its own, "(blank)"; null is the whole."""
    expected: dict[tuple[str, str], int] = {}
    for sector, right_type in zip(portfolio["sector"].to_pylist(), portfolio["right_type"].to_pylist(), strict=True):
        key = (sector or "(blank)", right_type)
        expected[key] = expected.get(key, 0) + 1
    found = {(group["sector"], group["right_type"]): group["assets"] for group in plain.groups.to_pylist()[1:]}
    assert found == expected
    assert list(found) == sorted(found)


def test_the_sum_of_means_is_the_mean_of_the_sums(plain: Result) -> None:
    """To the resolution: each path value is rounded to a millionth."""
    whole = _sums(plain, {})
    means = math.fsum(plain.assets["mean_raw"].to_pylist())
    assert abs(means - float(sum(whole, Decimal(0)) / 700)) <= 260 * 0.5e-6 + 1e-13 * abs(means)
    assert plain.groups["mean"][0].as_py() == pytest.approx(means, rel=1e-13)
    assert plain.groups["value"][0].as_py() == pytest.approx(math.fsum(plain.assets["value"].to_pylist()), rel=1e-14)


def test_the_sums_are_those_of_the_paths(value: Value, portfolio: pa.Table, plain: Result, precision: str) -> None:
    """Σ of V·10⁶ rounded to the nearest integer, path by path; the statistics are those of the sums."""
    kept = value(portfolio, precision=precision, keep_paths=True)
    units = [0] * 700
    for values in kept.paths["values"].to_pylist():
        for path, unit in enumerate(np.rint(np.array(values, np.float64) * 1e6).tolist()):
            units[path] += int(unit)
    assert [Decimal(unit) * UNIT for unit in units] == _sums(plain, {})
    sums = np.array([float(unit) for unit in units]) / 1e6
    whole = plain.groups.to_pylist()[0]
    for name, level in (("q05", 0.05), ("q50", 0.5), ("q99_9", 0.999)):
        assert whole[name] == np.quantile(sums, level)
        alone = math.fsum(plain.assets[name].to_pylist())
        assert whole[f"sum_of_quantiles_{name}"] == pytest.approx(alone, rel=1e-12)
        assert whole[f"diversification_{name}"] == pytest.approx(whole[name] - alone, rel=1e-9, abs=1e-3)
    assert whole["standard_deviation"] == pytest.approx(np.std(sums, ddof=1), rel=1e-12)


def test_totals_too_large_for_memory_are_refused_first(value: Value, portfolio: pa.Table, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(InputError, match=r"260 groups × 10,000,000 paths .* need about 1[0-9][0-9]\.[0-9] GiB of memory.*--memory"):
        value(portfolio, paths=10**7, group_by=("asset_id",), memory="32GiB", out=tmp_path / "out", progress=lambda done, total: seen.append(done))
    assert seen == []
    assert not (tmp_path / "out").exists()


def test_the_paths_of_many_methods_are_counted_before_they_are_drawn(value: Value, portfolio: pa.Table) -> None:
    """2 M paths of one right by seven methods are held at once; by one method they are not."""
    row = {"methods": [list(METHODS)], "weights": [[1 / 7] * 7], "replacement_cost": [1.0], "comparable_price": [1.0], "margin": [0.1]}
    stages = {name: [[1.0]] for name in ("stage_costs", "stage_years", "stage_probabilities")}
    one = portfolio.slice(0, 1).select(["asset_id", "right_type", "revenue", "royalty_rate"])
    several = pa.table({**dict(zip(one.column_names, one.columns, strict=True)), **row, **stages, "life": [5.0]})
    options: dict[str, Any] = {"paths": 2_000_000, "memory": "250MB"}
    with pytest.raises(InputError, match=r"1 group × 2,000,000 paths on 1 worker need about 351 MiB of memory"):
        value(several, **options)
    assert value(several.drop_columns(["methods", "weights"]), **options).assets.num_rows == 1


def test_the_points_of_sobol_are_counted() -> None:
    """Of each worker: four bytes a point, and the tables; 16 M paths are a million points."""
    options: dict[str, Any] = {"paths": 16_000_000, "workers": 2, "backend": "native"}
    random = 16_000_000 * (16 * 5 + 2 * 28)
    make_job({**options, "memory": str(random)}).check_memory(1, 0)
    points, tables = 1_000_000 * 4, (1024 + 3) * (4 * 64 + 2 * 16) * 4  # three of uncertain inputs
    need = random + 2 * (points + tables)
    make_job({**options, "memory": str(need), "sampler": "sobol"}).check_memory(1, 0)
    with pytest.raises(InputError, match=r"1 group × 16,000,000 paths on 2 workers need about 2\.0 GiB of memory"):
        make_job({**options, "memory": str(need - 1), "sampler": "sobol"}).check_memory(1, 0)


def test_a_group_by_of_every_kind_of_column(value: Value, portfolio: pa.Table) -> None:
    """Dates, numbers and flags group as their texts."""
    few = portfolio.slice(0, 50)
    for name in ("filing_date", "tab_years", "indefinite", "tax_rate", "asset_id", "currency"):
        groups = value(few, paths=20, group_by=(name,)).groups.to_pylist()
        assert sum(group["assets"] for group in groups[1:]) == groups[0]["assets"] == 50
        assert all(isinstance(group[name], str) for group in groups[1:])
