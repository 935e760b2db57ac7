/* What assets are worth to a lender after some of their periods, path by path, added to slots. Included by versions_impl.h: levels are laid down.
 * docs/numerics.md §19, "Collateral". */

/* The looks of a batch's assets. */
typedef struct {
    int64_t most;      /* of one asset, and the end that they have; 0: there are none */
    FN(look) *looks;   /* (batch, most) */
    int64_t *count;    /* (batch) */
    FN(curve) *curves;
    REAL *lines;       /* (2, cells) */
    REAL *years;       /* (longest, LAID) the factor that lasting looks move with */
} FN(watch);

/* Whether an asset's looks are all along lines, none along a curve. */
static int FN(along_lines)(const look_set *set, int64_t a) {
    for (int64_t k = set->start[a]; k < set->start[a + 1]; k++)
        if (set->curve_entered[k] >= 0 || set->curve_open[k] >= 0) return 0;
    return 1;
}

/* After how many periods the last of an asset's lasting looks follows; 0: it has none. */
static int64_t FN(reach_of)(const look_set *set, int64_t a) {
    int64_t reach = 0;
    for (int64_t k = set->start[a]; k < set->start[a + 1]; k++)
        if (set->lasting[k] && set->period[k] >= reach) reach = set->period[k] + 1;
    return reach;
}

/* Room for the looks of a batch, and the curves in REAL. False where there is no memory. */
static int FN(allocate_watch)(const look_set *set, int64_t assets, int64_t batch, int64_t longest, FN(watch) *w) {
    if (!set) return 1;
    const int64_t cells = set->curves ? set->cell_start[set->curves] : 0;
    w->most = 1;
    for (int64_t a = 0; a < assets; a++) w->most = set->start[a + 1] - set->start[a] >= w->most ? set->start[a + 1] - set->start[a] + 1 : w->most;
    w->looks = malloc((size_t)(batch * w->most) * sizeof *w->looks);
    w->count = malloc((size_t)batch * sizeof *w->count);
    w->curves = malloc((size_t)(set->curves + 1) * sizeof *w->curves);
    w->lines = malloc((size_t)(2 * cells + 1) * sizeof *w->lines);
    w->years = calloc((size_t)(longest * FN(LAID) + 1), sizeof *w->years);
    if (!w->looks || !w->count || !w->curves || !w->lines || !w->years) return 0;
    for (int64_t i = 0; i < cells; i++) {
        w->lines[i] = (REAL)set->slope[i];
        w->lines[cells + i] = (REAL)set->level0[i];
    }
    for (int64_t c = 0; c < set->curves; c++) {
        const int64_t from = set->cell_start[c];
        w->curves[c] = (FN(curve)){w->lines + from, w->lines + cells + from, (KEY)set->first_cell[c], (KEY)(set->cell_start[c + 1] - from)};
    }
    return 1;
}

static void FN(release_watch)(FN(watch) *w) {
    free(w->looks);
    free(w->count);
    free(w->curves);
    free(w->lines);
    free(w->years);
}

/* The looks of a batch of `count` assets from `first` on, those left out that find nothing alive. */
static void FN(prepare_looks)(const simulation *job, const FN(asset) *assets, int64_t first, int64_t count, FN(watch) *w) {
    const look_set *set = job->looks;
    for (int64_t b = 0; b < count; b++) {
        const int64_t a = first + b;
        w->count[b] = 0;
        for (int64_t k = set->start[a]; k < set->start[a + 1]; k++) {
            const int64_t t = set->period[k], at = job->offset[a] + t;
            const int lasting = set->lasting[k], contested = assets[b].contested && !lasting;
            double *slot = set->slots + set->slot[k] * set->stride;
            if (!lasting && t >= assets[b].periods) {
                if (set->opens[k]) memset(slot, 0, (size_t)job->paths * sizeof *slot);
                continue;
            }
            const uint64_t enter = contested ? threshold(job->rival[at]) : (uint64_t)1 << 32;
            w->looks[b * w->most + w->count[b]++] = (FN(look)){
                .period = t,
                .last = lasting ? INT32_MAX : last_word(threshold(job->survival[at])),
                .rival_last = last_word(enter ? enter : 1),
                .entered = (REAL)set->entered[k],
                .open = (REAL)set->open[k],
                .minus_owed = -(REAL)set->owed[k],
                .curve_entered = set->curve_entered[k] < 0 ? NULL : w->curves + set->curve_entered[k],
                .curve_open = set->curve_open[k] < 0 ? NULL : w->curves + set->curve_open[k],
                .weight = set->weight[k],
                .slot = slot,
                .floored = set->floored[k],
                .lasting = (uint8_t)lasting,
                .opens = set->opens[k],
            };
        }
        w->looks[b * w->most + w->count[b]].period = NO_PERIOD;
    }
}

