/* The values of one asset on a few paths, everything kept in registers from the first period to the last. Included by kernel_impl.h.
 * The order of operations is docs/numerics.md §5. */

/* What all draws share: the keys of the rounds, and what paths add to a counter. */
typedef struct {
    OF(round_key) key[ARS_ROUNDS + 1];
    OF(words) start;      /* key[0] in every lane's counter */
    OF(words) one, place; /* 1 in the counters' words 0; all bits of their words 1 */
    OF(words) lane;       /* the path's part of the counters of LANES paths from 0 */
    OF(words) anew[STREAMS]; /* what a stream that is drawn anew adds to its counters; 0 where it is not */
} FN(source);

/* One period of an asset, rounded to REAL once. */
typedef struct {
    REAL w, minus_f, low, high, bound_out, bound_in, salvage;
    REAL chance, control; /* S_t and S_t·w_t, numerics.md §14 */
    int32_t last, rival_last;
    REAL deflator, exponent, slope, end_deflator, end_exponent, minus_share_w, repeat_w, minus_share_f, repeat_f; /* of blended assets, §17 */
    int endless;
} FN(period);

/* The draws of uncertain inputs on a tile of paths, the first of which is `from`: the level's multiplier, δ, and what the control takes for them. */
typedef struct {
    int64_t from;
    const REAL *multiplier, *steady, *premium, *tilt;
} FN(drawn);

/* One asset's numbers, rounded to REAL once. */
typedef struct {
    int64_t periods, whole_periods;
    uint64_t hash;
    int32_t factor;
    REAL drift, own, common, level, half_level, entered, range_low, range_high, range_split, range_left, range_right;
    int moves;
    uint8_t lapses, general, has_level, has_royalty, contested, optional, clamped; /* contested: by a rival; general: so, or with a start, a royalty range or inputs */
    uint8_t has_inputs, blended, estimated; /* estimated: its mean, under sobol, from G and K */
    FN(drawn) drawn;
    FN(period) *period;
    const uint32_t *shift, *index; /* of sobol: (dimension, REPLICATES) digital shifts, (points) the indices of its own dimensions */
    double *given, *control;       /* of sobol: (REPLICATES) sums of G and K */
} FN(asset);

enum { FN(GROUP) = OF(LANES) * OF(UNROLL) };

/* Counters of word 0 of a stream, without their path; the key of round 0 is added already. */
INLINE OF(words) FN(counters)(const FN(source) *source, uint32_t purpose, uint64_t hash) {
    const uint32_t counter[4] = {purpose << 28, 0, (uint32_t)hash, (uint32_t)(hash >> 32)};
    OF(words) c = source->start;
    for (int i = 0; i < OF(LANES); i++) c[i] ^= counter[i % 4];
    return c;
}
/* The same for LANES paths from `path`, a multiple of LANES, so that nothing is carried. */
INLINE OF(words) FN(at_path)(const FN(source) *source, OF(words) counters, uint32_t path) {
    return counters ^ (source->place & (path / 4)) ^ source->lane;
}

#include "sobol_impl.h"
#include "worth_impl.h"

/* The royalty of a word. */
INLINE OF(reals) FN(royalty_of)(const FN(asset) *asset, OF(words) word) {
    const OF(reals) v = OF(uniforms)(word), rest = OF(uniforms)(~word);
    const OF(reals) left = OF(all)(asset->range_low) + OF(roots)(v * OF(all)(asset->range_left));
    const OF(reals) right = OF(all)(asset->range_high) - OF(roots)(rest * OF(all)(asset->range_right));
    return OF(choose)(OF(below)(v, OF(all)(asset->range_split)), left, right);
}

/* The level's start and the royalty's draw. */
INLINE void FN(start)(const FN(asset) *asset, const FN(source) *source, OF(words) counters, uint32_t path, OF(reals) *x, OF(reals) *royalty) {
    const OF(words) base = FN(at_path)(source, counters, path), two = source->one + source->one;
    if (asset->has_level) {
        OF(reals) first, second;
        const OF(words) level = base ^ source->anew[STREAM_LEVEL];
        OF(normals)(OF(ars)(level, source->key), OF(ars)(level ^ source->one, source->key), &first, &second);
        *x = OF(fmas)(OF(all)(asset->level), first, OF(all)(asset->half_level));
    }
    if (asset->has_royalty) *royalty = FN(royalty_of)(asset, OF(ars)(base ^ source->anew[STREAM_ROYALTY] ^ two, source->key));
}

