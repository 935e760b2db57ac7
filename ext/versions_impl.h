/* Versions of one asset, which differ in nothing that moves its paths: random numbers, normals and levels of a few paths are made once, then each
 * version is walked over them. Included by kernel_impl.h only. Each has the bits of a run of its own: docs/numerics.md §5. */

enum { FN(BLOCK) = OF(ACROSS) * OF(LANES), FN(MOST) = 4 };

/* One, two or four versions that are not clamped, optional or contested and survive alike: cash[t] holds their w, then their -f. */
typedef struct {
    int32_t count, leader;      /* leader: the version, by its place in the batch, whose paths alive stand for all */
    int alone;                  /* it survives like no other */
    int32_t version[FN(MOST)];  /* places in the batch */
    const REAL *cash;
} FN(bundle);

/* The assets of a batch from `first` on that are versions of one; the bundles of those that are plain. */
typedef struct {
    int64_t first, count, first_bundle, bundles;
    int laid;          /* levels are laid down first: it is of several assets, or one that is looked at */
    int whole;         /* levels are laid down for all paths */
    int looked;        /* it is of one asset that is looked at while it is walked */
    int64_t reach;     /* after how many periods the last lasting look follows; 0: there is none */
    FN(asset) laying;  /* with the periods of the longest, or as many as that */
} FN(family);

/* The lanes of a vector that lie before the last of n paths. */
INLINE uint32_t FN(lanes_before)(int64_t n) { return n <= 0 ? 0 : (uint32_t)(((uint64_t)1 << (n < OF(LANES) ? n : OF(LANES))) - 1); }

/* Which of the laid paths live in each period of `asset`, into laid->here; alive[t] takes how many of the first n. */
static void FN(mark_living)(const FN(asset) *asset, const FN(laid) *laid, int64_t n, int64_t *alive) {
    for (int64_t i = 0; i < n; i += OF(LANES)) {
        const uint32_t valid = FN(lanes_before)(n - i);
        OF(words) word;
        memcpy(&word, laid->survival + i, sizeof word);
        OF(mask) *here = laid->here + i / OF(LANES);
        for (int64_t t = 0; t < asset->periods; t++, here += FN(LAID) / OF(LANES)) {
            *here = OF(within)(word, asset->period[t].last);
            alive[t] += __builtin_popcount(OF(lanes_of)(*here) & valid);
        }
    }
}

/* V of a bundle on `across` vectors of paths: level and here are those of the first period. */
INLINE void FN(sum_block)(const int versions, const int across, const REAL *cash, int64_t periods, const REAL *level, const OF(mask) *here, REAL *const *V,
                          int64_t at) {
    OF(reals) value[FN(MOST)][OF(ACROSS)];
#pragma GCC unroll 8
    for (int k = 0; k < versions; k++)
#pragma GCC unroll 8
        for (int u = 0; u < across; u++) value[k][u] = OF(all)((REAL)0);
    for (int64_t t = 0; t < periods; t++) {
        OF(reals) now[OF(ACROSS)];
        OF(mask) living[OF(ACROSS)];
#pragma GCC unroll 8
        for (int u = 0; u < across; u++) {
            now[u] = OF(load)(level + u * OF(LANES));
            living[u] = here[u];
        }
#pragma GCC unroll 8
        for (int k = 0; k < versions; k++) {
            const OF(reals) w = OF(all)(cash[k]), minus_f = OF(all)(cash[versions + k]);
#pragma GCC unroll 8
            for (int u = 0; u < across; u++) value[k][u] = value[k][u] + OF(fmas_where)(living[u], w, now[u], minus_f);
        }
        cash += 2 * versions;
        level += FN(LAID);
        here += FN(LAID) / OF(LANES);
    }
#pragma GCC unroll 8
    for (int k = 0; k < versions; k++)
#pragma GCC unroll 8
        for (int u = 0; u < across; u++) OF(store)(V[k] + at + u * OF(LANES), value[k][u]);
}

/* V of a bundle on the first n of the laid paths, from V[k] on, which has room for whole blocks. */
#define SUMS(versions, across)                                                                                                               \
    static void FN(sum_##versions)(const REAL *cash, int64_t periods, const FN(laid) *laid, int64_t n, REAL *const *V) {                     \
        for (int64_t i = 0; i < n; i += (across) * OF(LANES))                                                                                \
            FN(sum_block)(versions, across, cash, periods, laid->level + i, laid->here + i / OF(LANES), V, i);                               \
    }
SUMS(1, OF(ACROSS))
SUMS(2, OF(ACROSS))
SUMS(4, OF(ACROSS) / 2)
#undef SUMS

