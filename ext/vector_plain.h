/* Vectors of four lanes in the compiler's own extension, for any processor; here stands what each operation means. vector_v3.h and
 * vector_v4.h give the same operations, and the same bits, on wider registers. _f32 and _f64 are the precision of the run.
 *   reals     LANES numbers                     bits   signed integers of their size
 *   words     LANES random words                mask   a truth value for each lane; as a set of lanes, bit i is lane i */
#ifndef IPVALUE_VECTOR_PLAIN_H
#define IPVALUE_VECTOR_PLAIN_H
#include "random.h"

enum { LANES_f32 = 4, LANES_f64 = 4, UNROLL_f32 = 1, UNROLL_f64 = 1 };
/* one or two versions of an asset are walked together on so many vectors of paths, four on half as many */
enum { ACROSS_f32 = 2, ACROSS_f64 = 2 };
typedef uint32_t words_f32 __attribute__((vector_size(16)));
typedef uint32_t words_f64 __attribute__((vector_size(16)));
typedef int32_t half_words __attribute__((vector_size(16)));
typedef struct { uint32_t word[4]; } round_key_f32;
typedef round_key_f32 round_key_f64;

#define PLAIN(S, REAL, INT, SIZE)                                                                                                      \
    typedef REAL reals_##S __attribute__((vector_size(SIZE)));                                                                         \
    typedef INT bits_##S __attribute__((vector_size(SIZE)));                                                                           \
    typedef bits_##S mask_##S;                                                                                                         \
    INLINE reals_##S all_##S(REAL x) { return (reals_##S){x, x, x, x}; }                                                               \
    INLINE reals_##S load_##S(const REAL *at) { reals_##S x; memcpy(&x, at, sizeof x); return x; }                                     \
    INLINE void store_##S(REAL *at, reals_##S x) { memcpy(at, &x, sizeof x); }                                                         \
    INLINE reals_##S fmas_##S(reals_##S a, reals_##S b, reals_##S c) {                                                                 \
        return (reals_##S){fma_##S(a[0], b[0], c[0]), fma_##S(a[1], b[1], c[1]), fma_##S(a[2], b[2], c[2]), fma_##S(a[3], b[3], c[3])}; \
    }                                                                                                                                  \
    INLINE reals_##S roots_##S(reals_##S x) { return (reals_##S){sqrt_##S(x[0]), sqrt_##S(x[1]), sqrt_##S(x[2]), sqrt_##S(x[3])}; }    \
    /* a where m, else b */                                                                                                            \
    INLINE reals_##S choose_##S(mask_##S m, reals_##S a, reals_##S b) { return (reals_##S)((m & (bits_##S)a) | (~m & (bits_##S)b)); }  \
    /* a < b ? a : b and a > b ? a : b */                                                                                              \
    INLINE reals_##S least_##S(reals_##S a, reals_##S b) { return choose_##S((mask_##S)(a < b), a, b); }                               \
    INLINE reals_##S most_##S(reals_##S a, reals_##S b) { return choose_##S((mask_##S)(a > b), a, b); }                                \
    /* the words as signed integers, rounded once */                                                                                   \
    INLINE reals_##S converted_##S(words_##S k) { return __builtin_convertvector((half_words)k, reals_##S); }                          \
    /* x with its sign turned where the word's top bit is set */                                                                       \
    INLINE reals_##S signed_by_##S(reals_##S x, words_##S k) {                                                                         \
        const mask_##S turn = __builtin_convertvector((half_words)k >> 31, mask_##S);                                                  \
        return (reals_##S)((bits_##S)x ^ (turn & (bits_##S)all_##S((REAL)-0.0)));                                                      \
    }                                                                                                                                  \
    /* words of the signed range up to `last` */                                                                                       \
    INLINE mask_##S within_##S(words_##S k, int32_t last) { return __builtin_convertvector((half_words)k <= last, mask_##S); }         \
    INLINE mask_##S below_##S(reals_##S a, reals_##S b) { return (mask_##S)(a < b); }                                                  \
    /* a + b where m, else a; a where m, else 0; and a·b + c, rounded once, where m, else 0 */                                         \
    INLINE reals_##S only_where_##S(mask_##S m, reals_##S a) { return (reals_##S)(m & (bits_##S)a); }                                  \
    INLINE reals_##S add_where_##S(mask_##S m, reals_##S a, reals_##S b) { return a + only_where_##S(m, b); }                          \
    INLINE reals_##S fmas_where_##S(mask_##S m, reals_##S a, reals_##S b, reals_##S c) {                                               \
        return only_where_##S(m, fmas_##S(a, b, c));                                                                                   \
    }                                                                                                                                  \
    INLINE mask_##S both_##S(mask_##S a, mask_##S b) { return a & b; }                                                                 \
    INLINE mask_##S without_##S(mask_##S a, mask_##S b) { return a & ~b; }                                                             \
    INLINE mask_##S lanes_##S(uint32_t set) {                                                                                          \
        return (mask_##S){-(INT)(set & 1), -(INT)(set >> 1 & 1), -(INT)(set >> 2 & 1), -(INT)(set >> 3 & 1)};                          \
    }                                                                                                                                  \
    INLINE uint32_t lanes_of_##S(mask_##S m) {                                                                                         \
        return (uint32_t)((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));                                                          \
    }                                                                                                                                  \
    /* keys: signed integers with the order of the numbers whose bits they come from, -0 below 0 */                                    \
    INLINE bits_##S load_keys_##S(const INT *at) { bits_##S x; memcpy(&x, at, sizeof x); return x; }                                   \
    INLINE void store_keys_##S(INT *at, bits_##S x) { memcpy(at, &x, sizeof x); }                                                      \
    INLINE bits_##S all_keys_##S(INT x) { return (bits_##S){x, x, x, x}; }                                                             \
    INLINE uint32_t keys_below_##S(bits_##S a, bits_##S b) { return lanes_of_##S((mask_##S)(a < b)); }                                 \
    INLINE uint32_t keys_upto_##S(bits_##S a, bits_##S b) { return lanes_of_##S((mask_##S)(a <= b)); }                                 \
    /* each lane's count and one more where a < b */                                                                                   \
    INLINE bits_##S count_below_##S(bits_##S count, bits_##S a, bits_##S b) { return count - (bits_##S)(a < b); }                      \
    INLINE bits_##S most_keys_##S(bits_##S a, bits_##S b) { const bits_##S m = (bits_##S)(a > b); return (m & a) | (~m & b); }         \
    INLINE bits_##S least_keys_##S(bits_##S a, bits_##S b) { const bits_##S m = (bits_##S)(a < b); return (m & a) | (~m & b); }        \
    INLINE bits_##S order_##S(bits_##S b) { return b ^ ((bits_##S)(b < 0) & (INT)(~(INT)0 ^ (INT)((u##INT)1 << (sizeof(INT) * 8 - 1)))); } \
    /* the keys of a set of lanes, one after the other; room for LANES is written */                                                   \
    INLINE void pack_keys_##S(INT *at, uint32_t lanes, bits_##S x) {                                                                   \
        for (int i = 0; i < 4; i++) {                                                                                                  \
            *at = x[i];                                                                                                                \
            at += lanes >> i & 1;                                                                                                      \
        }                                                                                                                              \
    }                                                                                                                                  \
    INLINE round_key_##S round_key_of_##S(const uint32_t k[4]) { return (round_key_##S){{k[0], k[1], k[2], k[3]}}; }                   \
    /* ARS-5 of a counter that the first round key was added to already */                                                             \
    INLINE words_##S ars_##S(words_##S start, const round_key_##S *key) {                                                              \
        uint32_t c[4];                                                                                                                 \
        memcpy(c, &start, sizeof c);                                                                                                   \
        for (int round = 1; round <= ARS_ROUNDS; round++) aes_round(c, key[round].word, round == ARS_ROUNDS);                          \
        memcpy(&start, c, sizeof c);                                                                                                   \
        return start;                                                                                                                  \
    }

PLAIN(f32, float, int32_t, 16)
PLAIN(f64, double, int64_t, 32)
#undef PLAIN

/* LANES_f64 numbers from `at` in double */
INLINE reals_f64 widened_f32(const float *at) { return __builtin_convertvector(load_f32(at), reals_f64); }
INLINE reals_f64 widened_f64(const double *at) { return load_f64(at); }
#endif
