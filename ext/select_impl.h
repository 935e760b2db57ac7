/* Exact order statistics and the statistics of one asset, for REAL. Included by kernel_impl.h only. docs/numerics.md §7.
 * Order is that of the keys (vector_plain.h). Work space of keys has room for a vector more than its keys. */
enum { FN(FEW) = 32, FN(SAMPLE) = 128, FN(MANY_RANKS) = 12 };

INLINE REAL FN(value)(KEY key) {
    const KEY b = key ^ (key < 0 ? KEY_MOST : 0);
    REAL value;
    memcpy(&value, &b, sizeof value);
    return value;
}

/* Keys of n values, and the least and greatest of them. */
static void FN(make_keys)(const REAL *values, int64_t n, KEY *keys, KEY *least, KEY *most) {
    OF(bits) low = OF(all_keys)(KEY_MOST), high = OF(all_keys)(-KEY_MOST - 1);
    *least = KEY_MOST;
    *most = -KEY_MOST - 1;
    int64_t i = 0;
    for (; i + OF(LANES) <= n; i += OF(LANES)) {
        const OF(bits) k = OF(order)((OF(bits))OF(load)(values + i));
        OF(store_keys)(keys + i, k);
        low = OF(least_keys)(low, k);
        high = OF(most_keys)(high, k);
    }
    for (int k = 0; k < OF(LANES); k++) {
        *least = low[k] < *least ? low[k] : *least;
        *most = high[k] > *most ? high[k] : *most;
    }
    for (; i < n; i++) {
        KEY b;
        memcpy(&b, values + i, sizeof b);
        keys[i] = b ^ (b < 0 ? KEY_MOST : 0);
        *least = keys[i] < *least ? keys[i] : *least;
        *most = keys[i] > *most ? keys[i] : *most;
    }
}

/* The keys of keys[0..n) from `low` to `high`, moved together into `into` (which may be `keys`).
 * Returns how many there are; *below: how many keys are less than low. */
static int64_t FN(part)(const KEY *keys, int64_t n, KEY low, KEY high, KEY *into, int64_t *below) {
    /* low <= k <= high is one comparison: low is moved to the end of the signed range, whatever wraps */
    const UKEY moved = (UKEY)low - (UKEY)(-KEY_MOST - 1);
    const OF(bits) first = OF(all_keys)(low), base = OF(all_keys)((KEY)moved), top = OF(all_keys)((KEY)((UKEY)high - moved));
    OF(bits) less = OF(all_keys)(0);
    int64_t m = 0, i = 0;
    for (; i + OF(LANES) <= n; i += OF(LANES)) {
        const OF(bits) k = OF(load_keys)(keys + i);
        const uint32_t in = OF(keys_upto)(k - base, top);
        less = OF(count_below)(less, k, first);
        OF(pack_keys)(into + m, in, k);
        m += __builtin_popcount(in);
    }
    *below = 0;
    for (int lane = 0; lane < OF(LANES); lane++) *below += less[lane];
    for (; i < n; i++) {
        const KEY k = keys[i];
        *below += k < low;
        into[m] = k;
        m += k >= low && k <= high;
    }
    return m;
}

