"""A portfolio valued by the engine and by the slow definition (oracle.py), side by side: vectors, every path, z-scores."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import oracle_sobol
import portfolios
import pyarrow as pa
import pytest
from scipy import stats

import ipvalue as iv
import oracle
from ipvalue import stopping
from ipvalue.appraise import make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors
from ipvalue.compiled import compile_rows
from ipvalue.ext import kernel
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.market import load_market
from ipvalue.schema import Rejects
from ipvalue.simulate import Factors, Sampling

TABLES = portfolios.ASSUMPTIONS[portfolios.ASSUMPTIONS.index("[fee_schedules") :]
"""Schedules and curves alone: nothing is filled, so a row means the same to both."""

SCHEDULES: Mapping[str, Any] = tomllib.loads(TABLES)["fee_schedules"]
CURVES: Mapping[str, Any] = tomllib.loads(TABLES)["survival_curves"]
MARKETS = [(1, True), (4, False), (12, True)]
"""Steps a year, and whether money comes in the middle of a period."""
SOME_MARKETS = [*MARKETS[:2], pytest.param(*MARKETS[2], marks=pytest.mark.slow)]
"""The same; months, which take the definition long, with the slow tests."""


def oracle_market(market: Mapping[str, Any]) -> oracle.Market:
    return oracle.Market(
        currency=market["currency"],
        valuation_date=market["valuation_date"],
        steps_per_year=market["steps_per_year"],
        mid_period=market["mid_period"],
        curves={name: (curve["tenors"], curve["rates"]) for name, curve in market["curves"].items()},
        fx=dict(market["fx"]),
        factors=market["factors"]["names"],
        correlation=market["factors"]["correlation"],
    )


def mild(table: pa.Table) -> pa.Table:
    """σ²T of at most 1, so that sample errors can be believed (model.md §11.11)."""
    volatility = table["volatility"].to_numpy(zero_copy_only=False)
    place = table.schema.get_field_index("volatility")
    return table.set_column(place, "volatility", pa.array(np.minimum(volatility, 0.2), from_pandas=True))


def slow_vectors(asset: Mapping[str, Any], market: oracle.Market) -> oracle.Vectors:
    return oracle.vectors(asset, market, SCHEDULES, CURVES)


def as_engine(v: oracle.Vectors, asset: Mapping[str, Any], market: oracle.Market) -> SimpleNamespace:
    """The definition's vectors under the names of cashflows.Vectors."""
    n = v.periods

    def one(x: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([x], np.float64)

    return SimpleNamespace(
        offset=np.array([0, n]), w=v.w, f=v.f, survival=v.S, rival=v.C, salvage=v.salvage, low=v.lo, high=v.hi, bound_out=None, bound_in=None,
        step=one(v.step), last_delta=one(v.delta[-1]), hash=np.array([oracle.xxh64(asset["asset_id"].encode())], np.uint64), volatility=one(v.sigma),
        loading=one(v.beta),
        uncertainty=one(v.s0), entry_loss=one(1 - v.keep), royalty_low=one(v.m_low), royalty_high=one(v.m_high),
        factor=np.array([sorted(market.factors).index(asset["sector"])], np.int32), optional=np.array([v.optional], np.uint8),
        clamped=np.array([v.clamped], np.uint8), enters=np.array([bool((v.C < 1).any())], np.uint8),
    )  # fmt: skip


def size_of(slow: oracle.Vectors) -> float:
    """The money that an asset moves: what rounding is measured by."""
    bounds = slow.lo[slow.lo > 0].sum() + slow.hi[np.isfinite(slow.hi)].sum()
    return float(np.abs(slow.w).sum() + np.abs(slow.f).sum() + slow.salvage.max() + bounds) + 1e-300


def bounded(asset: Mapping[str, Any]) -> bool:
    """A licence with a guarantee or a cap, whether or not it sells before it ends."""
    return asset.get("method") == "licence" and ((asset.get("minimum_guarantee") or 0.0) > 0 or asset.get("cap") is not None)


@dataclass
class Pair:
    """One asset: its row, the slow vectors, its place in the engine's vectors and its periods there."""

    asset: dict[str, Any]
    slow: oracle.Vectors
    a: int
    part: slice


@dataclass
class Compiled:
    """The engine's vectors with boundaries, and the rows they belong to in order."""

    vectors: Vectors
    rows: list[dict[str, Any]]
    market: oracle.Market
    factors: Factors

    def __iter__(self) -> Iterator[Pair]:
        offset = self.vectors.offset
        for a, asset in enumerate(self.rows):
            yield Pair(asset, slow_vectors(asset, self.market), a, slice(int(offset[a]), int(offset[a + 1])))

    def boundary(self, pair: Pair) -> tuple[Any, Any]:
        """The engine's own boundary of an asset, 0 where it decides nothing."""
        v = self.vectors
        if v.optional[pair.a] and v.bound_out is not None and v.bound_in is not None:
            return v.bound_out[pair.part], v.bound_in[pair.part]
        return np.zeros(pair.slow.periods), np.zeros(pair.slow.periods)


def compiled(table: pa.Table, market: Mapping[str, Any], assumptions: Path, spool: Path) -> Compiled:
    """A portfolio of rows with one method each, none of which may be rejected."""
    appraiser = make_appraiser(load_market(market), load_assumptions(assumptions), Sampling(1, 1, "double", (), 0.05), "going_concern", False)
    portfolio = open_portfolio(table, spool)
    (unit,) = portfolio.units(10**6)
    (found,) = list(read(unit, scan(portfolio).duplicates))
    rows = appraiser.rows(found[0], found[1], "test", Rejects())
    vectors = compile_rows(rows, appraiser.tables).vectors
    assert not len(rows.rejects), rows.rejects.table().to_pylist()[:3]
    stopping.add_boundaries(vectors)
    return Compiled(vectors, table.to_pylist(), oracle_market(market), appraiser.factors)


def vectors_follow(here: Compiled) -> None:
    """Every vector, the closed form with its variance and the tax factor are the definition's to rounding."""
    v = here.vectors
    mean, variance = kernel.closed_form(v)
    for pair in here:
        a, part, slow, asset = pair.a, pair.part, pair.slow, pair.asset
        assert slow.periods == part.stop - part.start, asset
        assert v.step[a] == slow.step
        for mine, theirs in ((v.w, slow.w), (v.f, slow.f), (v.survival, slow.S), (v.salvage, slow.salvage)):
            np.testing.assert_allclose(mine[part], theirs, rtol=2e-12, atol=1e-12 * max(1.0, float(np.abs(theirs).max())), err_msg=str(asset))
        if v.enters[a]:
            np.testing.assert_allclose(v.rival[part], slow.C, rtol=1e-13)
        assert bool(v.clamped[a]) == bounded(asset), asset
        if slow.clamped:
            assert v.low is not None
            assert v.high is not None
            for bound, exact in ((v.low, slow.lo), (v.high, slow.hi)):
                np.testing.assert_allclose(bound[part], exact, rtol=2e-12, err_msg=str(asset))
        assert bool(v.optional[a]) == slow.optional, asset
        assert v.tab_factor[a] == pytest.approx(oracle.tab_factor(asset, here.market), rel=1e-13)
        closed = oracle.closed_form(slow, asset)
        if closed is not None and not bounded(asset):
            size = size_of(slow)
            assert mean[a] == pytest.approx(closed, rel=1e-11, abs=1e-12 * size)
            assert variance[a] == pytest.approx(oracle.closed_form_variance(slow, asset), rel=1e-7, abs=1e-12 * size * size)


def kept_paths(table: pa.Table, **options: Any) -> dict[str, Any]:
    """The values of the kept paths, by asset_id."""
    found = iv.value(table, keep_paths=True, **options).paths
    return {name: np.array(values) for name, values in zip(found["asset_id"].to_pylist(), found["values"].to_pylist(), strict=True)}


def paths_follow(
    here: Compiled,
    table: pa.Table,
    market: Mapping[str, Any],
    assumptions: Path,
    paths: int,
    seed: int,
    sampler: str = "random",
    close: float = 1e-5,
    near: Callable[[Mapping[str, Any]], float] = lambda asset: 1e-11,
) -> None:
    """Path by path to rounding in double (within `near` of an asset); in single within `close`, some units of its precision. Boundaries are the
    engine's own on both sides."""
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "paths": paths, "seed": seed, "sampler": sampler}
    double, single = (kept_paths(table, precision=precision, **options) for precision in ("double", "single"))
    for pair in here:
        asset, slow = pair.asset, pair.slow
        draws = oracle_sobol.draws(asset, here.market, slow, seed, paths) if sampler == "sobol" else None
        exact = oracle.simulate(asset, here.market, paths=paths, seed=seed, vectors=slow, boundary=here.boundary(pair), draws=draws).values
        scale = np.maximum(np.abs(exact), size_of(slow))
        assert (np.abs(double[asset["asset_id"]] - exact) / scale).max() < near(asset), asset
        off = np.abs(single[asset["asset_id"]] - exact) / scale
        # a level within single rounding of its boundary may fall on the other side
        assert np.count_nonzero(off > close) <= (2 if here.vectors.optional[pair.a] else 0), (asset, off.max())


