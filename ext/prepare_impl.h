/* An asset's numbers, rounded to REAL once, and what all draws share. Included by kernel_impl.h only. */

static FN(source) FN(make_source)(uint64_t seed, uint32_t redrawn) {
    FN(source) source;
    const uint32_t key[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    uint32_t keys[ARS_ROUNDS + 1][4];
    ars_keys(key, ARS_ROUNDS, keys);
    for (int round = 0; round <= ARS_ROUNDS; round++) source.key[round] = OF(round_key_of)(keys[round]);
    for (int i = 0; i < OF(LANES); i++) {
        source.start[i] = key[i % 4];
        source.one[i] = i % 4 == 0;
        source.place[i] = i % 4 == 1 ? UINT32_MAX : 0;
        source.lane[i] = i % 4 == 1 ? (uint32_t)i / 4 : 0;
        for (int s = 0; s < STREAMS; s++) source.anew[s][i] = i % 4 == 0 && redrawn >> s & 1 ? (uint32_t)PURPOSE_ANEW << 28 : 0;
    }
    return source;
}

static int64_t FN(rounded_up)(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* The dimensions of the table that an asset of so many periods reads. */
static int64_t FN(dimensions_of)(const sobol_points *points, int64_t periods) {
    const int64_t all = DIMENSION_SHOCKS + FN(rounded_up)(periods, points->periods);
    return all < points->dimensions ? all : points->dimensions;
}

/* What does not depend on the periods; of what moves the paths the same for all versions of an asset. */
static void FN(prepare_asset)(const simulation *job, int64_t a, FN(asset) *asset) {
    const double sigma = job->volatility[a], beta = job->loading[a], step = job->step[a], scaled = sigma * sqrt_f64(step), s = job->uncertainty[a];
    const double low = job->royalty_low[a], high = job->royalty_high[a], width = high - low;
    asset->hash = job->hash[a];
    asset->factor = job->factor[a];
    asset->drift = (REAL)(LOG2_E * (-0.5 * sigma * sigma * step));
    asset->common = (REAL)(LOG2_E * (scaled * beta));
    asset->own = (REAL)(LOG2_E * (scaled * sqrt_f64(1.0 - beta * beta)));
    asset->level = (REAL)(LOG2_E * s);
    asset->half_level = (REAL)(LOG2_E * (-0.5 * s * s));
    asset->has_royalty = width > 0.0;
    asset->range_low = (REAL)low;
    asset->range_high = (REAL)high;
    asset->range_split = (REAL)((1.0 - low) / width);
    asset->range_left = (REAL)(width * (1.0 - low));
    asset->range_right = (REAL)(width * (high - 1.0));
    asset->moves = !(sigma > 0.0) ? STILL : beta != 0.0 ? WITH_FACTOR : ALONE;
    asset->has_level = s > 0.0;
    asset->has_inputs = 0;
    for (int i = 0; job->inputs && i < INPUTS; i++) asset->has_inputs |= job->inputs->kind[a * INPUTS + i] != DRAWN_NOT;
    asset->blended = asset->has_inputs && job->inputs->blended[a];
}

/* What each version has of its own, and how many periods it may live. */
static void FN(prepare_version)(const simulation *job, int64_t a, FN(asset) *asset) {
    const int64_t offset = job->offset[a];
    asset->whole_periods = asset->periods = job->offset[a + 1] - offset;
    asset->entered = (REAL)(1.0 - job->entry_loss[a]);
    asset->optional = job->optional && job->optional[a];
    asset->clamped = job->clamped && job->clamped[a];
    asset->contested = job->enters && job->enters[a];
    asset->general = asset->has_level || asset->has_royalty || asset->contested || asset->has_inputs;
    asset->estimated = asset->optional || asset->clamped || asset->blended;
    while (asset->periods > 0 && threshold(job->survival[offset + asset->periods - 1]) == 0) asset->periods--;
    asset->lapses = asset->periods > 0 && threshold(job->survival[offset + asset->periods - 1]) < (uint64_t)1 << 32;
    if (!job->sobol) return;
    asset->given = job->sobol->given + a * REPLICATES;
    asset->control = job->sobol->control + a * REPLICATES;
}

/* What a period's discounting by a drawn rate takes: docs/numerics.md §17. */
static void FN(prepare_discounting)(const simulation *job, int64_t at, int clamped, FN(period) *p) {
    const uncertain_inputs *set = job->inputs;
    p->deflator = (REAL)set->deflator[at];
    p->exponent = (REAL)set->exponent[at];
    p->slope = (REAL)set->slope[at];
    p->end_deflator = (REAL)set->end_deflator[at];
    p->end_exponent = (REAL)set->end_exponent[at];
    p->minus_share_w = -(REAL)set->share_w[at];
    p->repeat_w = (REAL)set->repeat_w[at];
    p->minus_share_f = -(REAL)set->share_f[at];
    p->repeat_f = (REAL)set->repeat_f[at];
    p->endless = set->share_w[at] != 0.0 || set->share_f[at] != 0.0;
    if (clamped) return;
    p->low = (REAL)-INFINITY;
    p->high = (REAL)INFINITY;
}

static void FN(prepare_periods)(const simulation *job, int64_t a, FN(asset) *asset) {
    const int64_t offset = job->offset[a];
    for (int64_t t = 0; t < asset->periods; t++) {
        FN(period) *p = asset->period + t;
        const int64_t at = offset + t;
        p->w = (REAL)job->w[at];
        p->minus_f = -(REAL)job->f[at];
        p->low = asset->clamped ? (REAL)job->low[at] : (REAL)0;
        p->high = asset->clamped ? (REAL)job->high[at] : (REAL)0;
        p->bound_out = asset->optional ? (REAL)job->bound_out[at] : (REAL)0;
        p->bound_in = asset->optional ? (REAL)job->bound_in[at] : (REAL)0;
        p->salvage = asset->optional ? (REAL)job->salvage[at] : (REAL)0;
        p->chance = (REAL)job->survival[at];
        p->control = (REAL)(job->survival[at] * job->w[at]);
        const uint64_t enter = asset->contested ? threshold(job->rival[at]) : (uint64_t)1 << 32;
        p->last = last_word(threshold(job->survival[at]));
        p->rival_last = last_word(enter ? enter : 1);
        if (asset->blended) FN(prepare_discounting)(job, at, asset->clamped, p);
    }
}

/* Of sobol: the shifts and indices of its own dimensions. */
static void FN(prepare_points)(const simulation *job, const FN(source) *source, FN(asset) *asset, uint32_t *shift, uint32_t *index) {
    if (!job->sobol) return;
    const int64_t dimensions = FN(dimensions_of)(job->sobol, asset->moves == STILL ? 0 : asset->periods);
    for (int64_t d = 0; d < dimensions; d++) FN(make_shifts)(source, asset->hash, d, shift + d * REPLICATES);
    FN(pair_points)(source, asset->hash, job->sobol->points, index);
    asset->shift = shift;
    asset->index = index;
}
