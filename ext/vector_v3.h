/* Vectors of one 256-bit register: 8 lanes in single precision, 4 in double. What each operation means stands in vector_plain.h. */
#ifndef IPVALUE_VECTOR_V3_H
#define IPVALUE_VECTOR_V3_H
#include <immintrin.h>
#include "elementary.h"

enum { LANES_f32 = 8, LANES_f64 = 4, UNROLL_f32 = 2, UNROLL_f64 = 1 };
/* one or two versions of an asset are walked together on so many vectors of paths, four on half as many */
enum { ACROSS_f32 = 4, ACROSS_f64 = 4 };
typedef __m256 reals_f32;
typedef __m256d reals_f64;
typedef int32_t bits_f32 __attribute__((vector_size(32)));
typedef int64_t bits_f64 __attribute__((vector_size(32)));
typedef uint32_t words_f32 __attribute__((vector_size(32)));
typedef uint32_t words_f64 __attribute__((vector_size(16)));
typedef __m256 mask_f32;
typedef __m256d mask_f64;

INLINE reals_f32 all_f32(float x) { return _mm256_set1_ps(x); }
INLINE reals_f64 all_f64(double x) { return _mm256_set1_pd(x); }
INLINE reals_f32 load_f32(const float *at) { return _mm256_loadu_ps(at); }
INLINE reals_f64 load_f64(const double *at) { return _mm256_loadu_pd(at); }
INLINE void store_f32(float *at, reals_f32 x) { _mm256_storeu_ps(at, x); }
INLINE void store_f64(double *at, reals_f64 x) { _mm256_storeu_pd(at, x); }
INLINE reals_f32 fmas_f32(reals_f32 a, reals_f32 b, reals_f32 c) { return _mm256_fmadd_ps(a, b, c); }
INLINE reals_f64 fmas_f64(reals_f64 a, reals_f64 b, reals_f64 c) { return _mm256_fmadd_pd(a, b, c); }
INLINE reals_f32 roots_f32(reals_f32 x) { return _mm256_sqrt_ps(x); }
INLINE reals_f64 roots_f64(reals_f64 x) { return _mm256_sqrt_pd(x); }
INLINE reals_f32 least_f32(reals_f32 a, reals_f32 b) { return _mm256_min_ps(a, b); }
INLINE reals_f64 least_f64(reals_f64 a, reals_f64 b) { return _mm256_min_pd(a, b); }
INLINE reals_f32 most_f32(reals_f32 a, reals_f32 b) { return _mm256_max_ps(a, b); }
INLINE reals_f64 most_f64(reals_f64 a, reals_f64 b) { return _mm256_max_pd(a, b); }

INLINE reals_f32 converted_f32(words_f32 k) { return _mm256_cvtepi32_ps((__m256i)k); }
INLINE reals_f64 converted_f64(words_f64 k) { return _mm256_cvtepi32_pd((__m128i)k); }
INLINE reals_f32 signed_by_f32(reals_f32 x, words_f32 k) {
    return _mm256_xor_ps(x, _mm256_and_ps((__m256)k, _mm256_set1_ps(-0.0f)));
}
INLINE reals_f64 signed_by_f64(reals_f64 x, words_f64 k) {
    return _mm256_xor_pd(x, _mm256_and_pd((__m256d)_mm256_slli_epi64(_mm256_cvtepu32_epi64((__m128i)k), 32), _mm256_set1_pd(-0.0)));
}

