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
INLINE double split_f64(double x, double *f) {
    int64_t b = f64_to_bits(x) - 0x3fe6a09e667f3bcd;
    /* the exponent as a double without a 64-bit conversion: it fits 12 bits */
    int64_t e = ((b >> 32) + ((int64_t)2048 << 20)) >> 20;
    *f = bits_to_f64((b & 0xfffffffffffff) + 0x3fe6a09e667f3bcd) - 1.0;
    return bits_to_f64(e + 0x4330000000000000) - (0x1p52 + 2048.0);
}

/* Polynomials of four and eight coefficients, the powers in pairs (Estrin), so that short chains of operations run side by side. */
INLINE double four_f64(const double c[4], double x, double x2) { return fma_f64(x2, fma_f64(c[3], x, c[2]), fma_f64(c[1], x, c[0])); }
INLINE double eight_f64(const double c[8], double x, double x2) { return fma_f64(x2 * x2, four_f64(c + 4, x, x2), four_f64(c, x, x2)); }

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
/* ln(1 + f) = f - (f^2/2 - s·(f^2/2 + z·q(z))), s = f/(2 + f), z = s^2: what is large in it is exact. One division, and short enough for vectors. */
INLINE double log_f64(double x) {
    double f, e = split_f64(x, &f);
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double rest = fma_f64(s, fma_f64(z, eight_f64(LOG_F64, z, z * z), half), e * LN2_LO_F64);
    return fma_f64(e, LN2_HI_F64, f - (half - rest));
}

/* x^y for normal positive x. */
INLINE double pow_f64(double x, double y) {
    double high, low;
    log_two(x, &high, &low);
    double p = y * high, rest = fma_f64(y, high, -p) + y * low;
    double r = exp_f64(p);
    return fma_f64(r, rest, r);
}

/* P(Z > |x|) of a standard normal Z, absolute error below 1e-15: docs/numerics.md §9. */
INLINE double upper_tail_f64(double x) {
    const double z = x < 0.0 ? -x : x, t = 4.0 / (z + 4.0), u = fma_f64(2.5, t, -1.5), u2 = u * u, u4 = u2 * u2, u8 = u4 * u4;
    const double low = fma_f64(u8, eight_f64(TAIL_F64 + 8, u, u2), eight_f64(TAIL_F64, u, u2));
    return exp_f64(-0.5 * z * z) * (t * fma_f64(u8 * u8, four_f64(TAIL_F64 + 16, u, u2), low));
}
INLINE double normal_cdf_f64(double x) { return x < 0.0 ? upper_tail_f64(x) : 1.0 - upper_tail_f64(x); }

/* The inverse of it, docs/numerics.md §12: infinite where p or 1 - p is below 2^-33. */
INLINE double normal_quantile_f64(double p) {
    const double t = p < 0.5 ? p : 1.0 - p;
    if (!(t >= 0x1p-33)) return p < 0.5 ? -INFINITY : INFINITY;
    const double v = -log_f64(fma_f64(-4.0 * t, t, 4.0 * t)), y = fma_f64(-2.0, t, 1.0);
    double above = NORMAL_ABOVE_F64[NORMAL_ABOVE_F64_COUNT - 1], below = NORMAL_BELOW_F64[NORMAL_BELOW_F64_COUNT - 1];
    for (int i = NORMAL_ABOVE_F64_COUNT - 2; i >= 0; i--) above = fma_f64(above, v, NORMAL_ABOVE_F64[i]);
    for (int i = NORMAL_BELOW_F64_COUNT - 2; i >= 0; i--) below = fma_f64(below, v, NORMAL_BELOW_F64[i]);
    return p < 0.5 ? -(y * above / below) : y * above / below;
}

#endif
