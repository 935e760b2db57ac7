/* The kernel for one instruction set and one precision. Included by kernel_isa.h with REAL, SUFFIX, KEY, UKEY, KEY_MOST and ISA set.
 * Assets pass in batches over tiles of paths whose factors stay in the cache; docs/numerics.md §4, §5, §8. */
#define PASTE3(a, b, c) a##_##b##_##c
#define EXPAND3(a, b, c) PASTE3(a, b, c)
#define FN(name) EXPAND3(name, SUFFIX, ISA)
#define PASTE2(a, b) a##_##b
#define EXPAND2(a, b) PASTE2(a, b)
#define OF(name) EXPAND2(name, SUFFIX)

#include "paths_impl.h"
#include "versions_impl.h"
#include "select_impl.h"
#include "describe_impl.h"
#include "moments_impl.h"

static FN(source) FN(make_source)(uint64_t seed) {
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
}

/* What each version has of its own, and how many periods it may live. */
static void FN(prepare_version)(const simulation *job, int64_t a, FN(asset) *asset) {
    const int64_t offset = job->offset[a];
    asset->whole_periods = asset->periods = job->offset[a + 1] - offset;
    asset->entered = (REAL)(1.0 - job->entry_loss[a]);
    asset->optional = job->optional && job->optional[a];
    asset->clamped = job->clamped && job->clamped[a];
    asset->contested = job->enters && job->enters[a];
    asset->general = asset->has_level || asset->has_royalty || asset->contested;
    while (asset->periods > 0 && threshold(job->survival[offset + asset->periods - 1]) == 0) asset->periods--;
    asset->lapses = asset->periods > 0 && threshold(job->survival[offset + asset->periods - 1]) < (uint64_t)1 << 32;
    if (!job->sobol) return;
    asset->given = job->sobol->given + a * REPLICATES;
    asset->control = job->sobol->control + a * REPLICATES;
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

/* Factors of a tile of paths: rows[slot][t][p]. */
typedef struct {
    int64_t count, periods, stride; /* factors that move anything, periods of the longest asset, numbers from a period to the next */
    int32_t *used;                  /* (count) their rows in the matrix, ascending */
    int32_t *slot;                  /* (s) place of a factor in `used` */
    REAL *rows;
    uint32_t *shift;                /* of sobol: (dimension, REPLICATES) */
} FN(factors);

/* Takes independent factor j in period t into the factors it has a part in, in the columns of a vector from `column`. */
INLINE void FN(spread)(const simulation *job, const FN(factors) *f, int64_t j, int64_t t, int64_t column, OF(reals) normal) {
    for (int64_t c = 0; c < f->count; c++) {
        if (j > f->used[c]) continue;
        const OF(reals) weight = OF(all)((REAL)job->factor_matrix[f->used[c] * job->factors + j]);
        REAL *row = f->rows + (c * f->periods + t) * f->stride + column;
        if (j == 0)
            OF(store)(row, weight * normal);
        else
            OF(store)(row, OF(fmas)(weight, normal, OF(load)(row)));
    }
}

/* The factors in use on n paths from `path`, into rows from column `at`: each independent factor is drawn once for all of them. */
static void FN(draw_factors)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, const FN(factors) *f, int64_t path, int64_t n,
                             int64_t at) {
    if (!f->count) return;
    for (int64_t i = 0; i < n; i += OF(LANES))
        for (int64_t j = 0; j <= f->used[f->count - 1]; j++) {
            const OF(words) base = FN(at_path)(source, FN(counters)(source, PURPOSE_FACTOR, job->factor_hash[j]), (uint32_t)(path + i));
            if (job->sobol) {
                const FN(feed) feed = {f->shift, j, job->factors, 0};
                const uint32_t point = (uint32_t)((path + i) / REPLICATES);
                OF(reals) walk[BRIDGE_MAX_PERIODS + 1][OF(UNROLL)];
                for (int64_t start = 0; start < f->periods; start += bridge->periods) {
                    const int64_t reach = f->periods - start < bridge->periods ? f->periods - start : bridge->periods;
                    FN(walk_bridge)(1, bridge, &feed, source, start, reach, &point, &base, (uint32_t)(path + i), walk);
                    for (int64_t t = 0; t < reach; t++) FN(spread)(job, f, j, start + t, at + i, walk[t + 1][0] - walk[t][0]);
                }
                continue;
            }
            OF(words) index = {0};
            for (int64_t t = 0; t < f->periods; t += 2) {
                OF(reals) normal[2];
                OF(normals)(OF(ars)(base ^ index, source->key), OF(ars)(base ^ (index + source->one), source->key), &normal[0], &normal[1]);
                index += source->one + source->one;
                for (int k = 0; k < 2 && t + k < f->periods; k++) FN(spread)(job, f, j, t + k, at + i, normal[k]);
            }
        }
}

