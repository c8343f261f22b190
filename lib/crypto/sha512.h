/* SPDX-License-Identifier: MIT */
/* SHA-512 (FIPS 180-4), by libsodium: streaming and one-shot. Pure: the state is the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA512_DIGEST_SIZE 64

struct sha512 {
	uint64_t opaque[26]; /* libsodium's state; sha512.c asserts that it fits */
};

void sha512_init(struct sha512 *h);
void sha512_update(struct sha512 *h, const void *data, size_t len);

/* Writes the digest and wipes h, which must be initialised again before it is used again. */
void sha512_final(struct sha512 *h, uint8_t digest[SHA512_DIGEST_SIZE]);

/* The three above in one. */
void sha512(const void *data, size_t len, uint8_t digest[SHA512_DIGEST_SIZE]);
