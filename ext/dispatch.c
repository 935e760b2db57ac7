#include "dispatch.h"
#include <math.h>
#include <string.h>
#include "constants.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

const kernel_table *kernel_by_name(const char *name) {
    if (strcmp(name, "baseline") == 0) return &kernel_baseline;
#if defined(__x86_64__)
    if (strcmp(name, "v3") == 0) return &kernel_v3;
    if (strcmp(name, "v4") == 0) return &kernel_v4;
#endif
    return NULL;
}

#if defined(__x86_64__)
#define HAS(feature) (__builtin_cpu_supports(feature) != 0)

/* AES on vectors (CPUID leaf 7, ECX bit 9), for which not every compiler has a name. */
static int has_vector_aes(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c >> 9 & 1;
}
#endif

int kernel_runs_here(const char *name) {
    if (kernel_by_name(name) == NULL) return 0;
#if defined(__x86_64__)
    if (strcmp(name, "v3") == 0) return HAS("avx2") && HAS("fma") && HAS("aes") && HAS("bmi") && HAS("bmi2") && HAS("popcnt");
    if (strcmp(name, "v4") == 0)
        return kernel_runs_here("v3") && HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && has_vector_aes();
#endif
    return 1;
}

void accumulate(int128_t *totals, const int32_t *group, int64_t n, int64_t width, const double *values) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < width; k++)
            totals[group[i] * width + k] += (int128_t)rint(values[i * width + k] * MONEY_SCALE);
}

void add_totals(int128_t *into, const int128_t *other, int64_t n) {
    for (int64_t i = 0; i < n; i++) into[i] += other[i];
}

void totals_as_double(const int128_t *totals, int64_t n, double *out) {
    for (int64_t i = 0; i < n; i++) out[i] = (double)totals[i] / MONEY_SCALE;
}