/* Why values from `least` to `most` (keys) have no sum, if they have none. */
static int8_t FN(status_of)(KEY least, KEY most) {
    const double low = (double)FN(value)(least), high = (double)FN(value)(most), greatest = high > -low ? high : -low;
    if (!(greatest - greatest == 0.0) || !(low - low == 0.0)) return STATUS_NOT_FINITE;
    return greatest >= MONEY_LIMIT ? STATUS_TOO_LARGE : STATUS_OK;
}

/* The same of the sums of G and K: they hold what a path would have brought had the right lived on, which V may not. */
static int8_t FN(status_of_sums)(const FN(asset) *asset, int64_t points) {
    int8_t status = STATUS_OK;
    for (int r = 0; r < REPLICATES; r++) {
        const double given = fabs(asset->given[r]), control = fabs(asset->control[r]);
        if (!(given <= DBL_MAX) || !(control <= DBL_MAX)) return STATUS_NOT_FINITE;
        if (given >= MONEY_LIMIT * (double)points || control >= MONEY_LIMIT * (double)points) status = STATUS_TOO_LARGE;
    }
    return status;
}

/* An asset of a batch whose values are to be added to its group's exact sums. */
typedef struct {
    int32_t group, asset; /* asset: its place in the batch */
    double greatest;      /* of its |V| */
} FN(share);

enum { FN(MOST_SHARES) = 4096 }; /* so many |V|·10^6 below 2e15 fit 64 bits */
#define SHARE_LIMIT 2e9

static int FN(by_group)(const void *one, const void *other) {
    const FN(share) *a = one, *b = other;
    return a->group != b->group ? (a->group > b->group) - (a->group < b->group) : (a->asset > b->asset) - (a->asset < b->asset);
}

/* Adds V·10^6 of a batch's assets on all n paths to the exact sums of their groups; values: (batch, room). */
static void FN(add_shares)(FN(share) *shares, int64_t count, const REAL *values, int64_t room, int64_t n, int128_t *totals) {
    int sorted = 1;
    for (int64_t k = 1; k < count; k++) sorted &= shares[k - 1].group <= shares[k].group;
    if (!sorted) qsort(shares, (size_t)count, sizeof *shares, FN(by_group));
    for (int64_t first = 0; first < n; first += BLOCK_PATHS) {
        const int m = (int)(n - first < BLOCK_PATHS ? n - first : BLOCK_PATHS);
        int64_t units[BLOCK_PATHS], k = 0;
        while (k < count) {
            const int32_t group = shares[k].group;
            int128_t *sums = totals + (int64_t)group * n + first;
            const int64_t end = k + FN(MOST_SHARES);
            memset(units, 0, (size_t)m * sizeof *units);
            for (; k < count && k < end && shares[k].group == group; k++) {
                const REAL *V = values + shares[k].asset * room + first;
                if (shares[k].greatest < SHARE_LIMIT)
                    /* below 2^51 units adding 1.5·2^52 rounds to the nearest integer (ties to even) and leaves it in the low bits */
                    for (int i = 0; i < m; i++) units[i] += f64_to_bits((double)V[i] * MONEY_SCALE + 0x1.8p52) - 0x4338000000000000;
                else
                    for (int i = 0; i < m; i++) sums[i] += (int128_t)__builtin_rint((double)V[i] * MONEY_SCALE);
            }
#pragma GCC unroll 4
            for (int i = 0; i < m; i++) sums[i] += units[i];
        }
    }
}

