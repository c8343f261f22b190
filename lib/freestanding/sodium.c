/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's part of libsodium calls and a libc build would take from libsodium's utils.c and sign.c: those pull
 * in memory locking, a random source and the signing code, none of which belongs into a kernel.
 */

#include <stdlib.h>
#include <string.h>

#include "sodium/core.h"
#include "sodium/crypto_hash_sha512.h"
#include "sodium/randombytes.h"
#include "sodium/utils.h"

/* libsodium's private interface between sign.c and open.c. */
void _crypto_sign_ed25519_ref10_hinit(crypto_hash_sha512_state *state, int prehashed);

void
sodium_memzero(void *const secret, const size_t len)
{
	memset(secret, 0, len);
	/* The memory counts as read here, so that the stores are not dropped as dead. */
	__asm__ volatile("" : : "r"(secret) : "memory");
}

int
sodium_memcmp(const void *const a, const void *const b, size_t len)
{
	const volatile unsigned char *p = a, *q = b;
	unsigned int difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= p[i] ^ q[i];
	return difference == 0 ? 0 : -1;
}

int
sodium_is_zero(const unsigned char *bytes, const size_t len)
{
	const volatile unsigned char *p = bytes;
	unsigned int any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

void
abort(void)
{
	__builtin_trap();
}

/* libsodium's answer to arguments that can only be a bug of the caller, such as an overlong message. */
void
sodium_misuse(void)
{
	abort();
}

/* Only libsodium's key generators call it, and the kernel calls none of them. */
void
randombytes_buf(void *const buffer, const size_t len)
{
	abort();
}

/* Only the pure variant is used here; the prehashed one would put its prefix into the state. */
void
_crypto_sign_ed25519_ref10_hinit(crypto_hash_sha512_state *state, int prehashed)
{
	if (prehashed)
		abort();
	crypto_hash_sha512_init(state);
}
