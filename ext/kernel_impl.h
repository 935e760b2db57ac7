/* The kernel for one instruction set and one precision. Included by kernel_<isa>.c with REAL, SUFFIX, UKEY, SKEY, SIGN_BIT, ISA set.
 * Plain loops over blocks of BLOCK_PATHS paths that stay in the first-level cache; the order of operations is docs/numerics.md §5. */
#define PASTE3(a, b, c) a##_##b##_##c
#define EXPAND3(a, b, c) PASTE3(a, b, c)
#define FN(name) EXPAND3(name, SUFFIX, ISA)
#define PASTE2(a, b) a##_##b
#define EXPAND2(a, b) PASTE2(a, b)
#define OF(name) EXPAND2(name, SUFFIX)

#include "select_impl.h"

/* One asset's numbers, rounded to REAL once. */
typedef struct {
    int64_t periods;
    uint32_t hash[2], key[2];
    REAL drift, own, common, level, half_level, entered, range_low, range_high, range_split, range_left, range_right;
    int has_volatility, has_factor, has_level, has_royalty, has_rival, has_lapse, optional, clamped;
} FN(asset);

/* Work space of one block of paths. */
typedef struct {
    uint32_t word[4][BLOCK_PATHS];
    int32_t survival[BLOCK_PATHS], rival[BLOCK_PATHS], alive[BLOCK_PATHS];
    REAL x[BLOCK_PATHS], level[BLOCK_PATHS], royalty[BLOCK_PATHS], own[4][BLOCK_PATHS], common[4][BLOCK_PATHS];
    REAL independent[4][BLOCK_PATHS];
} FN(space);

static void FN(normals)(uint32_t purpose, uint32_t block, uint32_t path, const uint32_t hash[2], const uint32_t key[2], int n,
                        uint32_t (*word)[BLOCK_PATHS], REAL (*out)[BLOCK_PATHS]) {
    philox_block(purpose, block, path, hash, key, n, word);
    for (int i = 0; i < n; i++) {
        OF(normal_pair)(word[0][i], word[1][i], &out[0][i], &out[1][i]);
        OF(normal_pair)(word[2][i], word[3][i], &out[2][i], &out[3][i]);
    }
}

/* One more independent factor j to the block: common += weight·G_j in the four periods of `independent`. numerics.md §4 */
static void FN(add_factor)(int first, REAL weight, REAL (*restrict independent)[BLOCK_PATHS], int n, REAL (*restrict common)[BLOCK_PATHS]) {
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < n; i++) common[k][i] = first ? weight * independent[k][i] : OF(fma)(weight, independent[k][i], common[k][i]);
}
static void FN(independent_factor)(const simulation *job, int64_t j, uint32_t block, uint32_t path, int n, FN(space) *s) {
    const uint32_t key[2] = {(uint32_t)job->seed, (uint32_t)(job->seed >> 32)};
    const uint32_t hash[2] = {(uint32_t)job->factor_hash[j], (uint32_t)(job->factor_hash[j] >> 32)};
    FN(normals)(PURPOSE_FACTOR, block, path, hash, key, n, s->word, s->independent);
}

/* Factor `row` in the four periods of stream block `block`, into s->common. */
static void FN(factor_block)(const simulation *job, int64_t row, uint32_t block, uint32_t path, int n, FN(space) *s) {
    for (int64_t j = 0; j <= row; j++) {
        FN(independent_factor)(job, j, block, path, n, s);
        FN(add_factor)(j == 0, (REAL)job->factor_matrix[row * job->factors + j], s->independent, n, s->common);
    }
}

/* (count, table_periods, p) <- factors `rows`, ascending: each independent factor is drawn once for all of them. */
static int FN(factors)(const simulation *job, int64_t count, const int32_t *rows, REAL *out) {
    const int64_t periods = job->table_periods;
    FN(space) *s = malloc(sizeof *s);
    REAL (*common)[4][BLOCK_PATHS] = malloc((size_t)count * sizeof *common);
    int result = s && common ? RUN_OK : RUN_NO_MEMORY;
    for (int64_t first = 0; first < job->paths && result == RUN_OK; first += BLOCK_PATHS) {
        const int n = (int)(job->paths - first < BLOCK_PATHS ? job->paths - first : BLOCK_PATHS);
        if (*job->stop) result = RUN_STOPPED;
        for (int64_t t = 0; t < periods && result == RUN_OK; t += 4) {
            for (int64_t j = 0; j <= rows[count - 1]; j++) {
                FN(independent_factor)(job, j, (uint32_t)(t / 4), (uint32_t)first, n, s);
                for (int64_t c = 0; c < count; c++)
                    if (j <= rows[c]) FN(add_factor)(j == 0, (REAL)job->factor_matrix[rows[c] * job->factors + j], s->independent, n, common[c]);
            }
            for (int64_t c = 0; c < count; c++)
                for (int k = 0; k < 4 && t + k < periods; k++)
                    memcpy(out + (c * periods + t + k) * job->paths + first, common[c][k], (size_t)n * sizeof(REAL));
        }
    }
    free(s);
    free(common);
    return result;
}

