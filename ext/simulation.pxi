# Vectors to path values, their statistics and totals; versions. Included by kernel.pyx only.


cdef void check_paths(int64_t first, int64_t paths) except *:
    if first % TILE_STEP or first < 0 or first + paths > MAX_PATHS:
        raise ValueError(f"paths {first} to {first + paths}: the first must be a multiple of {TILE_STEP}, the last at most {MAX_PATHS}")


cdef void for_points(sobol_points *out, object plan, int64_t first, int64_t paths) except *:
    cdef const uint32_t[:, :, ::1] table = plan.table
    cdef Py_ssize_t c = plan.bridge.periods
    places = np.stack([plan.bridge.middle, plan.bridge.left, plan.bridge.right])
    digits = (plan.points - 1).bit_length()
    if first % REPLICATES or paths % REPLICATES or first + paths > plan.points * REPLICATES:
        raise ValueError(f"paths {first} to {first + paths} are not whole points of the {plan.points} of {REPLICATES} replicates")
    if not 1 <= c <= BRIDGE_MAX_PERIODS or places.min() < 0 or places.max() > c:
        raise ValueError(f"a bridge of {c} periods")
    if table.shape[0] != SOBOL_DIMENSIONS + INPUTS - 1 or table.shape[1] < 2 or table.shape[1] * SOBOL_DIGIT_BITS < digits or table.shape[2] != 1 << SOBOL_DIGIT_BITS:
        raise ValueError(f"a table of {table.shape[0]} dimensions and {table.shape[1]} digits for {plan.points} points")
    out.points = plan.points
    out.dimensions = table.shape[0] - (INPUTS - 1)
    out.digits = table.shape[1]
    out.periods = c
    out.table = &table[0, 0, 0]
    out.middle = ints(plan.bridge.middle, c)
    out.left = ints(plan.bridge.left, c)
    out.right = ints(plan.bridge.right, c)
    out.left_weight = doubles(plan.bridge.left_weight, c)
    out.right_weight = doubles(plan.bridge.right_weight, c)
    out.scale = doubles(plan.bridge.scale, c)


cdef void for_inputs(uncertain_inputs *out, object set, Py_ssize_t n, Py_ssize_t size) except *:
    """set: ipvalue.uncertain.Inputs of n assets with so many periods."""
    out.kind = flags(set.kind.reshape(-1), n * INPUTS)
    out.numbers = doubles(set.numbers.reshape(-1), n * INPUTS * 3)
    out.start = longs(set.start.reshape(-1), n * INPUTS)
    out.count = longs(set.count.reshape(-1), n * INPUTS)
    out.values = doubles(set.values, 0)
    out.weights = doubles(set.weights.reshape(-1), n * INPUTS * INPUTS)
    out.means = doubles(set.means.reshape(-1), n * INPUTS)
    out.hash = words(set.hash.reshape(-1), n * INPUTS)
    out.blended = flags(set.blended, n)
    cdef const double[:, ::1] rows
    if set.discounting is None:
        if set.blended[:n].any():
            raise ValueError("assets with a drawn discount rate, and nothing to discount by")
        return
    rows = set.discounting
    if rows.shape[0] != 9 or rows.shape[1] < size:
        raise ValueError(f"expected (9, {size}) numbers for discounting, got ({rows.shape[0]}, {rows.shape[1]})")
    if size:
        out.deflator = &rows[0, 0]
        out.exponent = &rows[1, 0]
        out.slope = &rows[2, 0]
        out.end_deflator = &rows[3, 0]
        out.end_exponent = &rows[4, 0]
        out.share_w = &rows[5, 0]
        out.repeat_w = &rows[6, 0]
        out.share_f = &rows[7, 0]
        out.repeat_f = &rows[8, 0]


