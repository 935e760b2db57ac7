/* XXH64 of byte strings, the XXH64 specification of the xxHash project (seed 0), and the Cholesky factor of numerics.md §4. */
#ifndef IPVALUE_HASH_H
#define IPVALUE_HASH_H
#include <stdint.h>

uint64_t xxh64(const uint8_t *data, uint64_t length);
/* strings i = data[start[i] … start[i + 1]) */
void hash_strings(const uint8_t *data, const int32_t *start, int64_t n, uint64_t *out);
/* Lower triangle of the (n, n) matrix; 0, or 1 + the row at which it is not positive semidefinite. */
int64_t cholesky(const double *matrix, int64_t n, double *out);
#endif
