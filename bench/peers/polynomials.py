"""Polynomials that some peers write in place of a library's function, where it has no vector form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def fit(function: Callable[[Any], Any], low: float, high: float, degree: int) -> npt.NDArray[np.float64]:
    """Coefficients, lowest power first, of a polynomial near the best one: through Chebyshev's nodes, as powers."""
    chebyshev = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high])
    return chebyshev.convert(kind=np.polynomial.Polynomial).coef


def sine_by_y(square: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sin(π/2·y)/y of y², an even function."""
    y = np.sqrt(np.maximum(square, 1e-30))
    return np.sin(math.pi / 2 * y) / y
