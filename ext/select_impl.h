/* Exact order statistics, for REAL. Included by kernel_impl.h only. docs/numerics.md §7.
 * Order is that of the keys (vector_plain.h). Work space of keys has room for a vector more than its keys. */
enum { FN(FEW) = 4 * OF(LANES), FN(ROWS) = 32, FN(MANY_RANKS) = 12, FN(BUCKETS) = 4096 };
static const double FN(ERRORS) = 2.5; /* how many errors of a sample's quantile a bracket leaves to either side */
static const double FN(CLOSE) = 0.2;  /* ranks nearer to each other than this part of all keys are parted by one key, not by two */

INLINE REAL FN(value)(KEY key) {
    const KEY b = key ^ (key < 0 ? KEY_MOST : 0);
    REAL value;
    memcpy(&value, &b, sizeof value);
    return value;
}

/* The keys of keys[0..n) from `low` to `high`, moved together into `into` (which may be `keys`). Returns how many there are.
 * sides: 1: all are from low already; 2: all are up to high already; 3: neither. Of 3 only, *below: how many keys are less than low. */
INLINE int64_t FN(part)(const int sides, const KEY *keys, int64_t n, KEY low, KEY high, KEY *into, int64_t *below) {
    /* low <= k <= high is one comparison: low is moved to the end of the signed range, whatever wraps */
    const UKEY moved = (UKEY)low - (UKEY)(-KEY_MOST - 1);
    const OF(bits) first = OF(all_keys)(low), last = OF(all_keys)(high), base = OF(all_keys)((KEY)moved), top = OF(all_keys)((KEY)((UKEY)high - moved));
    OF(bits) less = OF(all_keys)(0);
    int64_t m = 0, i = 0;
    for (; i + OF(LANES) <= n; i += OF(LANES)) {
        const OF(bits) k = OF(load_keys)(keys + i);
        const uint32_t in = sides == 1 ? OF(keys_upto)(k, last) : sides == 2 ? OF(keys_upto)(first, k) : OF(keys_upto)(k - base, top);
        if (sides == 3) less = OF(count_below)(less, k, first);
        OF(pack_keys)(into + m, in, k);
        m += __builtin_popcount(in);
    }
    if (sides == 3) *below = 0;
    for (int lane = 0; sides == 3 && lane < OF(LANES); lane++) *below += less[lane];
    if (i < n) {
        const uint32_t there = ((uint32_t)1 << (n - i)) - 1;
        const OF(bits) k = OF(load_keys)(keys + i);
        const uint32_t in = there & (sides == 1 ? OF(keys_upto)(k, last) : sides == 2 ? OF(keys_upto)(first, k) : OF(keys_upto)(k - base, top));
        if (sides == 3) *below += __builtin_popcount(there & OF(keys_below)(k, first));
        OF(pack_keys)(into + m, in, k);
        m += __builtin_popcount(in);
    }
    return m;
}
static int64_t FN(part_upto)(const KEY *keys, int64_t n, KEY low, KEY high, KEY *into) { return FN(part)(1, keys, n, low, high, into, NULL); }
static int64_t FN(part_from)(const KEY *keys, int64_t n, KEY low, KEY high, KEY *into) { return FN(part)(2, keys, n, low, high, into, NULL); }
static int64_t FN(part_within)(const KEY *keys, int64_t n, KEY low, KEY high, KEY *into, int64_t *below) {
    return FN(part)(3, keys, n, low, high, into, below);
}

/* Of each lane's key: how many of keys[0..n) are less. */
INLINE OF(bits) FN(places)(OF(bits) key, const KEY *keys, int64_t n) {
    OF(bits) place = OF(all_keys)(0);
    for (int64_t j = 0; j < n; j++) place = OF(count_below)(place, OF(all_keys)(keys[j]), key);
    return place;
}

