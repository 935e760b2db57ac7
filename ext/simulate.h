/* A batch of vectors -> statistics of path values, exact totals, optionally the path values. docs/numerics.md §3–§8.
 * a = assets, t = periods of one asset, p = paths, g = groups, q = quantiles, s = factors */
#ifndef IPVALUE_SIMULATE_H
#define IPVALUE_SIMULATE_H
#include <stdint.h>
#include <string.h>
#include "constants.h"
#include "vectors.h"

/* Arrays of them come from NumPy, which promises 8 bytes of alignment, not 16. */
__extension__ typedef __int128 int128_t __attribute__((aligned(8)));

enum { STAT_MEAN, STAT_DEVIATION, STAT_SHORTFALL, STAT_LOSS, STAT_LIFE, STAT_QUANTILES };
enum { STATUS_OK = 0, STATUS_NOT_FINITE = 1, STATUS_TOO_LARGE = 2 };
enum { RUN_OK = 0, RUN_STOPPED = 1, RUN_NO_MEMORY = 2 };

/* The points of the sampler `sobol`, docs/numerics.md §11–§14. d = dimensions, k = digits of an index, c = coordinates of a block of the bridge */
typedef struct {
    int64_t points, dimensions, digits, periods; /* points of each replicate; periods of a block */
    const uint32_t *table;                       /* (d, k, 2^SOBOL_DIGIT_BITS) */
    const int32_t *middle, *left, *right;        /* (c) */
    const double *left_weight, *right_weight, *scale;
    double *given, *control;                     /* out: (a, REPLICATES) sums of G and K, which are added to */
} sobol_points;

/* Uncertain inputs: royalty_rate, margin, revenue, discount_premium. docs/numerics.md §17. k = INPUTS */
typedef struct {
    const uint8_t *kind;          /* (a, k) DRAWN_… */
    const double *numbers;        /* (a, k, 3) of the distribution, relative to what the vectors are made with */
    const int64_t *start, *count; /* (a, k) quantiles of an input among `values` */
    const double *values;
    const double *weights;        /* (a, k, k) lower triangles of the correlations of their normals */
    const double *means;          /* (a, k) */
    const uint64_t *hash;         /* (a, k) whose words an input takes */
    const uint8_t *blended;       /* (a) whose discount rate is drawn, or whose multipliers depend on one another */
    /* (offset[a]) of blended assets: 1/(1 + k), -u/ln 2 and -u/(1 + k) of the cash, the first two of the salvage; NULL where there are none */
    const double *deflator, *exponent, *slope, *end_deflator, *end_exponent;
    const double *share_w, *repeat_w, *share_f, *repeat_f; /* the part of w and f that repeats for ever, and its x of model.md §4; 0 where none does */
} uncertain_inputs;

/* What is looked at of assets after some of their periods, docs/numerics.md §19. k = looks, c = value curves, s = slots, y = years */
typedef struct {
    const int64_t *start;         /* (a + 1) an asset's looks, in the order of their periods */
    const int32_t *period;        /* (k) from 0 */
    const double *entered, *open, *owed; /* (k) A where the rival has entered and where it has not, B */
    const uint8_t *lasting;       /* (k) 1: it lives whatever its survival, as levels rise on past its own periods */
    const int64_t *slot;          /* (k) */
    const uint8_t *opens;         /* (k) 1: the slot is cleared before the looks at the asset */
    const double *weight;         /* (k) */
    const uint8_t *floored;       /* (k) 1: max(v, 0) is added, in place of weight times v */
    const int32_t *curve_entered, *curve_open; /* (k) in place of A and B, -1: none */
    int64_t curves;
    const int64_t *cell_start, *first_cell; /* (c + 1), (c) number 64k + i of the level 2^k(1 + i/64) that the first cell begins with */
    const double *slope, *level0; /* (cells) the line in each */
    const int64_t *worth;         /* (a) slot that takes the path values times `share`, -1: none */
    const double *share;          /* (a) */
    const uint8_t *worth_opens;   /* (a) 1: that slot is cleared before */
    double *slots;                /* (s, p) are added to in the order of assets */
    int64_t stride;               /* numbers from a slot to the next */
    const void *years;            /* (s, y, p) of REAL: factors over whole years, with which lasting looks move; NULL: over periods */
    int64_t year_stride, factor_stride; /* numbers from a year to the next, from a factor to the next */
} look_set;

