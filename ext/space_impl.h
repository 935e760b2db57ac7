/* What a run allocates. Included by kernel_impl.h only. */

/* Everything that a run allocates. */
typedef struct {
    int64_t batch, tile, room; /* assets and paths at a time; numbers from an asset's values to the next one's */
    int64_t places;            /* assets that there is room for beside their values: a batch, or a family that is laid whole */
    int64_t longest, tabled;   /* periods of the longest asset; whether `rows` holds all paths */
    FN(asset) *assets;         /* (places) */
    FN(period) *periods;       /* (places, longest) */
    int64_t *alive;            /* (places, longest) */
    REAL *values;              /* (batch, but at least MOST, room) */
    KEY *keys;                 /* (2, room) */
    FN(moments) one;           /* the first version of the family at hand; 0: it has no sum, -1: that is not known yet */
    int one_summed;
    double *centred;           /* (room) its values less their mean */
    double *stripes;           /* (places, 16) sums of the values of versions so far */
    FN(share) *shares;         /* (batch) */
    FN(sums) sums;
    FN(family) *families;      /* (batch) */
    FN(bundle) *bundles;       /* (places) */
    int32_t *leader;           /* (places) whose paths alive stand for an asset's; -1: it is the twin of an earlier version */
    int32_t *twin;             /* (places) of a family that is laid whole: the next version that has the same values; -1: none */
    uint64_t *mark;            /* (places) by which these are found */
    REAL *cash;                /* (places, 2 longest) */
    FN(laid) laid;
    FN(whole) whole;
    FN(watch) watch;
    int64_t dimensions, points; /* of sobol: of an asset's own; of each replicate, with room for whole groups */
    uint32_t *shift;           /* (places, dimensions, REPLICATES) */
    uint32_t *index;           /* (places, points) */
    FN(factors) factors;
    input_plan *plans;         /* (places) of uncertain inputs */
    int64_t drawn_room;
    REAL *drawn;               /* (4, drawn_room) their draws on a tile */
} FN(space);

static void FN(release)(FN(space) *s) {
    free(s->assets);
    free(s->periods);
    free(s->alive);
    free(s->values);
    free(s->keys);
    free(s->centred);
    free(s->stripes);
    free(s->sums.units);
    free(s->sums.held);
    free(s->shares);
    free(s->families);
    free(s->bundles);
    free(s->leader);
    free(s->twin);
    free(s->mark);
    free(s->cash);
    FN(release_whole)(&s->whole);
    free(s->laid.level);
    free(s->laid.survival);
    free(s->laid.rival);
    free(s->laid.here);
    FN(release_watch)(&s->watch);
    free(s->shift);
    free(s->index);
    free(s->plans);
    free(s->drawn);
    free(s->factors.shift);
    free(s->factors.used);
    free(s->factors.slot);
    free(s->factors.rows);
}

/* Room for `bytes`, from where vectors begin and no line of the cache is cut by one. NULL without memory. */
static void *FN(room_for)(int64_t bytes) { return aligned_alloc(64, (size_t)(bytes + 64) & ~(size_t)63); }

/* Whether any two neighbours are versions of one asset. */
static int FN(has_versions)(const simulation *job) {
    for (int64_t a = 1; a < job->assets; a++)
        if (same_paths(job, a - 1, a)) return 1;
    return 0;
}

/* What versions of one asset need, and assets that are looked at, where there are any. False where there is no memory. */
static int FN(allocate_versions)(const simulation *job, FN(space) *s) {
    if (!FN(has_versions)(job) && !job->looks && !job->lots) return 1;
    const int64_t lines = s->longest + 1, marks = lines * (FN(LAID) / OF(LANES)) * (int64_t)sizeof *s->laid.here;
    const int64_t levels = lines * FN(LAID) * (int64_t)sizeof(REAL), words = FN(LAID) * (int64_t)sizeof(uint32_t);
    s->stripes = FN(room_for)(s->places * 16 * (int64_t)sizeof *s->stripes);
    s->bundles = malloc((size_t)s->places * sizeof *s->bundles);
    s->cash = malloc((size_t)(s->places * s->longest * 2 + 1) * sizeof *s->cash);
    s->twin = malloc((size_t)s->places * sizeof *s->twin);
    s->mark = malloc((size_t)s->places * sizeof *s->mark);
    s->laid.level = FN(room_for)(levels);
    s->laid.survival = FN(room_for)(words);
    s->laid.rival = FN(room_for)(words);
    s->laid.here = FN(room_for)(marks);
    if (!s->stripes || !s->bundles || !s->cash || !s->twin || !s->mark || !s->laid.level || !s->laid.survival || !s->laid.rival || !s->laid.here) return 0;
    memset(s->laid.level, 0, (size_t)levels);
    memset(s->laid.survival, 0, (size_t)words);
    memset(s->laid.rival, 0, (size_t)words);
    memset(s->laid.here, 0, (size_t)marks);
    return 1;
}

/* The exact sums: where groups have several assets each, what these add to the first of the groups is held in 64 bits. False without memory. */
static int FN(allocate_sums)(const simulation *job, FN(sums) *s) {
    int64_t groups = 0;
    s->n = job->paths;
    s->totals = job->totals;
    for (int64_t a = 0; job->totals && a < job->assets; a++) groups = job->group[a] >= groups ? job->group[a] + 1 : groups;
    s->slots = UNITS_BYTES / (s->n * (int64_t)sizeof *s->units);
    s->slots = job->assets < 4 * groups ? 0 : s->slots < groups ? s->slots : groups;
    s->units = FN(room_for)(s->slots * s->n * (int64_t)sizeof *s->units);
    s->held = calloc((size_t)s->slots + 1, sizeof *s->held);
    if (s->units) memset(s->units, 0, (size_t)(s->slots * s->n) * sizeof *s->units);
    return s->units && s->held;
}