/* sorted: keys[0..n) in order. */
static void FN(sort_few)(const KEY *keys, int64_t n, KEY *sorted) {
    for (int64_t i = 0; i < n; i++) sorted[i] = -KEY_MOST - 1;
    for (int64_t i = 0; i < n; i += OF(LANES)) {
        KEY place[OF(LANES)];
        OF(store_keys)(place, FN(places)(OF(load_keys)(keys + i), keys, n));
        for (int64_t k = i; k < n && k < i + OF(LANES); k++) sorted[place[k - i]] = keys[k];
    }
    /* equal keys have one place: they fill those behind it */
    for (int64_t i = 1; i < n; i++) sorted[i] = sorted[i] < sorted[i - 1] ? sorted[i - 1] : sorted[i];
}

/* Half way from the least to the greatest key, which are found. */
static KEY FN(middle)(const KEY *keys, int64_t n, KEY *low, KEY *high) {
    *low = KEY_MOST;
    *high = -KEY_MOST - 1;
    for (int64_t i = 0; i < n; i++) {
        *low = keys[i] < *low ? keys[i] : *low;
        *high = keys[i] > *high ? keys[i] : *high;
    }
    return (KEY)((UKEY)*low + ((UKEY)*high - (UKEY)*low) / 2);
}

/* out: the greatest key up to `limit` and the least of the others. */
static void FN(neighbours)(const KEY *keys, int64_t n, KEY limit, KEY out[2]) {
    out[0] = -KEY_MOST - 1;
    out[1] = KEY_MOST;
    for (int64_t i = 0; i < n; i++) {
        const KEY under = keys[i] <= limit ? keys[i] : -KEY_MOST - 1, over = keys[i] <= limit ? KEY_MOST : keys[i];
        out[0] = under > out[0] ? under : out[0];
        out[1] = over < out[1] ? over : out[1];
    }
}

/* A sample of keys: vectors at even distances, each column of lanes ascending. */
typedef struct {
    int rows;
    OF(bits) row[FN(ROWS)];
} FN(sample);

/* Puts rows a < b of every pair in order. Sorted blocks of gap become sorted blocks of size by the gaps size/2, size/4, ..., 1. */
INLINE void FN(exchange)(OF(bits) *row, const int rows, const int size, const int gap) {
#pragma GCC unroll 16
    for (int i = 0; i < rows / 2; i++) {
        const int a = i / gap * 2 * gap + i % gap, b = a ^ (2 * gap == size ? size - 1 : gap);
        const OF(bits) low = OF(least_keys)(row[a], row[b]), high = OF(most_keys)(row[a], row[b]);
        row[a] = low;
        row[b] = high;
    }
}

INLINE void FN(sort_columns)(OF(bits) *row, const int rows) {
    FN(exchange)(row, rows, 2, 1);
    FN(exchange)(row, rows, 4, 2);
    FN(exchange)(row, rows, 4, 1);
    FN(exchange)(row, rows, 8, 4);
    FN(exchange)(row, rows, 8, 2);
    FN(exchange)(row, rows, 8, 1);
    if (rows == 8) return;
    FN(exchange)(row, rows, 16, 8);
    FN(exchange)(row, rows, 16, 4);
    FN(exchange)(row, rows, 16, 2);
    FN(exchange)(row, rows, 16, 1);
    if (rows == 16) return;
    FN(exchange)(row, rows, 32, 16);
    FN(exchange)(row, rows, 32, 8);
    FN(exchange)(row, rows, 32, 4);
    FN(exchange)(row, rows, 32, 2);
    FN(exchange)(row, rows, 32, 1);
}

static void FN(take_sample)(const KEY *keys, int64_t n, FN(sample) *s) {
    s->rows = n < 16 * OF(LANES) ? FN(ROWS) / 4 : n < 64 * OF(LANES) ? FN(ROWS) / 2 : FN(ROWS);
    const int64_t apart = (n - OF(LANES)) / (s->rows - 1);
    for (int i = 0; i < s->rows; i++) s->row[i] = OF(load_keys)(keys + i * apart);
    if (s->rows == 8)
        FN(sort_columns)(s->row, 8);
    else if (s->rows == 16)
        FN(sort_columns)(s->row, 16);
    else
        FN(sort_columns)(s->row, 32);
}

