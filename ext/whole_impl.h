/* How families are made whose levels are laid whole: wholes_impl.h. Included by kernel_impl.h only. */

/* Lays down the levels of a family on all paths. */
static int FN(lay_whole)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, FN(space) *s, FN(family) *family) {
    const FN(asset) *laying = &family->laying;
    for (int64_t path = 0; path < job->paths; path += s->tile) {
        const int64_t n = job->paths - path < s->tile ? job->paths - path : s->tile;
        if (*job->stop) return RUN_STOPPED;
        if (!s->tabled) FN(draw_factors)(job, source, bridge, &s->factors, job->first + path, n, 0);
        FN(draw_tile)(job, source, s, family, job->first + path, n);
        for (int64_t at = 0, m; at < n; at += m) {
            const FN(laid) laid = FN(laid_at)(&s->whole, laying->periods, path + at);
            const int64_t left = FN(LAID) - (path + at) % FN(LAID);
            m = n - at < left ? n - at : left;
            FN(lay)(laying, job->sobol != NULL, source, bridge, job->first + path + at, m, FN(common_of)(s, laying, path) + at, s->factors.stride, &laid);
        }
    }
    return RUN_OK;
}

/* Values and stripes of a bundle; mark: whether its leader's paths are to be marked first. */
static void FN(walk_bundle)(const simulation *job, FN(space) *s, const FN(family) *family, const FN(bundle) *bundle, int mark) {
    const FN(asset) *leader = s->assets + bundle->leader;
    int64_t *alive = s->alive + bundle->leader * s->longest;
    for (int64_t path = 0; path < job->paths; path += FN(LAID)) {
        const int64_t n = job->paths - path < FN(LAID) ? job->paths - path : FN(LAID);
        const FN(laid) laid = FN(laid_at)(&s->whole, family->laying.periods, path);
        REAL *V[FN(MOST)];
        for (int k = 0; k < bundle->count; k++) V[k] = s->values + k * s->room + path;
        if (bundle->alone)
            FN(sum_own)(leader, bundle->cash, &laid, n, V[0], alive);
        else {
            if (mark) FN(mark_living)(leader, &laid, n, alive);
            FN(sum_bundle)(bundle, leader->periods, &laid, n, V);
        }
        for (int k = 0; k < bundle->count; k++) FN(add_to_stripes)(V[k], n, s->stripes + 16 * bundle->version[k]);
    }
}

/* Values and stripes of a version of any kind. */
static void FN(walk_version)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t b) {
    for (int64_t path = 0; path < job->paths; path += FN(LAID)) {
        const int64_t n = job->paths - path < FN(LAID) ? job->paths - path : FN(LAID);
        const FN(laid) laid = FN(laid_at)(&s->whole, family->laying.periods, path);
        FN(replay)(s->assets + b, job->sobol != NULL, &laid, job->first + path, n, s->values + path, s->alive + b * s->longest);
        FN(add_to_stripes)(s->values + path, n, s->stripes + 16 * b);
    }
}

/* Statistics of versions whose values are at hand. */
static void FN(finish_whole)(const simulation *job, FN(space) *s, const FN(family) *family, const int32_t *version, int64_t count, int64_t first) {
    if (FN(spreads)(job) && version[0] == family->first) FN(find_first)(job, s, family, 0, first);
    for (int64_t k = 0, sets; k < count; k += sets) {
        sets = FN(spreads)(job) && count - k >= FN(SETS) ? FN(SETS) : 1;
        FN(finish_set)(job, s, family, version + k, sets, k, first, 0);
    }
}

/* The plain versions of a family. */
static int FN(make_plain)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first) {
    const FN(bundle) *bundle = s->bundles + family->first_bundle, *end = bundle + family->bundles;
    for (int32_t leader = -1; bundle < end; leader = bundle++->leader) {
        if (*job->stop) return RUN_STOPPED;
        FN(walk_bundle)(job, s, family, bundle, bundle->leader != leader);
        FN(finish_whole)(job, s, family, bundle->version, bundle->count, first);
    }
    return RUN_OK;
}

/* The other versions of a family. */
static int FN(make_others)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first) {
    for (int32_t b = 0; b < family->count; b++) {
        if (FN(is_plain)(s->assets + b)) continue;
        if (*job->stop) return RUN_STOPPED;
        FN(walk_version)(job, s, family, b);
        FN(finish_whole)(job, s, family, &b, 1, first);
    }
    return RUN_OK;
}

/* All of so many versions of one asset, the first of which is `first`. */
static int FN(run_whole)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, FN(space) *s, int64_t first, int64_t count) {
    FN(family) family = {.count = count, .whole = 1};
    memset(s->alive, 0, (size_t)(count * s->longest) * sizeof *s->alive);
    memset(s->stripes, 0, (size_t)count * 16 * sizeof *s->stripes);
    FN(prepare_family)(job, source, s, &family, first);
    int result = FN(lay_whole)(job, source, bridge, s, &family);
    const int plain_first = FN(is_plain)(s->assets); /* the first version comes first, for the others differ from it */
    if (result == RUN_OK) result = (plain_first ? FN(make_plain) : FN(make_others))(job, s, &family, first);
    if (result == RUN_OK) result = (plain_first ? FN(make_others) : FN(make_plain))(job, s, &family, first);
    return result;
}