static void FN(sort_few)(KEY *keys, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const KEY key = keys[i];
        int64_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* low + (high - low)·part for part in [0, 1], without overflow. */
INLINE KEY FN(between)(KEY low, KEY high, double part) {
    const UKEY width = (UKEY)high - (UKEY)low;
    const UKEY step = (UKEY)((double)width * part);
    return (KEY)((UKEY)low + (step > width ? width : step));
}

/* out: the greatest key below `limit` and the least of the others. */
static void FN(neighbours)(const KEY *keys, int64_t n, KEY limit, KEY out[2]) {
    out[0] = -KEY_MOST - 1;
    out[1] = KEY_MOST;
    for (int64_t i = 0; i < n; i++) {
        if (keys[i] < limit)
            out[0] = keys[i] > out[0] ? keys[i] : out[0];
        else
            out[1] = keys[i] < out[1] ? keys[i] : out[1];
    }
}

/* out: the keys of ranks `rank` and `next` (the same or one more) among keys[0..n), all from low to high. keys is destroyed; spare has room for n. */
static void FN(find)(KEY *keys, int64_t n, int64_t rank, int64_t next, KEY low, KEY high, KEY *spare, KEY out[2]) {
    int halve = 0;
    while (n > FN(FEW) && low < high) {
        /* where the rank lies if keys are spread evenly, give or take; where that led nowhere the lower half, so that it always ends */
        const double at = ((double)rank + 0.5) / (double)n, around = 3.0 * sqrt_f64(at * (1.0 - at) / (double)n) + 2.0 / (double)n;
        const KEY from = halve || at < around ? low : FN(between)(low, high, at - around);
        const KEY to = halve ? FN(between)(low, high, 0.5) : at + around < 1.0 ? FN(between)(low, high, at + around) : high;
        int64_t below, inside = FN(part)(keys, n, from, to, spare, &below);
        if (rank >= below && next < below + inside) {
            KEY *other = keys;
            keys = spare;
            spare = other;
            halve = from == low && to == high;
            low = from;
            high = to;
        } else if (next < below || rank >= below + inside) {
            if (next < below)
                high = from - 1;
            else
                low = to + 1;
            halve = 1;
            inside = FN(part)(keys, n, low, high, keys, &below);
        } else {
            FN(neighbours)(keys, n, rank < below ? from : to + 1, out);
            return;
        }
        rank -= below;
        next -= below;
        n = inside;
    }
    if (low < high) FN(sort_few)(keys, n);
    out[0] = keys[rank];
    out[1] = keys[next];
}

/* Ascending, by digits of eleven bits; the result stands in `keys` or in `spare`. */
static const KEY *FN(sort)(KEY *keys, int64_t n, KEY *spare) {
    for (unsigned shift = 0; shift < 8 * sizeof(KEY); shift += 11) {
        int64_t start[2048] = {0}, sum = 0;
        for (int64_t i = 0; i < n; i++) start[((UKEY)keys[i] ^ (UKEY)(-KEY_MOST - 1)) >> shift & 2047]++;
        for (int d = 0; d < 2048; d++) {
            const int64_t count = start[d];
            start[d] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) spare[start[((UKEY)keys[i] ^ (UKEY)(-KEY_MOST - 1)) >> shift & 2047]++] = keys[i];
        KEY *other = keys;
        keys = spare;
        spare = other;
    }
    return keys;
}

/* sorted: SAMPLE keys taken at even distances. */
static void FN(take_sample)(const KEY *keys, int64_t n, KEY *sorted) {
    KEY sample[FN(SAMPLE)];
    for (int i = 0; i < FN(SAMPLE); i++) sample[i] = keys[i * (n / FN(SAMPLE))];
    for (int i = 0; i < FN(SAMPLE); i++) sorted[i] = -KEY_MOST - 1;
    for (int i = 0; i < FN(SAMPLE); i++) {
        const OF(bits) key = OF(all_keys)(sample[i]);
        int place = 0;
        for (int j = 0; j < FN(SAMPLE); j += OF(LANES)) place += __builtin_popcount(OF(keys_below)(OF(load_keys)(sample + j), key));
        sorted[place] = sample[i];
    }
    /* equal keys have one place: they fill those behind it */
    for (int i = 1; i < FN(SAMPLE); i++) sorted[i] = sorted[i] < sorted[i - 1] ? sorted[i - 1] : sorted[i];
}

/* out[2 r], out[2 r + 1] = the keys of ranks[r] and of the one above, where there is one. keys stays, unless there are many ranks.
 * work: 2 (n + a vector). */
static void FN(select)(KEY *keys, int64_t n, KEY least, KEY most, const int64_t *ranks, int64_t count, KEY *out, KEY *work) {
    const int64_t room = n + OF(LANES);
    if (count > FN(MANY_RANKS)) {
        const KEY *sorted = FN(sort)(keys, n, work);
        for (int64_t r = 0; r < count; r++) {
            out[2 * r] = sorted[ranks[r]];
            out[2 * r + 1] = sorted[ranks[r] + 1 < n ? ranks[r] + 1 : n - 1];
        }
        return;
    }
    const int sampled = n >= 8 * FN(SAMPLE);
    KEY sorted[FN(SAMPLE)];
    if (sampled) FN(take_sample)(keys, n, sorted);
    for (int64_t r = 0; r < count; r++) {
        const int64_t rank = ranks[r], next = rank + 1 < n ? rank + 1 : n - 1;
        KEY low = least, high = most;
        int64_t below = 0, inside;
        if (sampled) {
            const double at = (double)rank / (double)n, place = at * FN(SAMPLE), around = 3.0 * sqrt_f64(place * (1.0 - at)) + 1.0;
            if (place > around) low = sorted[(int)(place - around)];
            if (place + around < FN(SAMPLE)) high = sorted[(int)(place + around)];
        }
        inside = FN(part)(keys, n, low, high, work, &below);
        if (rank < below || next >= below + inside) {
            low = least;
            high = most;
            inside = FN(part)(keys, n, low, high, work, &below);
        }
        FN(find)(work, inside, rank - below, next - below, low, high, work + room, out + 2 * r);
    }
}

/* Sum of f(V_p) in 16 stripes, then a binary tree. mode 0: V; 1: (V - c)^2; 2: V where V < c. */
INLINE double FN(striped)(const REAL *values, int64_t n, double c, const int mode) {
    enum { L = LANES_f64 };
    reals_f64 sum[16 / L];
    double stripe[16];
    const int64_t whole = n & ~(int64_t)15;
    for (int k = 0; k < 16 / L; k++) sum[k] = all_f64(0.0);
    for (int64_t i = 0; i < whole; i += 16)
#pragma GCC unroll 4
        for (int k = 0; k < 16 / L; k++) {
            const reals_f64 v = OF(widened)(values + i + k * L), off = v - all_f64(c);
            if (mode == 2)
                sum[k] = add_where_f64(below_f64(v, all_f64(c)), sum[k], v);
            else if (mode == 1)
                sum[k] = sum[k] + off * off;
            else
                sum[k] = sum[k] + v;
        }
    for (int k = 0; k < 16 / L; k++) store_f64(stripe + k * L, sum[k]);
    for (int64_t i = whole; i < n; i++) {
        const double v = (double)values[i];
        stripe[i - whole] += mode == 0 ? v : mode == 1 ? (v - c) * (v - c) : v < c ? v : 0.0;
    }
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) stripe[j] += stripe[j + half];
    return stripe[0];
}

