"""`standard_error` says how far `mean` is off (docs/numerics.md §14): over 200 seeds, against values found without simulation. Runs that a tolerance
stopped are tested apart: of several looks at an error the first small one was taken, so it promises a little less."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pytest
from compared import TABLES, oracle_market, slow_vectors
from numpy.typing import NDArray
from scipy import stats

import oracle
from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.market import load_market
from ipvalue.schema import Rejects
from ipvalue.simulate import Sampler, Sampling, Tolerance
from ipvalue.summary import describe_groups

Floats = NDArray[np.float64]

SEEDS = range(1, 201)
WITHIN = {"random": stats.norm.ppf(0.975), "sobol": stats.t(15).ppf(0.975)}
PATHS = {"random": 2048, "sobol": 512}
INCOME = 50_000.0
BASE: dict[str, Any] = {
    "right_type": "invention_patent", "revenue": 20 * INCOME, "royalty_rate": 0.05, "life": 10.0, "tax_rate": 0.25, "discount_premium": 0.08,
    "volatility": 0.25, "factor_loading": 0.4, "sector": "software", "hazard": 0.05, "fee_schedule": "none", "survival_curve": "none",
}  # fmt: skip
OPTIONAL: dict[str, Any] = {"renewal": "optimal", "annual_cost": 0.6 * INCOME, "growth": -0.04}
BOUNDED: dict[str, Any] = {"minimum_guarantee": 0.6 * INCOME, "cap": 1.5 * INCOME}
RIGHTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "optional": OPTIONAL,
    "licence": {"method": "licence", **BOUNDED},
    "reconciled": {
        **OPTIONAL, **BOUNDED, "methods": ["relief_from_royalty", "licence", "cost"], "weights": [0.5, 0.3, 0.2], "replacement_cost": 4 * INCOME,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Portfolio:
    """Rows that are read once and valued at many seeds."""

    rows: list[dict[str, Any]]
    appraiser: Appraiser
    batch: pa.RecordBatch
    number: NDArray[np.int64]

    def value(self, sampler: Sampler, seed: int, paths: int, tolerance: Tolerance | None = None) -> tuple[pa.RecordBatch, pa.Table]:
        """The results of the rows and of their sum."""
        sampling = Sampling(paths, seed, "single", (), 0.05, sampler=sampler, tolerance=tolerance)
        appraiser = replace(self.appraiser, sampling=sampling)
        totals = appraiser.new_totals(())
        assets, _ = appraiser.value(appraiser.rows(self.batch, self.number, "rows", Rejects()), totals)
        assert assets is not None
        assert assets.num_rows == len(self.rows)
        return assets, describe_groups(totals, sampling)

    def seeds(self, sampler: Sampler, paths: int, tolerance: Tolerance | None = None) -> tuple[Floats, Floats, Floats]:
        """Means, standard errors and paths (seeds, rows)."""
        found = [self.value(sampler, seed, paths, tolerance)[0] for seed in SEEDS]
        means, errors, reached = (np.array([assets[name].to_numpy() for assets in found]) for name in ("mean", "standard_error", "paths"))
        return means, errors, reached

    def truth(self, nodes: int = 64) -> Floats:
        """Each row's expected value: its closed form, or the optimum (bounded cash too) on a fine grid; with several methods the sum of theirs."""
        return np.array([sum(weight * self._by_one(row, method, nodes) for weight, method in _methods(row)) for row in self.rows])

    def _by_one(self, row: dict[str, Any], method: str | None, nodes: int) -> float:
        v = slow_vectors({**row, "methods": None, "method": method}, oracle_market(portfolios.MARKET))
        closed = oracle.closed_form(v)
        return oracle.solve(v, nodes=nodes).value if closed is None else closed


def _methods(row: dict[str, Any]) -> list[tuple[float, str | None]]:
    return list(zip(row["weights"], row["methods"], strict=True)) if "methods" in row else [(1.0, row.get("method"))]


def portfolio(rows: list[dict[str, Any]]) -> Portfolio:
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "tables.toml"
        book.write_text(TABLES, encoding="utf-8")
        appraiser = make_appraiser(load_market(portfolios.MARKET), load_assumptions(book), Sampling(1, 1, "single", (), 0.05), "going_concern", False)
        found = open_portfolio(table, Path(folder))
        (unit,) = found.units(10**6)
        ((batch, number, rejects),) = list(read(unit, scan(found).duplicates))
    assert not len(rejects)
    return Portfolio(rows, appraiser, batch, number)


@cache
def rights() -> Portfolio:
    return portfolio([{**BASE, **cells, "asset_id": name} for name, cells in RIGHTS.items()])


