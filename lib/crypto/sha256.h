/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4): streaming and one-shot, with a compression function that can be replaced.
 *
 * All functions are pure: the state is the caller's, nothing is allocated, nothing sleeps. Who links a strong
 * sha256_compress() replaces the portable one everywhere, for instance by the processor's own instructions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_DIGEST_SIZE 32
#define SHA256_BLOCK_SIZE  64

struct sha256 {
	uint32_t state[8];
	uint64_t length;                  /* bytes hashed so far */
	uint8_t block[SHA256_BLOCK_SIZE]; /* the first length % 64 bytes are waiting */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);

/* Writes the digest and wipes h, which must be initialised again before it is used again. */
void sha256_final(struct sha256 *h, uint8_t digest[SHA256_DIGEST_SIZE]);

/* The three above in one. */
void sha256(const void *data, size_t len, uint8_t digest[SHA256_DIGEST_SIZE]);

/* Takes count whole blocks into state. A weak symbol: the portable function unless something better is linked. */
void sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

/* libsodium's compression function: the fallback and the oracle of a replacement. */
void sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count);
