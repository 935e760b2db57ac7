/* The assets of a batch as families: versions of one, most often one alone. Included by kernel_impl.h only. docs/numerics.md §16. */

/* Whether two versions survive alike. */
static int FN(survive_alike)(const simulation *job, int64_t a, int64_t b) {
    const int64_t periods = job->offset[a + 1] - job->offset[a];
    return periods == job->offset[b + 1] - job->offset[b] &&
           !memcmp(job->survival + job->offset[a], job->survival + job->offset[b], (size_t)periods * sizeof(double));
}

/* The w and -f of plain versions that survive alike, next to each other. */
static void FN(fill_bundle)(const simulation *job, int64_t first, FN(bundle) *bundle, int64_t periods, REAL *cash) {
    bundle->cash = cash;
    for (int k = 0; k < bundle->count; k++) {
        const int64_t offset = job->offset[first + bundle->version[k]];
        for (int64_t t = 0; t < periods; t++) {
            cash[2 * bundle->count * t + k] = (REAL)job->w[offset + t];
            cash[2 * bundle->count * t + bundle->count + k] = -(REAL)job->f[offset + t];
        }
    }
}

/* What two versions that survive alike earn and cost in so many periods: whether it is the same to the bit, in REAL. */
static int FN(same_cash)(const simulation *job, int64_t a, int64_t b, int64_t periods) {
    const double *one = job->w + job->offset[a], *two = job->w + job->offset[b], *costs = job->f + job->offset[a], *others = job->f + job->offset[b];
    for (int64_t t = 0; t < periods; t++) {
        const REAL here[2] = {(REAL)one[t], (REAL)costs[t]}, there[2] = {(REAL)two[t], (REAL)others[t]};
        if (memcmp(here, there, sizeof here)) return 0;
    }
    return 1;
}

/* Finds the plain versions of a family that survive, earn and cost as an earlier one, and so have its values: they follow it by s->twin, and are in no
 * bundle. */
static void FN(find_twins)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first) {
    for (int32_t b = (int32_t)family->first; b < family->first + family->count; b++) {
        const int64_t periods = s->assets[s->leader[b]].periods;
        s->twin[b] = -1;
        s->mark[b] = 0;
        for (int64_t t = 0; t < periods; t++) {
            const float cash[2] = {(float)job->w[job->offset[first + b] + t], (float)job->f[job->offset[first + b] + t]};
            uint64_t bits;
            memcpy(&bits, cash, sizeof bits);
            s->mark[b] = (s->mark[b] ^ bits) * XXH64_P1;
        }
        for (int32_t e = (int32_t)family->first; e < b && FN(is_plain)(s->assets + b); e++) {
            if (s->mark[e] != s->mark[b] || s->leader[e] != s->leader[b] || !FN(same_cash)(job, first + e, first + b, periods)) continue;
            s->twin[b] = s->twin[e];
            s->twin[e] = b;
            s->leader[b] = -1;
            break;
        }
    }
}

/* Puts the plain versions of a family into bundles: those of a leader four by four, and what is left of them by two or one. */
static void FN(make_bundles)(const simulation *job, FN(space) *s, FN(family) *family, int64_t first) {
    const int64_t end = family->first + family->count;
    FN(bundle) *bundle = s->bundles + family->first_bundle;
    REAL *cash = s->cash + 2 * s->longest * family->first;
    int first_leader = 1;
    for (int64_t lead = family->first; lead < end; lead++) {
        if (s->leader[lead] != lead || !FN(is_plain)(s->assets + lead)) continue;
        int64_t last = lead, left = 0;
        for (int64_t b = lead; b < end; b++) {
            if (!FN(is_plain)(s->assets + b)) continue;
            if (!first_leader && s->leader[b] > lead) break; /* those of any but the first stand before the next */
            if (s->leader[b] != lead) continue;
            left++;
            last = b;
        }
        const int alone = left == 1;
        int32_t in = 0;
        for (int64_t b = lead; b <= last; b++) {
            if (s->leader[b] != lead) continue;
            bundle->alone = alone;
            if (!in) bundle->count = left >= 4 ? 4 : left >= 2 ? 2 : 1;
            bundle->version[in++] = (int32_t)b;
            left--;
            if (in < bundle->count) continue;
            bundle->leader = (int32_t)lead;
            FN(fill_bundle)(job, first, bundle, s->assets[lead].periods, cash);
            cash += 2 * bundle->count * s->assets[lead].periods;
            bundle++;
            in = 0;
        }
        first_leader = 0;
    }
    family->bundles = bundle - s->bundles - family->first_bundle;
}

