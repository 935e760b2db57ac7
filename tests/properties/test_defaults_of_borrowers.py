"""The years in which borrowers default (docs/numerics.md §19): the slow definition, both kernels, every instruction set, and closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import oracle_borrowers
import oracle_sobol
import pytest
from both_kernels import same_bits
from lent import PLAIN, Array, borrowers, factors_of, sampling, slow_years
from scipy.stats import binom, norm
from tables import lending_rows

import oracle
from ipvalue import numba_kernel
from ipvalue.constants import TILE_PATHS
from ipvalue.ext import kernel
from ipvalue.lending.defaults import Borrowers, Spans, default_years, year_factors

NORMAL = NormalDist()
SECTORS = ("software", "pharma", "energy")
CORRELATION = ((1.0, 0.3, -0.2), (0.3, 1.0, 0.5), (-0.2, 0.5, 1.0))
RATINGS = {"BB": [0.01, 0.03, 0.07], "CCC": [0.3, 0.5, 0.5, 0.9, 1.0], "sound": [0.0], "gone": [1.0]}
SAMPLERS = ("random", "sobol")
SEED = 2**63 + 1


def market(steps: int = 1) -> oracle.Market:
    return oracle.Market(currency="CNY", curves={"CNY": ([1.0], [0.02])}, factors=SECTORS, correlation=CORRELATION, steps_per_year=steps)


def random_loans(count: int, seed: int) -> list[dict[str, Any]]:
    """Loans of about half as many borrowers, with every kind of probability of default and every kind of term."""
    random = np.random.default_rng(seed)

    def one(i: int) -> dict[str, Any]:
        risk: dict[str, Any] = [
            {"pd": float(random.choice([0.0, 1e-12, 0.02, 0.2, 1.0]))},
            {"pd_curve": np.cumsum(random.uniform(0.0, 0.1, random.integers(1, 6))).tolist()},
            {"rating": str(random.choice(list(RATINGS)))},
        ][int(random.integers(3))]
        term = float(random.choice([0.1, 1.0, 2.0, 2.5, 5.0, 7.3, random.uniform(0.1, 12.0)]))
        loading = float(random.choice([0.0, 0.3, -0.6, 1.0, random.uniform(-1.0, 1.0)]))
        loads = {"factor_loading": loading, "sector": str(random.choice(SECTORS))} if random.random() < 0.9 else {}
        return {**PLAIN, "loan_id": f"L{i}", "borrower_id": f"B{random.integers(count // 2)}", "term": term, **risk, **loads}

    return [one(i) for i in range(count)]


# ------------------------------------------------------------------------------------------------------ the slow definition


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("steps", "paths"), [(1, 4_096), (4, 2_048), (12, 512)])
def test_default_years_are_those_of_the_slow_definition(steps: int, paths: int, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loans = random_loans(40, steps)
    if sampler == "sobol":
        monkeypatch.setattr(oracle, "factor_normals", lambda m, sector, seed, p, periods: oracle_sobol.factors(seed, m, sector, periods, p))
    names, some = borrowers(loans, market(steps), RATINGS)
    found = default_years(some, factors_of(market(steps)), sampling(paths, sampler=sampler))
    expected = slow_years(loans, market(steps), SEED, paths, RATINGS)
    assert found.any(axis=1).sum() > 10
    for name, years in zip(names, found, strict=True):
        assert np.array_equal(years, expected[name]), name


def test_single_precision_differs_within_rounding_of_the_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    loans, paths = random_loans(40, 7), 2_048
    names, some = borrowers(loans, market(4), RATINGS)
    found = default_years(some, factors_of(market(4)), sampling(paths, precision="single"))
    exact = oracle_borrowers.default_threshold
    bounds = []
    for moved in (-1e-5, 1e-5):
        monkeypatch.setattr(oracle_borrowers, "default_threshold", lambda p, moved=moved: exact(p) + moved)
        bounds.append(slow_years(loans, market(4), SEED, paths, RATINGS))
    near = 0
    for name, years in zip(names, found, strict=True):
        low, high = (bound[name] for bound in bounds)
        near += np.count_nonzero(low != high)
        assert np.array_equal(years[low == high], low[low == high]), name
    assert near < 1e-3 * found.size


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 4])
def test_factors_over_whole_years_are_those_of_the_slow_definition(steps: int, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if sampler == "sobol":
        monkeypatch.setattr(oracle, "factor_normals", lambda m, sector, seed, p, periods: oracle_sobol.factors(seed, m, sector, periods, p))
    found = year_factors(factors_of(market(steps)), 3, sampling(640, sampler=sampler))
    for sector, of_years in zip(sorted(SECTORS), found, strict=True):
        expected = oracle_borrowers.year_factors(market(steps), sector, [1.0, 2.0, 3.0], SEED, np.arange(640))
        assert of_years == pytest.approx(np.array(expected), rel=1e-12, abs=1e-13)


# -------------------------------------------------------------------------------------------------------------- same bits


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 12])
def test_both_kernels_and_every_instruction_set_give_the_same(isa: str, steps: int, sampler: str, precision: str) -> None:
    paths = TILE_PATHS + 48
    _, some = borrowers(random_loans(40, 3), market(steps), RATINGS)
    how = {"sampler": sampler, "precision": precision}
    one, other = (default_years(some, factors_of(market(steps)), sampling(paths, backend=backend, **how)) for backend in ("native", "numba"))
    same_bits(one, other, f"default years by {isa}")
    one, other = (year_factors(factors_of(market(steps)), 3, sampling(paths, backend=backend, **how)) for backend in ("native", "numba"))
    same_bits(one, other, f"factors over years by {isa}")


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("backend", ["native", "numba"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_ranges_of_paths_are_parts_of_the_whole(sampler: str, backend: str, precision: str) -> None:
    paths = 2 * TILE_PATHS + 112
    _, some = borrowers(random_loans(30, 4), market(4), RATINGS)
    how, factors = sampling(paths, sampler=sampler, backend=backend, precision=precision), factors_of(market(4))
    whole = default_years(some, factors, how)
    cuts = [0, 64, 640, 1088, paths]
    parts = [default_years(some, factors, how, first, last - first) for first, last in pairwise(cuts)]
    same_bits(np.concatenate(parts, axis=1), whole, "ranges")
    same_bits(default_years(some, factors, how, 1088), whole[:, 1088:], "the last range")
    same_bits(year_factors(factors, 2, how, 1088), year_factors(factors, 2, how)[:, :, 1088:].copy(), "factors of the last range")


def test_the_order_of_loans_and_the_other_borrowers_change_nothing() -> None:
    loans, factors, how = random_loans(40, 5), factors_of(market(4)), sampling(1_000, precision="single")
    names, some = borrowers(loans, market(4), RATINGS)
    whole = dict(zip(names, default_years(some, factors, how), strict=True))
    for part in (loans[::-1], [loan for loan in loans if loan["borrower_id"] in names[::3]]):
        names, some = borrowers(part, market(4), RATINGS)
        for name, years in zip(names, default_years(some, factors, how), strict=True):
            same_bits(years, whole[name], name)


def test_many_spans_of_periods_make_tiles_small_and_change_nothing() -> None:
    loans = [{**loan, "term": 3.0 + i / 366} for i, loan in enumerate(random_loans(300, 6))]
    for loan in loans:
        loan |= {"sector": loan.get("sector", "energy"), "factor_loading": 0.5}
    names, some = borrowers(loans, market(366), RATINGS)
    assert len(some.spans.count) > 300
    factors, how = factors_of(market(366)), sampling(200)
    whole = dict(zip(names, default_years(some, factors, how), strict=True))
    for name in names[:5]:
        _, alone = borrowers([loan for loan in loans if loan["borrower_id"] == name], market(366), RATINGS)
        same_bits(default_years(alone, factors, how)[0], whole[name], name)


def test_a_borrowers_own_shocks_do_not_depend_on_the_sampler() -> None:
    loans = [{**loan, "factor_loading": 0.0} for loan in random_loans(30, 8)]
    _, some = borrowers(loans, market(), RATINGS)
    one, other = (default_years(some, factors_of(market()), sampling(1_024, sampler=sampler)) for sampler in SAMPLERS)
    same_bits(one, other, "samplers")


@pytest.mark.parametrize("one", [kernel, numba_kernel], ids=["native", "numba"])
def test_no_borrowers_no_loans_and_a_stop(one: Any) -> None:
    how: dict[str, Any] = {"seed": 1, "paths": 100, "single": True}
    none = np.zeros(0)
    spans = Spans(*(none.astype(np.int32) for _ in range(3)))
    empty = Borrowers(none.astype(np.uint64), np.zeros(1, np.int64), none, np.zeros(1, np.int64), none, none.astype(np.int32), spans)
    assert one.factors_over(spans, factors_of(market()), **how).shape == (0, 100)
    assert one.default_years(empty, factors_of(market()), **how).shape == (0, 100)
    idle = replace(empty, hash=np.ones(2, np.uint64), loan_start=np.zeros(3, np.int64))
    assert not one.default_years(idle, factors_of(market()), **how).any()
    with pytest.raises(ValueError, match="multiple of 64"):
        one.default_years(idle, factors_of(market()), first=32, **how)
    one.request_stop()
    try:
        with pytest.raises(one.Stopped):
            one.default_years(idle, factors_of(market()), **how)
    finally:
        one.clear_stop()


# ------------------------------------------------------------------------------------------------------------ closed forms


def one_year(count: int, pd: float, loading: float) -> list[dict[str, Any]]:
    terms = {**PLAIN, "term": 1.0, "pd": pd, "factor_loading": loading, "sector": "software"}
    return [{**terms, "loan_id": f"L{i}", "borrower_id": f"B{i}"} for i in range(count)]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("pd", [0.001, 0.02, 0.3])
def test_the_share_of_paths_with_default_is_the_probability(pd: float, sampler: str) -> None:
    paths = 1 << 16
    _, some = borrowers(one_year(4, pd, 0.5), market())
    found = default_years(some, factors_of(market()), sampling(paths, sampler=sampler, precision="single"))
    for years in found:
        assert abs(np.mean(years == 1) - pd) < 4 * math.sqrt(pd * (1 - pd) / paths)


def test_years_without_default_multiply() -> None:
    paths, pd = 1 << 16, 0.1
    _, some = borrowers([{**loan, "term": 4.0} for loan in one_year(1, pd, 0.7)], market(4))
    (years,) = default_years(some, factors_of(market(4)), sampling(paths, precision="single"))
    for y in range(1, 5):
        share = (1 - pd) ** (y - 1) * pd
        assert abs(np.mean(years == y) - share) < 4 * math.sqrt(share * (1 - share) / paths)


def worst_rate(pd: float, loading: float, level: float) -> float:
    return NORMAL.cdf((NORMAL.inv_cdf(pd) + loading * NORMAL.inv_cdf(level)) / math.sqrt(1 - loading**2))


@pytest.mark.parametrize("row", lending_rows("vasicek.csv"), ids=lambda r: f"rho{r['rho']}")
def test_defaults_of_a_large_pool_follow_vasiceks_distribution(row: dict[str, str]) -> None:
    """Hull, table 11.4: the rate of default that is exceeded in one case of 1,000. A pool exceeds it as often as the mixture of binomials says."""
    count, paths, loading = 1_000, 1 << 13, math.sqrt(float(row["rho"]))
    x = np.linspace(-9, 9, 3_601)
    weight = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    for name in ("pd_1.0", "pd_2.0"):
        pd = float(name.removeprefix("pd_")) / 100
        assert f"{100 * worst_rate(pd, loading, 0.999):.1f}" == row[name]
        _, some = borrowers(one_year(count, pd, loading), market())
        defaults: Array = (default_years(some, factors_of(market()), sampling(paths, precision="single")) == 1).sum(axis=0)
        given = norm.cdf((NORMAL.inv_cdf(pd) - loading * x) / math.sqrt(1 - loading**2))
        for level in (0.5, 0.9, 0.99, 0.999):
            k = math.floor(count * worst_rate(pd, loading, level))
            beyond = float(np.sum(weight * binom.sf(k, count, given)))
            seen = np.count_nonzero(defaults > k)
            assert min(binom.cdf(seen, paths, beyond), binom.sf(seen - 1, paths, beyond)) > NORMAL.cdf(-4)
