"""The binding and the small kernels: hashes, Cholesky, statistics, exact sums, and names held twice."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.backend import BACKENDS, Backend, kernels
from ipvalue.ext import kernel

ROOT = Path(__file__).resolve().parents[2]


@given(st.lists(st.text(), max_size=20))
def test_hashes_are_xxh64(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    hashes = kernel.hash_strings(np.frombuffer(b"".join(encoded), np.uint8), offsets)
    assert hashes.tolist() == [xxhash.xxh64_intdigest(one) for one in encoded]


@pytest.mark.parametrize("length", [0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 100])
def test_hashes_of_every_length(length: int) -> None:
    data = bytes(range(256))[:length]
    assert kernel.hash_strings(np.frombuffer(data, np.uint8), np.array([0, length], np.int32))[0] == xxhash.xxh64_intdigest(data)


def test_driver_names_stand_in_the_order_of_the_header() -> None:
    text = (ROOT / "ext" / "vectors.h").read_text()
    listed = re.search(r"#define DRIVER_LIST\(X\)(.*?)\n#define", text, re.DOTALL)
    assert listed
    assert tuple(re.findall(r"X\((\w+)\)", listed[1])) == kernel.DRIVERS


def test_cholesky_gives_back_the_matrix() -> None:
    loadings = np.random.default_rng(1).normal(size=(6, 6))
    matrix = loadings @ loadings.T
    scale = np.sqrt(np.diag(matrix))
    matrix /= np.outer(scale, scale)
    lower = kernel.cholesky(matrix)
    assert np.allclose(lower @ lower.T, matrix, atol=1e-14)
    assert (np.triu(lower, 1) == 0).all()


def test_cholesky_allows_semidefinite_and_refuses_indefinite() -> None:
    perfect = np.ones((3, 3))
    assert np.allclose(kernel.cholesky(perfect), [[1, 0, 0], [1, 0, 0], [1, 0, 0]])
    with pytest.raises(ValueError, match="not positive semidefinite"):
        kernel.cholesky(np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]))


LEVELS = (0.0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1.0)


@given(st.lists(st.one_of(st.floats(-1e15, 1e15), st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-300, 3.5])), min_size=1, max_size=300))
def test_quantiles_are_numpys_bit_for_bit(values: list[float]) -> None:
    x = np.array(values) + 0.0  # -0 and 0 are one value with two names
    assert kernel.statistics(x, LEVELS, 0.05)[5:].tolist() == np.quantile(x, LEVELS).tolist()


@pytest.mark.parametrize("size", [33, 1024, 1025, 4096, 100_003])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "mostly zero", "two values", "steep"])
def test_quantiles_of_many_values_of_every_shape(size: int, shape: str) -> None:
    rng = np.random.default_rng(size)
    x = {
        "normal": lambda: rng.normal(size=size),
        "lognormal": lambda: np.exp(3 * rng.normal(size=size)),
        "mostly zero": lambda: np.where(rng.random(size) < 0.9, 0.0, rng.normal(size=size)),
        "two values": lambda: np.where(rng.random(size) < 0.5, 1.0, np.nextafter(1.0, 2.0)),
        "steep": lambda: 10.0 ** rng.uniform(-300, 14, size),
    }[shape]()
    found = kernel.statistics(x, LEVELS, 0.01)
    assert found[5:].tolist() == np.quantile(x, LEVELS).tolist()
    assert found[0] == pytest.approx(x.mean(), rel=1e-11, abs=1e-14)
    assert found[1] == pytest.approx(x.std(ddof=1), rel=1e-10)
    assert found[2] == pytest.approx(np.sort(x)[: int(np.ceil(0.01 * size))].mean(), rel=1e-11, abs=1e-300)
    assert found[3] == np.mean(x < 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_quantiles_of_rows_may_be_infinite(backend: Backend) -> None:
    """As those of coverage where nothing is owed; what lies between an infinity and anything is no number."""
    rows = np.array([[1.0, 2.0, np.inf, np.inf, np.inf], [np.inf] * 5, [2.0, 0.0, 4.0, 1.0, 3.0]])
    found = kernels(backend).quantiles_of(rows, (0.125, 0.375, 0.875))
    np.testing.assert_array_equal(found, [[1.5, np.nan, np.nan], [np.nan] * 3, [0.5, 1.5, 3.5]])
    assert kernels(backend).quantiles_of(rows, ()).shape == (3, 0)
    with pytest.raises(ValueError):
        kernels(backend).quantiles_of(np.zeros((2, 0)), (0.5,))


def test_exact_sums_do_not_round_and_do_not_care_for_order() -> None:
    values = np.array([[1e15], [0.000001], [-1e15], [0.000001]])
    group = np.zeros(4, np.int32)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        sums = np.zeros((1, 2), np.uint64)
        kernel.add_exact(sums, group, np.ascontiguousarray(values[order]))
        assert sums[0].tolist() == [2, 0]
        assert kernel.exact_as_float(sums)[0] == 2e-6


def test_exact_sums_carry_beyond_sixty_four_bits_and_below_zero() -> None:
    sums, other = np.zeros((1, 2), np.uint64), np.zeros((1, 2), np.uint64)
    kernel.add_exact(sums, np.zeros(3, np.int32), np.full((3, 1), 1e22))
    kernel.add_exact(other, np.zeros(1, np.int32), np.full((1, 1), -4e22))
    kernel.merge_exact(sums, other)
    assert kernel.exact_as_float(sums)[0] == -1e22
    # the product with 10^6 is rounded in double, the sum is not
    assert int(sums[0, 0]) + (int(sums[0, 1]) << 64) == 2**128 + 3 * int(1e22 * 1e6) - int(4e22 * 1e6)


def test_a_stop_request_ends_the_kernels() -> None:
    from ipvalue.ext.kernel import Stopped

    kernel.request_stop()
    try:
        vectors = _one_asset()
        with pytest.raises(Stopped):
            kernel.simulate(vectors, _NoFactors, seed=1, paths=1000, single=True, quantiles=[0.5], tail=0.05)
    finally:
        kernel.clear_stop()
    statistics, status, _ = kernel.simulate(_one_asset(), _NoFactors, seed=1, paths=1000, single=True, quantiles=[0.5], tail=0.05)
    assert status[0] == 0
    assert statistics[0, 0] == 20.0


@pytest.mark.parametrize("name", ["native", "numba"])
@pytest.mark.parametrize("single", [True, False])
def test_paths_in_parts_are_the_paths_of_one_call(name: str, single: bool) -> None:
    """What lets several workers share one asset: paths, lives and totals of the parts make those of the whole, and so the statistics."""
    one = kernels(name)
    how = {"seed": 3, "single": single, "quantiles": (0.1, 0.5), "tail": 0.05, "group": np.zeros(1, np.int32)}
    vectors = _one_asset(volatility=0.4, survival=(0.8, 0.5))
    whole_totals = np.zeros((700, 2), np.uint64)
    whole, _, values = one.simulate(vectors, _NoFactors, paths=700, keep=True, totals=whole_totals, **how)
    lived, parts, totals = np.zeros(2, np.int64), [], []
    for first, paths in ((0, 64), (64, 512), (576, 124)):
        sums = np.zeros((paths, 2), np.uint64)
        statistics, status, part = one.simulate(vectors, _NoFactors, paths=paths, first=first, lived=lived, keep=True, totals=sums, **how)
        assert not statistics.any()
        assert status[0] == 0
        parts.append(part)
        totals.append(sums)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), values)
    np.testing.assert_array_equal(np.concatenate(totals), whole_totals)
    assert (lived[0] * 1.0 + lived[1] * 1.0) / 700 == whole[0, 4]
    again = one.statistics(np.concatenate(parts, axis=1)[0].astype(np.float64), (0.1, 0.5), 0.05)
    np.testing.assert_array_equal(np.delete(again, 4), np.delete(whole[0], 4))
    with pytest.raises(ValueError, match="multiple of 64"):
        one.simulate(vectors, _NoFactors, paths=10, first=63, **how)


class _NoFactors:
    matrix = np.zeros((0, 0))
    hashes = np.zeros(0, np.uint64)


def _one_asset(volatility: float = 0.0, survival: tuple[float, float] = (1.0, 1.0)) -> object:
    one, none = np.ones(1), np.zeros(1)
    return SimpleNamespace(
        offset=np.array([0, 2]),
        w=np.array([10.0, 10.0]),
        f=np.zeros(2),
        salvage=np.zeros(2),
        survival=np.array(survival),
        rival=np.ones(2),
        low=None,
        high=None,
        bound_out=None,
        bound_in=None,
        step=one,
        last_delta=one,
        hash=np.array([5], np.uint64),
        volatility=np.array([volatility]),
        loading=none,
        uncertainty=none,
        entry_loss=none,
        royalty_low=one,
        royalty_high=one,
        factor=np.full(1, -1, np.int32),
        optional=np.zeros(1, np.uint8),
        clamped=np.zeros(1, np.uint8),
        enters=np.zeros(1, np.uint8),
    )
