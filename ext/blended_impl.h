/* A period of an asset whose discount rate is drawn, or two of whose multipliers depend on one another. Included by paths_impl.h.
 * docs/numerics.md §17. */

/* Steps 1 to 4 of model.md §5, as FN(step). */
INLINE int FN(blend)(const int sobol, const int moves, const FN(asset) *asset, const FN(period) *now, const OF(reals) *normal, const REAL *common,
                     FN(travellers) *p) {
    int count = 0;
    const OF(reals) one = OF(all)((REAL)1), deflator = OF(all)(now->deflator);
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        const OF(reals) before = FN(rise)(moves, 1, asset, normal[u], common, p, u), premium = p->premium[u];
        const OF(mask) out = OF(within)(p->rival[u], now->rival_last), here = OF(within)(p->survival[u], now->last);
        const OF(reals) base = OF(choose)(out, before, before * OF(all)(asset->entered)), level = base * p->multiplier[u];
        const OF(reals) ratio = OF(fmas)(premium, deflator, one), discount = OF(exp2s)(OF(all)(now->exponent) * OF(logs)(ratio));
        OF(reals) earned = OF(all)(now->w) * level, costs = OF(all)(now->minus_f);
        if (now->endless) {
            const OF(reals) change = premium * deflator;
            earned = earned * OF(fmas)(OF(all)(now->minus_share_w), change / (ratio - OF(all)(now->repeat_w)), one);
            costs = costs * OF(fmas)(OF(all)(now->minus_share_f), change / (ratio - OF(all)(now->repeat_f)), one);
        }
        OF(reals) cash = discount * (OF(least)(OF(all)(now->high), OF(most)(OF(all)(now->low), earned)) + costs);
        const OF(mask) quits = OF(both)(p->live[u], OF(below)(level, OF(choose)(out, OF(all)(now->bound_out), OF(all)(now->bound_in))));
        const OF(mask) kept = OF(without)(p->live[u], quits);
        OF(reals) taken = OF(all)(now->salvage);
        if (now->salvage > (REAL)0)
            taken = taken * OF(exp2s)(OF(all)(now->end_exponent) * OF(logs)(OF(fmas)(premium, OF(all)(now->end_deflator), one)));
        cash = OF(choose)(quits, taken, OF(only_where)(kept, cash));
        p->value[u] = OF(add_where)(here, p->value[u], cash);
        p->live[u] = kept;
        if (sobol) {
            p->given[u] = OF(fmas)(OF(all)(now->chance), cash, p->given[u]);
            p->control[u] = OF(fmas)(OF(all)(now->control), base * OF(fmas)(OF(all)(now->slope), p->tilt[u], p->steady[u]), p->control[u]);
        }
        count += __builtin_popcount(OF(lanes_of)(OF(both)(here, kept)) & FN(valid_lanes)(p, u));
    }
    return count;
}

/* The draws of GROUP paths from `path`. */
INLINE void FN(take_draws)(const FN(asset) *asset, uint32_t path, FN(travellers) *p) {
    const FN(drawn) *drawn = &asset->drawn;
    const int64_t at = (int64_t)path - drawn->from;
#pragma GCC unroll 4
    for (int u = 0; u < OF(UNROLL); u++) {
        p->multiplier[u] = OF(load)(drawn->multiplier + at + u * OF(LANES));
        p->steady[u] = OF(load)(drawn->steady + at + u * OF(LANES));
        p->premium[u] = OF(load)(drawn->premium + at + u * OF(LANES));
        p->tilt[u] = OF(load)(drawn->tilt + at + u * OF(LANES));
    }
}
