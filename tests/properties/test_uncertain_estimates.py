"""Means of rows with uncertain inputs beside their expectation, in standard errors: by quadrature of the draws where there is no closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import oracle_inputs
import portfolios
import pyarrow as pa
import pytest
import uncertain_rows
from compared import mild, oracle_market, slow_vectors
from scipy import special

import ipvalue as iv
import oracle

GRID = 400


def expectation(v: oracle.Vectors) -> float:
    """E[V] without option or bounds: cash is linear in the level, so it is enough to integrate draws, two of them together where correlated."""
    z = special.ndtri((np.arange(GRID) + 0.5) / GRID)
    multipliers = [one for one in v.inputs if one.place != oracle_inputs.PREMIUM]
    premium = [one for one in v.inputs if one.place == oracle_inputs.PREMIUM]
    mean = (v.m_low + 1 + v.m_high) / 3
    if len(multipliers) == 2:
        first, second = multipliers
        rho = v.weights[first.place] @ v.weights[second.place]
        y = rho * z[:, None] + np.sqrt(1 - rho**2) * z[None, :]
        one, other = (one.relative(special.ndtr(at), special.ndtr(-at), at) for one, at in ((first, z), (second, y.reshape(-1))))
        mean *= float((np.repeat(one, GRID) * other).mean())
    else:
        mean *= float(np.prod([one.moments[0] for one in multipliers]))
    delta = premium[0].relative(special.ndtr(z), special.ndtr(-z), z) if premium else np.zeros(1)
    total = 0.0
    for t in range(v.periods):
        level = mean * (v.C[t] + (1 - v.C[t]) * v.keep)
        total += v.S[t] * float(oracle.discounted(v, t, np.full(len(delta), level), delta)[0].mean())
    return total


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Rows that nothing bounds, on a mild volatility; of correlations only that of the multipliers."""
    found = []
    for row in mild(uncertain_rows.portfolio(240, seed=21)).to_pylist():
        if row["method"] in ("licence", "cost", "market"):
            continue
        correlations = row["input_correlations"]
        by_margin = row["method"] in ("excess_earnings", "incremental_income") or row["margin"] is not None
        kept = None if correlations is None else [0.0, 0.0 if by_margin else correlations[1], 0.0, correlations[3] if by_margin else 0.0, 0.0, 0.0]
        found.append({**row, "renewal": "always", "input_correlations": kept})
    return found


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_means_are_within_four_standard_errors(sampler: str, rows: list[dict[str, Any]], assumptions: Path) -> None:
    there, schema = oracle_market(portfolios.market()), uncertain_rows.portfolio(7, seed=1).schema
    result = iv.value(pa.Table.from_pylist(rows, schema), market=portfolios.market(), assumptions=assumptions, paths=8192, seed=77, sampler=sampler)
    scores, estimated = [], 0
    for row, found in zip(rows, result.assets.to_pylist(), strict=True):
        v = slow_vectors(row, there)
        exact = expectation(v)
        assert (found["closed_form"] is None) == v.blended
        if not v.blended:
            assert found["closed_form"] == pytest.approx(exact, rel=2e-4)
        if found["standard_error"] > 0.0:
            estimated += v.blended
            scores.append((found["mean"] - exact) / np.hypot(found["standard_error"], 1e-4 * abs(exact)))
    assert estimated > 30
    assert np.abs(scores).max() < 4
