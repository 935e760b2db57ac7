/* Vectors of one 512-bit register: 16 lanes in single precision, 8 in double. What each operation means stands in vector_plain.h. */
#ifndef IPVALUE_VECTOR_V4_H
#define IPVALUE_VECTOR_V4_H
#include <immintrin.h>
#include "elementary.h"

enum { LANES_f32 = 16, LANES_f64 = 8, UNROLL_f32 = 2, UNROLL_f64 = 2 };
/* one or two versions of an asset are walked together on so many vectors of paths, four on half as many */
enum { ACROSS_f32 = 8, ACROSS_f64 = 8 };
typedef __m512 reals_f32;
typedef __m512d reals_f64;
typedef int32_t bits_f32 __attribute__((vector_size(64)));
typedef int64_t bits_f64 __attribute__((vector_size(64)));
typedef uint32_t words_f32 __attribute__((vector_size(64)));
typedef uint32_t words_f64 __attribute__((vector_size(32)));
typedef __mmask16 mask_f32;
typedef __mmask8 mask_f64;

INLINE reals_f32 all_f32(float x) { return _mm512_set1_ps(x); }
INLINE reals_f64 all_f64(double x) { return _mm512_set1_pd(x); }
INLINE reals_f32 load_f32(const float *at) { return _mm512_loadu_ps(at); }
INLINE reals_f64 load_f64(const double *at) { return _mm512_loadu_pd(at); }
INLINE void store_f32(float *at, reals_f32 x) { _mm512_storeu_ps(at, x); }
INLINE void store_f64(double *at, reals_f64 x) { _mm512_storeu_pd(at, x); }
INLINE reals_f32 fmas_f32(reals_f32 a, reals_f32 b, reals_f32 c) { return _mm512_fmadd_ps(a, b, c); }
INLINE reals_f64 fmas_f64(reals_f64 a, reals_f64 b, reals_f64 c) { return _mm512_fmadd_pd(a, b, c); }
INLINE reals_f32 roots_f32(reals_f32 x) { return _mm512_sqrt_ps(x); }
INLINE reals_f64 roots_f64(reals_f64 x) { return _mm512_sqrt_pd(x); }
INLINE reals_f32 least_f32(reals_f32 a, reals_f32 b) { return _mm512_min_ps(a, b); }
INLINE reals_f64 least_f64(reals_f64 a, reals_f64 b) { return _mm512_min_pd(a, b); }
INLINE reals_f32 most_f32(reals_f32 a, reals_f32 b) { return _mm512_max_ps(a, b); }
INLINE reals_f64 most_f64(reals_f64 a, reals_f64 b) { return _mm512_max_pd(a, b); }

INLINE reals_f32 converted_f32(words_f32 k) { return _mm512_cvtepi32_ps((__m512i)k); }
INLINE reals_f64 converted_f64(words_f64 k) { return _mm512_cvtepi32_pd((__m256i)k); }
INLINE reals_f32 signed_by_f32(reals_f32 x, words_f32 k) {
    return (reals_f32)_mm512_ternarylogic_epi32((__m512i)x, (__m512i)k, _mm512_set1_epi32((int)0x80000000u), 0x78); /* x ^ (k & top bit) */
}
INLINE reals_f64 signed_by_f64(reals_f64 x, words_f64 k) {
    return (reals_f64)_mm512_ternarylogic_epi64((__m512i)x, _mm512_slli_epi64(_mm512_cvtepu32_epi64((__m256i)k), 32),
                                                _mm512_set1_epi64((long long)0x8000000000000000u), 0x78);
}

