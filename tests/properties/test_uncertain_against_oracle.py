"""Uncertain inputs beside their slow definition (oracle_inputs.py): vectors, every path under both samplers, the sums by replicate, z-scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uncertain_rows
from compared import MARKETS, SOME_MARKETS, compiled, paths_follow, vectors_follow

SEED = 2**61 + 17


@pytest.mark.parametrize(("steps", "mid_period"), MARKETS[:2])
def test_vectors_and_closed_form_follow_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    market = uncertain_rows.portfolios.market(steps, mid_period)
    vectors_follow(compiled(uncertain_rows.portfolio(140, seed=3), market, assumptions, tmp_path))


@pytest.mark.parametrize("sampler", ["random", "sobol"])
@pytest.mark.parametrize(("steps", "mid_period"), SOME_MARKETS)
def test_every_path_follows_the_definition(steps: int, mid_period: bool, sampler: str, assumptions: Path, tmp_path: Path) -> None:
    market, table = uncertain_rows.portfolios.market(steps, mid_period), uncertain_rows.portfolio(140, seed=5)
    here = compiled(table, market, assumptions, tmp_path)
    assert here.vectors.inputs is not None
    kinds = here.vectors.inputs.kind
    assert {int(kind) for kind in np.unique(kinds)} == set(range(6))
    paths_follow(here, table, market, assumptions, paths=28 * 16, seed=SEED, sampler=sampler, close=2e-5, near=near)


def near(asset: Mapping[str, Any]) -> float:
    """The table of PERT's quantiles is good to 1e-9 of the range, of which a draw may be thrice the base."""
    return 5e-9 if "pert" in [asset[f"{name}_distribution"] for name in uncertain_rows.NAMES] else 1e-11