@dataclass
class Scores:
    """z-scores by what they were measured against: the closed form, the optimum by dynamic programming (also of clamped cash), other paths."""

    closed: list[float] = field(default_factory=list)
    optimum: list[float] = field(default_factory=list)
    simulated: list[float] = field(default_factory=list)


def z_scores(table: pa.Table, market: Mapping[str, Any], assumptions: Path, paths: int, seed: int) -> Scores:
    """How far the engine's means lie from the exact ones, in standard errors."""
    there = oracle_market(market)
    result = iv.value(table, market=market, assumptions=assumptions, paths=paths, seed=seed)
    found = {row["asset_id"]: row for row in result.assets.to_pylist()}
    scores = Scores()
    for asset in table.to_pylist():
        row, slow = found[asset["asset_id"]], slow_vectors(asset, there)
        closed = oracle.closed_form(slow, asset)
        best = oracle.solve(slow) if closed is None else None
        exact = best.value if best is not None else closed
        assert exact is not None
        if row["standard_error"] <= 1e-9 * abs(row["mean"]):  # nothing random, or nothing that so many paths would meet
            assert row["mean"] == pytest.approx(exact, rel=1e-5, abs=1e-5 * size_of(slow))
            continue
        (scores.closed if best is None else scores.optimum).append((row["mean"] - exact) / row["standard_error"])
        bounds = (best.b0, best.b1) if best is not None else (np.zeros(slow.periods), np.zeros(slow.periods))
        other = oracle.simulate(asset, there, paths=1500, seed=5, vectors=slow, boundary=bounds).values
        error = np.hypot(row["standard_error"], other.std(ddof=1) / np.sqrt(len(other)))
        scores.simulated.append((row["mean"] - other.mean()) / error)
    return scores


def distributed_as_they_should_be(scores: list[float]) -> None:
    z = np.array(scores)
    assert len(z) > 60
    assert np.abs(z).max() < 4.5
    assert 0.8 < z.std() < 1.2
    # assets share factors, so the scores are not quite independent: a wide level
    assert stats.kstest(z, "norm").pvalue > 1e-3
