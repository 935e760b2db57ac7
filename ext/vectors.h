/* Drivers of a batch of assets -> the period vectors of model.md §4, the closed form of §6 and the tax factor of §7.
 * a = assets, t = periods of one asset, d = drivers */
#ifndef IPVALUE_VECTORS_H
#define IPVALUE_VECTORS_H
#include <stdint.h>

/* Columns of `drivers`, in order; the binding publishes the names. */
#define DRIVER_LIST(X)                                                                                                        \
    X(life) X(rate) X(revenue) X(revenue_share) X(tax_rate) X(discount_premium) X(growth) X(growth_long) X(growth_fade)        \
    X(launch_lag) X(ramp_years) X(grant_lag) X(grant_probability) X(obsolescence) X(fx) X(annual_cost) X(cost_inflation)       \
    X(fee_inflation) X(fee_age) X(fee_start) X(hazard) X(survival_age) X(salvage) X(entry_hazard) X(minimum_guarantee) X(cap)  \
    X(tab_years) X(premise_discount) X(time_to_sell)
#define DRIVER_ENUM(name) DRIVER_##name,
enum { DRIVER_LIST(DRIVER_ENUM) DRIVER_COUNT };

enum { VECTOR_OK = 0, VECTOR_GROWTH = 1, VECTOR_COST_GROWTH = 2, VECTOR_SURVIVAL_ZERO = 3, VECTOR_RATE = 4, VECTOR_INFINITE = 5, VECTOR_TAX_BENEFIT = 6, VECTOR_PREMISE = 7 };

/* Ragged table of pairs (x, y): item i holds elements start[i] … start[i + 1] − 1. */
typedef struct {
    const int64_t *start;
    const double *x, *y;
} pairs;

typedef struct {
    int64_t assets;
    int steps, mid_period;
    const double *drivers;        /* (d, a) */
    const int32_t *curve, *survival_curve, *schedule;  /* (a) items of the tables below; -1: none */
    const uint8_t *indefinite, *limited;               /* (a) */
    const int64_t *path_start;    /* (a + 1) into path: expected annual revenues */
    const double *path;
    const int64_t *stage_start;   /* (a + 1) into the stages of a project */
    const double *stage_cost, *stage_years, *stage_probability;
    pairs curves, survivals, schedules;                /* (tenor, rate), (age, surviving), (due, amount in market currency) */
    const double *every, *mean_fee;                    /* (schedules) renewal cycle or 0; fee per year of a renewal cycle */
    const int64_t *offset;        /* (a + 1) from count_periods */
    /* out, (offset[a]) */
    double *w, *f, *survival, *rival, *salvage, *low, *high;
    /* out, (a) */
    double *last_delta, *tab_factor, *premise_factor;
    int8_t *status;
} vector_job;

typedef struct {
    int64_t assets;
    const int64_t *offset;
    const double *w, *f, *survival, *rival;
    const double *volatility, *uncertainty, *entry_loss, *royalty_low, *royalty_high, *step;
    const double *multiplier, *multiplier_square; /* (a) means of what uncertain inputs multiply the level by, and of its square; NULL: 1 */
    double *mean, *variance;      /* out, (a) */
} closed_job;
#endif
