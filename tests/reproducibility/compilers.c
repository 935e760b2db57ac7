/* Solves boundaries and simulates six assets by each instruction set that was built and runs here; prints a digest of all results for each.
 * test_compilers.py builds it by several compilers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "constants.h"
#include "dispatch.h"

enum { ASSETS = 6, PERIODS = 11, PATHS = 1000, FACTORS = 2, QUANTILES = 3 };

static uint64_t digest(uint64_t h, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) h = (h ^ bytes[i]) * 0x100000001B3;
    return h;
}

static double w[ASSETS * PERIODS], f[ASSETS * PERIODS], survival[ASSETS * PERIODS], rival[ASSETS * PERIODS], salvage[ASSETS * PERIODS];
static double low[ASSETS * PERIODS], high[ASSETS * PERIODS], out[ASSETS * PERIODS], in[ASSETS * PERIODS];
static int64_t offset[ASSETS + 1];
static uint64_t hash[ASSETS];
static double volatility[ASSETS], loading[ASSETS], uncertainty[ASSETS], loss[ASSETS], royalty_low[ASSETS], royalty_high[ASSETS], step[ASSETS];
static int32_t factor[ASSETS], group[ASSETS];
static uint8_t optional[ASSETS], clamped[ASSETS], enters[ASSETS];

static void make_assets(void) {
    for (int a = 0; a < ASSETS; a++) {
        offset[a + 1] = offset[a] + PERIODS;
        hash[a] = 0x9E3779B97F4A7C15u * (uint64_t)(a + 1);
        volatility[a] = a == 5 ? 0.0 : 0.2 + 0.05 * a;
        loading[a] = a == 1 ? 0.0 : 0.3;
        uncertainty[a] = a % 2 ? 0.2 : 0.0;
        loss[a] = 0.4;
        royalty_low[a] = a == 4 ? 0.7 : 1.0;
        royalty_high[a] = a == 4 ? 1.6 : 1.0;
        step[a] = 1.0;
        factor[a] = a % FACTORS;
        optional[a] = a >= 2 && a != 3;
        clamped[a] = a >= 3;
        enters[a] = a >= 3;
        for (int t = 0; t < PERIODS; t++) {
            const int i = a * PERIODS + t;
            w[i] = 100.0 / (1.0 + 0.08 * t);
            f[i] = 5.0 + 3.0 * t;
            survival[i] = a ? 1.0 / (1.0 + 0.05 * t) : 1.0;
            rival[i] = 1.0 / (1.0 + 0.1 * t);
            salvage[i] = 2.0;
            low[i] = 20.0;
            high[i] = 150.0;
        }
    }
}

int main(void) {
    const char *names[] = {"baseline", "v3", "v4"};
    make_assets();
    for (int k = 0; k < 3; k++) {
        const kernel_table *table = kernel_by_name(names[k]);
        if (!table || !kernel_runs_here(names[k])) continue;
        int stop = 0;
        memset(out, 0, sizeof out);
        memset(in, 0, sizeof in);
        stopping boundary = {ASSETS, offset, w, f, survival, rival, salvage, low, high, volatility, uncertainty, loss, royalty_low, royalty_high, step,
                             NULL, NULL, optional, clamped, enters, out, in, &stop, NULL};
        uint64_t h = 0xCBF29CE484222325;
        int failed = table->boundaries(&boundary);
        h = digest(h, out, sizeof out);
        h = digest(h, in, sizeof in);
        for (int single = 0; single < 2; single++) {
            const double matrix[FACTORS * FACTORS] = {1.0, 0.0, 0.6, 0.8}, quantiles[QUANTILES] = {0.05, 0.5, 0.999};
            const uint64_t factor_hash[FACTORS] = {11, 12};
            double statistics[ASSETS * (STAT_QUANTILES + QUANTILES)] = {0};
            int8_t status[ASSETS];
            int128_t *totals = calloc(PATHS, sizeof *totals);
            const size_t size = (size_t)ASSETS * PATHS * (single ? sizeof(float) : sizeof(double));
            void *values = malloc(size);
            simulation job = {.assets = ASSETS, .paths = PATHS, .seed = 20261124, .offset = offset, .w = w, .f = f, .survival = survival, .rival = rival,
                              .salvage = salvage, .low = low, .high = high, .bound_out = out, .bound_in = in, .hash = hash, .volatility = volatility,
                              .loading = loading, .uncertainty = uncertainty, .entry_loss = loss, .royalty_low = royalty_low, .royalty_high = royalty_high,
                              .step = step, .last_delta = step, .factor = factor, .optional = optional, .clamped = clamped, .enters = enters,
                              .factors = FACTORS, .factor_matrix = matrix, .factor_hash = factor_hash, .table_bytes = 1 << 20,
                              .quantile_count = QUANTILES, .quantiles = quantiles, .tail = 0.05, .group = group, .statistics = statistics,
                              .status = status, .totals = totals, .values = values, .stop = &stop};
            failed |= single ? table->run_f32(&job) : table->run_f64(&job);
            h = digest(h, statistics, sizeof statistics);
            h = digest(h, status, sizeof status);
            h = digest(h, totals, PATHS * sizeof *totals);
            h = digest(h, values, size);
            free(totals);
            free(values);
        }
        if (failed) return 1;
        printf("%s %016" PRIx64 "\n", names[k], h);
    }
    return 0;
}
