"""The estimators of indices from path values alone (docs/numerics.md §18)."""

from __future__ import annotations

import numpy as np
import pytest

import oracle
from ipvalue.indices.estimate import Floats, Pair

RANDOM = np.random.default_rng(20261122)


def drawn(rights: int, paths: int) -> tuple[Floats, Floats, Floats]:
    """Base, all anew, and the first of three inputs anew, of rights with other weights and one product each."""
    a, b = RANDOM.standard_normal((2, 3, rights, paths))
    weight = np.arange(1.0, rights + 1.0)[:, None]

    def value(x: Floats, y: Floats, z: Floats) -> Floats:
        return weight * x + y + 0.5 * x * z + 100.0

    return value(*a), value(*b), value(b[0], a[1], a[2])


@pytest.mark.parametrize("paths", [3, 16, 17, 250])
def test_they_are_the_definition_s_of_each_right(paths: int) -> None:
    base, anew, moved = drawn(4, paths)
    first, total = Pair(base, anew).indices(moved)
    for i in range(4):
        told = (first.value[i], first.error[i]), (total.value[i], total.error[i])
        np.testing.assert_allclose(told, oracle.sobol_indices(base[i], anew[i], moved[i]), rtol=1e-9)


def test_an_input_that_moves_nothing_has_a_total_of_0_and_one_that_moves_all_a_first_order_of_1() -> None:
    base, anew, _ = drawn(3, 100)
    nothing, everything = Pair(base, anew).indices(base), Pair(base, anew).indices(anew)
    for exact, index in ((0.0, nothing[1]), (1.0, everything[0])):
        assert index.value.tolist() == [exact] * 3
        assert index.error.tolist() == [0.0] * 3
    np.testing.assert_allclose(nothing[0].value, 0.0, atol=0.05)
    np.testing.assert_allclose(everything[1].value, 1.0, atol=0.05)


def test_another_currency_or_origin_moves_them_by_rounding_alone() -> None:
    base, anew, moved = drawn(2, 500)
    one, other = Pair(base, anew).indices(moved), Pair(7e6 * base - 3e8, 7e6 * anew - 3e8).indices(7e6 * moved - 3e8)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-6)
        np.testing.assert_allclose(a.error, b.error, rtol=1e-6)


def test_two_paths_tell_no_error_and_no_variance_no_index() -> None:
    base, anew, moved = drawn(2, 2)
    first, total = Pair(base, anew).indices(moved)
    assert np.isnan(first.error).all()
    assert np.isnan(total.error).all()
    still = np.full((1, 50), 3.0)
    assert Pair(still, still).are_still().all()
    assert not Pair(still, still + 1.0).are_still().any()
    assert np.isnan(Pair(still, still).indices(still)[0].value).all()


def test_some_rights_have_the_figures_they_have_among_all() -> None:
    base, anew, moved = drawn(5, 100)
    some = np.array([True, False, True, True, False])
    for one, other in zip(Pair(base, anew).indices(moved), Pair(base, anew).of(some).indices(moved[some]), strict=True):
        np.testing.assert_array_equal(one.value[some], other.value)
        np.testing.assert_array_equal(one.error[some], other.error)
