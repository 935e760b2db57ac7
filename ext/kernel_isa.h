/* The body of kernel_baseline.c, kernel_v3.c and kernel_v4.c: both precisions for the instruction set named ISA, whose vectors are included. */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "functions.h"
#include "random.h"
#include "simulate.h"

/* ceil(s·2^32 - 1/2) limited to [0, 2^32]: numerics.md §3 */
INLINE uint64_t threshold(double s) {
    double x = __builtin_ceil(s * 0x1p32 - 0.5);
    return x <= 0.0 ? 0 : x >= 0x1p32 ? (uint64_t)1 << 32 : (uint64_t)x;
}
/* the greatest word below a threshold of at least 1, moved to the signed range that vector units compare */
INLINE int32_t last_word(uint64_t limit) { return (int32_t)((uint32_t)(limit - 1) ^ 0x80000000u); }

INLINE uint32_t permuted(const uint32_t keys[2 * PAIRING_ROUNDS], int low, int high, uint32_t j) {
    uint32_t a = j >> low, c = j & ((1u << low) - 1);
#pragma GCC unroll 8
    for (int r = 0; r < PAIRING_ROUNDS; r += 2) {
        c ^= (keys[2 * r + 1] * a + keys[2 * r]) >> 1 >> (31 - low); /* low may be 0 */
        a ^= (keys[2 * r + 3] * c + keys[2 * r + 2]) >> (32 - high);
    }
    return a << low | c;
}
/* The indices start + π of `count` points from number `from` of a block of `size`: eight rounds on the halves of the index, walked on until it
 * falls inside. numerics.md §11 */
static void permute_some(const uint32_t *restrict keys, uint32_t size, uint32_t start, uint32_t from, uint32_t count, uint32_t *restrict index) {
    if (size == 1) {
        index[0] = start;
        return;
    }
    const int low = (32 - __builtin_clz(size - 1)) / 2, high = 32 - __builtin_clz(size - 1) - low;
    for (uint32_t i = 0; i < count; i++) index[i] = permuted(keys, low, high, from + i);
    for (uint32_t i = 0; i < count; i++) {
        while (index[i] >= size) index[i] = permuted(keys, low, high, index[i]);
        index[i] += start;
    }
}

#include "grid_impl.h"
#include "curves_impl.h"
#include "stopping_impl.h"
#include "inputs_impl.h"
#include "vectors_impl.h"

/* How an asset's level moves: not, by itself, or with a factor too; or it was made before, for all versions of the asset. */
enum { STILL, ALONE, WITH_FACTOR, STORED };
/* What paths leave: their values; their levels, for all versions of the asset; or their values and what they are worth to looks on their way. */
enum { VALUES, LEVELS, LOOKS };
/* The period of a look that there is not. */
#define NO_PERIOD INT64_MAX

/* |V| below this makes fewer than 2^51 units, of which so many fit 64 bits as one group holds there: totals_impl.h. */
#define SHARE_LIMIT 2e9

#define REAL float
#define SUFFIX f32
#define KEY int32_t
#define UKEY uint32_t
#define KEY_MOST INT32_MAX
#include "kernel_impl.h"

#define REAL double
#define SUFFIX f64
#define KEY int64_t
#define UKEY uint64_t
#define KEY_MOST INT64_MAX
#include "kernel_impl.h"

