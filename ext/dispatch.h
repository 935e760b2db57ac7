/* Which instruction sets are built and run here, and the exact sums of docs/numerics.md §8. */
#ifndef IPVALUE_DISPATCH_H
#define IPVALUE_DISPATCH_H
#include "simulate.h"

const kernel_table *kernel_by_name(const char *name); /* NULL: not built */
int kernel_runs_here(const char *name);
/* totals[group[i]·width + k] += rint(values[i·width + k]·10^6) */
void accumulate(int128_t *totals, const int32_t *group, int64_t n, int64_t width, const double *values);
void add_totals(int128_t *into, const int128_t *other, int64_t n);
void totals_as_double(const int128_t *totals, int64_t n, double *out);
#endif