static void FN(sum_bundle)(const FN(bundle) *bundle, int64_t periods, const FN(laid) *laid, int64_t n, REAL *const *V) {
    static void (*const sums[])(const REAL *, int64_t, const FN(laid) *, int64_t, REAL *const *) = {NULL, FN(sum_1), FN(sum_2), NULL, FN(sum_4)};
    sums[bundle->count](bundle->cash, periods, laid, n, V);
}

/* V of a version that survives like no other on the first n of the laid paths; alive[t] takes how many of them live. */
static void FN(sum_own)(const FN(asset) *asset, const REAL *cash, const FN(laid) *laid, int64_t n, REAL *V, int64_t *alive) {
    for (int64_t i = 0; i < n; i += FN(BLOCK)) {
        const REAL *level = laid->level + i;
        OF(words) word[OF(ACROSS)];
        OF(reals) value[OF(ACROSS)];
        uint32_t valid[OF(ACROSS)];
        memcpy(word, laid->survival + i, sizeof word);
#pragma GCC unroll 8
        for (int u = 0; u < OF(ACROSS); u++) {
            value[u] = OF(all)((REAL)0);
            valid[u] = FN(lanes_before)(n - i - u * OF(LANES));
        }
        for (int64_t t = 0; t < asset->periods; t++, level += FN(LAID)) {
            const OF(reals) w = OF(all)(cash[2 * t]), minus_f = OF(all)(cash[2 * t + 1]);
            int count = 0;
#pragma GCC unroll 8
            for (int u = 0; u < OF(ACROSS); u++) {
                const OF(mask) here = OF(within)(word[u], asset->period[t].last);
                value[u] = value[u] + OF(fmas_where)(here, w, OF(load)(level + u * OF(LANES)), minus_f);
                count += __builtin_popcount(OF(lanes_of)(here) & valid[u]);
            }
            alive[t] += count;
        }
#pragma GCC unroll 8
        for (int u = 0; u < OF(ACROSS); u++) OF(store)(V + i + u * OF(LANES), value[u]);
    }
}

