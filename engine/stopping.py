"""The optimal renewal boundary of every asset whose owner may stop (model.md §5; the dynamic programme is ext/stopping_impl.h), and what the same
programme expects of assets after some of their periods."""

from __future__ import annotations

from ipvalue.backend import DEFAULT, Backend, kernels
from ipvalue.cashflows import Vectors
from ipvalue.rows import Floats, Ints, Longs
from ipvalue.value_curves import ValueCurves


def add_boundaries(vectors: Vectors, backend: Backend = DEFAULT) -> None:
    """Solves bound_out and bound_in (offset[a],) in place where any asset is optional: below them the owner abandons."""
    if vectors.optional.any():
        vectors.bound_out, vectors.bound_in = kernels(backend).boundary(vectors)


def value_curves(vectors: Vectors, start: Longs, period: Ints, discount: Floats, backend: Backend = DEFAULT) -> ValueCurves:
    """What is expected of asset a after its periods period[start[a]] … period[start[a + 1] − 1], from 0 on and ascending, in money of their ends, of
    which `discount` (k,) is the price today. Solves the boundaries as add_boundaries does, in one pass. docs/numerics.md §19."""
    bound_out, bound_in, curves = kernels(backend).value_curves(vectors, start, period, discount)
    if vectors.optional.any():
        vectors.bound_out, vectors.bound_in = bound_out, bound_in
    return curves
