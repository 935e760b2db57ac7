# cython: language_level=3
"""Thin binding of the C kernels. Arrays in, arrays out; the GIL is released while they work.

a = assets, t = periods (ragged: asset i holds elements offset[i] … offset[i+1] − 1), p = paths, g = groups, q = quantiles, s = factors.
Arrays are C-contiguous, of the dtypes the dataclasses of `ipvalue.cashflows` state.
"""
import os

import numpy as np

from ipvalue.constants import BRIDGE_MAX_PERIODS, DIMENSION_SHOCKS, DRIVERS, MAX_PATHS, REPLICATES, SOBOL_DIGIT_BITS, STATISTICS

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
    """log, exp2, sin, cos (both precisions, sin and cos on [−π/2, π/2]), exp or pow (double) of an array, elementwise. numerics.md §6."""
    cdef int function = ("log", "exp2", "sin", "cos", "exp", "pow").index(name)
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
        out64[i] = exp_f64(in64[i]) if function == 4 else pow_f64(in64[i], power[i])
    return out


cdef class VectorJob:
    """Holds a `vectors` call's arrays alive and their addresses together."""
    cdef vector_job job
    cdef object kept

    def __init__(self, d, market):
        """d: ipvalue.cashflows.Drivers; market: ipvalue.cashflows.Tables."""
        cdef Py_ssize_t n = d.drivers.shape[1]
        matrix = np.ascontiguousarray(d.drivers).reshape(-1)
        self.kept = (d, market, matrix)
        self.job.assets = n
        self.job.steps = market.steps_per_year
        self.job.mid_period = market.mid_period
        self.job.drivers = doubles(matrix, len(DRIVERS) * n)
        self.job.curve = ints(d.curve, n)
        self.job.survival_curve = ints(d.survival_curve, n)
        self.job.schedule = ints(d.schedule, n)
        self.job.indefinite = flags(d.indefinite, n)
        self.job.limited = flags(d.limited, n)
        self.job.path_start = longs(d.path_start, n + 1)
        self.job.path = doubles(d.path, 0)
        self.job.stage_start = longs(d.stage_start, n + 1)
        self.job.stage_cost = doubles(d.stage_cost, 0)
        self.job.stage_years = doubles(d.stage_years, 0)
        self.job.stage_probability = doubles(d.stage_probability, 0)
        for_table(&self.job.curves, market.curves)
        for_table(&self.job.survivals, market.survivals)
        for_table(&self.job.schedules, market.schedules)
        self.job.every = doubles(market.every, 0)
        self.job.mean_fee = doubles(market.mean_fee, 0)


cdef void for_table(pairs *out, object table) except *:
    start, x, y = table
    out.start = longs(start, 1)
    out.x = doubles(x, 0)
    out.y = doubles(y, 0)


def periods(drivers, market):
    """(a,) int64: how many periods each asset has. model.md §2, §4."""
    cdef VectorJob call = VectorJob(drivers, market)
    out = np.empty(call.job.assets, np.int64)
    cdef int64_t[::1] view = out
    if call.job.assets:
        with nogil:
            table.count_periods(&call.job, &view[0])
    return out


def vectors(drivers, market, offset, bint clamps):
    """The period vectors of model.md §4 as a dict of arrays: w, f, survival, rival, salvage, low, high (None unless `clamps`) of (offset[a],);
    last_delta, tab_factor, premise_factor (a,) float64 and status (a,) int8 (0, or a VECTOR_ code of vectors.h)."""
    cdef VectorJob call = VectorJob(drivers, market)
    cdef Py_ssize_t n = call.job.assets, size = offset[n]
    cdef int result
    out = {name: np.empty(size) for name in ("w", "f", "survival", "rival", "salvage")}
    out.update(low=np.empty(size) if clamps else None, high=np.empty(size) if clamps else None)
    out.update(last_delta=np.ones(n), tab_factor=np.ones(n), premise_factor=np.ones(n), status=np.zeros(n, np.int8))
    cdef int8_t[::1] status = out["status"]
    call.job.offset = longs(offset, n + 1)
    call.job.w = <double *>doubles(out["w"], size)
    call.job.f = <double *>doubles(out["f"], size)
    call.job.survival = <double *>doubles(out["survival"], size)
    call.job.rival = <double *>doubles(out["rival"], size)
    call.job.salvage = <double *>doubles(out["salvage"], size)
    call.job.low = <double *>doubles(out["low"], size)
    call.job.high = <double *>doubles(out["high"], size)
    call.job.last_delta = <double *>doubles(out["last_delta"], n)
    call.job.tab_factor = <double *>doubles(out["tab_factor"], n)
    call.job.premise_factor = <double *>doubles(out["premise_factor"], n)
    if n:
        call.job.status = &status[0]
        with nogil:
            result = table.fill_vectors(&call.job)
        _check(result)
    return out


