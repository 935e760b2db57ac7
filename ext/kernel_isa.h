/* The body of kernel_baseline.c and kernel_v3.c: both precisions for the instruction set named ISA. */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "random.h"
#include "simulate.h"

/* ceil(s·2^32 - 1/2) limited to [0, 2^32]: numerics.md §3 */
INLINE uint64_t threshold(double s) {
    double x = __builtin_ceil(s * 0x1p32 - 0.5);
    return x <= 0.0 ? 0 : x >= 0x1p32 ? (uint64_t)1 << 32 : (uint64_t)x;
}
/* the greatest word below a threshold of at least 1, moved to the signed range that vector units compare */
INLINE int32_t last_word(uint64_t limit) { return (int32_t)((uint32_t)(limit - 1) ^ 0x80000000u); }

static int64_t rank_of(const int64_t *sorted, int64_t n, int64_t rank) {
    int64_t i = 0;
    while (i < n && sorted[i] != rank) i++;
    return i;
}

/* word[k][i] = word 4·block + k of path `path + i`, for i up to n rounded up to 16: rows of `word` have room for it. */
static void philox_block(uint32_t purpose, uint32_t block, uint32_t path, const uint32_t hash[2], const uint32_t key[2], int n,
                         uint32_t (*restrict word)[BLOCK_PATHS]) {
    const uint32_t c0 = (purpose << 28) + block;
#ifdef __AVX2__
    /* Four paths a register in the low halves of 64-bit lanes, so that a product needs no shuffle; four registers side by side, so that the
     * chain of ten rounds does not wait for itself. Only the path differs between lanes: what rounds 1 and 2 do without it is done once. */
    const uint64_t p0 = (uint64_t)c0 * (uint32_t)PHILOX_M0, p1 = (uint64_t)hash[0] * (uint32_t)PHILOX_M1;
    const uint32_t second[2] = {key[0] + (uint32_t)PHILOX_W0, key[1] + (uint32_t)PHILOX_W1};
    const uint64_t q1 = (uint64_t)((uint32_t)(p0 >> 32) ^ hash[1] ^ key[1]) * (uint32_t)PHILOX_M1;
    const __m256i m0 = _mm256_set1_epi64x((long long)PHILOX_M0), m1 = _mm256_set1_epi64x((long long)PHILOX_M1);
    const __m256i first_c0 = _mm256_set1_epi64x((uint32_t)(p1 >> 32) ^ key[0]);
    const __m256i second_c0 = _mm256_set1_epi64x((uint32_t)(q1 >> 32) ^ (uint32_t)p1 ^ second[0]), second_c1 = _mm256_set1_epi64x((uint32_t)q1);
    const __m256i second_c2 = _mm256_set1_epi64x((uint32_t)p0 ^ second[1]);
    __m256i keys[10][2];
    for (uint32_t round = 0; round < 10; round++) {
        keys[round][0] = _mm256_set1_epi64x(key[0] + round * (uint32_t)PHILOX_W0);
        keys[round][1] = _mm256_set1_epi64x(key[1] + round * (uint32_t)PHILOX_W1);
    }
    for (int i = 0; i < n; i += 16) {
        __m256i c[4][4];
        for (int v = 0; v < 4; v++) {
            /* registers 0 and 1 hold the even and odd ones of the first eight paths, 2 and 3 those of the next */
            __m256i p = _mm256_add_epi32(_mm256_set1_epi32((int)(path + (uint32_t)i) + 8 * (v / 2)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            if (v & 1) p = _mm256_srli_epi64(p, 32);
            const __m256i product = _mm256_mul_epu32(_mm256_xor_si256(p, first_c0), m0);
            c[v][0] = second_c0;
            c[v][1] = second_c1;
            c[v][2] = _mm256_xor_si256(_mm256_srli_epi64(product, 32), second_c2);
            c[v][3] = product;
        }
#pragma GCC unroll 8
        for (int round = 2; round < 10; round++) {
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++) {
                const __m256i a = _mm256_mul_epu32(c[v][0], m0), b = _mm256_mul_epu32(c[v][2], m1);
                c[v][0] = _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_xor_si256(c[v][1], keys[round][0]));
                c[v][2] = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_xor_si256(c[v][3], keys[round][1]));
                c[v][1] = b;
                c[v][3] = a;
            }
        }
        for (int v = 0; v < 4; v += 2)
            for (int k = 0; k < 4; k++)
                _mm256_storeu_si256((__m256i *)&word[k][i + 4 * v], _mm256_blend_epi32(c[v][k], _mm256_slli_epi64(c[v + 1][k], 32), 0xaa));
    }
#else
    for (int i = 0; i < n; i++) {
        uint32_t c[4] = {c0, path + (uint32_t)i, hash[0], hash[1]};
        philox10(c, key[0], key[1]);
        for (int k = 0; k < 4; k++) word[k][i] = c[k];
    }
#endif
}

#include "stopping_impl.h"

#define REAL float
#define SUFFIX f32
#define UKEY uint32_t
#define SKEY int32_t
#define SIGN_BIT 0x80000000u
#include "kernel_impl.h"

#define REAL double
#define SUFFIX f64
#define UKEY uint64_t
#define SKEY int64_t
#define SIGN_BIT 0x8000000000000000u
#include "kernel_impl.h"

#define JOIN(a, b) a##_##b
#define NAMED(a, b) JOIN(a, b)
#define TEXT(a) #a
#define NAME(a) TEXT(a)

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
static int NAMED(table_f32, ISA)(const simulation *job, int64_t count, const int32_t *rows, float *out) {
    IN_DEFAULT_MODE(NAMED(factors_f32, ISA)(job, count, rows, out));
}
static int NAMED(table_f64, ISA)(const simulation *job, int64_t count, const int32_t *rows, double *out) {
    IN_DEFAULT_MODE(NAMED(factors_f64, ISA)(job, count, rows, out));
}
/* Statistics of any doubles; scratch has room for 3n keys. */
static void NAMED(statistics, ISA)(const double *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, uint64_t *scratch) {
    NAMED(keys_f64, ISA)(values, n, scratch);
    NAMED(describe_f64, ISA)(values, n, quantiles, count, tail, out, scratch, scratch + n, (uint32_t *)(scratch + 2 * n));
}
static int NAMED(enter_boundaries, ISA)(const stopping *job) { IN_DEFAULT_MODE(boundaries(job)); }
static double NAMED(canary, ISA)(double a, double b, double c) { return a * b - c; }

const kernel_table NAMED(kernel, ISA) = {
    NAME(ISA),
    NAMED(enter_f32, ISA),
    NAMED(enter_f64, ISA),
    NAMED(table_f32, ISA),
    NAMED(table_f64, ISA),
    NAMED(statistics, ISA),
    NAMED(enter_boundaries, ISA),
    NAMED(canary, ISA),
};
