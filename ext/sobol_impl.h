/* Points of the sampler `sobol` and the bridge of their normals: docs/numerics.md §11–§14. Included by paths_impl.h.
 * Path p is point p div REPLICATES of replicate p mod REPLICATES, so neighbouring lanes share a point and differ by their shifts alone. */

/* What makes W at `middle` from W at `left` and `right`, rounded to REAL once. */
typedef struct {
    int32_t middle, left, right;
    REAL left_weight, right_weight, scale;
} FN(node);

/* The bridge over a block of `periods`; points is NULL where words are random. */
typedef struct {
    const sobol_points *points;
    int64_t periods;
    FN(node) node[BRIDGE_MAX_PERIODS];
} FN(bridge);

/* Where the coordinates of an asset or a factor come from: c from dimension first + stride·c, and beyond the table from word beyond + c. */
typedef struct {
    const uint32_t *shift; /* (dimension, REPLICATES) */
    int64_t first, stride;
    uint32_t beyond;
} FN(feed);

static void FN(make_bridge)(const sobol_points *points, FN(bridge) *bridge) {
    bridge->points = points;
    bridge->periods = points ? points->periods : 1;
    for (int64_t c = 0; points && c < points->periods; c++)
        bridge->node[c] = (FN(node)){points->middle[c], points->left[c], points->right[c],
                                     (REAL)points->left_weight[c], (REAL)points->right_weight[c], (REAL)points->scale[c]};
}

/* The shifts of a dimension of an asset or factor in all replicates. */
INLINE void FN(make_shifts)(const FN(source) *source, uint64_t hash, int64_t dimension, uint32_t *out) {
    const OF(words) counters = FN(counters)(source, PURPOSE_SHIFT, hash) ^ source->one * (uint32_t)dimension;
    for (int r = 0; r < REPLICATES; r += OF(LANES)) {
        const OF(words) word = OF(ars)(FN(at_path)(source, counters, (uint32_t)r), source->key);
        memcpy(out + r, &word, sizeof word);
    }
}

/* The word of a dimension at an index, in LANES replicates from `replicate`. shift: of the dimension. */
INLINE OF(words) FN(shifted)(const sobol_points *points, int64_t dimension, const uint32_t *shift, uint32_t index, uint32_t replicate) {
    enum { SIZE = 1 << SOBOL_DIGIT_BITS };
    const uint32_t *entry = points->table + dimension * points->digits * SIZE;
    uint32_t x = entry[index % SIZE] ^ entry[SIZE + (index >> SOBOL_DIGIT_BITS) % SIZE];
    for (int64_t k = 2; k < points->digits; k++) x ^= entry[k * SIZE + (index >> k * SOBOL_DIGIT_BITS) % SIZE];
    OF(words) word;
    memcpy(&word, shift + replicate, sizeof word);
    return word ^ x;
}
/* The same with the shifts of all dimensions. */
INLINE OF(words) FN(point)(const sobol_points *points, const uint32_t *shift, int64_t dimension, uint32_t index, uint32_t replicate) {
    return FN(shifted)(points, dimension, shift + dimension * REPLICATES, index, replicate);
}

/* W at the ends of the first `reach` periods of the block that begins with period `start`, on vectors of paths from `path`. base: their
 * counters of random words, for dimensions beyond the table. */
INLINE void FN(walk_bridge)(const int vectors, const FN(bridge) *bridge, const FN(feed) *feed, const FN(source) *source, int64_t start,
                            int64_t reach, const uint32_t *index, const OF(words) *base, uint32_t path, OF(reals) (*walk)[OF(UNROLL)]) {
    for (int u = 0; u < vectors; u++) walk[0][u] = OF(all)((REAL)0);
    for (int64_t c = 0; c < bridge->periods; c++) {
        const FN(node) *node = bridge->node + c;
        if (node->left >= reach) continue;
        const int64_t coordinate = start + c, dimension = feed->first + feed->stride * coordinate;
        const int tabled = dimension < bridge->points->dimensions;
        const OF(words) beyond = source->one * (feed->beyond + (uint32_t)coordinate);
#pragma GCC unroll 4
        for (int u = 0; u < vectors; u++) {
            const uint32_t first = path + (uint32_t)(u * OF(LANES));
            const OF(words) word = tabled ? FN(point)(bridge->points, feed->shift, dimension, index[u], first % REPLICATES)
                                          : OF(ars)(base[u] ^ beyond, source->key);
            const OF(reals) z = OF(inverses)(word), scale = OF(all)(node->scale);
            if (c == 0)
                walk[node->middle][u] = scale * z;
            else
                walk[node->middle][u] = OF(fmas)(scale, z, OF(fmas)(OF(all)(node->right_weight), walk[node->right][u],
                                                                    OF(all)(node->left_weight) * walk[node->left][u]));
        }
    }
}

/* The indices at which an asset, or one of its inputs, reads its own dimensions, for `count` points from `first`: a permutation of each block
 * [0, q), [q, 2q), [2q, 4q), … of the points. */
static void FN(pair_some)(const FN(source) *source, uint64_t hash, int64_t points, int64_t first, int64_t count, uint32_t *index) {
    int64_t size = points / (points & -points);
    uint32_t keys[REPLICATES];
    const int64_t end = first + count < points ? first + count : points;
    for (int64_t start = 0, number = 0; start < end; start += size, size = start, number++) {
        const int64_t from = first > start ? first : start, to = end < start + size ? end : start + size;
        if (from >= to) continue;
        const OF(words) counters = FN(counters)(source, PURPOSE_PAIRING, hash) ^ source->one * (uint32_t)number;
        for (int q = 0; q < REPLICATES; q += OF(LANES)) {
            const OF(words) word = OF(ars)(FN(at_path)(source, counters, (uint32_t)q), source->key);
            memcpy(keys + q, &word, sizeof word);
        }
        permute_some(keys, (uint32_t)size, (uint32_t)start, (uint32_t)(from - start), (uint32_t)(to - from), index + (from - first));
    }
}
static void FN(pair_points)(const FN(source) *source, uint64_t hash, int64_t points, uint32_t *index) {
    FN(pair_some)(source, hash, points, 0, points, index);
}

/* Adds G and K of the paths that count to the sums of their replicates, each in the order of its points. */
INLINE void FN(add_to_replicates)(const FN(asset) *asset, uint32_t path, const uint64_t *valid, const OF(reals) *given, const OF(reals) *control) {
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        if (!(*valid >> u * OF(LANES) & 1)) continue; /* points count whole */
        const uint32_t replicate = (path + (uint32_t)(u * OF(LANES))) % REPLICATES;
        REAL g[OF(LANES)], k[OF(LANES)];
        OF(store)(g, given[u]);
        OF(store)(k, control[u]);
        for (int i = 0; i < OF(LANES); i++) {
            asset->given[replicate + i] += (double)g[i];
            asset->control[replicate + i] += (double)k[i];
        }
    }
}
