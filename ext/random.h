/* Philox4x32-10 and words to uniforms and normals: docs/numerics.md §1–§2. */
#ifndef IPVALUE_RANDOM_H
#define IPVALUE_RANDOM_H
#include "elementary.h"

/* Ten rounds on counter c with key (k0, k1), in place. Salmon et al. (2011). */
INLINE void philox10(uint32_t c[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c[0] * (uint32_t)PHILOX_M0, p1 = (uint64_t)c[2] * (uint32_t)PHILOX_M1;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[1] = (uint32_t)p1;
        c[3] = (uint32_t)p0;
        c[0] = n0;
        c[2] = n2;
        k0 += (uint32_t)PHILOX_W0;
        k1 += (uint32_t)PHILOX_W1;
    }
}

/* The unsigned word as a float, rounded once. */
INLINE float word_f32(uint32_t k) { return fma_f32((float)(int32_t)(k >> 16), 65536.0f, (float)(int32_t)(k & 0xffff)); }
INLINE double word_f64(uint32_t k) { return (double)(int32_t)(k ^ 0x80000000u) + 0x1p31; }
INLINE float uniform_f32(uint32_t k) { return fma_f32(word_f32(k), 0x1p-32f, 0x1p-33f); }
INLINE double uniform_f64(uint32_t k) { return fma_f64(word_f64(k), 0x1p-32, 0x1p-33); }

/* Box–Muller. The top bit of k2 chooses the half plane (the sign of the first normal), the other bits the angle within it. */
INLINE void normal_pair_f32(uint32_t k1, uint32_t k2, float *first, float *second) {
    float r = sqrt_f32(-2.0f * log_f32(fma_f32((float)(int32_t)(k1 >> 1), 0x1p-31f, 0x1p-32f)));
    float p = fma_f32((float)(int32_t)(k2 << 1), (float)(PI * 0x1p-32), (float)(PI * 0x1p-32));
    *first = r * bits_to_f32((int32_t)((uint32_t)f32_to_bits(cos_f32(p)) ^ (k2 & 0x80000000u)));
    *second = r * sin_f32(p);
}
INLINE void normal_pair_f64(uint32_t k1, uint32_t k2, double *first, double *second) {
    double r = sqrt_f64(-2.0 * log_f64(fma_f64((double)(int32_t)(k1 >> 1), 0x1p-31, 0x1p-32)));
    double p = fma_f64((double)(int32_t)(k2 << 1), PI * 0x1p-32, PI * 0x1p-32);
    *first = r * bits_to_f64((int64_t)((uint64_t)f64_to_bits(cos_f64(p)) ^ (uint64_t)(k2 & 0x80000000u) << 32));
    *second = r * sin_f64(p);
}
#endif