/* Everything that a run allocates. */
typedef struct {
    int64_t batch, tile, room; /* assets and paths at a time; numbers from an asset's values to the next one's */
    int64_t longest, tabled;   /* periods of the longest asset; whether `rows` holds all paths */
    FN(asset) *assets;         /* (batch) */
    FN(period) *periods;       /* (batch, longest) */
    int64_t *alive;            /* (batch, longest) */
    REAL *values;              /* (batch, room) */
    KEY *keys;                 /* (2, room) */
    FN(moments) one;           /* the first version of the family at hand; 0: it has no sum, -1: that is not known yet */
    int one_summed;
    REAL *kept;                /* (room) its values where the family goes on in the next batch */
    FN(share) *shares;         /* (batch) */
    FN(family) *families;      /* (batch) */
    FN(bundle) *bundles;       /* (batch) */
    int32_t *leader;           /* (batch) whose paths alive stand for an asset's */
    REAL *cash;                /* (batch, 2 longest) */
    FN(laid) laid;
    int64_t dimensions, points; /* of sobol: of an asset's own; of each replicate, with room for whole groups */
    uint32_t *shift;           /* (batch, dimensions, REPLICATES) */
    uint32_t *index;           /* (batch, points) */
    FN(factors) factors;
} FN(space);

static void FN(release)(FN(space) *s) {
    free(s->assets);
    free(s->periods);
    free(s->alive);
    free(s->values);
    free(s->keys);
    free(s->kept);
    free(s->shares);
    free(s->families);
    free(s->bundles);
    free(s->leader);
    free(s->cash);
    free(s->laid.level);
    free(s->laid.survival);
    free(s->laid.rival);
    free(s->laid.here);
    free(s->shift);
    free(s->index);
    free(s->factors.shift);
    free(s->factors.used);
    free(s->factors.slot);
    free(s->factors.rows);
}

/* What versions of one asset need, where there are any. False where there is no memory. */
static int FN(allocate_versions)(const simulation *job, FN(space) *s) {
    int64_t a = 1;
    while (a < job->assets && !same_paths(job, a - 1, a)) a++;
    if (a >= job->assets) return 1;
    const size_t marks = (size_t)(s->longest + 1) * (FN(LAID) / OF(LANES)) * sizeof *s->laid.here;
    s->kept = malloc((size_t)s->room * sizeof *s->kept);
    s->bundles = malloc((size_t)s->batch * sizeof *s->bundles);
    s->cash = malloc((size_t)(s->batch * s->longest * 2 + 1) * sizeof *s->cash);
    s->laid.level = calloc((size_t)(s->longest + 1) * FN(LAID), sizeof *s->laid.level);
    s->laid.survival = calloc(FN(LAID), sizeof *s->laid.survival);
    s->laid.rival = calloc(FN(LAID), sizeof *s->laid.rival);
    s->laid.here = aligned_alloc(64, (marks + 63) & ~(size_t)63);
    if (!s->kept || !s->bundles || !s->cash || !s->laid.level || !s->laid.survival || !s->laid.rival || !s->laid.here) return 0;
    memset(s->laid.here, 0, marks);
    return 1;
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
        if (job->volatility[a] > 0.0 && job->loading[a] != 0.0 && job->factor[a] >= 0) f->slot[job->factor[a]] = 0;
    }
    for (int64_t j = 0; j < job->factors; j++)
        if (f->slot[j] == 0) {
            f->slot[j] = (int32_t)f->count;
            f->used[f->count++] = (int32_t)j;
        }
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
    s->batch = BATCH_BYTES / asset_bytes;
    s->batch = s->batch < 1 ? 1 : s->batch > job->assets ? job->assets : s->batch;
    s->assets = malloc((size_t)s->batch * sizeof *s->assets);
    s->periods = malloc((size_t)(s->batch * s->longest + 1) * sizeof *s->periods);
    s->alive = malloc((size_t)(s->batch * s->longest + 1) * sizeof *s->alive);
    s->values = malloc((size_t)(s->batch * s->room) * sizeof *s->values);
    s->keys = malloc((size_t)(2 * s->room) * sizeof *s->keys);
    s->shares = malloc((size_t)s->batch * sizeof *s->shares);
    s->families = malloc((size_t)s->batch * sizeof *s->families);
    s->leader = malloc((size_t)s->batch * sizeof *s->leader);
    f->rows = malloc((size_t)(f->stride * row_bytes) + sizeof(REAL));
    if (job->sobol) {
        s->shift = aligned_alloc(REPLICATES * sizeof(uint32_t), (size_t)(s->batch * s->dimensions) * REPLICATES * sizeof(uint32_t));
        s->index = calloc((size_t)(s->batch * s->points), sizeof *s->index);
        f->shift = aligned_alloc(REPLICATES * sizeof(uint32_t), (size_t)job->sobol->dimensions * REPLICATES * sizeof(uint32_t));
        if (!s->shift || !s->index || !f->shift) return RUN_NO_MEMORY;
    }
    if (!FN(allocate_versions)(job, s)) return RUN_NO_MEMORY;
    return s->assets && s->periods && s->alive && s->values && s->keys && s->shares && s->families && s->leader && f->rows ? RUN_OK : RUN_NO_MEMORY;
}