/* GROUP paths on their way, in vectors that stay in registers. */
typedef struct {
    OF(words) base[OF(UNROLL)], survival[OF(UNROLL)], rival[OF(UNROLL)];
    OF(reals) x[OF(UNROLL)], royalty[OF(UNROLL)], value[OF(UNROLL)];
    OF(reals) given[OF(UNROLL)], control[OF(UNROLL)]; /* of sobol: G and K */
    OF(reals) multiplier[OF(UNROLL)], steady[OF(UNROLL)], premium[OF(UNROLL)], tilt[OF(UNROLL)]; /* of blended assets */
    OF(mask) live[OF(UNROLL)]; /* alive and not given up; of sobol: not given up, alive or not */
    uint32_t index[OF(UNROLL)]; /* of sobol: of the point */
    uint64_t valid; /* the paths that count */
} FN(travellers);

INLINE uint32_t FN(valid_lanes)(const FN(travellers) *p, int u) {
    return (uint32_t)(p->valid >> u * OF(LANES)) & (uint32_t)(((uint64_t)1 << OF(LANES)) - 1);
}

/* L_t before the rival, in vector u: step 1 of model.md §5. common: the factor in this period on these paths; where levels are STORED, they. */
INLINE OF(reals) FN(rise)(const int moves, const int general, const FN(asset) *asset, OF(reals) normal, const REAL *common, FN(travellers) *p, int u) {
    if (moves == STORED) return OF(load)(common + u * OF(LANES));
    if (moves != STILL) {
        OF(reals) moved = p->x[u] + OF(all)(asset->drift);
        if (moves == WITH_FACTOR) moved = OF(fmas)(OF(all)(asset->common), OF(load)(common + u * OF(LANES)), moved);
        p->x[u] = OF(fmas)(OF(all)(asset->own), normal, moved);
    }
    OF(reals) level = OF(exp2s)(p->x[u]);
    if (general) level = level * p->royalty[u];
    return level;
}

/* One period: steps 1 to 4 of model.md §5. Returns how many paths are alive after step 3. kept: takes L_t before the rival where `keep` is set. */
INLINE int FN(step)(const int keep, const int sobol, const int moves, const int lapses, const int general, const int optional, const int clamped,
                    const FN(asset) *asset, const FN(period) *now, const OF(reals) *normal, const REAL *common, FN(travellers) *p, OF(reals) *kept) {
    int count = 0;
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        OF(reals) level = FN(rise)(moves, general, asset, normal[u], common, p, u);
        if (keep) kept[u] = level;
        OF(mask) out = p->live[u], here = p->live[u];
        if (general) {
            out = OF(within)(p->rival[u], now->rival_last);
            level = OF(choose)(out, level, level * OF(all)(asset->entered));
        }
        OF(reals) cash;
        if (clamped)
            cash = OF(least)(OF(all)(now->high), OF(most)(OF(all)(now->low), OF(all)(now->w) * level)) + OF(all)(now->minus_f);
        else
            cash = OF(fmas)(OF(all)(now->w), level, OF(all)(now->minus_f));
        if (lapses) here = OF(within)(p->survival[u], now->last);
        if (sobol && optional) {
            const OF(mask) quits = OF(both)(p->live[u], OF(below)(level, OF(choose)(out, OF(all)(now->bound_out), OF(all)(now->bound_in))));
            const OF(mask) kept = OF(without)(p->live[u], quits);
            cash = OF(choose)(quits, OF(all)(now->salvage), OF(only_where)(kept, cash));
            p->value[u] = OF(add_where)(here, p->value[u], cash);
            p->live[u] = kept;
            here = OF(both)(here, kept);
        } else if (optional) {
            here = OF(both)(here, p->live[u]);
            const OF(mask) quits = OF(both)(here, OF(below)(level, OF(choose)(out, OF(all)(now->bound_out), OF(all)(now->bound_in))));
            here = p->live[u] = OF(without)(here, quits);
            cash = OF(choose)(quits, OF(all)(now->salvage), OF(only_where)(here, cash));
            p->value[u] = p->value[u] + cash;
        } else if (lapses)
            p->value[u] = OF(add_where)(here, p->value[u], cash);
        else
            p->value[u] = p->value[u] + cash;
        if (sobol && (optional || clamped)) {
            p->given[u] = OF(fmas)(OF(all)(now->chance), cash, p->given[u]);
            p->control[u] = OF(fmas)(OF(all)(now->control), level, p->control[u]);
        }
        if (lapses) count += __builtin_popcount(OF(lanes_of)(here) & FN(valid_lanes)(p, u));
    }
    return lapses ? count : __builtin_popcountll(p->valid);
}