def closed_form(v):
    """Mean and variance (a,), (a,) of each asset's V where nothing is clamped or optional. model.md §6. v: ipvalue.cashflows.Vectors."""
    cdef closed_job job
    cdef Py_ssize_t n = v.offset.shape[0] - 1, size = v.offset[n]
    mean, variance = np.empty(n), np.empty(n)
    job.assets = n
    job.offset = longs(v.offset, n + 1)
    job.w = doubles(v.w, size)
    job.f = doubles(v.f, size)
    job.survival = doubles(v.survival, size)
    job.rival = doubles(v.rival, size)
    job.volatility = doubles(v.volatility, n)
    job.uncertainty = doubles(v.uncertainty, n)
    job.entry_loss = doubles(v.entry_loss, n)
    job.royalty_low = doubles(v.royalty_low, n)
    job.royalty_high = doubles(v.royalty_high, n)
    job.step = doubles(v.step, n)
    job.mean = <double *>doubles(mean, n)
    job.variance = <double *>doubles(variance, n)
    if n:
        with nogil:
            table.closed_forms(&job)
    return mean, variance


def _check(int result):
    if result == RUN_STOPPED:
        raise Stopped("stopped on request")
    if result == RUN_NO_MEMORY:
        raise MemoryError("the kernel could not allocate its work space")


def boundary(v):
    """Renewal boundaries (offset[a],), (offset[a],) before and after the rival's entry; 0 where the asset is never given up. numerics.md §9."""
    cdef stopping job
    cdef Py_ssize_t n = v.offset.shape[0] - 1, size = v.offset[n]
    cdef int result = RUN_OK
    out, entered = np.zeros(size), np.zeros(size)
    job.assets = n
    job.offset = longs(v.offset, n + 1)
    job.w = doubles(v.w, size)
    job.f = doubles(v.f, size)
    job.survival = doubles(v.survival, size)
    job.rival = doubles(v.rival, size)
    job.salvage = doubles(v.salvage, size)
    job.low = doubles(v.low, size)
    job.high = doubles(v.high, size)
    job.volatility = doubles(v.volatility, n)
    job.uncertainty = doubles(v.uncertainty, n)
    job.entry_loss = doubles(v.entry_loss, n)
    job.royalty_low = doubles(v.royalty_low, n)
    job.royalty_high = doubles(v.royalty_high, n)
    job.step = doubles(v.step, n)
    job.optional = flags(v.optional, n)
    job.clamped = flags(v.clamped, n)
    job.enters = flags(v.enters, n)
    job.bound_out = <double *>doubles(out, size)
    job.bound_in = <double *>doubles(entered, size)
    job.stop = &stop_flag
    if n:
        with nogil:
            result = table.boundaries(&job)
    _check(result)
    return out, entered


