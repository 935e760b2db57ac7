# Sums over lots, and what they say of versions. Included by kernel.pyx only.


def lot_means(w, f, at, periods, rows, row, linear, first, order, int64_t paths, statistics, status, group=None, totals=None, bint keep=False):
    """(a, 2) mean and standard deviation of the difference of versions to others of them, and (a, L) their sums over lots, or None. numerics.md §20.

    w, f: of all versions, those of each from at (a,) int64 on for its periods (a,) int64. rows (r, L), as `simulate` made them of so many paths; row (a,)
    int64: the first that a version uses, its own or another's; linear (a,) uint8: whether its V is linear in w and f. order (a,) int64: in which they are
    described; first (a,) int64: with which version each is compared, the latest in this order that is compared with itself. statistics (a, 5), of which
    expected_life is given, takes mean and standard deviation, status (a,) int8 why a version has no sum. totals: (g·L, 2) uint64 words of 128-bit sums
    that are added to, group (a,) int32 its rows (-1: none).
    """
    cdef lot_job job
    cdef Py_ssize_t n = len(order)
    cdef double[:, ::1] sums = rows
    cdef int8_t[::1] status_view = status
    cdef int result
    paired = np.zeros((n, 2))
    values = np.empty((n, sums.shape[1])) if keep else None
    if n == 0:
        return paired, values
    check_lots(w, f, at, periods, rows, row, linear, first, order)
    check_room(n, paths, sums.shape[1], statistics, status, group, totals)
    job.versions = n
    job.lots = sums.shape[1]
    job.paths = paths
    job.lot_paths = lot_paths(paths, job.lots)
    job.order = longs(order, n)
    job.at = longs(at, n)
    job.periods = longs(periods, n)
    job.w = doubles(w, 0)
    job.f = doubles(f, 0)
    job.rows = &sums[0, 0]
    job.row = longs(row, n)
    job.linear = flags(linear, n)
    job.first = longs(first, n)
    job.group = ints(group, n)
    job.totals = wide(totals, 0)
    job.statistics = <double *>doubles(statistics.reshape(-1), n * STAT_QUANTILES)
    job.paired = <double *>doubles(paired.reshape(-1), 2 * n)
    job.status = &status_view[0]
    job.values = NULL if values is None else <double *>doubles(values.reshape(-1), values.size)
    job.stop = &stop_flag
    with nogil:
        result = table.lots(&job)
    _check(result)
    return paired, values
