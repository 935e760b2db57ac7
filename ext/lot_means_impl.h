/* Sums over lots -> mean, deviation and what versions differ by. Included by kernel_isa.h only, after both precisions. docs/numerics.md §20. */
#define FN(name) NAMED(name, ISA)
enum { FN(ABREAST) = LANES_f64 == 8 ? 2 : 1 }; /* vectors of lots */
#define MOST_ABREAST 4                         /* versions */

/* How many paths fall into each lot, and the reciprocals; at most how many; how many lots have any. */
typedef struct {
    double size[LOTS], share[LOTS], largest;
    int64_t filled;
} FN(lot_sizes);

static void FN(measure_lots)(const lot_job *job, FN(lot_sizes) *sizes) {
    for (int64_t lot = 0; lot < job->lots; lot++) {
        const int64_t left = job->paths - lot / 16 * job->lot_paths, dealt = left < job->lot_paths ? left : job->lot_paths;
        const int64_t size = dealt > lot % 16 ? (dealt - lot % 16 + 15) / 16 : 0;
        sizes->size[lot] = (double)size;
        sizes->share[lot] = size ? 1.0 / (double)size : 0.0;
        sizes->filled += size > 0;
    }
    sizes->largest = sizes->size[0];
}

/* The sums of V of some linear versions that share their rows, over ABREAST vectors of lots, from the rows of levels and lives on. V: (MOST_ABREAST, LOTS) */
INLINE void FN(value_some)(const int versions, const int64_t *at, const double *w, const double *f, int64_t periods, int64_t lots, const double *levels,
                           const double *lives, double *V) {
    reals_f64 value[MOST_ABREAST][FN(ABREAST)];
#pragma GCC unroll 8
    for (int k = 0; k < versions; k++)
#pragma GCC unroll 8
        for (int j = 0; j < FN(ABREAST); j++) value[k][j] = all_f64(0.0);
    for (int64_t t = 0; t < periods; t++, levels += lots, lives += lots) {
        reals_f64 level[FN(ABREAST)], life[FN(ABREAST)];
#pragma GCC unroll 8
        for (int j = 0; j < FN(ABREAST); j++) {
            level[j] = load_f64(levels + j * LANES_f64);
            life[j] = load_f64(lives + j * LANES_f64);
        }
#pragma GCC unroll 8
        for (int k = 0; k < versions; k++) {
            const reals_f64 earns = all_f64(w[at[k] + t]), minus_costs = all_f64(-f[at[k] + t]);
#pragma GCC unroll 8
            for (int j = 0; j < FN(ABREAST); j++) value[k][j] = fmas_f64(minus_costs, life[j], fmas_f64(earns, level[j], value[k][j]));
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < versions; k++)
#pragma GCC unroll 8
        for (int j = 0; j < FN(ABREAST); j++) store_f64(V + k * LOTS + j * LANES_f64, value[k][j]);
}

/* How many versions from place i of the order on are linear, have as many periods, and share their rows. */
static int FN(abreast_from)(const lot_job *job, int64_t i) {
    const int64_t a = job->order[i];
    int count = 1;
    for (; count < MOST_ABREAST && i + count < job->versions; count++) {
        const int64_t b = job->order[i + count];
        if (!job->linear[a] || !job->linear[b] || job->row[a] != job->row[b] || job->periods[a] != job->periods[b]) break;
    }
    return count;
}

/* V of `count` versions from place i of the order on, as abreast_from found them. */
static void FN(value_lots)(const lot_job *job, int64_t i, int count, double *V) {
    const int64_t a = job->order[i], periods = job->periods[a];
    int64_t at[MOST_ABREAST];
    for (int k = 0; k < count; k++) at[k] = job->at[job->order[i + k]];
    const double *rows = job->rows + job->row[a] * job->lots, *lives = rows + periods * job->lots;
    if (!job->linear[a]) memcpy(V, rows, (size_t)job->lots * sizeof *V);
    for (int64_t lot = 0; job->linear[a] && lot < job->lots; lot += FN(ABREAST) * LANES_f64) {
        if (count == MOST_ABREAST) FN(value_some)(MOST_ABREAST, at, job->w, job->f, periods, job->lots, rows + lot, lives + lot, V + lot);
        else
            for (int k = 0; k < count; k++)
                FN(value_some)(1, at + k, job->w, job->f, periods, job->lots, rows + lot, lives + lot, V + k * LOTS + lot);
    }
}

/* Sums over the lots: of (V - size·mean)^2 by their sizes, which V less that goes into `apart` for, and of the same of the difference to `first`. */
static void FN(spread_lots)(const lot_job *job, const FN(lot_sizes) *sizes, double mean, const double *V, const double *first, double *apart,
                            double *squares, double *between) {
    reals_f64 square[16 / LANES_f64], other[16 / LANES_f64];
    double stripes[16], others[16];
    for (int k = 0; k < 16 / LANES_f64; k++) square[k] = other[k] = all_f64(0.0);
    for (int64_t lot = 0; lot < job->lots; lot += 16)
#pragma GCC unroll 16
        for (int k = 0; k < 16 / LANES_f64; k++) {
            const int64_t at = lot + k * LANES_f64;
            const reals_f64 share = load_f64(sizes->share + at);
            const reals_f64 off = fmas_f64(all_f64(-mean), load_f64(sizes->size + at), load_f64(V + at)), d = off - load_f64(first + at);
            store_f64(apart + at, off);
            square[k] = fmas_f64(off * share, off, square[k]);
            other[k] = fmas_f64(d * share, d, other[k]);
        }
    for (int k = 0; k < 16 / LANES_f64; k++) {
        store_f64(stripes + k * LANES_f64, square[k]);
        store_f64(others + k * LANES_f64, other[k]);
    }
    *squares = FN(tree_f64)(stripes);
    *between = FN(tree_f64)(others);
}

/* Why a version has no sum; greatest: at least its greatest |V|. */
static int8_t FN(judge_lots)(const lot_job *job, const FN(lot_sizes) *sizes, const double *V, double mean, double squares, double *greatest) {
    /* |V - size·mean| is at most the root of size times the sum of squares, so most versions need no look at each lot */
    *greatest = sizes->largest * fabs(mean) + sqrt_f64(sizes->largest * squares);
    if (*greatest < SHARE_LIMIT / 2.0) return STATUS_OK;
    const FN(extent_f64) extent = FN(extent_of_f64)(V, job->lots);
    const double low = (double)FN(value_f64)(extent.least), high = (double)FN(value_f64)(extent.most);
    *greatest = high > -low ? high : -low;
    return FN(status_of_f64)(extent.least, extent.most);
}

static double FN(deviation_of_lots)(const FN(lot_sizes) *sizes, double squares) {
    return sizes->filled > 1 ? sqrt_f64(squares / (double)(sizes->filled - 1)) : 0.0;
}

/* One version. of_first: its lots' V less size·mean, of the version that it is compared with; summed: whether that has a sum; mean_first: its mean. */
static void FN(describe_version)(const lot_job *job, const FN(lot_sizes) *sizes, FN(sums_f64) *sums, int64_t a, const double *V, double *of_first,
                                 int *summed, double *mean_first) {
    double apart[LOTS], stripes[16] = {0}, squares, between, greatest = 0.0;
    double *row = job->statistics + a * STAT_QUANTILES, *paired = job->paired + 2 * a;
    FN(add_to_stripes_f64)(V, job->lots, stripes);
    const double mean = FN(tree_f64)(stripes) / (double)job->paths;
    FN(spread_lots)(job, sizes, mean, V, of_first, apart, &squares, &between);
    if (job->status[a] == STATUS_OK) job->status[a] = FN(judge_lots)(job, sizes, V, mean, squares, &greatest);
    if (job->values) memcpy(job->values + a * job->lots, V, (size_t)job->lots * sizeof *V);
    const int good = job->status[a] == STATUS_OK, first = job->first[a] == a;
    if (first) {
        memcpy(of_first, apart, (size_t)job->lots * sizeof *apart);
        *summed = good;
        *mean_first = mean;
    }
    row[STAT_MEAN] = good ? mean : 0.0;
    row[STAT_DEVIATION] = good ? FN(deviation_of_lots)(sizes, squares) : 0.0;
    row[STAT_SHORTFALL] = row[STAT_LOSS] = good ? NAN : 0.0;
    if (!good) row[STAT_LIFE] = 0.0;
    paired[0] = good && *summed ? mean - *mean_first : NAN;
    paired[1] = !good || !*summed ? NAN : first ? 0.0 : FN(deviation_of_lots)(sizes, between);
    if (!good || !job->totals || job->group[a] < 0) return;
    const FN(share_f64) share = {job->group[a], 0, greatest};
    FN(add_group_f64)(sums, &share, 1, V, 0);
}

static int FN(describe_lots)(const lot_job *job) {
    const simulation adding = {.assets = job->versions, .paths = job->lots, .group = job->group, .totals = job->totals};
    FN(lot_sizes) sizes = {{0}, {0}, 0.0, 0};
    FN(sums_f64) sums = {0};
    double V[MOST_ABREAST * LOTS], of_first[LOTS] = {0}, mean_first = 0.0;
    int summed = 0, result = FN(allocate_sums_f64)(&adding, &sums) ? RUN_OK : RUN_NO_MEMORY;
    FN(measure_lots)(job, &sizes);
    for (int64_t i = 0, count; result == RUN_OK && i < job->versions; i += count) {
        count = FN(abreast_from)(job, i);
        FN(value_lots)(job, i, (int)count, V);
        for (int64_t k = 0; k < count; k++) FN(describe_version)(job, &sizes, &sums, job->order[i + k], V + k * LOTS, of_first, &summed, &mean_first);
        if (*job->stop) result = RUN_STOPPED;
    }
    if (result == RUN_OK) FN(settle_all_f64)(&sums);
    free(sums.units);
    free(sums.held);
    return result;
}
#undef FN
#undef MOST_ABREAST
