"""Statistics of any values, by every instruction set and in Numba, are docs/numerics.md §7 to the bit: NumPy's quantiles, striped sums."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from hypothesis import example, given
from hypothesis import strategies as st

from ipvalue import numba_kernel
from ipvalue.backend import kernel

Array = npt.NDArray[np.float64]

SHAPES = ("normal", "wide", "few", "constant", "rising", "falling", "two heaps", "outliers", "zeros", "tiny", "steps")


def values_of(shape: str, n: int, seed: int) -> Array:
    """n values (n,) of a kind that could mislead a selection."""
    draw = np.random.default_rng(seed)
    z = draw.standard_normal(n)
    heaps = np.where(draw.random(n) < 0.5, z - 1e9, 1e-9 * z + 3.0)
    made: dict[str, Array] = {
        "normal": z,
        "wide": np.sign(z) * 10.0 ** draw.uniform(-30, 18, n),
        "few": draw.integers(-2, 3, n).astype(np.float64),
        "constant": np.full(n, -1.5),
        "rising": np.sort(z),
        "falling": -np.sort(z),
        "two heaps": heaps,
        "outliers": np.where(np.arange(n) % 97 == 5, 1e17 * z, z),
        "zeros": np.where(draw.random(n) < 0.5, 0.0, -0.0),
        "tiny": z * 5e-324 * 40,
        "steps": np.floor(np.arange(n) / 700.0),
    }
    return made[shape]


def striped(x: Array) -> float:
    """The sum in 16 stripes, then a binary tree."""
    padded = np.concatenate([x, np.full(-len(x) % 16, np.nan)]).reshape(-1, 16)
    stripes = []
    for j in range(16):
        column = padded[:, j][~np.isnan(padded[:, j])]
        stripes.append(float(np.cumsum(column)[-1]) if len(column) else 0.0)
    while len(stripes) > 1:
        half = len(stripes) // 2
        stripes = [stripes[i] + stripes[i + half] for i in range(half)]
    return stripes[0]


def defined(x: Array, levels: list[float], tail: float) -> list[float]:
    """mean, standard deviation, expected shortfall, probability of loss, life (0), quantiles."""
    n = len(x)
    mean = striped(x) / n
    deviation = math.sqrt(striped((x - mean) * (x - mean)) / (n - 1)) if n > 1 else 0.0
    j = min(max(math.ceil(tail * n - 1e-9), 1), n)
    c = float(np.partition(x, j - 1)[j - 1])
    # a value that is not below c adds nothing to its stripe, which is what 0 adds
    shortfall = (striped(np.where(x < c, x, 0.0)) + (j - int((x < c).sum())) * c) / j
    return [mean, deviation, shortfall, int((x < 0).sum()) / n, 0.0, *(float(np.quantile(x, level)) for level in levels)]


@given(
    shape=st.sampled_from(SHAPES),
    n=st.one_of(st.integers(1, 300), st.integers(900, 1100), st.integers(3000, 9000)),
    levels=st.one_of(
        st.lists(st.floats(0, 1), max_size=11, unique=True), st.integers(13, 99).map(lambda count: [(k + 1) / (count + 1) for k in range(count)])
    ),
    tail=st.floats(0.001, 1),
    seed=st.integers(0, 2**32),
)
@example(shape="two heaps", n=65_600, levels=[0.0, 0.05, 0.4999, 0.5, 0.5001, 1.0], tail=0.05, seed=1)
@example(shape="outliers", n=65_599, levels=[k / 100 for k in range(1, 100)], tail=0.01, seed=2)
def test_statistics_are_the_definitions(shape: str, n: int, levels: list[float], tail: float, seed: int) -> None:
    x = values_of(shape, n, seed)
    levels = sorted(levels)
    expected = defined(x, levels, tail)
    used = kernel.isa()
    try:
        for name in kernel.instruction_sets():
            kernel.select_isa(name)
            assert kernel.statistics(x, levels, tail).tolist() == expected, name
            assert kernel.quantiles_of(np.stack([x, x[::-1]]), levels).tolist() == [expected[5:]] * 2, name
    finally:
        kernel.select_isa(used)
    assert numba_kernel.statistics(x, levels, tail).tolist() == expected
    assert numba_kernel.quantiles_of(np.stack([x, x[::-1]]), levels).tolist() == [expected[5:]] * 2
