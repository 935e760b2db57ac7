"""Calibrations find the parameters of simulated data: within their stated 95 % intervals in at least 88 of 100 repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
import panels
import pytest

from ipvalue.calibrate import factors, history, survival

REPEATS, LEAST = range(100), 88

pytest.importorskip("sklearn")
pytest.importorskip("lifelines")


def holds(row: dict[str, float], name: str, truth: float) -> bool:
    return row[f"{name}_low"] <= truth <= row[f"{name}_high"]


@pytest.fixture(scope="module")
def of_history() -> Counter[str]:
    """How often the intervals of the first right and of the group held."""
    held: Counter[str] = Counter()
    for seed in REPEATS:
        table, growth, volatility = panels.revenues(seed)
        found = history(table)
        right, group = found.table.slice(0, 1).to_pylist()[0], found.others["by group"].to_pylist()[0]
        held["log_growth"] += holds(right, "log_growth", growth[0])
        held["volatility"] += holds(right, "volatility", volatility[0])
        held["growth"] += holds(right, "growth", float(np.expm1(growth[0] + volatility[0] ** 2 / 2)))
        held["group log_growth"] += holds(group, "log_growth", 0.05)
        held["group volatility"] += holds(group, "volatility", 0.3)
    return held


@pytest.mark.parametrize("name", ["log_growth", "volatility", "growth", "group log_growth", "group volatility"])
def test_growth_and_volatility_lie_in_their_intervals(of_history: Counter[str], name: str) -> None:
    assert of_history[name] >= LEAST


@pytest.fixture(scope="module")
def of_factors() -> Counter[str]:
    held: Counter[str] = Counter()
    for seed in REPEATS:
        found = factors(panels.sector_panel(seed))
        for pair in found.table.to_pylist():
            held[f"{pair['sector_a']} {pair['sector_b']}"] += holds(pair, "correlation", truth(pair))
        held["sector loading"] += holds(found.others["by sector"].to_pylist()[0], "factor_loading", 0.5)
        first = found.others["by right"].to_pylist()[0]
        held["loading"] += first["factor_loading"] is not None and holds(first, "factor_loading", 0.5)
    return held


def truth(pair: dict[str, str]) -> float:
    return panels.CORRELATION[int(pair["sector_a"][1])][int(pair["sector_b"][1])]


@pytest.mark.parametrize("name", ["s1 s0", "s2 s0", "s2 s1", "sector loading", "loading"])
def test_correlations_and_loadings_lie_in_their_intervals(of_factors: Counter[str], name: str) -> None:
    assert of_factors[name] >= LEAST


def test_correlations_of_sectors_lie_in_their_intervals() -> None:
    held: Counter[str] = Counter()
    for seed in REPEATS:
        held.update(f"{one['sector_a']} {one['sector_b']}" for one in pairs(seed) if holds(one, "correlation", truth(one)))
    assert min(held[name] for name in ("s1 s0", "s2 s0", "s2 s1")) >= LEAST


def pairs(seed: int) -> Iterator[dict[str, float]]:
    yield from factors(panels.growths(seed)).table.to_pylist()


AGES = (1.0, 3.0, 5.0, 8.0, 12.0)


@pytest.fixture(scope="module")
def of_survival() -> Counter[float]:
    held: Counter[float] = Counter()
    for seed in REPEATS:
        found = survival(panels.renewals(seed), as_of=panels.KNOWN_UNTIL)
        rows = {row["age"]: row for row in found.table.to_pylist()}
        held.update(age for age in AGES if holds(rows[age], "surviving", panels.alive(age)))
    return held


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
def test_survival_of_truncated_and_censored_records_lies_in_its_band(of_survival: Counter[float], age: float) -> None:
    assert of_survival[age] >= LEAST


@pytest.mark.slow
def test_groups_that_do_not_differ_or_differ_much_are_covered_too() -> None:
    for rights, spread, freedom in product((6, 30), (0.0, 0.3), (3.0, 1e6)):
        held: Counter[str] = Counter()
        for seed in REPEATS:
            table, growth, volatility = panels.revenues(seed, rights, spread=spread, freedom=freedom)
            first = history(table).table.slice(0, 1).to_pylist()[0]
            held["growth"] += holds(first, "log_growth", growth[0])
            held["volatility"] += holds(first, "volatility", volatility[0])
        assert min(held.values()) >= LEAST, (rights, spread, freedom, held)
