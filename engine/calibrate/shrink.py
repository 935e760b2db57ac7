"""Empirical Bayes: means and variances of many short series, drawn towards those of their group as far as chance explains how they differ.

k = series of one group
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.calibrate.needs import needed

Floats = npt.NDArray[np.float64]

LEAST_SERIES = 4
"""Fewer do not tell how much series differ: they stay as they are."""
TAIL = 0.025
"""Of a 95 % interval, at either end."""
_HALVINGS = 200
_WAYS = 64
_FAR = 6.0


@dataclass(frozen=True)
class Variances:
    """(k,) shrunk variances with the degrees of freedom that their intervals have and the weight of the group's; the group's typical variance with
    its interval, and the degrees of freedom it counts as (inf: the variances do not differ; 0: nothing is shrunk)."""

    variance: Floats
    freedom: Floats
    weight: Floats
    typical: float
    interval: tuple[float, float]
    prior: float


def shrink_variances(variance: Floats, freedom: Floats) -> Variances:
    """Variances (k,) of series with so many degrees of freedom (k,; 0: none known), shrunk after Smyth (2004, Statistical Applications in Genetics
    and Molecular Biology 3, article 3): the variances' own distribution is a scaled inverse χ², whose scale and degrees of freedom follow from the
    mean and the variance of the log variances.

    How much variances differ is not known well from few series: figures are averages over what it may be, where Smyth takes the one that fits the
    moments, and an interval has as many degrees of freedom as give log variance the variance that it has over all of that, the scale's own error
    included. A variance of 0 has no logarithm, says nothing of the scale, and is shrunk like the others.
    """
    special = needed("scipy.special")
    told = (freedom > 0) & (variance > 0.0)
    k = int(told.sum())
    if k < LEAST_SERIES:
        typical = float(np.average(variance[told], weights=freedom[told])) if k else np.nan
        pooled = float(freedom[told].sum())
        known = np.where(freedom > 0, variance, np.nan)
        return Variances(known, freedom.astype(np.float64), np.zeros(len(variance)), typical, variance_interval(typical, pooled), 0.0)
    half = freedom[told] / 2.0
    logs = np.log(variance[told]) - special.digamma(half) + np.log(half)
    center, scatter = float(logs.mean()), float(logs.var(ddof=1))
    by_chance = float(special.polygamma(1, half).mean())
    between, likely = _likely(scatter, by_chance, k)
    # j = ways in which the variances may differ: (j,) priors, typical variances, (j, k) weights and shrunk variances
    prior = np.array([2.0 * _inverse_trigamma(one) for one in between])
    typical = np.exp(center + special.digamma(prior / 2.0) - np.log(prior / 2.0))
    own = np.where(freedom > 0, variance, 0.0)
    weight = prior[:, None] / (prior[:, None] + freedom)
    shrunk = weight * typical[:, None] + (1.0 - weight) * own
    of_center = scatter / k * float(special.stdtrit(k - 1, 1.0 - TAIL) / special.ndtri(1.0 - TAIL)) ** 2
    unsure = special.polygamma(1, (prior[:, None] + freedom) / 2.0) + weight * weight * of_center
    found, effective = _averaged(likely, shrunk, unsure)
    group, of_group = _averaged(likely, typical[:, None], np.full((len(typical), 1), of_center))
    observed = scatter - by_chance
    counts_as = 2.0 * _inverse_trigamma(observed) if observed > 0.0 else np.inf
    return Variances(found, effective, likely @ weight, float(group[0]), variance_interval(float(group[0]), float(of_group[0])), counts_as)


def _likely(scatter: float, by_chance: float, k: int) -> tuple[Floats, Floats]:
    """(j,) how much log variances may differ beyond chance (as variances of theirs), and how likely each is where k of them scatter so much: the
    scatter is taken as χ² with k − 1 degrees of freedom, their standard deviation as equally likely everywhere before."""
    most = scatter * (1.0 + _FAR * np.sqrt(2.0 / (k - 1)))
    between = np.linspace(1e-3, np.sqrt(most), _WAYS) ** 2
    log = -0.5 * (k - 1) * (np.log(by_chance + between) + scatter / (by_chance + between))
    likely = np.exp(log - log.max())
    return between, likely / likely.sum()


def _averaged(likely: Floats, variance: Floats, unsure: Floats) -> tuple[Floats, Floats]:
    """(k,) the variances' mean over all ways (j, k), and the degrees of freedom with which log variance has its variance over them."""
    log = np.log(variance)
    mean = likely @ log
    total = likely @ (unsure + (log - mean) ** 2)
    freedom = np.array([2.0 * _inverse_trigamma(float(one)) for one in total])
    return np.exp(mean), freedom


