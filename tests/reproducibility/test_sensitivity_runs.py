"""Sensitivities have the same bits whatever the tasks, the workers and the other drivers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from portfolios import MARKET, random_methods

import ipvalue

DRIVERS = ["growth", "royalty_rate", "discount", "volatility", "hazard", "fees", "life"]


@pytest.fixture(scope="module")
def options(assumptions: Path) -> dict[str, Any]:
    return {"market": MARKET, "assumptions": assumptions, "paths": 64, "seed": 3, "group_by": ("right_type",), "drivers": DRIVERS}


@pytest.fixture(scope="module")
def portfolio() -> pa.Table:
    return random_methods(40, 5)


@pytest.fixture(scope="module")
def one(portfolio: pa.Table, options: dict[str, Any]) -> ipvalue.SensitivityResult:
    return ipvalue.sensitivities(portfolio, workers=1, **options)


@pytest.mark.parametrize("more", [{"workers": 2, "rows_per_task": 7}, {"scheduler": "processes", "workers": 2}, {"backend": "numba"}], ids=str)
def test_tasks_workers_and_kernels_move_no_bit(
    more: dict[str, Any], one: ipvalue.SensitivityResult, portfolio: pa.Table, options: dict[str, Any], tmp_path: Path
) -> None:
    two = ipvalue.sensitivities(portfolio, out=tmp_path / "two", **options, **more)
    assert one.assets.equals(two.assets)
    assert one.sensitivities.equals(two.sensitivities)
    assert one.tornado.equals(two.tornado)
    assert one.rejects.drop_columns("file").equals(two.rejects.drop_columns("file"))
    assert one.assets.num_rows >= 30 * len(DRIVERS)


def test_a_driver_alone_has_the_figures_it_has_among_others(one: ipvalue.SensitivityResult, portfolio: pa.Table, options: dict[str, Any]) -> None:
    alone = ipvalue.sensitivities(portfolio, **{**options, "drivers": ["hazard"]})
    assert one.assets.filter(pc.equal(one.assets["driver"], "hazard")).equals(alone.assets)
    assert one.sensitivities.filter(pc.equal(one.sensitivities["driver"], "hazard")).equals(alone.sensitivities)