/* Slope and start of the curve's line at each of n levels. */
static void FN(read_curve)(const FN(curve) *curve, const REAL *restrict level, int64_t n, REAL *restrict slope, REAL *restrict start) {
    enum { MANTISSA = sizeof(REAL) == sizeof(float) ? FLT_MANT_DIG - 1 : DBL_MANT_DIG - 1, BIAS = sizeof(REAL) == sizeof(float) ? FLT_MAX_EXP - 1 : DBL_MAX_EXP - 1 };
    const KEY first = curve->first + (KEY)(BIAS << CURVE_BITS), most = curve->cells - 1;
    const REAL *slopes = curve->slope, *starts = curve->start;
    for (int64_t i = 0; i < n; i++) {
        KEY cell;
        memcpy(&cell, level + i, sizeof cell);
        cell = (cell >> (MANTISSA - CURVE_BITS)) - first;
        cell = cell < 0 ? 0 : cell > most ? most : cell;
        slope[i] = slopes[cell];
        start[i] = starts[cell];
    }
}

/* L_t, and where the rival has not entered: LANES of the laid paths from i on. multiplier: of these, NULL where the laid levels hold it. */
INLINE OF(reals) FN(seen)(const FN(asset) *asset, const FN(laid) *laid, int64_t t, int32_t rival_last, int64_t i, const REAL *multiplier, OF(mask) *out) {
    OF(words) rival;
    memcpy(&rival, laid->rival + i, sizeof rival);
    OF(reals) level = OF(load)(laid->level + t * FN(LAID) + i);
    *out = OF(within)(rival, rival_last);
    level = OF(choose)(*out, level, level * OF(all)(asset->entered));
    if (multiplier) level = level * OF(load)(multiplier + i);
    return level;
}

/* Where the first n of the laid paths live and were not given up after each of some periods, into laid->here. */
static void FN(mark_kept)(const FN(asset) *asset, const FN(laid) *laid, const REAL *multiplier, int64_t n, int64_t periods) {
    for (int64_t i = 0; i < n; i += OF(LANES)) {
        OF(words) word;
        memcpy(&word, laid->survival + i, sizeof word);
        OF(mask) kept = OF(lanes)((uint32_t)(((uint64_t)1 << OF(LANES)) - 1)), out;
        OF(mask) *here = laid->here + i / OF(LANES);
        for (int64_t t = 0; t < periods; t++, here += FN(LAID) / OF(LANES)) {
            const FN(period) *now = asset->period + t;
            const OF(reals) level = FN(seen)(asset, laid, t, now->rival_last, i, multiplier, &out);
            kept = OF(without)(kept, OF(below)(level, OF(choose)(out, OF(all)(now->bound_out), OF(all)(now->bound_in))));
            *here = OF(both)(kept, OF(within)(word, now->last));
        }
    }
}

/* v of a line on the first n of the laid paths, of an asset that is not optional and whose laid levels hold all but what a rival leaves. */
INLINE void FN(line)(const int contested, const FN(asset) *asset, const FN(look) *look, const FN(laid) *laid, int64_t n, REAL *v) {
    const REAL *level = laid->level + look->period * FN(LAID);
    for (int64_t i = 0; i < n; i += OF(LANES)) {
        OF(words) word;
        OF(mask) out;
        OF(reals) now, of = OF(all)(look->open);
        memcpy(&word, laid->survival + i, sizeof word);
        if (contested) {
            now = FN(seen)(asset, laid, look->period, look->rival_last, i, NULL, &out);
            of = OF(choose)(out, of, OF(all)(look->entered));
        } else
            now = OF(load)(level + i);
        OF(store)(v + i, OF(fmas_where)(OF(within)(word, look->last), of, now, OF(all)(look->minus_owed)));
    }
}
static void FN(line_alone)(const FN(asset) *asset, const FN(look) *look, const FN(laid) *laid, int64_t n, REAL *v) { FN(line)(0, asset, look, laid, n, v); }
static void FN(line_contested)(const FN(asset) *asset, const FN(look) *look, const FN(laid) *laid, int64_t n, REAL *v) { FN(line)(1, asset, look, laid, n, v); }