/* Versions of one asset, or one that is looked at: who survives like whom, and what is laid down for all. The first asset of the batch is `first`. */
static void FN(prepare_versions)(const simulation *job, const FN(source) *source, FN(space) *s, FN(family) *family, int64_t first) {
    const FN(asset) *one = s->assets + family->first;
    int64_t lead = -1, latest = -1, periods = 0, reach = 0; /* the first leader and the latest */
    int contested = 0;
    for (int64_t b = family->first; b < family->first + family->count; b++) {
        FN(asset) *asset = s->assets + b;
        if (asset != one) *asset = *one;
        asset->period = s->periods + b * s->longest;
        FN(prepare_version)(job, first + b, asset);
        contested |= asset->contested;
        if (job->looks && FN(reach_of)(job->looks, first + b) > reach) reach = FN(reach_of)(job->looks, first + b);
        periods = asset->periods > periods ? asset->periods : periods;
        s->leader[b] = (int32_t)b;
        if (FN(is_plain)(asset)) {
            if (lead >= 0 && FN(survive_alike)(job, first + lead, first + b)) s->leader[b] = (int32_t)lead;
            else if (latest > lead && FN(survive_alike)(job, first + latest, first + b)) s->leader[b] = (int32_t)latest;
            else latest = b;
            if (lead < 0) lead = b;
        }
        if (s->leader[b] == b) FN(prepare_periods)(job, first + b, asset);
    }
    family->laying = *one;
    family->laying.periods = periods > reach ? periods : reach;
    family->laying.general = one->has_level || one->has_royalty || one->has_inputs || contested;
    FN(prepare_points)(job, source, &family->laying, s->shift + family->first * s->dimensions * REPLICATES, s->index + family->first * s->points);
    family->reach = reach;
    family->looked = job->looks && family->count == 1 && one->moves != STILL && !one->optional && !one->clamped && !one->blended && family->laying.periods == one->periods &&
                     FN(along_lines)(job->looks, first + family->first) && !FN(looks_by_year)(job, family);
    if (family->whole) FN(find_twins)(job, s, family, first);
    FN(make_bundles)(job, s, family, first);
}

/* How many of the assets from a on are versions of one. */
static int64_t FN(versions_from)(const simulation *job, int64_t a, int64_t end) {
    int64_t count = 1;
    while (a + count < end && same_paths(job, a, a + count)) count++;
    return count;
}

/* A family whose first asset and count are known. The first asset of the batch is `first`. */
static void FN(prepare_family)(const simulation *job, const FN(source) *source, FN(space) *s, FN(family) *family, int64_t first) {
    const int64_t b = family->first;
    family->laid = family->count > 1 || job->lots || (job->looks && job->looks->start[first + b] < job->looks->start[first + b + 1]);
    FN(asset) *asset = s->assets + b;
    FN(prepare_asset)(job, first + b, asset);
    if (asset->has_inputs) plan_inputs(job->inputs, first + b, s->plans + b, b > 0 ? s->plans + b - 1 : NULL);
    if (family->laid) {
        FN(prepare_versions)(job, source, s, family, first);
        return;
    }
    asset->period = s->periods + b * s->longest;
    s->leader[b] = (int32_t)b;
    FN(prepare_version)(job, first + b, asset);
    FN(prepare_periods)(job, first + b, asset);
    FN(prepare_points)(job, source, asset, s->shift + b * s->dimensions * REPLICATES, s->index + b * s->points);
}

/* The families of a batch, most of them of one asset. Returns how many. */
static int64_t FN(prepare_families)(const simulation *job, const FN(source) *source, FN(space) *s, int64_t first, int64_t count) {
    int64_t families = 0, bundles = 0;
    for (int64_t b = 0; b < count;) {
        FN(family) *family = s->families + families++;
        *family = (FN(family)){.first = b, .count = FN(versions_from)(job, first + b, first + count), .first_bundle = bundles};
        FN(prepare_family)(job, source, s, family, first);
        bundles += family->bundles;
        b += family->count;
    }
    return families;
}

/* The first version of a family, whose values are at the place `at`: its mean and centred values are kept where the family goes on in the next batch. */
static void FN(find_first)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t at, int64_t first) {
    const int64_t a = first + family->first, n = job->paths;
    s->one.values = NULL;
    if (a > 0 && same_paths(job, a - 1, a)) return;
    s->one.values = s->values + at * s->room;
    s->one.mean = family->count > 1 ? FN(tree)(s->stripes + 16 * family->first) / (double)n : FN(mean_of)(s->one.values, n);
    if (job->paired) FN(centre)(&s->one, n, s->centred);
    s->one_summed = -1;
}