cdef void for_points(sobol_points *out, object plan, int64_t first, int64_t paths) except *:
    cdef const uint32_t[:, :, ::1] table = plan.table
    cdef Py_ssize_t c = plan.bridge.periods
    places = np.stack([plan.bridge.middle, plan.bridge.left, plan.bridge.right])
    digits = (plan.points - 1).bit_length()
    if first % REPLICATES or paths % REPLICATES or first + paths > plan.points * REPLICATES:
        raise ValueError(f"paths {first} to {first + paths} are not whole points of the {plan.points} of {REPLICATES} replicates")
    if not 1 <= c <= BRIDGE_MAX_PERIODS or places.min() < 0 or places.max() > c:
        raise ValueError(f"a bridge of {c} periods")
    if table.shape[0] < DIMENSION_SHOCKS or table.shape[1] < 2 or table.shape[1] * SOBOL_DIGIT_BITS < digits or table.shape[2] != 1 << SOBOL_DIGIT_BITS:
        raise ValueError(f"a table of {table.shape[0]} dimensions and {table.shape[1]} digits for {plan.points} points")
    out.points = plan.points
    out.dimensions = table.shape[0]
    out.digits = table.shape[1]
    out.periods = c
    out.table = &table[0, 0, 0]
    out.middle = ints(plan.bridge.middle, c)
    out.left = ints(plan.bridge.left, c)
    out.right = ints(plan.bridge.right, c)
    out.left_weight = doubles(plan.bridge.left_weight, c)
    out.right_weight = doubles(plan.bridge.right_weight, c)
    out.scale = doubles(plan.bridge.scale, c)


def simulate(v, factors, *, seed, int64_t paths, bint single, quantiles, double tail, group=None, totals=None,
             bint keep=False, int64_t table_bytes=0, int64_t first=0, lived=None, sobol=None, sums=None, bint moments=False, paired=None):
    """Statistics (a, 5 + q) in the order of STATISTICS and then the quantiles, status (a,) int8, path values (a, p) or None.

    v: ipvalue.cashflows.Vectors with boundaries; factors: ipvalue.simulate.Factors (matrix (s, s), hashes (s,)); totals: (g·p, 2) uint64 words
    of 128-bit sums that are added to, group (a,) int32 its rows (-1: none). The factors' paths are tabled once if `table_bytes` allows, else made tile by tile.

    first: the number of the first path, a multiple of 64: a part of many paths, where several calls share one asset. lived, (offset[a],) int64,
    takes the number of paths alive in each period; then no statistics are made but of all parts together, by `statistics`.

    sobol: ipvalue.sobol.Plan, None for random words. sums, (2, a, 16) float64, is added to: under sobol the sums of G and K over the paths of each
    replicate, of assets that are clamped or optional (0 of the others). numerics.md §14.

    Neighbours that differ in nothing that moves their paths are versions of one asset, on the same paths (numerics.md §16): what they share is made
    once. paired, (a, 2) float64, takes mean and standard deviation of each version's difference to the first, path by path. moments: no order
    statistics are made, so no quantiles may be asked for, and expected_shortfall and probability_of_loss are not numbers.
    """
    cdef sobol_points points
    cdef simulation job
    cdef Py_ssize_t n = v.offset.shape[0] - 1, size = v.offset[n], q = len(quantiles), i
    cdef int result = RUN_OK
    levels = np.ascontiguousarray(quantiles, dtype=np.float64)
    matrix = np.ascontiguousarray(factors.matrix, dtype=np.float64)
    real = np.float32 if single else np.float64
    statistics, status = np.zeros((n, STAT_QUANTILES + q)), np.zeros(n, np.int8)
    values = np.empty((n, paths), real) if keep else None
    job.assets = n
    if first % TILE_STEP or first < 0 or first + paths > MAX_PATHS:
        raise ValueError(f"paths {first} to {first + paths}: the first must be a multiple of {TILE_STEP}, the last at most {MAX_PATHS}")
    if moments and q:
        raise ValueError("moments are without quantiles")
    job.paths = paths
    job.first = first
    job.moments = moments
    job.paired = NULL if paired is None else <double *>doubles(paired.reshape(-1), 2 * n)
    job.lived = <int64_t *>longs(lived, size)
    job.seed = seed
    job.sobol = NULL
    if sobol is not None:
        for_points(&points, sobol, first, paths)
        sums = np.zeros((2, n, REPLICATES)) if sums is None else sums
        points.given = <double *>doubles(sums[0].reshape(-1), n * REPLICATES)
        points.control = <double *>doubles(sums[1].reshape(-1), n * REPLICATES)
        job.sobol = &points
    job.offset = longs(v.offset, n + 1)
    job.w = doubles(v.w, size)
    job.f = doubles(v.f, size)
    job.survival = doubles(v.survival, size)
    job.rival = doubles(v.rival, size)
    job.salvage = doubles(v.salvage, size)
    job.low = doubles(v.low, size)
    job.high = doubles(v.high, size)
    job.bound_out = doubles(v.bound_out, size)
    job.bound_in = doubles(v.bound_in, size)
    job.hash = words(v.hash, n)
    job.volatility = doubles(v.volatility, n)
    job.loading = doubles(v.loading, n)
    job.uncertainty = doubles(v.uncertainty, n)
    job.entry_loss = doubles(v.entry_loss, n)
    job.royalty_low = doubles(v.royalty_low, n)
    job.royalty_high = doubles(v.royalty_high, n)
    job.step = doubles(v.step, n)
    job.last_delta = doubles(v.last_delta, n)
    job.factor = ints(v.factor, n)
    job.optional = flags(v.optional, n)
    job.clamped = flags(v.clamped, n)
    job.enters = flags(v.enters, n)
    job.factors = matrix.shape[0]
    job.factor_matrix = doubles(matrix.reshape(-1), matrix.size)
    job.factor_hash = words(factors.hashes, matrix.shape[0])
    job.quantile_count = q
    job.quantiles = doubles(levels, q)
    job.tail = tail
    job.group = ints(group, n)
    job.totals = wide(totals, 0)
    job.statistics = <double *>doubles(statistics.reshape(-1), n * (STAT_QUANTILES + q))
    cdef int8_t[::1] status_view = status
    cdef float[:, ::1] values32
    cdef double[:, ::1] values64
    job.values = NULL
    job.stop = &stop_flag
    if n == 0:
        return statistics, status, values
    job.status = &status_view[0]
    if keep and single:
        values32 = values
        job.values = &values32[0, 0]
    elif keep:
        values64 = values
        job.values = &values64[0, 0]

    job.table_bytes = table_bytes
    with nogil:
        result = table.run_f32(&job) if single else table.run_f64(&job)
    _check(result)
    return statistics, status, values


