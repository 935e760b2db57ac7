/* Elementary functions of vectors, words to uniforms and normals: docs/numerics.md §2 and §6. Included after a vector_*.h. */
#ifndef IPVALUE_FUNCTIONS_H
#define IPVALUE_FUNCTIONS_H

/* 2^y for -126 < y < 127; beyond, it stays near the ends (single), 2^-1021 and 2^1023 (double). The whole part of y is
 * added to the exponent as an integer, limited on the bits of the float that holds it. */
INLINE reals_f32 exp2s_f32(reals_f32 y) {
    const reals_f32 shift = all_f32(0x1.8p23f);
    const reals_f32 t = y + shift, r = y - (t - shift);
    reals_f32 p = all_f32(EXP2_F32[5]);
#pragma GCC unroll 8
    for (int i = 4; i >= 0; i--) p = fmas_f32(p, r, all_f32(EXP2_F32[i]));
    p = fmas_f32(p, r, all_f32(1.0f));
    const bits_f32 power = most_keys_f32(least_keys_f32((bits_f32)t, all_keys_f32(0x4b400000 + 127)), all_keys_f32(0x4b400000 - 125));
    return (reals_f32)((bits_f32)p + (power << 23));
}
INLINE reals_f64 four_f64s(const double *c, reals_f64 x, reals_f64 x2) {
    return fmas_f64(x2, fmas_f64(all_f64(c[3]), x, all_f64(c[2])), fmas_f64(all_f64(c[1]), x, all_f64(c[0])));
}
INLINE reals_f64 eight_f64s(const double *c, reals_f64 x, reals_f64 x2) { return fmas_f64(x2 * x2, four_f64s(c + 4, x, x2), four_f64s(c, x, x2)); }
INLINE reals_f32 four_f32s(const float *c, reals_f32 x, reals_f32 x2) {
    return fmas_f32(x2, fmas_f32(all_f32(c[3]), x, all_f32(c[2])), fmas_f32(all_f32(c[1]), x, all_f32(c[0])));
}
INLINE reals_f32 eight_f32s(const float *c, reals_f32 x, reals_f32 x2) { return fmas_f32(x2 * x2, four_f32s(c + 4, x, x2), four_f32s(c, x, x2)); }

INLINE reals_f64 exp2s_f64(reals_f64 y) {
    const reals_f64 shift = all_f64(0x1.8p52), limited = most_f64(least_f64(y, all_f64(1023.0)), all_f64(-1021.0));
    const reals_f64 t = limited + shift, r = limited - (t - shift), r2 = r * r, r4 = r2 * r2;
    const reals_f64 low = four_f64s(EXP2_F64, r, r2), middle = four_f64s(EXP2_F64 + 4, r, r2), high = four_f64s(EXP2_F64 + 8, r, r2);
    const reals_f64 p = fmas_f64(fmas_f64(r4, fmas_f64(r4, high, middle), low), r, all_f64(1.0));
    return (reals_f64)((bits_f64)p + ((bits_f64)t << 52));
}

/* scale·ln x for normal positive x = 2^e·(1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); scale is 1 or -2, whose products are exact. */
INLINE reals_f32 scaled_logs_f32(const float scale, reals_f32 x) {
    const bits_f32 b = (bits_f32)x - 0x3f3504f3;
    const reals_f32 e = converted_f32((words_f32)(b >> 23)), f = (reals_f32)((b & 0x7fffff) + 0x3f3504f3) - all_f32(1.0f), f2 = f * f;
    float c[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) c[i] = scale * LOG_F32[i];
    const reals_f32 low = fmas_f32(e, all_f32(scale * LN2_LO_F32), fmas_f32(f2 * f, eight_f32s(c, f, f2), all_f32(-0.5f * scale) * f2));
    return fmas_f32(e, all_f32(scale * LN2_HI_F32), fmas_f32(all_f32(scale), f, low));
}
INLINE reals_f32 logs_f32(reals_f32 x) { return scaled_logs_f32(1.0f, x); }
/* log_f64 of elementary.h. */
INLINE reals_f64 logs_f64(reals_f64 x) {
    const bits_f64 b = (bits_f64)x - 0x3fe6a09e667f3bcd;
    typedef uint64_t unsigned_bits __attribute__((vector_size(sizeof(bits_f64))));
    /* the exponent as a double without a 64-bit conversion: it fits 12 bits */
    const bits_f64 power = (bits_f64)(((unsigned_bits)b + 0x8000000000000000u) >> 52);
    const reals_f64 e = (reals_f64)(power + 0x4330000000000000) - all_f64(0x1p52 + 2048.0);
    const reals_f64 f = (reals_f64)((b & 0xfffffffffffff) + 0x3fe6a09e667f3bcd) - all_f64(1.0);
    const reals_f64 s = f / (all_f64(2.0) + f), z = s * s, half = all_f64(0.5) * f * f;
    const reals_f64 rest = fmas_f64(s, fmas_f64(z, eight_f64s(LOG_F64, z, z * z), half), e * all_f64(LN2_LO_F64));
    return fmas_f64(e, all_f64(LN2_HI_F64), f - (half - rest));
}

