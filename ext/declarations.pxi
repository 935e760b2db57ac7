# What kernel.pyx calls in C: the structures and functions of the headers, as far as it needs them.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "<fenv.h>" nogil:
    ctypedef struct fenv_t:
        pass
    const fenv_t *FE_DFL_ENV
    int fegetenv(fenv_t *)
    int fesetenv(const fenv_t *)

cdef extern from "vectors.h":
    ctypedef struct pairs:
        const int64_t *start
        const double *x
        const double *y
    ctypedef struct vector_job:
        int64_t assets
        int steps, mid_period
        const double *drivers
        const int32_t *curve
        const int32_t *survival_curve
        const int32_t *schedule
        const uint8_t *indefinite
        const uint8_t *limited
        const int64_t *path_start
        const double *path
        const int64_t *stage_start
        const double *stage_cost
        const double *stage_years
        const double *stage_probability
        pairs curves, survivals, schedules
        const double *every
        const double *mean_fee
        const int64_t *offset
        double *w
        double *f
        double *survival
        double *rival
        double *salvage
        double *low
        double *high
        double *last_delta
        double *tab_factor
        double *premise_factor
        int8_t *status
    ctypedef struct closed_job:
        int64_t assets
        const int64_t *offset
        const double *w
        const double *f
        const double *survival
        const double *rival
        const double *volatility
        const double *uncertainty
        const double *entry_loss
        const double *royalty_low
        const double *royalty_high
        const double *step
        const double *multiplier
        const double *multiplier_square
        double *mean
        double *variance