/* Mean, squares and what is apart of `sets` versions, whose values m has; version: their places in the batch. */
static void FN(take_moments)(const simulation *job, FN(space) *s, const FN(family) *family, const int32_t *version, int64_t sets, FN(moments) *m) {
    for (int64_t k = 0; k < sets; k++) {
        if (version[k] == family->first && s->one.values) m[k].mean = s->one.mean;
        else m[k].mean = family->count > 1 ? FN(tree)(s->stripes + 16 * version[k]) / (double)job->paths : FN(mean_of)(m[k].values, job->paths);
    }
    if (!job->paired)
        for (int64_t k = 0; k < sets; k++) FN(spread_of_one)(m + k, job->paths);
    else if (sets == FN(SETS))
        FN(spreads_of_some)(m, s->centred, job->paths);
    else
        for (int64_t k = 0; k < sets; k++) FN(spreads_of_one)(m + k, s->centred, job->paths);
}

/* Whether a family's values are described by what they spread about their mean, and differ from the first version's. */
INLINE int FN(spreads)(const simulation *job) { return !job->lived && (job->moments || job->paired); }

/* The same of asset a as of one whose values it has, a row of statistics that is ready, and a share in the exact sums. */
static void FN(finish_twin)(const simulation *job, FN(space) *s, int64_t of, int64_t a, const FN(asset) *asset, const int64_t *alive, const FN(share) *share) {
    job->status[a] = job->status[of];
    FN(copy_out)(job, a, asset, s->values + share->asset * s->room, alive);
    if (job->paired) memcpy(job->paired + 2 * a, job->paired + 2 * of, 2 * sizeof *job->paired);
    if (share->greatest < 0.0) return;
    if (!job->lived) {
        memcpy(FN(row_of)(job, a), FN(row_of)(job, of), (size_t)(STAT_QUANTILES + job->quantile_count) * sizeof(double));
        FN(row_of)(job, a)[STAT_LIFE] = FN(life_of)(job, a, asset, alive);
    }
    const FN(share) own = {job->totals ? job->group[a] : -1, share->asset, share->greatest};
    if (own.group >= 0) FN(add_group)(&s->sums, &own, 1, s->values, s->room);
}

/* Statistics of at most SETS versions of a family, whose values are those from the place `at` on. What is not added to the exact sums at once becomes
 * shares from `adding` on. Returns how many shares there are then. */
static int64_t FN(finish_set)(const simulation *job, FN(space) *s, const FN(family) *family, const int32_t *version, int64_t sets, int64_t at, int64_t first,
                              int64_t adding) {
    const int spread = FN(spreads)(job);
    FN(moments) m[FN(SETS)] = {{0}};
    for (int64_t k = 0; k < sets; k++) m[k].values = s->values + (at + k) * s->room;
    if (spread && sets == 1 && !job->moments && version[0] == family->first && s->one.values)
        m[0] = s->one; /* it differs from itself by nothing */
    else if (spread)
        FN(take_moments)(job, s, family, version, sets, m);
    for (int64_t k = 0; k < sets; k++) {
        const int64_t b = version[k], a = first + b, *alive = s->alive + s->leader[b] * s->longest;
        const double greatest = job->moments && !job->lived ? FN(finish_moments)(job, a, &s->assets[b], &m[k], alive)
                                                            : FN(finish)(job, a, &s->assets[b], m[k].values, alive, s->keys, s->room);
        if (s->one_summed < 0) s->one_summed = greatest >= 0.0;
        if (spread && job->paired) FN(put_paired)(&m[k], &s->one, greatest >= 0.0 && s->one_summed, job->paths, job->paired + 2 * a);
        const FN(share) share = {job->totals ? job->group[a] : -1, (int32_t)(at + k), greatest};
        for (int32_t twin = family->whole ? s->twin[b] : -1; twin >= 0; twin = s->twin[twin])
            FN(finish_twin)(job, s, a, first + twin, &s->assets[twin], alive, &share);
        if (greatest < 0.0 || share.group < 0) continue;
        if (family->whole || (family->count > 1 && share.group < s->sums.slots))
            FN(add_group)(&s->sums, &share, 1, s->values, s->room); /* versions are of many groups: at once, while the values are at hand */
        else
            s->shares[adding++] = share;
    }
    return adding;
}

/* Statistics of a family; those with sums that are not added at once become shares from `adding` on. Returns how many shares there are then. */
static int64_t FN(finish_family)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first, int64_t adding) {
    const int spread = FN(spreads)(job);
    if (spread) FN(find_first)(job, s, family, family->first, first);
    for (int64_t b = family->first, sets; b < family->first + family->count; b += sets) {
        int32_t version[FN(SETS)];
        sets = spread && family->first + family->count - b >= FN(SETS) ? FN(SETS) : 1;
        for (int64_t k = 0; k < sets; k++) version[k] = (int32_t)(b + k);
        adding = FN(finish_set)(job, s, family, version, sets, b, first, adding);
    }
    return adding;
}
