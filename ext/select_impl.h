/* Exact order statistics and the statistics of one asset, for REAL. Included by kernel_impl.h only. docs/numerics.md §7. */
#define BUCKETS 1024      /* for many keys, */
#define FEW_BUCKETS 64    /* and for few, where clearing and summing a thousand would cost more than it saves */
#define SMALL 32

/* Order-preserving integer of a number. */
static void FN(keys)(const REAL *restrict values, int64_t n, UKEY *restrict keys) {
    for (int64_t i = 0; i < n; i++) {
        UKEY b;
        memcpy(&b, &values[i], sizeof b);
        keys[i] = b ^ ((UKEY)((SKEY)b >> (sizeof(UKEY) * 8 - 1)) | SIGN_BIT);
    }
}
INLINE REAL FN(real)(UKEY key) {
    UKEY b = key ^ (~(UKEY)((SKEY)key >> (sizeof(UKEY) * 8 - 1)) | SIGN_BIT);
    REAL value;
    memcpy(&value, &b, sizeof value);
    return value;
}
static double FN(value)(UKEY key) { return (double)FN(real)(key); }

static void FN(small)(UKEY *keys, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        UKEY key = keys[i];
        int64_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Least and greatest key. */
static void FN(range)(const UKEY *keys, int64_t n, UKEY *least, UKEY *most) {
    UKEY low = keys[0], high = keys[0];
    for (int64_t i = 1; i < n; i++) {
        low = keys[i] < low ? keys[i] : low;
        high = keys[i] > high ? keys[i] : high;
    }
    *least = low;
    *most = high;
}

/* Which of `count` equal intervals a number falls into: of its value where `scale` > 0, else of its key. Both never decrease with it. */
static void FN(buckets)(const UKEY *restrict keys, int64_t n, UKEY least, UKEY most, UKEY count, uint32_t *restrict bucket) {
    const REAL low = (REAL)FN(value)(least), scale = (REAL)(count - 1) / ((REAL)FN(value)(most) - low);
    if (n > SMALL && scale - scale == (REAL)0)
        for (int64_t i = 0; i < n; i++) bucket[i] = (uint32_t)(int32_t)((FN(real)(keys[i]) - low) * scale);
    else {
        int shift = 0;
        while ((most - least) >> shift >= count) shift++;
        for (int64_t i = 0; i < n; i++) bucket[i] = (uint32_t)((keys[i] - least) >> shift);
    }
}

/* out[r] = the key of rank ranks[r] (ascending, from 0) among keys[0..n). keys is destroyed; spare and bucket have room for n. */
static void FN(select)(UKEY *keys, int64_t n, const int64_t *ranks, int64_t count, UKEY *out, UKEY *spare, uint32_t *bucket) {
    if (n <= SMALL) {
        FN(small)(keys, n);
        for (int64_t r = 0; r < count; r++) out[r] = keys[ranks[r]];
        return;
    }
    UKEY least, most;
    FN(range)(keys, n, &least, &most);
    if (least == most) {
        for (int64_t r = 0; r < count; r++) out[r] = least;
        return;
    }
    const int many = n > BUCKETS, buckets = many ? BUCKETS : FEW_BUCKETS;
    FN(buckets)(keys, n, least, most, (UKEY)buckets, bucket);
    int32_t end[BUCKETS], place[BUCKETS]; /* n is below 2^31 */
    memset(end, 0, (size_t)buckets * sizeof end[0]);
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++) end[bucket[i]]++;
    for (int b = 1; b < buckets; b++) end[b] += end[b - 1];
    /* gather the keys of the buckets that hold a wanted rank, bucket by bucket, into spare */
    memset(place, -1, (size_t)buckets * sizeof place[0]);
    int32_t used = 0;
    for (int64_t r = 0, b = 0; r < count; r++) {
        while (end[b] <= ranks[r]) b++;
        if (place[b] < 0) {
            place[b] = used;
            used += end[b] - (b ? end[b - 1] : 0);
        }
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++)
        if (place[bucket[i]] >= 0) spare[place[bucket[i]]++] = keys[i];
    for (int64_t r = 0, b = 0; r < count;) {
        while (end[b] <= ranks[r]) b++;
        const int64_t before = b ? end[b - 1] : 0, size = end[b] - before;
        int64_t local[2 * MAX_QUANTILES + 1], m = 0;
        UKEY *part = spare + place[b] - size;
        while (r + m < count && ranks[r + m] < end[b]) {
            local[m] = ranks[r + m] - before;
            m++;
        }
        FN(select)(part, size, local, m, out + r, keys + (part - spare), bucket);
        r += m;
    }
}