/* A key that about `part` of all lie below, give or take `spreads` times the error of that: the median of a row. Between low and high. */
static KEY FN(around)(const FN(sample) *s, double part, double spreads, KEY low, KEY high) {
    part = part < 0.0 ? 0.0 : part > 1.0 ? 1.0 : part;
    const double at = part * s->rows - 0.5 + spreads * sqrt_f64(part * (1.0 - part) * s->rows / OF(LANES));
    const int r = (int)(at + (spreads > 0.0 ? 1.0 : 0.0)); /* outwards */
    if (spreads < 0.0 && at < 0.0) return low;
    if (r >= s->rows) return high;
    KEY lane[OF(LANES)], at_median = OF(LANES) / 2;
    OF(store_keys)(lane, s->row[r]);
    const OF(bits) place = FN(places)(s->row[r], lane, OF(LANES));
    uint32_t there = 0;
    for (; !there; at_median--) there = OF(keys_upto)(place, OF(all_keys)(at_median)) & OF(keys_upto)(OF(all_keys)(at_median), place);
    const KEY key = lane[__builtin_ctz(there)];
    return key < low ? low : key > high ? high : key;
}

/* A rank that is asked for, and where the keys of it and of the one above (the same for the greatest) are to stand. */
typedef struct {
    int64_t rank, next;
    KEY *out;
} FN(wanted);

/* Finds what is asked for, in ascending order, among keys[0..n), all from low to high, which are those from rank `base` on.
 * keys and spare are destroyed; both have room for n and a vector more. */
static void FN(find)(KEY *keys, KEY *spare, int64_t n, int64_t base, KEY low, KEY high, const FN(wanted) *w, int64_t count) {
    int halve = 0; /* a sample led to little: the range is halved, so that it always ends */
    while (count > 0 && n > FN(FEW) && low < high) {
        FN(sample) sample;
        KEY middle = 0;
        if (halve)
            middle = FN(middle)(keys, n, &low, &high);
        else
            FN(take_sample)(keys, n, &sample);
        int64_t half = count / 2, below = 0, inside;
        if (count == 1) {
            const double part = ((double)(w->rank - base) + 1.0) / (double)n;
            const KEY from = halve ? low : FN(around)(&sample, part, -FN(ERRORS), low, high);
            const KEY to = halve ? middle : FN(around)(&sample, part, FN(ERRORS), from, high);
            inside = FN(part_within)(keys, n, from, to, spare, &below);
            if (w->rank >= base + below && w->next < base + below + inside) {
                low = from;
                high = to;
            } else if (w->next < base + below || w->rank >= base + below + inside) {
                if (w->next < base + below)
                    high = from - 1;
                else
                    low = to + 1;
                inside = FN(part_within)(keys, n, low, high, spare, &below);
            } else {
                FN(neighbours)(keys, n, w->rank < base + below ? from - 1 : to, w->out);
                return;
            }
        } else {
            /* the lower half of the ranks lies up to `to`, the others lie from `from` on; what is between them is left behind */
            const double lower = ((double)(w[half - 1].rank - base) + 1.0) / (double)n, upper = ((double)(w[half].rank - base) + 1.0) / (double)n;
            int at_one_key = halve || upper - lower < FN(CLOSE);
            KEY from = low, to = middle;
            if (!at_one_key) {
                to = FN(around)(&sample, lower, FN(ERRORS), low, high);
                from = FN(around)(&sample, upper, -FN(ERRORS), low, high);
                at_one_key = from <= to;
            }
            if (at_one_key) {
                if (!halve) to = FN(around)(&sample, (lower + upper) / 2, 0.0, low, high);
                if (to == high) to--; /* many are equal to it */
                from = to + 1;
            }
            inside = FN(part_upto)(keys, n, low, to, spare);
            int64_t right = FN(part_from)(keys, n, from, high, spare + inside);
            if (!at_one_key && (w[half - 1].next >= base + inside || w[half].rank < base + n - right)) {
                from = to + 1;
                right = FN(part_from)(keys, n, from, high, spare + inside);
            }
            for (half = 0; half < count && w[half].rank < base + inside;) half++;
            int64_t on_left = half;
            for (; on_left > 0 && w[on_left - 1].next >= base + inside; on_left--) FN(neighbours)(keys, n, to, w[on_left - 1].out);
            FN(find)(spare + inside, keys + inside, right, base + n - right, from, high, w + half, count - half);
            count = on_left;
            high = to;
        }
        base += below;
        halve = !halve && inside > n - n / 8;
        n = inside;
        KEY *other = keys;
        keys = spare;
        spare = other;
    }
    if (count > 0 && low < high) FN(sort_few)(keys, n, spare);
    for (int64_t i = 0; i < count; i++) {
        w[i].out[0] = low < high ? spare[w[i].rank - base] : low;
        w[i].out[1] = low < high ? spare[w[i].next - base] : low;
    }
}

