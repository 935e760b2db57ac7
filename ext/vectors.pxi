# Drivers to period vectors, closed forms, renewal boundaries and value curves. Included by kernel.pyx only.


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
    drawn = getattr(v, "inputs", None)
    job.multiplier = doubles(None if drawn is None else drawn.mean, n)
    job.multiplier_square = doubles(None if drawn is None else drawn.square, n)
    job.mean = <double *>doubles(mean, n)
    job.variance = <double *>doubles(variance, n)
    if n:
        with nogil:
            table.closed_forms(&job)
    return mean, variance


cdef Py_ssize_t for_stopping(stopping *out, object v, object bound_out, object bound_in) except -1:
    """The assets of v, which are counted, with room for their boundaries."""
    cdef Py_ssize_t n = v.offset.shape[0] - 1, size = v.offset[n]
    out.assets = n
    out.offset = longs(v.offset, n + 1)
    out.w = doubles(v.w, size)
    out.f = doubles(v.f, size)
    out.survival = doubles(v.survival, size)
    out.rival = doubles(v.rival, size)
    out.salvage = doubles(v.salvage, size)
    out.low = doubles(v.low, size)
    out.high = doubles(v.high, size)
    out.volatility = doubles(v.volatility, n)
    out.uncertainty = doubles(v.uncertainty, n)
    out.entry_loss = doubles(v.entry_loss, n)
    out.royalty_low = doubles(v.royalty_low, n)
    out.royalty_high = doubles(v.royalty_high, n)
    out.step = doubles(v.step, n)
    drawn = getattr(v, "inputs", None)
    out.least = doubles(None if drawn is None else drawn.least, n)
    out.greatest = doubles(None if drawn is None else drawn.greatest, n)
    out.optional = flags(v.optional, n)
    out.clamped = flags(v.clamped, n)
    out.enters = flags(v.enters, n)
    out.bound_out = <double *>doubles(bound_out, size)
    out.bound_in = <double *>doubles(bound_in, size)
    out.stop = &stop_flag
    out.asked = NULL
    return n


def boundary(v):
    """Renewal boundaries (offset[a],), (offset[a],) before and after the rival's entry; 0 where the asset is never given up. numerics.md §9."""
    cdef stopping job
    cdef int result = RUN_OK
    out, entered = np.zeros(v.offset[-1]), np.zeros(v.offset[-1])
    if for_stopping(&job, v, out, entered):
        with nogil:
            result = table.boundaries(&job)
    _check(result)
    return out, entered


def value_curves(v, start, period, discount):
    """Renewal boundaries as `boundary` gives them, and ipvalue.value_curves.ValueCurves of what is expected after some periods. numerics.md §19.

    start, (a + 1) int64, and period, (k,) int32: those of asset a are period[start[a]] … period[start[a + 1] − 1], ascending, from 0 on. discount,
    (k,): what money at the end of each is worth today.
    """
    cdef stopping job
    cdef asked_curves asked
    cdef int result = RUN_OK
    cdef Py_ssize_t k = period.shape[0]
    out, entered = np.zeros(v.offset[-1]), np.zeros(v.offset[-1])
    first_cell, cells = np.zeros(k, np.int64), np.zeros(k, np.int64)
    if not for_stopping(&job, v, out, entered):
        return out, entered, laid(start, None, first_cell, cells)
    check_asked(start, period, job.assets)
    asked.start = longs(start, job.assets + 1)
    asked.period = ints(period, k)
    asked.discount = doubles(discount, k)
    asked.first_cell = <int64_t *>longs(first_cell, k)
    asked.cells = <int64_t *>longs(cells, k)
    job.asked = &asked
    with nogil:
        result = table.count_cells(&job)
    _check(result)
    curves = laid(start, v.enters, first_cell, cells)
    places = curves.cell
    asked.cell = longs(places, k)
    asked.slope = <double *>doubles(curves.slope, 0)
    asked.level0 = <double *>doubles(curves.level0, 0)
    with nogil:
        result = table.boundaries(&job)
    _check(result)
    return out, entered, curves
