/* The statistics of one asset, for REAL. Included by kernel_impl.h only. docs/numerics.md §7. */

/* What one pass over an asset's values finds. */
typedef struct {
    KEY least, most;
    double sum; /* striped */
} FN(extent);

/* The 16 stripes of a sum, added as a binary tree. */
INLINE double FN(tree)(double stripe[16]) {
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) stripe[j] += stripe[j + half];
    return stripe[0];
}

/* Keys of n values, the least and greatest of them, and the values' sum. */
static FN(extent) FN(make_keys)(const REAL *values, int64_t n, KEY *keys) {
    enum { L = LANES_f64 };
    FN(extent) found = {KEY_MOST, -KEY_MOST - 1, 0.0};
    OF(bits) low = OF(all_keys)(KEY_MOST), high = OF(all_keys)(-KEY_MOST - 1);
    reals_f64 sum[16 / L];
    double stripe[16];
    const int64_t whole = n & ~(int64_t)15;
    for (int k = 0; k < 16 / L; k++) sum[k] = all_f64(0.0);
    for (int64_t i = 0; i < whole; i += 16) {
#pragma GCC unroll 4
        for (int k = 0; k < 16; k += OF(LANES)) {
            const OF(bits) key = OF(order)((OF(bits))OF(load)(values + i + k));
            OF(store_keys)(keys + i + k, key);
            low = OF(least_keys)(low, key);
            high = OF(most_keys)(high, key);
        }
#pragma GCC unroll 4
        for (int k = 0; k < 16 / L; k++) sum[k] = sum[k] + OF(widened)(values + i + k * L);
    }
    for (int k = 0; k < OF(LANES); k++) {
        found.least = low[k] < found.least ? low[k] : found.least;
        found.most = high[k] > found.most ? high[k] : found.most;
    }
    for (int k = 0; k < 16 / L; k++) store_f64(stripe + k * L, sum[k]);
    for (int64_t i = whole; i < n; i++) {
        KEY b;
        memcpy(&b, values + i, sizeof b);
        keys[i] = b ^ (b < 0 ? KEY_MOST : 0);
        found.least = keys[i] < found.least ? keys[i] : found.least;
        found.most = keys[i] > found.most ? keys[i] : found.most;
        stripe[i - whole] += (double)values[i];
    }
    found.sum = FN(tree)(stripe);
    return found;
}

/* Sums over the values V_p: of (V - mean)^2 and of V where V < c, both striped; how many are less than c and than 0. */
typedef struct {
    double squares, tail;
    int64_t less, losses;
} FN(measured);

static FN(measured) FN(measure)(const REAL *values, int64_t n, double mean, double c) {
    enum { L = LANES_f64 };
    FN(measured) found = {0.0, 0.0, 0, 0};
    reals_f64 square[16 / L], tail[16 / L];
    double squares[16], tails[16];
    const int64_t whole = n & ~(int64_t)15;
    for (int k = 0; k < 16 / L; k++) square[k] = tail[k] = all_f64(0.0);
    for (int64_t i = 0; i < whole; i += 16) {
#pragma GCC unroll 4
        for (int k = 0; k < 16 / L; k++) {
            const reals_f64 v = OF(widened)(values + i + k * L), off = v - all_f64(mean);
            const mask_f64 less = below_f64(v, all_f64(c));
            square[k] = square[k] + off * off;
            tail[k] = add_where_f64(less, tail[k], v);
            found.less += __builtin_popcount(lanes_of_f64(less));
        }
#pragma GCC unroll 4
        for (int k = 0; k < 16; k += OF(LANES)) found.losses += __builtin_popcount(OF(lanes_of)(OF(below)(OF(load)(values + i + k), OF(all)((REAL)0))));
    }
    for (int k = 0; k < 16 / L; k++) {
        store_f64(squares + k * L, square[k]);
        store_f64(tails + k * L, tail[k]);
    }
    for (int64_t i = whole; i < n; i++) {
        const double v = (double)values[i];
        squares[i - whole] += (v - mean) * (v - mean);
        tails[i - whole] += v < c ? v : 0.0;
        found.less += v < c;
        found.losses += v < 0.0;
    }
    found.squares = FN(tree)(squares);
    found.tail = FN(tree)(tails);
    return found;
}

/* The ranks, from 0, of the lower of the two values that each quantile lies between. */
static void FN(rank)(const double *quantiles, int64_t count, int64_t n, int64_t *ranks) {
    for (int64_t q = 0; q < count; q++) ranks[q] = (int64_t)((double)(n - 1) * quantiles[q]);
}

/* Quantiles from the keys of both values of each. */
static void FN(between)(const double *quantiles, int64_t count, int64_t n, const int64_t *ranks, const KEY *found, double *out) {
    for (int64_t q = 0; q < count; q++) {
        const double g = (double)(n - 1) * quantiles[q] - (double)ranks[q];
        const double a = (double)FN(value)(found[2 * q]), b = (double)FN(value)(found[2 * q + 1]), d = b - a;
        out[q] = g >= 0.5 ? b - d * (1.0 - g) : a + d * g;
    }
}

/* mean, standard deviation, expected shortfall, probability of loss, (life left alone), quantiles.
 * keys: of the values; destroyed, as is work: n and a vector. */
static void FN(describe)(const REAL *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, const FN(extent) *extent, KEY *keys,
                         KEY *work) {
    int64_t tail_count = (int64_t)__builtin_ceil(tail * (double)n - 1e-9), ranks[MAX_QUANTILES + 1];
    tail_count = tail_count < 1 ? 1 : tail_count > n ? n : tail_count;
    int64_t tail_at = 2 * count;
    FN(rank)(quantiles, count, n, ranks);
    for (int64_t q = 0; q < count; q++)
        if (ranks[q] == tail_count - 1) tail_at = 2 * q;
    ranks[count] = tail_count - 1;
    KEY found[2 * (MAX_QUANTILES + 1)];
    FN(select)(keys, n, extent->least, extent->most, ranks, count + (tail_at == 2 * count), found, work);
    FN(between)(quantiles, count, n, ranks, found, out + STAT_QUANTILES);
    const double mean = extent->sum / (double)n, c = (double)FN(value)(found[tail_at]);
    const FN(measured) sums = FN(measure)(values, n, mean, c);
    out[STAT_MEAN] = mean;
    out[STAT_DEVIATION] = n > 1 ? sqrt_f64(sums.squares / (double)(n - 1)) : 0.0;
    const double rest = (double)(tail_count - sums.less) * c;
    out[STAT_SHORTFALL] = (sums.tail + rest) / (double)tail_count;
    out[STAT_LOSS] = (double)sums.losses / (double)n;
}
