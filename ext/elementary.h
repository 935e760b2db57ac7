/* Own elementary functions: + - * / sqrt, fma and integers only, so every CPU and compiler gives the same bits.
 * Definition and errors: docs/numerics.md §6. Written without branches so that compilers vectorise loops over them. */
#ifndef IPVALUE_ELEMENTARY_H
#define IPVALUE_ELEMENTARY_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "constants.h"

#define INLINE static inline __attribute__((always_inline))

INLINE float bits_to_f32(int32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }
INLINE int32_t f32_to_bits(float x) { int32_t b; memcpy(&b, &x, sizeof b); return b; }
INLINE double bits_to_f64(int64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
INLINE int64_t f64_to_bits(double x) { int64_t b; memcpy(&b, &x, sizeof b); return b; }

INLINE float fma_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
INLINE double fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
INLINE float sqrt_f32(float x) { return __builtin_sqrtf(x); }
INLINE double sqrt_f64(double x) { return __builtin_sqrt(x); }

/* 2^y for -126 < y < 127; beyond, it stays near the ends (single), 2^-1021 and 2^1023 (double). The whole part of y is
 * added to the exponent as an integer, limited on the bits of the float that holds it. */
INLINE float exp2_f32(float y) {
    const float shift = 0x1.8p23f;
    float t = y + shift, r = y - (t - shift);
    float p = EXP2_F32[5];
    p = fma_f32(p, r, EXP2_F32[4]);
    p = fma_f32(p, r, EXP2_F32[3]);
    p = fma_f32(p, r, EXP2_F32[2]);
    p = fma_f32(p, r, EXP2_F32[1]);
    p = fma_f32(p, r, EXP2_F32[0]);
    p = fma_f32(p, r, 1.0f);
    int32_t power = f32_to_bits(t);
    power = power < 0x4b400000 + 127 ? power : 0x4b400000 + 127;
    power = power > 0x4b400000 - 125 ? power : 0x4b400000 - 125;
    return bits_to_f32((int32_t)((uint32_t)f32_to_bits(p) + ((uint32_t)power << 23)));
}
INLINE double exp2_f64(double y) {
    const double shift = 0x1.8p52;
    double limited = y < 1023.0 ? y : 1023.0;
    limited = limited > -1021.0 ? limited : -1021.0;
    double t = limited + shift, r = limited - (t - shift), r2 = r * r, r4 = r2 * r2;
    double low = fma_f64(r2, fma_f64(EXP2_F64[3], r, EXP2_F64[2]), fma_f64(EXP2_F64[1], r, EXP2_F64[0]));
    double middle = fma_f64(r2, fma_f64(EXP2_F64[7], r, EXP2_F64[6]), fma_f64(EXP2_F64[5], r, EXP2_F64[4]));
    double high = fma_f64(r2, fma_f64(EXP2_F64[11], r, EXP2_F64[10]), fma_f64(EXP2_F64[9], r, EXP2_F64[8]));
    double p = fma_f64(fma_f64(r4, fma_f64(r4, high, middle), low), r, 1.0);
    return bits_to_f64((int64_t)((uint64_t)f64_to_bits(p) + ((uint64_t)f64_to_bits(t) << 52)));
}

/* e^x; 0 below the smallest normal, infinity above the greatest; x is not NaN. */
INLINE double exp_f64(double x) {
    const double shift = 0x1.8p52;
    double t = fma_f64(x, LOG2_E, shift), n = t - shift;
    double r = fma_f64(n, -LN2_LO_F64, fma_f64(n, -LN2_HI_F64, x));
    double q = EXP_F64[9];
    q = fma_f64(q, r, EXP_F64[8]);
    q = fma_f64(q, r, EXP_F64[7]);
    q = fma_f64(q, r, EXP_F64[6]);
    q = fma_f64(q, r, EXP_F64[5]);
    q = fma_f64(q, r, EXP_F64[4]);
    q = fma_f64(q, r, EXP_F64[3]);
    q = fma_f64(q, r, EXP_F64[2]);
    q = fma_f64(q, r, EXP_F64[1]);
    q = fma_f64(q, r, EXP_F64[0]);
    double p = fma_f64(r * r, q, r) + 1.0;
    int64_t scale = (int64_t)((uint64_t)f64_to_bits(t) << 52);
    double y = bits_to_f64((int64_t)((uint64_t)f64_to_bits(p) + (uint64_t)scale));
    y = x > 0x1.62e42fefa39efp9 ? INFINITY : y;
    return x < -0x1.6232bdd7abcd2p9 ? 0.0 : y;
}

/* x = 2^e·(1 + f) with sqrt(1/2) <= 1 + f < sqrt(2). */
INLINE float split_f32(float x, float *f) {
    int32_t b = f32_to_bits(x) - 0x3f3504f3;
    int32_t e = b >> 23;
    *f = bits_to_f32((b & 0x7fffff) + 0x3f3504f3) - 1.0f;
    return (float)e;
}
INLINE double split_f64(double x, double *f) {
    int64_t b = f64_to_bits(x) - 0x3fe6a09e667f3bcd;
    /* the exponent as a double without a 64-bit conversion: it fits 12 bits */
    int64_t e = ((b >> 32) + ((int64_t)2048 << 20)) >> 20;
    *f = bits_to_f64((b & 0xfffffffffffff) + 0x3fe6a09e667f3bcd) - 1.0;
    return bits_to_f64(e + 0x4330000000000000) - (0x1p52 + 2048.0);
}

/* Polynomials of four and eight coefficients, the powers in pairs (Estrin), so that short chains of operations run side by side. */
INLINE float four_f32(const float c[4], float x, float x2) { return fma_f32(x2, fma_f32(c[3], x, c[2]), fma_f32(c[1], x, c[0])); }
INLINE float eight_f32(const float c[8], float x, float x2) { return fma_f32(x2 * x2, four_f32(c + 4, x, x2), four_f32(c, x, x2)); }
INLINE double four_f64(const double c[4], double x, double x2) { return fma_f64(x2, fma_f64(c[3], x, c[2]), fma_f64(c[1], x, c[0])); }
INLINE double eight_f64(const double c[8], double x, double x2) { return fma_f64(x2 * x2, four_f64(c + 4, x, x2), four_f64(c, x, x2)); }

/* ln x for normal positive x. */
INLINE float log_f32(float x) {
    float f, e = split_f32(x, &f);
    float f2 = f * f, q = eight_f32(LOG_F32, f, f2);
    float low = fma_f32(e, LN2_LO_F32, fma_f32(f2 * f, q, -0.5f * f2));
    return fma_f32(e, LN2_HI_F32, f + low);
}

/* ln x = *high + *low, error about 2^-60 relative. */
INLINE void log_two(double x, double *high, double *low) {
    double f, e = split_f64(x, &f);
    double d = 2.0 + f, s = f / d;
    double s_low = fma_f64(-s, d, f) / d;           /* f/d = s + s_low, up to d's own rounding */
    s_low = fma_f64(-s, ((2.0 - d) + f) / d, s_low);
    double z = s * s, q = eight_f64(LOG_F64, z, z * z);
    double a = e * LN2_HI_F64, b = 2.0 * s;         /* a is exact: LN2_HI has 20 trailing zeros */
    double sum = a + b, t = sum - a;
    double rest = (a - (sum - t)) + (b - t);
    rest += fma_f64(s * z, q, fma_f64(e, LN2_LO_F64, 2.0 * s_low));
    *high = sum + rest;
    *low = rest - (*high - sum);
}
INLINE double log_f64(double x) {
    double high, low;
    log_two(x, &high, &low);
    return high;
}

/* x^y for normal positive x. */
INLINE double pow_f64(double x, double y) {
    double high, low;
    log_two(x, &high, &low);
    double p = y * high, rest = fma_f64(y, high, -p) + y * low;
    double r = exp_f64(p);
    return fma_f64(r, rest, r);
}

/* sin and cos on [-pi/2, pi/2]. */
INLINE float sin_f32(float p) {
    float z = p * p;
    return fma_f32(z * p, four_f32(SIN_F32, z, z * z), p);
}
INLINE float cos_f32(float p) {
    float z = p * p, z2 = z * z;
    return fma_f32(z2, four_f32(COS_F32, z, z2), fma_f32(-0.5f, z, 1.0f));
}
INLINE double sin_f64(double p) {
    double z = p * p;
    return fma_f64(z * p, eight_f64(SIN_F64, z, z * z), p);
}
INLINE double cos_f64(double p) {
    double z = p * p, z2 = z * z;
    return fma_f64(z2, eight_f64(COS_F64, z, z2), fma_f64(-0.5, z, 1.0));
}
#endif
