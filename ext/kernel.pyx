# cython: language_level=3
"""Thin binding of the C kernels. Arrays in, arrays out; the GIL is released while they work.

a = assets, t = periods (ragged: asset i holds elements offset[i] … offset[i+1] − 1), p = paths, g = groups, q = quantiles, s = factors.
Arrays are C-contiguous, of the dtypes the dataclasses of `ipvalue.cashflows` state.
"""
import os

import numpy as np

from libc.string cimport memset

from ipvalue.constants import (
    BRIDGE_MAX_PERIODS,
    DRIVERS,
    INPUTS,
    MAX_PATHS,
    MAX_QUANTILES,
    REPLICATES,
    SOBOL_DIGIT_BITS,
    SOBOL_DIMENSIONS,
    STATISTICS,
)
from ipvalue.dealt import check_lots, check_room
from ipvalue.value_curves import check_asked, laid

include "declarations.pxi"


class Stopped(Exception):
    """The stop flag was raised while a kernel worked."""


cdef int stop_flag = 0
cdef const kernel_table *table = NULL


def request_stop() -> None:
    """Every kernel of this process returns within one block of paths, raising Stopped."""
    global stop_flag
    stop_flag = 1


def clear_stop() -> None:
    """Kernels may run again."""
    global stop_flag
    stop_flag = 0


cdef class DefaultArithmetic:
    """Within it this thread rounds to nearest and keeps denormals, whatever a library did to it; afterwards it is as before. numerics.md §6."""
    cdef fenv_t before

    def __enter__(self):
        fegetenv(&self.before)
        fesetenv(FE_DFL_ENV)

    def __exit__(self, *error):
        fesetenv(&self.before)


def instruction_sets() -> list:
    """Names of the instruction sets this build holds and this processor runs, slowest first."""
    return [name for name in ("baseline", "v3", "v4") if kernel_runs_here(name.encode())]


def select_isa(name: str) -> None:
    """Uses the kernels compiled for one instruction set. ValueError if it is not built or the processor lacks it."""
    global table
    if name not in instruction_sets():
        raise ValueError(f"IPVALUE_ISA={name}: this machine runs {', '.join(instruction_sets())}")
    table = kernel_by_name(name.encode())
    # (1 + 2^-30)^2 - 1 - 2^-29 is 2^-60 exactly when the product is fused, 0 when it is rounded first
    cdef double one = 1.0 + 2.0 ** -30
    if table.canary(one, one, 1.0 + 2.0 ** -29) != 0.0:
        raise ImportError("this build of ipvalue contracts a*b - c into one rounding; build it with -ffp-contract=off")


def isa() -> str:
    """The instruction set in use."""
    return table.name.decode()


isa_fault = None
"""Why IPVALUE_ISA cannot be used, where it cannot. The first run says so: an import that failed would end every command in a traceback."""
try:
    select_isa(os.environ.get("IPVALUE_ISA") or instruction_sets()[-1])
except ValueError as error:
    isa_fault = str(error)
    select_isa(instruction_sets()[-1])


cdef const double *doubles(object array, Py_ssize_t size) except? NULL:
    """Address of a contiguous float64 array of at least `size` elements; NULL for None."""
    cdef const double[::1] view
    if array is None:
        return NULL
    view = array
    if view.shape[0] < size:
        raise ValueError(f"expected {size} elements, got {view.shape[0]}")
    return &view[0] if view.shape[0] else NULL

cdef const int32_t *ints(object array, Py_ssize_t size) except? NULL:
    cdef const int32_t[::1] view
    if array is None:
        return NULL
    view = array
    if view.shape[0] < size:
        raise ValueError(f"expected {size} elements, got {view.shape[0]}")
    return &view[0] if view.shape[0] else NULL

cdef const int64_t *longs(object array, Py_ssize_t size) except? NULL:
    cdef const int64_t[::1] view
    if array is None:
        return NULL
    view = array
    if view.shape[0] < size:
        raise ValueError(f"expected {size} elements, got {view.shape[0]}")
    return &view[0] if view.shape[0] else NULL

cdef const uint64_t *words(object array, Py_ssize_t size) except? NULL:
    cdef const uint64_t[::1] view = array
    if view.shape[0] < size:
        raise ValueError(f"expected {size} elements, got {view.shape[0]}")
    return &view[0] if view.shape[0] else NULL

cdef const uint8_t *flags(object array, Py_ssize_t size) except? NULL:
    cdef const uint8_t[::1] view
    if array is None:
        return NULL
    view = array
    if view.shape[0] < size:
        raise ValueError(f"expected {size} elements, got {view.shape[0]}")
    return &view[0] if view.shape[0] else NULL