/* Sum of f(V_p) in 16 stripes, then a binary tree. mode 0: V; 1: (V - c)^2; 2: V where V < c. */
INLINE double FN(striped)(const REAL *values, int64_t n, double c, const int mode) {
    double stripe[16] = {0};
    int64_t whole = n & ~(int64_t)15;
    for (int64_t i = 0; i < whole; i += 16)
        for (int j = 0; j < 16; j++) {
            double v = (double)values[i + j];
            stripe[j] += mode == 0 ? v : mode == 1 ? (v - c) * (v - c) : v < c ? v : 0.0;
        }
    for (int64_t i = whole; i < n; i++) {
        double v = (double)values[i];
        stripe[i - whole] += mode == 0 ? v : mode == 1 ? (v - c) * (v - c) : v < c ? v : 0.0;
    }
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) stripe[j] += stripe[j + half];
    return stripe[0];
}

/* mean, standard deviation, expected shortfall, probability of loss, (life left alone), quantiles.
 * keys: of the values, destroyed; spare and bucket have room for n. */
static void FN(describe)(const REAL *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, UKEY *keys, UKEY *spare,
                         uint32_t *bucket) {
    double mean = FN(striped)(values, n, 0.0, 0) / (double)n;
    out[STAT_MEAN] = mean;
    out[STAT_DEVIATION] = n > 1 ? sqrt_f64(FN(striped)(values, n, mean, 1) / (double)(n - 1)) : 0.0;

    int64_t ranks[2 * MAX_QUANTILES + 1], sorted[2 * MAX_QUANTILES + 1], m = 0;
    for (int64_t q = 0; q < count; q++) {
        double h = (double)(n - 1) * quantiles[q];
        int64_t i = (int64_t)h;
        ranks[m++] = i;
        ranks[m++] = i + 1 < n ? i + 1 : n - 1;
    }
    int64_t tail_count = (int64_t)__builtin_ceil(tail * (double)n - 1e-9);
    tail_count = tail_count < 1 ? 1 : tail_count > n ? n : tail_count;
    ranks[m++] = tail_count - 1;
    for (int64_t i = 0; i < m; i++) {
        int64_t j = i;
        for (; j > 0 && sorted[j - 1] > ranks[i]; j--) sorted[j] = sorted[j - 1];
        sorted[j] = ranks[i];
    }
    UKEY found[2 * MAX_QUANTILES + 1];
    FN(select)(keys, n, sorted, m, found, spare, bucket);
#define AT(rank) FN(value)(found[rank_of(sorted, m, rank)])
    for (int64_t q = 0; q < count; q++) {
        double h = (double)(n - 1) * quantiles[q], g = h - (double)ranks[2 * q];
        double a = AT(ranks[2 * q]), b = AT(ranks[2 * q + 1]), d = b - a;
        out[STAT_QUANTILES + q] = g >= 0.5 ? b - d * (1.0 - g) : a + d * g;
    }
    const REAL c = FN(real)(found[rank_of(sorted, m, tail_count - 1)]);
#undef AT
    int below = 0, losses = 0; /* n is below 2^31 */
    for (int64_t i = 0; i < n; i++) {
        below += values[i] < c;
        losses += values[i] < (REAL)0;
    }
    out[STAT_SHORTFALL] = (FN(striped)(values, n, (double)c, 2) + (double)(tail_count - below) * (double)c) / (double)tail_count;
    out[STAT_LOSS] = (double)losses / (double)n;
}
#undef BUCKETS
#undef FEW_BUCKETS
#undef SMALL