INLINE mask_f32 within_f32(words_f32 k, int32_t last) {
    return (__m256)_mm256_xor_si256(_mm256_cmpgt_epi32((__m256i)k, _mm256_set1_epi32(last)), _mm256_set1_epi32(-1));
}
INLINE mask_f64 within_f64(words_f64 k, int32_t last) {
    return (__m256d)_mm256_cvtepi32_epi64(_mm_xor_si128(_mm_cmpgt_epi32((__m128i)k, _mm_set1_epi32(last)), _mm_set1_epi32(-1)));
}
INLINE mask_f32 below_f32(reals_f32 a, reals_f32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
INLINE mask_f64 below_f64(reals_f64 a, reals_f64 b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
INLINE reals_f32 choose_f32(mask_f32 m, reals_f32 a, reals_f32 b) { return _mm256_blendv_ps(b, a, m); }
INLINE reals_f64 choose_f64(mask_f64 m, reals_f64 a, reals_f64 b) { return _mm256_blendv_pd(b, a, m); }
INLINE reals_f32 add_where_f32(mask_f32 m, reals_f32 a, reals_f32 b) { return a + _mm256_and_ps(m, b); }
INLINE reals_f64 add_where_f64(mask_f64 m, reals_f64 a, reals_f64 b) { return a + _mm256_and_pd(m, b); }
INLINE reals_f32 only_where_f32(mask_f32 m, reals_f32 a) { return _mm256_and_ps(m, a); }
INLINE reals_f64 only_where_f64(mask_f64 m, reals_f64 a) { return _mm256_and_pd(m, a); }
INLINE reals_f32 fmas_where_f32(mask_f32 m, reals_f32 a, reals_f32 b, reals_f32 c) { return _mm256_and_ps(m, _mm256_fmadd_ps(a, b, c)); }
INLINE reals_f64 fmas_where_f64(mask_f64 m, reals_f64 a, reals_f64 b, reals_f64 c) { return _mm256_and_pd(m, _mm256_fmadd_pd(a, b, c)); }
INLINE mask_f32 both_f32(mask_f32 a, mask_f32 b) { return _mm256_and_ps(a, b); }
INLINE mask_f64 both_f64(mask_f64 a, mask_f64 b) { return _mm256_and_pd(a, b); }
INLINE mask_f32 without_f32(mask_f32 a, mask_f32 b) { return _mm256_andnot_ps(b, a); }
INLINE mask_f64 without_f64(mask_f64 a, mask_f64 b) { return _mm256_andnot_pd(b, a); }
INLINE mask_f32 lanes_f32(uint32_t set) {
    const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return (__m256)_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)set), each), each);
}
INLINE mask_f64 lanes_f64(uint32_t set) {
    const __m256i each = _mm256_setr_epi64x(1, 2, 4, 8);
    return (__m256d)_mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(set), each), each);
}
INLINE uint32_t lanes_of_f32(mask_f32 m) { return (uint32_t)_mm256_movemask_ps(m); }
INLINE uint32_t lanes_of_f64(mask_f64 m) { return (uint32_t)_mm256_movemask_pd(m); }