/* out[i] = f(x[i]), function 0: log, 1: exp2, 2: sin, 3: cos, with the vectors that paths are made with. */
#define ELEMENTARY(S, REAL)                                                                               \
    static void elementary_##S(int function, const REAL *x, int64_t n, REAL *out) {                       \
        for (int64_t i = 0; i < n; i += LANES_##S) {                                                      \
            const size_t bytes = (size_t)(n - i < LANES_##S ? n - i : LANES_##S) * sizeof(REAL);          \
            REAL lanes[LANES_##S] = {0};                                                                  \
            memcpy(lanes, x + i, bytes);                                                                  \
            const reals_##S v = load_##S(lanes);                                                          \
            store_##S(lanes, function == 0 ? logs_##S(v) : function == 1 ? exp2s_##S(v) : function == 2 ? sines_##S(v) : cosines_##S(v)); \
            memcpy(out + i, lanes, bytes);                                                                \
        }                                                                                                 \
    }
ELEMENTARY(f32, float)
ELEMENTARY(f64, double)
#undef ELEMENTARY

#define JOIN(a, b) a##_##b
#define NAMED(a, b) JOIN(a, b)
#define TEXT(a) #a
#define NAME(a) TEXT(a)

#include "lot_means_impl.h"

/* Rounding to nearest, denormals on, whatever the caller's thread had. */
#define IN_DEFAULT_MODE(call)      \
    fenv_t before;                 \
    fegetenv(&before);             \
    fesetenv(FE_DFL_ENV);          \
    int result = (call);           \
    fesetenv(&before);             \
    return result

static int NAMED(enter_f32, ISA)(const simulation *job) { IN_DEFAULT_MODE(NAMED(run_f32, ISA)(job)); }
static int NAMED(enter_f64, ISA)(const simulation *job) { IN_DEFAULT_MODE(NAMED(run_f64, ISA)(job)); }
static int NAMED(enter_borrowers_f32, ISA)(const borrowing *job) { IN_DEFAULT_MODE(NAMED(run_borrowers_f32, ISA)(job)); }
static int NAMED(enter_borrowers_f64, ISA)(const borrowing *job) { IN_DEFAULT_MODE(NAMED(run_borrowers_f64, ISA)(job)); }
/* Statistics of any doubles; scratch has room for 2 (n + 64) keys. */
static void NAMED(statistics, ISA)(const double *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, int64_t *scratch) {
    const NAMED(extent_f64, ISA) extent = NAMED(make_keys_f64, ISA)(values, n, scratch);
    NAMED(describe_f64, ISA)(values, n, quantiles, count, tail, out, &extent, scratch, scratch + n + LANES_f64);
}
static void NAMED(quantiles, ISA)(const double *values, int64_t n, const double *quantiles, int64_t count, double *out, int64_t *scratch) {
    int64_t ranks[MAX_QUANTILES] = {0}, found[2 * MAX_QUANTILES];
    const NAMED(extent_f64, ISA) extent = NAMED(make_keys_f64, ISA)(values, n, scratch);
    NAMED(rank_f64, ISA)(quantiles, count, n, ranks);
    NAMED(select_f64, ISA)(scratch, n, extent.least, extent.most, ranks, count, found, scratch + n + LANES_f64);
    NAMED(between_f64, ISA)(quantiles, count, n, ranks, found, out);
}
static void NAMED(difference, ISA)(const double *values, const double *first, int64_t n, double out[2], double *scratch) {
    NAMED(moments_f64, ISA) of = {.values = values, .mean = NAMED(mean_of_f64, ISA)(values, n)};
    NAMED(moments_f64, ISA) one = {.values = first, .mean = NAMED(mean_of_f64, ISA)(first, n)};
    NAMED(centre_f64, ISA)(&one, n, scratch);
    NAMED(spreads_of_one_f64, ISA)(&of, scratch, n);
    NAMED(put_paired_f64, ISA)(&of, &one, 1, n, out);
}
static int NAMED(enter_boundaries, ISA)(const stopping *job) { IN_DEFAULT_MODE(boundaries(job)); }
static int NAMED(enter_lots, ISA)(const lot_job *job) { IN_DEFAULT_MODE(NAMED(describe_lots, ISA)(job)); }
static int NAMED(enter_cells, ISA)(const stopping *job) { IN_DEFAULT_MODE(count_cells(job)); }
static int NAMED(enter_vectors, ISA)(const vector_job *job) { IN_DEFAULT_MODE(fill_vectors(job)); }
static double NAMED(canary, ISA)(double a, double b, double c) { return a * b - c; }

const kernel_table NAMED(kernel, ISA) = {
    NAME(ISA),
    NAMED(enter_f32, ISA),
    NAMED(enter_f64, ISA),
    NAMED(enter_borrowers_f32, ISA),
    NAMED(enter_borrowers_f64, ISA),
    NAMED(statistics, ISA),
    NAMED(quantiles, ISA),
    NAMED(difference, ISA),
    elementary_f32,
    elementary_f64,
    NAMED(enter_lots, ISA),
    NAMED(enter_boundaries, ISA),
    NAMED(enter_cells, ISA),
    count_periods,
    NAMED(enter_vectors, ISA),
    closed_forms,
    NAMED(canary, ISA),
};
