"""The kernels of `ipvalue.ext.kernel` in Numba: the same names, arguments, results and errors, and the same bits.

Compiled for this processor when they are first used, and only what is used. What is meant stands in docs/model.md and docs/numerics.md, and in
ext/ as C; docs/reproducibility.md says how the two are kept equal.
"""

from __future__ import annotations

from ipvalue import constants
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic
from ipvalue.numba_kernel.borrowers import default_years, factors_over
from ipvalue.numba_kernel.by_rule import RuleFailed, compiled_rule
from ipvalue.numba_kernel.cholesky import cholesky
from ipvalue.numba_kernel.closed_form import closed_form
from ipvalue.numba_kernel.compiler import compile_seconds, instruction_sets, isa, isa_fault, select_isa
from ipvalue.numba_kernel.describe import quantiles_of, statistics
from ipvalue.numba_kernel.elementary import elementary
from ipvalue.numba_kernel.exact import add_exact, exact_as_float, merge_exact
from ipvalue.numba_kernel.hash import hash_strings
from ipvalue.numba_kernel.lots import lot_means
from ipvalue.numba_kernel.simulate import simulate
from ipvalue.numba_kernel.stop import Stopped, clear_stop, request_stop
from ipvalue.numba_kernel.stopping import boundary, value_curves
from ipvalue.numba_kernel.vectors import periods, vectors
from ipvalue.numba_kernel.versions import difference, first_versions
from ipvalue.numba_kernel.words import ars

DRIVERS: tuple[str, ...] = constants.DRIVERS
STATISTICS: tuple[str, ...] = constants.STATISTICS

__all__ = [
    "DRIVERS",
    "STATISTICS",
    "DefaultArithmetic",
    "RuleFailed",
    "Stopped",
    "add_exact",
    "ars",
    "boundary",
    "cholesky",
    "clear_stop",
    "closed_form",
    "compile_seconds",
    "compiled_rule",
    "default_years",
    "difference",
    "elementary",
    "exact_as_float",
    "factors_over",
    "first_versions",
    "hash_strings",
    "instruction_sets",
    "isa",
    "isa_fault",
    "lot_means",
    "merge_exact",
    "periods",
    "quantiles_of",
    "request_stop",
    "select_isa",
    "simulate",
    "statistics",
    "value_curves",
    "vectors",
]
