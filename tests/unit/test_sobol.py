"""The sampler sobol: its table, scrambling, pairing, normals, bridge and estimate (docs/numerics.md §11–§15), each by itself."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import oracle_sobol
import pytest
import scipy
from scipy.stats import qmc

import oracle
from ipvalue import constants, replicates, sobol
from ipvalue.ext import kernel

SEED = 2**63 + 99
HASH = oracle.xxh64(b"right-1")


# ------------------------------------------------------------------------------------------------------------------- points


def test_the_table_is_that_of_joe_and_kuo_as_scipy_has_it() -> None:
    with np.load(Path(scipy.__file__).parent / "stats" / "_sobol_direction_numbers.npz") as shipped:
        polynomials, starts = shipped["poly"], shipped["vinit"]
    assert sorted(oracle_sobol.table()) == list(range(2, sobol.DIMENSIONS + 1))
    for dimension, (degree, inner, m) in oracle_sobol.table().items():
        assert polynomials[dimension - 1] == (1 << degree) | (inner << 1) | 1
        assert starts[dimension - 1][:degree].tolist() == list(m)
        assert not starts[dimension - 1][degree:].any()


def test_points_without_scrambling_are_those_of_scipy() -> None:
    """SciPy takes them in the order of a Gray code."""
    count = 256
    theirs = qmc.Sobol(sobol.DIMENSIONS, scramble=False, bits=32).random(count) * 2.0**32
    index = np.arange(count)
    gray = index ^ (index >> 1)
    numbers = sobol.directions()
    for dimension in range(sobol.DIMENSIONS):
        assert oracle_sobol.direction_numbers(dimension) == tuple(numbers[dimension].tolist())
        assert (oracle_sobol.point(oracle_sobol.direction_numbers(dimension), gray) == theirs[:, dimension]).all()


def test_every_replicate_fills_every_interval_once() -> None:
    """A (0, m, 1)-net in each dimension: 2^m points, one in each interval of length 2^-m, from any block of them."""
    points, paths = 64, 64 * 16
    path = np.arange(paths)
    for dimension in (0, 1, 4, 11, 200, 1023, 1026):
        for index in (path // 16, oracle_sobol.paired(SEED, HASH, points)[path // 16], 64 + path // 16):
            words = oracle_sobol.point_words(SEED, HASH, dimension, index, path)
            for replicate in range(16):
                assert np.unique(words[replicate::16] >> np.uint32(26)).size == points


def test_replicates_dimensions_assets_and_seeds_differ() -> None:
    path = np.arange(32)
    words = [
        oracle_sobol.point_words(seed, hash, dimension, path // 16, path).tolist()
        for seed, hash, dimension in ((SEED, HASH, 0), (SEED, HASH, 1), (SEED, HASH + 1, 0), (SEED + 1, HASH, 0))
    ]
    assert len({tuple(w) for w in words}) == 4
    assert len(set(words[0][:16])) == 16


def test_scrambled_numbers_and_digit_tables_are_the_definitions() -> None:
    dimensions = 40
    rows = np.stack([oracle.word(SEED, 0, constants.PURPOSE_SCRAMBLE, d, np.arange(32)) for d in range(dimensions)])
    numbers = sobol.scrambled(rows)
    tables = sobol.digit_tables(numbers, 5000)
    assert tables.shape == (dimensions, 3, 64)
    index = np.arange(5000)
    for d in range(dimensions):
        assert tuple(numbers[d].tolist()) == oracle_sobol.scramble(SEED, d)
        points = tables[d, 0, index & 63] ^ tables[d, 1, index >> 6 & 63] ^ tables[d, 2, index >> 12]
        assert (points == oracle_sobol.point(oracle_sobol.scramble(SEED, d), index)).all()


def test_constants_are_the_definitions() -> None:
    assert oracle_sobol.REPLICATES == constants.REPLICATES
    assert oracle_sobol.DIMENSIONS == constants.SOBOL_DIMENSIONS
    names = ("SURVIVAL", "RIVAL", "LEVEL", "ROYALTY", "SHOCKS")
    assert [getattr(oracle_sobol, name) for name in names] == [getattr(constants, f"DIMENSION_{name}") for name in names]
    names = ("PURPOSE_SCRAMBLE", "PURPOSE_SHIFT", "PURPOSE_PAIRING")
    assert [getattr(oracle_sobol, name) for name in names] == [getattr(constants, name) for name in names]


@pytest.mark.parametrize("paths", [0, -16, 8, 10_001])
def test_paths_that_no_replicates_share_are_refused(paths: int) -> None:
    with pytest.raises(ValueError, match="a multiple of 16"):
        sobol.points_of(paths)
    assert sobol.points_of(10_000) == 625


# ------------------------------------------------------------------------------------------------------------------ pairing


@pytest.mark.parametrize("points", [*range(1, 70), 96, 100, 127, 128, 129, 625, 1000, 1024, 4097, 65_536])
def test_pairing_is_a_bijection_and_grows_by_doubling(points: int) -> None:
    one = oracle_sobol.paired(SEED, HASH, points)
    assert sorted(one.tolist()) == list(range(points))
    assert (oracle_sobol.paired(SEED, HASH, 2 * points)[:points] == one).all()
    assert sobol.pairing_blocks(points) == oracle_sobol.blocks(points)


@pytest.mark.parametrize("size", [3, 8, 16, 32, 77])
def test_permutations_are_like_random_ones(size: int) -> None:
    """Over many keys an index goes everywhere, and a bit of the result follows no bit of the index more than in a random permutation."""
    count = 3000
    rng = np.random.default_rng(5)
    found = np.stack([oracle_sobol.permute(np.arange(size), size, rng.integers(0, 2**32, 16)) for _ in range(count)])
    for i in (0, size - 1):
        hits = np.bincount(found[:, i], minlength=size)
        assert ((hits - count / size) ** 2 / (count / size)).sum() < size - 1 + 5 * math.sqrt(2 * (size - 1))
    bits = range((size - 1).bit_length())
    for left in bits:
        for right in bits:
            x = np.where(np.arange(size) >> left & 1, -1.0, 1.0)
            y = np.where(found >> right & 1, -1.0, 1.0)
            x, y = x - x.mean(), y - y.mean(axis=1, keepdims=True)
            variance = np.mean((x * y).sum(axis=1) ** 2) / ((x**2).sum() * (y**2).sum(axis=1).mean() / (size - 1))
            assert variance == pytest.approx(1.0, abs=0.4)


# ------------------------------------------------------------------------------------------------------------------ normals

WORDS = np.unique(
    np.concatenate([
        np.random.default_rng(3).integers(0, 2**32, 1500),
        (2.0 ** np.random.default_rng(4).uniform(0, 31, 500)).astype(np.int64),
        [0, 1, 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1],
    ])
)  # fmt: skip


def exact_normal(k: int) -> mpmath.mpf:
    u = (2 * min(k, 2**32 - 1 - k) + 1) / mpmath.mpf(2) ** 33
    z = -mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * u)
    return -z if k >= 2**31 else z


def fused(a: Any, b: Any, c: Any) -> Any:
    """fma in the precision of the arguments: exactly, then rounded."""
    if a.dtype == np.float32:
        return (a.astype(np.longdouble) * b + c).astype(np.float32)
    return np.array([float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))) for x, y, z in np.broadcast(a, b, c)])


def normal_of(k: Any, dtype: type) -> Any:
    """docs/numerics.md §12 operation by operation."""
    upper = k >= 2**31
    i = np.where(upper, 2**32 - 1 - k, k).astype(dtype)
    suffix = "F32" if dtype is np.float32 else "F64"
    above, below = (np.array(getattr(constants, f"NORMAL_{name}_{suffix}"), dtype) for name in ("ABOVE", "BELOW"))
    one = np.ones(len(k), dtype)
    t = fused(i, dtype(2.0**-32) * one, dtype(2.0**-33) * one)
    four = dtype(4) * t
    v = -kernel.elementary("log", fused(-four, t, four))
    y = fused(dtype(-2) * one, t, one)

    def horner(c: Any) -> Any:
        p = c[-1] * one
        for a in c[-2::-1]:
            p = fused(p, v, a * one)
        return p

    z = y * horner(above) / horner(below)
    return np.where(upper, z, -z)


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 4.0), (np.float64, 4.0)])
def test_normals_are_the_inverse_of_their_distribution(dtype: type, ulps: float) -> None:
    """In units in the last place of z, or of 1 in single precision where |z| < 1, for there the word itself is rounded."""
    got = normal_of(WORDS, dtype)
    assert got.dtype == dtype
    assert (np.abs(got) < 6.34).all()
    worst = 0.0
    with mpmath.workdps(40):
        for k, z in zip(WORDS, got, strict=True):
            exact = exact_normal(int(k))
            size = max(abs(float(exact)), 1.0) if dtype is np.float32 else abs(float(exact))
            worst = max(worst, float(abs(mpmath.mpf(float(z)) - exact)) / float(np.spacing(dtype(size))))
    assert worst <= ulps


def test_normals_of_the_slow_definition() -> None:
    got = oracle_sobol.normal(WORDS.astype(np.uint32))
    with mpmath.workdps(40):
        exact = np.array([float(exact_normal(int(k))) for k in WORDS])
    assert np.abs(got - exact).max() < 2e-15


# ------------------------------------------------------------------------------------------------------------------- bridge


@pytest.mark.parametrize("steps", [1, 2, 4, 12, 52])
def test_a_bridge_makes_independent_normals_of_independent_normals(steps: int) -> None:
    size = oracle_sobol.bridge_periods(steps)
    periods = 2 * size
    matrix = np.array(oracle_sobol.bridged(lambda c: np.eye(periods)[c], periods, size))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(periods), atol=1e-12)


@pytest.mark.parametrize(("steps", "periods"), [(1, 8), (1, 11), (4, 32), (12, 7), (365, 130)])
def test_the_bridge_of_the_kernels_is_the_definitions(steps: int, periods: int) -> None:
    plan = sobol.bridge(steps)
    assert plan.periods == oracle_sobol.bridge_periods(steps)
    z = np.random.default_rng(1).normal(size=(-(-periods // plan.periods) * plan.periods, 3))
    slow = np.array(oracle_sobol.bridged(lambda c: z[c], periods, plan.periods))
    out: list[Any] = []
    for block in range(len(z) // plan.periods):
        w = np.zeros((plan.periods + 1, 3))
        for c in range(plan.periods):
            known = plan.right_weight[c] * w[plan.right[c]] + plan.left_weight[c] * w[plan.left[c]]
            w[plan.middle[c]] = plan.scale[c] * z[block * plan.periods + c] + known
        out += list(np.diff(w, axis=0))
    np.testing.assert_allclose(np.array(out)[:periods], slow, atol=1e-12)


def test_a_longer_life_keeps_the_shocks_of_a_shorter_one() -> None:
    """So several methods on one right see the same numbers, whatever their periods."""
    z = np.random.default_rng(1).normal(size=(24, 2))
    short, long = (np.array(oracle_sobol.bridged(lambda c: z[c], periods, 8)) for periods in (1, 20))
    assert (short == long[:1]).all()


# ----------------------------------------------------------------------------------------------------------------- estimate


def test_the_estimate_is_the_definitions() -> None:
    rng = np.random.default_rng(2)
    control = rng.normal(5.0, 1.0, (40, 16))
    values = rng.normal(1.0, 0.3, (40, 16)) + np.linspace(0, 2, 40)[:, None] * control
    values[0], control[1] = 7.0, 3.0
    expectation = np.full(40, 5.0)
    mean, error = replicates.controlled(values, control, expectation)
    slow = np.array([oracle_sobol.controlled(v, c, e) for v, c, e in zip(values, control, expectation, strict=True)])
    np.testing.assert_allclose(mean, slow[:, 0], rtol=1e-13)
    np.testing.assert_allclose(error, slow[:, 1], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(replicates.standard_error(values), values.std(axis=1, ddof=1) / 4, rtol=1e-12, atol=1e-15)
    assert error[0] == 0.0
    assert error[1] == pytest.approx(values[1].std(ddof=1) / 4)


def test_a_control_that_says_everything_leaves_no_error() -> None:
    control = np.random.default_rng(2).normal(5.0, 1.0, (1, 16))
    mean, error = replicates.controlled(3.0 * control - 2.0, control, np.array([5.0]))
    assert mean[0] == pytest.approx(13.0, rel=1e-12)
    assert error[0] < 1e-7
