/* What is said of one asset whose values are made. Included by kernel_impl.h only. docs/numerics.md §7, §16. */

/* Where the asset's row of statistics begins. */
INLINE double *FN(row_of)(const simulation *job, int64_t a) { return job->statistics + a * (STAT_QUANTILES + job->quantile_count); }

/* Copies of one asset whose values are made: of the values, and how many paths were alive. */
static void FN(copy_out)(const simulation *job, int64_t a, const FN(asset) *asset, const REAL *values, const int64_t *alive) {
    if (job->lived)
        for (int64_t t = 0; t < asset->whole_periods; t++) job->lived[job->offset[a] + t] += alive[t];
    if (job->values) memcpy((REAL *)job->values + a * job->paths, values, (size_t)job->paths * sizeof(REAL));
}

/* The status of values from extent.least to extent.most. Returns the greatest |V|, -1 where it has no sum. */
static double FN(judge)(const simulation *job, int64_t a, const FN(asset) *asset, const FN(extent) *extent) {
    job->status[a] = FN(status_of)(extent->least, extent->most);
    if (job->status[a] == STATUS_OK && job->sobol && asset->estimated) job->status[a] = FN(status_of_sums)(asset, job->sobol->points);
    const double low = (double)FN(value)(extent->least), high = (double)FN(value)(extent->most);
    return job->status[a] != STATUS_OK ? -1.0 : high > -low ? high : -low;
}

static double FN(life_of)(const simulation *job, int64_t a, const FN(asset) *asset, const int64_t *alive) {
    double life = 0.0;
    for (int64_t t = 0; t < asset->whole_periods; t++) life += (t + 1 < asset->whole_periods ? job->step[a] : job->last_delta[a]) * (double)alive[t];
    return life / (double)job->paths;
}

/* All statistics of one asset. Returns as `judge`. */
static double FN(finish)(const simulation *job, int64_t a, const FN(asset) *asset, const REAL *values, const int64_t *alive, KEY *keys, int64_t room) {
    const int64_t n = job->paths;
    double *row = FN(row_of)(job, a);
    FN(copy_out)(job, a, asset, values, alive);
    const FN(extent) extent = FN(make_keys)(values, n, keys);
    const double greatest = FN(judge)(job, a, asset, &extent);
    if (greatest < 0.0 || job->lived) return greatest;
    FN(describe)(values, n, job->quantiles, job->quantile_count, job->tail, row, &extent, keys, keys + room);
    row[STAT_LIFE] = FN(life_of)(job, a, asset, alive);
    return greatest;
}

/* Mean, deviation and life of one asset, the former ready. Returns as `judge`, but any bound of |V| where the values need no look. */
static double FN(finish_moments)(const simulation *job, int64_t a, const FN(asset) *asset, const FN(moments) *m, const int64_t *alive) {
    const int64_t n = job->paths;
    double *row = FN(row_of)(job, a), greatest = fabs(m->mean) + sqrt_f64(m->squares);
    FN(copy_out)(job, a, asset, m->values, alive);
    /* |V - mean| is at most the root of the sum of its squares, so most assets need no look at each value */
    const int doubtful = !(greatest < (job->totals ? SHARE_LIMIT : MONEY_LIMIT / 2.0));
    if (doubtful || (job->sobol && asset->estimated)) {
        const FN(extent) extent = FN(extent_of)(m->values, n);
        greatest = FN(judge)(job, a, asset, &extent);
    }
    if (greatest < 0.0) return greatest;
    row[STAT_MEAN] = m->mean;
    row[STAT_DEVIATION] = n > 1 ? sqrt_f64(m->squares / (double)(n - 1)) : 0.0;
    row[STAT_SHORTFALL] = row[STAT_LOSS] = NAN;
    row[STAT_LIFE] = FN(life_of)(job, a, asset, alive);
    return greatest;
}