INLINE bits_f32 load_keys_f32(const int32_t *at) { return (bits_f32)_mm256_loadu_si256((const __m256i *)at); }
INLINE bits_f64 load_keys_f64(const int64_t *at) { return (bits_f64)_mm256_loadu_si256((const __m256i *)at); }
INLINE void store_keys_f32(int32_t *at, bits_f32 x) { _mm256_storeu_si256((__m256i *)at, (__m256i)x); }
INLINE void store_keys_f64(int64_t *at, bits_f64 x) { _mm256_storeu_si256((__m256i *)at, (__m256i)x); }
INLINE bits_f32 all_keys_f32(int32_t x) { return (bits_f32)_mm256_set1_epi32(x); }
INLINE bits_f64 all_keys_f64(int64_t x) { return (bits_f64)_mm256_set1_epi64x(x); }
INLINE uint32_t keys_below_f32(bits_f32 a, bits_f32 b) { return (uint32_t)_mm256_movemask_ps((__m256)_mm256_cmpgt_epi32((__m256i)b, (__m256i)a)); }
INLINE uint32_t keys_below_f64(bits_f64 a, bits_f64 b) { return (uint32_t)_mm256_movemask_pd((__m256d)_mm256_cmpgt_epi64((__m256i)b, (__m256i)a)); }
INLINE uint32_t keys_upto_f32(bits_f32 a, bits_f32 b) { return ~keys_below_f32(b, a) & 0xff; }
INLINE uint32_t keys_upto_f64(bits_f64 a, bits_f64 b) { return ~keys_below_f64(b, a) & 0xf; }
INLINE bits_f32 count_below_f32(bits_f32 count, bits_f32 a, bits_f32 b) { return count - (bits_f32)_mm256_cmpgt_epi32((__m256i)b, (__m256i)a); }
INLINE bits_f64 count_below_f64(bits_f64 count, bits_f64 a, bits_f64 b) { return count - (bits_f64)_mm256_cmpgt_epi64((__m256i)b, (__m256i)a); }
INLINE bits_f32 most_keys_f32(bits_f32 a, bits_f32 b) { return (bits_f32)_mm256_max_epi32((__m256i)a, (__m256i)b); }
INLINE bits_f64 most_keys_f64(bits_f64 a, bits_f64 b) {
    return (bits_f64)_mm256_blendv_pd((__m256d)a, (__m256d)b, (__m256d)_mm256_cmpgt_epi64((__m256i)b, (__m256i)a));
}
INLINE bits_f32 least_keys_f32(bits_f32 a, bits_f32 b) { return (bits_f32)_mm256_min_epi32((__m256i)a, (__m256i)b); }
INLINE bits_f64 least_keys_f64(bits_f64 a, bits_f64 b) {
    return (bits_f64)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)_mm256_cmpgt_epi64((__m256i)b, (__m256i)a));
}
INLINE bits_f32 order_f32(bits_f32 b) { return b ^ ((b >> 31) & 0x7fffffff); }
INLINE bits_f64 order_f64(bits_f64 b) {
    return b ^ ((bits_f64)_mm256_cmpgt_epi64(_mm256_setzero_si256(), (__m256i)b) & 0x7fffffffffffffff);
}
/* Which 32-bit lanes come first: the numbers of the set bytes, moved together. */
INLINE __m256i packing(uint64_t bytes) {
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)_pext_u64(0x0706050403020100u, bytes)));
}
INLINE void pack_keys_f32(int32_t *at, uint32_t lanes, bits_f32 x) {
    const uint64_t bytes = _pdep_u64(lanes, 0x0101010101010101u) * 0xff;
    _mm256_storeu_si256((__m256i *)at, _mm256_permutevar8x32_epi32((__m256i)x, packing(bytes)));
}
INLINE void pack_keys_f64(int64_t *at, uint32_t lanes, bits_f64 x) {
    const uint64_t bytes = _pdep_u64(lanes, 0x0001000100010001u) * 0xffff;
    _mm256_storeu_si256((__m256i *)at, _mm256_permutevar8x32_epi32((__m256i)x, packing(bytes)));
}

typedef __m128i round_key_f32;
typedef __m128i round_key_f64;
INLINE round_key_f32 round_key_of_f32(const uint32_t k[4]) { return _mm_loadu_si128((const __m128i *)k); }
INLINE round_key_f64 round_key_of_f64(const uint32_t k[4]) { return _mm_loadu_si128((const __m128i *)k); }
INLINE words_f32 ars_f32(words_f32 start, const round_key_f32 *key) {
    __m128i a = _mm256_castsi256_si128((__m256i)start), b = _mm256_extracti128_si256((__m256i)start, 1);
#pragma GCC unroll 8
    for (int round = 1; round < ARS_ROUNDS; round++) {
        a = _mm_aesenc_si128(a, key[round]);
        b = _mm_aesenc_si128(b, key[round]);
    }
    a = _mm_aesenclast_si128(a, key[ARS_ROUNDS]);
    b = _mm_aesenclast_si128(b, key[ARS_ROUNDS]);
    return (words_f32)_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}
INLINE words_f64 ars_f64(words_f64 start, const round_key_f64 *key) {
    __m128i v = (__m128i)start;
#pragma GCC unroll 8
    for (int round = 1; round < ARS_ROUNDS; round++) v = _mm_aesenc_si128(v, key[round]);
    return (words_f64)_mm_aesenclast_si128(v, key[ARS_ROUNDS]);
}
INLINE reals_f64 widened_f32(const float *at) { return _mm256_cvtps_pd(_mm_loadu_ps(at)); }
INLINE reals_f64 widened_f64(const double *at) { return _mm256_loadu_pd(at); }
#endif