/* Where the asset's row of statistics begins. */
INLINE double *FN(row_of)(const simulation *job, int64_t a) { return job->statistics + a * (STAT_QUANTILES + job->quantile_count); }

/* Copies of one asset whose values are made: of the values, and how many paths were alive. */
static void FN(copy_out)(const simulation *job, int64_t a, const FN(asset) *asset, const REAL *values, const int64_t *alive) {
    if (job->lived)
        for (int64_t t = 0; t < asset->whole_periods; t++) job->lived[job->offset[a] + t] += alive[t];
    if (job->values) memcpy((REAL *)job->values + a * job->paths, values, (size_t)job->paths * sizeof(REAL));
}

/* The status of values from extent.least to extent.most. Returns the greatest |V|, -1 where it has no sum. */
static double FN(judge)(const simulation *job, int64_t a, const FN(asset) *asset, const FN(extent) *extent) {
    job->status[a] = FN(status_of)(extent->least, extent->most);
    if (job->status[a] == STATUS_OK && job->sobol && (asset->optional || asset->clamped)) job->status[a] = FN(status_of_sums)(asset, job->sobol->points);
    const double low = (double)FN(value)(extent->least), high = (double)FN(value)(extent->most);
    return job->status[a] != STATUS_OK ? -1.0 : high > -low ? high : -low;
}

static double FN(life_of)(const simulation *job, int64_t a, const FN(asset) *asset, const int64_t *alive) {
    double life = 0.0;
    for (int64_t t = 0; t < asset->whole_periods; t++) life += (t + 1 < asset->whole_periods ? job->step[a] : job->last_delta[a]) * (double)alive[t];
    return life / (double)job->paths;
}

/* All statistics of one asset. Returns as `judge`. */
static double FN(finish)(const simulation *job, int64_t a, const FN(asset) *asset, const REAL *values, const int64_t *alive, KEY *keys, int64_t room) {
    const int64_t n = job->paths;
    double *row = FN(row_of)(job, a);
    FN(copy_out)(job, a, asset, values, alive);
    const FN(extent) extent = FN(make_keys)(values, n, keys);
    const double greatest = FN(judge)(job, a, asset, &extent);
    if (greatest < 0.0 || job->lived) return greatest;
    FN(describe)(values, n, job->quantiles, job->quantile_count, job->tail, row, &extent, keys, keys + room);
    row[STAT_LIFE] = FN(life_of)(job, a, asset, alive);
    return greatest;
}

/* Mean, deviation and life of one asset, the former ready. Returns as `judge`, but any bound of |V| where no total takes it. */
static double FN(finish_moments)(const simulation *job, int64_t a, const FN(asset) *asset, const FN(moments) *m, const int64_t *alive) {
    const int64_t n = job->paths;
    double *row = FN(row_of)(job, a), greatest = fabs(m->mean) + sqrt_f64(m->squares);
    FN(copy_out)(job, a, asset, m->values, alive);
    /* |V - mean| is at most the root of the sum of its squares, so most assets need no look at each value */
    const int added = job->totals && job->group[a] >= 0, doubtful = !(greatest < MONEY_LIMIT / 2.0);
    if (added || doubtful || (job->sobol && (asset->optional || asset->clamped))) {
        const FN(extent) extent = FN(extent_of)(m->values, n);
        greatest = FN(judge)(job, a, asset, &extent);
    }
    if (greatest < 0.0) return greatest;
    row[STAT_MEAN] = m->mean;
    row[STAT_DEVIATION] = n > 1 ? sqrt_f64(m->squares / (double)(n - 1)) : 0.0;
    row[STAT_SHORTFALL] = row[STAT_LOSS] = NAN;
    row[STAT_LIFE] = FN(life_of)(job, a, asset, alive);
    return greatest;
}

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

