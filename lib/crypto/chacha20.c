/* SPDX-License-Identifier: MIT */
/* ChaCha20: libsodium's, under the interface of chacha20.h. */

#include <string.h>

#include "crypto/chacha20.h"
#include "sodium/crypto_stream_chacha20.h"

void
chacha20_stream(const uint32_t key[8], uint64_t counter, const uint8_t nonce[CHACHA20_NONCE_SIZE],
	void *out, size_t len)
{
	if (len == 0)
		return;
	memset(out, 0, len);
	crypto_stream_chacha20_xor_ic(out, out, len, nonce, counter, (const uint8_t *)key);
}

void
chacha20_block(const uint32_t key[8], uint64_t counter, const uint8_t nonce[CHACHA20_NONCE_SIZE],
	uint8_t out[CHACHA20_BLOCK_SIZE])
{
	chacha20_stream(key, counter, nonce, out, CHACHA20_BLOCK_SIZE);
}
