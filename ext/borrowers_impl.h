/* The years in which borrowers default: docs/numerics.md §19, "Default". Included by kernel_impl.h only. */

/* Vectors of paths on their way at once, so many because the chain of operations from a word to a normal is long; and their paths. */
enum { FN(ABREAST) = 4, FN(ASKED) = FN(ABREAST) * OF(LANES) };

/* A loan's numbers, rounded to REAL once; of its first year the threshold and the span. */
typedef struct {
    int64_t years;
    REAL rho, root;
    const double *threshold;
    const int32_t *span;
} FN(loan);

/* What a run allocates. */
typedef struct {
    int64_t tile;
    FN(loan) *loans;     /* (l) */
    FN(factors) factors; /* rows: of the factors by period, one of zeros, and then of the spans of several periods */
    int64_t *row;        /* (1 + k) the row of zeros, and those of the spans */
} FN(lending);

static void FN(release_lending)(FN(lending) *s) {
    free(s->loans);
    free(s->row);
    free(s->factors.used);
    free(s->factors.slot);
    free(s->factors.rows);
    free(s->factors.shift);
}

static int FN(allocate_lending)(const borrowing *job, FN(lending) *s) {
    FN(factors) *f = &s->factors;
    const int64_t loans = job->loan_start[job->borrowers];
    s->loans = malloc((size_t)(loans + 1) * sizeof *s->loans);
    s->row = malloc((size_t)(job->spans + 1) * sizeof *s->row);
    f->slot = malloc((size_t)(job->factors + 1) * sizeof *f->slot);
    f->used = malloc((size_t)(job->factors + 1) * sizeof *f->used);
    if (!s->loans || !s->row || !f->slot || !f->used) return RUN_NO_MEMORY;
    for (int64_t j = 0; j < job->factors; j++) f->slot[j] = -1;
    for (int64_t k = 0; k < job->spans; k++) {
        const int64_t end = (int64_t)job->span_first[k] + job->span_count[k];
        f->slot[job->span_factor[k]] = 0;
        f->periods = end > f->periods ? end : f->periods;
    }
    FN(number_factors)(job->factors, f);
    int64_t rows = f->count * f->periods;
    s->row[0] = rows++;
    for (int64_t k = 0; k < job->spans; k++)
        s->row[1 + k] = job->span_count[k] > 1 ? rows++ : f->slot[job->span_factor[k]] * f->periods + job->span_first[k];
    s->tile = TILE_PATHS;
    while (s->tile > TILE_STEP && s->tile * rows * (int64_t)sizeof(REAL) > TILE_BYTES) s->tile -= TILE_STEP;
    f->stride = s->tile;
    f->rows = FN(room_for)(rows * f->stride * (int64_t)sizeof(REAL));
    if (job->sobol) f->shift = FN(room_for)(job->sobol->dimensions * REPLICATES * (int64_t)sizeof(uint32_t));
    if (!f->rows || (job->sobol && !f->shift)) return RUN_NO_MEMORY;
    memset(f->rows + s->row[0] * f->stride, 0, (size_t)f->stride * sizeof *f->rows);
    for (int64_t l = 0; l < loans; l++) {
        const int64_t start = job->year_start[l];
        const double rho = job->rho[l];
        s->loans[l] = (FN(loan)){job->year_start[l + 1] - start, (REAL)rho, (REAL)sqrt_f64(1.0 - rho * rho), job->threshold + start, job->span + start};
    }
    return RUN_OK;
}

/* G on the n paths of a tile, over the spans of several periods. */
static void FN(sum_spans)(const borrowing *job, const FN(lending) *s, int64_t n) {
    const FN(factors) *f = &s->factors;
    for (int64_t k = 0; k < job->spans; k++) {
        const int64_t count = job->span_count[k];
        if (count == 1) continue;
        const OF(reals) scale = OF(all)((REAL)(1.0 / sqrt_f64((double)count)));
        const REAL *from = f->rows + (f->slot[job->span_factor[k]] * f->periods + job->span_first[k]) * f->stride;
        REAL *to = f->rows + s->row[1 + k] * f->stride;
        for (int64_t i = 0; i < n; i += OF(LANES)) {
            OF(reals) sum = OF(load)(from + i);
            for (int64_t t = 1; t < count; t++) sum = sum + OF(load)(from + t * f->stride + i);
            OF(store)(to + i, sum * scale);
        }
    }
}

