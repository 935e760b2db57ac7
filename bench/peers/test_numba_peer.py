"""The Numba peer's parts: statistics are NumPy's of the same values, also where many values are equal; normals are normal."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from peers.numba_elementary import elementary
from peers.numba_peer import NumbaPeer
from peers.peer import REAL, Precision
from workload import PATHS, QUANTILES, TAIL, reference_assets

ASSETS = 16
both = pytest.mark.parametrize("precision", ["single", "double"])


@both
@pytest.mark.parametrize("paths", [PATHS, 4_321])
def test_statistics_are_those_of_numpy(precision: Precision, paths: int) -> None:
    peer = NumbaPeer(reference_assets(ASSETS), paths, precision=precision)
    tolerance = 1e-5 if precision == "single" else 1e-12
    for asset in range(ASSETS):
        row = peer.row(asset)
        values = np.sort(peer.scratch[0].astype(np.float64))
        tail = math.ceil(TAIL * paths - 1e-9)
        assert row.mean == pytest.approx(values.mean(), rel=tolerance)
        assert row.standard_deviation == pytest.approx(values.std(ddof=1), rel=tolerance)
        assert row.quantiles == pytest.approx(tuple(np.quantile(values, QUANTILES)), rel=tolerance)
        assert row.expected_shortfall == pytest.approx(values[:tail].mean(), rel=tolerance, abs=tolerance)
        assert row.probability_of_loss == (values < 0).mean()


@both
def test_normals_are_normal(precision: Precision) -> None:
    functions = elementary(REAL[precision])
    pair, draw, count = functions.pair, functions.draw, 500_000

    @numba.njit
    def draws(state: np.ndarray, out: np.ndarray) -> None:
        a, b, c, d = state[0], state[1], state[2], state[3]
        for i in range(out.shape[1]):
            k, m, a, b, c, d = draw(a, b, c, d)
            out[0, i], out[1, i] = pair(k, m)

    word = np.uint32 if precision == "single" else np.uint64
    state = np.random.SFC64(5).random_raw(4).astype(word)
    found = np.empty((2, count), REAL[precision])
    draws(state, found)
    z = found.astype(np.float64).ravel()
    assert abs(z.mean()) < 4.5 / math.sqrt(len(z))
    assert abs(z.var() - 1) < 4.5 * math.sqrt(2 / len(z))
    assert abs((z**4).mean() - 3) < 4.5 * math.sqrt(96 / len(z))
    assert abs((np.abs(z) > 3).mean() - 0.0026998) < 4.5 * math.sqrt(0.0027 / len(z))
    assert abs(np.corrcoef(found.astype(np.float64))[0, 1]) < 4.5 / math.sqrt(count)
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4.5 / math.sqrt(len(z))


@both
def test_powers_of_two_are_right(precision: Precision) -> None:
    exp2 = elementary(REAL[precision]).exp2
    powers = numba.njit(lambda x: exp2(x))
    x = np.linspace(-20, 20, 2001).astype(REAL[precision])
    found = np.array([powers(one) for one in x], dtype=np.float64)
    assert found == pytest.approx(np.exp2(x.astype(np.float64)), rel=1e-6 if precision == "single" else 1e-13)
