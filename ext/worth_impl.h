/* What a look at an asset is, and what it says that paths are worth, added to a slot. Included by paths_impl.h only. docs/numerics.md §19, "Collateral". */

/* A value curve: the line in each of its cells, of which the first begins with the level numbered `first`. */
typedef struct {
    const REAL *slope, *start;
    KEY first, cells;
} FN(curve);

/* One look, its numbers rounded to REAL once. */
typedef struct {
    int64_t period; /* NO_PERIOD: the end of an asset's looks */
    int32_t last, rival_last;
    REAL entered, open, minus_owed;
    const FN(curve) *curve_entered, *curve_open; /* NULL: the line of those above */
    double weight, *slot;                        /* slot: of the first of the paths */
    uint8_t floored, lasting, opens;
} FN(look);

/* Adds what n numbers count for to a slot, or puts it where the slot opens. */
INLINE void FN(add_worth)(const int floored, const int opens, double weight, const REAL *v, int64_t n, double *slot) {
    enum { L = LANES_f64 };
    const int64_t whole = n / L * L;
    for (int64_t i = 0; i < whole; i += L) {
        reals_f64 x = OF(widened)(v + i);
        if (floored)
            x = most_f64(x, all_f64(0.0));
        else
            x = all_f64(weight) * x;
        store_f64(slot + i, (opens ? all_f64(0.0) : load_f64(slot + i)) + x);
    }
    for (int64_t i = whole; i < n; i++) {
        const double x = (double)v[i];
        slot[i] = (opens ? 0.0 : slot[i]) + (floored ? (x > 0.0 ? x : 0.0) : weight * x);
    }
}
static void FN(add_floored)(const REAL *v, int64_t n, double *slot) { FN(add_worth)(1, 0, 1.0, v, n, slot); }
static void FN(add_weighted)(double weight, const REAL *v, int64_t n, double *slot) { FN(add_worth)(0, 0, weight, v, n, slot); }

/* What a look says of n paths, whatever it is. */
static __attribute__((noinline)) void FN(take_some)(const FN(look) *look, const REAL *v, int64_t n, double *slot) {
    if (look->opens) memset(slot, 0, (size_t)n * sizeof *slot);
    if (look->floored)
        FN(add_floored)(v, n, slot);
    else
        FN(add_weighted)(look->weight, v, n, slot);
}

/* What a look along a line says of GROUP paths, of which n count, into its slot from `slot` on. level: of these before the rival; general: it may
 * have come, and leaves `entered` of the level. */
INLINE void FN(take_look)(const int general, const FN(look) *look, REAL entered, const OF(words) *survival, const OF(words) *rival, const REAL *level,
                          int64_t n, double *slot) {
    REAL v[FN(GROUP)];
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        OF(reals) now = OF(load)(level + u * OF(LANES)), of = OF(all)(look->open);
        if (general) {
            const OF(mask) out = OF(within)(rival[u], look->rival_last);
            now = OF(choose)(out, now, now * OF(all)(entered));
            of = OF(choose)(out, of, OF(all)(look->entered));
        }
        OF(store)(v + u * OF(LANES), OF(fmas_where)(OF(within)(survival[u], look->last), of, now, OF(all)(look->minus_owed)));
    }
    if (!look->floored || n < FN(GROUP))
        FN(take_some)(look, v, n, slot);
    else if (look->opens)
        FN(add_worth)(1, 1, 1.0, v, FN(GROUP), slot);
    else
        FN(add_worth)(1, 0, 1.0, v, FN(GROUP), slot);
}


/* After how many periods the last of some looks follows. */
static int64_t FN(reach_of_all)(const FN(look) *looks) {
    int64_t reach = 0;
    for (; looks->period < NO_PERIOD; looks++) reach = looks->period + 1;
    return reach;
}
