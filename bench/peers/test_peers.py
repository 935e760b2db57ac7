"""Every peer must be right before its speed counts: the closed forms' mean and life, and the same quantiles as each other."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from peers.numpy_peer import NumpyPeer
from peers.peer import Row, quantiles_agree
from peers.registry import PEERS, Entry
from workload import PATHS, TAIL, Assets, reference_assets

MOST_ASSETS = 48


def count(entry: Entry) -> int:
    return max(2, MOST_ASSETS // entry.slow)


@cache
def assets(number: int) -> Assets:
    return reference_assets(number)


@cache
def rows(name: str) -> list[Row]:
    entry = PEERS[name]
    missing = entry.missing()
    if missing:
        pytest.skip(missing)
    return entry.make(assets(count(entry)), PATHS, seed=3).run()


@cache
def definition(number: int) -> list[np.ndarray]:
    """The values, ascending, that NumPy gives with other random numbers."""
    peer = NumpyPeer(assets(number), PATHS, seed=11, normals="ziggurat", precision="double")
    found = []
    for asset in range(number):
        peer.row(asset)
        found.append(np.sort(peer.value))
    return found


every_peer = pytest.mark.parametrize("name", PEERS)


@every_peer
def test_mean_and_life_match_their_closed_forms(name: str) -> None:
    found, given = rows(name), assets(count(PEERS[name]))
    away = np.array([(row.mean - value) / row.standard_error for row, value in zip(found, given.expected_value, strict=True)])
    assert np.abs(away).max() < 5
    assert math.sqrt(np.mean(away**2)) < 1 + 4 / math.sqrt(2 * len(away))
    life = np.array([row.expected_life for row in found])
    assert np.abs(life - given.expected_life).max() < 0.2


@every_peer
def test_statistics_are_those_of_another_draw(name: str) -> None:
    """Within their sampling errors."""
    for row, values in zip(rows(name), definition(count(PEERS[name])), strict=True):
        assert row.standard_deviation == pytest.approx(values.std(ddof=1), rel=0.15)
        assert quantiles_agree(row.quantiles, values)
        assert abs(row.expected_shortfall - values[: math.ceil(TAIL * PATHS)].mean()) < 5 * row.standard_error / TAIL
        assert abs(row.probability_of_loss - (values < 0).mean()) < 5 / math.sqrt(PATHS)


@every_peer
def test_statistics_are_in_order(name: str) -> None:
    for row in rows(name):
        assert row.expected_shortfall <= row.quantiles[0]
        assert list(row.quantiles) == sorted(row.quantiles)
        assert row.standard_error == pytest.approx(row.standard_deviation / math.sqrt(PATHS))


def test_some_assets_can_be_asked_for() -> None:
    for name in ("NumPy (tiled, Box-Muller), single", "Numba, single"):
        assert len(PEERS[name].make(assets(8), PATHS).run(2, 5)) == 3
