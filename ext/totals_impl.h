/* Whether values have a sum, and the exact sums of groups. Included by kernel_impl.h only. docs/numerics.md §8. */

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

/* The exact sums: of all groups on all n paths in 128 bits, and of the first `slots` groups what is still to be added to them, in 64. */
typedef struct {
    int64_t n, slots;
    int128_t *totals; /* (groups, n) */
    int64_t *units;   /* (slots, n) */
    int32_t *held;    /* (slots) of how many assets */
} FN(sums);

static int FN(by_group)(const void *one, const void *other) {
    const FN(share) *a = one, *b = other;
    return a->group != b->group ? (a->group > b->group) - (a->group < b->group) : (a->asset > b->asset) - (a->asset < b->asset);
}

/* Puts what a group holds in 64 bits into its sums. */
static void FN(settle)(FN(sums) *s, int64_t group) {
    int128_t *sums = s->totals + group * s->n;
    int64_t *units = s->units + group * s->n;
    for (int64_t i = 0; i < s->n; i++) sums[i] += units[i];
    memset(units, 0, (size_t)s->n * sizeof *units);
    s->held[group] = 0;
}

static void FN(settle_all)(FN(sums) *s) {
    for (int64_t group = 0; group < s->slots; group++)
        if (s->held[group]) FN(settle)(s, group);
}

/* Adds V·10^6 of at most MOST_SHARES assets of one group on all paths: to its units where it has a slot, else to its sums. */
static void FN(add_group)(FN(sums) *s, const FN(share) *shares, int64_t count, const REAL *values, int64_t room) {
    const int64_t group = shares->group;
    const int slot = group < s->slots;
    int64_t block[BLOCK_PATHS];
    if (slot && s->held[group] + count > FN(MOST_SHARES)) FN(settle)(s, group);
    if (slot) s->held[group] += (int32_t)count;
    for (int64_t first = 0; first < s->n; first += BLOCK_PATHS) {
        const int m = (int)(s->n - first < BLOCK_PATHS ? s->n - first : BLOCK_PATHS);
        int128_t *sums = s->totals + group * s->n + first;
        int64_t *units = slot ? s->units + group * s->n + first : block;
        if (!slot) memset(units, 0, (size_t)m * sizeof *units);
        for (int64_t k = 0; k < count; k++) {
            const REAL *V = values + shares[k].asset * room + first;
            if (shares[k].greatest < SHARE_LIMIT)
                /* below 2^51 units adding 1.5·2^52 rounds to the nearest integer (ties to even) and leaves it in the low bits */
                for (int i = 0; i < m; i++) units[i] += f64_to_bits((double)V[i] * MONEY_SCALE + 0x1.8p52) - 0x4338000000000000;
            else
                for (int i = 0; i < m; i++) sums[i] += (int128_t)__builtin_rint((double)V[i] * MONEY_SCALE);
        }
        if (slot) continue;
#pragma GCC unroll 4
        for (int i = 0; i < m; i++) sums[i] += units[i];
    }
}

/* Adds V·10^6 of a batch's assets on all paths to the exact sums of their groups; values: (batch, room). */
static void FN(add_shares)(FN(sums) *s, FN(share) *shares, int64_t count, const REAL *values, int64_t room) {
    int sorted = 1;
    for (int64_t k = 1; k < count; k++) sorted &= shares[k - 1].group <= shares[k].group;
    if (!sorted) qsort(shares, (size_t)count, sizeof *shares, FN(by_group));
    for (int64_t k = 0, together; k < count; k += together) {
        together = 1;
        while (k + together < count && together < FN(MOST_SHARES) && shares[k + together].group == shares[k].group) together++;
        FN(add_group)(s, shares + k, together, values, room);
    }
}