static int64_t FN(count_less)(const REAL *values, int64_t n, REAL limit) {
    int64_t count = 0, i = 0;
    for (; i + OF(LANES) <= n; i += OF(LANES)) count += __builtin_popcount(OF(lanes_of)(OF(below)(OF(load)(values + i), OF(all)(limit))));
    for (; i < n; i++) count += values[i] < limit;
    return count;
}

/* mean, standard deviation, expected shortfall, probability of loss, (life left alone), quantiles.
 * keys: of the values, least and most among them; destroyed, as is work: 2 (n + a vector). */
static void FN(describe)(const REAL *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, KEY *keys, KEY least, KEY most,
                         KEY *work) {
    const double mean = FN(striped)(values, n, 0.0, 0) / (double)n;
    out[STAT_MEAN] = mean;
    out[STAT_DEVIATION] = n > 1 ? sqrt_f64(FN(striped)(values, n, mean, 1) / (double)(n - 1)) : 0.0;

    int64_t tail_count = (int64_t)__builtin_ceil(tail * (double)n - 1e-9), ranks[MAX_QUANTILES + 1];
    tail_count = tail_count < 1 ? 1 : tail_count > n ? n : tail_count;
    int64_t tail_at = 2 * count;
    for (int64_t q = 0; q < count; q++) {
        ranks[q] = (int64_t)((double)(n - 1) * quantiles[q]);
        if (ranks[q] == tail_count - 1) tail_at = 2 * q;
    }
    ranks[count] = tail_count - 1;
    KEY found[2 * (MAX_QUANTILES + 1)];
    FN(select)(keys, n, least, most, ranks, count + (tail_at == 2 * count), found, work);
    for (int64_t q = 0; q < count; q++) {
        const double g = (double)(n - 1) * quantiles[q] - (double)ranks[q];
        const double a = (double)FN(value)(found[2 * q]), b = (double)FN(value)(found[2 * q + 1]), d = b - a;
        out[STAT_QUANTILES + q] = g >= 0.5 ? b - d * (1.0 - g) : a + d * g;
    }
    const REAL c = FN(value)(found[tail_at]);
    const double rest = (double)(tail_count - FN(count_less)(values, n, c)) * (double)c;
    out[STAT_SHORTFALL] = (FN(striped)(values, n, (double)c, 2) + rest) / (double)tail_count;
    out[STAT_LOSS] = (double)FN(count_less)(values, n, (REAL)0) / (double)n;
}
