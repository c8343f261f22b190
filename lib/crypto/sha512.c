/* SPDX-License-Identifier: MIT */
/* SHA-512: libsodium's, under the interface of sha512.h. */

#include "crypto/sha512.h"
#include "sodium/crypto_hash_sha512.h"

_Static_assert(sizeof(crypto_hash_sha512_state) == sizeof(struct sha512), "struct sha512 size");
_Static_assert(
	_Alignof(crypto_hash_sha512_state) <= _Alignof(struct sha512), "struct sha512 alignment");

static crypto_hash_sha512_state *
state_of(struct sha512 *h)
{
	return (crypto_hash_sha512_state *)(void *)h;
}

void
sha512_init(struct sha512 *h)
{
	crypto_hash_sha512_init(state_of(h));
}

void
sha512_update(struct sha512 *h, const void *data, size_t len)
{
	crypto_hash_sha512_update(state_of(h), data, len);
}

void
sha512_final(struct sha512 *h, uint8_t digest[SHA512_DIGEST_SIZE])
{
	crypto_hash_sha512_final(state_of(h), digest);
}

void
sha512(const void *data, size_t len, uint8_t digest[SHA512_DIGEST_SIZE])
{
	struct sha512 h;
	sha512_init(&h);
	sha512_update(&h, data, len);
	sha512_final(&h, digest);
}