/* The part of from to `to` that a key lies in, of width 2^shift; what lies outside counts to the first and the last. */
INLINE int FN(bucket_of)(KEY key, KEY from, KEY to, unsigned shift) {
    key = key < from ? from : key > to ? to : key;
    return (int)(((UKEY)key - (UKEY)from) >> shift);
}

/* The same for many: keys are moved into equal parts of the range that most are in, and those parts are searched that hold a rank. */
static void FN(find_many)(KEY *keys, KEY *work, int64_t n, KEY least, KEY most, const FN(wanted) *w, int64_t count) {
    FN(sample) sample;
    FN(take_sample)(keys, n, &sample);
    KEY from = FN(around)(&sample, 1.0 / 32, 0.0, least, most), to = FN(around)(&sample, 31.0 / 32, 0.0, least, most);
    const UKEY beside = ((UKEY)to - (UKEY)from) / 2;
    from = (UKEY)from - (UKEY)least < beside ? least : (KEY)((UKEY)from - beside);
    to = (UKEY)most - (UKEY)to < beside ? most : (KEY)((UKEY)to + beside);
    unsigned shift = 0;
    while (((UKEY)to - (UKEY)from) >> shift >= FN(BUCKETS)) shift++;
    uint32_t end[FN(BUCKETS)] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) end[FN(bucket_of)(keys[i], from, to, shift)]++;
    for (int b = 0; b < FN(BUCKETS); b++) {
        const uint32_t size = end[b];
        end[b] = sum;
        sum += size;
    }
    for (int64_t i = 0; i < n; i++) work[end[FN(bucket_of)(keys[i], from, to, shift)]++] = keys[i];
    /* from above, for a search writes a vector behind its keys */
    const int last_bucket = FN(bucket_of)(most, from, to, shift);
    int bucket = last_bucket;
    for (int64_t first, last = count; last > 0; last = first) {
        while (bucket > 0 && end[bucket - 1] > w[last - 1].next) bucket--;
        const KEY high = bucket == last_bucket ? most : (KEY)((UKEY)from + ((UKEY)(bucket + 1) << shift) - 1);
        const int64_t behind = end[bucket];
        int64_t start;
        first = last;
        do {
            first--;
            while (bucket > 0 && end[bucket - 1] > w[first].rank) bucket--;
            start = bucket ? end[bucket - 1] : 0;
        } while (first > 0 && w[first - 1].next >= start);
        FN(find)(work + start, keys + start, behind - start, start, bucket ? (KEY)((UKEY)from + ((UKEY)bucket << shift)) : least, high, w + first,
                 last - first);
    }
}

/* out[2 r], out[2 r + 1] = the keys of ranks[r] and of the one above, where there is one. keys and work are destroyed. */
static void FN(select)(KEY *keys, int64_t n, KEY least, KEY most, const int64_t *ranks, int64_t count, KEY *out, KEY *work) {
    FN(wanted) w[MAX_QUANTILES + 1];
    for (int64_t r = 0; r < count; r++) {
        int64_t place = r;
        for (; place > 0 && w[place - 1].rank > ranks[r]; place--) w[place] = w[place - 1];
        w[place] = (FN(wanted)){ranks[r], ranks[r] + 1 < n ? ranks[r] + 1 : n - 1, out + 2 * r};
    }
    if (count > FN(MANY_RANKS) && n > FN(BUCKETS))
        FN(find_many)(keys, work, n, least, most, w, count);
    else
        FN(find)(keys, work, n, 0, least, most, w, count);
}