def statistics(values, quantiles, double tail):
    """(5 + q,) the statistics of one set of path values (n,) float64, as STATISTICS (expected_life left 0) and then the quantiles. numerics.md §7."""
    cdef const double[::1] view = np.ascontiguousarray(values, dtype=np.float64)
    levels = np.ascontiguousarray(quantiles, dtype=np.float64)
    out = np.zeros(STAT_QUANTILES + len(levels))
    cdef int64_t[::1] scratch = np.empty(2 * (view.shape[0] + 64), np.int64)
    cdef const double *levels_at = doubles(levels, 0)
    cdef double *out_at = <double *>doubles(out, 0)
    cdef int64_t count = len(levels)
    with DefaultArithmetic():
        with nogil:
            table.statistics(&view[0], view.shape[0], levels_at, count, tail, out_at, &scratch[0])
    return out


def difference(values, first):
    """(2,) mean and standard deviation of what values (n,) float64 of a version differ by from those of the first, path by path. numerics.md §16."""
    cdef const double[::1] of = np.ascontiguousarray(values, dtype=np.float64), one = np.ascontiguousarray(first, dtype=np.float64)
    if of.shape[0] != one.shape[0] or not of.shape[0]:
        raise ValueError(f"expected as many values of both, got {of.shape[0]} and {one.shape[0]}")
    out = np.zeros(2)
    cdef double *out_at = <double *>doubles(out, 2)
    with DefaultArithmetic():
        with nogil:
            table.difference(&of[0], &one[0], of.shape[0], out_at)
    return out


def first_versions(v):
    """(a,) int64 of each asset the first of the neighbours that are versions of it. numerics.md §16. v: ipvalue.cashflows.Vectors."""
    cdef Py_ssize_t n = v.offset.shape[0] - 1, a
    cdef simulation job
    job.hash = words(v.hash, n)
    job.volatility = doubles(v.volatility, n)
    job.loading = doubles(v.loading, n)
    job.uncertainty = doubles(v.uncertainty, n)
    job.royalty_low = doubles(v.royalty_low, n)
    job.royalty_high = doubles(v.royalty_high, n)
    job.step = doubles(v.step, n)
    job.factor = ints(v.factor, n)
    out = np.zeros(n, np.int64)
    cdef int64_t[::1] view = out
    for a in range(1, n):
        view[a] = view[a - 1] if same_paths(&job, a - 1, a) else a
    return out


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