/* -2·ln x, what Box–Muller takes the root of. */
INLINE reals_f32 squares_f32(reals_f32 x) { return scaled_logs_f32(-2.0f, x); }
INLINE reals_f64 squares_f64(reals_f64 x) { return all_f64(-2.0) * logs_f64(x); }

/* sin and cos on [-pi/2, pi/2]. */
INLINE reals_f32 sines_f32(reals_f32 p) {
    const reals_f32 z = p * p;
    return fmas_f32(z * p, four_f32s(SIN_F32, z, z * z), p);
}
INLINE reals_f32 cosines_f32(reals_f32 p) {
    const reals_f32 z = p * p, z2 = z * z;
    return fmas_f32(z2, four_f32s(COS_F32, z, z2), fmas_f32(all_f32(-0.5f), z, all_f32(1.0f)));
}
INLINE reals_f64 sines_f64(reals_f64 p) {
    const reals_f64 z = p * p;
    return fmas_f64(z * p, eight_f64s(SIN_F64, z, z * z), p);
}
INLINE reals_f64 cosines_f64(reals_f64 p) {
    const reals_f64 z = p * p, z2 = z * z;
    return fmas_f64(z2, eight_f64s(COS_F64, z, z2), fmas_f64(all_f64(-0.5), z, all_f64(1.0)));
}

/* u(k) = (k + 1/2)·2^-32, k rounded once. */
INLINE reals_f32 uniforms_f32(words_f32 k) {
    const reals_f32 whole = fmas_f32(converted_f32(k >> 16), all_f32(65536.0f), converted_f32(k & 0xffff));
    return fmas_f32(whole, all_f32(0x1p-32f), all_f32(0x1p-33f));
}
INLINE reals_f64 uniforms_f64(words_f64 k) {
    return fmas_f64(converted_f64(k ^ 0x80000000u) + all_f64(0x1p31), all_f64(0x1p-32), all_f64(0x1p-33));
}

/* Box–Muller. The top bit of k2 chooses the half plane (the sign of the first normal), the other bits the angle within it. */
#define NORMALS(S, REAL)                                                                                                                        \
    INLINE void normals_##S(words_##S k1, words_##S k2, reals_##S *first, reals_##S *second) {                                                  \
        const reals_##S v = fmas_##S(converted_##S(k1 >> 1), all_##S((REAL)0x1p-31), all_##S((REAL)0x1p-32));                                   \
        const reals_##S r = roots_##S(squares_##S(v)), unit = all_##S((REAL)(PI * 0x1p-32));                                 \
        const reals_##S p = fmas_##S(converted_##S(k2 << 1), unit, unit);                                                                       \
        *first = r * signed_by_##S(cosines_##S(p), k2);                                                                                         \
        *second = r * sines_##S(p);                                                                                                             \
    }
NORMALS(f32, float)
NORMALS(f64, double)
#undef NORMALS

/* k, or 2^32 - 1 - k where its top bit is set */
#define FOLDED(S)                                                                                  \
    INLINE words_##S folded_##S(words_##S k) {                                                     \
        typedef int32_t signed_words __attribute__((vector_size(sizeof(words_##S))));              \
        return k ^ (words_##S)((signed_words)k >> 31);                                             \
    }
FOLDED(f32)
FOLDED(f64)
#undef FOLDED

/* One normal of a word, by the inverse of its distribution: numerics.md §12. It is made with the other sign and turned where the top bit is set. */
INLINE reals_f32 minus_logs_f32(reals_f32 x) { return scaled_logs_f32(-1.0f, x); }
INLINE reals_f64 minus_logs_f64(reals_f64 x) { return -logs_f64(x); }
#define INVERSE(S, REAL, ABOVE, BELOW)                                                                                                          \
    INLINE reals_##S inverses_##S(words_##S k) {                                                                                                \
        const reals_##S t = fmas_##S(converted_##S(folded_##S(k)), all_##S((REAL)0x1p-32), all_##S((REAL)0x1p-33));                            \
        const reals_##S four = all_##S((REAL)4) * t, v = minus_logs_##S(fmas_##S(-four, t, four));                           \
        const reals_##S y = fmas_##S(all_##S((REAL)2), t, all_##S((REAL)-1));                                                                   \
        reals_##S above = all_##S(ABOVE[ABOVE##_COUNT - 1]), below = all_##S(BELOW[BELOW##_COUNT - 1]);                                         \
        _Pragma("GCC unroll 16") for (int i = ABOVE##_COUNT - 2; i >= 0; i--) above = fmas_##S(above, v, all_##S(ABOVE[i]));                    \
        _Pragma("GCC unroll 16") for (int i = BELOW##_COUNT - 2; i >= 0; i--) below = fmas_##S(below, v, all_##S(BELOW[i]));                    \
        return signed_by_##S((y * above) / below, k);                                                                                           \
    }
INVERSE(f32, float, NORMAL_ABOVE_F32, NORMAL_BELOW_F32)
INVERSE(f64, double, NORMAL_ABOVE_F64, NORMAL_BELOW_F64)
#undef INVERSE
#endif
