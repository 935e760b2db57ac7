/* Batch means: the sums of levels, of lives and of path values over lots of paths. Included by kernel_impl.h only. docs/numerics.md §20. */

/* Whether V is linear in w and f, so that the sums of its levels and lives over lots are enough. */
INLINE int FN(is_linear)(const FN(asset) *asset) { return !asset->optional && !asset->clamped && !asset->blended; }

/* From path number `path` on, how many of n paths are in the same lots but for the one that each is dealt into, and the first of these 16 lots. */
INLINE int64_t FN(dealt_alike)(const simulation *job, int64_t path, int64_t n, int64_t *lot) {
    const int64_t turn = path / job->lot_paths;
    *lot = 16 * turn;
    return (turn + 1) * job->lot_paths - path < n ? (turn + 1) * job->lot_paths - path : n;
}

/* Adds n numbers, the first of which is that of a path whose number is a multiple of 16, to 16 sums in turn. */
INLINE void FN(deal)(const REAL *values, int64_t n, double *sums) {
    reals_f64 sum[16 / LANES_f64];
#pragma GCC unroll 16
    for (int k = 0; k < 16 / LANES_f64; k++) sum[k] = load_f64(sums + k * LANES_f64);
    for (int64_t i = 0; i < n; i += 16)
#pragma GCC unroll 16
        for (int k = 0; k < 16 / LANES_f64; k++) sum[k] = sum[k] + OF(widened)(values + i + k * LANES_f64);
#pragma GCC unroll 16
    for (int k = 0; k < 16 / LANES_f64; k++) store_f64(sums + k * LANES_f64, sum[k]);
}

/* Deals n of the laid paths, from column i on, in one period: L_t where it is alive to 16 sums of levels, and whether it is to as many of lives. */
INLINE void FN(deal_period)(const int contested, const FN(asset) *asset, const FN(period) *now, const REAL *level, const FN(laid) *laid, int64_t i,
                            int64_t n, double *levels, double *lives) {
    REAL earned[FN(LAID)], here[16];
    OF(reals) count[16 / OF(LANES)];
#pragma GCC unroll 16
    for (int k = 0; k < 16 / OF(LANES); k++) count[k] = OF(all)((REAL)0);
    for (int64_t j = 0; j < n; j += 16)
#pragma GCC unroll 16
        for (int k = 0; k < 16 / OF(LANES); k++) {
            const int64_t at = j + k * OF(LANES);
            OF(words) survival, rival;
            OF(reals) raised = OF(load)(level + i + at);
            memcpy(&survival, laid->survival + i + at, sizeof survival);
            if (contested) {
                memcpy(&rival, laid->rival + i + at, sizeof rival);
                raised = OF(choose)(OF(within)(rival, now->rival_last), raised, raised * OF(all)(asset->entered));
            }
            OF(mask) living = OF(within)(survival, now->last);
            if (at + OF(LANES) > n) living = OF(both)(living, OF(lanes)(FN(lanes_before)(n - at)));
            OF(store)(earned + at, OF(only_where)(living, raised));
            count[k] = OF(add_where)(living, count[k], OF(all)((REAL)1));
        }
#pragma GCC unroll 16
    for (int k = 0; k < 16 / OF(LANES); k++) OF(store)(here + k * OF(LANES), count[k]);
    FN(deal)(earned, n, levels);
    FN(deal)(here, 16, lives);
}

/* Deals a linear asset on the first n of the laid paths from `path`. rows: (2 periods, lots), levels first. lead: whose survival is the asset's. */
static void FN(deal_linear)(const simulation *job, const FN(asset) *asset, const FN(asset) *lead, const FN(laid) *laid, int64_t path, int64_t n, double *rows) {
    for (int64_t i = 0, m, lot; i < n; i += m) {
        m = FN(dealt_alike)(job, path + i, n - i, &lot);
        double *levels = rows + lot, *lives = levels + asset->whole_periods * job->lot_count;
        for (int64_t t = 0; t < lead->periods; t++, levels += job->lot_count, lives += job->lot_count) {
            const REAL *level = laid->level + t * FN(LAID);
            if (asset->contested) FN(deal_period)(1, asset, lead->period + t, level, laid, i, m, levels, lives);
            else FN(deal_period)(0, asset, lead->period + t, level, laid, i, m, levels, lives);
        }
    }
}

/* Deals path values, those of the first n paths from `path`; what follows them up to a multiple of 16 is 0. */
static void FN(deal_values)(const simulation *job, const REAL *values, int64_t path, int64_t n, double *row) {
    for (int64_t i = 0, m, lot; i < n; i += m) {
        m = FN(dealt_alike)(job, path + i, n - i, &lot);
        FN(deal)(values + i, m, row + lot);
    }
}

/* All versions of a family on n paths from `path`, into their lots; names as in FN(walk_family). */
static int FN(deal_family)(const simulation *job, const FN(family) *family, FN(space) *s, const FN(source) *source, const FN(bridge) *bridge, int64_t first,
                           int64_t path, int64_t n, const REAL *common) {
    for (int64_t at = 0; at < n; at += FN(LAID)) {
        const int64_t m = n - at < FN(LAID) ? n - at : FN(LAID);
        if (*job->stop) return RUN_STOPPED;
        FN(lay)(&family->laying, job->sobol != NULL, source, bridge, path + at, m, common + at, s->factors.stride, &s->laid);
        for (int64_t b = family->first; b < family->first + family->count; b++) {
            const FN(asset) *asset = s->assets + b;
            double *rows = job->lots + job->lot_row[first + b] * job->lot_count;
            if (path + at == job->first)
                memset(rows, 0, (size_t)((FN(is_linear)(asset) ? 2 * asset->whole_periods : 1) * job->lot_count) * sizeof *rows);
            if (FN(is_linear)(asset)) {
                FN(deal_linear)(job, asset, s->assets + s->leader[b], &s->laid, path + at, m, rows);
                continue;
            }
            REAL values[FN(LAID)] = {0};
            FN(replay)(asset, job->sobol != NULL, &s->laid, path + at, m, values, s->alive + b * s->longest);
            for (int64_t i = m; i < FN(LAID); i++) values[i] = (REAL)0;
            FN(deal_values)(job, values, path + at, m, rows);
        }
    }
    return RUN_OK;
}

/* How long the assets of a batch live, and whether the sums of sobol are numbers. */
static void FN(finish_lots)(const simulation *job, FN(space) *s, int64_t first, int64_t count) {
    for (int64_t b = 0; b < count; b++) {
        const FN(asset) *asset = s->assets + b;
        int64_t *alive = s->alive + b * s->longest;
        const double *lives = job->lots + (job->lot_row[first + b] + asset->whole_periods) * job->lot_count;
        for (int64_t t = 0; FN(is_linear)(asset) && t < asset->whole_periods; t++, lives += job->lot_count) {
            alive[t] = 0;
            for (int64_t lot = 0; lot < job->lot_count; lot++) alive[t] += (int64_t)lives[lot];
        }
        job->status[first + b] = job->sobol && asset->estimated ? FN(status_of_sums)(asset, job->sobol->points) : STATUS_OK;
        FN(row_of)(job, first + b)[STAT_LIFE] = FN(life_of)(job, first + b, asset, alive);
    }
}
