/* SPDX-License-Identifier: MIT */
/*
 * The portable SHA-256 compression function, and the weak symbol that uses it.
 *
 * libsodium exports no compression function, but updating a state that stands at a block's boundary by whole blocks
 * does nothing else.
 */

#include <string.h>

#include "crypto/sha256.h"
#include "sodium/crypto_hash_sha256.h"

void
sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	crypto_hash_sha256_state s = {0};
	memcpy(s.state, state, sizeof(s.state));
	crypto_hash_sha256_update(&s, blocks, (unsigned long long)count * SHA256_BLOCK_SIZE);
	memcpy(state, s.state, sizeof(s.state));
}

__attribute__((weak)) void
sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	sha256_compress_portable(state, blocks, count);
}