cdef extern from "simulate.h":
    ctypedef struct int128_t:
        pass
    enum:
        STAT_QUANTILES, TILE_STEP, RUN_OK, RUN_STOPPED, RUN_NO_MEMORY
    ctypedef struct sobol_points:
        int64_t points, dimensions, digits, periods
        const uint32_t *table
        const int32_t *middle
        const int32_t *left
        const int32_t *right
        const double *left_weight
        const double *right_weight
        const double *scale
        double *given
        double *control
    ctypedef struct uncertain_inputs:
        const uint8_t *kind
        const double *numbers
        const int64_t *start
        const int64_t *count
        const double *values
        const double *weights
        const double *means
        const uint64_t *hash
        const uint8_t *blended
        const double *deflator
        const double *exponent
        const double *slope
        const double *end_deflator
        const double *end_exponent
        const double *share_w
        const double *repeat_w
        const double *share_f
        const double *repeat_f
    ctypedef struct look_set:
        const int64_t *start
        const int32_t *period
        const double *entered
        const double *open
        const double *owed
        const uint8_t *lasting
        const int64_t *slot
        const uint8_t *opens
        const double *weight
        const uint8_t *floored
        const int32_t *curve_entered
        const int32_t *curve_open
        int64_t curves
        const int64_t *cell_start
        const int64_t *first_cell
        const double *slope
        const double *level0
        const int64_t *worth
        const double *share
        const uint8_t *worth_opens
        double *slots
        int64_t stride
        const void *years
        int64_t year_stride, factor_stride
    ctypedef struct simulation:
        int64_t assets, paths, first
        uint64_t seed
        uint32_t redrawn
        const sobol_points *sobol
        const uncertain_inputs *inputs
        const look_set *looks
        const int64_t *offset
        const double *w
        const double *f
        const double *survival
        const double *rival
        const double *salvage
        const double *low
        const double *high
        const double *bound_out
        const double *bound_in
        const uint64_t *hash
        const double *volatility
        const double *loading
        const double *uncertainty
        const double *entry_loss
        const double *royalty_low
        const double *royalty_high
        const double *step
        const double *last_delta
        const int32_t *factor
        const uint8_t *optional
        const uint8_t *clamped
        const uint8_t *enters
        int64_t factors
        const double *factor_matrix
        const uint64_t *factor_hash
        int64_t table_bytes
        int64_t quantile_count
        const double *quantiles
        double tail
        const int32_t *group
        int moments
        double *statistics
        double *paired
        int8_t *status
        int128_t *totals
        void *values
        double *lots
        const int64_t *lot_row
        int64_t lot_count, lot_paths
        int64_t *lived
        const int *stop
    int same_paths(const simulation *, int64_t, int64_t) nogil
    ctypedef struct lot_job:
        int64_t versions, lots, paths, lot_paths
        const int64_t *order
        const int64_t *at
        const int64_t *periods
        const double *w
        const double *f
        const double *rows
        const int64_t *row
        const uint8_t *linear
        const int64_t *first
        const int32_t *group
        int128_t *totals
        double *statistics
        double *paired
        int8_t *status
        double *values
        const int *stop
    ctypedef struct asked_curves:
        const int64_t *start
        const int32_t *period
        const double *discount
        const int64_t *cell
        double *slope
        double *level0
        int64_t *first_cell
        int64_t *cells
    ctypedef struct stopping:
        int64_t assets
        const int64_t *offset
        const double *w
        const double *f
        const double *survival
        const double *rival
        const double *salvage
        const double *low
        const double *high
        const double *volatility
        const double *uncertainty
        const double *entry_loss
        const double *royalty_low
        const double *royalty_high
        const double *step
        const double *least
        const double *greatest
        const uint8_t *optional
        const uint8_t *clamped
        const uint8_t *enters
        double *bound_out
        double *bound_in
        const int *stop
        const asked_curves *asked
    ctypedef struct borrowing:
        int64_t borrowers, paths, first
        uint64_t seed
        const sobol_points *sobol
        const uint64_t *hash
        const int64_t *loan_start
        const double *rho
        const int64_t *year_start
        const double *threshold
        const int32_t *span
        int64_t spans
        const int32_t *span_factor
        const int32_t *span_first
        const int32_t *span_count
        int64_t factors
        const double *factor_matrix
        const uint64_t *factor_hash
        uint8_t *years
        void *over
        const int *stop
    ctypedef struct kernel_table:
        const char *name
        int (*run_f32)(const simulation *) nogil
        int (*run_f64)(const simulation *) nogil
        int (*borrowers_f32)(const borrowing *) nogil
        int (*borrowers_f64)(const borrowing *) nogil
        void (*statistics)(const double *, int64_t, const double *, int64_t, double, double *, int64_t *) nogil
        void (*quantiles)(const double *, int64_t, const double *, int64_t, double *, int64_t *) nogil
        void (*difference)(const double *, const double *, int64_t, double *, double *) nogil
        void (*elementary_f32)(int, const float *, int64_t, float *) nogil
        void (*elementary_f64)(int, const double *, int64_t, double *) nogil
        int (*lots)(const lot_job *) nogil
        int (*boundaries)(const stopping *) nogil
        int (*count_cells)(const stopping *) nogil
        void (*count_periods)(const vector_job *, int64_t *) nogil
        int (*fill_vectors)(const vector_job *) nogil
        void (*closed_forms)(const closed_job *) nogil
        double (*canary)(double, double, double) nogil

cdef extern from "dispatch.h":
    const kernel_table *kernel_by_name(const char *name) nogil
    int kernel_runs_here(const char *name) nogil
    void accumulate(int128_t *totals, const int32_t *group, int64_t n, int64_t width, const double *values) nogil
    void add_totals(int128_t *into, const int128_t *other, int64_t n) nogil
    void totals_as_double(const int128_t *totals, int64_t n, double *out) nogil

cdef extern from "hash.h":
    void hash_strings_c "hash_strings"(const uint8_t *, const int32_t *, int64_t, uint64_t *) nogil
    int64_t cholesky_c "cholesky"(const double *, int64_t, double *) nogil

cdef extern from "random.h":
    enum:
        ARS_ROUNDS
    void aes_round(uint32_t *, const uint32_t *, int) nogil
    void ars_keys(const uint32_t *, int, uint32_t (*)[4]) nogil
    double exp_f64(double) nogil
    double pow_f64(double, double) nogil
    double normal_cdf_f64(double) nogil
    double normal_quantile_f64(double) nogil