#include "blended_impl.h"

/* The normals of two periods. */
INLINE void FN(pair)(const FN(source) *source, const FN(travellers) *p, OF(words) *index, OF(reals) (*normal)[OF(UNROLL)]) {
    const OF(words) then = *index + source->one;
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++)
        OF(normals)(OF(ars)(p->base[u] ^ *index, source->key), OF(ars)(p->base[u] ^ then, source->key), &normal[0][u], &normal[1][u]);
    *index = then + source->one;
}

/* Levels of some paths, made once for all versions of an asset, before any rival: level[t·LAID + i]; and the words of survival and rival. */
enum { FN(LAID) = LAID_PATHS };
typedef struct {
    REAL *level;
    uint32_t *survival, *rival; /* (LAID), moved to the signed range */
    OF(mask) *here;             /* (periods, LAID / LANES): where one survival lives */
} FN(laid);

/* What looks along lines say of GROUP paths, into columns of the slots from `column` on. level: of their first period, as it was laid down. */
INLINE void FN(take_looks)(const int general, const FN(asset) *asset, const FN(look) *looks, const FN(travellers) *p, const REAL *level, int64_t column) {
    const int64_t n = __builtin_popcountll(p->valid);
    for (const FN(look) *look = looks; look->period < NO_PERIOD; look++)
        FN(take_look)(general, look, asset->entered, p->survival, p->rival, level + look->period * FN(LAID), n, look->slot + column);
}

/* One period of GROUP paths: its levels laid down, those of the first period at `level`; or it is settled; or both, for looks. */
INLINE void FN(pass)(const int lay, const int sobol, const int moves, const int lapses, const int general, const int optional, const int clamped,
                     const int blended, const FN(asset) *asset, int64_t t, const OF(reals) *normal, const REAL *common, FN(travellers) *p, int64_t *alive,
                     REAL *level) {
    if (blended) {
        alive[t] += FN(blend)(sobol, moves, asset, asset->period + t, normal, common, p);
        return;
    }
    if (lay != LEVELS) {
        OF(reals) kept[OF(UNROLL)];
        alive[t] += FN(step)(lay == LOOKS, sobol, moves, lapses, general, optional, clamped, asset, asset->period + t, normal, common, p, kept);
        for (int u = 0; lay == LOOKS && u < OF(UNROLL); u++) OF(store)(level + t * FN(LAID) + u * OF(LANES), kept[u]);
        return;
    }
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++)
        OF(store)(level + t * FN(LAID) + u * OF(LANES), FN(rise)(moves, general, asset, normal[u], common, p, u));
}

/* GROUP paths from `path` through all periods into V, and by `lay` what they are worth to `looks` into columns of the slots from i on; or their levels
 * alone, into columns of `laid` from i on. The first arguments are constants: each set of them is compiled by itself. counters: of the streams of paths
 * and levels. common: the factor in period 1 on these paths, `stride` numbers before that of period 2. alive[t] takes the number of paths alive. */
INLINE void FN(group)(const int lay, const int sobol, const int moves, const int lapses, const int general, const int optional, const int clamped,
                      const int blended, const FN(asset) *asset, const FN(source) *source, const FN(bridge) *bridge, const OF(words) counters[2], uint32_t path, const REAL *common, int64_t stride, uint64_t valid, REAL *V,
                      int64_t *alive, const FN(look) *looks, const FN(laid) *laid, int64_t i) {
    const OF(words) two = source->one + source->one;
    REAL *level = lay == LEVELS ? laid->level + i : lay == LOOKS ? laid->level : NULL;
    FN(travellers) p;
    p.valid = valid;
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        const uint32_t first = path + (uint32_t)(u * OF(LANES));
        p.x[u] = p.value[u] = OF(all)((REAL)0);
        p.royalty[u] = OF(all)((REAL)1);
        const OF(words) base = FN(at_path)(source, counters[0], first);
        p.base[u] = base ^ source->anew[STREAM_SHOCKS];
        p.live[u] = OF(lanes)(FN(valid_lanes)(&p, u));
        if (sobol) {
            p.given[u] = p.control[u] = OF(all)((REAL)0);
            p.index[u] = asset->index[first / REPLICATES];
#define WORD(dimension) FN(point)(bridge->points, asset->shift, DIMENSION_##dimension, p.index[u], first % REPLICATES)
            if (general && asset->has_level) p.x[u] = OF(fmas)(OF(all)(asset->level), OF(inverses)(WORD(LEVEL)), OF(all)(asset->half_level));
            if (general && asset->has_royalty) p.royalty[u] = FN(royalty_of)(asset, WORD(ROYALTY));
            if (lapses) p.survival[u] = WORD(SURVIVAL) ^ 0x80000000u;
            if (general) p.rival[u] = WORD(RIVAL) ^ 0x80000000u;
#undef WORD
            continue;
        }
        if (general) FN(start)(asset, source, counters[1], first, &p.x[u], &p.royalty[u]);
        if (lapses) p.survival[u] = OF(ars)(base ^ source->anew[STREAM_SURVIVAL], source->key) ^ 0x80000000u;
        if (general) p.rival[u] = OF(ars)(base ^ source->anew[STREAM_RIVAL] ^ source->one, source->key) ^ 0x80000000u;
    }
    if (general && asset->has_inputs && !asset->blended)
