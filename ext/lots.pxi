# Sums over lots, and what they say of versions. Included by kernel.pyx only.


def lot_means(v, rows, row, linear, first, int64_t paths, statistics, status, group=None, totals=None, bint keep=False):
    """(a, 2) mean and standard deviation of the difference of versions to others of them, and (a, L) their sums over lots, or None. numerics.md §20.

    v: ipvalue.cashflows.Vectors, of which w and f are used; rows (r, L), as `simulate` made them of so many paths; row (a,) int64: the first that a
    version uses, its own or another's; linear (a,) uint8: whether its V is linear in w and f; first (a,) int64: with which version each is
    compared, at or before it. statistics (a, 5), of which expected_life is given, takes mean and standard deviation, status (a,) int8 why a version
    has no sum. totals: (g·L, 2) uint64 words of 128-bit sums that are added to, group (a,) int32 its rows (-1: none).
    """
    cdef lot_job job
    cdef Py_ssize_t n = v.offset.shape[0] - 1
    cdef double[:, ::1] sums = rows
    cdef int8_t[::1] status_view = status
    cdef int result
    paired = np.zeros((n, 2))
    values = np.empty((n, sums.shape[1])) if keep else None
    if n == 0:
        return paired, values
    places, versions = np.asarray(row[:n]), np.arange(n)
    needed = places + np.where(linear[:n], 2 * np.diff(v.offset), 1)
    if sums.shape[1] > LOTS or sums.shape[1] % REPLICATES or places.min() < 0 or needed.max() > sums.shape[0]:
        raise ValueError(f"({sums.shape[0]}, {sums.shape[1]}) sums for {n} versions that need {needed.max()}, of at most {LOTS} lots")
    if first[0] != 0 or (first[:n] > versions).any() or (first[:n] < np.maximum.accumulate(np.where(first[:n] == versions, versions, 0))).any():
        raise ValueError("a version is compared with the last before it that is compared with itself")
    if status_view.shape[0] < n or statistics.shape[1] != STAT_QUANTILES:
        raise ValueError(f"statistics {statistics.shape} and status ({status_view.shape[0]},) of {n} versions")
    job.versions = n
    job.lots = sums.shape[1]
    job.paths = paths
    job.lot_paths = lot_paths(paths, job.lots)
    job.offset = longs(v.offset, n + 1)
    job.w = doubles(v.w, v.offset[n])
    job.f = doubles(v.f, v.offset[n])
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


def lot_owners(v):
    """(a,) int64 of each version the first of its neighbours that its sums over lots are those of, its own place where they are its own: both linear
    in w and f, on the same paths, alive and contested alike. numerics.md §20. v: ipvalue.cashflows.Vectors."""
    cdef Py_ssize_t n = v.offset.shape[0] - 1, a, one
    cdef const int64_t[::1] first = first_versions(v), offset = v.offset
    cdef const double[::1] survival = v.survival, rival = v.rival, loss = v.entry_loss
    cdef const uint8_t[::1] enters = v.enters, linear = v.exact.view(np.uint8)
    cdef Py_ssize_t size
    out = np.arange(n)
    cdef int64_t[::1] view = out
    for a in range(n):
        one = first[a]
        size = offset[a + 1] - offset[a]
        if one == a or not linear[a] or not linear[one] or offset[one + 1] - offset[one] != size or enters[a] != enters[one]:
            continue
        if size and memcmp(&survival[offset[a]], &survival[offset[one]], size * sizeof(double)):
            continue
        if enters[a] and (loss[a] != loss[one] or size and memcmp(&rival[offset[a]], &rival[offset[one]], size * sizeof(double))):
            continue
        view[a] = one
    return out
