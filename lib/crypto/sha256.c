/* SPDX-License-Identifier: MIT */
/* SHA-256: blocks and padding here, so that the compression function can be replaced. See sha256.h. */

#include <string.h>

#include "crypto/sha256.h"

#define LENGTH_OFFSET (SHA256_BLOCK_SIZE - sizeof(uint64_t))

void
sha256_init(struct sha256 *h)
{
	*h = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

/* Completes a block that was begun earlier. Returns how many of the len bytes it took. */
static size_t
fill_block(struct sha256 *h, const uint8_t *data, size_t len)
{
	size_t used = h->length % SHA256_BLOCK_SIZE;
	if (used == 0)
		return 0;
	size_t take = SHA256_BLOCK_SIZE - used < len ? SHA256_BLOCK_SIZE - used : len;
	memcpy(h->block + used, data, take);
	h->length += take;
	if (used + take == SHA256_BLOCK_SIZE)
		sha256_compress(h->state, h->block, 1);
	return take;
}

void
sha256_update(struct sha256 *h, const void *data, size_t len)
{
	if (len == 0)
		return;
	const uint8_t *p = data;
	size_t taken = fill_block(h, p, len);
	p += taken;
	len -= taken;

	size_t blocks = len / SHA256_BLOCK_SIZE;
	if (blocks > 0)
		sha256_compress(h->state, p, blocks);
	size_t rest = len % SHA256_BLOCK_SIZE;
	if (rest > 0)
		memcpy(h->block, p + blocks * SHA256_BLOCK_SIZE, rest);
	h->length += len;
}

static void
store_be64(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void
pad(struct sha256 *h)
{
	size_t used = h->length % SHA256_BLOCK_SIZE;
	h->block[used++] = 0x80;
	if (used > LENGTH_OFFSET) {
		memset(h->block + used, 0, SHA256_BLOCK_SIZE - used);
		sha256_compress(h->state, h->block, 1);
		used = 0;
	}
	memset(h->block + used, 0, LENGTH_OFFSET - used);
	store_be64(h->block + LENGTH_OFFSET, h->length * 8);
	sha256_compress(h->state, h->block, 1);
}

void
sha256_final(struct sha256 *h, uint8_t digest[SHA256_DIGEST_SIZE])
{
	pad(h);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 4; k++)
			digest[4 * i + k] = (uint8_t)(h->state[i] >> (24 - 8 * k));
	}
	*h = (struct sha256){0};
}

void
sha256(const void *data, size_t len, uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, data, len);
	sha256_final(&h, digest);
}