#pragma GCC unroll 4
        for (int u = 0; u < OF(UNROLL); u++)
            p.royalty[u] = p.royalty[u] * OF(load)(asset->drawn.multiplier + ((int64_t)path - asset->drawn.from) + u * OF(LANES));
    if (blended) FN(take_draws)(asset, path, &p);
    if (lay == LEVELS) {
        memcpy(laid->survival + i, p.survival, sizeof p.survival);
        if (general) memcpy(laid->rival + i, p.rival, sizeof p.rival);
    }
    if (sobol) {
        const FN(feed) feed = {asset->shift, DIMENSION_SHOCKS, 1, 2};
        OF(reals) walk[BRIDGE_MAX_PERIODS + 1][OF(UNROLL)];
        for (int64_t start = 0; start < asset->periods; start += bridge->periods) {
            const int64_t reach = asset->periods - start < bridge->periods ? asset->periods - start : bridge->periods;
            if (moves != STILL) FN(walk_bridge)(OF(UNROLL), bridge, &feed, source, start, reach, p.index, p.base, path, walk);
            for (int64_t t = 0; t < reach; t++) {
                OF(reals) normal[OF(UNROLL)];
#pragma GCC unroll 4
                for (int u = 0; u < OF(UNROLL); u++)
                    if (moves != STILL) normal[u] = walk[t + 1][u] - walk[t][u];
                FN(pass)(lay, 1, moves, lapses, general, optional, clamped, blended, asset, start + t, normal, common, &p, alive, level);
                if (moves == WITH_FACTOR) common += stride;
            }
        }
        if (lay == LEVELS) return;
#pragma GCC unroll 4
        for (int u = 0; u < OF(UNROLL); u++) OF(store)(V + u * OF(LANES), p.value[u]);
        if (lay == LOOKS) FN(take_looks)(general, asset, looks, &p, level, i);
        if (optional || clamped || blended) FN(add_to_replicates)(asset, path, &p.valid, p.given, p.control);
        return;
    }
    const int64_t reach = lay == LOOKS ? FN(reach_of_all)(looks) : 0;
    OF(words) index = two;
    OF(reals) normal[2][OF(UNROLL)], next[2][OF(UNROLL)];
    if (moves != STILL) FN(pair)(source, &p, &index, normal);
    int64_t t = 0;
    /* the normals of the next two periods are on their way while these two are walked; after the last look the loop is the plain one */
#define TWO_BY_TWO(lay, more)                                                                                                           \
    for (; (more) && t + 2 < asset->periods; t += 2) {                                                                                  \
        if (moves != STILL) FN(pair)(source, &p, &index, next);                                                                         \
        for (int k = 0; k < 2; k++) {                                                                                                   \
            FN(pass)(lay, 0, moves, lapses, general, optional, clamped, blended, asset, t + k, normal[k], common, &p, alive, level);    \
            if (moves == WITH_FACTOR) common += stride;                                                                                 \
        }                                                                                                                               \
        if (moves != STILL) memcpy(normal, next, sizeof next);                                                                          \
    }
    if (lay == LOOKS) TWO_BY_TWO(LOOKS, t < reach)
    TWO_BY_TWO(lay == LEVELS ? LEVELS : VALUES, 1)
#undef TWO_BY_TWO
    for (int k = 0; k < 2; k++) {
        if (t + k >= asset->periods) break;
        FN(pass)(lay, 0, moves, lapses, general, optional, clamped, blended, asset, t + k, normal[k], common, &p, alive, level);
        if (moves == WITH_FACTOR) common += stride;
    }
    if (lay == LEVELS) return;
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) OF(store)(V + u * OF(LANES), p.value[u]);
    if (lay == LOOKS) FN(take_looks)(general, asset, looks, &p, level, i);
}