static FN(asset) FN(prepare)(const simulation *job, int64_t a) {
    FN(asset) asset = {0};
    const double sigma = job->volatility[a], beta = job->loading[a], step = job->step[a], scaled = sigma * sqrt_f64(step), s = job->uncertainty[a];
    asset.periods = job->offset[a + 1] - job->offset[a];
    asset.hash[0] = (uint32_t)job->hash[a];
    asset.hash[1] = (uint32_t)(job->hash[a] >> 32);
    asset.key[0] = (uint32_t)job->seed;
    asset.key[1] = (uint32_t)(job->seed >> 32);
    asset.drift = (REAL)(LOG2_E * (-0.5 * sigma * sigma * step));
    asset.common = (REAL)(LOG2_E * (scaled * beta));
    asset.own = (REAL)(LOG2_E * (scaled * sqrt_f64(1.0 - beta * beta)));
    asset.level = (REAL)(LOG2_E * s);
    asset.half_level = (REAL)(LOG2_E * (-0.5 * s * s));
    asset.entered = (REAL)(1.0 - job->entry_loss[a]);
    const double low = job->royalty_low[a], high = job->royalty_high[a], width = high - low;
    asset.has_royalty = width > 0.0;
    if (asset.has_royalty) {
        asset.range_low = (REAL)low;
        asset.range_high = (REAL)high;
        asset.range_split = (REAL)((1.0 - low) / width);
        asset.range_left = (REAL)(width * (1.0 - low));
        asset.range_right = (REAL)(width * (high - 1.0));
    }
    asset.has_volatility = sigma > 0.0;
    asset.has_factor = asset.has_volatility && beta != 0.0;
    asset.has_level = s > 0.0;
    asset.has_rival = job->enters && job->enters[a];
    asset.optional = job->optional && job->optional[a];
    asset.clamped = job->clamped && job->clamped[a];
    const double *survival = job->survival + job->offset[a];
    while (asset.periods > 0 && threshold(survival[asset.periods - 1]) == 0) asset.periods--;
    asset.has_lapse = asset.periods > 0 && threshold(survival[asset.periods - 1]) < (uint64_t)1 << 32;
    return asset;
}

/* X_0 and the royalty's draw. */
static void FN(start)(const FN(asset) *asset, uint32_t path, int n, FN(space) *s) {
    if (asset->has_level || asset->has_royalty) {
        philox_block(PURPOSE_LEVEL, 0, path, asset->hash, asset->key, n, s->word);
        if (asset->has_royalty)
            for (int i = 0; i < n; i++) {
                REAL v = OF(uniform)(s->word[2][i]), rest = OF(uniform)(~s->word[2][i]);
                REAL left = asset->range_low + OF(sqrt)(v * asset->range_left);
                REAL right = asset->range_high - OF(sqrt)(rest * asset->range_right);
                s->royalty[i] = v < asset->range_split ? left : right;
            }
    }
    for (int i = 0; i < n; i++) s->x[i] = (REAL)0;
    if (asset->has_level)
        for (int i = 0; i < n; i++) {
            REAL first, second;
            OF(normal_pair)(s->word[0][i], s->word[1][i], &first, &second);
            s->x[i] = OF(fma)(asset->level, first, asset->half_level);
        }
}

/* Two whole periods where there is volatility and neither a royalty range, a rival, bounds nor a decision: the same operations as `advance`
 * and `earn` (has_choice: `decide`), kept in registers. Compiled once for each set of flags. Periods come in pairs whose
 * normals stand in one block; a last single one takes the general way. */
typedef struct {
    const REAL *own[2], *common[2];
    REAL w[2], f[2];
    int32_t last[2];
} FN(periods);

