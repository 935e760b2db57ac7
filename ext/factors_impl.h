/* The factors of a tile of paths. Included by kernel_impl.h only. docs/numerics.md §4. */

/* Factors of a tile of paths: rows[slot][t][p]. */
typedef struct {
    int64_t count, periods, stride; /* factors that move anything, periods of the longest asset, numbers from a period to the next */
    int32_t *used;                  /* (count) their rows in the matrix, ascending */
    int32_t *slot;                  /* (s) place of a factor in `used` */
    REAL *rows;
    uint32_t *shift;                /* of sobol: (dimension, REPLICATES) */
} FN(factors);

/* Numbers the factors in use, whose slots are 0 while those of the others are -1. */
static void FN(number_factors)(int64_t factors, FN(factors) *f) {
    for (int64_t j = 0; j < factors; j++)
        if (f->slot[j] == 0) {
            f->slot[j] = (int32_t)f->count;
            f->used[f->count++] = (int32_t)j;
        }
}

/* The shifts of the dimensions that factors read. */
static void FN(shift_factors)(const simulation *job, const FN(source) *source, const FN(factors) *f) {
    for (int64_t d = 0; job->factors && d < job->sobol->dimensions; d++)
        FN(make_shifts)(source, job->factor_hash[d % job->factors], d, f->shift + d * REPLICATES);
}

/* Takes independent factor j in period t into the factors it has a part in, in the columns of a vector from `column`. */
INLINE void FN(spread)(const simulation *job, const FN(factors) *f, int64_t j, int64_t t, int64_t column, OF(reals) normal) {
    for (int64_t c = 0; c < f->count; c++) {
        if (j > f->used[c]) continue;
        const OF(reals) weight = OF(all)((REAL)job->factor_matrix[f->used[c] * job->factors + j]);
        REAL *row = f->rows + (c * f->periods + t) * f->stride + column;
        if (j == 0)
            OF(store)(row, weight * normal);
        else
            OF(store)(row, OF(fmas)(weight, normal, OF(load)(row)));
    }
}

/* The factors in use on n paths from `path`, into rows from column `at`: each independent factor is drawn once for all of them. */
static void FN(draw_factors)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, const FN(factors) *f, int64_t path, int64_t n,
                             int64_t at) {
    if (!f->count) return;
    for (int64_t i = 0; i < n; i += OF(LANES))
        for (int64_t j = 0; j <= f->used[f->count - 1]; j++) {
            const OF(words) base = FN(at_path)(source, FN(counters)(source, PURPOSE_FACTOR, job->factor_hash[j]), (uint32_t)(path + i)) ^ source->anew[STREAM_FACTOR];
            if (job->sobol) {
                const FN(feed) feed = {f->shift, j, job->factors, 0};
                const uint32_t point = (uint32_t)((path + i) / REPLICATES);
                OF(reals) walk[BRIDGE_MAX_PERIODS + 1][OF(UNROLL)];
                for (int64_t start = 0; start < f->periods; start += bridge->periods) {
                    const int64_t reach = f->periods - start < bridge->periods ? f->periods - start : bridge->periods;
                    FN(walk_bridge)(1, bridge, &feed, source, start, reach, &point, &base, (uint32_t)(path + i), walk);
                    for (int64_t t = 0; t < reach; t++) FN(spread)(job, f, j, start + t, at + i, walk[t + 1][0] - walk[t][0]);
                }
                continue;
            }
            OF(words) index = {0};
            for (int64_t t = 0; t < f->periods; t += 2) {
                OF(reals) normal[2];
                OF(normals)(OF(ars)(base ^ index, source->key), OF(ars)(base ^ (index + source->one), source->key), &normal[0], &normal[1]);
                index += source->one + source->one;
                for (int k = 0; k < 2 && t + k < f->periods; k++) FN(spread)(job, f, j, t + k, at + i, normal[k]);
            }
        }
}