/* n paths from `path`, a multiple of GROUP, into V, which has room for whole groups; so has every row of `common`. */
#define COMPILED(name, moves, lapses, general, optional, clamped) SAMPLED(name, moves, lapses, general, optional, clamped, 0)
#define SAMPLED(name, moves, lapses, general, optional, clamped, blended)  \
    WALK(name, 0, moves, lapses, general, optional, clamped, blended)      \
    WALK(sobol_##name, 1, moves, lapses, general, optional, clamped, blended)
#define WALK(name, sobol, moves, lapses, general, optional, clamped, blended)                                                                            \
    static void FN(name)(const FN(asset) *asset, const FN(source) *source, const FN(bridge) *bridge, int64_t path, int64_t n,                   \
                         const REAL *common, int64_t stride, REAL *V, int64_t *alive) {                                                                                                      \
        const OF(words) counters[2] = {FN(counters)(source, PURPOSE_PATH, asset->hash), FN(counters)(source, PURPOSE_LEVEL, asset->hash)};      \
        for (int64_t i = 0; i < n; i += FN(GROUP)) {                                                                                            \
            const uint64_t valid = ((uint64_t)1 << (n - i < FN(GROUP) ? n - i : FN(GROUP))) - 1;                                                \
            FN(group)(VALUES, sobol, moves, lapses, general, optional, clamped, blended, asset, source, bridge, counters, (uint32_t)(path + i), common + i,   \
                      stride, valid, V + i, alive, NULL, NULL, 0);                                                                              \
        }                                                                                                                                       \
    }
COMPILED(plain_alone_lasting, ALONE, 0, 0, 0, 0)
COMPILED(plain_alone, ALONE, 1, 0, 0, 0)
COMPILED(plain_lasting, WITH_FACTOR, 0, 0, 0, 0)
COMPILED(plain, WITH_FACTOR, 1, 0, 0, 0)
COMPILED(still, STILL, 1, 1, 0, 0)
COMPILED(still_clamped, STILL, 1, 1, 0, 1)
COMPILED(still_optional, STILL, 1, 1, 1, 0)
COMPILED(still_both, STILL, 1, 1, 1, 1)
COMPILED(alone, ALONE, 1, 1, 0, 0)
COMPILED(alone_clamped, ALONE, 1, 1, 0, 1)
COMPILED(alone_optional, ALONE, 1, 1, 1, 0)
COMPILED(alone_both, ALONE, 1, 1, 1, 1)
COMPILED(factor, WITH_FACTOR, 1, 1, 0, 0)
COMPILED(factor_clamped, WITH_FACTOR, 1, 1, 0, 1)
COMPILED(factor_optional, WITH_FACTOR, 1, 1, 1, 0)
COMPILED(factor_both, WITH_FACTOR, 1, 1, 1, 1)
SAMPLED(still_blended, STILL, 1, 1, 1, 1, 1)
SAMPLED(alone_blended, ALONE, 1, 1, 1, 1, 1)
SAMPLED(factor_blended, WITH_FACTOR, 1, 1, 1, 1, 1)
#undef COMPILED
#undef SAMPLED
#undef WALK

typedef void (*FN(walk))(const FN(asset) *, const FN(source) *, const FN(bridge) *, int64_t, int64_t, const REAL *, int64_t, REAL *, int64_t *);

static FN(walk) FN(walk_of)(const FN(asset) *asset, int sobol) {
#define BOTH(name) {FN(name), FN(sobol_##name)}
    static const FN(walk) plain[2][2][2] = {{BOTH(plain_alone_lasting), BOTH(plain_alone)}, {BOTH(plain_lasting), BOTH(plain)}};
    static const FN(walk) general[3][2][2][2] = {
        {{BOTH(still), BOTH(still_clamped)}, {BOTH(still_optional), BOTH(still_both)}},
        {{BOTH(alone), BOTH(alone_clamped)}, {BOTH(alone_optional), BOTH(alone_both)}},
        {{BOTH(factor), BOTH(factor_clamped)}, {BOTH(factor_optional), BOTH(factor_both)}},
    };
    static const FN(walk) blended[3][2] = {BOTH(still_blended), BOTH(alone_blended), BOTH(factor_blended)};
#undef BOTH
    if (asset->blended) return blended[asset->moves][sobol];
    if (asset->moves == STILL || asset->general || asset->optional || asset->clamped)
        return general[asset->moves][asset->optional][asset->clamped][sobol];
    return plain[asset->moves == WITH_FACTOR][asset->lapses][sobol];
}
