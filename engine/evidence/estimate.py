"""How a mean arises under the sampler sobol (docs/numerics.md §14): from what is known of it, what survival leaves open, and a control.

G: what a path earns with its survival weighed and not drawn; K: the same without option, bounds and costs, whose expectation μ is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvalue.appraise import Appraiser
from ipvalue.backend import kernels
from ipvalue.evidence.arithmetic import must_equal
from ipvalue.evidence.closing import steps_to_value
from ipvalue.evidence.explain import Explained
from ipvalue.simulate import Sampling, simulate
from ipvalue.summary import evidence_of, figures_of

KNOWN, REPLICATED = "closed form", "replicates"
"""What a mean comes from."""


@dataclass(frozen=True)
class _Parts:
    """What is known of a mean, and for the rest the means of G and K in each replicate, with K's expectation and how that comes about."""

    known: float
    values: list[float]
    control: list[float]
    expectation: float
    simulated: bool
    control_terms: dict[str, float]


def estimates(methods: Sequence[Explained], appraiser: Appraiser, row: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How the row's mean arises, and by each method where there are several, with the way to the method's value.

    The right is simulated once more; every sum is made again here, by hand. Raises RunError where one is not the row's, to the bit.
    """
    sampling = replace(appraiser.sampling, paths=row["paths"], tolerance=None, quantiles=())
    parts = [_parts(one, appraiser, sampling) for one in methods]
    whole = _estimate(parts[0] if row["methods"] is None else _together(parts, row["weights"]), sampling.paths)
    for name in ("mean", "standard_error"):
        must_equal(name, whole[name], row[name])
    of_methods = []
    if row["methods"] is not None:
        for one, made, value in zip(methods, parts, row["method_values"], strict=True):
            found = _estimate(made, sampling.paths)
            of_methods.append({**found, "to_value": steps_to_value(found["mean"], one.vectors)})
            must_equal(f"value by {one.method}", of_methods[-1]["to_value"]["value"], value)
    whole["plain_average"] = {"mean": row["mean_raw"], "error_of_random_paths": row["standard_deviation"] / math.sqrt(sampling.paths)}
    return whole, of_methods


def _parts(one: Explained, appraiser: Appraiser, sampling: Sampling) -> _Parts:
    """One method, simulated again; the expectation of its control from the columns of the period table."""
    with kernels(sampling.backend).DefaultArithmetic():
        simulated = simulate(one.vectors, appraiser.factors, sampling, None, None)
        closed = figures_of(one.vectors, simulated, sampling).closed_form
        found = evidence_of(one.vectors, simulated, closed, sampling)
    expectation, is_simulated, terms = 0.0, bool(np.isnan(closed[0])), {}
    if is_simulated:
        costs = 0.0
        for lives, cost in zip(one.vectors.survival.tolist(), one.vectors.f.tolist(), strict=True):
            costs += lives * cost
        terms = {"sum_of_terms": one.figures["closed_form"]["sum_of_terms"], "expected_costs": costs}
        expectation = terms["sum_of_terms"] + costs
    must_equal("expectation of the control", expectation, float(found.expectation[0]))
    return _Parts(float(found.known[0]), found.values[0].tolist(), found.control[0].tolist(), expectation, is_simulated, terms)


def _together(parts: Sequence[_Parts], weights: Sequence[float]) -> _Parts:
    """The weighted sums of the methods' parts."""

    def weighted(numbers: Sequence[float]) -> float:
        return _sum([weight * number for weight, number in zip(weights, numbers, strict=True)])

    return _Parts(
        weighted([one.known for one in parts]),
        [weighted(numbers) for numbers in zip(*(one.values for one in parts), strict=True)],
        [weighted(numbers) for numbers in zip(*(one.control for one in parts), strict=True)],
        weighted([one.expectation for one in parts]),
        any(one.simulated for one in parts),
        {},
    )


def _estimate(parts: _Parts, paths: int) -> dict[str, Any]:
    """The mean and its standard error with all that they are made of, under the names of docs/numerics.md §14."""
    if not parts.simulated:
        return {"from": KNOWN, "known": parts.known, "mean": parts.known, "standard_error": 0.0}
    g, k, mu, count = parts.values, parts.control, parts.expectation, len(parts.values)
    mean_g, mean_k = _sum(g) / count, _sum(k) / count
    y, c = [one - mean_g for one in g], [one - mean_k for one in k]
    s_gg, s_gk, s_kk = (_sum([a * b for a, b in zip(*pair, strict=True)]) for pair in ((y, y), (y, c), (c, c)))
    e_0, e_1, beta, off = math.sqrt(s_gg / (count * (count - 1))), None, 0.0, mean_k - mu
    if s_kk > 0.0:
        slope = s_gk / s_kk
        e_1 = math.sqrt(max(s_gg - slope * s_gk, 0.0) / (count - 2) * (1.0 / count + off * off / s_kk))
        beta = slope if e_1 < e_0 else 0.0
    controlled = e_1 is not None and e_1 < e_0
    return {
        "from": REPLICATED,
        "known": parts.known,
        "replicates": count,
        "points": paths // count,
        "G": g,
        "K": k,
        "mu": mu,
        **({"mu_terms": parts.control_terms} if parts.control_terms else {}),
        "mean_G": mean_g,
        "mean_K": mean_k,
        "s_GG": s_gg,
        "s_KK": s_kk,
        "s_GK": s_gk,
        "e_0": e_0,
        "e_1": e_1,
        "controlled": controlled,
        "beta": beta,
        "contributions": [parts.known + (a - beta * (b - mu) if controlled else a) for a, b in zip(g, k, strict=True)],
        "mean": parts.known + (mean_g - beta * off if controlled else mean_g),
        "standard_error": e_1 if controlled else e_0,
    }


def _sum(numbers: Sequence[float]) -> float:
    """In order."""
    total = 0.0
    for number in numbers:
        total += number
    return total