typedef struct {
    int64_t assets, paths;
    int64_t first;                /* number of the first of the paths, a multiple of TILE_STEP */
    uint64_t seed;
    uint32_t redrawn;             /* bits of STREAM_*: what is drawn anew, numerics.md §18 */
    const sobol_points *sobol;    /* NULL: random words */
    const uncertain_inputs *inputs; /* NULL: none of the batch has any */
    const look_set *looks;        /* NULL: none */
    const int64_t *offset;        /* (a + 1) first element of an asset in the period vectors */
    /* (offset[a]) period vectors in present-value money; NULL: none of the batch has the feature */
    const double *w, *f, *survival, *rival, *salvage, *low, *high, *bound_out, *bound_in;
    /* (a) */
    const uint64_t *hash;
    const double *volatility, *loading, *uncertainty, *entry_loss, *royalty_low, *royalty_high;
    const double *step, *last_delta; /* years a period, and of the last one */
    const int32_t *factor;        /* row of the factor matrix, -1 for none */
    const uint8_t *optional, *clamped, *enters; /* which assets use bound_*, low and high, rival */
    int64_t factors;
    const double *factor_matrix;  /* (s, s) lower triangle */
    const uint64_t *factor_hash;  /* (s) */
    int64_t table_bytes;          /* factors are drawn once for all paths where they fit */
    int64_t quantile_count;
    const double *quantiles;
    double tail;
    const int32_t *group;         /* (a), -1: of no group */
    int moments;                  /* no order statistics: mean, deviation and life alone */
    /* out */
    double *statistics;           /* (a, STAT_QUANTILES + q) */
    double *paired;               /* (a, 2) mean and deviation of the difference to the first version of the asset, path by path; or NULL */
    int8_t *status;               /* (a) */
    int128_t *totals;             /* (g, p) or NULL */
    void *values;                 /* (a, p) of REAL or NULL */
    double *lots;                 /* (rows, lot_count) takes sums over lots, docs/numerics.md §20, and of the statistics life alone is made; or NULL */
    const int64_t *lot_row;       /* (a) an asset's first: w's and f's sums by period where V is linear in them, else V's */
    int64_t lot_count, lot_paths; /* a multiple of 16; how many paths are dealt into 16 lots before it is the turn of the next 16 */
    int64_t *lived;               /* (offset[a]) takes the number of paths alive in each period, and no statistics are made; or NULL */
    const volatile int *stop;
} simulation;

/* Whether two assets have the same draws of the same inputs. */
static inline int same_inputs(const uncertain_inputs *set, int64_t a, int64_t b) {
    const int64_t one = a * INPUTS, other = b * INPUTS;
    if (memcmp(set->kind + one, set->kind + other, INPUTS) || memcmp(set->hash + one, set->hash + other, INPUTS * sizeof(uint64_t)) ||
        memcmp(set->numbers + 3 * one, set->numbers + 3 * other, 3 * INPUTS * sizeof(double)) ||
        memcmp(set->weights + INPUTS * one, set->weights + INPUTS * other, INPUTS * INPUTS * sizeof(double)))
        return 0;
    for (int i = 0; i < INPUTS; i++)
        if (set->count[one + i] != set->count[other + i] ||
            (set->count[one + i] > 0 && memcmp(set->values + set->start[one + i], set->values + set->start[other + i],
                                               (size_t)set->count[one + i] * sizeof(double))))
            return 0;
    return 1;
}

/* Whether two assets have the same paths: docs/numerics.md §16. */
static inline int same_paths(const simulation *job, int64_t a, int64_t b) {
    return job->hash[a] == job->hash[b] && job->volatility[a] == job->volatility[b] && job->loading[a] == job->loading[b] &&
           job->uncertainty[a] == job->uncertainty[b] && job->factor[a] == job->factor[b] && job->step[a] == job->step[b] &&
           job->royalty_low[a] == job->royalty_low[b] && job->royalty_high[a] == job->royalty_high[b] &&
           (!job->inputs || same_inputs(job->inputs, a, b));
}