static int FN(allocate)(const simulation *job, FN(space) *s) {
    const int64_t n = job->paths;
    FN(factors) *f = &s->factors;
    f->slot = malloc((size_t)(job->factors + 1) * sizeof *f->slot);
    f->used = malloc((size_t)(job->factors + 1) * sizeof *f->used);
    if (!f->slot || !f->used) return RUN_NO_MEMORY;
    for (int64_t j = 0; j < job->factors; j++) f->slot[j] = -1;
    for (int64_t a = 0; a < job->assets; a++) {
        const int64_t periods = job->offset[a + 1] - job->offset[a];
        s->longest = periods > s->longest ? periods : s->longest;
        if (job->looks && FN(reach_of)(job->looks, a) > s->longest) s->longest = FN(reach_of)(job->looks, a);
        if (job->volatility[a] > 0.0 && job->loading[a] != 0.0 && job->factor[a] >= 0) f->slot[job->factor[a]] = 0;
    }
    FN(number_factors)(job->factors, f);
    f->periods = s->longest;
    s->room = FN(rounded_up)(n, TILE_STEP) + TILE_STEP;
    s->tile = TILE_PATHS;
    const int64_t row_bytes = f->count * f->periods * (int64_t)sizeof(REAL), whole = FN(rounded_up)(n, TILE_STEP);
    s->tabled = whole * row_bytes <= job->table_bytes;
    while (!s->tabled && s->tile > TILE_STEP && s->tile * row_bytes > TILE_BYTES) s->tile -= TILE_STEP;
    f->stride = s->tabled ? whole : s->tile;
    int64_t asset_bytes = s->room * (int64_t)sizeof(REAL) + s->longest * (int64_t)(sizeof(FN(period)) + sizeof(int64_t));
    if (job->sobol) {
        s->dimensions = FN(dimensions_of)(job->sobol, s->longest);
        s->points = job->sobol->points + TILE_STEP / REPLICATES;
        asset_bytes += (s->dimensions * REPLICATES + s->points) * (int64_t)sizeof(uint32_t);
    }
    if (job->inputs) asset_bytes += (int64_t)sizeof(input_plan);
    s->batch = BATCH_BYTES / asset_bytes;
    s->batch = s->batch < 1 ? 1 : s->batch > job->assets ? job->assets : s->batch;
    s->places = s->batch;
    if (!job->looks && !job->lots && FN(has_versions)(job) && whole * (s->longest + 1) * (int64_t)sizeof(REAL) <= WHOLE_BYTES) {
        s->whole.places = BATCH_BYTES / (asset_bytes - s->room * (int64_t)sizeof(REAL) + (int64_t)sizeof *s->assets);
        s->whole.places = s->whole.places < job->assets ? s->whole.places : job->assets;
        s->places = s->whole.places > s->batch ? s->whole.places : s->batch;
        if (!FN(allocate_whole)(n, s->longest, &s->whole)) return RUN_NO_MEMORY;
    }
    s->assets = malloc((size_t)s->places * sizeof *s->assets);
    s->periods = malloc((size_t)(s->places * s->longest + 1) * sizeof *s->periods);
    s->alive = malloc((size_t)(s->places * s->longest + 1) * sizeof *s->alive);
    s->values = FN(room_for)((s->batch < FN(MOST) ? FN(MOST) : s->batch) * s->room * (int64_t)sizeof *s->values);
    s->keys = FN(room_for)(2 * s->room * (int64_t)sizeof *s->keys);
    s->shares = malloc((size_t)s->batch * sizeof *s->shares);
    s->families = malloc((size_t)s->batch * sizeof *s->families);
    s->leader = malloc((size_t)s->places * sizeof *s->leader);
    s->centred = FN(room_for)(s->room * (int64_t)sizeof *s->centred);
    f->rows = FN(room_for)(f->stride * row_bytes);
    if (job->sobol) {
        s->shift = aligned_alloc(REPLICATES * sizeof(uint32_t), (size_t)(s->places * s->dimensions) * REPLICATES * sizeof(uint32_t));
        s->index = calloc((size_t)(s->places * s->points), sizeof *s->index);
        f->shift = aligned_alloc(REPLICATES * sizeof(uint32_t), (size_t)job->sobol->dimensions * REPLICATES * sizeof(uint32_t));
        if (!s->shift || !s->index || !f->shift) return RUN_NO_MEMORY;
    }
    if (job->inputs) {
        s->drawn_room = s->tile + INPUT_CHUNK;
        s->drawn = calloc((size_t)(4 * s->drawn_room), sizeof *s->drawn);
        s->plans = malloc((size_t)s->places * sizeof *s->plans);
        if (!s->drawn || !s->plans) return RUN_NO_MEMORY;
        for (int64_t b = 0; b < s->places; b++)
            for (int i = 0; i < INPUTS; i++) s->plans[b].shape[i] = NAN;
    }
    if (!FN(allocate_watch)(job->looks, job->assets, s->batch, s->longest, &s->watch)) return RUN_NO_MEMORY;
    if (!FN(allocate_versions)(job, s) || !FN(allocate_sums)(job, &s->sums)) return RUN_NO_MEMORY;
    return s->assets && s->periods && s->alive && s->values && s->keys && s->shares && s->families && s->leader && s->centred && f->rows ? RUN_OK : RUN_NO_MEMORY;
}
