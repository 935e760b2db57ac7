"""E[V] and Var[V] of assets whose cash is neither clamped nor optional: model.md §6, operation by operation as ext/vectors.c.

a = assets, t = periods of one asset (ragged). Period by period, all assets that have it at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.elementary import elementary

Floats = npt.NDArray[np.float64]


def closed_form(v: Any) -> tuple[Floats, Floats]:
    """Mean and variance (a,), (a,) of each asset's V where nothing is clamped or optional. model.md §6. v: ipvalue.cashflows.Vectors.

    The second moment needs one pass, because E[X_t·X_s], E[c_t·c_s] and E[alive_t·alive_s] for t ≤ s each factor into a part of t and one of s.
    """
    n = len(v.offset) - 1
    offset = row(v.offset, np.int64, n + 1)[: n + 1]
    periods = [row(getattr(v, name), np.float64, offset[n]) for name in ("w", "f", "survival", "rival")]
    assets = ("volatility", "uncertainty", "entry_loss", "royalty_low", "royalty_high", "step")
    volatility, uncertainty, loss, low, high, step = (row(getattr(v, name), np.float64, n)[:n] for name in assets)
    kept, royalty = 1.0 - loss, (low + 1.0 + high) / 3.0
    royalty_square = royalty * royalty + (low * low + high * high + 1.0 - low * high - low - high) / 18.0
    inputs = getattr(v, "inputs", None)
    if inputs is not None:
        royalty, royalty_square = (of * row(more, np.float64, n)[:n] for of, more in ((royalty, inputs.mean), (royalty_square, inputs.square)))
    drift, initial = volatility * volatility * step, elementary("exp", uncertainty * uncertainty)
    mean, square, sum_w, sum_wc, sum_mean, sum_f = (np.zeros(n) for _ in range(6))
    left = np.flatnonzero(np.diff(offset) > 0)
    t = 0
    while len(left):
        w, f, s, c = (vector[offset[left] + t] for vector in periods)
        lives = s > 0.0
        left, w, f, s, c = left[lives], w[lives], f[lives], s[lives], c[lives]
        k = kept[left]
        income = royalty[left] * w * (c + (1.0 - c) * k)
        grown = w * elementary("exp", drift[left] * np.float64(t + 1))
        with_earlier = w * (sum_w[left] * (c * (1.0 - k) + k * k) + sum_wc[left] * k * (1.0 - k))
        with_itself = w * grown * (c + (1.0 - c) * k * k)
        both = royalty_square[left] * initial[left] * (with_itself + 2.0 * with_earlier) - 2.0 * f * income + f * f
        mean[left] += s * (income - f)
        square[left] += s * (both - 2.0 * (sum_mean[left] * f + sum_f[left] * income) + 2.0 * sum_f[left] * f)
        for total, part in ((sum_w, grown), (sum_wc, grown * c), (sum_mean, income), (sum_f, f)):
            total[left] += part
        t += 1
        left = left[offset[left + 1] - offset[left] > t]
    return mean, square - mean * mean