/* Versions whose values are sums over lots -> their statistics, docs/numerics.md §20. a = versions, r = rows, l = lots */
typedef struct {
    int64_t versions, lots, paths, lot_paths; /* as in simulation */
    const int64_t *order;         /* (a) in which they are described */
    const int64_t *at, *periods;  /* (a) where a version's w and f begin, and how many it has */
    const double *w, *f;
    const double *rows;           /* (r, l) as a simulation makes them */
    const int64_t *row;           /* (a) the first row of a version, its own or one it shares */
    const uint8_t *linear;        /* (a) */
    const int64_t *first;         /* (a) which version each is compared with: the latest in the order that is compared with itself */
    const int32_t *group;         /* (a), -1: of no group */
    int128_t *totals;             /* (g, l) or NULL */
    double *statistics;           /* (a, STAT_QUANTILES): mean and deviation are put in */
    double *paired;               /* (a, 2) mean and deviation of the difference */
    int8_t *status;               /* (a) is raised where a version has no sum */
    double *values;               /* (a, l) sums over lots, or NULL */
    const volatile int *stop;
} lot_job;

/* Value curves that are asked for: what is expected after a period, by the level. k = asked periods, n = cells */
typedef struct {
    const int64_t *start;         /* (a + 1) */
    const int32_t *period;        /* (k) from 0, ascending within an asset */
    const double *discount;       /* (k) DF of the period's end */
    const int64_t *cell;          /* (k) where a curve begins in the next two; where there is a rival, that of the state "in" follows it */
    double *slope, *level0;       /* out: (n) */
    int64_t *first_cell, *cells;  /* (k) of a curve, out of count_cells; no cells where nothing is expected any more */
} asked_curves;

/* The assets with `optional` set -> their renewal boundaries. Names as above. */
typedef struct {
    int64_t assets;
    const int64_t *offset;
    const double *w, *f, *survival, *rival, *salvage, *low, *high;
    const double *volatility, *uncertainty, *entry_loss, *royalty_low, *royalty_high, *step;
    const double *least, *greatest; /* (a) of the multiplier of uncertain inputs; NULL: 1 */
    const uint8_t *optional, *clamped, *enters;
    double *bound_out, *bound_in; /* out: abandon where L is below; 0: never */
    const volatile int *stop;
    const asked_curves *asked;    /* NULL: no curves */
} stopping;

/* Borrowers -> the years in which they default, docs/numerics.md §19. b = borrowers, l = loans, y = years of loans, k = spans of a factor's periods */
typedef struct {
    int64_t borrowers, paths;
    int64_t first;                /* number of the first of the paths, a multiple of TILE_STEP */
    uint64_t seed;
    const sobol_points *sobol;    /* of factors; NULL: random words */
    const uint64_t *hash;         /* (b) */
    const int64_t *loan_start;    /* (b + 1) first loan of a borrower */
    const double *rho;            /* (l) */
    const int64_t *year_start;    /* (l + 1) first year of a loan */
    const double *threshold;      /* (y) */
    const int32_t *span;          /* (y) over which the loan's factor is taken; -1: 0 in its place */
    int64_t spans;
    const int32_t *span_factor, *span_first, *span_count; /* (k) row of the factor matrix, first period from 0, periods */
    int64_t factors;
    const double *factor_matrix;  /* (s, s) lower triangle */
    const uint64_t *factor_hash;  /* (s) */
    uint8_t *years;               /* out: (b, p) first year in which a loan asks for default, from 1; 0: none does */
    void *over;                   /* out: (k, p) of REAL, the factors over the spans; or NULL */
    const volatile int *stop;
} borrowing;

typedef struct {
    const char *name;
    int (*run_f32)(const simulation *);
    int (*run_f64)(const simulation *);
    int (*borrowers_f32)(const borrowing *);
    int (*borrowers_f64)(const borrowing *);
    void (*statistics)(const double *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, int64_t *scratch);
    void (*quantiles)(const double *values, int64_t n, const double *quantiles, int64_t count, double *out, int64_t *scratch);
    void (*difference)(const double *values, const double *first, int64_t n, double out[2], double *scratch);
    void (*elementary_f32)(int function, const float *x, int64_t n, float *out);
    void (*elementary_f64)(int function, const double *x, int64_t n, double *out);
    int (*lots)(const lot_job *);
    int (*boundaries)(const stopping *);  /* and the curves that are asked for */
    int (*count_cells)(const stopping *);
    void (*count_periods)(const vector_job *, int64_t *periods);
    int (*fill_vectors)(const vector_job *);
    void (*closed_forms)(const closed_job *);
    double (*canary)(double a, double b, double c);
} kernel_table;

extern const kernel_table kernel_baseline;
#if defined(__x86_64__)
extern const kernel_table kernel_v3, kernel_v4;
#endif
#endif