def variance_interval(variance: float, freedom: float) -> tuple[float, float]:
    """The 95 % interval of a variance with so many degrees of freedom."""
    special = needed("scipy.special")
    if not freedom > 0:
        return np.nan, np.nan
    low, high = (float(variance * freedom / special.chdtri(freedom, tail)) for tail in (TAIL, 1.0 - TAIL))
    return low, high


def _inverse_trigamma(y: float) -> float:
    """x > 0 with trigamma(x) = y (Smyth 2004, appendix: Newton's steps on 1/trigamma, which is convex)."""
    special = needed("scipy.special")
    if y > 1e7:
        return float(1.0 / np.sqrt(y))
    if y < 1e-6:
        return 1.0 / y
    x = 0.5 + 1.0 / y
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1.0 - trigamma / y) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-10:
            break
    return x


@dataclass(frozen=True)
class Means:
    """(k,) shrunk means with their standard errors and the weight of the group's mean; that mean with its 95 % interval, and the standard deviation
    of the series' own means about it."""

    mean: Floats
    error: Floats
    weight: Floats
    center: float
    interval: tuple[float, float]
    spread: float


def shrink_means(mean: Floats, variance: Floats) -> Means:
    """Means (k,) with sampling variances (k,; inf: nothing is known), shrunk in the normal-normal model.

    The variance between the series is that of Paule and Mandel (1982); a shrunk mean's error has what is not known of the centre and, after Morris
    (1983, JASA 78), of the weight.
    """
    special = needed("scipy.special")
    told = np.isfinite(variance) & np.isfinite(mean)
    k = int(told.sum())
    if k == 0:
        nothing = np.full(len(mean), np.nan)
        return Means(nothing, nothing, np.zeros(len(mean)), np.nan, (np.nan, np.nan), np.nan)
    m, v = mean[told], np.maximum(variance[told], np.finfo(float).tiny)
    between = _between(m, v) if k > 1 else 0.0
    w = 1.0 / (v + between)
    center = float((w * m).sum() / w.sum())
    scale = max(1.0, float((w * (m - center) ** 2).sum()) / (k - 1)) if k > 1 else 1.0
    of_center = scale / float(w.sum())
    reach = float(special.stdtrit(k - 1, 1.0 - TAIL)) * np.sqrt(of_center) if k > 1 else np.nan
    interval = (center - reach, center + reach)
    if k < LEAST_SERIES:
        return Means(mean, np.sqrt(variance), np.zeros(len(mean)), center, interval, float(np.sqrt(between)))
    with np.errstate(invalid="ignore"):
        weight = np.where(np.isinf(variance), 1.0, variance / (variance + between))
        own = np.where(told, (1.0 - weight) * np.where(told, variance, 0.0), between)
        moved = np.where(told, 2.0 / (k - LEAST_SERIES + 1) * weight * weight * (mean - center) ** 2, 0.0)
    shrunk = np.where(told, weight * center + (1.0 - weight) * np.where(told, mean, 0.0), center)
    return Means(shrunk, np.sqrt(own + weight * weight * of_center + moved), weight, center, interval, float(np.sqrt(between)))


def _between(m: Floats, v: Floats) -> float:
    """τ² with Σ (m − centre)²/(v + τ²) = k − 1, or 0."""

    def excess(between: float) -> float:
        w = 1.0 / (v + between)
        center = (w * m).sum() / w.sum()
        return float((w * (m - center) ** 2).sum()) - (len(m) - 1)

    if excess(0.0) <= 0.0:
        return 0.0
    low, high = 0.0, float(np.var(m, ddof=1)) + 1e-12
    while excess(high) > 0.0:
        high *= 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return (low + high) / 2.0
