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

/* Box–Muller, the angle reduced to a quadrant in integers. */
INLINE void normal_pair_f32(uint32_t k1, uint32_t k2, float *first, float *second) {
    float r = sqrt_f32(-2.0f * log_f32(uniform_f32(k1)));
    uint32_t turned = k2 + 0x20000000u;
    int32_t rest = (int32_t)(k2 - (turned & 0xc0000000u));
    float p = fma_f32((float)rest, (float)(TWO_PI * 0x1p-32), (float)(TWO_PI * 0x1p-33));
    float s = sin_f32(p), c = cos_f32(p);
    uint32_t swap = turned & 0x40000000u;
    float x = swap ? s : c, y = swap ? c : s;
    /* quadrant 0: (c, s), 1: (-s, c), 2: (-c, -s), 3: (s, -c) */
    uint32_t sx = (turned ^ (turned << 1)) & 0x80000000u, sy = turned & 0x80000000u;
    *first = r * bits_to_f32((int32_t)((uint32_t)f32_to_bits(x) ^ sx));
    *second = r * bits_to_f32((int32_t)((uint32_t)f32_to_bits(y) ^ sy));
}
INLINE void normal_pair_f64(uint32_t k1, uint32_t k2, double *first, double *second) {
    double r = sqrt_f64(-2.0 * log_f64(uniform_f64(k1)));
    uint32_t turned = k2 + 0x20000000u;
    int32_t rest = (int32_t)(k2 - (turned & 0xc0000000u));
    double p = fma_f64((double)rest, TWO_PI * 0x1p-32, TWO_PI * 0x1p-33);
    double s = sin_f64(p), c = cos_f64(p);
    uint32_t swap = turned & 0x40000000u;
    double x = swap ? s : c, y = swap ? c : s;
    uint64_t sx = (uint64_t)((turned ^ (turned << 1)) & 0x80000000u) << 32, sy = (uint64_t)(turned & 0x80000000u) << 32;
    *first = r * bits_to_f64((int64_t)((uint64_t)f64_to_bits(x) ^ sx));
    *second = r * bits_to_f64((int64_t)((uint64_t)f64_to_bits(y) ^ sy));
}
#endif