/* v of any look; of an optional asset `here` is marked. */
static void FN(view)(const FN(asset) *asset, const FN(look) *look, const FN(laid) *laid, const REAL *multiplier, int64_t n, REAL *v) {
    REAL level[FN(LAID)], slope[2][FN(LAID)], start[2][FN(LAID)];
    const FN(curve) *const curves[2] = {look->curve_open, look->curve_entered};
    const REAL lines[2] = {look->open, look->entered};
    const int64_t whole = (n + OF(LANES) - 1) / OF(LANES) * OF(LANES);
    OF(mask) out[FN(LAID) / OF(LANES)];
    for (int64_t i = 0; i < whole; i += OF(LANES))
        OF(store)(level + i, FN(seen)(asset, laid, look->period, look->rival_last, i, multiplier, out + i / OF(LANES)));
    for (int side = 0; side < 2; side++) {
        if (curves[side])
            FN(read_curve)(curves[side], level, whole, slope[side], start[side]);
        else
            for (int64_t i = 0; i < whole; i++) {
                slope[side][i] = lines[side];
                start[side][i] = look->minus_owed;
            }
    }
    for (int64_t i = 0; i < whole; i += OF(LANES)) {
        const int64_t j = i / OF(LANES);
        OF(words) word;
        memcpy(&word, laid->survival + i, sizeof word);
        const OF(mask) here = asset->optional && !look->lasting ? laid->here[look->period * (FN(LAID) / OF(LANES)) + j] : OF(within)(word, look->last);
        const OF(reals) of = OF(choose)(out[j], OF(load)(slope[0] + i), OF(load)(slope[1] + i));
        OF(store)(v + i, OF(fmas_where)(here, of, OF(load)(level + i), OF(choose)(out[j], OF(load)(start[0] + i), OF(load)(start[1] + i))));
    }
}

/* Clears n columns from `column` on of the slots that an asset's looks open. */
static void FN(open_slots)(const FN(look) *looks, int64_t count, int64_t column, int64_t n) {
    for (int64_t k = 0; k < count; k++)
        if (looks[k].opens) memset(looks[k].slot + column, 0, (size_t)n * sizeof(double));
}

/* After how many periods the last of the lasting looks follows, or of the others; 0: there is none. */
static int64_t FN(reach_of_looks)(const FN(look) *looks, int64_t count, int lasting) {
    int64_t reach = 0;
    for (int64_t k = 0; k < count; k++)
        if (looks[k].lasting == lasting) reach = looks[k].period + 1;
    return reach;
}

/* All looks of one asset, the lasting ones or the others, up to `reach`, on the first n of the laid paths: those from number `path` on, with the
 * slots' columns from `column` on. */
static void FN(look_at)(const FN(asset) *asset, const FN(look) *looks, int64_t count, int lasting, int64_t reach, const FN(laid) *laid, int64_t path,
                        int64_t column, int64_t n) {
    const REAL *multiplier = asset->blended ? asset->drawn.multiplier + (path - asset->drawn.from) : NULL;
    REAL v[FN(LAID)];
    if (asset->optional && !lasting) FN(mark_kept)(asset, laid, multiplier, n, reach);
    for (int64_t k = 0; k < count; k++) {
        const FN(look) *look = looks + k;
        if (look->lasting != lasting) continue;
        if (asset->optional || multiplier || look->curve_open || look->curve_entered)
            FN(view)(asset, look, laid, multiplier, n, v);
        else
            (asset->contested ? FN(line_contested) : FN(line_alone))(asset, look, laid, n, v);
        if (look->floored)
            FN(add_floored)(v, n, look->slot + column);
        else
            FN(add_weighted)(look->weight, v, n, look->slot + column);
    }
}

/* The factor over whole years on n paths, with the columns from `column` on, for all years up to `reach`. */
static void FN(take_years)(const look_set *set, int32_t factor, int64_t reach, int64_t column, int64_t n, REAL *years) {
    const REAL *from = (const REAL *)set->years + factor * set->factor_stride + column;
    for (int64_t y = 0; y < reach; y++) memcpy(years + y * FN(LAID), from + y * set->year_stride, (size_t)n * sizeof *years);
}

/* The path values of a batch of `count` assets from `first` on, into their slots. */
static void FN(add_worths)(const look_set *set, int64_t first, int64_t count, const REAL *values, int64_t room, int64_t n) {
    for (int64_t a = first; a < first + count; a++) {
        if (set->worth[a] < 0) continue;
        double *slot = set->slots + set->worth[a] * set->stride;
        if (set->worth_opens[a]) memset(slot, 0, (size_t)n * sizeof *slot);
        FN(add_weighted)(set->share[a], values + (a - first) * room, n, slot);
    }
}