cdef int128_t *wide(object array, Py_ssize_t size) except? NULL:
    """Address of 128-bit integers held as (size, 2) uint64, low word first."""
    cdef uint64_t[:, ::1] view
    if array is None:
        return NULL
    view = array
    if view.shape[0] < size or view.shape[1] != 2:
        raise ValueError(f"expected ({size}, 2) words, got ({view.shape[0]}, {view.shape[1]})")
    return <int128_t *>&view[0, 0] if view.shape[0] else NULL


def hash_strings(const uint8_t[::1] data, const int32_t[::1] offsets):
    """XXH64 of n strings; string i is data[offsets[i]:offsets[i + 1]]. (n,) uint64. xxHash specification, seed 0."""
    cdef Py_ssize_t n = offsets.shape[0] - 1
    if n <= 0:
        return np.empty(0, np.uint64)
    if offsets[n] > data.shape[0]:
        raise ValueError("offsets reach beyond the data")
    out = np.empty(n, np.uint64)
    cdef uint64_t[::1] view = out
    cdef const uint8_t *bytes_at = &data[0] if data.shape[0] else NULL
    with nogil:
        hash_strings_c(bytes_at, &offsets[0], n, &view[0])
    return out


def cholesky(matrix):
    """(s, s) lower triangle of a positive semidefinite matrix, numerics.md §4. ValueError if it is not."""
    cdef double[:, ::1] source = np.ascontiguousarray(matrix, dtype=np.float64)
    cdef Py_ssize_t n = source.shape[0]
    if source.shape[1] != n:
        raise ValueError(f"the matrix is {n} × {source.shape[1]}, not square")
    out = np.zeros((n, n))
    cdef double[:, ::1] view = out
    cdef int64_t bad = cholesky_c(&source[0, 0], n, &view[0, 0]) if n else 0
    if bad:
        raise ValueError(f"the matrix is not positive semidefinite (seen at row {bad})")
    return out


def ars(counter, key, int rounds=ARS_ROUNDS):
    """Four output words of ARS for a counter and a key of four words each. numerics.md §1."""
    cdef uint32_t c[4]
    cdef uint32_t k[4]
    cdef uint32_t keys[11][4]
    cdef int i
    if not 1 <= rounds <= 10:
        raise ValueError(f"ARS has 1 to 10 rounds, not {rounds}")
    for i in range(4):
        c[i], k[i] = counter[i], key[i]
    ars_keys(k, rounds, keys)
    for i in range(4):
        c[i] ^= keys[0][i]
    for i in range(1, rounds + 1):
        aes_round(c, keys[i], i == rounds)
    return tuple(c[i] for i in range(4))


def elementary(str name, x, y=None):
    """log, exp2, sin, cos (both precisions, sin and cos on [−π/2, π/2]), exp, pow, normal_cdf or normal_quantile (double) of an array, elementwise.
    numerics.md §6, §9 and §12."""
    cdef int function = ("log", "exp2", "sin", "cos", "exp", "pow", "normal_cdf", "normal_quantile").index(name)
    cdef Py_ssize_t i
    cdef const double[::1] in64, power
    cdef const float[::1] in32
    cdef double[::1] out64
    cdef float[::1] out32
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    if not len(x):
        return out
    if x.dtype == np.float32 and function < 4:
        in32, out32 = x, out
        table.elementary_f32(function, &in32[0], in32.shape[0], &out32[0])
        return out
    in64, out64 = x, out
    if function < 4:
        table.elementary_f64(function, &in64[0], in64.shape[0], &out64[0])
        return out
    power = x if y is None else np.ascontiguousarray(np.broadcast_to(y, x.shape), dtype=np.float64)
    for i in range(in64.shape[0]):
        if function == 4:
            out64[i] = exp_f64(in64[i])
        elif function == 5:
            out64[i] = pow_f64(in64[i], power[i])
        else:
            out64[i] = normal_cdf_f64(in64[i]) if function == 6 else normal_quantile_f64(in64[i])
    return out


def _check(int result):
    if result == RUN_STOPPED:
        raise Stopped("stopped on request")
    if result == RUN_NO_MEMORY:
        raise MemoryError("the kernel could not allocate its work space")


include "vectors.pxi"
include "looks.pxi"
include "simulation.pxi"
include "lots.pxi"
include "borrowers.pxi"


def add_exact(totals, const int32_t[::1] group, const double[:, ::1] values):
    """Adds values (n, k) to the exact sums (g·k, 2) of their groups. numerics.md §8. |value| must be below constants.MONEY_LIMIT."""
    if values.shape[0]:
        accumulate(wide(totals, 0), &group[0], values.shape[0], values.shape[1], &values[0, 0])


def merge_exact(into, other):
    """into += other, both (n, 2) words of 128-bit sums."""
    add_totals(wide(into, 0), wide(other, into.shape[0]), into.shape[0])


def exact_as_float(totals):
    """(n,) float64, the nearest to each 128-bit sum, divided by 10^6."""
    out = np.empty(totals.shape[0])
    if out.size:
        totals_as_double(wide(totals, 0), totals.shape[0], <double *>doubles(out, 0))
    return out
