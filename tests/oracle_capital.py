"""The slow definition of the Basel risk weights: docs/numerics.md section 19 (Basel Framework CRE31, formulas of CRE99)."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from oracle_borrowers import Schedule

NORMAL = NormalDist()


def correlation(pd: float, kind: str, turnover: float = 50.0) -> float:
    """R by class: corporate, sme (turnover in millions of euros), other_retail."""
    low, high, speed = (0.03, 0.16, 35.0) if kind == "other_retail" else (0.12, 0.24, 50.0)
    g = (1 - math.exp(-speed * pd)) / (1 - math.exp(-speed))
    r = low * g + high * (1 - g)
    return r - 0.04 * (1 - (min(max(turnover, 5.0), 50.0) - 5) / 45) if kind == "sme" else r


def risk_weight(
    pd: float, lgd: float, kind: str, maturity: float = 2.5, turnover: float = 50.0, scaling: float = 1.0, floor: float = 0.0003
) -> float:
    """As a part of exposure: 12.5 times the capital for unexpected loss."""
    pd = max(pd, floor)
    if pd >= 1:
        return 0.0
    r = correlation(pd, kind, turnover)
    worst = NORMAL.cdf((NORMAL.inv_cdf(pd) + math.sqrt(r) * NORMAL.inv_cdf(0.999)) / math.sqrt(1 - r))
    capital = lgd * (worst - pd)
    if kind != "other_retail":
        b = (0.11852 - 0.05478 * math.log(pd)) ** 2
        capital *= (1 + (min(max(maturity, 1.0), 5.0) - 2.5) * b) / (1 - 1.5 * b)
    return 12.5 * capital * scaling


def effective_maturity(plan: Schedule) -> float:
    """Mean time of the payments, weighted by them, within 1 and 5 years (CRE32)."""
    payments = plan.interest + plan.principal
    return min(max(float(np.sum(plan.ends * payments) / np.sum(payments)), 1.0), 5.0)
