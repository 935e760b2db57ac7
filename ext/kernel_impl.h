/* The kernel for one instruction set and one precision. Included by kernel_isa.h with REAL, SUFFIX, KEY, UKEY, KEY_MOST and ISA set.
 * Assets pass in batches over tiles of paths whose factors stay in the cache; docs/numerics.md §4, §5, §8. */
#define PASTE3(a, b, c) a##_##b##_##c
#define EXPAND3(a, b, c) PASTE3(a, b, c)
#define FN(name) EXPAND3(name, SUFFIX, ISA)
#define PASTE2(a, b) a##_##b
#define EXPAND2(a, b) PASTE2(a, b)
#define OF(name) EXPAND2(name, SUFFIX)

#include "paths_impl.h"
#include "select_impl.h"
#include "describe_impl.h"
#include "moments_impl.h"
#include "versions_impl.h"
#include "prepare_impl.h"
#include "factors_impl.h"
#include "totals_impl.h"
#include "wholes_impl.h"
#include "space_impl.h"
#include "drawn_impl.h"
#include "finish_impl.h"
#include "families_impl.h"
#include "lots_impl.h"
#include "borrowers_impl.h"

/* The asset's factor in period 1 from `path` on, in rows that hold the tile which begins there. */
INLINE const REAL *FN(common_of)(const FN(space) *s, const FN(asset) *asset, int64_t path) {
    const FN(factors) *f = &s->factors;
    return asset->moves == WITH_FACTOR ? f->rows + f->slot[asset->factor] * f->periods * f->stride + (s->tabled ? path : 0) : f->rows;
}

static int FN(run_batch)(const simulation *job, const FN(source) *source, const FN(bridge) *bridge, FN(space) *s, int64_t first, int64_t count) {
    const FN(factors) *f = &s->factors;
    memset(s->alive, 0, (size_t)(count * s->longest) * sizeof *s->alive);
    if (s->stripes) memset(s->stripes, 0, (size_t)count * 16 * sizeof *s->stripes);
    const int64_t families = FN(prepare_families)(job, source, s, first, count);
    if (job->looks) FN(prepare_looks)(job, s->assets, first, count, &s->watch);
    for (int64_t path = 0; path < job->paths; path += s->tile) {
        const int64_t n = job->paths - path < s->tile ? job->paths - path : s->tile;
        if (!s->tabled) FN(draw_factors)(job, source, bridge, f, job->first + path, n, 0);
        for (int64_t k = 0; k < families; k++) {
            FN(family) *family = s->families + k;
            const FN(asset) *asset = s->assets + family->first;
            const REAL *common = FN(common_of)(s, asset, path);
            if (*job->stop) return RUN_STOPPED;
            FN(draw_tile)(job, source, s, family, job->first + path, n);
            REAL *V = s->values + family->first * s->room + path;
            int64_t *alive = s->alive + family->first * s->longest;
            int result = RUN_OK;
            if (job->lots)
                result = FN(deal_family)(job, family, s, source, bridge, first, job->first + path, n, common);
            else if (!family->laid)
                FN(walk_of)(asset, job->sobol != NULL)(asset, source, bridge, job->first + path, n, common, f->stride, V, alive);
            else if (family->looked)
                FN(walk_looked)(&family->laying, job->sobol != NULL, source, bridge, job->first + path, n, common, f->stride,
                                s->watch.looks + family->first * s->watch.most, &s->laid, path, V, alive);
            else
                result = FN(walk_family)(job, family, s->bundles, s->assets, source, bridge, &s->laid, &s->watch, job->first + path, n, common, f->stride,
                                         s->values + path, s->room, s->alive, s->longest, job->moments || job->paired ? s->stripes : NULL);
            if (result != RUN_OK) return result;
        }
    }
    if (job->lots) {
        FN(finish_lots)(job, s, first, count);
        return RUN_OK;
    }
    if (job->looks) FN(add_worths)(job->looks, first, count, s->values, s->room, job->paths);
    int64_t adding = 0;
    for (int64_t k = 0; k < families; k++) adding = FN(finish_family)(job, s, s->families + k, first, adding);
    FN(add_shares)(&s->sums, s->shares, adding, s->values, s->room);
    return RUN_OK;
}

#include "whole_impl.h"

/* How many of the assets from `first` on, versions of one, are laid whole; 0: they are made in a batch. Where factors are made tile by tile, a batch of
 * many families is the better the more it has; blended versions take the draws of a tile while it is made. */
static int64_t FN(whole_from)(const simulation *job, const FN(space) *s, int64_t first) {
    const int64_t count = s->whole.places ? FN(versions_from)(job, first, job->assets) : 0;
    if (count < 2 || count > s->whole.places || !(s->tabled || 2 * count > s->batch)) return 0;
    for (int64_t a = first; job->inputs && a < first + count; a++)
        if (job->inputs->blended[a]) return 0;
    return count;
}

/* How many assets from `first` on make a batch: versions of one stay together where they fit. */
static int64_t FN(batch_from)(const simulation *job, const FN(space) *s, int64_t first) {
    int64_t count = 1;
    while (count < s->batch && first + count < job->assets && (same_paths(job, first + count - 1, first + count) || !FN(whole_from)(job, s, first + count)))
        count++;
    if (first + count == job->assets) return count;
    const int64_t most = count;
    while (count > 0 && same_paths(job, first + count - 1, first + count)) count--;
    return count ? count : most;
}

static int FN(run)(const simulation *job) {
    FN(space) s = {0};
    const FN(source) source = FN(make_source)(job->seed, job->redrawn);
    FN(bridge) bridge;
    FN(make_bridge)(job->sobol, &bridge);
    int result = FN(allocate)(job, &s);
    if (result == RUN_OK && job->sobol) FN(shift_factors)(job, &source, &s.factors);
    if (result == RUN_OK && s.tabled) FN(draw_factors)(job, &source, &bridge, &s.factors, job->first, job->paths, 0);
    for (int64_t first = 0, count; first < job->assets && result == RUN_OK; first += count) {
        const int64_t whole = FN(whole_from)(job, &s, first);
        count = whole ? whole : FN(batch_from)(job, &s, first);
        result = (whole ? FN(run_whole) : FN(run_batch))(job, &source, &bridge, &s, first, count);
    }
    if (result == RUN_OK) FN(settle_all)(&s.sums);
    FN(release)(&s);
    return result;
}

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
