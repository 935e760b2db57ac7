# Borrowers to the years in which they default, and factors over years. Included by kernel.pyx only.


cdef const int64_t NO_LOANS = 0


cdef void for_borrowers(borrowing *out, sobol_points *points, object spans, object factors, uint64_t seed, int64_t first, int64_t paths,
                        object sobol) except *:
    """No borrowers as yet, and what they share."""
    cdef Py_ssize_t k = len(spans.factor)
    cdef const double[:, ::1] matrix = factors.matrix
    check_paths(first, paths)
    memset(out, 0, sizeof(out[0]))
    out.paths = paths
    out.first = first
    out.seed = seed
    if sobol is not None:
        for_points(points, sobol, first, paths)
        out.sobol = points
    out.loan_start = &NO_LOANS
    out.spans = k
    out.span_factor = ints(spans.factor, k)
    out.span_first = ints(spans.first, k)
    out.span_count = ints(spans.count, k)
    out.factors = matrix.shape[0]
    out.factor_matrix = &matrix[0, 0] if matrix.size else NULL
    out.factor_hash = words(factors.hashes, matrix.shape[0])
    out.stop = &stop_flag


def default_years(borrowers, factors, *, seed, int64_t paths, bint single, int64_t first=0, sobol=None):
    """(b, p) uint8: on each path the first year, from 1, in which one of a borrower's loans asks for default; 0 where none does. numerics.md §19.

    borrowers: ipvalue.lending.defaults.Borrowers, which sees to it that its numbers fit each other; factors, first and sobol: as of simulate. The
    factors are drawn once for all borrowers.
    """
    cdef sobol_points points
    cdef borrowing job
    cdef Py_ssize_t n = len(borrowers.hash), count
    cdef int result = RUN_OK
    for_borrowers(&job, &points, borrowers.spans, factors, seed, first, paths, sobol)
    out = np.empty((n, paths), np.uint8)
    job.borrowers = n
    job.hash = words(borrowers.hash, n)
    job.loan_start = longs(borrowers.loan_start, n + 1)
    count = borrowers.loan_start[n]
    job.rho = doubles(borrowers.rho, count)
    job.year_start = longs(borrowers.year_start, count + 1)
    count = borrowers.year_start[count]
    job.threshold = doubles(borrowers.threshold, count)
    job.span = ints(borrowers.span, count)
    job.years = <uint8_t *>flags(out.reshape(-1), n * paths)
    if out.size:
        with nogil:
            result = table.borrowers_f32(&job) if single else table.borrowers_f64(&job)
        _check(result)
    return out


def factors_over(spans, factors, *, seed, int64_t paths, bint single, int64_t first=0, sobol=None):
    """(k, p) each factor over its span of periods: their sum, over the root of their number. numerics.md §19.

    spans: ipvalue.lending.defaults.Spans; factors, first and sobol: as of simulate.
    """
    cdef sobol_points points
    cdef borrowing job
    cdef int result = RUN_OK
    cdef float[:, ::1] out32
    cdef double[:, ::1] out64
    for_borrowers(&job, &points, spans, factors, seed, first, paths, sobol)
    out = np.empty((job.spans, paths), np.float32 if single else np.float64)
    if not out.size:
        return out
    if single:
        out32 = out
        job.over = &out32[0, 0]
    else:
        out64 = out
        job.over = &out64[0, 0]
    with nogil:
        result = table.borrowers_f32(&job) if single else table.borrowers_f64(&job)
    _check(result)
    return out