/* Any version on the first n of the laid paths from `path`, as FN(group) walks one. */
#define REPLAYS(name, optional, clamped, blended)  \
    REPLAY(name, 0, optional, clamped, blended)    \
    REPLAY(sobol_##name, 1, optional, clamped, blended)
#define REPLAY(name, sobol, optional, clamped, blended)                                                                                               \
    static void FN(name)(const FN(asset) *asset, const FN(laid) *laid, int64_t path, int64_t n, REAL *V, int64_t *alive) {                   \
        for (int64_t i = 0; i < n; i += FN(GROUP)) {                                                                                         \
            const OF(reals) unused[OF(UNROLL)] = {0};                                                                                        \
            FN(travellers) p = {.valid = ((uint64_t)1 << (n - i < FN(GROUP) ? n - i : FN(GROUP))) - 1};                                      \
            memcpy(p.survival, laid->survival + i, sizeof p.survival);                                                                       \
            memcpy(p.rival, laid->rival + i, sizeof p.rival);                                                                                \
            for (int u = 0; u < OF(UNROLL); u++) p.live[u] = OF(lanes)(FN(valid_lanes)(&p, u));                                              \
            if (blended) FN(take_draws)(asset, (uint32_t)(path + i), &p);                                                                    \
            for (int64_t t = 0; t < asset->periods; t++) {                                                                                   \
                const FN(period) *now = asset->period + t;                                                                                   \
                const REAL *level = laid->level + t * FN(LAID) + i;                                                                          \
                alive[t] += blended ? FN(blend)(sobol, STORED, asset, now, unused, level, &p)                                                \
                                    : FN(step)(0, sobol, STORED, 1, 1, optional, clamped, asset, now, unused, level, &p, NULL);                       \
            }                                                                                                                                \
            for (int u = 0; u < OF(UNROLL); u++) OF(store)(V + i + u * OF(LANES), p.value[u]);                                               \
            if (sobol && (optional || clamped || blended)) FN(add_to_replicates)(asset, (uint32_t)(path + i), &p.valid, p.given, p.control); \
        }                                                                                                                                    \
    }
REPLAYS(replay_contested, 0, 0, 0)
REPLAYS(replay_clamped, 0, 1, 0)
REPLAYS(replay_optional, 1, 0, 0)
REPLAYS(replay_both, 1, 1, 0)
REPLAYS(replay_blended, 1, 1, 1)
#undef REPLAYS
#undef REPLAY

static void FN(replay)(const FN(asset) *asset, int sobol, const FN(laid) *laid, int64_t path, int64_t n, REAL *V, int64_t *alive) {
    static void (*const walks[2][2][2])(const FN(asset) *, const FN(laid) *, int64_t, int64_t, REAL *, int64_t *) = {
        {{FN(replay_contested), FN(sobol_replay_contested)}, {FN(replay_clamped), FN(sobol_replay_clamped)}},
        {{FN(replay_optional), FN(sobol_replay_optional)}, {FN(replay_both), FN(sobol_replay_both)}},
    };
    if (asset->blended) {
        (sobol ? FN(sobol_replay_blended) : FN(replay_blended))(asset, laid, path, n, V, alive);
        return;
    }
    walks[asset->optional][asset->clamped][sobol](asset, laid, path, n, V, alive);
}

/* The levels and words of n paths from `path`, a multiple of GROUP. common: the factor in period 1 on these paths. */
#define LAYS(name, moves, general)   \
    LAY(name, 0, moves, general)     \
    LAY(sobol_##name, 1, moves, general)
#define LAY(name, sobol, moves, general)                                                                                                     \
    static void FN(name)(const FN(asset) *asset, const FN(source) *source, const FN(bridge) *bridge, int64_t path, int64_t n,                \
                         const REAL *common, int64_t stride, const FN(laid) *laid) {                                                         \
        const OF(words) counters[2] = {FN(counters)(source, PURPOSE_PATH, asset->hash), FN(counters)(source, PURPOSE_LEVEL, asset->hash)};   \
        for (int64_t i = 0; i < n; i += FN(GROUP))                                                                                           \
            FN(group)(LEVELS, sobol, moves, 1, general, 0, 0, 0, asset, source, bridge, counters, (uint32_t)(path + i), common + i, stride,          \
                      ~(uint64_t)0, NULL, NULL, NULL, laid, i);                                                                              \
    }
LAYS(lay_still, STILL, 1)
LAYS(lay_alone, ALONE, 0)
LAYS(lay_general_alone, ALONE, 1)
LAYS(lay_factor, WITH_FACTOR, 0)
LAYS(lay_general_factor, WITH_FACTOR, 1)
#undef LAYS
#undef LAY

static void FN(lay)(const FN(asset) *asset, int sobol, const FN(source) *source, const FN(bridge) *bridge, int64_t path, int64_t n, const REAL *common,
                    int64_t stride, const FN(laid) *laid) {
    static void (*const lays[3][2][2])(const FN(asset) *, const FN(source) *, const FN(bridge) *, int64_t, int64_t, const REAL *, int64_t, const FN(laid) *) = {
        {{FN(lay_still), FN(sobol_lay_still)}, {FN(lay_still), FN(sobol_lay_still)}},
        {{FN(lay_alone), FN(sobol_lay_alone)}, {FN(lay_general_alone), FN(sobol_lay_general_alone)}},
        {{FN(lay_factor), FN(sobol_lay_factor)}, {FN(lay_general_factor), FN(sobol_lay_general_factor)}},
    };
    lays[asset->moves][asset->general][sobol](asset, source, bridge, path, n, common, stride, laid);
}

/* V of one asset that is not optional, clamped or blended, and what it is worth to its looks, into columns of the slots from `column` on. */
#define LOOKED_AT(name, moves, general)   \
    LOOK_AT(name, 0, moves, general)      \
    LOOK_AT(sobol_##name, 1, moves, general)
#define LOOK_AT(name, sobol, moves, general)                                                                                                 \
    static void FN(name)(const FN(asset) *asset, const FN(source) *source, const FN(bridge) *bridge, int64_t path, int64_t n,                \
                         const REAL *common, int64_t stride, const FN(look) *looks, const FN(laid) *laid, int64_t column, REAL *V,           \
                         int64_t *alive) {                                                                                                   \
        const OF(words) counters[2] = {FN(counters)(source, PURPOSE_PATH, asset->hash), FN(counters)(source, PURPOSE_LEVEL, asset->hash)};   \
        const FN(asset) own = *asset; /* which slots that are written cannot be part of */                                                   \
        for (int64_t i = 0; i < n; i += FN(GROUP)) {                                                                                         \
            const uint64_t valid = ((uint64_t)1 << (n - i < FN(GROUP) ? n - i : FN(GROUP))) - 1;                                             \
            FN(group)(LOOKS, sobol, moves, 1, general, 0, 0, 0, &own, source, bridge, counters, (uint32_t)(path + i), common + i, stride,    \
                      valid, V + i, alive, looks, laid, column + i);                                                                         \
        }                                                                                                                                    \
    }
LOOKED_AT(looked_alone, ALONE, 0)
LOOKED_AT(looked_general_alone, ALONE, 1)
LOOKED_AT(looked_factor, WITH_FACTOR, 0)
LOOKED_AT(looked_general_factor, WITH_FACTOR, 1)
#undef LOOKED_AT
#undef LOOK_AT

static void FN(walk_looked)(const FN(asset) *asset, int sobol, const FN(source) *source, const FN(bridge) *bridge, int64_t path, int64_t n,
                            const REAL *common, int64_t stride, const FN(look) *looks, const FN(laid) *laid, int64_t column, REAL *V, int64_t *alive) {
    static void (*const walks[2][2][2])(const FN(asset) *, const FN(source) *, const FN(bridge) *, int64_t, int64_t, const REAL *, int64_t,
                                        const FN(look) *, const FN(laid) *, int64_t, REAL *, int64_t *) = {
        {{FN(looked_alone), FN(sobol_looked_alone)}, {FN(looked_general_alone), FN(sobol_looked_general_alone)}},
        {{FN(looked_factor), FN(sobol_looked_factor)}, {FN(looked_general_factor), FN(sobol_looked_general_factor)}},
    };
    walks[asset->moves == WITH_FACTOR][asset->general][sobol](asset, source, bridge, path, n, common, stride, looks, laid, column, V, alive);
}

#include "looks_impl.h"

INLINE int FN(is_plain)(const FN(asset) *asset) { return !asset->optional && !asset->clamped && !asset->contested && !asset->blended; }

/* Whether lasting looks at a family move with factors over years, not over periods. */
INLINE int FN(looks_by_year)(const simulation *job, const FN(family) *family) {
    return job->looks->years && family->reach && family->laying.moves == WITH_FACTOR;
}

/* Looks at the assets of a family, one after the other, on the first n of the laid paths; names as below. Where lasting looks move with factors over
 * years, levels are laid anew for them. */
static void FN(look_at_family)(const simulation *job, const FN(family) *family, const FN(asset) *assets, const FN(source) *source,
                               const FN(bridge) *bridge, const FN(laid) *laid, const FN(watch) *watch, int64_t path, int64_t n, const REAL *common,
                               int64_t stride) {
    const int64_t column = path - job->first;
    const int yearly = FN(looks_by_year)(job, family);
    int years_laid = 0;
    if (yearly) FN(take_years)(job->looks, family->laying.factor, family->reach, column, n, watch->years);
    for (int64_t b = family->first; b < family->first + family->count; b++) {
        const FN(look) *looks = watch->looks + b * watch->most;
        FN(open_slots)(looks, watch->count[b], column, n);
        for (int lasting = 0; lasting < 2; lasting++) {
            const int64_t reach = FN(reach_of_looks)(looks, watch->count[b], lasting);
            if (!reach) continue;
            if (yearly && years_laid != lasting)
                FN(lay)(&family->laying, job->sobol != NULL, source, bridge, path, n, lasting ? watch->years : common, lasting ? FN(LAID) : stride, laid);
            if (yearly) years_laid = lasting;
            FN(look_at)(assets + b, looks, watch->count[b], lasting, reach, laid, path, column, n);
        }
    }
}

/* All versions of a family on n paths from `path`; common as above. values: (batch, room) from these paths on; alive: (batch, longest). stripes: where
 * given, (batch, 16) take the sums of values. */
static int FN(walk_family)(const simulation *job, const FN(family) *family, const FN(bundle) *bundles, const FN(asset) *assets, const FN(source) *source,
                           const FN(bridge) *bridge, const FN(laid) *laid, const FN(watch) *watch, int64_t path, int64_t n, const REAL *common,
                           int64_t stride, REAL *values, int64_t room, int64_t *alive, int64_t longest, double *stripes) {
    for (int64_t at = 0; at < n; at += FN(LAID)) {
        const int64_t m = n - at < FN(LAID) ? n - at : FN(LAID);
        int32_t leader = -1;
        if (*job->stop) return RUN_STOPPED;
        FN(lay)(&family->laying, job->sobol != NULL, source, bridge, path + at, m, common + at, stride, laid);
        for (int64_t b = 0; b < family->bundles; b++) {
            const FN(bundle) *bundle = bundles + family->first_bundle + b;
            REAL *V[FN(MOST)];
            for (int k = 0; k < bundle->count; k++) V[k] = values + bundle->version[k] * room + at;
            if (bundle->alone)
                FN(sum_own)(assets + bundle->leader, bundle->cash, laid, m, V[0], alive + bundle->leader * longest);
            else {
                if (bundle->leader != leader) FN(mark_living)(assets + bundle->leader, laid, m, alive + bundle->leader * longest);
                leader = bundle->leader;
                FN(sum_bundle)(bundle, assets[leader].periods, laid, m, V);
            }
            for (int k = 0; stripes && k < bundle->count; k++) FN(add_to_stripes)(V[k], m, stripes + 16 * bundle->version[k]);
        }
        for (int64_t b = family->first; b < family->first + family->count; b++) {
            if (FN(is_plain)(assets + b)) continue;
            REAL *V = values + b * room + at;
            FN(replay)(assets + b, job->sobol != NULL, laid, path + at, m, V, alive + b * longest);
            if (stripes) FN(add_to_stripes)(V, m, stripes + 16 * b);
        }
        if (watch->most) FN(look_at_family)(job, family, assets, source, bridge, laid, watch, path + at, m, common + at, stride);
    }
    return RUN_OK;
}