cdef int64_t lot_paths(int64_t paths, int64_t lots):
    """How many paths are dealt into 16 lots before it is the turn of the next 16. numerics.md §20."""
    return 16 * -(-paths // lots)


cdef void for_lots(simulation *job, object v, object lots, object rows, Py_ssize_t n) except *:
    """lots: (r, L) sums, rows (a,) the first of each of n assets."""
    cdef double[:, ::1] sums = lots
    linear = (v.optional[:n] == 0) & (v.clamped[:n] == 0)
    if v.inputs is not None:
        linear &= v.inputs.blended[:n] == 0
    needed = np.asarray(rows[:n]) + np.where(linear, 2 * np.diff(v.offset), 1)
    if not sums.shape[1] or sums.shape[1] % REPLICATES or n and (np.min(rows[:n]) < 0 or needed.max() > sums.shape[0]):
        raise ValueError(f"({sums.shape[0]}, {sums.shape[1]}) sums for assets that need {needed.max() if n else 0}")
    job.lots = &sums[0, 0] if sums.shape[0] else NULL
    job.lot_row = longs(rows, n)
    job.lot_count = sums.shape[1]
    job.lot_paths = lot_paths(job.paths, job.lot_count)


def simulate(v, factors, *, seed, int64_t paths, bint single, quantiles, double tail, group=None, totals=None,
             bint keep=False, int64_t table_bytes=0, int64_t first=0, lived=None, sobol=None, sums=None, bint moments=False, paired=None,
             uint32_t redrawn=0, looks=None, lots=None, lot_row=None):
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

    redrawn: bits 1 << STREAM_* (ipvalue.constants) of what is drawn anew, the rest as ever; of random words only (numerics.md §18).

    looks: ipvalue.lending.looks.Looks, whose slots are added to: what assets are worth after some of their periods, path by path (numerics.md §19).

    lots, (r, L) float64, takes sums over lots of paths (numerics.md §20). lot_row (a,) int64 is an asset's first row: of one that is neither
    clamped nor optional nor of a drawn discount rate, of its levels by period, and then of its lives; of another the one of V. Then there are no
    statistics but expected_life, and no totals.
    """
    cdef sobol_points points
    cdef uncertain_inputs inputs
    cdef look_set looked
    cdef simulation job
    cdef Py_ssize_t n = v.offset.shape[0] - 1, size = v.offset[n], q = len(quantiles), i
    cdef int result = RUN_OK
    levels = np.ascontiguousarray(quantiles, dtype=np.float64)
    matrix = np.ascontiguousarray(factors.matrix, dtype=np.float64)
    real = np.float32 if single else np.float64
    statistics, status = np.zeros((n, STAT_QUANTILES + q)), np.zeros(n, np.int8)
    values = np.empty((n, paths), real) if keep else None
    job.assets = n
    check_paths(first, paths)
    if moments and q:
        raise ValueError("moments are without quantiles")
    if redrawn and sobol is not None:
        raise ValueError("only random words can be drawn anew")
    job.paths = paths
    job.first = first
    job.moments = moments
    job.paired = NULL if paired is None else <double *>doubles(paired.reshape(-1), 2 * n)
    job.lived = <int64_t *>longs(lived, size)
    job.seed = seed
    job.redrawn = redrawn
    job.sobol = NULL
    if sobol is not None:
        for_points(&points, sobol, first, paths)
        sums = np.zeros((2, n, REPLICATES)) if sums is None else sums
        points.given = <double *>doubles(sums[0].reshape(-1), n * REPLICATES)
        points.control = <double *>doubles(sums[1].reshape(-1), n * REPLICATES)
        job.sobol = &points
    drawn = getattr(v, "inputs", None)
    job.inputs = NULL
    if drawn is not None:
        memset(&inputs, 0, sizeof(inputs))
        for_inputs(&inputs, drawn, n, size)
        job.inputs = &inputs
    job.lots = NULL
    if lots is not None:
        if first or keep or any(more is not None for more in (totals, paired, lived, looks)):
            raise ValueError("sums over lots are of all paths, without values, totals, differences, lives or looks")
        for_lots(&job, v, lots, lot_row, n)
    job.looks = NULL
    if looks is not None:
        for_looks(&looked, looks, n, paths, real, matrix.shape[0])
        job.looks = &looked
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


def quantiles_of(values, quantiles):
    """(m, q) the quantiles of each row of values (m, n) float64: as `statistics` has them. numerics.md §7."""
    cdef const double[:, ::1] rows = np.ascontiguousarray(values, dtype=np.float64)
    levels = np.ascontiguousarray(quantiles, dtype=np.float64)
    if len(levels) > MAX_QUANTILES or not rows.shape[1]:
        raise ValueError(f"expected values and at most {MAX_QUANTILES} quantiles, got {rows.shape[1]} and {len(levels)}")
    out = np.empty((rows.shape[0], len(levels)))
    if not out.size:
        return out
    cdef int64_t[::1] scratch = np.empty(2 * (rows.shape[1] + 64), np.int64)
    cdef const double *levels_at = doubles(levels, 0)
    cdef double *out_at = <double *>doubles(out.reshape(-1), 0)
    cdef int64_t count = len(levels), m
    with DefaultArithmetic():
        with nogil:
            for m in range(rows.shape[0]):
                table.quantiles(&rows[m, 0], rows.shape[1], levels_at, count, out_at + m * count, &scratch[0])
    return out


def difference(values, first):
    """(2,) mean and standard deviation of what values (n,) float64 of a version differ by from those of the first, path by path. numerics.md §16."""
    cdef const double[::1] of = np.ascontiguousarray(values, dtype=np.float64), one = np.ascontiguousarray(first, dtype=np.float64)
    if of.shape[0] != one.shape[0] or not of.shape[0]:
        raise ValueError(f"expected as many values of both, got {of.shape[0]} and {one.shape[0]}")
    out = np.zeros(2)
    cdef double[::1] scratch = np.empty(of.shape[0])
    cdef double *out_at = <double *>doubles(out, 2)
    with DefaultArithmetic():
        with nogil:
            table.difference(&of[0], &one[0], of.shape[0], out_at, &scratch[0])
    return out


def first_versions(v):
    """(a,) int64 of each asset the first of the neighbours that are versions of it. numerics.md §16. v: ipvalue.cashflows.Vectors."""
    cdef Py_ssize_t n = v.offset.shape[0] - 1, a
    cdef simulation job
    cdef uncertain_inputs inputs
    drawn = getattr(v, "inputs", None)
    job.inputs = NULL
    if drawn is not None:
        memset(&inputs, 0, sizeof(inputs))
        for_inputs(&inputs, drawn, n, v.offset[n])
        job.inputs = &inputs
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