INLINE mask_f32 within_f32(words_f32 k, int32_t last) { return _mm512_cmple_epi32_mask((__m512i)k, _mm512_set1_epi32(last)); }
INLINE mask_f64 within_f64(words_f64 k, int32_t last) { return _mm256_cmple_epi32_mask((__m256i)k, _mm256_set1_epi32(last)); }
INLINE mask_f32 below_f32(reals_f32 a, reals_f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE mask_f64 below_f64(reals_f64 a, reals_f64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
INLINE reals_f32 choose_f32(mask_f32 m, reals_f32 a, reals_f32 b) { return _mm512_mask_blend_ps(m, b, a); }
INLINE reals_f64 choose_f64(mask_f64 m, reals_f64 a, reals_f64 b) { return _mm512_mask_blend_pd(m, b, a); }
INLINE reals_f32 add_where_f32(mask_f32 m, reals_f32 a, reals_f32 b) { return _mm512_mask_add_ps(a, m, a, b); }
INLINE reals_f64 add_where_f64(mask_f64 m, reals_f64 a, reals_f64 b) { return _mm512_mask_add_pd(a, m, a, b); }
INLINE reals_f32 fmas_where_f32(mask_f32 m, reals_f32 a, reals_f32 b, reals_f32 c) { return _mm512_maskz_fmadd_ps(m, a, b, c); }
INLINE reals_f64 fmas_where_f64(mask_f64 m, reals_f64 a, reals_f64 b, reals_f64 c) { return _mm512_maskz_fmadd_pd(m, a, b, c); }
INLINE reals_f32 only_where_f32(mask_f32 m, reals_f32 a) { return _mm512_maskz_mov_ps(m, a); }
INLINE reals_f64 only_where_f64(mask_f64 m, reals_f64 a) { return _mm512_maskz_mov_pd(m, a); }
INLINE mask_f32 both_f32(mask_f32 a, mask_f32 b) { return a & b; }
INLINE mask_f64 both_f64(mask_f64 a, mask_f64 b) { return a & b; }
INLINE mask_f32 without_f32(mask_f32 a, mask_f32 b) { return a & (mask_f32)~b; }
INLINE mask_f64 without_f64(mask_f64 a, mask_f64 b) { return a & (mask_f64)~b; }
INLINE mask_f32 lanes_f32(uint32_t set) { return (mask_f32)set; }
INLINE mask_f64 lanes_f64(uint32_t set) { return (mask_f64)set; }
INLINE uint32_t lanes_of_f32(mask_f32 m) { return m; }
INLINE uint32_t lanes_of_f64(mask_f64 m) { return m; }

INLINE bits_f32 load_keys_f32(const int32_t *at) { return (bits_f32)_mm512_loadu_si512(at); }
INLINE bits_f64 load_keys_f64(const int64_t *at) { return (bits_f64)_mm512_loadu_si512(at); }
INLINE void store_keys_f32(int32_t *at, bits_f32 x) { _mm512_storeu_si512(at, (__m512i)x); }
INLINE void store_keys_f64(int64_t *at, bits_f64 x) { _mm512_storeu_si512(at, (__m512i)x); }
INLINE bits_f32 all_keys_f32(int32_t x) { return (bits_f32)_mm512_set1_epi32(x); }
INLINE bits_f64 all_keys_f64(int64_t x) { return (bits_f64)_mm512_set1_epi64(x); }
INLINE uint32_t keys_below_f32(bits_f32 a, bits_f32 b) { return _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b); }
INLINE uint32_t keys_below_f64(bits_f64 a, bits_f64 b) { return _mm512_cmplt_epi64_mask((__m512i)a, (__m512i)b); }
INLINE uint32_t keys_upto_f32(bits_f32 a, bits_f32 b) { return _mm512_cmple_epi32_mask((__m512i)a, (__m512i)b); }
INLINE uint32_t keys_upto_f64(bits_f64 a, bits_f64 b) { return _mm512_cmple_epi64_mask((__m512i)a, (__m512i)b); }
INLINE bits_f32 count_below_f32(bits_f32 count, bits_f32 a, bits_f32 b) {
    const __m512i n = (__m512i)count;
    return (bits_f32)_mm512_mask_sub_epi32(n, _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b), n, _mm512_set1_epi32(-1));
}
INLINE bits_f64 count_below_f64(bits_f64 count, bits_f64 a, bits_f64 b) {
    const __m512i n = (__m512i)count;
    return (bits_f64)_mm512_mask_sub_epi64(n, _mm512_cmplt_epi64_mask((__m512i)a, (__m512i)b), n, _mm512_set1_epi64(-1));
}
INLINE bits_f32 most_keys_f32(bits_f32 a, bits_f32 b) { return (bits_f32)_mm512_max_epi32((__m512i)a, (__m512i)b); }
INLINE bits_f64 most_keys_f64(bits_f64 a, bits_f64 b) { return (bits_f64)_mm512_max_epi64((__m512i)a, (__m512i)b); }
INLINE bits_f32 least_keys_f32(bits_f32 a, bits_f32 b) { return (bits_f32)_mm512_min_epi32((__m512i)a, (__m512i)b); }
INLINE bits_f64 least_keys_f64(bits_f64 a, bits_f64 b) { return (bits_f64)_mm512_min_epi64((__m512i)a, (__m512i)b); }
INLINE bits_f32 order_f32(bits_f32 b) { /* b ^ (b >> 31 & the lower bits) */
    return (bits_f32)_mm512_ternarylogic_epi32((__m512i)b, _mm512_srai_epi32((__m512i)b, 31), _mm512_set1_epi32(0x7fffffff), 0x78);
}
INLINE bits_f64 order_f64(bits_f64 b) {
    return (bits_f64)_mm512_ternarylogic_epi64((__m512i)b, _mm512_srai_epi64((__m512i)b, 63), _mm512_set1_epi64(0x7fffffffffffffff), 0x78);
}
INLINE void pack_keys_f32(int32_t *at, uint32_t lanes, bits_f32 x) { _mm512_storeu_si512(at, _mm512_maskz_compress_epi32((__mmask16)lanes, (__m512i)x)); }
INLINE void pack_keys_f64(int64_t *at, uint32_t lanes, bits_f64 x) { _mm512_storeu_si512(at, _mm512_maskz_compress_epi64((__mmask8)lanes, (__m512i)x)); }

typedef __m512i round_key_f32;
typedef __m256i round_key_f64;
INLINE round_key_f32 round_key_of_f32(const uint32_t k[4]) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)k)); }
INLINE round_key_f64 round_key_of_f64(const uint32_t k[4]) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)k)); }
INLINE words_f32 ars_f32(words_f32 start, const round_key_f32 *key) {
    __m512i v = (__m512i)start;
#pragma GCC unroll 8
    for (int round = 1; round < ARS_ROUNDS; round++) v = _mm512_aesenc_epi128(v, key[round]);
    return (words_f32)_mm512_aesenclast_epi128(v, key[ARS_ROUNDS]);
}
INLINE words_f64 ars_f64(words_f64 start, const round_key_f64 *key) {
    __m256i v = (__m256i)start;
#pragma GCC unroll 8
    for (int round = 1; round < ARS_ROUNDS; round++) v = _mm256_aesenc_epi128(v, key[round]);
    return (words_f64)_mm256_aesenclast_epi128(v, key[ARS_ROUNDS]);
}

INLINE reals_f64 widened_f32(const float *at) { return _mm512_cvtps_pd(_mm256_loadu_ps(at)); }
INLINE reals_f64 widened_f64(const double *at) { return _mm512_loadu_pd(at); }
#endif