/* Whether loans ask for default in a year, from 0, on ASKED paths, the first in column i of the tile: where one does, `first` is that year, from 1. */
INLINE void FN(ask)(const FN(lending) *s, const FN(loan) *loan, const FN(loan) *end, int64_t year, const OF(reals) *normal, int64_t i, OF(reals) *first) {
    OF(mask) spared[FN(ABREAST)];
#pragma GCC unroll 4
    for (int u = 0; u < FN(ABREAST); u++) spared[u] = OF(lanes)((uint32_t)(((uint64_t)1 << OF(LANES)) - 1));
    for (; loan < end; loan++) {
        if (year >= loan->years) continue;
        const REAL *factor = s->factors.rows + s->row[1 + loan->span[year]] * s->factors.stride + i;
        const OF(reals) threshold = OF(all)((REAL)loan->threshold[year]);
#pragma GCC unroll 4
        for (int u = 0; u < FN(ABREAST); u++) {
            const OF(reals) common = OF(all)(loan->rho) * OF(load)(factor + u * OF(LANES));
            spared[u] = OF(both)(spared[u], OF(below)(threshold, OF(fmas)(OF(all)(loan->root), normal[u], common)));
        }
    }
#pragma GCC unroll 4
    for (int u = 0; u < FN(ABREAST); u++) first[u] = OF(choose)(spared[u], first[u], OF(all)((REAL)(year + 1)));
}

/* The default years of borrower b on the n paths of a tile from `path`; from the last year to the first, so that the first one stays. */
static void FN(default_years)(const borrowing *job, const FN(source) *source, const FN(lending) *s, int64_t b, int64_t path, int64_t n, uint8_t *years) {
    const FN(loan) *loans = s->loans + job->loan_start[b], *end = s->loans + job->loan_start[b + 1];
    const OF(words) counters = FN(counters)(source, PURPOSE_BORROWER, job->hash[b]), two = source->one + source->one;
    int64_t last = 0;
    for (const FN(loan) *loan = loans; loan < end; loan++) last = loan->years > last ? loan->years : last;
    const int64_t pairs = (last + 1) / 2;
    for (int64_t i = 0; i < n; i += FN(ASKED)) {
        OF(words) base[FN(ABREAST)], index = two * (uint32_t)pairs;
        OF(reals) first[FN(ABREAST)], normal[2][FN(ABREAST)];
#pragma GCC unroll 4
        for (int u = 0; u < FN(ABREAST); u++) {
            base[u] = FN(at_path)(source, counters, (uint32_t)(path + i + u * OF(LANES)));
            first[u] = OF(all)((REAL)0);
        }
        for (int64_t year = 2 * pairs - 2; year >= 0; year -= 2) {
            index -= two;
#pragma GCC unroll 4
            for (int u = 0; u < FN(ABREAST); u++)
                OF(normals)(OF(ars)(base[u] ^ index, source->key), OF(ars)(base[u] ^ (index + source->one), source->key), &normal[0][u], &normal[1][u]);
            if (year + 1 < last) FN(ask)(s, loans, end, year + 1, normal[1], i, first);
            FN(ask)(s, loans, end, year, normal[0], i, first);
        }
        REAL found[FN(ASKED)];
#pragma GCC unroll 4
        for (int u = 0; u < FN(ABREAST); u++) OF(store)(found + u * OF(LANES), first[u]);
        uint8_t whole[FN(ASKED)];
        for (int k = 0; k < FN(ASKED); k++) whole[k] = (uint8_t)(int32_t)found[k];
        memcpy(years + i, whole, n - i < FN(ASKED) ? (size_t)(n - i) : sizeof whole);
    }
}

static int FN(run_borrowers)(const borrowing *job) {
    FN(lending) s = {0};
    const FN(source) source = FN(make_source)(job->seed, 0);
    const simulation drawn = {.sobol = job->sobol, .factors = job->factors, .factor_matrix = job->factor_matrix, .factor_hash = job->factor_hash};
    FN(bridge) bridge;
    FN(make_bridge)(job->sobol, &bridge);
    int result = FN(allocate_lending)(job, &s);
    if (result == RUN_OK && job->sobol) FN(shift_factors)(&drawn, &source, &s.factors);
    for (int64_t path = 0; path < job->paths && result == RUN_OK; path += s.tile) {
        const int64_t n = job->paths - path < s.tile ? job->paths - path : s.tile;
        FN(draw_factors)(&drawn, &source, &bridge, &s.factors, job->first + path, n, 0);
        FN(sum_spans)(job, &s, n);
        for (int64_t k = 0; job->over && k < job->spans; k++)
            memcpy((REAL *)job->over + k * job->paths + path, s.factors.rows + s.row[1 + k] * s.factors.stride, (size_t)n * sizeof(REAL));
        if (*job->stop) result = RUN_STOPPED;
        for (int64_t b = 0; b < job->borrowers && result == RUN_OK; b++) {
            FN(default_years)(job, &source, &s, b, job->first + path, n, job->years + b * job->paths + path);
            if (*job->stop) result = RUN_STOPPED;
        }
    }
    FN(release_lending)(&s);
    return result;
}
