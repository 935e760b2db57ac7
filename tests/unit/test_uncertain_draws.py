"""The draws of uncertain inputs themselves: an asset of one period that earns its multiplier and nothing else."""

from __future__ import annotations

from typing import Any

import both_kernels
import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from ipvalue import sobol
from ipvalue.constants import INPUTS
from ipvalue.distributions import KINDS
from ipvalue.ext import kernel
from ipvalue.uncertain.correlations import triangle
from ipvalue.uncertain.inputs import without

Floats = npt.NDArray[np.float64]
PATHS = 40_000
PLACES = {"royalty_rate": 0, "margin": 1, "revenue": 2}


def asset(drawn: dict[str, tuple[str, list[float]]], correlations: tuple[float, ...] | None = None, hashes: dict[str, int] | None = None) -> Any:
    """One asset with these inputs, whose base is 1."""
    v = both_kernels.batch([0, 1], volatility=np.zeros(1), loading=np.zeros(1))
    inputs = without(1, v.hash)
    kind, numbers, start, count = inputs.kind, inputs.numbers, inputs.start.copy(), inputs.count.copy()
    pool = [0.0]
    for name, (distribution, given) in drawn.items():
        i = PLACES[name]
        kind[0, i] = KINDS[distribution]
        if distribution == "quantiles":
            start[0, i], count[0, i] = len(pool), len(given)
            pool += given
        else:
            numbers[0, i] = [*given, 0.0] if distribution == "lognormal" else [given[0], given[len(given) // 2], given[-1]]
        inputs.hash[0, i] = (hashes or {}).get(name, v.hash[0])
    weights = inputs.weights if correlations is None else np.array([triangle(correlations)])
    fields = {**vars(inputs), "start": start, "count": count, "values": np.array(pool), "weights": weights}
    v.inputs = type(inputs)(**fields)
    return v


def draws(v: Any, paths: int = PATHS, sampler: str = "random", seed: int = 5) -> Floats:
    """The multiplier of each path."""
    more = {"sobol": sobol.plan(seed, paths, 1)} if sampler == "sobol" else {}
    options: dict[str, Any] = {"seed": seed, "paths": paths, "single": False, "quantiles": (), "tail": 0.05, "keep": True, **more}
    found: Floats = kernel.simulate(v, both_kernels.FACTOR, **options)[2][0]
    return found


def pert(low: float, mode: float, high: float) -> Any:
    return stats.beta(1 + 4 * (mode - low) / (high - low), 5 - 4 * (mode - low) / (high - low), low, high - low)


CASES = {
    "triangular": ([0.5, 0.8, 2.0], stats.triang(0.2, 0.5, 1.5)),
    "triangular from its mode": ([0.5, 0.5, 2.0], stats.triang(0.0, 0.5, 1.5)),
    "pert": ([0.5, 1.0, 3.0], pert(0.5, 1.0, 3.0)),
    "pert to its mode": ([0.2, 3.0, 3.0], pert(0.2, 3.0, 3.0)),
    "uniform": ([0.25, 1.75], stats.uniform(0.25, 1.5)),
    "lognormal": ([-0.1, 0.4], stats.lognorm(0.4, scale=np.exp(-0.1))),
    "quantiles": ([0.0, 0.5, 0.6, 1.0, 4.0], stats.rv_histogram((np.full(4, 0.25), np.array([0.0, 0.5, 0.6, 1.0, 4.0])), density=False)),
}


@pytest.mark.parametrize("sampler", ["random", "sobol"])
@pytest.mark.parametrize("name", CASES)
def test_draws_have_their_distribution(name: str, sampler: str) -> None:
    parameters, exact = CASES[name]
    found = draws(asset({"revenue": (name.split()[0], parameters)}), sampler=sampler)
    assert stats.kstest(found, exact.cdf).statistic < 1.95 / np.sqrt(PATHS)  # one in a thousand of random samples is further off
    assert abs(found.mean() - exact.mean()) < 4 * exact.std() / np.sqrt(PATHS)
    if sampler == "sobol":  # stratified
        np.testing.assert_allclose(np.quantile(found, [0.05, 0.5, 0.95]), exact.ppf([0.05, 0.5, 0.95]), rtol=4e-3)


@pytest.mark.parametrize("shape", [0.0, 1e-9, 0.01, 0.2, 0.37, 0.5, 0.8, 0.999, 1.0])
def test_perts_quantiles_are_good_to_one_in_a_thousand_million_of_the_range(shape: float) -> None:
    """Each path's draw beside SciPy's quantile at the same uniform number."""
    u = draws(asset({"revenue": ("uniform", [0.0, 1.0])}))
    found = draws(asset({"revenue": ("pert", [0.0, shape, 1.0])}))
    a, b = 1 + 4 * shape, 5 - 4 * shape
    exact = np.where(u < 0.5, stats.beta.ppf(u, a, b), 1 - stats.beta.ppf(1 - u, b, a))
    assert np.abs(found - exact).max() < 1e-9


def test_a_royaltys_distribution_takes_the_words_of_its_range() -> None:
    """The triangular distribution by either way, bit for bit where the mode is the rate."""
    ranged = both_kernels.batch([0, 1], volatility=np.zeros(1), loading=np.zeros(1), royalty_low=np.array([0.4]), royalty_high=np.array([2.2]))
    for sampler in ("random", "sobol"):
        np.testing.assert_array_equal(draws(asset({"royalty_rate": ("triangular", [0.4, 1.0, 2.2])}), 640, sampler), draws(ranged, 640, sampler))


@pytest.mark.parametrize("sampler", ["random", "sobol"])
@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 1.0])
def test_the_rank_correlation_is_that_of_the_copula(rho: float, sampler: str) -> None:
    """Spearman's is 6/π·arcsin(ρ/2). Two inputs of one asset are drawn apart by taking the other's distribution away: it keeps its words."""
    correlations = (0.0, rho, 0.0, 0.0, 0.0, 0.0)
    both = {"royalty_rate": ("pert", [0.5, 1.0, 3.0]), "revenue": ("lognormal", [0.0, 0.3])}
    revenue = draws(asset({"revenue": both["revenue"]}, correlations), sampler=sampler)
    royalty = draws(asset({"royalty_rate": both["royalty_rate"]}, correlations), sampler=sampler)
    assert abs(stats.spearmanr(royalty, revenue).statistic - 6 / np.pi * np.arcsin(rho / 2)) < 4 / np.sqrt(PATHS)


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_another_hash_redraws_one_input_alone(sampler: str) -> None:
    both = {"royalty_rate": ("uniform", [0.5, 1.5]), "revenue": ("uniform", [0.9, 1.1])}
    first, again = (draws(asset(both, hashes=hashes), 4096, sampler) for hashes in (None, {"revenue": 99}))
    royalty = draws(asset({"royalty_rate": both["royalty_rate"]}), 4096, sampler)
    one, other = first / royalty, again / royalty  # each the revenue's draw
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    for revenue in (one, other):
        assert stats.kstest(revenue, stats.uniform(0.9, 0.2).cdf).pvalue > 1e-4


def test_without_inputs_bits_are_what_they_were() -> None:
    """An empty set of inputs changes nothing."""
    v = both_kernels.batch([0, 9, 14], hash=np.array([3, 4], np.uint64))
    plain = both_kernels.simulated(kernel, v, 200, True)
    v.inputs = without(2, v.hash)
    both_kernels.same_bits(both_kernels.simulated(kernel, v, 200, True), plain, "with and without")
    assert v.inputs.kind.shape == (2, INPUTS)
