"""Sums of integers in compiled functions beside Python's."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.lending.exact import add_whole, as_double
from ipvalue.numba_kernel.compiler import Kernel
from ipvalue.totals import as_integers


@Kernel
def add(amounts: Any, sums: Any) -> None:
    for amount in amounts:
        add_whole(sums, 0, amount)


@Kernel
def rounded(sums: Any) -> Any:
    return as_double(sums[0, 0], sums[0, 1])


amounts = st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50)


@given(amounts)
def test_sums_are_exact_whatever_their_signs(amounts: list[int]) -> None:
    sums = np.zeros((1, 2), np.uint64)
    add(np.array(amounts), sums)
    assert as_integers(sums) == [sum(amounts)]


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=50), st.integers(0, 2**120))
def test_a_sum_is_rounded_once(amounts: list[int], start: int) -> None:
    sums = np.array([[start % 2**64, start >> 64]], np.uint64)
    add(np.array(amounts), sums)
    assert rounded(sums) == float(start + sum(amounts))