/* Puts the plain versions of a family into bundles: those of a leader two by two. */
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
            if (!in) bundle->count = left >= 2 ? 2 : 1;
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

/* Versions of one asset: who survives like whom, and what is laid down for all. The first asset of the batch is `first`. */
static void FN(prepare_versions)(const simulation *job, const FN(source) *source, FN(space) *s, FN(family) *family, int64_t first) {
    const FN(asset) *one = s->assets + family->first;
    int64_t lead = -1, latest = -1, periods = 0; /* the first leader and the latest */
    int contested = 0;
    for (int64_t b = family->first; b < family->first + family->count; b++) {
        FN(asset) *asset = s->assets + b;
        if (asset != one) *asset = *one;
        asset->period = s->periods + b * s->longest;
        FN(prepare_version)(job, first + b, asset);
        contested |= asset->contested;
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
    family->laying.periods = periods;
    family->laying.general = one->has_level || one->has_royalty || contested;
    FN(prepare_points)(job, source, &family->laying, s->shift + family->first * s->dimensions * REPLICATES, s->index + family->first * s->points);
    FN(make_bundles)(job, s, family, first);
}

/* The families of a batch, most of them of one asset. Returns how many. */
static int64_t FN(prepare_families)(const simulation *job, const FN(source) *source, FN(space) *s, int64_t first, int64_t count) {
    int64_t families = 0, bundles = 0;
    for (int64_t b = 0; b < count;) {
        FN(family) *family = s->families + families++;
        *family = (FN(family)){.first = b, .count = 1, .first_bundle = bundles};
        while (b + family->count < count && same_paths(job, first + b, first + b + family->count)) family->count++;
        FN(asset) *asset = s->assets + b;
        FN(prepare_asset)(job, first + b, asset);
        if (family->count > 1)
            FN(prepare_versions)(job, source, s, family, first);
        else {
            asset->period = s->periods + b * s->longest;
            s->leader[b] = (int32_t)b;
            FN(prepare_version)(job, first + b, asset);
            FN(prepare_periods)(job, first + b, asset);
            FN(prepare_points)(job, source, asset, s->shift + b * s->dimensions * REPLICATES, s->index + b * s->points);
        }
        bundles += family->bundles;
        b += family->count;
    }
    return families;
}

/* The first version of a family, whose beginning may have been in an earlier batch. */
static void FN(find_first)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first) {
    const int64_t a = first + family->first, end = a + family->count;
    if (a == 0 || !same_paths(job, a - 1, a)) {
        s->one = (FN(moments)){.values = s->values + family->first * s->room};
        FN(means_of_one)(&s->one, job->paths);
        s->one_summed = -1;
    }
    if (end == job->assets || s->one.values == s->kept || !same_paths(job, end - 1, end)) return;
    memcpy(s->kept, s->one.values, (size_t)job->paths * sizeof(REAL));
    s->one.values = s->kept;
}

/* Statistics of a family; those with sums become shares from `adding` on. Returns how many shares there are then. */
static int64_t FN(finish_family)(const simulation *job, FN(space) *s, const FN(family) *family, int64_t first, int64_t adding) {
    const int spread = !job->lived && (job->moments || job->paired);
    if (spread) FN(find_first)(job, s, family, first);
    FN(moments) m[FN(SETS)];
    for (int64_t b = family->first, sets; b < family->first + family->count; b += sets) {
        sets = spread && family->first + family->count - b >= FN(SETS) ? FN(SETS) : 1;
        for (int64_t k = 0; k < sets; k++) m[k].values = s->values + (b + k) * s->room;
        if (spread && sets == 1 && !job->moments && m[0].values == s->one.values)
            m[0] = s->one; /* it differs from itself by nothing */
        else if (spread && sets == 1) {
            FN(means_of_one)(m, job->paths);
            FN(spreads_of_one)(m, &s->one, job->paths);
        } else if (spread) {
            FN(means_of_some)(m, job->paths);
            FN(spreads_of_some)(m, &s->one, job->paths);
        }
        for (int64_t k = 0; k < sets; k++) {
            const int64_t a = first + b + k, *alive = s->alive + s->leader[b + k] * s->longest;
            const double greatest = job->moments && !job->lived ? FN(finish_moments)(job, a, &s->assets[b + k], &m[k], alive)
                                                                : FN(finish)(job, a, &s->assets[b + k], m[k].values, alive, s->keys, s->room);
            if (s->one_summed < 0) s->one_summed = greatest >= 0.0;
            if (spread && job->paired) FN(put_paired)(&m[k], &s->one, greatest >= 0.0 && s->one_summed, job->paths, job->paired + 2 * a);
            if (greatest >= 0.0 && job->totals && job->group[a] >= 0) s->shares[adding++] = (FN(share)){job->group[a], (int32_t)(b + k), greatest};
        }
    }
    return adding;
}