INLINE void FN(fused)(const int has_factor, const int has_lapse, const int has_choice, const FN(asset) *asset, const FN(periods) *two, int n, FN(space) *s, REAL *restrict V,
                      int64_t *alive) {
    REAL *restrict x = s->x;
    const int32_t *restrict survival = s->survival, *restrict state = s->alive;
    const REAL *restrict own0 = two->own[0], *restrict own1 = two->own[1], *restrict common0 = two->common[0], *restrict common1 = two->common[1];
    const REAL drift = asset->drift, a = asset->common, b = asset->own, w0 = two->w[0], w1 = two->w[1], f0 = two->f[0], f1 = two->f[1];
    const int32_t last0 = two->last[0], last1 = two->last[1];
    int dead0 = 0, dead1 = 0;
    for (int i = 0; i < n; i++) {
        REAL x0 = x[i] + drift;
        if (has_factor) x0 = OF(fma)(a, common0[i], x0);
        x0 = OF(fma)(b, own0[i], x0);
        REAL x1 = x0 + drift;
        if (has_factor) x1 = OF(fma)(a, common1[i], x1);
        x1 = OF(fma)(b, own1[i], x1);
        x[i] = x1;
        REAL cash0 = OF(fma)(w0, OF(exp2)(x0), -f0), cash1 = OF(fma)(w1, OF(exp2)(x1), -f1);
        if (has_choice) {
            const int32_t live0 = state[i] & -(int32_t)(survival[i] <= last0), live1 = state[i] & -(int32_t)(survival[i] <= last1);
            cash0 = live0 ? cash0 : (REAL)0;
            cash1 = live1 ? cash1 : (REAL)0;
            dead0 += live0 + 1;
            dead1 += live1 + 1;
        } else if (has_lapse) {
            cash0 = survival[i] > last0 ? (REAL)0 : cash0;
            cash1 = survival[i] > last1 ? (REAL)0 : cash1;
            dead0 += survival[i] > last0;
            dead1 += survival[i] > last1;
        }
        V[i] = (V[i] + cash0) + cash1;
    }
    alive[0] += n - dead0;
    alive[1] += n - dead1;
}
static void FN(plain)(const FN(asset) *asset, const FN(periods) *two, int n, FN(space) *s, REAL *V, int64_t *alive) {
    if (asset->optional && asset->has_factor) FN(fused)(1, 1, 1, asset, two, n, s, V, alive);
    else if (asset->optional) FN(fused)(0, 1, 1, asset, two, n, s, V, alive);
    else if (asset->has_factor && asset->has_lapse) FN(fused)(1, 1, 0, asset, two, n, s, V, alive);
    else if (asset->has_factor) FN(fused)(1, 0, 0, asset, two, n, s, V, alive);
    else if (asset->has_lapse) FN(fused)(0, 1, 0, asset, two, n, s, V, alive);
    else FN(fused)(0, 0, 0, asset, two, n, s, V, alive);
}

/* L_t before the rival's entry: x_t (in units of ln 2), 2^x, royalty. */
static void FN(advance)(const FN(asset) *asset, const REAL *restrict own, const REAL *restrict common, int n, FN(space) *s) {
    REAL *restrict x = s->x, *restrict level = s->level;
    const REAL drift = asset->drift, a = asset->common, b = asset->own;
    if (asset->has_factor)
        for (int i = 0; i < n; i++) {
            x[i] = OF(fma)(b, own[i], OF(fma)(a, common[i], x[i] + drift));
            level[i] = OF(exp2)(x[i]);
        }
    else if (asset->has_volatility)
        for (int i = 0; i < n; i++) {
            x[i] = OF(fma)(b, own[i], x[i] + drift);
            level[i] = OF(exp2)(x[i]);
        }
    else
        for (int i = 0; i < n; i++) level[i] = OF(exp2)(x[i]);
    if (asset->has_royalty)
        for (int i = 0; i < n; i++) level[i] *= s->royalty[i];
}

/* Step 2–4 of model.md §5 where nothing is clamped or optional. Returns how many paths are alive. */
static int FN(earn)(REAL w, REAL f, int has_lapse, int32_t last, int n, const FN(space) *s, REAL *restrict V) {
    const REAL *restrict level = s->level;
    const int32_t *restrict survival = s->survival;
    if (!has_lapse) {
        for (int i = 0; i < n; i++) V[i] += OF(fma)(w, level[i], -f);
        return n;
    }
    int alive = 0;
    for (int i = 0; i < n; i++) {
        REAL cash = OF(fma)(w, level[i], -f);
        V[i] += survival[i] <= last ? cash : (REAL)0;
        alive += survival[i] <= last;
    }
    return alive;
}

