/* The uncertain inputs of an asset on a tile of paths, made before the paths are walked. Included by kernel_impl.h only. docs/numerics.md §17. */

/* The words of input j on n paths from `path`, a multiple of TILE_STEP; whole vectors of them. */
static void FN(draw_words)(const simulation *job, const FN(source) *source, const FN(asset) *asset, int j, uint64_t hash, int64_t path, int64_t n,
                           uint32_t *word) {
    if (!job->sobol) {
        static const int stream[INPUTS] = {STREAM_ROYALTY, STREAM_MARGIN, STREAM_REVENUE, STREAM_PREMIUM};
        const OF(words) counters = FN(counters)(source, PURPOSE_LEVEL, hash) ^ source->one * (uint32_t)(2 + j) ^ source->anew[stream[j]];
        for (int64_t i = 0; i < n; i += OF(LANES)) {
            const OF(words) made = OF(ars)(FN(at_path)(source, counters, (uint32_t)(path + i)), source->key);
            memcpy(word + i, &made, sizeof made);
        }
        return;
    }
    const int64_t dimension = j == 0 ? DIMENSION_ROYALTY : SOBOL_DIMENSIONS + j - 1, first = path / REPLICATES;
    uint32_t shift[REPLICATES] __attribute__((aligned(64))), own[INPUT_CHUNK / REPLICATES];
    const uint32_t *index = asset->index + first;
    FN(make_shifts)(source, hash, dimension, shift);
    if (hash != asset->hash) {
        FN(pair_some)(source, hash, job->sobol->points, first, (n + REPLICATES - 1) / REPLICATES, own);
        index = own;
    }
    for (int64_t i = 0; i < n; i += OF(LANES)) {
        const OF(words) made = FN(shifted)(job->sobol, dimension, shift, index[i / REPLICATES], (uint32_t)(i % REPLICATES));
        memcpy(word + i, &made, sizeof made);
    }
}

/* The draws of a family's inputs on n paths from `path`, for all its versions. */
static void FN(draw_tile)(const simulation *job, const FN(source) *source, FN(space) *s, FN(family) *family, int64_t path, int64_t n) {
    const FN(asset) *asset = family->laid ? &family->laying : s->assets + family->first; /* which has the points */
    if (!asset->has_inputs) return;
    const input_plan *plan = s->plans + family->first;
    REAL *const columns[4] = {s->drawn, s->drawn + s->drawn_room, s->drawn + 2 * s->drawn_room, s->drawn + 3 * s->drawn_room};
    uint32_t word[INPUTS][INPUT_CHUNK];
    double made[4][INPUT_CHUNK];
    for (int64_t at = 0; at < n; at += INPUT_CHUNK) {
        const int64_t some = n - at < INPUT_CHUNK ? n - at : INPUT_CHUNK;
        for (int j = 0; j < INPUTS; j++)
            if (plan->wanted >> j & 1) FN(draw_words)(job, source, asset, j, plan->of[j].hash, path + at, some, word[j]);
        draw_inputs(plan, (const uint32_t (*)[INPUT_CHUNK])word, some, made);
        for (int c = 0; c < 4; c++)
            for (int64_t i = 0; i < some; i++) columns[c][at + i] = (REAL)made[c][i];
    }
    const FN(drawn) drawn = {path, columns[0], columns[1], columns[2], columns[3]};
    for (int64_t b = family->first; b < family->first + family->count; b++) s->assets[b].drawn = drawn;
    family->laying.drawn = drawn;
}
