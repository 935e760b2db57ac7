"""Versions of one asset, neighbours that differ in nothing that moves their paths, and the difference of each to the first: docs/numerics.md §16.

a = assets, p = paths
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, fma, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real
from ipvalue.numba_kernel.describe import mean_of, tree

f8, i8 = np.float64, np.int64

_OF_PATHS = ("hash", "volatility", "loading", "uncertainty", "factor", "step", "royalty_low", "royalty_high")
"""What moves an asset's paths."""


def first_versions(v: Any) -> npt.NDArray[np.int64]:
    """(a,) int64 of each asset the first of the neighbours that are versions of it. v: ipvalue.cashflows.Vectors."""
    n = len(v.offset) - 1
    begins = np.ones(n, np.bool_)
    if n > 1:
        begins[1:] = np.logical_or.reduce([getattr(v, name)[1:n] != getattr(v, name)[: n - 1] for name in _OF_PATHS])
        inputs = getattr(v, "inputs", None)
        if inputs is not None:
            begins[1:] |= _other_inputs(inputs, n)
    return np.maximum.accumulate(np.where(begins, np.arange(n), 0))


def _other_inputs(inputs: Any, n: int) -> npt.NDArray[np.bool_]:
    """(n − 1,) whether an asset's inputs are drawn otherwise than its neighbour's, bit for bit. inputs: ipvalue.uncertain.Inputs."""

    def bits(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(array[:n]).reshape(n, -1).view(np.uint8)

    named = [bits(array) for array in (inputs.kind, inputs.numbers, inputs.count, inputs.weights, inputs.hash)]
    other: npt.NDArray[np.bool_] = np.logical_or.reduce([(one[1:] != one[:-1]).any(axis=1) for one in named])
    listed = inputs.count[:n].any(axis=1)
    for a in np.flatnonzero(~other & listed[1:]):
        for start, then, count in zip(inputs.start[a].tolist(), inputs.start[a + 1].tolist(), inputs.count[a].tolist(), strict=True):
            other[a] |= inputs.values[start : start + count].tobytes() != inputs.values[then : then + count].tobytes()
    return other


class Differences:
    """Takes each asset's values in turn, and fills paired (a, 2): mean and standard deviation of V − V⁰, not numbers where either has no sum."""

    def __init__(self, v: Any, paired: npt.NDArray[np.float64]) -> None:
        self.paired = paired
        self.first = first_versions(v)
        self.values: Any = None
        self.mean = np.nan

    def take(self, start: int, values: Any, mean: npt.NDArray[np.float64], summed: npt.NDArray[np.bool_]) -> None:
        """The assets from `start` on: values (a, p), mean (a,) of those that are summed (a,)."""
        for a, one in enumerate(values):
            if self.first[start + a] == start + a:
                self.values, self.mean = one.copy(), mean[a] if summed[a] else np.nan
            if summed[a] and self.mean == self.mean:
                self.paired[start + a] = mean[a] - self.mean, _apart(one, self.values, mean[a], self.mean)
            else:
                self.paired[start + a] = np.nan


def difference(values: npt.NDArray[np.float64], first: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(2,) mean and standard deviation of what values (n,) float64 of a version differ by from those of the first, path by path. numerics.md §16."""
    of, one = (np.array(x, f8) for x in (values, first))
    if len(of) != len(one) or not len(of):
        raise ValueError(f"expected as many values of both, got {len(of)} and {len(one)}")
    with DefaultArithmetic():
        mean, mean_first = (mean_of(x) for x in (of, one))
        return np.array([mean - mean_first, _apart(of, one, mean, mean_first)])


@Kernel
def _apart(values: Array, first: Array, mean: Real, mean_first: Real) -> Real:
    """The standard deviation of values − first, (p,) each."""
    n = values.size
    stripes = np.zeros(16)
    for start in range(0, n, 16):
        for j in range(min(16, n - start)):
            between = (f8(values[start + j]) - mean) - (f8(first[start + j]) - mean_first)
            stripes[j] = fma(between, between, stripes[j])
    return sqrt(tree(stripes) / f8(n - 1)) if n > 1 else 0.0
