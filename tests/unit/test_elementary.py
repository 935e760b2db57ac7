"""Own elementary functions against mpmath, to the errors that docs/numerics.md §6 states."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from ipvalue.ext import kernel

RNG = np.random.default_rng(7)


def errors_in_ulp(name: str, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any] | None = None) -> float:
    """Greatest error over x in units of the last place of the exact result."""
    got = kernel.elementary(name, x, y)
    worst = 0.0
    with mpmath.workdps(40):
        for i, value in enumerate(x):
            exact = getattr(mpmath, {"pow": "power"}.get(name, name))(mpmath.mpf(float(value)), *(() if y is None else (mpmath.mpf(float(y[i])),)))
            spacing = np.spacing(np.abs(x.dtype.type(float(exact))))
            worst = max(worst, abs(float((mpmath.mpf(float(got[i])) - exact) / mpmath.mpf(float(spacing)))))
    return worst


@pytest.mark.parametrize(("dtype", "low", "high", "limit"), [(np.float32, -125.0, 127.0, 2.0), (np.float64, -1021.0, 1023.0, 1.5)])
def test_powers_of_two(dtype: type, low: float, high: float, limit: float) -> None:
    x = np.concatenate([RNG.uniform(low, high, 3000), RNG.normal(0, 1, 3000), [0.0, 1e-8, -1e-8]]).astype(dtype)
    got = kernel.elementary("exp2", x)
    with mpmath.workdps(400):
        exact = [mpmath.mpf(2) ** mpmath.mpf(float(value)) for value in x]
        errors = [abs(mpmath.mpf(float(g)) - e) / mpmath.mpf(float(np.spacing(dtype(float(e))))) for g, e in zip(got, exact, strict=True)]
    assert max(errors) <= limit


def test_exp() -> None:
    x = np.concatenate([RNG.uniform(-708.0, 709.0, 3000), RNG.normal(0, 1, 3000), [0.0, 1e-8, -1e-8]])
    assert errors_in_ulp("exp", x) <= 1.5


def test_exp_at_the_ends() -> None:
    assert kernel.elementary("exp", np.array([-800.0, 800.0, 0.0])).tolist() == [0.0, np.inf, 1.0]
    low, high = kernel.elementary("exp2", np.array([-1000.3, 1000.3], np.float32))
    assert 2.0**-127 <= low <= 2.0**-124
    assert 2.0**126 <= high < np.inf
    assert kernel.elementary("exp2", np.array([-5000.0, 5000.0])).tolist() == [2.0**-1021, 2.0**1023]


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 2.0), (np.float64, 1.5)])
def test_log(dtype: type, limit: float) -> None:
    exponents = RNG.uniform(-100, 100, 3000) if dtype is np.float32 else RNG.uniform(-1000, 1000, 3000)
    x = np.concatenate([2.0**exponents, RNG.uniform(0.5, 2.0, 3000), 1 + RNG.normal(0, 1e-3, 1000), [1.0, 0.70710678, 1.4142135]]).astype(dtype)
    assert errors_in_ulp("log", x) <= limit


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 2.0**-23), (np.float64, 2.0**-52)])
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_on_a_half_turn(name: str, dtype: type, limit: float) -> None:
    x = RNG.uniform(-np.pi / 2, np.pi / 2, 4000).astype(dtype)
    got = kernel.elementary(name, x)
    with mpmath.workdps(40):
        worst = max(abs(float(mpmath.mpf(float(g)) - getattr(mpmath, name)(mpmath.mpf(float(v))))) for g, v in zip(got, x, strict=True))
    assert worst <= limit


def test_pow_on_the_range_of_discount_factors() -> None:
    x, y = 1.0 + RNG.uniform(-0.5, 1.0, 4000), -RNG.uniform(0.0, 100.0, 4000)
    assert errors_in_ulp("pow", x, y) <= 2.0


def test_normal_distribution() -> None:
    x = np.concatenate([RNG.normal(0, 2, 2000), [0.0, -6.0, 6.0]])
    with mpmath.workdps(40):
        exact = [mpmath.ncdf(mpmath.mpf(float(one))) for one in x]
        worst = max(abs(float(mpmath.mpf(float(got)) - one)) for got, one in zip(kernel.elementary("normal_cdf", x), exact, strict=True))
    assert worst <= 1.5e-15
    assert kernel.elementary("normal_cdf", np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]


def test_quantiles_of_the_normal_distribution() -> None:
    p = np.concatenate([RNG.uniform(0, 1, 1000), 2.0 ** RNG.uniform(-32.9, -1, 1000), [0.5, 0.999, 2.0**-33]])
    got = kernel.elementary("normal_quantile", p)
    with mpmath.workdps(40):
        exact = [mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(float(one)) - 1) for one in p]
        errors = [abs(mpmath.mpf(float(z)) - one) / mpmath.mpf(float(np.spacing(max(abs(z), 1.0)))) for z, one in zip(got, exact, strict=True)]
    assert max(errors) <= 6
    assert np.array_equal(
        kernel.elementary("normal_quantile", 1 - np.array([0.25, 0.125])), -kernel.elementary("normal_quantile", np.array([0.25, 0.125]))
    )
    assert kernel.elementary("normal_quantile", np.array([0.0, 1e-11, 1 - 1e-11, 1.0])).tolist() == [-np.inf, -np.inf, np.inf, np.inf]


def test_the_same_bits_in_every_instruction_set() -> None:
    """Whole runs are compared in tests/reproducibility."""
    grid = np.concatenate([np.linspace(-1100.0, 1100.0, 20_001), RNG.normal(size=2000), [0.0, -0.0, np.inf, -np.inf, np.nan]])
    selected = kernel.isa()
    try:
        for name in ("log", "exp2", "sin", "cos"):
            for dtype in (np.float32, np.float64):
                x = (np.abs(grid) + 1e-30 if name == "log" else grid if name == "exp2" else grid / 700).astype(dtype)
                found = []
                for isa in kernel.instruction_sets():
                    kernel.select_isa(isa)
                    found.append(kernel.elementary(name, x))
                for other in found[1:]:
                    np.testing.assert_array_equal(found[0], other, err_msg=name)
    finally:
        kernel.select_isa(selected)
    with pytest.raises(ValueError, match="IPVALUE_ISA=v9: this machine runs baseline"):
        kernel.select_isa("v9")
