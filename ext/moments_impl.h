/* Mean and spread without order statistics, and the difference of a version to the first, path by path, for REAL. Included by kernel_impl.h only.
 * Sums run in the 16 stripes of docs/numerics.md §7; several versions pass side by side, so that what they are compared with is loaded once. */
enum { FN(SETS) = LANES_f64 == 8 ? 4 : 1, FN(PARTS) = 16 / LANES_f64 };

/* Values of a version, and their mean. */
typedef struct {
    const REAL *values;
    double mean, squares, apart; /* sums over the paths of (V - mean)^2, and of the same of the difference to the first version */
} FN(moments);

/* Adds n values, the first of which is that of a path whose number is a multiple of 16, to their 16 stripes. */
static void FN(add_to_stripes)(const REAL *values, int64_t n, double *stripes) {
    reals_f64 sum[FN(PARTS)];
    const int64_t whole = n & ~(int64_t)15;
#pragma GCC unroll 4
    for (int j = 0; j < FN(PARTS); j++) sum[j] = load_f64(stripes + j * LANES_f64);
    for (int64_t i = 0; i < whole; i += 16)
#pragma GCC unroll 4
        for (int j = 0; j < FN(PARTS); j++) sum[j] = sum[j] + OF(widened)(values + i + j * LANES_f64);
#pragma GCC unroll 4
    for (int j = 0; j < FN(PARTS); j++) store_f64(stripes + j * LANES_f64, sum[j]);
    for (int64_t i = whole; i < n; i++) stripes[i - whole] += (double)values[i];
}

static double FN(mean_of)(const REAL *values, int64_t n) {
    double stripes[16] = {0};
    FN(add_to_stripes)(values, n, stripes);
    return FN(tree)(stripes) / (double)n;
}

/* V - mean of n values. */
static void FN(centre)(const FN(moments) *m, int64_t n, double *centred) {
    for (int64_t i = 0; i < n; i++) centred[i] = (double)m->values[i] - m->mean;
}

/* squares of each set, and where versions are compared apart from the first one. centred: of that, its values less their mean. */
INLINE void FN(take_spreads)(const int sets, const int compared, FN(moments) *m, const double *centred, int64_t n) {
    reals_f64 square[FN(SETS)][FN(PARTS)], apart[FN(SETS)][FN(PARTS)];
    const int64_t whole = n & ~(int64_t)15;
#pragma GCC unroll 4
    for (int k = 0; k < sets; k++)
#pragma GCC unroll 4
        for (int j = 0; j < FN(PARTS); j++) square[k][j] = apart[k][j] = all_f64(0.0);
    for (int64_t i = 0; i < whole; i += 16)
#pragma GCC unroll 4
        for (int j = 0; j < FN(PARTS); j++) {
            const reals_f64 there = compared ? load_f64(centred + i + j * LANES_f64) : all_f64(0.0);
#pragma GCC unroll 4
            for (int k = 0; k < sets; k++) {
                const reals_f64 off = OF(widened)(m[k].values + i + j * LANES_f64) - all_f64(m[k].mean), between = off - there;
                square[k][j] = square[k][j] + off * off;
                if (compared) apart[k][j] = fmas_f64(between, between, apart[k][j]);
            }
        }
    for (int k = 0; k < sets; k++) {
        double squares[16], aparts[16];
        for (int j = 0; j < FN(PARTS); j++) {
            store_f64(squares + j * LANES_f64, square[k][j]);
            store_f64(aparts + j * LANES_f64, apart[k][j]);
        }
        for (int64_t i = whole; i < n; i++) {
            const double off = (double)m[k].values[i] - m[k].mean, between = off - (compared ? centred[i] : 0.0);
            squares[i - whole] += off * off;
            if (compared) aparts[i - whole] = fma_f64(between, between, aparts[i - whole]);
        }
        m[k].squares = FN(tree)(squares);
        if (compared) m[k].apart = FN(tree)(aparts);
    }
}

static void FN(spread_of_one)(FN(moments) *m, int64_t n) { FN(take_spreads)(1, 0, m, NULL, n); }
static void FN(spreads_of_one)(FN(moments) *m, const double *centred, int64_t n) { FN(take_spreads)(1, 1, m, centred, n); }
static void FN(spreads_of_some)(FN(moments) *m, const double *centred, int64_t n) { FN(take_spreads)(FN(SETS), 1, m, centred, n); }

/* Least and greatest of n values. */
static FN(extent) FN(extent_of)(const REAL *values, int64_t n) {
    FN(extent) found = {KEY_MOST, -KEY_MOST - 1, 0.0};
    for (int64_t i = 0; i < n; i++) {
        KEY key;
        memcpy(&key, values + i, sizeof key);
        key ^= key < 0 ? KEY_MOST : 0;
        found.least = key < found.least ? key : found.least;
        found.most = key > found.most ? key : found.most;
    }
    return found;
}

/* Mean and standard deviation, over n paths, of a version's difference to the first: no numbers where either has no sum. */
static void FN(put_paired)(const FN(moments) *m, const FN(moments) *first, int summed, int64_t n, double out[2]) {
    out[0] = summed ? m->mean - first->mean : NAN;
    out[1] = !summed ? NAN : n > 1 ? sqrt_f64(m->apart / (double)(n - 1)) : 0.0;
}
