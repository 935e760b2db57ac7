/* A batch of vectors -> statistics of path values, exact totals, optionally the path values. docs/numerics.md §3–§8.
 * a = assets, t = periods of one asset, p = paths, g = groups, q = quantiles, s = factors */
#ifndef IPVALUE_SIMULATE_H
#define IPVALUE_SIMULATE_H
#include <stdint.h>
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

typedef struct {
    int64_t assets, paths;
    int64_t first;                /* number of the first of the paths, a multiple of TILE_STEP */
    uint64_t seed;
    uint32_t redrawn;             /* bits of STREAM_*: what is drawn anew, numerics.md §18 */
    const sobol_points *sobol;    /* NULL: random words */
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
    int64_t *lived;               /* (offset[a]) takes the number of paths alive in each period, and no statistics are made; or NULL */
    const volatile int *stop;
} simulation;

/* Whether two assets have the same paths: docs/numerics.md §16. */
static inline int same_paths(const simulation *job, int64_t a, int64_t b) {
    return job->hash[a] == job->hash[b] && job->volatility[a] == job->volatility[b] && job->loading[a] == job->loading[b] &&
           job->uncertainty[a] == job->uncertainty[b] && job->factor[a] == job->factor[b] && job->step[a] == job->step[b] &&
           job->royalty_low[a] == job->royalty_low[b] && job->royalty_high[a] == job->royalty_high[b];
}

/* The assets with `optional` set -> their renewal boundaries. Names as above. */
typedef struct {
    int64_t assets;
    const int64_t *offset;
    const double *w, *f, *survival, *rival, *salvage, *low, *high;
    const double *volatility, *uncertainty, *entry_loss, *royalty_low, *royalty_high, *step;
    const uint8_t *optional, *clamped, *enters;
    double *bound_out, *bound_in; /* out: abandon where L is below; 0: never */
    const volatile int *stop;
} stopping;

typedef struct {
    const char *name;
    int (*run_f32)(const simulation *);
    int (*run_f64)(const simulation *);
    void (*statistics)(const double *values, int64_t n, const double *quantiles, int64_t count, double tail, double *out, int64_t *scratch);
    void (*difference)(const double *values, const double *first, int64_t n, double out[2], double *scratch);
    void (*elementary_f32)(int function, const float *x, int64_t n, float *out);
    void (*elementary_f64)(int function, const double *x, int64_t n, double *out);
    int (*boundaries)(const stopping *);
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