/* The same with an option to abandon and bounds on the cash. */
static int FN(decide)(const FN(asset) *asset, const simulation *job, int64_t at, int32_t last, int32_t rival_last, int n, FN(space) *s, REAL *restrict V) {
    const REAL w = (REAL)job->w[at], f = (REAL)job->f[at];
    const REAL out = asset->optional ? (REAL)job->bound_out[at] : (REAL)0, in = asset->optional ? (REAL)job->bound_in[at] : (REAL)0;
    const REAL salvage = asset->optional ? (REAL)job->salvage[at] : (REAL)0;
    const REAL low = asset->clamped ? (REAL)job->low[at] : (REAL)-INFINITY, high = asset->clamped ? (REAL)job->high[at] : (REAL)INFINITY;
    const int clamped = asset->clamped;
    int32_t *restrict state = s->alive;
    const REAL *restrict level = s->level;
    int alive = 0;
    for (int i = 0; i < n; i++) {
        int32_t live = state[i] & -(int32_t)(s->survival[i] <= last);
        REAL bound = s->rival[i] <= rival_last ? out : in;
        int32_t quits = live & -(int32_t)(level[i] < bound);
        REAL earned = w * level[i];
        earned = earned < low ? low : earned;
        earned = earned > high ? high : earned;
        REAL cash = clamped ? earned - f : OF(fma)(w, level[i], -f);
        live &= ~quits;
        V[i] += quits ? salvage : live ? cash : (REAL)0;
        state[i] = live;
        alive -= live;
    }
    return alive;
}

/* Values of n paths of one asset from path `first`; alive[t] counts the paths alive after step 3. */
static void FN(block)(const simulation *job, const FN(asset) *asset, int64_t a, int64_t first, int n, FN(space) *s, REAL *V, int64_t *alive) {
    const uint32_t path = (uint32_t)first;
    const int64_t offset = job->offset[a];
    const int general = asset->optional || asset->clamped;
    const int plain = asset->has_volatility && !asset->clamped && !asset->has_royalty && !asset->has_rival;
    const double *bound = asset->optional ? job->bound_out + offset : NULL;
    FN(start)(asset, path, n, s);
    if (asset->has_lapse || asset->has_rival || asset->has_volatility || general) {
        philox_block(PURPOSE_PATH, 0, path, asset->hash, asset->key, n, s->word);
        for (int i = 0; i < n; i++) s->survival[i] = (int32_t)(s->word[0][i] ^ 0x80000000u);
        if (asset->has_rival || general)
            for (int i = 0; i < n; i++) s->rival[i] = (int32_t)(s->word[1][i] ^ 0x80000000u);
        if (asset->has_volatility)
            for (int i = 0; i < n; i++) OF(normal_pair)(s->word[2][i], s->word[3][i], &s->own[2][i], &s->own[3][i]);
    }
    for (int i = 0; i < n; i++) V[i] = (REAL)0;
    if (general)
        for (int i = 0; i < n; i++) s->alive[i] = -1;
    const REAL *table = NULL;
    if (asset->has_factor && job->factor_table)
        table = (const REAL *)job->factor_table + job->factor_slot[job->factor[a]] * job->table_periods * job->paths + first;
    for (int64_t t = 0; t < asset->periods; t++) {
        const int slot = (int)((t + 2) & 3);
        if (asset->has_volatility && slot == 0)
            FN(normals)(PURPOSE_PATH, (uint32_t)((t + 2) / 4), path, asset->hash, asset->key, n, s->word, s->own);
        if (asset->has_factor && !table && (t & 3) == 0) FN(factor_block)(job, job->factor[a], (uint32_t)(t / 4), path, n, s);
        const REAL *common = table ? table + t * job->paths : s->common[t & 3];
        const int32_t last = last_word(threshold(job->survival[offset + t]));
        if (plain && !(t & 1) && t + 1 < asset->periods && (!bound || (bound[t] <= 0.0 && bound[t + 1] <= 0.0))) {
            const int64_t at = offset + t;
            const FN(periods) two = {{s->own[slot], s->own[slot + 1]},
                                     {common, table ? common + job->paths : s->common[(t + 1) & 3]},
                                     {(REAL)job->w[at], (REAL)job->w[at + 1]},
                                     {(REAL)job->f[at], (REAL)job->f[at + 1]},
                                     {last, last_word(threshold(job->survival[at + 1]))}};
            FN(plain)(asset, &two, n, s, V, alive + t);
            t++;
            continue;
        }
        if (asset->has_volatility || t == 0 || asset->has_rival) FN(advance)(asset, s->own[slot], common, n, s);
        int32_t rival_last = INT32_MAX;
        if (asset->has_rival) {
            uint64_t enter = threshold(job->rival[offset + t]);
            rival_last = last_word(enter ? enter : 1);
            for (int i = 0; i < n; i++) s->level[i] *= s->rival[i] <= rival_last ? (REAL)1 : asset->entered;
        }
        alive[t] += general ? FN(decide)(asset, job, offset + t, last, rival_last, n, s, V)
                            : FN(earn)((REAL)job->w[offset + t], (REAL)job->f[offset + t], asset->has_lapse, last, n, s, V);
    }
}

