#include "hash.h"
#include <string.h>
#include "elementary.h"

static uint64_t rotate(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }
static uint64_t read64(const uint8_t *p) {
    uint64_t x = 0;
    for (int i = 7; i >= 0; i--) x = x << 8 | p[i];
    return x;
}
static uint64_t read32(const uint8_t *p) { return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24; }
static uint64_t mix(uint64_t lane, uint64_t input) { return rotate(lane + input * XXH64_P2, 31) * XXH64_P1; }
static uint64_t merge(uint64_t hash, uint64_t lane) { return (hash ^ mix(0, lane)) * XXH64_P1 + XXH64_P4; }

uint64_t xxh64(const uint8_t *p, uint64_t length) {
    const uint8_t *end = p + length;
    uint64_t hash;
    if (length >= 32) {
        uint64_t lane[4] = {XXH64_P1 + XXH64_P2, XXH64_P2, 0, 0 - XXH64_P1};
        for (; end - p >= 32; p += 32)
            for (int i = 0; i < 4; i++) lane[i] = mix(lane[i], read64(p + 8 * i));
        hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
        for (int i = 0; i < 4; i++) hash = merge(hash, lane[i]);
    } else {
        hash = XXH64_P5;
    }
    hash += length;
    for (; end - p >= 8; p += 8) hash = rotate(hash ^ mix(0, read64(p)), 27) * XXH64_P1 + XXH64_P4;
    if (end - p >= 4) {
        hash = rotate(hash ^ read32(p) * XXH64_P1, 23) * XXH64_P2 + XXH64_P3;
        p += 4;
    }
    for (; p < end; p++) hash = rotate(hash ^ *p * XXH64_P5, 11) * XXH64_P1;
    hash = (hash ^ hash >> 33) * XXH64_P2;
    hash = (hash ^ hash >> 29) * XXH64_P3;
    return hash ^ hash >> 32;
}

void hash_strings(const uint8_t *data, const int32_t *start, int64_t n, uint64_t *out) {
    for (int64_t i = 0; i < n; i++) out[i] = xxh64(data + start[i], (uint64_t)(start[i + 1] - start[i]));
}

int64_t cholesky(const double *matrix, int64_t n, double *out) {
    memset(out, 0, (size_t)(n * n) * sizeof(double));
    for (int64_t j = 0; j < n; j++) {
        double pivot = matrix[j * n + j];
        for (int64_t k = 0; k < j; k++) pivot -= out[j * n + k] * out[j * n + k];
        if (pivot < PIVOT_NEGATIVE) return j + 1;
        const int vanishes = pivot <= PIVOT_ZERO;
        const double root = vanishes ? 0.0 : sqrt_f64(pivot);
        out[j * n + j] = root;
        for (int64_t i = j + 1; i < n; i++) {
            double rest = matrix[i * n + j];
            for (int64_t k = 0; k < j; k++) rest -= out[i * n + k] * out[j * n + k];
            if (vanishes && (rest > COLUMN_ZERO || rest < -COLUMN_ZERO)) return i + 1;
            out[i * n + j] = vanishes ? 0.0 : rest / root;
        }
    }
    return 0;
}
