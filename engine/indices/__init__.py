"""Sobol' indices: which uncertain input the variance of a right's value comes from (docs/sensitivities.md, docs/numerics.md §18)."""

from ipvalue.indices.run import IndexResult, indices, indices_into, open_indices, reopened_indices
from ipvalue.indices.uncertain import UNCERTAIN

__all__ = ["UNCERTAIN", "IndexResult", "indices", "indices_into", "open_indices", "reopened_indices"]
