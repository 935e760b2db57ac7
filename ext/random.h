/* ARS-5 in look-ups, for one counter: docs/numerics.md §1. */
#ifndef IPVALUE_RANDOM_H
#define IPVALUE_RANDOM_H
#include "elementary.h"

/* One round of AES (FIPS 197 §5.1) on the four columns of its state, the lowest byte on top, in place; the last one does not mix columns. */
INLINE void aes_round(uint32_t c[4], const uint32_t key[4], int last) {
    uint32_t mixed[4];
    for (int i = 0; i < 4; i++) {
        mixed[i] = key[i];
        for (int row = 0; row < 4; row++) {
            const uint32_t byte = c[(i + row) & 3] >> 8 * row & 0xff;
            if (last)
                mixed[i] ^= (uint32_t)AES_SBOX[byte] << 8 * row;
            else
                mixed[i] ^= (AES_COLUMNS[byte] << 8 * row) | (AES_COLUMNS[byte] >> ((32 - 8 * row) & 31));
        }
    }
    memcpy(c, mixed, sizeof mixed);
}

/* Keys of rounds 0 … rounds (the first is the key itself) from a key of four words. */
INLINE void ars_keys(const uint32_t key[4], int rounds, uint32_t (*out)[4]) {
    uint64_t low = (uint64_t)key[1] << 32 | key[0], high = (uint64_t)key[3] << 32 | key[2];
    for (int round = 0; round <= rounds; round++) {
        out[round][0] = (uint32_t)low;
        out[round][1] = (uint32_t)(low >> 32);
        out[round][2] = (uint32_t)high;
        out[round][3] = (uint32_t)(high >> 32);
        low += ARS_WEYL[0];
        high += ARS_WEYL[1];
    }
}
#endif
