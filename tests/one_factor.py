"""Loans that follow one normal factor: closed forms and expectations over it, for tests against published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from scipy.stats import multivariate_normal, norm

import oracle

NORMAL = NormalDist()


def over_factor(function: Callable[[oracle.Array], oracle.Array]) -> float:
    """Expectation of a function of a standard normal factor, by the trapezoid rule."""
    x = np.linspace(-9, 9, 3601)
    weight = np.exp(-(x**2) / 2)
    return float(np.sum(weight * function(x)) / weight.sum())


def default_given(x: oracle.Array, pd: float, rho: float) -> oracle.Array:
    out: oracle.Array = norm.cdf((NORMAL.inv_cdf(pd) - rho * x) / math.sqrt(1 - rho**2))
    return out


def beyond(attachment: float, pd: float, rho: float) -> float:
    """E[(L − a)+] of a pool of loans without end: Φ₂(Φ⁻¹(PD), −Φ⁻¹(a); −√(1 − ρ²))."""
    if not 0 < attachment < 1:
        return pd if attachment == 0 else 0.0
    c = -math.sqrt(1 - rho**2)
    return float(multivariate_normal.cdf([NORMAL.inv_cdf(pd), -NORMAL.inv_cdf(attachment)], cov=[[1, c], [c, 1]]))


def frye(pd: float, rho: float, sigma: float, loading: float) -> float:
    """Expected loss of 1 against log-normal collateral of mean 0.8 that loads on the borrower's factor, without discount."""

    def loss_given(x: oracle.Array) -> oracle.Array:
        """Default's probability times the expectation of (1 - collateral)+, log-normal with mean 0.8 exp(sigma b x - (sigma b)^2 / 2)."""
        mean, s = 0.8 * np.exp(sigma * loading * x - (sigma * loading) ** 2 / 2), sigma * math.sqrt(1 - loading**2)
        d = (np.log(mean) + s**2 / 2) / s
        out: oracle.Array = default_given(x, pd, rho) * (norm.cdf(s - d) - mean * norm.cdf(-d))
        return out

    return over_factor(loss_given)