static int FN(run_batch)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, FN(space) *s, int64_t first, int64_t count) {
    const FN(factors) *f = &s->factors;
    memset(s->alive, 0, (size_t)(count * s->longest) * sizeof *s->alive);
    const int64_t families = FN(prepare_families)(job, source, s, first, count);
    for (int64_t path = 0; path < job->paths; path += s->tile) {
        const int64_t n = job->paths - path < s->tile ? job->paths - path : s->tile;
        if (!s->tabled) FN(draw_factors)(job, source, bridge, f, job->first + path, n, 0);
        for (int64_t k = 0; k < families; k++) {
            const FN(family) *family = s->families + k;
            const FN(asset) *asset = s->assets + family->first;
            const REAL *common = f->rows;
            if (*job->stop) return RUN_STOPPED;
            if (asset->moves == WITH_FACTOR) common += f->slot[asset->factor] * f->periods * f->stride + (s->tabled ? path : 0);
            if (family->count == 1)
                FN(walk_of)(asset, job->sobol != NULL)(asset, source, bridge, job->first + path, n, common, f->stride,
                                                       s->values + family->first * s->room + path, s->alive + family->first * s->longest);
            else if (FN(walk_family)(job, family, s->bundles, s->assets, source, bridge, &s->laid, job->first + path, n, common, f->stride,
                                     s->values + path, s->room, s->alive, s->longest) != RUN_OK)
                return RUN_STOPPED;
        }
    }
    int64_t adding = 0;
    for (int64_t k = 0; k < families; k++) adding = FN(finish_family)(job, s, s->families + k, first, adding);
    FN(add_shares)(s->shares, adding, s->values, s->room, job->paths, job->totals);
    return RUN_OK;
}

/* How many assets from `first` on make a batch: versions of one stay together where they fit. */
static int64_t FN(batch_from)(const simulation *job, int64_t most, int64_t first) {
    if (job->assets - first <= most) return job->assets - first;
    int64_t count = most;
    while (count > 0 && same_paths(job, first + count - 1, first + count)) count--;
    return count ? count : most;
}

static int FN(run)(const simulation *job) {
    FN(space) s = {0};
    const FN(source) source = FN(make_source)(job->seed);
    FN(bridge) bridge;
    FN(make_bridge)(job->sobol, &bridge);
    int result = FN(allocate)(job, &s);
    for (int64_t d = 0; result == RUN_OK && job->sobol && job->factors && d < job->sobol->dimensions; d++)
        FN(make_shifts)(&source, job->factor_hash[d % job->factors], d, s.factors.shift + d * REPLICATES);
    if (result == RUN_OK && s.tabled) FN(draw_factors)(job, &source, &bridge, &s.factors, job->first, job->paths, 0);
    for (int64_t first = 0, count; first < job->assets && result == RUN_OK; first += count) {
        count = FN(batch_from)(job, s.batch, first);
        result = FN(run_batch)(job, &source, &bridge, &s, first, count);
    }
    FN(release)(&s);
    return result;
}

#undef SHARE_LIMIT
#undef FN
#undef OF
#undef PASTE2
#undef PASTE3
#undef EXPAND2
#undef EXPAND3
#undef REAL
#undef SUFFIX
#undef KEY
#undef UKEY
#undef KEY_MOST
