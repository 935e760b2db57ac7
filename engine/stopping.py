"""The optimal renewal boundary of every asset whose owner may stop (model.md §5; the dynamic programme is ext/stopping_impl.h)."""

from __future__ import annotations

from ipvalue.backend import DEFAULT, Backend, kernels
from ipvalue.cashflows import Vectors


def add_boundaries(vectors: Vectors, backend: Backend = DEFAULT) -> None:
    """Solves bound_out and bound_in (offset[a],) in place where any asset is optional: below them the owner abandons."""
    if vectors.optional.any():
        vectors.bound_out, vectors.bound_in = kernels(backend).boundary(vectors)
