"""The NumPy peer's parts: its statistics are NumPy's, its normals normal, the factors shared as they should be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from peers.numpy_peer import Normals, NumpyPeer
from peers.peer import Precision
from workload import CORRELATION, QUANTILES, SECTORS, TAIL, reference_assets

PATHS = 10_000
ASSETS = 48


@pytest.fixture(scope="module", params=[(n, p) for n in ("box_muller", "ziggurat") for p in ("single", "double")], ids="-".join)
def peer(request: pytest.FixtureRequest) -> NumpyPeer:
    normals: Normals = request.param[0]
    precision: Precision = request.param[1]
    return NumpyPeer(reference_assets(ASSETS), PATHS, seed=3, normals=normals, precision=precision)


def test_statistics_are_those_of_numpy(peer: NumpyPeer) -> None:
    values = np.random.default_rng(1).standard_normal(PATHS, dtype=np.float32)
    values = values.astype(peer.real)
    peer.value[:] = values
    row = peer.statistics(life=0)
    exact = values.astype(np.float64)
    assert row.mean == pytest.approx(exact.mean(), abs=1e-5)
    assert row.standard_deviation == pytest.approx(exact.std(ddof=1), rel=1e-5)
    assert row.quantiles == pytest.approx(tuple(np.quantile(exact, QUANTILES)), rel=1e-6)
    assert row.expected_shortfall == pytest.approx(np.sort(exact)[: math.ceil(TAIL * PATHS)].mean(), rel=1e-5)
    assert row.probability_of_loss == (exact < 0).mean()


def test_normals_are_normal(peer: NumpyPeer) -> None:
    draws = np.concatenate([peer.draw(1.0).astype(np.float64).ravel() for _ in range(5)])
    n = len(draws)
    assert abs(draws.mean()) < 4.5 / math.sqrt(n)
    assert abs(draws.var() - 1) < 4.5 * math.sqrt(2 / n)
    assert abs((draws**3).mean()) < 4.5 * math.sqrt(15 / n)
    assert abs((draws**4).mean() - 3) < 4.5 * math.sqrt(96 / n)
    assert abs((np.abs(draws) > 2).mean() - 0.0455003) < 4.5 * math.sqrt(0.0455 / n)


def test_sectors_are_correlated_as_asked(peer: NumpyPeer) -> None:
    last = np.diff(peer.factors, axis=1).reshape(len(SECTORS), -1).astype(np.float64)
    found = np.corrcoef(last)
    off = found[~np.eye(len(SECTORS), dtype=bool)]
    assert np.abs(off - CORRELATION).max() < 0.02