/* Adds V·10^6 to the group's exact sums, or says why it cannot. */
static int8_t FN(total)(const REAL *V, const UKEY *keys, int64_t n, int128_t *totals) {
    UKEY least, most;
    FN(range)(keys, n, &least, &most);
    const double low = FN(value)(least), high = FN(value)(most), greatest = high > -low ? high : -low;
    if (!(greatest - greatest == 0.0) || !(low - low == 0.0)) return STATUS_NOT_FINITE;
    if (greatest >= MONEY_LIMIT) return STATUS_TOO_LARGE;
    if (!totals) return STATUS_OK;
    if (greatest < 2e9) {
        /* below 2^51 units adding 1.5·2^52 rounds to the nearest integer (ties to even) and leaves it in the low bits */
        int64_t units[BLOCK_PATHS];
        for (int64_t first = 0; first < n; first += BLOCK_PATHS) {
            const int m = (int)(n - first < BLOCK_PATHS ? n - first : BLOCK_PATHS);
            for (int i = 0; i < m; i++) units[i] = f64_to_bits((double)V[first + i] * MONEY_SCALE + 0x1.8p52) - 0x4338000000000000;
#pragma GCC unroll 4
            for (int i = 0; i < m; i++) totals[first + i] += units[i];
        }
    } else
        for (int64_t i = 0; i < n; i++) totals[i] += (int128_t)__builtin_rint((double)V[i] * MONEY_SCALE);
    return STATUS_OK;
}

static int FN(run)(const simulation *job) {
    const int64_t n = job->paths, width = STAT_QUANTILES + job->quantile_count;
    int64_t longest = 0;
    for (int64_t a = 0; a < job->assets; a++)
        longest = job->offset[a + 1] - job->offset[a] > longest ? job->offset[a + 1] - job->offset[a] : longest;
    FN(space) *s = malloc(sizeof *s);
    REAL *V = malloc((size_t)n * sizeof(REAL));
    UKEY *keys = malloc((size_t)n * 2 * sizeof(UKEY));
    uint32_t *bucket = malloc((size_t)n * sizeof(uint32_t));
    int64_t *alive = malloc((size_t)(longest + 1) * sizeof(int64_t));
    int result = s && V && keys && bucket && alive ? RUN_OK : RUN_NO_MEMORY;
    for (int64_t a = 0; a < job->assets && result == RUN_OK; a++) {
        const FN(asset) asset = FN(prepare)(job, a);
        const int64_t periods = job->offset[a + 1] - job->offset[a];
        REAL *values = job->values ? (REAL *)job->values + a * n : V;
        memset(alive, 0, (size_t)(longest + 1) * sizeof(int64_t));
        for (int64_t first = 0; first < n && result == RUN_OK; first += BLOCK_PATHS) {
            if (*job->stop) result = RUN_STOPPED;
            FN(block)(job, &asset, a, first, (int)(n - first < BLOCK_PATHS ? n - first : BLOCK_PATHS), s, values + first, alive);
        }
        if (result != RUN_OK) break;
        double *row = job->statistics + a * width;
        FN(keys)(values, n, keys);
        job->status[a] = FN(total)(values, keys, n, job->totals ? job->totals + (int64_t)job->group[a] * n : NULL);
        if (job->status[a] != STATUS_OK) continue;
        FN(describe)(values, n, job->quantiles, job->quantile_count, job->tail, row, keys, keys + n, bucket);
        double life = 0.0;
        for (int64_t t = 0; t < periods; t++) life += (t + 1 < periods ? job->step[a] : job->last_delta[a]) * (double)alive[t];
        row[STAT_LIFE] = life / (double)n;
    }
    free(s);
    free(V);
    free(keys);
    free(bucket);
    free(alive);
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
#undef UKEY
#undef SKEY
#undef SIGN_BIT
