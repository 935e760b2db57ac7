"""Rows whose uncertain inputs cannot be drawn are rejected, with column and rule; the others are valued."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pytest
from uncertain_rows import FIELDS

import ipvalue as iv

ROW: dict[str, Any] = {
    "right_type": "invention_patent", "method": "relief_from_royalty", "royalty_rate": 0.05, "revenue": 1e6, "life": 5.0, "margin": 0.2,
    "contributory_charge": 0.05, "discount_premium": 0.05, "indefinite": False, "growth": 0.0, "royalty_low": None, "royalty_high": None,
    "revenue_path": None, "fee_schedule": "none", "survival_curve": "none",
}  # fmt: skip


def drawn(name: str, kind: str | None, parameters: list[float] | None, **cells: Any) -> dict[str, Any]:
    return {f"{name}_distribution": kind, f"{name}_parameters": parameters, **cells}


EXCESS = {"method": "excess_earnings"}
BAD: list[tuple[dict[str, Any], str, str]] = [
    (drawn("royalty_rate", "pert", None), "royalty_rate_parameters", "given together"),
    (drawn("royalty_rate", None, [0.1, 0.2]), "royalty_rate_distribution", "given together"),
    (drawn("royalty_rate", "pret", [0.1, 0.2, 0.3]), "royalty_rate_distribution", "one of the known names"),
    (drawn("royalty_rate", "pert", [0.1, 0.2]), "royalty_rate_parameters", "all its parameters"),
    (drawn("revenue", "quantiles", [1.0]), "revenue_parameters", "all its parameters"),
    (drawn("revenue", "lognormal", [1.0, 0.1, 0.2]), "revenue_parameters", "all its parameters"),
    (drawn("royalty_rate", "triangular", [0.1, 0.05, 0.3]), "royalty_rate_parameters", "ascend"),
    (drawn("revenue", "lognormal", [1.0, -0.1]), "revenue_parameters", "ascend"),
    (drawn("revenue", "quantiles", [1.0, 3.0, 2.0]), "revenue_parameters", "ascend"),
    (drawn("royalty_rate", "uniform", [0.5, 1.1]), "royalty_rate_parameters", "above 1"),
    (drawn("royalty_rate", "lognormal", [math.log(0.3), 0.3]), "royalty_rate_parameters", "above 1"),
    (drawn("royalty_rate", "uniform", [-0.01, 0.1]), "royalty_rate_parameters", "below what is taken off"),
    (drawn("royalty_rate", "uniform", [0.01, 0.1], royalty_rate=0.0), "royalty_rate", "above what is taken off"),
    (drawn("royalty_rate", "uniform", [0.01, 0.1], royalty_low=0.01, royalty_high=0.1), "royalty_rate_distribution", "not both"),
    (drawn("margin", "uniform", [0.04, 0.3], **EXCESS), "margin_parameters", "below what is taken off"),
    (drawn("margin", "uniform", [0.1, 1.2], **EXCESS), "margin_parameters", "above 1"),
    (drawn("margin", "uniform", [0.05, 0.2], margin=0.05, **EXCESS), "margin", "above what is taken off"),
    (drawn("revenue", "uniform", [-1.0, 1e6]), "revenue_parameters", "below what is taken off"),
    (drawn("revenue", "uniform", [0.0, 1e6], revenue=0.0), "revenue", "above what is taken off"),
    (drawn("revenue", "uniform", [0.0, math.nan]), "revenue_parameters", ""),
    (drawn("discount_premium", "uniform", [-1.2, 0.1]), "discount_premium_parameters", "discount rate"),
    (drawn("discount_premium", "uniform", [-0.03, 0.1], indefinite=True, life=None, growth=0.01), "discount_premium_parameters", "indefinite life"),
    ({"input_correlations": [0.0, 0.0]}, "input_correlations", "6 entries"),
    ({"input_correlations": [1.5, 0.0, 0.0, 0.0, 0.0, 0.0]}, "input_correlations", "input_correlations <= 1"),
    ({"input_correlations": [0.9, 0.9, 0.0, -0.9, 0.0, 0.0]}, "input_correlations", "positive semidefinite"),
]
GOOD = [
    drawn("royalty_rate", "uniform", [0.05, 0.05]),
    drawn("margin", "uniform", [-5.0, 7.0]),  # which relief from royalty does not read
    drawn("royalty_rate", "triangular", [0.0, 0.0, 1.0]),
    drawn("revenue", "lognormal", [math.log(1e6), 2.0]),
    drawn("margin", "pert", [0.05, 0.2, 1.0], **EXCESS),
    drawn("discount_premium", "uniform", [-0.9, 0.1]),
    drawn("royalty_rate", "pert", [0.01, 0.02, 0.03], royalty_rate=None),
    {"input_correlations": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]},
]


def valued(rows: list[dict[str, Any]], tmp_path: Path) -> iv.Result:
    blank = dict.fromkeys(name for name, _ in FIELDS)
    table = pa.Table.from_pylist([{**ROW, **blank, **row, "asset_id": f"r{i}"} for i, row in enumerate(rows)])
    for name, kind in FIELDS:
        if pa.types.is_null(table.schema.field(name).type):
            table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    (tmp_path / "none.toml").write_text("")
    return iv.value(table, market=portfolios.market(), assumptions=tmp_path / "none.toml", paths=64)


def test_rows_that_break_a_rule_are_rejected_with_column_and_rule(tmp_path: Path) -> None:
    result = valued([row for row, _, _ in BAD] + GOOD, tmp_path)
    rejects = {row["asset_id"]: row for row in result.rejects.to_pylist()}
    for i, (row, column, rule) in enumerate(BAD):
        assert f"r{i}" in rejects, row
        assert (rejects[f"r{i}"]["column"], rule in rejects[f"r{i}"]["rule"]) == (column, True), (row, rejects[f"r{i}"])
    assert sorted(result.assets["asset_id"].to_pylist()) == sorted(f"r{len(BAD) + i}" for i in range(len(GOOD)))


@pytest.mark.parametrize("method", ["cost", "market"])
def test_a_price_of_today_ignores_them(method: str, tmp_path: Path) -> None:
    price = {"method": method, "replacement_cost": 5.0, "comparable_price": 5.0}
    plain, drawing = valued([price, {**price, **drawn("discount_premium", "uniform", [0.0, 0.2])}], tmp_path).assets.to_pylist()
    assert {**plain, "asset_id": ""} == {**drawing, "asset_id": ""}


def test_a_distribution_that_no_method_takes_is_doubted(tmp_path: Path) -> None:
    rows = [
        drawn("margin", "uniform", [0.1, 0.2]),
        drawn("royalty_rate", "uniform", [0.04, 0.06]),
        drawn("royalty_rate", "uniform", [0.0, 0.1], **EXCESS),
    ]
    (warning,) = [text for text in valued(rows, tmp_path).manifest["warnings"] if "distribution" in text]
    assert warning.startswith("2 rows (r0, r2)")