# --------------------------------------------------------------------------------------------------------- a number of paths given


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_errors_are_honest_and_there_is_no_bias(sampler: Sampler) -> None:
    """A right without option or bound has an error under `random` alone."""
    truth = rights().truth()
    mean, error, _ = rights().seeds(sampler, PATHS[sampler])
    plain = list(RIGHTS).index("plain")
    if sampler == "sobol":
        assert not error[:, plain].any()
        np.testing.assert_allclose(mean[:, plain], truth[plain], rtol=1e-12)
        mean, error, truth = (np.delete(column, plain, axis=-1) for column in (mean, error, truth))
    off = mean - truth
    inside = (np.abs(off) <= WITHIN[sampler] * error).sum(axis=0)
    bias = off.mean(axis=0) / (off.std(axis=0, ddof=1) / math.sqrt(len(SEEDS)))
    print(f"{sampler}: inside {inside}, bias in its own errors {bias.round(2)}, spread {(off.std(axis=0) / truth).round(4)} of the mean")
    assert ((inside >= 180) & (inside <= 198)).all(), inside
    assert (np.abs(bias) < 4).all(), bias


def test_the_truth_is_known_ten_times_better_than_any_error_here() -> None:
    """On a grid half as fine it is the same to a tenth of the smallest error that a test sees."""
    coarse, fine = rights().truth(nodes=32), rights().truth()
    np.testing.assert_allclose(coarse, fine, rtol=1e-5)
    assert coarse[0] == fine[0]
    assert (coarse[1:] != fine[1:]).all()


# ------------------------------------------------------------------------------------------------------------ stopped by a tolerance


def most_missed(freedom: float, fall: float = 0.5, missed: float = 0.05) -> float:
    """At most how often a run that stops by tolerance misses the truth, whatever depends on whatever: at look k no more often than a run of its
    length does (`missed`), than its error is small enough, and than that of the look before was not; summed over looks, at the worst ratio of
    error to tolerance.

    freedom: of the errors' estimates; fall: P to this power divides the error, ½ at the least.
    """
    worst = 0.0
    for phase in np.linspace(0.0, 1.0, 51):
        ratio = 2.0 ** (fall * (phase + 12 - np.arange(25)))
        small_enough = stats.chi2(freedom).cdf(freedom / ratio**2)
        went_on = np.concatenate([[1.0], 1.0 - small_enough[:-1]])
        worst = max(worst, float(np.minimum(missed, np.minimum(small_enough, went_on)).sum()))
    return worst


@pytest.mark.parametrize(
    ("sampler", "paths", "tolerance", "freedom"), [("random", 256, 0.02, 100), ("sobol", 64, 0.004, 14), ("sobol", 256, 0.003, 14)]
)
def test_errors_of_runs_that_a_tolerance_stopped(sampler: Sampler, paths: int, tolerance: float, freedom: float) -> None:
    """freedom of `random`: the squared error from n paths of kurtosis κ is as uncertain as χ² of 2n/(κ − 1), above 100 where these stop."""
    truth = rights().truth()
    mean, error, reached = rights().seeds(sampler, paths, Tolerance(tolerance, 256 * paths))
    moves = error.any(axis=0)
    assert moves.sum() == (4 if sampler == "random" else 3)
    assert (error <= tolerance * np.abs(mean)).all()
    assert all(len(set(column)) > 1 for column in reached[:, moves].T)
    inside = (np.abs(mean - truth) <= WITHIN[sampler] * error).sum(axis=0)[moves]
    least = stats.binom(len(SEEDS), 1 - most_missed(freedom)).ppf(0.001)
    print(f"{sampler} from {paths} to {tolerance}: inside {inside}, at least {least:.0f}, on {reached.mean(axis=0)[moves].round()} paths")
    assert (inside >= least).all(), inside


# -------------------------------------------------------------------------------------------------------------------------- sums


def test_sums_of_rights_spread_as_under_random() -> None:
    """Forty rights on one factor, half of them optional: the variance of the sums on the paths, and what is left of it in the mean of the sums."""
    rng, paths = np.random.default_rng(3), 256
    rows = [
        {
            **BASE, "asset_id": f"right {i}", "volatility": rng.uniform(0.15, 0.4), "factor_loading": rng.uniform(0.05, 0.6),
            "annual_cost": rng.uniform(0.1, 0.8) * INCOME, "renewal": "optimal" if i % 2 else "always",
        }
        for i in range(40)
    ]  # fmt: skip
    many = portfolio(rows)
    groups: dict[Sampler, pa.Table] = {
        sampler: pa.concat_tables([many.value(sampler, seed, paths)[1] for seed in SEEDS]) for sampler in ("random", "sobol")
    }
    deviation, mean, error = (
        {sampler: table[name].to_numpy() for sampler, table in groups.items()} for name in ("standard_deviation", "mean", "standard_error")
    )
    ratio = np.mean(deviation["sobol"] ** 2) / np.mean(deviation["random"] ** 2)
    left = np.var(mean["sobol"]) / np.var(mean["random"])
    honest = {sampler: np.mean(error[sampler] ** 2) / np.var(mean[sampler], ddof=1) for sampler in groups}
    print(f"variance of sums {ratio:.3f} of random's, of their mean {left:.3f}, errors squared over it {honest}")
    assert 0.96 <= ratio <= 1.06
    assert left < 0.4
    assert all(0.7 < one < 1.4 for one in honest.values())
